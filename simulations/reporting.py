"""What is said of a scenario beside its base: columns per link, indicators, and a document."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulations.effects import (
    NO_PARTS,
    SCALED_PEAK_HOUR,
    Sides,
    bridge_documents,
    emission_document,
    handover,
    indications,
    load_document,
    reach_document,
)
from simulations.traffic.compare import Comparison, compare
from simulations.traffic.edits import Edited, apply
from twin.errors import SolveError
from twin.model.bases import TrafficBase
from twin.model.network import LinkProvenance, Network
from twin.model.questions import REPORT_FORM
from twin.model.scenarios import Scenario, to_document
from twin.model.statements import documents
from twin.model.traffic import SolveOptions, TrafficResult, Unserved

MOST_ROWS = 200
"""Rows of a table in the document; the columns per link hold all."""
GUESSED = (LinkProvenance.ESTIMATED, LinkProvenance.DEFAULT)

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What is kept of a comparison.

    Parameters
    ----------
    links
        Columns per link, links of the base first, then new ones.
    bridges
        Columns per bridge, link, class and side, for whoever computes with the loads of bridges.
    indicators, units
        Named numbers, and the unit of those that have one.
    assumptions
        English sentences.
    document
        Plain JSON values: everything that a person reads.
    """

    links: Mapping[str, NDArray[np.generic]]
    bridges: Mapping[str, NDArray[np.generic]]
    indicators: Mapping[str, float]
    units: Mapping[str, str]
    assumptions: tuple[str, ...]
    document: Document


def report_on(
    base: TrafficBase, result: TrafficResult, *, scenario: Scenario, options: SolveOptions
) -> RunReport:
    """What a scenario's equilibrium says beside that of its base.

    Raises
    ------
    SolveError
        If the run ended before its gap allows a comparison; names gap and limits.
    """
    edited = apply(base.network, base.demand, scenario)
    sides = sides_of(base, result, edited, options=options)
    return report_of(sides, scenario=scenario, options=options)


def sides_of(
    base: TrafficBase, result: TrafficResult, edited: Edited, *, options: SolveOptions
) -> Sides:
    """Base and scenario beside each other.

    Raises
    ------
    SolveError
        If the run ended before its gap allows a comparison; names gap and limits.
    """
    if result.status != "converged" and result.relative_gap > options.relative_gap:
        raise SolveError(_too_inexact(result, options))
    found = compare(base.state, result, network=base.network, demand=base.demand, edited=edited)
    return Sides(base, result, edited, found)


def report_of(
    sides: Sides,
    *,
    scenario: Scenario,
    options: SolveOptions,
    parts: Mapping[int, str] = NO_PARTS,
) -> RunReport:
    """What both sides say; ``parts`` are part structures by link id."""
    base, result, edited, found = sides.base, sides.result, sides.edited, sides.found
    loads, loads_said = handover(sides, parts)
    indicators, units = _indicators(found, result)
    names = _link_names(edited.network)
    document: Document = {
        "form": REPORT_FORM,
        "scenario": to_document(scenario),
        "unserved": _unserved(found, result.unserved, _node_names(edited.network)),
        "sums": _sums(found),
        "bridges": bridge_documents(sides),
        "reach": reach_document(sides),
        "load": load_document(sides),
        "emissions": emission_document(sides),
        "links": _changed_links(found, edited.network),
        "diversion": _diversion(found, _node_names(edited.network)),
        "noise": {
            "is_screening": found.is_screening,
            "links_changed": int(found.is_significant.sum()),
            "links": int(found.link_id.size),
            "base_gap": base.state.relative_gap,
            "guessed_capacity_share": _guessed_share(edited.network, result),
        },
        "not_applied": [item.kind for item in edited.not_applied],
        "inactive": [item.kind for item in edited.inactive],
        "solver": _solver(result, options),
        "indicators": {name: _finite(value) for name, value in indicators.items()},
        "units": units,
        "assumptions": documents(found.assumptions, links=names),
        "warnings": documents(found.warnings, links=names),
        "bridge_assumptions": documents(_beside(loads_said, found, sides), links=names),
    }
    columns = {**_links(found, edited), **_indicated(sides)}
    return RunReport(columns, loads, indicators, units, found.assumptions, document)


def _too_inexact(result: TrafficResult, options: SolveOptions) -> str:
    remedy = (
        "raise traffic.time_limit_s or give the worker more threads"
        if result.status == "time_limit"
        else "more time does not help: change less at once, this demand hardly fits on the network"
    )
    return (
        f"stopped by its {result.status.replace('_', ' ')} after {len(result.passes)} passes at a "
        f"gap of {result.relative_gap:.1e} instead of {options.relative_gap:g}; {remedy}"
    )


