"""Who uses a link, from the retained paths of a real equilibrium."""

from dataclasses import replace

import numpy as np
import pytest
from grids import grid, with_lorries
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from simulations.traffic.engine import engine
from simulations.traffic.pathflows import makes_turn, on_network, turn_penalties_s
from simulations.traffic.selectlink import select
from simulations.traffic.uniqueness import pinned
from twin.errors import NetworkError
from twin.model.network import CostFunction, Network, Turns
from twin.model.traffic import SolveOptions, TrafficResult

CASE = with_lorries(grid(8, zones=10, destinations=6, load=0.9))


@pytest.fixture(scope="module")
def result() -> TrafficResult:
    return engine.solve(CASE.network, CASE.demand, options=SolveOptions())


def test_the_trips_through_one_link_are_its_flow(result: TrafficResult) -> None:
    for row in range(0, result.link_id.size, 7):
        chosen = select(result, result.link_id[[row]])
        assert chosen.class_vehh == pytest.approx(result.flow_vehh[:, row], abs=1e-6)
        assert chosen.link_vehh[:, row] == pytest.approx(result.flow_vehh[:, row], abs=1e-6)
        assert chosen.flow_vehh.sum() == pytest.approx(chosen.total_vehh, abs=1e-9)


def test_any_and_all_of_two_links_follow_the_sieve(result: TrafficResult) -> None:
    order = np.argsort(result.flow_vehh.sum(axis=0))[::-1]
    for one, two in zip(order[:6], order[3:9], strict=True):
        links = result.link_id[[one, two]]
        either = select(result, links, through="any").total_vehh
        both = select(result, links, through="all").total_vehh
        parts = sum(select(result, links[[place]]).total_vehh for place in (0, 1))
        if one != two:
            assert either + both == pytest.approx(parts, abs=1e-6)


def test_pairs_are_those_of_the_demand_and_never_more_than_their_trips(
    result: TrafficResult,
) -> None:
    busiest = result.link_id[[int(np.argmax(result.volume_pceh))]]
    chosen = select(result, busiest)
    demand = CASE.demand
    asked = {
        (int(k), int(o), int(d)): f
        for k, o, d, f in zip(
            demand.class_index, demand.origin, demand.destination, demand.flow_vehh, strict=True
        )
    }
    found = zip(
        chosen.class_index.tolist(), chosen.origin.tolist(), chosen.destination.tolist(),
        chosen.flow_vehh.tolist(), strict=True,
    )  # fmt: skip
    for k, o, d, flow in found:
        assert 0.0 < flow <= asked[(k, o, d)] * (1 + 1e-9)


def test_no_link_selects_nothing_and_an_unknown_one_is_named(result: TrafficResult) -> None:
    assert select(result, np.empty(0, dtype=np.int64), through="all").total_vehh == 0.0
    with pytest.raises(NetworkError, match="999999"):
        select(result, np.array([999999]))


def test_turn_penalties_are_found_along_paths(result: TrafficResult) -> None:
    paths = on_network(result.paths, result.link_id)
    first = int(result.paths.start[np.flatnonzero(np.diff(result.paths.start) > 2)[0]])
    turn = int(result.paths.links[first]), int(result.paths.links[first + 1])
    ends = [np.array([link]) for link in turn]
    turns = Turns(ends[0], ends[1], np.array([12.0]), np.array([3], np.uint32))
    network = CASE.network
    changed = replace(network, turns=turns)
    making = makes_turn(paths, (turn,))
    assert making.any()
    assert turn_penalties_s(paths, changed).tolist() == (12.0 * making).tolist()
    assert not turn_penalties_s(paths, network).any()


def _network(tail: list[int], head: list[int], no_through: list[bool]) -> Network:
    size, nodes = len(tail), len(no_through)
    ones = np.ones(size)
    return Network(
        epsg=0, node_id=np.arange(nodes), x_m=np.zeros(nodes), y_m=np.zeros(nodes),
        is_zone=np.array(no_through, dtype=np.bool_),
        no_through=np.array(no_through, dtype=np.bool_),
        link_id=np.arange(size), tail=np.array(tail, dtype=np.int64),
        head=np.array(head, dtype=np.int64), length_m=ones, t0_s=ones, speed_kmh=ones,
        lanes=np.ones(size, np.uint8), capacity_pceh=ones,
        cost_function=np.full(size, CostFunction.FIXED, np.uint8), p0=ones, p1=ones, p2=ones,
        mask=np.ones(size, np.uint32), max_weight_t=ones, max_axle_t=ones, max_height_m=ones,
        preload_pceh=ones,
    )  # fmt: skip


def _is_pinned(network: Network) -> list[bool]:
    size = network.link_id.size
    none, every = np.zeros(size, np.bool_), np.ones(size, np.bool_)
    return pinned(network, is_flow_dependent=none, is_usable=every).tolist()


def test_two_way_roads_are_pinned_and_parallel_links_are_not() -> None:
    assert _is_pinned(_network([0, 1, 1, 1], [1, 0, 2, 2], [False] * 3)) == [
        True,
        True,
        False,
        False,
    ]
    triangle = _network([0, 1, 0, 2], [1, 2, 2, 3], [False] * 4)
    assert _is_pinned(triangle) == [False, False, False, True]
    closed = np.array([True, True, False, True])
    none = np.zeros(4, np.bool_)
    assert pinned(triangle, is_flow_dependent=none, is_usable=closed).all()


def test_forth_and_back_that_take_no_time_are_not_pinned() -> None:
    network = _network([0, 1], [1, 0], [False, False])
    network.t0_s[:] = 0.0
    assert _is_pinned(network) == [False, False]


def test_the_only_connector_of_a_zone_is_pinned_and_two_of_them_may_trade() -> None:
    one = _network([0, 1], [1, 0], [True, False])
    one.t0_s[:] = 0.0
    assert _is_pinned(one) == [True, True]
    two = _network([0, 1, 0, 2], [1, 0, 2, 0], [True, False, False])
    assert _is_pinned(two) == [False] * 4


@given(st.integers(0, 2**32 - 1))
def test_pinned_links_are_those_whose_removal_cuts_something_off(seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes = int(random.integers(2, 12))
    pair = np.unique(np.sort(random.integers(0, nodes, (int(random.integers(1, 20)), 2))), axis=0)
    pair = pair[pair[:, 0] != pair[:, 1]]
    network = _network(pair[:, 0].tolist(), pair[:, 1].tolist(), [False] * nodes)

    def parts(rows: np.ndarray) -> int:
        matrix = csr_array((np.ones(rows.shape[0]), (rows[:, 0], rows[:, 1])), shape=(nodes, nodes))
        return int(connected_components(matrix, directed=False)[0])

    rows = range(pair.shape[0])
    expected = [parts(np.delete(pair, row, axis=0)) > parts(pair) for row in rows]
    assert _is_pinned(network) == expected
