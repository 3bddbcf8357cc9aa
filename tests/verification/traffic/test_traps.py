"""What tools of this kind get wrong, one test a trap (section 21 of the specification).

Elsewhere in this folder: parallel links (T8), the certificate on the returned flows and negative
gaps (`judge` in every test), lost demand (the identity in `judge`), trips inside a zone (T9), peers
taken as truth (`test_bundled_networks`).
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
from grids import CAR, LORRY, Case, build_demand, build_network, grid, with_lorries
from verification.traffic.evaluator import flows_of_paths, judge
from verification.traffic.solving import closed, flow_by_id, solved

from simulations.traffic.compare import compare
from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from simulations.traffic.fit import reserve_stations
from simulations.traffic.kpi import scaled_peak_hour
from simulations.traffic.selectlink import select
from twin.errors import ComparisonError, NoCompletePassError, PathStoreTooLarge, ScenarioError
from twin.model.interventions import Intervention
from twin.model.network import CostFunction
from twin.model.scenarios import Scenario
from twin.model.traffic import SolveOptions, TrafficResult


@functools.cache
def town() -> tuple[Case, TrafficResult]:
    """A congested grid with cars and lorries, and its equilibrium."""
    case = with_lorries(grid(12, zones=20, destinations=12, load=0.9, seed=2), share=0.1)
    return case, solved(case.network, case.demand, 1e-7)[0]


def busiest_street() -> int:
    """Id of the busiest link that is no connector."""
    case, base = town()
    grows = case.network.cost_function != CostFunction.FIXED
    return int(case.network.link_id[np.argmax(np.where(grows, base.volume_pceh, 0.0))])


def scenario(kind: str, *targets: str, **parameters: float) -> Scenario:
    return Scenario("a question", "today", (Intervention(kind, targets, parameters),))


def test_no_path_takes_a_short_cut_through_a_zone() -> None:
    """Over zone 9 the way is half as long; its own trips use the same links."""
    network = build_network(
        node_id=np.array([1, 2, 9]),
        tail=np.array([1, 9, 1, 2, 9, 2]),
        head=np.array([9, 2, 2, 9, 1, 1]),
        t0_s=np.array([10.0, 10.0, 40.0, 10.0, 10.0, 40.0]),
        zones=np.array([1, 2, 9]),
        no_through=np.array([9]),
    )
    demand = build_demand([(1, 2, 100.0), (9, 2, 20.0), (1, 9, 30.0)])
    result, _ = solved(network, demand)
    assert result.volume_pceh.tolist() == [30.0, 20.0, 100.0, 0.0, 0.0, 0.0]


def test_results_at_a_gap_for_screening_are_not_compared() -> None:
    case, _ = town()
    rough = [
        solved(case.network, demand, 1e-3)[0]
        for demand in (case.demand, replace(case.demand, flow_vehh=1.01 * case.demand.flow_vehh))
    ]
    gap = max(one.relative_gap for one in rough)
    assert gap > 1e-5
    with pytest.raises(ComparisonError):
        compare(rough[0], rough[1], network=case.network, demand=case.demand)


@pytest.mark.parametrize("lorries", [False, True])
def test_the_same_scenario_solved_cold_and_warm_differs_nowhere(lorries: bool) -> None:  # noqa: FBT001
    """With several classes car units are unique; how many vehicles they are need not be."""
    case = grid(12, zones=20, destinations=12, load=0.9, seed=2)
    case = with_lorries(case) if lorries else case
    base, _ = solved(case.network, case.demand, 1e-7)
    question = scenario("close_link", str(busiest_street()))
    options = SolveOptions(relative_gap=1e-7, threads=2)
    cold = engine.solve(case.network, case.demand, question, options=options)
    warm = engine.solve(case.network, case.demand, question, options=options, warm=base)
    edited = apply(case.network, case.demand, question)
    for result in (cold, warm):
        assert judge(edited.network, edited.demand, result).relative_gap <= 1e-7
    between = compare(cold, warm, network=edited.network, demand=edited.demand)
    rows = cold.is_flow_dependent
    difference = np.abs(cold.volume_pceh - warm.volume_pceh)[rows]
    assert np.all(difference <= between.floor_vehh[rows])
    assert lorries or between.top_changed().tolist() == []


def test_a_closure_is_seen_and_its_traffic_is_found_elsewhere() -> None:
    case, base = town()
    link = busiest_street()
    question = scenario("close_link", str(link))
    edited = apply(case.network, case.demand, question)
    options = SolveOptions(relative_gap=1e-7, threads=2)
    result = engine.solve(case.network, case.demand, question, options=options, warm=base)
    found = compare(base, result, network=case.network, demand=case.demand, edited=edited)
    assert link in found.link_id[found.top_changed(3)]
    assert flow_by_id(result)[link] == 0.0
    assert result.objective > base.objective
    assert result.served_vehh.sum() == pytest.approx(base.served_vehh.sum(), rel=1e-12)


def test_flows_on_links_of_constant_cost_are_marked_as_not_unique() -> None:
    """Two equal constant routes: any split is in equilibrium."""
    network = build_network(
        node_id=np.array([1, 2, 3]),
        tail=np.array([1, 1, 2]),
        head=np.array([2, 2, 3]),
        t0_s=np.array([60.0, 60.0, 30.0]),
        cost_function=np.array([0, 0, 2], dtype=np.uint8),
        zones=np.array([1, 3]),
    )
    demand = build_demand([(1, 3, 500.0)])
    result, _ = solved(network, demand)
    assert result.is_flow_dependent.tolist() == [False, False, True]
    found = compare(result, result, network=network, demand=demand)
    assert found.is_unique.tolist()[:2] == [False, False]
    assert found.is_unique[2]


def test_class_and_path_flows_are_labelled_as_one_solution_of_several() -> None:
    _, base = town()
    assert any("one consistent solution" in text for text in base.assumptions)


def test_sums_are_of_common_pairs_where_trips_became_unserved() -> None:
    """Closing the only link out of zone 1 would otherwise look like a gain of time."""
    network = build_network(
        node_id=np.array([1, 2, 3]),
        tail=np.array([1, 2, 2, 3]),
        head=np.array([2, 1, 3, 2]),
        t0_s=np.full(4, 100.0),
        length_m=1000.0,
        zones=np.array([1, 2, 3]),
    )
    demand = build_demand([(1, 3, 300.0), (2, 3, 200.0), (3, 2, 100.0)])
    base, _ = solved(network, demand)
    question = scenario("close_link", "1")
    edited = apply(network, demand, question)
    result = engine.solve(network, demand, question, options=SolveOptions(), warm=base)
    found = compare(base, result, network=network, demand=demand, edited=edited)
    assert found.scenario_unserved_vehh.tolist() == [300.0]
    keys = {item.key for item in found.sums}
    assert keys
    assert all(found.total(key).scope == "common" for key in keys)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("limit_weight", {"mass_t": 60.0}),
        ("limit_height", {"height_m": 9.0}),
        ("capacity_factor", {"factor": 1.0}),
        ("scale_demand", {"factor": 1.0}),
    ],
)
def test_a_scenario_without_effect_is_an_error_and_not_an_equal_map(
    kind: str, parameters: dict[str, float]
) -> None:
    case, _ = town()
    targets = () if kind == "scale_demand" else (str(busiest_street()),)
    with pytest.raises(ScenarioError, match="effect"):
        engine.solve(
            case.network, case.demand, scenario(kind, *targets, **parameters),
            options=SolveOptions(),
        )  # fmt: skip


def test_an_unknown_link_is_named() -> None:
    case, _ = town()
    with pytest.raises(ScenarioError, match="987654321"):
        engine.solve(
            case.network, case.demand, scenario("close_link", "987654321"), options=SolveOptions()
        )


def test_a_weight_limit_acts_on_lorries_and_on_nobody_else() -> None:
    case, base = town()
    link = busiest_street()
    row = int(np.flatnonzero(case.network.link_id == link)[0])
    options = SolveOptions(relative_gap=1e-7, threads=2)
    question = scenario("limit_weight", str(link), mass_t=7.5)
    result = engine.solve(case.network, case.demand, question, options=options, warm=base)
    assert base.flow_vehh[1, row] > 0.0
    assert result.flow_vehh[1, row] == 0.0
    assert result.flow_vehh[0, row] > 0.0


def test_who_uses_a_link_adds_up_to_its_flow() -> None:
    _, base = town()
    for row in np.argsort(-base.volume_pceh)[:5]:
        found = select(base, base.link_id[row : row + 1])
        assert found.total_vehh == pytest.approx(base.flow_vehh[:, row].sum(), abs=1e-6)


def test_a_paradox_is_kept_and_not_repaired() -> None:
    """Total time may fall when a link closes (Braess); the objective may not."""
    network = build_network(
        node_id=np.array([1, 2, 3, 4]),
        tail=np.array([1, 3, 2, 1, 2]),
        head=np.array([2, 4, 4, 3, 3]),
        t0_s=np.array([1e-6, 1e-6, 50.0, 50.0, 10.0]),
        cost_function=CostFunction.LINEAR,
        p0=np.array([10.0, 10.0, 1.0, 1.0, 1.0]),
        zones=np.array([1, 4]),
    )
    demand = build_demand([(1, 4, 6.0)])
    base, before = solved(network, demand, 1e-9)
    result, after = solved(closed(network, 5), demand, 1e-9, warm=base)
    assert after.total_time_pce_s < before.total_time_pce_s - 1.0
    assert result.objective > base.objective


def test_stations_are_put_aside_as_a_whole_and_a_scaled_hour_is_estimated() -> None:
    names = [f"station {number}" for number in range(40)]
    assert reserve_stations(names + names) == reserve_stations(names)
    assert scaled_peak_hour(800.0, peak_share=0.08).is_estimated


class Stopper:
    """Says stop after so many looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks
        self.phases: list[str] = []

    def cancelled(self) -> bool:
        self.left -= 1
        return self.left < 0

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        assert number >= 0
        assert not relative_gap < 0.0
        self.phases.append(phase)


