"""The links of a run as a table: the same numbers as on the map, sorted, filtered, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.live.features import CityFeatures
from dashboards.run_links import QUANTITIES
from dashboards.run_map import RunMap, link_state
from dashboards.run_words import signed_text
from dashboards.state import ViewState
from dashboards.widgets.parts import change, empty, go
from dashboards.widgets.scenario_map_legend import quantity_name

PAGE_ROWS = 15
NUMBERS = ("base", "scenario", "change", "floor")
MAP = "run-map"


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link with the quantity that the map shows."""

    id: str
    name: str
    place: tuple[float, float] | None
    base: float
    scenario: float
    change: float
    floor: float
    state: str
    is_changed: bool


def link_rows(
    found: RunMap, state: ViewState, features: CityFeatures, texts: Texts
) -> list[LinkRow]:
    """Links of the table, as the address filters and sorts them."""
    sided = found.links.quantities[state.value]
    known = {feature.id: feature for feature in features.roads}
    rows: list[LinkRow] = []
    for row, name in enumerate(found.links.names):
        is_shown = bool(sided.is_changed[row]) or bool(found.links.is_closed[row])
        if state.links == "changed" and not is_shown:
            continue
        feature = known.get(name)
        rows.append(
            LinkRow(
                id=name,
                name=feature.name if feature else name,
                place=feature.place if feature else None,
                base=float(sided.base[row]),
                scenario=float(sided.scenario[row]),
                change=float(sided.change[row]),
                floor=float(sided.floor[row]),
                state=link_state(found.links, row, sided, texts),
                is_changed=bool(sided.is_changed[row]),
            )
        )
    return _sorted(rows, state.order)


def _sorted(rows: list[LinkRow], order: str) -> list[LinkRow]:
    """Rows by a column; by default the largest change first, whatever its sign."""
    key, is_falling = order.removeprefix("-"), order.startswith("-")
    if key in ("name", "state"):
        return sorted(rows, key=lambda row: getattr(row, key), reverse=is_falling)
    sign = -1.0 if is_falling else 1.0

    def rank(row: LinkRow) -> float:
        value = sign * getattr(row, key) if key in NUMBERS else -abs(row.change)
        return float("inf") if np.isnan(value) else value

    return sorted(rows, key=rank)


def link_table(
    found: RunMap, state: ViewState, features: CityFeatures, texts: Texts
) -> list[Component]:
    """Filter, sorted table and its pages."""
    rows = link_rows(found, state, features, texts)
    pages = max(1, -(-len(rows) // PAGE_ROWS))
    page = min(state.rows, pages)
    parts: list[Component] = [
        html.Div(
            [html.H3(quantity_name(state.value, texts)), _filter(state, texts)], className="bar"
        )
    ]
    if not rows:
        return [*parts, empty(texts("run_map.no_links"))]
    visible = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    return [*parts, _table(visible, state, texts), _pager(page, pages, len(rows), texts)]


def _filter(state: ViewState, texts: Texts) -> html.Div:
    buttons = [
        go(
            texts(f"run_map.links.{key}"),
            change(links="" if key == "changed" else key, rows=""),
            is_pressed=state.links == key,
        )
        for key in ("changed", "all")
    ]
    label = {"aria-label": texts("run_map.links")}
    return html.Div(buttons, className="switches", role="group", **label)


def _table(rows: Sequence[LinkRow], state: ViewState, texts: Texts) -> html.Div:
    columns = ["name", "base", "scenario", "change"]
    columns += ["floor"] if state.value in ("flow", "heavy") else []
    columns.append("state")
    chosen = {item.id for item in state.selection if item.kind == "road"}
    caption = texts("run_map.table")
    table = html.Table(
        [
            html.Caption(caption, className="hidden"),
            html.Thead(html.Tr([_head(key, state.order, texts) for key in columns])),
            html.Tbody([_row(row, columns, state, texts, chosen) for row in rows]),
        ],
        id="run-link-table",
    )
    label = {"aria-label": caption}
    return html.Div(table, className="scroll", role="region", tabIndex=0, **label)


def _head(key: str, order: str, texts: Texts) -> html.Th:
    is_sorted, is_falling = order.removeprefix("-") == key, order.startswith("-")
    sort = ("descending" if is_falling else "ascending") if is_sorted else "none"
    following = f"-{key}" if is_sorted and not is_falling else key
    arrow = ("\u25bc" if is_falling else "\u25b2") if is_sorted else "\u2195"
    label: list[Component | str] = [
        texts(f"run_map.column.{key}"),
        html.Span(arrow, className="arrow", **{"aria-hidden": "true"}),
    ]
    button = go(label, change(order=following, rows=""), className="sort")
    look = "number" if key in NUMBERS else ""
    return html.Th(button, scope="col", className=look, **{"aria-sort": sort})


def _row(
    row: LinkRow, columns: Sequence[str], state: ViewState, texts: Texts, chosen: set[str]
) -> html.Tr:
    is_chosen = row.id in chosen
    digits = QUANTITIES[state.value].decimals
    cells: list[Component] = []
    for key in columns:
        if key == "name":
            cells.append(html.Th(_button(row, texts, is_chosen=is_chosen), scope="row"))
        elif key == "state":
            cells.append(html.Td(row.state))
        else:
            value = getattr(row, key)
            text = signed_text(value, digits, texts) if key == "change" else ""
            shown = text or texts.number(value, digits)
            look = "number noise" if key == "change" and not row.is_changed else "number"
            cells.append(html.Td(shown, className=look))
    return html.Tr(cells, className="selected" if is_chosen else "", **{"data-id": row.id})


def _button(row: LinkRow, texts: Texts, *, is_chosen: bool) -> Component:
    """Selects the link on the map; a link without a line in the registry cannot be shown there."""
    if row.place is None:
        return html.Span(f"{row.name} ({texts('run_map.no_line')})")
    return go(
        row.name,
        change(sel="" if is_chosen else f"road:{row.id}"),
        fly_to=row.place,
        className="name",
        is_pressed=is_chosen,
        **{"data-map": MAP},
    )


def _pager(page: int, pages: int, count: int, texts: Texts) -> html.Nav:
    before = "" if page <= 2 else str(page - 1)  # noqa: PLR2004 - page 1 is the default
    back = go(texts("table.back"), change(rows=before), disabled=page == 1)
    on = go(texts("table.on"), change(rows=str(page + 1)), disabled=page == pages)
    status = texts(
        "table.page", page=texts.number(page), pages=texts.number(pages), rows=texts.number(count)
    )
    label = {"aria-label": texts("run_map.pages")}
    return html.Nav([back, html.Span(status), on], className="pager", **label)
