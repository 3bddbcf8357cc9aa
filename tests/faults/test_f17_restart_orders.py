"""F17: database, ingester and broker are killed at once and come back in any order."""

import signal
import subprocess
from dataclasses import replace
from itertools import permutations

import pytest
from faults.disks import corrupt_files, spool_bytes
from faults.loadgen import LoadGenerator
from faults.oracle import judge
from faults.rig import Rig, ingest_rig, plan
from faults.tap import Tap, tap
from waiting import wait_for

RATE_HZ = 500.0
PER_ORDER = 3000
SPOOLED_AT = 700
KILLED_AT = 1500
SERVICES = ("database", "ingester", "broker")
ORDERS = tuple(permutations(SERVICES))

pytestmark = [pytest.mark.db, pytest.mark.broker]


def restart(rig: Rig, service: str) -> None:
    """Start one service again and wait until it does what it can without the others."""
    if service == "database":
        rig.start_database()
    elif service == "broker":
        rig.broker.start()
    else:
        lines = rig.log.read_text().count("ingest_started")
        rig.start_ingester()
        rig.wait_for_log("ingest_started", times=lines + 1)


def kill_all(rig: Rig, ingester: subprocess.Popen[bytes]) -> None:
    ingester.kill()
    rig.broker.kill()
    ingester.wait(10)
    rig.ingesters.remove(ingester)


def test_nothing_that_the_ingester_acknowledged_is_lost_in_any_order_of_restart() -> None:
    """The database dies first, so that some of it is stored and some in the spool."""
    whole = plan(count=PER_ORDER * len(ORDERS), rate_hz=RATE_HZ)
    with ingest_rig() as rig, tap(rig) as relay:
        ingester = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        rounds = [
            rig.generator(replace(whole, count=begin + PER_ORDER, skipped=begin), f"load-{begin}")
            for begin in range(0, whole.count, PER_ORDER)
        ]
        at_broker = set[tuple[int, int]]()
        for generator, order in zip(rounds, ORDERS, strict=True):
            rig.broker.save()  # the session, which a killed broker forgets otherwise
            generator.start()
            wait_for(lambda one=generator: one.acknowledged >= SPOOLED_AT, "messages stored")
            rig.crash_database(signal.SIGKILL)
            wait_for(lambda: spool_bytes(rig) > 0, "messages in the spool")
            wait_for(lambda one=generator: one.acknowledged >= KILLED_AT, "messages spooled")
            kill_all(rig, ingester)
            owed = set(relay.acked)
            at_broker |= confirmed(generator) - owed
            for service in order:
                restart(rig, service)
            ingester = rig.ingesters[-1]
            generator.wait(60)
            wait_for_drained(rig, relay)
            missing = owed - stored(rig)
            print(f"F17 {', '.join(order)}: {len(owed)} owed, {len(missing)} missing")
            assert not missing, f"{order}: {sorted(missing)[:5]}"
        rig.stop_ingesters()
        verdict = judge(rig, rounds)
        print(f"F17: {verdict.balance}, the broker lost {len(verdict.lost)}")
        # what the broker had confirmed and the ingester had not died with it, and nothing else
        assert verdict.lost <= at_broker
        verdict.require_whole(may_lose=len(verdict.lost))
        assert not corrupt_files(rig)


def confirmed(generator: LoadGenerator) -> set[tuple[int, int]]:
    """(stream, time in ms) of everything that the broker confirmed to the publisher so far."""
    plan = generator.plan
    return {
        (stream, time_ms)
        for number in range(plan.skipped, plan.count)
        if generator.taken[number]
        for stream, time_ms, _ in plan.readings(number)
    }


def stored(rig: Rig) -> set[tuple[int, int]]:
    rows = rig.rows(
        "SELECT substr(route_key, 5)::integer, (extract(epoch FROM t) * 1000)::bigint "
        "FROM reading JOIN datastream ON ds = number WHERE starts_with(route_key, 'B1/s')"
    )
    return {(int(str(stream)), int(str(time_ms))) for stream, time_ms in rows}


def wait_for_drained(rig: Rig, relay: Tap) -> None:
    """Wait until everything that was acknowledged is stored and the spool is empty."""
    wait_for(
        lambda: spool_bytes(rig) == 0 and rig.count() >= len(relay.acked),
        "all that was acknowledged in the database",
        timeout_s=60,
    )
