"""Which measures reach a target on a bridge: ask, follow, and read the ranks; see ADR 0057."""

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.pages.frame import PageRequest
from dashboards.pages.requests import read_request
from dashboards.state import encode
from dashboards.view import CityView
from dashboards.widgets import advice_form as fields
from dashboards.widgets.advice_result import answer, job_card, question_line
from dashboards.widgets.parts import empty
from dashboards.widgets.scenario_city import has_worker
from dashboards.widgets.scenario_job import OVER, Past, past_of
from dashboards.widgets.tree import Tree
from twin.advice_shelf import ADVICE_ENGINE
from twin.errors import RegistryError, ScenarioError, StoreUnavailableError, TwinError
from twin.model.advice import question_of
from twin.model.scenarios import Run

TITLE = "advice.title"
PERMISSION = "run.submit"
PATH = "/advice"
PULSE_MS = 1000
MOST_WAITING = 200
MOST_LISTED = 8
JOB, CANCEL, ANSWER, PULSE, TIME, RECENT = (
    f"advice-{name}" for name in ("job", "cancel", "answer", "pulse", "time", "recent")
)


@dataclass(frozen=True, slots=True)
class Shown:
    """The run of an address, or why it cannot be shown."""

    run: Run | None = None
    notice: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.run is None or self.run.status in OVER


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page."""
    texts = request.texts
    heading = [html.H1(texts(TITLE)), html.P(texts("advice.intro"))]
    try:
        shown = _shown(request, view)
        found = fields.begin(view, asset_id=request.state.bridge, base="", run=shown.run)
        drawn = _drawn(shown, request, view)
    except StoreUnavailableError:
        return [*heading, html.P(texts("state.database_away"), className="banner")]
    chosen = "" if found is None else found.base.facts.content_hash
    content = [
        *heading,
        html.Section(
            [
                html.H2(texts("advice.question")),
                *fields.form(found, texts),
                Tree(id=TIME, tree=[] if found is None else _time(view, chosen, texts)),
            ]
        ),
        html.Section(
            [
                Tree(id=JOB, tree=drawn[0], looks={"role": "status"}),
                html.Button(texts("advice.cancel"), id=CANCEL, type="button", hidden=shown.is_over),
            ]
        ),
        html.Section(drawn[1], id=ANSWER),
        html.Section([html.H2(texts("advice.recent")), Tree(id=RECENT, tree=_recent(view, texts))]),
        dcc.Interval(id=PULSE, interval=PULSE_MS, disabled=shown.is_over),
    ]
    return [html.Div(content, id="advice", className="page result")]


def register(app: Dash, view: CityView) -> None:
    """Callbacks: begin with a bridge, ask, follow and cancel."""

    @app.callback(
        Output(fields.ABOUT, "tree"),
        Output(fields.DAMAGE, "value"),
        Output(fields.MOST, "value"),
        Output(TIME, "tree"),
        Input(fields.BRIDGE, "data"),
        Input(fields.BASE, "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def begin(bridge: str, base: str, address: str | None) -> tuple[object, ...]:
        request = read_request(view, PATH, address)
        return await asyncio.to_thread(_begun, bridge, base, request, view)

    @app.callback(
        Output(fields.STATUS, "children"),
        Output("url", "search", allow_duplicate=True),
        Input(fields.ASK, "n_clicks"),
        *(Input(name, "n_submit") for name in (fields.DAMAGE, fields.MOST, fields.MASS)),
        State(fields.BRIDGE, "data"),
        State(fields.BASE, "data"),
        State(fields.DAMAGE, "value"),
        State(fields.MOST, "value"),
        State(fields.MASS, "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def ask(
        clicks: int | None,
        damage: int | None,
        most: int | None,
        mass: int | None,
        *given: str | None,
    ) -> tuple[object, object]:
        if not any((clicks, damage, most, mass)):
            return no_update, no_update
        *values, address = given
        request = read_request(view, PATH, address)
        return await asyncio.to_thread(_asked, [one or "" for one in values], request, view)

    outputs = (
        Output(JOB, "tree"),
        Output(ANSWER, "children"),
        Output(CANCEL, "hidden"),
        Output(PULSE, "disabled"),
        Output(RECENT, "tree"),
        Output(fields.STATUS, "children", allow_duplicate=True),
    )

    @app.callback(
        *outputs,
        Input("url", "search"),
        Input(PULSE, "n_intervals"),
        prevent_initial_call=True,
    )
    async def follow(address: str | None, _beats: int | None) -> tuple[object, ...]:
        request = read_request(view, PATH, address)
        is_beat = ctx.triggered_id == PULSE
        return await asyncio.to_thread(_followed, request, view, is_beat=is_beat)

    @app.callback(
        Output(fields.STATUS, "children", allow_duplicate=True),
        Input(CANCEL, "n_clicks"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def cancel(clicks: int | None, address: str | None) -> object:
        request = read_request(view, PATH, address)
        number = request.state.run
        if not clicks or number is None:
            return no_update
        await asyncio.to_thread(view.twin.cancel_run, number)
        return request.texts("advice.cancel_sent")


def _shown(request: PageRequest, view: CityView) -> Shown:
    """The run of the address; a run of another kind has its own page."""
    number, texts = request.state.run, request.texts
    if number is None:
        return Shown()
    try:
        run = view.twin.run(number)
    except RegistryError:
        return Shown(notice=texts("advice.unknown_run", n=texts.number(number)))
    if run.engine != ADVICE_ENGINE:
        return Shown(notice=texts("advice.other_run", n=texts.number(number)))
    return Shown(run)


def _drawn(
    shown: Shown, request: PageRequest, view: CityView
) -> tuple[list[Component], list[Component]]:
    """Card of the run, and its answer."""
    run, texts = shown.run, request.texts
    if run is None:
        return [], [empty(shown.notice or texts("advice.nothing_yet"))]
    card = job_card(run, view.twin.now(), texts, has_worker=has_worker(view))
    document = view.twin.advice.document(run.id) if run.status == "done" else None
    title = html.P(html.Strong(_line(run, view, texts)), id="advice-asked")
    return card, [title, *([] if document is None else answer(document, run, texts))]


def _followed(request: PageRequest, view: CityView, *, is_beat: bool) -> tuple[object, ...]:
    texts = request.texts
    try:
        shown = _shown(request, view)
        card, found = _drawn(shown, request, view)
        recent = _recent(view, texts)
    except StoreUnavailableError:
        away = [html.P(texts("state.database_away"), className="problem")]
        return away, no_update, no_update, False, no_update, no_update
    is_over = shown.is_over
    said = no_update
    if is_beat and is_over:
        is_done = shown.run is not None and shown.run.status == "done"
        said = texts("advice.over") if is_done else ""
    return card, no_update if is_beat and not is_over else found, is_over, is_over, recent, said


def _begun(bridge: str, base: str, request: PageRequest, view: CityView) -> tuple[object, ...]:
    texts = request.texts
    try:
        found = fields.begin(view, asset_id=bridge, base=base, run=None)
        if found is None:
            return [empty(texts("advice.no_base"))], "", "", []
        time = _time(view, found.base.facts.content_hash, texts)
    except StoreUnavailableError:
        return [html.P(texts("state.database_away"), className="problem")], *([no_update] * 3)
    share, most = found.target.damage_share, found.target.crossings_vehd
    damage = None if share is None else round(100.0 * (1.0 - share), 1)
    values = (fields.field_text(one, texts) for one in (damage, most))
    return fields.about(found, texts), *values, time


def _asked(values: list[str], request: PageRequest, view: CityView) -> tuple[object, object]:
    """Queue the question of the fields: what is said, and the address of its run."""
    texts, twin = request.texts, view.twin
    bridge, base, damage, most, mass = values
    try:
        question = fields.read_question(
            texts, asset_id=bridge, base=base, damage=damage, most=most, mass=mass
        )
    except ScenarioError as error:
        return " ".join(error.problems), no_update
    try:
        if twin.traffic.waiting(most=MOST_WAITING) == MOST_WAITING:
            return texts("scenario_said.busy", n=MOST_WAITING), no_update
        run = twin.advice.ask(question, relative_gap=view.settings.traffic.relative_gap)
    except StoreUnavailableError:
        return texts("state.database_away"), no_update
    except TwinError as error:
        return [texts("advice.refused"), " ", html.Q(str(error), lang="en")], no_update
    said = texts("advice.known" if run.status == "done" else "advice.asked", n=texts.number(run.id))
    return said, f"?{encode(replace(request.state, run=run.id, bridge=bridge))}"


def _line(run: Run, view: CityView, texts: Texts) -> str:
    question = question_of(run.options, base=run.scenario.base)
    assets = view.now.features.assets
    name = assets[question.asset_id].name if question.asset_id in assets else question.asset_id
    return question_line(question, name, texts)


def _recent(view: CityView, texts: Texts) -> list[Component]:
    """Newest searches, with the way to each."""
    found = fields.recent(view)[:MOST_LISTED]
    if not found:
        return [empty(texts("advice.no_recent"))]
    items = []
    for run in found:
        query = urlencode({"lang": texts.language, "run": run.id})
        state = texts(f"run_status.{run.status}")
        asked = texts.time(run.submitted_at, has_date=True)
        link = html.A(_line(run, view, texts), href=f"{PATH}?{query}")
        note = html.Span(f" {state}, {asked}", className="remark")
        items.append(html.Li([link, note], **{"data-id": f"advice-{run.id}"}))
    return [html.Ul(items, className="plain")]


def _time(view: CityView, base: str, texts: Texts) -> list[Component]:
    """Time that a search will take, from those before or from plain answers of the base."""
    runs = view.twin.traffic.runs(limit=fields.MOST_RUNS)
    own = past_of(runs, base, 0, engine=ADVICE_ENGINE)
    plain = past_of(runs, base, 0)
    return [html.P(_time_said(own, plain, texts), className="note")]


def _time_said(own: Past | None, plain: Past | None, texts: Texts) -> str:
    if own is not None:
        return texts("advice.time", time=texts.duration(max(own.seconds, 1.0)), n=own.runs)
    if plain is not None:
        return texts("advice.time_plain", time=texts.duration(max(plain.seconds, 1.0)))
    return texts("advice.time_unknown")
