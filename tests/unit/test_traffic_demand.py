"""No trip is lost between the demand and what an assignment serves."""

from dataclasses import replace

import numpy as np
import pytest
from grids import CAR, LORRY, build_demand, build_network, with_columns
from hypothesis import given
from hypothesis import strategies as st

from simulations.traffic.demand import OdTable, from_daily, from_matrices, pairs
from simulations.traffic.graph import RoadGraph, build
from twin.errors import DemandError
from twin.model.network import Network, Turns
from twin.model.traffic import Demand, DemandPeriod, VehicleClass

# two halves, each a pair of streets there and back, joined by one bridge (links 5 and 6)
TAIL, HEAD = np.array([1, 2, 3, 4, 2, 3]), np.array([2, 1, 4, 3, 3, 2])
BOTH = (CAR, LORRY)


def town(**columns: np.ndarray) -> Network:
    plain = build_network(
        node_id=np.arange(1, 6), tail=TAIL, head=HEAD, t0_s=np.full(6, 10.0), zones=np.arange(1, 6)
    )
    return with_columns(plain, columns)


def table(demand: Demand, plain: Network | None = None) -> tuple[RoadGraph, OdTable]:
    graph = build(plain or town(), demand.classes)
    return graph, pairs(graph, demand)


def cells(graph: RoadGraph, od: OdTable) -> list[tuple[int, int, int, float]]:
    ids = graph.zone_id
    return [
        (int(k), int(ids[o]), int(ids[d]), float(flow))
        for k, o, d, flow in zip(od.class_index, od.origin, od.dest, od.flow_vehh, strict=True)
    ]


def reasons(od: OdTable) -> dict[tuple[int, int, int], str]:
    lost = od.unserved
    keys = zip(
        lost.class_index.tolist(), lost.origin.tolist(), lost.destination.tolist(), strict=True
    )
    return dict(zip(keys, lost.reason, strict=True))


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    zone = st.integers(1, 5)
    flow = st.one_of(st.just(0.0), st.floats(1e-3, 1e4))
    rows = draw(st.lists(st.tuples(zone, zone, flow), max_size=30))
    index = draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    return build_demand(rows, classes=BOTH, class_index=np.array(index, dtype=np.uint8))


