"""Ways and nodes of an OSM file as arrays: ways first, then the places of their nodes only.

Any file that libosmium reads will do, sorted or not, with or without timestamps. The index of
places is a sorted array; one that is addressed by the id would take a gigabyte for a small town.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

import numpy as np
import osmium
import osmium.filter
import osmium.index
import osmium.io
import osmium.osm
from numpy.typing import NDArray
from osmium.osm.types import Way

from twin.errors import CityError
from twin.exchange.osm_tags import Tags, highways, is_bridge, left_out

ROAD_KEYS = ("highway", "railway", "waterway", "natural", "man_made")
WATER_LINES = ("river", "canal", "stream")
UNITS_PER_DEGREE = 1e7
"""Places in the file are whole numbers of 100 nanodegrees."""
MOST_LON, MOST_LAT = 180.0, 90.0
SORT_NODES = b'<osm version="0.6"><way id="1"><nd ref="1"/></way></osm>'
"""A way that is never looked at: the index sorts itself before the first one, where it must."""
KEPT_KEYS = frozenset(
    {
        "access", "area", "bridge", "bridge:name", "bridge:structure", "building",
        "building:levels", "height", "highway", "junction", "lanes", "lanes:backward",
        "lanes:forward", "layer", "man_made",
        "maxaxleload", "maxheight", "maxheight:physical", "maxspeed", "maxspeed:backward",
        "maxspeed:forward", "maxspeed:type", "maxweight", "motor_vehicle", "motorcar", "name",
        "natural", "oneway", "railway", "ref", "source:maxspeed", "vehicle", "waterway",
        "zone:maxspeed",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways as columns: ids, tags, and their node ids one way after the other.

    Parameters
    ----------
    id : (ways,)
    tags
        One mapping per way, of the keys that are used.
    first : (ways + 1,)
        Where the nodes of each way begin in ``refs``.
    refs : (references,)
        Node ids.
    """

    id: NDArray[np.int64]
    tags: Sequence[Tags]
    first: NDArray[np.int64]
    refs: NDArray[np.int64]

    def chosen(self, keep: NDArray[np.bool_]) -> "Ways":
        """The ways of a mask (ways,)."""
        count = np.diff(self.first)
        return Ways(
            self.id[keep],
            [tags for tags, is_kept in zip(self.tags, keep.tolist(), strict=True) if is_kept],
            np.concatenate(([0], np.cumsum(count[keep]))),
            self.refs[np.repeat(keep, count)],
        )


