"""Findings on how far an answer is to be trusted: limits inside a class, answers beside bands."""

from simulations.measures.document import Band, Found
from simulations.measures.flows import share_above
from simulations.measures.joint import PartFound
from simulations.measures.words import Said, in_both, say

_LEAST = 0.5
"""Vehicles; less than half a vehicle is none."""


def coarse_limits(part: PartFound, day_factor: float | None) -> list[Found]:
    """Limits of the scenario inside the mass band of a class that the model did not divide there.

    Our engine divides all but classes without a known distribution of gross mass, others may keep
    away the whole class. Of the vehicles that leave the bridge, the share up to the limit may
    lawfully stay; so much the relief is overstated at most.

    Parameters
    ----------
    part
    day_factor
        Vehicles of a day over those of the hour; None to tell those of the hour.
    """
    flows, scale = part.flows, 1.0 if day_factor is None else day_factor
    gone = (flows.base_vehh - flows.scenario_vehh) * scale
    unit = in_both("an hour", "je Stunde") if day_factor is None else in_both("a day", "am Tag")
    out: list[Found] = []
    divided = {(one.class_index, one.to_t) for one in flows.slices}
    for one in part.met:
        limit = one.restriction.value
        if not one.is_of_measure or one.restriction.kind != "gross_weight" or limit is None:
            continue
        for index, (item, vehicles) in enumerate(zip(flows.classes, gone.tolist(), strict=True)):
            if not item.mass_from_t < limit < item.mass_to_t or vehicles < _LEAST:
                continue
            if (index, limit) in divided:
                continue
            lawful = 1.0 - share_above(item, limit)
            text = say(
                "finding.coarse_limit",
                name=part.case.name,
                low=_number(item.mass_from_t),
                high=_number(item.mass_to_t),
                vehicles=f"{round(vehicles):,}",
                unit=unit,
                share=f"{lawful:.0%}",
                lawful=f"{round(lawful * vehicles):,}",
                limit=_number(limit),
            )
            out.append({"asset": part.case.asset_id, "severity": "warning", "text": text})
    return out


def outside(part: PartFound, found: Band | None, day_factor: float | None) -> list[Found]:
    """Whether the plain answer lies outside of its own band: members have another centre."""
    if found is None or day_factor is None:
        return []
    change = part.flows.gain_vehh * day_factor
    if found["low"] - _LEAST <= change <= found["high"] + _LEAST:
        return []
    text = say(
        "finding.outside_band",
        name=part.case.name,
        change=f"{round(change):+,}",
        low=f"{round(found['low']):+,}",
        high=f"{round(found['high']):+,}",
        median=f"{round(found['median']):+,}",
    )
    return [{"asset": part.case.asset_id, "severity": "warning", "text": text}]


def _number(value: float) -> Said:
    return in_both(f"{value:g}", f"{value:g}".replace(".", ","))
