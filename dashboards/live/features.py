"""What the map shows, made once per version of the registry: tables, rows and their streams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from dashboards.deck.geometry import Plane, beside, footprint, line_of, middle, spacing_m
from dashboards.live.channels import StreamIndex
from dashboards.live.quantise import NO_VALUE
from dashboards.live.table import (
    Column,
    decode_table,
    encode_table,
    path_columns,
    point_columns,
    polygon_columns,
    table_version,
)
from dashboards.theme import CONDITION_BANDS, condition_band
from twin.city import Twin
from twin.errors import ModelError
from twin.model.assets import Asset, Component
from twin.model.datastreams import Datastream
from twin.model.monitoring import ANALYSIS_SOURCE
from twin.model.provenance import Reference
from twin.model.quantities import quantity
from twin.model.roads import MAIN, road_class

GRADE = "condition_grade"
GRADE_TEXT = "condition_text"
WIDTH = "width_m"
HEIGHT = "height_m"
UNKNOWN_HEIGHT_M = 6.0
"""Buildings without a known height are drawn low; nothing is measured from it."""
NEAR_OFFSET_M = 12.0
FAR_OFFSET_M = 30.0
FAR_TOLERANCE_M = 6.0
BRIDGE_HEIGHT_M = 30.0
"""Height of the extruded shapes: a symbol, not a measure."""
LARGEST_SPACING_M = 5000.0
"""Bridges further apart than this are drawn as if they were this far apart."""
CLOSED = "closed"
"""Value of the attribute ``traffic_status`` that closes an asset to all traffic."""
TRAFFIC = {"speed": "speed", "flow": "traffic_flow"}
VEHICLES = {"speed": ("car",), "flow": ("all", "")}
"""Which vehicles colour a road per channel, in order of preference; the labels name them."""
EVENT_DRIVEN_S = np.inf


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of a table of the map."""

    id: str
    name: str
    asset: Asset
    component: Component | None
    place: tuple[float, float]


@dataclass(frozen=True, slots=True)
class TableBody:
    """One table as the browser gets it."""

    name: str
    body: bytes
    version: str
    rows: int
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class CityFeatures:
    """Everything of the registry that the pages and the live map need, in one version."""

    version: str
    assets: Mapping[str, Asset]
    components: Mapping[str, Component]
    references: Mapping[str, Reference]
    streams: Mapping[str, Datastream]
    streams_of: Mapping[str, Sequence[Datastream]]
    roads: Sequence[Feature]
    bridges: Sequence[Feature]
    sensors: Sequence[Feature]
    tables: Mapping[str, TableBody]
    index: StreamIndex
    is_simulated: bool
    bridge_spacing_m: float

    @property
    def has_buildings(self) -> bool:
        """Whether the city knows outlines of buildings."""
        return self.tables["buildings"].rows > 0

    def feature(self, kind: str, key: str) -> Feature | None:
        """Row of a kind (``bridge``, ``road``, ``sensor``) with this id."""
        rows = {"bridge": self.bridges, "road": self.roads, "sensor": self.sensors}.get(kind, ())
        return next((row for row in rows if row.id == key), None)


def read_features(twin: Twin) -> CityFeatures:
    """Features of the city as the registry has them now."""
    version = twin.registry_version()
    assets, components = twin.assets(), twin.components()
    return build_features(
        version=version,
        assets=assets,
        components=components,
        streams=[item for item in twin.datastreams() if item.source != ANALYSIS_SOURCE],
        references=twin.references(),
    )


