"""F22: a worker that is killed or runs out of memory costs neither its run nor a reading."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from faults.oracle import judge, wait_for_stored
from faults.rig import Rig, ingest_rig, plan
from waiting import wait_for

from twin.city import Twin
from twin.model.scenarios import Intervention, Scenario
from twin.model.times import utc_now
from twin.store import open_store

MESSAGES = 5_000
RATE_HZ = 500.0
SCRIPT = Path(__file__).with_name("hungry_worker.py")
CLOSE = Scenario("close a road", "today", (Intervention("close_link", ("L050/ab",)),))

pytestmark = [pytest.mark.db, pytest.mark.broker]


@contextmanager
def worker(rig: Rig, kind: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker as a process of its own."""
    with rig.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), rig.owner_dsn, kind], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_a_killed_worker_leaves_a_run_that_is_claimed_again_and_no_reading_is_lost() -> None:
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=MESSAGES, rate_hz=RATE_HZ))
        generator.start()
        twin = rig.twin()
        run = twin.submit(CLOSE, engine="endless", version="1")
        with worker(rig, "endless") as process:
            wait_for(lambda: twin.run(run.id).progress == 0.5, "a run that is half done")
            process.kill()
            process.wait(10)
        assert twin.run(run.id).status == "running"
        assert twin.claim_run(["endless"]) is None

        later = Twin(open_store(rig.owner_dsn), clock=lambda: utc_now() + timedelta(minutes=2))
        claimed = later.claim_run(["endless"])
        assert claimed is not None
        assert claimed.id == run.id
        later.cancel_run(run.id)
        assert twin.run(run.id).status == "cancelled"
        later.close()

        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=30)
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        verdict.require_whole()
        assert verdict.stored == MESSAGES
        twin.close()


def test_a_worker_without_memory_says_why_its_run_failed_and_goes_on() -> None:
    with ingest_rig() as rig:
        twin = rig.twin()
        run = twin.submit(CLOSE, engine="greedy", version="1")
        with worker(rig, "greedy") as process:
            wait_for(lambda: twin.run(run.id).status == "failed", "a failed run")
            assert "MemoryError" in twin.run(run.id).message
            again = twin.submit(CLOSE, engine="greedy", version="1")
            assert again.id != run.id
            wait_for(lambda: twin.run(again.id).status == "failed", "the next run")
            assert process.poll() is None
        twin.close()
