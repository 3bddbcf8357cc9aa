# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0917 - types stand in the signatures
"""Paths that gave the distances of a sweep, as links."""

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

_MATRIX_FLOAT = types.Array(types.float64, 2, "C")
_MATRIX_INDEX = types.Array(types.int32, 2, "C")
_CUBE_FLOAT = types.Array(types.float64, 3, "C")

_AT_ORIGIN = -1  # the search upwards began here; -2 - link where it came over a link of the origin
_UNKNOWN, _APEX = -1, -2  # nobody asked yet; the path reaches the node from below


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT,
        READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT, types.int64,
        WRITE_FLOAT, WRITE_INDEX, WRITE_INDEX,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _search_up(
    parent, first, head, up, rank, first_out, link_head, link_cost, origin,
    distance, arrival, at,
):  # fmt: skip
    """Distances upwards from one origin, and the arc that each came over; +inf elsewhere.

    ``at`` holds one place for each start, all climbing the elimination tree together. The sums
    are those of the sweep over many origins, bit by bit.
    """
    starts = 0
    distance[:] = np.inf
    if rank[origin] >= 0:
        at[0] = rank[origin]
        starts = 1
        distance[at[0]] = 0.0
        arrival[at[0]] = _AT_ORIGIN
    else:
        for link in range(first_out[origin], first_out[origin + 1]):
            v = rank[link_head[link]]
            if v >= 0 and link_cost[link] < distance[v]:
                if distance[v] == np.inf:
                    at[starts] = v
                    starts += 1
                distance[v] = link_cost[link]
                arrival[v] = -2 - link
    while starts > 0:
        v = at[0]
        for k in range(1, starts):
            v = min(v, at[k])
        for a in range(first[v], first[v + 1]):
            through = distance[v] + up[a]
            if through < distance[head[a]]:
                distance[head[a]] = through
                arrival[head[a]] = a
        kept = 0
        for k in range(starts):
            then = parent[v] if at[k] == v else at[k]
            if then >= 0:
                at[kept] = then
                kept += 1
        starts = kept


