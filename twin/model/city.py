"""A city as one value: what a city folder contains and what the registry holds."""

from dataclasses import dataclass

from twin.model.assets import Asset, Component
from twin.model.datastreams import Datastream, Sensor
from twin.model.provenance import Reference


@dataclass(frozen=True, slots=True)
class City:
    """Assets, components, sensors and datastreams with the references that they cite."""

    name: str
    references: tuple[Reference, ...] = ()
    assets: tuple[Asset, ...] = ()
    components: tuple[Component, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    datastreams: tuple[Datastream, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading a city changed: rows added, changed and left as they were."""

    added: int
    changed: int
    unchanged: int
