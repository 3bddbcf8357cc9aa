"""F20: a stale retained value comes with every new subscription; it is no new measurement."""

import json
import time

import pytest
from faults.oracle import balance
from faults.rig import Rig, ingest_rig
from waiting import wait_for

pytestmark = [pytest.mark.db, pytest.mark.broker]

SUBSCRIBED = '"client": "bulk"'  # in the log once the subscriptions are confirmed

TOPIC = "twin/v1/demo/B1/s000/obs"
UNTIMED = "twin/json/yard"  # its values are timed at their arrival


def latest(rig: Rig) -> list[tuple[object, ...]]:
    return rig.rows("SELECT ds, t, v, q FROM latest ORDER BY ds")


def test_a_retained_value_of_the_past_is_ignored_and_the_latest_value_stays() -> None:
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        publisher = rig.publisher()
        now_ms = int(time.time() * 1000)
        publisher.publish(TOPIC, json.dumps({"t": now_ms - 60_000, "v": 1}).encode(), retain=True)
        publisher.publish(UNTIMED, b'{"temp": 4.5}', retain=True)
        publisher.publish(TOPIC, json.dumps({"t": now_ms, "v": 2}).encode())
        publisher.flush(10)
        rig.wait_for_count(3)
        rig.stop_ingesters()
        before, known = latest(rig), balance(rig)
        assert known.ignored == 0

        rig.start_ingester(instance="2")  # a new session: the broker sends what it retained
        rig.wait_for_log(SUBSCRIBED, times=2)
        publisher.publish(TOPIC, json.dumps({"t": now_ms + 1, "v": 3}).encode())
        publisher.flush(10)
        rig.wait_for_count(4)
        wait_for(lambda: balance(rig).ignored >= 2, "two ignored values")
        publisher.close()
        rig.stop_ingesters()

        found = balance(rig)
        print(f"F20: {found}")
        assert (found.ignored, found.stored, found.duplicate, found.quarantined) == (2, 4, 0, 0)
        assert found.difference == 0
        by_stream = {row[0]: row for row in latest(rig)}
        untimed = [row for row in before if row[2] == 4.5]
        assert len(untimed) == 1
        assert by_stream[untimed[0][0]] == untimed[0]
        assert sorted(float(str(row[2])) for row in by_stream.values()) == [3.0, 4.5]
