"""Bridges as CityJSON 2.0: the deck as a surface where the city has one; pure.

Source: CityJSON Specifications 2.0.1 (OGC 20-072r5), clauses 2 to 4.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from twin.model.assets import Asset

SCALE_M = 0.001
LEAST_CORNERS = 3
HEIGHT = "unknown: the city holds no heights; z is 0 throughout"

Ring = list[int]


class _Vertices:
    """Distinct vertices as whole numbers of millimetres from the corner of the extent."""

    def __init__(self, corner: NDArray[np.float64]) -> None:
        self._corner = corner
        self.places: dict[tuple[int, int, int], int] = {}

    def ring(self, points: NDArray[np.float64]) -> Ring:
        """Indices of a ring without its repeated end and without equal neighbours."""
        whole = np.round((points - self._corner) / SCALE_M).astype(int)
        found: Ring = []
        for east, north in whole.tolist():
            at = self.places.setdefault((east, north, 0), len(self.places))
            if not found or found[-1] != at:
                found.append(at)
        return found[:-1] if len(found) > 1 and found[0] == found[-1] else found


def cityjson(
    assets: Iterable[Asset],
    *,
    crs: str,
    title: str,
    day: str,
    only: Sequence[str] | None = None,
) -> Mapping[str, object]:
    """Document with one ``Bridge`` per asset.

    Parameters
    ----------
    assets
        Bridges; one that is no polygon has attributes and no geometry.
    crs
        Metric CRS such as ``EPSG:25833``.
    title, day
        Name of the city; date of the export (ISO 8601).
    only
        Names of the attributes that may leave; all of them if None.

    Examples
    --------
    >>> from twin.model.provenance import Provenance
    >>> deck = Polygon([(13.7, 51.0), (13.701, 51.0), (13.701, 51.0001), (13.7, 51.0001)])
    >>> drawn = Provenance("estimated", by="drawn")
    >>> found = cityjson([Asset("B1", "bridge", "Bridge", deck, drawn)], crs="EPSG:25833",
    ...                  title="Town", day="2026-11-22")
    >>> found["CityObjects"]["B1"]["geometry"][0]["boundaries"], len(found["vertices"])
    ([[[0, 1, 2, 3]]], 4)
    """
    change = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    listed = list(assets)
    decks = {asset.id: _projected(asset.geometry, change) for asset in listed}
    points = [np.asarray(one.exterior.coords) for parts in decks.values() for one in parts]
    corner = np.floor(np.min(np.concatenate(points), axis=0)) if points else np.zeros(2)
    vertices = _Vertices(corner)
    objects = {asset.id: _bridge(asset, decks[asset.id], vertices, only) for asset in listed}
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {
            "scale": [SCALE_M, SCALE_M, SCALE_M],
            "translate": [*corner.tolist(), 0.0],
        },
        "metadata": {
            "title": title,
            "referenceDate": day,
            "referenceSystem": f"https://www.opengis.net/def/crs/EPSG/0/{crs.rpartition(':')[2]}",
        },
        "CityObjects": objects,
        "vertices": [list(place) for place in vertices.places],
    }


def _projected(geometry: BaseGeometry, change: Transformer) -> Sequence[Polygon]:
    """Polygons in metres, counter-clockwise seen from above."""
    parts = getattr(geometry, "geoms", [geometry])
    return [
        orient(
            Polygon(
                _moved(part.exterior.coords, change),
                [_moved(hole.coords, change) for hole in part.interiors],
            )
        )
        for part in parts
        if isinstance(part, Polygon)
    ]


def _moved(points: Iterable[Sequence[float]], change: Transformer) -> NDArray[np.float64]:
    east, north = np.array([point[:2] for point in points], dtype=np.float64).T
    return np.column_stack(change.transform(east, north))


def _bridge(
    asset: Asset, decks: Sequence[Polygon], vertices: _Vertices, only: Sequence[str] | None
) -> Mapping[str, object]:
    attributes: dict[str, object] = {
        "name": asset.name,
        "provenance": asset.geometry_provenance.kind,
        **{item.name: item.value for item in asset.attributes if only is None or item.name in only},
    }
    surfaces = [_surface(deck, vertices) for deck in decks]
    sound = [surface for surface in surfaces if surface]
    if not sound:
        return {"type": "Bridge", "attributes": attributes}
    geometry = {
        "type": "MultiSurface",
        "lod": "0",
        "boundaries": sound,
        "semantics": {"surfaces": [{"type": "OuterFloorSurface"}], "values": [0] * len(sound)},
    }
    attributes["height"] = HEIGHT
    return {"type": "Bridge", "attributes": attributes, "geometry": [geometry]}


def _surface(deck: Polygon, vertices: _Vertices) -> list[Ring]:
    """Exterior and holes; empty if the exterior has collapsed to less than a triangle."""
    rings = [vertices.ring(np.asarray(ring.coords)) for ring in (deck.exterior, *deck.interiors)]
    if len(set(rings[0])) < LEAST_CORNERS:
        return []
    return [rings[0], *(ring for ring in rings[1:] if len(set(ring)) >= LEAST_CORNERS)]
