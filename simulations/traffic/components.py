"""Who can reach whom: strong components and connections, with nodes that cannot be passed."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from simulations.traffic.arrays import BoolArray, IdArray, IndexArray


class Reach:
    """Connections over a set of arcs; nodes that may not be passed are ends only.

    Parameters
    ----------
    tail, head : (arcs,)
        Node rows of the arcs that may be used, sorted by tail.
    no_through : (n,)
    """

    def __init__(self, *, tail: IndexArray, head: IndexArray, no_through: BoolArray) -> None:
        # a node that cannot be passed becomes two: arcs leave the one and arrive at the other
        nodes = no_through.size
        ends = np.flatnonzero(no_through)
        size = nodes + ends.size
        self._arrival = np.arange(nodes)
        self._arrival[ends] = nodes + np.arange(ends.size)
        arrival = self._arrival[head]
        first = np.searchsorted(tail, np.arange(size + 1))
        self._forward = csr_array((np.ones(tail.size), arrival, first), shape=(size, size))
        self._forward.sum_duplicates()  # scipy's search never ends on parallel links
        labels = connected_components(self._forward, connection="strong")[1]
        self.is_largest = labels == np.argmax(np.bincount(labels))
        if self.is_largest.all():  # and nobody will ask for the way back
            self._backward = self._forward
            self.from_largest = self.to_largest = self.is_largest
            return
        seed = int(np.argmax(self.is_largest))
        self.from_largest = self._reached(self._forward, seed)
        self._backward = csr_array(self._forward.T)
        self.to_largest = self._reached(self._backward, seed)

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
        if connected.all():
            return connected
        # whoever does not get to the largest component, or cannot be reached from it, sees little
        to_largest = self.to_largest[origin]
        for node, mine in _groups(origin, np.flatnonzero(~to_largest)):
            connected[mine] = self._reached(self._forward, node)[arrival[mine]]
        for node, mine in _groups(arrival, np.flatnonzero(to_largest & ~connected)):
            connected[mine] = self._reached(self._backward, node)[origin[mine]]
        return connected


def _groups(nodes: IndexArray | IdArray, rows: IdArray) -> Iterator[tuple[int, IdArray]]:
    """Each node with the rows where it stands."""
    order = rows[np.argsort(nodes[rows], kind="stable")]
    for part in np.split(order, np.flatnonzero(np.diff(nodes[order])) + 1):
        if part.size:
            yield int(nodes[part[0]]), part
