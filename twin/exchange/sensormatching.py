"""Which road section, bridge and component a listed sensor belongs to. Pure; nothing is decided.

The nearest asset is proposed with its distance and the next best beside it. A list that names the
asset, or a person, decides.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from twin.exchange.sensorlist import DEGREES, ListedSensor, SensorMapping
from twin.model.assets import Component
from twin.model.city import City

CLEAR_LEAD_M = 10.0
"""The next asset must lie this much farther away for a match to be clear; own choice."""
COMPONENT_M = 25.0
"""Farthest component of a bridge that a position may stand for; own choice."""
SAME_SENSE_DEG = 60.0
NAMED, CLEAR, LISTED = "named", "clear", "listed"


@dataclass(frozen=True, slots=True)
class Snap:
    """What a sensor was matched with.

    Parameters
    ----------
    sensor
    asset, component
        Ids; empty where there is none.
    distance_m
        From the position to the asset; None without a position.
    state
        ``named`` in the list, ``clear`` (near and without a rival), or ``listed`` for a person.
    why
        What a person should look at.
    rival, rival_m
        The next asset and its distance.
    """

    sensor: ListedSensor
    asset: str
    component: str
    distance_m: float | None
    state: str
    why: str = ""
    rival: str = ""
    rival_m: float | None = None


class Places:
    """Assets and components of a city in metres, to be searched by place."""

    def __init__(self, city: City, *, crs: str, targets: Sequence[str]) -> None:
        self._to_metres = Transformer.from_crs(DEGREES, crs, always_xy=True)
        self._assets = {asset.id: asset for asset in city.assets}
        chosen = [asset for asset in city.assets if asset.asset_class in targets]
        self._ids = [asset.id for asset in chosen]
        self._shapes = [self._metric(asset.geometry) for asset in chosen]
        self._tree = shapely.STRtree(self._shapes)
        self._parts: dict[str, list[Component]] = {}
        for part in city.components:
            self._parts.setdefault(part.asset_id, []).append(part)
        self._part_ids = {part.id: part.asset_id for part in city.components}

    def snap(self, sensor: ListedSensor, mapping: SensorMapping) -> Snap:
        """The match of one sensor."""
        point = self._point(sensor)
        if sensor.text("asset"):
            return self._named(sensor, point, mapping)
        if point is None:
            return Snap(sensor, "", "", None, LISTED, "no position and no asset; give one")
        near = self._near(point, mapping.farthest_m)
        if not near:
            why = f"nothing within {mapping.farthest_m:g} m; name its asset or correct the position"
            return Snap(sensor, "", "", None, LISTED, why)
        distance_m, asset = near[0]
        rival_m, rival = near[1] if len(near) > 1 else (None, "")
        component, doubt = self._component(sensor, asset, point)
        is_alone = rival_m is None or rival_m - distance_m >= CLEAR_LEAD_M
        if distance_m > mapping.sure_m:
            doubt = f"farther than {mapping.sure_m:g} m" + (f"; {doubt}" if doubt else "")
        elif not is_alone:
            doubt = f"{rival} is about as near" + (f"; {doubt}" if doubt else "")
        is_clear = distance_m <= mapping.sure_m and is_alone
        state = CLEAR if is_clear else LISTED
        return Snap(sensor, asset, component, distance_m, state, doubt, rival, rival_m)

    def with_asset(self, snap: Snap, name: str) -> Snap:
        """The match as a person confirms it: an asset or one of its components."""
        asset = self._part_ids.get(name, name)
        if asset not in self._assets:
            return Snap(snap.sensor, "", "", None, LISTED, f"{name!r} is not in the city")
        point = self._point(snap.sensor)
        distance_m = None if point is None else self._distance(asset, point)
        component = name if name in self._part_ids else ""
        if not component and point is not None:
            component, _ = self._component(snap.sensor, asset, point)
        return Snap(snap.sensor, asset, component, distance_m, NAMED)

    def _named(self, sensor: ListedSensor, point: Point | None, mapping: SensorMapping) -> Snap:
        """The asset that the list names; a position far from it is a doubt."""
        name, part = sensor.text("asset"), sensor.text("component")
        if name not in self._assets:
            return Snap(sensor, "", "", None, LISTED, f"asset {name!r} is not in the city")
        if part and self._part_ids.get(part) != name:
            return Snap(sensor, name, "", None, LISTED, f"{part!r} is no component of {name}")
        if point is None:
            return Snap(sensor, name, part, None, NAMED)
        distance_m = self._distance(name, point)
        if distance_m > mapping.farthest_m:
            why = f"{name} is {distance_m:.0f} m away from the position; correct one of the two"
            return Snap(sensor, name, part, distance_m, LISTED, why)
        if not part:
            part, _ = self._component(sensor, name, point)
        return Snap(sensor, name, part, distance_m, NAMED)

    def _point(self, sensor: ListedSensor) -> Point | None:
        if sensor.longitude is None or sensor.latitude is None:
            return None
        return Point(*self._to_metres.transform(sensor.longitude, sensor.latitude))

    def _metric(self, shape: BaseGeometry) -> BaseGeometry:
        def moved(points: Any) -> Any:  # noqa: ANN401 - shapely and pyproj type no arrays
            return np.array(self._to_metres.transform(points[:, 0], points[:, 1])).T

        return shapely.transform(shape, moved)

    def _near(self, point: Point, farthest_m: float) -> list[tuple[float, str]]:
        rows = self._tree.query(point, predicate="dwithin", distance=farthest_m).tolist()
        return sorted((self._shapes[row].distance(point), self._ids[row]) for row in rows)

    def _distance(self, asset: str, point: Point) -> float:
        return self._metric(self._assets[asset].geometry).distance(point)

    def _component(self, sensor: ListedSensor, asset: str, point: Point) -> tuple[str, str]:
        """Direction of a road section by bearing, or the nearest part of another asset."""
        parts = self._parts.get(asset, [])
        ways = [part for part in parts if part.kind == "direction" and part.geometry is not None]
        if len(ways) == 1:
            return ways[0].id, ""
        if ways:
            return self._direction(sensor, ways, point)
        placed = [(self._metric(part.geometry).distance(point), part.id) for part in parts
                  if part.geometry is not None]  # fmt: skip
        near = [one for one in sorted(placed) if one[0] <= COMPONENT_M]
        return (near[0][1], "") if near else ("", "")

    def _direction(
        self, sensor: ListedSensor, ways: Sequence[Component], point: Point
    ) -> tuple[str, str]:
        if sensor.bearing_deg is None:
            return "", "its direction is unknown; give component or bearing_deg"
        turned = {
            part.id: _turn(_bearing(self._metric(part.geometry), point), sensor.bearing_deg)
            for part in ways
            if part.geometry is not None
        }
        best = min(turned, key=lambda name: turned[name])
        if not turned[best] <= SAME_SENSE_DEG:
            return "", f"its bearing {sensor.bearing_deg:g} deg fits no direction"
        return best, ""


def _bearing(line: BaseGeometry, point: Point) -> float:
    """Direction of a line where it comes nearest to a point [deg from north, along its sense]."""
    if not isinstance(line, LineString):
        return float("nan")
    along = line.project(point)
    before = line.interpolate(max(along - 1.0, 0.0))
    after = line.interpolate(min(along + 1.0, line.length))
    return math.degrees(math.atan2(after.x - before.x, after.y - before.y)) % 360.0


def _turn(first_deg: float, second_deg: float) -> float:
    """Angle between two senses, 0 to 180 [deg]."""
    turned = abs(first_deg - second_deg) % 360.0
    return min(turned, 360.0 - turned)


def table_of(snaps: Sequence[Snap]) -> Sequence[Mapping[str, str]]:
    """Rows that a person looks through: sensor, match, distance, rival, what to look at."""
    return [
        {
            "datastream": snap.sensor.key,
            "sensor": snap.sensor.text("id"),
            "state": snap.state,
            "asset": snap.asset,
            "component": snap.component,
            "distance_m": _metres(snap.distance_m),
            "rival": snap.rival,
            "rival_m": _metres(snap.rival_m),
            "why": snap.why,
        }
        for snap in snaps
    ]


def _metres(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
