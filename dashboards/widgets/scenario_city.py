"""What the editor reads of the city: bases, what they know, past runs, lorries on bridges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from dashboards.i18n.translate import Texts
from dashboards.view import CityView
from dashboards.widgets.scenario_draft import Draft, scenario_of, with_item
from dashboards.widgets.scenario_job import BAND_MEMBERS, ENGINE, Past, past_of
from dashboards.widgets.scenario_list import Bases
from dashboards.widgets.scenario_picker import Lorries
from dashboards.widgets.scenario_problems import Problem, told, unread_problems
from dashboards.widgets.scenario_values import intervention_of, time_of
from twin.errors import RegistryError, ScenarioError
from twin.model.interventions import kinds
from twin.model.packing import unpack
from twin.model.scenarios import Run, Scenario, check
from twin.model.targets import TARGETS_PART, TargetNames
from twin.model.traffic_state import live_of, validity

MOST_RUNS = 100
WORKER_ALIVE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class EditorCity:
    """The city beside a draft."""

    bases: Bases
    names: TargetNames | None
    lorries: Lorries
    pasts: Sequence[Past | None]


def read_city(view: CityView, base_name: str) -> EditorCity:
    """Everything that is shown beside a draft of a base."""
    twin = view.twin
    stored = twin.traffic.bases()
    chosen = next((base for base in stored if base.facts.name == base_name), None)
    if chosen is None:
        return EditorCity(Bases(stored, None), None, Lorries(), (None, None))
    content = twin.traffic.base_part(chosen.id, TARGETS_PART)
    content_hash = chosen.facts.content_hash
    runs = twin.traffic.runs(limit=MOST_RUNS)
    live = live_of(twin.traffic.states("live"), content_hash)
    return EditorCity(
        bases=Bases(stored, chosen, validity(live, twin.now())),
        names=None if content is None else unpack(content, TargetNames),
        lorries=_lorries(view, runs, content_hash),
        pasts=[past_of(runs, content_hash, members) for members in (0, BAND_MEMBERS)],
    )


def _lorries(view: CityView, runs: Sequence[Run], content_hash: str) -> Lorries:
    """Heavy vehicles per day of the base, as the newest answered run of it says."""
    for run in runs:
        if run.engine == ENGINE and run.status == "done" and run.base == content_hash:
            document = view.twin.measures.document(run.id)
            if document is not None:
                return Lorries(run.id, _heavy(document))
    return Lorries()


def _heavy(document: Mapping[str, object]) -> dict[str, float]:
    """Largest number of a part structure, by asset; parts of one bridge may carry the same road."""
    found: dict[str, float] = {}
    for bridge in cast("Sequence[Mapping[str, Any]]", document["bridges"]):
        count = bridge["heavy"]["base_vehd"]
        if isinstance(count, int | float):
            asset = str(bridge["asset"])
            found[asset] = max(found.get(asset, 0.0), float(count))
    return found


def written_scenario(draft: Draft, zone: str, *, name: str = "") -> Scenario:
    """Question of a draft with its time; a time that cannot be read is left out."""
    scenario = scenario_of(draft, name=name)
    return replace(scenario, at=time_of(draft.now.at, zone))


def draft_problems(view: CityView, draft: Draft, texts: Texts) -> tuple[Problem, ...]:
    """All that stands against asking the question of a draft."""
    if draft.now.at.strip() and time_of(draft.now.at, texts.timezone) is None:
        text = texts("scenario_problem.time", text=draft.now.at)
        return (Problem(0, "at", text),)
    return told(_sentences(view, written_scenario(draft, texts.timezone, name="-")), texts)


def _sentences(view: CityView, scenario: Scenario) -> tuple[str, ...]:
    try:
        check(scenario)
        view.twin.measures.check(scenario)
    except ScenarioError as error:
        return error.problems
    except RegistryError:
        return ()  # the head says that there is no such base
    return ()


def form_problems(view: CityView, draft: Draft, texts: Texts) -> tuple[Problem, ...]:
    """What is wrong with the open form; what is only missing counts when it was to be applied."""
    opened = draft.opened
    if opened is None or opened.kind not in kinds():
        return ()
    item, unread = intervention_of(opened, texts.timezone)
    typed = with_item(draft, opened.uid, item)
    uid = opened.uid or typed.items[-1].uid
    number = 1 + [one.uid for one in typed.items].index(uid)
    said = told(_sentences(view, written_scenario(typed, texts.timezone, name="-")), texts)
    spoilt = {one.field for one in unread}
    own = [
        one
        for one in said
        if one.number == number and one.field not in spoilt and (opened.tried or not one.is_missing)
    ]
    return (*unread_problems(unread, texts), *own)


def is_complete(view: CityView, draft: Draft, texts: Texts) -> bool:
    """Whether the open form could be applied as it is."""
    opened = draft.opened
    if opened is None or opened.kind not in kinds():
        return False
    tried = replace(draft, opened=replace(opened, tried=True))
    return not form_problems(view, tried, texts)


def has_worker(view: CityView) -> bool:
    """Whether some worker has reported lately."""
    oldest = view.twin.now() - WORKER_ALIVE
    return any(
        job.job == "work" and job.state == "live" and job.heartbeat_at > oldest
        for job in view.twin.jobs()
    )
