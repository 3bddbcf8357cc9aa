"""A relay between ingester and broker that knows what the ingester acknowledged.

It reads the MQTT packets that pass and understands PUBLISH and PUBACK of QoS 1, nothing else, so
that a test can ask for exactly the readings that the ingester took over.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from faults.oracle import Key
from faults.rig import Rig

CHUNK_BYTES = 65_536
ACCEPT_WITHIN_S = 0.2
CONNECT, PUBLISH, PUBACK = 0x10, 0x30, 0x40
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Watched:
    """One connection: the readings of the packet ids that are under way."""

    is_version_5: bool = False
    under_way: dict[int, Key] = field(default_factory=dict)


class Tap:
    """Listens on 127.0.0.1; ``acked`` holds (stream, time in ms) of what was acknowledged."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(ACCEPT_WITHIN_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="tap", daemon=True)
        self._open: set[socket.socket] = set()
        self.acked: set[Key] = set()
        self.port = int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._listener.close()
        for one in list(self._open):
            _end(one)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                client.close()
                continue
            watched = Watched()
            for source, sink, is_up in ((client, server, True), (server, client, False)):
                source.settimeout(None)
                self._open.add(source)
                threading.Thread(
                    target=self._relay, args=(source, sink, watched, is_up), daemon=True
                ).start()

    def _relay(
        self,
        source: socket.socket,
        sink: socket.socket,
        watched: Watched,
        is_up: bool,  # noqa: FBT001 - the direction of a thread
    ) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                buffer = self._look(buffer + chunk, watched, is_up=is_up)
                sink.sendall(chunk)
        self._open.discard(source)
        _end(sink)
        _end(source)

    def _look(self, buffer: bytes, watched: Watched, *, is_up: bool) -> bytes:
        at = 0
        while (split := _split(buffer, at)) is not None:
            head, begin, end = split
            kind = head & 0xF0
            if is_up and kind == CONNECT:
                watched.is_version_5 = buffer[begin + 6] == 5
            elif is_up and kind == PUBACK:
                packet = int.from_bytes(buffer[begin : begin + 2], "big")
                key = watched.under_way.pop(packet, None)
                if key is not None:
                    self.acked.add(key)
            elif not is_up and kind == PUBLISH and head & 0x02:
                packet, key = _reading(buffer[begin:end], is_version_5=watched.is_version_5)
                if key is not None:
                    watched.under_way[packet] = key
            at = end
        return buffer[at:]


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _split(buffer: bytes, at: int) -> tuple[int, int, int] | None:
    """(first byte, begin, end) of the packet that begins there; None if it is not complete."""
    size = 0
    for place in range(4):
        if at + 1 + place >= len(buffer):
            return None
        byte = buffer[at + 1 + place]
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            begin = at + 2 + place
            return (buffer[at], begin, begin + size) if begin + size <= len(buffer) else None
    raise AssertionError(f"no packet length in {buffer[at : at + 5].hex()}")


def _reading(body: bytes, *, is_version_5: bool) -> tuple[int, Key | None]:
    topic_end = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:topic_end].decode()
    packet = int.from_bytes(body[topic_end : topic_end + 2], "big")
    begin = topic_end + 2
    if is_version_5:
        assert body[begin] < 0x80, "long properties"
        begin += 1 + body[begin]
    parts = topic.split("/")
    if parts[-1] != "obs" or not parts[-2].startswith("s"):
        return packet, None
    return packet, (int(parts[-2][1:]), int(json.loads(body[begin:])["t"]))


@contextmanager
def tap(rig: Rig) -> Iterator[Tap]:
    """A tap before the broker of this rig; ingesters that start from now on go through it."""
    broker = rig.broker.settings
    relay = Tap(broker.host, broker.port)
    relay.start()
    city = rig.settings.folder / "city.toml"
    text = city.read_text(encoding="utf-8")
    assert f"port = {broker.port}\n" in text
    city.write_text(text.replace(f"port = {broker.port}\n", f"port = {relay.port}\n"))
    try:
        yield relay
    finally:
        relay.stop()
