# ruff: noqa: ANN001, ANN202 - types stand in the signatures
"""Node order for a hierarchy: nested dissection with small separators, from coordinates."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulations.traffic.assign.separators import CUT, SIDE_A, SIDE_B, smallest_cut

_DIRECTIONS = ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, -1.0))
_SHARES = np.array([0.45, 0.4, 0.3, 0.2])  # of a part, fixed at each end before a cut is sought
_LEAF_NODES = 3  # a part this small is ordered as it lies


def dissection_order(
    x_m: NDArray[np.float64],
    y_m: NDArray[np.float64],
    *,
    first: NDArray[np.int32],
    neighbour: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Nodes from first to last eliminated; every separator comes after the parts that it parts.

    Inertial flow [1]_ with node cuts: a part is projected on four directions, a share of it is
    fixed at either end, and the smallest set of nodes between them is the separator. The same
    input gives the same order.

    Parameters
    ----------
    x_m, y_m : (nodes,)
        Metric coordinates [m]; equal points are told apart by their row.
    first, neighbour : (nodes + 1,), (2 edges,)
        Neighbours of every node, in both directions, without loops.

    Returns
    -------
    (nodes,)
        Rows of the nodes.

    References
    ----------
    .. [1] Schild and Sommer, "On Balanced Separators in Road Networks", SEA 2015.

    Examples
    --------
    A street of five nodes is parted by its second one, which comes last.

    >>> first = np.array([0, 1, 3, 5, 7, 8], np.int32)
    >>> neighbour = np.array([1, 0, 2, 1, 3, 2, 4, 3], np.int32)
    >>> dissection_order(np.arange(5.0), np.zeros(5), first=first, neighbour=neighbour)
    array([0, 2, 3, 4, 1], dtype=int32)
    """
    count = len(x_m)
    place = np.empty((len(_DIRECTIONS), count), dtype=np.int32)
    for row, (east, north) in enumerate(_DIRECTIONS):
        place[row, np.argsort(east * x_m + north * y_m, kind="stable")] = np.arange(count)
    return _dissect(place, first, neighbour, _SHARES)


@njit(
    "Tuple((int32[::1], int32[::1]))(int32[::1], int32[::1], int32[::1], int32[::1])",
    cache=True,
    nogil=True,
)
def _inside(nodes, first, neighbour, row):
    """Neighbours among these nodes alone; ``row`` holds their new rows and is cleared again."""
    degrees = 0
    for i, v in enumerate(nodes):
        row[v] = i
        degrees += first[v + 1] - first[v]
    inner_first = np.zeros(len(nodes) + 1, np.int32)
    inner = np.empty(degrees, np.int32)
    filled = 0
    for i, v in enumerate(nodes):
        for e in range(first[v], first[v + 1]):
            if row[neighbour[e]] >= 0:
                inner[filled] = row[neighbour[e]]
                filled += 1
        inner_first[i + 1] = filled
    for v in nodes:
        row[v] = -1
    return inner_first, inner[:filled].copy()


@njit(
    "int8[::1](int32[::1], int32[:,::1], int32[::1], int32[::1], float64[::1])",
    cache=True,
    nogil=True,
)
def _best_side(nodes, place, first, neighbour, shares):
    """Side of every node under the cut with the fewest nodes for the size of the smaller side."""
    count = len(nodes)
    best = np.zeros(count, np.int8)
    best_score = np.inf
    end, side = np.empty(count, np.int8), np.empty(count, np.int8)
    for direction in range(place.shape[0]):
        places = place[direction][nodes]
        sorted_places = np.sort(places)
        for share in shares:
            fixed = max(1, int(share * count))
            low, high = sorted_places[fixed - 1], sorted_places[count - fixed]
            for i in range(count):
                end[i] = SIDE_A if places[i] <= low else SIDE_B if places[i] >= high else -1
            cut = smallest_cut(first, neighbour, end, count, side)
            smaller = min(np.sum(side == SIDE_A), np.sum(side == SIDE_B))
            score = cut / max(smaller, 0.1) ** 0.5
            if score < best_score:
                best_score = score
                best[:] = side
    return best


@njit("int32[::1](int32[:,::1], int32[::1], int32[::1], float64[::1])", cache=True, nogil=True)
def _dissect(place, first, neighbour, shares):
    """Order by parting open ranges of nodes until all are small."""
    order = np.arange(place.shape[1]).astype(np.int32)
    row = np.full(len(order), -1, np.int32)
    open_low, open_high = [0], [len(order)]
    while len(open_low) > 0:
        low, high = open_low.pop(), open_high.pop()
        if high - low <= _LEAF_NODES:
            continue
        nodes = order[low:high].copy()
        inner_first, inner = _inside(nodes, first, neighbour, row)
        side = _best_side(nodes, place, inner_first, inner, shares)
        end = low
        for wanted in (SIDE_A, SIDE_B, CUT):
            begin = end
            for i in range(len(nodes)):
                if side[i] == wanted:
                    order[end] = nodes[i]
                    end += 1
            if wanted != CUT and end - begin < high - low:
                open_low.append(begin)
                open_high.append(end)
    return order
