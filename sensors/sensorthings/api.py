"""SensorThings over HTTP: all addresses below ``/sensorthings/v1.1``."""

import asyncio
import json
import math
import threading
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from sensors.sensorthings.catalogue import Catalogue, build_catalogue
from sensors.sensorthings.problems import RequestError
from sensors.sensorthings.requests import answer
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.plugins import RouterOffer
from twin.settings import Settings

PREFIX = "/sensorthings"
VERSION = "/v1.1"
MOST_OPTIONS = 50


class Server:
    """SensorThings of one city; keeps its catalogue until the registry changes."""

    def __init__(self, twin: Twin, *, public_url: str) -> None:
        self._twin = twin
        self._public_url = public_url.rstrip("/")
        self._catalogue: Catalogue | None = None
        self._lock = threading.Lock()

    async def read(self, request: Request) -> Response:
        """Answer a GET."""
        base = self._public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
        path = request.path_params.get("path", "")
        query = request.scope.get("query_string", b"")
        return await asyncio.to_thread(self.answered, path, query, base + PREFIX + VERSION)

    def answered(self, path: str, query: bytes, root: str) -> Response:
        """Response to a path and a query string."""
        try:
            pairs = _pairs(query)
            found = answer(self._twin, self._current(), root, path=path, pairs=pairs)
        except RequestError as error:
            return _failed(error.status, str(error))
        except StoreUnavailableError:
            return _failed(503, "the database cannot be reached now; repeat later")
        if isinstance(found, str):
            return Response(found, media_type="text/plain; charset=utf-8")
        return _json(found)

    def _current(self) -> Catalogue:
        version = self._twin.registry_version()
        with self._lock:
            if self._catalogue is None or self._catalogue.version != version:
                self._catalogue = build_catalogue(self._twin)
            return self._catalogue


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of SensorThings."""
    server = Server(twin, public_url=settings.dashboards.public_url)
    router = APIRouter()
    router.add_api_route(VERSION, server.read, name="sensorthings_root")
    router.add_api_route(VERSION + "/{path:path}", server.read, name="sensorthings")
    permissions = {"sensorthings_root": "state.read", "sensorthings": "state.read"}
    return RouterOffer(PREFIX, router, permissions)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Names and values of a query string; bytes that are no UTF-8 become replacement signs."""
    text = query.decode("ascii", errors="replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_OPTIONS)
    except ValueError as error:
        raise RequestError(f"the query has more than {MOST_OPTIONS} options") from error


def _json(body: object, status: int = 200) -> Response:
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # an attribute or a limit is not finite; JSON knows no such number
        text = json.dumps(_finite(body), ensure_ascii=False, separators=(",", ":"))
    data = text.encode("utf-8", errors="replace")
    return Response(data, status_code=status, media_type="application/json")


def _finite(body: object) -> object:
    if isinstance(body, dict):
        return {key: _finite(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [_finite(value) for value in body]
    return None if isinstance(body, float) and not math.isfinite(body) else body


def _failed(status: int, message: str) -> Response:
    return _json({"code": status, "type": "error", "message": message}, status)
