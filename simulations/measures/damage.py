"""Damage of a part structure before and after, or the moment ranges where no detail is known."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from simulations.measures.cases import BridgeCase
from simulations.measures.document import Band, Fatigue
from simulations.measures.words import Said, of_phrase, say
from simulations.structure.details import FatigueDetail, NotAssessable
from simulations.structure.handover import DamageTable, FatigueChange, damage_table, fatigue_change
from simulations.structure.sn import SnCurve
from twin.model.structure import InfluenceLine
from twin.model.traffic import BridgeTraffic

POWERS = (3, 5)
_NEVER = 1e300
_KNM_OF_MNM = 1e-3


@dataclass(frozen=True, slots=True)
class PartTables:
    """What vehicles do to a part, once for all equilibria of a run.

    Parameters
    ----------
    details
        Damage per vehicle of each detail that can be assessed.
    powers
        For each section, sums of moment ranges to the powers 3 and 5 per vehicle [(MN.m)^m].
    excluded
        Details that cannot be assessed.
    """

    details: tuple[DamageTable, ...]
    powers: tuple[tuple[DamageTable, DamageTable], ...]
    excluded: tuple[NotAssessable, ...]


@dataclass(frozen=True, slots=True)
class DamageFound:
    """Damage rates of one detail or section; ``factors`` are one for damage, two for powers."""

    status: str
    detail: str
    base: float
    scenario: float
    factors: tuple[float, ...]
    is_per_day: bool
    assumptions: tuple[str, ...]

    @property
    def factor(self) -> float | None:
        """Of damage, or the larger one of both powers; None from nothing."""
        return max(self.factors, default=None)


def part_tables(case: BridgeCase, distributions: Collection[str], *, part_id: str) -> PartTables:
    """Tables of a part for these distributions of gross mass.

    Parameters
    ----------
    case
    distributions
        Names, as in the hand-over rows; sorted, so that no order of classes matters.
    part_id
        Part of the rows, which is the bridge where parts of links are not known.
    """
    details, excluded = [], list(case.excluded)
    names = sorted(distributions)
    for detail in case.details:
        found = damage_table(detail, part_id=part_id, distributions=names, lanes_of=case.lanes_of)
        if isinstance(found, NotAssessable):
            excluded.append(found)
        else:
            details.append(found)
    powers = []
    for lines in () if details else case.lines:
        pair = [
            damage_table(
                power_detail(lines, power), part_id=part_id, distributions=names,
                lanes_of=case.lanes_of,
            )
            for power in POWERS
        ]  # fmt: skip
        one, two = pair
        if not isinstance(one, NotAssessable) and not isinstance(two, NotAssessable):
            powers.append((one, two))
    return PartTables(tuple(details), tuple(powers), tuple(excluded))


def power_detail(lines: tuple[InfluenceLine, ...], power: int) -> FatigueDetail:
    """A detail whose damage of a cycle is its range in MN.m to a power, without any limit.

    Examples
    --------
    >>> import numpy as np
    >>> line = InfluenceLine(15.0, "moment", np.array([0.0, 30.0]), np.array([0.0, 1.0]))
    >>> float(power_detail((line,), 3).curve.damage(np.array([2.0]))[0])
    8.0
    """
    curve = SnCurve(
        key=f"power/{power}",
        category_mpa=1.0,
        load_factor=1.0,
        resistance_factor=1.0,
        reference_cycles=1.0,
        knee_cycles=1.0,
        cutoff_cycles=_NEVER,
        slope_1=power,
        slope_2=power,
        is_verified=True,
    )
    name = f"{lines[0].effect} at {lines[0].section_m:g} m"
    return FatigueDetail(name, curve, lines, stress_mpa=_KNM_OF_MNM)


def damages(
    tables: PartTables,
    before: Sequence[BridgeTraffic],
    after: Sequence[BridgeTraffic],
    *,
    day_factor: float | None,
) -> tuple[tuple[DamageFound, ...], tuple[NotAssessable, ...]]:
    """Damage of each detail, or of each section by powers, and what cannot be assessed."""
    found: list[DamageFound] = []
    refused = list(tables.excluded)
    for table in tables.details:
        change = fatigue_change(before, after, table, day_factor=day_factor)
        if isinstance(change, NotAssessable):
            refused.append(change)
            continue
        found.append(_of_change("assessed", table.detail, (change,), day_factor))
    for pair in tables.powers:
        changes = [fatigue_change(before, after, one, day_factor=day_factor) for one in pair]
        known = [one for one in changes if isinstance(one, FatigueChange)]
        refused += [one for one in changes[:1] if isinstance(one, NotAssessable)]
        if len(known) == len(pair):
            found.append(_of_change("relative", pair[0].detail, tuple(known), day_factor))
    return tuple(found), tuple(refused)


def _of_change(
    status: str, detail: str, changes: tuple[FatigueChange, ...], day_factor: float | None
) -> DamageFound:
    scale = 1.0 if day_factor is None else day_factor
    first = changes[0]
    factors = tuple(one.factor for one in changes if one.factor is not None)
    powers = ("S-N curve power/", "powers of ranges")
    said = [*first.before.assumptions, *first.after.assumptions]
    return DamageFound(
        status=status,
        detail=detail,
        base=first.before.damage * scale,
        scenario=first.after.damage * scale,
        factors=factors if len(factors) == len(changes) else (),
        is_per_day=day_factor is not None,
        assumptions=tuple(dict.fromkeys(one for one in said if not one.startswith(powers))),
    )


def worst(found: Sequence[DamageFound]) -> DamageFound | None:
    """The detail that a part is told by: highest damage, by powers the highest factor."""
    if not found:
        return None
    return max(found, key=_gravity)


def _gravity(one: DamageFound) -> tuple[float, float, str]:
    """Of damage its rate; of powers the factor, endless if loads begin: sections differ in size."""
    if one.status == "assessed":
        return max(one.scenario, one.base), one.factor or 0.0, one.detail
    begins = math.inf if one.scenario > 0.0 else 0.0
    return begins if one.factor is None else one.factor, one.scenario, one.detail


def fatigue_document(
    case: BridgeCase,
    found: DamageFound | None,
    refused: Sequence[NotAssessable],
    *,
    band: Band | None = None,
    note: Said | None = None,
    tool: str = "A",
) -> Fatigue:
    """The block ``fatigue`` of a part; ``note`` says why it has no band."""
    if found is None:
        return {
            "status": "not_assessable", "detail": "", "base_per_day": None,
            "scenario_per_day": None, "factor": None, "factors": [], "band": None,
            "band_note": None, "tool": tool,
            "reason": why_not(case, refused),
        }  # fmt: skip
    is_damage = found.status == "assessed"
    return {
        "status": "assessed" if is_damage else "relative",
        "detail": found.detail,
        "base_per_day": found.base if is_damage and found.is_per_day else None,
        "scenario_per_day": found.scenario if is_damage and found.is_per_day else None,
        "factor": found.factor,
        "factors": list(found.factors),
        "band": band,
        "band_note": note if band is None else None,
        "tool": tool,
        "reason": None if is_damage else say("refused.no_detail", name=case.name),
    }


def why_not(case: BridgeCase, refused: Sequence[NotAssessable]) -> Said:
    """Why nothing can be said of the fatigue of a part."""
    if case.refusal is not None:
        return of_phrase(case.refusal)
    if refused:
        return of_phrase(refused[0].reason)
    return say("refused.no_lines", name=case.name)