def build_features(
    *,
    version: str,
    assets: Sequence[Asset],
    components: Sequence[Component],
    streams: Sequence[Datastream],
    references: Sequence[Reference],
) -> CityFeatures:
    """Features from the parts of a registry."""
    by_id = {asset.id: asset for asset in assets}
    parts = {component.id: component for component in components}
    plane = _plane(assets)
    roads = _roads(assets, components)
    bridges = [_feature(asset, None) for asset in assets if asset.asset_class == "bridge"]
    sensors = _sensors(streams, by_id, parts)
    by_asset: dict[str, list[Datastream]] = {}
    for stream in streams:
        by_asset.setdefault(stream.asset_id, []).append(stream)
    index = _index(streams, roads=roads, bridges=bridges, sensors=sensors)
    counted = np.flatnonzero((index.road_speed >= 0) | (index.road_flow >= 0)).tolist()
    made = _tables(plane, assets, roads=roads, bridges=bridges, sensors=sensors, counted=counted)
    return CityFeatures(
        version=version,
        assets=MappingProxyType(by_id),
        components=MappingProxyType(parts),
        references=MappingProxyType({item.id: item for item in references}),
        streams=MappingProxyType({stream.uid: stream for stream in streams}),
        streams_of=MappingProxyType(by_asset),
        roads=tuple(roads),
        bridges=tuple(bridges),
        sensors=tuple(sensors),
        tables=MappingProxyType({table.name: table for table in made}),
        index=index,
        is_simulated=any(stream.provenance == "simulated" for stream in streams),
        bridge_spacing_m=min(spacing_m(_places(bridges), plane), LARGEST_SPACING_M),
    )


def grade_of(asset: Asset) -> float | None:
    """Condition grade of a bridge; None if there is none or it is not a grade."""
    found = asset.attribute(GRADE)
    return float(found.value) if found and isinstance(found.value, int | float) else None


def band_of(asset: Asset) -> int | None:
    """Index of the condition band of a bridge, from its grade or the published name of the band.

    None if it has neither; a number that is no grade counts as none.
    """
    try:
        band = condition_band(grade_of(asset))
    except ModelError:
        return None
    text = asset.attribute(GRADE_TEXT)
    if band is not None or text is None:
        return band
    names = [band.label_de for band in CONDITION_BANDS]
    return names.index(str(text.value)) if text.value in names else None


def _plane(assets: Sequence[Asset]) -> Plane:
    boxes = [asset.geometry.bounds for asset in assets if not asset.geometry.is_empty]
    if not boxes:
        return Plane(0.0, 0.0)
    west, south, east, north = np.median(np.array(boxes), axis=0)
    return Plane(round(float(west + east) / 2, 4), round(float(south + north) / 2, 4))


def _feature(asset: Asset, component: Component | None) -> Feature:
    geometry = component.geometry if component and component.geometry else asset.geometry
    if component is None:
        return Feature(asset.id, asset.name, asset, None, middle(geometry))
    name = component.name if asset.name in component.name else f"{asset.name}, {component.name}"
    return Feature(component.id, name, asset, component, middle(geometry))


def _roads(assets: Sequence[Asset], components: Sequence[Component]) -> list[Feature]:
    directions: dict[str, list[Component]] = {}
    for component in components:
        if component.kind == "direction":
            directions.setdefault(component.asset_id, []).append(component)
    rows: list[Feature] = []
    for asset in assets:
        if asset.asset_class == "road_section":
            parts = directions.get(asset.id, [])
            rows += [_feature(asset, part) for part in parts] or [_feature(asset, None)]
    return rows


def _sensors(
    streams: Sequence[Datastream], assets: Mapping[str, Asset], parts: Mapping[str, Component]
) -> list[Feature]:
    """One row per place with sensors; its name says what is measured there."""
    symbols: dict[str, dict[str, None]] = {}
    for stream in streams:
        key = stream.component_id or stream.asset_id
        symbols.setdefault(key, {})[quantity(stream.quantity).symbol] = None
    rows: dict[str, Feature] = {}
    for stream in streams:
        key = stream.component_id or stream.asset_id
        asset = assets.get(stream.asset_id)
        if key in rows or asset is None:
            continue
        component = parts.get(stream.component_id or "")
        name = f"{_feature(asset, component).name} ({', '.join(filter(None, symbols[key]))})"
        rows[key] = Feature(key, name, asset, component, _place(asset, component))
    return list(rows.values())


