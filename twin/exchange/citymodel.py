"""Content of a city model, from CityGML or CityJSON: objects, surfaces, links. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from twin.errors import CityError
from twin.exchange.problems import suggestion
from twin.model.tables import rows

LEAST_CORNERS = 3
_EPSG = re.compile(
    r"(?:EPSG:{1,2}|EPSG:[\d.]+:|def/crs/EPSG/[\d.]+/|epsg\.xml#)(\d{4,6})", re.IGNORECASE
)
_ADV = re.compile(r"urn:adv:crs:([^*,]+)")


@dataclass(frozen=True, slots=True)
class CityObject:
    """An object of a city model, with the object it is a part of."""

    id: str
    kind: str
    parent: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A surface: the objects around it, outermost first, and its outer ring.

    Parameters
    ----------
    owners
        Ids of the objects around it.
    ring : (corners, 3)
        Corners without the repeated last one, in the units of the CRS.
    """

    owners: tuple[str, ...]
    ring: NDArray[np.float64]

    @property
    def is_degenerate(self) -> bool:
        """Whether it has fewer than three distinct corners."""
        return len(np.unique(self.ring, axis=0)) < LEAST_CORNERS

    @property
    def area(self) -> float:
        """Area of the outer ring in space (Newell's formula)."""
        following = np.roll(self.ring, -1, axis=0)
        return float(np.linalg.norm(np.cross(self.ring, following).sum(axis=0)) / 2.0)


@dataclass(frozen=True, slots=True)
class Relation:
    """A ``CityObjectRelation``: from one object to another, with its type."""

    source: str
    target: str
    kind: str


@dataclass(frozen=True, slots=True)
class SensorLink:
    """A ``SensorConnection``: its fields under their own names, and the object it names."""

    fields: Mapping[str, str]
    location: str


@dataclass(slots=True)
class CityModel:
    """Content of one file. ``referenced`` counts surfaces that are named again by a link."""

    srs_name: str = ""
    objects: dict[str, CityObject] = field(default_factory=dict)
    surfaces: list[Surface] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    sensor_links: list[SensorLink] = field(default_factory=list)
    referenced: int = 0
    remarks: list[str] = field(default_factory=list)

    def within(self, key: str) -> Sequence[Surface]:
        """Surfaces of an object and of its parts that are not degenerate."""
        return [one for one in self.surfaces if key in one.owners and not one.is_degenerate]

    def ancestor(self, key: str, kind: str) -> str:
        """The object of a kind that an object is or lies in; empty if there is none."""
        seen: set[str] = set()
        while key in self.objects and key not in seen:
            seen.add(key)
            if self.objects[key].kind == kind:
                return key
            key = self.objects[key].parent
        return ""


def epsg_of(srs_name: str) -> CRS:
    """Horizontal CRS of a ``srsName``: URN, URL, ``EPSG:n`` or a name of the German surveys.

    Raises
    ------
    CityError
        If it is unknown or empty; nothing is guessed.

    Examples
    --------
    >>> [epsg_of(name).to_epsg() for name in ("urn:ogc:def:crs:EPSG::25833",
    ...     "urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH", "https://www.opengis.net/def/crs/EPSG/0/7415",
    ...     "urn:ogc:def:crs,crs:EPSG::31468,crs:EPSG::5783")]
    [25833, 25832, 28992, 31468]
    """
    adv = _ADV.search(srs_name)
    table = {row["name"]: row["epsg"] for row in rows("srs_names")}
    numbered = _EPSG.search(srs_name)
    code = table.get(adv[1], "") if adv else numbered[1] if numbered else ""
    try:
        crs = CRS.from_epsg(int(code)) if code else None
    except CRSError:
        crs = None
    if crs is None:
        hint = (
            suggestion(adv[1], table) if adv else "; write for example urn:ogc:def:crs:EPSG::25833"
        )
        raise CityError(f"srsName {srs_name!r} is unknown{hint}")
    return crs.sub_crs_list[0] if crs.is_compound else crs
