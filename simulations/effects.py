"""What a scenario means beside flows: bridges by weight, emergency reach, load bands, emissions.

Each function gives plain JSON values for the report. Where the town gives no data for a part, the
part has a ``status`` that says so and no number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.classes import classes as default_classes
from simulations.traffic.compare import Comparison
from simulations.traffic.edits import Edited
from simulations.traffic.emissions import emissions
from simulations.traffic.graph import RoadGraph, build
from simulations.traffic.handover import EstimateBand, bridge_traffic
from simulations.traffic.massslices import edges_of
from simulations.traffic.networksums import is_heavy
from simulations.traffic.quality import LinkIndication, link_indication
from simulations.traffic.reach import reach, without_alternative
from twin.model.bases import TrafficBase
from twin.model.network import Network
from twin.model.statements import documents
from twin.model.surroundings import EMERGENCY_CLASSES
from twin.model.traffic import BridgeTraffic, Demand, TrafficResult, VehicleClass

EMERGENCY = "emergency"
ADDED_MINUTES = 10.0
"""Longer than this, another way is no alternative worth the name."""
MOST_ZONES = 50
MOST_STEPS = 3e8
"""Candidates times origins times links beyond which nobody looks for links without alternative."""
BANDS = 5
REACH_TIMES = (
    "reach on the times of the equilibrium for the class emergency: it gains nothing from its "
    "signals and starts at the junction nearest to its place"
)
REACH_RESIDENTS = "all residents of a zone are reached when its junction is reached"
SCALED_PEAK_HOUR = (
    "vehicles per day are those of the hour over {share} of the day, the same for every class: "
    "estimated"
)
NO_PARTS: Mapping[int, str] = MappingProxyType({})
_MINUTE_S = 60.0

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sides:
    """Base and scenario with what was changed between them."""

    base: TrafficBase
    result: TrafficResult
    edited: Edited
    found: Comparison


def bridge_documents(sides: Sides) -> list[Document]:
    """Bridges with their vehicles an hour, heavy vehicles a day, and flows by class.

    A day is a scaled peak hour; ``None`` where the base knows no share of the hour.
    """
    share = sides.base.surroundings.peak_share

    def of_day(value: float) -> float | None:
        return value / share if share > 0.0 else None

    return [
        {
            "asset": item.asset_id,
            "base_vehh": item.base_vehh,
            "scenario_vehh": item.scenario_vehh,
            "floor_vehh": item.floor_vehh,
            "base_heavy_vehh": item.base_heavy_vehh,
            "scenario_heavy_vehh": item.scenario_heavy_vehh,
            "heavy_floor_vehh": item.heavy_floor_vehh,
            "base_heavy_vehd": of_day(item.base_heavy_vehh),
            "scenario_heavy_vehd": of_day(item.scenario_heavy_vehh),
            "heavy_floor_vehd": of_day(item.heavy_floor_vehh),
            "is_newly_loaded": item.is_newly_loaded,
            "classes": [
                {
                    "class": member.name,
                    "is_heavy": bool(heavy),
                    "mass_from_t": member.mass_from_t,
                    "mass_to_t": member.mass_to_t,
                    "base_vehh": item.base_class_vehh[row],
                    "scenario_vehh": item.scenario_class_vehh[row],
                    "floor_vehh": item.class_floor_vehh[row],
                    "base_vehd": of_day(item.base_class_vehh[row]),
                    "scenario_vehd": of_day(item.scenario_class_vehh[row]),
                }
                for row, (member, heavy) in enumerate(
                    zip(sides.found.classes, is_heavy(sides.found.classes), strict=True)
                )
            ],
        }
        for item in sides.found.bridges
    ]


def handover(
    sides: Sides, parts: Mapping[int, str] = NO_PARTS
) -> tuple[Mapping[str, NDArray[np.generic]], tuple[str, ...]]:
    """Columns for whoever computes with loads of bridges, and the assumptions behind them.

    One row per bridge, link, class, mass slice and side (``base`` or ``scenario``); ``parts`` are
    part structures by link id.
    """
    before, after = handover_rows(sides, parts)
    found = (*before, *after)
    said = dict.fromkeys(text for item in found for text in item.assumptions)
    return _bridge_columns(found), tuple(said)


def handover_rows(
    sides: Sides, parts: Mapping[int, str] = NO_PARTS
) -> tuple[tuple[BridgeTraffic, ...], tuple[BridgeTraffic, ...]]:
    """Rows of all bridges before and after; ``parts`` are part structures by link id."""
    around = sides.base.surroundings
    band = None
    if around.band_link.size:
        known = np.isin(around.band_link, sides.base.network.link_id)
        rows = np.searchsorted(sides.base.state.link_id, around.band_link[known])
        band = EstimateBand(
            around.band_link[known],
            sides.base.state.flow_vehh.sum(axis=0)[rows],
            around.band_low_vehh[known],
            around.band_high_vehh[known],
        )
    edges = edges_of((sides.base.state.paths, sides.result.paths))
    before = bridge_traffic(
        sides.base.state,
        network=sides.base.network,
        demand=sides.base.demand,
        kind="base",
        parts=parts,
        estimate=band,
        edges=edges,
    )
    after = bridge_traffic(
        sides.result,
        network=sides.edited.network,
        demand=sides.edited.demand,
        kind="scenario",
        edited=sides.edited,
        parts=parts,
        estimate=band,
        edges=edges,
    )
    return before, after


def _bridge_columns(found: tuple[BridgeTraffic, ...]) -> Mapping[str, NDArray[np.generic]]:
    texts = {
        "asset": "asset_id",
        "part": "part_id",
        "side": "kind",
        "direction": "direction",
        "vehicle_class": "vehicle_class",
        "mass_distribution": "mass_distribution_id",
        "day_type": "day_type",
    }
    numbers = (
        "flow_vehh", "flow_low_vehh", "flow_high_vehh", "mean_speed_kmh", "heavy_share",
        "mass_limit_t", "mass_from_t", "mass_to_t", "obey_share", "min_gap_m", "period_start_hour",
        "hours", "relative_gap",
    )  # fmt: skip
    columns: dict[str, NDArray[np.generic]] = {
        name: np.array([getattr(item, attribute) for item in found], dtype=np.str_)
        for name, attribute in texts.items()
    }
    columns["link_id"] = np.array([item.link_ids[0] for item in found], dtype=np.int64)
    columns["lanes"] = np.array([len(item.lane_shares) for item in found], dtype=np.int64)
    return columns | {
        name: np.array([getattr(item, name) for item in found], dtype=np.float64)
        for name in numbers
    }


def indications(sides: Sides) -> tuple[LinkIndication, LinkIndication]:
    """Saturation, travel-time index and neutral band of the links of both sides."""
    one, two = (
        link_indication(
            volume_pceh=result.volume_pceh,
            capacity_pceh=result.capacity_pceh,
            time_s=result.time_s,
            t0_s=result.t0_s,
        )
        for result in (sides.base.state, sides.result)
    )
    return one, two


def load_document(sides: Sides) -> Document:
    """Vehicle-km by band of saturation: an indication on links, no level of service."""
    one, two = indications(sides)
    pairs = (
        (one, sides.base.state, sides.base.network),
        (two, sides.result, sides.edited.network),
    )
    km = [
        np.bincount(
            shown.band,
            weights=result.flow_vehh.sum(axis=0) * network.length_m / 1000.0,
            minlength=BANDS,
        ).tolist()
        for shown, result, network in pairs
    ]
    return {"label": one.label, "upper_limits": list(one.limits), "base_km": km[0],
            "scenario_km": km[1]}  # fmt: skip


def emission_document(sides: Sides) -> Document:
    """Emissions per hour of both sides by pollutant; without a table of factors no number."""
    tables = sides.base.surroundings.emissions
    if not tables:
        return {"status": "no_table", "rows": []}
    rows = []
    for table in tables:
        one = emissions(sides.base.state, sides.base.network, table)
        two = emissions(sides.result, sides.edited.network, table)
        if one is None or two is None:
            continue
        rows.append(
            {
                "pollutant": table.pollutant,
                "unit": "kg/h",
                "base": float(one.mass_g_h.sum()) / 1000.0,
                "scenario": float(two.mass_g_h.sum()) / 1000.0,
                "largest_fitting_error": max(one.fitting_error),
                "outside_share": max(one.outside_share, two.outside_share),
                "tool_version": table.tool_version,
                "label": documents([one.label])[0],
            }
        )
    return {"status": "estimated", "rows": rows}


def reach_document(sides: Sides) -> Document:
    """Who is reached in time before and after, and on which bridges there is no other way."""
    around = sides.base.surroundings
    kinds = tuple(dict.fromkeys(place.kind for place in around.places))
    common: dict[str, object] = {
        "missing": [kind for kind in EMERGENCY_CLASSES if kind not in kinds],
        "without_alternative": _alternatives(sides),
    }
    if not kinds:
        return {"status": "no_places", "kinds": [], "assumptions": []} | common
    if not around.residents.sum() > 0.0:
        return {"status": "no_residents", "kinds": [], "assumptions": []} | common
    one_class = (_emergency_class(),)
    graphs = build(sides.base.network, one_class), build(sides.edited.network, one_class)
    if not graphs[0].open_mask.any():
        return {"status": "no_rights", "kinds": [], "assumptions": []} | common
    return {
        "status": "computed",
        "times": "congested",
        "residents": float(around.residents.sum()),
        "kinds": [_kind_document(sides, kind, graphs) for kind in kinds],
        "assumptions": documents([REACH_TIMES, REACH_RESIDENTS]),
    } | common


def _emergency_class() -> VehicleClass:
    return next(item for item in default_classes() if item.name == EMERGENCY)


def _kind_document(sides: Sides, kind: str, graphs: tuple[RoadGraph, RoadGraph]) -> Document:
    around = sides.base.surroundings
    places = [place for place in around.places if place.kind == kind]
    sources = np.unique([place.node_id for place in places]).astype(np.int64)
    before = reach(graphs[0], sources, time_s=sides.base.state.time_s)
    after = reach(graphs[1], sources, time_s=sides.result.time_s)
    nodes, people = around.zone_node, around.residents
    limits_s = [_MINUTE_S * minutes for minutes in around.reach_minutes]
    counts = [
        times.people_within(limits_s, nodes=nodes, people=people) for times in (before, after)
    ]
    base_s, scenario_s = before.at(nodes), after.at(nodes)
    return {
        "kind": kind,
        "places": len(places),
        "names": [place.name for place in places],
        "limits": [
            {
                "minutes": minutes,
                "base_residents": float(counts[0][row]),
                "scenario_residents": float(counts[1][row]),
                "newly_beyond": _zones(
                    sides, (base_s <= limits_s[row]) & (scenario_s > limits_s[row]),
                    base_s, scenario_s,
                ),
            }
            for row, minutes in enumerate(around.reach_minutes)
        ],
        "quicker_zones": int(np.sum(scenario_s < base_s - 1.0)),
    }  # fmt: skip


def _zones(
    sides: Sides,
    chosen: NDArray[np.bool_],
    base_s: NDArray[np.float64],
    scenario_s: NDArray[np.float64],
) -> list[Document]:
    """Zones with the most residents first; a zone nobody gets to has no time."""
    around, network = sides.base.surroundings, sides.base.network
    names = dict(zip(network.node_id.tolist(), network.node_name, strict=False))
    rows = np.flatnonzero(chosen & (around.residents > 0.0))
    rows = rows[np.argsort(-around.residents[rows], kind="stable")][:MOST_ZONES]
    return [
        {
            "zone": names.get(int(around.zone_node[row]), str(around.zone_node[row])),
            "residents": float(around.residents[row]),
            "base_minutes": float(base_s[row]) / _MINUTE_S,
            "scenario_minutes": (
                float(scenario_s[row]) / _MINUTE_S if np.isfinite(scenario_s[row]) else None
            ),
        }
        for row in rows.tolist()
    ]


def _alternatives(sides: Sides) -> Document:
    """Bridges whose closure would cut trips off or delay them long, on times of empty roads."""
    found = [
        _without(network, demand)
        for network, demand in (
            (sides.base.network, sides.base.demand),
            (sides.edited.network, sides.edited.demand),
        )
    ]
    if found[0] is None or found[1] is None:
        return {"status": "too_large", "added_minutes": ADDED_MINUTES, "newly": []}
    return {
        "status": "computed",
        "times": "free",
        "added_minutes": ADDED_MINUTES,
        "newly": [item for asset, item in found[1].items() if asset not in found[0]],
    }


def _without(network: Network, demand: Demand) -> dict[str, Document] | None:
    """Bridges without alternative by asset; None if they are too many to look at."""
    table = network.link_assets
    graph = build(network, demand.classes)
    usable = _usable(network, graph)
    origins = np.unique(demand.origin).size
    if float(table.link_id.size) * origins * network.link_id.size > MOST_STEPS:
        return None
    owner = {
        int(link): asset
        for link, asset in zip(table.link_id.tolist(), table.asset, strict=True)
        if link in usable
    }
    if not owner:
        return {}
    out: dict[str, Document] = {}
    candidates = np.array(sorted(owner), dtype=np.int64)
    for item in without_alternative(graph, demand, candidates, added_s=_MINUTE_S * ADDED_MINUTES):
        asset = owner[item.link_id]  # the worst link of a bridge comes first
        told = {
            "asset": asset,
            "cut_off_vehh": item.cut_off_vehh,
            "delayed_vehh": item.delayed_vehh,
            "largest_delay_minutes": item.largest_delay_s / _MINUTE_S,
        }
        out.setdefault(asset, told)
    return out


def _usable(network: Network, graph: RoadGraph) -> set[int]:
    """Links that the first class of the demand may use."""
    is_open = graph.to_network_order(graph.open_mask[0])
    return set(network.link_id[is_open].tolist())