def _place(asset: Asset, component: Component | None) -> tuple[float, float]:
    """Where the sensors of a component are drawn; at its station along the axis if known."""
    if component is None:
        return middle(asset.geometry)
    if component.kind == "direction":
        axis = _axis(asset, component)
        return tuple(beside([axis], Plane(*middle(axis)), offset_m=NEAR_OFFSET_M)[0].mean(axis=0))
    if component.geometry is not None:
        return middle(component.geometry)
    if component.station_m is None or asset.geometry.geom_type != "LineString":
        return middle(asset.geometry)
    plane = Plane(*middle(asset.geometry))
    point = line_of(plane.to_metres(asset.geometry)).interpolate(component.station_m)
    return middle(plane.to_degrees(point))


def _axis(asset: Asset, component: Component | None) -> LineString:
    """Line of a road row in its direction of travel."""
    if component is not None and component.geometry is not None:
        return line_of(component.geometry)
    axis = line_of(asset.geometry)
    is_against = component is not None and component.id.endswith("/ba")
    return LineString(list(axis.coords)[::-1]) if is_against else axis


def _tables(
    plane: Plane,
    assets: Sequence[Asset],
    *,
    roads: Sequence[Feature],
    bridges: Sequence[Feature],
    sensors: Sequence[Feature],
    counted: Sequence[int],
) -> Iterable[TableBody]:
    """All tables of the map.

    Tables with a column ``feature`` show rows of another table in a second way: simplified, or
    only the road directions that have a counter or are closed. They have no texts of their own,
    except ``bridge_points``, which has the same rows as ``bridges``.
    """
    origin = (plane.longitude, plane.latitude)
    axes = [_axis(row.asset, row.component) for row in roads]
    near = beside(axes, plane, offset_m=NEAR_OFFSET_M)
    far = beside(axes, plane, offset_m=FAR_OFFSET_M, tolerance_m=FAR_TOLERANCE_M)
    main = [row for row, feature in enumerate(roads) if road_class(feature.asset) in MAIN]
    closed = [row for row, feature in enumerate(roads) if is_closed(feature.asset)]
    yield _body("roads", {**path_columns(near, origin), **_texts(roads)}, plane, near)
    for name, lines, rows in (
        ("roads_far", far, range(len(far))),
        ("roads_main", far, main or range(len(far))),
        ("counted", near, counted),
        ("counted_far", far, counted),
        ("closed", near, closed),
    ):
        chosen = [lines[row] for row in rows]
        yield _body(name, _second(path_columns(chosen, origin), rows), plane, chosen)
    shapes = [footprint(row.asset.geometry, plane, width_m=_width(row.asset)) for row in bridges]
    heights = np.full(len(bridges), BRIDGE_HEIGHT_M, dtype=np.float32)
    solid = polygon_columns(shapes, origin, height_m=heights)
    yield _body("bridges", {**solid, **_texts(bridges)}, plane, shapes)
    places = _places(bridges)
    columns = {**_second(point_columns(places, origin), range(len(bridges))), **_texts(bridges)}
    yield _body("bridge_points", columns, plane, [places])
    places = _places(sensors)
    yield _body("sensors", {**point_columns(places, origin), **_texts(sensors)}, plane, [places])
    rivers = [asset for asset in assets if asset.asset_class == "water"]
    banks = [_water(asset.geometry, plane, _width(asset)) for asset in rivers]
    texts = _texts([_feature(asset, None) for asset in rivers])
    yield _body("water", {**polygon_columns(banks, origin), **texts}, plane, banks)
    yield _buildings([one for one in assets if one.asset_class == "building"], plane)


def _buildings(assets: Sequence[Asset], plane: Plane) -> TableBody:
    """Outlines without texts: they are many, and nothing is asked of them."""
    shapes = [footprint(asset.geometry, plane, width_m=None) for asset in assets]
    known = [asset.attribute(HEIGHT) for asset in assets]
    height_m = [
        float(found.value) if found and isinstance(found.value, int | float) else UNKNOWN_HEIGHT_M
        for found in known
    ]
    origin = (plane.longitude, plane.latitude)
    return _body("buildings", polygon_columns(shapes, origin, height_m=height_m), plane, shapes)


def _places(rows: Sequence[Feature]) -> NDArray[np.float64]:
    return np.array([row.place for row in rows], dtype=np.float64).reshape(-1, 2)


