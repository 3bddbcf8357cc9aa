"""All questions what measures do: the runs as a table, to open, copy and compare."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.pages.frame import PageRequest
from dashboards.pages.requests import read_request
from dashboards.run_words import signed_text
from dashboards.state import MOST_COMPARED, ViewState
from dashboards.view import CityView
from dashboards.widgets.parts import change, empty, extra, go
from dashboards.widgets.scenario_controls import Control
from dashboards.widgets.scenario_job import ENGINE, members_of
from dashboards.widgets.scenario_picker import readable
from dashboards.widgets.search import folded
from dashboards.widgets.tree import Tree
from twin.model.scenario_words import sentences
from twin.model.scenarios import Run

TITLE = "scenarios.title"
PERMISSION = "state.read"
PULSE_MS = 3000
READ_AT_ONCE = 200
MOST_READ = 1000
"""Newest runs that are looked through."""
STATUSES = ("queued", "running", "done", "failed", "cancelled")
SORTED = ("name", "base", "status", "asked")
FIGURES = ("bridges_more_loaded", "unserved_change", "delay_h_change", "heavy_km_change")
COLUMNS = (*SORTED, *FIGURES)
PAGE_ROWS = 25
MOST_SAID = 3
"""Measures of a run that are said in the table."""


@dataclass(frozen=True, slots=True)
class Line:
    """One run with what is shown of it."""

    run: Run
    said: Sequence[str]


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page."""
    texts = request.texts
    search = dcc.Input(
        id="runs-search",
        type="search",
        debounce=0.3,
        autoComplete="off",
        maxLength=80,
        value=request.state.words,
    )
    return [
        html.H1(texts(TITLE)),
        html.Div(
            [
                dcc.Interval(id="runs-pulse", interval=PULSE_MS),
                html.P(
                    html.A(texts("scenarios.new"), href=_address("/scenario", texts)),
                    className="links",
                ),
                html.Div(
                    [html.Label(texts("scenarios.search"), htmlFor="runs-search"), search],
                    className="search",
                    role="search",
                ),
                Tree(id="runs", tree=_runs(request.state, view, texts)),
            ],
            className="page",
        ),
    ]


def _address(path: str, texts: Texts, **keys: object) -> str:
    return f"{path}?{urlencode({'lang': texts.language, **keys})}"


def register(app: Dash, view: CityView) -> None:
    """Callbacks of the page."""

    @app.callback(
        Output("runs", "tree"),
        Input("url", "search"),
        Input("runs-pulse", "n_intervals"),
        prevent_initial_call=True,
    )
    async def show(address: str | None, _beats: int | None) -> list[Component]:
        request = read_request(view, "/scenarios", address)
        return await asyncio.to_thread(_runs, request.state, view, request.texts)

    app.clientside_callback(
        ClientsideFunction("scenario", "searched"),
        Output("url", "search", allow_duplicate=True),
        Input("runs-search", "value"),
        prevent_initial_call=True,
    )


def _runs(state: ViewState, view: CityView, texts: Texts) -> list[Component]:
    """Filter, table and pages of the runs that an address asks for."""
    every = _read(view)
    if not every:
        link = html.A(texts("scenarios.first"), href=_address("/scenario", texts))
        return [html.Div([html.P(texts("scenarios.none")), html.P(link)], className="empty")]
    names = readable(view.now.features, None)
    found = [_line(run, names, texts) for run in every if state.status in ("", run.status)]
    wanted = folded(state.words)
    found = [
        line for line in found if wanted in folded(" ".join([line.run.scenario.name, *line.said]))
    ]
    order = state.sort if state.sort.removeprefix("-") in SORTED else "-asked"
    found.sort(key=lambda line: _key(line.run, order), reverse=order.startswith("-"))
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(state.page, pages)
    shown = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    parts: list[Component] = [_filter(state, texts)]
    if not found:
        reset = go(texts("scenarios.reset"), change(q="", status="", page=""))
        return [*parts, empty(texts("scenarios.no_match")), html.P(reset)]
    return [
        *parts,
        _table(shown, order, view, texts),
        _compare(texts),
        _pager(page, pages, len(found), texts),
    ]


