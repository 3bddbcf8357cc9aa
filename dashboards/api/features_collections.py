"""Collections of OGC API Features: what everybody may know who may see the map.

Places within a bridge, damages, statements of findings and streams that concern persons or single
vehicles do not leave: bridges stand for whatever is on them, attributes are those of
``public_attributes.csv``.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import MultiPoint
from shapely.geometry.base import BaseGeometry

from dashboards.api.features_query import CRS84, CRS_CODES, FOREVER, IN_DEGREES, Query
from twin.city import Twin
from twin.model.assets import Asset
from twin.model.bridge import Restriction
from twin.model.tables import rows
from twin.model.times import to_us

MOST_FINDINGS = 100_000
SHOWN_CLASSES = frozenset({"technical", "aggregated_traffic"})
DECIMALS = {True: 9, False: 4}
"""Of transformed coordinates: degrees (0.1 mm), metres."""
DIGITS = 20
DESCRIPTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "assets": ("Assets", "Everything that the city registers, of all classes"),
        "bridges": ("Bridges", "Bridges with published facts"),
        "links": ("Links", "Roads, one feature for each direction"),
        "sensors": ("Sensors", "Devices; one on a bridge stands at the point of the bridge"),
        "restrictions": ("Restrictions", "Restrictions of traffic with their validity"),
        "findings": ("Findings", "Open findings: asset, severity, stage; no place and no detail"),
    }
)
OF_REGISTRY = ("assets", "bridges", "links", "sensors")
WITH_TIME = ("restrictions", "findings")

Properties = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One feature: key, place in degrees (None if unknown), properties, first and last µs."""

    key: str
    geometry: BaseGeometry | None
    properties: Properties
    span_us: tuple[int, int] = FOREVER


