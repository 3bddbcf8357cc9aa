import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from services import DEADLINE_S, embedded_broker, eventually

from twin.embedded.broker import BrokerAddress, BrokerPorts, EmbeddedBroker, free_port, is_free
from twin.embedded.mqttprobe import VERSION_3_1_1, VERSION_5, answers, connect_packet
from twin.errors import AlreadyRunningError, EmbeddedError

pytestmark = pytest.mark.broker

OWNER_SCRIPT = """
import sys, time
from pathlib import Path
from twin.embedded.broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
broker.start()
print(broker.process.pid, flush=True)
time.sleep(120)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    with embedded_broker(tmp_path_factory.mktemp("broker")) as address:
        yield address


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture
def start_owner() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OWNER_SCRIPT, str(folder)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for owner in started:
        owner.kill()
        owner.communicate()


def port_of(address: BrokerAddress, version: int) -> int:
    return address.port_v5 if version == VERSION_5 else address.port_v311


def password_of(address: BrokerAddress) -> str:
    return address.password_file.read_text().strip()


@pytest.mark.parametrize("version", [VERSION_3_1_1, VERSION_5])
def test_a_message_of_a_megabyte_arrives_as_it_was_sent(
    running: BrokerAddress, version: int
) -> None:
    sent = bytes(range(256)) * 4096
    got: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[int] = queue.Queue()
    protocol = MQTTProtocolVersion(version)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, f"test-{version}", protocol=protocol)
    client.username_pw_set(running.username, password_of(running))

    def subscribe(client: mqtt.Client, *_: object) -> None:
        client.subscribe("sensors/a/#", qos=1)

    client.on_connect = subscribe
    client.on_subscribe = lambda _c, _d, _mid, _r, _p: ready.put(1)
    client.on_message = lambda _c, _d, message: got.put(bytes(message.payload))
    client.connect(running.host, port_of(running, version))
    client.loop_start()
    try:
        ready.get(timeout=DEADLINE_S)
        client.publish("sensors/a/x", sent, qos=1)
        assert got.get(timeout=DEADLINE_S) == sent
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("version", [VERSION_3_1_1, VERSION_5])
@pytest.mark.parametrize(
    ("username", "password"),
    [("", ""), ("admin", "admin"), ("twin", "twin"), ("guest", "guest"), (None, "wrong")],
)
def test_a_login_without_the_generated_password_is_refused(
    running: BrokerAddress, version: int, username: str | None, password: str
) -> None:
    name = running.username if username is None else username
    port = port_of(running, version)
    assert not answers(running.host, port, version=version, username=name, password=password)


@pytest.mark.parametrize("version", [VERSION_3_1_1, VERSION_5])
def test_a_client_without_a_login_is_refused(running: BrokerAddress, version: int) -> None:
    packet = bytearray(connect_packet(version, username="", password=""))
    packet[9] = 0b10  # clean session, neither name nor password
    packet = packet[:-4]
    packet[1] -= 4
    with socket.create_connection((running.host, port_of(running, version)), timeout=5) as client:
        client.sendall(packet)
        answer = client.recv(100)
    assert answer == b"" or answer[3] != 0


def test_the_generated_login_is_accepted_on_both_ports(running: BrokerAddress) -> None:
    for version in (VERSION_3_1_1, VERSION_5):
        assert answers(
            running.host,
            port_of(running, version),
            version=version,
            username=running.username,
            password=password_of(running),
        )


def outside_addresses() -> list[str]:
    """Addresses of this machine other than 127.0.0.1; no packet is sent to find them."""
    found = ["127.0.0.2"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(("192.0.2.1", 9))
            found.append(trial.getsockname()[0])
        except OSError:
            pass  # no network at all: the second loopback address remains
    return found


def test_no_listener_answers_on_another_interface(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, with_websocket=True)
    with broker as address:
        for port in (address.port_v5, address.port_v311, address.port_ws):
            assert port is not None
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
            for other in outside_addresses():
                with socket.socket() as trial:
                    trial.settimeout(5)
                    assert trial.connect_ex((other, port)) != 0, f"{other}:{port} answers"


def test_secrets_lie_in_files_for_the_owner_and_not_on_the_command_line(
    broker: EmbeddedBroker,
) -> None:
    address = broker.start()
    assert broker.folder.stat().st_mode & 0o777 == 0o700
    for name in ("rumqttd.toml", "password", "username", "ports.json"):
        assert (broker.folder / name).stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(
        ["ps", "ewww", "-o", "args", "-A"], capture_output=True, text=True, check=True
    ).stdout
    assert "rumqtt.py" in shown
    assert password_of(address) not in shown


def test_ports_and_login_stay_the_same_over_a_restart(broker: EmbeddedBroker) -> None:
    address, password = broker.start(), password_of(broker.start())
    broker.stop()
    assert broker.process is None
    assert not broker.probe()
    again = EmbeddedBroker(broker.folder)
    with again as second:
        assert second == address
        assert password_of(second) == password


def test_two_folders_have_different_logins(tmp_path: Path, running: BrokerAddress) -> None:
    with embedded_broker(tmp_path) as other:
        assert other.username != running.username
        assert password_of(other) != password_of(running)


def test_a_port_taken_meanwhile_is_replaced_by_a_free_one(broker: EmbeddedBroker) -> None:
    address = broker.start()
    broker.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", address.port_v5))
        squatter.listen()
        again = broker.start()
    assert again.port_v5 != address.port_v5
    assert again.port_v311 == address.port_v311
    assert broker.probe()


def test_fixed_ports_are_used_and_a_taken_one_is_named(tmp_path: Path) -> None:
    first = free_port(besides=())
    ports = BrokerPorts(v5=first, v311=free_port(besides=(first,)))
    with EmbeddedBroker(tmp_path / "one", ports=ports) as address:
        assert (address.port_v5, address.port_v311) == (ports.v5, ports.v311)
        with pytest.raises(EmbeddedError, match=f"port {ports.v5} .* is taken"):
            EmbeddedBroker(tmp_path / "two", ports=ports).start()


def test_a_listener_broken_by_a_client_fails_the_probe_and_a_restart_heals_it(
    broker: EmbeddedBroker,
) -> None:
    address = broker.start()
    bad = mqtt.Client(CallbackAPIVersion.VERSION2, "a/b", protocol=MQTTProtocolVersion.MQTTv311)
    bad.username_pw_set(address.username, password_of(address))
    for _ in range(2):
        bad.connect(address.host, address.port_v311)
        eventually(lambda: bad.loop(0.1) != mqtt.MQTT_ERR_SUCCESS, "the broker hung up")
    eventually(lambda: not broker.probe(), "the probe fails")
    assert broker.is_alive(), "the process knows nothing of it"
    with socket.create_connection((address.host, address.port_v311), timeout=5):
        pass  # and a mere connection looks healthy
    broker.stop()
    assert broker.start() == address
    assert broker.probe()


def test_a_killed_broker_is_started_again_at_the_same_address(broker: EmbeddedBroker) -> None:
    address = broker.start()
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait(DEADLINE_S)
    assert not broker.is_alive()
    assert broker.start() == address
    assert broker.probe()


def test_the_broker_ends_with_its_killed_owner_and_starts_again_at_the_same_address(
    broker: EmbeddedBroker, start_owner: Callable[[Path], subprocess.Popen[str]]
) -> None:
    owner = start_owner(broker.folder)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    ports = (broker.folder / "ports.json").read_bytes()
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(DEADLINE_S)
    broker.start()
    assert (broker.folder / "ports.json").read_bytes() == ports
    assert broker.process is not None
    assert broker.process.pid != child
    assert broker.probe()


def test_a_second_owner_is_refused_with_folder_and_process(
    broker: EmbeddedBroker, start_owner: Callable[[Path], subprocess.Popen[str]]
) -> None:
    owner = start_owner(broker.folder)
    assert owner.stdout is not None
    owner.stdout.readline()
    with pytest.raises(AlreadyRunningError) as refusal:
        broker.start()
    assert str(broker.folder) in str(refusal.value)
    assert f"process {owner.pid}" in str(refusal.value)


def test_stopping_frees_the_ports(broker: EmbeddedBroker) -> None:
    address = broker.start()
    assert not is_free(address.port_v5)
    broker.stop()
    assert is_free(address.port_v5)
    assert is_free(address.port_v311)
