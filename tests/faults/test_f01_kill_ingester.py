"""F1: the ingester is killed while messages flow; every one of them becomes one row."""

import time

import pytest
from faults.loadgen import LoadGenerator, Plan, Target
from faults.rig import ingest_rig
from waiting import wait_for

MESSAGES = 20_000
RATE_HZ = 1000.0
STREAMS = 20
KILLS = 4

pytestmark = [pytest.mark.db, pytest.mark.broker]


def test_four_kills_during_twenty_thousand_messages_lose_and_repeat_nothing() -> None:
    with ingest_rig(streams=STREAMS) as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        broker = rig.settings.broker
        begin_ms = int(time.time() * 1000) - MESSAGES
        plan = Plan(
            topic=lambda stream: f"twin/v1/demo/B1/s{stream:03}/obs",
            streams=STREAMS,
            count=MESSAGES,
            rate_hz=RATE_HZ,
            begin_ms=begin_ms,
        )
        target = Target(broker.host, broker.port, "loadgen", broker.username, rig.broker_password)
        generator = LoadGenerator(target, plan)
        generator.start()
        for kill in range(1, KILLS + 1):
            due = kill * MESSAGES // (KILLS + 1)
            wait_for(lambda due=due: generator.acknowledged >= due, f"{due} messages taken over")
            process.kill()
            process.wait(10)
            process = rig.start_ingester()
            rig.wait_for_log("broker_connected", times=kill + 1)
        generator.wait(60)
        ended = time.monotonic()
        rig.wait_for_count(MESSAGES, timeout_s=30)
        caught_up_s = time.monotonic() - ended
        rig.stop_ingesters()

        stored = rig.rows(
            "SELECT substr(route_key, 5)::integer, (extract(epoch FROM t) * 1000)::bigint, v "
            "FROM reading JOIN datastream ON ds = number"
        )
        balance = rig.rows(
            "SELECT sum(received), sum(stored), sum(duplicate), sum(quarantined) "
            "FROM ingest_balance"
        )[0]
        print(f"F1: balance {balance}, caught up {caught_up_s:.1f} s after the last message")
        assert len(stored) == MESSAGES
        assert set(stored) == set(plan.expected())
        received, distinct, duplicates, quarantined = (int(str(number)) for number in balance)
        assert (distinct, quarantined) == (MESSAGES, 0)
        assert received == distinct + duplicates
        assert caught_up_s < 30
