"""What the city owns and measures."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from twin.model.assets import Asset, Component
from twin.model.city import City, LoadReport
from twin.model.datastreams import Datastream, Sensor
from twin.model.provenance import Reference


class Inventory(Protocol):
    """The registry of what the city owns and measures."""

    def load(self, city: City, *, at: datetime) -> LoadReport:
        """Add and update everything in the city; the same city again changes nothing."""
        ...

    def references(self) -> Sequence[Reference]:
        """Return all references, by id."""
        ...

    def assets(self, asset_class: str | None = None) -> Sequence[Asset]:
        """Return the assets, all or of one class, by id."""
        ...

    def components(self, asset_id: str | None = None) -> Sequence[Component]:
        """Return the components, all or of one asset, by id."""
        ...

    def sensors(self) -> Sequence[Sensor]:
        """Return all sensors, by id."""
        ...

    def datastreams(self, asset_id: str | None = None) -> Sequence[Datastream]:
        """Return the registered datastreams with their numbers, by uid."""
        ...

    def version(self) -> str:
        """Return a text that changes whenever the registry changes."""
        ...
