"""A small server for the map's tests: the real component in a real Dash page, a real socket.

Geometry, channels and faults are under the control of the test; the bytes come from the same
codec as in production.
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from dash import Dash, Input, Output, html
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from starlette.middleware.base import RequestResponseEndpoint
from waiting import wait_for

from dashboards.components.series_chart import SeriesChart
from dashboards.components.twin_map import Channel as ChannelProps
from dashboards.components.twin_map import TableSource, TwinMap, TwinMapProps
from dashboards.live import codec, quantise, table
from dashboards.live.quantise import CLASSES, Scale

ORIGIN = (13.737, 51.05)
SPEED = Scale("magnitude", 0.0, 130.0)
DEADLINE_S = 15.0


@dataclass
class Channel:
    """One live channel with the values of its newest frame."""

    no: int
    name: str
    table: str
    scale: Scale
    values: NDArray[np.uint8]
    seq: int = 0
    interval_s: float = 15.0
    has_time: bool = True

    @property
    def t_ms(self) -> float:
        """Time of its frames: now, or 0 as in static channels and those without a reading."""
        return time.time() * 1000 if self.has_time else 0.0


@dataclass
class Town:
    """State of the server; the test changes it, connected browsers see it."""

    tables: dict[str, bytes]
    channels: dict[str, Channel]
    spec: dict[str, Any]
    map_props: TwinMapProps = field(default_factory=TwinMapProps)
    series: dict[str, bytes] = field(default_factory=dict)
    refresh_s: float = 0.0
    sockets: list[WebSocket] = field(default_factory=list)
    keyframe_requests: list[int] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    csp_reports: list[str] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    def version(self, name: str) -> str:
        return table.table_version(self.tables[name])

    def url(self, name: str) -> str:
        return f"/api/geo/{name}/{self.version(name)}.bin"

    def rev(self, channel: Channel) -> int:
        return codec.table_rev(self.version(channel.table))

    def _do(self, coroutine: Any) -> None:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE_S)

    def full(self, channel: Channel) -> bytes:
        return codec.encode_full(
            channel.values,
            channel=channel.no,
            seq=channel.seq,
            t_ms=channel.t_ms,
            rev=self.rev(channel),
        )

    def show(self, name: str, values: object, *, is_lost: bool = False) -> bytes:
        """Next frame of a channel: delta or full as the rule says; lost on its way if wanted."""
        channel = self.channels[name]
        after = quantise.quantise(np.asarray(values, dtype=float), channel.scale)
        before, channel.values = channel.values, after
        channel.seq = (channel.seq + 1) % 2**32
        frame = self.full(channel)
        if codec.is_delta_worthwhile(before, after):
            frame = codec.encode_delta(
                before,
                after,
                channel=channel.no,
                seq=channel.seq,
                t_ms=channel.t_ms,
                rev=self.rev(channel),
            )
        if not is_lost:
            self._do(self._broadcast(frame))
        return frame

    def tell(self, message: Mapping[str, object]) -> None:
        """Control message to every browser."""
        self._do(self._broadcast(codec.encode_control(message, t_ms=time.time() * 1000)))

    def send(self, data: bytes) -> None:
        self._do(self._broadcast(data))

    def cut(self, code: int = 1012) -> None:
        """End every connection."""
        self._do(self._cut(code))

    async def _cut(self, code: int) -> None:
        for socket in list(self.sockets):
            await socket.close(code)

    async def _broadcast(self, data: bytes) -> None:
        for socket in list(self.sockets):
            await socket.send_bytes(data)

    def hello(self) -> dict[str, object]:
        described = [
            {
                "no": channel.no,
                "name": channel.name,
                "table": channel.table,
                "version": self.version(channel.table),
                "vmin": channel.scale.vmin,
                "vmax": channel.scale.vmax,
                "scale": channel.scale.scale,
                "kind": channel.scale.kind,
                "interval_s": channel.interval_s,
            }
            for channel in self.channels.values()
        ]
        return {"op": "hello", "server_time": time.time() * 1000, "channels": described}

    async def serve(self, socket: WebSocket) -> None:
        """One browser: hello, then full frames, then what the test sends."""
        await socket.accept()
        self.connections += 1
        await socket.send_bytes(codec.encode_control(self.hello(), t_ms=time.time() * 1000))
        self.sockets.append(socket)
        try:
            while True:
                await self._answer(socket, await socket.receive())
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.sockets.remove(socket)

    async def _answer(self, socket: WebSocket, message: Mapping[str, Any]) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        if message.get("bytes"):
            request = codec.decode(message["bytes"])
            assert request.kind == codec.Kind.KEYFRAME_REQUEST
            self.keyframe_requests.append(request.channel)
            wanted = [c for c in self.channels.values() if c.no == request.channel]
        else:
            request = json.loads(message["text"])
            self.subscriptions.append(request)
            wanted = [self.channels[name] for name in request["channels"]]
        for channel in wanted:
            await socket.send_bytes(self.full(channel))


def create_app(town: Town) -> FastAPI:
    """The page with the map, the tables, the socket and a strict content security policy."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_routes(server, town)
    app = Dash(__name__, server=server, title="Map test")  # pyrefly: ignore[bad-argument-type] - Dash's annotation knows Flask only
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    sources: dict[str, TableSource] = {
        name: {"url": town.url(name), "version": town.version(name)} for name in town.tables
    }
    channels: dict[str, ChannelProps] = {
        name: {"table": channel.table, "unit": "km/h", "label": "Speed", "decimals": 0}
        for name, channel in town.channels.items()
    }
    charts = [
        SeriesChart(
            id=f"chart-{name}",
            url=f"/api/series/{name}",
            unit="µm/m",
            label=name,
            refresh_s=town.refresh_s,
        )
        for name in town.series
    ]
    properties: TwinMapProps = {
        "spec": town.spec,
        "tables": sources,
        "channels": channels,
        "id": "map",
        **town.map_props,
    }
    map_box = html.Div(
        TwinMap(**properties),
        style={"width": "800px", "height": "600px"},
    )
    outputs = ("clickData", "viewState", "connection", "error", "perf")
    shown = [html.Pre(id=f"out-{name}") for name in outputs]
    buttons = [html.Button(name, id=name, n_clicks=0) for name in ("zoom_in", "pause", "fly")]
    app.layout = html.Main([html.H1("Map test"), map_box, *buttons, *charts, *shown])
    _add_callbacks(app, outputs)
    hashes: list[str] = []

    @server.middleware("http")
    async def add_policy(request: Request, call_next: RequestResponseEndpoint) -> Response:
        if not hashes:
            hashes.extend(app.csp_hashes())
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; script-src 'self' {' '.join(hashes)}; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            f"connect-src 'self' ws://{request.url.netloc}; worker-src 'self' blob:; "
            "font-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; "
            "object-src 'none'; report-uri /csp-report"
        )
        return response

    return server


