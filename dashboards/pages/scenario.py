"""The editor of scenarios: what if this bridge is limited, this lane closed; see ADR 0052.

Stores for whoever adds another way to pick: `scenario-picked` takes ``{"id": ..., "n": ...}``, the
id of a bridge or of a direction of a road; `scenario-chosen` holds the targets of the open form,
``{"assets": [...], "links": [...]}``.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.pages.frame import PageRequest
from dashboards.pages.requests import read_request
from dashboards.state import ViewState, encode
from dashboards.view import CityView
from dashboards.widgets import scenario_map
from dashboards.widgets.scenario_acts import (
    Done,
    Event,
    Setting,
    absorbed,
    acted,
    event_of,
    imported,
)
from dashboards.widgets.scenario_address import code_of, scenario_of_code
from dashboards.widgets.scenario_city import (
    EditorCity,
    draft_problems,
    form_problems,
    has_worker,
    is_complete,
    read_city,
    written_scenario,
)
from dashboards.widgets.scenario_controls import act
from dashboards.widgets.scenario_draft import Draft, Opened, draft_of, file_of, from_store, to_store
from dashboards.widgets.scenario_form import FormView, measure_form
from dashboards.widgets.scenario_halves import left, right
from dashboards.widgets.scenario_job import OVER, announcement, job_card, start
from dashboards.widgets.scenario_list import exchange, head, measures
from dashboards.widgets.scenario_picker import choices, list_of, picker, readable, target_kind_of
from dashboards.widgets.scenario_problems import Problem, told
from dashboards.widgets.scenario_values import intervention_of, local_text
from twin.errors import RegistryError, StoreUnavailableError, TwinError
from twin.model.scenario_words import sentence, sentences
from twin.model.scenarios import Run, Scenario

TITLE = "scenario.title"
PERMISSION = "run.submit"
PULSE_MS = 1000
MOST_WAITING = 200
TREES = ("head", "measures", "form", "picker", "run", "job", "exchange")


@dataclass(frozen=True, slots=True)
class Reply:
    """Draft after an event, with what the browser does then."""

    done: Done
    problems: tuple[Problem, ...] = ()
    file: str = ""
    notice: str = ""


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page; the draft of the browser fills it."""
    texts = request.texts
    stores = [
        dcc.Store(id=f"scenario-{name}") for name in ("draft", "event", "reply", "picked", "chosen")
    ]
    return [
        html.H1(texts(TITLE)),
        html.Div(
            [
                *stores,
                dcc.Store(id="scenario-start", data=True),
                dcc.Interval(id="scenario-pulse", interval=PULSE_MS, disabled=True),
                dcc.Download(id="scenario-file"),
                html.P(id="scenario-said", role="status", className="said"),
                html.P(id="scenario-job-said", role="status", className="hidden"),
                html.Div([left(texts), right(view, texts)], className="editor"),
            ],
            id="scenario",
            className="page",
        ),
    ]


