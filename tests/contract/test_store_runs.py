"""What every store does with jobs and runs."""

import math
from datetime import timedelta

import pytest

from twin.errors import RegistryError, StoreError
from twin.model.jobs import JobStatus
from twin.model.provenance import Provenance
from twin.model.scenarios import Intervention, Result, Scenario
from twin.model.times import utc_now
from twin.ports import Store

NOW = utc_now()
LATER = NOW + timedelta(seconds=90)
SCENARIO = Scenario(
    "close one lane",
    "today",
    (Intervention("close_lane", ("road/1",), {"lanes": 1, "from": "08:00", "factor": 1e300}),),
)
RESULT = Result(
    run_id=0,
    indicators={"delay": 12.5, "gap": math.inf},
    units={"delay": "s"},
    assumptions=("no rain", "it's a 'test'"),
    provenance=Provenance("simulated", by="engine 1", at=NOW),
)


def test_the_newest_heartbeat_of_each_job_is_kept(store: Store) -> None:
    first = JobStatus("ingest", "1", NOW, NOW, "live", {"lag_s": 0.5, "rate": math.inf})
    second = JobStatus("ingest", "2", NOW, NOW, "waiting")
    store.beat(second)
    store.beat(first)
    assert store.jobs() == (first, second)
    newer = JobStatus("ingest", "1", NOW, LATER, "database away", {})
    store.beat(newer)
    assert store.jobs() == (newer, second)


def test_the_same_question_is_computed_once(store: Store) -> None:
    run = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=NOW)
    again = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=LATER)
    assert again == run
    assert run.scenario == SCENARIO
    assert (run.status, run.submitted_at, run.progress) == ("queued", NOW, 0.0)
    assert store.runs.submit(SCENARIO, engine="e", version="1", seed=1, at=NOW).id != run.id
    assert store.runs.run(run.id) == run


@pytest.mark.parametrize("ending", ["fail", "cancel"])
def test_a_question_without_an_answer_may_be_asked_again(store: Store, ending: str) -> None:
    run = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=NOW)
    if ending == "fail":
        store.runs.fail(run.id, message="out of memory", at=NOW)
        assert store.runs.run(run.id).message == "out of memory"
    else:
        store.runs.cancel(run.id, at=NOW)
    assert store.runs.run(run.id).status in ("failed", "cancelled")
    again = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=LATER)
    assert again.id != run.id
    assert again.status == "queued"


def test_runs_are_claimed_in_order_and_only_by_their_engine(store: Store) -> None:
    first, second = (
        store.runs.submit(SCENARIO, engine="e", version="1", seed=seed, at=NOW) for seed in (1, 2)
    )
    assert store.runs.claim(engines=["other"], expired_before=NOW, at=NOW) is None
    taken = store.runs.claim(engines=["other", "e"], expired_before=NOW, at=NOW)
    assert taken is not None
    assert (taken.id, taken.status) == (first.id, "running")
    taken = store.runs.claim(engines=["e"], expired_before=NOW, at=NOW)
    assert taken is not None
    assert taken.id == second.id
    assert store.runs.claim(engines=["e"], expired_before=NOW, at=NOW) is None


def test_a_run_whose_heartbeat_expired_is_claimed_again(store: Store) -> None:
    run = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=NOW)
    store.runs.claim(engines=["e"], expired_before=NOW, at=NOW)
    assert store.runs.report_progress(run.id, progress=0.25, message="quarter", at=LATER)
    assert (store.runs.run(run.id).progress, store.runs.run(run.id).message) == (0.25, "quarter")
    assert store.runs.claim(engines=["e"], expired_before=LATER, at=LATER) is None
    expired = LATER + timedelta(seconds=1)
    again = store.runs.claim(engines=["e"], expired_before=expired, at=expired)
    assert again is not None
    assert again.id == run.id


def test_a_finished_run_has_its_result(store: Store) -> None:
    run = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=NOW)
    assert store.runs.result(run.id) is None
    store.runs.claim(engines=["e"], expired_before=NOW, at=NOW)
    store.runs.finish(run.id, RESULT, at=LATER)
    found = store.runs.result(run.id)
    assert found is not None
    assert found.run_id == run.id
    assert (found.indicators, found.units) == (RESULT.indicators, RESULT.units)
    assert (found.assumptions, found.provenance) == (RESULT.assumptions, RESULT.provenance)
    assert (store.runs.run(run.id).status, store.runs.run(run.id).progress) == ("done", 1.0)
    store.runs.fail(run.id, message="too late", at=LATER)
    store.runs.finish(run.id, RESULT, at=LATER)
    assert store.runs.run(run.id).status == "done"
    assert store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=LATER).id == run.id


def test_a_cancelled_run_takes_no_result(store: Store) -> None:
    run = store.runs.submit(SCENARIO, engine="e", version="1", seed=0, at=NOW)
    store.runs.claim(engines=["e"], expired_before=NOW, at=NOW)
    store.runs.cancel(run.id, at=NOW)
    assert not store.runs.report_progress(run.id, progress=0.5, message="", at=LATER)
    store.runs.finish(run.id, RESULT, at=LATER)
    assert store.runs.result(run.id) is None
    assert store.runs.run(run.id).status == "cancelled"


@pytest.mark.parametrize("run_id", [0, 4711, -1, 2**70])
def test_an_unknown_run_is_named(store: Store, run_id: int) -> None:
    with pytest.raises(RegistryError, match=str(run_id)):
        store.runs.run(run_id)
    with pytest.raises(RegistryError):
        store.runs.cancel(run_id, at=NOW)
    with pytest.raises(RegistryError):
        store.runs.report_progress(run_id, progress=0.0, message="", at=NOW)
    with pytest.raises(RegistryError):
        store.runs.finish(run_id, RESULT, at=NOW)
    assert store.runs.result(run_id) is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_parameter_that_is_no_number_is_refused(store: Store, value: float) -> None:
    scenario = Scenario("s", "today", (Intervention("scale", (), {"factor": value}),))
    with pytest.raises(StoreError, match="factor"):
        store.runs.submit(scenario, engine="e", version="1", seed=0, at=NOW)
    with pytest.raises(StoreError, match="seed"):
        store.runs.submit(SCENARIO, engine="e", version="1", seed=2**80, at=NOW)


def test_a_store_says_that_it_works_and_what_it_is(store: Store) -> None:
    assert store.is_available()
    assert store.description()
