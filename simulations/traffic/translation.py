"""Paths between a network, where they are link ids, and its graph, where they are arcs."""

import numpy as np

from simulations.traffic.arrays import BoolArray, IdArray, IndexArray
from simulations.traffic.graph import RoadGraph


def to_links(
    graph: RoadGraph, *, start: IdArray, arcs: IndexArray | IdArray
) -> tuple[IdArray, IdArray]:
    """Paths of arcs as paths of link ids; turn arcs disappear.

    Parameters
    ----------
    start : (paths + 1,)
        Path p uses ``arcs[start[p]:start[p + 1]]``.
    arcs : (entries,)

    Returns
    -------
    start, link ids
    """
    ids = graph.link_id[arcs]
    before = np.concatenate(([0], np.cumsum(graph.link_of[arcs] >= 0)))
    return before[start], ids[graph.link_of[arcs] >= 0]


def to_arcs(
    graph: RoadGraph, *, start: IdArray, link_id: IdArray, origin: IdArray, destination: IdArray
) -> tuple[IdArray, IndexArray, BoolArray]:
    """Paths of link ids as paths of arcs, with the turn arcs between the links.

    Parameters
    ----------
    start : (paths + 1,)
    link_id : (entries,)
    origin, destination : (paths,)
        Node ids where the paths begin and end.

    Returns
    -------
    start : (paths + 1,)
    arcs : (entries,)
        Nothing for a path that is not whole.
    is_whole : (paths,)
        Every link exists and follows the one before from origin to destination. Whether a class
        may use the arcs is another question.
    """
    paths = np.repeat(np.arange(origin.size), np.diff(start))
    row, known = _arcs_by_id(graph, link_id)
    first = np.zeros(row.size, dtype=np.bool_)
    first[start[:-1][np.diff(start) > 0]] = True
    last = np.roll(first, -1)
    begin, end = _nodes_by_id(graph, origin), _nodes_by_id(graph, destination)
    before = np.where(first, begin[paths], np.roll(graph.head[row], 1))
    entry, entered = _turn_arcs(graph, before, graph.tail[row])
    leave, left = _turn_arcs(graph, graph.head[row], np.where(last, end[paths], graph.head[row]))
    is_whole = np.diff(start) > 0
    is_whole[paths[~(known & entered & left)]] = False
    # per entry: the turn arc before it, its own arc, the turn arc behind the last one
    steps = np.stack((entry, row, leave), axis=1)
    used = (steps >= 0) & is_whole[paths][:, None]
    counts = np.bincount(paths, weights=used.sum(axis=1), minlength=origin.size)
    new_start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return new_start, steps[used].astype(np.int32), is_whole


def _arcs_by_id(graph: RoadGraph, link_id: IdArray) -> tuple[IdArray, BoolArray]:
    """Arcs of link ids, and whether there are such; arc 0 where not."""
    order = np.argsort(graph.link_id, kind="stable")
    found = np.minimum(np.searchsorted(graph.link_id[order], link_id), graph.arcs - 1)
    row = order[found]
    known = (graph.link_id[row] == link_id) & (graph.link_of[row] >= 0)
    return np.where(known, row, 0), known


def _nodes_by_id(graph: RoadGraph, node_id: IdArray) -> IdArray:
    """Node rows of node ids, never a copy; -1 where there is none."""
    originals = graph.node_id[: graph.network.node_id.size]
    found = np.minimum(np.searchsorted(originals, node_id), originals.size - 1)
    return np.where(originals[found] == node_id, found, -1)


def _turn_arcs(
    graph: RoadGraph, tail: IdArray | IndexArray, head: IdArray | IndexArray
) -> tuple[IdArray, BoolArray]:
    """Turn arcs between nodes that differ, -1 where none is needed; and whether one gets across."""
    turn = np.flatnonzero(graph.link_of < 0)
    # arcs are sorted by tail and head, so their codes are too
    codes = graph.tail[turn].astype(np.int64) * graph.nodes + graph.head[turn]
    wanted = np.asarray(tail, dtype=np.int64) * graph.nodes + head
    needed = tail != head
    if turn.size == 0:
        return np.full(wanted.size, -1, dtype=np.int64), ~needed
    found = np.minimum(np.searchsorted(codes, wanted), turn.size - 1)
    exists = codes[found] == wanted
    return np.where(needed & exists, turn[found], -1), ~needed | exists
