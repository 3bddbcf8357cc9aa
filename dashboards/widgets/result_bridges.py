"""Bridges by added heavy traffic: filter by role, columns to sort by, one row opened."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.joint_rows import repeated, unit_of
from dashboards.result_columns import (
    FACTOR,
    NAME,
    RESTRICTIONS,
    ROLE,
    SORTABLE,
    UTILISATION,
    Column,
    heading,
    ordered,
)
from dashboards.results import Answer
from dashboards.state import ViewState
from dashboards.widgets.parts import change, empty, extra, go
from dashboards.widgets.result_chain import chain
from dashboards.widgets.result_parts import changed, limit_text, said, span, table

ROLES = ("target", "detour", "relieved", "unchanged")
SIGNS: Mapping[str, str] = {
    "target": "\u25c6", "detour": "\u25b2", "relieved": "\u25bc", "unchanged": "=",
}  # fmt: skip
TEXT_COLUMNS = (NAME, ROLE, RESTRICTIONS)
STATUSES = ("newly_violated", "violated", "avoided")
Document = Mapping[str, Any]


def bridge_section(answer: Answer, state: ViewState, texts: Texts) -> list[Component]:
    """Filter and table; a sentence where no bridge of the role is there."""
    shown = ordered(answer.bridges, state.sort, state.role)
    parts: list[Component] = [html.Div(_filter(answer, state, texts), className="bar")]
    if not shown:
        return [*parts, empty(texts("result.no_bridges"))]
    opened, again = state.selected("bridge"), repeated(shown)
    body: list[Component] = []
    for bridge in shown:
        is_open = place_of(bridge) == opened
        is_again = bridge["part"] in again
        body.append(_row(bridge, texts, is_open=is_open, is_again=is_again))
        if is_open:
            body.append(_opened(bridge, texts))
    caption = texts("result.bridges_caption")
    return [
        *parts,
        table(caption, _head(state, texts), body, identity="bridges"),
        html.P(texts("result.bridges_note"), className="note"),
        *([html.P(texts("result.per_hour"), className="note")] if _is_hourly(shown) else []),
        *(html.P(text, className="note") for text in _band_notes(shown, texts)),
    ]


def _is_hourly(bridges: Sequence[Document]) -> bool:
    return any(unit_of(one["heavy"]) == "vehh" for one in bridges)


def _band_notes(bridges: Sequence[Document], texts: Texts) -> list[str]:
    """What the bands of the utilisation leave out, once."""
    notes = [one["utilisation"].get("band_note") for one in bridges]
    return list(dict.fromkeys(said(one, texts) for one in notes if one))


def place_of(bridge: Document) -> str:
    """Id of a row in the address: the asset, and the part where the two differ.

    Examples
    --------
    >>> place_of({"asset": "B07", "part": "B07"}), place_of({"asset": "B07", "part": "B07/1"})
    ('B07', 'B07#B07/1')
    """
    is_whole = bridge["part"] in ("", bridge["asset"])
    return bridge["asset"] if is_whole else f"{bridge['asset']}#{bridge['part']}"


def role_text(role: str, texts: Texts) -> str:
    """Sign and name of a role; never a colour alone."""
    return f"{SIGNS[role]} {texts(f'result.role_{role}')}"


def _filter(answer: Answer, state: ViewState, texts: Texts) -> html.Div:
    counts = {role: sum(one["role"] == role for one in answer.bridges) for role in ROLES}
    total = texts.number(len(answer.bridges))
    buttons = [go(f"{texts('result.all')} ({total})", change(role=""), is_pressed=not state.role)]
    buttons += [
        go(
            f"{role_text(role, texts)} ({texts.number(count)})",
            change(role=role),
            is_pressed=state.role == role,
        )
        for role, count in counts.items()
        if count or state.role == role
    ]
    label = texts("result.filter")
    return html.Div(buttons, className="switches", role="group", **extra(aria_label=label))


def _head(state: ViewState, texts: Texts) -> list[Component]:
    return [_sorter(column, state, texts) for column in SORTABLE]


def _sorter(column: Column, state: ViewState, texts: Texts) -> html.Th:
    is_sorted = state.sort.removeprefix("-") == column.key
    is_falling = state.sort.startswith("-")
    first, second = (f"-{column.key}", column.key)
    if column in (NAME, ROLE):
        first, second = second, first
    order = ("descending" if is_falling else "ascending") if is_sorted else "none"
    arrow = ("\u25bc" if is_falling else "\u25b2") if is_sorted else "\u2195"
    label: list[Component | str] = [
        heading(column, texts),
        html.Span(arrow, className="arrow", **extra(aria_hidden="true")),
    ]
    following = "" if state.sort == second else second if state.sort == first else first
    button = go(label, change(sort=following), className="sort")
    look = "" if column in TEXT_COLUMNS else "number"
    return html.Th(button, scope="col", className=look, **{"aria-sort": order})


def _row(bridge: Document, texts: Texts, *, is_open: bool, is_again: bool) -> html.Tr:
    place, heavy = place_of(bridge), bridge["heavy"]
    name = go(
        bridge["name"] or bridge["asset"],
        change(sel="" if is_open else f"bridge:{place}"),
        className="name",
        id=f"open-{place}",
        **extra(aria_expanded="true" if is_open else "false"),
    )
    part = html.Span(f" {bridge['part']}", className="kind") if "#" in place else ""
    if is_again:
        numbers: list[Any] = [(NOTHING, "number"), (NOTHING, "number")]
        numbers.append(([NOTHING, *_below(texts("result.same_vehicles"))], "number"))
    else:
        numbers = _numbers(heavy, texts)
    if bridge.get("carries_whole_bridge"):
        part = html.Span(f" {bridge['part']} ({texts('result.whole_bridge')})", className="kind")
    cells: list[Any] = [
        (role_text(bridge["role"], texts), ""),
        *numbers,
        (_factor(bridge["fatigue"], texts), "number"),
        (_utilisation(bridge["utilisation"], texts), "number"),
        (_met(bridge["restrictions"], texts), ""),
    ]
    look = "selected" if is_open else ""
    return html.Tr(
        [
            html.Th([name, part], scope="row"),
            *(html.Td(content, className=style) for content, style in cells),
        ],
        className=look,
        **{"data-id": place},
    )


def _numbers(heavy: Document, texts: Texts) -> list[Any]:
    """Before, after and change with its band; by the hour, and saying so, where no day is known."""
    unit = unit_of(heavy)
    moved = changed(
        heavy[f"change_{unit}"], 0, texts,
        is_significant=bool(heavy["is_significant"]), has_band=bool(heavy["band"]),
    )  # fmt: skip
    hour = texts.unit("/h") if unit == "vehh" else NOTHING
    return [
        *(
            ([texts.number(heavy[f"{side}_{unit}"]), *_below(hour)], "number")
            for side in ("base", "scenario")
        ),
        ([moved, *_below(hour, span(heavy["band"], 0, texts, sign=True))], "number"),
    ]


def _below(*lines: str) -> list[Component]:
    """Smaller lines under a number."""
    return [html.Div(line, className="remark") for line in lines if line != NOTHING]


def _factor(fatigue: Document, texts: Texts) -> list[Component | str]:
    """Factor of the damage rate with its band; a relative one says so, else the reason."""
    if fatigue["status"] == "not_assessable":
        return [_absent(fatigue, texts)]
    both = fatigue.get("factors") or [fatigue["factor"]]
    value = " / ".join(texts.number(one, FACTOR.decimals) for one in both)
    band = span(fatigue["band"], FACTOR.decimals, texts)
    kind = texts("result.relative") if fatigue["status"] == "relative" else NOTHING
    return [value, *_below(band, kind)]


def _absent(part: Document, texts: Texts) -> html.Span:
    """A number that is not there; the reason follows in the opened row and for readers by ear."""
    reason = part.get("reason")
    told = texts("result.no_statement") if reason is None else said(reason, texts)
    return html.Span([NOTHING, html.Span(f" {told}", className="hidden")], title=told)


def _utilisation(part: Document, texts: Texts) -> Component | str:
    if part["status"] != "computed":
        return _absent(part, texts)
    before, after = (
        texts.number(part[side], UTILISATION.decimals) for side in ("base", "scenario")
    )
    return f"{before} \u2192 {after}"


def _met(restrictions: Sequence[Document], texts: Texts) -> list[Component] | str:
    """Restrictions that the traffic of the scenario meets, the gravest first."""
    lines: list[Component] = []
    for status in STATUSES:
        for item in restrictions:
            if item["status"] == status:
                limit = limit_text(item, texts)
                state = texts(f"result.status_of_{status}")
                lines.append(
                    html.Div([html.Strong(state), f": {limit}"], className=f"met-{status}")
                )
    return lines or NOTHING


def _opened(bridge: Document, texts: Texts) -> html.Tr:
    columns = len(SORTABLE)
    content = html.Div(chain(bridge, texts), className="chain")
    return html.Tr(
        html.Td(content, colSpan=columns),
        className="opened",
        **{"data-id": f"{place_of(bridge)}-chain"},
    )


def not_assessable(answer: Answer, texts: Texts) -> list[Component]:
    """Bridges without any figure of damage, and why."""
    found = [] if answer.joint is None else list(answer.joint["not_assessable"])
    if not found:
        return [html.P(texts("result.all_assessed"), className="note")]
    body = [
        html.Tr(
            [
                html.Th(_named(item, texts), scope="row"),
                html.Td(item["part"] if item["part"] != item["asset"] else ""),
                html.Td(said(item["reason"], texts)),
            ]
        )
        for item in found
    ]
    head = [texts(f"result.{key}") for key in ("bridge", "part", "reason")]
    caption = texts("result.not_assessable_caption", n=texts.number(len(found)))
    return [table(caption, head, body, identity="not-assessable")]


def _named(item: Document, texts: Texts) -> html.A:
    address = f"/bridge?lang={texts.language}&sel=bridge%3A{item['asset']}"
    return html.A(item["name"] or item["asset"], href=address)
