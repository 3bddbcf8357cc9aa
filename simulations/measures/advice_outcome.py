"""What a set of measures does to one bridge and to traffic: the figures that advice ranks by."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from simulations.measures.advise import Outcome
from simulations.measures.joint import Joint
from simulations.measures.kpis import kpis
from simulations.measures.writing import bridge_document
from twin.model.advice import Target


def outcome_in(
    joint: Joint, report: Mapping[str, object], asset_id: str, target: Target
) -> Outcome:
    """Outcome in a joint analysis.

    Parameters
    ----------
    joint
    report
        Of the traffic.
    asset_id, target
        As `outcome_of`; crossings are counted above any mass.
    """
    return outcome_of(blocks(joint, report, target), asset_id, target)


def blocks(
    joint: Joint, report: Mapping[str, object], target: Target
) -> dict[str, list[Mapping[str, Any]]]:
    """Blocks ``bridges`` and ``kpis`` of a document, with crossings above the mass asked for."""
    day = joint.sides.day_factor
    bridges: list[Mapping[str, Any]] = []
    for part in joint.parts:
        block = dict(bridge_document(part, joint, None))
        if target.above_t is not None:
            before, after = part.flows.above_vehh(target.above_t)
            row = {
                "limit_t": target.above_t,
                "base_vehd": None if day is None else before * day,
                "scenario_vehd": None if day is None else after * day,
            }
            block["crossings_above"] = [row]
        bridges.append(block)
    return {"bridges": bridges, "kpis": [dict(one) for one in kpis(joint, None, report)]}


def outcome_of(document: Mapping[str, Any], asset_id: str, target: Target) -> Outcome:
    """Outcome in the document of a measures run.

    Parameters
    ----------
    document
        ``bridges`` and ``kpis`` as in a document of measures, form 1.
    asset_id
        The bridge; its worst part counts. Of a damage that can only be compared the less
        favourable end counts.
    target
        Whose mass is looked up.
    """
    parts = [one for one in document["bridges"] if one["asset"] == asset_id]
    kpi = {one["key"]: one["change"] or 0.0 for one in document["kpis"]}
    sure = {one["key"]: one["is_significant"] for one in document["kpis"]}
    return Outcome(
        damage_share=_damage_share(parts),
        crossings_vehd=_crossings(parts, target.above_t, side="scenario_vehd"),
        today_vehd=_crossings(parts, target.above_t, side="base_vehd"),
        unserved_vehh=kpi.get("unserved", 0.0),
        vehicle_h=kpi.get("vehicle_h", 0.0),
        heavy_km=kpi.get("heavy_km", 0.0),
        is_noise=not sure.get("vehicle_h", True),
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
    """Crossings above a mass; None where the document does not count them or knows no day."""
    found = [_above(part, above_t, side) for part in parts if above_t is not None]
    known = [value for value in found if value is not None]
    return max(known) if known and len(known) == len(found) else None


def _above(part: Mapping[str, Any], above_t: float, side: str) -> float | None:
    rows = part["crossings_above"]
    return next((row[side] for row in rows if math.isclose(row["limit_t"], above_t)), None)


def _is_overloaded(bridge: Mapping[str, Any]) -> bool:
    if any(one["status"] == "newly_violated" for one in bridge["restrictions"]):
        return True
    used = bridge["utilisation"]
    before, after = used["base"], used["scenario"]
    return before is not None and after is not None and before <= 1.0 < after
