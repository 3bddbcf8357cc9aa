"""CityGML 2.0 and 3.0 with expat: no DTD, no entities, nothing fetched, one pass.

In degrees, a URN or URL puts latitude first. Surfaces are ``gml:Polygon`` and the patches of
``gml:Surface``; a surface that a link names again counts once. Elements are known by the URI of
their namespace.
"""

from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from twin.errors import CityError
from twin.exchange.citymodel import CityModel, CityObject, Relation, SensorLink, Surface, epsg_of

GML = ("http://www.opengis.net/gml/3.2", "http://www.opengis.net/gml")
CITYGML = ("http://www.opengis.net/citygml/",)
XLINK = "http://www.w3.org/1999/xlink"
PATCHES = ("Polygon", "PolygonPatch", "Triangle", "Rectangle")
NOT_OBJECTS = ("CityModel", "CityObjectRelation", "SensorConnection")
MOST_DEPTH = 200
MOST_BYTES = 1024**3
HREF = f"{XLINK} href"


def read_citygml(path: Path) -> CityModel:
    """Objects, surfaces, relations and sensor links of a CityGML file.

    Raises
    ------
    CityError
        If the file is not well-formed, has a DTD or entities, is nested too deep, or is no CityGML.
    """
    if path.stat().st_size > MOST_BYTES:
        raise CityError(f"{path.name} is larger than 1 GiB; cut it into tiles")
    reader = _Reader(path.name)
    try:
        with path.open("rb") as file:
            reader.parser.ParseFile(file)
    except expat.ExpatError as error:
        raise CityError(f"{path.name} is not well-formed XML: {error}; export it again") from None
    if not reader.is_citygml:
        raise CityError(f"{path.name} holds no CityGML; its root should be a CityModel")
    return reader.model


def target_of(href: str) -> str:
    """Id that a link names, with or without ``#``; empty if it leads to another file.

    Examples
    --------
    >>> target_of("#p1"), target_of("p1"), target_of("other.gml#p1")
    ('p1', 'p1', '')
    """
    plain = href.removeprefix("#")
    return "" if "#" in plain or "/" in plain else plain


class _Reader:
    """State of one pass."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.model = CityModel()
        self.is_citygml = False
        self._stack: list[tuple[str, str]] = []
        self._owners: list[str] = []
        self._text: list[str] = []
        self._ring: list[float] | None = None
        self._outer: NDArray[np.float64] | None = None
        self._dimension = 3
        self._is_latitude_first = False
        self._relation = ["", ""]
        self._sensor: dict[str, str] | None = None
        self._location = ""
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append

    def _refuse(self, *_: object) -> NoReturn:
        raise CityError(f"{self.name} has a DTD or entities, which are refused; export it without")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, local = tag.rpartition(" ")
        self._text.clear()
        key = ""
        self.is_citygml |= local == "CityModel" and space.startswith(CITYGML)
        if len(self._stack) >= MOST_DEPTH:
            raise CityError(f"{self.name} is nested deeper than {MOST_DEPTH} elements")
        if attributes.get("srsName") and not self.model.srs_name:
            self.model.srs_name = attributes["srsName"]
            is_standard = self.model.srs_name.startswith(("urn:ogc:", "http"))
            self._is_latitude_first = is_standard and epsg_of(self.model.srs_name).is_geographic
        if attributes.get("srsDimension", "").isdigit():
            self._dimension = int(attributes["srsDimension"])
        if space.startswith(CITYGML) and local[:1].isupper() and local not in NOT_OBJECTS:
            key = self._object(local, attributes)
        self._stack.append((local, key))
        href = attributes.get(HREF, "")
        if space in GML:
            self._start_gml(local, href)
        elif local == "CityObjectRelation":
            self._relation = ["", ""]
        elif local == "relatedTo" and href:
            self._relation[1] = self._target(href)
        elif local == "SensorConnection":
            self._sensor, self._location = {}, ""
        elif local == "sensorLocation" and href:
            self._location = self._target(href)

    def _object(self, local: str, attributes: dict[str, str]) -> str:
        given = next((attributes[f"{uri} id"] for uri in GML if f"{uri} id" in attributes), "")
        key = given or f"{local}-{len(self.model.objects) + 1}"
        parent = self._owners[-1] if self._owners else ""
        if key in self.model.objects:
            self.model.remarks.append(f"gml:id {key!r} occurs twice; the later is numbered")
            key = f"{key}-{len(self.model.objects) + 1}"
        self.model.objects[key] = CityObject(key, local, parent)
        self._owners.append(key)
        return key

    def _start_gml(self, local: str, href: str) -> None:
        if local in PATCHES:
            self._outer = None
        elif local == "LinearRing":
            self._ring = []
        elif local == "surfaceMember" and href:
            self.model.referenced += 1
            self._target(href)

    def _target(self, href: str) -> str:
        found = target_of(href)
        if not found:
            self.model.remarks.append(f"link {href[:120]!r} leads to another file: not followed")
        return found

    def _end(self, tag: str) -> None:
        space, _, local = tag.rpartition(" ")
        text = "".join(self._text).strip()
        self._text.clear()
        _, key = self._stack.pop()
        if space in GML:
            self._end_gml(local, text)
        elif local == "relationType":
            self._relation[0] = text
        elif local == "CityObjectRelation":
            source = self._owners[-1] if self._owners else ""
            self.model.relations.append(Relation(source, self._relation[1], self._relation[0]))
        elif local == "SensorConnection" and self._sensor is not None:
            self.model.sensor_links.append(SensorLink(self._sensor, self._location))
            self._sensor = None
        elif self._sensor is not None and text:
            self._sensor[local] = " ".join(text.split())
        if key:
            self._owners.pop()

    def _end_gml(self, local: str, text: str) -> None:
        if local in ("posList", "pos") and self._ring is not None:
            try:
                self._ring.extend(float(number) for number in text.split())
            except ValueError:
                self.model.remarks.append(
                    f"{local} {text[:40]!r} holds something else than numbers"
                )
        elif local == "LinearRing" and self._ring is not None:
            if self._outer is None and self._parent() == "exterior":
                self._outer = self._corners(self._ring)
            self._ring = None
        elif local in PATCHES and self._outer is not None:
            self.model.surfaces.append(Surface(tuple(self._owners), self._outer))
            self._outer = None
        elif local == "name" and self._stack and self._stack[-1][1]:
            known = self.model.objects[self._stack[-1][1]]
            self.model.objects[known.id] = CityObject(known.id, known.kind, known.parent, text)

    def _parent(self) -> str:
        return self._stack[-1][0] if self._stack else ""

    def _corners(self, numbers: list[float]) -> NDArray[np.float64]:
        """Corners (corners, 3) without the repeated last one; a height that is missing is 0."""
        size = self._dimension if self._dimension in (2, 3) else 3
        if len(numbers) % size:
            self.model.remarks.append(
                f"a ring in {self._owners[-1:]} has {len(numbers)} numbers, not {size} a corner"
            )
            return np.zeros((0, 3))
        corners = np.array(numbers, dtype=float).reshape(-1, size)
        if size == 2:  # noqa: PLR2004 - plane coordinates
            corners = np.column_stack((corners, np.zeros(len(corners))))
        if self._is_latitude_first:
            corners = corners[:, [1, 0, 2]]
        is_closed = len(corners) > 1 and np.array_equal(corners[0], corners[-1])
        return corners[:-1] if is_closed else corners
