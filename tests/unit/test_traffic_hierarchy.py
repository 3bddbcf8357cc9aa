"""Cheapest paths through a hierarchy against scipy, on random graphs and on a city grid."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from simulations.traffic.assign.hierarchy import HierarchyPricing, build
from simulations.traffic.assign.pricing import PairTable, PricingGraph
from twin.errors import NetworkError


def graph_of(
    tail: np.ndarray, head: np.ndarray, *, no_through: np.ndarray, at: np.ndarray
) -> PricingGraph:
    by = np.lexsort((head, tail))
    return PricingGraph(
        first_out=np.searchsorted(tail[by], np.arange(no_through.size + 1)).astype(np.int32),
        tail=tail[by].astype(np.int32),
        head=head[by].astype(np.int32),
        no_through=no_through,
        x_m=np.ascontiguousarray(at[0], dtype=np.float64),
        y_m=np.ascontiguousarray(at[1], dtype=np.float64),
    )


def random_graph(
    seed: int, *, nodes: int, links: int, centroids: float, places: int = 10**6
) -> PricingGraph:
    random = np.random.default_rng(seed)
    tail, head = random.integers(0, nodes, (2, links))
    return graph_of(
        tail,
        head,
        no_through=random.random(nodes) < centroids,
        at=random.integers(0, places, (2, nodes)),
    )


def city(side: int, zones: int, seed: int = 1) -> tuple[PricingGraph, np.ndarray]:
    """Two-way streets with zones on connectors that cost nothing; the costs of the links."""
    random = np.random.default_rng(seed)
    node = np.arange(side * side).reshape(side, side)
    one = np.concatenate((node[:, :-1].ravel(), node[:-1].ravel()))
    other = np.concatenate((node[:, 1:].ravel(), node[1:].ravel()))
    zone = side * side + np.arange(zones)
    door = random.choice(side * side, zones, replace=False)
    tail = np.concatenate((one, other, zone, door))
    head = np.concatenate((other, one, door, zone))
    y, x = np.divmod(np.concatenate((np.arange(side * side), door)), side)
    graph = graph_of(
        tail, head, no_through=np.arange(side * side + zones) >= side * side, at=np.array([x, y])
    )
    cost = random.uniform(20.0, 60.0, tail.size)
    cost[graph.no_through[graph.tail] | graph.no_through[graph.head]] = 0.0
    return graph, cost


def all_pairs(origins: np.ndarray, ends: np.ndarray) -> PairTable:
    destination = [ends[ends != origin] for origin in origins]
    return PairTable(
        row_class=np.zeros(origins.size, np.int32),
        row_origin=origins.astype(np.int32),
        row_first=np.cumsum([0, *(some.size for some in destination)]),
        destination=np.concatenate(destination).astype(np.int32),
    )


def every_pair(graph: PricingGraph) -> PairTable:
    nodes = np.arange(graph.no_through.size)
    return all_pairs(nodes, nodes)


def truth(graph: PricingGraph, table: PairTable, cost: np.ndarray) -> np.ndarray:
    """Distances by scipy, with a copy of each centroid that only begins paths."""
    nodes = graph.no_through.size
    begin = graph.tail + nodes * graph.no_through[graph.tail]
    code = begin.astype(np.int64) * 2 * nodes + graph.head
    by = np.lexsort((cost, code))
    by = by[np.isfinite(cost[by])]
    code, least = np.unique(code[by], return_index=True)
    matrix = csr_array((cost[by][least], np.divmod(code, 2 * nodes)), shape=(2 * nodes,) * 2)
    start = table.row_origin + nodes * graph.no_through[table.row_origin]
    far = dijkstra(matrix, indices=start)
    return far[np.repeat(np.arange(start.size), np.diff(table.row_first)), table.destination]


def random_costs(graph: PricingGraph, seed: int, *, free: float, closed: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    cost = random.uniform(0.0, 90.0, graph.tail.size)
    cost[random.random(cost.size) < free] = 0.0
    cost[random.random(cost.size) < closed] = np.inf
    return cost


def priced(
    pricing: HierarchyPricing, table: PairTable, cost: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Cost and links of every pair; None where no path leads."""
    shortest = np.full(table.destination.size, np.nan)
    found: list[np.ndarray | None] = [None] * shortest.size
    pricing.customise(0, cost)
    for of, rows in table.chunks():
        pricing.price(of, rows, shortest)
        mine = np.arange(table.row_first[rows[0]], table.row_first[rows[-1] + 1])
        pairs = mine[np.isfinite(shortest[mine])]
        start, links = pricing.paths(of, pairs)
        for i, pair in enumerate(pairs):
            found[pair] = links[start[i] : start[i + 1]]
    return shortest, found


