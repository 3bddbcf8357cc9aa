"""A peer that speaks MQTT byte by byte as a test prescribes; no broker, and no mock of one.

The test is the broker: it decides where the stream is cut, what arrives together, what is wrong.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LIMIT_S = 20.0
CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x10, 0x30, 0x40, 0x50, 0x62, 0x70
PINGRESP = b"\xd0\x00"
PROBE = b"twin/probe/"
SUBSCRIBE, PINGREQ, DISCONNECT = 0x82, 0xC0, 0xE0


def length(count: int) -> bytes:
    """Remaining length as MQTT writes it."""
    found = bytearray()
    while True:
        count, low = divmod(count, 128)
        found.append(low | (128 if count else 0))
        if not count:
            return bytes(found)


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + length(len(body)) + body


def publish(
    topic: bytes, payload: bytes, *, number: int = 0, flags: int = 0, is_five: bool = True
) -> bytes:
    """A PUBLISH of QoS 1 if it has a number; ``flags`` are or-ed to the first byte."""
    body = struct.pack(">H", len(topic)) + topic
    if number:
        body += struct.pack(">H", number)
        flags |= 0 if flags & 0x04 else 0x02
    return packet(PUBLISH | flags, body + (b"\x00" if is_five else b"") + payload)


class Peer:
    """One connection of a client, seen from the broker."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.is_five = True
        self._held = b""

    def send(self, content: bytes) -> None:
        self.connection.sendall(content)

    def read(self) -> tuple[int, bytes]:
        """First byte and body of the next packet; EOFError at the end."""
        first = self._take(1)[0]
        size = shift = 0
        while True:
            byte = self._take(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self._take(size)

    def expect(self, kind: int) -> bytes:
        """Body of the next packet, which must be of this kind; probes come back, pings, too."""
        while True:
            first, body = self.read()
            if first == PINGREQ and kind != PINGREQ:
                self.send(PINGRESP)
                continue
            if first == PUBLISH and PROBE in body:
                self.send(packet(first, body))
                continue
            assert first == kind, f"expected {kind:#x}, got {first:#x}"
            return body

    def connect(self) -> bytes:
        """Body of the CONNECT packet; notes its version."""
        body = self.expect(CONNECT)
        self.is_five = body[6] == 5
        return body

    def accept(
        self, *, properties: bytes = b"", is_resumed: bool = True, then: bytes = b""
    ) -> None:
        """CONNACK, and ``then`` in the same segment."""
        end = length(len(properties)) + properties if self.is_five else b""
        self.send(packet(0x20, bytes([is_resumed, 0]) + end) + then)

    def greet(self, *, then: bytes = b"") -> bytes:
        """Accept a client and both its subscriptions; body of its CONNECT."""
        body = self.connect()
        self.accept(then=then)
        self.confirm_subscription()
        self.confirm_subscription()
        return body

    def confirm_subscription(self, verdict: bytes = b"\x01") -> bytes:
        body = self.expect(SUBSCRIBE)
        end = b"\x00" if self.is_five else b""
        filters = count_filters(body[3:] if self.is_five else body[2:])
        self.send(packet(0x90, body[:2] + end + verdict * filters))
        return body

    def acknowledged(self, count: int) -> list[int]:
        """Packet ids of the next acknowledgements, in their order."""
        return [struct.unpack(">H", self.expect(PUBACK)[:2])[0] for _ in range(count)]

    def publish(self, topic: bytes, payload: bytes, *, number: int = 0, flags: int = 0) -> bytes:
        """A PUBLISH in the version of this connection."""
        return publish(topic, payload, number=number, flags=flags, is_five=self.is_five)

    def wait_for_end(self) -> None:
        """Read until the client closes, then close, too."""
        with suppress(EOFError, ConnectionError):
            while True:
                self.read()
        self.connection.close()

    def _take(self, count: int) -> bytes:
        while len(self._held) < count:
            chunk = self.connection.recv(1 << 16)
            if not chunk:
                raise EOFError
            self._held += chunk
        found, self._held = self._held[:count], self._held[count:]
        return found


def count_filters(body: bytes) -> int:
    count = 0
    while body:
        body = body[3 + struct.unpack(">H", body[:2])[0] :]
        count += 1
    return count


class ScriptedBroker:
    """A door where the test itself is the broker, connection by connection."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self._connections: list[socket.socket] = []

    @property
    def port(self) -> int:
        return self._door.getsockname()[1]

    def accept(self) -> Peer:
        """The next connection."""
        connection = self._door.accept()[0]
        connection.settimeout(LIMIT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.append(connection)
        return Peer(connection)

    def close(self) -> None:
        """End all connections and accept no more."""
        self._door.close()
        for connection in self._connections:
            connection.close()


@contextmanager
def scripted_broker() -> Iterator[ScriptedBroker]:
    """A scripted broker on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(LIMIT_S)
        broker = ScriptedBroker(door)
        try:
            yield broker
        finally:
            broker.close()
