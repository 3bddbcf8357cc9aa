"""Workers as real processes on a real database: killed, stopped, cancelled."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from free_flow import keep, river_base
from store_servers import Database, running_server
from waiting import wait_for

from twin.city import Twin
from twin.model.interventions import Intervention
from twin.model.scenarios import Run, Scenario
from twin.model.times import utc_now
from twin.store import open_store

SCRIPT = Path(__file__).parents[1] / "traffic_worker.py"
CLOSE = Scenario("close the fast bridge", "today", (Intervention("close_link", ("1-2",)),))
EXPIRED_S = 60.0

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        yield server.migrated_database()


@pytest.fixture
def twin(database: Database) -> Iterator[Twin]:
    database.run("DELETE FROM run_part; DELETE FROM run_result; DELETE FROM run")
    store = open_store(database.dsn())
    keep(store, river_base())
    yield Twin(store, clock=utc_now)
    store.close()


@contextmanager
def _worker(
    database: Database, kind: str, *, ahead_s: float = 0.0
) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, str(SCRIPT), database.dsn("twin_work"), kind, str(ahead_s)]
    process = subprocess.Popen(
        command,
        env={"PYTHONPATH": str(SCRIPT.parent)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def _begun(twin: Twin) -> Run:
    run = twin.ask(CLOSE)
    wait_for(lambda: twin.run(run.id).message.startswith("path"), "a run that is computed")
    return run


def test_a_killed_worker_costs_a_run_nothing(database: Database, twin: Twin) -> None:
    with _worker(database, "endless") as first:
        run = _begun(twin)
        first.kill()
        first.wait(10)
    assert twin.run(run.id).status == "running"
    with _worker(database, "quick"):
        assert twin.claim_run(["free_flow"]) is None
        assert twin.run(run.id).status == "running"
    with _worker(database, "quick", ahead_s=EXPIRED_S):
        done = wait_for(lambda: _over(twin, run), "the run to be answered by another worker")
    assert (done.status, done.attempt) == ("done", 2)
    report = json.loads(twin.traffic.run_part(run.id, "report") or b"")
    assert report["base"]["name"] == "today"
    assert twin.ask(CLOSE).id == run.id


def _over(twin: Twin, run: Run) -> Run | None:
    now = twin.run(run.id)
    return now if now.status in ("done", "failed", "cancelled") else None


def test_a_worker_that_is_told_to_stop_gives_its_run_back(database: Database, twin: Twin) -> None:
    with _worker(database, "endless") as first:
        run = _begun(twin)
        first.terminate()
        assert first.wait(30) == 0
    assert (twin.run(run.id).status, twin.run(run.id).attempt) == ("queued", 0)
    with _worker(database, "quick"):
        done = wait_for(lambda: _over(twin, run), "the run to be answered")
    assert (done.status, done.attempt) == ("done", 1)


def test_a_cancelled_run_frees_its_worker_for_the_next(database: Database, twin: Twin) -> None:
    with _worker(database, "endless"):
        run = _begun(twin)
        twin.cancel_run(run.id)
        other = twin.ask(CLOSE, relative_gap=1e-7)
        wait_for(lambda: twin.run(other.id).status == "running", "the worker to take the next run")
        assert twin.run(run.id).status == "cancelled"
        assert any(job.job == "work" for job in twin.health().jobs)
