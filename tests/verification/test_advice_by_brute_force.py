"""Advice against all sets of measures of a small town, solved one by one in a plain loop."""

from functools import cache
from itertools import combinations

import pytest
from measures_case import solved, town_base

from simulations.measures.advice_outcome import blocks, outcome_of
from simulations.measures.advise import Candidate, Outcome, advise, candidates_for
from twin.model.advice import Target
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario

MOST = 2
ABOVE_T = 20.0


@cache
def block(chosen: tuple[tuple[str, float], ...]) -> dict:
    """Bridges and figures under measures, each set solved once for all targets."""
    kept = tuple(one.intervention for one in candidates() if (one.family, one.order) in chosen)
    found = solved(Scenario("try", "town", kept))
    return blocks(found.joint, found.report.document, Target(above_t=ABOVE_T, crossings_vehd=0.0))


@cache
def candidates() -> tuple[Candidate, ...]:
    classes = [one.name for one in town_base().demand.classes]
    wanted = ("weight_limit", "lorry_ban", "lane_closure", "closure")
    return tuple(one for one in candidates_for("B1", classes) if one.family in wanted)


def outcome(chosen: tuple[Candidate, ...], target: Target) -> Outcome:
    key = tuple(sorted((one.family, one.order) for one in chosen))
    return outcome_of(block(key), "B1", target)


def asked(chosen: tuple[Intervention, ...], target: Target) -> Outcome:
    kept = tuple(one for one in candidates() if one.intervention in chosen)
    return outcome(kept, target)


def reaches(found: Outcome, target: Target) -> bool:
    is_damage = target.damage_share is None or (
        found.damage_share is not None and found.damage_share <= target.damage_share
    )
    most = target.crossings_vehd
    is_few = most is None or (found.crossings_vehd is not None and found.crossings_vehd <= most)
    return is_damage and is_few


def every_set() -> list[tuple[Candidate, ...]]:
    """All sets: one value of a family, a closure alone."""
    found = []
    for size in range(1, MOST + 1):
        for chosen in combinations(candidates(), size):
            names = [one.family for one in chosen]
            if len(set(names)) == size and ("closure" not in names or size == 1):
                found.append(chosen)
    return found


@pytest.mark.parametrize(
    "target",
    [
        Target(damage_share=0.9),
        Target(damage_share=0.4),
        Target(damage_share=0.0),
        Target(above_t=ABOVE_T, crossings_vehd=100.0),
        Target(0.5, ABOVE_T, 1.0),
    ],
    ids=str,
)
def test_no_set_that_was_not_tried_is_better_than_the_first_rank(target: Target) -> None:
    found = advise(candidates(), target, lambda chosen: asked(chosen, target), most=MOST)
    sound = [
        one
        for one in every_set()
        if reaches(outcome(one, target), target) and not outcome(one, target).overloaded
    ]
    mild = [one for one in sound if one[0].family != "closure"]
    first = found.ranks[0]
    assert found.is_reached == any(reaches(outcome(one, target), target) for one in every_set())
    if mild:
        best = min((len(one), outcome(one, target).cost) for one in mild)
        assert first.outcome is not None
        assert (len(first.candidates), first.outcome.cost) == best
        assert not first.outcome.overloaded
    elif sound:
        assert first.candidates[0].family == "closure"
    for rank in found.ranks:
        assert rank.outcome == outcome(rank.candidates, target)
        assert rank.reaches == reaches(outcome(rank.candidates, target), target)


def test_the_loop_itself_sees_sets_that_reach_and_sets_that_miss() -> None:
    target = Target(damage_share=0.4)
    seen = {reaches(outcome(one, target), target) for one in every_set()}
    assert seen == {True, False}
