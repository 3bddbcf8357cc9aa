"""Advice: ranks, pruning and reasons on made-up outcomes, and on a solved town."""

import json

import pytest
from measures_case import solved, town_base

from simulations.measures.advice_document import document
from simulations.measures.advice_outcome import outcome_in, outcome_of
from simulations.measures.advise import Outcome, advise, candidates_for, told
from twin.errors import ScenarioError, SolveError
from twin.model.advice import AdviceQuestion, Target
from twin.model.interventions import Intervention
from twin.model.phrases import is_known
from twin.model.scenarios import Scenario

CLASSES = ("car", "hgv_12_26", "hgv_26_40")
HALF = Target(damage_share=0.5)


def made_up(shares):
    """Evaluate that multiplies shares of damage by kind of measure, and counts its calls."""
    asked = []

    def evaluate(chosen: tuple[Intervention, ...]) -> Outcome:
        asked.append(chosen)
        share, hours = 1.0, 0.0
        for one in chosen:
            known = shares.get(one.kind, 1.0)
            if known is None:
                raise ScenarioError("there is one lane only")
            limit = one.parameters.get("mass_t")
            share *= known if limit is None else min(1.0, known * float(str(limit)) / 7.5)
            hours += {"limit_weight": 20.0, "class_ban": 50.0, "close_asset": 300.0}.get(
                one.kind, 5.0
            ) - (0.0 if limit is None else float(str(limit)) / 2.0)
        return Outcome(share, None, 0.0, hours, 10.0 * hours)

    return evaluate, asked


def families(rank):
    return tuple(one.family for one in rank.candidates)


def test_the_loosest_limit_that_reaches_the_target_costs_least_and_comes_first():
    evaluate, asked = made_up({"limit_weight": 0.2, "class_ban": 0.05, "close_asset": 0.0})
    found = advise(candidates_for("B1", CLASSES), HALF, evaluate)
    assert found.is_reached
    assert families(found.ranks[0]) == ("weight_limit",)
    assert found.ranks[0].candidates[0].intervention.parameters["mass_t"] == 16.0
    assert all(len(chosen) == 1 for chosen in asked)
    assert found.left_out == 1  # 24 t is tried and misses, 30 t is not
    reaching = [families(rank) for rank in found.ranks if rank.reaches]
    assert reaching[-1] == ("closure",)
    assert ("lorry_ban",) in reaching


def test_two_measures_are_tried_only_if_one_does_not_do():
    shares = {"limit_weight": 0.7, "close_lane": 0.6, "close_asset": 0.0}
    evaluate, asked = made_up(shares)
    found = advise(candidates_for("B1", CLASSES), HALF, evaluate)
    assert set(families(found.ranks[0])) == {"weight_limit", "lane_closure"}
    assert max(map(len, asked)) == 2


def test_no_measure_reaches_the_target_names_the_closest_one():
    evaluate, _ = made_up({"limit_weight": 0.9, "class_ban": 0.8, "close_asset": 0.95})
    found = advise(candidates_for("B1", CLASSES), Target(damage_share=0.1), evaluate)
    assert not found.is_reached
    assert {"weight_limit", "lorry_ban"} <= set(families(found.ranks[0]))
    assert found.ranks[0].reason.key == "advice.misses"


def test_what_cannot_be_ordered_is_named_and_in_no_larger_set():
    evaluate, asked = made_up({"close_lane": None, "close_asset": 0.0})
    found = advise(candidates_for("B1", CLASSES), HALF, evaluate)
    refused = [rank for rank in found.ranks if rank.outcome is None]
    assert [families(rank) for rank in refused] == [("lane_closure",)]
    assert sum("close_lane" in {one.kind for one in chosen} for chosen in asked) == 1
    assert all(is_known(phrase) for rank in found.ranks for phrase in told(rank, HALF))


def test_a_limit_that_cannot_be_had_makes_room_for_the_next_looser_one():
    def evaluate(chosen: tuple[Intervention, ...]) -> Outcome:
        if chosen[0].parameters["mass_t"] == 7.5:
            raise ScenarioError("7.5 t is in force")
        return Outcome(0.2, None, 0.0, 1.0, 0.0)

    found = advise(candidates_for("B1", CLASSES)[:3], HALF, evaluate, most=1)
    assert found.is_reached
    assert len([rank for rank in found.ranks if rank.reaches]) == 2
    assert found.left_out == 0


