"""F14: browsers that stop reading cost nobody else anything, and memory does not grow for them."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from serving_town import Served, served
from shapely.geometry import LineString
from town import RunningClock, Town, town
from waiting import wait_for
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from dashboards.live import codec
from dashboards.live.codec import Kind
from twin.model.assets import Asset, Component
from twin.model.city import City
from twin.model.datastreams import Datastream

SECTIONS = 4000
HEALTHY, STALLED = 44, 5
CHANNELS = ["roads.speed", "roads.speed.q", "sensors.q"]
SUBSCRIBE = json.dumps({"op": "subscribe", "channels": CHANNELS, "max_hz": 10.0})
PAGE = 4096
TICKS = 80
"""More than fit into the buffers of one connection, fewer than pass until a missed ping."""
MOST_GROWTH = 40 * 1024 * 1024


def large_town() -> City:
    """The small town with thousands of counted road sections: frames of some kilobytes."""
    small = town(bridges=0)
    (counter,) = [stream for stream in small.datastreams if stream.uid == "L1.ab-v"]
    numbers = range(SECTIONS)
    place = small.assets[0].geometry_provenance
    roads = tuple(
        Asset(
            f"R{n}", "road_section", f"Road {n}",
            LineString([(13.70 + n * 1e-6, 51.045), (13.70 + n * 1e-6, 51.06)]), place,
        )
        for n in numbers
    )  # fmt: skip
    return replace(
        small,
        assets=(*small.assets, *roads),
        components=(
            *small.components,
            *(Component(f"R{n}/ab", f"R{n}", "north", "direction") for n in numbers),
        ),
        datastreams=(*small.datastreams, *(_counter(counter, n) for n in numbers)),
    )


def _counter(like: Datastream, number: int) -> Datastream:
    return replace(
        like, uid=f"R{number}-v", route_key=f"R{number}-v", asset_id=f"R{number}",
        component_id=f"R{number}/ab", cadence_s=15.0,
    )  # fmt: skip


@contextmanager
def restless(web: Served) -> Iterator[None]:
    """All values turn stale and fresh again with every tick: each frame is a full one.

    Nothing but one reading per tick is recorded, so that the store itself does not grow.
    """
    stop = threading.Event()

    def flip() -> None:
        is_ahead = False
        while not stop.wait(0.1):
            web.town.clock.move(-600.0 if is_ahead else 600.0)
            is_ahead = not is_ahead
            web.town.record({"L1.ab-q": 1.0}, age_s=-1.0)

    thread = threading.Thread(target=flip, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@dataclass
class Healthy:
    """Clients that read all they get, in one thread."""

    port: int
    frames: list[int] = field(default_factory=lambda: [0] * HEALTHY)
    last: list[int] = field(default_factory=lambda: [0] * HEALTHY)
    closed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    async def _one(self, number: int) -> None:
        origin = Origin(f"http://127.0.0.1:{self.port}")
        address = f"ws://127.0.0.1:{self.port}/live/v1"
        async with connect_async(address, origin=origin, proxy=None, compression=None) as client:
            await client.send(SUBSCRIBE)
            while not self._stop.is_set():
                try:
                    data = await asyncio.wait_for(client.recv(decode=False), 1.0)
                except TimeoutError:
                    continue
                except ConnectionClosed as closed:
                    self.closed.append(str(closed))
                    return
                frame = codec.decode(bytes(data))
                if frame.kind in (Kind.FULL, Kind.DELTA):
                    self.frames[number] += 1
                    self.last[number] = max(self.last[number], frame.seq)

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(number) for number in range(HEALTHY)))

    @contextmanager
    def reading(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(20)


def stalled_client(stack: ExitStack, port: int) -> ClientConnection:
    """A client that subscribes and then never reads again."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=10)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    origin = Origin(f"http://127.0.0.1:{port}")
    client = stack.enter_context(
        connect(
            f"ws://127.0.0.1:{port}/live/v1",
            sock=raw,
            origin=origin,
            proxy=None,
            compression=None,
            max_queue=1,
            ping_interval=None,
            close_timeout=1,
        )
    )
    client.send(SUBSCRIBE)
    return client


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def test_stalled_browsers_are_closed_and_nobody_else_notices() -> None:
    city = Town(city=large_town(), clock=RunningClock())
    city.record({f"R{number}-v": 30.0 for number in range(SECTIONS)})
    with served(city) as web, restless(web):
        healthy = Healthy(web.port)
        with healthy.reading(), ExitStack() as stack:
            wait_for(lambda: min(healthy.frames) >= 30, "healthy clients read", timeout_s=60)
            seq = web.hub.frames["roads.speed"].seq
            before = list(healthy.frames)
            wait_for(lambda: web.hub.frames["roads.speed"].seq >= seq + 50, "a quiet time")
            quiet = share(web, healthy, before, seq)

            for _ in range(STALLED):
                stalled_client(stack, web.port)
            late = stalled_client(stack, web.port)
            wait_for(lambda: web.hub.clients == HEALTHY + STALLED + 1, "all clients connected")
            memory = peak = resident_bytes()
            seq, before = web.hub.frames["roads.speed"].seq, list(healthy.frames)
            wait_for(lambda: web.hub.frames["roads.speed"].seq >= seq + TICKS, "the stall")
            assert newest_of(late, web) < TICKS * len(CHANNELS)

            def are_closed() -> bool:
                nonlocal peak
                peak = max(peak, resident_bytes())
                return web.hub.clients <= HEALTHY + 1

            wait_for(are_closed, "the stalled clients are closed", timeout_s=120)
            during = share(web, healthy, before, seq)
            print(f"F14: share of frames {quiet:.2f} before, {during:.2f} during the stall, "
                  f"memory + {(peak - memory) / 1e6:.1f} MB")  # fmt: skip
            assert healthy.closed == []
            assert during > 0.5 * quiet
            assert peak - memory < MOST_GROWTH
            newest = web.hub.frames["roads.speed"].seq
            wait_for(lambda: min(healthy.last) >= newest, "the newest frame at every client")


def share(web: Served, healthy: Healthy, before: list[int], seq: int) -> float:
    """Frames of all channels that the slowest healthy client got of those that were encoded."""
    encoded = (web.hub.frames["roads.speed"].seq - seq) * len(CHANNELS)
    return min(now - then for now, then in zip(healthy.frames, before, strict=True)) / encoded


def newest_of(client: ClientConnection, web: Served) -> int:
    """Read on after a stall until the newest frame; how many came of those missed."""
    wanted = web.hub.frames["roads.speed"].seq
    number = next(n for n, c in enumerate(web.hub.channels()) if c["name"] == "roads.speed")
    count = 0
    while True:
        try:
            data = client.recv(timeout=20, decode=False)
        except ConnectionClosed:
            pytest.fail("a client that reads again before its time is over was closed")
        frame = codec.decode(bytes(data))
        if frame.kind in (Kind.FULL, Kind.DELTA):
            count += 1
            if frame.channel == number and frame.seq >= wanted:
                return count
