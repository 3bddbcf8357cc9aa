"""Cheapest paths through a customizable contraction hierarchy: for large networks."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import FloatArray, IdArray, IndexArray
from simulations.traffic.assign.customising import Metric, Room, customise
from simulations.traffic.assign.elimination import Completion, complete
from simulations.traffic.assign.ordering import dissection_order
from simulations.traffic.assign.portions import Portions, portions
from simulations.traffic.assign.pricing import CHUNK_ROWS, PairTable, PricingGraph
from simulations.traffic.assign.sweeps import sweep_rows
from simulations.traffic.assign.tracing import cut_loops, trace_paths, write_paths
from twin.errors import NetworkError

_LANES = 16  # origins side by side: enough for the widest registers, few enough for the cache
_LEAST_ARCS, _MOST_ARCS_PER_LINK = 100_000, 16  # road networks need 2 to 6 arcs a link
_REMEMBERED = 8  # topologies
_NO_ROWS = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """What depends on the shape of a network alone.

    Parameters
    ----------
    rank : (nodes,)
        Place of a node in the order of elimination; -1 for a node that no path passes.
    completion : Completion
    portions : Portions
        Who can be customised side by side.
    slot : (links,)
        Twice the arc that a link lies in, plus one where it leads downwards; -1 for links of
        centroids.
    first_in, in_link : (nodes + 1,), (links,)
        Links by head.
    """

    rank: IndexArray
    completion: Completion
    portions: Portions
    slot: IndexArray
    first_in: IndexArray
    in_link: IndexArray


def build(graph: PricingGraph) -> Hierarchy:
    """The hierarchy of a network, whatever its links cost.

    Raises
    ------
    NetworkError
        If the network has no small separators, so that the hierarchy would be too large.
    """
    ranked = np.flatnonzero(~graph.no_through)
    row = np.full(graph.no_through.size, -1, dtype=np.int32)
    row[ranked] = np.arange(ranked.size)
    inner = (row[graph.tail] >= 0) & (row[graph.head] >= 0) & (graph.tail != graph.head)
    tail, head = row[graph.tail[inner]], row[graph.head[inner]]
    first, neighbour = _neighbours(tail, head, ranked.size)
    order = dissection_order(graph.x_m[ranked], graph.y_m[ranked], first=first, neighbour=neighbour)
    place = np.empty(ranked.size, dtype=np.int32)
    place[order] = np.arange(ranked.size)
    most = max(_LEAST_ARCS, _MOST_ARCS_PER_LINK * tail.size)
    completion = complete(*_neighbours(place[tail], place[head], ranked.size), most=most)
    if completion is None:
        raise NetworkError(
            f"the network falls into no parts: its hierarchy needs more than {most:,} arcs for "
            f"{tail.size:,} links; choose the pricing dijkstra"
        )
    slot = np.full(graph.tail.size, -1, dtype=np.int32)
    slot[inner] = _slots(completion, place[tail], place[head])
    rank = np.full(graph.no_through.size, -1, dtype=np.int32)
    rank[ranked] = place
    return Hierarchy(
        rank=rank,
        completion=completion,
        portions=portions(completion),
        slot=slot,
        first_in=np.searchsorted(np.sort(graph.head), np.arange(graph.no_through.size + 1)).astype(
            np.int32
        ),
        in_link=np.argsort(graph.head, kind="stable").astype(np.int32),
    )


def _neighbours(tail: IndexArray, head: IndexArray, count: int) -> tuple[IndexArray, IndexArray]:
    """Neighbours of every node in both directions, each once: rows and entries."""
    here = np.concatenate((tail, head)).astype(np.int64)
    there = np.concatenate((head, tail))
    codes = np.unique(here * count + there)
    first = np.searchsorted(codes, np.arange(count + 1, dtype=np.int64) * count)
    return first.astype(np.int32), (codes % max(count, 1)).astype(np.int32)


def _slots(completion: Completion, tail: IndexArray, head: IndexArray) -> IndexArray:
    """Slot of each link between ranks."""
    count = completion.first.size - 1
    codes = completion.tail.astype(np.int64) * count + completion.head
    arc = np.searchsorted(
        codes, np.minimum(tail, head).astype(np.int64) * count + np.maximum(tail, head)
    )
    return (2 * arc + (tail > head)).astype(np.int32)


class _Memory:
    """Hierarchies of the topologies that this process met last."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Hierarchy] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, graph: PricingGraph) -> Hierarchy:
        digest = hashlib.sha256()
        for column in (graph.head, graph.first_out, graph.no_through, graph.x_m, graph.y_m):
            digest.update(str(column.size).encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        with self._lock:
            known = self._known.pop(digest.digest(), None) or build(graph)
            self._known[digest.digest()] = known
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known


_memory = _Memory()


class HierarchyPricing:
    """A customizable contraction hierarchy [1]_, swept for many origins at once.

    Distances may differ from Dijkstra's in the last bits. They do not depend on the number of
    threads.

    Parameters
    ----------
    graph, table
    threads : int
        Compiled threads that may run at once.

    References
    ----------
    .. [1] Dibbelt, Strasser and Wagner, "Customizable Contraction Hierarchies", ACM JEA 21, 2016.
    """

    def __init__(self, graph: PricingGraph, table: PairTable, *, threads: int) -> None:
        self._graph, self._table = graph, table
        self._hierarchy = _memory.of(graph)
        self._metric: dict[int, Metric] = {}
        ranks = self._hierarchy.completion.parent.size
        self._customising = Room(ranks, threads=threads)
        lines = min(CHUNK_ROWS, table.row_class.size)
        self._lanes = 2 * _LANES if 2 * _LANES * threads <= CHUNK_ROWS else _LANES
        blocks = -(-lines // _LANES)
        most_out = int(np.diff(graph.first_out).max(initial=0))
        self._room = np.empty(blocks * _LANES * ranks + self._lanes * ranks)
        self._up_distance = np.empty((threads, ranks))
        self._at = np.empty((threads, most_out + 1), dtype=np.int32)
        self._stack = np.empty((threads, ranks + 1), dtype=np.int32)
        self._arrival = np.empty((lines, ranks), dtype=np.int32)
        self._above = np.empty((lines, ranks), dtype=np.int32)
        self._place = np.full(graph.no_through.size, -1, dtype=np.int32)
        self._priced: IndexArray = _NO_ROWS
        self._distance = self._room[:0].reshape(0, ranks, _LANES)
        self._shortest: FloatArray = self._room[:0]

    def customise(self, class_index: int, cost_s: FloatArray) -> None:
        """See ``Pricing.customise``."""
        hierarchy = self._hierarchy
        self._metric[class_index] = customise(
            hierarchy.completion,
            hierarchy.portions,
            hierarchy.slot,
            cost_s,
            room=self._customising,
            old=self._metric.get(class_index),
        )

    def price(self, class_index: int, rows: IndexArray, shortest_s: FloatArray) -> None:
        """See ``Pricing.price``."""
        graph, table, hierarchy = self._graph, self._table, self._hierarchy
        completion, metric = hierarchy.completion, self._metric[class_index]
        lanes = self._lanes if rows.size > _LANES else _LANES
        shape = (-(-rows.size // lanes), completion.parent.size, lanes)
        self._distance = self._room[: shape[0] * shape[1] * shape[2]].reshape(shape)
        sweep_rows(
            completion.parent, completion.first, completion.head, metric.up, metric.down,
            hierarchy.rank, graph.first_out, graph.tail, graph.head,
            hierarchy.first_in, hierarchy.in_link, metric.link_cost,
            rows, table.row_origin, table.row_first, table.destination,
            self._distance, shortest_s,
        )  # fmt: skip
        self._priced, self._shortest = rows, shortest_s

    def paths(self, class_index: int, pairs: IdArray) -> tuple[IdArray, IndexArray]:
        """See ``Pricing.paths``."""
        graph, table, hierarchy = self._graph, self._table, self._hierarchy
        completion, metric = hierarchy.completion, self._metric[class_index]
        pairs = np.ascontiguousarray(pairs)
        line_first = np.searchsorted(pairs, table.row_first[self._priced]).astype(np.int32)
        line_first = np.append(line_first, np.int32(pairs.size))
        node, last = table.destination[pairs], np.empty(pairs.size, dtype=np.int32)
        start = np.zeros(pairs.size + 1, dtype=np.int64)
        trace_paths(
            completion.parent, completion.first, completion.tail, completion.head,
            metric.up, metric.down, metric.hops, graph.first_out, graph.head,
            hierarchy.rank, graph.tail, hierarchy.first_in, hierarchy.in_link, metric.link_cost,
            table.row_origin[self._priced], line_first, pairs, node,
            self._distance, self._shortest,
            self._up_distance, self._at, self._arrival, self._above, last, start[1:],
        )  # fmt: skip
        np.cumsum(start, out=start)
        links = np.empty(start[-1], dtype=np.int32)
        write_paths(
            completion.tail, completion.head, metric.halves, hierarchy.rank, graph.tail,
            line_first, node, self._arrival, self._above, last, start,
            self._stack, links,
        )  # fmt: skip
        if metric.may_loop:
            cut_loops(graph.tail, graph.head, start, links, self._place)
            links = links[: start[-1]].copy()
        return start, links