def test_a_set_that_overloads_another_bridge_stands_behind_and_larger_ones_are_tried():
    def evaluate(chosen: tuple[Intervention, ...]) -> Outcome:
        kinds = {one.kind for one in chosen}
        if kinds == {"limit_weight"}:
            return Outcome(0.3, None, 0.0, 1.0, 0.0, ("Nebenbrücke",))
        share = 0.4 if kinds == {"limit_weight", "distance_rule"} else 0.9
        return Outcome(share, None, 0.0, 9.0, 0.0)

    chosen = [
        one
        for one in candidates_for("B1", CLASSES)
        if one.family in ("weight_limit", "distance_rule")
    ]
    found = advise(chosen, HALF, evaluate, most=2)
    assert set(families(found.ranks[0])) == {"weight_limit", "distance_rule"}
    overloaded = [
        families(rank) for rank in found.ranks if rank.outcome and rank.outcome.overloaded
    ]
    assert overloaded
    assert set(overloaded) == {("weight_limit",)}


def test_where_vehicles_are_computed_together_no_looser_value_is_left_out():
    evaluate, _ = made_up({"limit_weight": 0.9, "close_lane": 0.9})
    chosen = [
        one
        for one in candidates_for("B1", CLASSES)
        if one.family in ("weight_limit", "lane_closure")
    ]
    found = advise(chosen, Target(damage_share=0.01), evaluate, most=2)
    assert len([rank for rank in found.ranks if len(rank.candidates) == 2]) == 5


def test_one_part_that_cannot_be_assessed_leaves_the_damage_of_its_bridge_unknown():
    known = {"status": "assessed", "factor": 0.2, "band": None, "scenario_per_day": 1e-6}
    unknown = {"status": "not_assessable", "factor": None, "band": None, "scenario_per_day": None}
    begins = {"status": "assessed", "factor": None, "band": None, "scenario_per_day": 1e-6}
    for fatigue, share in (([known], 0.2), ([known, unknown], None), ([known, begins], None)):
        parts = [
            {"asset": "B1", "fatigue": one, "crossings_above": [], "by_mass": []} for one in fatigue
        ]
        assert outcome_of({"bridges": parts, "kpis": []}, "B1", HALF).damage_share == share


def test_an_unknown_figure_never_reaches_a_target():
    def evaluate(_: tuple[Intervention, ...]) -> Outcome:
        return Outcome(None, None, 0.0, 0.0, 0.0)

    found = advise(candidates_for("B1", CLASSES)[:1], HALF, evaluate)
    assert not found.is_reached
    assert found.ranks[0].reason.key == "advice.unknown"


def test_a_target_must_say_something():
    for arguments in (
        (None, None, None),
        (None, 30.0, None),
        (-0.1, None, None),
        (1.0, None, None),
    ):
        with pytest.raises(ScenarioError):
            Target(*arguments)


def test_the_best_answer_of_a_small_town_is_found_by_the_real_analysis():
    target = Target(damage_share=0.4)

    def evaluate(chosen: tuple[Intervention, ...]) -> Outcome:
        found = solved(Scenario("try", "town", chosen))
        return outcome_in(found.joint, found.report.document, "B1", target)

    classes = [one.name for one in town_base().demand.classes]
    found = advise(candidates_for("B1", classes), target, evaluate, most=1)
    assert found.is_reached
    first = found.ranks[0]
    assert families(first) in (("weight_limit",), ("lorry_ban",))
    assert first.outcome is not None
    reaching = [one.outcome for one in found.ranks if one.reaches and one.outcome is not None]
    costs = [one.cost for one in reaching[:-1]]
    assert costs == sorted(costs)
    assert found == advise(candidates_for("B1", classes), target, evaluate, most=1)