def _add_callbacks(app: Dash, outputs: tuple[str, ...]) -> None:
    def show(value: object) -> str:
        return json.dumps(value)

    for name in outputs:
        app.callback(Output(f"out-{name}", "children"), Input("map", name))(show)

    def zoom_in(clicks: int) -> dict[str, object]:
        return {"name": "zoom_in", "n": clicks}

    def pause(clicks: int) -> bool:
        return clicks % 2 == 1

    def fly(clicks: int) -> dict[str, float] | None:
        return {"longitude": 13.8, "latitude": 51.1, "zoom": 14.0} if clicks else None

    app.callback(Output("map", "command"), Input("zoom_in", "n_clicks"))(zoom_in)
    app.callback(Output("map", "paused"), Input("pause", "n_clicks"))(pause)
    app.callback(Output("map", "flyTo"), Input("fly", "n_clicks"))(fly)


def _add_routes(server: FastAPI, town: Town) -> None:
    @server.get("/api/geo/{name}")
    async def current(name: str) -> JSONResponse:
        url, version = town.url(name), town.version(name)
        return JSONResponse({"url": url, "version": version, "n": 0, "bbox": None})

    @server.get("/api/geo/{name}/{file}")
    async def geometry(name: str, file: str) -> Response:
        if file != f"{town.version(name)}.bin":
            return JSONResponse({"current": town.version(name)}, status_code=404)
        return Response(town.tables[name], media_type="application/octet-stream")

    @server.get("/api/series/{name}")
    async def series(name: str) -> Response:
        return Response(town.series[name], media_type="application/octet-stream")

    @server.post("/csp-report")
    async def report(request: Request) -> Response:
        town.csp_reports.append((await request.body()).decode())
        return Response(status_code=204)

    @server.get("/favicon.ico")
    async def icon() -> Response:
        return Response(status_code=204)

    server.websocket("/live/v1")(town.serve)


