"""What stands in the way of trips that have no path."""

from collections.abc import Iterator

import numpy as np

from simulations.traffic.arrays import BoolArray, IndexArray
from simulations.traffic.classes import rights
from simulations.traffic.graph import RoadGraph
from twin.model.traffic import UnservedReason

_NO_CONNECTION: UnservedReason = "no_connection"


def _lifted(graph: RoadGraph, class_index: int) -> Iterator[tuple[UnservedReason, BoolArray]]:
    """Open arcs when weight, then axle, height, mask and closure no longer count."""
    item = graph.classes[class_index]
    right = rights(graph.network, item, mask=graph.mask, link_of=graph.link_of)
    yield "weight", ~(right.axle | right.height | right.mask | right.closure)
    yield "axle", ~(right.height | right.mask | right.closure)
    yield "height", ~(right.mask | right.closure)
    yield "mask", ~right.closure
    yield "closure", np.ones(graph.arcs, dtype=np.bool_)


def reasons(
    graph: RoadGraph, class_index: int, *, origin: IndexArray, destination: IndexArray
) -> tuple[UnservedReason, ...]:
    """Why pairs without a path have none.

    The obstacles weight, axle, height, mask and closure are lifted one after the other, without
    putting them back; the one that opens a path is the reason.

    Parameters
    ----------
    class_index : int
    origin, destination : (pairs,)
        Node rows of pairs that the class cannot connect.
    """
    if origin.size == 0:
        return ()
    found = np.full(origin.size, _NO_CONNECTION, dtype=object)
    left = np.arange(origin.size)
    for reason, is_open in _lifted(graph, class_index):
        if left.size == 0:
            break
        opened = graph.reach(is_open).connects(origin[left], destination[left])
        found[left[opened]] = reason
        left = left[~opened]
    return tuple(found.tolist())
