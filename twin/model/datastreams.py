"""Sensors and their datastreams: one quantity at one component from one sensor."""

from dataclasses import dataclass
from typing import Literal

from twin.model.provenance import ProvenanceKind

StreamKind = Literal["reading", "waveform"]
PrivacyClass = Literal["technical", "aggregated_traffic", "vehicle", "person", "image"]
TimeSource = Literal["device", "server"]
VehicleClass = Literal["", "all", "car", "heavy"]


@dataclass(frozen=True, slots=True)
class Sensor:
    """A device in the field, or the programme that plays one."""

    id: str
    name: str
    model: str
    provenance: ProvenanceKind


@dataclass(frozen=True, slots=True)
class Datastream:
    """One quantity at one component from one sensor.

    Parameters
    ----------
    uid
        Stable text id, unique in the city; it occurs in addresses and exports.
    name
        Short description for lists.
    asset_id, component_id
        Where it is measured; the component may be None.
    quantity
        Key of the table ``quantities.csv``.
    sensor_id
        The device.
    source, route_key
        How messages find it: the source of the routing rule and the key its codec yields.
    provenance
        Measured or simulated: shown with every value.
    vehicle_class
        For traffic quantities: all vehicles, cars or heavy vehicles; else empty.
    kind
        Single readings, or waveform blocks.
    cadence_s
        Expected interval [s]; None if event driven.
    time_source
        Whether the device's clock counts or the time of arrival.
    privacy_class
        Decides on retention and display.
    number
        Given by the store on registration; None before.
    """

    uid: str
    name: str
    asset_id: str
    component_id: str | None
    quantity: str
    sensor_id: str
    source: str
    route_key: str
    provenance: ProvenanceKind
    vehicle_class: VehicleClass = ""
    kind: StreamKind = "reading"
    cadence_s: float | None = None
    time_source: TimeSource = "device"
    privacy_class: PrivacyClass = "technical"
    number: int | None = None
