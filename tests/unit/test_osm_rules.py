"""Traps of OSM data, each in a file of a few nodes."""

import json
from datetime import date

import numpy as np
import pytest
from osm_files import row, write_osm
from shapely.geometry import box

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.exchange.osm import write_folder
from twin.exchange.osm_boundary import boundary_of
from twin.exchange.osm_town import read_town
from twin.exchange.roadnetwork import road_network
from twin.exchange.widelayers import layer_origin
from twin.settings import load_settings

STREET = {"highway": "residential"}


def town_of(folder, nodes, ways, **options):
    return read_town(write_osm(folder / "town.osm", nodes, ways), **options)


def sections(town):
    return town.layers["road_section"].set_index("id")


def test_a_loop_with_one_junction_is_cut_at_a_second_one(tmp_path):
    """F-OSM-3: a street that ends in a circle."""
    nodes = {**row(4), 5: (13.003, 51.001), 6: (13.004, 51.0)}
    ways = {10: ([1, 2], STREET), 11: ([2, 4, 5, 6, 2], STREET)}
    found = sections(town_of(tmp_path, nodes, ways))
    assert list(found.index) == ["w10-1", "w11-1", "w11-2"]
    assert (found["from_junction"] != found["to_junction"]).all()


def test_a_roundabout_and_a_motorway_are_one_way_without_a_tag(tmp_path):
    """F-OSM-3."""
    ways = {
        10: ([1, 2], {"highway": "motorway"}),
        11: ([3, 4], {"highway": "primary", "junction": "roundabout"}),
        12: ([5, 6], {"highway": "motorway", "oneway": "no"}),
    }
    found = sections(town_of(tmp_path, row(6), ways))["oneway"]
    assert found.notna().to_dict() == {"w10-1": True, "w11-1": True, "w12-1": False}


def test_service_ways_are_kept_when_asked_and_closed_ones_never(tmp_path):
    """F-OSM-1."""
    ways = {
        10: ([1, 2], {"highway": "service"}),
        11: ([2, 3], STREET),
        12: ([3, 4], {**STREET, "motor_vehicle": "no"}),
        13: ([4, 5], {**STREET, "access": "private", "motor_vehicle": "yes"}),
        14: ([1, 2, 3, 1], {"highway": "residential", "area": "yes"}),
    }
    few = town_of(tmp_path, row(5), ways)
    assert set(sections(few)["osm_way"]) == {"11", "13"}
    assert few.report.left_out == {"area": 1, "closed to the public": 1, "service way": 1}
    assert "10" in set(sections(town_of(tmp_path, row(5), ways, with_service=True))["osm_way"])


@pytest.mark.parametrize(
    ("tags", "speed", "kind"),
    [
        ({"maxspeed": "30 mph"}, 48.28, "derived"),
        ({"maxspeed": "DE:urban"}, 50.0, "derived"),
        ({"maxspeed": "DE:zone30"}, 30.0, "derived"),
        ({"maxspeed": "walk"}, 7.0, "derived"),
        ({"maxspeed": "none"}, 30.0, "estimated"),
        ({"maxspeed": "fast"}, 30.0, "estimated"),
        ({"source:maxspeed": "DE:zone:20"}, 20.0, "derived"),
        ({"maxspeed:forward": "50", "maxspeed:backward": "30"}, 30.0, "sourced"),
        ({}, 30.0, "estimated"),
    ],
)
def test_speeds_come_from_the_tag_or_are_flagged_as_assumed(tmp_path, tags, speed, kind):
    """F-OSM-4."""
    town = town_of(tmp_path, row(2), {10: ([1, 2], STREET | tags)})
    found = sections(town).loc["w10-1"]
    assert found["max_speed_km_h"] == pytest.approx(speed, abs=0.01)
    assert found["max_speed_km_h_provenance"].startswith(kind)
    assert ("'fast' (1)" in "".join(town.report.sentences())) == (tags.get("maxspeed") == "fast")


def test_lanes_are_per_direction_and_limits_in_tonnes_and_metres(tmp_path):
    """F-OSM-4 and F-OSM-5."""
    tags = {"lanes": "4", "maxweight": "3500 kg", "maxaxleload": "8", "maxheight": "12'6'"}
    ways = {10: ([1, 2], STREET | tags), 11: ([2, 3], STREET)}
    town = town_of(tmp_path, row(3), ways)
    wide, plain = (sections(town).loc[key] for key in ("w10-1", "w11-1"))
    assert (wide["lanes_per_direction"], wide["lanes"], wide["max_mass_t"]) == (2.0, "4", 3.5)
    assert wide["max_axle_load_t"] == 8.0
    assert "maxheight" in "".join(town.report.sentences())
    assert plain["lanes_per_direction_provenance"].startswith("estimated: assumed")
    assert town.report.assumed_share["lanes_per_direction"] == 0.5


