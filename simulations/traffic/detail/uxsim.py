"""Does a queue spill back? The whole city in UXsim, on the routes of the equilibrium.

UXsim moves platoons of a few vehicles on links with a triangular relation of flow and density.
Its delays depend on the size of the platoons, so two sizes are always run, and only queues are
given. Signals and lanes are not in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.detail.departures import (
    SECONDS_PER_HOUR,
    DepartureProfile,
    Departures,
    sample,
)
from simulations.traffic.detail.subarea import SubTrips, cut, is_connector, rows_of
from simulations.traffic.detail.sumo import KMH_PER_M_S
from twin.errors import DetailError
from twin.model.detail import SpillbackResult
from twin.model.network import Network
from twin.model.traffic import PathState, VehicleClass

JAM_DENSITY_VEH_M = 0.2  # per lane; UXsim's default, 5 m a vehicle
REACTION_S = 1.0
WAVE_M_S = 1.0 / (REACTION_S * JAM_DENSITY_VEH_M)  # of a queue's end, backwards
ASSUMPTIONS = (
    "routes of the equilibrium, in car units; no signals, no lanes, no priority at junctions",
    "every link lets out as much as its capacity in the static model; trips end freely",
    "delays depend on the platoon size, so that queues are given and minutes are not",
)


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """All streets with the trips on them, ready for any platoon size."""

    network: Network
    links: NDArray[np.int64]
    trips: SubTrips


def city(network: Network, paths: PathState, *, classes: tuple[VehicleClass, ...]) -> City:
    """All streets of a network with the equilibrium's trips, in car units.

    Raises
    ------
    DetailError
        If no path uses a street.
    """
    links = np.sort(network.link_id[~is_connector(network)])
    trips = cut(network, paths, classes=classes, area=links)
    units = np.array([each.pce for each in classes])[trips.class_index]
    return City(network, links, replace(trips, flow_vehh=trips.flow_vehh * units))


def job(
    given: City, profile: DepartureProfile, *, platoon: int, seed: int, clearance_s: float
) -> dict[str, object]:
    """What the child process reads, for one platoon size.

    Raises
    ------
    DetailError
        If the platoon size is below 1.
    """
    if platoon < 1:
        raise DetailError(f"a platoon has at least one vehicle, got {platoon}")
    platoons = replace(given.trips, flow_vehh=given.trips.flow_vehh / platoon)
    departures = sample(platoons, profile, seed=seed)
    rows = rows_of(given.network.link_id, given.links)
    used = np.unique(departures.trip).tolist()
    ends = {str(trip): _ends(given, trip) for trip in used}
    return {
        "platoon": platoon,
        "seed": seed,
        "end_s": profile.warm_up_s + profile.duration_s + clearance_s,
        "nodes": _nodes(given.network, rows),
        "links": _links(given.network, rows, platoon),
        "jam_veh_m": (JAM_DENSITY_VEH_M * lanes_of(given.network, rows)).tolist(),
        "wave_m_s": WAVE_M_S,
        "routes": {str(trip): [str(x) for x in given.trips.route(trip).tolist()] for trip in used},
        "ends": ends,
        "departures": _pairs(departures),
    }


def _pairs(departures: Departures) -> list[tuple[int, float]]:
    return list(zip(departures.trip.tolist(), departures.depart_s.tolist(), strict=True))


def _ends(given: City, trip: int) -> tuple[str, str]:
    route = rows_of(given.network.link_id, given.trips.route(trip)[[0, -1]])
    return str(given.network.tail[route[0]]), str(given.network.head[route[1]])


def _nodes(network: Network, rows: NDArray[np.int64]) -> list[tuple[str, float, float]]:
    nodes = np.unique(np.concatenate((network.tail[rows], network.head[rows])))
    places = rows_of(network.node_id, nodes, what="node")
    return [
        (str(node), float(network.x_m[row]), float(network.y_m[row]))
        for node, row in zip(nodes.tolist(), places.tolist(), strict=True)
    ]


def _links(network: Network, rows: NDArray[np.int64], platoon: int) -> list[dict[str, object]]:
    lanes = lanes_of(network, rows)
    length = drawn_length(network, rows, platoon)
    return [
        {
            "name": str(network.link_id[row]),
            "start_node": str(network.tail[row]),
            "end_node": str(network.head[row]),
            "length": float(length[place]),
            "free_flow_speed": float(network.speed_kmh[row]) / KMH_PER_M_S,
            "jam_density_per_lane": JAM_DENSITY_VEH_M,
            "number_of_lanes": int(lanes[place]),
            "merge_priority": float(max(network.capacity_pceh[row], 1.0)),
            "capacity_out": max(float(network.capacity_pceh[row]), 1.0) / SECONDS_PER_HOUR,
        }
        for place, row in enumerate(rows.tolist())
    ]


def lanes_of(network: Network, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lanes of links, one where none is known."""
    return np.maximum(network.lanes[rows], 1).astype(np.int64)


def drawn_length(network: Network, rows: NDArray[np.int64], platoon: int) -> NDArray[np.float64]:
    """Lengths for which a link takes one platoon and is not passed within one step [m]."""
    step_m = network.speed_kmh[rows] / KMH_PER_M_S * REACTION_S * platoon
    room_m = platoon / (JAM_DENSITY_VEH_M * lanes_of(network, rows))
    return np.maximum(network.length_m[rows], np.maximum(step_m, room_m))


def result(
    given: City,
    answers: Mapping[int, str],
    *,
    seed: int,
    period_s: float,
    version: str,
    mode: str,
) -> SpillbackResult:
    """Queues per link for each platoon size, and how far the sizes disagree.

    Parameters
    ----------
    given : City
    answers : Mapping[int, str]
        Answer of the child process by platoon size.
    seed : int
    period_s : float
    version, mode : str
    """
    found = [json.loads(text) for text in answers.values()]
    rows = rows_of(given.network.link_id, given.links)
    stretched = sum(
        int(np.sum(drawn_length(given.network, rows, platoon) > given.network.length_m[rows]))
        for platoon in list(answers)[-1:]
    )
    states = [each["states"] for each in found]
    return SpillbackResult(
        link_id=given.links,
        platoons=tuple(answers),
        longest_queue_veh=np.array([each["longest"] for each in found]),
        queue_veh=np.array([each["mean"] for each in found]),
        full_s=np.array([each["full_s"] for each in found]),
        platoon_spread=platoon_spread([each["mean"] for each in found]),
        vehicles=tuple(sum(each.values()) for each in states),
        arrived=tuple(each.get("end", 0) for each in states),
        seed=seed,
        period_s=period_s,
        versions={"uxsim": f"{version} ({mode})"},
        assumptions=ASSUMPTIONS,
        warnings=(
            (f"{stretched} links are shorter than a platoon needs and were stretched",)
            if stretched
            else ()
        ),
    )


def platoon_spread(queues: Sequence[Sequence[float]]) -> float:
    """Range over mean of the city's standing vehicles between platoon sizes; 0 without queues.

    Examples
    --------
    >>> platoon_spread([[4.0, 0.0], [5.0, 1.0]])
    0.4
    """
    totals = np.array([np.sum(each) for each in queues])
    mean = float(np.mean(totals))
    return float(np.ptp(totals)) / mean if mean > 0.0 else 0.0
