# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0917 - types stand in the signatures
"""Cheapest-path trees of many origins, from nothing or repaired from the tree before."""

import numba
import numpy as np
from numba import njit, prange, types

from simulations.traffic.arrays import (
    READ_FLOAT,
    READ_ID,
    READ_INDEX,
    WRITE_FLOAT,
    WRITE_ID,
    WRITE_INDEX,
)

# What the node is to the pass over the old order
_WAITS = 0  # in the order, not yet expanded: it will carry an improvement on by itself
_PASSED = 1  # expanded, or not in the order: an improvement has to be carried on later
_QUEUED = 2  # passed and improved since
_END = 3  # centroid: a path may end here, never pass

# What the node is to a search from nothing
_OPEN, _WANTED, _DONE = 0, 1, 2

_MATRIX_FLOAT = types.Array(types.float64, 2, "C")
_MATRIX_INDEX = types.Array(types.int32, 2, "C")
_MATRIX_BYTE = types.Array(types.uint8, 2, "C")
_READ_BYTE = types.Array(types.uint8, 1, "C", readonly=True)
_RESORT_SHARE = 16  # the order is renewed when more than 1/16 of the nodes had to be carried on


@njit(types.int64(WRITE_FLOAT, WRITE_INDEX, types.int64, types.float64, types.int32), cache=True)
def _push(keys, nodes, size, key, node):
    """Insert into a 4-ary heap of keys; the new size."""
    i = size
    while i > 0:
        above = (i - 1) >> 2
        if keys[above] <= key:
            break
        keys[i] = keys[above]
        nodes[i] = nodes[above]
        i = above
    keys[i] = key
    nodes[i] = node
    return size + 1


@njit(types.int64(WRITE_FLOAT, WRITE_INDEX, types.int64), cache=True)
def _drop_first(keys, nodes, size):
    """Remove the smallest key; the new size."""
    size -= 1
    key, node = keys[size], nodes[size]
    i = 0
    while True:
        first = 4 * i + 1
        if first >= size:
            break
        best, least = first, keys[first]
        for child in range(first + 1, min(first + 4, size)):
            if keys[child] < least:
                best, least = child, keys[child]
        if least >= key:
            break
        keys[i] = least
        nodes[i] = nodes[best]
        i = best
    keys[i] = key
    nodes[i] = node
    return size


@njit(
    types.int64(
        READ_INDEX, READ_INDEX, READ_FLOAT, _READ_BYTE, types.int64, READ_INDEX,
        WRITE_FLOAT, WRITE_INDEX, WRITE_INDEX, types.Array(types.uint8, 1, "C"),
        WRITE_FLOAT, WRITE_INDEX,
    ),
    cache=True,
)  # fmt: skip
def _grow(
    first_out, head, cost, is_end, origin, wanted,
    distance, arrival, order, mark, keys, nodes,
):  # fmt: skip
    """Dijkstra [1]_ until all wanted nodes are settled; the number of expanded nodes in the order.

    Equal keys leave the heap in the order that its operations give, which is the same in each run.

    References
    ----------
    .. [1] "A note on two problems in connexion with graphs", Numerische Mathematik 1, 1959, p. 269.
    """
    distance[:] = np.inf
    mark[:] = _OPEN
    missing = 0
    for node in wanted:
        if mark[node] == _OPEN and node != origin:
            mark[node] = _WANTED
            missing += 1
    distance[origin] = 0.0
    arrival[origin] = -1
    size = _push(keys, nodes, 0, 0.0, np.int32(origin))
    count = 0
    while size > 0 and missing > 0:
        key, u = keys[0], nodes[0]
        size = _drop_first(keys, nodes, size)
        if key > distance[u] or mark[u] == _DONE:
            continue
        if mark[u] == _WANTED:
            missing -= 1
        mark[u] = _DONE
        if is_end[u] and u != origin:
            continue
        order[count] = u
        count += 1
        for link in range(first_out[u], first_out[u + 1]):
            v = head[link]
            through = key + cost[link]
            if through < distance[v]:
                distance[v] = through
                arrival[v] = link
                size = _push(keys, nodes, size, through, v)
    return count


@njit(
    types.int64(
        WRITE_FLOAT, _READ_BYTE, types.int64, types.float64, WRITE_INDEX, WRITE_INDEX
    ),
    cache=True,
)  # fmt: skip
def _sort_by_distance(distance, is_end, origin, farthest, order, start):
    """Expanded nodes into the order, roughly by distance (counting sort); their number."""
    limit = farthest
    if limit == np.inf:
        limit = 0.0
        for d in distance:
            if d < np.inf:
                limit = max(limit, d)
    bins = distance.size
    scale = bins / limit if limit > 0.0 else 0.0
    start[: bins + 1] = 0
    for v in range(bins):
        if distance[v] <= limit and not is_end[v] and v != origin:
            start[min(int(distance[v] * scale), bins - 1) + 1] += 1
    start[0] = 1
    for i in range(bins):
        start[i + 1] += start[i]
    order[0] = origin
    for v in range(bins):
        if distance[v] <= limit and not is_end[v] and v != origin:
            place = min(int(distance[v] * scale), bins - 1)
            order[start[place]] = v
            start[place] += 1
    return start[bins]


