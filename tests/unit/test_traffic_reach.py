"""Accessibility: isochrones, emergency classes, links without alternative."""

from dataclasses import replace

import numpy as np
import pytest
from grids import grid
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.traffic import graph
from simulations.traffic.examples import CAR, LORRY, two_routes
from simulations.traffic.reach import newly_beyond, reach, without_alternative
from twin.errors import NetworkError
from twin.model.network import Network

NETWORK, DEMAND = two_routes(lorries_vehh=100.0)
CLASSES = (CAR, LORRY)
TOWN = grid(6, zones=6, destinations=5)


def closed(network: Network, *rows: int) -> Network:
    mask = network.mask.copy()
    mask[list(rows)] = 0
    return replace(network, mask=mask)


def test_the_quicker_of_parallel_links_counts_and_links_are_cut_by_the_isochrone() -> None:
    found = reach(graph.build(NETWORK, CLASSES), np.array([1]))
    assert found.node_s.tolist() == [0.0, 600.0, 660.0]
    share = dict(zip(found.link_id.tolist(), found.share_within(630.0).tolist(), strict=True))
    assert share == pytest.approx({1: 1.0, 2: 0.875, 3: 0.5, 4: 0.05, 5: 30.0 / 720.0, 6: 0.0})
    assert found.kind == "free"


def test_a_time_of_nothing_stays_a_link() -> None:
    network = replace(NETWORK, t0_s=np.array([0.0, 720.0, 0.0, 600.0, 720.0, 60.0]))
    network = replace(network, length_m=np.array([0.0, 7200.0, 0.0, 6000.0, 7200.0, 1000.0]))
    found = reach(graph.build(network, CLASSES), np.array([1]))
    assert found.node_s.tolist() == [0.0, 0.0, 0.0]
    assert found.share_within(0.0)[np.flatnonzero(found.link_id == 1)] == 1.0


def test_a_zone_that_may_not_be_passed_is_an_end() -> None:
    network = replace(NETWORK, no_through=np.array([False, True, False]))
    found = reach(graph.build(network, CLASSES), np.array([1]))
    assert found.node_s.tolist() == [0.0, 600.0, np.inf]
    assert reach(graph.build(network, CLASSES), np.array([2])).node_s.tolist() == [600.0, 0.0, 60.0]


def test_congested_times_are_named_so() -> None:
    built = graph.build(NETWORK, CLASSES)
    found = reach(built, np.array([1]), time_s=NETWORK.t0_s * 2.0)
    assert (found.kind, found.node_s[2]) == ("congested", 1320.0)
    with pytest.raises(NetworkError, match="one kind"):
        newly_beyond(found, reach(built, np.array([1])), nodes=np.array([3]), limit_s=600.0)


def test_masks_may_be_ignored_and_weight_never() -> None:
    every = np.ones(6, dtype=np.bool_)
    shut = graph.build(closed(NETWORK, 0, 1), CLASSES)
    assert reach(shut, np.array([1])).node_s[1] == np.inf
    assert reach(shut, np.array([1]), ignored_masks=every).node_s[1] == 600.0
    limited = replace(closed(NETWORK, 0), max_weight_t=np.array([12.0] + [np.inf] * 5))
    found = reach(graph.build(limited, CLASSES), np.array([1]), class_index=1, ignored_masks=every)
    assert found.node_s[1] == 720.0


def test_residents_within_the_limits_before_and_after_a_closure() -> None:
    nodes, people = np.array([2, 3]), np.array([1000.0, 500.0])
    before = reach(graph.build(NETWORK, CLASSES), np.array([1]))
    after = reach(graph.build(closed(NETWORK, 0), CLASSES), np.array([1]))
    limits = (480.0, 600.0, 720.0)
    assert before.people_within(limits, nodes=nodes, people=people).tolist() == [0, 1000, 1500]
    assert after.people_within(limits, nodes=nodes, people=people).tolist() == [0, 0, 1000]
    assert newly_beyond(before, after, nodes=nodes, limit_s=720.0).tolist() == [3]
    with pytest.raises(NetworkError, match="unknown"):
        before.at(np.array([77]))
    with pytest.raises(NetworkError, match="unknown"):
        reach(graph.build(NETWORK, CLASSES), np.array([77]))


def test_links_without_alternative_are_found_one_by_one() -> None:
    built = graph.build(NETWORK, CLASSES)
    found = without_alternative(built, DEMAND, NETWORK.link_id, added_s=60.0)
    assert {item.link_id: item.cut_off_vehh for item in found if item.cut_off_vehh} == {
        3: 3000.0,
        6: 1000.0,
    }
    late = {item.link_id: (item.delayed_vehh, item.largest_delay_s) for item in found[2:]}
    assert late == {1: (3000.0, 120.0), 4: (1000.0, 120.0)}
    assert len(without_alternative(built, DEMAND, NETWORK.link_id, added_s=120.0)) == 2


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_a_closure_never_shortens_a_time_of_the_empty_network(seed: int) -> None:
    random = np.random.default_rng(seed)
    network = TOWN.network
    rows = random.choice(network.link_id.size, 5, replace=False)
    source = random.choice(network.node_id, 1)
    classes = TOWN.demand.classes
    before = reach(graph.build(network, classes), source)
    after = reach(graph.build(closed(network, *rows.tolist()), classes), source)
    assert (after.node_s >= before.node_s - 1e-9).all()
