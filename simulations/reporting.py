"""What is said of a scenario beside its base: columns per link, indicators, and a document."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.model.bases import TrafficBase
from twin.model.scenarios import Scenario, to_document
from twin.model.traffic import SolveOptions, TrafficResult, Unserved

MOST_ROWS = 200
"""Rows of a table in the document; the columns per link hold all."""
FORM = 1
"""Rises when the document changes its form."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What is kept of a comparison.

    Parameters
    ----------
    links
        Columns per link in the order of the scenario's links.
    indicators, units
        Named numbers, and the unit of those that have one.
    document
        Plain JSON values: everything that a person reads.
    """

    links: Mapping[str, NDArray[np.generic]]
    indicators: Mapping[str, float]
    units: Mapping[str, str]
    assumptions: tuple[str, ...]
    document: Mapping[str, object]


def report_on(
    base: TrafficBase, result: TrafficResult, *, scenario: Scenario, options: SolveOptions
) -> RunReport:
    """What a scenario's equilibrium says beside that of its base."""
    indicators = {
        "unserved": float(result.unserved.flow_vehh.sum()),
        "vehicle_hours": float(result.volume_pceh @ result.time_s) / 3600.0,
        "relative_gap": result.relative_gap,
    }
    units = {"unserved": "1/h", "vehicle_hours": "h"}
    document = {
        "form": FORM,
        "scenario": to_document(scenario),
        "solver": _solver(result, options),
        "unserved": _unserved(result.unserved, result),
        "indicators": indicators,
        "units": units,
        "assumptions": list(result.assumptions),
        "warnings": list(result.warnings),
    }
    return RunReport(_links(base, result), indicators, units, result.assumptions, document)


def _solver(result: TrafficResult, options: SolveOptions) -> Mapping[str, object]:
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


def _unserved(unserved: Unserved, result: TrafficResult) -> Mapping[str, object]:
    order = np.argsort(-unserved.flow_vehh, kind="stable")[:MOST_ROWS]
    return {
        "flow_vehh": float(unserved.flow_vehh.sum()),
        "pairs": int(unserved.flow_vehh.size),
        "rows": [
            {
                "class": result.classes[int(unserved.class_index[row])].name,
                "origin": int(unserved.origin[row]),
                "destination": int(unserved.destination[row]),
                "flow_vehh": float(unserved.flow_vehh[row]),
                "reason": unserved.reason[int(row)],
            }
            for row in order
        ],
    }


def _links(base: TrafficBase, result: TrafficResult) -> Mapping[str, NDArray[np.generic]]:
    row = {int(link): at for at, link in enumerate(base.state.link_id)}
    at = np.array([row.get(int(link), -1) for link in result.link_id])
    known = np.where(at >= 0, base.state.flow_vehh.sum(axis=0)[at], 0.0)
    return {
        "link_id": result.link_id,
        "base_vehh": known,
        "scenario_vehh": result.flow_vehh.sum(axis=0),
        "scenario_time_s": result.time_s,
    }