def _indicators(
    found: Comparison, result: TrafficResult
) -> tuple[dict[str, float], dict[str, str]]:
    indicators: dict[str, float] = {
        "unserved": float(found.scenario_unserved_vehh.sum()),
        "unserved_change": float((found.scenario_unserved_vehh - found.base_unserved_vehh).sum()),
    }
    units = {"unserved": "1/h", "unserved_change": "1/h"}
    for key in ("vehicle_km", "vehicle_h", "delay_h", "heavy_km"):
        item = found.total(key)
        indicators |= {key: item.scenario, f"{key}_change": item.difference}
        units |= dict.fromkeys((key, f"{key}_change"), item.unit)
    empty_h = float(result.flow_vehh.sum(axis=0) @ result.t0_s) / 3600.0
    if empty_h > 0:
        driven_h = float(result.flow_vehh.sum(axis=0) @ result.time_s) / 3600.0
        indicators["travel_time_index"] = driven_h / empty_h
        units["travel_time_index"] = "1"
    indicators |= {
        "diverted_extra_h": found.diversion.extra_time_h,
        "diverted_extra_km": found.diversion.extra_length_km,
        "bridges_newly_loaded": float(sum(item.is_newly_loaded for item in found.bridges)),
        "links_changed": float(found.is_significant.sum()),
        "links_over_capacity": float(found.is_over_capacity.sum()),
        "links_over_capacity_base": float(np.nansum(found.base_saturation > 1.0)),
        "relative_gap": result.relative_gap,
    }
    units |= {"diverted_extra_h": "h/h", "diverted_extra_km": "km/h", "relative_gap": "1"}
    return indicators, units


def _solver(result: TrafficResult, options: SolveOptions) -> Document:
    return {
        "relative_gap": result.relative_gap,
        "target_gap": options.relative_gap,
        "status": result.status,
        "passes": len(result.passes),
        "seconds": round(result.seconds, 3),
        "threads": result.threads,
        "peak_memory_bytes": result.peak_memory_bytes,
        "versions": dict(result.versions),
    }


def _unserved(found: Comparison, unserved: Unserved, names: Mapping[int, str]) -> Document:
    order = np.argsort(-unserved.flow_vehh, kind="stable")[:MOST_ROWS]
    return {
        "base_vehh": float(found.base_unserved_vehh.sum()),
        "scenario_vehh": float(found.scenario_unserved_vehh.sum()),
        "pairs": int(unserved.flow_vehh.size),
        "rows": [
            {
                "class": found.classes[int(unserved.class_index[row])].name,
                "origin": int(unserved.origin[row]),
                "destination": int(unserved.destination[row]),
                "origin_name": names.get(int(unserved.origin[row]), ""),
                "destination_name": names.get(int(unserved.destination[row]), ""),
                "flow_vehh": float(unserved.flow_vehh[row]),
                "reason": unserved.reason[int(row)],
            }
            for row in order
        ],
    }


def _sums(found: Comparison) -> list[Document]:
    return [
        {
            "key": item.key,
            "unit": item.unit,
            "scope": item.scope,
            "base": item.base,
            "scenario": item.scenario,
            "threshold": item.threshold,
            "is_significant": item.is_significant,
            "is_unique": item.is_unique,
        }
        for item in found.sums
    ]


def _beside(said: tuple[str, ...], found: Comparison, sides: Sides) -> list[str]:
    """Assumptions behind the table of bridges that the comparison does not make anyway."""
    own = [text for text in said if text not in found.assumptions]
    share = sides.base.surroundings.peak_share
    return [*own, *([SCALED_PEAK_HOUR.format(share=f"{share:.1%}")] if share > 0.0 else [])]


def _indicated(sides: Sides) -> dict[str, NDArray[np.generic]]:
    """Travel-time index and neutral band of both sides, and what the calibration says of a link."""
    one, two = indications(sides)
    size, around = sides.found.link_id.size, sides.base.surroundings
    more = size - one.band.size
    columns: dict[str, NDArray[np.generic]] = {
        "base_travel_time_index": np.pad(one.travel_time_index, (0, more), constant_values=np.nan),
        "scenario_travel_time_index": two.travel_time_index,
        "base_load_band": np.pad(one.band, (0, more), constant_values=-1),
        "scenario_load_band": two.band,
    }
    if around.band_link.size:
        label = dict(zip(around.band_link.tolist(), around.band_label, strict=True))
        columns["base_label"] = np.array([label.get(link, "") for link in sides.found.link_id])
        for name, values in (("low", around.band_low_vehh), ("high", around.band_high_vehh)):
            known = dict(zip(around.band_link.tolist(), values.tolist(), strict=True))
            columns[f"base_{name}_vehh"] = np.array(
                [known.get(link, np.nan) for link in sides.found.link_id.tolist()]
            )
    return columns


