"""What holds on every network: conservation, monotony of the objective, the same bits again.

`judge` asserts conservation, no negative flow, the identity of demand, and that the certificate is
the gap of the returned flows; every test here goes through it. Nodes have no coordinates and links
no length, as in networks of unknown origin.
"""

from dataclasses import replace

import numpy as np
import pytest
from grids import build_demand, g30
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from verification.traffic.evaluator import judge
from verification.traffic.random_cases import cases
from verification.traffic.solving import closed, reordered, solved

from simulations.traffic.engine import engine
from twin.errors import TwinError
from twin.model.network import CostFunction, Network
from twin.model.traffic import Demand, SolveOptions

GAP = 1e-6
modest = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def slack(*results) -> float:
    """What objectives may differ by, since every one lies up to its gap above the optimum."""
    return sum(one.relative_gap * one.total_time_pce_s for one in results) + 1e-6


@modest
@given(cases())
def test_every_network_is_solved_to_its_target(case: tuple[Network, Demand]) -> None:
    solved(*case, GAP)


@modest
@given(cases(strong=False))
def test_networks_with_dead_ends_are_solved_and_tell_who_cannot_go(
    case: tuple[Network, Demand],
) -> None:
    solved(*case, GAP)


@modest
@given(cases())
def test_the_objective_never_rises_from_pass_to_pass(case: tuple[Network, Demand]) -> None:
    result, _ = solved(*case, 1e-8)
    objectives = np.array([one.objective for one in result.passes])
    assert np.all(np.diff(objectives) <= 1e-9 * np.abs(objectives[:-1]) + 1e-9)
    assert result.objective <= objectives[-1] * (1.0 + 1e-9) + 1e-9


@modest
@given(cases(only_scalable=True, rules=False))
def test_twice_the_demand_on_twice_the_capacity_is_twice_the_flow(
    case: tuple[Network, Demand],
) -> None:
    network, demand = case
    one, _ = solved(network, demand, 1e-9)
    two, _ = solved(
        replace(network, capacity_pceh=2.0 * network.capacity_pceh),
        replace(demand, flow_vehh=2.0 * demand.flow_vehh),
        1e-9,
    )
    assert two.objective == pytest.approx(2.0 * one.objective, rel=1e-8, abs=1e-6)


@modest
@given(cases(), st.floats(1.0, 3.0))
def test_more_demand_never_lowers_the_objective(
    case: tuple[Network, Demand], factor: float
) -> None:
    network, demand = case
    one, _ = solved(network, demand, GAP)
    two, _ = solved(network, replace(demand, flow_vehh=factor * demand.flow_vehh), GAP)
    assert two.objective >= one.objective - slack(one, two)


@modest
@given(cases(), st.integers(0, 1000), st.sampled_from(["cold", "warm"]))
def test_closing_a_link_never_lowers_the_objective_and_empties_the_link(
    case: tuple[Network, Demand], place: int, start: str
) -> None:  # fmt: skip
    network, demand = case
    row = place % network.link_id.size
    link = int(network.link_id[row])
    base, before = solved(network, demand, GAP)
    result, after = solved(
        closed(network, link), demand, GAP, warm=base if start == "warm" else None
    )
    assert not result.flow_vehh[:, row].any()
    assume(np.allclose(before.unreachable_vehh, after.unreachable_vehh, rtol=1e-12, atol=0.0))
    assert result.objective >= base.objective - slack(base, result)


@modest
@given(cases(), st.integers(0, 1000))
def test_a_weight_limit_takes_the_lorries_off_and_nobody_else(
    case: tuple[Network, Demand], place: int
) -> None:
    network, demand = case
    row = place % network.link_id.size
    base, before = solved(network, demand, GAP)
    weight = network.max_weight_t.copy()
    weight[row] = 7.5
    result, after = solved(replace(network, max_weight_t=weight), demand, GAP, warm=base)
    assert result.flow_vehh[1, row] == 0.0
    assert after.unreachable_vehh[0] == before.unreachable_vehh[0]
    assume(np.allclose(before.unreachable_vehh, after.unreachable_vehh, rtol=1e-12, atol=0.0))
    assert result.objective >= base.objective - slack(base, result)


