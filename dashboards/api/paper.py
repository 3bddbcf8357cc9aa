"""The decision paper of a run: ``/api/measures/runs/{number}/paper.{pdf,html}?lang=``."""

import asyncio

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from dashboards.api import whatif
from dashboards.reports.making import FORMS, make
from dashboards.view import CityView
from twin.errors import RegistryError, ReportError

_TYPESETTING = asyncio.Semaphore(1)
"""One paper at a time: typesetting uses all cores for a moment."""


async def fetch_paper(number: str, form: str, request: Request) -> Response:
    """The decision paper as tagged PDF or as one HTML file, in ``lang`` (``de`` or ``en``).

    404 for an unknown run, 409 while it has no document.
    """
    async with _TYPESETTING:
        return await whatif.answered(request, lambda view: _paper(view, number, form, request))


def _paper(view: CityView, number: str, form: str, request: Request) -> Response:
    run = whatif.number_of(number)
    if form not in FORMS:
        raise RegistryError(f"no format {form[:20]!r}; use {', '.join(FORMS)}")
    texts = view.texts(request.query_params.get("lang"))
    try:
        made = make(view.twin, view.settings, run, texts=texts, form=form)
    except ReportError as error:
        return JSONResponse({"error": str(error)}, status_code=409)
    shown = "attachment" if form == "pdf" else "inline"
    name = f'{shown}; filename="run-{run}-{texts.language}.{form}"'
    return Response(made, media_type=FORMS[form], headers={"Content-Disposition": name})
