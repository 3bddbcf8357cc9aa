"""Files: tables of the page (``{table}.csv``), and readings (``readings.csv``, ``.parquet``)."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC
from itertools import chain

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from dashboards.api.bridge_documents import series_validity
from dashboards.api.reading_files import FORMATS, Export
from dashboards.api.series import FieldError, read_span
from dashboards.listing import as_csv, listing, sorted_rows
from dashboards.state import decode
from dashboards.view import CityView, view_of
from twin.bridge_view import read_validity
from twin.city import Twin
from twin.errors import RegistryError, StoreUnavailableError
from twin.model.observations import Readings
from twin.plugins import RouterOffer
from twin.settings import Settings

TABLES = ("bridges", "roads", "streams")
BYTE_ORDER_MARK = "\ufeff"
MOST_STREAMS = 1000
UNSAFE_IN_NAME = re.compile(r"[^\w.-]+", re.ASCII)


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the exports."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/readings.{form}", export_readings, name="export_readings")
    router.add_api_route("/{table}.csv", export_csv, name="export_csv")
    permissions = {"export_csv": "export.view", "export_readings": "export.view"}
    return RouterOffer("/api/export", router, permissions)


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


async def export_readings(form: str, request: Request) -> Response:
    """All readings of some datastreams in full resolution, as a stream.

    ``stream`` names a datastream and may be repeated; the span is ``t0`` and ``t1`` or ``last``, as
    for a chart; ``as_of`` gives the values that corrected readings had at that time. A file that
    breaks off (the database went away) ends without the last chunk, which every client notices.
    """
    view = view_of(request)
    if form not in FORMATS:
        return JSONResponse({"error": f"no format {form!r}; use csv or parquet"}, status_code=404)
    try:
        export = _requested(view, request)
        pieces, media_type = FORMATS[form]
        pages = await asyncio.to_thread(_first_page, view.twin, export)
    except FieldError as error:
        return JSONResponse({"field": error.name, "error": error.reason}, status_code=422)
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    name = export.streams[0].uid if len(export.streams) == 1 else "readings"
    safe = UNSAFE_IN_NAME.sub("-", name)[:80]
    file = f"{safe}-{export.made_at:%Y%m%dT%H%M%SZ}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return StreamingResponse(pieces(export, pages), media_type=media_type, headers=headers)


def _requested(view: CityView, request: Request) -> Export:
    parameters = {k: v for k, v in request.query_params.items() if k != "stream"}
    if "px" in parameters or "agg" in parameters:
        raise FieldError("px", "an export is never reduced; leave px and agg out")
    now = view.twin.now()
    span = read_span(parameters, now=now)
    uids = list(dict.fromkeys(request.query_params.getlist("stream")))
    if not 1 <= len(uids) <= MOST_STREAMS:
        raise FieldError("stream", f"name 1 to {MOST_STREAMS} datastreams, got {len(uids)}")
    known = {stream.uid: stream for stream in view.twin.datastreams()}
    for uid in uids:
        if uid not in known:
            raise RegistryError(f"datastream {uid[:200]!r} is unknown")
    return Export(
        city=view.settings.city.name,
        streams=tuple(known[uid] for uid in uids),
        start=span.start,
        end=span.end,
        made_at=now.astimezone(UTC),
        as_of=span.as_of,
        validity={
            uid: mark
            for uid in uids
            if (mark := series_validity(read_validity(view.twin, known[uid]))) is not None
        },
    )


def _first_page(twin: Twin, export: Export) -> Iterator[Readings]:
    """Pages of the export; the first one is read at once, so that an error is still an answer."""
    uids = [stream.uid for stream in export.streams]
    pages = twin.rows(uids, start=export.start, end=export.end, as_of=export.as_of)
    first = next(pages, None)
    return iter(()) if first is None else chain([first], pages)
