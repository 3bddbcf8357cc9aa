"""Layers and tables of the map: the JSON that the browser gets, and the shapes behind it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon
from town import SOURCED, Town, numbers, town

from dashboards.components.twin_map import TwinMap
from dashboards.deck.builder import (
    MOST_JUNCTION_LABELS,
    Label,
    Sight,
    bridge_label_zoom,
    bridge_size,
    map_spec,
    sight_of,
    staggered,
)
from dashboards.deck.geometry import Plane, beside, footprint, middle, spacing_m
from dashboards.live.channels import CHANNELS
from dashboards.live.features import read_features
from dashboards.live.table import decode_table
from dashboards.state import LAYERS
from twin.model.assets import Asset, Attribute
from twin.model.city import City

PLANE = Plane(13.7, 51.05)
SIGHT = Sight(13.7, 51.05, 12.0)


def spec(layers=LAYERS, channel="speed"):
    labels = [Label("Alte Brücke", 13.7, 51.05)]
    return map_spec(sight=SIGHT, layers=layers, channel=channel, bridge_labels=labels)


def extensions(found):
    return [item for layer in found["layers"] for item in layer.get("extensions", [])]


def test_layers_lie_over_one_another_in_a_fixed_order():
    order = [layer["id"] for layer in spec()["layers"]]
    assert order[0] == "water"
    assert order.index("counted-far-casing") < order.index("counted-far") < order.index("bridges")
    assert order.index("bridge-ring-casing") < order.index("bridge-ring") < order.index("sensors")
    assert order[-1] == "bridge-labels"


def test_only_the_wanted_layers_are_made():
    assert [layer["id"] for layer in spec(("water",))["layers"]] == ["water"]
    assert spec(())["layers"] == []


def test_roads_are_coloured_by_the_chosen_channel_with_its_quality():
    found = extensions(spec(("roads",), "flow"))
    assert {item["channel"] for item in found} == {"roads.flow"}
    assert {item["quality"] for item in found} == {"roads.flow.q"}


def test_every_channel_that_a_layer_draws_is_offered_by_the_hub():
    offered = {channel.name for channel in CHANNELS}
    for item in [*extensions(spec()), *extensions(spec(channel="flow"))]:
        assert {item["channel"], item.get("quality", item["channel"])} <= offered


def test_every_table_that_a_layer_draws_exists():
    drawn = {layer["data"]["name"] for layer in spec()["layers"] if "@@function" in layer["data"]}
    assert drawn <= set(read_features(Town().twin).tables)


def test_no_address_of_another_host_is_in_the_specification():
    text = str(spec())
    assert "http" not in text
    assert "mapStyle" not in text


def test_the_map_takes_the_specification():
    assert TwinMap(id="map", spec=spec()).to_plotly_json()["props"]["spec"]["layers"]


@given(st.floats(13.0, 14.5), st.floats(50.5, 51.5), st.floats(0.01, 0.4), st.floats(0.01, 0.3))
def test_a_sight_looks_at_the_middle_of_its_box(west, south, width, height):
    sight = sight_of((west, south, west + width, south + height))
    assert sight.longitude == pytest.approx(west + width / 2)
    assert sight.latitude == pytest.approx(south + height / 2)
    assert 8 < sight.zoom <= 14.5


def test_the_two_directions_of_a_road_lie_on_their_right_sides():
    up = LineString([(13.7, 51.04), (13.7, 51.06)])
    north, south = beside([up, up.reverse()], PLANE, offset_m=12.0)
    assert np.all(north[:, 0] > 13.7)
    assert np.all(south[:, 0] < 13.7)
    metres = (north[0, 0] - 13.7) * 111_320 * np.cos(np.radians(51.05))
    assert metres == pytest.approx(12.0, rel=1e-3)


def test_a_line_that_turns_back_on_itself_is_still_drawn():
    line = LineString([(13.7, 51.05), (13.7001, 51.05), (13.7, 51.05)])
    assert len(beside([line], PLANE, offset_m=30.0)[0]) >= 2


@pytest.mark.parametrize(
    "geometry",
    [
        Point(13.7, 51.05),
        LineString([(13.7, 51.05), (13.7, 51.054)]),
        Polygon([(13.7, 51.05), (13.701, 51.05), (13.701, 51.051)]),
    ],
    ids=["point", "line", "polygon"],
)
def test_every_bridge_has_a_footprint_around_its_middle(geometry):
    ring = footprint(geometry, PLANE, width_m=None)
    assert Polygon(ring).buffer(1e-6).contains(Point(middle(geometry)))


def test_rows_of_second_tables_name_their_features():
    tables = read_features(Town().twin).tables
    counted = decode_table(tables["counted"].body)
    assert numbers(counted, "feature") == [0, 3]
    assert decode_table(tables["roads"].body).columns["id"] == ("L1/ab", "L1/ba", "L2/ab", "L2/ba")
    assert decode_table(tables["bridge_points"].body).columns["id"] == ("B1", "B2")


def test_a_closed_road_has_a_table_of_its_own():
    city = town()
    closure = Attribute("traffic_status", "closed", "", SOURCED)
    assets = tuple(
        replace(asset, attributes=(*asset.attributes, closure)) if asset.id == "L2" else asset
        for asset in city.assets
    )
    tables = read_features(Town(replace(city, assets=assets)).twin).tables
    assert numbers(decode_table(tables["closed"].body), "feature") == [2, 3]


def test_crowded_names_take_turns_in_height():
    names = [Label(text, longitude, 51.05) for text, longitude in (("c", 13.72), ("a", 13.70),
             ("b", 13.71), ("far", 13.80))]  # fmt: skip
    found = staggered(names)
    assert [(label.text, label.offset_px) for label in found] == [
        ("a", -24),
        ("b", 26),
        ("c", -46),
        ("far", -24),
    ]


def test_the_spacing_of_bridges_is_that_to_their_nearest_neighbours():
    row = np.array([(13.7 + 0.01 * place, 51.05) for place in range(5)])
    assert spacing_m(row, PLANE) == pytest.approx(700.0, rel=0.01)
    assert spacing_m(row[:1], PLANE) == np.inf


def test_symbols_of_bridges_that_lie_close_shrink_sooner_and_are_named_later():
    wide, close = bridge_size(13, 1000.0, line_px=4), bridge_size(13, 250.0, line_px=4)
    assert close["get_radius"] == wide["get_radius"] / 4
    assert close["radius_max_pixels"] == wide["radius_max_pixels"] == 13
    assert bridge_label_zoom(250.0, 51.0) == pytest.approx(bridge_label_zoom(1000.0, 51.0) + 2)


def test_junctions_are_named_unless_there_are_very_many():
    def named(count):
        labels = [Label("A / B", 13.7, 51.05)] * count
        found = map_spec(sight=SIGHT, layers=LAYERS, channel="speed", junction_labels=labels)
        return next(one for one in found["layers"] if one["id"] == "junction-labels")["data"]

    assert len(named(MOST_JUNCTION_LABELS)) == MOST_JUNCTION_LABELS
    assert named(MOST_JUNCTION_LABELS + 1) == []


@pytest.mark.parametrize(("kinds", "main"), [(("primary", "residential"), 1), (("", ""), 2)])
def test_from_far_away_main_roads_are_drawn_or_all_where_none_is_one(kinds, main):
    city = town()
    classes = dict(zip(("L1", "L2"), kinds, strict=True))
    assets = tuple(
        replace(asset, attributes=(Attribute("road_class", classes[asset.id], "", SOURCED),))
        if classes.get(asset.id)
        else asset
        for asset in city.assets
    )
    features = read_features(Town(replace(city, assets=assets)).twin)
    drawn = np.asarray(decode_table(features.tables["roads_main"].body).columns["feature"])
    assert len({features.roads[row].asset.id for row in drawn.tolist()}) == main


def test_buildings_are_drawn_with_their_height_or_low():
    corner = Polygon([(13.70, 51.05), (13.701, 51.05), (13.701, 51.051), (13.70, 51.051)])
    height = (Attribute("height_m", 20.0, "m", SOURCED),)
    city = town()
    houses = (
        Asset("H1", "building", "tall", corner, SOURCED, height),
        Asset("H2", "building", "unknown", corner, SOURCED),
    )
    features = read_features(Town(replace(city, assets=(*city.assets, *houses))).twin)
    assert features.has_buildings
    columns = decode_table(features.tables["buildings"].body).columns
    assert list(columns["height"]) == [20.0, 6.0]
    assert not read_features(Town().twin).has_buildings


def test_tables_of_a_city_without_assets_are_empty_and_readable():
    tables = read_features(Town(City("Nichts")).twin).tables
    assert {name: table.rows for name, table in tables.items()} == dict.fromkeys(tables, 0)


@pytest.mark.parametrize(
    ("uid", "vehicles", "is_coloured"),
    [
        ("L1.ab-v", "car", True),
        ("L1.ab-v", "all", False),
        ("L1.ab-q", "all", True),
        ("L1.ab-q", "", True),
        ("L1.ab-q", "car", False),
    ],
)
def test_roads_are_coloured_by_the_vehicles_that_the_label_names(uid, vehicles, is_coloured):
    city = town()
    streams = tuple(
        replace(stream, vehicle_class=vehicles) if stream.uid == uid else stream
        for stream in city.datastreams
    )
    index = read_features(Town(replace(city, datastreams=streams)).twin).index
    found = index.road_speed if uid.endswith("-v") else index.road_flow
    assert (found[0] >= 0) == is_coloured
