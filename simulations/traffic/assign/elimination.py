# ruff: noqa: ANN001, ANN202 - types stand in the signatures
"""The arcs that a hierarchy needs whatever its links cost: chordal completion."""

from dataclasses import dataclass

import numpy as np
from numba import njit, types

from simulations.traffic.arrays import READ_INDEX, WRITE_INDEX, IndexArray


@dataclass(frozen=True, slots=True, eq=False)
class Completion:
    """Upward arcs of the completed graph; nodes are numbered in the order of elimination.

    Parameters
    ----------
    parent : (nodes,)
        Lowest upper neighbour, so the parent in the elimination tree; -1 for a root. All upper
        neighbours of a node are among its ancestors.
    first : (nodes + 1,)
        Arcs of node v are ``first[v]`` to ``first[v + 1]``.
    tail, head : (arcs,)
        Heads ascend within a node, each above its tail.
    lower_first, lower_arc : (nodes + 1,), (arcs,)
        The same arcs by their head.
    """

    parent: IndexArray
    first: IndexArray
    tail: IndexArray
    head: IndexArray
    lower_first: IndexArray
    lower_arc: IndexArray


def complete(
    first: IndexArray, neighbour: IndexArray, *, most: int = np.iinfo(np.int32).max
) -> Completion | None:
    """The completed graph of an undirected one; None if it has more than ``most`` arcs.

    Parameters
    ----------
    first, neighbour : (nodes + 1,), (2 edges,)
        Neighbours of every node, nodes numbered in the order of elimination.

    Examples
    --------
    Eliminating the middle of a street of three nodes joins its ends.

    >>> done = complete(np.array([0, 2, 3, 4], np.int32), np.array([1, 2, 0, 0], np.int32))
    >>> done.tail.tolist(), done.head.tolist(), done.parent.tolist()
    ([0, 0, 1], [1, 2, 2], [1, 2, -1])
    """
    count = first.size - 1
    arc_first, head, parent = _eliminate(first, neighbour, most)
    if head.size > most:
        return None
    lower_arc = np.argsort(head, kind="stable").astype(np.int32)
    return Completion(
        parent=parent,
        first=arc_first,
        tail=np.repeat(np.arange(count, dtype=np.int32), np.diff(arc_first)),
        head=head,
        lower_first=np.searchsorted(head[lower_arc], np.arange(count + 1)).astype(np.int32),
        lower_arc=lower_arc,
    )


@njit(
    types.Tuple((WRITE_INDEX, WRITE_INDEX, WRITE_INDEX))(READ_INDEX, READ_INDEX, types.int64),
    cache=True,
    nogil=True,
)
def _eliminate(first, neighbour, most):
    """First arcs, heads and parents; stops at too many arcs."""
    count = first.size - 1
    arc_first = np.zeros(count + 1, np.int32)
    parent = np.full(count, -1, np.int32)
    child = np.full(count, -1, np.int32)  # the newest child, then older ones of the same parent
    sibling = np.full(count, -1, np.int32)
    marked = np.full(count, -1, np.int32)
    head = np.empty(4 * neighbour.size + count, np.int32)
    filled = 0
    for v in range(count):
        if filled > most:
            break
        begin = filled
        marked[v] = v
        if filled + count > head.size:
            larger = np.empty(2 * head.size + count, np.int32)
            larger[:filled] = head[:filled]
            head = larger
        for e in range(first[v], first[v + 1]):
            w = neighbour[e]
            if w > v and marked[w] != v:
                marked[w] = v
                head[filled] = w
                filled += 1
        u = child[v]
        while u >= 0:
            for a in range(arc_first[u], arc_first[u + 1]):
                w = head[a]
                if marked[w] != v:
                    marked[w] = v
                    head[filled] = w
                    filled += 1
            u = sibling[u]
        arc_first[v + 1] = filled
        if filled > begin:
            head[begin:filled] = np.sort(head[begin:filled])
            parent[v] = head[begin]
            sibling[v] = child[head[begin]]
            child[head[begin]] = v
    return arc_first, head[:filled].copy(), parent
