"""What every store does with the outcomes of analyses of bridges."""

from dataclasses import replace
from datetime import timedelta

import pytest
from bridge_samples import trained_model
from store_samples import city, readings, stream

from twin.errors import ModelError, RegistryError, StoreError
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.monitoring import (
    ANALYSIS_SOURCE,
    AnalysisOutcome,
    BridgeEvent,
    Kept,
    StateRecord,
)
from twin.model.times import to_us, utc_now
from twin.ports import Store

NOW = utc_now()
HOUR = timedelta(hours=1)
EVENT = BridgeEvent(
    "bridge", "crossing", "2026-1", NOW, {"gross_kn": 402.5}, {"class": "tractor"}, ("uncertain",)
)
STATE = StateRecord("rainflow", "bridge", 1, 1000, bytes(range(256)))
MODEL = trained_model("bridge", at=NOW)
FINDING = Finding(
    asset_id="bridge",
    rule="crack-trend",
    rule_version="3",
    severity="warning",
    key="crack/c1",
    statement=Phrase("crack_trend", {"rate_mm_a": 0.12, "sensor": "c1"}),
    next_step=Phrase("inspect_crack"),
    at=NOW,
    cause="structure",
    reasons=(Reason(Phrase("above_limit"), 0.12, "mm/a", 0.05, "own limit", "structure", "for"),),
    evidence=(EvidenceWindow("stream-000", NOW - HOUR, NOW),),
    comparable=(3, 5),
)
OUTCOME = AnalysisOutcome(events=(EVENT,), states=(STATE,), models=(MODEL,), findings=(FINDING,))
EVER = {"start": NOW - 1000 * HOUR, "end": NOW + 1000 * HOUR, "limit": 100}


def _derived(store: Store) -> int:
    """Number of a datastream that analyses write to."""
    sample = city()
    uid = "derived"
    streams = (*sample.datastreams, stream(uid, source=ANALYSIS_SOURCE))
    store.load(replace(sample, datastreams=streams), at=NOW)
    return next(item.number or 0 for item in store.datastreams() if item.uid == uid)


def test_an_outcome_comes_back_whole(store: Store) -> None:
    number = _derived(store)
    derived = readings([(number, to_us(NOW), 3.25)])
    kept = store.bridges.keep(replace(OUTCOME, readings=derived), at=NOW)
    assert replace(kept, findings=()) == Kept(readings=1, events=1, states=1, models=1)
    assert store.bridges.events("bridge", "crossing", **EVER) == (EVENT,)
    assert store.bridges.state("bridge", "rainflow") == STATE
    assert store.bridges.models("bridge") == (MODEL,)
    (stored,) = store.bridges.findings("bridge")
    assert (stored.id, stored.stage, stored.finding) == (kept.findings[0], "new", FINDING)
    assert store.bridges.finding(stored.id) == stored
    latest = store.latest()
    assert latest.value[list(latest.number).index(number)] == 3.25


def test_a_repeated_outcome_changes_nothing(store: Store) -> None:
    number = _derived(store)
    outcome = replace(OUTCOME, readings=readings([(number, to_us(NOW), 3.25)]))
    store.bridges.keep(outcome, at=NOW)
    before = store.bridges.findings()
    assert store.bridges.keep(outcome, at=NOW + HOUR) == Kept()
    assert store.bridges.findings() == before
    assert store.quarantine_counts() == {}


def test_a_corrected_derived_reading_keeps_the_earlier_one(store: Store) -> None:
    number = _derived(store)
    for value in (1.0, 2.0):
        outcome = AnalysisOutcome(readings=readings([(number, to_us(NOW), value)]))
        kept = store.bridges.keep(outcome, at=NOW)
    assert (kept.readings, kept.corrected, kept.quarantined) == (1, 1, 0)


def test_an_analysis_never_writes_into_a_measured_signal(store: Store) -> None:
    number = _derived(store)
    for wrong in (1, 4711):
        rows = readings([(number, to_us(NOW), 1.0), (wrong, to_us(NOW), 1.0)])
        with pytest.raises(StoreError, match=f"{wrong}"):
            store.bridges.keep(replace(OUTCOME, readings=rows), at=NOW)
    assert store.bridges.findings() == ()
    assert store.bridges.events("bridge", **EVER) == ()
    assert store.bridges.state("bridge", "rainflow") is None
    assert len(store.latest()) == 0


def test_an_outcome_for_an_unknown_asset_keeps_nothing(store: Store) -> None:
    other = replace(EVENT, asset_id="nowhere")
    with pytest.raises(RegistryError, match="nowhere"):
        store.bridges.keep(replace(OUTCOME, events=(EVENT, other)), at=NOW)
    assert store.bridges.events("bridge", **EVER) == ()
    with pytest.raises(StoreError):
        store.bridges.keep(AnalysisOutcome(events=(replace(EVENT, key="a\0"),)), at=NOW)


def test_an_event_is_never_replaced(store: Store) -> None:
    store.bridges.keep(OUTCOME, at=NOW)
    other = replace(EVENT, figures={"gross_kn": 1.0})
    assert store.bridges.keep(AnalysisOutcome(events=(other,)), at=NOW) == Kept()
    assert store.bridges.events("bridge", **EVER) == (EVENT,)


def test_events_come_newest_first_within_their_span(store: Store) -> None:
    events = tuple(replace(EVENT, key=str(hour), at=NOW + hour * HOUR) for hour in range(4))
    flood = replace(EVENT, kind="flood")
    store.bridges.keep(AnalysisOutcome(events=(*events, flood)), at=NOW)
    found = store.bridges.events("bridge", start=NOW, end=NOW + 3 * HOUR, limit=3)
    assert found == (events[2], events[1], events[0])
    assert store.bridges.events("bridge", "flood", **EVER) == (flood,)
    assert store.bridges.events("gauge-house", **EVER) == ()
    assert store.bridges.events("a\0", **EVER) == ()


