"""Bridge ways of OSM become structures: merged by outline, adjacency and layer.

A bridge is seldom one way: lanes, tracks and paths on one deck are mapped apart, and each of them
is cut where a tag changes. Names are rare and say more of the street than of the bridge.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from twin.exchange.osm_attributes import TAGGED, Fact, RoadReader, derived, name_of
from twin.exchange.osm_reading import Ways
from twin.exchange.osm_tags import Tags

BESIDE_M = 15.0
"""Ways side by side and no farther apart lie on one structure; own choice, two carriageways."""
PARALLEL_DEG = 20.0
LAYER_OF_BRIDGE = "1"
"""Where a bridge has no tag ``layer``."""
WHOLE_TURN_DEG, HALF_TURN_DEG = 360.0, 180.0


@dataclass(frozen=True, slots=True)
class BridgeWays:
    """Bridge ways with their lines in metres.

    Parameters
    ----------
    ways
        Whole ways that are tagged as a bridge.
    lines : (ways,)
        In a metric system.
    """

    ways: Ways
    lines: Sequence[BaseGeometry]


@dataclass(frozen=True, slots=True)
class Structure:
    """One bridge: its members, its shape in metres, and what is known of it."""

    id: str
    name: str
    members: tuple[int, ...]
    shape: BaseGeometry
    shape_note: str
    facts: Mapping[str, Fact]


def structures(
    bridges: BridgeWays, outlines: Sequence[BaseGeometry], outline_tags: Sequence[Tags]
) -> Sequence[Structure]:
    """Structures of bridge ways, in the order of their smallest way id.

    Parameters
    ----------
    bridges
        Bridge ways of one file.
    outlines, outline_tags
        Areas ``man_made=bridge`` in the same metric system, with their tags.
    """
    count = len(bridges.ways.id)
    if count == 0:
        return ()
    layers = np.array([_layer(tags) for tags in bridges.ways.tags])
    is_rail = np.array(["highway" not in tags for tags in bridges.ways.tags])
    home = _outline_of(bridges.lines, layers, outlines, outline_tags)
    pairs = np.vstack(
        (_touching(bridges.ways, layers), _beside(bridges.lines, layers, is_rail), _same(home))
    )
    links = coo_array((np.ones(len(pairs), dtype=bool), pairs.T), shape=(count, count))
    labels = connected_components(links, directed=False)[1]
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    found = [_structure(bridges, group, home, outlines, outline_tags) for group in groups]
    return sorted(found, key=lambda one: min(one.members))


def _layer(tags: Tags) -> str:
    return tags.get("layer") or LAYER_OF_BRIDGE


def _touching(ways: Ways, layers: NDArray) -> NDArray[np.int64]:
    """(pairs, 2) Ways of one layer that share a node."""
    owner = np.repeat(np.arange(len(ways.id)), np.diff(ways.first))
    order = np.lexsort((owner, layers[owner], ways.refs))
    node, way, layer = ways.refs[order], owner[order], layers[owner[order]]
    is_shared = (node[1:] == node[:-1]) & (layer[1:] == layer[:-1])
    return np.column_stack((way[:-1][is_shared], way[1:][is_shared]))


def _beside(
    lines: Sequence[BaseGeometry], layers: NDArray, is_rail: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(pairs, 2) Parallel ways of one layer side by side, both roads or both railways."""
    geometries = np.array(lines, dtype=object)
    tree = shapely.STRtree(list(lines))
    one, two = tree.query(list(lines), predicate="dwithin", distance=BESIDE_M)
    fits = (one < two) & (layers[one] == layers[two]) & (is_rail[one] == is_rail[two])
    one, two = one[fits], two[fits]
    bearing = np.array([_bearing_deg(line) for line in lines])
    turn = np.abs(bearing[one] - bearing[two])
    is_parallel = np.minimum(turn, HALF_TURN_DEG - turn) <= PARALLEL_DEG
    one, two = one[is_parallel], two[is_parallel]
    length = np.array([line.length for line in lines])
    shorter = np.where(length[one] <= length[two], one, two)
    longer = np.where(length[one] <= length[two], two, one)
    middles = shapely.line_interpolate_point(geometries[shorter], 0.5, normalized=True)
    is_close = shapely.distance(middles, geometries[longer]) <= BESIDE_M
    return np.column_stack((one[is_close], two[is_close]))


def _bearing_deg(line: BaseGeometry) -> float:
    """Direction of a line from end to end, 0 to 180 degrees: there and back are the same."""
    corners = shapely.get_coordinates(line)
    east, north = corners[-1] - corners[0]
    return float(np.degrees(np.arctan2(north, east)) % HALF_TURN_DEG)


