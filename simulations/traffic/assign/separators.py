# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - types stand in the signatures
"""The smallest set of nodes between two ends of a graph, by unit flows through nodes."""

import numpy as np
from numba import njit

_ENDS_HERE = -2  # beyond the first or the last node of a flow path
_UNUSED = -1

SIDE_A, SIDE_B, CUT = 0, 1, 2


@njit("void(int32[::1], int64, int32[:,::1])", cache=True, nogil=True)
def _shift(stack, depth, path):
    """Move the flow along the states of the stack; ``path`` holds node before and node after."""
    path[0, stack[0] >> 1] = _ENDS_HERE
    for i in range(depth):
        v, leaves = stack[i] >> 1, stack[i] & 1
        w, leaves_then = stack[i + 1] >> 1, stack[i + 1] & 1
        if leaves and not leaves_then:
            if v == w:  # its unit now takes another way
                path[0, v] = _UNUSED
                path[1, v] = _UNUSED
            else:
                path[1, v] = w
                path[0, w] = v
    path[1, stack[depth] >> 1] = _ENDS_HERE


@njit(
    "boolean(int64, int32[::1], int32[::1], int8[::1], int32[:,::1], boolean[:,::1],"
    "int32[::1], int32[::1])",
    cache=True,
    nogil=True,
)
def _push(source, first, neighbour, end, path, seen, edge, stack):
    """Whether one more unit gets from this source to a sink; it is sent at once.

    States are 2 v (entering v) and 2 v + 1 (leaving v). A used node is entered only to push its
    unit back to the node before it.
    """
    depth = 0
    stack[0] = 2 * source
    seen[0, source] = True
    while depth >= 0:
        v, leaves = stack[depth] >> 1, stack[depth] & 1
        then = -1
        if not leaves:
            u = v if path[1, v] == _UNUSED else path[0, v]
            if u >= 0 and not seen[1, u]:
                then = 2 * u + 1
        elif end[v] == SIDE_B and path[1, v] != _ENDS_HERE:
            _shift(stack, depth, path)
            return True
        else:
            while then < 0 and edge[v] < first[v + 1]:
                w = neighbour[edge[v]]
                edge[v] += 1
                if not seen[0, w] and w != path[1, v]:
                    then = 2 * w
            if then < 0 and path[1, v] != _UNUSED and not seen[0, v]:
                then = 2 * v
        if then < 0:
            depth -= 1
            continue
        depth += 1
        stack[depth] = then
        seen[then & 1, then >> 1] = True
    return False


@njit("int64(int32[::1], int32[::1], int8[::1], int64, int8[::1])", cache=True, nogil=True)
def smallest_cut(first, neighbour, end, most, side):
    """Size of the smallest node cut between two ends; ``side`` receives the parts.

    Stops early with a size above ``most`` and without parts.

    Parameters
    ----------
    first, neighbour : (nodes + 1,), (2 edges,)
        int32; neighbours of every node.
    end : (nodes,)
        int8; ``SIDE_A`` and ``SIDE_B`` for the nodes fixed on either side, else -1. They may
        become part of the cut.
    most : int
        Cuts above this size are of no use.
    side : (nodes,)
        int8; receives ``SIDE_A``, ``SIDE_B`` or ``CUT``.
    """
    count = len(end)
    path = np.full((2, count), _UNUSED, np.int32)
    seen = np.zeros((2, count), np.bool_)
    edge = np.empty(count, np.int32)
    stack = np.empty(2 * count + 1, np.int32)
    units, before = 0, -1
    while units > before and units <= most:
        before = units
        seen[:] = False
        edge[:] = first[:-1]
        for v in range(count):
            if (
                end[v] == SIDE_A
                and not seen[0, v]
                and _push(v, first, neighbour, end, path, seen, edge, stack)
            ):
                units += 1
    for v in range(count):
        side[v] = SIDE_A if seen[1, v] else CUT if seen[0, v] else SIDE_B
    return units
