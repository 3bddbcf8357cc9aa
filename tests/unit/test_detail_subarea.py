"""Cutting an equilibrium at the boundary of a sub-area, and drawing vehicles from it."""

from dataclasses import replace

import numpy as np
import pytest
from detail_samples import CAR, LORRY, chain, drive, grid, parsed, path_state
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.traffic.detail.departures import DepartureProfile, expected_vehicles, sample
from simulations.traffic.detail.subarea import (
    cut,
    is_connector,
    link_flows,
    links_around,
    links_within,
    rows_of,
)
from simulations.traffic.detail.sumo import routes_xml
from twin.errors import DetailError


def random_paths(seed: int, count: int = 30):
    network, random = grid(), np.random.default_rng(seed)
    routes = []
    while len(routes) < count:
        first, last = (int(each) for each in random.choice(network.link_id, 2))
        routes.append(drive(network, first, last, random))
    classes = random.integers(0, 2, count).tolist()
    return network, path_state(routes, random.uniform(0.0, 40.0, count).tolist(), classes)


@given(seed=st.integers(0, 10_000), radius=st.floats(150.0, 600.0))
@settings(max_examples=25, deadline=None)
def test_the_flow_of_every_link_survives_the_cut(seed: int, radius: float) -> None:
    network, paths = random_paths(seed)
    area = links_around(network, np.array([140]), radius_m=radius)
    weights = np.repeat(paths.flow_vehh, np.diff(paths.start))
    before = np.array([weights[paths.links == link].sum() for link in area])
    if not before.any():
        return
    trips = cut(network, paths, classes=(CAR, LORRY), area=area)
    np.testing.assert_allclose(link_flows(trips, area), before, rtol=1e-12, atol=1e-9)
    assert np.isin(trips.links, area).all()
    keys = [
        (int(kind), tuple(trips.route(row).tolist())) for row, kind in enumerate(trips.class_index)
    ]
    assert len(set(keys)) == len(keys)


def test_a_path_that_leaves_and_returns_gives_two_trips() -> None:
    network = grid(3)
    route = [int(link) for link in chain(network, 0, 1, 4, 3, 6, 7)]
    area = np.array(sorted({route[0], route[3], route[4]}))
    trips = cut(network, path_state([route], [12.0]), classes=(CAR,), area=area)
    assert [trips.route(row).tolist() for row in range(2)] == [[route[0]], route[3:5]]
    assert trips.flow_vehh.tolist() == [12.0, 12.0]


def test_two_paths_in_a_row_are_not_joined_at_the_seam() -> None:
    network = grid(3)
    first, second = chain(network, 0, 1), chain(network, 1, 2)
    trips = cut(
        network,
        path_state([first, second], [1.0, 2.0]),
        classes=(CAR,),
        area=np.array(sorted(first + second)),
    )
    assert [trips.route(row).tolist() for row in range(2)] == [first, second]


def test_connectors_belong_to_no_sub_area() -> None:
    network = grid(3)
    no_through = network.node_id == 4
    network = replace(network, no_through=no_through)
    assert is_connector(network).sum() == 8
    assert not np.isin(
        links_within(network, x_m=200.0, y_m=200.0, radius_m=900.0),
        network.link_id[is_connector(network)],
    ).any()
    with pytest.raises(DetailError, match="carry no vehicles"):
        cut(network, path_state([[100]], [1.0]), classes=(CAR,), area=network.link_id)


def test_wrong_areas_are_refused_with_what_to_do() -> None:
    network, paths = random_paths(1)
    with pytest.raises(DetailError, match="larger radius"):
        links_within(network, x_m=9e6, y_m=0.0, radius_m=100.0)
    with pytest.raises(DetailError, match=r"unknown link ids \[7\]"):
        cut(network, paths, classes=(CAR, LORRY), area=np.array([7]))
    with pytest.raises(DetailError, match="no path"):
        cut(network, path_state([[100]], [1.0]), classes=(CAR,), area=np.array([101]))
    with pytest.raises(DetailError, match="unknown node ids"):
        rows_of(np.empty(0, dtype=np.int64), np.array([3]), what="node")


def test_a_sample_has_the_total_of_each_part_and_the_share_of_each_trip() -> None:
    network, paths = random_paths(3)
    trips = cut(network, paths, classes=(CAR, LORRY), area=network.link_id)
    profile = DepartureProfile(duration_s=3600.0, shares=(1.0, 2.0), warm_up_s=600.0)
    counts = []
    for seed in range(40):
        drawn = sample(trips, profile, seed=seed)
        assert np.all(np.diff(drawn.depart_s) >= 0.0)
        for begin, end, rate in ((0, 600, 2 / 3), (600, 2400, 2 / 3), (2400, 4200, 4 / 3)):
            inside = np.sum((drawn.depart_s >= begin) & (drawn.depart_s < end))
            wanted = trips.flow_vehh.sum() * rate * (end - begin) / 3600.0
            assert abs(inside - wanted) <= 1.0
        counts.append(np.bincount(drawn.trip, minlength=len(trips.flow_vehh)))
    assert abs(sum(counts[0]) - expected_vehicles(trips, profile)) <= 3.0
    hours = (4200.0 - 1800.0) / 3600.0 * 2 / 3 + 0.5 * 4 / 3
    np.testing.assert_allclose(np.mean(counts, axis=0), trips.flow_vehh * hours, atol=0.6)


def test_equal_seeds_draw_equal_vehicles_and_other_seeds_do_not() -> None:
    network, paths = random_paths(4)
    trips = cut(network, paths, classes=(CAR, LORRY), area=network.link_id)
    texts = [routes_xml(trips, sample(trips, DepartureProfile(), seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    vehicles = list(parsed(texts[0]).iter("vehicle"))
    assert [each.get("id") for each in vehicles] == [str(row) for row in range(len(vehicles))]
    assert {each.get("type") for each in vehicles} == {"c0", "c1"}


@pytest.mark.parametrize(
    "wrong",
    [{"duration_s": 0.0}, {"warm_up_s": -1.0}, {"shares": ()}, {"shares": (0.0,)}],
)
def test_an_impossible_profile_is_refused(wrong: dict) -> None:
    with pytest.raises(DetailError, match="departure profile"):
        DepartureProfile(**wrong)
