"""The live socket ``/live/v1``: one sender and one receiver per client, no queue of frames."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter, WebSocket
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from dashboards.live.channels import CHANNELS
from dashboards.live.codec import Kind, decode, encode_control
from dashboards.live.hub import Hub
from dashboards.view import view_of
from twin.city import Twin
from twin.errors import DecodeError
from twin.plugins import RouterOffer
from twin.settings import Settings

MOST_BYTES = 16 * 1024
MOST_MESSAGES = 10
MOST_CHANNELS = 64
TICK_S = 5.0
STALLED_S = 60.0
CLOSE_S = 1.0
"""Who has not read for a minute does not read the farewell either: it is not waited for."""
VIOLATION = 4400
STALLED = 4408
GONE = 1006
_NAMES = {number: channel.name for number, channel in enumerate(CHANNELS)}
_NUMBERS = {channel.name for channel in CHANNELS}


class ViolationError(DecodeError):
    """A client broke a limit or the protocol of the live socket."""


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the live socket."""
    del twin  # the hub of the web server follows it
    router = APIRouter()
    most_clients = settings.dashboards.live.max_clients

    async def live(websocket: WebSocket) -> None:
        view = view_of(websocket)
        if view.hub.clients >= most_clients:
            await websocket.send_denial_response(PlainTextResponse("too many", status_code=503))
            return
        await websocket.accept()
        await LiveClient(websocket, view.hub).run()

    router.add_api_websocket_route("/v1", live, name="live_socket")
    return RouterOffer("/live", router, {"live_socket": "state.read"})


@dataclass(slots=True)
class LiveClient:
    """One browser: what it wants and what it has; frames it missed are never kept."""

    socket: WebSocket
    hub: Hub
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    last_seq: dict[str, int | None] = field(default_factory=dict)
    notes: deque[Mapping[str, object]] = field(default_factory=lambda: deque(maxlen=MOST_CHANNELS))
    max_hz: float = 2.0
    versions: Mapping[str, str] = field(default_factory=dict)
    received: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_MESSAGES + 1))

    async def run(self) -> None:
        """Serve the client until it leaves, stalls or breaks a rule."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self.wake.set)

        unlisten = self.hub.listen(wake)
        self.hub.clients += 1
        tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._send_all())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._end(next(iter(done)))
        finally:
            self.hub.clients -= 1
            unlisten()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, task: asyncio.Task[None]) -> None:
        error = task.exception()
        if isinstance(error, ViolationError):
            await self._close(VIOLATION, str(error))
        elif isinstance(error, TimeoutError):
            await self._close(STALLED, "no progress")
        elif error is not None and not isinstance(error, WebSocketDisconnect):
            raise error

    async def _close(self, code: int, reason: str) -> None:
        if self.socket.application_state != WebSocketState.DISCONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.socket.close(code, reason[:120])

    # Receiving

    async def _receive(self) -> None:
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            self._check_rate()
            data = message.get("bytes")
            text = message.get("text")
            if len(data or text or "") > MOST_BYTES:
                raise ViolationError(f"a message has at most {MOST_BYTES} bytes")
            if data is not None:
                self._hear_frame(data)
            else:
                self._hear_text(text or "")
            self.wake.set()

    def _check_rate(self) -> None:
        now = time.monotonic()
        self.received.append(now)
        if len(self.received) > MOST_MESSAGES and now - self.received[0] < 1.0:
            raise ViolationError(f"at most {MOST_MESSAGES} messages per second")

    def _hear_frame(self, data: bytes) -> None:
        try:
            frame = decode(data)
        except DecodeError as error:
            raise ViolationError(str(error)) from error
        if frame.kind != Kind.KEYFRAME_REQUEST:
            raise ViolationError(f"a client sends keyframe requests only, not {frame.kind.name}")
        name = _NAMES.get(frame.channel)
        if name in self.last_seq:
            self.last_seq[name] = None

    def _hear_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ViolationError("a text message is JSON") from error
        names = message.get("channels") if isinstance(message, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ViolationError("a message names op and channels")
        if len(names) > MOST_CHANNELS:
            raise ViolationError(f"at most {MOST_CHANNELS} channels")
        if message.get("op") == "subscribe":
            self._subscribe(names, message.get("max_hz"))
        elif message.get("op") == "unsubscribe":
            for name in names:
                self.last_seq.pop(name, None)
        else:
            raise ViolationError("op is subscribe or unsubscribe")

    def _subscribe(self, names: list[str], max_hz: object) -> None:
        if isinstance(max_hz, int | float) and not isinstance(max_hz, bool):
            self.max_hz = min(max(float(max_hz), 0.1), self.hub.tick_hz)
        for name in names:
            if name in _NUMBERS:
                self.last_seq[name] = None
            else:
                self.notes.append(
                    {
                        "op": "error",
                        "code": "unknown_channel",
                        "text_key": "live.unknown_channel",
                        "channel": name[:64],
                    }
                )

    # Sending

    async def _send_all(self) -> None:
        await self._tell({"op": "hello", "channels": self.hub.channels()})
        self.versions = self._table_versions()
        told_at = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, told_at + TICK_S - time.monotonic())):
                    await self.wake.wait()
            self.wake.clear()
            started = time.monotonic()
            await self._tell_tables()
            while self.notes:
                await self._tell(self.notes.popleft())
            for name in tuple(self.last_seq):
                await self._send_frame(name)
            if started >= told_at + TICK_S:
                told_at = started
                await self._tell({"op": "tick", "age": self.hub.ages()})
            if self.max_hz < self.hub.tick_hz:
                await asyncio.sleep(max(0.0, 1 / self.max_hz - (time.monotonic() - started)))

    async def _send_frame(self, name: str) -> None:
        if name not in self.last_seq:
            return
        frames = self.hub.frames[name]
        last = self.last_seq[name]
        if frames.seq != last:
            self.last_seq[name] = frames.seq
            await self._send(frames.bytes_after(last))

    def _table_versions(self) -> Mapping[str, str]:
        tables = self.hub.snapshot.features.tables
        return {name: table.version for name, table in tables.items()}

    async def _tell_tables(self) -> None:
        versions = self._table_versions()
        for table, version in versions.items():
            if self.versions.get(table) != version:
                await self._tell({"op": "schema", "table": table, "version": version})
        self.versions = versions

    async def _tell(self, message: Mapping[str, object]) -> None:
        now = self.hub.now()
        timed = {**message, "server_time": now.isoformat()}
        await self._send(encode_control(timed, t_ms=now.timestamp() * 1000))

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(STALLED_S):
                await self.socket.send_bytes(data)
        except RuntimeError as error:
            # The server has closed the socket meanwhile: this browser answered no ping.
            raise WebSocketDisconnect(GONE, "no answer to a ping") from error
