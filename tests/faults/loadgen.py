"""A load generator of its own kind: raw sockets, MQTT 3.1.1 and 5, nothing shared with the twin.

It follows a schedule (open loop) or sends as fast as the broker takes (``rate_hz`` infinite), keeps
every message until its PUBACK, and sends unacknowledged ones again after a reconnect.
"""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

WINDOW = 1000
CONNECT_WITHIN_S = 10.0
RECONNECT_PAUSE_S = 0.1
TURN_S = 0.002
PUBACK = 0x40
RECEIVE_MAXIMUM = 0x21
REPEATED_AFTER = 700  # messages, so that a repeat comes in another batch


@dataclass(frozen=True)
class Target:
    """Broker to publish to; without user no authentication."""

    host: str
    port: int
    client_id: str = "loadgen"
    username: str = ""
    password: str = ""
    version: Literal["3.1.1", "5"] = "3.1.1"


@dataclass(frozen=True)
class Burst:
    """Another rate for a while."""

    begin_s: float
    length_s: float
    rate_hz: float


@dataclass(frozen=True)
class Plan:
    """What is published when.

    Message n goes to stream n mod ``streams`` and holds ``per_message`` readings. Reading r (of
    all) has the time ``begin_ms`` + r and the value r / 4.

    Parameters
    ----------
    rate_hz
        Messages per second; infinite publishes as fast as the broker confirms.
    repeats
        How often every message is sent; the repeats come later, every other one with DUP.
    shuffle_seed
        Sends the messages in an order of this seed instead of in order of time.
    bad_every
        Every n-th message is no reading but nonsense that names its number.
    bursts
        Times with another rate.
    skipped
        So many messages are left out at the beginning: another plan published them.
    """

    topic: Callable[[int], str]
    streams: int
    count: int
    rate_hz: float
    begin_ms: int
    per_message: int = 1
    qos: Literal[0, 1] = 1
    repeats: int = 1
    shuffle_seed: int | None = None
    bad_every: int = 0
    bursts: tuple[Burst, ...] = ()
    skipped: int = 0

    def is_bad(self, number: int) -> bool:
        return bool(self.bad_every) and number % self.bad_every == self.bad_every - 1

    def payload(self, number: int) -> bytes:
        if self.is_bad(number):
            return bad_payload(number)
        first = number * self.per_message
        sequence = number // self.streams
        if self.per_message == 1:
            return json.dumps(self._reading(first) | {"seq": sequence}).encode()
        rows = [self._reading(first + row) for row in range(self.per_message)]
        rows[0]["seq"] = sequence
        return json.dumps(rows).encode()

    def _reading(self, row: int) -> dict[str, float]:
        return {"t": self.begin_ms + row, "v": row / 4}

    def readings(self, number: int) -> Iterator[tuple[int, int, float]]:
        """(stream, time in ms, value) of what one message holds."""
        if not self.is_bad(number):
            first = number * self.per_message
            for row in range(first, first + self.per_message):
                yield number % self.streams, self.begin_ms + row, row / 4

    def expected(self) -> Iterator[tuple[int, int, float]]:
        """(stream, time in ms, value) of every reading."""
        for number in range(self.skipped, self.count):
            yield from self.readings(number)

    @property
    def sendings(self) -> int:
        """Messages including repeats."""
        return (self.count - self.skipped) * self.repeats

    def order(self) -> list[tuple[int, bool]]:
        """(message, with DUP) in the order of sending."""
        numbers = np.arange(self.skipped, self.count)
        if self.shuffle_seed is not None:
            numbers = np.random.default_rng(self.shuffle_seed).permutation(numbers)
        if self.repeats == 1:
            return [(number, False) for number in numbers.tolist()]
        places = np.concatenate(
            [np.arange(len(numbers)) + row * REPEATED_AFTER for row in range(self.repeats)]
        )
        marked = np.repeat(np.arange(self.repeats) % 2 == 1, len(numbers))
        order = np.argsort(places, kind="stable")
        return list(
            zip(np.tile(numbers, self.repeats)[order].tolist(), marked[order].tolist(), strict=True)
        )

    def due(self, elapsed_s: float) -> int:
        """How many messages the schedule wants by now."""
        if self.rate_hz == float("inf"):
            return self.sendings
        due = elapsed_s * self.rate_hz
        for burst in self.bursts:
            inside_s = min(max(elapsed_s - burst.begin_s, 0.0), burst.length_s)
            due += inside_s * (burst.rate_hz - self.rate_hz)
        return min(self.sendings, int(due) + 1)


