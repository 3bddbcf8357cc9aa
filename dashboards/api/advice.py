"""Which measures reach a target, over HTTP: ask below ``/api/measures``, and the ranks as CSV."""

from functools import partial

from fastapi import Request, Response

from dashboards.advice_rows import as_csv
from dashboards.api import whatif
from dashboards.api.export import BYTE_ORDER_MARK
from dashboards.api.series import FieldError
from dashboards.view import CityView
from twin.errors import RegistryError
from twin.model.advice import question_from_json
from twin.model.scenarios import Run, Scenario


async def ask_advice(request: Request) -> Response:
    """Queue the question in the body: 202, or 200 if the same one was asked before.

    ``{"bridge": id, "base": name, "target": {"damage_share", "above_t", "crossings_vehd"}}``;
    without a base the newest one counts. ``gap`` is solved to.
    """
    text = whatif.text_of(await request.body())
    gap = request.query_params.get("gap")
    return await whatif.answered(request, lambda view: _asked(view, text, gap))


async def fetch_ranks(number: str, request: Request) -> Response:
    """The ranks of an answer as CSV in the language ``lang``; 404 while there is none."""
    language = whatif.language_of(request)
    return await whatif.answered(request, lambda view: _ranks(view, number, language))


def _asked(view: CityView, text: str, gap: str | None) -> Response:
    relative_gap = whatif.gap_of(view, gap)
    question = question_from_json(text)
    advice = view.twin.advice
    try:
        view.twin.asset(question.asset_id)
    except RegistryError as error:
        raise FieldError("bridge", str(error)) from None
    try:
        base = advice.base(question.base)
    except RegistryError as error:
        raise FieldError("base", str(error)) from None
    scenario = Scenario(f"advice for {question.asset_id}", base.facts.name)
    ask = partial(advice.ask, question, relative_gap=relative_gap)
    return whatif.queued(view, scenario, ask, below="/api/measures")


def _ranks(view: CityView, number: str, language: str) -> Response:
    run: Run = view.twin.run(whatif.number_of(number))
    found = view.twin.advice.document(run.id)
    if found is None:
        raise RegistryError(f"run {run.id} is {run.status} and has no advice")
    return Response(
        (BYTE_ORDER_MARK + as_csv(found, view.texts(language))).encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="advice-{run.id}.csv"'},
    )
