"""SensorThings over HTTP: all addresses below ``/sensorthings/v1.1``."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from sensors.sensorthings.catalogue import Catalogue, build_catalogue
from sensors.sensorthings.conformance import Claims, claims
from sensors.sensorthings.creating import Creator
from sensors.sensorthings.problems import RequestError
from sensors.sensorthings.requests import answer
from sensors.sensorthings.responses import failed, json_response
from sensors.sensorthings.writing import Writing
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.decisions import CREATE_READINGS
from twin.plugins import RouterOffer
from twin.settings import Settings

PREFIX = "/sensorthings"
VERSION = "/v1.1"
MOST_OPTIONS = 50


class Server:
    """SensorThings of one city; keeps its catalogue until the registry changes."""

    def __init__(self, twin: Twin, *, public_url: str, claims: Claims | None = None) -> None:
        self._twin = twin
        self._public_url = public_url.rstrip("/")
        self._claims = claims or Claims()
        self._catalogue: Catalogue | None = None
        self._lock = threading.Lock()

    async def read(self, request: Request) -> Response:
        """Answer a GET."""
        path = request.path_params.get("path", "")
        query = request.scope.get("query_string", b"")
        return await asyncio.to_thread(self.answered, path, query, self.root(request))

    def root(self, request: Request) -> str:
        """Address of the service as the client of a request reaches it."""
        base = self._public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
        return base + PREFIX + VERSION

    def answered(self, path: str, query: bytes, root: str) -> Response:
        """Response to a path and a query string."""
        try:
            pairs = _pairs(query)
            found = answer(
                self._twin, self.current(), root, path=path, pairs=pairs, claims=self._claims
            )
        except RequestError as error:
            return failed(error.status, str(error))
        except StoreUnavailableError:
            return failed(503, "the database cannot be reached now; repeat later")
        if isinstance(found, str):
            return Response(found, media_type="text/plain; charset=utf-8")
        return json_response(found)

    def current(self) -> Catalogue:
        """Entities of this moment."""
        version = self._twin.registry_version()
        with self._lock:
            if self._catalogue is None or self._catalogue.version != version:
                self._catalogue = build_catalogue(self._twin)
            return self._catalogue


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of SensorThings."""
    server = Server(twin, public_url=settings.dashboards.public_url, claims=claims(settings))
    creator = Creator(twin, settings)
    writing = Writing(twin, creator, server.current)

    async def create(request: Request) -> Response:
        """Create observations; needs a key with the permission `reading.create`."""
        return await writing.create(request, server.root(request))

    @asynccontextmanager
    async def closing(_app: object) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(creator.close)

    router = APIRouter(lifespan=closing)
    router.add_api_route(VERSION, server.read, name="sensorthings_root")
    router.add_api_route(VERSION + "/{path:path}", server.read, name="sensorthings")
    router.add_api_route(
        VERSION + "/{path:path}", create, methods=["POST"], name="sensorthings_create"
    )
    permissions = {
        "sensorthings_root": "state.read",
        "sensorthings": "state.read",
        "sensorthings_create": CREATE_READINGS,
    }
    return RouterOffer(PREFIX, router, permissions)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Names and values of a query string; bytes that are no UTF-8 become replacement signs."""
    text = query.decode("ascii", errors="replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_OPTIONS)
    except ValueError as error:
        raise RequestError(f"the query has more than {MOST_OPTIONS} options") from error
