"""The roads of the registry become a network that says where each number comes from."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest
from shapely.geometry import LineString, Point, Polygon

from simulations.traffic.classes import classes
from simulations.traffic.graph import build
from simulations.traffic.prior import prior_demand
from twin.cli import demo_city
from twin.errors import DemandError, NetworkError
from twin.exchange.folder import read_city
from twin.exchange.roadnetwork import counts_of, road_network, zones_of
from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City
from twin.model.network import LinkProvenance, Network
from twin.model.provenance import Provenance
from twin.settings import load_settings

SUMMER_2018 = date(2018, 6, 1)
GUESS = Provenance("estimated", by="for this test")
CRS = "EPSG:25833"


def asset(key, kind, geometry, **attributes):
    return Asset(
        id=key,
        asset_class=kind,
        name=key,
        geometry=geometry,
        geometry_provenance=GUESS,
        attributes=tuple(Attribute(name, value, "", GUESS) for name, value in attributes.items()),
    )


WEST, EAST = Point(13.70, 51.05), Point(13.72, 51.05)
ROAD = LineString([(13.70, 51.05), (13.72, 51.05)])
DECK = Polygon([(13.705, 51.0499), (13.705, 51.0501), (13.71, 51.0501), (13.71, 51.0499)])


def town(*, bridge=None, components=(), **road) -> City:
    facts = {
        "from_junction": "J1",
        "to_junction": "J2",
        "road_class": "primary",
        "length_m": 1400.0,
        "bridge": "B1",
    } | road
    return City(
        name="Town",
        assets=(
            asset("J1", "junction", WEST),
            asset("J2", "junction", EAST),
            asset("R1", "road_section", ROAD, **facts),
            asset("B1", "bridge", DECK, **(bridge or {})),
            asset("Z1", "zone", WEST, junction="J1", residents=5000.0, jobs=1000.0),
            asset("Z2", "zone", EAST, junction="J2", residents=1000.0, jobs=4000.0),
        ),
        components=components,
    )


def network_of(city: City, as_of: date = SUMMER_2018) -> Network:
    return road_network(city, crs=CRS, classes=classes(), as_of=as_of)


@cache
def dresden() -> tuple[City, Network]:
    settings = load_settings(demo_city(), {}).city
    city = read_city(demo_city(), settings)
    return city, road_network(city, crs=settings.crs, classes=classes(), as_of=SUMMER_2018)


def links_on(network: Network, bridge: str) -> np.ndarray:
    rows = [row for row, name in enumerate(network.link_assets.asset) if name == bridge]
    return np.searchsorted(network.link_id, network.link_assets.link_id[rows])


def test_the_demo_city_has_all_its_sections_in_both_directions_and_its_zones():
    city, network = dresden()
    roads = [name for name in network.link_name if name.endswith(("/ab", "/ba"))]
    assert len(roads) == 244
    assert set(roads) == {part.id for part in city.components if part.kind == "direction"}
    assert len(network.link_id) == 244 + 2 * 34
    assert network.is_zone.sum() == 34
    assert (network.epsg, len(network.node_name)) == (25833, 104)


def test_the_demo_city_builds_a_graph_without_a_warning():
    _, network = dresden()
    assert build(network, classes()).warnings == ()


def test_a_direction_leads_where_its_name_says():
    _, network = dresden()
    row = network.link_name.index("L050/ab")
    ends = [network.node_name[node - 1] for node in (network.tail[row], network.head[row])]
    assert ends == ["S23", "R12"]
    assert network.tail[row + 1] == network.head[row]


def test_closures_count_from_their_first_day_on():
    city, network = dresden()
    today = road_network(city, crs=CRS, classes=classes(), as_of=date(2026, 11, 22))
    assert network.mask[links_on(network, "B06")].all()
    assert not today.mask[links_on(today, "B06")].any()
    assert (network.lanes[links_on(network, "B10")] == 2).all()
    assert (today.lanes[links_on(today, "B10")] == 1).all()
    np.testing.assert_allclose(
        today.capacity_pceh[links_on(today, "B10")],
        network.capacity_pceh[links_on(network, "B10")] / 2,
    )


def test_the_bridge_closed_to_cars_lets_buses_pass():
    _, network = dresden()
    bits = {item.name: 1 << item.bit for item in classes()}
    mask = network.mask[links_on(network, "B05")]
    assert (mask & bits["bus"]).all()
    assert not (mask & bits["car"]).any()
    assert not (mask & bits["hgv_3_7"]).any()


def test_the_weight_limit_of_a_bridge_holds_on_its_links_and_spares_buses():
    _, network = dresden()
    rows = links_on(network, "B09")
    assert (network.max_weight_t[rows] == 15.0).all()
    assert np.isfinite(network.max_weight_t).sum() == 2
    graph = build(network, classes())
    at = graph.row_of[rows]
    is_open = {
        item.name: bool(graph.open_mask[row, at].all()) for row, item in enumerate(classes())
    }
    assert is_open["car"]
    assert is_open["hgv_7_12"]
    assert is_open["bus"]
    assert not is_open["hgv_26_40"]


def test_every_link_attribute_says_where_it_comes_from():
    _, network = dresden()
    row = links_on(network, "B09")[0]
    codes = {name: LinkProvenance(column[row]) for name, column in network.provenance.items()}
    assert codes["max_weight_t"] == LinkProvenance.SOURCED
    assert codes["capacity_pceh"] == LinkProvenance.ESTIMATED
    assert codes["t0_s"] == LinkProvenance.DERIVED


def test_defaults_fill_empty_fields_only_and_say_so():
    network = network_of(town())
    assert network.lanes[0] == 2
    assert network.provenance["lanes"][0] == LinkProvenance.DEFAULT
    given = network_of(town(lanes_per_direction=1.0, capacity_veh_h=700.0))
    assert (given.lanes[0], given.capacity_pceh[0]) == (1, 700.0)
    assert given.provenance["lanes"][0] == LinkProvenance.ESTIMATED


def test_a_bridge_lies_where_its_outline_falls_on_the_road():
    network = network_of(town())
    spans = network.link_assets
    assert spans.link_id.tolist() == [1, 2]
    np.testing.assert_allclose([spans.from_m[0], spans.to_m[0]], [350.0, 700.0], rtol=1e-3)
    np.testing.assert_allclose([spans.from_m[1], spans.to_m[1]], [700.0, 1050.0], rtol=1e-3)


def test_a_section_with_one_direction_is_a_one_way_street():
    one = Component("R1/x", "R1", "east", "direction", geometry=ROAD)
    network = network_of(town(components=(one,)))
    assert network.link_name == ("R1/x", "Z1/out", "Z1/in", "Z2/out", "Z2/in")
    back = replace(one, geometry=LineString(list(ROAD.coords)[::-1]))
    reverse = network_of(town(components=(back,)))
    assert (reverse.tail[0], reverse.head[0]) == (network.head[0], network.tail[0])


def test_all_problems_come_at_once():
    city = town(from_junction="J9", road_class="path", bridge={"traffic_status": "shut"})
    with pytest.raises(NetworkError) as caught:
        network_of(city)
    message = str(caught.value)
    assert "from_junction 'J9' is no junction" in message
    assert "road class 'path' is unknown" in message


def test_an_unknown_status_is_refused_and_not_ignored():
    with pytest.raises(NetworkError, match="traffic_status 'shut' is unknown"):
        network_of(town(bridge={"traffic_status": "shut"}))


def test_published_counts_are_split_into_two_directions_of_an_hour():
    city, network = dresden()
    counts = counts_of(city, network, year="2018", peak_share=0.078)
    assert sorted(set(counts.station)) == ["B03", "B04", "B06", "B07", "B08", "B09"]
    daily = {"B03": 44950, "B04": 33200, "B06": 38500, "B07": 22500, "B08": 37850, "B09": 28050}
    for name, total in daily.items():
        mine = np.array([station == name for station in counts.station])
        assert counts.flow_vehh[mine].sum() == pytest.approx(total * 0.078)
        assert mine.sum() == 2


def test_a_closed_bridge_is_no_count_of_zero():
    city, network = dresden()
    assert "B07" not in counts_of(city, network, year="2015", peak_share=0.078).station


def test_the_prior_of_the_demo_city_is_symmetric_and_holds_its_gateway_volumes():
    city, network = dresden()
    zones = zones_of(city, network)
    demand = prior_demand(network, zones)
    size = len(zones.node_id)
    at = {int(node): row for row, node in enumerate(zones.node_id)}
    matrix = np.zeros((size, size))
    rows = [at[int(node)] for node in demand.origin]
    columns = [at[int(node)] for node in demand.destination]
    np.add.at(matrix, (rows, columns), demand.flow_vehh)
    np.testing.assert_allclose(matrix, matrix.T)
    gates = zones.is_gateway
    np.testing.assert_allclose(
        matrix[gates].sum(axis=1), 0.078 * zones.gateway_veh_d[gates] / 2, rtol=1e-5
    )
    assert all("estimated" in text or "same" in text or "orders" in text
               for text in demand.assumptions)  # fmt: skip


def test_a_prior_without_residents_is_refused():
    city = town()
    empty = tuple(
        replace(item, attributes=tuple(a for a in item.attributes if a.name != "residents"))
        for item in city.assets
    )
    bare = replace(city, assets=empty)
    network = network_of(bare)
    with pytest.raises(DemandError, match="residents"):
        prior_demand(network, zones_of(bare, network))
