# ruff: noqa: ANN001, ANN202, PLR0917 - types stand in the signatures
"""Costs of the arcs of a hierarchy from the costs of its links, in one pass over all triangles."""

from dataclasses import dataclass

import numba
import numpy as np
from numba import njit, prange, types
from numpy.typing import NDArray

from simulations.traffic.arrays import (
    READ_BYTE,
    READ_FLOAT,
    READ_INDEX,
    WRITE_FLOAT,
    WRITE_INDEX,
    FloatArray,
    IndexArray,
)
from simulations.traffic.assign.elimination import Completion
from simulations.traffic.assign.portions import Portions

_MATRIX_FLOAT = types.Array(types.float64, 2, "C")
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


class Room:
    """Columns to work in, one line for each thread."""

    def __init__(self, nodes: int, *, threads: int) -> None:
        self.row_up, self.row_down = np.empty((threads, nodes)), np.empty((threads, nodes))
        self.over = np.empty((threads, 4 * nodes), dtype=np.int32)


def customise(
    completion: Completion,
    shares: Portions,
    slot: IndexArray,
    cost_s: FloatArray,
    *,
    room: Room,
    old: Metric | None = None,
) -> Metric:
    """The cheapest cost of every arc at these costs of the links.

    Parameters
    ----------
    completion, shares
    slot : (links,)
        Slot that a link lies in; -1 for links outside the hierarchy.
    cost_s : (links,)
        Not negative; +inf on closed links.
    room
    old
        Whose columns may be written over.
    """
    arcs = completion.head.size
    up, down, halves, hops = (
        (old.up, old.down, old.halves, old.hops)
        if old is not None
        else (
            np.empty(arcs),
            np.empty(arcs),
            np.empty((2 * arcs, 2), dtype=np.int32),
            np.empty(2 * arcs, dtype=np.int32),
        )
    )
    least_s = _place_links(slot, cost_s, up, down, halves, hops)
    _relax_triangles(
        completion.first, completion.tail, completion.head,
        completion.lower_first, completion.lower_arc,
        shares.first, shares.node, shares.boundary, shares.dealt, shares.is_boundary,
        room.row_up, room.row_down, room.over, up, down, halves, hops,
    )  # fmt: skip
    return Metric(cost_s, up, down, halves, hops, may_loop=least_s < _LOOP_COST_S)


@njit(
    types.float64(READ_INDEX, READ_FLOAT, WRITE_FLOAT, WRITE_FLOAT, _MATRIX_INDEX, WRITE_INDEX),
    cache=True,
    nogil=True,
)
def _place_links(slot, cost, up, down, halves, hops):
    """The cheapest link of every slot, of equal ones the first; the least cost of all."""
    up[:] = np.inf
    down[:] = np.inf
    halves[:] = _NO_LINK
    hops[:] = 1
    least = np.inf
    for link in range(slot.size):
        at = slot[link]
        if at < 0:
            continue
        least = min(least, cost[link])
        arc = at >> 1
        if at & 1:
            if cost[link] < down[arc]:
                down[arc] = cost[link]
                halves[at, 0] = -1 - link
        elif cost[link] < up[arc]:
            up[arc] = cost[link]
            halves[at, 0] = -1 - link
    return least


@njit(
    types.void(
        types.int64, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_BYTE,
        types.int64, WRITE_FLOAT, WRITE_FLOAT, WRITE_INDEX,
        WRITE_FLOAT, WRITE_FLOAT, _MATRIX_INDEX, WRITE_INDEX,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _relax_node(
    x, first, tail, head, lower_first, lower_arc, is_boundary,
    over_boundary, row_up, row_down, over, up, down, halves, hops,
):  # fmt: skip
    """Compare each arc (x, y) with the ways over nodes below both, of the boundary or not.

    The arcs of x wait in rows by head while its lower neighbours v are gone through. Their arcs
    (v, x) and (v, y) are final by then. ``over`` has four places for each node.
    """
    for a in range(first[x], first[x + 1]):
        y = head[a]
        row_up[y] = up[a]
        row_down[y] = down[a]
        over[4 * y] = -1
        over[4 * y + 2] = -1
    for q in range(lower_first[x], lower_first[x + 1]):
        i = lower_arc[q]
        if is_boundary[tail[i]] != over_boundary:
            continue
        from_v, to_v = up[i], down[i]
        for j in range(i + 1, first[tail[i] + 1]):
            y = head[j]
            through = to_v + up[j]
            if through < row_up[y]:
                row_up[y] = through
                over[4 * y] = i
                over[4 * y + 1] = j
            through = from_v + down[j]
            if through < row_down[y]:
                row_down[y] = through
                over[4 * y + 2] = i
                over[4 * y + 3] = j
    for a in range(first[x], first[x + 1]):
        y = head[a]
        up[a] = row_up[y]
        down[a] = row_down[y]
        i, j = over[4 * y], over[4 * y + 1]
        if i >= 0:
            halves[2 * a, 0] = 2 * i + 1
            halves[2 * a, 1] = 2 * j
            hops[2 * a] = hops[2 * i + 1] + hops[2 * j]
        i, j = over[4 * y + 2], over[4 * y + 3]
        if i >= 0:
            halves[2 * a + 1, 0] = 2 * j + 1
            halves[2 * a + 1, 1] = 2 * i
            hops[2 * a + 1] = hops[2 * j + 1] + hops[2 * i]


@njit(
    types.void(
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX,
        READ_INDEX, READ_INDEX, READ_INDEX, READ_INDEX, READ_BYTE,
        _MATRIX_FLOAT, _MATRIX_FLOAT, _MATRIX_INDEX,
        WRITE_FLOAT, WRITE_FLOAT, _MATRIX_INDEX, WRITE_INDEX,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def _relax_triangles(
    first, tail, head, lower_first, lower_arc,
    portion_first, portion_node, boundary, dealt, is_boundary,
    row_up, row_down, over, up, down, halves, hops,
):  # fmt: skip
    """All nodes below the boundary, then the boundary over these, then over itself."""
    for portion in prange(portion_first.size - 1):
        here = numba.get_thread_id()
        for k in range(portion_first[portion], portion_first[portion + 1]):
            _relax_node(
                portion_node[k], first, tail, head, lower_first, lower_arc, is_boundary,
                0, row_up[here], row_down[here], over[here], up, down, halves, hops,
            )  # fmt: skip
    for k in prange(dealt.size):
        here = numba.get_thread_id()
        _relax_node(
            dealt[k], first, tail, head, lower_first, lower_arc, is_boundary,
            0, row_up[here], row_down[here], over[here], up, down, halves, hops,
        )  # fmt: skip
    for x in boundary:
        _relax_node(
            x, first, tail, head, lower_first, lower_arc, is_boundary,
            1, row_up[0], row_down[0], over[0], up, down, halves, hops,
        )  # fmt: skip