def register(app: Dash, view: CityView) -> None:
    """Callbacks of the page."""
    _register_browser(app)
    outputs = [Output(f"scenario-{name}", "tree", allow_duplicate=True) for name in TREES]

    @app.callback(
        Output("scenario-draft", "data"),
        Output("scenario-reply", "data"),
        *outputs,
        Output("scenario-form", "looks"),
        Output("scenario-head", "looks"),
        Output("scenario-chosen", "data"),
        Output("scenario-pulse", "disabled", allow_duplicate=True),
        Output("scenario-file", "data"),
        Output("scenario-said", "children"),
        Input("scenario-event", "data"),
        State("scenario-draft", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def answer(event: object, stored: object, address: str | None) -> tuple[object, ...]:
        request = read_request(view, "/scenario", address)
        return await asyncio.to_thread(_answered, event_of(event), stored, request, view)

    @app.callback(
        Output("scenario-job", "tree", allow_duplicate=True),
        Output("scenario-job-said", "children"),
        Output("scenario-pulse", "disabled", allow_duplicate=True),
        Input("scenario-pulse", "n_intervals"),
        State("scenario-draft", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def pulse(_beats: int, stored: object, address: str | None) -> tuple[object, ...]:
        texts = read_request(view, "/scenario", address).texts
        return await asyncio.to_thread(_followed, stored, texts, view)


def _register_browser(app: Dash) -> None:
    """What happens in the browser alone: events, focus, address, local storage, map."""
    for name, output, given in (
        ("start", "scenario-event.data", "scenario-start.data"),
        ("after", "scenario-start.modified_timestamp", "scenario-reply.data"),
        ("followed", "scenario-pulse.max_intervals", "scenario-pulse.disabled"),
        ("pickOnMap", "scenario-picked.data", f"{scenario_map.PICK}.clickData"),
        ("picked", "scenario-picked.modified_timestamp", "scenario-picked.data"),
        ("showChosen", "scenario-chosen.modified_timestamp", "scenario-chosen.data"),
    ):
        app.clientside_callback(
            ClientsideFunction("scenario", name),
            Output(*_property(output)),
            Input(*_property(given)),
            prevent_initial_call=name != "start",
        )


def _property(text: str) -> tuple[str, str]:
    identity, _, name = text.partition(".")
    return identity, name


def _answered(
    event: Event, stored: object, request: PageRequest, view: CityView
) -> tuple[object, ...]:
    texts = request.texts
    try:
        before = absorbed(from_store(stored), event)
        reply = _reply(before, event, request, view)
        return _drawn(reply, event, request, view)
    except StoreUnavailableError:
        nothing = [no_update] * (len(TREES) + 5)
        draft = no_update if event.do == "open" else to_store(absorbed(from_store(stored), event))
        return (draft, no_update, *nothing, texts("state.database_away"))


def _reply(draft: Draft, event: Event, request: PageRequest, view: CityView) -> Reply:
    """What an event does, in the draft or beyond."""
    texts = request.texts
    setting = _setting(draft, view, texts)
    if event.do == "open":
        return _opened(event, request, view)
    if event.do == "run":
        return _asked(draft, event.uid, view, texts)
    if event.do == "cancel" and event.uid:
        view.twin.cancel_run(event.uid)
        return Reply(Done(draft, focus="job-title", said="scenario_said.cancelled"))
    if event.do == "import":
        done, problems = imported(draft, event.arg, setting)
        return Reply(_with_base(done, view), told(problems, texts))
    if event.do == "export":
        scenario = written_scenario(draft, texts.timezone, name=_name(draft, view, texts))
        return Reply(Done(draft, said="scenario_said.exported"), file=file_of(scenario))
    return Reply(acted(draft, event, setting))


def _setting(draft: Draft, view: CityView, texts: Texts) -> Setting:
    def kind_of(target: str) -> str:
        names = read_city(view, draft.now.base).names
        return target_kind_of(target, names, view.now.features)

    return Setting(
        zone=texts.timezone,
        language=texts.language,
        kind_of=kind_of,
        form_problems=lambda tried: form_problems(view, tried, texts),
    )


def _opened(event: Event, request: PageRequest, view: CityView) -> Reply:
    """First draft: from the address, else what the browser kept; nothing kept is lost."""
    texts, state = request.texts, request.state
    kept = from_store(_json(event.arg))
    draft, notice = kept, ""
    if state.source is not None:
        draft, notice = _copied(state.source, kept, view, texts)
    elif state.scenario:
        scenario = scenario_of_code(state.scenario)
        if scenario is None:
            notice = texts("scenario_said.bad_address")
        elif state.scenario != code_of(written_scenario(kept, texts.timezone)):
            at = local_text(scenario.at, texts.timezone)
            draft = replace(draft_of(scenario, before=kept, at=at), run=state.run)
    focus = ""
    if state.bridge:
        if state.bridge in view.now.features.assets:
            begun = draft_of(Scenario("", draft.now.base), before=draft) if draft.run else draft
            draft = replace(begun, opened=Opened(targets=(state.bridge,)), pick="bridges")
            focus = "field-kind"
        else:
            notice = texts("scenario_said.no_bridge", id=state.bridge)
    return Reply(_with_base(Done(draft, focus), view), notice=notice)


def _json(text: str) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _copied(number: int, kept: Draft, view: CityView, texts: Texts) -> tuple[Draft, str]:
    try:
        run = view.twin.run(number)
    except RegistryError:
        return kept, texts("scenario_said.no_run", n=number)
    scenario = replace(run.scenario, name=texts("scenario.copy_of", name=run.scenario.name)[:200])
    return draft_of(scenario, before=kept, at=local_text(run.scenario.at, texts.timezone)), ""


def _with_base(done: Done, view: CityView) -> Done:
    """A draft without a base takes the newest one."""
    draft = done.draft
    stored = view.twin.traffic.bases()
    if draft.now.base or not stored:
        return done
    newest = max(stored, key=lambda base: base.made_at).facts.name
    now = replace(draft.now, base=newest)
    return replace(done, draft=replace(draft, now=now, epoch=draft.epoch + 1))


def _asked(draft: Draft, members: int, view: CityView, texts: Texts) -> Reply:
    """Queue the question of a sound draft."""
    if draft.opened is not None:
        return Reply(Done(draft, "form-apply", "scenario_said.form_open"))
    is_known = read_city(view, draft.now.base).bases.chosen is not None
    if not draft.items or not is_known or draft_problems(view, draft, texts):
        return Reply(Done(draft, said="scenario_said.not_sound"))
    twin = view.twin
    if twin.traffic.waiting(most=MOST_WAITING) == MOST_WAITING:
        return Reply(Done(draft, said="scenario_said.busy", said_values={"n": MOST_WAITING}))
    scenario = written_scenario(draft, texts.timezone, name=_name(draft, view, texts))
    gap = view.settings.traffic.relative_gap
    try:
        run = twin.measures.ask(scenario, members=members, relative_gap=gap)
    except StoreUnavailableError:
        raise
    except TwinError as error:
        return Reply(Done(draft), notice=texts("scenario_said.refused", reason=str(error)))
    said = "scenario_said.known" if run.status == "done" else "scenario_said.asked"
    return Reply(Done(replace(draft, run=run.id), "job-title", said, {"n": run.id}))


def _name(draft: Draft, view: CityView, texts: Texts) -> str:
    """Name of a question that got none: its first measure."""
    said = _sentences(draft, view, texts)
    return said[0].rstrip(".")[:200] if said else texts("scenario.unnamed")


def _sentences(draft: Draft, view: CityView, texts: Texts) -> tuple[str, ...]:
    return sentences(
        written_scenario(draft, texts.timezone),
        language=texts.language,
        names=readable(view.now.features, None),
        zone=ZoneInfo(texts.timezone),
    )


def _drawn(reply: Reply, event: Event, request: PageRequest, view: CityView) -> tuple[object, ...]:
    """All parts of the page after an event."""
    texts, draft = request.texts, reply.done.draft
    city = read_city(view, draft.now.base)
    problems = draft_problems(view, draft, texts) if draft.items else ()
    run = _run(draft, view)
    opened = draft.opened
    parts: dict[str, list[Component]] = {
        "head": head(draft, city.bases, problems, texts),
        "measures": measures(draft, _sentences(draft, view, texts), problems, texts),
        "form": _form(draft, city, view, texts),
        "picker": _picker(draft, city, view, texts),
        "run": start(
            problems,
            city.pasts,
            is_possible=_is_askable(draft, city) and not problems,
            texts=texts,
        ),
        "job": _job(run, view, texts),
        "exchange": exchange(draft, texts),
    }
    stored = to_store(draft)
    code = code_of(written_scenario(draft, texts.timezone)) if draft.items else ""
    address = encode(ViewState(lang=request.state.lang, run=draft.run, scenario=code))
    return (
        stored,
        {
            "n": event.n,
            "kept": json.dumps(stored),
            "address": f"?{address}" if address else "",
            "focus": reply.done.focus,
        },
        *(parts[name] for name in TREES),
        {
            "className": "measure-form",
            "role": "group",
            "aria-labelledby": "form-title",
            "data-form": "" if opened is None else str(opened.uid),
            "hidden": opened is None,
        },
        {"data-epoch": str(draft.epoch)},
        _chosen(draft, city, view),
        run is None or run.status in OVER,
        _file(reply, draft, view, texts),
        _said(reply, event, view, texts),
    )


def _is_askable(draft: Draft, city: EditorCity) -> bool:
    return bool(draft.items) and draft.opened is None and city.bases.chosen is not None


def _form(draft: Draft, city: EditorCity, view: CityView, texts: Texts) -> list[Component]:
    opened = draft.opened
    if opened is None:
        return []
    names = readable(view.now.features, city.names)
    said = ""
    if is_complete(view, draft, texts):
        item, _ = intervention_of(opened, texts.timezone)
        zone = ZoneInfo(texts.timezone)
        said = sentence(item, language=texts.language, names=names, zone=zone)
    uids = [item.uid for item in draft.items]
    found = FormView(
        opened=opened,
        number=1 + uids.index(opened.uid) if opened.uid in uids else 0,
        problems=form_problems(view, draft, texts),
        sentence=said,
        names=names,
        classes=city.names.classes if city.names else (),
    )
    return measure_form(found, texts)


def _picker(draft: Draft, city: EditorCity, view: CityView, texts: Texts) -> list[Component]:
    which = list_of(draft.opened, draft.pick)
    found = choices(which, view.now, city.names, city.lorries, texts)
    parts = picker(
        which,
        found,
        opened=draft.opened,
        search=draft.search,
        lorries=city.lorries,
        texts=texts,
    )
    if draft.opened is not None:
        parts.append(act(texts("scenario.to_form"), "form", id="to-form"))
    return parts


def _chosen(draft: Draft, city: EditorCity, view: CityView) -> dict[str, list[str]]:
    targets = draft.opened.targets if draft.opened else ()
    features = view.now.features
    sorts = {target: target_kind_of(target, city.names, features) for target in targets}
    return {
        "assets": [one for one, sort in sorts.items() if sort == "asset"],
        "links": [one for one, sort in sorts.items() if sort == "link"],
    }


def _file(reply: Reply, draft: Draft, view: CityView, texts: Texts) -> object:
    if not reply.file:
        return no_update
    name = draft.name.strip() or _name(draft, view, texts)
    kept = "".join(sign if sign.isalnum() else "-" for sign in name)[:60].strip("-")
    return dcc.send_string(reply.file, f"{kept or 'scenario'}.json", type="application/json")


def _said(reply: Reply, event: Event, view: CityView, texts: Texts) -> object:
    """Last act in words, for the eye and for a screen reader."""
    done = reply.done
    if reply.notice:
        return reply.notice
    if not done.said:
        return no_update if event.do in ("type", "look", "list") else ""
    values = dict(done.said_values or {})
    if "target" in values:
        names = readable(view.now.features, None)
        values["target"] = names.get(str(values["target"]), values["target"])
    text = texts(done.said, **values)
    return " ".join([text, *(one.text for one in reply.problems[:5])])


def _run(draft: Draft, view: CityView) -> Run | None:
    if draft.run is None:
        return None
    try:
        return view.twin.run(draft.run)
    except RegistryError:
        return None


def _job(run: Run | None, view: CityView, texts: Texts) -> list[Component]:
    parts = job_card(run, view.twin.now(), texts)
    if run is not None and run.status == "queued" and not has_worker(view):
        parts.append(html.P(texts("scenario_job.no_worker"), className="problem"))
    return parts


def _followed(stored: object, texts: Texts, view: CityView) -> tuple[object, ...]:
    try:
        run = _run(from_store(stored), view)
        is_over = run is None or run.status in OVER
        return _job(run, view, texts), announcement(run, texts), is_over
    except StoreUnavailableError:
        return no_update, texts("state.database_away"), False
