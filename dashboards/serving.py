"""Running the web server: one uvicorn in a thread, heartbeats, and a clean end."""

import logging
import socket
import threading
import time
from datetime import datetime

import uvicorn
from starlette.types import ASGIApp

from dashboards.live.hub import Hub
from dashboards.security.guard import Listen
from twin.city import Twin
from twin.errors import StoreUnavailableError, TwinError
from twin.model.jobs import JobStatus

logger = logging.getLogger(__name__)

BEAT_S = 5.0
START_S = 30.0
SHUTDOWN_S = 5
UNREAD_MS = 90_000
SEND_BUFFER_BYTES = 256 * 1024


class WebServer:
    """An ASGI application on an address, in a thread of its own."""

    def __init__(self, app: ASGIApp, listen: Listen) -> None:
        self._listen = listen
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=listen.host,
                port=listen.port,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_per_message_deflate=False,
                ws_max_size=64 * 1024,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        self._thread = threading.Thread(target=self._run, name="web-server", daemon=True)

    def start(self) -> int:
        """Begin to answer; returns the port.

        Raises
        ------
        TwinError
            If the address cannot be used, for example because another process has it.
        """
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise TwinError(
                    f"the web server cannot listen on {self._listen.host}:{self._listen.port}; "
                    "stop what uses the port, or set dashboards.listen (TWIN_LISTEN)"
                )
            self._thread.join(timeout=0.01)
        listener = self._server.servers[0].sockets[0]
        # Accepted connections inherit both. What waits in the kernel for a slow browser is old
        # news, and a connection whose peer takes nothing ends.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        return int(listener.getsockname()[1])

    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Close all connections and end."""
        self._server.should_exit = True
        self._thread.join(timeout=2 * SHUTDOWN_S)

    def _run(self) -> None:
        try:
            self._server.run()
        except SystemExit:  # uvicorn ends like this when it cannot bind; it has logged why
            logger.warning("web server could not start", extra={"port": self._listen.port})


def beat(twin: Twin, hub: Hub, *, instance: str, started_at: datetime) -> None:
    """Report that the web server lives; while the database is away nobody hears it."""
    lag = hub.lag()
    figures = {"clients": float(hub.clients), "ticks": float(hub.frames_encoded)}
    if lag is not None:
        figures |= {"lag_p50_s": lag.p50_s, "lag_p95_s": lag.p95_s}
    status = JobStatus(
        job="serve",
        instance=instance,
        started_at=started_at,
        heartbeat_at=twin.now(),
        state="database away" if hub.snapshot.is_away else "live",
        figures=figures,
    )
    try:
        twin.beat(status)
    except StoreUnavailableError as error:
        logger.info("heartbeat not stored", extra={"reason": str(error)})


def run_until(stop: threading.Event, server: WebServer, *, twin: Twin, hub: Hub, name: str) -> int:
    """Beat until asked to stop; exit code 1 if the server or its hub ended by itself."""
    started_at = twin.now()
    while server.is_alive() and hub.is_alive():
        beat(twin, hub, instance=name, started_at=started_at)
        if stop.wait(BEAT_S):
            server.stop()
            return 0
    logger.error("web server ended", extra={"server": server.is_alive(), "hub": hub.is_alive()})
    server.stop()
    return 1
