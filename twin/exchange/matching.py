"""Which link of the road network a listed bridge carries: proposals with a score. Pure.

Distance counts half of the score, direction and road class a quarter each; what is not known counts
half of its share. Names take no part: two lists seldom write one alike. Nothing is decided here.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from shapely import STRtree, transform
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

FARTHEST_M = 150.0
NEAR_M = 25.0
"""Distance at which its part of the score has fallen to 61 %: half of a wide road, and the error of
a position that was read from a map."""
METRES_PER_DEGREE = 111_320.0
WEIGHTS = MappingProxyType({"distance": 0.5, "direction": 0.25, "road_class": 0.25})
UNKNOWN = 0.5
LEAST_SCORE = 0.3
CLEAR_LEAD = 0.15
LONG_AXIS = 1.5
"""A deck that is not longer than this times its width has no axis."""
CLASSES = MappingProxyType(
    {
        "A": ("motorway",),
        "B": ("arterial", "rural", "motorway"),
        "L": ("arterial", "rural", "collector"),
        "S": ("arterial", "rural", "collector"),
        "ST": ("arterial", "rural", "collector"),
        "K": ("collector", "rural"),
    }
)
"""Classes of road_classes.csv that a German road number stands for; own reading."""
_ROAD = re.compile(r"\b(A|B|L|St|S|K)\s?\d{1,4}\b")


@dataclass(frozen=True, slots=True)
class Listed:
    """A bridge of a list: its name, place [deg], axis [deg from north] and classes, if known."""

    name: str
    longitude: float
    latitude: float
    bearing_deg: float | None = None
    road_classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the network, or a bridge of the map, in degrees; its class of road_classes.csv."""

    id: str
    shape: BaseGeometry
    road_class: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A proposal.

    Parameters
    ----------
    score
        0 to 1.
    distance_m
        From the place of the bridge to the link.
    turned_deg
        Angle between both axes, 0 to 90; None if the bridge has none.
    is_same_class
        Whether the road class agrees; None if the list states none.
    rival, rival_score
        The next best link; empty and 0 if there is none.
    """

    name: str
    link_id: str
    score: float
    distance_m: float
    turned_deg: float | None
    is_same_class: bool | None
    rival: str = ""
    rival_score: float = 0.0

    @property
    def is_clear(self) -> bool:
        """Whether the next best link is far behind; a person decides all the same."""
        return self.score - self.rival_score >= CLEAR_LEAD


def matches(listed: Sequence[Listed], links: Sequence[Link]) -> list[Match]:
    """The best link for every bridge that has one within 150 m, in the order of the bridges.

    Examples
    --------
    >>> east = Link("L1", LineString([(13.0, 51.0), (13.01, 51.0)]), "arterial")
    >>> north = Link("L2", LineString([(13.005, 50.99), (13.005, 51.01)]), "residential")
    >>> bridge = Listed("0999001-1", 13.0051, 51.0001, 88.0, ("arterial",))
    >>> (found,) = matches([bridge], [east, north])
    >>> found.link_id, found.rival, found.is_clear
    ('L1', 'L2', True)
    """
    tree = STRtree([link.shape for link in links])
    found: list[Match] = []
    for bridge in listed:
        reach = FARTHEST_M / METRES_PER_DEGREE
        wide = reach / max(math.cos(math.radians(bridge.latitude)), 0.01)
        place = Point(bridge.longitude, bridge.latitude)
        near = [links[row] for row in tree.query(place.buffer(wide)).tolist()]
        scored = sorted(
            (one for link in near if (one := _scored(bridge, link)) is not None),
            key=lambda one: (-one.score, one.distance_m, one.link_id),
        )
        if scored:
            found.append(_with_rival(scored))
    return found


def _with_rival(scored: Sequence[Match]) -> Match:
    best = scored[0]
    rival, score = (scored[1].link_id, scored[1].score) if len(scored) > 1 else ("", 0.0)
    return Match(
        best.name, best.link_id, best.score, best.distance_m, best.turned_deg, best.is_same_class,
        rival, score,
    )  # fmt: skip


def _scored(bridge: Listed, link: Link) -> Match | None:
    shape = _in_metres(link.shape, bridge)
    distance_m = shape.distance(Point(0.0, 0.0))
    if distance_m > FARTHEST_M:
        return None
    turned = None
    if bridge.bearing_deg is not None and isinstance(shape, LineString):
        turned = between(bridge.bearing_deg, _bearing_at(shape))
    is_same = link.road_class in bridge.road_classes if bridge.road_classes else None
    parts = {
        "distance": math.exp(-0.5 * (distance_m / NEAR_M) ** 2),
        "direction": UNKNOWN if turned is None else math.cos(math.radians(turned)) ** 2,
        "road_class": UNKNOWN if is_same is None else float(is_same),
    }
    score = sum(weight * parts[name] for name, weight in WEIGHTS.items())
    if score < LEAST_SCORE:
        return None
    return Match(bridge.name, link.id, score, distance_m, turned, is_same)


def _in_metres(shape: BaseGeometry, around: Listed) -> BaseGeometry:
    """A shape in metres east and north of a bridge; within 150 m a plane is good enough."""
    east = METRES_PER_DEGREE * math.cos(math.radians(around.latitude))
    place, scale = (around.longitude, around.latitude), (east, METRES_PER_DEGREE)
    return transform(shape, lambda points: (points - place) * scale)


def _bearing_at(line: LineString) -> float:
    """Direction of a line where it comes nearest to the origin [deg from north]."""
    along = line.project(Point(0.0, 0.0))
    before = line.interpolate(max(along - 1.0, 0.0))
    after = line.interpolate(min(along + 1.0, line.length))
    return math.degrees(math.atan2(after.x - before.x, after.y - before.y)) % 360.0


def between(first_deg: float, second_deg: float) -> float:
    """Angle between two axes without a sense, 0 to 90 [deg].

    Examples
    --------
    >>> between(10.0, 350.0), between(0.0, 180.0), between(45.0, 135.0)
    (20.0, 0.0, 90.0)
    """
    turned = abs(first_deg - second_deg) % 180.0
    return min(turned, 180.0 - turned)


def axis_deg(shape: BaseGeometry) -> float | None:
    """Direction of the longer side of a deck or of a line [deg from north]; None without one.

    Examples
    --------
    >>> round(axis_deg(LineString([(13.0, 51.0), (13.0, 51.01)])))
    0
    """
    if shape.is_empty or shape.geom_type == "Point":
        return None
    centre = shape.centroid
    east = METRES_PER_DEGREE * math.cos(math.radians(centre.y))
    if shape.geom_type == "LineString":
        ends = np.array(shape.coords)[[0, -1], :2] * (east, METRES_PER_DEGREE)
        east_m, north_m = ends[1] - ends[0]
        if not (east_m or north_m):
            return None
        return float(math.degrees(math.atan2(east_m, north_m)) % 180.0)
    return _longer_side(shape.convex_hull, east)


def _longer_side(box: BaseGeometry, east: float) -> float | None:
    """Direction of the longer side of the smallest rectangle around a hull; None if it has none."""
    if not isinstance(box, Polygon):
        return None
    corners = np.array(box.exterior.coords)[:, :2] * (east, METRES_PER_DEGREE)
    around = LineString(corners).minimum_rotated_rectangle
    if not isinstance(around, Polygon):
        return None
    sides = np.diff(np.array(around.exterior.coords)[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.max() < LONG_AXIS * lengths.min():
        return None
    side = sides[int(np.argmax(lengths))]
    return float(math.degrees(math.atan2(side[0], side[1])) % 180.0)


def classes_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Road classes that the road numbers in some texts stand for; empty if there is none.

    Examples
    --------
    >>> classes_of(["Brücke im Zuge der B 172"]), classes_of(["Hauptstraße"])
    (('arterial', 'rural', 'motorway'), ())
    """
    found = [letter for text in texts for letter in _ROAD.findall(text)]
    return tuple(dict.fromkeys(name for letter in found for name in CLASSES[letter.upper()]))
