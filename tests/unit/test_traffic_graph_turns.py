"""Turn rules hold on the arcs of the graph exactly as on pairs of links."""

import heapq
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from grids import CAR, LORRY, build_network
from hypothesis import assume, given
from hypothesis import strategies as st

from simulations.traffic.graph import RoadGraph, build
from simulations.traffic.translation import to_arcs, to_links
from twin.model.network import Network, Turns

Links = list[tuple[int, int, int]]
Rules = list[tuple[int, int, float, int]]
EVERYONE = 0xFFFFFFFF
# a crossing: arms 1 to 4 around node 5, both directions; link ab goes from a to b
CROSSING: Links = [(10 * a + b, a, b) for a in (1, 2, 3, 4) for b in (5,)]
CROSSING += [(10 * b + a, b, a) for a in (1, 2, 3, 4) for b in (5,)]


def network(links: Links, rules: Rules, *, zones: tuple[int, ...] = (1, 2, 3, 4)) -> Network:
    """Links of 0 to 6 s; nobody drives through the arms of the crossing."""
    ids, tail, head = (np.array(column, dtype=np.int64) for column in zip(*links, strict=True))
    plain = build_network(
        node_id=np.unique(np.concatenate((tail, head))),
        link_id=ids,
        tail=tail,
        head=head,
        t0_s=(ids % 7).astype(np.float64),
        zones=np.array(zones, dtype=np.int64),
        no_through=np.arange(1, 5) if links is CROSSING else None,
    )
    turns = Turns(
        in_link=np.array([rule[0] for rule in rules], dtype=np.int64),
        out_link=np.array([rule[1] for rule in rules], dtype=np.int64),
        penalty_s=np.array([rule[2] for rule in rules], dtype=np.float64),
        mask=np.array([rule[3] for rule in rules], dtype=np.uint32),
    )
    return replace(plain, turns=turns)


def shortest(graph: RoadGraph, class_index: int, origin: int) -> dict[int, tuple[float, list[int]]]:
    """Cost and arcs to every zone from a zone, both as node ids, over the arcs of the graph."""
    zone = dict(zip(graph.zone_id.tolist(), graph.zone.tolist(), strict=True))
    start = zone[origin]
    queue: list[tuple[float, int, list[int]]] = [(0.0, start, [])]
    best: dict[int, tuple[float, list[int]]] = {}
    while queue:
        cost, node, path = heapq.heappop(queue)
        if node in best:
            continue
        best[node] = cost, path
        if graph.no_through[node] and node != start:
            continue
        for arc in range(graph.first_out[node], graph.first_out[node + 1]):
            if graph.open_mask[class_index, arc]:
                heapq.heappush(
                    queue, (cost + float(graph.t0_s[arc]), int(graph.head[arc]), [*path, arc])
                )
    return {i: best[row] for i, row in zone.items() if row in best and i != origin}


def cheapest_by_pairs(plain: Network, bit: int, origin: int) -> dict[int, float]:
    """Cost to every zone by a search over links, where a rule is a matter of two links."""
    rules: dict[tuple[int, int], tuple[float, bool]] = {}
    turns = plain.turns
    for row in range(turns.in_link.size):
        key = int(turns.in_link[row]), int(turns.out_link[row])
        penalty, is_free = rules.get(key, (0.0, True))
        allowed = bool(int(turns.mask[row]) >> bit & 1)
        rules[key] = penalty + float(turns.penalty_s[row]), is_free and allowed
    ids, tail, head = plain.link_id.tolist(), plain.tail.tolist(), plain.head.tolist()
    closed = set(plain.node_id[plain.no_through].tolist())
    t0_s = plain.t0_s.tolist()
    queue = [(t0_s[row], row) for row in range(len(ids)) if tail[row] == origin]
    heapq.heapify(queue)
    done: set[int] = set()
    best: dict[int, float] = {}
    while queue:
        cost, row = heapq.heappop(queue)
        if row in done:
            continue
        done.add(row)
        best.setdefault(head[row], cost)
        if head[row] in closed:
            continue
        for other in range(len(ids)):
            if tail[other] == head[row]:
                penalty, is_free = rules.get((ids[row], ids[other]), (0.0, True))
                if is_free:
                    heapq.heappush(queue, (cost + penalty + t0_s[other], other))
    zones = plain.node_id[plain.is_zone].tolist()
    return {zone: best[zone] for zone in zones if zone in best and zone != origin}


