"""One bridge of a result: from the measure to the structure, and what that rests on."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.joint_rows import rough, source_said
from dashboards.run_words import signed_text
from dashboards.widgets.parts import definition
from dashboards.widgets.result_parts import (
    folded,
    limit_text,
    said,
    sentence_list,
    span,
    table,
    word,
)
from twin.model.fatigue import figure
from twin.model.statements import german_value

MOST_CAUSES = 10
Document = Mapping[str, Any]


def chain(bridge: Document, texts: Texts) -> list[Component]:
    """Everything that the document says of one bridge."""
    address = urlencode({"lang": texts.language, "sel": f"bridge:{bridge['asset']}"})
    name = bridge["name"] or bridge["asset"]
    return [
        html.Div(
            [
                html.H3(texts("result.chain", name=name)),
                html.A(texts("result.to_bridge"), href=f"/bridge?{address}"),
            ],
            className="bridge-bar",
        ),
        html.Ol([html.Li(said(one, texts)) for one in bridge["chain"]], className="causal"),
        *_findings(bridge, texts),
        html.Div([*_causes(bridge, texts), *_masses(bridge, texts)], className="chain-tables"),
        html.Div(
            [_fatigue(bridge["fatigue"], texts), _utilisation(bridge["utilisation"], texts)],
            className="chain-tables",
        ),
        *_restrictions(bridge, texts),
        *_assumptions(bridge, texts),
        html.P(
            texts("result.model_level", level=bridge["level"] or NOTHING)
            + " " + _label(bridge["heavy"]["label"], texts),
            className="note",
        ),
    ]  # fmt: skip


def _assumptions(bridge: Document, texts: Texts) -> list[Component]:
    found = bridge["assumptions"]
    if not found:
        return []
    title = texts("result.assumptions_n", n=texts.number(len(found)))
    return [folded(title, [sentence_list(found, texts)])]


def _label(label: str, texts: Texts) -> str:
    return texts(f"result.label_{label}") if label else texts("result.label_none")


def _findings(bridge: Document, texts: Texts) -> list[Component]:
    if not bridge["findings"]:
        return []
    return [html.H4(texts("result.findings")), sentence_list(bridge["findings"], texts)]


def _causes(bridge: Document, texts: Texts) -> list[Component]:
    """From where to where the added or missing vehicles drive."""
    found = bridge["causes"]
    if not found:
        return [html.P(texts("result.no_causes"), className="note")]
    body = [
        html.Tr(
            [
                html.Th(_ends(item), scope="row"),
                *(
                    html.Td(signed_text(item[key], 0, texts), className="number")
                    for key in ("vehd", "heavy_vehd", "above_30t_vehd")
                ),
            ]
        )
        for item in found[:MOST_CAUSES]
    ]
    unit = texts.unit("/d")
    keys = ("cause", "cause_all", "cause_heavy", "cause_above")
    head = [texts(f"result.{key}", unit=unit) for key in keys]
    caption = texts(
        "result.causes_caption", n=texts.number(len(body)), total=texts.number(len(found))
    )
    return [table(caption, head, body, identity="causes", numbers=(1, 2, 3))]


def _ends(item: Document) -> str:
    ends = [item.get(f"{end}_name") or str(item[end]) for end in ("origin", "destination")]
    return f"{ends[0]} \u2192 {ends[1]}"


def _masses(bridge: Document, texts: Texts) -> list[Component]:
    """Heavy vehicles by band of gross mass, and crossings above limits."""
    parts: list[Component] = []
    unit = texts.unit("/d")
    head = [texts(f"result.{key}", unit=unit) for key in ("mass", "mass_before", "mass_after")]
    if bridge["by_mass"]:
        body = [
            _sides(
                texts(
                    "result.mass_band", low=_t(item["from_t"], texts), high=_t(item["to_t"], texts)
                ),
                item,
                texts,
            )
            for item in bridge["by_mass"]
        ]
        parts.append(
            table(texts("result.masses_caption"), head, body, identity="masses", numbers=(1, 2, 3))
        )
    if bridge["crossings_above"]:
        body = [
            _sides(
                texts("result.mass_above", limit=_t(item["limit_t"], texts)),
                item,
                texts,
                has_band=True,
            )
            for item in bridge["crossings_above"]
        ]
        more = [*head, texts("result.band")]
        caption = texts("result.crossings_caption")
        parts.append(table(caption, more, body, identity="crossings", numbers=(1, 2, 3)))
    return parts


def _t(value: float, texts: Texts) -> str:
    return texts.number(value, 0 if value == round(value) else 1)


def _sides(label: str, item: Document, texts: Texts, *, has_band: bool = False) -> html.Tr:
    cells = [texts.number(item[side], 0) for side in ("base_vehd", "scenario_vehd")]
    if has_band:
        cells.append(span(item["band"], 0, texts, sign=True))
    return html.Tr(
        [html.Th(label, scope="row"), *(html.Td(one, className="number") for one in cells)]
    )


def _fatigue(fatigue: Document, texts: Texts) -> html.Div:
    heading = html.H4(texts("result.fatigue"))
    status = texts(f"result.fatigue_{fatigue['status']}")
    if fatigue["status"] == "not_assessable":
        return html.Div([heading, html.P(f"{status} {_reason(fatigue, texts)}")])
    facts = {
        texts("result.fatigue_detail"): fatigue["detail"] or NOTHING,
        texts("result.factor"): _factor(fatigue, texts),
        texts("result.per_day"): " \u2192 ".join(
            _small(fatigue[side], texts) for side in ("base_per_day", "scenario_per_day")
        ),
        texts("result.tool"): texts.under("result.tool_").get(fatigue["tool"], NOTHING),
    }
    reason = _reason(fatigue, texts)
    told = [reason, said(fatigue["band_note"], texts) if fatigue.get("band_note") else ""]
    note = [html.P(one, className="note") for one in told if one]
    return html.Div([heading, html.P(status), definition(facts), *note])


def _factor(fatigue: Document, texts: Texts) -> str:
    both = fatigue.get("factors") or [fatigue["factor"]]
    value = " / ".join(texts.number(one, 2) for one in both)
    if len(both) > 1:
        value += " (m = 3 / m = 5)"
    if not fatigue["band"]:
        return f"\u00d7 {value}"
    return f"\u00d7 {value} ({span(fatigue['band'], 2, texts)})"


def _small(value: float | None, texts: Texts) -> str:
    """Damage a day: far below one, so with its power of ten."""
    if value is None:
        return NOTHING
    return german_value(figure(value)) if texts.language == "de" else figure(value)


def _reason(part: Document, texts: Texts) -> str:
    return "" if part.get("reason") is None else said(part["reason"], texts)


def _utilisation(part: Document, texts: Texts) -> html.Div:
    heading = html.H4(texts("result.utilisation"))
    if part["status"] != "computed":
        return html.Div([heading, html.P(_reason(part, texts) or texts("result.no_statement"))])
    facts = {
        texts("result.effect"): texts(
            "result.effect_at",
            effect=word(f"word.{part['effect']}", texts),
            station=texts.with_unit(part["station_m"], "m", 1),
        ),
        texts(
            "result.target"
        ): f"{part['target']}: {texts.with_unit(part['level'], part['unit'], 0)}",
        texts("result.ratio"): " \u2192 ".join(
            texts.number(part[side], 2) for side in ("base", "scenario")
        ),
        texts("result.band"): span(part["band"], 2, texts),
    }
    notes = [html.P(texts("result.no_proof"), className="note")]
    told = (part.get(name) for name in ("band_note", "week_note"))
    notes += [html.P(said(one, texts), className="note") for one in told if one]
    return html.Div([heading, definition(facts), *notes])


def _restrictions(bridge: Document, texts: Texts) -> list[Component]:
    found = bridge["restrictions"]
    if not found:
        return [html.P(texts("result.no_restrictions"), className="note")]
    unit = texts.unit("/d")
    keys = ("restriction", "status", "meets_before", "meets_after", "avoiding", "source")
    head = [texts(f"result.{key}", unit=unit) for key in keys]
    body = [
        html.Tr(
            [
                html.Th(limit_text(item, texts), scope="row"),
                html.Td(
                    [
                        texts(f"result.status_of_{item['status']}"),
                        *(
                            [html.Div(said(item["reason"], texts), className="remark")]
                            if item.get("reason")
                            else []
                        ),
                    ]
                ),
                *(
                    html.Td(texts.number(item[key], 0), className="number")
                    for key in ("base_vehd", "scenario_vehd")
                ),
                html.Td(_about(item["avoiding_vehd"], texts), className="number"),
                html.Td(source_said(item["source"], texts.language)),
            ]
        )
        for item in found
    ]
    caption = texts("result.restrictions_caption")
    note = html.P(texts("paper.avoiding_note"), className="note")
    has_note = any(item["avoiding_vehd"] for item in found)
    made = table(caption, head, body, identity="restrictions", numbers=(2, 3, 4))
    return [made, note] if has_note else [made]


def _about(value: float | None, texts: Texts) -> str:
    """A number of which only the order of magnitude is known; nothing is exactly nothing."""
    return f"≈\u202f{texts.number(rough(value))}" if value else texts.number(value)
