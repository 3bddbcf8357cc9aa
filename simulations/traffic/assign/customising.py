# ruff: noqa: ANN001, ANN202, PLR0917 - types stand in the signatures
"""Costs of the arcs of a hierarchy from the costs of its links, in one pass over all triangles."""

from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from simulations.traffic.arrays import (
    READ_FLOAT,
    READ_INDEX,
    WRITE_FLOAT,
    WRITE_INDEX,
    FloatArray,
    IndexArray,
)
from simulations.traffic.assign.elimination import Completion

_MATRIX_INDEX = types.Array(types.int32, 2, "C")
_LOOP_COST_S = 1e-6  # a loop of links that each cost more is no matter of rounding
_NO_LINK = np.iinfo(np.int32).min


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """What the arcs of a hierarchy cost, and what they stand for.

    A *slot* is an arc in one direction: 2 a upwards, 2 a + 1 downwards.

    Parameters
    ----------
    link_cost : (links,)
    up, down : (arcs,)
        Cost of the arc from tail to head and back [s]; +inf where nothing leads.
    halves : (2 arcs, 2)
        The two slots that a slot stands for, in driving order; -1 - link where it is a link.
    hops : (2 arcs,)
        Links that a slot stands for.
    may_loop : bool
        Some link costs so little that a loop of such links may hide in a cheapest path.
    """

    link_cost: FloatArray
    up: FloatArray
    down: FloatArray
    halves: NDArray[np.int32]
    hops: IndexArray
    may_loop: bool


def customise(completion: Completion, slot: IndexArray, cost_s: FloatArray) -> Metric:
    """The cheapest cost of every arc at these costs of the links.

    Parameters
    ----------
    completion
    slot : (links,)
        Slot that a link lies in; -1 for links outside the hierarchy.
    cost_s : (links,)
        Not negative; +inf on closed links.
    """
    arcs = completion.head.size
    metric = Metric(
        link_cost=cost_s,
        up=np.full(arcs, np.inf),
        down=np.full(arcs, np.inf),
        halves=np.empty((2 * arcs, 2), dtype=np.int32),
        hops=np.empty(2 * arcs, dtype=np.int32),
        may_loop=bool(np.any(cost_s[slot >= 0] < _LOOP_COST_S)),
    )
    _place_links(slot, cost_s, metric.up, metric.down, metric.halves)
    _relax_triangles(
        completion.first, completion.tail, completion.head,
        completion.lower_first, completion.lower_arc,
        metric.up, metric.down, metric.halves, metric.hops,
    )  # fmt: skip
    return metric


@njit(
    types.void(READ_INDEX, READ_FLOAT, WRITE_FLOAT, WRITE_FLOAT, _MATRIX_INDEX),
    cache=True,
    nogil=True,
)
def _place_links(slot, cost, up, down, halves):
    """The cheapest link of every slot; of equal ones the first."""
    halves[:] = _NO_LINK
    for link in range(slot.size):
        at = slot[link]
        if at < 0:
            continue
        arc = at >> 1
        if at & 1:
            if cost[link] < down[arc]:
                down[arc] = cost[link]
                halves[at, 0] = -1 - link
        elif cost[link] < up[arc]:
            up[arc] = cost[link]
            halves[at, 0] = -1 - link


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX,
        WRITE_FLOAT, WRITE_FLOAT, _MATRIX_INDEX, WRITE_INDEX,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _relax_triangles(first, tail, head, lower_first, lower_arc, up, down, halves, hops):
    """Compare each arc (x, y) with the ways over all nodes below both.

    The arcs of x wait in rows by head while its lower neighbours v are gone through. Their arcs
    (v, x) and (v, y) are final by then.
    """
    count = first.size - 1
    row_up, row_down = np.empty(count), np.empty(count)
    over_up, over_down = np.empty((count, 2), np.int32), np.empty((count, 2), np.int32)
    for x in range(count):
        for a in range(first[x], first[x + 1]):
            y = head[a]
            row_up[y] = up[a]
            row_down[y] = down[a]
            over_up[y, 0] = -1
            over_down[y, 0] = -1
        for q in range(lower_first[x], lower_first[x + 1]):
            i = lower_arc[q]
            from_v, to_v = up[i], down[i]
            for j in range(i + 1, first[tail[i] + 1]):
                y = head[j]
                through = to_v + up[j]
                if through < row_up[y]:
                    row_up[y] = through
                    over_up[y, 0] = i
                    over_up[y, 1] = j
                through = from_v + down[j]
                if through < row_down[y]:
                    row_down[y] = through
                    over_down[y, 0] = i
                    over_down[y, 1] = j
        for a in range(first[x], first[x + 1]):
            y = head[a]
            up[a] = row_up[y]
            down[a] = row_down[y]
            hops[2 * a] = 1
            hops[2 * a + 1] = 1
            i, j = over_up[y, 0], over_up[y, 1]
            if i >= 0:
                halves[2 * a, 0] = 2 * i + 1
                halves[2 * a, 1] = 2 * j
                hops[2 * a] = hops[2 * i + 1] + hops[2 * j]
            i, j = over_down[y, 0], over_down[y, 1]
            if i >= 0:
                halves[2 * a + 1, 0] = 2 * j + 1
                halves[2 * a + 1, 1] = 2 * i
                hops[2 * a + 1] = hops[2 * j + 1] + hops[2 * i]
