"""The sample of the specification gives the links that it states (F-OSM-1 to F-OSM-8)."""

import json

import pytest
from osm_files import SAMPLES

from twin.exchange.osm_town import OsmTown, read_town

FILE = SAMPLES / "synthetic_crossing.osm"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="no samples beside the repository")


@pytest.fixture(scope="module")
def town() -> OsmTown:
    return read_town(FILE)


@pytest.fixture(scope="module")
def expected() -> dict:
    text = (SAMPLES / "expected.json").read_text(encoding="utf-8")
    return json.loads(text)["synthetic_crossing.osm"]


def roads(town):
    return town.layers["road_section"]


def of_way(town, way):
    return roads(town)[roads(town)["osm_way"] == str(way)]


def test_the_sample_has_the_stated_directed_links(town, expected):
    """F-OSM-8 and F-OSM-3: by way, with both directions of those that have them."""
    assert town.report.counts["directed links"] == expected["directed_links"] == 13
    for way, count in expected["by_way"].items():
        found = of_way(town, way)
        assert int((found["oneway"].isna() + 1).sum()) == count, way


def test_ways_are_cut_where_they_share_nodes_and_nowhere_else(town, expected):
    """F-OSM-2."""
    found = of_way(town, 100)
    nodes = [*found["from_junction"], found["to_junction"].iloc[-1]]
    assert nodes == [f"n{node}" for node in expected["junction_nodes_of_way_100"]]
    crossing = of_way(town, 105).iloc[0]
    assert crossing["from_junction"] not in nodes
    assert crossing["to_junction"] not in nodes


def test_one_way_against_the_line_is_turned(town, expected):
    """F-OSM-3."""
    found = of_way(town, 103).iloc[0]
    start, end = expected["way_103_direction"]
    assert (found["from_junction"], found["to_junction"]) == (f"n{start}", f"n{end}")
    assert found.geometry.coords[0] == pytest.approx((13.002, 51.005))


def test_speeds_are_read_or_flagged_as_assumed(town, expected):
    """F-OSM-4."""
    for way, speed in expected["speed_km_h"].items():
        found = of_way(town, way).iloc[0]
        provenance = found["max_speed_km_h_provenance"]
        if isinstance(speed, str):
            assert provenance.startswith("estimated: assumed, default of highway=motorway")
        else:
            assert found["max_speed_km_h"] == pytest.approx(speed, abs=0.01)
            assert not provenance.startswith("estimated")


def test_the_bridge_keeps_its_limit_and_layer(town, expected):
    """F-OSM-5."""
    bridge = town.layers["bridge"].iloc[0]
    assert len(town.layers["bridge"]) == expected["bridge_links"]
    assert bridge["max_mass_t"] == expected["bridge_102"]["maxweight_t"]
    assert bridge["layer"] == str(expected["bridge_102"]["layer"])
    assert of_way(town, 102).iloc[0]["bridge"] == bridge["id"] == "b102"


def test_private_ways_and_buildings_are_no_roads_and_incomplete_ways_are_reported(town, expected):
    """F-OSM-1 and F-OSM-6; the sample has no timestamps."""
    for way in [*expected["ignored_ways"], *expected["incomplete_ways"]]:
        assert of_way(town, way).empty
    assert town.report.incomplete == expected["incomplete_ways"]
    assert any("(108)" in line for line in town.report.sentences())