def bad_payload(number: int) -> bytes:
    """No reading; the number makes it findable in the quarantine."""
    kinds = (
        f'{{"t": 1, "v": "bad-{number}"}}',
        f'["bad-{number}"',
        f'{{"bad-{number}": []}}',
        f'{{"t": "never", "v": 1, "note": "bad-{number}"}}',
    )
    return kinds[number % len(kinds)].encode()


@dataclass
class LoadGenerator:
    """Publishes a plan in a thread; `acknowledged` counts PUBACKs (QoS 0: what was sent).

    A lost connection is tried again for ``reconnect_for_s``; then it counts as a failure.
    """

    target: Target
    plan: Plan
    window: int = WINDOW
    reconnect_for_s: float = 60.0
    acknowledged: int = 0
    connections: int = 0
    resent: int = 0
    failure: BaseException | None = None
    taken: bytearray = field(default_factory=bytearray)  # per message: the broker confirmed it
    begun_s: float = 0.0
    ended_s: float = 0.0
    _unacknowledged: dict[int, tuple[int, bool]] = field(default_factory=dict)
    _packet_id: int = 0
    _sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self.taken = bytearray(self.plan.count)
        self._thread = threading.Thread(target=self._guarded, name="loadgen", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until everything is acknowledged."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        assert self.failure is None, self.failure
        assert not self._thread.is_alive(), f"only {self.acknowledged} acknowledged"

    def stop(self) -> None:
        """End early: send nothing new, wait for what is in flight."""
        self._stop.set()
        self.wait(self.reconnect_for_s + CONNECT_WITHIN_S)

    @property
    def in_flight(self) -> int:
        return len(self._unacknowledged)

    @property
    def is_over(self) -> bool:
        """Whether everything that is to be sent is acknowledged."""
        if self._unacknowledged:
            return False
        return self._stop.is_set() or self._sent >= self.plan.sendings

    def _guarded(self) -> None:
        try:
            self._run()
        except (OSError, AssertionError) as error:
            self.failure = error

    def _run(self) -> None:
        order = self.plan.order()
        self.begun_s = time.monotonic()
        give_up_s = self.begun_s + self.reconnect_for_s
        while not self.is_over:
            try:
                with _connected(self.target) as (connection, window):
                    self.connections += 1
                    self._serve(connection, order, min(self.window, window))
            except OSError:
                if time.monotonic() > give_up_s:
                    raise
                self._stop.wait(RECONNECT_PAUSE_S)
            else:
                break
            if self.connections and self._was_busy:
                give_up_s = time.monotonic() + self.reconnect_for_s
                self._was_busy = False
        self.ended_s = time.monotonic()

    _was_busy: bool = False

    def _serve(self, connection: socket.socket, order: list[tuple[int, bool]], window: int) -> None:
        """Publish on one connection until all is done; OSError if it is lost."""
        connection.settimeout(0.0)
        outgoing = b"".join(
            self._packet(packet, number, is_repeat=True)
            for packet, (number, _) in self._unacknowledged.items()
        )
        self.resent += len(self._unacknowledged)
        incoming = b""
        while not self.is_over or outgoing:
            if not outgoing:
                outgoing = self._due_packets(order, window)
            writers = [connection] if outgoing else []
            readable, writable, _ = select.select([connection], writers, [], TURN_S)
            if writable:
                outgoing = outgoing[connection.send(outgoing) :]
            if readable:
                received = connection.recv(262_144)
                if not received:
                    raise ConnectionResetError("the broker closed the connection")
                self._was_busy = True
                incoming = self._acknowledge(incoming + received)
        with contextlib.suppress(OSError):
            connection.send(b"\xe0\x00")

    def _due_packets(self, order: list[tuple[int, bool]], window: int) -> bytes:
        if self._stop.is_set():
            return b""
        due = self.plan.due(time.monotonic() - self.begun_s)
        packets: list[bytes] = []
        while self._sent < due and len(self._unacknowledged) < window and len(packets) < window:
            number, is_repeat = order[self._sent]
            self._sent += 1
            packet = 0
            if self.plan.qos:
                packet = self._free_packet_id()
                self._unacknowledged[packet] = (number, is_repeat)
            else:
                self._note(number)
            packets.append(self._packet(packet, number, is_repeat=is_repeat))
        return b"".join(packets)

    def _free_packet_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % 65_535 + 1
            if self._packet_id not in self._unacknowledged:
                return self._packet_id

    def _packet(self, packet: int, number: int, *, is_repeat: bool) -> bytes:
        topic = self.plan.topic(number % self.plan.streams)
        return publish_packet(
            topic.encode(),
            self.plan.payload(number),
            packet=packet,
            is_repeat=is_repeat,
            version=self.target.version,
        )

    def _note(self, number: int) -> None:
        self.acknowledged += 1
        self.taken[number] = 1

    def _acknowledge(self, buffer: bytes) -> bytes:
        at = 0
        while True:
            split = _split(buffer, at)
            if split is None:
                return buffer[at:]
            kind, body, end = split
            assert kind == PUBACK, f"unexpected packet {buffer[at : at + 4].hex()}"
            assert len(body) < 3 or body[2] < 0x80, f"the broker refused: {body.hex()}"
            known = self._unacknowledged.pop(int.from_bytes(body[:2], "big"), None)
            if known is not None:
                self._note(known[0])
            at = end


def publish_packet(
    topic: bytes, payload: bytes, *, packet: int, is_repeat: bool = False, version: str = "3.1.1"
) -> bytes:
    """A PUBLISH; packet id 0 means QoS 0."""
    body = _text(topic)
    if packet:
        body += packet.to_bytes(2, "big")
    if version == "5":
        body += b"\x00"
    head = 0x30 | (0x02 if packet else 0) | (0x08 if is_repeat and packet else 0)
    return bytes([head]) + _length(len(body) + len(payload)) + body + payload


@contextlib.contextmanager
def _connected(target: Target) -> Iterator[tuple[socket.socket, int]]:
    """A connection after CONNACK, and how many messages the broker takes at a time."""
    address = (target.host, target.port)
    with socket.create_connection(address, timeout=CONNECT_WITHIN_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(connect_packet(target))
        answer = b""
        while True:
            received = connection.recv(1024)
            if not received:
                raise ConnectionResetError("closed before the answer to CONNECT")
            answer += received
            split = _split(answer, 0)
            if split is not None:
                break
        kind, body, _ = split
        assert kind == 0x20, f"no answer to CONNECT: {answer.hex()}"
        assert body[1] == 0, f"refused: {answer.hex()}"
        yield connection, _receive_maximum(body[3:]) if target.version == "5" else 65_535


def connect_packet(target: Target) -> bytes:
    """A CONNECT with a clean session."""
    flags = 0x02 | (0xC0 if target.username else 0)
    body = _text(b"MQTT") + bytes([5 if target.version == "5" else 4, flags, 0, 120])
    body += b"\x00" if target.version == "5" else b""
    body += _text(target.client_id.encode())
    if target.username:
        body += _text(target.username.encode()) + _text(target.password.encode())
    return b"\x10" + _length(len(body)) + body


def _receive_maximum(properties: bytes) -> int:
    """What MQTT 5 grants; the property comes first or after ones of known size."""
    sizes = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1}
    sizes |= {0x29: 1, 0x2A: 1}
    at = 0
    while at < len(properties):
        kind = properties[at]
        if kind == RECEIVE_MAXIMUM:
            return int.from_bytes(properties[at + 1 : at + 3], "big")
        if kind in sizes:
            at += 1 + sizes[kind]
        else:
            at += 3 + int.from_bytes(properties[at + 1 : at + 3], "big")
    return 65_535


def _split(buffer: bytes, at: int) -> tuple[int, bytes, int] | None:
    """(kind, body, end) of the packet that begins there; None if it is not complete."""
    size = 0
    for place in range(4):
        if at + 1 + place >= len(buffer):
            return None
        byte = buffer[at + 1 + place]
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            begin = at + 2 + place
            if begin + size > len(buffer):
                return None
            return buffer[at] & 0xF0, buffer[begin : begin + size], begin + size
    raise AssertionError(f"no packet length in {buffer[at : at + 5].hex()}")


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _length(size: int) -> bytes:
    encoded = bytearray()
    while True:
        size, byte = divmod(size, 128)
        encoded.append(byte | (0x80 if size else 0))
        if not size:
            return bytes(encoded)