@st.composite
def ruled_networks(draw: st.DrawFn) -> Network:
    node = st.integers(1, 6)
    ends = draw(st.lists(st.tuples(node, node), min_size=2, max_size=18))
    links = [(row, tail, head) for row, (tail, head) in enumerate(ends) if tail != head]
    assume(links)
    meeting = [(a, b) for a, _, head in links for b, tail, _ in links if head == tail]
    assume(meeting)
    chosen = draw(st.lists(st.sampled_from(meeting), min_size=1, max_size=8))
    effects = draw(
        st.lists(
            st.tuples(st.integers(0, 9), st.integers(0, 3)),
            min_size=len(chosen),
            max_size=len(chosen),
        )
    )
    rules = [(a, b, float(p), m) for (a, b), (p, m) in zip(chosen, effects, strict=True)]
    zones = tuple(draw(st.sets(node, min_size=2)))
    plain = network(links, rules, zones=zones)
    ends_only = draw(st.sets(st.sampled_from(zones)))
    return replace(plain, no_through=np.isin(plain.node_id, list(ends_only)))


@given(ruled_networks())
def test_paths_cost_the_same_over_arcs_as_over_pairs_of_links(plain: Network) -> None:
    graph = build(plain, (CAR, LORRY))
    for index in range(2):
        for origin in graph.zone_id.tolist():
            found = {zone: cost for zone, (cost, _) in shortest(graph, index, origin).items()}
            assert found == cheapest_by_pairs(plain, index, origin)


@given(ruled_networks())
def test_paths_survive_the_way_to_link_ids_and_back(plain: Network) -> None:
    graph = build(plain, (CAR,))
    origin, destination, arcs = [], [], []
    for zone in graph.zone_id.tolist():
        for end, (_, path) in shortest(graph, 0, zone).items():
            origin.append(zone)
            destination.append(end)
            arcs.append(path)
    start = np.concatenate(([0], np.cumsum([len(path) for path in arcs]))).astype(np.int64)
    flat = np.array([arc for path in arcs for arc in path], dtype=np.int32)
    link_start, links = to_links(graph, start=start, arcs=flat)
    row = {int(i): n for n, i in enumerate(plain.link_id)}
    for first, last in pairwise(link_start.tolist()):
        steps = [row[i] for i in links[first:last].tolist()]
        assert all(plain.head[a] == plain.tail[b] for a, b in pairwise(steps))
    back_start, back, is_whole = to_arcs(
        graph, start=link_start, link_id=links,
        origin=np.array(origin, dtype=np.int64), destination=np.array(destination, dtype=np.int64),
    )  # fmt: skip
    assert is_whole.all()
    assert np.array_equal(back_start, start)
    assert np.array_equal(back, flat)


def test_only_the_nodes_with_a_rule_are_taken_apart() -> None:
    free, ruled = (build(network(CROSSING, rules), (CAR,)) for rules in ([], [(15, 52, 0.0, 0)]))
    assert (free.nodes, free.arcs) == (5, 8)
    assert (ruled.nodes, ruled.arcs) == (5 + 8, 8 + 16)
    assert sorted(ruled.link_id[ruled.link_of >= 0]) == sorted(free.link_id)


def test_a_banned_turn_is_closed_and_every_other_turn_stays_free() -> None:
    graph = build(network(CROSSING, [(15, 52, 0.0, 0)]), (CAR,))
    reached = shortest(graph, 0, 1)
    assert sorted(reached) == [3, 4]
    assert sorted(shortest(graph, 0, 2)) == [1, 3, 4]


