"""Simulated weeks on a part structure: utilisation, and damage of vehicles that meet."""

from dataclasses import dataclass

from simulations.measures.cases import BridgeCase, TargetEffect
from simulations.measures.damage import POWERS, DamageFound, power_detail
from simulations.measures.document import Band, Utilisation
from simulations.measures.weeks import Week
from simulations.measures.words import Said, of_phrase, say
from simulations.structure.details import FatigueDetail, NotAssessable
from simulations.structure.response import day_damage, utilisation
from twin.model.structure import EFFECT_UNITS

MOST_TARGETS = 3
"""Sections that are compared with the target load level, the first ones of the case."""


@dataclass(frozen=True, slots=True)
class UtilisationFound:
    """Weekly maximum over the effect of the target load level, before and after."""

    target: TargetEffect
    base: float
    scenario: float

    @property
    def largest(self) -> float:
        """The larger of both."""
        return max(self.base, self.scenario)


def utilisations(case: BridgeCase, found: Week) -> UtilisationFound | None:
    """The section of a part that its week uses most; None if no line fits the lanes."""
    out: list[UtilisationFound] = []
    for target in case.targets[:MOST_TARGETS]:
        detail = power_detail(target.lines, POWERS[0])
        ratios = []
        for stream in (found.before, found.after):
            if not len(stream):
                ratios.append(0.0)
                continue
            response = day_damage(stream, detail)
            if isinstance(response, NotAssessable):
                break
            one = utilisation(response, reference=target.reference, reference_name=target.target)
            ratios.append(one.ratio)
        if len(ratios) == 2:  # noqa: PLR2004 - both sides
            out.append(UtilisationFound(target, *ratios))
    return max(out, key=lambda one: one.largest) if out else None


def utilisation_document(
    found: UtilisationFound | None, reason: Said | None, *, band: Band | None = None,
    week: Said | None = None,
) -> Utilisation:  # fmt: skip
    """The block ``utilisation`` of a part; ``week`` says which hours its week stands for."""
    if found is None:
        return {
            "status": "not_computed", "effect": "", "station_m": None, "unit": "", "target": "",
            "level": None, "base": None, "scenario": None, "band": None, "band_note": None,
            "week_note": None, "reason": reason,
        }  # fmt: skip
    target = found.target
    return {
        "status": "computed",
        "effect": target.effect,
        "station_m": target.station_m,
        "unit": EFFECT_UNITS[target.effect],
        "target": target.target,
        "level": target.reference,
        "base": found.base,
        "scenario": found.scenario,
        "band": band,
        "band_note": None if band is None else say("assume.band_utilisation"),
        "week_note": week,
        "reason": None,
    }


def met_damage(case: BridgeCase, found: Week) -> tuple[DamageFound, ...]:
    """Damage a day of vehicles that meet (tool C), of details or by powers of ranges."""
    groups: list[tuple[str, tuple[FatigueDetail, ...]]] = [
        ("assessed", (one,)) for one in case.details
    ]
    if not groups:
        groups = [
            ("relative", tuple(power_detail(lines, power) for power in POWERS))
            for lines in case.lines
        ]
    out = []
    for status, details in groups:
        sums = [_totals(found, detail) for detail in details]
        known = [one for one in sums if one is not None]
        if len(known) < len(details):
            continue
        factors = tuple(after / before for before, after in known if before > 0.0)
        base, scenario = known[0]
        out.append(
            DamageFound(
                status=status,
                detail=details[0].name,
                base=base / found.days,
                scenario=scenario / found.days,
                factors=factors if len(factors) == len(known) else (),
                is_per_day=True,
                assumptions=tuple(details[0].assumptions) if status == "assessed" else (),
            )
        )
    return tuple(out)


def _totals(found: Week, detail: FatigueDetail) -> tuple[float, float] | None:
    totals = []
    for stream in (found.before, found.after):
        if not len(stream):
            totals.append(0.0)
            continue
        one = day_damage(stream, detail)
        if isinstance(one, NotAssessable):
            return None
        totals.append(one.total)
    return totals[0], totals[1]


def week_reason(case: BridgeCase, *, day_factor: float | None, changes: bool) -> Said | None:
    """Why no week is simulated, or None."""
    if not case.targets:
        return _no_target(case)
    if day_factor is None:
        return say("refused.no_day")
    return None if changes else say("refused.not_changed", name=case.name)


def _no_target(case: BridgeCase) -> Said:
    if case.no_target is not None:
        return of_phrase(case.no_target)
    return say("refused.no_target", name=case.name)
