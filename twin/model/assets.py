"""Assets and their components: what the city owns, inspects and measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from shapely.geometry.base import BaseGeometry

from twin.model.provenance import Provenance
from twin.model.tables import rows


@dataclass(frozen=True, slots=True)
class AssetClass:
    """Kind of asset with its labels and the geometry types it may have."""

    key: str
    english: str
    german: str
    geometry: tuple[str, ...]

    def label(self, language: str) -> str:
        """Name of the class in ``de`` or ``en``."""
        return self.german if language == "de" else self.english


@cache
def asset_classes() -> Mapping[str, AssetClass]:
    """All asset classes by key.

    Examples
    --------
    >>> asset_classes()["bridge"].german
    'Brücke'
    """
    return MappingProxyType(
        {
            row["key"]: AssetClass(
                key=row["key"],
                english=row["english"],
                german=row["german"],
                geometry=tuple(row["geometry"].split("|")),
            )
            for row in rows("asset_classes")
        }
    )


@dataclass(frozen=True, slots=True)
class Attribute:
    """One fact about an asset with its unit (UCUM, empty for text) and its provenance."""

    name: str
    value: float | str
    unit: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Asset:
    """Something the city owns and inspects.

    Parameters
    ----------
    id
        Stable text id, unique in the city (Bauwerksnummer or the town's own id).
    asset_class
        Key of the table ``asset_classes.csv``.
    name
        What people call it.
    geometry
        Longitude and latitude [degree], EPSG:4326.
    geometry_provenance
        Where the geometry comes from and how far off it may be.
    attributes
        Facts, each with its own provenance; unique names.
    """

    id: str
    asset_class: str
    name: str
    geometry: BaseGeometry
    geometry_provenance: Provenance
    attributes: tuple[Attribute, ...] = ()

    def attribute(self, name: str) -> Attribute | None:
        """Attribute with this name, or None."""
        return next((item for item in self.attributes if item.name == name), None)


@dataclass(frozen=True, slots=True)
class Component:
    """Part of an asset in its tree: a girder, a midspan, one direction of a road section.

    Parameters
    ----------
    id
        Unique in the city, conventionally ``<asset>/<path>``.
    asset_id, parent_id
        The asset; the component above it, or None for a top-level part.
    kind
        For example ``superstructure``, ``girder``, ``section``, ``direction``, ``pier``.
    station_m, offset_m, height_m
        Local position [m]: along the axis, left of it, above it; None if unknown.
    geometry
        Longitude and latitude [degree], or None where the local position is enough.
    """

    id: str
    asset_id: str
    name: str
    kind: str
    parent_id: str | None = None
    station_m: float | None = None
    offset_m: float | None = None
    height_m: float | None = None
    geometry: BaseGeometry | None = None