def _second(columns: Mapping[str, Column], features: Iterable[int]) -> dict[str, Column]:
    return {**columns, "feature": np.fromiter(features, dtype=np.uint32)}


def _width(asset: Asset) -> float | None:
    found = asset.attribute(WIDTH)
    return float(found.value) if found and isinstance(found.value, int | float) else None


def _water(geometry: BaseGeometry, plane: Plane, width_m: float | None) -> NDArray[np.float64]:
    default_width_m = 110.0
    return footprint(geometry, plane, width_m=width_m or default_width_m)


def is_closed(asset: Asset) -> bool:
    """Whether the asset is closed to all traffic according to its attribute ``traffic_status``."""
    found = asset.attribute("traffic_status")
    return found is not None and found.value == CLOSED


def _texts(rows: Sequence[Feature]) -> dict[str, Column]:
    return {"id": [row.id for row in rows], "name": [row.name for row in rows]}


def _body(
    name: str,
    columns: Mapping[str, Column],
    plane: Plane,
    vertices: Sequence[NDArray[np.float64]],
) -> TableBody:
    origin = (plane.longitude, plane.latitude)
    body = encode_table(name, columns, origin)
    points = np.concatenate([np.array([origin])] if not vertices else list(vertices))
    if not len(points):
        points = np.array([origin])
    west, south = points.min(axis=0)
    east, north = points.max(axis=0)
    bbox = (float(west), float(south), float(east), float(north))
    return TableBody(name, body, table_version(body), decode_table(body).n, bbox)


def _index(
    streams: Sequence[Datastream],
    *,
    roads: Sequence[Feature],
    bridges: Sequence[Feature],
    sensors: Sequence[Feature],
) -> StreamIndex:
    cadence = np.full(1 + max((s.number or 0 for s in streams), default=0), EVENT_DRIVEN_S)
    is_followed = np.zeros(len(cadence), np.bool_)
    for stream in streams:
        if stream.number is not None:
            is_followed[stream.number] = True
            if stream.cadence_s is not None:
                cadence[stream.number] = stream.cadence_s
    by_place = {row.id: index for index, row in enumerate(sensors)}
    by_bridge = {row.id: index for index, row in enumerate(bridges)}
    placed = [(by_place.get(s.component_id or s.asset_id, -1), s.number or 0) for s in streams]
    owned = [(by_bridge.get(s.asset_id, -1), s.number or 0) for s in streams]
    sensor_row, sensor_number = _pairs(placed)
    bridge_row, bridge_number = _pairs(owned)
    bands = [band_of(row.asset) for row in bridges]
    return StreamIndex(
        cadence_s=cadence,
        is_followed=is_followed,
        road_speed=_counted(streams, roads, "speed"),
        road_flow=_counted(streams, roads, "flow"),
        sensor_row=sensor_row,
        sensor_number=sensor_number,
        bridge_row=bridge_row,
        bridge_number=bridge_number,
        bridge_grade=np.array([NO_VALUE if b is None else b for b in bands], dtype=np.uint8),
        sensors=len(sensors),
    )


def _pairs(pairs: Sequence[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    kept = np.array([pair for pair in pairs if pair[0] >= 0], dtype=np.int64).reshape(-1, 2)
    return kept[:, 0], kept[:, 1]


def _counted(
    streams: Sequence[Datastream], roads: Sequence[Feature], channel: str
) -> NDArray[np.int64]:
    """Datastream number per road row: of the vehicles that the channel shows; -1 without one."""
    wanted, vehicles = TRAFFIC[channel], VEHICLES[channel]
    best: dict[str, Datastream] = {}
    for stream in streams:
        place = stream.component_id or stream.asset_id
        if stream.quantity != wanted or stream.vehicle_class not in vehicles:
            continue
        known = best.get(place)
        rank = vehicles.index(stream.vehicle_class)
        if known is None or rank < vehicles.index(known.vehicle_class):
            best[place] = stream
    found = [best.get(row.id) for row in roads]
    return np.array([-1 if s is None or s.number is None else s.number for s in found], np.int64)