def test_a_state_goes_forward_only(store: Store) -> None:
    later = replace(STATE, position_us=2000, content=b"later")
    assert store.bridges.keep(AnalysisOutcome(states=(later,)), at=NOW).states == 1
    assert store.bridges.keep(AnalysisOutcome(states=(STATE,)), at=NOW).states == 0
    assert store.bridges.state("bridge", "rainflow") == later
    newer = replace(STATE, format_version=2)
    assert store.bridges.keep(AnalysisOutcome(states=(newer,)), at=NOW).states == 1
    assert store.bridges.state("bridge", "rainflow") == newer
    assert store.bridges.state("bridge", "other") is None
    gauge = replace(STATE, asset_id="gauge-house")
    other = replace(STATE, name="other")
    store.bridges.keep(AnalysisOutcome(states=(gauge, other)), at=NOW)
    assert store.bridges.states("rainflow") == (newer, gauge)
    assert store.bridges.states("unknown") == ()


def test_a_model_with_other_contents_needs_the_next_version(store: Store) -> None:
    store.bridges.keep(AnalysisOutcome(models=(MODEL,)), at=NOW)
    other = replace(MODEL, content=b"other")
    with pytest.raises(StoreError, match="next version"):
        store.bridges.keep(replace(OUTCOME, models=(other,)), at=NOW)
    assert store.bridges.events("bridge", **EVER) == ()
    second = replace(other, version=2)
    assert store.bridges.keep(AnalysisOutcome(models=(second,)), at=NOW).models == 1
    assert store.bridges.models() == (MODEL, second)
    assert store.bridges.models("gauge-house") == ()


def test_a_finding_goes_step_by_step_and_every_step_is_logged(store: Store) -> None:
    (number,) = store.bridges.keep(OUTCOME, at=NOW).findings
    move = store.bridges.move_finding
    for stage, person, reason in (
        ("judged", "inspector", "too early"),
        ("seen", "", ""),
        ("seen", "Erika Muster", ""),
        ("over", "inspector", ""),
    ):
        with pytest.raises(ModelError, match="stays new"):
            move(number, stage, person=person, reason=reason, at=NOW)
    move(number, "seen", person="control-room", reason="", at=NOW + HOUR)
    with pytest.raises(ModelError, match="need a reason"):
        move(number, "judged", person="inspector", reason=" ", at=NOW)
    move(number, "judged", person="inspector", reason="crack followed", at=NOW + 2 * HOUR)
    stored = move(number, "closed", person="inspector", reason="injected", at=NOW + 3 * HOUR)
    assert store.bridges.finding(number) == stored
    assert [(step.stage, step.person, step.reason) for step in stored.steps] == [
        ("new", "", "first stated"),
        ("seen", "control-room", ""),
        ("judged", "inspector", "crack followed"),
        ("closed", "inspector", "injected"),
    ]
    assert all(step.finding == FINDING for step in stored.steps)
    assert store.bridges.findings() == ()
    assert store.bridges.findings(only_open=False) == (stored,)
    with pytest.raises(ModelError, match="closed"):
        move(number, "closed", person="inspector", reason="again", at=NOW)
    with pytest.raises(RegistryError):
        move(4711, "seen", person="inspector", reason="", at=NOW)


def test_a_closed_finding_is_opened_by_a_later_observation_only(store: Store) -> None:
    (number,) = store.bridges.keep(OUTCOME, at=NOW).findings
    for stage in ("seen", "judged", "closed"):
        store.bridges.move_finding(number, stage, person="inspector", reason="done", at=NOW)
    assert store.bridges.keep(OUTCOME, at=NOW).findings == ()
    again = AnalysisOutcome(findings=(replace(FINDING, at=NOW + HOUR),))
    (second,) = store.bridges.keep(again, at=NOW + HOUR).findings
    assert second != number
    assert [stored.id for stored in store.bridges.findings(only_open=False)] == [second, number]
    assert [stored.id for stored in store.bridges.findings(only_open=False, limit=1)] == [second]


def test_other_figures_of_a_finding_are_news_and_no_step(store: Store) -> None:
    (number,) = store.bridges.keep(OUTCOME, at=NOW).findings
    grown = replace(FINDING, at=NOW + HOUR, statement=Phrase("crack_trend", {"rate_mm_a": 0.14}))
    assert store.bridges.keep(AnalysisOutcome(findings=(grown,)), at=NOW).findings == (number,)
    stored = store.bridges.finding(number)
    assert stored.finding == grown
    assert len(stored.steps) == 1
    assert stored.opened_at == NOW


def test_a_judged_finding_that_grows_worse_is_new_again(store: Store) -> None:
    (number,) = store.bridges.keep(OUTCOME, at=NOW).findings
    for stage in ("seen", "judged"):
        store.bridges.move_finding(number, stage, person="inspector", reason="small", at=NOW)
    worse = replace(FINDING, at=NOW + HOUR, severity="critical", cause=None)
    store.bridges.keep(AnalysisOutcome(findings=(worse,)), at=NOW + HOUR)
    stored = store.bridges.finding(number)
    assert (stored.stage, stored.finding) == ("new", worse)
    assert stored.steps[-1].reason == "severity warning to critical; cause structure to open"
    assert stored.steps[-1].person == ""
    assert store.bridges.keep(OUTCOME, at=NOW).findings == ()
    assert store.bridges.finding(number) == stored
