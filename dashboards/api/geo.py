"""Geometry of the map: ``/api/geo/{table}`` says where, the versioned address holds the bytes."""

import gzip
from functools import lru_cache

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api_addresses import geo_address
from dashboards.view import view_of
from twin.city import Twin
from twin.plugins import RouterOffer
from twin.settings import Settings

FOREVER = "private, max-age=31536000, immutable"


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the geometry tables."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{table}", describe, name="geo_table")
    router.add_api_route("/{table}/{version}.bin", body, name="geo_body")
    return RouterOffer("/api/geo", router, {"geo_table": "state.read", "geo_body": "state.read"})


def describe(table: str, request: Request) -> Response:
    """Version, address, rows and bounding box of a table."""
    view = view_of(request)
    found = view.now.features.tables.get(table)
    if found is None:
        return JSONResponse({"error": f"no table {table!r}"}, status_code=404)
    return JSONResponse(
        {
            "version": found.version,
            "url": geo_address(found.name, found.version),
            "n": found.rows,
            "bbox": found.bbox,
        }
    )


def body(table: str, version: str, request: Request) -> Response:
    """Bytes of one version of a table (TWT1), compressed once."""
    view = view_of(request)
    found = view.now.features.tables.get(table)
    if found is None or found.version != version:
        current = None if found is None else found.version
        return JSONResponse({"current": current}, status_code=404)
    headers = {"Cache-Control": FOREVER, "ETag": f'"{version}"', "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    data = found.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        data = _compressed(data)
    return Response(data, media_type="application/octet-stream", headers=headers)


@lru_cache(maxsize=32)
def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)
