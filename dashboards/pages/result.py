"""The answer of a run: what a measure does to bridges and to the city, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.pages.frame import PageRequest
from dashboards.pages.requests import read_request
from dashboards.reports.base_quality import base_quality, is_calibrated
from dashboards.reports.in_short import in_short
from dashboards.reports.writing import Writing
from dashboards.results import Answer, read_answer
from dashboards.state import ViewState
from dashboards.view import CityView
from dashboards.widgets import decision, result_comments, scenario_map
from dashboards.widgets.parts import empty
from dashboards.widgets.result_bridges import bridge_section, not_assessable
from dashboards.widgets.result_comments import comment_section
from dashboards.widgets.result_compare import CHOICE, compare_section
from dashboards.widgets.result_head import head, job_card, warnings
from dashboards.widgets.result_kpis import kpi_section
from dashboards.widgets.result_parts import said, sentence_list
from dashboards.widgets.result_traffic import traffic_section
from dashboards.widgets.tree import Tree
from twin.advice_shelf import ADVICE_ENGINE
from twin.city import Twin
from twin.errors import RegistryError, StoreUnavailableError
from twin.model.scenarios import Run

TITLE = "result.title"
PERMISSION = "state.read"
PULSE_MS = 1000
FEW_OFFERED = 6
"""More comparable runs than these come with a field that filters them."""
READ_AT_ONCE, MOST_READ = 200, 1000
"""Newest runs that are looked through for comparison."""
PATH = "/result"


@dataclass(frozen=True, slots=True)
class Shown:
    """Runs that an address asks for, the first one and those beside it."""

    answers: Sequence[Answer]
    offered: Sequence[Run]
    problems: Sequence[str]


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page; without a run in the address it says where to find one."""
    texts, number = request.texts, request.state.run
    heading = html.H1(texts(TITLE))
    try:
        if number is None:
            return [html.Div([heading, *_no_run(texts)], className="page")]
        shown = _read(request, view)
    except RegistryError:
        told = empty(texts("result.unknown", n=texts.number(number)))
        return [html.Div([heading, told, *_no_run(texts)[1:]], className="page")]
    except StoreUnavailableError:
        return [heading, html.P(texts("state.database_away"), className="banner")]
    pulse = dcc.Interval(id="result-pulse", interval=PULSE_MS, disabled=shown.answers[0].is_over)
    content = html.Div(_content(shown, request, view), id="result", className="page result")
    return [content, pulse]


