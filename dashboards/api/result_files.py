"""Tables of a result as CSV below ``/api/results``: bridges and numbers of the town."""

import asyncio
from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api.export import BYTE_ORDER_MARK
from dashboards.i18n.translate import Texts
from dashboards.result_columns import bridges_csv, kpis_csv
from dashboards.results import Answer, figures_of, read_answer
from dashboards.view import view_of
from twin.city import Twin
from twin.errors import RegistryError, StoreUnavailableError
from twin.plugins import RouterOffer
from twin.settings import Settings

MOST_DIGITS = 18


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the tables of results."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{number}/{table}.csv", fetch_result_table, name="result_table")
    return RouterOffer("/api/results", router, {"result_table": "export.view"})


async def fetch_result_table(number: str, table: str, request: Request) -> Response:
    """Table ``bridges`` or ``kpis`` of a run in the language ``lang``; 404 while there is none."""
    view = view_of(request)
    texts = view.texts(request.query_params.get("lang"))
    if table not in TABLES:
        known = ", ".join(TABLES)
        return JSONResponse({"error": f"no table {table[:40]!r}; use {known}"}, status_code=404)
    try:
        text = await asyncio.to_thread(_table, view.twin, number, table, texts)
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    headers = {"Content-Disposition": f'attachment; filename="run-{number}-{table}.csv"'}
    body = (BYTE_ORDER_MARK + text).encode()
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


def _table(twin: Twin, number: str, table: str, texts: Texts) -> str:
    if not number.isascii() or not number.isdigit() or len(number) > MOST_DIGITS:
        raise RegistryError(f"{number[:40]!r} is no number of a run")
    answer = read_answer(twin, int(number))
    text = TABLES[table](answer, texts)
    if text is None:
        raise RegistryError(
            f"run {answer.run.id} is {answer.run.status} and has no table {table!r}; "
            "ask the question with POST /api/measures/runs"
        )
    return text


def _bridges(answer: Answer, texts: Texts) -> str | None:
    return None if answer.joint is None else bridges_csv(answer, texts)


def _kpis(answer: Answer, texts: Texts) -> str | None:
    found = figures_of(answer)
    return kpis_csv(found, answer, texts) if found else None


TABLES: Mapping[str, Callable[[Answer, Texts], str | None]] = {"bridges": _bridges, "kpis": _kpis}
