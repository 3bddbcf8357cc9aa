"""Measurement sites of DATEX II: from the published table to plain JSON data, and looked up there.

The table is the metadata table ``sites`` of a source::

    {"cross_sections": false, "sites": {"SYN_A@3": {"latitude": 51.0, "longitude": 13.0,
     "characteristics": {"1": {"type": "trafficFlow", "period_s": 60.0, "lane": "1",
                               "vehicle": ""}}}}}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensors.codecs.decoder import RefusedError
from sensors.codecs.strict_xml import Element, parse
from twin.model.messages import Limits

VERSION_3 = "http://datex2.eu/schema/3/"
VERSION_2 = "http://datex2.eu/schema/2/"
SITE_ELEMENTS = ("measurementSite", "measurementSiteRecord")
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Characteristic:
    """What one index of a site measures; ``period_s`` [s] is None where it is not told."""

    type: str
    period_s: float | None
    lane: str
    vehicle: str


def namespace_of(root: Element) -> str:
    """Beginning of the namespaces of this version.

    Raises
    ------
    RefusedError
        If it is neither version 2 nor 3.
    """
    for one in (VERSION_3, VERSION_2):
        if root.uri.startswith(one):
            return one
    raise RefusedError(
        "unsupported_version", "the root element is not one of DATEX II version 2 or 3"
    )


def publications(root: Element, kind: str) -> list[Element]:
    """Publications of this ``xsi:type`` in a document of either version."""
    within = namespace_of(root)
    return [
        one
        for one in root.walk()
        if one.name in ("payload", "payloadPublication")
        and one.uri.startswith(within)
        and one.type is not None
        and one.type[0].startswith(within)
        and one.type[1] == kind
    ]


def read_sites(content: bytes, limits: Limits | None = None) -> dict[str, Any]:
    """The metadata table ``sites`` of a published site table.

    Raises
    ------
    RefusedError
        If it is no XML, no DATEX II or holds no site table.
    """
    root = parse(content, limits or Limits(payload_bytes=len(content), items=1_000_000))
    within = namespace_of(root)
    found: dict[str, Any] = {}
    for publication in publications(root, "MeasurementSiteTablePublication"):
        for table in publication.all("measurementSiteTable", within=within):
            for site in table.children:
                if site.name in SITE_ELEMENTS and site.uri.startswith(within):
                    found[site_key(site)] = _site(site, within)
    if not found:
        raise RefusedError(
            "missing_field", "no measurement site in a MeasurementSiteTablePublication"
        )
    return {"cross_sections": False, "sites": found}


def site_key(element: Element) -> str:
    """Id and version of a site or of a reference to it."""
    return f"{element.attributes.get('id', '')}@{element.attributes.get('version', '')}"


def characteristics(table: object, key: str) -> Mapping[str, Characteristic]:
    """What the indices of a site measure.

    Raises
    ------
    RefusedError
        ``metadata_missing`` if the table has no such site in this version.
    """
    sites = table.get("sites") if isinstance(table, Mapping) else None
    site = sites.get(key) if isinstance(sites, Mapping) else None
    listed = site.get("characteristics") if isinstance(site, Mapping) else None
    if not isinstance(listed, Mapping):
        raise RefusedError(
            "metadata_missing",
            "the table `sites` has no such site in this version; import the site table that the "
            "source publishes: twin import datex2-sites",
        )
    return {
        str(index): _characteristic(one)
        for index, one in listed.items()
        if isinstance(one, Mapping)
    }


def _characteristic(one: Mapping[str, Any]) -> Characteristic:
    period = one.get("period_s")
    is_number = isinstance(period, int | float) and not isinstance(period, bool)
    return Characteristic(
        type=str(one.get("type") or ""),
        period_s=float(period) if is_number and 0 < period < math.inf else None,
        lane=str(one.get("lane") or ""),
        vehicle=str(one.get("vehicle") or ""),
    )


def _site(site: Element, within: str) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    for outer in site.all("measurementSpecificCharacteristics", within=within):
        inner = outer.first("measurementSpecificCharacteristics", within=within) or outer
        lane = inner.first("specificLane", within=within)
        number = lane.first("laneNumber", within=within) if lane is not None else None
        listed[outer.attributes.get("index", "")] = {
            "type": _text(inner.first("specificMeasurementValueType", within=within)),
            "period_s": number_of(inner.first("period", within=within)),
            "lane": _text(number or lane),
            "vehicle": " ".join(
                one.text
                for part in inner.all("specificVehicleCharacteristics", within=within)
                for one in part.walk()
                if one.name == "vehicleType" and one.text != "anyVehicle"
            ),
        }
    places = {one.name: number_of(one) for one in site.walk()}
    return {
        "latitude": places.get("latitude"),
        "longitude": places.get("longitude"),
        "characteristics": listed,
    }


def number_of(element: Element | None) -> float | None:
    """Finite number in an element, None if there is none."""
    try:
        number = float(element.text) if element is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(element: Element | None) -> str:
    return element.text if element is not None else ""
