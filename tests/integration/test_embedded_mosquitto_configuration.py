import queue
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from services import DEADLINE_S, SHIPPED_MOSQUITTO, MosquittoAddress, mosquitto_broker

from twin.embedded.mqttprobe import VERSION_3_1_1, VERSION_5, answers

pytestmark = pytest.mark.broker

NOT_AUTHORISED = 0x87
USERS = ("ingest", "counter-1", "counter-2")


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MosquittoAddress]:
    with mosquitto_broker(tmp_path_factory.mktemp("mosquitto"), users=USERS) as address:
        yield address


class Peer:
    """A connected MQTT 5 client that collects what it receives."""

    def __init__(self, address: MosquittoAddress, user: str | None, password: str | None) -> None:
        self.refusal = 0
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.events: queue.Queue[int] = queue.Queue()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"test-{user}", protocol=MQTTProtocolVersion.MQTTv5
        )
        if user is not None:
            self.client.username_pw_set(user, password)
        self.client.on_connect = lambda _c, _d, _f, reason, _p: self.events.put(reason.value)
        self.client.on_subscribe = lambda _c, _d, _mid, _r, _p: self.events.put(0)
        self.client.on_publish = lambda _c, _d, _mid, reason, _p: self.events.put(reason.value)
        self.client.on_message = lambda _c, _d, message: self.received.put(
            (message.topic, bytes(message.payload))
        )
        self.client.connect(address.host, address.port)
        self.client.loop_start()
        self.refusal = self.events.get(timeout=DEADLINE_S)

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, options=SubscribeOptions(qos=1, noLocal=True))
        self.events.get(timeout=DEADLINE_S)

    def publish(self, topic: str, payload: bytes) -> int:
        self.client.publish(topic, payload, qos=1)
        return self.events.get(timeout=DEADLINE_S)

    def next_message(self) -> tuple[str, bytes]:
        return self.received.get(timeout=DEADLINE_S)


@contextmanager
def peer(
    address: MosquittoAddress, user: str | None, password: str | None = None
) -> Iterator[Peer]:
    known = password if password is not None or user is None else address.passwords[user]
    client = Peer(address, user, known)
    try:
        yield client
    finally:
        client.client.disconnect()
        client.client.loop_stop()


@pytest.mark.duty("S2")
@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), ("ingest", "wrong"), ("ingest", ""), ("admin", "admin"), ("nobody", "x")],
)
def test_nobody_enters_without_the_right_password(
    mosquitto: MosquittoAddress, user: str | None, password: str | None
) -> None:
    with peer(mosquitto, user, password) as client:
        assert client.refusal >= 0x80


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("version", [VERSION_3_1_1, VERSION_5])
def test_every_user_enters_with_both_versions_of_mqtt(
    mosquitto: MosquittoAddress, user: str, version: int
) -> None:
    password = mosquitto.passwords[user]
    assert answers(
        mosquitto.host, mosquitto.port, version=version, username=user, password=password
    )


@pytest.mark.duty("S3")
def test_a_device_writes_below_its_own_name_only(mosquitto: MosquittoAddress) -> None:
    with peer(mosquitto, "ingest") as ingest, peer(mosquitto, "counter-1") as device:
        ingest.subscribe("#")
        for foreign in ("sensors/counter-2/flow", "twin/status", "sensors", "other/counter-1"):
            assert device.publish(foreign, b"forged") == NOT_AUTHORISED
        assert device.publish("sensors/counter-1/flow", b"own") == 0
        assert ingest.next_message() == ("sensors/counter-1/flow", b"own")
        assert ingest.received.empty()