def assert_right(
    graph: PricingGraph, table: PairTable, pricing: HierarchyPricing, cost: np.ndarray
):
    shortest, found = priced(pricing, table, cost)
    np.testing.assert_allclose(shortest, truth(graph, table, cost), rtol=1e-9)
    origin = np.repeat(table.row_origin, np.diff(table.row_first))
    for pair, path in enumerate(found):
        if path is None:
            continue
        passed = graph.tail[path[1:]]
        assert graph.tail[path[0]] == origin[pair]
        assert graph.head[path[-1]] == table.destination[pair]
        assert np.array_equal(passed, graph.head[path[:-1]])
        assert not graph.no_through[passed].any()
        assert np.unique(graph.head[path]).size == path.size
        assert origin[pair] not in graph.head[path]
        assert cost[path].sum() == pytest.approx(shortest[pair], rel=1e-9, abs=0.0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.tuples(st.integers(2, 30), st.integers(1, 150)),
    centroids=st.sampled_from([0.0, 0.3, 1.0]),
    free_and_closed=st.sampled_from([(0.0, 0.0), (0.0, 0.2), (0.4, 0.2), (1.0, 0.2)]),
    places=st.sampled_from([1, 3, 10**6]),
)
def test_any_graph_has_the_costs_of_scipy_and_simple_paths_that_cost_them(
    seed: int,
    size: tuple[int, int],
    centroids: float,
    free_and_closed: tuple[float, float],
    places: int,
) -> None:
    graph = random_graph(seed, nodes=size[0], links=size[1], centroids=centroids, places=places)
    table = every_pair(graph)
    pricing = HierarchyPricing(graph, table, threads=2)
    for turn in range(2):
        free, closed = free_and_closed
        cost = random_costs(graph, seed + turn, free=free, closed=closed)
        assert_right(graph, table, pricing, cost)


def test_a_city_grid_has_the_costs_of_scipy() -> None:
    graph, cost = city(20, 80)
    zones = np.flatnonzero(graph.no_through)
    table = all_pairs(zones, zones)
    assert_right(graph, table, HierarchyPricing(graph, table, threads=2), cost)


def test_the_cheaper_of_parallel_links_is_taken_and_the_first_of_equal_ones() -> None:
    graph = graph_of(
        np.array([0, 0, 0]),
        np.array([1, 1, 1]),
        no_through=np.zeros(2, bool),
        at=np.zeros((2, 2)),
    )
    table = all_pairs(np.array([0]), np.array([1]))
    pricing = HierarchyPricing(graph, table, threads=1)
    for cost, best in (([4.0, 3.0, 5.0], 1), ([3.0, 3.0, 9.0], 0), ([np.inf, np.inf, 1.0], 2)):
        shortest, found = priced(pricing, table, np.array(cost))
        assert shortest.tolist() == [cost[best]]
        assert [path.tolist() for path in found if path is not None] == [[best]]


def test_nobody_passes_a_centroid_but_a_link_between_two_is_used() -> None:
    centroids = np.array([True, False, True])
    graph = graph_of(
        np.array([0, 0, 2]), np.array([1, 2, 1]), no_through=centroids, at=np.zeros((2, 3))
    )
    table = all_pairs(np.array([0]), np.array([1, 2]))
    pricing = HierarchyPricing(graph, table, threads=1)
    shortest, found = priced(pricing, table, np.array([50.0, 1.0, 1.0]))
    assert shortest.tolist() == [50.0, 1.0]
    assert [path.tolist() for path in found if path is not None] == [[0], [1]]


def test_every_class_keeps_its_own_costs() -> None:
    graph, cost = city(6, 4)
    zones = np.flatnonzero(graph.no_through)
    table = all_pairs(zones, zones)
    pricing = HierarchyPricing(graph, table, threads=2)
    banned = cost.copy()
    banned[::7] = np.inf
    pricing.customise(0, cost)
    pricing.customise(1, banned)
    shortest = np.empty((2, table.destination.size))
    for of, costs in enumerate((cost, banned)):
        for _, rows in table.chunks():
            pricing.price(of, rows, shortest[of])
        np.testing.assert_allclose(shortest[of], truth(graph, table, costs), rtol=1e-9)


def test_some_rows_leave_the_pairs_of_the_others_alone() -> None:
    graph, cost = city(8, 20)
    zones = np.flatnonzero(graph.no_through)
    table = all_pairs(zones, zones)
    pricing = HierarchyPricing(graph, table, threads=2)
    everything, found = priced(pricing, table, cost)
    shortest = np.full(table.destination.size, -1.0)
    rows = np.array([3, 11, 17], np.int32)
    pricing.price(0, rows, shortest)
    mine = np.isin(np.repeat(np.arange(zones.size), np.diff(table.row_first)), rows)
    assert np.array_equal(shortest[mine], everything[mine])
    assert np.all(shortest[~mine] == -1.0)
    pairs = np.flatnonzero(mine)[::5]
    start, links = pricing.paths(0, pairs)
    for i, pair in enumerate(pairs):
        assert np.array_equal(links[start[i] : start[i + 1]], found[pair])


def test_threads_change_no_bit() -> None:
    graph, cost = city(15, 70)
    zones = np.flatnonzero(graph.no_through)
    table = all_pairs(zones, zones)
    answers = []
    before = numba.get_num_threads()
    for threads in (1, before):
        numba.set_num_threads(threads)
        # room for more threads than run makes other blocks of origins
        answers += [
            priced(HierarchyPricing(graph, table, threads=room), table, cost)
            for room in (threads, threads + 3)
        ]
    numba.set_num_threads(before)
    for shortest, found in answers[1:]:
        assert shortest.tobytes() == answers[0][0].tobytes()
        for one, other in zip(found, answers[0][1], strict=True):
            assert np.array_equal(one, other)


def test_a_topology_is_built_once() -> None:
    graph, _ = city(9, 5)
    zones = np.flatnonzero(graph.no_through)
    table = all_pairs(zones, zones)
    one = HierarchyPricing(graph, table, threads=1)
    again, _ = city(9, 5)
    assert HierarchyPricing(again, table, threads=1)._hierarchy is one._hierarchy


def test_a_network_without_small_separators_is_refused_with_advice() -> None:
    graph = random_graph(1, nodes=3000, links=4000, centroids=0.0)
    with pytest.raises(NetworkError, match="choose the pricing dijkstra"):
        build(graph)