def register(app: Dash, view: CityView) -> None:
    """Callbacks: follow the run, and redraw what the address changes."""

    @app.callback(
        Output("result", "children"),
        Output("result-job", "tree"),
        Output("result-pulse", "disabled"),
        Input("result-pulse", "n_intervals"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def follow(_beats: int, address: str | None) -> tuple[object, object, bool]:
        request = read_request(view, PATH, address)
        shown = _read(request, view)
        first = shown.answers[0]
        if first.is_over:
            return _content(shown, request, view), no_update, True
        return no_update, job_card(first, request.texts), False

    @app.callback(
        Output("result-bridges", "tree"),
        Output("result-compare", "tree"),
        Input("url", "search"),
        prevent_initial_call=True,
    )
    def redraw(address: str | None) -> tuple[object, object]:
        request = read_request(view, PATH, address)
        shown = _read(request, view)
        return _bridges(shown, request), _compared(shown, request.texts)

    def read(address: str | None) -> tuple[ViewState, Texts]:
        request = read_request(view, PATH, address)
        return request.state, request.texts

    scenario_map.register(app, view, read)
    result_comments.register(app, view, read)
    decision.register(app, view, read)


def _no_run(texts: Texts) -> list[Component]:
    link = html.A(texts("result.all_runs"), href=f"/scenarios?lang={texts.language}")
    return [empty(texts("result.no_run")), html.P(link)]


def _read(request: PageRequest, view: CityView) -> Shown:
    """Everything the page shows; RegistryError if the first run does not exist."""
    twin, texts = view.twin, request.texts
    number = request.state.run
    if number is None:
        raise RegistryError("the address names no run; use ?run=N")
    answers, problems = [read_answer(twin, number)], []
    for other in request.state.compared:
        if other == number:
            continue
        try:
            found = read_answer(twin, other)
        except RegistryError:
            problems.append(texts("result.unknown", n=texts.number(other)))
            continue
        if found.report is None:
            problems.append(texts("result.not_answered", n=texts.number(other)))
        else:
            answers.append(found)
    return Shown(answers, _comparable(twin, answers[0].run), problems)


def _comparable(twin: Twin, first: Run) -> list[Run]:
    """Answered runs of the same engine and base content, the newest first; no searches."""
    found: list[Run] = []
    below: int | None = None
    for _ in range(MOST_READ // READ_AT_ONCE):
        runs = twin.traffic.runs(limit=READ_AT_ONCE, below=below)
        found += [
            run
            for run in runs
            if (run.status, run.engine, run.base) == ("done", first.engine, first.base)
        ]
        if len(runs) < READ_AT_ONCE:
            break
        below = runs[-1].id
    return found


def _content(shown: Shown, request: PageRequest, view: CityView) -> list[Component]:
    answer, texts = shown.answers[0], request.texts
    names = view.twin.target_names()
    top = head(answer, names, texts)
    job = Tree(id="result-job", tree=job_card(answer, texts), looks={"role": "status"})
    if answer.report is None:
        return [*top, job, *_waiting(answer, texts)]
    sections = {
        "kpis": kpi_section(answer, texts),
        "maps": scenario_map.result_map(request.state, texts, view),
        "bridges": _bridge_part(shown, request),
        "traffic": [html.H2(texts("result.traffic")), *traffic_section(answer, names, texts)],
        "compare": [
            html.H2(texts("result.compare")),
            *_filter(shown, texts),
            Tree(id="result-compare", tree=_compared(shown, texts)),
        ],
        "assumptions": _assumptions(answer, texts),
        "comments": comment_section(view.twin.decisions.comments(answer.run.id), texts),
        "decision": decision.decision_panel(answer.run, texts, view.twin),
    }
    named = ("kpis", "bridges", "traffic", "compare", "assumptions", "comments")
    links = [html.A(texts(f"result.{key}"), href=f"#{key}") for key in named]
    label = {"aria-label": texts("result.sections")}
    return [
        *top,
        job,
        *_in_short(answer, texts),
        *warnings(answer, texts),
        html.Nav(links, className="sections", **label),
        *(html.Section(content, id=key) for key, content in sections.items()),
    ]


def _filter(shown: Shown, texts: Texts) -> list[Component]:
    """Field that leaves of many comparable runs those with its words; a script does it."""
    if len(shown.offered) <= FEW_OFFERED:
        return []
    label = texts("result.compare_filter")
    field = dcc.Input(id="compare-filter", type="search", placeholder=label)
    return [html.Label([label, " ", field], className="bar", **{"data-filters": CHOICE})]


def _in_short(answer: Answer, texts: Texts) -> list[Component]:
    """The answer in a few sentences."""
    if answer.joint is None:
        return []
    sentences = in_short(answer.joint, Writing(texts))
    items = html.Ul([html.Li(one) for one in sentences], id="in-short")
    return [html.H2(texts("result.in_short")), items, *_base_quality(answer.joint, texts)]


def _base_quality(document: Mapping[str, Any], texts: Texts) -> list[Component]:
    """How good the base is, straight below the answer; a warning unless it is calibrated."""
    base = document["inputs"]["base"]
    told = base_quality(base, Writing(texts))
    look = "" if is_calibrated(base) else "finding is-warning"
    content = [html.H3(texts("paper.base.title")), html.Ul([html.Li(one) for one in told])]
    return [html.Section(content, id="base-quality", className=look)]


def _waiting(answer: Answer, texts: Texts) -> list[Component]:
    """Places that the callbacks fill, and what to do about a run without an answer."""
    held: list[Component] = [Tree(id=f"result-{name}", tree=[]) for name in ("bridges", "compare")]
    if answer.run.engine == ADVICE_ENGINE:
        address = f"/advice?lang={texts.language}&run={answer.run.id}"
        return [html.P(html.A(texts("advice.to_answer"), href=address)), *held]
    if not answer.is_over:
        return held
    return [html.P(texts("result.no_answer")), *held]


def _bridge_part(shown: Shown, request: PageRequest) -> list[Component]:
    """Bridges, their findings and those without a figure; or what is missing and how to get it."""
    answer, texts = shown.answers[0], request.texts
    heading = html.H2(texts("result.bridges"))
    tree = Tree(id="result-bridges", tree=_bridges(shown, request))
    if answer.joint is None:
        address = f"/scenario?lang={texts.language}&from={answer.run.id}"
        way = html.P(html.A(texts("result.ask_measures"), href=address))
        return [heading, html.P(texts("result.no_joint")), way, tree]
    return [
        heading,
        *_findings(answer, texts),
        tree,
        html.H3(texts("result.not_assessable")),
        *not_assessable(answer, texts),
    ]


def _bridges(shown: Shown, request: PageRequest) -> list[Component]:
    answer = shown.answers[0]
    return [] if answer.joint is None else bridge_section(answer, request.state, request.texts)


def _compared(shown: Shown, texts: Texts) -> list[Component]:
    return compare_section(shown.answers, shown.offered, shown.problems, texts)


def _findings(answer: Answer, texts: Texts) -> list[Component]:
    """Findings of the document, the gravest first."""
    if answer.joint is None:
        return []
    order = ("critical", "warning", "info")
    found = sorted(answer.joint["findings"], key=lambda one: order.index(one["severity"]))
    if not found:
        return [html.P(texts("result.no_findings"), className="note")]
    items = [
        html.Li(
            [
                html.Span(
                    texts(f"result.severity_{one['severity']}"),
                    className=f"tag severity-{one['severity']}",
                ),
                " ",
                said(one["text"], texts),
            ]
        )
        for one in found
    ]
    return [html.Ul(items, className="result-findings", id="findings")]


def _assumptions(answer: Answer, texts: Texts) -> list[Component]:
    """What the answer rests on, and what it cannot say."""
    if answer.joint is None:
        cannot, assumed = [], [] if answer.report is None else answer.report["assumptions"]
    else:
        cannot, assumed = answer.joint["cannot_say"], answer.joint["assumptions"]
    parts: list[Component] = [html.H2(texts("result.assumptions")), sentence_list(assumed, texts)]
    limits = sentence_list(cannot, texts) if cannot else html.P(texts("result.cannot_whatif"))
    return [*parts, html.H2(texts("result.cannot_say"), id="cannot-say"), limits]
