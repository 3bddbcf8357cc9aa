"""The part of a network that is looked at in detail, and the trips that cross it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.errors import DetailError
from twin.model.network import Network
from twin.model.traffic import PathState, VehicleClass


@dataclass(frozen=True, slots=True, eq=False)
class SubTrips:
    """Routes inside a sub-area with their flows; equal routes of a class are one row.

    Parameters
    ----------
    classes : tuple[VehicleClass, ...]
    class_index : (trips,)
        Row of ``classes``.
    flow_vehh : (trips,)
    start : (trips + 1,)
        Trip t uses ``links[start[t]:start[t + 1]]``.
    links : (entries,)
        Link ids in the order of driving.
    """

    classes: tuple[VehicleClass, ...]
    class_index: NDArray[np.uint8]
    flow_vehh: NDArray[np.float64]
    start: NDArray[np.int64]
    links: NDArray[np.int64]

    def route(self, trip: int) -> NDArray[np.int64]:
        """Link ids of one trip."""
        return self.links[self.start[trip] : self.start[trip + 1]]


def is_connector(network: Network) -> NDArray[np.bool_]:
    """Whether a link only joins a zone to the streets, so that no vehicle drives on it.

    Parameters
    ----------
    network : Network

    Returns
    -------
    (links,)
        In the order of the network's columns.
    """
    centroids = network.node_id[network.no_through]
    return np.isin(network.tail, centroids) | np.isin(network.head, centroids)


def links_within(network: Network, *, x_m: float, y_m: float, radius_m: float) -> NDArray[np.int64]:
    """Ids of the streets with both ends in a circle, ascending.

    Parameters
    ----------
    network : Network
    x_m, y_m, radius_m : float
        Centre and radius in the coordinates of the network.

    Raises
    ------
    DetailError
        If there is none.
    """
    near = np.hypot(network.x_m - x_m, network.y_m - y_m) <= radius_m
    nodes = network.node_id[near]
    inside = np.isin(network.tail, nodes) & np.isin(network.head, nodes) & ~is_connector(network)
    if not inside.any():
        raise DetailError(
            f"no street lies within {radius_m:g} m of ({x_m:g}, {y_m:g}); "
            "choose a larger radius or another centre"
        )
    return np.sort(network.link_id[inside])


def links_around(
    network: Network, links: NDArray[np.int64], *, radius_m: float
) -> NDArray[np.int64]:
    """Ids of the streets with both ends near an end of one of the given links, ascending.

    Raises
    ------
    DetailError
        If a link is unknown.
    """
    known = rows_of(network.link_id, links, what="link")
    ends = rows_of(
        network.node_id, np.concatenate((network.tail[known], network.head[known])), what="node"
    )
    near = np.zeros(len(network.node_id), dtype=np.bool_)
    for end in np.unique(ends):
        near |= np.hypot(network.x_m - network.x_m[end], network.y_m - network.y_m[end]) <= radius_m
    nodes = network.node_id[near]
    inside = np.isin(network.tail, nodes) & np.isin(network.head, nodes) & ~is_connector(network)
    return np.sort(network.link_id[inside])


def rows_of(
    ids: NDArray[np.int64], wanted: NDArray[np.int64], *, what: str = "link"
) -> NDArray[np.int64]:
    """Rows at which the wanted ids stand in a column of unique ids.

    Raises
    ------
    DetailError
        If an id is unknown; names the first ten.

    Examples
    --------
    >>> rows_of(np.array([7, 3, 5]), np.array([3, 7]))
    array([1, 0])
    """
    order = np.argsort(ids, kind="stable")
    places = np.minimum(np.searchsorted(ids, wanted, sorter=order), max(len(ids) - 1, 0))
    found = order[places] if len(ids) else np.zeros(len(wanted), dtype=np.int64)
    unknown = np.asarray(wanted)[ids[found] != wanted] if len(ids) else np.asarray(wanted)
    if len(unknown):
        raise DetailError(
            f"unknown {what} ids {sorted({int(each) for each in unknown})[:10]}; "
            "take them from the network that the equilibrium was solved on"
        )
    return found.astype(np.int64)


def cut(
    network: Network,
    paths: PathState,
    *,
    classes: tuple[VehicleClass, ...],
    area: NDArray[np.int64],
) -> SubTrips:
    """Trips of the equilibrium inside a sub-area: its paths, cut where they cross the boundary.

    A path that leaves and comes back gives one trip per visit. The flow of each link of the area
    over the trips is its flow over the paths.

    Parameters
    ----------
    network : Network
    paths : PathState
        Retained paths of the equilibrium that is to be looked at.
    classes : tuple[VehicleClass, ...]
    area : (links,)
        Ids of the streets of the sub-area.

    Raises
    ------
    DetailError
        If a link of the area is unknown or a connector, or no path crosses it.
    """
    rows = rows_of(network.link_id, area)
    connectors = np.asarray(area)[is_connector(network)[rows]]
    if len(connectors):
        raise DetailError(
            f"links {connectors[:10].tolist()} join a zone to the streets and carry no vehicles; "
            "leave them out of the sub-area"
        )
    path, first, last = _visits(paths, area)
    used = paths.flow_vehh[path] > 0.0
    trips = _merge(paths, path[used], first[used], last[used])
    if not trips:
        raise DetailError("no path of the equilibrium crosses the sub-area; choose another one")
    lengths = [len(key[1]) // 8 for key in trips]
    return SubTrips(
        classes=classes,
        class_index=np.array([key[0] for key in trips], dtype=np.uint8),
        flow_vehh=np.array(list(trips.values())),
        start=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        links=np.frombuffer(b"".join(key[1] for key in trips), dtype=np.int64),
    )


def _visits(
    paths: PathState, area: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Path, first entry and end of each unbroken run of area links."""
    inside = np.isin(paths.links, area)
    path = np.repeat(np.arange(len(paths.start) - 1), np.diff(paths.start))
    same = np.concatenate(([False], path[1:] == path[:-1])) if len(path) else inside
    before = np.concatenate(([False], inside[:-1])) & same
    after = np.concatenate((inside[1:] & same[1:], [False])) if len(path) else inside
    first = np.flatnonzero(inside & ~before)
    last = np.flatnonzero(inside & ~after) + 1
    return path[first], first, last


def _merge(
    paths: PathState,
    path: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> dict[tuple[int, bytes], float]:
    """Flow by class and route, in the order in which they first appear."""
    links = np.ascontiguousarray(paths.links, dtype=np.int64)
    flows: dict[tuple[int, bytes], float] = {}
    for each, begin, end in zip(path.tolist(), first.tolist(), last.tolist(), strict=True):
        key = (int(paths.class_index[each]), links[begin:end].tobytes())
        flows[key] = flows.get(key, 0.0) + float(paths.flow_vehh[each])
    return flows


def link_flows(trips: SubTrips, area: NDArray[np.int64]) -> NDArray[np.float64]:
    """Vehicles an hour on each link of the area, over all classes.

    Parameters
    ----------
    trips : SubTrips
    area : (links,)

    Returns
    -------
    (links,)
        Flow in the order of ``area`` [veh/h].
    """
    rows = rows_of(np.asarray(area), trips.links)
    weights = np.repeat(trips.flow_vehh, np.diff(trips.start))
    flows = np.zeros(len(area))
    np.add.at(flows, rows, weights)
    return flows
