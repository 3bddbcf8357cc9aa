"""A TCP proxy that makes faults of the network, steered from the test that owns it.

It listens on 127.0.0.1 and passes on to a TCP port or a Unix socket, so that it can stand before
the broker as well as before PostgreSQL. ``up`` is from client to server, ``down`` back.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

CHUNK_BYTES = 65_536
CHUNKS_WAITING = 64
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
STARTED_WITHIN_S = 5.0

Direction = Literal["up", "down"]
Target = tuple[str, int] | Path


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one direction does to the bytes; the defaults pass them on at once."""

    delay_s: float = 0.0
    bytes_per_s: float = float("inf")
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class ReplyHold:
    """Replies stop once ``marker`` went up: for ``for_s`` each time, or until released."""

    marker: bytes
    for_s: float | None


@dataclass(eq=False)
class _Connection:
    """Both ends of one proxied connection."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_dead: bool = False  # silent for ever: a network that forgot the connection
    is_held: bool = False
    tail: bytes = b""
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class FaultProxy:
    """Passes connections on and makes faults on demand; every method may be called from any thread.

    Attributes
    ----------
    accepted
        Connections so far.
    bytes_passed
        Bytes passed on so far, by direction.
    held
        Set while a reply is held back after the marker of `hold_replies_after`.
    """

    def __init__(self, target: Target, *, port: int = 0) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._ready = threading.Event()
        self._wanted_port = port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._conditions: dict[Direction, Conditions] = {"up": Conditions(), "down": Conditions()}
        self._left: dict[Direction, int | None] = {"up": None, "down": None}
        self._hold: ReplyHold | None = None
        self._is_silent_for_new = False
        self._is_refusing = False
        self._changed = asyncio.Event()
        self.port = 0
        self.accepted = 0
        self.bytes_passed: dict[Direction, int] = {"up": 0, "down": 0}
        self.held = threading.Event()

    def start(self) -> None:
        """Listen; `port` is known afterwards."""
        self._thread.start()
        assert self._ready.wait(STARTED_WITHIN_S), "the proxy does not start"

    def stop(self) -> None:
        """Close everything and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTED_WITHIN_S)
        assert not self._thread.is_alive(), "the proxy does not stop"

    @property
    def open_connections(self) -> int:
        """Connections that are neither closed nor dead."""
        return sum(not connection.is_dead for connection in self._connections)

    # Faults

    def heal(self) -> None:
        """Pass everything on again; connections that `black_hole` made forgotten stay dead."""
        self._do(self._heal)

    def block(self, *directions: Direction) -> None:
        """Hold back all bytes of these directions (default both), without any sign of it."""
        for direction in directions or ("up", "down"):
            self._set(direction, lambda one: replace(one, is_blocked=True))

    def black_hole(self, *, lets_new_in: bool = False) -> None:
        """Forget all present connections: silence for ever, neither FIN nor RST.

        New ones are accepted and as silent, unless ``lets_new_in``.
        """
        self._do(lambda: self._black_hole(lets_new_in=lets_new_in))

    def reset(self) -> None:
        """End all present connections with RST on both sides."""
        self._do(self._reset_all)

    def refuse(self) -> None:
        """End every new connection with RST."""
        self._do(lambda: setattr(self, "_is_refusing", True))

    def delay(self, direction: Direction, seconds: float) -> None:
        """Pass every byte on so much later."""
        self._set(direction, lambda one: replace(one, delay_s=seconds))

    def limit(self, direction: Direction, bytes_per_s: float) -> None:
        """Pass on so many bytes per second at most."""
        self._set(direction, lambda one: replace(one, bytes_per_s=bytes_per_s))

    def half_close(self, direction: Direction) -> None:
        """End this direction of all connections with FIN; the other one stays."""
        self._do(lambda: self._half_close(direction))

    def cut_after(self, direction: Direction, count: int) -> None:
        """Reset the connection that passes on the last of ``count`` further bytes."""
        self._do(lambda: self._left.__setitem__(direction, count))

    def hold_replies_after(self, marker: bytes, *, for_s: float | None = None) -> None:
        """Hold replies of a connection back once ``marker`` went up on it.

        With ``for_s`` they follow after this time, each time; otherwise after `heal`.
        """
        self._do(lambda: setattr(self, "_hold", ReplyHold(marker, for_s)))

    # In the thread of the loop

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._close())
            self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self._wanted_port, limit=CHUNK_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._is_silent_for_new, self._is_refusing = False, True
        self._tell()
        self._reset_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=STARTED_WITHIN_S)

    def _do(self, change: Callable[[], object]) -> None:
        """Make a change in the loop's thread and wait until it is made."""
        done = threading.Event()

        def make() -> None:
            change()
            self._tell()
            done.set()

        self._loop.call_soon_threadsafe(make)
        assert done.wait(STARTED_WITHIN_S), "the proxy does not answer"

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _set(self, direction: Direction, change: Callable[[Conditions], Conditions]) -> None:
        def make() -> None:
            self._conditions[direction] = change(self._conditions[direction])

        self._do(make)

    def _heal(self) -> None:
        self._conditions = {"up": Conditions(), "down": Conditions()}
        self._left = {"up": None, "down": None}
        self._hold = None
        self._is_silent_for_new = self._is_refusing = False
        for connection in self._connections:
            connection.is_held = False
        self.held.clear()

    def _black_hole(self, *, lets_new_in: bool) -> None:
        self._is_silent_for_new = not lets_new_in
        for connection in self._connections:
            connection.is_dead = True

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            _reset(connection.client)
            _reset(connection.server)
            connection.closed.set()

    def _half_close(self, direction: Direction) -> None:
        for connection in self._connections:
            writer = connection.server if direction == "up" else connection.client
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        while self._is_silent_for_new:
            await self._changed.wait()
        if self._is_refusing:
            _reset(client)
            return
        try:
            answers, server = await self._connect()
        except OSError:
            _reset(client)
            return
        connection = _Connection(client, server)
        self._connections.add(connection)
        pumps = [
            asyncio.ensure_future(self._pump(connection, "up", reader, server)),
            asyncio.ensure_future(self._pump(connection, "down", answers, client)),
        ]
        try:
            await self._until_over(connection, pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._connections.discard(connection)
            for writer in (client, server):
                writer.close()

    async def _until_over(self, connection: _Connection, pumps: "list[asyncio.Task[None]]") -> None:
        """Wait until both directions are at their end, or the connection is reset."""
        closing = asyncio.ensure_future(connection.closed.wait())
        waiting: set[asyncio.Future[Any]] = {closing, *pumps}
        while closing in waiting and len(waiting) > 1:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection(*self._target)

    async def _pump(
        self,
        connection: _Connection,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Pass one direction on, from its reader over a short queue to its writer."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_WAITING)
        feeding = asyncio.ensure_future(self._feed(connection, direction, reader, waiting))
        try:
            while True:
                received_s, chunk = await waiting.get()
                await self._wait_until_free(connection, direction, received_s)
                if not chunk:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                await self._write(connection, direction, chunk, writer)
        except OSError:
            connection.closed.set()
        finally:
            feeding.cancel()

    async def _feed(
        self,
        connection: _Connection,
        direction: Direction,
        reader: asyncio.StreamReader,
        waiting: "asyncio.Queue[tuple[float, bytes]]",
    ) -> None:
        while True:
            try:
                chunk = await reader.read(CHUNK_BYTES)
            except OSError:
                if connection.is_dead:
                    return
                _reset(connection.client)
                _reset(connection.server)
                connection.closed.set()
                return
            if direction == "up":
                self._look_for_marker(connection, chunk)
            await waiting.put((self._loop.time(), chunk))
            if not chunk:
                return

    async def _wait_until_free(
        self, connection: _Connection, direction: Direction, received_s: float
    ) -> None:
        while True:
            changed = self._changed
            conditions = self._conditions[direction]
            is_held = direction == "down" and connection.is_held
            if connection.is_dead or conditions.is_blocked or is_held:
                await changed.wait()
                continue
            left_s = received_s + conditions.delay_s - self._loop.time()
            if left_s <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), left_s)

    async def _write(
        self,
        connection: _Connection,
        direction: Direction,
        chunk: bytes,
        writer: asyncio.StreamWriter,
    ) -> None:
        left = self._left[direction]
        if left is not None:
            chunk, self._left[direction] = chunk[:left], max(0, left - len(chunk))
        rate = self._conditions[direction].bytes_per_s
        size = CHUNK_BYTES if rate == float("inf") else max(1, int(rate / 20))
        for begin in range(0, len(chunk), size):
            piece = chunk[begin : begin + size]
            writer.write(piece)
            await writer.drain()
            self.bytes_passed[direction] += len(piece)
            if rate != float("inf"):
                await asyncio.sleep(len(piece) / rate)
        if left is not None and self._left[direction] == 0:
            self._left[direction] = None
            _reset(connection.client)
            _reset(connection.server)
            connection.closed.set()

    def _look_for_marker(self, connection: _Connection, chunk: bytes) -> None:
        hold = self._hold
        if hold is None or connection.is_held:
            return
        seen = connection.tail + chunk
        connection.tail = seen[-len(hold.marker) + 1 :] if len(hold.marker) > 1 else b""
        if hold.marker not in seen:
            return
        connection.is_held = True
        connection.tail = b""
        self.held.set()
        if hold.for_s is not None:
            self._loop.call_later(hold.for_s, self._release, connection)

    def _release(self, connection: _Connection) -> None:
        connection.is_held = False
        self.held.clear()
        self._tell()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST; a Unix socket knows no RST and is simply closed."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_INET:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


@contextmanager
def fault_proxy(target: Target, *, port: int = 0) -> Iterator[FaultProxy]:
    """A running proxy before ``target``."""
    proxy = FaultProxy(target, port=port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
