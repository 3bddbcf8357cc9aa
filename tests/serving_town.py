"""The real web server on a free port of 127.0.0.1, showing a small town."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from town import Town, settings

from dashboards.app import create_app
from dashboards.live.hub import Hub
from dashboards.security.guard import Listen
from dashboards.serving import WebServer


@dataclass(frozen=True)
class Served:
    """A town and where it is served."""

    town: Town
    hub: Hub
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(
    town: Town | None = None, *, max_clients: int = 500, name: str = "Musterstadt"
) -> Iterator[Served]:
    """Serve a town until the end of the block."""
    town = town or Town()
    app = create_app(town.twin, settings(tick_hz=20.0, max_clients=max_clients, name=name))
    server = WebServer(app, Listen("127.0.0.1", 0))
    port = server.start()
    try:
        yield Served(town, app.hub, port)
    finally:
        server.stop()
