"""A load generator of its own kind: raw sockets, MQTT 3.1.1, QoS 1, nothing shared with the twin.

It follows a schedule (open loop), keeps every message until its PUBACK, and sends unacknowledged
ones again after a reconnect.
"""

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

WINDOW = 1000


@dataclass(frozen=True)
class Target:
    """Broker to publish to; without user no authentication."""

    host: str
    port: int
    client_id: str = "loadgen"
    username: str = ""
    password: str = ""


@dataclass(frozen=True)
class Plan:
    """Message n goes to stream n mod ``streams``; its time is ``begin_ms`` + n, its value n / 4."""

    topic: Callable[[int], str]
    streams: int
    count: int
    rate_hz: float
    begin_ms: int

    def payload(self, number: int) -> bytes:
        reading = {"t": self.begin_ms + number, "v": number / 4, "seq": number // self.streams}
        return json.dumps(reading).encode()

    def expected(self) -> Iterator[tuple[int, int, float]]:
        """(stream, time in ms, value) of every message."""
        for number in range(self.count):
            yield number % self.streams, self.begin_ms + number, number / 4


@dataclass
class LoadGenerator:
    """Publishes a plan in a thread; `acknowledged` counts PUBACKs."""

    target: Target
    plan: Plan
    acknowledged: int = 0
    failure: BaseException | None = None
    _unacknowledged: dict[int, int] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._guarded, name="loadgen", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        assert self._thread is not None
        self._thread.join(timeout_s)
        assert self.failure is None, self.failure
        assert not self._thread.is_alive(), f"only {self.acknowledged} acknowledged"

    def _guarded(self) -> None:
        try:
            self._run()
        except OSError as error:
            self.failure = error

    def _run(self) -> None:
        begin = time.monotonic()
        sent = 0
        with _connected(self.target) as connection:
            buffer = b""
            while self.acknowledged < self.plan.count:
                due = min(self.plan.count, int((time.monotonic() - begin) * self.plan.rate_hz) + 1)
                packets: list[bytes] = []
                while sent < due and len(self._unacknowledged) < WINDOW:
                    packets.append(self._publish(sent))
                    sent += 1
                connection.sendall(b"".join(packets))
                readable, _, _ = select.select([connection], [], [], 0.002)
                if readable:
                    buffer = self._acknowledge(buffer + connection.recv(65536))
            connection.sendall(b"\xe0\x00")

    def _publish(self, number: int) -> bytes:
        packet_id = number % 65_535 + 1
        self._unacknowledged[packet_id] = number
        topic = self.plan.topic(number % self.plan.streams).encode()
        body = _text(topic) + packet_id.to_bytes(2, "big") + self.plan.payload(number)
        return b"\x32" + _length(len(body)) + body

    def _acknowledge(self, buffer: bytes) -> bytes:
        while len(buffer) >= 4:
            assert buffer[:2] == b"\x40\x02", f"unexpected packet {buffer[:4].hex()}"
            del self._unacknowledged[int.from_bytes(buffer[2:4], "big")]
            self.acknowledged += 1
            buffer = buffer[4:]
        return buffer


def _connected(target: Target) -> socket.socket:
    connection = socket.create_connection((target.host, target.port), timeout=10)
    flags = 0x02 | (0xC0 if target.username else 0)
    body = _text(b"MQTT") + bytes([4, flags, 0, 120]) + _text(target.client_id.encode())
    if target.username:
        body += _text(target.username.encode()) + _text(target.password.encode())
    connection.sendall(b"\x10" + _length(len(body)) + body)
    answer = connection.recv(4)
    assert answer == b"\x20\x02\x00\x00", f"refused: {answer.hex()}"
    return connection


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _length(size: int) -> bytes:
    encoded = bytearray()
    while True:
        size, byte = divmod(size, 128)
        encoded.append(byte | (0x80 if size else 0))
        if not size:
            return bytes(encoded)
