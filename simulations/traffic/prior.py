"""A first demand of a city from residents, jobs and the volumes at its gateways."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from simulations.traffic.classes import classes
from simulations.traffic.costs import times
from simulations.traffic.demand import from_daily, from_matrices
from simulations.traffic.graph import RoadGraph, build
from simulations.traffic.gravity import gravity
from twin.errors import DemandError
from twin.model.network import Network
from twin.model.tables import rows
from twin.model.traffic import Demand, DemandPeriod, VehicleClass
from twin.model.zones import Zones

Values = NDArray[np.float64]

CAR, VAN = "car", "van"
SECONDS_PER_MINUTE = 60.0
# A trip inside a zone costs this share of the way to its nearest neighbour.
INSIDE_SHARE = 0.5


@cache
def parameters() -> Mapping[str, float]:
    """Parameters of trip generation, from ``twin/model/data/trip_generation.csv``.

    Examples
    --------
    >>> parameters()["peak_hour_share"]
    0.078
    """
    return MappingProxyType({row["key"]: float(row["value"]) for row in rows("trip_generation")})


def prior_demand(
    network: Network, zones: Zones, *, vehicle_classes: Sequence[VehicleClass] | None = None
) -> Demand:
    """Demand of a peak hour in which both directions are equal, all of it estimated.

    Three gravity models add up: trips of residents to jobs and back, trips between gateways and
    the city and back, and through traffic from gateway to gateway.

    Parameters
    ----------
    network, zones
        The nodes of the zones are zones of the network.
    vehicle_classes
        Defaults to those of the table that have trips; ``car`` must be among them.

    Raises
    ------
    DemandError
        If nobody lives or works in the city, or there is no class ``car``.
    """
    known = parameters()
    chosen = tuple(vehicle_classes or (item for item in classes() if _has_trips(item.name)))
    if not (zones.residents.sum() > 0 and zones.jobs.sum() > 0):
        raise DemandError("residents or jobs of all zones add up to 0; give them in attributes.csv")
    cost_s = zone_costs(network, zones.node_id, chosen)
    local, gateway, through = _daily(zones, cost_s, known)
    layers = np.array(
        [
            local * _share(item.name, known["city_heavy_share"], "city", known)
            + _by_gateway(gateway, zones, item.name, known)
            + _by_gateway(through, zones, item.name, known)
            for item in chosen
        ]
    )
    daily = from_matrices(
        chosen,
        zones.node_id,
        layers,
        assumptions=(
            "demand estimated by gravity from residents, jobs and gateway volumes",
            "residents, jobs and gateway volumes are orders of magnitude",
            "both directions of a pair have the same demand",
        ),
    )
    return from_daily(
        daily,
        share=known["peak_hour_share"],
        period=DemandPeriod(),
        source="trip_generation.csv",
    )


def _has_trips(name: str) -> bool:
    return name in (CAR, VAN) or f"city_{name}" in parameters()


def _share(name: str, heavy: float | Values, place: str, known: Mapping[str, float]) -> Values:
    """Share of a class in all vehicles where a share of them is heavy."""
    if name == CAR:
        share = 1.0 - heavy - known["van_share"]
    elif name == VAN:
        share = known["van_share"]
    else:
        share = heavy * known.get(f"{place}_{name}", 0.0)
    return np.asarray(share, dtype=float)


def _by_gateway(trips: Values, zones: Zones, name: str, known: Mapping[str, float]) -> Values:
    """Trips of one class; a trip between two gateways takes the mean of their heavy shares."""
    heavy, ends = zones.gateway_heavy_share, zones.is_gateway.astype(float)
    count = np.maximum(ends[:, None] + ends[None, :], 1.0)
    of_pair = (heavy[:, None] + heavy[None, :]) / count
    return trips * _share(name, of_pair, "gateway", known)


def _daily(
    zones: Zones, cost_s: Values, known: Mapping[str, float]
) -> tuple[Values, Values, Values]:
    """Trips a day of all classes: inside the city, over the gateways, and through."""
    beta = known["aversion_per_min"] / SECONDS_PER_MINUTE
    pull = zones.jobs + known["attraction_per_resident"] * zones.residents
    pull = np.where(zones.is_gateway, 0.0, pull) / pull.sum()
    cars = known["car_trips_resident_d"] * zones.residents
    of_cars = 1.0 - known["city_heavy_share"] - known["van_share"]
    made = cars / of_cars
    local = gravity(made, pull * made.sum(), cost_s=cost_s, beta_per_s=beta)
    inbound = zones.gateway_veh_d / 2.0
    ending = inbound * (1.0 - zones.gateway_through_share)
    gateway = np.zeros_like(local)
    through = np.zeros_like(local)
    if ending.any():
        gateway = gravity(ending, pull * ending.sum(), cost_s=cost_s, beta_per_s=beta)
    passing = inbound * zones.gateway_through_share
    if passing.any():
        apart = np.where(np.eye(len(passing), dtype=bool), np.inf, 0.0)
        through = gravity(passing, passing, cost_s=apart, beta_per_s=0.0)
    return (local + local.T) / 2.0, gateway + gateway.T, (through + through.T) / 2.0


def zone_costs(
    network: Network, node_id: NDArray[np.int64], vehicle_classes: Sequence[VehicleClass]
) -> Values:
    """Generalised cost of a car on the empty network between zones.

    Parameters
    ----------
    node_id : (zones,)

    Returns
    -------
    (zones, zones)
        Seconds, +inf without a path; half the way to the nearest neighbour on the diagonal.

    Raises
    ------
    DemandError
        If there is no class ``car``, or a zone is no node of the network.
    """
    car = next((row for row, item in enumerate(vehicle_classes) if item.name == CAR), None)
    if car is None:
        raise DemandError("there is no class 'car', whose cost decides where trips go; add it")
    unknown = np.setdiff1d(node_id, network.node_id)
    if unknown.size:
        raise DemandError(f"zones {unknown.tolist()} are no nodes of the network; correct them")
    graph = build(network, vehicle_classes)
    row = np.array([int(np.flatnonzero(graph.node_id == node)[0]) for node in node_id])
    matrix, origin = _split(graph, car)
    cost_s = np.asarray(dijkstra(matrix, indices=origin[row]))[:, row]
    np.fill_diagonal(cost_s, np.inf)
    nearest = cost_s.min(axis=1)
    np.fill_diagonal(cost_s, INSIDE_SHARE * np.where(np.isfinite(nearest), nearest, 0.0))
    return cost_s


def _split(graph: RoadGraph, car: int) -> tuple[csr_array, NDArray[np.int64]]:
    """Matrix in which closed nodes are left from a copy, and where each node is left from."""
    empty = np.empty(graph.arcs)
    times(
        graph.fn,
        graph.p0,
        graph.p1,
        graph.p2,
        graph.t0_s,
        graph.capacity_pceh,
        graph.preload_pceh,
        empty,
    )
    cost_s = empty + graph.fixed_cost_s[car]
    origin = np.arange(graph.nodes) + np.where(graph.no_through, graph.nodes, 0)
    used = graph.open_mask[car]
    tail, head, cost_s = origin[graph.tail[used]], graph.head[used], cost_s[used]
    order = np.lexsort((cost_s, head, tail))
    tail, head, cost_s = tail[order], head[order], cost_s[order]
    is_first = np.ones(tail.size, dtype=bool)
    is_first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    size = 2 * graph.nodes
    first = np.searchsorted(tail[is_first], np.arange(size + 1))
    return csr_array((cost_s[is_first], head[is_first], first), shape=(size, size)), origin
