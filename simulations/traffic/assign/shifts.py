# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915, PLR0917 - types stand in signatures
"""Compiled loops over the path pool: path costs, link volumes, and moving flow between paths."""

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
from simulations.traffic.costs import integral, time_and_slope_s

# Columns of the table of links: one line of the processor's cache per link
VOLUME, SLOPE, TIME_EMPTY, CAPACITY, PARAMETER_0, PARAMETER_1, FUNCTION, PRELOAD = range(8)
LINK_COLUMNS = 8
BLOCKS = 16  # of paths that are summed apart, so that the sum does not depend on the threads
_EMPTY_FLOW = 1e-12  # car units an hour; a path with less is not in use
_TRIALS = 30

_LINK_TABLE = types.Array(types.float64, 2, "C")
_WRITE_BOOL = types.Array(types.boolean, 1, "C")
_READ_TABLE = types.Array(types.float64, 2, "C", readonly=True)


@njit(
    types.void(
        READ_ID, READ_INDEX, READ_INDEX, READ_ID, READ_INDEX, READ_INDEX,
        READ_FLOAT, READ_FLOAT, READ_FLOAT, WRITE_FLOAT, WRITE_FLOAT, WRITE_FLOAT,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def scan(pairs, first, following, start, length, links, flow, fixed, time, cost, least, spent):
    """Write the cost of each path, and per pair the least cost and the sum of flow times cost.

    Parameters
    ----------
    pairs : (k,)
        Distinct; the others stay as they are.
    first : (pairs,)
        First path of a pair, -1 where it has none.
    following, start, length, flow, fixed : (paths,)
    links : (entries,)
    time : (links,)
    cost : (paths,)
        Out [s].
    least, spent : (pairs,)
        Out [s], [s car units/h]; ``spent`` is over the least cost of the pair.
    """
    for i in prange(pairs.size):
        pair = pairs[i]
        path = first[pair]
        cheapest = np.inf
        while path >= 0:
            one = two = three = four = 0.0
            at, end = start[path], start[path] + length[path]
            while at + 3 < end:
                one += time[links[at]]
                two += time[links[at + 1]]
                three += time[links[at + 2]]
                four += time[links[at + 3]]
                at += 4
            while at < end:
                one += time[links[at]]
                at += 1
            cost[path] = fixed[path] + ((one + two) + (three + four))
            cheapest = min(cheapest, cost[path])
            path = following[path]
        path, total = first[pair], 0.0
        while path >= 0:
            total += flow[path] * (cost[path] - cheapest)
            path = following[path]
        least[pair] = cheapest
        spent[pair] = total


@njit(
    types.void(
        READ_ID, READ_FLOAT, READ_FLOAT, READ_FLOAT, READ_FLOAT, types.float64, types.float64,
        WRITE_FLOAT, _WRITE_BOOL,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def find_gains(pairs, least, spent, shortest, demand, least_share, level, gain, better):
    """Write what each pair could gain by the cheapest path, and whether that path is worth adding.

    Parameters
    ----------
    pairs : (k,)
    least, spent, shortest, demand : (pairs,)
        As ``scan`` writes the first two; a pair without a path (infinite ``least``) gains nothing.
    least_share, level : float
        A path is worth adding if it is cheaper by more than this share and its pair gains more
        than the level [s car units/h].
    gain, better : (k,)
        Out: [s car units/h].
    """
    for i in range(pairs.size):
        pair = pairs[i]
        slack = least[pair] - shortest[pair] if least[pair] < np.inf else 0.0
        gain[i] = spent[pair] + demand[pair] * slack
        better[i] = slack > least_share * least[pair] and gain[i] > level


@njit(
    types.void(READ_ID, READ_INDEX, READ_INDEX, READ_FLOAT, _LINK_TABLE, WRITE_FLOAT),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def add_flows(start, length, links, flow, blocks, total):
    """Add the flows of paths to link volumes; ``blocks`` (BLOCKS, links) is room to work in."""
    count = start.size
    for block in prange(BLOCKS):
        mine = blocks[block]
        mine[:] = 0.0
        for path in range(block * count // BLOCKS, (block + 1) * count // BLOCKS):
            if flow[path] > 0.0:
                for at in range(start[path], start[path] + length[path]):
                    mine[links[at]] += flow[path]
    for link in range(total.size):
        for block in range(BLOCKS):
            total[link] += blocks[block, link]


@njit(types.UniTuple(types.float64, 2)(_LINK_TABLE, types.int64, types.float64), cache=True)
def _at(link, a, volume):
    """Time and slope of a link at a volume."""
    return time_and_slope_s(
        int(link[a, FUNCTION]), link[a, PARAMETER_0], link[a, PARAMETER_1], 0.0,
        link[a, TIME_EMPTY], link[a, CAPACITY], volume,
    )  # fmt: skip


@njit(types.void(_LINK_TABLE, READ_FLOAT, WRITE_FLOAT), cache=True, nogil=True)
def set_volumes(link, volume, time):
    """Take the volumes of the assigned flow; preload, time and slope follow."""
    for a in range(volume.size):
        link[a, VOLUME] = volume[a] + link[a, PRELOAD]
        time[a], link[a, SLOPE] = _at(link, a, link[a, VOLUME])


@njit(types.void(_LINK_TABLE, READ_ID, READ_INDEX, READ_FLOAT, WRITE_FLOAT), cache=True, nogil=True)
def load_paths(link, start, links, flow, time):
    """Add the flow of new paths, ``links[start[i]:start[i + 1]]``; time and slope follow."""
    for path in range(flow.size):
        for at in range(start[path], start[path + 1]):
            link[links[at], VOLUME] += flow[path]
    if start[flow.size] - start[0] > time.size:
        for a in range(time.size):
            time[a], link[a, SLOPE] = _at(link, a, link[a, VOLUME])
        return
    for at in range(start[0], start[flow.size]):
        a = links[at]
        time[a], link[a, SLOPE] = _at(link, a, link[a, VOLUME])


@njit(types.float64(_READ_TABLE), cache=True, nogil=True)
def sum_of_integrals(link):
    """The flow-dependent part of Beckmann's objective [s car units/h]."""
    total = 0.0
    for a in range(link.shape[0]):
        row = link[a]
        total += integral(
            int(row[FUNCTION]), row[PARAMETER_0], row[PARAMETER_1], 0.0,
            row[TIME_EMPTY], row[CAPACITY], row[VOLUME],
        )  # fmt: skip
    return total


@njit(
    types.UniTuple(types.float64, 2)(
        _LINK_TABLE, WRITE_INDEX, types.int64, types.int64, types.float64, types.float64,
        WRITE_FLOAT, WRITE_FLOAT,
    ),
    cache=True,
)  # fmt: skip
def _try_shift(link, differing, leaving, count, fixed, shift, time, slope):
    """Cost difference after a shift, and the slopes of the links that gain flow.

    ``differing[:leaving]`` lose the shift, the rest up to ``count`` gain it.
    """
    difference, gaining = fixed, 0.0
    for i in range(leaving):
        a = differing[i]
        time[i], slope[i] = _at(link, a, link[a, VOLUME] - shift)
        difference += time[i]
    for i in range(leaving, count):
        a = differing[i]
        time[i], slope[i] = _at(link, a, link[a, VOLUME] + shift)
        difference -= time[i]
        gaining += slope[i]
    return difference, gaining


@njit(
    types.float64(
        _LINK_TABLE, WRITE_INDEX, types.int64, types.int64, types.float64, types.float64,
        types.float64, WRITE_FLOAT, WRITE_FLOAT, WRITE_FLOAT,
    ),
    cache=True,
)  # fmt: skip
def _shift(link, differing, leaving, count, fixed, before, available, time, new_time, new_slope):
    """Move flow between the links in which two paths differ; the flow moved [car units/h].

    The objective falls with certainty: its derivative is minus the cost difference D, which falls
    with the shift s. Either D is still not negative at s, or s times an upper bound of its slope
    on the way (slopes now of the links that lose, slopes then of those that gain: times are
    convex) is at most 2 D(0).
    """
    losing = gaining = 0.0
    for i in range(leaving):
        losing += link[differing[i], SLOPE]
    for i in range(leaving, count):
        gaining += link[differing[i], SLOPE]
    shift = available
    if losing + gaining > 0.0:
        shift = min(available, before / (losing + gaining))
    for trial in range(_TRIALS):
        after, gained = _try_shift(
            link, differing, leaving, count, fixed, shift, new_time, new_slope
        )
        if after >= 0.0 or shift * (losing + gained) <= 2.0 * before:
            break
        shift *= 0.5 if trial % 2 else before / (before - after)  # halve in turn: it must end
    else:
        return 0.0
    for i in range(count):
        a = differing[i]
        link[a, VOLUME] += shift if i >= leaving else -shift
        time[a], link[a, SLOPE] = new_time[i], new_slope[i]
    return shift


@njit(
    types.void(
        READ_ID, WRITE_INDEX, WRITE_INDEX, READ_ID, WRITE_INDEX, READ_INDEX,
        WRITE_FLOAT, READ_FLOAT, WRITE_FLOAT, WRITE_FLOAT, _LINK_TABLE,
        WRITE_ID, WRITE_INDEX, WRITE_FLOAT, WRITE_FLOAT, WRITE_ID, types.float64,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def shift_pairs(
    pairs, first, following, start, length, links,
    flow, fixed, cost, time, link,
    mark, differing, new_time, new_slope, tally, negligible,
):  # fmt: skip
    """Move flow of each pair from its dearer paths to its cheapest one, link costs following.

    Parameters
    ----------
    pairs : (k,)
        Which pairs, in this order.
    first, following, start, length, links
        The pool; a path that runs empty is unlinked, its length becomes negative.
    flow, fixed, cost : (paths,)
    time, link : (links,), (links, LINK_COLUMNS)
    mark : (links,)
        Tickets; larger than all of them is ``tally[0]``.
    differing, new_time, new_slope : (links,)
        Room to work in.
    tally : (2,)
        Last ticket; entries of paths that were unlinked.
    negligible : float
        Excess of a path [s car units/h] that is not worth a shift.
    """
    for pair in pairs:
        path, best = first[pair], first[pair]
        if best < 0:
            continue
        while path >= 0:
            total = fixed[path]
            for at in range(start[path], start[path] + length[path]):
                total += time[links[at]]
            cost[path] = total
            if total < cost[best]:
                best = path
            path = following[path]
        tally[0] += 2
        ticket = tally[0]
        for at in range(start[best], start[best] + length[best]):
            mark[links[at]] = ticket
        path = first[pair]
        while path >= 0:
            if path != best and flow[path] * (cost[path] - cost[best]) > negligible:
                count = 0
                before = fixed[path] - fixed[best]
                for at in range(start[path], start[path] + length[path]):
                    a = links[at]
                    if mark[a] == ticket:
                        mark[a] = ticket + 1
                    else:
                        differing[count] = a
                        count += 1
                        before += time[a]
                leaving = count
                for at in range(start[best], start[best] + length[best]):
                    a = links[at]
                    if mark[a] == ticket + 1:
                        mark[a] = ticket
                    else:
                        differing[count] = a
                        count += 1
                        before -= time[a]
                if before > 0.0:
                    moved = _shift(
                        link, differing, leaving, count, fixed[path] - fixed[best], before,
                        flow[path], time, new_time, new_slope,
                    )  # fmt: skip
                    flow[best] += moved
                    flow[path] -= moved
            path = following[path]
        last, path = -1, first[pair]
        while path >= 0:
            if path != best and flow[path] <= _EMPTY_FLOW:
                flow[best] += flow[path]
                flow[path] = 0.0
                tally[1] += length[path]
                length[path] = -length[path]
                if last < 0:
                    first[pair] = following[path]
                else:
                    following[last] = following[path]
            else:
                last = path
            path = following[path]
