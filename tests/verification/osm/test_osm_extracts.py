"""Real extracts: counts equal those of a plain reading of the file through pyosmium."""

import subprocess
import sys

import numpy as np
import osmium
import pytest
from osm_files import extract
from osmium.osm.mutable import Node as Draft
from osmium.osm.mutable import Way as DraftWay
from osmium.osm.types import Node, Way

from twin.exchange.osm_tags import highways
from twin.exchange.osm_town import OsmTown, read_town

FILES = ("Helsinki.osm.pbf", "test.osm.pbf")


def plain(name: str) -> tuple[set[int], dict[int, tuple[dict, list[int]]]]:
    nodes, ways = set(), {}
    for item in osmium.FileProcessor(str(extract(name))):
        if isinstance(item, Node):
            nodes.add(item.id)
        elif isinstance(item, Way):
            ways[item.id] = dict(item.tags), [node.ref for node in item.nodes]
    return nodes, ways


@pytest.fixture(scope="module", params=FILES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def town(name) -> OsmTown:
    return read_town(extract(name))


def test_every_tagged_bridge_way_is_in_one_structure(name, town):
    """F-OSM-5: an independent count of the file; only ways with missing nodes are absent."""
    nodes, ways = plain(name)
    tagged = {
        key: refs
        for key, (tags, refs) in ways.items()
        if tags.get("bridge", "no") != "no" and ("highway" in tags or "railway" in tags)
    }
    there = {str(key) for key, refs in tagged.items() if nodes.issuperset(refs)}
    kept = [way for text in town.layers["bridge"]["osm_ways"] for way in text.split(";")]
    assert there
    assert sorted(kept) == sorted(there)
    assert set(tagged) - {int(way) for way in there} <= set(town.report.incomplete)


def test_every_road_for_cars_is_there_with_all_its_nodes(name, town):
    """F-OSM-1 and F-OSM-2: length in segments equals that of the ways."""
    nodes, ways = plain(name)
    closed = ("no", "private", "agricultural", "forestry")
    expected = {}
    for key, (tags, refs) in ways.items():
        row = highways().get(tags.get("highway", ""))
        said = [
            tags[one] for one in ("motorcar", "motor_vehicle", "vehicle", "access") if one in tags
        ]
        is_open = not said or said[0] not in closed
        if row and row["is_asked"] == "no" and tags.get("area") != "yes" and is_open:
            expected[key] = refs
    whole = {key: refs for key, refs in expected.items() if nodes.issuperset(refs)}
    found = town.layers["road_section"]
    segments = sum(len(line.coords) - 1 for line in found.geometry)
    assert set(found["osm_way"].astype(int)) == set(whole)
    assert segments == sum(len(refs) - 1 for refs in whole.values())
    assert set(expected) - set(whole) <= set(town.report.incomplete)


def test_links_begin_and_end_where_ways_meet(town):
    """F-OSM-2: no node inside of a link belongs to another one."""
    found = town.layers["road_section"]
    inner = [point for line in found.geometry for point in line.coords[1:-1]]
    ends = {point for line in found.geometry for point in (line.coords[0], line.coords[-1])}
    assert len(inner) == len(set(inner))
    assert not ends & set(inner)
    assert (found["from_junction"] != found["to_junction"]).all()


def test_two_way_links_match_the_plain_tags(name, town):
    """F-OSM-3."""
    ways = plain(name)[1]
    found = town.layers["road_section"]
    for way, one in zip(found["osm_way"], found["oneway"], strict=True):
        tags = ways[int(way)][0]
        said = tags.get("oneway")
        implied = tags["highway"] == "motorway" or tags.get("junction") == "roundabout"
        assert (one == "yes") == (said in ("yes", "-1") or (implied and said != "no"))


def test_a_file_whose_nodes_are_not_sorted_gives_the_same_town(tmp_path):
    """F-OSM-7: places are found by a sorted index, whatever the order of the file."""
    source = extract("test.osm.pbf")
    copied = tmp_path / "mixed.osm.pbf"
    nodes = osmium.FileProcessor(str(source), osmium.osm.NODE)
    rows = [(node.id, node.lon, node.lat) for node in nodes if isinstance(node, Node)]
    order = np.random.default_rng(1).permutation(len(rows))
    writer = osmium.SimpleWriter(str(copied))
    for row in order.tolist():
        key, x, y = rows[row]
        writer.add_node(Draft(id=key, location=(x, y)))
    for way in osmium.FileProcessor(str(source), osmium.osm.WAY):
        writer.add(way)
    writer.close()
    one, two = read_town(source).layers, read_town(copied).layers
    assert set(one) == set(two)
    for asset_class, layer in one.items():
        assert layer.sort_values("id").equals(two[asset_class].sort_values("id")), asset_class


def test_the_importer_needs_little_memory_for_high_ids(tmp_path):
    """F-OSM-7: ids of today's map, 12 billion, in less than 500 MB with all libraries."""
    highest = 12_000_000_000
    file = tmp_path / "high.osm.pbf"
    writer = osmium.SimpleWriter(str(file))
    for step in range(4):
        place = (13.0 + 0.001 * step, 51.0)
        writer.add_node(Draft(id=highest + step, location=place))
    refs = [highest + step for step in range(4)]
    writer.add_way(DraftWay(id=1, nodes=refs, tags={"highway": "primary"}))
    writer.close()
    script = (
        "import sys; from pathlib import Path; "
        "from twin.exchange.osm_town import read_town; read_town(Path(sys.argv[1])); "
        "status = Path('/proc/self/status').read_text().splitlines(); "
        "print(next(line.split()[1] for line in status if line.startswith('VmHWM')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(done.stdout) < 500_000
