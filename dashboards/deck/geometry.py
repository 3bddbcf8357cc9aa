"""Shapes for the map: roads beside their axis, bridge footprints, levels of detail.

Offsets and widths here only separate things on the screen; nothing is measured from them. They
are made in a plane that touches the earth at the city, off by less than one per mille within 50 km.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

METRES_PER_DEGREE = 111_320.0
SYMBOL_RADIUS_M = 45.0
"""Radius of the footprint of a bridge of which only a point is known."""
DEFAULT_WIDTH_M = 12.0

Degrees = NDArray[np.float64]
LINE = shapely.GeometryType.LINESTRING


@dataclass(frozen=True, slots=True)
class Plane:
    """Local metres east and north of an origin (longitude, latitude)."""

    longitude: float
    latitude: float

    @property
    def _origin(self) -> Degrees:
        return np.array([self.longitude, self.latitude])

    @property
    def _scale(self) -> Degrees:
        east = METRES_PER_DEGREE * np.cos(np.radians(self.latitude))
        return np.array([east, METRES_PER_DEGREE])

    def metres(self, places: Degrees) -> NDArray[np.float64]:
        """Coordinates (n, 2) [degree] in metres about the origin."""
        return (places - self._origin) * self._scale

    def degrees(self, places: NDArray[np.float64]) -> Degrees:
        """Coordinates (n, 2) [m] in degrees again."""
        return places / self._scale + self._origin

    def to_metres(self, geometry: BaseGeometry) -> BaseGeometry:
        """Geometry in metres about the origin."""
        return cast("BaseGeometry", shapely.transform(geometry, self.metres))

    def to_degrees(self, geometry: BaseGeometry) -> BaseGeometry:
        """Geometry in degrees again."""
        return cast("BaseGeometry", shapely.transform(geometry, self.degrees))


def line_of(geometry: BaseGeometry) -> LineString:
    """The line of a geometry: itself, its longest part, or its outline."""
    if isinstance(geometry, LineString):
        return geometry
    if isinstance(geometry, MultiLineString):
        return max(geometry.geoms, key=lambda part: part.length)
    if isinstance(geometry, Polygon):
        return LineString(geometry.exterior.coords)
    return LineString([geometry.centroid, geometry.centroid])


def beside(
    lines: Sequence[LineString], plane: Plane, *, offset_m: float, tolerance_m: float = 0.0
) -> list[Degrees]:
    """Vertices of lines moved to the right of their direction, each (vertices, 2) [degree].

    Parameters
    ----------
    lines
        In degrees, in the direction of travel.
    offset_m
        Distance to the right [m].
    tolerance_m
        Simplification [m]; 0 keeps every vertex.
    """
    if not lines:
        return []
    local = shapely.transform(np.array(lines, dtype=object), plane.metres)
    if tolerance_m > 0:
        local = shapely.simplify(local, tolerance_m)
    moved = local if offset_m == 0 else shapely.offset_curve(local, -offset_m)
    is_lost = shapely.is_empty(moved) | (shapely.length(moved) == 0)
    moved = np.where(is_lost, local, moved)
    for place in np.flatnonzero(shapely.get_type_id(moved) != LINE).tolist():
        moved[place] = line_of(moved[place])
    degrees = shapely.transform(moved, plane.degrees)
    vertices = shapely.get_coordinates(degrees)
    ends = np.cumsum(shapely.get_num_coordinates(degrees))
    return np.split(vertices, ends[:-1])


def footprint(geometry: BaseGeometry, plane: Plane, *, width_m: float | None) -> Degrees:
    """Outline of a bridge seen from above, shape (vertices, 2) [degree].

    A polygon is its own outline, a line gets its width, and a point becomes an octagon, because
    neither direction nor length is known.
    """
    if isinstance(geometry, MultiPolygon):
        geometry = max(geometry.geoms, key=lambda part: part.area)
    if isinstance(geometry, Polygon):
        return np.asarray(geometry.exterior.coords, dtype=np.float64)[:, :2]
    local = plane.to_metres(geometry)
    if isinstance(geometry, Point) or not local.length:
        shape = local.centroid.buffer(SYMBOL_RADIUS_M, quad_segs=2)
    else:
        half = max(width_m or DEFAULT_WIDTH_M, DEFAULT_WIDTH_M) / 2
        shape = line_of(local).buffer(half, cap_style="flat")
    if isinstance(shape, MultiPolygon):
        shape = max(shape.geoms, key=lambda part: part.area)
    return np.asarray(plane.to_degrees(shape).exterior.coords, dtype=np.float64)[:, :2]


def spacing_m(places: Degrees, plane: Plane) -> float:
    """Distance from a place to the nearest other one [m], the median; infinite for fewer than two.

    Parameters
    ----------
    places
        Longitude and latitude, shape (places, 2) [degree].
    """
    points = [plane.to_metres(Point(*place)) for place in places.tolist()]
    tree = shapely.STRtree(points)
    found = tree.query_nearest(points, exclusive=True, all_matches=False, return_distance=True)
    distance = [float(metres) for metres in found[1]]
    return statistics.median(distance) if distance else math.inf


def middle(geometry: BaseGeometry) -> tuple[float, float]:
    """Longitude and latitude [degree] half-way along a line, or in the middle of the rest."""
    if isinstance(geometry, LineString | MultiLineString):
        point = line_of(geometry).interpolate(0.5, normalized=True)
    else:
        point = geometry.centroid
    return float(point.x), float(point.y)
