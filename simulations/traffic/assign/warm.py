# ruff: noqa: ANN001, ANN202, PLR0917 - the types of the kernels stand in their signatures
"""The paths of another run as a place to begin from."""

from itertools import pairwise

import numpy as np
from numba import njit, types

from simulations.traffic.arrays import (
    READ_BOOL,
    READ_ID,
    READ_INDEX,
    WRITE_ID,
    WRITE_INDEX,
    BoolArray,
    IdArray,
    IndexArray,
)
from simulations.traffic.assign.solve import Problem, WarmStart
from simulations.traffic.graph import RoadGraph
from twin.model.traffic import PathState, VehicleClass

_SAME_DEMAND = 1e-9  # relative
_TABLE_SPREAD = 64  # link ids may be so many times sparser than links; beyond, bisection
_WRITE_BOOL = types.Array(types.boolean, 1, "C")


@njit(
    types.int64(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_BOOL, types.int64, types.int64, types.int64
    ),
    cache=True, nogil=True,
)  # fmt: skip
def _turn_between(first_out, head, link_of, is_open, tail, wanted, no_arc):
    """Open turn arc from a node to another, ``no_arc`` where there is none."""
    for arc in range(first_out[tail], first_out[tail + 1]):
        if link_of[arc] < 0 and head[arc] == wanted and is_open[arc]:
            return arc
    return no_arc


