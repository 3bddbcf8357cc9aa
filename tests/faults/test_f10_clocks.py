"""F10: clocks that are fast, slow, unset or drifting, and both nights of daylight saving."""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from faults.oracle import balance
from faults.rig import Rig, ingest_rig
from waiting import wait_for

from sensors.broker import Delivery
from sensors.clocks import ClockWatch
from sensors.pipeline.preparation import Pipeline
from sensors.policies import installed_codecs, time_policy
from sensors.routing import Router, StreamTable
from twin.model.observations import Batch
from twin.model.quality import Quality
from twin.model.times import to_us

pytestmark = [pytest.mark.db, pytest.mark.broker]

MESSAGES = 50
HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS
SUBSCRIBED = '"client": "bulk"'  # in the log once the subscriptions are confirmed
CLOCKS_MS = {  # what is added to the true time, by datastream
    "s000": 0,
    "s001": HOUR_MS,
    "s002": -HOUR_MS,
    "s003": 10 * YEAR_MS,
}
UNSET = "s004"  # shows 1970, as after a start without a battery
SERVER = """
[[source]]
name = "gate"
clock = "server"
[[codec.rule]]
topic = "twin/v1/gate/{asset}/{stream}/obs"
codec = "own"
source = "gate"
"""
LOCAL = """
[[codec.rule]]
topic = "twin/local/{site}"
codec = "json"
source = "demo"
key = "{site}"
time = { path = "/t", zone = "Europe/Berlin" }
[[codec.rule.value]]
path = "/temp"
quantity = "air_temperature"
unit = "Cel"
"""
PARTITION_DAYS = """
SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c
JOIN pg_inherits AS i ON i.inhrelid = c.oid
JOIN pg_class AS p ON p.oid = i.inhparent AND p.relname IN ('reading', 'waveform')
"""


def stored(rig: Rig, key: str) -> list[tuple[object, ...]]:
    return rig.rows(
        "SELECT (extract(epoch FROM t) * 1000)::bigint, q FROM reading "
        "JOIN datastream ON ds = number WHERE route_key = %s ORDER BY t",
        f"B1/{key}",
    )


def reasons(rig: Rig) -> dict[object, int]:
    """Quarantined deliveries by datastream."""
    rows = rig.rows(
        "SELECT substr(route_key, 4) || ' ' || reason, sum(seen)::bigint "
        "FROM quarantine JOIN datastream ON ds = number GROUP BY 1"
    )
    return {row[0]: int(str(row[1])) for row in rows}


def require_no_room_outside(rig: Rig, *, now: datetime) -> None:
    """No partition lies beyond [now - retention, now + 4 d]."""
    bounds = [str(row[0]) for row in rig.rows(PARTITION_DAYS)]
    assert bounds
    for bound in bounds:
        begin = datetime.fromisoformat(bound.split("'")[1]).astimezone(UTC)
        assert now - timedelta(days=732) <= begin <= now + timedelta(days=4)


def test_wrong_clocks_are_flagged_refused_and_alarmed_and_make_no_partition() -> None:
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        publisher = rig.publisher()
        now_ms = int(time.time() * 1000)
        for number in range(MESSAGES):
            true_ms = now_ms - MESSAGES + number
            for key, off_ms in CLOCKS_MS.items():
                content = {"t": true_ms + off_ms, "v": number}
                publisher.publish(f"twin/v1/demo/B1/{key}/obs", json.dumps(content).encode())
            content = {"t": 1000 * number, "v": number}
            publisher.publish(f"twin/v1/demo/B1/{UNSET}/obs", json.dumps(content).encode())
        publisher.flush(20)
        total = MESSAGES * (len(CLOCKS_MS) + 1)
        wait_for(lambda: balance(rig).received == total, "all of them")
        publisher.close()
        rig.stop_ingesters()

        found = balance(rig)
        print(f"F10: {found}, {reasons(rig)}")
        assert found.difference == 0
        assert [row[1] for row in stored(rig, "s000")] == [0] * MESSAGES
        assert [row[1] for row in stored(rig, "s002")] == [int(Quality.LATE)] * MESSAGES
        assert [stored(rig, key) for key in ("s001", "s003", UNSET)] == [[], [], []]
        assert reasons(rig) == {
            "s001 clock_future": MESSAGES,
            "s003 clock_future": MESSAGES,
            f"{UNSET} clock_unset": MESSAGES,
        }
        require_no_room_outside(rig, now=datetime.now(UTC))