@contextmanager
def running(town: Town) -> Iterator[str]:
    """Address of the page while the server runs on a free port of 127.0.0.1."""
    config = uvicorn.Config(
        create_app(town),
        host="127.0.0.1",
        port=0,
        log_level="error",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    town.loop = asyncio.new_event_loop()

    def run(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(server.serve())
        loop.close()

    thread = threading.Thread(target=run, args=(town.loop,), daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the test server", timeout_s=DEADLINE_S)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)


def grid_paths(rows: int, columns: int) -> list[NDArray[np.float64]]:
    """Horizontal lines of four vertices in a grid around the origin."""
    paths = []
    for row in range(rows):
        for column in range(columns):
            west = ORIGIN[0] + 0.2 * (column - columns / 2) / columns
            south = ORIGIN[1] + 0.1 * (row - rows / 2 + 0.5) / rows
            x = west + 0.18 / columns * np.array([0.0, 0.3, 0.7, 1.0])
            paths.append(np.stack([x, np.full(4, south)], axis=1))
    return paths


def path_table(rows: int, columns: int, *, prefix: str = "road") -> bytes:
    """Table of a grid of lines with ids and names."""
    paths = grid_paths(rows, columns)
    ids = [f"{prefix}:{i}" for i in range(len(paths))]
    names = [f"Street {i}" for i in range(len(paths))]
    columns_ = {"id": ids, "name": names, **table.path_columns(paths, ORIGIN)}
    return table.encode_table("roads", columns_, ORIGIN)


def live_channels(features: int, *, table_name: str = "roads") -> dict[str, Channel]:
    """Speed and its quality companion, all 50 km/h and good."""
    speed = quantise.quantise(np.full(features, 50.0), SPEED)
    good = quantise.quantise(np.zeros(features), CLASSES)
    return {
        "speed": Channel(1, "speed", table_name, SPEED, speed),
        "speed.q": Channel(2, "speed.q", table_name, CLASSES, good),
    }


def live_layer(kind: str, table_name: str, **properties: object) -> dict[str, Any]:
    """Layer coloured by the speed channel, as pydeck writes it."""
    return {
        "@@type": kind,
        "id": f"{table_name}-live",
        "data": {"@@function": "table", "name": table_name},
        "pickable": True,
        "extensions": [
            {
                "@@type": "LiveValueExtension",
                "channel": "speed",
                "ramp": "magnitude",
                "kind": "magnitude",
                "quality": "speed.q",
            }
        ],
        **properties,
    }


def spec(*layers: dict[str, Any], zoom: float = 11.0) -> dict[str, Any]:
    """What ``json.loads(deck.to_json())`` gives."""
    view = {"longitude": ORIGIN[0], "latitude": ORIGIN[1], "zoom": zoom, "pitch": 0, "bearing": 0}
    return {
        "initialViewState": view,
        "layers": list(layers),
        "views": [{"@@type": "MapView", "controller": True}],
    }
