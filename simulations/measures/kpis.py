"""Figures of the whole town before and after."""

from collections.abc import Mapping, Sequence
from typing import cast

from simulations.measures.bands import SUMS, Ensemble, is_sure
from simulations.measures.document import Kpi
from simulations.measures.joint import Joint
from simulations.measures.words import say

FIRE_STATION = "fire_station"
_TRAFFIC, _REACH, _COUNTED = "remark.traffic", "remark.reach", "remark.counted"
_DERIVED = (_COUNTED,)
_S_PER_H = 3600.0
_INDEX = "travel_time_index"
"""Moves as the vehicle-hours do; has no band of its own."""


def kpis(joint: Joint, ensemble: Ensemble | None, report: Mapping[str, object]) -> list[Kpi]:
    """The figures in the order in which they are read; unserved trips first."""
    found = joint.sides.found
    before = float(found.base_unserved_vehh.sum())
    after = float(found.scenario_unserved_vehh.sum())
    out = [_kpi("unserved", "1/h", before, after, is_significant=abs(after - before) > 0.5)]  # noqa: PLR2004 - half a trip
    for key in SUMS:
        one = found.total(key)
        out.append(_kpi(key, one.unit, one.base, one.scenario, is_significant=one.is_significant))
    indices = [_travel_time_index(joint, side) for side in ("base", "scenario")]
    moved = found.total("vehicle_h").is_significant
    out += [
        _kpi(_INDEX, "1", *indices, is_significant=moved),
        _beyond(report),
        _more_loaded(joint),
        _newly_loaded(joint),
        _newly_met(joint),
    ]
    if ensemble is not None:
        for one in out:
            one["band"] = ensemble.band_of_sum(one["key"])
            one["is_significant"] = is_sure(
                one["change"] or 0.0, one["band"], is_above_floor=one["is_significant"]
            )
        moved = next(one["is_significant"] for one in out if one["key"] == "vehicle_h")
        for one in out:
            one["is_significant"] = moved if one["key"] == _INDEX else one["is_significant"]
    return out


def _kpi(
    key: str, unit: str, base: float | None, scenario: float | None, *,
    is_significant: bool, remark: str = _TRAFFIC,
) -> Kpi:  # fmt: skip
    change = None if base is None or scenario is None else scenario - base
    return {
        "key": key,
        "unit": unit,
        "base": base,
        "scenario": scenario,
        "change": change,
        "band": None,
        "is_significant": bool(is_significant),
        "provenance": "derived" if remark in _DERIVED else "simulated",
        "remark": say(remark),
    }


def _travel_time_index(joint: Joint, side: str) -> float | None:
    result = joint.sides.base.state if side == "base" else joint.sides.result
    flow = result.flow_vehh.sum(axis=0)
    empty_h = float(flow @ result.t0_s) / _S_PER_H
    return float(flow @ result.time_s) / _S_PER_H / empty_h if empty_h > 0.0 else None


def _beyond(report: Mapping[str, object]) -> Kpi:
    """Residents whom no fire station reaches within the shortest limit."""
    reach = cast("Mapping[str, object]", report.get("reach", {}))
    kinds = cast("Sequence[Mapping[str, object]]", reach.get("kinds", ()))
    chosen = next((one for one in kinds if one["kind"] == FIRE_STATION), None)
    if chosen is None or not chosen["limits"]:
        return _kpi(
            "emergency_beyond_residents", "1", None, None, is_significant=False, remark=_REACH
        )
    total = float(cast("float", reach["residents"]))
    limit = cast("Sequence[Mapping[str, float]]", chosen["limits"])[0]
    before, after = total - limit["base_residents"], total - limit["scenario_residents"]
    return _kpi(
        "emergency_beyond_residents", "1", before, after,
        is_significant=before != after, remark=_REACH,
    )  # fmt: skip


def _more_loaded(joint: Joint) -> Kpi:
    """Bridges beside the measure that get more heavy vehicles, whatever they had before."""
    found = {part.case.asset_id for part in joint.parts if part.role == "detour"}
    count = float(len(found))
    return _kpi("bridges_more_loaded", "1", 0.0, count, is_significant=count > 0.0, remark=_COUNTED)


def _newly_loaded(joint: Joint) -> Kpi:
    """Bridges that had no heavy vehicles beyond noise before, and have some after."""
    count = float(sum(one.is_newly_loaded for one in joint.sides.found.bridges))
    return _kpi(
        "bridges_newly_loaded", "1", 0.0, count, is_significant=count > 0.0, remark=_COUNTED
    )


def _newly_met(joint: Joint) -> Kpi:
    found = {
        (part.case.asset_id if part.is_whole else part.case.part_id, one.restriction)
        for part in joint.parts
        for one in part.met
        if one.is_newly_met
    }
    count = float(len(found))
    return _kpi(
        "restrictions_newly_met", "1", 0.0, count, is_significant=count > 0.0, remark=_COUNTED
    )
