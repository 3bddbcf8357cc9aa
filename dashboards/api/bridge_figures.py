"""Figures of a bridge below ``/api/bridge-figures``: ``{kind}.svg``, and the table ``{kind}.csv``.

A file begins with lines that tell what it shows, from where and when; then follows the table.
"""

import asyncio
import csv
import io
import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.bridge_figures import Asked, figure_of
from dashboards.figures.plot import Cell, Figure
from dashboards.listing import neutral
from dashboards.view import view_of
from twin.city import Twin
from twin.errors import RegistryError, StoreUnavailableError
from twin.plugins import RouterOffer
from twin.settings import Settings

KNOWN = ("asset", "of", "lang")
BYTE_ORDER_MARK = "\ufeff"
UNSAFE_IN_NAME = re.compile(r"[^\w.-]+", re.ASCII)


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the figures."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{kind}.svg", read_drawing, name="bridge_drawing")
    router.add_api_route("/{kind}.csv", read_values, name="bridge_values")
    permissions = {"bridge_drawing": "state.read", "bridge_values": "export.view"}
    return RouterOffer("/api/bridge-figures", router, permissions)


async def read_drawing(kind: str, request: Request) -> Response:
    """A figure as SVG."""
    found = await _figure(kind, request)
    if isinstance(found, Response):
        return found
    return Response(found.svg, media_type="image/svg+xml")


async def read_values(kind: str, request: Request) -> Response:
    """The values of a figure as CSV, below lines with their provenance."""
    found = await _figure(kind, request)
    if isinstance(found, Response):
        return found
    asset, of = (request.query_params.get(name, "") for name in ("asset", "of"))
    name = UNSAFE_IN_NAME.sub("-", "-".join(filter(None, (asset, kind, of))))[:80]
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(as_csv(found).encode(), media_type="text/csv; charset=utf-8", headers=headers)


async def _figure(kind: str, request: Request) -> Figure | Response:
    asked = request.query_params
    for name in asked:
        if name not in KNOWN:
            return JSONResponse({"field": name, "error": f"unknown; use {KNOWN}"}, status_code=422)
    view = view_of(request)
    wanted = Asked(asked.get("asset", ""), kind, asked.get("of", ""))
    texts = view.texts("en" if asked.get("lang") == "en" else "de")
    try:
        return await asyncio.to_thread(figure_of, view.twin, wanted, texts)
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)


def as_csv(figure: Figure) -> str:
    """Facts as lines that begin with #, then header and rows; texts are no formulas.

    Examples
    --------
    >>> print(as_csv(Figure("t", "", ("a [m]",), [(1.5,)], {"from": "x"}))[1:], end="")
    # from: x
    a [m]
    1.5
    """
    out = io.StringIO()
    for name, text in figure.facts.items():
        out.write(f"# {name}: {' '.join(text.split())}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(figure.header)
    writer.writerows([_cell(cell) for cell in row] for row in figure.rows)
    return BYTE_ORDER_MARK + out.getvalue()


def _cell(cell: Cell) -> str | float | int:
    if cell is None:
        return ""
    return neutral(cell) if isinstance(cell, str) else cell