def _outline_of(
    lines: Sequence[BaseGeometry],
    layers: NDArray,
    outlines: Sequence[BaseGeometry],
    outline_tags: Sequence[Tags],
) -> NDArray[np.int64]:
    """(ways,) Outline in which the middle of each way lies on the same layer, -1 for none."""
    home = np.full(len(lines), -1)
    if not outlines:
        return home
    middles = [line.interpolate(0.5, normalized=True) for line in lines]
    way, area = shapely.STRtree(list(outlines)).query(middles, predicate="intersects")
    for row, outline in zip(way.tolist(), area.tolist(), strict=True):
        if outline_tags[outline].get("layer", layers[row]) == layers[row]:
            home[row] = outline
    return home


def _same(home: NDArray[np.int64]) -> NDArray[np.int64]:
    """(pairs, 2) Ways with the same outline."""
    inside = np.flatnonzero(home >= 0)
    order = inside[np.argsort(home[inside], kind="stable")]
    is_same = home[order[1:]] == home[order[:-1]]
    return np.column_stack((order[:-1][is_same], order[1:][is_same]))


def _structure(
    bridges: BridgeWays,
    group: NDArray[np.int64],
    home: NDArray[np.int64],
    outlines: Sequence[BaseGeometry],
    outline_tags: Sequence[Tags],
) -> Structure:
    ids = bridges.ways.id[group]
    ordered = group[np.argsort(ids)].tolist()
    members = [(int(bridges.ways.id[row]), bridges.ways.tags[row]) for row in ordered]
    areas = sorted({int(home[row]) for row in ordered if home[row] >= 0})
    lines = [bridges.lines[row] for row in ordered]
    shape, note = _shape(lines, [outlines[area] for area in areas])
    merged = shapely.line_merge(shapely.union_all(lines))
    length_m = max(float(part.length) for part in shapely.get_parts(merged))
    facts = {
        "total_length_m": Fact(round(length_m, 1), derived("length of the longest bridge way")),
        "osm_ways": Fact(";".join(str(key) for key, _ in members), TAGGED),
        "layer": Fact(_layer(members[0][1]), TAGGED if "layer" in members[0][1] else _ASSUMED),
        "carries": Fact(_carries(members), derived("kinds of the ways on it")),
        **_limits([tags for _, tags in members]),
    }
    systems = [tags["bridge:structure"] for _, tags in members if tags.get("bridge:structure")]
    if systems:
        facts["structural_system"] = Fact(systems[0], TAGGED)
    name = _name(members, [outline_tags[area] for area in areas])
    return Structure(
        f"b{members[0][0]}", name, tuple(key for key, _ in members), shape, note, facts
    )


_ASSUMED = "estimated: assumed, a bridge without the tag layer"


def _shape(
    lines: Sequence[BaseGeometry], areas: Sequence[BaseGeometry]
) -> tuple[BaseGeometry, str]:
    """Shape of a structure and how it came about, empty where it is as mapped."""
    if areas:
        return max(areas, key=lambda area: area.area), ""
    if len(lines) == 1:
        return lines[0], ""
    merged = shapely.line_merge(shapely.union_all(list(lines)))
    if isinstance(merged, shapely.LineString):
        return merged, "bridge ways joined"
    hull = shapely.convex_hull(shapely.union_all(list(lines)))
    if hull.geom_type == "Polygon":
        return hull, "hull of the bridge ways"
    return max(lines, key=lambda line: line.length), "longest of the bridge ways"


def _carries(members: Sequence[tuple[int, Tags]]) -> str:
    kinds = Counter(tags.get("highway") or tags.get("railway", "") for _, tags in members)
    return ";".join(sorted(kinds))


def _name(members: Sequence[tuple[int, Tags]], outlines: Sequence[Tags]) -> str:
    own = [tags["bridge:name"] for _, tags in members if tags.get("bridge:name")]
    own += [tags["name"] for tags in outlines if tags.get("name")]
    streets = Counter(tags["name"] for _, tags in members if tags.get("name"))
    if own:
        return own[0]
    if streets:
        return streets.most_common(1)[0][0]
    key, tags = members[0]
    return name_of({"ref": tags.get("ref", ""), "highway": f"bridge, {_carries(members)}"}, key)


def _limits(members: Sequence[Tags]) -> dict[str, Fact]:
    """The strictest limit of the ways on a structure."""
    reader = RoadReader()
    found: dict[str, Fact] = {}
    for tags in members:
        for name, fact in reader.limits(tags).items():
            known = found.get(name)
            if name != "max_height_m" and (
                known is None or float(fact.value or 0.0) < float(known.value or 0.0)
            ):
                found[name] = fact
    return found