def test_bridge_ways_merge_by_adjacency_beside_each_other_and_by_outline(tmp_path):
    """F-OSM-5: two carriageways cut in two are one structure; a bridge above is another."""
    bridge = {"highway": "primary", "bridge": "yes", "layer": "1", "maxweight": "30"}
    nodes = {
        **row(3),
        **row(3, latitude=51.0001, first=11),
        21: (13.001, 50.999), 22: (13.001, 51.001),
        31: (13.1, 51.0), 32: (13.101, 51.0), 33: (13.1, 51.0003), 34: (13.101, 51.0003),
        41: (13.0999, 50.9999), 42: (13.1011, 50.9999),
        43: (13.1011, 51.0004), 44: (13.0999, 51.0004),
    }  # fmt: skip
    ways = {
        10: ([1, 2], bridge),
        11: ([2, 3], {**bridge, "maxweight": "16", "name": "Lange Straße"}),
        12: ([13, 12, 11], {**bridge, "oneway": "yes"}),
        13: ([21, 22], {**bridge, "layer": "2"}),
        14: ([31, 32], bridge),
        15: ([33, 34], {"highway": "footway", "bridge": "yes", "layer": "1"}),
        16: ([41, 42, 43, 44, 41], {"man_made": "bridge", "layer": "1", "name": "Neue Brücke"}),
    }
    found = town_of(tmp_path, nodes, ways).layers["bridge"].set_index("id")
    assert found["osm_ways"].to_dict() == {"b10": "10;11;12", "b13": "13", "b14": "14;15"}
    assert found.loc["b10", "max_mass_t"] == 16.0
    assert found.loc["b14", "name"] == "Neue Brücke"
    assert found.loc["b14"].geometry.geom_type == "Polygon"
    assert found.loc["b14", "carries"] == "footway;primary"
    assert found.loc["b10", "total_length_m"] == pytest.approx(140.0, rel=0.02)


def test_buildings_are_read_when_asked_with_tagged_heights_or_storeys(tmp_path):
    corners = {
        10: (13.0, 51.001), 11: (13.001, 51.001), 12: (13.001, 51.002), 13: (13.0, 51.002),
    }  # fmt: skip
    ring = [10, 11, 12, 13, 10]
    ways = {
        1: ([1, 2], STREET),
        2: (ring, {"building": "yes", "height": "12.5 m", "building:levels": "9"}),
        3: (ring, {"building": "house", "building:levels": "4", "name": "Mill"}),
        4: (ring, {"building": "yes"}),
        5: (ring, {"building": "no"}),
        6: ([10, 12, 11, 13, 10], {"building": "yes"}),
        7: ([10, 11, 12], {"building": "yes"}),
        8: (ring, {"building": "no", "natural": "wood"}),
    }
    ways[9] = (ring, {"building": "yes", "man_made": "works", "height": "8"})
    nodes = {**row(2), **corners}
    assert "building" not in town_of(tmp_path, nodes, ways).layers
    town = town_of(tmp_path, nodes, ways, with_buildings=True)
    found = town.layers["building"].set_index("id")
    assert list(found.index) == [f"building-w{key}" for key in (2, 3, 4, 9)]
    assert found["height_m"].fillna(0.0).tolist() == [12.5, 12.0, 0.0, 8.0]
    assert found.loc["building-w3", "name"] == "Mill"
    assert str(found.loc["building-w3", "height_m_provenance"]).startswith("estimated: 4")
    assert "not used, outline crosses itself: 1 buildings" in town.report.lines
    write_folder(town, tmp_path / "city", name="Town")
    city = read_city(tmp_path / "city", load_settings(tmp_path / "city").city)
    assert sum(asset.asset_class == "building" for asset in city.assets) == 4


def test_what_lies_outside_of_the_boundary_is_cut_off(tmp_path):
    """F-OSM-6: whole segments inside stay; a way that comes back is there twice."""
    nodes = {**row(9), 20: (13.0035, 52.0)}
    ways = {
        10: ([1, 2, 3, 20, 5, 6], STREET),
        11: ([7, 8, 9], {"waterway": "river"}),
    }
    area = box(12.9, 50.9, 13.0075, 51.1)
    town = town_of(tmp_path, nodes, ways, boundary=area)
    found = sections(town)
    assert list(found.index) == ["w10-1", "w10-2"]
    assert found["to_junction"].tolist() == ["n3", "n6"]
    assert town.layers["water"].total_bounds[2] == pytest.approx(13.0075)


