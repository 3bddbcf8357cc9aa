"""What-if questions over HTTP: check, submit, follow, cancel and fetch below ``/api/whatif``."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api.link_files import LINK_FORMATS, link_file
from dashboards.api.series import FieldError, read_number
from dashboards.view import CityView, view_of
from twin.city import Twin
from twin.errors import (
    ModelError,
    RegistryError,
    ScenarioError,
    StoreError,
    StoreUnavailableError,
)
from twin.model.bases import StoredBase
from twin.model.packing import unpack_columns
from twin.model.questions import require_gap
from twin.model.scenario_schema import schema
from twin.model.scenario_words import sentences
from twin.model.scenarios import Run, Scenario, from_json, to_document
from twin.model.statements import documents
from twin.model.traffic_state import STATE_KINDS, live_of, validity
from twin.plugins import RouterOffer
from twin.settings import Settings

MOST_WAITING = 200
"""Questions in the queue beyond which the next one is refused with 429."""
LONGEST_WAIT_S = 25.0
LOOK_S = 0.25
MOST_LISTED = 200
MOST_DIGITS = 18
OVER = frozenset({"done", "failed", "cancelled"})


class BusyError(Exception):
    """The queue is full."""


STATUS = ((BusyError, 429), (RegistryError, 404), (ModelError, 409), (StoreError, 422))


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the what-if questions."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    reading = {
        "whatif_schema": ("/schema", read_schema),
        "whatif_bases": ("/bases", list_bases),
        "whatif_states": ("/states", list_states),
        "whatif_runs": ("/runs", list_runs),
        "whatif_run": ("/runs/{number}", follow_run),
        "whatif_report": ("/runs/{number}/report", fetch_report),
        "whatif_links": ("/runs/{number}/links.{form}", fetch_links),
        "whatif_bridges": ("/runs/{number}/bridges.{form}", fetch_bridges),
    }
    changing = {
        "whatif_check": ("/check", check_scenario),
        "whatif_submit": ("/runs", submit_scenario),
        "whatif_cancel": ("/runs/{number}/cancel", cancel_run),
    }
    for name, (path, route) in reading.items():
        router.add_api_route(path, route, name=name)
    for name, (path, route) in changing.items():
        router.add_api_route(path, route, methods=["POST"], name=name)
    permissions = dict.fromkeys(reading, "state.read")
    permissions |= {"whatif_check": "state.read"}
    permissions |= dict.fromkeys(("whatif_links", "whatif_bridges"), "export.view")
    permissions |= dict.fromkeys(("whatif_submit", "whatif_cancel"), "run.submit")
    return RouterOffer("/api/whatif", router, permissions)


async def read_schema() -> Response:
    """JSON schema of a scenario."""
    return JSONResponse(schema(), media_type="application/schema+json")


async def list_bases(request: Request) -> Response:
    """Stored bases with their figures, errors and assumptions."""
    return await answered(request, _bases)


async def list_states(request: Request) -> Response:
    """State of the running traffic (``kind`` live, forecast, indicators) with age and errors."""
    kind = request.query_params.get("kind", "")
    return await answered(request, lambda view: _states(view, kind))


async def check_scenario(request: Request) -> Response:
    """Whether a scenario is sound for its base, and what it says; nothing is queued."""
    text = text_of(await request.body())
    return await answered(request, lambda view: _checked(view, text, language_of(request)))


async def submit_scenario(request: Request) -> Response:
    """Queue the scenario in the body: 202, or 200 if the same question was asked before."""
    text = text_of(await request.body())
    gap = request.query_params.get("gap")
    return await answered(request, lambda view: _submitted(view, text, gap))


async def list_runs(request: Request) -> Response:
    """Runs, the newest first: ``limit`` of them, ``below`` a number."""
    return await answered(request, lambda view: _runs(view, dict(request.query_params)))


async def follow_run(number: str, request: Request) -> Response:
    """Status and progress of a run; ``wait`` answers when it has changed, or after that many s."""
    asked = request.query_params.get("wait", "0")
    answer = await answered(request, lambda view: (200, _followed(view, number, asked)))
    deadline = time.monotonic() + (float(asked) if answer.status_code == HTTPStatus.OK else 0.0)
    first = answer.body
    while answer.body == first and time.monotonic() < deadline and not _is_over(answer.body):
        await asyncio.sleep(LOOK_S)
        answer = await answered(request, lambda view: (200, _run(view, number)))
    return answer


async def cancel_run(number: str, request: Request) -> Response:
    """Cancel a run that waits or is computed; one that is over stays as it is."""
    return await answered(request, lambda view: _cancelled(view, number))


async def fetch_report(number: str, request: Request) -> Response:
    """Everything that a person reads of a result; 404 while there is none."""
    return await answered(request, lambda view: _report(view, number))


async def fetch_links(number: str, form: str, request: Request) -> Response:
    """Columns per link as ``csv``, ``parquet`` or ``npz``; 404 while there are none."""
    return await answered(request, lambda view: _columns(view, number, "links", form))


async def fetch_bridges(number: str, form: str, request: Request) -> Response:
    """Traffic per bridge, link, class and side, as ``csv``, ``parquet`` or ``npz``."""
    return await answered(request, lambda view: _columns(view, number, "bridges", form))


Work = Callable[[CityView], tuple[int, object] | Response]


async def answered(request: Request, work: Work) -> Response:
    """Answer of a route; whatever is wrong is said in one form."""
    try:
        found = await asyncio.to_thread(work, view_of(request))
    except ScenarioError as error:
        content = {"error": "the scenario is not sound", "problems": list(error.problems)}
        return JSONResponse(content, status_code=422)
    except FieldError as error:
        return JSONResponse({"field": error.name, "error": error.reason}, status_code=422)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    except (BusyError, RegistryError, ModelError, StoreError) as error:
        status = next(code for kind, code in STATUS if isinstance(error, kind))
        return JSONResponse({"error": str(error)}, status_code=status)
    if isinstance(found, Response):
        return found
    status, content = found
    return JSONResponse(content, status_code=status)


def _followed(view: CityView, number: str, asked: str) -> Mapping[str, object]:
    if not 0 <= read_number("wait", asked) <= LONGEST_WAIT_S:
        raise FieldError("wait", f"must be 0 to {LONGEST_WAIT_S:g} seconds")
    return _run(view, number)


def _is_over(body: bytes | memoryview) -> bool:
    return json.loads(bytes(body))["status"] in OVER


def text_of(body: bytes) -> str:
    """Body of a request as text; what is not UTF-8 is replaced."""
    return body.decode("utf-8", errors="replace")


def language_of(request: Request) -> str:
    """Language that a request asks for; German unless it is English."""
    return "en" if request.query_params.get("lang") == "en" else "de"


def _bases(view: CityView) -> tuple[int, object]:
    found = [
        {**base_document(base), "validity": _validity(view, base.facts.content_hash)}
        for base in view.twin.traffic.bases()
    ]
    return 200, {"bases": found}


def base_document(base: StoredBase) -> Mapping[str, object]:
    """Stored base as JSON values."""
    facts = base.facts
    return {
        "name": facts.name,
        "version": base.version,
        "made_at": base.made_at.isoformat(),
        "content_hash": facts.content_hash,
        "engine": facts.engine,
        "engine_version": facts.engine_version,
        "figures": _finite(facts.figures),
        "units": dict(facts.units),
        "assumptions": documents(facts.assumptions),
        "provenance": {"kind": facts.provenance.kind, "by": facts.provenance.by},
    }


def _finite(figures: Mapping[str, float]) -> Mapping[str, float | None]:
    """Figures as JSON can say them: what is not finite is null."""
    return {name: value if abs(value) < float("inf") else None for name, value in figures.items()}


def _sound(view: CityView, text: str) -> tuple[Scenario, StoredBase]:
    """Scenario and its base; ScenarioError with all problems, FieldError without a base."""
    scenario = from_json(text)
    try:
        return scenario, view.twin.check_scenario(scenario)
    except RegistryError as error:
        raise FieldError("base", str(error)) from None


def _checked(view: CityView, text: str, language: str) -> tuple[int, object]:
    scenario, base = _sound(view, text)
    said = sentences(scenario, language=language, names=view.twin.target_names())
    return 200, {"sentences": list(said), "base": base_document(base)}


def _submitted(view: CityView, text: str, gap: str | None) -> Response:
    relative_gap = gap_of(view, gap)
    scenario, _ = _sound(view, text)
    return queued(
        view,
        scenario,
        lambda: view.twin.ask(scenario, relative_gap=relative_gap),
        below="/api/whatif",
    )


def gap_of(view: CityView, gap: str | None) -> float:
    """Gap of a request, by default that of the settings; FieldError if nobody may ask for it."""
    relative_gap = view.settings.traffic.relative_gap if gap is None else read_number("gap", gap)
    try:
        return require_gap(relative_gap)
    except ScenarioError as error:
        raise FieldError("gap", str(error)) from None


def queued(view: CityView, scenario: Scenario, ask: Callable[[], Run], *, below: str) -> Response:
    """Answer to a question: 202 with a new run, 200 with the one that was asked before.

    Raises
    ------
    BusyError
        If too many wait already.
    """
    twin = view.twin
    if twin.traffic.waiting(most=MOST_WAITING) == MOST_WAITING:
        raise BusyError(f"{MOST_WAITING} questions wait already; ask again when some are answered")
    newest = twin.traffic.runs(limit=1)
    run = ask()
    is_new = not newest or run.id > newest[0].id
    address = f"{below}/runs/{run.id}"
    document = dict(run_document(run))
    document["scenario"] = to_document(scenario)  # the same question may have had another name
    return JSONResponse(document, status_code=202 if is_new else 200, headers={"Location": address})


def _runs(view: CityView, parameters: dict[str, str]) -> tuple[int, object]:
    for name in parameters:
        if name not in ("limit", "below"):
            raise FieldError(name, "unknown; use below, limit")
    limit = read_number("limit", parameters.get("limit", "50"))
    if not 1 <= limit <= MOST_LISTED:
        raise FieldError("limit", f"must be 1 to {MOST_LISTED}")
    below = number_of(parameters["below"], field="below") if "below" in parameters else None
    found = view.twin.traffic.runs(limit=int(limit), below=below)
    return 200, {"runs": [_listed(run) for run in found]}


def _listed(run: Run) -> Mapping[str, object]:
    """Run as a row of a list: how many interventions instead of all of them."""
    scenario: dict[str, object] = {
        "name": run.scenario.name,
        "base": run.scenario.base,
        "intervention_count": len(run.scenario.interventions),
    }
    return {**run_document(run), "scenario": scenario}


def number_of(text: str, *, field: str = "number") -> int:
    """Number of a run; FieldError if it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise FieldError(field, f"must be the number of a run, got {text[:40]!r}")
    return int(text)


