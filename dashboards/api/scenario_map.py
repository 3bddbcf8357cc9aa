"""Map of a run: values of both sides and of the difference as binary channels (TWT1)."""

import asyncio
import gzip
from functools import lru_cache

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api_addresses import run_map_address
from dashboards.run_map import body, read_run_map
from dashboards.view import CityView, view_of
from twin.city import Twin
from twin.errors import ModelError, RegistryError, StoreUnavailableError
from twin.plugins import RouterOffer
from twin.settings import Settings

FOREVER = "private, max-age=31536000, immutable"
MOST_DIGITS = 18


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the map of a run."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{number}/{version}/{language}", current, name="run_map_current")
    router.add_api_route("/{number}/{version}/{language}/{name}.bin", fetch, name="run_map_body")
    permissions = dict.fromkeys(("run_map_current", "run_map_body"), "state.read")
    return RouterOffer("/api/scenario-map", router, permissions)


async def current(number: str, version: str, language: str, request: Request) -> Response:
    """Version of the rows that are offered now, for a page that was opened before."""
    del version
    offered = view_of(request).now.features.tables["roads"].version
    example = run_map_address(int(number) if _is_number(number) else 0, offered, "NAME", language)
    return JSONResponse({"version": offered, "url": example})


async def fetch(number: str, version: str, language: str, name: str, request: Request) -> Response:
    """Bytes of one table or channel: values of a side, of the difference, or lines of a kind."""
    if not _is_number(number):
        return JSONResponse({"error": f"no run {number[:20]!r}"}, status_code=404)
    view = view_of(request)
    try:
        found = await asyncio.to_thread(_body, view, int(number), version, language, name)
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    except ModelError as error:
        return JSONResponse({"error": str(error)}, status_code=409)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        found = _compressed(found)
    return Response(found, media_type="application/octet-stream", headers=headers)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


def _body(view: CityView, number: int, version: str, language: str, name: str) -> bytes:
    features = view.now.features
    offered = features.tables["roads"].version
    if version != offered:
        raise RegistryError(f"the roads are in version {offered} now; reload the page")
    shown = read_run_map(view.twin, number, features)
    found = body(shown, name, features, view.texts(language))
    if found is None:
        raise RegistryError(f"no table or channel {name[:40]!r} of a run")
    return found


@lru_cache(maxsize=64)
def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)