def test_a_boundary_is_found_by_its_name_in_the_file_or_refused(tmp_path):
    """F-OSM-6."""
    corners = {1: (13.0, 51.0), 2: (13.1, 51.0), 3: (13.1, 51.1), 4: (13.0, 51.1)}
    ways = {10: ([1, 2, 3], {}), 11: ([3, 4, 1], {})}
    members = '<member type="way" ref="{}" role="outer"/><member type="way" ref="{}" role="outer"/>'
    relation = (
        '<relation id="{}">' + members + '<tag k="boundary" v="administrative"/>'
        '<tag k="name" v="{}"/><tag k="admin_level" v="8"/></relation>'
    )
    relations = relation.format(1, 10, 11, "Altstadt") + relation.format(2, 10, 12, "Neustadt")
    file = write_osm(tmp_path / "town.osm", corners, ways, relations)
    assert boundary_of("Altstadt", file).bounds == pytest.approx((13.0, 51.0, 13.1, 51.1))
    with pytest.raises(CityError, match=r"only a part of boundary 'Neustadt' \(1 of 2 ways\)"):
        boundary_of("Neustadt", file)
    with pytest.raises(CityError, match="there are: Altstadt, Neustadt"):
        boundary_of("Vorstadt", file)


def test_a_boundary_file_is_read_in_its_own_crs(tmp_path):
    ring = [[13.0, 51.0], [13.1, 51.0], [13.1, 51.1], [13.0, 51.0]]
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    file = tmp_path / "city.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert boundary_of(str(file), tmp_path / "none.osm").area == pytest.approx(0.005)
    with pytest.raises(CityError, match="does not exist"):
        boundary_of(str(tmp_path / "no.geojson"), tmp_path / "none.osm")


def test_a_file_that_is_no_osm_data_is_refused(tmp_path):
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(b"\x00\x00\x00\x0dno osm data at all")
    with pytest.raises(CityError, match="cannot be read as OSM data"):
        read_town(broken)
    with pytest.raises(CityError, match="is no file"):
        read_town(tmp_path / "none.osm.pbf")


def test_ids_of_an_editor_are_reported_as_incomplete(tmp_path):
    ways = {10: ([1, 2], STREET), 11: ([-1, 2], STREET)}
    town = town_of(tmp_path, {**row(2), -1: (13.0, 51.1)}, ways)
    assert town.report.incomplete == [11]


def test_the_network_of_the_folder_obeys_directions_and_limits(tmp_path):
    """F-OSM-5: what-if reads the layers that the import wrote."""
    limits = {"maxweight": "16", "maxaxleload": "8", "maxheight": "3.8"}
    ways = {
        10: ([1, 2], {"highway": "primary", "bridge": "yes", "oneway": "-1", **limits}),
        11: ([2, 3], STREET),
    }
    folder = tmp_path / "city"
    write_folder(town_of(tmp_path, row(3), ways), folder, name="Stadt")
    settings = load_settings(folder)
    city = read_city(folder, settings.city)
    found = road_network(city, crs=settings.city.crs, classes=(), as_of=date(2026, 1, 1))
    assert found.link_name == ("w10-1/forward", "w11-1/forward", "w11-1/backward")
    names = found.node_name
    ids = found.node_id.tolist()
    assert [names[ids.index(end)] for end in (found.tail[0], found.head[0])] == ["n2", "n1"]
    assert found.max_weight_t[0] == 16.0
    assert found.max_axle_t.tolist() == [8.0, np.inf, np.inf]
    assert found.max_height_m.tolist() == [3.8, np.inf, np.inf]
    assert found.link_assets.asset == ("b10",)
    assert found.link_assets.from_m[0] == pytest.approx(0.0, abs=0.1)
    assert found.link_assets.to_m[0] == pytest.approx(found.length_m[0], abs=0.2)


def test_other_files_of_the_folder_stay_and_layers_are_replaced(tmp_path):
    town = town_of(tmp_path, row(2), {10: ([1, 2], STREET)})
    folder = tmp_path / "city"
    write_folder(town, folder, name="Stadt", timezone="Europe/Berlin")
    (folder / "references.csv").write_text("id,title,licence\n1,Survey,CC0-1.0\n")
    settings = (folder / "city.toml").read_text(encoding="utf-8")
    write_folder(town, folder, name="Anders")
    assert (folder / "city.toml").read_text(encoding="utf-8") == settings
    assert (folder / "references.csv").read_text().splitlines()[1:] == [
        "1,Survey,CC0-1.0",
        'osm,"OpenStreetMap contributors, openstreetmap.org",ODbL-1.0',
    ]
    assert layer_origin(folder / "road_sections.gpkg") == "twin import osm"