def _run(view: CityView, number: str) -> Mapping[str, object]:
    run = view.twin.run(number_of(number))
    document = dict(run_document(run))
    result = view.twin.result(run.id)
    if result is not None:
        document["indicators"] = _finite(result.indicators)
        document["units"] = dict(result.units)
        document["assumptions"] = documents(result.assumptions)
        document["provenance"] = {"kind": result.provenance.kind, "by": result.provenance.by}
        document["files"] = dict(view.twin.traffic.run_parts(run.id))
    return document


def run_document(run: Run) -> Mapping[str, object]:
    """Run as JSON values, without its result."""
    return {
        "number": run.id,
        "status": run.status,
        "progress": round(run.progress, 4),
        "message": run.message,
        "scenario": to_document(run.scenario),
        "engine": run.engine,
        "engine_version": run.version,
        "base": run.base,
        "options": _options(run.options),
        "input_hash": run.input_hash,
        "attempt": run.attempt,
        "submitted_at": run.submitted_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
    }


def _options(text: str) -> object:
    """Options of a stored run; what JSON has no number for is null."""
    return json.loads(text, parse_constant=lambda _: None) if text else {}


def _cancelled(view: CityView, number: str) -> tuple[int, object]:
    view.twin.cancel_run(number_of(number))
    return 200, _run(view, number)


