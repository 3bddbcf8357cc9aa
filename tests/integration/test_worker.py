"""The worker: runs are claimed, solved and survive a lost heartbeat."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from simulations.worker import solve, work
from twin.city import Twin
from twin.model.provenance import Provenance
from twin.model.scenarios import Intervention, Result, Run, Scenario
from twin.store.memory import MemoryStore

CLOSE = Scenario("close a road", "today", (Intervention("close_link", ("L050/ab",)),))


class CountingEngine:
    """A small real engine: counts the interventions of a scenario."""

    name = "counting"
    version = "1"

    def solve(self, run: Run, progress: Callable[[float, str], bool]) -> Result:
        if not run.scenario.interventions:
            raise ValueError("a scenario without interventions has no effect to count")
        progress(0.5, "half")
        return Result(
            run_id=run.id,
            indicators={"interventions": float(len(run.scenario.interventions))},
            units={"interventions": "1"},
            assumptions=("every intervention counts once",),
            provenance=Provenance("derived", by="counting 1"),
        )


class MovableClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def twin(clock: MovableClock) -> Twin:
    return Twin(MemoryStore(), clock=clock)


def test_the_same_question_is_computed_once(twin: Twin) -> None:
    first = twin.submit(CLOSE, engine="counting", version="1")
    again = twin.submit(
        Scenario("another name", "today", CLOSE.interventions), engine="counting", version="1"
    )
    assert again.id == first.id


def test_a_submitted_run_is_solved_and_its_result_names_its_provenance(twin: Twin) -> None:
    run = twin.submit(CLOSE, engine="counting", version="1")
    stop = threading.Event()
    thread = threading.Thread(
        target=work,
        args=(twin,),
        kwargs={"engines": {"counting": CountingEngine()}, "stop": stop, "instance": "t"},
    )
    thread.start()
    deadline = threading.Event()
    try:
        for _ in range(100):
            if twin.run(run.id).status == "done":
                break
            deadline.wait(0.05)
    finally:
        stop.set()
        thread.join(10)
    result = twin.result(run.id)
    assert result is not None
    assert result.indicators == {"interventions": 1.0}
    assert result.provenance.by == "counting 1"
    assert [job.job for job in twin.health().jobs] == ["work"]


def test_a_run_that_cannot_be_solved_fails_with_its_reason(twin: Twin) -> None:
    run = twin.submit(Scenario("nothing", "today"), engine="counting", version="1")
    claimed = twin.claim_run(["counting"])
    assert claimed is not None
    solve(twin, claimed, CountingEngine())
    assert twin.run(run.id).status == "failed"
    assert "without interventions" in twin.run(run.id).message


class BrokenEngine(CountingEngine):
    """An engine with a defect that its author did not think of."""

    def solve(self, run: Run, progress: Callable[[float, str], bool]) -> Result:
        del progress
        raise AttributeError(run.engine)


def test_a_defect_of_an_engine_fails_the_run_and_not_the_worker(twin: Twin) -> None:
    run = twin.submit(CLOSE, engine="counting", version="1")
    claimed = twin.claim_run(["counting"])
    assert claimed is not None
    solve(twin, claimed, BrokenEngine())
    assert twin.run(run.id).status == "failed"
    assert "AttributeError" in twin.run(run.id).message


def test_a_run_of_a_dead_worker_is_claimed_again(twin: Twin, clock: MovableClock) -> None:
    run = twin.submit(CLOSE, engine="counting", version="1")
    assert twin.claim_run(["counting"]) is not None
    assert twin.claim_run(["counting"]) is None
    clock.time += timedelta(minutes=5)
    again = twin.claim_run(["counting"])
    assert again is not None
    assert again.id == run.id


def test_a_cancelled_run_tells_its_engine(twin: Twin) -> None:
    run = twin.submit(CLOSE, engine="counting", version="1")
    twin.claim_run(["counting"])
    twin.cancel_run(run.id)
    assert not twin.report_progress(run.id, progress=0.1, message="")