@modest
@given(cases(rules=False), st.integers(0, 2**31), st.sampled_from([1, 2]))
def test_the_order_of_links_and_trips_changes_nothing_that_is_unique(
    case: tuple[Network, Demand], seed: int, threads: int
) -> None:
    network, demand = case
    random = np.random.default_rng(seed)
    links = random.permutation(network.link_id.size)
    rows = random.permutation(demand.flow_vehh.size)
    mixed = replace(
        demand,
        class_index=demand.class_index[rows],
        origin=demand.origin[rows],
        destination=demand.destination[rows],
        flow_vehh=demand.flow_vehh[rows],
    )
    one, _ = solved(network, demand, 1e-8)
    two, _ = solved(reordered(network, links), mixed, 1e-8, threads=threads)
    assert two.objective == pytest.approx(one.objective, rel=1e-7, abs=1e-6)


@modest
@given(cases())
def test_warm_and_cold_agree(case: tuple[Network, Demand]) -> None:
    network, demand = case
    base, _ = solved(network, demand, 1e-5)
    cold, _ = solved(network, replace(demand, flow_vehh=1.1 * demand.flow_vehh), 1e-8)
    warm, _ = solved(network, replace(demand, flow_vehh=1.1 * demand.flow_vehh), 1e-8, warm=base)
    assert warm.objective == pytest.approx(cold.objective, rel=1e-7, abs=1e-6)


@modest
@given(cases(), st.integers(0, 2**31))
def test_a_damaged_network_ends_in_a_typed_error_or_a_valid_result(
    case: tuple[Network, Demand], seed: int
) -> None:
    """Columns get NaN, infinity, negative and foreign values; nothing may hang or return NaN."""
    network, demand = case
    random = np.random.default_rng(seed)
    names = ["t0_s", "capacity_pceh", "p0", "p1", "length_m", "tail", "head", "link_id"]
    names += ["cost_function", "preload_pceh", "max_weight_t"]
    name = names[int(random.integers(len(names)))]
    column = getattr(network, name).copy()
    values = [-1.0, 0.0, 0.5, 1e300, np.nan, np.inf] if column.dtype.kind == "f" else [0, 1, 3, 7]
    column[int(random.integers(column.size))] = random.choice(values)
    damaged = replace(network, **{name: column})  # pyrefly: ignore[bad-argument-type]
    options = SolveOptions(relative_gap=1e-4, time_limit_s=20.0, max_passes=200, threads=1)
    try:
        result = engine.solve(damaged, demand, options=options)
    except TwinError:
        return
    judge(damaged, demand, result)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_wrong_trips_are_refused(wrong: float) -> None:
    case = g30()
    flow = case.demand.flow_vehh.copy()
    flow[3] = wrong
    with pytest.raises(TwinError):
        engine.solve(case.network, replace(case.demand, flow_vehh=flow), options=SolveOptions())


def test_trips_from_an_unknown_zone_are_refused() -> None:
    case = g30()
    with pytest.raises(TwinError, match="123456"):
        engine.solve(case.network, build_demand([(123456, 900, 1.0)]), options=SolveOptions())


def test_one_two_and_four_threads_give_the_same_bits() -> None:
    case = g30(0.8)
    found = [solved(case.network, case.demand, 1e-6, threads=threads)[0] for threads in (1, 2, 4)]
    for other in found[1:]:
        assert np.array_equal(other.volume_pceh, found[0].volume_pceh)
        assert np.array_equal(other.paths.flow_vehh, found[0].paths.flow_vehh)
        assert np.array_equal(other.paths.links, found[0].paths.links)
        assert other.relative_gap == found[0].relative_gap


def test_both_ways_of_pricing_find_the_same_equilibrium() -> None:
    case = g30(0.8)
    one, _ = solved(case.network, case.demand, 1e-7, pricing="dijkstra")
    two, _ = solved(case.network, case.demand, 1e-7, pricing="hierarchy")
    assert two.objective == pytest.approx(one.objective, rel=1e-6)
    streets = case.network.cost_function != CostFunction.FIXED
    assert np.abs(one.volume_pceh - two.volume_pceh)[streets].max() < 5.0
