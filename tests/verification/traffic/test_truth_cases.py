"""Equilibria that are known: solved by hand, or from the literature (cases T1 to T4 and T8 to T11).

T1 and T2: two routes, solved to 12 digits with a root finder. T3: T2 with lorries. T4: Braess,
"Über ein Paradoxon aus der Verkehrsplanung", 1968, with the numbers usual since.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from grids import CAR, LORRY, build_demand, build_network, grid, joined, with_columns
from verification.traffic.evaluator import flows_of_paths
from verification.traffic.solving import braess, closed, flow_by_id, reordered, solved

from twin.model.network import CostFunction, Network, Turns

BPR_ROUTES = {"t0_s": np.array([600.0, 720.0]), "capacity_pceh": np.array([1800.0, 2400.0])}


def parallel(**columns) -> Network:
    """Two links from node 1 to node 2."""
    return build_network(
        node_id=np.array([1, 2]), tail=np.array([1, 1]), head=np.array([2, 2]),
        zones=np.array([1, 2]), **columns,
    )  # fmt: skip


def test_t1_two_linear_routes() -> None:
    network = parallel(
        t0_s=np.array([10.0, 20.0]), cost_function=CostFunction.LINEAR, p0=np.array([1.0, 0.5])
    )
    result, found = solved(network, build_demand([(1, 2, 30.0)]), 1e-10)
    assert result.volume_pceh == pytest.approx([50.0 / 3.0, 40.0 / 3.0], rel=1e-6)
    assert found.time_s == pytest.approx([80.0 / 3.0, 80.0 / 3.0], rel=1e-6)


def test_t2_two_bpr_routes() -> None:
    result, found = solved(parallel(**BPR_ROUTES), build_demand([(1, 2, 3000.0)]), 1e-10)
    assert result.volume_pceh == pytest.approx([1949.97792, 1050.02208], rel=1e-6)
    assert found.time_s == pytest.approx([723.957059, 723.957059], rel=1e-6)


@pytest.mark.parametrize("by", ["mask", "weight", "axle", "height"])
def test_t3_lorries_banned_from_the_shorter_route(by: str) -> None:
    network = parallel(**BPR_ROUTES)
    limits = {
        "mask": {"mask": np.array([1, 3], dtype=np.uint32)},
        "weight": {"max_weight_t": np.array([15.0, np.inf])},
        "axle": {"max_axle_t": np.array([10.0, np.inf])},
        "height": {"max_height_m": np.array([3.8, np.inf])},
    }
    both = build_demand(
        [(1, 2, 2000.0), (1, 2, 250.0)], classes=(CAR, LORRY), class_index=np.array([0, 1], "u1")
    )
    result, found = solved(with_columns(network, limits[by]), both, 1e-10)
    assert result.flow_vehh[0] == pytest.approx([1935.55597, 64.44403], rel=1e-6)
    assert result.flow_vehh[1].tolist() == [0.0, 250.0]
    assert found.time_s == pytest.approx([720.330417, 720.330417], rel=1e-6)


@pytest.mark.parametrize(
    ("with_bridge", "each_s", "total_s", "objective"),
    [(True, 92.0, 552.0, 386.0), (False, 83.0, 498.0, 399.0)],
)
def test_t4_braess(with_bridge: bool, each_s: float, total_s: float, objective: float) -> None:  # noqa: FBT001
    network, demand = braess(with_bridge=with_bridge), build_demand([(1, 4, 6.0)])
    result, found = solved(network, demand, 1e-10)
    assert found.total_time_pce_s == pytest.approx(total_s, rel=1e-6)
    assert found.total_time_pce_s / 6.0 == pytest.approx(each_s, rel=1e-6)
    assert result.objective == pytest.approx(objective, rel=1e-6)


def test_t4_closing_the_bridge_of_braess_is_the_network_without_it() -> None:
    demand = build_demand([(1, 4, 6.0)])
    with_bridge, _ = solved(braess(), demand, 1e-10)
    result, found = solved(closed(braess(), 5), demand, 1e-10, warm=with_bridge)
    assert found.total_time_pce_s == pytest.approx(498.0, rel=1e-6)
    assert flow_by_id(result)[5] == 0.0


def test_t8_parallel_links_keep_their_own_parameters_whatever_their_order_and_ids() -> None:
    order = np.array([2, 0, 3, 1])
    network = build_network(
        node_id=np.array([1, 2, 3]),
        tail=np.array([1, 1, 1, 2]),
        head=np.array([2, 2, 2, 3]),
        t0_s=np.array([60.0, 70.0, 80.0, 5.0]),
        capacity_pceh=np.array([500.0, 900.0, 300.0, 9999.0]),
        p0=np.array([0.15, 0.6, 1.0, 0.15]),
        p1=np.array([4.0, 2.0, 1.0, 4.0]),
        link_id=np.array([77, 5, 1_000_000_007, 6]),
    )
    network = replace(network, is_zone=np.array([True, False, True]))
    demand = build_demand([(1, 3, 1800.0)])
    result, _ = solved(network, demand, 1e-10)
    other, _ = solved(reordered(network, order), demand, 1e-10)
    assert flow_by_id(other) == pytest.approx(flow_by_id(result), rel=1e-7)
    assert min(flow_by_id(result).values()) > 1.0
    third = replace(network, link_id=np.array([4, 3, 2, 1]))
    swapped, _ = solved(third, demand, 1e-10)
    assert swapped.volume_pceh == pytest.approx(result.volume_pceh, rel=1e-7)


def test_t9_a_closed_only_bridge_leaves_the_crossing_trips_unserved() -> None:
    """Two triangles, 1-2-3 and 4-5-6, and one bridge 3-4."""
    pairs = [(1, 2), (2, 3), (1, 3), (3, 4), (4, 5), (5, 6), (4, 6)]
    one, two = np.array(pairs).T
    zones = np.arange(1, 7)
    network = build_network(
        node_id=zones, tail=np.concatenate([one, two]), head=np.concatenate([two, one]),
        t0_s=np.full(14, 30.0), zones=zones,
    )  # fmt: skip
    rows = [(a, b, 10.0 * a + b) for a in range(1, 7) for b in range(1, 7)]
    demand = build_demand(rows)
    crossing = sum(flow for a, b, flow in rows if (a <= 3) != (b <= 3))
    inside = sum(flow for a, b, flow in rows if a == b)
    bridge = [4, 11]
    base, _ = solved(network, demand, 1e-8)
    for warm in (None, base):
        result, found = solved(closed(network, *bridge), demand, 1e-8, warm=warm)
        assert result.unserved.flow_vehh.sum() == pytest.approx(crossing, rel=1e-12)
        assert found.unreachable_vehh.sum() == pytest.approx(crossing, rel=1e-12)
        assert result.intrazonal_vehh.sum() == pytest.approx(inside, rel=1e-12)
        assert all(flow_by_id(result)[link] == 0.0 for link in bridge)
        ends = set(
            zip(result.unserved.origin.tolist(), result.unserved.destination.tolist(), strict=True)
        )
        assert ends == {(a, b) for a, b, _ in rows if (a <= 3) != (b <= 3)}


def test_t10_dead_ends_and_connectors_that_cost_nothing() -> None:
    """Node 8 can only be entered, node 9 only be left, and zones hang on free connectors."""
    case = grid(5, zones=4, destinations=3, load=0.9)
    network = case.network
    node = int(network.node_id.max())
    links = int(network.link_id.max())
    added = build_network(
        node_id=np.array([node + 1, node + 2]),
        tail=np.array([0, 1, node + 2, node + 2]),
        head=np.array([node + 1, node + 1, 12, 0]),
        t0_s=np.array([0.0, 1.0, 0.0, 1.0]),
        link_id=links + np.arange(1, 5),
    )
    result, _ = solved(joined(network, added), case.demand, 1e-8)
    flows = flow_by_id(result)
    assert [flows[links + extra] for extra in range(1, 5)] == [0.0] * 4
    plain, _ = solved(network, case.demand, 1e-8)
    assert result.objective == pytest.approx(plain.objective, rel=1e-8)


def test_t10_a_circle_of_links_that_cost_nothing_ends_in_an_answer() -> None:
    network = build_network(
        node_id=np.array([1, 2, 3, 4]),
        tail=np.array([1, 2, 3, 2, 3, 4]),
        head=np.array([2, 3, 2, 4, 4, 2]),
        t0_s=np.array([0.0, 0.0, 0.0, 5.0, 5.0, 0.0]),
        cost_function=np.array([0, 0, 0, 2, 2, 0], dtype=np.uint8),
        zones=np.array([1, 4]),
    )
    result, _ = solved(network, build_demand([(1, 4, 1500.0)]), 1e-8)
    assert flow_by_id(result)[4] == pytest.approx(750.0, rel=1e-5)


def test_t11_no_path_breaks_a_turn_ban_or_a_weight_limit() -> None:
    """A left-turn ban at a busy node and a limit of 15 t on its busiest link."""
    case = grid(6, zones=6, destinations=5, load=0.8, seed=3)
    network = case.network
    both = build_demand(
        (
            np.tile(case.demand.origin, 2),
            np.tile(case.demand.destination, 2),
            np.concatenate([case.demand.flow_vehh, 0.2 * case.demand.flow_vehh]),
        ),
        classes=(CAR, LORRY),
        class_index=np.repeat(np.arange(2, dtype=np.uint8), case.demand.flow_vehh.size),
    )
    free, _ = solved(network, both, 1e-7)
    streets = network.cost_function != CostFunction.FIXED
    busiest = int(np.argmax(np.where(streets, free.volume_pceh, 0.0)))
    paths, turns = free.paths, {}
    for path in range(paths.flow_vehh.size):
        links = paths.links[paths.start[path] : paths.start[path + 1]].tolist()
        for turn in pairwise(links[1:-1]):
            turns[turn] = turns.get(turn, 0.0) + paths.flow_vehh[path]
    one, two = max(turns, key=lambda turn: turns[turn])
    banned = Turns(np.array([one]), np.array([two]), np.zeros(1), np.array([2], dtype=np.uint32))
    weight = network.max_weight_t.copy()
    weight[busiest] = 15.0
    changed = replace(network, turns=banned, max_weight_t=weight)
    result, _ = solved(changed, both, 1e-7)
    assert free.flow_vehh[1, busiest] > 1.0
    assert result.flow_vehh[1, busiest] == 0.0
    assert result.flow_vehh[0, busiest] > 1.0
    assert np.allclose(flows_of_paths(changed, both, result.paths), result.flow_vehh, atol=1e-6)


def test_t11_a_turn_penalty_is_weighed_against_the_way_round() -> None:
    """Over node 2: 10 s + turn; the way round takes 20 s; both are constant."""
    network = build_network(
        node_id=np.array([1, 2, 3, 4]),
        tail=np.array([1, 2, 1, 4]),
        head=np.array([2, 3, 4, 3]),
        t0_s=np.array([5.0, 5.0, 10.0, 10.0]),
        cost_function=CostFunction.FIXED,
        zones=np.array([1, 3]),
    )
    for penalty_s, link in ((9.0, 1), (11.0, 3)):
        turns = Turns(
            np.array([1]), np.array([2]), np.array([penalty_s]), np.array([1], dtype=np.uint32)
        )
        result, found = solved(replace(network, turns=turns), build_demand([(1, 3, 7.0)]))
        assert flow_by_id(result)[link] == pytest.approx(7.0)
        assert found.total_time_pce_s == pytest.approx(7.0 * min(20.0, 10.0 + penalty_s))
