"""The evaluator itself, against cases that were solved by hand and against other programmes."""

from dataclasses import replace

import numpy as np
import pytest
from grids import CAR, LORRY, build_demand, build_network, g30
from peers import running_peer, sioux_falls
from verification.traffic.evaluator import (
    Paths,
    akcelik_delay_s,
    class_terms_s,
    conical_factor,
    evaluate,
    integrals,
    times_s,
)

from twin.model.network import CostFunction, Turns


def two_routes(**columns):
    """Two links from 1 to 2: 10 + x and 20 + x/2."""
    return build_network(
        node_id=np.array([1, 2]),
        tail=np.array([1, 1]),
        head=np.array([2, 2]),
        t0_s=np.array([10.0, 20.0]),
        cost_function=CostFunction.LINEAR,
        p0=np.array([1.0, 0.5]),
        zones=np.array([1, 2]),
        **columns,
    )


def test_the_two_route_equilibrium_has_no_gap_and_another_split_has_one() -> None:
    network, demand = two_routes(), build_demand([(1, 2, 30.0)])
    found = evaluate(network, demand, np.array([[50.0 / 3.0, 40.0 / 3.0]]))
    assert found.relative_gap == pytest.approx(0.0, abs=1e-14)
    assert found.time_s == pytest.approx([80.0 / 3.0, 80.0 / 3.0])
    other = evaluate(network, demand, np.array([[30.0, 0.0]]))
    assert other.relative_gap == pytest.approx((40.0 - 20.0) / 40.0)
    assert other.objective == pytest.approx(300.0 + 450.0)


def test_of_parallel_links_the_cheapest_counts_and_they_are_not_added() -> None:
    """scipy adds duplicates when it builds a matrix: 3 and 4 would become 7."""
    network = build_network(
        node_id=np.array([1, 2]), tail=np.array([1, 1]), head=np.array([2, 2]),
        t0_s=np.array([3.0, 4.0]), cost_function=CostFunction.FIXED,
    )  # fmt: skip
    paths = Paths(network, cost_s=network.t0_s, vehicle=CAR)
    ((_, distance),) = paths.distances(np.array([0]))
    assert distance[0, 1] == 3.0


def test_a_link_that_costs_nothing_stays_a_link() -> None:
    network = build_network(
        node_id=np.array([1, 2, 3]), tail=np.array([1, 2]), head=np.array([2, 3]),
        t0_s=np.array([0.0, 0.0]), cost_function=CostFunction.FIXED,
    )  # fmt: skip
    paths = Paths(network, cost_s=network.t0_s, vehicle=CAR)
    ((_, distance),) = paths.distances(np.array([0]))
    assert distance[0].tolist() == [0.0, 0.0, 0.0]


def test_a_node_that_nobody_may_pass_is_no_short_cut_but_an_end() -> None:
    """1 - 9 - 2 is shorter than 1 - 2, and 9 is a zone."""
    network = build_network(
        node_id=np.array([1, 2, 9]), tail=np.array([1, 9, 1]), head=np.array([9, 2, 2]),
        t0_s=np.array([1.0, 1.0, 5.0]), cost_function=CostFunction.FIXED,
        no_through=np.array([9]),
    )  # fmt: skip
    paths = Paths(network, cost_s=network.t0_s, vehicle=CAR)
    ((_, distance),) = paths.distances(np.array([0, 2]))
    assert distance.tolist() == [[0.0, 5.0, 1.0], [np.inf, 1.0, np.inf]]


def test_trips_that_cannot_go_are_left_out_and_told() -> None:
    demand = build_demand([(1, 2, 30.0), (2, 1, 7.0), (1, 1, 5.0)])
    found = evaluate(two_routes(), demand, np.array([[50.0 / 3.0, 40.0 / 3.0]]))
    assert found.relative_gap == pytest.approx(0.0, abs=1e-14)
    assert found.unreachable_vehh.tolist() == [7.0]
    assert found.intrazonal_vehh.tolist() == [5.0]
    assert found.served_vehh.tolist() == [30.0]


def test_lost_vehicles_are_an_imbalance() -> None:
    demand = build_demand([(1, 2, 30.0)])
    found = evaluate(two_routes(), demand, np.array([[16.0, 13.0]]))
    assert found.imbalance_vehh == pytest.approx(1.0)