def test_a_clock_one_hour_slow_opens_an_alarm_of_its_source() -> None:
    with ingest_rig(streams=2) as rig:
        rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        publisher = rig.publisher()
        now_ms = int(time.time() * 1000)
        for number in range(MESSAGES):
            content = {"t": now_ms - HOUR_MS + number, "v": number}
            publisher.publish("twin/v1/demo/B1/s001/obs", json.dumps(content).encode())
        publisher.flush(20)
        question = "SELECT detail FROM alarm WHERE kind = 'clock_offset' AND subject = 'demo'"
        (alarm,) = wait_for(lambda: rig.rows(question) or None, "the alarm", timeout_s=60)
        publisher.close()
        assert "slow, or its data come late" in str(alarm[0])
        assert rig.count() == MESSAGES


def test_a_source_may_count_with_the_time_of_arrival_where_clocks_are_wrong() -> None:
    with ingest_rig(streams=4, extra=[SERVER]) as rig:
        rig.rows("UPDATE datastream SET source = 'gate' WHERE source = 'demo' RETURNING 1")
        rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        publisher = rig.publisher()
        begin_ms = int(time.time() * 1000)
        for number in range(MESSAGES):
            for key, time_ms in (("s001", begin_ms + HOUR_MS + number), ("s002", 1000 * number)):
                for _ in range(2):  # the second one is a repetition
                    content = {"t": time_ms, "v": number}
                    topic = f"twin/v1/gate/B1/{key}/obs"
                    publisher.publish(topic, json.dumps(content).encode())
        publisher.flush(20)
        wait_for(lambda: balance(rig).received == 4 * MESSAGES, "all of them")
        publisher.close()
        rig.stop_ingesters()
        found = balance(rig)
        print(f"F10, time of arrival: {found}")
        assert found.difference == 0
        assert (found.stored + found.quarantined, found.duplicate) == (2 * MESSAGES, 2 * MESSAGES)
        for key in ("s001", "s002"):
            rows = stored(rig, key)
            assert all(int(str(row[0])) >= begin_ms - 1000 for row in rows)
            assert all(int(str(row[1])) & int(Quality.TIME_SUBSTITUTED) for row in rows)


def test_both_october_hours_are_stored_apart_and_the_missing_march_hour_is_refused() -> None:
    with ingest_rig(streams=1, extra=[LOCAL]) as rig:
        twin = rig.twin()
        pipeline = Pipeline.of(
            Router(rig.settings.codec.rule),
            installed_codecs(rig.settings),
            StreamTable(twin.datastreams()),
            time_policy(rig.settings),
        )
        october = datetime(2026, 10, 24, 23, 55, tzinfo=UTC)
        sent = [(october + timedelta(minutes=10 * row), row) for row in range(18)]
        march = datetime(2026, 3, 29, 1, 5, tzinfo=UTC)
        local = {at: at + timedelta(hours=2 if row < 7 else 1) for at, row in sent}
        deliveries = [_local(at, local[at], row) for at, row in sent]
        deliveries.append(_local(march, datetime(2026, 3, 29, 2, 5), 99))  # noqa: DTZ001 - local
        found = pipeline.prepare(deliveries, most_readings=1000)
        batch = Batch(
            uuid4(), 1, readings=found.readings, rejections=found.rejections, tallies=found.tallies
        )
        result = twin.record(batch)
        twin.close()
        assert (result.stored, result.duplicate, result.conflict) == (len(sent), 0, 0)
        times = [row[0] for row in rig.rows("SELECT t FROM reading ORDER BY t")]
        assert times == [at for at, _ in sent]
        assert [row[0] for row in rig.rows("SELECT reason FROM quarantine")] == [
            "nonexistent_local_time"
        ]
        flagged = rig.rows(
            "SELECT q & %s <> 0 FROM reading ORDER BY t", int(Quality.AMBIGUOUS_TIME)
        )
        assert [row[0] for row in flagged].count(True) == 12  # two hours, six readings each
        require_no_room_outside(rig, now=datetime.now(UTC))


def _local(received_at: datetime, local: datetime, value: int) -> Delivery:
    payload = json.dumps({"t": f"{local:%Y-%m-%dT%H:%M:%S}", "temp": value / 10})
    return Delivery(
        0, 0, 1, b"twin/local/yard", payload.encode(), to_us(received_at),
        is_retained=False, is_repeat=False,
    )  # fmt: skip


def test_a_drift_of_one_hundred_millionths_is_known_within_a_day() -> None:
    rng = np.random.default_rng(10)
    watch = ClockWatch()
    begin_us = to_us(datetime(2026, 11, 21, tzinfo=UTC))
    for minute in range(24 * 60):
        sent_us = begin_us + minute * 60_000_000 + np.arange(60) * 1_000_000
        clock_us = sent_us - ((sent_us - begin_us) * 100e-6).astype(np.int64)
        arrived_us = np.sort(sent_us + rng.integers(5_000, 400_000, 60))
        watch.note("demo", received_us=arrived_us, time_us=clock_us)
    state = watch.state("demo")
    print(f"F10, drift: {state}")
    assert state.drift_ppm == pytest.approx(100.0, abs=5.0)
    assert "ppm" in state.problem