@njit(
    types.int64(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT, types.int64, types.int64,
        _MATRIX_FLOAT, types.int64, types.float64,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _last_link(
    rank, link_tail, first_in, in_link, link_cost, origin, node, distance, lane, shortest
):
    """The link into a centroid that gave its distance."""
    for q in range(first_in[node], first_in[node + 1]):
        link = in_link[q]
        v = rank[link_tail[link]]
        if v >= 0:
            if distance[v, lane] + link_cost[link] == shortest:
                return link
        elif link_tail[link] == origin and link_cost[link] == shortest:
            return link
    return -1


@njit(
    types.int64(
        READ_INDEX, READ_INDEX, READ_FLOAT, _MATRIX_FLOAT, types.int64, types.int64
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _arc_from_above(first, head, down, distance, lane, v):
    """The arc whose head gave node v its distance."""
    for a in range(first[v], first[v + 1]):
        if distance[head[a], lane] + down[a] == distance[v, lane]:
            return a
    return -1


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT, READ_FLOAT, READ_INDEX,
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_FLOAT,
        READ_INDEX, READ_INDEX, READ_ID, READ_INDEX,
        _CUBE_FLOAT, READ_FLOAT,
        _MATRIX_FLOAT, _MATRIX_INDEX, _MATRIX_INDEX, _MATRIX_INDEX, WRITE_INDEX, WRITE_ID,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def trace_paths(
    parent, first, tail, head, up, down, hops, first_out, link_head,
    rank, link_tail, first_in, in_link, link_cost,
    line_origin, line_first, pair, pair_node,
    distance, shortest,
    up_distance, at, arrival, above, last, length,
):  # fmt: skip
    """Find the arcs of each path and how many links it has.

    Parameters
    ----------
    parent, first, tail, head, up, down, hops
        Completed graph and the costs of its arcs.
    first_out, link_head, rank, link_tail, first_in, in_link, link_cost
        As in ``sweep_rows``.
    line_origin, line_first : (lines,), (lines + 1,)
        Origin of every row of the sweep, and which of the wanted pairs are its own.
    pair, pair_node : (wanted,)
        Row of ``shortest``, and node of the destination.
    distance, shortest
        What the sweep wrote.
    up_distance, at : (threads, ranks), (threads, links)
        Room to work in.
    arrival : (lines, ranks)
        Out: the arc that each ancestor of the origin was reached over from below.
    above : (lines, ranks)
        Out: the arc that nodes on the paths were reached over from above, or ``_APEX``.
    last : (wanted,)
        Out: link into the centroid where the path ends; -1 where it ends at a node.
    length : (wanted,)
        Out: links.
    """
    lanes = distance.shape[2]
    for line in prange(line_origin.size):
        if line_first[line] == line_first[line + 1]:
            continue
        here = numba.get_thread_id()
        block, lane = line // lanes, line % lanes
        origin = line_origin[line]
        from_origin = up_distance[here]
        _search_up(
            parent, first, head, up, rank, first_out, link_head, link_cost, origin,
            from_origin, arrival[line], at[here],
        )  # fmt: skip
        above[line] = _UNKNOWN
        for i in range(line_first[line], line_first[line + 1]):
            v, links = rank[pair_node[i]], 0
            last[i] = -1
            if v < 0:
                last[i] = _last_link(
                    rank, link_tail, first_in, in_link, link_cost, origin, pair_node[i],
                    distance[block], lane, shortest[pair[i]],
                )  # fmt: skip
                v, links = rank[link_tail[last[i]]], 1
            while v >= 0:
                a = above[line, v]
                if a == _UNKNOWN:
                    a = _APEX
                    if from_origin[v] != distance[block, v, lane]:
                        a = _arc_from_above(first, head, down, distance[block], lane, v)
                    above[line, v] = a
                if a == _APEX:
                    break
                links += hops[2 * a + 1]
                v = head[a]
            while v >= 0 and arrival[line, v] >= 0:
                links += hops[2 * arrival[line, v]]
                v = tail[arrival[line, v]]
            if v >= 0 and arrival[line, v] != _AT_ORIGIN:
                links += 1
            length[i] = links


@njit(
    types.int64(_MATRIX_INDEX, types.int64, types.int64, WRITE_INDEX, WRITE_INDEX),
    cache=True,
    nogil=True,
)
def _unpack(halves, slot, end, stack, links):
    """Write the links of a slot before ``end``; where the first of them stands."""
    stack[0] = slot
    depth = 1
    while depth > 0:
        depth -= 1
        slot = stack[depth]
        while halves[slot, 0] >= 0:
            stack[depth] = halves[slot, 0]
            depth += 1
            slot = halves[slot, 1]
        end -= 1
        links[end] = -1 - halves[slot, 0]
    return end


@njit(
    types.void(
        READ_INDEX, READ_INDEX, _MATRIX_INDEX, READ_INDEX, READ_INDEX,
        READ_INDEX, READ_INDEX, _MATRIX_INDEX, _MATRIX_INDEX, READ_INDEX, READ_ID,
        _MATRIX_INDEX, WRITE_INDEX,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def write_paths(
    tail, head, halves, rank, link_tail,
    line_first, pair_node, arrival, above, last, start,
    stack, links,
):  # fmt: skip
    """Write the links of each path, in driving order, to ``start[i]`` up to ``start[i + 1]``.

    Parameters as in ``trace_paths``; ``stack`` is room to work in, (threads, ranks + 1).
    """
    for line in prange(line_first.size - 1):
        here = numba.get_thread_id()
        for i in range(line_first[line], line_first[line + 1]):
            end, v = start[i + 1], rank[pair_node[i]]
            if last[i] >= 0:
                end -= 1
                links[end] = last[i]
                v = rank[link_tail[last[i]]]
            while v >= 0 and above[line, v] != _APEX:
                a = above[line, v]
                end = _unpack(halves, 2 * a + 1, end, stack[here], links)
                v = head[a]
            while v >= 0 and arrival[line, v] >= 0:
                a = arrival[line, v]
                end = _unpack(halves, 2 * a, end, stack[here], links)
                v = tail[a]
            if v >= 0 and arrival[line, v] != _AT_ORIGIN:
                links[end - 1] = -2 - arrival[line, v]


@njit(
    types.void(READ_INDEX, READ_INDEX, WRITE_ID, WRITE_INDEX, WRITE_INDEX), cache=True, nogil=True
)
def cut_loops(tail, head, start, links, place):
    """Take loops out of paths, in place; ``place`` is (nodes,) and holds -1."""
    filled = 0
    for i in range(start.size - 1):
        begin, low, high = filled, start[i], start[i + 1]
        start[i] = begin
        if low < high:
            place[tail[links[low]]] = begin
        for k in range(low, high):
            links[filled] = links[k]
            filled += 1
            v = head[links[filled - 1]]
            if place[v] >= 0:
                for q in range(place[v], filled - 1):
                    place[head[links[q]]] = -1
                filled = place[v]
            place[v] = filled
        if low < high:
            place[tail[links[begin]]] = -1
        for q in range(begin, filled):
            place[head[links[q]]] = -1
    start[start.size - 1] = filled
