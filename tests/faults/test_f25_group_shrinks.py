"""F25: one of two ingesters of a group is stopped for good; the broker goes on feeding it."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from faults.loadgen import LoadGenerator
from faults.oracle import judge, wait_for_stored
from faults.rig import Rig, ingest_rig, plan
from waiting import wait_for

from sensors.broker import client_id
from sensors.ingest.job import session_file

RATE_HZ = 1000.0
MESSAGES = 2000
GROUP = '[ingest]\nshared_group = "town"\nabsent_after_s = 2.0'

pytestmark = [pytest.mark.db, pytest.mark.broker]


def _publish(rig: Rig, *, past_s: int) -> LoadGenerator:
    """Two seconds of messages with times of their own, all taken by the broker."""
    load = plan(count=MESSAGES, rate_hz=RATE_HZ)
    load = replace(load, begin_ms=load.begin_ms - past_s * 1000)
    generator = rig.generator(load, f"loadgen-{past_s}")
    generator.start()
    generator.wait(60)
    return generator


def _alarms(rig: Rig) -> list[tuple[str, str]]:
    file = Path(rig.settings.data_dir) / "status" / "ingest-1.json"
    found = json.loads(file.read_bytes())["alarms"]
    return [(one["kind"], one["subject"]) for one in found if one["kind"] == "instance_absent"]


def _has_session(rig: Rig, instance: str) -> bool:
    """Whether the broker holds a session of this instance; it does afterwards."""
    target = rig.target()
    present: list[bool] = []
    name = client_id(rig.settings.city.name, instance)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.username_pw_set(target.username, target.password)
    client.on_connect = lambda _client, _data, flags, *_: present.append(flags.session_present)
    client.connect(target.host, target.port)
    wait_for(lambda: client.loop(0.1) == 0 and bool(present), "the answer of the broker")
    client.disconnect()
    return present[0]


def test_an_instance_that_leaves_takes_what_is_queued_and_gets_nothing_more() -> None:
    with ingest_rig(extra=[GROUP]) as rig:
        rig.start_ingester(instance="1")
        second = rig.start_ingester(instance="2")
        rig.wait_for_log("broker_connected", times=2)
        published = [_publish(rig, past_s=30)]
        wait_for_stored(rig, published, timeout_s=30)
        second.terminate()
        assert second.wait(25) == 0
        published.append(_publish(rig, past_s=20))
        wait_for(lambda: _alarms(rig) == [("instance_absent", "2")], "the alarm", timeout_s=30)
        assert rig.count() < 2 * MESSAGES  # a part of it lies in the session of the second one

        leaving = rig.start_ingester(instance="2", arguments=["--leave"])
        published.append(_publish(rig, past_s=10))  # while it leaves
        assert leaving.wait(60) == 0
        published.append(_publish(rig, past_s=0))
        wait_for_stored(rig, published, timeout_s=30)
        wait_for(lambda: not _alarms(rig), "the end of the alarm", timeout_s=30)
        with closing(rig.twin()) as twin:
            states = {job.instance: job.state for job in twin.jobs()}
        assert states == {"1": "live", "2": "left"}
        assert rig.logged("session_given_up")
        assert not _has_session(rig, "2")
        rig.stop_ingesters()
        judge(rig, published).require_whole()
        assert (rig.settings.data_dir / "status").is_dir()
        left = session_file(rig.settings)
        assert not left.with_name(left.name.replace("-1.json", "-2.json")).exists()


def test_whoever_leaves_while_an_ingester_of_this_name_runs_is_refused() -> None:
    with ingest_rig(extra=[GROUP]) as rig:
        running = rig.start_ingester(instance="1")
        rig.wait_for_log("broker_connected")
        leaving = rig.start_ingester(instance="1", arguments=["--leave"])
        assert leaving.wait(30) != 0
        assert running.poll() is None
        published = [_publish(rig, past_s=0)]
        wait_for_stored(rig, published, timeout_s=30)
