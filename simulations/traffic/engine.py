"""The equilibrium engine: a scenario in, certified flows out."""

import hashlib
import resource
import time
from dataclasses import replace
from types import MappingProxyType

import numba
import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray
from simulations.traffic.assign.memory import allowed_bytes
from simulations.traffic.assign.outcome import (
    check_conservation,
    class_flows,
    gap_by_class,
    path_state,
)
from simulations.traffic.assign.solve import Equilibrium, Problem, WarmStart, equilibrate, problem
from simulations.traffic.assign.warm import warm_start
from simulations.traffic.demand import pairs
from simulations.traffic.edits import apply
from simulations.traffic.graph import RoadGraph, build
from simulations.traffic.massslices import Slicing, slicing
from twin.model.network import Network
from twin.model.scenarios import Scenario
from twin.model.traffic import (
    Demand,
    RunEstimate,
    SolveOptions,
    TrafficResult,
)
from twin.ports import SolveControl

_ENGINE_VERSION = "2"
_ONE_SOLUTION = (
    "flows by class and by path are one consistent solution of several; the volume of a link is "
    "unique where its time grows with the volume"
)
_FIXED_DEMAND = "fixed demand: nobody changes mode, destination or time, or stays at home"
# Of the estimate; measured on generated grids (docs/benchmarks/traffic.md)
_PASSES = 16.0
_SECONDS_PER_ORIGIN_LINK = 1.5e-8
_SECONDS_PER_PAIR = 2e-6
_PATHS_PER_PAIR = 3.0
_BYTES_PER_PATH = 44.0
_BYTES_PER_LINK = 1500.0
_KILOBYTE = 1024
# Arcs times origins; below, threads wait longer for each other than they work, above all on a busy
# machine. The answer is the same.
_ARCS_WORTH_THREADS = 50_000


class PathEquilibrium:
    """User equilibrium by paths; a ``twin.ports.TrafficEngine``."""

    name = "path_equilibrium"
    version = _ENGINE_VERSION

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
        """The user equilibrium of a scenario with its certificate.

        Parameters
        ----------
        network, demand
            The base.
        scenario
            What changes; None for the base itself.
        options
        warm
            Result of a run on a similar network, whose paths are the beginning.
        control
            Watches and stops.

        Raises
        ------
        NetworkError, DemandError, ScenarioError
            With all problems at once.
        PathStoreTooLarge
            If the paths need more memory than allowed.
        NoCompletePassError
            If the run was stopped before any state had a certificate.

        Examples
        --------
        >>> from simulations.traffic.examples import two_routes
        >>> network, demand = two_routes()
        >>> result = engine.solve(network, demand, options=SolveOptions(relative_gap=1e-10))
        >>> result.status, result.volume_pceh.round(2)[:2]
        ('converged', array([1949.98, 1050.02]))
        """
        began = time.monotonic()
        edited = None if scenario is None else apply(network, demand, scenario)
        if edited is not None:
            network_now, demand_now = edited.network, edited.demand
        else:
            network_now, demand_now = network, demand
        whole = build(network_now, demand_now.classes)
        sliced = slicing(network, demand_now, edited=None if edited is None else network_now)
        graph = whole if sliced is None else sliced.graph(whole)
        table = pairs(graph, demand_now if sliced is None else sliced.demand(demand_now))
        posed = problem(graph, table)
        told = posed if sliced is None else _by_class(posed, whole, sliced)
        most_threads = numba.get_num_threads()
        threads = min(options.threads or most_threads, most_threads)
        if graph.arcs * posed.table.row_class.size < _ARCS_WORTH_THREADS:
            threads = 1
        found, status = equilibrate(
            posed,
            options=options,
            threads=threads,
            allowed_bytes=options.path_memory_bytes or allowed_bytes(),
            warm=None if warm is None else _begin(posed, whole, warm, sliced),
            control=control,
        )
        flows = class_flows(told, found.flows)
        check_conservation(told, found.flows, flows)
        paths = path_state(posed, found.flows)
        assumptions = (*demand_now.assumptions, *graph.assumptions)
        warnings = graph.warnings
        if edited is not None:
            assumptions += edited.assumptions
            warnings += edited.warnings
        return TrafficResult(
            link_id=network_now.link_id,
            classes=whole.classes,
            flow_vehh=graph.to_network_order(flows),
            volume_pceh=graph.to_network_order(found.volume_pceh),
            t0_s=network_now.t0_s,
            time_s=_times(graph, found),
            capacity_pceh=network_now.capacity_pceh,
            is_flow_dependent=_flow_dependent(graph),
            movement_pceh=_movement(graph, found, warm),
            relative_gap=found.passes[-1].relative_gap,
            gap_by_class=gap_by_class(told, found),
            excess_s=_excess_s(posed, found),
            objective=found.objective,
            lower_bound=found.lower_bound,
            total_time_pce_s=found.total,
            shortest_time_pce_s=found.total - float(np.sum(found.excess)),
            status=status,
            passes=found.passes,
            served_vehh=_summed(table.served_vehh, sliced),
            intrazonal_vehh=_summed(table.intrazonal_vehh, sliced),
            unserved=table.unserved if sliced is None else sliced.unserved(table.unserved),
            paths=paths if sliced is None else sliced.joined(paths),
            assumptions=tuple(dict.fromkeys((*assumptions, _FIXED_DEMAND, _ONE_SOLUTION))),
            warnings=tuple(dict.fromkeys(warnings)),
            input_hash=input_hash(network, demand, scenario, options),
            versions=_versions(),
            threads=threads,
            seconds=time.monotonic() - began,
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE,
        )

    def estimate(self, network: Network, demand: Demand, options: SolveOptions) -> RunEstimate:
        """What a cold run will probably take: an order of magnitude."""
        links = float(network.link_id.size)
        origins = float(np.unique(demand.origin).size * len(demand.classes))
        rows = float(demand.flow_vehh.size)
        entries = rows * _PATHS_PER_PAIR * np.sqrt(links)
        digits = max(1.0, -np.log10(options.relative_gap) / 4.0)
        seconds = (
            _PASSES
            * digits
            * (origins * links * _SECONDS_PER_ORIGIN_LINK + rows * _SECONDS_PER_PAIR)
        )
        store = rows * _PATHS_PER_PAIR * _BYTES_PER_PATH + 2.5 * 4.0 * entries
        memory = store + links * _BYTES_PER_LINK + 4.0 * origins * links
        return RunEstimate(seconds=min(seconds, options.time_limit_s), memory_bytes=int(memory))


