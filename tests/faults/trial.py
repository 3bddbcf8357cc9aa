"""Kills of the ingester under load: the trial of F1, and of the mutations that it must notice."""

import threading
import time
from collections.abc import Sequence

from faults.loadgen import LoadGenerator, Plan
from faults.oracle import Verdict, judge, lacking
from faults.rig import Rig
from waiting import wait_for

LONGEST_S = 60.0


def kill_under_load(
    rig: Rig,
    plan: Plan,
    *,
    kills: int,
    programme: Sequence[str] = ("-m", "twin.cli"),
    settle_s: float = 30.0,
) -> Verdict:
    """Publish the plan, kill the ingester at equal distances, wait for the rest, judge."""
    process = rig.start_ingester(programme=programme)
    rig.wait_for_log("broker_connected")
    generator = rig.generator(plan)
    generator.start()
    for kill in range(1, kills + 1):
        due = kill * plan.sendings // (kills + 1)
        wait_for(
            lambda due=due: generator.acknowledged >= due,
            f"{due} messages taken over",
            timeout_s=LONGEST_S,
        )
        process.kill()
        process.wait(10)
        process = rig.start_ingester(programme=programme)
        rig.wait_for_log("broker_connected", times=kill + 1)
    generator.wait(LONGEST_S)
    settle(rig, generator, within_s=settle_s)
    rig.stop_ingesters()
    return judge(rig, [generator])


def settle(rig: Rig, generator: LoadGenerator, *, within_s: float) -> int:
    """Readings that lack after this time; returns as soon as none does."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while (short := lacking(rig, [generator])) > 0 and time.monotonic() < deadline:
        pause.wait(0.05)
    return max(short, 0)
