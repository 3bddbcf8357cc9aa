"""Roads of an OSM file become links between junctions: pure functions on arrays.

A link ends where ways share a node and where a way ends. Ways that cross without a common node do
not join: one of them is on a bridge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.exchange.osm_reading import Places, Ways

Inside = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lines:
    """Unbroken chains of nodes, each a part of one way.

    Parameters
    ----------
    way : (lines,)
        Row of the way.
    first : (lines + 1,)
        Where the nodes of each line begin in ``node``.
    node : (references,)
        Row of the node in the places.
    """

    way: NDArray[np.int64]
    first: NDArray[np.int64]
    node: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Links:
    """Links with their nodes; both directions of a road share one.

    Parameters
    ----------
    way : (links,)
        Row of the way.
    part : (links,)
        Number of the link along its way, from 1.
    start, end : (links,)
        Rows of the first and last node in the places.
    first : (links + 1,)
        Where the nodes of each link begin in ``node``.
    node : (references,)
        Row of the node in the places; a node where links meet occurs in each of them.
    """

    way: NDArray[np.int64]
    part: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    first: NDArray[np.int64]
    node: NDArray[np.int64]


def whole(ways: Ways, places: Places) -> NDArray[np.bool_]:
    """(ways,) Which ways have at least two nodes, and all of them in the file.

    Examples
    --------
    >>> places = Places(np.array([1, 2, 3]), np.array([0.0, 1.0, np.nan]), np.zeros(3))
    >>> ways = Ways(np.array([7, 8]), [{}, {}], np.array([0, 2, 4]), np.array([1, 2, 2, 3]))
    >>> whole(ways, places)
    array([ True, False])
    """
    count = np.diff(ways.first)
    is_missing = np.isnan(places.lon[places.rows(ways.refs)])
    owner = np.repeat(np.arange(len(ways.id)), count)
    lacking = np.bincount(owner[is_missing], minlength=len(ways.id))
    return (count > 1) & (lacking == 0)


def lines_of(ways: Ways, places: Places, *, inside: Inside | None = None) -> Lines:
    """Ways as lines of nodes that lie inside; a way that leaves and comes back becomes several.

    Parameters
    ----------
    ways
        Whole ways.
    places
        Of their nodes.
    inside : (nodes,)
        Which nodes lie inside of the city; all of them if None.

    Examples
    --------
    >>> places = Places(np.arange(5), np.arange(5.0), np.zeros(5))
    >>> ways = Ways(np.array([7]), [{}], np.array([0, 5]), np.arange(5))
    >>> lines_of(ways, places, inside=np.array([True, True, False, True, True])).first
    array([0, 2, 4])
    """
    node = places.rows(ways.refs)
    way = np.repeat(np.arange(len(ways.id)), np.diff(ways.first))
    repeats = np.zeros(node.size, dtype=bool)
    repeats[1:] = (node[1:] == node[:-1]) & (way[1:] == way[:-1])
    keep = ~repeats if inside is None else ~repeats & inside[node]
    position = np.cumsum(~repeats)[keep]  # neighbours differ by one
    node, way = node[keep], way[keep]
    begins = np.ones(node.size, dtype=bool)
    begins[1:] = (way[1:] != way[:-1]) | (np.diff(position) != 1)
    first = np.append(np.flatnonzero(begins), node.size)
    is_line = np.diff(first) > 1
    wanted = np.repeat(is_line, np.diff(first))
    lengths = np.diff(first)[is_line]
    return Lines(way[first[:-1]][is_line], np.concatenate(([0], np.cumsum(lengths))), node[wanted])


def split(lines: Lines) -> Links:
    """Lines cut at the nodes that they share, and at their ends.

    A loop that has only one such node is cut at a second one, in its middle.

    Examples
    --------
    >>> crossing = Lines(np.array([0, 1]), np.array([0, 3, 5]), np.array([0, 1, 2, 1, 3]))
    >>> split(crossing).way.tolist(), split(crossing).start.tolist(), split(crossing).end.tolist()
    ([0, 0, 1], [0, 1, 1], [1, 2, 3])
    """
    size = lines.node.size
    if size == 0:
        none = np.empty(0, dtype=np.int64)
        return Links(none, none, none, none, np.zeros(1, dtype=np.int64), none)
    uses = np.bincount(lines.node)
    begins, ends = lines.first[:-1], lines.first[1:] - 1
    is_end = np.zeros(size, dtype=bool)
    is_end[begins] = is_end[ends] = True
    is_cut = is_end | (uses[lines.node] > 1)
    start, stop = _pairs(is_cut, ends)
    loops = (lines.node[start] == lines.node[stop]) & (stop - start > 1)
    is_cut[(start[loops] + stop[loops]) // 2] = True
    start, stop = _pairs(is_cut, ends)
    line = np.searchsorted(lines.first, start, side="right") - 1
    length = stop - start + 1
    first = np.concatenate(([0], np.cumsum(length)))
    inner = np.arange(first[-1]) - np.repeat(first[:-1] - start, length)
    return Links(
        way=lines.way[line],
        part=_numbers(lines.way[line]),
        start=lines.node[start],
        end=lines.node[stop],
        first=first,
        node=lines.node[inner],
    )


def _pairs(
    is_cut: NDArray[np.bool_], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last place of every piece between two cuts of one line."""
    cuts = np.flatnonzero(is_cut)
    is_last = np.zeros(is_cut.size, dtype=bool)
    is_last[ends] = True
    goes_on = ~is_last[cuts[:-1]]
    return cuts[:-1][goes_on], cuts[1:][goes_on]


def _numbers(way: NDArray[np.int64]) -> NDArray[np.int64]:
    """Running number of each row among the rows of its way, from 1; ways stand together."""
    begins = np.flatnonzero(np.append(True, way[1:] != way[:-1]))
    counts = np.diff(np.append(begins, way.size))
    return np.arange(way.size) - np.repeat(begins, counts) + 1


def turned(links: Links, backward: NDArray[np.bool_]) -> Links:
    """The links with those of a mask (links,) turned round.

    Examples
    --------
    >>> one = split(Lines(np.array([0]), np.array([0, 3]), np.array([4, 5, 6])))
    >>> turned(one, np.array([True])).node.tolist()
    [6, 5, 4]
    """
    length = np.diff(links.first)
    place = np.arange(links.node.size)
    mirrored = np.repeat(links.first[:-1] + links.first[1:] - 1, length) - place
    return Links(
        way=links.way,
        part=links.part,
        start=np.where(backward, links.end, links.start),
        end=np.where(backward, links.start, links.end),
        first=links.first,
        node=links.node[np.where(np.repeat(backward, length), mirrored, place)],
    )
