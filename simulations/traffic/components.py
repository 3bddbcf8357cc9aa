"""Who can reach whom, and what stands in the way of those who cannot."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from simulations.traffic.arrays import BoolArray, IdArray, IndexArray
from simulations.traffic.classes import rights
from simulations.traffic.graph import RoadGraph
from twin.model.traffic import UnservedReason

_NO_CONNECTION: UnservedReason = "no_connection"


class Reach:
    """Connections over a set of arcs; nodes that may not be passed are ends only.

    Parameters
    ----------
    graph : RoadGraph
    is_open : (m,)
        Arcs that may be used.
    """

    def __init__(self, graph: RoadGraph, is_open: BoolArray) -> None:
        ends = np.flatnonzero(graph.no_through)
        size = graph.nodes + ends.size
        self._arrival = np.arange(graph.nodes)
        self._arrival[ends] = graph.nodes + np.arange(ends.size)
        tail = graph.tail[is_open]
        head = self._arrival[graph.head[is_open]]
        first = np.searchsorted(tail, np.arange(size + 1))
        self._forward = csr_array((np.ones(tail.size), head, first), shape=(size, size))
        labels = connected_components(self._forward, connection="strong")[1]
        self.is_largest = labels == np.argmax(np.bincount(labels))
        seed = int(np.argmax(self.is_largest))
        self.from_largest = self._reached(self._forward, seed)
        self.to_largest = self._reached(csr_array(self._forward.T), seed)

    def _reached(self, matrix: csr_array, seed: int) -> BoolArray:
        reached = np.zeros(self.is_largest.size, dtype=np.bool_)
        reached[breadth_first_order(matrix, seed, return_predecessors=False)] = True
        return reached

    def is_inside(self, nodes: IdArray | IndexArray) -> BoolArray:
        """Whether one gets from these nodes to the largest strong component and back."""
        return self.to_largest[nodes] & self.from_largest[self._arrival[nodes]]

    def connects(self, origin: IndexArray, destination: IndexArray) -> BoolArray:
        """Whether each pair of node rows has a path, (pairs,)."""
        arrival = self._arrival[destination]
        connected = self.to_largest[origin] & self.from_largest[arrival]
        left = np.flatnonzero(~connected)
        for node in np.unique(origin[left]):
            mine = left[origin[left] == node]
            connected[mine] = self._reached(self._forward, int(node))[arrival[mine]]
        return connected


def _lifted(graph: RoadGraph, class_index: int) -> Iterator[tuple[UnservedReason, BoolArray]]:
    """Open arcs when weight, then axle, height, mask and closure no longer count."""
    item = graph.classes[class_index]
    right = rights(graph.network, item, mask=graph.mask, link_of=graph.link_of)
    yield "weight", ~(right.axle | right.height | right.mask | right.closure)
    yield "axle", ~(right.height | right.mask | right.closure)
    yield "height", ~(right.mask | right.closure)
    yield "mask", ~right.closure
    yield "closure", np.ones(graph.arcs, dtype=np.bool_)


def reasons(
    graph: RoadGraph, class_index: int, *, origin: IndexArray, destination: IndexArray
) -> tuple[UnservedReason, ...]:
    """Why pairs without a path have none.

    The obstacles weight, axle, height, mask and closure are lifted one after the other, without
    putting them back; the one that opens a path is the reason.

    Parameters
    ----------
    class_index : int
    origin, destination : (pairs,)
        Node rows of pairs that the class cannot connect.
    """
    found = np.full(origin.size, _NO_CONNECTION, dtype=object)
    left = np.arange(origin.size)
    for reason, is_open in _lifted(graph, class_index):
        if left.size == 0:
            break
        opened = Reach(graph, is_open).connects(origin[left], destination[left])
        found[left[opened]] = reason
        left = left[~opened]
    return tuple(found.tolist())