@pytest.mark.duty("S3")
def test_a_device_reads_its_own_commands_only(mosquitto: MosquittoAddress) -> None:
    with (
        peer(mosquitto, "ingest") as ingest,
        peer(mosquitto, "counter-1") as device,
        peer(mosquitto, "counter-2") as other,
    ):
        for topic in ("#", "$SYS/#", "sensors/counter-2/#", "twin/cmd/+/#"):
            device.subscribe(topic)
        assert other.publish("sensors/counter-2/flow", b"secret") == 0
        assert ingest.publish("twin/cmd/counter-2/restart", b"not for you") == 0
        assert ingest.publish("twin/cmd/counter-1/restart", b"for you") == 0
        # Overlapping subscriptions may deliver it more than once; nothing else may come before.
        assert device.next_message() == ("twin/cmd/counter-1/restart", b"for you")
        rest = {device.received.get_nowait() for _ in range(device.received.qsize())}
        assert rest <= {("twin/cmd/counter-1/restart", b"for you")}


def test_the_ingester_reads_the_drop_counters(mosquitto: MosquittoAddress) -> None:
    with peer(mosquitto, "ingest") as ingest:
        ingest.subscribe("$SYS/broker/publish/messages/dropped")
        topic, payload = ingest.next_message()
    assert topic == "$SYS/broker/publish/messages/dropped"
    assert int(payload) >= 0


@contextmanager
def persistent_session(address: MosquittoAddress) -> Iterator[queue.Queue[bytes]]:
    """What arrived for one fixed client id since it was last here."""
    ready: queue.Queue[int] = queue.Queue()
    got: queue.Queue[bytes] = queue.Queue()
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        "absent",
        protocol=MQTTProtocolVersion.MQTTv311,
        clean_session=False,
    )

    def subscribe(client: mqtt.Client, *_: object) -> None:
        client.subscribe("sensors/#", qos=1)

    client.on_connect = subscribe
    client.on_subscribe = lambda _c, _d, _mid, _r, _p: ready.put(0)
    client.on_message = lambda _c, _d, message: got.put(bytes(message.payload))
    client.username_pw_set("ingest", address.passwords["ingest"])
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        ready.get(timeout=DEADLINE_S)
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


def test_messages_for_an_absent_ingester_survive_a_restart(tmp_path: Path) -> None:
    count = 1500  # more than the 1000 that Mosquitto queues by default
    users = ("ingest", "counter-1")
    with mosquitto_broker(tmp_path, users=users) as address:
        with persistent_session(address):
            pass
        with peer(address, "counter-1") as device:
            for number in range(count):
                device.client.publish("sensors/counter-1/n", b"%d" % number, qos=1)
            for _ in range(count):
                assert device.events.get(timeout=DEADLINE_S) == 0
    with mosquitto_broker(tmp_path, users=users) as again, persistent_session(again) as got:
        numbers = [int(got.get(timeout=DEADLINE_S)) for _ in range(count)]
    assert numbers == list(range(count))


def handshake(address: MosquittoAddress, port: int, *, newest: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cafile=str(address.ca_file))
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that an old version fails at the broker, not here
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = newest
    with (
        socket.create_connection((address.host, port), timeout=DEADLINE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        return secured.version()


@pytest.mark.duty("S2")
@pytest.mark.parametrize("listener", ["port_tls", "port_wss"])
def test_encrypted_listeners_speak_tls_1_2_and_newer(
    mosquitto: MosquittoAddress, listener: str
) -> None:
    port = getattr(mosquitto, listener)
    assert handshake(mosquitto, port, newest=ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert handshake(mosquitto, port, newest=ssl.TLSVersion.TLSv1_2) == "TLSv1.2"


@pytest.mark.duty("S2")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("listener", ["port_tls", "port_wss"])
def test_encrypted_listeners_refuse_tls_1_1(mosquitto: MosquittoAddress, listener: str) -> None:
    with pytest.raises(OSError, match=r"(?i)version|alert|reset|EOF"):
        handshake(mosquitto, getattr(mosquitto, listener), newest=ssl.TLSVersion.TLSv1_1)


@pytest.mark.duty("S2")
def test_the_unencrypted_listener_is_for_this_machine_only(mosquitto: MosquittoAddress) -> None:
    shipped = (SHIPPED_MOSQUITTO / "mosquitto.conf").read_text().splitlines()
    listeners = [line for line in shipped if line.startswith("listener ")]
    assert listeners == ["listener 1883 127.0.0.1", "listener 8883", "listener 8884"]
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.2", mosquitto.port)) != 0
