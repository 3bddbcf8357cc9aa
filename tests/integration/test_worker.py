"""The worker: runs are claimed, solved and survive a lost heartbeat."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from free_flow import FreeFlow, keep, river_base
from waiting import wait_for

from simulations.capacity import Capacity
from simulations.running import Limits, OpenBases
from simulations.worker import TrafficRuns, solve, work
from twin.city import Twin
from twin.errors import RegistryError, ScenarioError
from twin.model.packing import unpack, unpack_columns
from twin.model.provenance import Provenance
from twin.model.questions import options_text
from twin.model.scenarios import Intervention, Result, Run, Scenario
from twin.model.traffic import TrafficResult
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


CLOSE_FAST = Scenario("close the fast bridge", "today", (Intervention("close_link", ("1-2",)),))
LIMITS = Limits(Capacity(threads=1, memory_bytes=10**9), time_limit_s=60.0)


def _runs(engine: FreeFlow, *, limits: Limits = LIMITS) -> TrafficRuns:
    return TrafficRuns(engine, limits, OpenBases())


@pytest.fixture
def city(clock: MovableClock) -> Twin:
    """A city whose base is stored."""
    store = MemoryStore()
    keep(store, river_base())
    return Twin(store, clock=clock)


def _claimed(city: Twin) -> Run:
    run = city.claim_run(["free_flow"])
    assert run is not None
    return run


def test_a_scenario_is_bound_to_the_newest_base_of_its_name(city: Twin) -> None:
    base = city.base("today")
    run = city.ask(CLOSE_FAST)
    assert (run.base, run.engine, run.version) == (base.facts.content_hash, "free_flow", "1")
    assert run.options == options_text(relative_gap=1e-6)
    assert city.ask(CLOSE_FAST, relative_gap=1e-7).id != run.id


def test_a_base_that_is_missing_names_the_command_that_makes_it(twin: Twin, city: Twin) -> None:
    with pytest.raises(RegistryError, match=r"none is stored yet; run `twin estimate`"):
        twin.ask(CLOSE_FAST)
    with pytest.raises(RegistryError, match=r"no traffic base 'evening', stored are: today"):
        city.ask(Scenario("x", "evening", CLOSE_FAST.interventions))


def test_a_traffic_run_stores_its_equilibrium_columns_and_report(city: Twin) -> None:
    run = city.ask(CLOSE_FAST)
    solve(city, _claimed(city), _runs(FreeFlow()))
    assert city.run(run.id).status == "done", city.run(run.id).message
    result = unpack(city.traffic.run_part(run.id, "result") or b"", TrafficResult)
    assert result.flow_vehh[0].tolist() == [0, 0, 900, 900, 600, 600, 0, 0]
    columns = unpack_columns(city.traffic.run_part(run.id, "links") or b"")
    assert columns["scenario_vehh"].tolist() == result.flow_vehh[0].tolist()
    report = json.loads(city.traffic.run_part(run.id, "report") or b"")
    assert report["solver"]["relative_gap"] == 0.0
    stored = city.result(run.id)
    assert stored is not None
    assert stored.provenance == Provenance("simulated", by="free_flow 1")
    assert city.ask(Scenario("same", "today", CLOSE_FAST.interventions)).id == run.id


def test_a_scenario_that_does_not_fit_fails_with_every_problem(city: Twin) -> None:
    wrong = (Intervention("close_link", ("1-9",)), Intervention("close_link", ("7-7",)))
    with pytest.raises(ScenarioError) as refused:
        city.ask(Scenario("wrong", "today", wrong))
    assert len(refused.value.problems) == 2
    base = city.base("today").facts.content_hash
    run = city.submit(Scenario("wrong", "today", wrong), engine="free_flow", version="1", base=base)
    solve(city, _claimed(city), _runs(FreeFlow()))
    assert city.run(run.id).status == "failed"
    assert "1-9" in city.run(run.id).message
    assert "7-7" in city.run(run.id).message


def test_a_run_that_needs_too_much_memory_is_refused_with_both_numbers(city: Twin) -> None:
    run = city.ask(CLOSE_FAST)
    small = Limits(Capacity(threads=1, memory_bytes=1000), time_limit_s=60.0)
    solve(city, _claimed(city), _runs(FreeFlow(), limits=small))
    assert city.run(run.id).status == "failed"
    assert "needs about 0.00 GB" in city.run(run.id).message
    assert "traffic.memory_bytes" in city.run(run.id).message


def test_an_engine_of_another_version_does_not_answer(city: Twin) -> None:
    newer = FreeFlow()
    newer.version = "2"
    run = city.ask(CLOSE_FAST)
    solve(city, _claimed(city), _runs(newer))
    assert "free_flow 1, 2 is installed" in city.run(run.id).message


def _in_background(city: Twin, engine: FreeFlow, stop: threading.Event) -> threading.Thread:
    run = _claimed(city)
    kwargs = {"stop": stop}
    thread = threading.Thread(target=solve, args=(city, run, _runs(engine)), kwargs=kwargs)
    thread.start()
    return thread


def test_a_cancelled_run_ends_its_solver(city: Twin) -> None:
    run = city.ask(CLOSE_FAST)
    thread = _in_background(city, FreeFlow(endless=True), threading.Event())
    wait_for(lambda: city.run(run.id).message.startswith("path"), "progress of the run")
    city.cancel_run(run.id)
    thread.join(10)
    assert not thread.is_alive()
    assert city.run(run.id).status == "cancelled"
    assert city.result(run.id) is None


def test_a_worker_that_ends_gives_its_run_back(city: Twin) -> None:
    run = city.ask(CLOSE_FAST)
    stop = threading.Event()
    thread = _in_background(city, FreeFlow(endless=True), stop)
    wait_for(lambda: city.run(run.id).message.startswith("path"), "progress of the run")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert (city.run(run.id).status, city.run(run.id).attempt) == ("queued", 0)


def test_an_engine_that_ignores_its_time_limit_is_stopped(city: Twin) -> None:
    run = city.ask(CLOSE_FAST)
    hurried = Limits(Capacity(threads=1, memory_bytes=10**9), time_limit_s=0.05)
    solve(city, _claimed(city), _runs(FreeFlow(endless=True), limits=hurried))
    assert city.run(run.id).status == "failed"
    assert "traffic.time_limit_s" in city.run(run.id).message


def test_a_worker_whose_run_was_taken_over_stops_and_stores_nothing(
    city: Twin, clock: MovableClock
) -> None:
    run = city.ask(CLOSE_FAST)
    thread = _in_background(city, FreeFlow(endless=True), threading.Event())
    wait_for(lambda: city.run(run.id).message.startswith("path"), "progress of the run")
    clock.time += timedelta(minutes=5)
    second = wait_for(lambda: city.claim_run(["free_flow"]), "the run to be free again")
    thread.join(10)
    assert not thread.is_alive()
    assert (city.run(run.id).status, second.attempt) == ("running", 2)
    solve(city, second, _runs(FreeFlow()))
    assert city.run(run.id).status == "done"
