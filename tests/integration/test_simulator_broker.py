"""The simulated sensors over a real broker: everything arrives, decodes, and repeats itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from services import embedded_broker, open_folder
from waiting import wait_for

from sensors.broker import Publisher, Subscriber
from sensors.codecs.own import codec as own
from sensors.codecs.wave import codec as wave
from sensors.simulator.job import Simulation
from sensors.simulator.player import Player
from sensors.simulator.slots import MICRO
from sensors.simulator.world import build_world
from twin.cli import demo_city
from twin.embedded.broker import BrokerAddress
from twin.exchange.folder import read_city
from twin.model.messages import CodecContext, CodecRule, Observation, WaveformBlock
from twin.settings import BrokerSettings, IngestSettings, load_settings

pytestmark = pytest.mark.broker

HISTORY_US = 60 * MICRO
MOST_BYTES = 10_000_000


def broker_settings(address: BrokerAddress) -> BrokerSettings:
    return BrokerSettings(
        host=address.host,
        port=address.port_v5,
        fallback_port=address.port_v311,
        username=address.username,
        password_file=str(address.password_file),
        use_tls=False,
    )


@pytest.fixture(scope="module")
def broker() -> Iterator[BrokerSettings]:
    with open_folder() as folder, embedded_broker(folder) as address:
        yield broker_settings(address)


@contextmanager
def listening(broker: BrokerSettings) -> Iterator[Subscriber]:
    subscriber = Subscriber(
        broker, IngestSettings(), client_id="twin-test-listen", filters=["twin/v1/#"]
    )
    subscriber.start()
    try:
        wait_for(lambda: subscriber.figures().connections, "the subscriber to connect")
        yield subscriber
    finally:
        subscriber.close()


@contextmanager
def simulating(broker: BrokerSettings) -> Iterator[Simulation]:
    settings = load_settings(Path(demo_city()), {})
    city = read_city(settings.folder, settings.city)
    world = build_world(city.datastreams, city.assets, seed=1, zone=settings.city.timezone)
    stop = threading.Event()
    publisher = Publisher(broker, "twin-test-simulate")
    simulation = Simulation(Player(world.streams, "demo"), publisher, stop, HISTORY_US)
    thread = threading.Thread(target=simulation.run, name="simulation")
    thread.start()
    try:
        yield simulation
    finally:
        stop.set()
        thread.join(10)
        left = publisher.close()
    assert not thread.is_alive()
    assert left == 0


class Received:
    """What came through the broker, decoded; a value that contradicts an earlier one fails."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self.values: dict[tuple[str, int], float] = {}
        self.bursts: dict[tuple[str, int], bytes] = {}
        self.repeated = 0

    def take(self) -> None:
        found = self._subscriber.poll(max_messages=5000, max_bytes=MOST_BYTES, timeout_s=0.1)
        for delivery in found:
            message = delivery.message
            codec = own if message.topic.endswith("/obs") else wave
            context = CodecContext(CodecRule(message.topic, codec.name, "demo"))
            for item in codec.decode(message, context).items:
                self._keep(item)
        assert self._subscriber.ack(found) == 0

    def _keep(self, item: object) -> None:
        if isinstance(item, Observation):
            key = (item.route_key, round(item.phenomenon_time.timestamp() * MICRO))
            self.repeated += key in self.values
            assert self.values.setdefault(key, item.value) == item.value
        else:
            assert isinstance(item, WaveformBlock)
            samples = item.samples.tobytes()
            assert self.bursts.setdefault((item.key, item.t0_us), samples) == samples

    def streams(self) -> set[str]:
        return {key for key, _ in (*self.values, *self.bursts)}


def test_every_stream_of_the_demo_city_arrives_and_a_restart_repeats_it(broker):
    with listening(broker) as subscriber:
        received = Received(subscriber)

        def complete(amount: int) -> bool:
            received.take()
            return len(received.values) >= amount

        with simulating(broker):
            wait_for(lambda: complete(1600), "the present and the past minute")
        assert len(received.streams()) == 423
        assert received.repeated == 0

        with simulating(broker) as second:
            wait_for(lambda: complete(0) and received.repeated >= 1000, "the past minute again")
            live = len(received.values)
            wait_for(lambda: complete(live + 30), "new values after the restart")
            assert second.lag_s < 30
