"""The paths of another run as a place to begin from."""

import numpy as np

from simulations.traffic.arrays import IdArray
from simulations.traffic.assign.solve import Problem, WarmStart
from simulations.traffic.translation import to_arcs
from twin.model.traffic import PathState, VehicleClass

_SAME_DEMAND = 1e-9  # relative


def warm_start(
    problem: Problem, paths: PathState, classes: tuple[VehicleClass, ...]
) -> WarmStart | None:
    """Paths of a parent run mapped by link id; None where the vehicle classes differ.

    Paths over links that are gone or closed to their class are left out; what the pair keeps takes
    their flow in proportion, or the pair is loaded anew.
    """
    graph = problem.graph
    if tuple(item.name for item in classes) != tuple(item.name for item in graph.classes):
        return None
    start, arcs, is_whole = to_arcs(
        graph, start=paths.start, link_id=paths.links, origin=paths.origin,
        destination=paths.destination,
    )  # fmt: skip
    class_index = paths.class_index.astype(np.int32)
    is_open = graph.open_mask[np.repeat(class_index, np.diff(start)), arcs]
    closed = np.concatenate(([0], np.cumsum(~is_open)))
    usable = is_whole & (closed[start[1:]] == closed[start[:-1]])
    pair = _pairs(problem, paths)
    kept = np.flatnonzero(usable & (pair >= 0) & (paths.flow_vehh > 0.0))
    kept = kept[np.argsort(pair[kept], kind="stable")]
    pce = np.array([item.pce for item in graph.classes])
    flow = paths.flow_vehh * pce[class_index]
    carried = np.bincount(pair[kept], weights=flow[kept], minlength=problem.demand_pceh.size)
    lost = np.zeros(problem.demand_pceh.size, dtype=np.bool_)
    lost[pair[(pair >= 0) & ~usable]] = True
    lost |= carried <= 0.0
    factor = np.divide(
        problem.demand_pceh, carried, out=np.zeros(carried.size), where=carried > 0.0
    )
    lost |= np.abs(factor - 1.0) > _SAME_DEMAND
    length = np.diff(start)[kept]
    new_start = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
    entries = np.repeat(start[kept] - new_start[:-1], length) + np.arange(new_start[-1])
    rows = np.searchsorted(problem.table.row_first, np.flatnonzero(lost), side="right") - 1
    return WarmStart(
        path_class=class_index[kept],
        pair=pair[kept],
        flow_pceh=flow[kept] * factor[pair[kept]],
        start=new_start,
        links=arcs[entries],
        shaken_rows=np.unique(rows).astype(np.int32),
    )


def _pairs(problem: Problem, paths: PathState) -> IdArray:
    """Pair of each path, -1 where there is no demand any more."""
    graph, table = problem.graph, problem.table
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
    zone_id, zone = graph.zone_id, graph.zone
    code = np.zeros(first.size, dtype=np.int64)
    exists = np.ones(first.size, dtype=np.bool_)
    for column in (paths.origin[first], paths.destination[first]):
        at = np.minimum(np.searchsorted(zone_id, column), max(zone_id.size - 1, 0))
        exists &= zone_id[at] == column
        code = code * nodes + zone[at]
    code += paths.class_index[first].astype(np.int64) * nodes * nodes
    at = np.minimum(np.searchsorted(known, code), max(known.size - 1, 0))
    found = np.where(exists & (known[at] == code), at, -1)
    return np.repeat(found, np.diff(np.append(first, paths.origin.size)))