class Layer:
    """Features of one collection in the order of their keys, and in every offered CRS."""

    def __init__(self, name: str, found: Iterable[Row]) -> None:
        self.name = name
        self._rows = sorted(found, key=lambda row: _order(name, row.key))
        self._orders = [_order(name, row.key) for row in self._rows]
        self._placed: dict[str, tuple[NDArray[np.object_], shapely.STRtree]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def _spans(self) -> NDArray[np.int64]:
        return np.array([row.span_us for row in self._rows], dtype=np.int64).reshape(-1, 2)

    def find(self, key: str) -> int | None:
        """Place of a feature by its key."""
        order = _order(self.name, key)
        at = bisect_left(self._orders, order)
        return at if at < len(self) and self._rows[at].key == key else None

    def chosen(self, query: Query) -> NDArray[np.intp]:
        """Places of all features that bounding box and time of a query select, in order."""
        is_chosen = np.ones(len(self), dtype=bool)
        if query.boxes:
            _, tree = self.placed(query.bbox_crs)
            boxes = [shapely.box(*box) for box in query.boxes]
            is_chosen[:] = False
            is_chosen[tree.query(boxes, predicate="intersects")[1]] = True
        if query.span_us is not None:
            first, last = query.span_us
            is_chosen &= (self._spans[:, 0] <= last) & (self._spans[:, 1] >= first)
        return np.flatnonzero(is_chosen)

    def page(self, chosen: NDArray[np.intp], query: Query) -> NDArray[np.intp]:
        """Places on the page behind the key ``after``: at most ``limit``."""
        begin = 0
        if query.after is not None:
            at = bisect_right(self._orders, _order(self.name, query.after))
            begin = int(np.searchsorted(chosen, at))
        return chosen[begin : begin + query.limit]

    def feature(self, place: int, crs: str) -> dict[str, object]:
        """One feature as GeoJSON with coordinates in the order of axes of the CRS."""
        row = self._rows[place]
        geometry = self.placed(crs)[0][place]
        return {
            "type": "Feature",
            "id": row.key,
            "geometry": None if geometry is None else shapely.geometry.mapping(geometry),
            "properties": dict(row.properties),
        }

    def key(self, place: int) -> str:
        """Key of the feature at a place."""
        return self._rows[place].key

    @cached_property
    def bounds(self) -> list[float] | None:
        """West, south, east, north [deg] of all features."""
        placed = [row.geometry for row in self._rows if row.geometry is not None]
        return shapely.total_bounds(placed).tolist() if placed else None

    def placed(self, crs: str) -> tuple[NDArray[np.object_], shapely.STRtree]:
        """Geometries in a CRS with their tree; computed once."""
        if crs not in self._placed:
            geometry = np.array([row.geometry for row in self._rows] or [None], dtype=object)
            geometry = geometry[: len(self)]
            if crs != CRS84:
                geometry = _transformed(geometry, crs)
            self._placed[crs] = geometry, shapely.STRtree(cast("Any", geometry))
        return self._placed[crs]


def _transformed(geometry: NDArray[np.object_], crs: str) -> NDArray[np.object_]:
    change = Transformer.from_crs(CRS_CODES[CRS84], CRS_CODES[crs])
    decimals = DECIMALS[crs in IN_DEGREES]

    def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
        first, second = change.transform(points[:, 0], points[:, 1])
        return np.asarray(np.round(np.column_stack([first, second]), decimals), np.float64)

    found = np.asarray(shapely.transform(cast("Any", geometry), cast("Any", moved)))
    is_lost = ~np.isfinite(shapely.bounds(cast("Any", found))).all(axis=1)
    found[is_lost] = None
    return found


def _order(name: str, key: str) -> str:
    return key.rjust(DIGITS, "0") if name == "findings" else key


class Collections:
    """Collections of one city; those of the registry are made again only when it changes."""

    def __init__(self, twin: Twin, timezone: str) -> None:
        self._twin = twin
        self._zone = ZoneInfo(timezone)
        self._lock = threading.Lock()
        self._version = ""
        self._layers: dict[str, Layer] = {}

    def layer(self, name: str) -> Layer:
        """Features of a collection as of now.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached.
        """
        makers: Mapping[str, Callable[[], Iterable[Row]]] = {
            "assets": lambda: map(_asset, self._twin.assets()),
            "bridges": lambda: map(_asset, self._twin.assets("bridge")),
            "links": self._links,
            "sensors": self._sensors,
            "restrictions": self._restrictions,
            "findings": self._findings,
        }
        if name not in OF_REGISTRY:
            return Layer(name, makers[name]())
        with self._lock:
            version = self._twin.registry_version()
            if version != self._version:
                self._version, self._layers = version, {}
            if name not in self._layers:
                self._layers[name] = Layer(name, makers[name]())
            return self._layers[name]

    def _links(self) -> Iterable[Row]:
        roads = {asset.id: asset for asset in self._twin.assets("road_section")}
        directed = set()
        for part in self._twin.components():
            if part.kind == "direction" and part.asset_id in roads:
                road = roads[part.asset_id]
                directed.add(road.id)
                facts = {**_facts(road), "road_section": road.id, "direction": part.name}
                yield Row(part.id, part.geometry or road.geometry, facts)
        for key in roads.keys() - directed:
            facts = {**_facts(roads[key]), "road_section": key, "direction": None}
            yield Row(key, roads[key].geometry, facts)

    def _sensors(self) -> Iterable[Row]:
        assets = {asset.id: asset for asset in self._twin.assets()}
        parts = {part.id: part for part in self._twin.components()}
        streams: dict[str, list[tuple[str, BaseGeometry | None, str]]] = {}
        hidden = set()
        for stream in self._twin.datastreams():
            if stream.privacy_class not in SHOWN_CLASSES:
                hidden.add(stream.sensor_id)
                continue
            asset = assets.get(stream.asset_id)
            part = parts.get(stream.component_id or "")
            on_road = asset is not None and asset.asset_class == "road_section"
            exact = part.geometry if on_road and part is not None else None
            place = exact or (None if asset is None else asset.geometry)
            known = streams.setdefault(stream.sensor_id, [])
            known.append((stream.asset_id, place, stream.quantity))
        for sensor in self._twin.sensors():
            own = streams.get(sensor.id, [])
            if own or sensor.id not in hidden:
                facts = {
                    "name": sensor.name,
                    "model": sensor.model,
                    "provenance": sensor.provenance,
                    "assets": " ".join(sorted({asset for asset, _, _ in own})),
                    "quantities": " ".join(sorted({quantity for _, _, quantity in own})),
                    "datastreams": len(own),
                }
                yield Row(sensor.id, _points(place for _, place, _ in own), facts)

    def _restrictions(self) -> Iterable[Row]:
        assets = {asset.id: asset for asset in self._twin.assets()}
        words = {
            row["key"]: row["english"]
            for row in rows("asb_keys")
            if row["table"] == "restriction_kind"
        }
        for stored in self._twin.bridges.book.records(kind="restriction"):
            record, content = stored.record, stored.record.content
            if isinstance(content, Restriction):
                asset = assets.get(record.asset_id)
                facts = {
                    "asset": record.asset_id,
                    "asset_name": None if asset is None else asset.name,
                    "part": record.part,
                    "kind": content.kind,
                    "kind_name": words.get(content.kind, ""),
                    "value": content.value,
                    "unit": content.unit,
                    "valid_from": _text(content.valid_from),
                    "valid_until": _text(content.valid_until),
                    "vehicle_group": content.vehicle_group,
                    "direction": content.direction,
                    "lane": content.lane,
                    "provenance": record.provenance.kind,
                }
                key = f"{record.asset_id}:{record.part}:{record.key}"
                geometry = None if asset is None else asset.geometry
                span = self._validity_us(content.valid_from, content.valid_until)
                yield Row(key, geometry, facts, span)

    def _validity_us(self, first: date | None, last: date | None) -> tuple[int, int]:
        begin = FOREVER[0] if first is None else self._midnight_us(first)
        end = FOREVER[1] if last is None else self._midnight_us(last + timedelta(days=1)) - 1
        return begin, end

    def _midnight_us(self, day: date) -> int:
        return to_us(datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC))

    def _findings(self) -> Iterable[Row]:
        assets = {asset.id: asset for asset in self._twin.assets()}
        for stored in self._twin.bridges.findings(only_open=True, limit=MOST_FINDINGS):
            finding = stored.finding
            asset = assets.get(finding.asset_id)
            facts = {
                "asset": finding.asset_id,
                "asset_name": None if asset is None else asset.name,
                "severity": finding.severity,
                "stage": stored.stage,
                "opened_at": stored.opened_at.astimezone(UTC).isoformat(),
            }
            point = None if asset is None else asset.geometry.representative_point()
            yield Row(str(stored.id), point, facts, (to_us(stored.opened_at), FOREVER[1]))


def _points(places: Iterable[BaseGeometry | None]) -> BaseGeometry | None:
    """Where a device is: the point of one place, or those of several."""
    points = {place.representative_point() for place in places if place is not None}
    ordered = sorted(points, key=lambda point: (point.x, point.y))
    return (ordered[0] if len(ordered) == 1 else MultiPoint(ordered)) if ordered else None


def _asset(asset: Asset) -> Row:
    return Row(asset.id, asset.geometry, {"asset_class": asset.asset_class, **_facts(asset)})


def _facts(asset: Asset) -> Properties:
    """Public facts about an asset; a column for each that any asset of a class may have."""
    given = {item.name: item.value for item in asset.attributes}
    facts: dict[str, object] = {"name": asset.name, "provenance": asset.geometry_provenance.kind}
    for name, kind in _public().items():
        value = given.get(name)
        fits = value is not None and isinstance(value, str) == (kind == "string")
        facts[name] = value if fits else None
    return facts


def _public() -> Mapping[str, str]:
    return {row["attribute"]: row["type"] for row in rows("public_attributes")}


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
