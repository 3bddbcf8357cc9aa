"""Subscriber and publisher against real brokers: versions, sessions, bounds, TLS."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from faults.rig import broker_settings
from services import mosquitto_broker, open_folder
from waiting import wait_for

from sensors.broker import Delivery, Publisher, Subscriber, link
from twin.errors import SettingsError
from twin.settings import BrokerSettings, IngestSettings

pytestmark = pytest.mark.broker
TOPIC = "twin/v1/demo/B1/s000/obs"


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@contextmanager
def subscriber(
    broker: BrokerSettings, ingest: IngestSettings | None = None
) -> Iterator[Subscriber]:
    found = Subscriber(
        broker, ingest or IngestSettings(), client_id="twin-test-1", filters=["twin/v1/#"]
    )
    found.start()
    try:
        wait_for(lambda: found.figures().is_connected, "the connection")
        yield found
    finally:
        found.close()


def publish(broker: BrokerSettings, count: int, *, size: int = 10) -> None:
    publisher = Publisher(broker, "publisher")
    for number in range(count):
        assert publisher.publish(TOPIC, str(number).encode().rjust(size))
    assert publisher.close(30.0) == 0


def take(source: Subscriber, count: int) -> list[Delivery]:
    taken: list[Delivery] = []

    def enough() -> bool:
        taken.extend(source.poll(max_messages=1000, max_bytes=1 << 24, timeout_s=0.2))
        return len(taken) >= count

    wait_for(enough, f"{count} messages")
    return taken


def numbers(deliveries: list[Delivery]) -> list[int]:
    return [int(one.payload) for one in deliveries]


def test_an_acknowledgement_for_an_older_connection_is_refused(folder: Path) -> None:
    with broker_settings("mosquitto", folder) as (broker, _):
        with subscriber(broker) as first:
            publish(broker, 5)
            late = take(first, 5)
        with subscriber(broker) as second:
            again = take(second, 5)
            assert numbers(again) == [0, 1, 2, 3, 4]
            assert second.ack(again) == 0
        with subscriber(broker) as third:
            publish(broker, 3)
            assert len(take(third, 3)) == 3
            stale = [one._replace(connection=99) for one in late]
            assert third.ack(stale) == 5
            assert third.figures().acks_refused == 5
        with subscriber(broker) as fourth:
            assert numbers(take(fourth, 3)) == [0, 1, 2]


def test_a_restarted_broker_is_found_again_and_late_acknowledgements_are_refused(
    folder: Path,
) -> None:
    with broker_settings("mosquitto", folder) as (broker, _):
        reader = Subscriber(
            broker, IngestSettings(), client_id="twin-test-1", filters=["twin/v1/#"]
        )
        reader.start()
        wait_for(lambda: reader.figures().is_connected, "the subscription")
        publish(broker, 4)
        held = take(reader, 4)
    wait_for(lambda: not reader.figures().is_connected, "the loss of the connection")
    assert reader.ack(held) == 4
    with mosquitto_broker(folder):
        wait_for(lambda: reader.figures().is_connected, "the new connection")
        assert reader.figures().sessions_lost == 0
        publish(broker, 1)
        assert numbers(take(reader, 5)) == [0, 1, 2, 3, 0]
        reader.close()


def exchange(broker: BrokerSettings) -> None:
    with subscriber(broker) as reader:
        publish(broker, 20)
        taken = take(reader, 20)
        assert numbers(taken) == list(range(20))
        assert reader.ack(taken) == 0


def test_3_1_1_is_spoken_on_a_port_that_closes_on_mqtt_5(folder: Path) -> None:
    with broker_settings("embedded", folder) as (broker, _):
        exchange(replace(broker, port=broker.fallback_port, fallback_port=0))


def test_3_1_1_is_spoken_on_the_other_port_if_the_first_one_closes_on_everything(
    folder: Path,
) -> None:
    with (
        broker_settings("embedded", folder) as (broker, _),
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        threading.Thread(target=slam, args=(door,), daemon=True).start()
        exchange(replace(broker, port=door.getsockname()[1]))


def slam(door: socket.socket) -> None:
    """Accept and close at once, until the door itself is closed."""
    with suppress(OSError):
        while True:
            door.accept()[0].close()


def test_a_wrong_password_never_connects_and_the_log_names_both_causes(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with broker_settings("embedded", folder) as (broker, _):
        wrong = folder / "wrong"
        wrong.write_text("nonsense")
        reader = Subscriber(
            replace(broker, password_file=str(wrong)),
            IngestSettings(),
            client_id="twin-test-1",
            filters=["twin/v1/#"],
        )
        reader.start()
        wait_for(lambda: any("hint" in vars(one) for one in caplog.records), "a hint in the log")
        hint = next(vars(one)["hint"] for one in caplog.records if "hint" in vars(one))
        assert "version" in hint
        assert "password" in hint
        assert not reader.figures().is_connected
        reader.close()


def test_a_full_queue_stops_reading_and_loses_nothing(folder: Path) -> None:
    bounds = IngestSettings(queue_messages=10_000, queue_bytes=20_000)
    with broker_settings("mosquitto", folder) as (broker, _), subscriber(broker, bounds) as reader:
        publish(broker, 300, size=1000)
        wait_for(lambda: reader.figures().queue_bytes >= 20_000, "a full queue")
        assert reader.figures().queue_bytes < 22_000
        assert reader.figures().queue_messages < 30
        taken = take(reader, 300)
        assert numbers(taken) == list(range(300))
        assert reader.ack(taken) == 0
        assert reader.figures().connections == 1


def test_a_long_pause_closes_the_connection_cleanly_and_the_broker_keeps_the_rest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "LONGEST_PAUSE_S", 0.2)
    bounds = IngestSettings(queue_messages=10, queue_bytes=1_000_000)
    with broker_settings("mosquitto", folder) as (broker, _), subscriber(broker, bounds) as reader:
        publish(broker, 100)
        wait_for(lambda: not reader.figures().is_connected, "the pause")
        assert reader.figures().queue_messages == 10
        taken: list[Delivery] = []

        def complete() -> bool:
            found = reader.poll(max_messages=5, max_bytes=1 << 20, timeout_s=0.1)
            reader.ack(found)
            taken.extend(found)
            return set(numbers(taken)) == set(range(100))

        wait_for(complete, "all messages, some of them twice")
        assert reader.figures().connections >= 2
        assert reader.figures().sessions_lost == 0


# paho drops the socket of a failed handshake without closing it; reference counting closes it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_needs_the_right_authority(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mosquitto_broker(folder) as address:
        password_file = folder / "password"
        password_file.write_text(address.passwords["ingest"])
        broker = BrokerSettings(
            host="localhost",
            port=address.port_tls,
            username="ingest",
            password_file=str(password_file),
            ca_file=str(address.ca_file),
        )
        with subscriber(broker) as reader:
            publish(broker, 200, size=500)
            assert numbers(take(reader, 200)) == list(range(200))
        stranger = replace(broker, ca_file="")
        reader = Subscriber(
            stranger, IngestSettings(), client_id="twin-test-2", filters=["twin/v1/#"]
        )
        publisher = Publisher(stranger, "stranger")
        reader.start()
        assert publisher.publish(TOPIC, b"1")
        assert publisher.close(1.0) == 1
        assert not reader.figures().is_connected
        reader.close()
        assert any(
            "certificate verify failed" in vars(one).get("why", "") for one in caplog.records
        )


def test_a_missing_password_file_or_certificate_is_explained(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(SettingsError, match=r"password_file.*absent"):
        Publisher(BrokerSettings(host="h", password_file=absent), "x")
    with pytest.raises(SettingsError, match=r"ca_file.*absent"):
        Publisher(BrokerSettings(host="h", ca_file=absent), "x")
