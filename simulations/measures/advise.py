"""Which measures reach a target on a bridge at least traffic cost, each rank with its reason.

Measures are tried one by one; only if none reaches the target without overloading another bridge,
two together, then three. The tightest value of a family that can be had comes first: if it misses,
the looser ones would, too, because a tighter limit never raises damage per vehicle (tools A and B),
and they are not solved. Where vehicles are computed together (tool C) that does not hold, and all
values are. A set that overloads another bridge ranks behind those that do not. A closure always
turns everybody away; it is shown as the last resort and hides no larger set.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from twin.errors import ScenarioError
from twin.model.findings import Phrase
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario

SIGN_MASSES_T = (7.5, 12.0, 26.0)
"""Values of sign 262 of the StVO at the bounds of vehicle classes, the tightest first.

The model of traffic keeps away whole classes: between two bounds all limits give the same traffic.
"""
LORRY_CLASSES = ("hgv_3_7", "hgv_7_12", "hgv_12_26", "hgv_26_40", "hgv_over_40")
GAP_M = 50.0
"""Usual distance of a distance rule."""
CLOSURE = "closure"
TOGETHER = frozenset({"distance_rule", "overtaking_ban", "lane_closure"})
"""Families whose vehicles are computed together: valleys fill, neighbouring spans counteract."""
LEAST_T = 1e-6
MOST_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached.

    Parameters
    ----------
    damage_share
        Damage rate afterwards over that of today, at most [-]; None if it does not matter.
    above_t, crossings_vehd
        Gross mass, and how many crossings a day above it are accepted; None together.
    """

    damage_share: float | None = None
    above_t: float | None = None
    crossings_vehd: float | None = None

    def __post_init__(self) -> None:
        if (self.above_t is None) != (self.crossings_vehd is None):
            raise ScenarioError("a target of crossings needs a mass and a number a day")
        if self.damage_share is None and self.above_t is None:
            raise ScenarioError("name a target: a damage rate, crossings above a mass, or both")
        given = (self.damage_share, self.above_t, self.crossings_vehd)
        if any(value is not None and not 0.0 <= value < math.inf for value in given):
            raise ScenarioError(f"targets are finite and not negative, got {given}")

    def excess(self, outcome: "Outcome") -> float:
        """How far an outcome misses it: 0 if reached; infinite if the figure is not known."""
        missed = 0.0
        if self.damage_share is not None:
            missed += _over(outcome.damage_share, self.damage_share, scale=1.0)
        if self.above_t is not None and self.crossings_vehd is not None:
            scale = max(self.crossings_vehd, 1.0)
            missed += _over(outcome.crossings_vehd, self.crossings_vehd, scale=scale)
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

    @property
    def today(self) -> "Outcome":
        """What would be without the measures."""
        return Outcome(1.0, self.today_vehd, 0.0, 0.0, 0.0)

    @property
    def cost(self) -> tuple[float, float]:
        """Trips that fail first, then time; rounded, so that noise ranks nothing."""
        return round(max(self.unserved_vehh, 0.0), 0), round(self.vehicle_h, 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One measure; ``family`` and ``order`` (0 the tightest) say what it is a looser form of."""

    family: str
    order: int
    intervention: Intervention


@dataclass(frozen=True, slots=True)
class Rank:
    """A set of measures with what it does, and why it stands where it does.

    ``outcome`` is None where it could not be evaluated; the reason says why.
    """

    candidates: tuple[Candidate, ...]
    outcome: Outcome | None
    reaches: bool
    reason: Phrase


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
    >>> [one.family for one in candidates_for("B1", ("car", "hgv_12_26"))][2:5]
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
    tell: Callable[[int, str], None] | None = None,
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
        Told the number of a set and its measures before it is evaluated; may raise to end it.
    """
    search = _Search(candidates, target, evaluate, tell or _silent)
    for size in range(1, most + 1):
        search.try_size(size)
        if search.reached_by_less_than_closure():
            break
    ranks = sorted(search.ranks, key=search.place)
    known = [rank.outcome for rank in ranks if rank.outcome is not None]
    return Advice(
        tuple(ranks),
        any(rank.reaches for rank in ranks),
        search.number,
        search.left_out,
        is_met_today=bool(known) and target.excess(known[0].today) == 0.0,
    )


def _silent(number: int, what: str) -> None:
    """Nobody is told."""
    del number, what


class _Search:
    def __init__(
        self, candidates: Sequence[Candidate], target: Target, evaluate: Evaluate,
        tell: Callable[[int, str], None],
    ) -> None:  # fmt: skip
        self._families: dict[str, list[Candidate]] = {}
        for one in candidates:
            self._families.setdefault(one.family, []).append(one)
        self._target, self._evaluate, self._tell = target, evaluate, tell
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
        for chosen in combinations(families, size):
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
        self._tell(self.number, " + ".join(one.family for one in chosen))
        try:
            outcome = self._evaluate(tuple(one.intervention for one in chosen))
        except ScenarioError as error:
            why = Phrase("advice.impossible", {"why": str(error)})
            rank = Rank(chosen, None, reaches=False, reason=why)
        else:
            excess = self._target.excess(outcome)
            rank = Rank(chosen, outcome, excess == 0.0, _reason(chosen, outcome, excess))
        self.ranks.append(rank)
        return rank

    def reached_by_less_than_closure(self) -> bool:
        """Whether a set other than the closure reaches the target and overloads no other bridge."""
        return any(
            rank.reaches and not _is_closure(rank) and not _overloads(rank) for rank in self.ranks
        )

    def place(self, rank: Rank) -> tuple[object, ...]:
        """By reach, overloaded bridges, size and cost; closures behind, then the closest sets."""
        size = len(rank.candidates) + (MOST_TOGETHER if _is_closure(rank) else 0)
        names = tuple((one.family, one.order) for one in rank.candidates)
        if rank.outcome is None:
            return 2, 0.0, 0, size, (0.0, 0.0), names
        excess = round(self._target.excess(rank.outcome), 6)
        overloaded = len(rank.outcome.overloaded)
        return int(not rank.reaches), excess, overloaded, size, rank.outcome.cost, names


def _overloads(rank: Rank) -> bool:
    return rank.outcome is not None and bool(rank.outcome.overloaded)


def _is_closure(rank: Rank) -> bool:
    return any(one.family == CLOSURE for one in rank.candidates)


def _reason(chosen: tuple[Candidate, ...], outcome: Outcome, excess: float) -> Phrase:
    unserved, hours = outcome.cost
    values: dict[str, float | str] = {
        "size": float(len(chosen)),
        "hours": hours,
        "unserved": unserved,
        "share": _shown(outcome.damage_share, 100.0),
        "crossings": _shown(outcome.crossings_vehd, 1.0),
    }
    if math.isinf(excess):
        return Phrase("advice.unknown", values)
    if excess > 0.0:
        return Phrase("advice.misses", values)
    if chosen[0].family == CLOSURE:
        return Phrase("advice.closure", values)
    return Phrase("advice.reaches", values)


def _shown(value: float | None, factor: float) -> float | str:
    return "-" if value is None else factor * value


def scenario_of(chosen: Sequence[Intervention], *, name: str, base: str) -> Scenario:
    """The measures as a scenario of a base."""
    return Scenario(name, base, tuple(chosen))


def outcome_of(document: Mapping[str, Any], asset_id: str, target: Target) -> Outcome:
    """Outcome in the document of a measures run.

    Parameters
    ----------
    document
        Form 1.
    asset_id
        The bridge; its worst part counts. Of a damage that can only be compared the less
        favourable end counts.
    target
        Whose mass is looked up.
    """
    parts = [one for one in document["bridges"] if one["asset"] == asset_id]
    kpi = {one["key"]: one["change"] or 0.0 for one in document["kpis"]}
    return Outcome(
        damage_share=_damage_share(parts),
        crossings_vehd=_crossings(parts, target.above_t, side="scenario_vehd"),
        today_vehd=_crossings(parts, target.above_t, side="base_vehd"),
        unserved_vehh=kpi.get("unserved", 0.0),
        vehicle_h=kpi.get("vehicle_h", 0.0),
        heavy_km=kpi.get("heavy_km", 0.0),
        overloaded=tuple(
            one["name"]
            for one in document["bridges"]
            if one["asset"] != asset_id and _is_overloaded(one)
        ),
    )


def _damage_share(parts: Sequence[Mapping[str, Any]]) -> float | None:
    """Of the worst part; None if one part is not known, for it may be the one that gets worse."""
    shares = [_share(one["fatigue"]) for one in parts]
    known = [share for share in shares if share is not None]
    return max(known) if known and len(known) == len(shares) else None


def _share(fatigue: Mapping[str, Any]) -> float | None:
    """Damage after over before; 1 where there is none on either side, None if it begins."""
    if fatigue["status"] == "not_assessable":
        return None
    if fatigue["factor"] is None:
        return 1.0 if fatigue["scenario_per_day"] == 0.0 else None
    return float(fatigue["factor"])


def _crossings(
    parts: Sequence[Mapping[str, Any]], above_t: float | None, *, side: str
) -> float | None:
    """Crossings above a mass; None where the document has no such limit or no day."""
    found = [_above(part, above_t, side) for part in parts if above_t is not None]
    known = [value for value in found if value is not None]
    return max(known) if known and len(known) == len(found) else None


def _above(part: Mapping[str, Any], above_t: float, side: str) -> float | None:
    """Of one part: a limit that is counted, or bands of mass that begin there."""
    for row in part["crossings_above"]:
        if math.isclose(row["limit_t"], above_t):
            return row[side]
    bands = part["by_mass"]
    if not any(math.isclose(row["from_t"], above_t) for row in bands):
        return None
    values = [row[side] for row in bands if row["from_t"] > above_t - LEAST_T]
    return None if None in values else math.fsum(values)


def _is_overloaded(bridge: Mapping[str, Any]) -> bool:
    if any(one["status"] == "newly_violated" for one in bridge["restrictions"]):
        return True
    used = bridge["utilisation"]
    before, after = used["base"], used["scenario"]
    return before is not None and after is not None and before <= 1.0 < after


def told(rank: Rank) -> Iterator[Phrase]:
    """What is said of a rank: its reason, and the bridges that it overloads."""
    yield rank.reason
    if rank.outcome is not None and rank.outcome.overloaded:
        yield Phrase("advice.overloads", {"bridges": ", ".join(rank.outcome.overloaded)})
