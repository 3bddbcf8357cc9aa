"""Components, sensors and datastreams of a city folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from twin.exchange.problems import Known, Problems
from twin.exchange.rows import Row, read_rows
from twin.model.assets import Component
from twin.model.datastreams import (
    Datastream,
    PrivacyClass,
    Sensor,
    StreamKind,
    TimeSource,
    VehicleClass,
)
from twin.model.provenance import ProvenanceKind
from twin.model.quantities import quantities

ALONG = ("forward", "backward")


@dataclass(slots=True)
class Registry:
    """What is known while the tables of a city folder are read."""

    folder: Path
    problems: Problems
    assets: Known
    geometry: Mapping[str, BaseGeometry]
    extent: tuple[float, ...]

    def read_components(self, known: Known) -> Sequence[Component]:
        """Rows of ``components.csv``; parents may stand below their children."""
        columns = ("id", "asset", "name", "kind", "parent")
        rows = self._rows("components.csv", columns, known)
        components = tuple(self._component(row) for row in rows)
        owners = {item.id: item for item in components}
        for row, component in zip(rows, components, strict=True):
            parent = row.reference("parent", known, needed=False)
            if parent in owners and owners[parent].asset_id != component.asset_id:
                self.problems.add(
                    row.place,
                    f"parent {parent!r} belongs to asset {owners[parent].asset_id!r}, not to "
                    f"{component.asset_id!r}; name a component of the same asset",
                )
            if _is_own_ancestor(component.id, owners):
                self.problems.add(
                    row.place,
                    f"component {component.id!r} is its own ancestor; correct parent {parent!r}",
                )
        return components

    def read_sensors(self, known: Known) -> Sequence[Sensor]:
        """Rows of ``sensors.csv``."""
        return tuple(
            Sensor(
                id=row.text("id"),
                name=row.needed("name"),
                model=row.text("model"),
                provenance=cast("ProvenanceKind", row.word("provenance", get_args(ProvenanceKind))),
            )
            for row in self._rows("sensors.csv", ("id", "name", "model", "provenance"), known)
        )

    def read_datastreams(
        self, components: Mapping[str, Component], *, parts: Known, sensors: Known
    ) -> Sequence[Datastream]:
        """Rows of ``datastreams.csv``."""
        columns = ("id", "name", "asset", "component", "quantity", "sensor", "source")
        columns = (*columns, "route_key", "provenance")
        routes = Known("route")
        datastreams = []
        for row in self._rows("datastreams.csv", columns, Known("datastream")):
            component = row.reference("component", parts, needed=False)
            owner = components.get(component)
            if owner is not None and owner.asset_id != row.text("asset"):
                self.problems.add(
                    row.place,
                    f"component {component!r} belongs to asset {owner.asset_id!r}, not to "
                    f"{row.text('asset')!r}; correct one of the two",
                )
            route = (row.needed("source"), row.needed("route_key"))
            self._check_route(row, route, routes)
            datastreams.append(self._datastream(row, route, sensors))
        return tuple(datastreams)

    def _rows(self, name: str, columns: Sequence[str], known: Known) -> Sequence[Row]:
        rows = read_rows(self.folder, name, columns=columns, problems=self.problems)
        if rows is None:
            known.is_complete = False
        return [
            row
            for row in rows or ()
            if row.needed("id") and known.register(row.text("id"), row.place, self.problems)
        ]

    def _component(self, row: Row) -> Component:
        asset = row.reference("asset", self.assets)
        return Component(
            id=row.text("id"),
            asset_id=asset,
            name=row.needed("name"),
            kind=row.needed("kind"),
            parent_id=row.text("parent") or None,
            station_m=row.number("station_m"),
            offset_m=row.number("offset_m"),
            height_m=row.number("height_m"),
            geometry=self._place(row, self.geometry.get(asset)),
        )

    def _place(self, row: Row, line: BaseGeometry | None) -> BaseGeometry | None:
        along = row.word("along", ALONG, default="")
        longitude, latitude = row.number("longitude"), row.number("latitude")
        if (longitude is None) != (latitude is None):
            self.problems.add(row.place, "only one of longitude and latitude; give both or none")
        if along and line is not None and line.geom_type != "LineString":
            self.problems.add(
                row.place,
                f"along {along!r} needs an asset that is a line, not a {line.geom_type}; "
                "leave it empty",
            )
        elif along and line is not None:
            return line if along == "forward" else shapely.reverse(line)
        if longitude is None or latitude is None:
            return None
        west, south, east, north = self.extent
        if not (west <= longitude <= east and south <= latitude <= north):
            self.problems.add(
                row.place,
                f"longitude {longitude:.10g}, latitude {latitude:.10g} lie outside city.extent "
                f"[{west:g}, {south:g}, {east:g}, {north:g}]; give degrees inside it",
            )
        return Point(longitude, latitude)

    def _check_route(self, row: Row, route: tuple[str, str], routes: Known) -> None:
        key = " / ".join(route)
        if key in routes.places:
            self.problems.add(
                row.place,
                f"source {route[0]!r} and route_key {route[1]!r} lead to the datastream in "
                f"{routes.places[key]} already; give each datastream its own route_key",
            )
        elif all(route):
            routes.places[key] = row.place

    def _datastream(self, row: Row, route: tuple[str, str], sensors: Known) -> Datastream:
        cadence_s = row.number("cadence_s")
        if cadence_s is not None and cadence_s <= 0:
            self.problems.add(
                row.place,
                f"cadence_s {cadence_s:g} is not positive; leave it empty if event driven",
            )
        provenance = row.word("provenance", get_args(ProvenanceKind))
        vehicle_class = row.word("vehicle_class", get_args(VehicleClass), default="")
        time_source = row.word("time_source", get_args(TimeSource), default="device")
        privacy = row.word("privacy_class", get_args(PrivacyClass), default="technical")
        return Datastream(
            uid=row.text("id"),
            name=row.needed("name"),
            asset_id=row.reference("asset", self.assets),
            component_id=row.text("component") or None,
            quantity=row.word("quantity", quantities()),
            sensor_id=row.reference("sensor", sensors),
            source=route[0],
            route_key=route[1],
            provenance=cast("ProvenanceKind", provenance),
            vehicle_class=cast("VehicleClass", vehicle_class),
            kind=cast("StreamKind", row.word("kind", get_args(StreamKind), default="reading")),
            cadence_s=cadence_s,
            time_source=cast("TimeSource", time_source),
            privacy_class=cast("PrivacyClass", privacy),
        )


def _is_own_ancestor(key: str, owners: Mapping[str, Component]) -> bool:
    seen: set[str] = set()
    parent = owners[key].parent_id
    while parent is not None and parent in owners and parent not in seen:
        if parent == key:
            return True
        seen.add(parent)
        parent = owners[parent].parent_id
    return False
