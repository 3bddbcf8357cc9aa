"""Mosquitto as it is shipped on every transport, and a publisher that is none of ours."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripted_broker import DISCONNECT, PUBCOMP, PUBREC, Peer, packet, publish
from services import MosquittoAddress, mosquitto_broker, open_folder

from twin.embedded.broker import free_port
from twin.settings import BrokerSettings

Choice = Literal["stock", "bulk"]
Version = Literal["5", "3.1.1"]
CHOICES: tuple[Choice, ...] = ("stock", "bulk")
VERSIONS: tuple[Version, ...] = ("5", "3.1.1")
TRANSPORTS = ("tcp", "tls", "ws", "wss")
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a case connects."""

    choice: Choice
    version: Version
    transport: str = "tcp"


@dataclass(frozen=True, slots=True)
class Shipped:
    """Mosquitto with the shipped configuration and one listener more, for plain WebSocket."""

    address: MosquittoAddress
    port_ws: int
    password_file: Path

    def settings(self, way: Way) -> BrokerSettings:
        ports = {
            "tcp": self.address.port,
            "tls": self.address.port_tls,
            "ws": self.port_ws,
            "wss": self.address.port_wss,
        }
        return BrokerSettings(
            host="127.0.0.1",
            port=ports[way.transport],
            protocol=way.version,
            username="ingest",
            password_file=str(self.password_file),
            ca_file=str(self.address.ca_file),
            use_tls=way.transport in ("tls", "wss"),
            transport="websockets" if way.transport.startswith("ws") else "tcp",
        )


@contextmanager
def shipped_mosquitto(*, extra_lines: tuple[str, ...] = ()) -> Iterator[Shipped]:
    """Mosquitto in a folder of its own."""
    with open_folder() as folder:
        more = folder / "more"
        more.mkdir()
        port_ws = free_port(besides=())
        (more / "ws.conf").write_text(f"listener {port_ws} 127.0.0.1\nprotocol websockets\n")
        with mosquitto_broker(folder, extra_lines=(f"include_dir {more}", *extra_lines)) as address:
            password_file = folder / "ingest.password"
            password_file.write_text(address.passwords["ingest"])
            yield Shipped(address, port_ws, password_file)


@contextmanager
def sending(shipped: Shipped) -> Iterator[Peer]:
    """A publisher that is not ours: bytes, seen from the client."""
    with socket.create_connection(("127.0.0.1", shipped.address.port)) as connection:
        connection.settimeout(PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(connection)
        texts = (b"sender", b"ingest", shipped.address.passwords["ingest"].encode())
        login = b"".join(struct.pack(">H", len(one)) + one for one in texts)
        peer.send(packet(0x10, b"\x00\x04MQTT\x04\xc2\x00\x3c" + login))
        peer.expect(0x20)
        yield peer
        peer.send(packet(DISCONNECT, b""))


def publish_all(shipped: Shipped, messages: list[tuple[str, bytes, int, bool]]) -> None:
    """Publish (topic, payload, QoS, retain), one after the other."""
    with sending(shipped) as peer:
        for topic, payload, qos, retain in messages:
            number = 1 if qos else 0
            flags = retain | (0x04 if qos > 1 else 0)
            peer.send(publish(topic.encode(), payload, number=number, flags=flags, is_five=False))
            if qos == 1:
                assert peer.acknowledged(1) == [1]
            elif qos > 1:
                peer.expect(PUBREC)
                peer.send(packet(0x62, b"\x00\x01"))
                peer.expect(PUBCOMP)


def blast(shipped: Shipped, messages: list[tuple[bytes, bytes]]) -> None:
    """Publish as fast as the broker confirms, and no faster."""
    with sending(shipped) as peer:
        for start in range(0, len(messages), 1000):
            block = messages[start : start + 1000]
            peer.send(
                b"".join(
                    publish(topic, payload, number=row + 1, is_five=False)
                    for row, (topic, payload) in enumerate(block)
                )
            )
            peer.acknowledged(len(block))
