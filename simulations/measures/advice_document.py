"""The document of advice: question, answer by rank, and what it rests on."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulations.measures.advise import CLOSURE, Advice, Candidate, Rank, scenario_of, told
from twin.model.advice import ADVICE_FORM, AdviceQuestion, Target
from twin.model.findings import Phrase
from twin.model.phrases import said
from twin.model.scenario_words import sentences
from twin.model.scenarios import to_document

LANGUAGES = ("de", "en")


def document(
    found: Advice,
    question: AdviceQuestion,
    *,
    names: Mapping[str, str],
    inputs: Mapping[str, object],
    today: Mapping[str, object],
) -> dict[str, Any]:
    """The advice as JSON values, form 1, ranks in their order.

    Parameters
    ----------
    found
    question
        With the name of its base.
    names
        Readable names by registry id.
    inputs
        What it was computed from.
    today
        Figures of the bridge without measures.
    """
    return {
        "form": ADVICE_FORM,
        "bridge": question.asset_id,
        "name": names.get(question.asset_id, question.asset_id),
        "target": question.target.document(),
        "inputs": dict(inputs),
        "today": dict(today),
        "is_reached": found.is_reached,
        "is_met_today": found.is_met_today,
        "evaluated": found.evaluated,
        "left_out": found.left_out,
        "answer": [_both(one) for one in _answer(found)],
        "ranks": [
            _rank(rank, number, question, names) for number, rank in enumerate(found.ranks, start=1)
        ],
        "remarks": [_both(one) for one in _remarks(found)],
    }


def _both(phrase: Phrase) -> dict[str, str]:
    return {language: said(phrase, language) for language in LANGUAGES}


def _answer(found: Advice) -> Iterator[Phrase]:
    if found.is_met_today:
        yield Phrase("advice.met_today")
    elif not found.is_reached:
        yield Phrase("advice.none")
    elif found.ranks[0].candidates[0].family == CLOSURE:
        yield Phrase("advice.only_closure")
    else:
        yield Phrase("advice.reached", {"sets": float(sum(one.reaches for one in found.ranks))})


def _remarks(found: Advice) -> Iterator[Phrase]:
    counts = {"evaluated": float(found.evaluated), "left_out": float(found.left_out)}
    yield Phrase("advice.count" if found.left_out else "advice.count_all", counts)
    yield Phrase("advice.no_speed")
    yield Phrase("advice.no_bands")


def _rank(
    rank: Rank, number: int, question: AdviceQuestion, names: Mapping[str, str]
) -> dict[str, object]:
    outcome, target = rank.outcome, question.target
    chosen = tuple(one.intervention for one in rank.candidates)
    scenario = scenario_of(chosen, name="", base=question.base)
    return {
        "rank": number,
        "measures": [_measure(one) for one in rank.candidates],
        "scenario": to_document(scenario),
        "sentences": {
            one: list(sentences(scenario, language=one, names=names)) for one in LANGUAGES
        },
        "reaches": rank.reaches,
        "damage_share": None if outcome is None else outcome.damage_share,
        "crossings_vehd": None if outcome is None else outcome.crossings_vehd,
        "unserved_vehh": None if outcome is None else outcome.unserved_vehh,
        "vehicle_h": None if outcome is None else outcome.vehicle_h,
        "is_noise": outcome is not None and outcome.is_noise,
        "heavy_km": None if outcome is None else outcome.heavy_km,
        "overloaded": [] if outcome is None else list(outcome.overloaded),
        "reasons": _reasons(rank, target),
    }


def _reasons(rank: Rank, target: Target) -> list[dict[str, str]]:
    return [_both(one) for one in told(rank, target)]


def _measure(one: Candidate) -> dict[str, object]:
    values = one.intervention.parameters
    return {"family": one.family, "kind": one.intervention.kind, "parameters": dict(values)}
