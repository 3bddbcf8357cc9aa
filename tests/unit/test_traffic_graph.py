"""The graph of a network is the same whatever the order of its rows, and knows its own limits."""

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import pytest
from grids import CAR, LORRY, build_network, with_columns
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulations.traffic.classes import classes
from simulations.traffic.graph import RoadGraph, build
from twin.errors import NetworkError
from twin.model.network import CostFunction, LinkAssets, Network, Turns
from twin.model.tables import rows
from twin.model.traffic import VehicleClass

Links = list[tuple[int, int, int]]
RING: Links = [(1, 10, 20), (2, 20, 30), (3, 30, 10), (4, 20, 10), (5, 30, 20), (6, 10, 30)]


def network(links: Links, **columns: NDArray) -> Network:
    """A schematic network of (id, tail, head); 100 m and 10 s a link."""
    ids, tail, head = (np.array(column, dtype=np.int64) for column in zip(*links, strict=True))
    plain = build_network(
        node_id=np.unique(np.concatenate((tail, head))),
        link_id=ids,
        tail=tail,
        head=head,
        t0_s=np.full(ids.size, 10.0),
        length_m=100.0,
    )
    return with_columns(plain, columns)


def zoned(plain: Network, *zones: int) -> Network:
    return replace(plain, is_zone=np.isin(plain.node_id, zones))


def complaint(wrong: Network, vehicles: tuple[VehicleClass, ...] = (CAR,)) -> str:
    with pytest.raises(NetworkError) as caught:
        build(wrong, vehicles)
    return str(caught.value)


def per_link(links: int, row: int, value: float, other: float = 0.0) -> NDArray[np.float64]:
    column = np.full(links, other)
    column[row] = value
    return column


def by_id(graph: RoadGraph) -> Mapping[str, object]:
    """Every column of the graph, with positions in the network replaced by ids."""
    found: dict[str, object] = {
        item.name: getattr(graph, item.name).tolist()
        for item in fields(graph)
        if isinstance(getattr(graph, item.name), np.ndarray)
        and item.name not in ("link_of", "row_of")
    }
    is_turn = graph.link_of < 0
    back = graph.network.link_id[graph.link_of]
    assert np.array_equal(back[~is_turn], graph.link_id[~is_turn])
    kept = np.flatnonzero(graph.row_of >= 0)
    assert np.array_equal(graph.link_id[graph.row_of[kept]], graph.network.link_id[kept])
    return found | {"turns": is_turn.tolist(), "said": (graph.warnings, graph.assumptions)}


