# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0917 - types stand in the signatures
"""Cheapest costs from many origins at once over a hierarchy: once up, once down."""

import numpy as np
from numba import njit, prange, types

from simulations.traffic.arrays import READ_FLOAT, READ_ID, READ_INDEX, WRITE_FLOAT

_MATRIX_FLOAT = types.Array(types.float64, 2, "C")
_CUBE_FLOAT = types.Array(types.float64, 3, "C")
_BYTES = types.Array(types.uint8, 1, "C")

_UP, _DOWN = 1, 2  # the node is an ancestor of an origin, of a destination


@njit(types.void(READ_INDEX, types.int64, types.uint8, _BYTES), cache=True, nogil=True)
def _mark_ancestors(parent, node, bit, mark):
    """Mark a node and all its ancestors."""
    while node >= 0 and not mark[node] & bit:
        mark[node] |= bit
        node = parent[node]


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_FLOAT, _BYTES, _MATRIX_FLOAT,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _sweep_up(first, head, up, mark, distance):
    """Carry distances from each marked node to its upper neighbours, lowest node first."""
    for v in range(mark.size):
        if not mark[v] & _UP:
            continue
        here = distance[v]
        begin, end = first[v], first[v + 1]
        for a in range(begin, end - 1, 2):
            there0, there1 = distance[head[a]], distance[head[a + 1]]
            cost0, cost1 = up[a], up[a + 1]
            for lane in range(here.size):
                there0[lane] = min(here[lane] + cost0, there0[lane])
                there1[lane] = min(here[lane] + cost1, there1[lane])
        if (end - begin) & 1:
            there0, cost0 = distance[head[end - 1]], up[end - 1]
            for lane in range(here.size):
                there0[lane] = min(here[lane] + cost0, there0[lane])


@njit(types.void(READ_INDEX, READ_INDEX, READ_FLOAT, _BYTES, _MATRIX_FLOAT), cache=True, nogil=True)
def _sweep_down(first, head, down, mark, distance):
    """Fetch distances for each marked node from its upper neighbours, highest node first.

    Four arcs at a time: the inner loop over the origins then does enough for its overhead.
    """
    for v in range(mark.size - 1, -1, -1):
        if not mark[v] & _DOWN:
            continue
        here = distance[v]
        begin, end = first[v], first[v + 1]
        for a in range(begin, end - 3, 4):
            from0, from1 = distance[head[a]], distance[head[a + 1]]
            from2, from3 = distance[head[a + 2]], distance[head[a + 3]]
            cost0, cost1, cost2, cost3 = down[a], down[a + 1], down[a + 2], down[a + 3]
            for lane in range(here.size):
                least = min(from0[lane] + cost0, from1[lane] + cost1)
                other = min(from2[lane] + cost2, from3[lane] + cost3)
                here[lane] = min(min(least, other), here[lane])  # noqa: PLW3301 - two at a time
        for a in range(end - (end - begin) % 4, end):
            from0, cost0 = distance[head[a]], down[a]
            for lane in range(here.size):
                here[lane] = min(from0[lane] + cost0, here[lane])


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT, READ_FLOAT,
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT,
        READ_INDEX, READ_INDEX, READ_ID, READ_INDEX,
        _CUBE_FLOAT, WRITE_FLOAT,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def sweep_rows(
    parent, first, head, up, down,
    rank, first_out, link_tail, link_head, first_in, in_link, link_cost,
    rows, row_origin, row_first, destination,
    distance, shortest,
):  # fmt: skip
    """Write the cheapest cost of every pair of some rows, and the distances they come from.

    Parameters
    ----------
    parent, first, head, up, down
        Completed graph and the costs of its arcs.
    rank : (nodes,)
        Place of a node in the order of elimination; -1 for a centroid.
    first_out, link_tail, link_head, first_in, in_link, link_cost
        Links of the graph, by tail and by head.
    rows, row_origin, row_first, destination
        As in ``PairTable``; ``rows`` has at most blocks times lanes.
    distance : (blocks, ranks, lanes)
        Out: cost [s] from the origin ``rows[block * lanes + lane]`` to every ancestor of one of
        the destinations of the block.
    shortest : (pairs,)
        Out: cost [s]; +inf where no path leads.
    """
    lanes = distance.shape[2]
    for block in prange(distance.shape[0]):
        low, high = block * lanes, min((block + 1) * lanes, rows.size)
        mark = np.zeros(distance.shape[1], np.uint8)
        for i in range(low, high):
            row = rows[i]
            origin = row_origin[row]
            if rank[origin] >= 0:
                _mark_ancestors(parent, rank[origin], _UP, mark)
            else:
                for link in range(first_out[origin], first_out[origin + 1]):
                    _mark_ancestors(parent, rank[link_head[link]], _UP, mark)
            for pair in range(row_first[row], row_first[row + 1]):
                node = destination[pair]
                if rank[node] >= 0:
                    _mark_ancestors(parent, rank[node], _DOWN, mark)
                else:
                    for q in range(first_in[node], first_in[node + 1]):
                        _mark_ancestors(parent, rank[link_tail[in_link[q]]], _DOWN, mark)
        for v in range(mark.size):
            if mark[v]:
                distance[block, v] = np.inf
        for i in range(low, high):
            origin = row_origin[rows[i]]
            if rank[origin] >= 0:
                distance[block, rank[origin], i - low] = 0.0
            else:
                for link in range(first_out[origin], first_out[origin + 1]):
                    v = rank[link_head[link]]
                    if v >= 0 and link_cost[link] < distance[block, v, i - low]:
                        distance[block, v, i - low] = link_cost[link]
        _sweep_up(first, head, up, mark, distance[block])
        _sweep_down(first, head, down, mark, distance[block])
        for i in range(low, high):
            row = rows[i]
            for pair in range(row_first[row], row_first[row + 1]):
                node = destination[pair]
                if rank[node] >= 0:
                    shortest[pair] = distance[block, rank[node], i - low]
                    continue
                least = np.inf
                for q in range(first_in[node], first_in[node + 1]):
                    link = in_link[q]
                    v = rank[link_tail[link]]
                    if v >= 0:
                        least = min(least, distance[block, v, i - low] + link_cost[link])
                    elif link_tail[link] == row_origin[row]:
                        least = min(least, link_cost[link])
                shortest[pair] = least