@njit(
    types.int64(
        READ_ID, READ_INDEX, READ_ID, READ_ID, READ_BOOL,
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, types.int64, WRITE_ID, WRITE_INDEX,
        _WRITE_BOOL,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def _follow(
    start, arcs, origin, destination, is_open,
    first_out, tail, head, link_of, entry, new_start, out, usable,
):  # fmt: skip
    """Write whole and open paths of one class with the turn arcs between, from ``entry`` on.

    Returns the entry behind the last. ``arcs`` holds -1 for a link that is gone. A path that
    cannot be driven any more gets no entries and is not usable.
    """
    for path in range(origin.size):
        begin, node = entry, origin[path]
        new_start[path + 1] = entry
        usable[path] = node >= 0 and start[path + 1] > start[path]
        if not usable[path]:
            continue
        for at in range(start[path], start[path + 1]):
            arc = arcs[at]
            if arc < 0 or not is_open[arc]:
                usable[path] = False
                break
            if tail[arc] != node:
                turn = _turn_between(first_out, head, link_of, is_open, node, tail[arc], -1)
                if turn < 0:
                    usable[path] = False
                    break
                out[entry] = turn
                entry += 1
            out[entry] = arc
            entry += 1
            node = head[arc]
        if usable[path] and node != destination[path]:
            turn = _turn_between(first_out, head, link_of, is_open, node, destination[path], -1)
            usable[path] = turn >= 0
            if turn >= 0:
                out[entry] = turn
                entry += 1
        if not usable[path]:
            entry = begin
        new_start[path + 1] = entry
    return entry


@njit(types.void(READ_INDEX, types.int64, READ_ID, WRITE_INDEX), cache=True, nogil=True)
def _look_up(table, least, wanted, found):
    """Entries of a table that begins with the id ``least``; its last entry for all other ids."""
    for i in range(wanted.size):
        at = wanted[i] - least
        found[i] = table[at] if 0 <= at < table.size else table[table.size - 1]


def warm_start(
    problem: Problem, paths: PathState, classes: tuple[VehicleClass, ...]
) -> WarmStart | None:
    """Paths of a parent run mapped by link id; None where the vehicle classes differ.

    Paths over links that are gone or closed to their class are left out; what the pair keeps takes
    their flow in proportion, or the pair is loaded anew.
    """
    graph, demand = problem.graph, problem.demand_pceh
    if demand.size == 0:
        return None
    if tuple(item.name for item in classes) != tuple(item.name for item in graph.classes):
        return None
    class_index = paths.class_index.astype(np.int32)
    pair = np.where(paths.flow_vehh > 0.0, _pairs(problem, paths), -1)
    order = np.flatnonzero(pair >= 0)
    if (np.diff(pair[order]) < 0).any() or (np.diff(class_index) < 0).any():
        order = order[np.argsort(pair[order], kind="stable")]
        paths, class_index, pair = _picked(paths, order), class_index[order], pair[order]
        order = np.arange(order.size)
    start, arcs, usable = _driven(problem, paths, class_index, pair)
    kept = order[usable[order]]
    flow = paths.flow_vehh * np.array([item.pce for item in graph.classes])[class_index]
    carried = np.bincount(pair[kept], weights=flow[kept], minlength=demand.size)
    factor = np.divide(demand, carried, out=np.zeros(demand.size), where=carried > 0.0)
    shaken = np.abs(factor - 1.0) > _SAME_DEMAND
    shaken[pair[(pair >= 0) & ~usable]] = True
    first = problem.table.row_first
    return WarmStart(
        path_class=class_index[kept],
        pair=pair[kept],
        flow_pceh=flow[kept] * factor[pair[kept]],
        start=np.append(start[kept], start[-1]),
        links=arcs,
        shaken_rows=np.flatnonzero(np.logical_or.reduceat(shaken, first[:-1])).astype(np.int32),
    )


def _picked(paths: PathState, order: IdArray) -> PathState:
    """Some paths in another order."""
    length = np.diff(paths.start)[order]
    start = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
    at = np.repeat(paths.start[order] - start[:-1], length) + np.arange(start[-1])
    return PathState(
        class_index=paths.class_index[order],
        origin=paths.origin[order],
        destination=paths.destination[order],
        flow_vehh=paths.flow_vehh[order],
        start=start,
        links=paths.links[at],
    )


def _driven(
    problem: Problem, paths: PathState, class_index: IndexArray, pair: IdArray
) -> tuple[IdArray, IndexArray, BoolArray]:
    """``start``, arcs and usability of every path; nothing is written for one without a pair."""
    graph, table = problem.graph, problem.table
    rows = _arcs(graph, paths.links)
    row = np.maximum(np.searchsorted(table.row_first, pair, side="right") - 1, 0)
    origin = np.where(pair >= 0, table.row_origin[row], -1).astype(np.int64)
    destination = np.where(pair >= 0, table.destination[pair], -1).astype(np.int64)
    has_turns = bool((graph.link_of < 0).any())
    out = np.empty((2 if has_turns else 1) * rows.size + 2 * origin.size, dtype=np.int32)
    start = np.zeros(origin.size + 1, dtype=np.int64)
    usable = np.zeros(origin.size, dtype=np.bool_)
    written = 0
    bounds = np.searchsorted(class_index, np.arange(len(graph.classes) + 1))
    for k, (low, high) in enumerate(pairwise(bounds)):
        written = _follow(
            paths.start[low : high + 1], rows, origin[low:high], destination[low:high],
            graph.open_mask[k], graph.first_out, graph.tail, graph.head, graph.link_of,
            written, start[low : high + 1], out, usable[low:high],
        )  # fmt: skip
    return start, out[:written], usable


def _arcs(graph: RoadGraph, link_id: IdArray) -> IndexArray:
    """Arcs of link ids, -1 where there is no such link."""
    ids = graph.network.link_id
    least, most = int(ids.min(initial=0)), int(ids.max(initial=0))
    if most - least < _TABLE_SPREAD * max(ids.size, 1):
        table = np.full(most - least + 2, -1, dtype=np.int32)
        table[ids - least] = graph.row_of
        found = np.empty(link_id.size, dtype=np.int32)
        _look_up(table, least, link_id, found)
        return found
    order = np.argsort(ids)
    at = order[np.minimum(np.searchsorted(ids[order], link_id), ids.size - 1)]
    return np.where(ids[at] == link_id, graph.row_of[at], -1).astype(np.int32)


def _pairs(problem: Problem, paths: PathState) -> IdArray:
    """Pair of each path, -1 where there is no demand any more."""
    graph, table = problem.graph, problem.table
    if table.destination.size == 0 or paths.origin.size == 0:
        return np.full(paths.origin.size, -1, dtype=np.int64)
    nodes = np.int64(graph.nodes)
    row = np.repeat(np.arange(table.row_class.size), np.diff(table.row_first))
    known = (table.row_class[row] * nodes + table.row_origin[row]) * nodes + table.destination
    changes = np.ones(paths.origin.size, dtype=np.bool_)
    changes[1:] = (
        (paths.class_index[1:] != paths.class_index[:-1])
        | (paths.origin[1:] != paths.origin[:-1])
        | (paths.destination[1:] != paths.destination[:-1])
    )
    first = np.flatnonzero(changes)
    code = paths.class_index[first].astype(np.int64)
    exists = np.ones(first.size, dtype=np.bool_)
    for column in (paths.origin[first], paths.destination[first]):
        at = np.minimum(np.searchsorted(graph.zone_id, column), graph.zone.size - 1)
        exists &= graph.zone_id[at] == column
        code = code * nodes + graph.zone[at]
    at = np.minimum(np.searchsorted(known, code), known.size - 1)
    found = np.where(exists & (known[at] == code), at, -1)
    return np.repeat(found, np.diff(np.append(first, paths.origin.size)))