@njit(
    types.int64(
        READ_INDEX, READ_INDEX, READ_FLOAT, _READ_BYTE, types.int64, READ_INDEX,
        WRITE_FLOAT, WRITE_INDEX, WRITE_INDEX, types.int64, types.Array(types.uint8, 1, "C"),
        WRITE_FLOAT, WRITE_INDEX, WRITE_INDEX,
    ),
    cache=True,
)  # fmt: skip
def _repair(
    first_out, head, cost, is_end, origin, wanted,
    distance, arrival, order, count, mark, keys, nodes, late,
):  # fmt: skip
    """Distances by one pass over an old order, then Dijkstra from the nodes that came too late.

    Exact whatever the order: a node whose label fell after it had been expanded, or that is not in
    the order, is carried on from a heap. Each node leaves the heap once at most, so this costs a
    Dijkstra and a pass over the links in the worst case, and only the pass when the order still
    holds. Returns the new number of nodes in the order.
    """
    distance[:] = np.inf
    for v in range(mark.size):
        mark[v] = _END if is_end[v] else _PASSED
    for i in range(count):
        mark[order[i]] = _WAITS
    distance[origin] = 0.0
    arrival[origin] = -1
    count_late = 0
    if count == 0 or order[0] != origin:
        late[0] = origin
        mark[origin] = _QUEUED
        count_late = 1
    for i in range(count):
        u = order[i]
        if mark[u] == _WAITS:
            mark[u] = _PASSED
        key = distance[u]
        if key == np.inf:
            continue
        for link in range(first_out[u], first_out[u + 1]):
            v = head[link]
            through = key + cost[link]
            if through < distance[v]:
                distance[v] = through
                arrival[v] = link
                if mark[v] == _PASSED:
                    mark[v] = _QUEUED
                    late[count_late] = v
                    count_late += 1
    farthest = 0.0
    for node in wanted:
        farthest = max(farthest, distance[node])
    size = 0
    for i in range(count_late):
        if distance[late[i]] <= farthest:
            size = _push(keys, nodes, size, distance[late[i]], late[i])
    carried = 0
    while size > 0:
        key, u = keys[0], nodes[0]
        size = _drop_first(keys, nodes, size)
        if key > distance[u] or mark[u] == _WAITS:
            continue
        mark[u] = _WAITS
        carried += 1
        for link in range(first_out[u], first_out[u + 1]):
            v = head[link]
            through = key + cost[link]
            if through < distance[v]:
                distance[v] = through
                arrival[v] = link
                if mark[v] != _END and through <= farthest:
                    mark[v] = _QUEUED
                    size = _push(keys, nodes, size, through, v)
    if carried * _RESORT_SHARE > count:
        return _sort_by_distance(distance, is_end, origin, farthest, order, nodes)
    return count


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_FLOAT, _READ_BYTE,
        READ_INDEX, READ_INDEX, READ_ID, READ_INDEX,
        _MATRIX_INDEX, WRITE_INDEX,
        _MATRIX_FLOAT, _MATRIX_BYTE, _MATRIX_FLOAT, _MATRIX_INDEX, _MATRIX_INDEX,
        _MATRIX_INDEX, WRITE_FLOAT,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def price_rows(
    first_out, head, cost, is_end,
    rows, row_origin, row_first, destination,
    order, order_count,
    distance, mark, keys, nodes, late,
    arrival, shortest,
):  # fmt: skip
    """Write the cheapest cost of every pair of some rows, and their trees.

    Parameters
    ----------
    first_out, head, cost, is_end : (nodes + 1,), (links,), (links,), (nodes,)
        Graph of outgoing links; cost [s] may be +inf; a node of ``is_end`` is never passed.
    rows : (k,)
        Distinct rows of one class.
    row_origin, row_first, destination : (rows,), (rows + 1,), (pairs,)
        Pairs of row r are ``row_first[r]`` to ``row_first[r + 1]``.
    order, order_count : (rows, nodes) or (1, nodes), (rows,)
        Nodes as they were expanded the last time; with one line only, nothing is kept.
    distance, mark, keys, nodes, late : (threads, ...)
        Room to work in.
    arrival : (k, nodes)
        Out: the last link of the cheapest path to each node; -1 at the origin.
    shortest : (pairs,)
        Out: cost [s]; +inf where no path leads.
    """
    for i in prange(rows.size):
        row = rows[i]
        here = numba.get_thread_id()
        wanted = destination[row_first[row] : row_first[row + 1]]
        if order_count[row] > 0:
            order_count[row] = _repair(
                first_out, head, cost, is_end, row_origin[row], wanted,
                distance[here], arrival[i], order[row], order_count[row],
                mark[here], keys[here], nodes[here], late[here],
            )  # fmt: skip
        else:
            keeps = order.shape[0] > 1
            count = _grow(
                first_out, head, cost, is_end, row_origin[row], wanted, distance[here],
                arrival[i], order[row] if keeps else late[here], mark[here], keys[here],
                nodes[here],
            )  # fmt: skip
            if keeps:
                order_count[row] = count
        for pair in range(row_first[row], row_first[row + 1]):
            shortest[pair] = distance[here, destination[pair]]


@njit(
    types.void(READ_INDEX, _MATRIX_INDEX, READ_INDEX, READ_INDEX, WRITE_ID), cache=True, nogil=True
)
def count_links(tail, arrival, line, node, length):
    """Write how many links lead to ``node[i]`` in tree ``line[i]``; inputs (pairs,)."""
    for i in range(node.size):
        count, v = 0, node[i]
        while arrival[line[i], v] >= 0:
            v = tail[arrival[line[i], v]]
            count += 1
        length[i] = count


@njit(
    types.void(READ_INDEX, _MATRIX_INDEX, READ_INDEX, READ_INDEX, READ_ID, WRITE_INDEX),
    cache=True,
    nogil=True,
)
def write_links(tail, arrival, line, node, start, links):
    """Write the links to ``node[i]`` in tree ``line[i]``, in driving order, from ``start[i]``."""
    for i in range(node.size):
        at, v = start[i + 1], node[i]
        while arrival[line[i], v] >= 0:
            at -= 1
            links[at] = arrival[line[i], v]
            v = tail[links[at]]