@given(demands(), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_demand_is_served_plus_unserved_plus_intrazonal(
    demand: Demand, closed: set[int], heavy_ban: set[int]
) -> None:
    mask = np.full(6, 3, dtype=np.uint32)
    mask[list(heavy_ban)] &= 1
    mask[list(closed)] = 0
    graph, od = table(demand, town(mask=mask))
    lost = np.bincount(od.unserved.class_index, weights=od.unserved.flow_vehh, minlength=2)
    whole = np.bincount(demand.class_index, weights=demand.flow_vehh, minlength=2)
    assert od.demand_vehh == pytest.approx(whole, rel=1e-9)
    assert od.served_vehh + lost + od.intrazonal_vehh == pytest.approx(whole, rel=1e-9)
    assert len(od.unserved.reason) == od.unserved.flow_vehh.size
    for k, o, d, _ in cells(graph, od):
        reach = graph.reach(graph.open_mask[k])
        row = np.searchsorted(graph.zone_id, [o, d])
        assert reach.connects(graph.zone[row[:1]], graph.zone[row[1:]])[0]


@given(demands(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_makes_no_difference_to_any_bit(
    demand: Demand, random: object
) -> None:
    order = list(range(demand.flow_vehh.size))
    random.shuffle(order)  # pyrefly: ignore[missing-attribute] - hypothesis gives a Random
    shuffled = replace(
        demand,
        class_index=demand.class_index[order],
        origin=demand.origin[order],
        destination=demand.destination[order],
        flow_vehh=demand.flow_vehh[order],
    )
    (one_graph, one), (two_graph, two) = table(demand), table(shuffled)
    assert cells(one_graph, one) == cells(two_graph, two)
    assert one.intrazonal_vehh.tolist() == two.intrazonal_vehh.tolist()
    assert one.unserved.flow_vehh.tolist() == two.unserved.flow_vehh.tolist()


@given(demands())
def test_pairs_are_sorted_and_found_through_their_first_entry(demand: Demand) -> None:
    graph, od = table(demand)
    assert [cell[:3] for cell in cells(graph, od)] == sorted(cell[:3] for cell in cells(graph, od))
    assert od.first_dest.size == 2 * od.zones + 1
    for row in range(2 * od.zones):
        mine = slice(od.first_dest[row], od.first_dest[row + 1])
        assert (od.class_index[mine] * od.zones + od.origin[mine] == row).all()
    assert od.first_dest[-1] == od.flow_vehh.size


def test_repeated_pairs_add_up_and_empty_ones_vanish() -> None:
    graph, od = table(build_demand([(1, 2, 3.0), (1, 2, 4.0), (2, 1, 0.0), (3, 4, 1.0)]))
    assert cells(graph, od) == [(0, 1, 2, 7.0), (0, 3, 4, 1.0)]


def test_trips_inside_a_zone_are_summed_and_not_assigned() -> None:
    graph, od = table(build_demand([(1, 1, 30.0), (5, 5, 2.0), (1, 4, 8.0)]))
    assert od.intrazonal_vehh.tolist() == [32.0]
    assert cells(graph, od) == [(0, 1, 4, 8.0)]
    assert od.served_vehh.tolist() == [8.0]
    assert od.unserved.flow_vehh.size == 0


def test_a_demand_without_trips_is_a_table_without_pairs() -> None:
    _, od = table(build_demand([]))
    assert od.flow_vehh.size == 0
    assert od.demand_vehh.tolist() == [0.0]


def bridge(**limits: float) -> Network:
    """The town with limits on the bridge from the first half to the second."""
    columns = {name: np.full(6, np.inf) for name in limits}
    for name, limit in limits.items():
        columns[name][4] = limit
    return town(**columns)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_weight_t": 15.0}, "weight"),
        ({"max_axle_t": 8.0}, "axle"),
        ({"max_height_m": 3.0}, "height"),
        ({"max_weight_t": 15.0, "max_axle_t": 8.0}, "axle"),
        ({"max_weight_t": 15.0, "max_height_m": 3.0}, "height"),
    ],
)
def test_a_limit_on_the_only_bridge_is_the_reason_for_lost_lorries(
    limits: dict[str, float], reason: str
) -> None:
    rows = [(1, 4, 5.0), (4, 1, 5.0), (1, 4, 9.0), (1, 2, 2.0)]
    index = np.array([1, 1, 0, 1], dtype=np.uint8)
    graph, od = table(build_demand(rows, classes=BOTH, class_index=index), bridge(**limits))
    assert reasons(od) == {(1, 1, 4): reason}
    assert od.unserved.flow_vehh.tolist() == [5.0]
    assert cells(graph, od) == [(0, 1, 4, 9.0), (1, 1, 2, 2.0), (1, 4, 1, 5.0)]


def test_a_closed_bridge_is_a_closure_and_a_ban_of_the_class_a_mask() -> None:
    rows = [(1, 4, 5.0), (4, 1, 6.0), (1, 4, 7.0), (4, 1, 8.0)]
    demand = build_demand(rows, classes=BOTH, class_index=np.array([0, 0, 1, 1], dtype=np.uint8))
    mask = np.array([3, 3, 3, 3, 1, 0], dtype=np.uint32)
    _, od = table(demand, town(mask=mask))
    assert reasons(od) == {(1, 1, 4): "mask", (0, 4, 1): "closure", (1, 4, 1): "closure"}
    assert od.unserved.flow_vehh.sum() == 21.0


def test_a_zone_without_links_has_no_connection() -> None:
    _, od = table(build_demand([(1, 5, 3.0), (5, 1, 4.0)]))
    assert reasons(od) == {(0, 1, 5): "no_connection", (0, 5, 1): "no_connection"}


def test_a_banned_turn_on_the_only_way_is_a_mask() -> None:
    turns = Turns(np.array([1]), np.array([5]), np.zeros(1), np.zeros(1, dtype=np.uint32))
    _, od = table(build_demand([(1, 4, 3.0), (4, 1, 3.0)]), replace(town(), turns=turns))
    assert reasons(od) == {(0, 1, 4): "mask"}


def test_a_way_through_a_centroid_is_no_connection() -> None:
    plain = town()
    _, od = table(
        build_demand([(1, 3, 3.0), (1, 2, 4.0), (3, 1, 1.0), (2, 4, 6.0)]),
        replace(plain, no_through=plain.node_id == 2),
    )
    assert reasons(od) == {(0, 1, 3): "no_connection", (0, 3, 1): "no_connection"}
    assert od.served_vehh.tolist() == [10.0]


def test_one_way_to_a_dead_end_is_served_although_it_is_outside_the_largest_component() -> None:
    plain = build_network(
        node_id=np.arange(1, 5), tail=np.array([1, 2, 2, 4]), head=np.array([2, 1, 3, 1]),
        t0_s=np.full(4, 10.0), zones=np.arange(1, 5),
    )  # fmt: skip
    demand = build_demand([(1, 3, 1.0), (4, 3, 2.0), (3, 1, 4.0), (1, 4, 8.0)])
    graph, od = table(demand, plain)
    assert cells(graph, od) == [(0, 1, 3, 1.0), (0, 4, 3, 2.0)]
    assert reasons(od) == {(0, 1, 4): "no_connection", (0, 3, 1): "no_connection"}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20),
    st.sets(st.integers(0, 6)),
)
def test_connections_are_those_of_a_plain_search(
    links: list[tuple[int, int]], ends: set[int]
) -> None:
    links = [*sorted({link for link in links if link[0] != link[1]}), (7, 8)]
    tail, head = (np.array(column, dtype=np.int64) for column in zip(*links, strict=True))
    graph = build(
        build_network(
            node_id=np.arange(9), tail=tail, head=head, t0_s=np.ones(tail.size),
            no_through=np.array(sorted(ends), dtype=np.int64),
        ),
        (CAR,),
    )  # fmt: skip
    pair = [(a, b) for a in range(9) for b in range(9) if a != b]
    origin, dest = (np.array(column, dtype=np.int32) for column in zip(*pair, strict=True))
    found = graph.reach(graph.open_mask[0]).connects(origin, dest)
    assert found.tolist() == [b in searched(links, ends, a) for a, b in pair]


