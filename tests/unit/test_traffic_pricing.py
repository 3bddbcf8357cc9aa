"""Cheapest paths against scipy, from nothing and repaired."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from simulations.traffic.assign.pricing import DijkstraPricing, PairTable, PricingGraph


def random_graph(seed: int, nodes: int = 60, links: int = 240) -> PricingGraph:
    random = np.random.default_rng(seed)
    tail, head = random.integers(0, nodes, (2, links))
    by = np.lexsort((head, tail))
    tail, head = tail[by].astype(np.int32), head[by].astype(np.int32)
    return PricingGraph(
        first_out=np.searchsorted(tail, np.arange(nodes + 1)).astype(np.int32),
        tail=tail,
        head=head,
        no_through=random.random(nodes) < 0.2,
        x_m=random.random(nodes),
        y_m=random.random(nodes),
    )


def all_pairs(graph: PricingGraph, origins: np.ndarray) -> PairTable:
    nodes = graph.no_through.size
    destination = [np.delete(np.arange(nodes), origin) for origin in origins]
    return PairTable(
        row_class=np.zeros(origins.size, np.int32),
        row_origin=origins.astype(np.int32),
        row_first=np.arange(origins.size + 1) * (nodes - 1),
        destination=np.concatenate(destination).astype(np.int32),
    )


def truth(graph: PricingGraph, table: PairTable, cost: np.ndarray) -> np.ndarray:
    """Distances by scipy, with a copy of each centroid that only begins paths."""
    nodes = graph.no_through.size
    least: dict[tuple[int, int], float] = {}
    for tail, head, value in zip(graph.tail, graph.head, cost, strict=True):
        begin = int(tail) + nodes if graph.no_through[tail] else int(tail)
        least[begin, int(head)] = min(value, least.get((begin, int(head)), np.inf))
    at = np.array([pair for pair, value in least.items() if np.isfinite(value)]).T
    values = [value for value in least.values() if np.isfinite(value)]
    matrix = csr_array((values, (at[0], at[1])), shape=(2 * nodes, 2 * nodes))
    begin = table.row_origin + nodes * graph.no_through[table.row_origin]
    far = dijkstra(matrix, indices=begin)
    row = np.repeat(np.arange(table.row_origin.size), np.diff(table.row_first))
    return far[row, table.destination]


def costs(graph: PricingGraph, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    cost = np.round(random.uniform(0.0, 9.0, graph.tail.size), 1)
    cost[random.random(cost.size) < 0.1] = np.inf
    return cost


@pytest.mark.parametrize("remembered", [0, 10**6])
@pytest.mark.parametrize("seed", range(5))
def test_costs_agree_with_scipy_however_the_links_change(seed: int, remembered: int) -> None:
    graph = random_graph(seed)
    table = all_pairs(graph, np.arange(0, 60, 3))
    pricing = DijkstraPricing(graph, table, threads=2, order_bytes=remembered)
    shortest = np.empty(table.destination.size)
    for turn in range(6):
        cost = costs(graph, 100 * seed + turn)
        pricing.customise(0, cost)
        for of, rows in table.chunks():
            pricing.price(of, rows, shortest)
        np.testing.assert_allclose(shortest, truth(graph, table, cost), rtol=1e-12)


def test_a_path_costs_what_was_announced_and_passes_no_centroid() -> None:
    graph = random_graph(7)
    table = all_pairs(graph, np.arange(60))
    pricing = DijkstraPricing(graph, table, threads=2, order_bytes=10**6)
    shortest = np.empty(table.destination.size)
    for turn in range(3):
        cost = costs(graph, turn)
        pricing.customise(0, cost)
        for of, rows in table.chunks():
            pricing.price(of, rows, shortest)
            mine = np.arange(table.row_first[rows[0]], table.row_first[rows[-1] + 1])
            pairs = mine[np.isfinite(shortest[mine])]
            start, links = pricing.paths(of, pairs)
            row = np.searchsorted(table.row_first, pairs, side="right") - 1
            for i, pair in enumerate(pairs):
                path = links[start[i] : start[i + 1]]
                assert graph.tail[path[0]] == table.row_origin[row[i]]
                assert graph.head[path[-1]] == table.destination[pair]
                assert np.array_equal(graph.tail[path[1:]], graph.head[path[:-1]])
                assert not graph.no_through[graph.tail[path[1:]]].any()
                assert cost[path].sum() == pytest.approx(shortest[pair], rel=1e-12)
