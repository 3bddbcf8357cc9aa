"""What traffic pays for a measure: unserved trips, detours, emergency reach, links, load."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.results import Answer
from dashboards.widgets.parts import empty
from dashboards.widgets.result_parts import changed, folded, said, sentence_list, table, word

MOST_LINKS = 15
MOST_LOST = 8
MOST_ZONES = 8
Report = Mapping[str, Any]
Names = Mapping[str, str]


def traffic_section(answer: Answer, names: Names, texts: Texts) -> list[Component]:
    """The traffic part of an answer."""
    report = answer.report
    if report is None:
        return [empty(texts("result.no_traffic"))]
    return [
        html.P(_diversion(report["diversion"], texts)),
        *_unserved(report["unserved"], texts),
        *_reach(report["reach"], names, texts),
        *_links(report["links"], names, texts),
        *_bridges(answer, names, texts),
        *_load(report["load"], texts),
        *_emissions(report["emissions"], texts),
        html.P(_noise(report["noise"], texts), className="note"),
        folded(
            texts("result.traffic_assumptions"),
            [sentence_list([*report["assumptions"], *report["bridge_assumptions"]], texts)],
        ),
    ]


def _diversion(found: Report, texts: Texts) -> str:
    told = word(
        "diversion_line",
        texts,
        trips=texts.number(found["trips_vehh"]),
        hours=texts.number(found["extra_h"], 1),
        km=texts.number(found["extra_km"]),
    )
    return f"{word('diversion', texts)}: {told}."


def _unserved(found: Report, texts: Texts) -> list[Component]:
    line = word(
        "unserved_line",
        texts,
        scenario=texts.number(found["scenario_vehh"], 1),
        base=texts.number(found["base_vehh"], 1),
    )
    heading = html.H3(word("unserved", texts))
    if not found["rows"]:
        return [heading, html.P(line)]
    body = [
        html.Tr(
            [
                html.Th(_ends(item), scope="row"),
                html.Td(word(item["class"], texts)),
                html.Td(texts.number(item["flow_vehh"], 1), className="number"),
                html.Td(word(f"unserved_{item['reason']}", texts)),
            ]
        )
        for item in found["rows"][:MOST_LOST]
    ]
    keys = ("pair", "vehicles", "trips_hour", "reason")
    head = [texts(f"result.{key}") for key in keys]
    number = {"n": texts.number(len(body)), "total": texts.number(found["pairs"])}
    caption = texts("result.unserved_caption", **number)
    return [heading, html.P(line), table(caption, head, body, identity="unserved", numbers=(2,))]


def _ends(item: Report) -> str:
    ends = [item.get(f"{end}_name") or str(item[end]) for end in ("origin", "destination")]
    return f"{ends[0]} \u2192 {ends[1]}"


def _reach(found: Report, names: Names, texts: Texts) -> list[Component]:
    heading = html.H3(word("reach", texts))
    if found["status"] != "computed":
        told = f"{word('reach_' + found['status'], texts)}."
        return [
            heading,
            html.P(f"{told[:1].upper()}{told[1:]}"),
            *_alternatives(found, names, texts),
        ]
    body, zones = [], []
    for kind in found["kinds"]:
        for limit in kind["limits"]:
            body.append(_reach_row(kind, limit, texts))
            zones += _zones(kind, limit, names, texts)
    keys = ("reach_kind", "reach_before", "reach_after", "change")
    head = [texts(f"result.{key}") for key in keys]
    missing = [word("reach_missing", texts, kind=word(kind, texts)) for kind in found["missing"]]
    return [
        heading,
        table(word("reach_residents", texts), head, body, identity="reach", numbers=(1, 2, 3)),
        *(html.P(text) for text in (*zones, *missing)),
        *_alternatives(found, names, texts),
        folded(texts("result.assumptions"), [sentence_list(found["assumptions"], texts)]),
    ]


def _reach_row(kind: Report, limit: Report, texts: Texts) -> html.Tr:
    name = word(
        "reach_within",
        texts,
        kind=word(kind["kind"], texts),
        count=texts.number(kind["places"]),
        minutes=texts.number(limit["minutes"]),
    )
    before, after = limit["base_residents"], limit["scenario_residents"]
    cells = [
        texts.number(before),
        texts.number(after),
        changed(after - before, 0, texts, is_significant=True),
    ]
    return html.Tr(
        [html.Th(name, scope="row"), *(html.Td(one, className="number") for one in cells)]
    )


def _zones(kind: Report, limit: Report, names: Names, texts: Texts) -> list[str]:
    """Zones that are now beyond a limit, those with the most residents first."""
    found = limit["newly_beyond"]
    if not found:
        return []
    told = [_zone(item, names, texts) for item in found[:MOST_ZONES]]
    more = len(found) - MOST_ZONES
    shown = "; ".join(told) + (f" (+{texts.number(more)})" if more > 0 else "")
    minutes = texts.number(limit["minutes"])
    return [
        word("newly_beyond", texts, kind=word(kind["kind"], texts), minutes=minutes, zones=shown)
    ]


def _zone(item: Report, names: Names, texts: Texts) -> str:
    after = item["scenario_minutes"]
    late = word("unreachable", texts) if after is None else texts.number(after, 1)
    before = texts.number(item["base_minutes"], 1)
    name = names.get(item["zone"], item["zone"])
    return f"{name} ({texts.number(item['residents'])}; {before} \u2192 {late} min)"


def _alternatives(found: Report, names: Names, texts: Texts) -> list[Component]:
    known = found["without_alternative"]
    if known["status"] == "too_large":
        return [html.P(word("alternatives_too_large", texts), className="note")]
    return [
        html.P(
            word(
                "newly_without_alternative",
                texts,
                bridge=names.get(item["asset"], item["asset"]),
                cut=texts.number(item["cut_off_vehh"]),
                late=texts.number(item["delayed_vehh"]),
                minutes=texts.number(known["added_minutes"]),
            )
        )
        for item in known["newly"]
    ]


def _links(found: Sequence[Report], names: Names, texts: Texts) -> list[Component]:
    """Largest changes; the table below the map has them all."""
    if not found:
        return [html.P(texts("result.no_links"))]
    body = []
    for item in found[:MOST_LINKS]:
        key = item["name"] or str(item["link"])
        name = names.get(key, key) + ("" if item["is_unique"] else " *")
        body.append(_flow_row(name, item, texts))
    caption = texts("result.links_caption", n=texts.number(len(body)))
    shown = table(caption, _flow_head(texts), body, identity="links", numbers=range(1, 5))
    notes: list[Component] = []
    if not all(item["is_unique"] for item in found[:MOST_LINKS]):
        notes.append(html.P(word("links_not_unique", texts), className="note"))
    return [folded(texts("result.links"), [shown, *notes])]


def _flow_head(texts: Texts) -> list[str]:
    unit = texts.unit("/h")
    keys = ("place", "flow_before", "flow_after", "flow_change", "flow_noise")
    return [texts(f"result.{key}", unit=unit) for key in keys]


def _flow_row(name: str, item: Report, texts: Texts) -> html.Tr:
    change = item["scenario_vehh"] - item["base_vehh"]
    cells = [
        texts.number(item["base_vehh"]),
        texts.number(item["scenario_vehh"]),
        changed(change, 0, texts, is_significant=abs(change) > item["floor_vehh"]),
        f"\u00b1\u202f{texts.number(item['floor_vehh'])}",
    ]
    return html.Tr(
        [html.Th(name, scope="row"), *(html.Td(one, className="number") for one in cells)]
    )


def _bridges(answer: Answer, names: Names, texts: Texts) -> list[Component]:
    """Vehicles over bridges, of a question without the joint analysis."""
    found = [] if answer.report is None else answer.report["bridges"]
    if answer.joint is not None or not found:
        return []
    rising = sorted(found, key=lambda item: item["base_vehh"] - item["scenario_vehh"])
    body = [_flow_row(names.get(item["asset"], item["asset"]), item, texts) for item in rising]
    caption = word("bridges", texts)
    return [
        html.H3(texts("result.traffic_bridges")),
        table(caption, _flow_head(texts), body, identity="bridge-flows", numbers=range(1, 5)),
    ]


def _load(found: Report, texts: Texts) -> list[Component]:
    limits = [0.0, *found["upper_limits"]]
    body = []
    for at, (before, after) in enumerate(zip(found["base_km"], found["scenario_km"], strict=True)):
        lower = texts.number(limits[at], 2)
        if at + 1 < len(limits):
            name = word("load_between", texts, lower=lower, upper=texts.number(limits[at + 1], 2))
        else:
            name = word("load_above", texts, lower=lower)
        cells = [texts.number(before), texts.number(after)]
        body.append(
            html.Tr(
                [html.Th(name, scope="row"), *(html.Td(one, className="number") for one in cells)]
            )
        )
    head = [texts(f"result.{key}") for key in ("load_band", "before", "after")]
    content = table(word("load", texts), head, body, identity="load", numbers=(1, 2))
    label = word("load_label", texts)
    note = html.P(f"{label[:1].upper()}{label[1:]}.", className="note")
    return [folded(word("load", texts), [content, note])]


def _emissions(found: Report, texts: Texts) -> list[Component]:
    heading = html.H3(word("emissions", texts))
    if not found["rows"]:
        told = word("emissions_no_table", texts)
        return [heading, html.P(f"{told[:1].upper()}{told[1:]}.", className="note")]
    body = [
        html.Tr(
            [
                html.Th(item["pollutant"], scope="row"),
                *(
                    html.Td(texts.number(item[side], 1), className="number")
                    for side in ("base", "scenario")
                ),
            ]
        )
        for item in found["rows"]
    ]
    head = [texts(f"result.{key}") for key in ("pollutant", "before", "after")]
    caption = word("emissions_kg_h", texts)
    labels = dict.fromkeys(said(item["label"], texts) for item in found["rows"])
    return [
        heading,
        table(caption, head, body, identity="emissions", numbers=(1, 2)),
        *(html.P(text, className="note") for text in labels),
    ]


def _noise(found: Report, texts: Texts) -> str:
    changed_links, links = (texts.number(found[key]) for key in ("links_changed", "links"))
    told = [f"{word('noise_line', texts, changed=changed_links, links=links)}."]
    share = found["guessed_capacity_share"]
    if share is not None:
        percent = f"{texts.number(100.0 * share)}\u202f%"
        told.append(f"{word('guessed', texts, share=percent)}.")
    if found["is_screening"]:
        told.append(word("screening", texts))
    return " ".join(told)