@dataclass(slots=True)
class WayColumns:
    """Ways while they are read."""

    ids: array = field(default_factory=lambda: array("q"))
    counts: array = field(default_factory=lambda: array("q"))
    refs: array = field(default_factory=lambda: array("q"))
    tags: list[Tags] = field(default_factory=list)

    def add(self, way: Way, tags: Tags) -> None:
        """Keep a way; the object itself is gone after this."""
        nodes = [node.ref for node in way.nodes]
        self.ids.append(way.id)
        self.counts.append(len(nodes))
        self.refs.extend(nodes)
        self.tags.append(tags)

    def ways(self) -> Ways:
        """What was kept."""
        first = np.concatenate(([0], np.cumsum(np.array(self.counts, dtype=np.int64))))
        return Ways(
            np.array(self.ids, dtype=np.int64),
            self.tags,
            first.astype(np.int64),
            np.array(self.refs, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Longitude and latitude [deg] of nodes by id; ids are sorted, NaN: not in the file."""

    id: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each id; all of them must be known."""
        return np.searchsorted(self.id, ids)


@dataclass(frozen=True, slots=True)
class OsmExtract:
    """What of a file is used.

    Parameters
    ----------
    roads, bridges, waters, outlines, buildings
        Roads for cars; ways tagged as a bridge that are no such roads; water; outlines of bridges
        (``man_made=bridge``); outlines of buildings, none unless they were asked for.
    places
        Of the nodes of all of them.
    left_out
        Ways with ``highway`` that are no roads for cars, by reason.
    """

    roads: Ways
    bridges: Ways
    waters: Ways
    outlines: Ways
    buildings: Ways
    places: Places
    left_out: Mapping[str, int]


def read_extract(
    path: Path, *, with_service: bool = False, with_buildings: bool = False
) -> OsmExtract:
    """Roads, bridges and water of an OSM file with the places of their nodes.

    Parameters
    ----------
    path
        PBF, or any other format that libosmium knows by its ending.
    with_service
        Keep ``highway=service``.
    with_buildings
        Keep outlines of buildings.

    Raises
    ------
    CityError
        If the file cannot be read.
    """
    sorts = {name: WayColumns() for name in ("road", "bridge", "water", "outline", "building")}
    left: dict[str, int] = {}
    with readable(path):
        keys = (*ROAD_KEYS, "building") if with_buildings else ROAD_KEYS
        processor = osmium.FileProcessor(str(path), osmium.osm.WAY, osmium.io.ThreadPool(1, 4))
        for way in processor.with_filter(osmium.filter.KeyFilter(*keys)):
            if not isinstance(way, Way):
                continue
            kind = way.tags.get("highway")
            if kind and kind not in highways() and "bridge" not in way.tags:
                left["not for cars"] = left.get("not for cars", 0) + 1
                continue
            tags = {intern(key): intern(value) for key, value in way.tags if key in KEPT_KEYS}
            sort, reason = _sort(tags, with_service=with_service, is_closed=way.is_closed())
            if reason:
                left[reason] = left.get(reason, 0) + 1
            if sort and (sort != "building" or with_buildings):
                sorts[sort].add(way, tags)
        found = {name: columns.ways() for name, columns in sorts.items()}
        places = read_places(path, [ways.refs for ways in found.values()])
    return OsmExtract(
        found["road"], found["bridge"], found["water"], found["outline"], found["building"],
        places, left,
    )  # fmt: skip


def _sort(tags: Tags, *, with_service: bool, is_closed: bool) -> tuple[str, str]:
    """What a way is used as, empty for nothing, and why it is no road, empty if it is one."""
    reason = left_out(tags, with_service=with_service) if "highway" in tags else ""
    if "highway" in tags and not reason:
        return "road", ""
    if is_bridge(tags) and ("highway" in tags or "railway" in tags):
        return "bridge", reason
    if tags.get("man_made") == "bridge":
        return ("outline" if is_closed else ""), reason
    if tags.get("waterway") in WATER_LINES or (tags.get("natural") == "water" and is_closed):
        return "water", reason
    if tags.get("building", "no") != "no" and is_closed:
        return "building", reason
    return "", reason


def read_places(path: Path, refs: Sequence[NDArray[np.int64]]) -> Places:
    """Places of the nodes that are referred to; all nodes pass by in compiled code."""
    ids = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *refs]))
    index = osmium.index.create_map("sparse_mem_array")
    handler = osmium.NodeLocationsForWays(index)
    handler.ignore_errors()
    with osmium.io.Reader(str(path), osmium.osm.NODE) as reader:
        osmium.apply(reader, handler)
    with osmium.io.Reader(osmium.io.FileBuffer(SORT_NODES, "osm")) as reader:
        osmium.apply(reader, handler)
    x, y = array("i"), array("i")
    missing: list[int] = []
    for row, key in enumerate(ids.tolist()):
        try:
            place = index.get(key)
        except (KeyError, TypeError):  # an editor gives negative ids, which no index has
            missing.append(row)
            x.append(0)
            y.append(0)
        else:
            x.append(place.x)
            y.append(place.y)
    lon = np.array(x, dtype=float) / UNITS_PER_DEGREE
    lat = np.array(y, dtype=float) / UNITS_PER_DEGREE
    missing += np.flatnonzero((np.abs(lon) > MOST_LON) | (np.abs(lat) > MOST_LAT)).tolist()
    lon[missing], lat[missing] = np.nan, np.nan
    return Places(ids, lon, lat)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Errors of libosmium become one that says what to do."""
    if not path.is_file():
        raise CityError(f"{path} is no file; name an OSM extract such as town.osm.pbf")
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise CityError(
            f"{path} cannot be read as OSM data: {error}; load the extract again"
        ) from error
