"""The boundary of a city: a polygon of a file, or an administrative boundary of the OSM file."""

from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import osmium
import osmium.filter
import osmium.osm
import shapely
from osmium.osm.types import Relation, Way
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.osm_reading import WayColumns, read_places, readable

DEGREES = "EPSG:4326"
AREAS = ("Polygon", "MultiPolygon")
NAME_KEYS = ("name", "name:de", "name:en", "official_name")
MOST_LISTED = 10


def boundary_of(text: str, osm_file: Path) -> BaseGeometry:
    """Area of a boundary in degrees.

    Parameters
    ----------
    text
        A file with polygons, or the name or id of an administrative boundary in ``osm_file``.

    Raises
    ------
    CityError
        If there is no such boundary, it is not unique, or the file holds only a part of it.
    """
    if Path(text).is_file():
        return _from_file(Path(text))
    if Path(text).suffix.lower() in (".geojson", ".json", ".gpkg", ".shp", ".fgb"):
        raise CityError(f"boundary {text} does not exist; name a file with polygons")
    with readable(osm_file):
        return _from_relation(text, osm_file)


def _from_file(path: Path) -> BaseGeometry:
    try:
        frame = geopandas.read_file(path)
    except (DataSourceError, DataLayerError) as error:
        raise CityError(f"boundary {path} cannot be read ({error}); save it as GeoJSON") from error
    if not isinstance(frame, geopandas.GeoDataFrame) or frame.crs is None or not len(frame):
        raise CityError(f"boundary {path} holds no geometry with a CRS; declare it in the file")
    area = shapely.union_all(frame.to_crs(DEGREES).geometry.tolist())
    if area.geom_type not in AREAS or not area.is_valid:
        raise CityError(f"boundary {path} is a {area.geom_type}; draw a valid polygon")
    return area


def _from_relation(text: str, path: Path) -> BaseGeometry:
    found: list[tuple[int, str, str, list[int]]] = []
    known: set[str] = set()
    processor = osmium.FileProcessor(str(path), osmium.osm.RELATION)
    for relation in processor.with_filter(osmium.filter.KeyFilter("boundary")):
        tags = dict(relation.tags)
        if not isinstance(relation, Relation) or tags.get("boundary") != "administrative":
            continue
        known.add(tags.get("name", ""))
        if text == str(relation.id) or text in [tags.get(key) for key in NAME_KEYS]:
            ways = [one.ref for one in relation.members if one.type == "w" and one.role != "inner"]
            found.append((relation.id, tags.get("name", ""), tags.get("admin_level", "?"), ways))
    if len(found) != 1:
        raise CityError(_which(text, path, found, sorted(known - {""})))
    return _polygon(text, path, set(found[0][3]))


def _which(
    text: str, path: Path, found: Sequence[tuple[int, str, str, list[int]]], known: Sequence[str]
) -> str:
    if found:
        said = ", ".join(f"{key} (level {level})" for key, _, level, _ in found)
        return f"boundary {text!r} is not unique in {path.name}: {said}; give the id of one"
    more = " ..." if len(known) > MOST_LISTED else ""
    listed = ", ".join(known[:MOST_LISTED]) or "none"
    return (
        f"boundary {text!r} is neither a file nor an administrative boundary of {path.name}; "
        f"there are: {listed}{more}"
    )


def _polygon(text: str, path: Path, wanted: set[int]) -> BaseGeometry:
    columns = WayColumns()
    for way in osmium.FileProcessor(str(path), osmium.osm.WAY):
        if isinstance(way, Way) and way.id in wanted:
            columns.add(way, {})
    ways = columns.ways()
    places = read_places(path, [ways.refs])
    rows = places.rows(ways.refs)
    points = np.column_stack((places.lon[rows], places.lat[rows]))
    lines = [
        shapely.LineString(part)
        for part in np.split(points, ways.first[1:-1])
        if len(part) > 1 and np.isfinite(part).all()
    ]
    areas = shapely.get_parts(shapely.polygonize(lines)).tolist()
    if len(lines) < len(wanted) or not areas:
        raise CityError(
            f"{path.name} holds only a part of boundary {text!r} ({len(lines)} of {len(wanted)} "
            "ways); give a file with its polygon"
        )
    return shapely.union_all(areas)
