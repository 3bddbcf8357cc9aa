"""The registry in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

import shapely
from psycopg.rows import class_row, kwargs_row
from shapely.geometry.base import BaseGeometry

from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City, LoadReport
from twin.model.datastreams import Datastream, Sensor
from twin.model.provenance import Provenance, ProvenanceKind, Reference
from twin.store import registry
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.queries import query
from twin.store.text import is_storable

EPSG_LONGITUDE_LATITUDE = 4326


class PostgresInventory:
    """What the city owns and measures."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def load(self, city: City) -> LoadReport:
        """Add and update everything in the city, in one transaction."""
        with self._connections.use() as connection, connection.transaction():
            connection.execute(query("lock_registry"))
            changes, report = registry.difference(_read(connection), city)
            if not report.added and not report.changed:
                return report
            _write(connection, changes)
            row = connection.execute(query("raise_registry_revision")).fetchone()
            topic = f"registry {row[0] if row else 0}"
            connection.execute(query("notify_change"), {"topic": topic})
        return report

    def references(self) -> Sequence[Reference]:
        """All references, by id."""
        with self._connections.use() as connection:
            return _references(connection)

    def assets(self, asset_class: str | None) -> Sequence[Asset]:
        """Assets, all or of one class, by id."""
        if asset_class is not None and not is_storable(asset_class):
            return ()
        with self._connections.use() as connection, connection.transaction():
            return _assets(connection, asset_class)

    def components(self, asset_id: str | None) -> Sequence[Component]:
        """Components, all or of one asset, by id."""
        if asset_id is not None and not is_storable(asset_id):
            return ()
        with self._connections.use() as connection:
            return _components(connection, asset_id)

    def sensors(self) -> Sequence[Sensor]:
        """All sensors, by id."""
        with self._connections.use() as connection:
            return _sensors(connection)

    def datastreams(self, asset_id: str | None) -> Sequence[Datastream]:
        """Datastreams with their numbers, all or of one asset, by uid."""
        if asset_id is not None and not is_storable(asset_id):
            return ()
        with self._connections.use() as connection:
            return _datastreams(connection, asset_id)

    def version(self) -> str:
        """Text that changes whenever the registry changes, and with another database."""
        with self._connections.use() as connection:
            row = connection.execute(query("select_meta")).fetchone()
        return f"{row[0]}-{row[3]}" if row is not None else ""


def _read(connection: Connection) -> City:
    return City(
        name="",
        references=_references(connection),
        assets=_assets(connection, None),
        components=_components(connection, None),
        sensors=_sensors(connection),
        datastreams=_datastreams(connection, None),
    )


def _references(connection: Connection) -> tuple[Reference, ...]:
    cursor = connection.cursor(row_factory=class_row(Reference))
    return tuple(cursor.execute(query("select_references")))


def _assets(connection: Connection, asset_class: str | None) -> tuple[Asset, ...]:
    values = {"asset_class": asset_class}
    attributes: dict[str, list[Attribute]] = {}
    pairs = connection.cursor(row_factory=kwargs_row(_attribute))
    for asset_id, attribute in pairs.execute(query("select_attributes"), values):
        attributes.setdefault(asset_id, []).append(attribute)

    def asset(*, id: str, geometry: bytes, **rest: Any) -> Asset:  # noqa: A002, ANN401 - columns
        return Asset(
            id=id,
            asset_class=rest["asset_class"],
            name=rest["name"],
            geometry=_geometry(geometry),
            geometry_provenance=provenance_of(rest),
            attributes=tuple(attributes.get(id, ())),
        )

    cursor = connection.cursor(row_factory=kwargs_row(asset))
    return tuple(cursor.execute(query("select_assets"), values))


def _attribute(
    *,
    asset_id: str,
    name: str,
    value_text: str | None,
    value_number: float | None,
    unit: str,
    **rest: Any,  # noqa: ANN401 - columns of the provenance
) -> tuple[str, Attribute]:
    value = value_text if value_number is None else value_number
    return asset_id, Attribute(
        name=name,
        value="" if value is None else value,
        unit=unit,
        provenance=provenance_of(rest),
    )


