"""Newest traffic counts for context brokers: ``/ngsi-ld/v1/entities?type=TrafficFlowObserved``.

Reading only, of one type, page by page; no broker: no subscriptions, no queries by attribute.
"""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.view import view_of
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.exchange.ngsi_out import MEDIA_TYPE, TYPE, Entity, entity_of, flows_of
from twin.plugins import RouterOffer
from twin.settings import Settings

DEFAULT_LIMIT, MOST_ENTITIES = 100, 1000
LARGEST_OFFSET = 10_000_000
KNOWN = frozenset({"type", "limit", "offset"})
PROBLEM = "application/json"
BAD_REQUEST = "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"


class _QueryError(ValueError):
    """A parameter of a request is not possible."""


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the entities."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/entities", read_entities, name="ngsi_entities")
    return RouterOffer("/ngsi-ld/v1", router, {"ngsi_entities": "state.read"})


async def read_entities(request: Request) -> Response:
    """Newest traffic counts as normalized entities; 400 says what is wrong with the query."""
    view = view_of(request)
    try:
        offset, limit = _page(request)
    except _QueryError as error:
        problem = {"type": BAD_REQUEST, "title": str(error)}
        return JSONResponse(problem, status_code=400, media_type=PROBLEM)
    try:
        entities = await asyncio.to_thread(_entities, view.twin)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    headers = {"NGSILD-Results-Count": str(len(entities))}
    page = entities[offset : offset + limit]
    return JSONResponse(page, headers=headers, media_type=MEDIA_TYPE)


def _entities(twin: Twin) -> Sequence[Entity]:
    return [entity_of(one) for one in flows_of(twin.stream_states(), twin.assets())]


def _page(request: Request) -> tuple[int, int]:
    """Offset and number of the entities that are asked for."""
    parameters = request.query_params
    unknown = sorted(set(parameters) - KNOWN)
    if unknown:
        raise _QueryError(f"parameter {unknown[0]!r} is not supported; use type, limit, offset")
    if parameters.get("type") != TYPE:
        raise _QueryError(f"type must be {TYPE}")
    limit = _number(parameters.get("limit", str(DEFAULT_LIMIT)), "limit", 1, MOST_ENTITIES)
    return _number(parameters.get("offset", "0"), "offset", 0, LARGEST_OFFSET), limit


def _number(text: str, name: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        raise _QueryError(f"{name} must be a whole number from {least} to {most}")
    number = int(text)
    if not least <= number <= most:
        raise _QueryError(f"{name} must be a whole number from {least} to {most}")
    return number
