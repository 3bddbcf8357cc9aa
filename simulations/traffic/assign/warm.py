# ruff: noqa: ANN001, ANN202, PLR0917 - the types of the kernels stand in their signatures
"""The paths of another run as a place to begin from."""

from dataclasses import dataclass, fields
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
    FloatArray,
    IdArray,
    IndexArray,
)
from simulations.traffic.assign.pricing import PairTable
from simulations.traffic.assign.solve import Problem, WarmStart
from simulations.traffic.graph import RoadGraph
from twin.model.traffic import PathState, VehicleClass

_SAME_DEMAND = 1e-9  # relative
_TABLE_SPREAD = 64  # link ids may be so many times sparser than links; beyond, bisection
_WRITE_BOOL = types.Array(types.boolean, 1, "C")


@njit(
    types.int64(READ_INDEX, READ_INDEX, READ_INDEX, types.int64, types.int64, types.int64),
    cache=True, nogil=True,
)  # fmt: skip
def _turn_between(first_out, head, link_of, tail, wanted, no_arc):
    """Turn arc from a node to another, ``no_arc`` where there is none."""
    for arc in range(first_out[tail], first_out[tail + 1]):
        if link_of[arc] < 0 and head[arc] == wanted:
            return arc
    return no_arc


@njit(
    types.int64(
        READ_ID, READ_INDEX, READ_ID, READ_ID,
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, WRITE_ID, WRITE_INDEX, _WRITE_BOOL,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def _follow(
    start, arcs, origin, destination, first_out, tail, head, link_of, new_start, out, exists
):
    """Write whole paths with the turn arcs between, open or not; the number of entries.

    ``arcs`` holds -1 for a link that is gone. A path that is gone gets no entries.
    """
    entry = 0
    for path in range(origin.size):
        begin, node = entry, origin[path]
        new_start[path + 1] = entry
        exists[path] = node >= 0 and start[path + 1] > start[path]
        if not exists[path]:
            continue
        for at in range(start[path], start[path + 1]):
            arc = arcs[at]
            if arc < 0:
                exists[path] = False
                break
            if tail[arc] != node:
                turn = _turn_between(first_out, head, link_of, node, tail[arc], -1)
                if turn < 0:
                    exists[path] = False
                    break
                out[entry] = turn
                entry += 1
            out[entry] = arc
            entry += 1
            node = head[arc]
        if exists[path] and node != destination[path]:
            turn = _turn_between(first_out, head, link_of, node, destination[path], -1)
            exists[path] = turn >= 0
            if turn >= 0:
                out[entry] = turn
                entry += 1
        if not exists[path]:
            entry = begin
        new_start[path + 1] = entry
    return entry


@njit(types.void(READ_INDEX, types.int64, READ_ID, WRITE_INDEX), cache=True, nogil=True)
def _look_up(table, least, wanted, found):
    """Entries of a table that begins with the id ``least``; its last entry for all other ids."""
    for i in range(wanted.size):
        at = wanted[i] - least
        found[i] = table[at] if 0 <= at < table.size else table[table.size - 1]


@njit(
    types.int64(
        READ_ID, READ_INDEX, READ_BOOL, types.int64, types.int64, types.int64,
        WRITE_ID, WRITE_INDEX, _WRITE_BOOL,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def _copy_open(start, arcs, is_open, low, high, entry, new_start, out, usable):
    """Write the paths from ``low`` to ``high`` without a closed arc, from ``entry`` on.

    Returns the entry behind the last. The others get no entries and are not usable.
    """
    for path in range(low, high):
        at, count = start[path], entry
        while at < start[path + 1] and is_open[arcs[at]]:
            out[count] = arcs[at]
            count += 1
            at += 1
        if at < start[path + 1]:
            usable[path] = False
        else:
            entry = count
        new_start[path + 1] = entry
    return entry


@dataclass(frozen=True, slots=True, eq=False)
class _Mapped:
    """Paths of a parent in the rows of a graph and of a table of pairs, whatever is closed.

    Parameters
    ----------
    paths : PathState
        The parent's, as they were given.
    row_of : (links,)
        The column of the graph; graphs that differ in permissions alone share it.
    table : PairTable
    path_class, pair, flow_vehh : (paths,)
        Sorted by pair; -1 for the pair of a path without any.
    start, arcs, exists : (paths + 1,), (entries,), (paths,)
        A path that does not exist has no entries.
    """

    paths: PathState
    row_of: IndexArray
    table: PairTable
    path_class: IndexArray
    pair: IdArray
    flow_vehh: FloatArray
    start: IdArray
    arcs: IndexArray
    exists: BoolArray

    def fits(self, problem: Problem, paths: PathState) -> bool:
        """Whether the same paths are wanted in the same rows."""
        mine, wanted = self.table, problem.table
        return (
            self.paths is paths
            and self.row_of is problem.graph.row_of
            and np.array_equal(mine.row_class, wanted.row_class)
            and np.array_equal(mine.row_origin, wanted.row_origin)
            and np.array_equal(mine.row_first, wanted.row_first)
            and np.array_equal(mine.destination, wanted.destination)
        )


_last: list[_Mapped] = []  # one: what a planner asks next mostly begins from the same base


def warm_start(
    problem: Problem, paths: PathState, classes: tuple[VehicleClass, ...]
) -> WarmStart | None:
    """Paths of a parent run mapped by link id; None where the vehicle classes differ.

    Paths over links that are gone or closed to their class are left out; what the pair keeps takes
    their flow in proportion, or the pair is loaded anew. Where the paths lie in the graph is
    remembered, so their columns become read-only.
    """
    graph, demand = problem.graph, problem.demand_pceh
    if demand.size == 0:
        return None
    if tuple(item.name for item in classes) != tuple(item.name for item in graph.classes):
        return None
    found = next((item for item in _last if item.fits(problem, paths)), None)
    if found is None:
        found = _mapped(problem, paths)
        _last[:] = [found]
    pair = found.pair
    start, arcs, usable = _opened(problem, found)
    kept = np.flatnonzero(usable)
    pce = np.array([item.pce for item in graph.classes])
    flow = found.flow_vehh[kept] * pce[found.path_class[kept]]
    carried = np.bincount(pair[kept], weights=flow, minlength=demand.size)
    factor = np.divide(demand, carried, out=np.zeros(demand.size), where=carried > 0.0)
    shaken = np.abs(factor - 1.0) > _SAME_DEMAND
    shaken[pair[(pair >= 0) & ~usable]] = True
    first = problem.table.row_first
    return WarmStart(
        path_class=found.path_class[kept],
        pair=pair[kept],
        flow_pceh=flow * factor[pair[kept]],
        start=np.append(start[kept], start[-1]),
        links=arcs,
        shaken_rows=np.flatnonzero(np.logical_or.reduceat(shaken, first[:-1])).astype(np.int32),
    )


def _mapped(problem: Problem, given: PathState) -> _Mapped:
    """Paths sorted by pair, in the rows of the graph."""
    for item in fields(given):
        getattr(given, item.name).setflags(write=False)
    paths, path_class = given, given.class_index.astype(np.int32)
    pair = np.where(paths.flow_vehh > 0.0, _pairs(problem, paths), -1)
    order = np.flatnonzero(pair >= 0)
    if (np.diff(pair[order]) < 0).any() or (np.diff(path_class) < 0).any():
        order = order[np.argsort(pair[order], kind="stable")]
        paths, path_class, pair = _picked(paths, order), path_class[order], pair[order]
    start, arcs, exists = _driven(problem, paths, pair)
    return _Mapped(
        paths=given,
        row_of=problem.graph.row_of,
        table=problem.table,
        path_class=path_class,
        pair=pair,
        flow_vehh=paths.flow_vehh,
        start=start,
        arcs=arcs,
        exists=exists,
    )


def _opened(problem: Problem, found: _Mapped) -> tuple[IdArray, IndexArray, BoolArray]:
    """``start``, arcs and usability of the paths that are open to their class."""
    graph = problem.graph
    start, arcs = np.zeros_like(found.start), np.empty_like(found.arcs)
    usable, written = found.exists.copy(), 0
    bounds = np.searchsorted(found.path_class, np.arange(len(graph.classes) + 1))
    for k, (low, high) in enumerate(pairwise(bounds)):
        written = _copy_open(
            found.start, found.arcs, graph.open_mask[k], low, high, written, start, arcs, usable
        )
    return start, arcs[:written], usable


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
    problem: Problem, paths: PathState, pair: IdArray
) -> tuple[IdArray, IndexArray, BoolArray]:
    """``start``, arcs and existence of every path; nothing is written for one without a pair."""
    graph, table = problem.graph, problem.table
    rows = _arcs(graph, paths.links)
    row = np.maximum(np.searchsorted(table.row_first, pair, side="right") - 1, 0)
    origin = np.where(pair >= 0, table.row_origin[row], -1).astype(np.int64)
    destination = np.where(pair >= 0, table.destination[pair], -1).astype(np.int64)
    has_turns = bool((graph.link_of < 0).any())
    out = np.empty((2 if has_turns else 1) * rows.size + 2 * origin.size, dtype=np.int32)
    start = np.zeros(origin.size + 1, dtype=np.int64)
    exists = np.zeros(origin.size, dtype=np.bool_)
    written = _follow(
        paths.start, rows, origin, destination,
        graph.first_out, graph.tail, graph.head, graph.link_of, start, out, exists,
    )  # fmt: skip
    return start, out[:written], exists


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
