"""An OSM file becomes the layers of a city: junctions, road sections, bridges and water."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.folderwriting import metric_crs
from twin.exchange.osm_attributes import (
    REFERENCE,
    TAGGED,
    RoadReader,
    as_columns,
    building_facts,
    derived,
    name_of,
)
from twin.exchange.osm_bridges import BridgeWays, Structure, structures
from twin.exchange.osm_links import Links, lines_of, split, turned, whole
from twin.exchange.osm_reading import OsmExtract, Places, Ways, read_extract
from twin.exchange.osm_tags import Tags, direction, is_bridge
from twin.exchange.widelayers import PROVENANCE

DEGREES = "EPSG:4326"
MOST_LISTED = 10
ASSUMED_COLUMNS = ("max_speed_km_h", "lanes_per_direction")


@dataclass(slots=True)
class OsmReport:
    """What was found, in numbers and sentences."""

    counts: dict[str, int] = field(default_factory=dict)
    assumed_share: dict[str, float] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)
    left_out: Mapping[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def sentences(self) -> Sequence[str]:
        """The report, a line for each fact."""
        said = [f"{name}: {count:,}" for name, count in self.counts.items()]
        said += [f"{name}: {share:.1%} assumed" for name, share in self.assumed_share.items()]
        said += [f"not used, {reason}: {count:,} ways" for reason, count in self.left_out.items()]
        if self.incomplete:
            shown = ", ".join(map(str, self.incomplete[:MOST_LISTED]))
            more = " ..." if len(self.incomplete) > MOST_LISTED else ""
            said.append(
                f"not used, with nodes that are not in the file: {len(self.incomplete):,} ways "
                f"({shown}{more}); load a larger extract if they lie in the city"
            )
        return [*said, *self.lines]


@dataclass(frozen=True, slots=True)
class OsmTown:
    """Layers by asset class, the metric system that they were measured in, and the report."""

    layers: Mapping[str, geopandas.GeoDataFrame]
    crs: str
    report: OsmReport


def read_town(
    path: Path,
    *,
    boundary: BaseGeometry | None = None,
    crs: str = "",
    with_service: bool = False,
    with_buildings: bool = False,
) -> OsmTown:
    """Layers of a city from an OSM file.

    Parameters
    ----------
    path
        The extract.
    boundary
        Area in degrees; what lies outside of it is left out, whole nodes at a time.
    crs
        Metric system of the city; that of its UTM zone if empty.
    with_service
        Keep ``highway=service``, except what is closed to the public.
    with_buildings
        Outlines of buildings with their heights, too.

    Raises
    ------
    CityError
        If the file cannot be read or has no road inside of the boundary.
    """
    extract = read_extract(path, with_service=with_service, with_buildings=with_buildings)
    report = OsmReport(left_out=dict(sorted(extract.left_out.items())))
    places = extract.places
    inside = _inside(places, boundary)
    roads = _complete(extract.roads, places, report)
    links = split(lines_of(roads, places, inside=inside))
    if links.way.size == 0:
        raise CityError(f"{path} has no road for cars inside of the boundary; check both")
    way_direction = np.array([direction(tags) for tags in roads.tags])
    links = turned(links, (way_direction == "backward")[links.way])
    metric = crs or metric_crs(*_centre(places, links))
    bridges = _bridges(extract, roads, places, inside=inside, metric=metric, report=report)
    is_both = (way_direction == "both")[links.way]
    layers = {
        "junction": _junctions(links, places),
        "road_section": _sections(roads, links, places, is_both, bridges=bridges, report=report),
    }
    if bridges:
        layers["bridge"] = _bridge_layer(bridges, metric)
    waters = _waters(extract.waters, places, boundary, report)
    if waters is not None:
        layers["water"] = waters
    buildings = _buildings(extract.buildings, places, inside=inside, report=report)
    if buildings is not None:
        layers["building"] = buildings
    report.counts = {
        "junctions": len(layers["junction"]),
        "road sections": links.way.size,
        "directed links": int(links.way.size + is_both.sum()),
        "bridge ways": sum(len(one.members) for one in bridges),
        "bridges": len(bridges),
        "waters": 0 if waters is None else len(waters),
    }
    if with_buildings:
        report.counts["buildings"] = 0 if buildings is None else len(buildings)
    return OsmTown(layers, metric, report)


def _inside(places: Places, boundary: BaseGeometry | None) -> NDArray[np.bool_] | None:
    if boundary is None:
        return None
    shapely.prepare(boundary)
    inside = shapely.intersects_xy(boundary, places.lon, places.lat)  # pyrefly: ignore[no-matching-overload]
    return np.asarray(inside)


def _complete(ways: Ways, places: Places, report: OsmReport) -> Ways:
    is_whole = whole(ways, places)
    report.incomplete += ways.id[~is_whole].tolist()
    return ways if is_whole.all() else ways.chosen(is_whole)


def _centre(places: Places, links: Links) -> tuple[float, float]:
    return float(np.median(places.lon[links.start])), float(np.median(places.lat[links.start]))


def _lines(
    node: NDArray[np.int64], first: NDArray[np.int64], places: Places
) -> NDArray[np.object_]:
    """(lines,) Geometries in degrees from rows of nodes."""
    points = np.column_stack((places.lon[node], places.lat[node]))
    owner = np.repeat(np.arange(first.size - 1), np.diff(first))
    lines = shapely.linestrings(points, indices=owner)  # pyrefly: ignore[no-matching-overload]
    return np.asarray(lines, dtype=object)


def _junctions(links: Links, places: Places) -> geopandas.GeoDataFrame:
    rows = np.unique(np.concatenate((links.start, links.end)))
    ids = places.id[rows].tolist()
    columns = {
        "id": [f"n{key}" for key in ids],
        "name": [f"junction {key}" for key in ids],
        "provenance": "sourced",
        "references": REFERENCE,
    }
    places_deg = np.column_stack((places.lon[rows], places.lat[rows]))
    points = shapely.points(places_deg)  # pyrefly: ignore[no-matching-overload]
    return geopandas.GeoDataFrame(columns, geometry=points, crs=DEGREES)


def _sections(
    roads: Ways,
    links: Links,
    places: Places,
    is_both: NDArray[np.bool_],
    *,
    bridges: Sequence[Structure],
    report: OsmReport,
) -> geopandas.GeoDataFrame:
    reader = RoadReader()
    columns = as_columns([reader.facts(tags) for tags in roads.tags], links.way)
    report.lines += reader.lines()
    for name in ASSUMED_COLUMNS:
        cells = Counter(columns[f"{name}{PROVENANCE}"].tolist())
        count = sum(number for text, number in cells.items() if text.startswith("estimated"))
        report.assumed_share[name] = count / links.way.size
    ways = roads.id[links.way]
    names = [name_of(tags, int(key)) for tags, key in zip(roads.tags, roads.id, strict=True)]
    carrier = {way: one.id for one in bridges for way in one.members}
    one_way = [None if both else "yes" for both in is_both.tolist()]
    frame: dict[str, Sequence | NDArray | str] = {
        "id": [
            f"w{way}-{part}" for way, part in zip(ways.tolist(), links.part.tolist(), strict=True)
        ],
        "name": np.array(names, dtype=object)[links.way],
        "provenance": "sourced",
        "references": REFERENCE,
        **columns,
        **_column("from_junction", _names("n", places.id, links.start), "cut at shared nodes"),
        **_column("to_junction", _names("n", places.id, links.end), "cut at shared nodes"),
        **_column("osm_way", _names("", roads.id, links.way), ""),
        **_column("oneway", one_way, "tagged or implied by its kind"),
        **_column("bridge", [carrier.get(way) for way in ways.tolist()], "ways on one bridge"),
    }
    lines = _lines(links.node, links.first, places)
    return geopandas.GeoDataFrame(_shared(frame, links.way.size), geometry=list(lines), crs=DEGREES)


def _shared(columns: Mapping[str, Sequence | NDArray | str], rows: int) -> pd.DataFrame:
    """A frame whose texts are shared objects: most of them repeat thousands of times."""
    kinds = {
        name: None if isinstance(values, np.ndarray) and values.dtype.kind == "f" else object
        for name, values in columns.items()
    }
    index = pd.RangeIndex(rows)
    return pd.DataFrame(
        {
            name: pd.Series(  # pyrefly: ignore[no-matching-overload]
                values, index, kinds[name], copy=False
            )
            for name, values in columns.items()
        },
        copy=False,
    )


def _names(letter: str, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.object_]:
    """Names of the ids in rows; equal ones are one object."""
    used, place = np.unique(rows, return_inverse=True)
    return np.array([f"{letter}{key}" for key in ids[used].tolist()], dtype=object)[place]


def _column(
    name: str, values: Sequence | NDArray, note: str
) -> dict[str, Sequence | NDArray | str]:
    return {name: values, f"{name}{PROVENANCE}": derived(note) if note else TAGGED}


def _bridges(
    extract: OsmExtract,
    roads: Ways,
    places: Places,
    *,
    inside: NDArray[np.bool_] | None,
    metric: str,
    report: OsmReport,
) -> Sequence[Structure]:
    """Structures of all bridge ways, those of roads for cars and the others."""
    others = _complete(extract.bridges, places, report)
    own = roads.chosen(np.array([is_bridge(tags) for tags in roads.tags], dtype=bool))
    ways = _kept(_joined(own, others), places, inside)
    outlines = _kept(extract.outlines.chosen(whole(extract.outlines, places)), places, inside)
    lines, areas = _metres(ways, places, metric), _metres(outlines, places, metric)
    shapes = [shapely.Polygon(shapely.get_coordinates(area)) for area in areas]
    is_sound = [shape.is_valid and shape.area > 0 for shape in shapes]
    sound = [shape for shape, fits in zip(shapes, is_sound, strict=True) if fits]
    tags = [one for one, fits in zip(outlines.tags, is_sound, strict=True) if fits]
    return structures(BridgeWays(ways, lines), sound, tags)


def _joined(one: Ways, two: Ways) -> Ways:
    return Ways(
        np.concatenate((one.id, two.id)),
        [*one.tags, *two.tags],
        np.concatenate((one.first, one.first[-1] + two.first[1:])),
        np.concatenate((one.refs, two.refs)),
    )


def _kept(ways: Ways, places: Places, inside: NDArray[np.bool_] | None) -> Ways:
    """Ways that lie wholly inside."""
    if inside is None or not len(ways.id):
        return ways
    outside = ~inside[places.rows(ways.refs)]
    owner = np.repeat(np.arange(len(ways.id)), np.diff(ways.first))
    return ways.chosen(np.bincount(owner[outside], minlength=len(ways.id)) == 0)


def _metres(ways: Ways, places: Places, metric: str) -> Sequence[BaseGeometry]:
    """Lines of ways in the metric system."""
    rows = places.rows(ways.refs)
    to_metric = Transformer.from_crs(DEGREES, metric, always_xy=True)
    points = np.column_stack(to_metric.transform(places.lon[rows], places.lat[rows]))
    return [shapely.LineString(part) for part in np.split(points, ways.first[1:-1]) if len(part)]


def _bridge_layer(bridges: Sequence[Structure], metric: str) -> geopandas.GeoDataFrame:
    columns: dict[str, Sequence | NDArray | str] = {
        "id": [one.id for one in bridges],
        "name": [one.name for one in bridges],
        "provenance": ["derived" if one.shape_note else "sourced" for one in bridges],
        "references": [REFERENCE for _ in bridges],
        "note": [one.shape_note for one in bridges],
        **as_columns([one.facts for one in bridges], np.arange(len(bridges))),
    }
    shapes = [one.shape for one in bridges]
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=metric).to_crs(DEGREES)


def _waters(
    ways: Ways, places: Places, boundary: BaseGeometry | None, report: OsmReport
) -> geopandas.GeoDataFrame | None:
    """Rivers, canals and streams as lines, ``natural=water`` as areas; cut at the boundary."""
    ways = _complete(ways, places, report)
    lines = _lines(places.rows(ways.refs), ways.first, places) if len(ways.id) else []
    rows: list[tuple[str, str, BaseGeometry]] = []
    for key, tags, line in zip(ways.id.tolist(), ways.tags, lines, strict=True):
        for part, shape in enumerate(_parts(line, tags, boundary), start=1):
            rows.append((f"water-w{key}-{part}", tags.get("name", f"water {key}"), shape))
    if not rows:
        return None
    columns = {
        "id": [row[0] for row in rows],
        "name": [row[1] for row in rows],
        "provenance": "sourced",
        "references": REFERENCE,
    }
    return geopandas.GeoDataFrame(columns, geometry=[row[2] for row in rows], crs=DEGREES)


def _buildings(
    ways: Ways, places: Places, *, inside: NDArray[np.bool_] | None, report: OsmReport
) -> geopandas.GeoDataFrame | None:
    """Outlines of buildings with heights where they are tagged; relations are not read."""
    ways = _kept(_complete(ways, places, report), places, inside)
    if not len(ways.id):
        return None
    lines = _lines(places.rows(ways.refs), ways.first, places)
    shapes = [shapely.Polygon(shapely.get_coordinates(line)) for line in lines]
    is_sound = np.array([shape.is_valid and shape.area > 0 for shape in shapes], dtype=bool)
    unsound = int(np.count_nonzero(~is_sound))
    if unsound:
        report.lines.append(f"not used, outline crosses itself: {unsound:,} buildings")
    ways = ways.chosen(is_sound)
    facts = [building_facts(tags) for tags in ways.tags]
    columns: dict[str, Sequence | NDArray | str] = {
        "id": [f"building-w{key}" for key in ways.id.tolist()],
        "name": [
            tags.get("name", f"building {key}")
            for key, tags in zip(ways.id.tolist(), ways.tags, strict=True)
        ],
        "provenance": "sourced",
        "references": REFERENCE,
        **as_columns(facts, np.arange(len(ways.id))),
    }
    kept = [shape for shape, fits in zip(shapes, is_sound.tolist(), strict=True) if fits]
    return geopandas.GeoDataFrame(columns, geometry=kept, crs=DEGREES)


def _parts(line: BaseGeometry, tags: Tags, boundary: BaseGeometry | None) -> list[BaseGeometry]:
    is_area = tags.get("natural") == "water"
    shape = shapely.Polygon(shapely.get_coordinates(line)) if is_area else line
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    if boundary is not None:
        shape = shapely.intersection(shape, boundary)
    wanted = "Polygon" if is_area else "LineString"
    parts = shapely.get_parts(shapely.get_parts(shape)).tolist()  # collections hold multi-parts
    return [part for part in parts if part.geom_type == wanted and not part.is_empty]
