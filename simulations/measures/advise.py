"""Which measures reach a target on a bridge at least traffic cost, each rank with its reason.

Measures are tried one by one; only if none reaches the target without overloading another bridge,
two together, then three. The tightest value of a family that can be had comes first: if it misses,
the looser ones would, too, because a tighter limit never raises damage per vehicle (tools A and B),
and they are not solved. Where vehicles are computed together (tool C) that does not hold, and all
values are. A set that overloads another bridge ranks behind those that do not. A closure always
turns everybody away; it is shown as the last resort and hides no larger set.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from twin.errors import ScenarioError
from twin.model.advice import Target
from twin.model.findings import Phrase
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario

SIGN_MASSES_T = (7.5, 12.0, 16.0, 24.0, 30.0)
"""Usual values of sign 262 of the StVO, the tightest first.

Those from 12 t on are the masses of the bridge classes of DIN 1072; inside a vehicle class a limit
diverts the vehicles above it alone (ADR 0058).
"""
LORRY_CLASSES = ("hgv_3_7", "hgv_7_12", "hgv_12_26", "hgv_26_40", "hgv_over_40")
GAP_M = 50.0
"""Usual distance of a distance rule."""
CLOSURE = "closure"
TOGETHER = frozenset({"distance_rule", "overtaking_ban", "lane_closure"})
"""Families whose vehicles are computed together: valleys fill, neighbouring spans counteract."""
MOST_TOGETHER = 3


def excess(target: Target, outcome: "Outcome") -> float:
    """How far an outcome misses a target: 0 if reached; infinite if the figure is not known."""
    missed = 0.0
    if target.damage_share is not None:
        missed += _over(outcome.damage_share, target.damage_share, scale=1.0)
    if target.above_t is not None and target.crossings_vehd is not None:
        scale = max(target.crossings_vehd, 1.0)
        missed += _over(outcome.crossings_vehd, target.crossings_vehd, scale=scale)
    return missed


def _over(value: float | None, limit: float, *, scale: float) -> float:
    return math.inf if value is None else max(0.0, value - limit) / scale


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a set of measures does; None where it is not known.

    Parameters
    ----------
    damage_share
        Damage rate after over before, of the worst part [-].
    crossings_vehd
        A day above the mass of the target, of the worst part.
    unserved_vehh, vehicle_h, heavy_km
        Changes of the traffic in the hour of the base.
    today_vehd
        Crossings a day above that mass without the measures.
    is_noise
        Whether the change of vehicle-hours lies within the noise of both equilibria.
    overloaded
        Bridges that break a restriction or lie beyond the target load level only now.
    """

    damage_share: float | None
    crossings_vehd: float | None
    unserved_vehh: float
    vehicle_h: float
    heavy_km: float
    overloaded: tuple[str, ...] = ()
    today_vehd: float | None = None
    is_noise: bool = False

    @property
    def today(self) -> "Outcome":
        """What would be without the measures."""
        return Outcome(1.0, self.today_vehd, 0.0, 0.0, 0.0)

    @property
    def cost(self) -> tuple[float, float, float]:
        """Trips that fail first, then time, then detours of lorries; without what is noise."""
        hours = 0.0 if self.is_noise else round(self.vehicle_h, 1)
        return round(max(self.unserved_vehh, 0.0), 0), hours, round(max(self.heavy_km, 0.0), 0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One measure; ``family`` and ``order`` (0 the tightest) say what it is a looser form of."""

    family: str
    order: int
    intervention: Intervention


@dataclass(frozen=True, slots=True)
class Rank:
    """A set of measures with what it does, and why it stands where it does.

    ``outcome`` is None where it could not be evaluated; the reason says why. ``behind`` says what
    the set before does better.
    """

    candidates: tuple[Candidate, ...]
    outcome: Outcome | None
    reaches: bool
    reason: Phrase
    behind: Phrase | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Sets by rank, whether one reaches the target, and how many were solved and left out.

    ``is_met_today``: nothing needs to be ordered for the target.
    """

    ranks: tuple[Rank, ...]
    is_reached: bool
    evaluated: int
    left_out: int
    is_met_today: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A set about to be evaluated: its number, its families, and the share of the search done.

    How many sets there will be is not known before: the share tells how many of the families of a
    size, and how many of the sizes, have been looked at.
    """

    number: int
    families: tuple[str, ...]
    share: float


Evaluate = Callable[[tuple[Intervention, ...]], Outcome]
"""Outcome of interventions together; ScenarioError if they cannot be had."""


def candidates_for(asset_id: str, classes: Sequence[str]) -> tuple[Candidate, ...]:
    """The measures that can be ordered on a bridge.

    A speed limit is not among them: it changes loads through a measured dynamic factor alone, and
    none is recorded.

    Parameters
    ----------
    asset_id
    classes
        Vehicle classes of the base.

    Examples
    --------
    >>> [one.family for one in candidates_for("B1", ("car", "hgv_12_26"))][4:7]
    ['weight_limit', 'lorry_ban', 'lane_closure']
    """
    lorries = tuple(name for name in LORRY_CLASSES if name in classes)
    limits = (("limit_weight", {"mass_t": mass_t}) for mass_t in SIGN_MASSES_T)
    single = {
        "lane_closure": ("close_lane", {"lanes": 1}),
        "distance_rule": ("distance_rule", {"min_gap_m": GAP_M}),
        "overtaking_ban": ("overtaking_ban", {}),
        CLOSURE: ("close_asset", {}),
    }
    out = [
        Candidate("weight_limit", order, Intervention(kind, (asset_id,), values))
        for order, (kind, values) in enumerate(limits)
    ]
    if lorries:
        ban = Intervention("class_ban", (asset_id,), {"classes": lorries})
        out.append(Candidate("lorry_ban", 0, ban))
    out += [
        Candidate(family, 0, Intervention(kind, (asset_id,), values))
        for family, (kind, values) in single.items()
    ]
    return tuple(out)


def advise(
    candidates: Sequence[Candidate],
    target: Target,
    evaluate: Evaluate,
    *,
    most: int = MOST_TOGETHER,
    tell: Callable[[Step], None] | None = None,
) -> Advice:
    """Sets of measures by rank: those that reach the target first, smaller ones before larger ones.

    Parameters
    ----------
    candidates
        Of each family the tightest first.
    target
    evaluate
        Asked once for each set; the order of the sets does not depend on its answers but by what
        is left out.
    most
        Measures together at most.
    tell
        Told each set before it is evaluated; may raise to end the search.
    """
    search = _Search(candidates, target, evaluate, tell or _silent, most)
    for size in range(1, most + 1):
        search.try_size(size)
        if search.reached_by_less_than_closure():
            break
    ranks = sorted(search.ranks, key=search.place)
    known = [rank.outcome for rank in ranks if rank.outcome is not None]
    return Advice(
        tuple(_with_reasons(ranks, search)),
        any(rank.reaches for rank in ranks),
        search.number,
        search.left_out,
        is_met_today=bool(known) and excess(target, known[0].today) == 0.0,
    )


def _silent(step: Step) -> None:
    """Nobody is told."""
    del step


def _with_reasons(ranks: Sequence[Rank], search: "_Search") -> Iterator[Rank]:
    """Each rank with what the one before does better."""
    before: Rank | None = None
    for rank in ranks:
        if rank.outcome is None:
            yield rank
            continue
        yield replace(rank, behind=_first(rank) if before is None else search.behind(rank, before))
        before = rank


def _first(rank: Rank) -> Phrase | None:
    return Phrase("advice.first_reaches" if rank.reaches else "advice.first_misses")


class _Search:
    def __init__(
        self, candidates: Sequence[Candidate], target: Target, evaluate: Evaluate,
        tell: Callable[[Step], None], most: int,
    ) -> None:  # fmt: skip
        self._families: dict[str, list[Candidate]] = {}
        for one in candidates:
            self._families.setdefault(one.family, []).append(one)
        self._target, self._evaluate, self._tell = target, evaluate, tell
        self._most, self._share = most, 0.0
        self._impossible: set[str] = set()
        self.ranks: list[Rank] = []
        self.number = self.left_out = 0

    def try_size(self, size: int) -> None:
        """All sets of so many families; the closure stands alone."""
        families = [
            name
            for name in self._families
            if name not in self._impossible and (name != CLOSURE or size == 1)
        ]
        every = list(combinations(families, size))
        for number, chosen in enumerate(every):
            self._share = (size - 1 + number / len(every)) / self._most
            self._loosen([self._families[name] for name in chosen])

    def _loosen(self, families: Sequence[list[Candidate]]) -> None:
        """The tightest values of all, then looser ones of one family while the target is kept."""
        rank = self._tightest(families)
        if rank.outcome is None:
            self.left_out += sum(len(family) - 1 for family in families if family)
            return
        is_together = any(one.family in TOGETHER for one in rank.candidates)
        for at, family in enumerate(families):
            for number, looser in enumerate(family[1:], start=1):
                if not rank.reaches and not is_together:
                    self.left_out += len(family) - number
                    break
                varied = (*rank.candidates[:at], looser, *rank.candidates[at + 1 :])
                if not self._try(varied).reaches and not is_together:
                    self.left_out += len(family) - number - 1
                    break

    def _tightest(self, families: Sequence[list[Candidate]]) -> Rank:
        """The tightest values together; alone, one that cannot be had makes room for the next."""
        rank = self._try(tuple(family[0] for family in families))
        while rank.outcome is None and len(families) == 1:
            del families[0][0]
            if not families[0]:
                self._impossible.add(rank.candidates[0].family)
                break
            rank = self._try((families[0][0],))
        return rank

    def _try(self, chosen: tuple[Candidate, ...]) -> Rank:
        self.number += 1
        self._tell(Step(self.number, tuple(one.family for one in chosen), self._share))
        try:
            outcome = self._evaluate(tuple(one.intervention for one in chosen))
        except ScenarioError as error:
            why = Phrase("advice.impossible", {"why": str(error)})
            rank = Rank(chosen, None, reaches=False, reason=why)
        else:
            missed = excess(self._target, outcome)
            rank = Rank(chosen, outcome, missed == 0.0, _reason(chosen, missed))
        self.ranks.append(rank)
        return rank

    def reached_by_less_than_closure(self) -> bool:
        """Whether a set other than the closure reaches the target and overloads no other bridge."""
        return any(
            rank.reaches and not _is_closure(rank) and not _overloads(rank) for rank in self.ranks
        )

    def place(self, rank: Rank) -> tuple[object, ...]:
        """By reach, overloaded bridges, size and cost; closures behind, then the closest sets.

        Of equal ones the mildest comes first: a sign forbids no more than it must.
        """
        size = len(rank.candidates) + (MOST_TOGETHER if _is_closure(rank) else 0)
        names = tuple((-one.order, one.family) for one in rank.candidates)
        if rank.outcome is None:
            return 2, 0.0, 0, size, (0.0, 0.0, 0.0), names
        missed = round(excess(self._target, rank.outcome), 6)
        overloaded = len(rank.outcome.overloaded)
        return int(not rank.reaches), missed, overloaded, size, rank.outcome.cost, names

    def behind(self, rank: Rank, before: Rank) -> Phrase:
        """The first thing by which the rank before is better: what decided on the order."""
        own, other = self.place(rank)[:4], self.place(before)[:4]
        keys = ("reach", "excess", "overload", "size")
        decided = next((k for k, a, b in zip(keys, own, other, strict=True) if a != b), "")
        if decided == "excess" and math.isinf(excess(self._target, _outcome(rank))):
            decided = "unknown"
        if decided:
            is_last = decided == "size" and _is_closure(rank)
            return Phrase(f"advice.behind_{'closure' if is_last else decided}")
        unserved, hours, heavy_km = (
            a - b for a, b in zip(_outcome(rank).cost, _outcome(before).cost, strict=True)
        )
        if unserved:
            return Phrase("advice.behind_unserved", {"more": unserved})
        if hours:
            return Phrase("advice.behind_hours", {"more": hours})
        if heavy_km:
            return Phrase("advice.behind_heavy", {"more": heavy_km})
        is_mildest = _strictness(rank) == _strictness(before)
        return Phrase("advice.behind_name" if is_mildest else "advice.behind_strict")


def _strictness(rank: Rank) -> tuple[int, ...]:
    return tuple(one.order for one in rank.candidates)


def _outcome(rank: Rank) -> Outcome:
    if rank.outcome is None:
        raise ValueError("a set without outcome has no cost")
    return rank.outcome


def _overloads(rank: Rank) -> bool:
    return rank.outcome is not None and bool(rank.outcome.overloaded)


def _is_closure(rank: Rank) -> bool:
    return any(one.family == CLOSURE for one in rank.candidates)


def _reason(chosen: tuple[Candidate, ...], missed: float) -> Phrase:
    values: dict[str, float | str] = {"size": float(len(chosen))}
    if math.isinf(missed):
        return Phrase("advice.unknown", values)
    if missed > 0.0:
        return Phrase("advice.misses", values)
    if chosen[0].family == CLOSURE:
        return Phrase("advice.closure")
    return Phrase("advice.reaches", values)


def scenario_of(chosen: Sequence[Intervention], *, name: str, base: str) -> Scenario:
    """The measures as a scenario of a base."""
    return Scenario(name, base, tuple(chosen))


def told(rank: Rank, target: Target) -> Iterator[Phrase]:
    """What is said of a rank: its reason, its figures, what it overloads, what decided."""
    yield rank.reason
    outcome = rank.outcome
    if outcome is None:
        return
    if target.damage_share is not None and outcome.damage_share is not None:
        percent = {"share": 100.0 * outcome.damage_share, "most": 100.0 * target.damage_share}
        yield Phrase("advice.damage", percent)
    if target.above_t is not None and outcome.crossings_vehd is not None:
        figures = {"crossings": outcome.crossings_vehd, "mass": target.above_t}
        yield Phrase("advice.crossings", {**figures, "most": target.crossings_vehd or 0.0})
    yield _price(outcome)
    if outcome.overloaded:
        yield Phrase("advice.overloads", {"bridges": ", ".join(outcome.overloaded)})
    if rank.behind is not None:
        yield rank.behind


def _price(outcome: Outcome) -> Phrase:
    """What traffic pays, or saves: who drives elsewhere may make room for others."""
    unserved, hours, heavy_km = outcome.cost
    parts = [
        Phrase(f"advice.{key}", {"n": abs(value)})
        for key, value in (
            ("unserved", unserved),
            ("hours_saved" if hours < 0.0 else "hours", hours),
            ("heavy", heavy_km),
        )
        if value
    ]
    return Phrase("advice.cost", parts=tuple(parts)) if parts else Phrase("advice.cost_nothing")
