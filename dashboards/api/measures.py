"""What measures do, over HTTP: check, submit, follow, cancel and fetch below ``/api/measures``."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request, Response

from dashboards.api import decisions, whatif
from dashboards.api.advice import ask_advice, fetch_ranks
from dashboards.api.obedience import fetch_obedience
from dashboards.api.paper import fetch_paper
from dashboards.api.series import FieldError
from dashboards.view import CityView
from twin.city import Twin
from twin.errors import RegistryError
from twin.measure_shelf import LARGEST_SEED, MOST_MEMBERS
from twin.model.bases import StoredBase
from twin.model.scenario_words import sentences
from twin.model.scenarios import Scenario, from_json
from twin.plugins import RouterOffer
from twin.settings import Settings

MOST_DIGITS = 10


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the measures."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    reading = {
        "measures_run": ("/runs/{number}", whatif.follow_run),
        "measures_obedience": ("/obedience/{asset}", fetch_obedience),
        "measures_document": ("/runs/{number}/document", fetch_document),
        "measures_paper": ("/runs/{number}/paper.{form}", fetch_paper),
        "measures_ranks": ("/runs/{number}/advice.csv", fetch_ranks),
    }
    changing = {
        "measures_check": ("/check", check_measures),
        "measures_submit": ("/runs", submit_measures),
        "measures_advise": ("/advise", ask_advice),
        "measures_cancel": ("/runs/{number}/cancel", whatif.cancel_run),
    }
    for name, (path, route) in reading.items():
        router.add_api_route(path, route, name=name)
    for name, (path, route) in changing.items():
        router.add_api_route(path, route, methods=["POST"], name=name)
    permissions = dict.fromkeys((*reading, "measures_check"), "state.read")
    permissions |= dict.fromkeys(
        ("measures_submit", "measures_advise", "measures_cancel"), "run.submit"
    )
    permissions |= dict.fromkeys(("measures_paper", "measures_ranks"), "export.view")
    permissions |= decisions.add_routes(router)
    return RouterOffer("/api/measures", router, permissions)


async def check_measures(request: Request) -> Response:
    """Whether measures are sound for their base, and what they say; nothing is queued."""
    text = whatif.text_of(await request.body())
    language = whatif.language_of(request)
    return await whatif.answered(request, lambda view: _checked(view, text, language))


async def submit_measures(request: Request) -> Response:
    """Queue the scenario in the body: 202, or 200 if the same question was asked before.

    ``members`` (0: no bands) and ``seed`` are those of the ensemble, ``gap`` is solved to.
    """
    text = whatif.text_of(await request.body())
    asked = dict(request.query_params)
    return await whatif.answered(request, lambda view: _submitted(view, text, asked))


async def fetch_document(number: str, request: Request) -> Response:
    """Everything that a person reads of an answer, of advice too; 404 while there is none."""
    return await whatif.answered(request, lambda view: _document(view, number))


def _sound(view: CityView, text: str) -> tuple[Scenario, StoredBase]:
    scenario = from_json(text)
    try:
        return scenario, view.twin.measures.check(scenario)
    except RegistryError as error:
        raise FieldError("base", str(error)) from None


def _checked(view: CityView, text: str, language: str) -> tuple[int, object]:
    scenario, base = _sound(view, text)
    said = sentences(scenario, language=language, names=view.twin.target_names())
    return 200, {"sentences": list(said), "base": whatif.base_document(base)}


def _submitted(view: CityView, text: str, asked: Mapping[str, str]) -> Response:
    members = _whole(asked.get("members", "0"), "members", MOST_MEMBERS)
    seed = _whole(asked.get("seed", "0"), "seed", LARGEST_SEED)
    gap = whatif.gap_of(view, asked.get("gap"))
    scenario, _ = _sound(view, text)
    ask = partial(view.twin.measures.ask, scenario, members=members, seed=seed, relative_gap=gap)
    return whatif.queued(view, scenario, ask, below="/api/measures")


def _whole(text: str, field: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS or int(text) > most:
        raise FieldError(field, f"must be a whole number from 0 to {most}, got {text[:40]!r}")
    return int(text)


def _document(view: CityView, number: str) -> tuple[int, object]:
    run = view.twin.run(whatif.number_of(number))
    found = view.twin.measures.document(run.id) or view.twin.advice.document(run.id)
    if found is None:
        raise RegistryError(
            f"run {run.id} is {run.status} and has no document; follow it until it is done"
        )
    return 200, found