def searched(links: list[tuple[int, int]], ends: set[int], origin: int) -> set[int]:
    reached, left = set(), [origin]
    while left:
        node = left.pop()
        for tail, head in links:
            if tail == node and head not in reached:
                reached.add(head)
                if head not in ends:
                    left.append(head)
    return reached


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([(1, 2, -3.0)], "1 rows have a negative number of trips: row 0 (1 to 2, -3 veh/h)"),
        ([(1, 2, np.nan)], "1 rows have no number of trips"),
        ([(1, 2, np.inf)], "1 rows have no number of trips"),
        ([(1, 99, 1.0)], "1 rows end at a node that is no zone: row 0 (1 to 99, 1 veh/h)"),
        ([(99, 1, 1.0)], "1 rows begin at a node that is no zone"),
    ],
)
def test_a_mistake_in_the_demand_is_named_with_its_row(
    rows: list[tuple[int, int, float]], text: str
) -> None:
    with pytest.raises(DemandError) as caught:
        table(build_demand(rows))
    assert text in str(caught.value)


def test_all_mistakes_in_the_demand_are_reported_at_once() -> None:
    demand = build_demand([(1, 2, -3.0), (1, 77, np.nan)], class_index=np.array([0, 4], np.uint8))
    with pytest.raises(DemandError) as caught:
        table(demand)
    assert len(str(caught.value).splitlines()) == 4


def test_a_demand_of_other_classes_or_of_uneven_columns_is_refused() -> None:
    graph = build(town(), (CAR,))
    demand = build_demand([(1, 2, 3.0)])
    with pytest.raises(DemandError, match="other vehicle classes"):
        pairs(graph, replace(demand, classes=(VehicleClass("tram", bit=3),)))
    with pytest.raises(DemandError, match="differ in length"):
        pairs(graph, replace(demand, origin=np.array([1, 2])))
    with pytest.raises(DemandError, match="hold uint8, float64, int64, float64"):
        pairs(graph, replace(demand, origin=np.array([1.0])))


def test_matrices_become_rows_without_their_empty_cells() -> None:
    flows = np.zeros((2, 2, 2))
    flows[1] = [[1.0, 2.0], [0.0, 3.0]]
    demand = from_matrices(BOTH, np.array([4, 7]), flows, assumptions=["a guess"])
    assert demand.class_index.tolist() == [1, 1, 1]
    assert list(zip(demand.origin, demand.destination, demand.flow_vehh, strict=True)) == [
        (4, 4, 1.0), (4, 7, 2.0), (7, 7, 3.0),
    ]  # fmt: skip
    assert demand.assumptions == ("a guess",)


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 3, 3), (2, 2, 3), (2, 2)])
def test_a_matrix_of_the_wrong_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DemandError, match=r"expected \(2, 2, 2\)"):
        from_matrices(BOTH, np.array([4, 7]), np.zeros(shape))


def test_trips_a_day_become_trips_an_hour_and_are_marked_as_estimated() -> None:
    daily = build_demand([(1, 2, 1000.0)])
    hourly = from_daily(daily, share=0.085, period=DemandPeriod(16.0), source="survey of 2018")
    assert hourly.flow_vehh.tolist() == [85.0]
    assert hourly.period.start_hour == 16.0
    assert hourly.assumptions == (
        "estimated: 8.5% of the trips of a day in each hour from 16 on (survey of 2018)",
    )
    with pytest.raises(DemandError, match="above 0 and at most 1"):
        from_daily(daily, share=8.5, period=DemandPeriod(), source="percent")