def test_a_target_that_is_met_today_is_said():
    target = Target(above_t=30.0, crossings_vehd=1e6)

    def evaluate(chosen: tuple[Intervention, ...]) -> Outcome:
        found = solved(Scenario("try", "town", chosen))
        return outcome_in(found.joint, found.report.document, "B1", target)

    found = advise(candidates_for("B1", CLASSES)[2:3], target, evaluate, most=1)
    assert found.is_met_today
    outcome = found.ranks[0].outcome
    assert outcome is not None
    assert outcome.crossings_vehd == pytest.approx(0.0)
    assert outcome.today_vehd is None or outcome.today_vehd > 0.0


def test_each_rank_says_what_the_one_before_does_better():
    evaluate, _ = made_up({"limit_weight": 0.2, "class_ban": 0.05, "close_asset": 0.0})
    found = advise(candidates_for("B1", CLASSES), HALF, evaluate)
    keys = [rank.behind.key for rank in found.ranks if rank.behind is not None]
    assert keys[0] == "advice.first_reaches"
    assert "advice.behind_hours" in keys
    assert "advice.behind_closure" in keys
    assert "advice.behind_reach" in keys
    assert all(is_known(phrase) for rank in found.ranks for phrase in told(rank, HALF))


def test_a_change_within_the_noise_costs_nothing_and_the_milder_value_comes_first():
    def evaluate(chosen: tuple[Intervention, ...]) -> Outcome:
        mass_t = float(str(chosen[0].parameters["mass_t"]))
        return Outcome(0.2, None, 0.0, -mass_t, 0.0, is_noise=True)

    found = advise(candidates_for("B1", CLASSES)[:3], HALF, evaluate, most=1)
    masses = [rank.candidates[0].intervention.parameters["mass_t"] for rank in found.ranks]
    assert masses == [16.0, 12.0, 7.5]
    assert [rank.behind.key for rank in found.ranks if rank.behind] == [
        "advice.first_reaches", "advice.behind_strict", "advice.behind_strict",
    ]  # fmt: skip


def test_the_share_of_the_search_grows_and_an_interrupt_ends_it():
    evaluate, _ = made_up({"limit_weight": 0.9, "class_ban": 0.8, "close_asset": 0.95})
    shares: list[float] = []
    advise(
        candidates_for("B1", CLASSES), Target(damage_share=0.1), evaluate,
        tell=lambda step: shares.append(step.share),
    )  # fmt: skip
    assert shares == sorted(shares)
    assert (shares[0], shares[-1] < 1.0) == (0.0, True)

    def stop(step: object) -> None:
        raise SolveError(str(step))

    with pytest.raises(SolveError):
        advise(candidates_for("B1", CLASSES), HALF, evaluate, tell=stop)


def test_crossings_are_counted_above_any_mass():
    found = solved(
        Scenario("try", "town", (Intervention("limit_weight", ("B1",), {"mass_t": 12.0}),))
    )
    today = [
        outcome_in(found.joint, found.report.document, "B1", Target(None, mass_t, 10.0)).today_vehd
        for mass_t in (3.5, 17.3, 30.0, 39.0)
    ]
    assert None not in today
    assert today == sorted(today, reverse=True)  # type: ignore[type-var]
    assert today[0] != today[1] != today[2]


def test_the_document_says_in_a_sentence_that_only_a_closure_or_nothing_reaches_the_target():
    for share, key in ((0.0, "Only a closure"), (0.95, "No measure reaches")):
        evaluate, _ = made_up({"limit_weight": 0.9, "class_ban": 0.8, "close_asset": share})
        target = Target(damage_share=0.05)
        found = advise(candidates_for("B1", CLASSES), target, evaluate)
        written = document(
            found, AdviceQuestion("B1", target, "town"), names={"B1": "Alte Brücke"},
            inputs={}, today={},
        )  # fmt: skip
        assert written["answer"][0]["en"].startswith(key)
        assert written["is_reached"] == (share == 0.0)
        ranks = written["ranks"]
        assert [one["rank"] for one in ranks] == list(range(1, len(ranks) + 1))
        assert max(len(one["measures"]) for one in ranks) == 3
        assert all("Alte Brücke" in one["sentences"]["de"][0] for one in ranks)
        json.dumps(written, allow_nan=False)
