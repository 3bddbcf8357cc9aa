"""The entities of SensorThings as the twin has them: properties and navigation, one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from twin.model.assets import Asset, Component, asset_classes
from twin.model.datastreams import Datastream, Sensor
from twin.model.provenance import Provenance
from twin.model.quantities import Quantity, quantity

GEOJSON = "application/geo+json"
MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
COMPLEX = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_ComplexObservation"
OBSERVATIONS = "Observations"
PUBLIC_CLASSES = frozenset({"technical", "aggregated_traffic"})
"""Privacy classes that are offered; a datastream of another one exists nowhere in here."""

Property = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Place:
    """What a datastream measures: a component, or an asset as a whole."""

    asset: Asset
    component: Component | None

    @property
    def id(self) -> str:
        """Id of the component; that of an asset has a prefix, since both could be equal."""
        return f"asset:{self.asset.id}" if self.component is None else self.component.id

    @property
    def geometry(self) -> BaseGeometry:
        """Geometry of the component, else of its asset."""
        own = None if self.component is None else self.component.geometry
        return self.asset.geometry if own is None else own


@dataclass(frozen=True, slots=True)
class Stream:
    """A datastream with its place."""

    stream: Datastream
    place: Place

    @property
    def id(self) -> str:
        """Id of the datastream."""
        return self.stream.uid

    @property
    def period_s(self) -> float | None:
        """Length of the interval that a value stands for [s]; None if it is one of an instant."""
        is_interval = (
            bool(self.stream.vehicle_class) or quantity(self.stream.quantity).aggregation == "sum"
        )
        return self.stream.cadence_s if is_interval else None


@dataclass(frozen=True, slots=True)
class Link:
    """Navigation to another entity set."""

    target: str
    is_many: bool


@dataclass(frozen=True, slots=True)
class EntitySet:
    """One entity set: its properties from a record of the twin, and where one gets from it."""

    name: str
    singular: str
    properties: Mapping[str, Property]
    links: Mapping[str, Link]
    geometry: Property | None = None


def provenance_json(provenance: Provenance) -> dict[str, object]:
    """Provenance as JSON."""
    return {
        "kind": provenance.kind,
        "by": provenance.by,
        "references": list(provenance.references),
        "at": None if provenance.at is None else time_text(provenance.at),
    }


def time_text(time: datetime) -> str:
    """A time in UTC as ISO 8601 with Z."""
    return time.isoformat().replace("+00:00", "Z")


def json_value(value: object) -> object:
    """A property as JSON."""
    if isinstance(value, BaseGeometry):
        return None if value.is_empty else shapely.geometry.mapping(value)
    return time_text(value) if isinstance(value, datetime) else value


def _class_name(asset: Asset) -> str:
    known = asset_classes().get(asset.asset_class)
    return asset.asset_class if known is None else known.english


def _asset_properties(asset: Asset) -> dict[str, object]:
    return {
        "assetClass": asset.asset_class,
        "attributes": {
            item.name: {
                "value": item.value,
                "unit": item.unit,
                "provenance": provenance_json(item.provenance),
            }
            for item in asset.attributes
        },
    }


def _location_properties(asset: Asset) -> dict[str, object]:
    return {"provenance": provenance_json(asset.geometry_provenance)}


def _stream_properties(one: Stream) -> dict[str, object]:
    stream = one.stream
    return {
        "provenance": {"kind": stream.provenance, "by": stream.sensor_id, "source": stream.source},
        "quantity": stream.quantity,
        "vehicleClass": stream.vehicle_class,
        "kind": stream.kind,
        "cadence_s": stream.cadence_s,
        "timeSource": stream.time_source,
        "privacyClass": stream.privacy_class,
    }


def _unit(one: Stream) -> dict[str, object]:
    unit = quantity(one.stream.quantity).unit
    return {"name": unit, "symbol": unit, "definition": f"ucum:{unit}"}


def _place_name(place: Place) -> str:
    return place.asset.name if place.component is None else place.component.name


def _place_properties(place: Place) -> dict[str, object]:
    part = place.component
    if part is None:
        return {"asset": place.asset.id, "component": None}
    return {
        "asset": place.asset.id,
        "component": part.id,
        "kind": part.kind,
        "parent": part.parent_id,
        "station_m": part.station_m,
        "offset_m": part.offset_m,
        "height_m": part.height_m,
        "hasOwnGeometry": part.geometry is not None,
    }


def _quantity_properties(measured: Quantity) -> dict[str, object]:
    return {
        "unit": measured.unit,
        "nameGerman": measured.german,
        "aggregation": measured.aggregation,
        "lowerLimit": measured.lower_limit,
        "upperLimit": measured.upper_limit,
        "source": measured.source,
    }


def _asset_geometry(asset: Asset) -> BaseGeometry:
    return asset.geometry


def _one_set(
    name: str,
    singular: str,
    properties: Mapping[str, Property],
    links: Mapping[str, tuple[str, bool]],
    *,
    geometry: Property | None = None,
) -> EntitySet:
    found = {key: Link(target, is_many) for key, (target, is_many) in links.items()}
    return EntitySet(name, singular, properties, found, geometry)


def _sets() -> Mapping[str, EntitySet]:
    things = ("Things", True)
    streams = ("Datastreams", True)
    sets = (
        _one_set(
            "Things",
            "Thing",
            {
                "name": lambda asset: asset.name,
                "description": _class_name,
                "properties": _asset_properties,
            },
            {
                "Datastreams": streams,
                "HistoricalLocations": ("HistoricalLocations", True),
                "Locations": ("Locations", True),
            },
            geometry=_asset_geometry,
        ),
        _one_set(
            "Locations",
            "Location",
            {
                "name": lambda asset: asset.name,
                "description": lambda asset: f"where the {_class_name(asset)} lies",
                "encodingType": lambda _: GEOJSON,
                "location": _asset_geometry,
                "properties": _location_properties,
            },
            {"Things": things, "HistoricalLocations": ("HistoricalLocations", True)},
            geometry=_asset_geometry,
        ),
        _one_set(
            "HistoricalLocations",
            "HistoricalLocation",
            {"time": lambda asset: asset.geometry_provenance.at},
            {"Thing": ("Things", False), "Locations": ("Locations", True)},
        ),
        _one_set(
            "Sensors",
            "Sensor",
            {
                "name": lambda sensor: sensor.name,
                "description": lambda sensor: sensor.model,
                "encodingType": lambda _: "text/plain",
                "metadata": lambda sensor: sensor.model,
                "properties": lambda sensor: {"provenance": {"kind": sensor.provenance}},
            },
            {"Datastreams": streams},
        ),
        _one_set(
            "ObservedProperties",
            "ObservedProperty",
            {
                "name": lambda measured: measured.english,
                "definition": lambda measured: f"urn:stadtzwilling:quantity:{measured.key}",
                "description": lambda measured: measured.english,
                "properties": _quantity_properties,
            },
            {"Datastreams": streams},
        ),
        _one_set(
            "Datastreams",
            "Datastream",
            {
                "name": lambda one: one.stream.name,
                "description": lambda one: (
                    f"{quantity(one.stream.quantity).english}, {one.place.asset.name}"
                ),
                "observationType": lambda one: (
                    MEASUREMENT if one.stream.kind == "reading" else COMPLEX
                ),
                "unitOfMeasurement": _unit,
                "observedArea": lambda one: one.place.geometry,
                "properties": _stream_properties,
            },
            {
                "Thing": ("Things", False),
                "Sensor": ("Sensors", False),
                "ObservedProperty": ("ObservedProperties", False),
                OBSERVATIONS: (OBSERVATIONS, True),
            },
            geometry=lambda one: one.place.geometry,
        ),
        _one_set(
            OBSERVATIONS,
            "Observation",
            dict.fromkeys(("phenomenonTime", "resultTime", "result", "resultQuality"), repr),
            {
                "Datastream": ("Datastreams", False),
                "FeatureOfInterest": ("FeaturesOfInterest", False),
            },
        ),
        _one_set(
            "FeaturesOfInterest",
            "FeatureOfInterest",
            {
                "name": _place_name,
                "description": lambda place: (
                    _class_name(place.asset) if place.component is None else place.component.kind
                ),
                "encodingType": lambda _: GEOJSON,
                "feature": lambda place: place.geometry,
                "properties": _place_properties,
            },
            {OBSERVATIONS: (OBSERVATIONS, True)},
            geometry=lambda place: place.geometry,
        ),
    )
    return MappingProxyType({one.name: one for one in sets})


SETS = _sets()


def id_of(set_name: str, record: object) -> str:
    """Id of a record."""
    if set_name == "ObservedProperties" and isinstance(record, Quantity):
        return record.key
    if isinstance(record, Asset | Sensor | Stream | Place):
        return record.id
    raise TypeError(f"a record of {set_name} has no id")
