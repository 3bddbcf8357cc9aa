"""The table that is equal to the map: three lists, sorted by column, in pages."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.listing import (
    PAGE_ROWS,
    Column,
    Listing,
    Row,
    listing,
    shown,
    sorted_rows,
)
from dashboards.live.hub import Snapshot
from dashboards.state import ViewState, encode
from dashboards.widgets.parts import change, empty, go

TABS = ("bridges", "roads", "streams")
NUMERIC = ("number", "age", "value")
FLY_ZOOM = 15.0


def feature_table(state: ViewState, snapshot: Snapshot, texts: Texts) -> list[Component]:
    """Tabs, the sorted table, its pages and the way to the file."""
    found = listing(state.tab, snapshot, texts)
    rows, order = sorted_rows(found, state.sort)
    pages = max(1, -(-len(rows) // PAGE_ROWS))
    page = min(state.page, pages)
    visible = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    parts: list[Component] = [html.Div([_tabs(state, texts), _file(state, texts)], className="bar")]
    if not rows:
        return [*parts, empty(texts(f"table.empty.{found.name}"))]
    return [
        *parts,
        _table(found, visible, order, state, texts),
        _pager(page, pages, len(rows), texts),
    ]


def _tabs(state: ViewState, texts: Texts) -> html.Div:
    buttons = [
        go(
            texts(f"tab.{key}"),
            change(tab="" if key == "bridges" else key, sort="", page=""),
            is_pressed=state.tab == key,
        )
        for key in TABS
    ]
    return html.Div(
        buttons, className="switches", role="group", **{"aria-label": texts("tab.label")}
    )


def _file(state: ViewState, texts: Texts) -> html.A:
    query = encode(ViewState(lang=state.lang, sort=state.sort))
    return html.A(
        texts("table.file"),
        href=f"/api/export/{state.tab}.csv?{query}",
        download="",
        className="file",
    )


def _table(
    found: Listing, rows: tuple[Row, ...], order: str, state: ViewState, texts: Texts
) -> html.Div:
    heads = [_head(column, order, texts) for column in found.columns]
    selected = {(item.kind, item.id) for item in state.selection}
    body = [_row(row, found, texts, is_selected=(row.kind, row.id) in selected) for row in rows]
    caption = texts(f"table.caption.{found.name}")
    table = html.Table(
        [
            html.Caption(caption, className="hidden"),
            html.Thead(html.Tr(heads)),
            html.Tbody(body),
        ],
        id="feature-table",
        **{"data-table": found.name},
    )
    return html.Div(table, className="scroll", role="region", tabIndex=0, **{"aria-label": caption})


def _head(column: Column, order: str, texts: Texts) -> html.Th:
    is_sorted = order.removeprefix("-") == column.key
    is_falling = order.startswith("-")
    sort = ("descending" if is_falling else "ascending") if is_sorted else "none"
    following = f"-{column.key}" if is_sorted and not is_falling else column.key
    arrow = ("\u25bc" if is_falling else "\u25b2") if is_sorted else "\u2195"
    unit = f" [{texts.unit(column.unit)}]" if column.unit and column.show == "number" else ""
    label: list[Component | str] = [
        texts(f"column.{column.key}") + unit,
        html.Span(arrow, className="arrow", **{"aria-hidden": "true"}),
    ]
    look = "number" if column.show in NUMERIC else ""
    button = go(label, change(sort=following, page=""), className="sort")
    return html.Th(button, scope="col", className=look, **{"aria-sort": sort})


def _row(row: Row, found: Listing, texts: Texts, *, is_selected: bool) -> html.Tr:
    cells: list[Component] = []
    for at, (cell, column) in enumerate(zip(row.cells, found.columns, strict=True)):
        text = shown(cell, column, row, texts)
        if at == 0:
            button = go(
                text,
                change(sel=f"{row.kind}:{row.id}"),
                fly_to=row.place,
                className="name",
                is_pressed=is_selected,
            )
            cells.append(html.Th(button, scope="row"))
        else:
            look = "number" if column.show in NUMERIC else ""
            cells.append(html.Td(text, className=f"{look} none" if cell is None else look))
    attributes = {"data-id": row.id}
    return html.Tr(cells, className="selected" if is_selected else "", **attributes)


def _pager(page: int, pages: int, rows: int, texts: Texts) -> html.Nav:
    """Ways to the other pages; a way that does not exist is a disabled button."""
    back = go(
        texts("table.back"),
        change(page="" if page <= 2 else str(page - 1)),  # noqa: PLR2004 - page 1 is the default
        disabled=page == 1,
    )
    on = go(texts("table.on"), change(page=str(page + 1)), disabled=page == pages)
    status = texts(
        "table.page",
        page=texts.number(page),
        pages=texts.number(pages),
        rows=texts.number(rows),
    )
    label = {"aria-label": texts("table.pages")}
    return html.Nav([back, html.Span(status), on], className="pager", **label)