def _changed_links(found: Comparison, network: Network) -> list[Document]:
    names = network.link_name
    base, scenario = found.base_vehh.sum(axis=0), found.scenario_vehh.sum(axis=0)
    return [
        {
            "link": int(found.link_id[row]),
            "name": names[row] if row < len(names) else "",
            "base_vehh": float(base[row]),
            "scenario_vehh": float(scenario[row]),
            "floor_vehh": float(found.floor_vehh[row]),
            "is_unique": bool(found.is_unique[row]),
            "is_over_capacity": bool(found.is_over_capacity[row]),
            "classes": _link_classes(found, int(row)),
        }
        for row in found.top_changed(MOST_ROWS)
    ]


def _link_classes(found: Comparison, row: int) -> list[Document]:
    """Flows by class of one link, each beside its noise; those that are there on either side."""
    return [
        {
            "class": item.name,
            "base_vehh": float(found.base_vehh[index, row]),
            "scenario_vehh": float(found.scenario_vehh[index, row]),
            "floor_vehh": float(found.class_floor_vehh[index, row]),
        }
        for index, item in enumerate(found.classes)
        if found.base_vehh[index, row] > 0.0 or found.scenario_vehh[index, row] > 0.0
    ]


def _diversion(found: Comparison, names: Mapping[int, str]) -> Document:
    diversion = found.diversion
    order = np.argsort(-diversion.edited_vehh, kind="stable")[:MOST_ROWS]
    return {
        "trips_vehh": float(diversion.edited_vehh.sum()),
        "pairs": int(diversion.edited_vehh.size),
        "extra_h": diversion.extra_time_h,
        "extra_km": diversion.extra_length_km,
        "rows": [
            {
                "class": found.classes[int(diversion.class_index[row])].name,
                "origin": int(diversion.origin[row]),
                "destination": int(diversion.destination[row]),
                "origin_name": names.get(int(diversion.origin[row]), ""),
                "destination_name": names.get(int(diversion.destination[row]), ""),
                "flow_vehh": float(diversion.edited_vehh[row]),
                "base_time_s": _finite(float(diversion.base_time_s[row])),
                "scenario_time_s": _finite(float(diversion.scenario_time_s[row])),
            }
            for row in order
        ],
    }


def _link_names(network: Network) -> Mapping[str, str]:
    """Registry names by number of the link, for sentences."""
    named = zip(network.link_id.tolist(), network.link_name, strict=False)
    return {str(link): name for link, name in named if name}


def _node_names(network: Network) -> Mapping[int, str]:
    named = zip(network.node_id.tolist(), network.node_name, strict=False)
    return {node: name for node, name in named if name}


def _finite(value: float) -> float | None:
    """Number as JSON can say it: what is not finite is null."""
    return value if math.isfinite(value) else None


def _guessed_share(network: Network, result: TrafficResult) -> float | None:
    """Share of vehicle-km on links whose capacity is estimated or a default."""
    origin = network.provenance.get("capacity_pceh")
    driven = result.flow_vehh.sum(axis=0) * network.length_m
    if origin is None or not driven.sum() > 0:
        return None
    return float(driven[np.isin(origin, GUESSED)].sum() / driven.sum())


def _links(found: Comparison, edited: Edited) -> Mapping[str, NDArray[np.generic]]:
    names = edited.network.link_name
    columns: dict[str, NDArray[np.generic]] = {"link_id": found.link_id}
    if names:
        columns["link_name"] = np.array(names)
    columns |= {
        "base_vehh": found.base_vehh.sum(axis=0),
        "scenario_vehh": found.scenario_vehh.sum(axis=0),
        "floor_vehh": found.floor_vehh,
        "is_significant": found.is_significant,
        "is_unique": found.is_unique,
        "base_time_s": found.base_time_s,
        "scenario_time_s": found.scenario_time_s,
        "base_saturation": found.base_saturation,
        "scenario_saturation": found.scenario_saturation,
        "diverted_vehh": found.diversion.diverted_vehh.sum(axis=0),
        "secondary_vehh": found.diversion.secondary_vehh.sum(axis=0),
    }
    for row, item in enumerate(found.classes):
        columns[f"base_vehh.{item.name}"] = found.base_vehh[row]
        columns[f"scenario_vehh.{item.name}"] = found.scenario_vehh[row]
        columns[f"floor_vehh.{item.name}"] = found.class_floor_vehh[row]
    return columns