def test_a_turn_ban_for_one_class_binds_that_class_only() -> None:
    graph = build(network(CROSSING, [(15, 52, 0.0, 1)]), (CAR, LORRY))
    assert 2 in shortest(graph, 0, 1)
    assert 2 not in shortest(graph, 1, 1)


def test_repeated_rules_all_hold() -> None:
    graph = build(network(CROSSING, [(15, 52, 4.0, 3), (15, 52, 5.0, 1)]), (CAR, LORRY))
    free = build(network(CROSSING, []), (CAR,))
    assert shortest(graph, 0, 1)[2][0] == shortest(free, 0, 1)[2][0] + 9.0
    assert 2 not in shortest(graph, 1, 1)


def test_a_u_turn_is_an_ordinary_turn() -> None:
    links: Links = [(1, 1, 2), (2, 2, 3), (3, 3, 2), (4, 2, 4)]
    # 2 to 4 directly is banned, so that the way leads to 3 and back
    rules = [(1, 4, 0.0, 0)]
    graph = build(network(links, rules, zones=(1, 4)), (CAR,))
    _, arcs = shortest(graph, 0, 1)[4]
    start, found = to_links(graph, start=np.array([0, len(arcs)]), arcs=np.array(arcs))
    assert found.tolist() == [1, 2, 3, 4]
    assert start.tolist() == [0, 4]
    no_u_turn = build(network(links, [*rules, (2, 3, 0.0, 0)], zones=(1, 4)), (CAR,))
    assert shortest(no_u_turn, 0, 1) == {}


def test_trips_begin_and_end_at_a_zone_with_a_rule_and_do_not_get_round_it() -> None:
    graph = build(network(CROSSING, [(15, 52, 0.0, 0)], zones=(1, 2, 5)), (CAR,))
    assert sorted(shortest(graph, 0, 1)) == [5]
    assert sorted(shortest(graph, 0, 5)) == [1, 2]
    assert graph.no_through[graph.zone].all()


def test_a_rule_at_a_node_without_through_traffic_is_reported_and_means_nothing() -> None:
    plain = network(CROSSING, [(15, 52, 7.0, EVERYONE)], zones=(1, 2, 5))
    graph = build(replace(plain, no_through=plain.node_id == 5), (CAR,))
    assert graph.arcs == 8
    said = "turn rules end at a node without through traffic and mean nothing"
    assert f"1 link(s) whose {said}: link 15" in graph.warnings


def test_turn_arcs_carry_nothing_but_their_penalty() -> None:
    graph = build(network(CROSSING, [(15, 52, 7.0, EVERYONE)]), (CAR,))
    turn = graph.link_of < 0
    assert sorted(graph.t0_s[turn].tolist()) == [0.0] * 15 + [7.0]
    assert not graph.is_flow_dependent[turn].any()
    for column in (graph.length_m, graph.capacity_pceh, graph.preload_pceh, graph.fixed_cost_s[0]):
        assert not column[turn].any()
    assert (graph.link_id[turn] == -1).all()


@pytest.mark.parametrize(
    ("links", "is_whole"),
    [
        ([15, 53], True), ([15, 52], False), ([15, 15], False), ([15], False), ([99, 53], False),
        ([53], False), ([], False),
    ],
)  # fmt: skip
def test_a_stored_path_is_whole_only_if_it_still_leads_from_end_to_end(
    links: list[int], *, is_whole: bool
) -> None:
    graph = build(network(CROSSING, []), (CAR,))
    start, arcs, found = to_arcs(
        graph, start=np.array([0, len(links)]), link_id=np.array(links, dtype=np.int64),
        origin=np.array([1]), destination=np.array([3]),
    )  # fmt: skip
    assert found.tolist() == [is_whole]
    assert start.tolist() == [0, len(links) if is_whole else 0]
    assert graph.link_id[arcs].tolist() == (links if is_whole else [])