def _components(connection: Connection, asset_id: str | None) -> tuple[Component, ...]:
    cursor = connection.cursor(row_factory=kwargs_row(_component))
    return tuple(cursor.execute(query("select_components"), {"asset_id": asset_id}))


def _component(*, geometry: bytes | None, **rest: Any) -> Component:  # noqa: ANN401 - columns
    return Component(geometry=None if geometry is None else _geometry(geometry), **rest)


def _sensors(connection: Connection) -> tuple[Sensor, ...]:
    cursor = connection.cursor(row_factory=class_row(Sensor))
    return tuple(cursor.execute(query("select_sensors")))


def _datastreams(connection: Connection, asset_id: str | None) -> tuple[Datastream, ...]:
    cursor = connection.cursor(row_factory=class_row(Datastream))
    return tuple(cursor.execute(query("select_datastreams"), {"asset_id": asset_id}))


def _write(connection: Connection, changes: City) -> None:
    cursor = connection.cursor()
    rows = [asdict(row) for row in changes.references]
    cursor.executemany(query("upsert_reference"), rows)
    cursor.executemany(query("upsert_asset"), [_asset_row(asset) for asset in changes.assets])
    cursor.execute(query("delete_attributes"), {"asset_ids": [row.id for row in changes.assets]})
    attributes = [row for asset in changes.assets for row in _attribute_rows(asset)]
    cursor.executemany(query("insert_attribute"), attributes)
    cursor.executemany(query("upsert_component"), [_component_row(c) for c in changes.components])
    cursor.executemany(query("upsert_sensor"), [asdict(row) for row in changes.sensors])
    cursor.executemany(query("upsert_datastream"), [asdict(row) for row in changes.datastreams])


def _asset_row(asset: Asset) -> dict[str, Any]:
    west, south, east, north = (
        (None, None, None, None) if asset.geometry.is_empty else asset.geometry.bounds
    )
    return {
        "id": asset.id,
        "asset_class": asset.asset_class,
        "name": asset.name,
        "geometry": shapely.to_wkb(asset.geometry),
        "epsg": EPSG_LONGITUDE_LATITUDE,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        **provenance_columns(asset.geometry_provenance),
    }


def _attribute_rows(asset: Asset) -> list[dict[str, Any]]:
    return [
        {
            "asset_id": asset.id,
            "name": item.name,
            "position": position,
            "value_text": item.value if isinstance(item.value, str) else None,
            "value_number": None if isinstance(item.value, str) else float(item.value),
            "unit": item.unit,
            **provenance_columns(item.provenance),
        }
        for position, item in enumerate(asset.attributes)
    ]


def _component_row(component: Component) -> dict[str, Any]:
    geometry = component.geometry
    columns = {name: getattr(component, name) for name in component.__slots__}
    return columns | {
        "geometry": None if geometry is None else shapely.to_wkb(geometry),
        "epsg": None if geometry is None else EPSG_LONGITUDE_LATITUDE,
    }


def _geometry(wkb: bytes) -> BaseGeometry:
    return shapely.from_wkb(wkb)


def provenance_columns(provenance: Provenance) -> dict[str, Any]:
    """Provenance as the columns ``provenance_...``."""
    return {
        "provenance_kind": provenance.kind,
        "provenance_by": provenance.by,
        "provenance_references": list(provenance.references),
        "provenance_at": provenance.at,
    }


def provenance_of(columns: Mapping[str, Any]) -> Provenance:
    """Provenance from the columns ``provenance_...``."""
    at: datetime | None = columns["provenance_at"]
    return Provenance(
        kind=cast("ProvenanceKind", columns["provenance_kind"]),
        by=columns["provenance_by"],
        references=tuple(columns["provenance_references"]),
        at=None if at is None else at.astimezone(UTC),
    )