def permuted(given_network: Network, order: list[int], nodes: list[int]) -> Network:
    columns: dict[str, NDArray] = {}
    for item in fields(given_network):
        value = getattr(given_network, item.name)
        if isinstance(value, np.ndarray):
            is_node = item.name in ("node_id", "x_m", "y_m", "is_zone", "no_through")
            columns[item.name] = value[nodes] if is_node else value[..., order]
    return with_columns(given_network, columns)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Small networks with everything at once: parallels, loops, turns, limits, zones."""
    node = st.integers(0, 5)
    ends = draw(st.lists(st.tuples(node, node), min_size=1, max_size=16))
    ids = draw(st.permutations(range(100, 100 + len(ends))))
    links = [(i, 10 * tail, 10 * head) for i, (tail, head) in zip(ids, ends, strict=True)]
    plain = network(links, max_weight_t=np.array(
        draw(st.lists(st.sampled_from([3.0, 15.0, np.inf]), min_size=len(ids), max_size=len(ids)))
    ))  # fmt: skip
    flags = st.lists(st.booleans(), min_size=plain.node_id.size, max_size=plain.node_id.size)
    is_zone = np.array(draw(flags))
    no_through = is_zone & np.array(draw(flags))
    meeting = [(a, b) for a, _, head in links for b, tail, _ in links if head == tail]
    chosen = draw(st.lists(st.sampled_from(meeting), max_size=4)) if meeting else []
    turns = Turns(
        in_link=np.array([a for a, _ in chosen], dtype=np.int64),
        out_link=np.array([b for _, b in chosen], dtype=np.int64),
        penalty_s=np.arange(len(chosen), dtype=np.float64),
        mask=np.array([row % 3 for row in range(len(chosen))], dtype=np.uint32),
    )
    return replace(plain, is_zone=is_zone, no_through=no_through, turns=turns)


@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_makes_no_difference(plain: Network, random: object) -> None:
    order, nodes = list(range(plain.link_id.size)), list(range(plain.node_id.size))
    random.shuffle(order)  # pyrefly: ignore[missing-attribute] - hypothesis gives a Random
    random.shuffle(nodes)  # pyrefly: ignore[missing-attribute]
    expected = by_id(build(plain, (CAR, LORRY)))
    assert by_id(build(permuted(plain, order, nodes), (CAR, LORRY))) == expected


@given(networks())
def test_arcs_are_sorted_and_their_rows_are_complete(plain: Network) -> None:
    graph = build(plain, (CAR,))
    keys = list(zip(graph.tail.tolist(), graph.head.tolist(), graph.link_id.tolist(), strict=True))
    assert keys == sorted(keys)
    assert graph.first_out[0] == 0
    assert graph.first_out[-1] == graph.arcs
    for node in range(graph.nodes):
        arcs = slice(graph.first_out[node], graph.first_out[node + 1])
        assert (graph.tail[arcs] == node).all()
    loops = np.flatnonzero(plain.tail == plain.head)
    assert np.array_equal(np.flatnonzero(graph.row_of < 0), loops)


@given(networks())
def test_the_opposite_of_the_opposite_direction_is_the_link_itself(plain: Network) -> None:
    graph = build(plain, (CAR,))
    there = np.flatnonzero(graph.reverse >= 0)
    back = graph.reverse[there]
    assert np.array_equal(graph.reverse[back], there)
    assert (graph.node_id[graph.tail[there]] == graph.node_id[graph.head[back]]).all()
    assert (graph.node_id[graph.head[there]] == graph.node_id[graph.tail[back]]).all()


def test_nobody_can_write_into_a_graph() -> None:
    graph = build(network(RING), (CAR,))
    for item in fields(graph):
        value = getattr(graph, item.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable, item.name


def test_values_come_back_in_the_order_of_the_network() -> None:
    links = [(7, 2, 1), (3, 1, 2), (9, 2, 2), (1, 1, 2)]
    graph = build(network(links), (CAR,))
    assert graph.to_network_order(graph.link_id.astype(float), missing=-5.0).tolist() == [
        7.0, 3.0, -5.0, 1.0,
    ]  # fmt: skip
    two = np.stack((graph.t0_s, graph.length_m))
    assert graph.to_network_order(two).tolist() == [[10, 10, 0, 10], [100, 100, 0, 100]]


def test_parallel_links_keep_their_own_parameters() -> None:
    graph = build(network([(5, 1, 2), (4, 1, 2)], t0_s=np.array([50.0, 40.0])), (CAR,))
    assert graph.link_id.tolist() == [4, 5]
    assert graph.t0_s.tolist() == [40.0, 50.0]


def test_a_self_loop_is_left_out_and_reported() -> None:
    graph = build(network([*RING, (8, 20, 20)]), (CAR,))
    assert graph.arcs == len(RING)
    assert graph.warnings == ("1 self-loop(s) left out, they carry 0: link 8",)


def test_a_time_that_never_grows_is_fixed_whatever_the_network_calls_it() -> None:
    cases = [
        (CostFunction.BPR, 10.0, 0.15, 0.0, 11.5), (CostFunction.BPR, 10.0, 0.0, 4.0, 10.0),
        (CostFunction.BPR, 0.0, 0.15, 4.0, 0.0), (CostFunction.CONICAL, 0.0, 4.0, 0.0, 0.0),
        (CostFunction.LINEAR, 10.0, 0.0, 0.0, 10.0),
    ]  # fmt: skip
    fn, t0_s, p0, p1, expected = zip(*cases, strict=True)
    links = [(row, 1, 2) for row in range(len(cases))]
    graph = build(
        network(
            links, cost_function=np.array(fn, dtype=np.uint8), t0_s=np.array(t0_s),
            p0=np.array(p0), p1=np.array(p1)
        ),
        (CAR,),
    )  # fmt: skip
    assert not graph.is_flow_dependent.any()
    assert graph.t0_s.tolist() == pytest.approx(expected)


def test_a_fixed_link_may_be_without_capacity() -> None:
    fixed = np.full(len(RING), CostFunction.FIXED, dtype=np.uint8)
    graph = build(network(RING, cost_function=fixed, capacity_pceh=np.zeros(len(RING))), (CAR,))
    assert not graph.is_flow_dependent.any()


WRONG: list[tuple[str, dict[str, NDArray], str]] = [
    ("duplicate id", {"link_id": np.array([1, 2, 3, 4, 5, 5])}, "1 link id(s) occur more than"),
    ("negative id", {"link_id": np.array([1, 2, 3, 4, 5, -6])}, "negative id"),
    ("unknown node", {"head": np.array([20, 30, 10, 10, 20, 77])}, "head that is no node: link 6"),
    ("negative time", {"t0_s": per_link(6, 1, -1.0)}, "t0_s from 0 to 1e+09: link 2 (-1)"),
    ("no time", {"t0_s": per_link(6, 1, np.nan)}, "t0_s from 0 to 1e+09: link 2 (nan)"),
    ("endless time", {"t0_s": per_link(6, 1, np.inf)}, "t0_s from 0 to 1e+09: link 2 (inf)"),
    (
        "negative length",
        {"length_m": per_link(6, 1, -3.0)},
        "length_m from 0 to 1e+09: link 2 (-3)",
    ),
    (
        "no capacity",
        {"capacity_pceh": per_link(6, 1, 0.0, 9.0)},
        "need a capacity from 0.001 to 1e+09; close a link to give it none",
    ),
    ("negative capacity", {"capacity_pceh": per_link(6, 1, -9.0, 9.0)}, "link 2 (-9)"),
    ("endless capacity", {"capacity_pceh": per_link(6, 1, np.inf, 9.0)}, "link 2 (inf)"),
    ("exponent", {"p1": per_link(6, 1, 0.5, 4.0)}, "BPR exponent other than 0 below 1: link 2"),
    ("factor", {"p0": per_link(6, 1, -0.1, 0.1)}, "negative BPR factor: link 2 (-0.1)"),
    ("too steep", {"p1": per_link(6, 1, 99.0, 4.0)}, "BPR exponent above 30: link 2 (99)"),
    ("preload", {"preload_pceh": per_link(6, 1, np.nan)}, "preload_pceh from 0"),
    ("limit", {"max_weight_t": per_link(6, 1, np.nan)}, "max_weight_t of 0 or more"),
    ("toll", {"toll_eur": np.full((1, 6), -1.0)}, "6 link(s) need toll_eur from 0"),
    ("tolls", {"toll_eur": np.zeros((2, 6))}, "toll_eur has shape (2, 6), expected (1, 6)"),
    ("function", {"cost_function": np.full(6, 9, dtype=np.uint8)}, "unknown cost function"),
    ("real ids", {"tail": np.array([10.0] * 6)}, "column tail holds float64, expected whole"),
    ("words", {"p0": np.array(["x"] * 6)}, "column p0 holds <U1, expected numbers"),
    ("flags", {"is_zone": np.zeros(3)}, "column is_zone holds float64, expected true and false"),
    ("too short", {"p0": np.zeros(5)}, "column p0 has shape (5,), expected (6,)"),
    ("coordinates", {"x_m": np.array([0.0, np.nan, 0.0])}, "1 node(s) have no coordinates: 20"),
]


@pytest.mark.parametrize(
    ("column", "text"), [case[1:] for case in WRONG], ids=[c[0] for c in WRONG]
)
def test_a_mistake_is_named_with_its_link(column: dict[str, NDArray], text: str) -> None:
    assert text in complaint(network(RING, **column))


@pytest.mark.parametrize(
    ("fn", "p0", "p1", "text"),
    [
        (CostFunction.LINEAR, -1.0, 0.0, "negative slope"),
        (CostFunction.CONICAL, 1.0, 0.0, "conical steepness of 1.01 or more"),
        (CostFunction.AKCELIK, 0.0, 0.4, "Akcelik period of 0.01 h or more"),
        (CostFunction.AKCELIK, 1.0, 0.0, "Akcelik delay parameter of 1e-06 or more"),
    ],
)
def test_parameters_outside_their_range_are_refused(
    fn: CostFunction, p0: float, p1: float, text: str
) -> None:
    columns = {"p0": np.full(6, p0), "p1": np.full(6, p1)}
    assert text in complaint(network(RING, cost_function=np.full(6, fn, dtype=np.uint8), **columns))


def test_all_mistakes_are_reported_at_once_and_in_the_same_words_for_every_order() -> None:
    wrong = network(RING, t0_s=per_link(6, 1, -1.0), p1=per_link(6, 5, 0.5, 4.0))
    text = complaint(wrong, (replace(CAR, pce=0.0), replace(CAR, bit=40, time_value_eur_h=0.0)))
    assert len(text.splitlines()) == 6
    again = permuted(wrong, [5, 3, 1, 0, 2, 4], [2, 0, 1])
    assert (
        complaint(again, (replace(CAR, pce=0.0), replace(CAR, bit=40, time_value_eur_h=0.0)))
        == text
    )


def test_a_network_without_links_is_refused() -> None:
    none = np.empty(0, dtype=np.int64)
    empty = build_network(node_id=np.array([1]), tail=none, head=none, t0_s=np.empty(0))
    assert "no links" in complaint(empty)


@pytest.mark.parametrize(("t0_s", "speed"), [(1.0, "360"), (200.0, "1.8")])
def test_a_free_speed_that_no_road_has_points_at_the_units(t0_s: float, speed: str) -> None:
    mapped = replace(network(RING, t0_s=per_link(6, 3, t0_s, 10.0)), epsg=25833)
    assert f"check units or mark them in odd_speed: link 4 ({speed})" in complaint(mapped)
    odd_speed = np.arange(6) == 3
    assert build(replace(mapped, odd_speed=odd_speed), (CAR,)).arcs == 6
    assert build(replace(mapped, epsg=0), (CAR,)).arcs == 6


def test_turns_that_do_not_meet_or_name_unknown_links_are_refused() -> None:
    turns = Turns(
        np.array([1, 1, 1]), np.array([2, 3, 99]), np.array([-1.0, 0.0, 0.0]),
        np.zeros(3, dtype=np.uint32),
    )  # fmt: skip
    text = complaint(replace(network(RING), turns=turns))
    assert "1 turn rule(s) name a link that does not exist: 1 to 99" in text
    assert "1 turn rule(s) join links that do not meet: 1 to 3" in text
    assert "1 turn rule(s) need a penalty of 0 s or more: 1 to 2" in text


def test_assets_on_unknown_links_are_refused() -> None:
    assets = LinkAssets(np.array([1, 99]), ("A", "B"), np.array([5.0, 0.0]), np.array([2.0, 1.0]))
    text = complaint(replace(network(RING), link_assets=assets))
    assert "links that do not exist: 99" in text
    assert "from_m <= to_m, both 0 or more, on links 1" in text


def test_dead_ends_of_one_way_streets_and_lost_zones_are_reported() -> None:
    links = [*RING, (7, 30, 40), (8, 50, 10), (9, 60, 70), (10, 70, 60)]
    graph = build(zoned(network(links), 10, 40, 60), (CAR,))
    outside = "2 zone(s) outside the largest strong component, some of their trips are unserved"
    assert graph.warnings == (
        "1 node(s) that only links arrive at: node 40",
        "1 node(s) that only links leave: node 50",
        "1 zone(s) without a link in or out, their trips are unserved: node 40",
        f"{outside}: node 40, 60",
    )


def test_a_zone_that_cannot_be_passed_still_belongs_to_the_network_around_it() -> None:
    plain = zoned(network([*RING, (7, 30, 40), (8, 40, 30)]), 40)
    assert build(replace(plain, no_through=plain.is_zone), (CAR,)).warnings == ()


def test_a_link_that_no_class_may_use_is_reported() -> None:
    mask = np.full(6, 3, dtype=np.uint32)
    mask[2] = 0
    graph = build(network(RING, mask=mask), (CAR, LORRY))
    assert graph.warnings == ("1 link(s) that no class may use: link 3",)
    assert not graph.open_mask[:, graph.row_of[2]].any()


def test_a_length_without_a_time_is_legal_and_reported_unless_it_is_a_connector() -> None:
    t0_s = np.array([0.0, 10.0, 10.0, 10.0, 0.0, 10.0])
    graph = build(zoned(network(RING, t0_s=t0_s), 10), (CAR,))
    assert graph.warnings == ("1 link(s) with a length and no time: link 5",)


@pytest.mark.parametrize(
    ("column", "limit", "is_open"),
    [
        ("max_weight_t", 26.0, True), ("max_weight_t", 25.9, False), ("max_weight_t", 12.0, False),
        ("max_axle_t", 11.5, True), ("max_axle_t", 11.4, False),
        ("max_height_m", 4.0, True), ("max_height_m", 3.9, False),
    ],
)  # fmt: skip
def test_a_class_fits_where_every_limit_lets_it_pass(
    column: str, limit: float, *, is_open: bool
) -> None:
    graph = build(network(RING, **{column: per_link(6, 0, limit, np.inf)}), (CAR, LORRY))
    assert graph.open_mask[:, graph.row_of[0]].tolist() == [True, is_open]
    assert graph.open_mask[:, graph.row_of[1:]].all()


def test_a_limit_inside_a_mass_band_bans_the_band_and_says_so() -> None:
    graph = build(network(RING, max_weight_t=per_link(6, 4, 15.0, np.inf)), (CAR, LORRY))
    assert not graph.open_mask[1, graph.row_of[4]]
    assert " ".join(graph.assumptions) == (
        "band cut: the limit of 15 t lies inside 12 to 26 t; the whole class lorry is banned from "
        "1 link(s): 5"
    )


def test_a_limit_at_the_edge_of_a_band_or_on_a_closed_link_cuts_nothing() -> None:
    mask = np.array([1, 3, 3, 3, 3, 3], dtype=np.uint32)
    limits = np.array([15.0, 12.0, 26.0, np.inf, 40.0, 3.5])
    graph = build(network(RING, max_weight_t=limits, mask=mask), (CAR, LORRY))
    assert graph.assumptions == ()


def test_an_exempt_class_ignores_the_limits_but_not_the_mask() -> None:
    columns = {
        "max_weight_t": np.full(6, 15.0),
        "mask": np.array([3, 1, 3, 3, 3, 3], dtype=np.uint32),
        "limit_exempt": np.array([2, 2, 0, 0, 0, 0], dtype=np.uint32),
    }
    graph = build(network(RING, **columns), (CAR, LORRY))
    assert graph.to_network_order(graph.open_mask)[1].tolist() == [True, *[False] * 5]


def test_slow_vehicles_tolls_and_distance_become_constant_seconds() -> None:
    lorry = replace(LORRY, vmax_kmh=18.0, time_value_eur_h=36.0, distance_cost_eur_km=0.5)
    graph = build(network(RING, toll_eur=np.array([[0.0] * 6, [2.0] + [0.0] * 5])), (CAR, lorry))
    # 100 m at 18 km/h take 20 s, 10 s more than the empty link; 0.1 km cost 0.05 EUR or 5 s
    expected = [15.0 + 200.0, *[15.0] * 5]
    assert graph.to_network_order(graph.fixed_cost_s)[0].tolist() == [0.0] * 6
    assert graph.to_network_order(graph.fixed_cost_s)[1].tolist() == pytest.approx(expected)


def test_the_default_classes_and_roads_name_their_source() -> None:
    assert len(classes()) == 9
    assert build(network(RING), classes()).open_mask.all()
    for table in ("vehicle_classes", "road_classes"):
        for row in rows(table):
            assert row["source"], row
            assert row["verified"] in ("yes", "no"), row
    for row in rows("road_classes"):
        assert row["cost_function"] in CostFunction.__members__


def test_the_mass_bands_of_the_default_heavy_vehicles_follow_each_other() -> None:
    heavy = [item for item in classes() if item.name.startswith("hgv")]
    assert [(item.mass_from_t, item.mass_to_t) for item in heavy] == [
        (3.5, 7.5), (7.5, 12.0), (12.0, 26.0), (26.0, 40.0), (40.0, 100.0),
    ]  # fmt: skip
