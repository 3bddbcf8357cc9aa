"""A sub-area as SUMO input: ids, permissions, turns, signals and what is to be reviewed."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from detail_samples import CAR, LORRY, drive, grid, parsed, path_state, street

from simulations.traffic.detail.closures import (
    SuddenClosure,
    check_permissions,
    notices,
    notified_links,
    planned,
    rerouters_xml,
    rerouting_options,
    split_stranded,
)
from simulations.traffic.detail.departures import Departures
from simulations.traffic.detail.subarea import cut
from simulations.traffic.detail.sumo import plain_network, vehicle_types
from twin.errors import DetailError
from twin.model.network import LinkProvenance, Network, Turns
from twin.model.traffic import VehicleClass


def ends(network: Network) -> dict[tuple[int, int], int]:
    pairs = zip(network.tail.tolist(), network.head.tolist(), strict=True)
    return {pair: int(link) for pair, link in zip(pairs, network.link_id, strict=True)}


def edges(network: Network, **more) -> dict[str, dict[str, str]]:
    plain = plain_network(network, network.link_id, classes=(CAR, LORRY), **more)
    return {each.attrib["id"]: each.attrib for each in parsed(plain.edges)}


def connections(network: Network, **more) -> set[tuple[str, str | None]]:
    plain = plain_network(network, network.link_id, classes=(CAR, LORRY), **more)
    return {(each.attrib["from"], each.get("to")) for each in parsed(plain.connections)}


def test_edges_are_called_by_our_link_ids_and_know_their_ends() -> None:
    network = grid(3, first_link=9_000_000_000)
    found = edges(network)
    assert set(found) == {str(link) for link in network.link_id}
    for (tail, head), link in ends(network).items():
        assert (found[str(link)]["from"], found[str(link)]["to"]) == (str(tail), str(head))
        assert found[str(link)]["spreadType"] == "right"


def test_permissions_follow_mask_and_limits() -> None:
    network = grid(3)
    network.mask[0] = 1
    network.max_weight_t[1] = 15.0
    network.mask[2] = 0
    found = list(edges(network).values())
    assert found[0]["allow"] == found[1]["allow"] == "passenger"
    assert found[2]["disallow"] == "all"
    assert found[3]["allow"] == "passenger trailer"


def test_each_class_gets_a_right_of_way_of_its_own() -> None:
    bands = ((3.5, 7.5), (7.5, 12.0), (12.0, 26.0), (26.0, 40.0), (40.0, 60.0))
    heavy = [
        VehicleClass(f"heavy{index}", index, mass_from_t=low, mass_to_t=high)
        for index, (low, high) in enumerate(bands)
    ]
    types = vehicle_types((CAR, VehicleClass("bus", 9, mass_to_t=18.0), *heavy))
    assert len(set(types.vclass)) == 7
    assert types.vclass[:3] == ("passenger", "bus", "truck")
    with pytest.raises(DetailError, match="vehicle classes"):
        vehicle_types(tuple(replace(CAR, name=str(bit), bit=bit) for bit in range(12)))


def test_a_length_is_written_only_where_the_road_is_bent() -> None:
    network = grid(3)
    network.length_m[4] = 320.0
    found = edges(network)
    assert [link for link, each in found.items() if "length" in each] == [str(network.link_id[4])]
    plain = plain_network(network, network.link_id, classes=(CAR,))
    assert [item.id for item in plain.review if item.kind == "bent"] == [network.link_id[4]]


def test_every_turn_is_a_connection_except_bans_and_u_turns() -> None:
    network, link = grid(3), ends(grid(3))
    first, second = link[0, 1], link[1, 4]
    turns = Turns(
        np.array([first, first]),
        np.array([second, link[1, 2]]),
        np.zeros(2),
        np.array([0, 1], dtype=np.uint32),
    )
    found = connections(replace(network, turns=turns))
    assert (str(first), str(second)) not in found
    assert (str(first), str(link[1, 2])) in found
    assert (str(first), str(link[1, 0])) not in found
    plain = plain_network(replace(network, turns=turns), network.link_id, classes=(CAR, LORRY))
    assert [(item.id, item.value) for item in plain.review if item.kind == "turn"] == [
        (first, f"to {link[1, 2]}")
    ]


def test_a_u_turn_is_drawn_where_a_trip_makes_it_and_at_dead_ends() -> None:
    network, link = grid(3), ends(grid(3))
    route = [link[0, 1], link[1, 0], link[0, 3]]
    driven = cut(network, path_state([route], [1.0]), classes=(CAR,), area=network.link_id)
    found = connections(network, driven=driven)
    assert (str(link[0, 1]), str(link[1, 0])) in found
    assert (str(link[2, 1]), str(link[1, 2])) not in found
    dead_end = grid(3)
    keep = ~np.isin(dead_end.link_id, street(dead_end, 0, 3))
    columns = {
        name: getattr(dead_end, name)[keep]
        for name in Network.__dataclass_fields__
        if isinstance(getattr(dead_end, name), np.ndarray)
        and len(getattr(dead_end, name)) == len(keep)
    }
    assert (str(link[1, 0]), str(link[0, 1])) in connections(replace(dead_end, **columns))


def test_a_street_whose_turns_are_all_banned_ends_there() -> None:
    network, link = grid(3), ends(grid(3))
    onward = np.array([link[1, 2], link[1, 4]])
    turns = Turns(np.full(2, link[0, 1]), onward, np.zeros(2), np.zeros(2, dtype=np.uint32))
    found = connections(replace(network, turns=turns))
    assert {to for first, to in found if first == str(link[0, 1])} == {None}


def test_guessed_signals_and_unsure_lanes_are_on_the_review_list() -> None:
    network = grid(3)
    codes = np.full(len(network.link_id), LinkProvenance.MEASURED, dtype=np.uint8)
    codes[3], codes[5] = LinkProvenance.DEFAULT, LinkProvenance.ESTIMATED
    network.lanes[7] = 0
    network = replace(network, provenance=MappingProxyType({"lanes": codes}))
    plain = plain_network(network, network.link_id, classes=(CAR,))
    items = [(item.kind, item.id) for item in plain.review]
    assert items == [
        ("lanes", int(network.link_id[3])),
        ("lanes", int(network.link_id[5])),
        ("lanes", int(network.link_id[7])),
        ("signal", 4),
    ]
    known = plain_network(network, network.link_id, classes=(CAR,), signals=[1, 4])
    lit = [each.get("id") for each in parsed(known.nodes) if "light" in each.attrib["type"]]
    assert lit == ["1", "4"]
    assert {item.kind for item in known.review} == {"lanes"}


def everywhere(network: Network):
    random = np.random.default_rng(5)
    routes = [
        drive(network, int(first), int(random.choice(network.link_id)), random)
        for first in network.link_id
    ]
    return cut(
        network, path_state(routes, [1.0] * len(routes)), classes=(CAR,), area=network.link_id
    )


def test_drivers_learn_of_a_closure_on_the_last_links_with_another_way() -> None:
    network, link = grid(5), ends(grid(5))
    closed = street(network, 11, 12)
    found = notified_links(network, network.link_id, closed, driven=everywhere(network))
    before = [(10, 11), (6, 11), (16, 11), (13, 12), (7, 12), (17, 12)]
    assert found == sorted([*(link[pair] for pair in before), *closed])


def test_without_another_way_the_notice_goes_further_back() -> None:
    network, link = grid(3), ends(grid(3))
    only = link[0, 1], link[3, 0]
    bans = Turns(
        np.full(1, only[1]), np.full(1, link[0, 3]), np.zeros(1), np.zeros(1, dtype=np.uint32)
    )
    network = replace(network, turns=bans)
    found = notified_links(network, network.link_id, [only[0]], driven=everywhere(network))
    assert found == sorted([only[0], only[1], link[4, 3], link[6, 3]])


def test_a_rerouter_names_closed_links_and_lets_stranded_vehicles_end() -> None:
    network = grid(5)
    closed = street(network, 11, 12)
    closure = SuddenClosure(closed, at_s=300.0, until_s=9e9)
    more = {"driven": everywhere(network), "warm_up_s": 100.0, "end_s": 5000.0}
    text = rerouters_xml(network, network.link_id, [closure], **more)
    interval = parsed(text).find("interval")
    assert interval is not None
    assert (interval.get("begin"), interval.get("end")) == ("400.00", "5000.00")
    shut = [each.get("id") for each in interval.iter("closingReroute")]
    assert shut == [str(each) for each in closed]
    assert [each.get("id") for each in interval.iter("destProbReroute")] == ["terminateRoute"]
    (notice,) = notices(network, network.link_id, [closure], **more)
    assert notice["at_s"] == 400.0
    assert notice["closed"] == shut
    assert set(shut) < set(parsed(text).attrib["edges"].split())


def test_sudden_closures_need_mode_8_and_keep_the_routes_before() -> None:
    assert rerouting_options([]) == {}
    options = rerouting_options([SuddenClosure((1,), 0.0)])
    assert options["device.rerouting.mode"] == "8"
    assert options["device.rerouting.pre-period"] == "0"
    assert "device.rerouting.period" not in options


def test_vehicles_that_would_start_on_a_closed_street_are_unserved() -> None:
    network, link = grid(3), ends(grid(3))
    routes = [[link[0, 1], link[1, 2]], [link[3, 4], link[4, 5]]]
    trips = cut(network, path_state(routes, [1.0, 1.0]), classes=(CAR,), area=network.link_id)
    departures = Departures(np.array([0, 1, 0, 0, 1]), np.array([50.0, 110.0, 120.0, 330.0, 340.0]))
    closure = SuddenClosure((link[0, 1],), at_s=0.0, until_s=200.0)
    kept, stranded = split_stranded(trips, departures, [closure], warm_up_s=100.0)
    assert stranded == 1
    assert kept.depart_s.tolist() == [50.0, 110.0, 330.0, 340.0]


def test_routes_over_a_closed_link_are_refused() -> None:
    network, link = grid(3), ends(grid(3))
    route = [link[0, 1], link[1, 2]]
    trips = cut(network, path_state([route], [1.0]), classes=(CAR,), area=network.link_id)
    check_permissions(network, trips)
    with pytest.raises(DetailError, match="scenario's own equilibrium"):
        check_permissions(planned(network, [link[1, 2]]), trips)
    with pytest.raises(DetailError, match="unknown link"):
        planned(network, [5])


def test_a_closure_must_begin_before_it_ends_and_lie_in_the_area() -> None:
    with pytest.raises(DetailError, match="end after its begin"):
        SuddenClosure((1,), at_s=5.0, until_s=5.0)
    with pytest.raises(DetailError, match="at least one link"):
        SuddenClosure((), at_s=5.0)
    network = grid(3)
    with pytest.raises(DetailError, match="unknown link"):
        rerouters_xml(
            network,
            network.link_id,
            [SuddenClosure((1,), 0.0)],
            driven=everywhere(network),
            warm_up_s=0.0,
            end_s=1.0,
        )
