"""New observations over a real broker: told as they come, the latest kept for later ones."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from services import DEADLINE_S, embedded_broker, open_folder
from town import Town
from waiting import wait_for

from sensors.broker import Publisher
from sensors.sensorthings.announcing import Announcer
from sensors.sensorthings.publishing import run
from twin.embedded.broker import BrokerAddress
from twin.settings import BrokerSettings

pytestmark = pytest.mark.broker

STRAIN = "v1.1/Datastreams('B1-strain')/Observations"
Messages = queue.Queue[tuple[str, float, bool]]


@pytest.fixture(scope="module")
def address() -> Iterator[BrokerAddress]:
    with open_folder() as folder, embedded_broker(folder) as found:
        yield found


@contextmanager
def listening(address: BrokerAddress, name: str) -> Iterator[Messages]:
    """Topic, result and whether it was retained, of everything below ``v1.1``."""
    got: Messages = queue.Queue()
    ready: queue.Queue[int] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(address.username, address.password_file.read_text().strip())

    def subscribe(client: mqtt.Client, *_: object) -> None:
        client.subscribe("v1.1/#", qos=1)

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.put(1)
    client.on_message = lambda _c, _d, message: got.put(
        (message.topic, json.loads(message.payload)["result"], bool(message.retain))
    )
    client.connect(address.host, address.port_v5)
    client.loop_start()
    try:
        ready.get(timeout=DEADLINE_S)
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


def of_strain(got: Messages, count: int) -> list[tuple[float, bool]]:
    found: list[tuple[float, bool]] = []
    while len(found) < count:
        topic, result, is_retained = got.get(timeout=DEADLINE_S)
        if topic == STRAIN:
            found.append((result, is_retained))
    return found


def test_new_observations_are_published_and_the_latest_is_retained(address: BrokerAddress) -> None:
    broker = BrokerSettings(
        host=address.host,
        port=address.port_v5,
        fallback_port=address.port_v311,
        username=address.username,
        password_file=str(address.password_file),
        use_tls=False,
    )
    city = Town()
    publisher = Publisher(broker, "twin-test-publish")
    announcer = Announcer(
        city.twin,
        "http://twin.example/sensorthings/v1.1",
        lambda topic, payload: publisher.publish(topic, payload, retain=True),
    )
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(city.twin, announcer, stop))
    with listening(address, "twin-test-first") as got:
        thread.start()
        try:
            wait_for(lambda: city.twin.health().jobs or None, "the first look")
            for second in range(3):
                city.record({"B1-strain": float(second)}, age_s=9.0 - second)
            assert of_strain(got, 1)
            wait_for(lambda: announcer.sent and not publisher.unconfirmed, "all to be confirmed")
            city.record({"B1-strain": 7.0}, age_s=1.0)
            results = [0.0]
            while results[-1] != 7.0:
                results += [result for result, _ in of_strain(got, 1)]
        finally:
            stop.set()
            thread.join(timeout=DEADLINE_S)
            assert publisher.close() == 0
    with listening(address, "twin-test-second") as got:
        assert of_strain(got, 1) == [(7.0, True)]
    assert not thread.is_alive()
