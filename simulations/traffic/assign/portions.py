"""Which nodes of a hierarchy can be customised side by side."""

import heapq
from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import ByteArray, FloatArray, IndexArray
from simulations.traffic.assign.elimination import Completion

PORTIONS = 4  # at most so many threads work at once; the answer does not depend on them
_SIDES = 2  # what the boundary is drawn for


@dataclass(frozen=True, slots=True, eq=False)
class Portions:
    """A boundary of nodes at the top of the elimination tree, and the trees below it.

    A node needs its descendants alone, so trees below the boundary have nothing to do with each
    other.

    Parameters
    ----------
    first, node : (PORTIONS + 1,), (nodes below,)
        Portion p holds the nodes ``node[first[p]:first[p + 1]]``, ascending.
    boundary : (nodes of the boundary,)
        Ascending; with each node all its ancestors.
    dealt : (nodes of the boundary,)
        The same nodes so that equal parts of the column are about equal work.
    is_boundary : (nodes,)
    """

    first: IndexArray
    node: IndexArray
    boundary: IndexArray
    dealt: IndexArray
    is_boundary: ByteArray


def triangles(completion: Completion) -> FloatArray:
    """Work of each node: its arcs, and the triangles over lower nodes below them."""
    arc = completion.lower_arc
    above = completion.first[completion.tail[arc] + 1] - arc - 1
    summed = np.concatenate(([0], np.cumsum(above)))
    low, high = completion.lower_first[:-1], completion.lower_first[1:]
    return (summed[high] - summed[low] + np.diff(completion.first)).astype(np.float64)


def portions(completion: Completion) -> Portions:
    """The boundary at which two threads would need the least time.

    From the roots on, the heaviest tree loses its top node to the boundary. Triangles over nodes
    of the boundary are for one thread alone, all others are shared.

    Examples
    --------
    Of a street of three nodes whose middle is eliminated last, the ends are independent.

    >>> from simulations.traffic.assign.elimination import complete
    >>> street = complete(np.array([0, 1, 2, 4], np.int32), np.array([2, 2, 0, 1], np.int32))
    >>> found = portions(street)
    >>> found.boundary.tolist(), sorted(found.node.tolist())
    ([2], [0, 1])
    """
    parent, work = completion.parent.tolist(), triangles(completion)
    arcs = np.diff(completion.first).tolist()
    tree = work.tolist()
    children: list[list[int]] = [[] for _ in parent]
    for v, above in enumerate(parent):
        if above >= 0:
            tree[above] += tree[v]
            children[above].append(v)
    waiting = [(-tree[v], v) for v, above in enumerate(parent) if above < 0]
    heapq.heapify(waiting)
    below, whole = -sum(weight for weight, _ in waiting), 0.0
    alone, boundary, best, best_s = 0.0, [], 0, np.inf
    while waiting:
        shared = max(below / _SIDES, -waiting[0][0]) + max(whole - alone, 0.0) / _SIDES
        if shared + alone < best_s:
            best, best_s = len(boundary), shared + alone
        if alone > best_s:
            break
        v = heapq.heappop(waiting)[1]
        boundary.append(v)
        below -= work[v]
        whole += work[v]
        alone += 0.5 * arcs[v] * (arcs[v] - 1)
        for child in children[v]:
            heapq.heappush(waiting, (-tree[child], child))
    return _portions(np.sort(np.array(boundary[:best], dtype=np.int32)), parent, tree)


def _portions(boundary: IndexArray, parent: list[int], tree: list[float]) -> Portions:
    """Share out the trees below a boundary."""
    is_boundary = np.zeros(len(parent), dtype=np.uint8)
    is_boundary[boundary] = 1
    at_top = is_boundary.tolist()
    roots = [v for v, above in enumerate(parent) if not at_top[v] and (above < 0 or at_top[above])]
    portion_of = dict(_shared_out(sorted(roots, key=lambda v: (-tree[v], v)), tree))
    portion = [PORTIONS] * len(parent)
    for v in range(len(parent) - 1, -1, -1):
        if not at_top[v]:
            portion[v] = portion_of[v] if v in portion_of else portion[parent[v]]
    by_portion = np.argsort(portion, kind="stable").astype(np.int32)
    return Portions(
        first=np.searchsorted(np.sort(portion), np.arange(PORTIONS + 1)).astype(np.int32),
        node=by_portion[: len(parent) - boundary.size],
        boundary=boundary,
        dealt=np.concatenate([boundary[part::PORTIONS] for part in range(PORTIONS)]),
        is_boundary=is_boundary,
    )


def _shared_out(roots: list[int], tree: list[float]) -> list[tuple[int, int]]:
    """Each root with its portion; halves of the portions are about equal, then the portions."""
    weight = [0.0] * PORTIONS
    half = PORTIONS // 2
    found = []
    for v in roots:
        begin = 0 if sum(weight[:half]) <= sum(weight[half:]) else half
        lightest = min(range(begin, begin + half), key=weight.__getitem__)
        weight[lightest] += tree[v]
        found.append((v, lightest))
    return found
