"""F2: the database stops at once and stays away; the spool takes over, and is drained first."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import pytest
from faults.disks import corrupt_files, spool_bytes, status
from faults.oracle import Watch, judge, lacking, wait_for_stored
from faults.rig import ClientKind, Rig, ingest_rig, plan
from waiting import wait_for

RATE_HZ = 1000.0
BEFORE = 4000
AFTER = 4000
DRAINED_WITHIN_S = 60.0
MOST_MIB = 512.0
BROKER_QUEUE_LIMIT = 2_000_000  # max_queued_messages of the shipped configuration
LEAST_RECORD_BYTES = 60

pytestmark = [pytest.mark.db, pytest.mark.broker]


@dataclass
class BrokerQueue:
    """Messages that Mosquitto holds for anybody, as it says every 10 s."""

    peak: int = 0
    reports: int = 0

    def on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.reports += 1
        self.peak = max(self.peak, int(message.payload))


@contextmanager
def broker_queue(rig: Rig) -> Iterator[BrokerQueue]:
    """The length of the broker's queue, watched."""
    queue = BrokerQueue()
    target = rig.target()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="queue-watch")
    client.username_pw_set(target.username, target.password)
    client.on_message = queue.on_message
    client.connect(target.host, target.port)
    client.subscribe("$SYS/broker/store/messages/count")
    client.loop_start()
    try:
        yield queue
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize(("client", "down_s"), [("bulk", 60), ("stock", 15)])
def test_a_database_that_stops_at_once_costs_nothing_and_the_spool_is_drained_fast(
    client: ClientKind, down_s: int
) -> None:
    down = int(down_s * RATE_HZ)
    with ingest_rig(client=client) as rig, broker_queue(rig) as queue:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=BEFORE + down + AFTER, rate_hz=RATE_HZ))
        memory = Watch()
        generator.start()
        wait_for(lambda: generator.acknowledged >= BEFORE, "messages before the fault")
        rig.crash_database()

        def is_over() -> bool:
            memory.look(process.pid)
            return generator.acknowledged >= BEFORE + down

        wait_for(lambda: status(rig).state == "spooling", "the state spooling", timeout_s=15)
        wait_for(is_over, "the end of the fault", timeout_s=down_s + 60)
        wait_for(
            lambda: spool_bytes(rig) > 0.9 * down * LEAST_RECORD_BYTES,
            "what was published meanwhile in the spool",
        )
        spooled = spool_bytes(rig)
        rig.start_database()
        begun_s = time.monotonic()
        wait_for(
            lambda: lacking(rig, [generator]) < RATE_HZ and spool_bytes(rig) == 0,
            "an empty spool",
            timeout_s=DRAINED_WITHIN_S,
        )
        drained_s = time.monotonic() - begun_s
        memory.look(process.pid)
        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=30)
        wait_for(lambda: status(rig).state == "live", "the state live")
        assert process.poll() is None
        rig.stop_ingesters()

        verdict = judge(rig, [generator])
        inflow = (down_s + drained_s) * RATE_HZ
        print(
            f"F2 {client}: {spooled} bytes spooled, drained in {drained_s:.1f} s "
            f"({inflow / drained_s / RATE_HZ:.1f} times the inflow), broker queue "
            f"{queue.peak}, {memory.peak_mib:.0f} MiB, {verdict.balance}"
        )
        verdict.require_whole()
        assert verdict.acknowledged == BEFORE + down + AFTER
        assert not corrupt_files(rig)
        assert queue.peak < BROKER_QUEUE_LIMIT / 2
        assert memory.peak_mib < MOST_MIB


def test_an_ingester_that_starts_without_a_database_keeps_every_message_for_it() -> None:
    count = 3000
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        rig.stop_ingesters()
        rig.crash_database()
        process = rig.start_ingester()
        generator = rig.generator(plan(count=count, rate_hz=RATE_HZ))
        generator.start()
        generator.wait(30)
        wait_for(lambda: spool_bytes(rig) > count * LEAST_RECORD_BYTES, "all of them in the spool")
        process.kill()
        process.wait(10)
        rig.start_ingester()
        rig.start_database()
        wait_for_stored(rig, [generator], timeout_s=60)
        rig.stop_ingesters()
        judge(rig, [generator]).require_whole()
        assert not corrupt_files(rig)
