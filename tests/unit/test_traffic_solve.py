"""The engine: certificate, stops, determinism, and what it refuses."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pytest
from grids import grid

from simulations.traffic.assign import outcome
from simulations.traffic.assign.solve import equilibrate, problem
from simulations.traffic.demand import pairs
from simulations.traffic.engine import engine, input_hash
from simulations.traffic.examples import two_routes
from simulations.traffic.graph import build
from twin.errors import NoCompletePassError, PathStoreTooLarge, SolveError
from twin.model.traffic import SolveOptions, TrafficResult

FINE = SolveOptions(relative_gap=1e-8, threads=2)


@pytest.fixture(scope="module")
def town():
    return grid(8, zones=12, destinations=8, load=0.8, seed=5)


@pytest.fixture(scope="module")
def town_result(town) -> TrafficResult:
    return engine.solve(town.network, town.demand, options=FINE)


@dataclass
class Watch:
    """Says stop at the given call, or as soon as a gap is known."""

    stop_at: int = 10**9
    stop_when_certified: bool = False
    calls: int = 0
    told: list[tuple[str, int, float]] = field(default_factory=list)

    def cancelled(self) -> bool:
        self.calls += 1
        certified = bool(self.told) and np.isfinite(self.told[-1][2])
        return self.calls >= self.stop_at or (certified and self.stop_when_certified)

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        self.told.append((phase, number, relative_gap))


def test_two_routes_share_the_flow_so_that_both_take_equally_long() -> None:
    network, demand = two_routes()
    result = engine.solve(network, demand, options=SolveOptions(relative_gap=1e-12))
    np.testing.assert_allclose(result.volume_pceh[:2], [1949.97792, 1050.02208], rtol=1e-8)
    np.testing.assert_allclose(result.time_s[:2], 723.957059, rtol=1e-8)
    assert result.lower_bound <= result.objective


def test_the_gap_is_reached_and_the_bound_lies_below_the_objective(town_result) -> None:
    assert town_result.status == "converged"
    assert 0.0 <= town_result.relative_gap <= FINE.relative_gap
    assert town_result.lower_bound <= town_result.objective
    gained = town_result.total_time_pce_s - town_result.shortest_time_pce_s
    assert gained / town_result.total_time_pce_s == pytest.approx(town_result.relative_gap)
    assert town_result.passes[-1].relative_gap == town_result.relative_gap
    assert town_result.gap_by_class[0] == pytest.approx(town_result.relative_gap)


def test_the_paths_add_up_to_demand_and_volumes(town, town_result) -> None:
    paths = town_result.paths
    assert paths.flow_vehh.sum() == pytest.approx(town.demand.flow_vehh.sum(), rel=1e-9)
    row = {int(link): i for i, link in enumerate(town_result.link_id)}
    total = np.zeros(len(row))
    for i, flow in enumerate(paths.flow_vehh):
        for link in paths.links[paths.start[i] : paths.start[i + 1]]:
            total[row[int(link)]] += flow
    np.testing.assert_allclose(total, town_result.flow_vehh[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pricing", ["dijkstra", "hierarchy"])
def test_one_thread_and_two_give_the_same_bits(
    town, pricing: Literal["dijkstra", "hierarchy"]
) -> None:
    one, two = (
        engine.solve(
            town.network, town.demand, options=replace(FINE, threads=threads, pricing=pricing)
        )
        for threads in (1, 2)
    )
    assert np.array_equal(one.volume_pceh, two.volume_pceh)
    assert np.array_equal(one.paths.flow_vehh, two.paths.flow_vehh)
    assert np.array_equal(one.paths.links, two.paths.links)
    assert [item.relative_gap for item in one.passes] == [item.relative_gap for item in two.passes]


def test_both_ways_of_pricing_find_the_same_volumes(town, town_result) -> None:
    other = engine.solve(town.network, town.demand, options=replace(FINE, pricing="hierarchy"))
    np.testing.assert_allclose(other.volume_pceh, town_result.volume_pceh, atol=0.5)
    assert other.objective == pytest.approx(town_result.objective, rel=2e-8)


def test_a_run_cancelled_at_once_has_nothing_to_return(town) -> None:
    with pytest.raises(NoCompletePassError, match="cancelled"):
        engine.solve(town.network, town.demand, options=FINE, control=Watch(1))


def test_a_run_cancelled_late_returns_its_last_certified_state(town) -> None:
    watch = Watch(stop_when_certified=True)
    endless = replace(FINE, relative_gap=1e-17)
    result = engine.solve(town.network, town.demand, options=endless, control=watch)
    assert result.status == "cancelled"
    assert 0.0 < result.relative_gap == result.passes[-1].relative_gap
    assert result.paths.flow_vehh.sum() == pytest.approx(town.demand.flow_vehh.sum(), rel=1e-9)


def test_progress_names_phase_number_and_gap(town) -> None:
    watch = Watch()
    engine.solve(town.network, town.demand, options=FINE, control=watch)
    phases = [phase for phase, _, _ in watch.told]
    assert set(phases) == {"loading", "pricing", "sweeps"}
    numbers = [number for _, number, _ in watch.told]
    assert numbers == sorted(numbers)


def test_no_time_at_all_ends_without_a_result(town) -> None:
    with pytest.raises(NoCompletePassError, match="time_limit"):
        engine.solve(town.network, town.demand, options=replace(FINE, time_limit_s=0.0))


def test_few_passes_end_with_a_certificate_all_the_same(town) -> None:
    result = engine.solve(town.network, town.demand, options=replace(FINE, max_passes=2))
    assert result.status == "pass_limit"
    assert result.relative_gap > FINE.relative_gap
    assert len(result.passes) == 1


def test_the_path_store_is_bounded(town) -> None:
    with pytest.raises(PathStoreTooLarge):
        engine.solve(town.network, town.demand, options=replace(FINE, path_memory_bytes=2_000))


def test_flows_that_lose_trips_are_refused(town) -> None:
    graph = build(town.network, town.demand.classes)
    posed = problem(graph, pairs(graph, town.demand))
    found, _ = equilibrate(posed, options=FINE, threads=1, allowed_bytes=10**8)
    flows = outcome.class_flows(posed, found.flows)
    outcome.check_conservation(posed, found.flows, flows)
    flows[0, 3] += 0.01
    with pytest.raises(SolveError, match="node"):
        outcome.check_conservation(posed, found.flows, flows)
    lossy = replace(found.flows, flow_pceh=found.flows.flow_pceh * 0.999)
    with pytest.raises(SolveError, match="demand"):
        outcome.check_conservation(posed, lossy, flows)


def test_no_demand_is_an_empty_answer(town) -> None:
    nobody = replace(town.demand, flow_vehh=np.zeros(town.demand.flow_vehh.size))
    result = engine.solve(town.network, nobody, options=FINE)
    assert result.status == "converged"
    assert result.relative_gap == 0.0
    assert not result.volume_pceh.any()
    assert result.paths.flow_vehh.size == 0


def test_the_input_hash_knows_demand_and_gap_but_not_threads(town) -> None:
    first = input_hash(town.network, town.demand, None, FINE)
    assert first == input_hash(town.network, town.demand, None, replace(FINE, threads=1))
    assert first != input_hash(town.network, town.demand, None, replace(FINE, relative_gap=1e-4))
    more = replace(town.demand, flow_vehh=town.demand.flow_vehh * 2.0)
    assert first != input_hash(town.network, more, None, FINE)


def test_an_estimate_grows_with_the_demand(town) -> None:
    small = engine.estimate(town.network, town.demand, FINE)
    rows = np.tile(np.arange(town.demand.flow_vehh.size), 50)
    large = replace(
        town.demand,
        class_index=town.demand.class_index[rows],
        origin=town.demand.origin[rows],
        destination=town.demand.destination[rows],
        flow_vehh=town.demand.flow_vehh[rows],
    )
    more = engine.estimate(town.network, large, FINE)
    assert 0.0 < small.seconds < more.seconds
    assert 0 < small.memory_bytes < more.memory_bytes