def _read(view: CityView) -> list[Run]:
    """Newest runs of measures."""
    found: list[Run] = []
    below: int | None = None
    for _ in range(MOST_READ // READ_AT_ONCE):
        runs = view.twin.traffic.runs(limit=READ_AT_ONCE, below=below)
        found += [run for run in runs if run.engine == ENGINE]
        if len(runs) < READ_AT_ONCE:
            break
        below = runs[-1].id
    return found


def _line(run: Run, names: Mapping[str, str], texts: Texts) -> Line:
    scenario = replace(run.scenario, interventions=run.scenario.interventions[:MOST_SAID])
    zone = ZoneInfo(texts.timezone)
    said = list(sentences(scenario, language=texts.language, names=names, zone=zone))
    more = len(run.scenario.interventions) - len(said)
    return Line(run, [*said, *([texts("scenarios.more", n=more)] if more else [])])


def _key(run: Run, order: str) -> tuple[object, ...]:
    column = order.removeprefix("-")
    value: object = {
        "name": folded(run.scenario.name),
        "base": run.scenario.base,
        "status": STATUSES.index(run.status),
    }.get(column, run.submitted_at)
    return (value, run.id)


def _filter(state: ViewState, texts: Texts) -> html.Div:
    buttons = [
        go(
            texts(f"run_status.{key}" if key else "scenarios.all"),
            change(status=key, page=""),
            is_pressed=state.status == key,
        )
        for key in ("", *STATUSES)
    ]
    label = {"aria-label": texts("scenarios.filter")}
    return html.Div(buttons, className="switches", role="group", **label)


def _table(shown: Sequence[Line], order: str, view: CityView, texts: Texts) -> html.Div:
    heads = [html.Th(texts("scenarios.compare_head"), scope="col")]
    heads += [_head(key, order, texts) for key in COLUMNS]
    caption = texts("scenarios.caption")
    table = html.Table(
        [
            html.Caption(caption, className="hidden"),
            html.Thead(html.Tr(heads)),
            html.Tbody([_row(line, view, texts) for line in shown]),
        ],
        id="runs-table",
    )
    return html.Div(
        table, className="scroll", role="region", tabIndex=0, **extra(aria_label=caption)
    )


def _head(key: str, order: str, texts: Texts) -> html.Th:
    label = texts(f"scenarios_head.{key}")
    look = "number" if key in FIGURES else ""
    if key not in SORTED:
        return html.Th(label, scope="col", className=look)
    is_sorted, is_falling = order.removeprefix("-") == key, order.startswith("-")
    sort = ("descending" if is_falling else "ascending") if is_sorted else "none"
    arrow = ("\u25bc" if is_falling else "\u25b2") if is_sorted else "\u2195"
    sign = html.Span(arrow, className="arrow", **{"aria-hidden": "true"})
    wanted = key if is_sorted and is_falling else f"-{key}"
    button = go([label, sign], change(sort=wanted, page=""), className="sort")
    return html.Th(button, scope="col", className=look, **{"aria-sort": sort})


def _row(line: Line, view: CityView, texts: Texts) -> html.Tr:
    run = line.run
    box = Control(
        "input",
        type="checkbox",
        value=str(run.id),
        disabled=run.status != "done" or None,
        **{
            "data-compare": "",
            "data-id": f"box-{run.id}",
            "aria-label": texts("scenarios.choose", n=run.id, name=run.scenario.name),
        },
    )
    name = html.A(run.scenario.name or f"#{run.id}", href=_address("/result", texts, run=run.id))
    copy = html.A(
        texts("scenarios.copy"),
        href=_address("/scenario", texts, **{"from": run.id}),
        className="copy",
        **{"aria-label": texts("scenarios.copy_of", n=run.id, name=run.scenario.name)},
    )
    said = html.Ul([html.Li(text) for text in line.said], className="said-measures")
    bands = members_of(run)
    status = [
        texts(f"run_status.{run.status}"),
        *([f" {round(100 * run.progress)}\u202f%"] if run.status == "running" else []),
        *([f", {texts('scenarios.members', n=bands)}"] if bands else []),
    ]
    cells = [
        html.Td(run.scenario.base),
        html.Td(status),
        html.Td(texts.time(run.submitted_at, has_date=True)),
        *(html.Td(text, className="number") for text in _figures(run, view, texts)),
    ]
    return html.Tr(
        [html.Td(box), html.Th([name, " ", copy, said], scope="row"), *cells],
        **{"data-id": f"run-{run.id}"},
    )


def _figures(run: Run, view: CityView, texts: Texts) -> list[str]:
    """Indicators of an answered run with their units; a dash for each that it does not have."""
    result = view.twin.result(run.id) if run.status == "done" else None
    if result is None:
        return [NOTHING] * len(FIGURES)
    found: list[str] = []
    for key in FIGURES:
        value = result.indicators.get(key)
        decimals = 0 if key == "bridges_more_loaded" else 1
        unit = result.units.get(key, "")
        text = signed_text(value, decimals, texts) if decimals else texts.number(value)
        shown = "" if unit in ("", "1") or value is None else f"\u202f{texts.unit(unit)}"
        found.append(f"{text}{shown}")
    return found


def _compare(texts: Texts) -> html.Div:
    """The way to up to four results side by side; the script of the page sets its address."""
    most = str(MOST_COMPARED + 1)
    link = html.A(
        texts("scenarios.compare"),
        id="compare",
        role="link",
        **{"data-most": most, "aria-disabled": "true"},
    )
    said = html.Span(
        texts("scenarios.compare_how", most=most),
        id="compare-said",
        role="status",
        className="note",
        **{
            "data-count": texts("scenarios.compare_count", most=most),
            "data-many": texts("scenarios.compare_many", most=most),
        },
    )
    return html.Div([link, " ", said], className="actions")


def _pager(page: int, pages: int, rows: int, texts: Texts) -> html.Nav:
    back = go(texts("table.back"), change(page=str(page - 1)), disabled=page == 1)
    on = go(texts("table.on"), change(page=str(page + 1)), disabled=page == pages)
    status = texts(
        "scenarios.page",
        page=texts.number(page),
        pages=texts.number(pages),
        rows=texts.number(rows),
    )
    label = {"aria-label": texts("table.pages")}
    return html.Nav([back, html.Span(status), on], className="pager", **label)