def _part(view: CityView, number: str, name: str) -> bytes:
    run = view.twin.run(number_of(number))
    content = view.twin.traffic.run_part(run.id, name)
    if content is None:
        raise RegistryError(
            f"run {run.id} is {run.status} and has no {name}; follow it until it is done"
        )
    return content


def _report(view: CityView, number: str) -> tuple[int, object]:
    """Report behind what live counts say of its base now."""
    content = json.loads(_part(view, number, "report"))
    return 200, {"validity": _validity(view, view.twin.run(number_of(number)).base), **content}


def _validity(view: CityView, content_hash: str) -> Mapping[str, object]:
    twin = view.twin
    return validity(live_of(twin.traffic.states("live"), content_hash), twin.now())


def _states(view: CityView, kind: str) -> tuple[int, object]:
    if kind not in ("", *STATE_KINDS):
        raise FieldError("kind", f"must be one of {', '.join(STATE_KINDS)}")
    now = view.twin.now()
    return 200, {
        "states": [
            {
                "kind": state.kind,
                "subject": state.subject,
                "made_at": state.made_at.isoformat(),
                "age_s": (now - state.made_at).total_seconds(),
                "content": state.document(),
            }
            for state in view.twin.traffic.states(kind)
        ]
    }


def _columns(view: CityView, number: str, part: str, form: str) -> Response:
    if form not in LINK_FORMATS:
        raise RegistryError(f"no format {form[:20]!r}; use {', '.join(LINK_FORMATS)}")
    content = _part(view, number, part)
    name = f'attachment; filename="run-{number_of(number)}-{part}.{form}"'
    body = content if form == "npz" else link_file(unpack_columns(content), form)
    headers = {"Content-Disposition": name}
    return Response(body, media_type=LINK_FORMATS[form], headers=headers)
