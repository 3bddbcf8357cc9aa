"""Tables of the page as files: ``/api/export/{table}.csv``, with the same order as the page."""

import asyncio
from datetime import UTC

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.listing import as_csv, listing, sorted_rows
from dashboards.state import decode
from dashboards.view import CityView, view_of
from twin.city import Twin
from twin.plugins import RouterOffer
from twin.settings import Settings

TABLES = ("bridges", "roads", "streams")
BYTE_ORDER_MARK = "\ufeff"


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the exports."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{table}.csv", export_csv, name="export_csv")
    return RouterOffer("/api/export", router, {"export_csv": "export.view"})


async def export_csv(table: str, request: Request) -> Response:
    """All rows of a table of the page, in the order and language of the query."""
    view = view_of(request)
    if table not in TABLES:
        return JSONResponse({"error": f"no table {table!r}"}, status_code=404)
    state, _ = decode(request.url.query)
    text = await asyncio.to_thread(_text, view, table, state.lang, state.sort)
    name = f"{table}-{view.twin.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(
        (BYTE_ORDER_MARK + text).encode(), media_type="text/csv; charset=utf-8", headers=headers
    )


def _text(view: CityView, table: str, language: str | None, sort: str) -> str:
    texts = view.texts(language)
    found = listing(table, view.now, texts)
    rows, _ = sorted_rows(found, sort)
    return as_csv(found, rows, texts)
