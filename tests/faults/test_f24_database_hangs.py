"""F24: every process of the database stops where it is, and goes on later; nothing is closed."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faults.disks import spool_bytes, status
from faults.oracle import judge, wait_for_stored
from faults.rig import Rig, ingest_rig, plan
from waiting import wait_for

RATE_HZ = 500.0
BEFORE = 1000
MEANWHILE = 5000
AFTER = 1000
QUICK = "[ingest]\ndatabase_answer_s = 1.0"

pytestmark = [pytest.mark.db, pytest.mark.broker]


def _family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


@contextmanager
def _hanging(rig: Rig) -> Iterator[None]:
    """The database neither answers nor closes anything."""
    pid_file = rig.folder / "postgres" / "postmaster.pid"
    stopped = _family(int(pid_file.read_text().splitlines()[0]))
    _tell(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell(stopped, signal.SIGCONT)


def _tell(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to processes; one that has ended by itself needs none."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def test_a_database_that_hangs_is_away_and_what_it_commits_later_is_not_doubled() -> None:
    with ingest_rig(extra=[QUICK]) as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=BEFORE + MEANWHILE + AFTER, rate_hz=RATE_HZ))
        generator.start()
        wait_for(lambda: rig.count() >= BEFORE, "readings before the fault")
        with _hanging(rig):
            begun_s = time.monotonic()
            wait_for(lambda: status(rig).state == "spooling", "the state spooling", timeout_s=20)
            noticed_s = time.monotonic() - begun_s
            wait_for(lambda: generator.acknowledged >= BEFORE + MEANWHILE, "the end of the fault")
            wait_for(lambda: spool_bytes(rig) > 60 * 1000, "messages in the spool")
        wait_for_stored(rig, [generator], timeout_s=60)
        wait_for(lambda: status(rig).state == "live", "the state live", timeout_s=30)
        assert process.poll() is None
        assert len(rig.logged("broker_connected")) == 1
        rig.stop_ingesters()
        print(f"F24: away after {noticed_s:.1f} s")
        judge(rig, [generator]).require_whole()
