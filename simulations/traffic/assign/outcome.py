# ruff: noqa: ANN001, ANN202, PLR0917 - the types of the kernels stand in their signatures
"""What the solver found as the result that others read, and the check that no trip was lost."""

import numpy as np
from numba import njit, types

from simulations.traffic.arrays import (
    READ_FLOAT,
    READ_ID,
    READ_INDEX,
    WRITE_FLOAT,
    WRITE_ID,
    FloatArray,
    IdArray,
)
from simulations.traffic.assign.paths import PathFlows
from simulations.traffic.assign.solve import Equilibrium, Problem
from simulations.traffic.graph import RoadGraph
from twin.errors import SolveError
from twin.model.traffic import PathState

_LOST_TRIPS = 1e-9  # relative to the demand of a pair, or car units an hour per 1,000 of a node


@njit(
    types.void(READ_ID, READ_ID, READ_INDEX, READ_INDEX, READ_FLOAT, WRITE_FLOAT),
    cache=True, nogil=True,
)  # fmt: skip
def _add_to_links(chosen, start, length, links, flow, total):
    """Add the flows of some paths to their links."""
    for path in chosen:
        for at in range(start[path], start[path] + length[path]):
            total[links[at]] += flow[path]


def class_flows(problem: Problem, flows: PathFlows) -> FloatArray:
    """Flow by class on every arc [vehicles/h], (classes, arcs)."""
    graph = problem.graph
    path_class = problem.pair_class[flows.pair]
    out = np.zeros((len(graph.classes), graph.tail.size))
    for k, item in enumerate(graph.classes):
        mine = np.flatnonzero((path_class == k) & (flows.flow_pceh > 0.0))
        _add_to_links(
            mine, flows.start, flows.length, flows.links, flows.flow_pceh / item.pce, out[k]
        )
    return out


def check_conservation(problem: Problem, flows: PathFlows, flow_vehh: FloatArray) -> None:
    """Refuse flows that lose or invent trips, at a pair or at a node.

    Raises
    ------
    SolveError
        That is a fault of the solver.
    """
    graph, table, demand = problem.graph, problem.table, problem.demand_pceh
    carried = np.bincount(flows.pair, weights=flows.flow_pceh, minlength=demand.size)
    wrong = np.abs(carried - demand) > _LOST_TRIPS * np.maximum(demand, 1.0)
    if wrong.any() or (flows.flow_pceh < 0.0).any():
        raise SolveError(
            f"{int(wrong.sum())} pairs carry another flow than their demand, for instance pair "
            f"{int(np.argmax(wrong))}; this is a fault of the solver: please report it"
        )
    row = np.repeat(np.arange(table.row_class.size), np.diff(table.row_first))
    for k, item in enumerate(graph.classes):
        mine = problem.pair_class == k
        trips = demand[mine] / item.pce
        out = np.bincount(graph.tail, weights=flow_vehh[k], minlength=graph.nodes)
        into = np.bincount(graph.head, weights=flow_vehh[k], minlength=graph.nodes)
        begin = np.bincount(table.row_origin[row[mine]], weights=trips, minlength=graph.nodes)
        end = np.bincount(table.destination[mine], weights=trips, minlength=graph.nodes)
        error = np.abs(out + end - into - begin)
        if (error > _LOST_TRIPS * np.maximum(1000.0, out + into)).any():
            worst = int(np.argmax(error))
            raise SolveError(
                f"class {item.name} gains or loses {error[worst]:g} veh/h at node "
                f"{graph.node_id[worst]}; this is a fault of the solver: please report it"
            )


def path_state(problem: Problem, flows: PathFlows) -> PathState:
    """The paths that carry flow, sorted by pair, as link ids."""
    graph, table = problem.graph, problem.table
    used = np.flatnonzero(flows.flow_pceh > 0.0)
    used = used[np.argsort(flows.pair[used], kind="stable")]
    pair = flows.pair[used]
    row = np.repeat(np.arange(table.row_class.size), np.diff(table.row_first))[pair]
    start, link_id = _links(graph, flows, used)
    pce = np.array([item.pce for item in graph.classes])
    return PathState(
        class_index=problem.pair_class[pair].astype(np.uint8),
        origin=graph.node_id[table.row_origin[row]],
        destination=graph.node_id[table.destination[pair]],
        flow_vehh=flows.flow_pceh[used] / pce[problem.pair_class[pair]],
        start=start,
        links=link_id,
    )


def gap_by_class(problem: Problem, found: Equilibrium) -> tuple[float, ...]:
    """Relative gap of each class; 0 where a class has no trips."""
    count = len(problem.graph.classes)
    gained = np.bincount(problem.pair_class, weights=found.excess, minlength=count)
    shortest = np.bincount(
        problem.pair_class, weights=problem.demand_pceh * found.shortest_s, minlength=count
    )
    total = gained + shortest
    return tuple(np.divide(gained, total, out=np.zeros(count), where=total > 0.0).tolist())


@njit(
    types.int64(
        READ_ID, READ_ID, READ_INDEX, READ_INDEX, READ_INDEX, READ_ID, WRITE_ID, WRITE_ID
    ),
    cache=True, nogil=True,
)  # fmt: skip
def _write_ids(chosen, begin, length, links, link_of, link_id, start, out):
    """Write the link ids of some paths without turn arcs, and where each begins; the entries."""
    entry = 0
    for i in range(chosen.size):
        start[i] = entry
        path = chosen[i]
        for at in range(begin[path], begin[path] + length[path]):
            if link_of[links[at]] >= 0:
                out[entry] = link_id[links[at]]
                entry += 1
    start[chosen.size] = entry
    return entry


def _links(graph: RoadGraph, flows: PathFlows, chosen: IdArray) -> tuple[IdArray, IdArray]:
    """``start`` and link ids of some paths."""
    start = np.empty(chosen.size + 1, dtype=np.int64)
    out = np.empty(int(np.sum(flows.length[chosen])), dtype=np.int64)
    entries = _write_ids(
        chosen, flows.start, flows.length, flows.links, graph.link_of, graph.link_id, start, out
    )
    return start, out[:entries]
