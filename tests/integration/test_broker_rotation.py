"""What changes while we are connected: password, certificate authority; what a broker tells."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scripted_broker import scripted_broker
from services import (
    MosquittoAddress,
    embedded_broker,
    make_certificates,
    mosquitto_broker,
    open_folder,
)
from waiting import wait_for

from sensors.broker import BrokerObserver, Publisher, Subscriber, link
from twin.settings import BrokerSettings, IngestSettings

pytestmark = pytest.mark.broker
TOPIC = "twin/v1/demo/B1/s000/obs"


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture(autouse=True)
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CREDENTIALS_CHECK_S", 0.05)


def over_tls(address: MosquittoAddress, folder: Path) -> BrokerSettings:
    """Settings with copies of the secrets, which a test may change apart from the broker's."""
    password_file, ca_file = folder / "password", folder / "ca.crt"
    password_file.write_text(address.passwords["ingest"])
    shutil.copy(address.ca_file, ca_file)
    return BrokerSettings(
        host="localhost",
        port=address.port_tls,
        username="ingest",
        password_file=str(password_file),
        ca_file=str(ca_file),
    )


@contextmanager
def connected(broker: BrokerSettings) -> Iterator[Subscriber]:
    found = Subscriber(broker, IngestSettings(), client_id="twin-test-1", filters=["twin/v1/#"])
    found.start()
    try:
        wait_for(lambda: found.figures().is_connected, "the connection")
        yield found
    finally:
        found.close()


def goes_through(broker: BrokerSettings, source: Subscriber, payload: bytes) -> bool:
    """One message there and back."""
    publisher = Publisher(broker, "publisher")
    assert publisher.publish(TOPIC, payload)
    assert publisher.close(20.0) == 0
    found = wait_for(
        lambda: source.poll(max_messages=9, max_bytes=1 << 20, timeout_s=0.2) or None, "a message"
    )
    assert source.ack(found) == 0
    return [one.payload for one in found] == [payload]


def has_connected_again(source: Subscriber, connections: int) -> bool:
    figures = source.figures()
    return figures.connections >= connections and figures.is_connected


def test_a_new_password_is_taken_without_a_restart(folder: Path) -> None:
    with mosquitto_broker(folder) as address:
        broker = over_tls(address, folder)
        with connected(broker) as source:
            assert goes_through(broker, source, b"1")
            passwd = folder / "mosquitto" / "config" / "passwd"
            tool = shutil.which("mosquitto_passwd", path="/usr/bin:/usr/local/bin")
            assert tool is not None
            subprocess.run([tool, "-b", str(passwd), "ingest", "fresh"], check=True, timeout=20)
            address.process.send_signal(signal.SIGHUP)
            Path(broker.password_file).write_text("fresh\n")
            wait_for(lambda: has_connected_again(source, 2), "the new connection")
            assert goes_through(broker, source, b"2")
            assert source.figures().sessions_lost == 0


def test_an_unreadable_secret_leaves_the_old_one_in_force(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with mosquitto_broker(folder) as address:
        broker = over_tls(address, folder)
        with connected(broker) as source:
            ca_file = Path(broker.ca_file)
            good = ca_file.read_bytes()
            for broken in (b"", b"no certificate", b"\xff\xfe"):
                caplog.clear()
                ca_file.write_bytes(broken)
                wait_for(
                    lambda: any(one.message == "credentials_unreadable" for one in caplog.records),
                    "a line in the log",
                )
            ca_file.unlink()
            assert source.figures().connections == 1
            ca_file.write_bytes(good)
            assert goes_through(broker, source, b"1")
            assert source.figures().connections == 1


def test_a_new_authority_is_taken_without_a_restart_of_the_reader(folder: Path) -> None:
    with mosquitto_broker(folder) as address:
        broker = over_tls(address, folder)
        reader = Subscriber(
            broker, IngestSettings(), client_id="twin-test-1", filters=["twin/v1/#"]
        )
        reader.start()
        wait_for(lambda: reader.figures().is_connected, "the connection")
        expires_at = reader.figures().certificate_expires_at
    assert expires_at is not None
    assert timedelta(days=1) < expires_at - datetime.now(UTC) < timedelta(days=3)
    make_certificates(folder / "mosquitto" / "certs")
    with mosquitto_broker(folder) as address:
        shutil.copy(address.ca_file, broker.ca_file)
        wait_for(lambda: has_connected_again(reader, 2), "the new connection")
        assert goes_through(broker, reader, b"1")
        reader.close()


def test_the_figures_of_mosquitto_tell_drops_queue_and_restarts(folder: Path) -> None:
    limits = ("max_queued_messages 50", "sys_interval 1")
    with mosquitto_broker(folder, extra_lines=limits) as address:
        broker = over_tls(address, folder)
        observer = BrokerObserver(broker, "twin-test-observer")
        observer.start()
        wait_for(lambda: observer.health().uptime_s > 0, "the first figures")
        assert observer.health().visibility == "observable"
        with connected(broker):
            pass
        publisher = Publisher(broker, "publisher")
        for row in range(300):
            assert publisher.publish(TOPIC, b"%d" % row)
        assert publisher.close(20.0) == 0
        wait_for(lambda: observer.health().dropped == 250, "the dropped messages")
        wait_for(lambda: observer.health().stored_messages >= 50, "the queue")
        assert 0 < observer.health().queue_share(most_messages=500) < 1
    with mosquitto_broker(folder, extra_lines=limits):
        wait_for(lambda: observer.health().restarts == 1, "the restart")
        observer.close()


def test_a_broker_without_figures_is_left_alone(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded_broker(folder) as address:
        observer = BrokerObserver(
            BrokerSettings(
                host=address.host,
                port=address.port_v5,
                username=address.username,
                password_file=str(address.password_file),
                use_tls=False,
            ),
            "twin-test-observer",
        )
        observer.start()
        wait_for(
            lambda: any(one.message == "broker_not_observable" for one in caplog.records),
            "the end of the attempts",
        )
        observer.close()


def test_a_stop_with_unread_messages_still_delivers_every_acknowledgement() -> None:
    with scripted_broker() as broker:
        settings = BrokerSettings(host="127.0.0.1", port=broker.port, use_tls=False)
        source = Subscriber(settings, IngestSettings(), client_id="t", filters=["#"])
        source.start()
        peer = broker.accept()
        peer.greet()
        peer.send(b"".join(peer.publish(b"t", b"", number=row) for row in range(1, 101)))
        held = wait_for(
            lambda: source.poll(max_messages=100, max_bytes=1 << 20, timeout_s=0.5) or None, "it"
        )
        source.pause()
        peer.send(b"".join(peer.publish(b"t", b"more", number=row) for row in range(101, 999)))
        assert source.ack(held) == 0
        source.close()
        assert peer.acknowledged(len(held)) == [one.packet for one in held]
        kind, _ = peer.read()
        assert kind == 0xE0
        with pytest.raises(EOFError):  # not reset
            peer.read()
