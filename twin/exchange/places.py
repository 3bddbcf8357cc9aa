"""Positions of inventory lists on the globe, and which of them cannot belong to the city."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from functools import cache

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from twin.model.bridge import PartStructure
from twin.model.records import InventoryRecord, WorkItem

WGS84 = 4326
ZONE_DEG = 6.0
ZONES = 60
NORTH, SOUTH = 32600, 32700
MARGIN_DEG = 0.3
"""How far beyond the assets of the city a structure may lie, about 20 to 30 km; own choice."""

Extent = tuple[float, float, float, float]
"""Western, southern, eastern, northern edge [deg]."""


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(source), target, always_xy=True)


def to_utm(longitude: float, latitude: float) -> tuple[float, float, int]:
    """Easting and northing [m] in the UTM zone of a place, and its EPSG code.

    Examples
    --------
    >>> east, north, epsg = to_utm(-75.258333, 40.50625)
    >>> round(east), round(north), epsg
    (478112, 4483981, 32618)
    """
    zone = min(int((longitude + 180.0) // ZONE_DEG), ZONES - 1) + 1
    epsg = (NORTH if latitude >= 0.0 else SOUTH) + zone
    east, north = _transformer(f"EPSG:{WGS84}", f"EPSG:{epsg}").transform(longitude, latitude)
    return float(east), float(north), epsg


def to_degrees(part: PartStructure) -> tuple[float, float] | None:
    """Longitude and latitude of a part structure [deg]; None if its position is not known.

    Examples
    --------
    >>> place = to_degrees(PartStructure("1", "", east_m=411000.0, north_m=5655000.0,
    ...                                  crs="EPSG:25833"))
    >>> [round(value, 2) for value in place]
    [13.73, 51.04]
    """
    if part.east_m is None or part.north_m is None or not part.crs:
        return None
    try:
        transformer = _transformer(part.crs, f"EPSG:{WGS84}")
        longitude, latitude = transformer.transform(part.east_m, part.north_m)
    except (CRSError, ProjError):
        return None
    is_known = math.isfinite(longitude) and math.isfinite(latitude)
    return (float(longitude), float(latitude)) if is_known else None


def extent_of(points: Iterable[tuple[float, float]]) -> Extent | None:
    """Extent around known places with a margin; None if there are none.

    Examples
    --------
    >>> [round(edge, 1) for edge in extent_of([(13.7, 51.0)])]
    [13.4, 50.7, 14.0, 51.3]
    """
    known = list(points)
    if not known:
        return None
    east, north = [x for x, _ in known], [y for _, y in known]
    return (
        min(east) - MARGIN_DEG,
        min(north) - MARGIN_DEG,
        max(east) + MARGIN_DEG,
        max(north) + MARGIN_DEG,
    )


def inside(place: tuple[float, float], extent: Extent) -> bool:
    """Whether a place lies in an extent."""
    west, south, east, north = extent
    return west <= place[0] <= east and south <= place[1] <= north


def without_far_places(
    records: Sequence[InventoryRecord], extent: Extent | None, *, source: str
) -> tuple[list[InventoryRecord], list[WorkItem]]:
    """Records without the positions that lie outside of the city, and a work item for each.

    The structure stays; it is never drawn at such a place.
    """
    kept: list[InventoryRecord] = []
    items: list[WorkItem] = []
    for record in records:
        part = record.content
        place = to_degrees(part) if isinstance(part, PartStructure) else None
        if not isinstance(part, PartStructure) or place is None or extent is None:
            kept.append(record)
            continue
        if inside(place, extent):
            kept.append(record)
            continue
        said = f"{place[1]:.4f}, {place[0]:.4f} lies outside of the city"
        empty = dataclasses.replace(part, east_m=None, north_m=None, crs="")
        notes = {**record.notes, "east_m": said}
        kept.append(dataclasses.replace(record, content=empty, notes=notes))
        detail = f"{record.asset_id}: {said}; correct it or the coordinate system of the mapping"
        items.append(
            WorkItem(source, "outside_city", detail, record.asset_id, record.part, "east_m")
        )
    return kept, items