@pytest.mark.parametrize("looks", [0, 1, 5, 40, 200])
def test_a_cancelled_run_returns_its_last_certified_state_or_says_that_there_is_none(
    looks: int,
) -> None:
    case = grid(12, zones=20, destinations=12, load=0.9, seed=2)
    stopper = Stopper(looks)
    options = SolveOptions(relative_gap=1e-13, threads=2, max_passes=200, time_limit_s=60.0)
    try:
        result = engine.solve(case.network, case.demand, options=options, control=stopper)
    except NoCompletePassError:
        assert looks < 200
        return
    assert result.status in {"cancelled", "converged", "pass_limit"}
    judge(case.network, case.demand, result)


def test_a_time_limit_ends_a_run_with_its_true_gap() -> None:
    case = grid(12, zones=20, destinations=12, load=1.5, seed=2)
    options = SolveOptions(relative_gap=1e-16, threads=2, max_passes=10**6, time_limit_s=0.5)
    result = engine.solve(case.network, case.demand, options=options)
    assert result.status in {"time_limit", "converged"}
    judge(case.network, case.demand, result)


def test_a_pass_limit_ends_a_run_with_its_true_gap() -> None:
    case = grid(12, zones=20, destinations=12, load=0.9, seed=2)
    options = SolveOptions(relative_gap=1e-12, threads=2, max_passes=3)
    result = engine.solve(case.network, case.demand, options=options)
    assert result.status == "pass_limit"
    assert judge(case.network, case.demand, result).relative_gap > 1e-12


def test_too_little_memory_for_paths_is_told_with_both_numbers() -> None:
    case, _ = town()
    options = SolveOptions(relative_gap=1e-7, path_memory_bytes=20_000)
    with pytest.raises(PathStoreTooLarge, match=r"need .* MB, allowed are") as error:
        engine.solve(case.network, case.demand, options=options)
    assert "path_memory_bytes" in str(error.value)


def test_lorries_count_their_car_units_in_times_and_objective() -> None:
    """Ten lorries of two car units are twenty cars to everybody else."""
    network = build_network(
        node_id=np.array([1, 2]), tail=np.array([1]), head=np.array([2]),
        t0_s=np.array([60.0]), capacity_pceh=100.0, zones=np.array([1, 2]),
    )  # fmt: skip
    lorries = build_demand([(1, 2, 10.0)], classes=(replace(LORRY, vmax_kmh=np.inf),))
    cars = build_demand([(1, 2, 20.0)], classes=(CAR,))
    one, two = (solved(network, demand)[0] for demand in (lorries, cars))
    assert one.volume_pceh == pytest.approx(two.volume_pceh)
    assert one.objective == pytest.approx(two.objective)
    assert flows_of_paths(network, lorries, one.paths).tolist() == [[10.0]]
