"""Node order and completion of a hierarchy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, maximum_flow

from simulations.traffic.assign.elimination import complete
from simulations.traffic.assign.ordering import dissection_order
from simulations.traffic.assign.separators import CUT, SIDE_A, SIDE_B, smallest_cut


def neighbours(one: np.ndarray, other: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    kept = one != other
    tail = np.concatenate((one[kept], other[kept]))
    head = np.concatenate((other[kept], one[kept]))
    codes = np.unique(tail.astype(np.int64) * count + head)
    first = np.searchsorted(codes, np.arange(count + 1) * count)
    return first.astype(np.int32), (codes % count).astype(np.int32)


def random_edges(seed: int, nodes: int, edges: int) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.random.default_rng(seed).integers(0, nodes, (2, edges))
    return neighbours(one, other, nodes)


def street_grid(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    node = np.arange(side * side).reshape(side, side)
    one = np.concatenate((node[:, :-1].ravel(), node[:-1].ravel()))
    other = np.concatenate((node[:, 1:].ravel(), node[1:].ravel()))
    y, x = np.divmod(np.arange(side * side, dtype=np.float64), side)
    return (x, y, *neighbours(one, other, side * side))


def node_flow(first: np.ndarray, neighbour: np.ndarray, end: np.ndarray) -> int:
    """Units from side A to side B with one unit through each node, by scipy."""
    count = end.size
    tail = np.repeat(np.arange(count), np.diff(first))
    source, sink = np.flatnonzero(end == SIDE_A), np.flatnonzero(end == SIDE_B)
    begins = np.concatenate((np.arange(count), count + tail, np.full(source.size, 2 * count)))
    begins = np.concatenate((begins, count + sink))
    ends = np.concatenate((count + np.arange(count), neighbour, source))
    ends = np.concatenate((ends, np.full(sink.size, 2 * count + 1)))
    room = np.ones(begins.size, np.int32)
    matrix = csr_array((room, (begins, ends)), shape=(2 * count + 2,) * 2)
    return int(maximum_flow(matrix, 2 * count, 2 * count + 1).flow_value)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), nodes=st.integers(2, 40), edges=st.integers(0, 120))
def test_a_cut_is_as_small_as_a_flow_is_large_and_parts_both_ends(
    seed: int, nodes: int, edges: int
) -> None:
    first, neighbour = random_edges(seed, nodes, edges)
    end = np.full(nodes, -1, np.int8)
    fixed = max(1, nodes // 4)
    end[:fixed], end[-fixed:] = SIDE_A, SIDE_B
    side = np.empty(nodes, np.int8)
    cut = smallest_cut(first, neighbour, end, nodes, side)
    tail = np.repeat(np.arange(nodes), np.diff(first))
    assert cut == np.sum(side == CUT) == node_flow(first, neighbour, end)
    assert not np.any((side[tail] == SIDE_A) & (side[neighbour] == SIDE_B))
    assert np.all(side[end == SIDE_A] != SIDE_B)
    assert np.all(side[end == SIDE_B] != SIDE_A)


def test_a_search_for_a_cut_ends_early_when_it_cannot_be_small() -> None:
    _, _, first, neighbour = street_grid(12)
    end = np.full(144, -1, np.int8)
    end[:24], end[-24:] = SIDE_A, SIDE_B
    assert smallest_cut(first, neighbour, end, 4, np.empty(144, np.int8)) > 4


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 40), edges=st.integers(0, 80))
def test_an_order_holds_every_node_once_and_comes_out_again(
    seed: int, nodes: int, edges: int
) -> None:
    first, neighbour = random_edges(seed, nodes, edges)
    x, y = np.random.default_rng(seed).integers(0, 5, (2, nodes)).astype(np.float64)
    order = dissection_order(x, y, first=first, neighbour=neighbour)
    assert sorted(order.tolist()) == list(range(nodes))
    assert np.array_equal(order, dissection_order(x, y, first=first, neighbour=neighbour))


def test_the_last_nodes_of_a_grid_part_it_into_halves() -> None:
    side = 24
    x, y, first, neighbour = street_grid(side)
    order = dissection_order(x, y, first=first, neighbour=neighbour)
    tail = np.repeat(np.arange(side * side), np.diff(first))
    kept = np.ones(side * side, bool)
    kept[order[-side:]] = False
    inner = kept[tail] & kept[neighbour]
    matrix = csr_array((np.ones(inner.sum()), (tail[inner], neighbour[inner])), (side * side,) * 2)
    _, part = connected_components(matrix)
    sizes = np.bincount(part[kept])
    assert sizes[sizes > 0].max() <= 0.62 * side * side


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 30), edges=st.integers(0, 60))
def test_upper_neighbours_know_each_other_and_are_ancestors(
    seed: int, nodes: int, edges: int
) -> None:
    first, neighbour = random_edges(seed, nodes, edges)
    done = complete(first, neighbour)
    assert done is not None
    arcs = set(zip(done.tail.tolist(), done.head.tolist(), strict=True))
    tail = np.repeat(np.arange(nodes), np.diff(first))
    assert {(int(t), int(h)) for t, h in zip(tail, neighbour, strict=True) if t < h} <= arcs
    for v in range(nodes):
        upper = done.head[done.first[v] : done.first[v + 1]].tolist()
        assert upper == sorted(upper)
        assert done.parent[v] == (upper[0] if upper else -1)
        assert all((a, b) in arcs for a in upper for b in upper if a < b)
        lower = done.lower_arc[done.lower_first[v] : done.lower_first[v + 1]]
        assert np.all(done.head[lower] == v)


def test_the_completion_of_a_city_grid_stays_small() -> None:
    side = 40
    x, y, first, neighbour = street_grid(side)
    order = dissection_order(x, y, first=first, neighbour=neighbour)
    place = np.empty(side * side, np.int64)
    place[order] = np.arange(side * side)
    tail = np.repeat(np.arange(side * side), np.diff(first))
    done = complete(*neighbours(place[tail], place[neighbour], side * side))
    assert done is not None
    assert done.head.size <= 1.5 * side**2 * np.log2(side**2)


def test_a_completion_above_its_limit_is_none() -> None:
    _, _, first, neighbour = street_grid(10)
    assert complete(first, neighbour, most=200) is None
