"""Who is reached in time, where isochrones end, and which links have no alternative."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.classes import rights
from simulations.traffic.graph import RoadGraph
from simulations.traffic.pathflows import rows_of
from twin.errors import NetworkError
from twin.model.traffic import Demand

TimeKind = Literal["free", "congested"]
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ReachTimes:
    """Times from the nearest of some places to everywhere for one vehicle class.

    Parameters
    ----------
    kind : TimeKind
        Times of the empty or of the congested network.
    node_id : (nodes,)
    node_s : (nodes,)
        inf where the class cannot get.
    link_id : (links,)
        Links that the class may use.
    tail_s, link_s : (links,)
        Arrival at the beginning of the link, and time along it.
    """

    kind: TimeKind
    node_id: IdArray
    node_s: FloatArray
    link_id: IdArray
    tail_s: FloatArray
    link_s: FloatArray

    def at(self, nodes: IdArray) -> FloatArray:
        """Times of some nodes by id; NetworkError if one is unknown."""
        return self.node_s[rows_of(self.node_id, nodes)]

    def share_within(self, limit_s: float) -> FloatArray:
        """Part of each link that lies inside an isochrone, from its beginning, (links,)."""
        left = limit_s - self.tail_s
        reached = np.divide(left, self.link_s, out=np.ones_like(left), where=self.link_s > 0.0)
        return np.where(left >= 0.0, np.clip(reached, 0.0, 1.0), 0.0)

    def people_within(
        self, limits_s: Sequence[float], *, nodes: IdArray, people: FloatArray
    ) -> FloatArray:
        """Residents, jobs or facilities at nodes that are reached within each limit, (limits,)."""
        time_s = self.at(nodes)
        return np.array([people[time_s <= limit + _ROUNDING].sum() for limit in limits_s])


@dataclass(frozen=True, slots=True)
class NoAlternative:
    """What happens if one link is closed, on unchanged times of the others."""

    link_id: int
    cut_off_vehh: float
    delayed_vehh: float
    largest_delay_s: float


def newly_beyond(
    before: ReachTimes, after: ReachTimes, *, nodes: IdArray, limit_s: float
) -> IdArray:
    """Nodes that were reached within a limit and are not any more.

    Raises
    ------
    NetworkError
        If free times stand beside congested ones.
    """
    if before.kind != after.kind:
        raise NetworkError(
            f"{before.kind} times stand beside {after.kind} ones; compare times of one kind"
        )
    lost = (before.at(nodes) <= limit_s + _ROUNDING) & (after.at(nodes) > limit_s + _ROUNDING)
    return nodes[lost]


def reach(
    graph: RoadGraph,
    sources: IdArray,
    *,
    class_index: int = 0,
    time_s: FloatArray | None = None,
    ignored_masks: BoolArray | None = None,
) -> ReachTimes:
    """Times from the nearest source to every node, class-aware, with the turn rules of the graph.

    Parameters
    ----------
    graph
        Built for the class.
    sources : (sources,)
        Node ids, such as those of fire stations.
    class_index
        Row of the graph's classes.
    time_s : (links,)
        Congested times in the order of the network; None takes those of the empty network.
    ignored_masks : (links,)
        Links whose mask does not bind the class, such as bus lanes for emergency vehicles.
        Weight, axle load and height bind always.

    Raises
    ------
    NetworkError
        If a source is no node of the network.
    """
    rows_of(graph.network.node_id, sources)
    is_open = _open_arcs(graph, class_index, ignored_masks)
    cost_s = _arc_times(graph, class_index, time_s)
    start = np.flatnonzero(np.isin(graph.node_id, sources))
    distances = Distances(graph, is_open, cost_s)
    away_s = distances.nearest(start)
    depart_s, arrive_s = away_s[: graph.nodes], away_s[distances.arrival]
    kept = np.flatnonzero(is_open & (graph.link_of >= 0))
    node_id, place = np.unique(graph.node_id, return_inverse=True)
    node_s = np.full(node_id.size, np.inf)
    np.minimum.at(node_s, place.ravel(), np.minimum(depart_s, arrive_s))
    return ReachTimes(
        kind="free" if time_s is None else "congested",
        node_id=node_id,
        node_s=node_s,
        link_id=graph.link_id[kept],
        tail_s=depart_s[graph.tail[kept]],
        link_s=cost_s[kept],
    )


def _open_arcs(graph: RoadGraph, class_index: int, ignored_masks: BoolArray | None) -> BoolArray:
    """Arcs that the class may use when some masks do not bind it."""
    is_open = graph.open_mask[class_index].copy()
    if ignored_masks is None:
        return is_open
    right = rights(
        graph.network, graph.classes[class_index], mask=graph.mask, link_of=graph.link_of
    )
    fits = ~(right.weight | right.axle | right.height)
    return is_open | ((graph.link_of >= 0) & ignored_masks[graph.link_of] & fits)


def _arc_times(graph: RoadGraph, class_index: int, time_s: FloatArray | None) -> FloatArray:
    """Time of the class on each arc [s]; slow vehicles need longer on the empty link."""
    is_link = graph.link_of >= 0
    vmax_ms = graph.classes[class_index].vmax_kmh / 3.6
    slower_s = np.maximum(0.0, graph.length_m / vmax_ms - graph.t0_s)
    common_s = graph.t0_s if time_s is None else time_s[graph.link_of]
    return np.where(is_link, common_s + slower_s, graph.t0_s)


class Distances:
    """Shortest times over open arcs; nodes that may not be passed are ends only."""

    def __init__(self, graph: RoadGraph, is_open: BoolArray, cost_s: FloatArray) -> None:
        ends = np.flatnonzero(graph.no_through)
        self.arrival = np.arange(graph.nodes)
        self.arrival[ends] = graph.nodes + np.arange(ends.size)
        size = graph.nodes + ends.size
        tail, head = graph.tail[is_open].astype(np.int64), self.arrival[graph.head[is_open]]
        cost = cost_s[is_open]
        # scipy adds parallel links up: keep the quickest of them; a time of 0 must stay an edge
        order = np.lexsort((cost, head, tail))
        key = tail[order] * size + head[order]
        first = order[np.append(True, key[1:] != key[:-1])] if key.size else order
        start = np.searchsorted(tail[first], np.arange(size + 1))
        self._size = size
        self._matrix = csr_array((cost[first], head[first], start), shape=(size, size))

    def nearest(self, start: IdArray) -> FloatArray:
        """Times from the nearest of some nodes."""
        if start.size == 0:
            return np.full(self._size, np.inf)
        return np.asarray(dijkstra(self._matrix, indices=start, min_only=True))

    def between(self, start: IdArray, end: IdArray) -> FloatArray:
        """Times from every start to every end, (starts, ends)."""
        away = np.asarray(dijkstra(self._matrix, indices=start)).reshape(start.size, -1)
        same = start[:, np.newaxis] == end
        return np.where(same, 0.0, away[:, self.arrival[end]])


def without_alternative(
    graph: RoadGraph,
    demand: Demand,
    links: IdArray,
    *,
    added_s: float,
    class_index: int = 0,
    time_s: FloatArray | None = None,
) -> tuple[NoAlternative, ...]:
    """Those of some links whose closure cuts trips off or delays them by more than a set time.

    Every link is closed by itself, on unchanged times of the others.

    Parameters
    ----------
    graph, demand
        With the same classes.
    links : (ids,)
        Candidates, such as all bridges.
    added_s
        Delay from which on there is no alternative worth the name.
    class_index, time_s
        As in `reach`.

    Raises
    ------
    NetworkError
        If a link is unknown.
    """
    mine = np.flatnonzero((demand.class_index == class_index) & (demand.flow_vehh > 0.0))
    zone = {int(node): row for row, node in zip(graph.zone.tolist(), graph.zone_id, strict=True)}
    start = np.array([zone[int(node)] for node in demand.origin[mine]], dtype=np.int64)
    end = np.array([zone[int(node)] for node in demand.destination[mine]], dtype=np.int64)
    origins, at_origin = np.unique(start, return_inverse=True)
    ends, at_end = np.unique(end, return_inverse=True)
    is_open, cost_s = _open_arcs(graph, class_index, None), _arc_times(graph, class_index, time_s)
    flow = demand.flow_vehh[mine]

    def times(opened: BoolArray) -> FloatArray:
        return Distances(graph, opened, cost_s).between(origins, ends)[at_origin, at_end]

    base_s = times(is_open)
    served = np.isfinite(base_s)
    out = []
    for row in np.unique(rows_of(graph.network.link_id, links)).tolist():
        more_s = np.full(base_s.size, 0.0)
        closed_s = times(is_open & (graph.link_of != row))
        more_s[served] = closed_s[served] - base_s[served]
        cut, late = np.isinf(more_s), np.isfinite(more_s) & (more_s > added_s)
        if cut.any() or late.any():
            largest = float(more_s[~cut].max(initial=0.0))
            out.append(
                NoAlternative(
                    int(graph.network.link_id[row]), float(flow[cut].sum()),
                    float(flow[late].sum()), largest,
                )
            )  # fmt: skip
    return tuple(sorted(out, key=lambda item: (-item.cut_off_vehh, -item.delayed_vehh)))
