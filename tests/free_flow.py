"""A small traffic engine as a third party would write it, and the bases that tests start from.

It is exact where no time depends on the volume: everybody takes the fastest path.
"""

import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
from grids import build_demand, build_network
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from simulations.traffic.edits import apply
from twin.errors import NoCompletePassError, SolveError
from twin.model.bases import BASE_PART, BaseFacts, StoredBase, TrafficBase
from twin.model.network import CostFunction, Network
from twin.model.packing import pack
from twin.model.provenance import Provenance
from twin.model.scenarios import Scenario
from twin.model.targets import TARGETS_PART, target_names
from twin.model.times import utc_now
from twin.model.traffic import (
    Demand,
    PathState,
    RunEstimate,
    SolveOptions,
    SolvePass,
    TrafficResult,
    Unserved,
    UnservedReason,
)
from twin.ports import SolveControl, Store

BYTES_PER_LINK = 1000


class FreeFlow:
    """Fastest paths of one class; an endless one looks for the first path until it is stopped."""

    name = "free_flow"
    version = "1"

    def __init__(self, *, endless: bool = False) -> None:
        self._endless = endless

    def estimate(self, network: Network, demand: Demand, options: SolveOptions) -> RunEstimate:
        del demand, options
        return RunEstimate(seconds=0.1, memory_bytes=BYTES_PER_LINK * network.link_id.size)

    def solve(
        self,
        network: Network,
        demand: Demand,
        scenario: Scenario | None = None,
        *,
        options: SolveOptions,
        warm: TrafficResult | None = None,
        control: SolveControl | None = None,
    ) -> TrafficResult:
        del warm
        assumptions: tuple[str, ...] = ()
        if scenario is not None:
            edited = apply(network, demand, scenario)
            network, demand, assumptions = edited.network, edited.demand, edited.assumptions
        if np.any(network.cost_function != CostFunction.FIXED):
            raise SolveError("free_flow computes no congestion; use links with fixed times")
        paths = [
            self._path(network, int(a), int(b), row, control)
            for row, (a, b) in enumerate(zip(demand.origin, demand.destination, strict=True))
        ]
        return _result(network, demand, paths, options, assumptions)

    def _path(
        self,
        network: Network,
        origin: int,
        destination: int,
        row: int,
        control: SolveControl | None,
    ) -> list[int] | None:
        pause = threading.Event()
        while control is not None:
            control.progress("path", row, float("nan"))
            if control.cancelled():
                raise NoCompletePassError("stopped before all paths were known")
            if not self._endless:
                break
            pause.wait(0.01)
        usable = np.flatnonzero(network.mask & 1)
        row_of = {int(node): at for at, node in enumerate(network.node_id)}
        tail = np.array([row_of[int(node)] for node in network.tail[usable]])
        head = np.array([row_of[int(node)] for node in network.head[usable]])
        size = (len(row_of), len(row_of))
        times = csr_array((network.t0_s[usable], (tail, head)), shape=size)
        _, before = dijkstra(times, indices=row_of[origin], return_predecessors=True)
        link_of = dict(zip(zip(tail, head, strict=True), network.link_id[usable], strict=True))
        nodes = [row_of[destination]]
        while nodes[-1] != row_of[origin]:
            if before[nodes[-1]] < 0:
                return None
            nodes.append(before[nodes[-1]])
        return [int(link_of[step]) for step in pairwise(nodes[::-1])]


def _result(
    network: Network,
    demand: Demand,
    paths: list[list[int] | None],
    options: SolveOptions,
    assumptions: tuple[str, ...],
) -> TrafficResult:
    links = network.link_id.size
    at = {int(link): row for row, link in enumerate(network.link_id)}
    flow = np.zeros((1, links))
    served = np.array([path is not None for path in paths], dtype=bool)
    for path, vehicles in zip(paths, demand.flow_vehh, strict=True):
        for link in path or ():
            flow[0, at[link]] += vehicles
    found = [path for path in paths if path is not None]
    total = float(flow[0] @ network.t0_s)
    reasons: tuple[UnservedReason, ...] = ("closure",) * int((~served).sum())
    return TrafficResult(
        link_id=network.link_id,
        classes=demand.classes,
        flow_vehh=flow,
        volume_pceh=flow[0] + network.preload_pceh,
        t0_s=network.t0_s,
        time_s=network.t0_s,
        capacity_pceh=network.capacity_pceh,
        is_flow_dependent=np.zeros(links, dtype=bool),
        movement_pceh=np.zeros(links),
        relative_gap=0.0,
        gap_by_class=(0.0,),
        excess_s=0.0,
        objective=total,
        lower_bound=total,
        total_time_pce_s=total,
        shortest_time_pce_s=total,
        status="converged",
        passes=(SolvePass(1, 0.0, 0.0, total, len(found)),),
        served_vehh=np.array([demand.flow_vehh[served].sum()]),
        intrazonal_vehh=np.zeros(1),
        unserved=Unserved(
            demand.class_index[~served],
            demand.origin[~served],
            demand.destination[~served],
            demand.flow_vehh[~served],
            reasons,
        ),
        paths=PathState(
            demand.class_index[served],
            demand.origin[served],
            demand.destination[served],
            demand.flow_vehh[served],
            np.cumsum([0, *(len(path) for path in found)]),
            np.array([link for path in found for link in path], dtype=np.int64),
        ),
        assumptions=assumptions,
        versions={"free_flow": FreeFlow.version},
        threads=options.threads or 1,
    )


def river_base() -> TrafficBase:
    """Two banks (1, 4) with two bridges: link 1-2-4 is fast, 1-3-4 slow, and both ways back."""
    tail, head = np.array([1, 2, 1, 3, 4, 2, 4, 3]), np.array([2, 4, 3, 4, 2, 1, 3, 1])
    network = build_network(
        node_id=np.array([1, 2, 3, 4]),
        tail=tail,
        head=head,
        t0_s=np.array([60.0, 60.0, 60.0, 120.0, 60.0, 60.0, 120.0, 60.0]),
        cost_function=CostFunction.FIXED,
        length_m=np.array([800.0, 800.0, 800.0, 1500.0, 800.0, 800.0, 1500.0, 800.0]),
        zones=np.array([1, 4]),
    )
    network = replace(network, link_name=tuple(f"{a}-{b}" for a, b in zip(tail, head, strict=True)))
    demand = build_demand([(1, 4, 900.0), (4, 1, 600.0)])
    return TrafficBase(network, demand, FreeFlow().solve(network, demand, options=SolveOptions()))


def keep(store: Store, base: TrafficBase, *, name: str = "today") -> StoredBase:
    """Store a base as `twin estimate` does."""
    facts = BaseFacts(
        name=name,
        content_hash=base.content_hash(),
        engine=FreeFlow.name,
        engine_version=FreeFlow.version,
        figures={"relative_gap": base.state.relative_gap},
        assumptions=("demand of a test",),
        provenance=Provenance("estimated", by="test", at=utc_now()),
    )
    parts = {BASE_PART: pack(base), TARGETS_PART: pack(target_names(base.network))}
    return store.traffic.keep_base(facts, parts, at=utc_now())
