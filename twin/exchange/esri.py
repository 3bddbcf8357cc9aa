"""Answers of Esri feature services (Esri JSON) as frames; no GDAL driver, so that nothing is lost.

``features[].attributes`` with ``geometry`` of ``paths``, ``rings`` or ``x`` and ``y``; the CRS is
``latestWkid``, else ``wkid``.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError

TRUNCATED = "answer is truncated: fetch the next page and import all pages"
LEAST_RING = 4


def is_esri(content: object) -> bool:
    """Whether parsed JSON is an answer of an Esri service.

    Examples
    --------
    >>> is_esri({"geometryType": "esriGeometryPoint", "features": []}), is_esri({"features": []})
    (True, False)
    """
    return (
        isinstance(content, dict)
        and isinstance(content.get("features"), list)
        and ("spatialReference" in content or "geometryType" in content)
        and content.get("type") != "FeatureCollection"
    )


def read_esri(path: Path) -> tuple[geopandas.GeoDataFrame, list[str]] | None:
    """Frame and remarks of an Esri JSON file; None if the file is JSON of another kind.

    Raises
    ------
    CityError
        If the file is not JSON, or is the error answer of a service.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CityError(f"{path.name} is not JSON in UTF-8: {error}; fetch it again") from None
    if isinstance(content, dict) and isinstance(content.get("error"), dict):
        raise CityError(
            f"{path.name} is an error answer of the service: "
            f"{str(content['error'].get('message', ''))[:200]}; fetch it again"
        )
    return frame_of(content) if is_esri(content) else None


def frame_of(content: Mapping[str, Any]) -> tuple[geopandas.GeoDataFrame, list[str]]:
    """Frame of an answer in its CRS, None where it names none, and remarks about the whole.

    Geometry that cannot be read is None in the frame: the importer lists its row.

    Examples
    --------
    >>> path = {"paths": [[[13.0, 51.0], [13.1, 51.0]]]}
    >>> answer = {"spatialReference": {"wkid": 4258}, "features": [
    ...     {"attributes": {"id": "S1"}, "geometry": path}]}
    >>> frame, remarks = frame_of(answer)
    >>> frame.crs.to_epsg(), list(frame["id"]), remarks
    (4258, ['S1'], [])
    """
    remarks = [TRUNCATED] if content.get("exceededTransferLimit") is True else []
    features = [item for item in content["features"] if isinstance(item, dict)]
    attributes = [_attributes(item) for item in features]
    shapes = [_shape(item.get("geometry")) for item in features]
    curved = sum(_is_curved(item.get("geometry")) for item in features)
    if curved:
        remarks.append(f"{curved} features have curves, which are not read; ask for straight lines")
    named = [str(item.get("name")) for item in content.get("fields") or () if "name" in item]
    columns = list(dict.fromkeys([*named, *(key for row in attributes for key in row)]))
    table = {name: [row.get(name) for row in attributes] for name in columns}
    crs = _crs(content, remarks)
    geometry = geopandas.GeoSeries(np.array(shapes, dtype=object).tolist(), crs=crs)
    return geopandas.GeoDataFrame(pd.DataFrame(table), geometry=geometry), remarks


def _attributes(feature: Mapping[str, Any]) -> dict[str, Any]:
    found = feature.get("attributes")
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _crs(content: Mapping[str, Any], remarks: list[str]) -> CRS | None:
    given = content.get("spatialReference")
    reference = given if isinstance(given, dict) else {}
    for code in (reference.get("latestWkid"), reference.get("wkid")):
        if isinstance(code, bool) or not isinstance(code, int):
            continue
        for authority in ("EPSG", "ESRI"):
            try:
                return CRS.from_authority(authority, code)
            except CRSError:
                continue
        remarks.append(f"spatial reference {code} is unknown")
    return None


def _is_curved(geometry: object) -> bool:
    return isinstance(geometry, dict) and bool({"curvePaths", "curveRings"} & geometry.keys())


def _shape(geometry: object) -> BaseGeometry | None:
    if not isinstance(geometry, dict) or _is_curved(geometry):
        return None
    try:
        if "paths" in geometry:
            return _lines(geometry["paths"])
        if "rings" in geometry:
            return _polygons(geometry["rings"])
        return Point(_pair([geometry["x"], geometry["y"]]))
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _pair(point: Sequence[Any]) -> tuple[float, float]:
    x, y = float(point[0]), float(point[1])
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError("a coordinate is not finite")
    return x, y


def _lines(paths: Sequence[Any]) -> BaseGeometry | None:
    lines = [LineString([_pair(point) for point in path]) for path in paths if len(path) > 1]
    if not lines:
        return None
    return lines[0] if len(lines) == 1 else MultiLineString(lines)


def _polygons(rings: Sequence[Any]) -> BaseGeometry | None:
    """Outer rings run clockwise, holes the other way; a hole belongs to the ring around it."""
    closed = [
        Polygon([_pair(point) for point in ring]) for ring in rings if len(ring) >= LEAST_RING
    ]
    outer = [ring for ring in closed if not ring.exterior.is_ccw]
    holes = [ring for ring in closed if ring.exterior.is_ccw]
    found = [
        Polygon(
            ring.exterior.coords,
            [hole.exterior.coords for hole in holes if ring.covers(hole)],
        )
        for ring in outer
    ]
    if not found:
        return None
    return found[0] if len(found) == 1 else MultiPolygon(found)