def input_hash(
    network: Network, demand: Demand, scenario: Scenario | None, options: SolveOptions
) -> str:
    """SHA-256 of everything that decides the result, in hexadecimal; equal input, equal answer."""
    asked = (
        ""
        if scenario is None
        else scenario.input_hash(engine=PathEquilibrium.name, version=_ENGINE_VERSION, seed=0)
    )
    parts = (
        network.content_hash(), demand.content_hash(), asked, PathEquilibrium.name,
        _ENGINE_VERSION, options.identity(),
    )  # fmt: skip
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _by_class(posed: Problem, whole: RoadGraph, sliced: Slicing) -> Problem:
    """The same pairs as those of the classes that slices belong to."""
    return replace(
        posed, graph=whole, pair_class=sliced.class_of[posed.pair_class].astype(np.int32)
    )


def _begin(
    posed: Problem, whole: RoadGraph, warm: TrafficResult, sliced: Slicing | None
) -> WarmStart | None:
    """Paths of another run; those of its classes or slices are divided like this problem."""
    names = tuple(item.name for item in whole.classes)
    if sliced is None or tuple(item.name for item in warm.classes) != names:
        return warm_start(posed, warm.paths, warm.classes)
    return warm_start(posed, sliced.start(warm.paths), posed.graph.classes)


def _summed(values: FloatArray, sliced: Slicing | None) -> FloatArray:
    return values if sliced is None else sliced.summed(values)


def _times(graph: RoadGraph, found: Equilibrium) -> FloatArray:
    times = graph.to_network_order(found.time_s)
    loops = graph.row_of < 0
    times[loops] = graph.network.t0_s[loops]
    return times


def _flow_dependent(graph: RoadGraph) -> BoolArray:
    return graph.to_network_order(graph.is_flow_dependent.astype(np.float64)) > 0.0


def _movement(graph: RoadGraph, found: Equilibrium, warm: TrafficResult | None) -> FloatArray:
    """How far volumes still moved while the gap shrank to its target.

    A run that begins at the target has no such history: its parent's stands for it.
    """
    if found.near_volume_pceh is not None:
        return graph.to_network_order(np.abs(found.volume_pceh - found.near_volume_pceh))
    out = np.zeros(graph.network.link_id.size)
    if warm is not None and warm.link_id.size:
        order = np.argsort(warm.link_id)
        at = np.minimum(np.searchsorted(warm.link_id[order], graph.network.link_id), order.size - 1)
        known = warm.link_id[order[at]] == graph.network.link_id
        out[known] = warm.movement_pceh[order[at[known]]]
    return out


def _excess_s(posed: Problem, found: Equilibrium) -> float:
    demand = float(np.sum(posed.demand_pceh))
    return float(np.sum(found.excess)) / demand if demand > 0.0 else 0.0


def _versions() -> MappingProxyType[str, str]:
    return MappingProxyType(
        {
            "engine": f"{PathEquilibrium.name} {_ENGINE_VERSION}",
            "numba": numba.__version__,
            "numpy": np.__version__,
        }
    )


engine = PathEquilibrium()