def test_a_banned_turn_sends_the_trip_round_and_a_penalty_costs_its_seconds() -> None:
    """A cross with arms 1 to 4 and a detour from 1 over 5 to 2."""
    network = build_network(
        node_id=np.array([1, 2, 5, 10]), tail=np.array([1, 10, 1, 5]),
        head=np.array([10, 2, 5, 2]), t0_s=np.array([1.0, 1.0, 4.0, 4.0]),
        cost_function=CostFunction.FIXED,
    )  # fmt: skip

    def cost(mask: int, penalty_s: float) -> float:
        one = np.array([1])
        turns = Turns(one, one + 1, np.array([penalty_s]), np.array([mask], dtype=np.uint32))
        paths = Paths(replace(network, turns=turns), cost_s=network.t0_s, vehicle=CAR)
        ((_, distance),) = paths.distances(np.array([0]))
        return float(distance[0, 1])

    assert cost(1, 0.0) == 2.0
    assert cost(1, 3.0) == 5.0
    assert cost(1, 7.0) == 8.0
    assert cost(0, 0.0) == 8.0
    assert cost(2, 0.0) == 8.0


def test_class_terms_are_slowness_toll_and_distance() -> None:
    network = two_routes(length_m=np.array([1000.0, 2000.0]))
    network = replace(network, toll_eur=np.array([[0.0, 0.0], [1.0, 0.0]]))
    lorry = replace(LORRY, time_value_eur_h=36.0, distance_cost_eur_km=0.5, vmax_kmh=60.0)
    terms = class_terms_s(network, 1, lorry)
    assert terms == pytest.approx([60.0 - 10.0 + 150.0, 120.0 - 20.0 + 100.0])


def test_cost_functions_have_their_published_values() -> None:
    """Section 3 of the specification; the figures were recomputed from the formulas."""
    z = np.array([0.5, 1.0, 1.2, 2.0])
    four = np.full(4, 4.0)
    assert conical_factor(z, four) == pytest.approx([1.1487406649, 2.0, 3.0479396783, 9.0])
    akcelik = akcelik_delay_s(z[:3], np.ones(3), np.full(3, 0.4), np.full(3, 1800.0))
    assert akcelik == pytest.approx([0.79929015, 37.94733192, 364.73765182])


@pytest.mark.parametrize(
    ("kind", "p0", "p1"),
    [
        (CostFunction.FIXED, 0.0, 0.0),
        (CostFunction.LINEAR, 0.02, 0.0),
        (CostFunction.BPR, 0.15, 4.0),
        (CostFunction.BPR, 0.5, 0.0),
        (CostFunction.CONICAL, 6.0, 0.0),
        (CostFunction.AKCELIK, 1.0, 0.4),
    ],
)
def test_the_integral_grows_as_the_time_says(kind: CostFunction, p0: float, p1: float) -> None:
    volume = np.array([0.0, 300.0, 900.0, 1000.0, 1500.0])
    m = volume.size
    network = build_network(
        node_id=np.array([1, 2]), tail=np.ones(m, np.int64), head=np.full(m, 2),
        t0_s=np.full(m, 30.0),
        cost_function=kind, p0=p0, p1=p1,
    )  # fmt: skip
    step = 1e-3
    slope = (integrals(network, volume + step) - integrals(network, volume)) / step
    assert slope == pytest.approx(times_s(network, volume + step / 2.0), rel=1e-6)
    assert integrals(network, np.zeros(m)) == pytest.approx(np.zeros(m), abs=1e-9)


def test_all_or_nothing_flow_costs_what_the_shortest_paths_cost() -> None:
    case = g30()
    network, demand = case.network, case.demand
    paths = Paths(network, cost_s=network.t0_s, vehicle=CAR)
    ends = (paths.row(demand.origin), paths.row(demand.destination))
    flow = paths.load(*ends, demand.flow_vehh)
    fixed = replace(network, cost_function=np.zeros_like(network.cost_function))
    found = evaluate(fixed, demand, flow[None])
    assert found.imbalance_vehh < 1e-8
    assert found.relative_gap == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("script", ["aequilibrae_bfw", "pytraf_paths"])
def test_it_confirms_what_other_programmes_say_of_sioux_falls(script: str) -> None:
    """Both reach the published objective 4,231,335.2871 vehicle minutes from above."""
    case = sioux_falls()
    with running_peer(script, case) as peer:
        answer = peer.solve(1e-5)
    assert answer is not None
    found = evaluate(case.network, case.demand, answer.flow_vehh)
    assert found.imbalance_vehh < 1e-6
    assert found.relative_gap == pytest.approx(answer.own_gap, rel=0.5)
    assert 0.0 < found.objective / 60.0 / 4_231_335.2871 - 1.0 < 1e-5
