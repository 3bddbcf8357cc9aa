"""Map files of a town (GeoPackage, Shapefile, GeoJSON, FlatGeobuf, Esri JSON) as frames with a CRS.

Reads through pyogrio; a CRS is taken from the file or the mapping, never guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FieldError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from twin.errors import CityError
from twin.exchange.esri import read_esri
from twin.exchange.geomapping import GeoMapping

ENDINGS = (".gpkg", ".shp", ".geojson", ".json", ".fgb")
MOST_BYTES = 1024**3
DEGREES = "EPSG:4326"
CANDIDATES = (25832, 25833, 31467, 31468, 4326, 3857)
"""Systems that German towns use; named in a message where the declared one does not fit."""
MOST_DEGREES = (180.0, 90.0)
OLD_MEMBER = re.compile(rb'"crs"\s*:\s*\{')
HEAD_BYTES = 1024**2
DBF_HEADER_SIZE = slice(8, 10)
FIRST_NOT_ASCII = 0x80
CONFIDENCE = 25
MOST_TRIED = 1000


@dataclass(frozen=True, slots=True)
class GeoFile:
    """Features of one file in a declared CRS, and remarks about the file as a whole."""

    name: str
    frame: geopandas.GeoDataFrame
    remarks: tuple[str, ...]


def read_geo_file(path: Path, mapping: GeoMapping) -> GeoFile:
    """Features of a map file with the CRS of the file or of the mapping.

    Raises
    ------
    CityError
        If the file cannot be read, has several layers and none is named, declares no CRS and the
        mapping none, declares another one than the mapping, or its texts have no encoding.
    """
    _check_file(path)
    remarks: list[str] = []
    esri = read_esri(path) if path.suffix.casefold() == ".json" else None
    if esri is not None:
        frame, said = esri
        remarks += said
    else:
        frame = _read(path, mapping, remarks)
    frame = _with_crs(path.name, frame, mapping, remarks)
    if mapping.axes == "yx":
        swapped = shapely.transform(frame.geometry.to_numpy(), lambda points: points[:, ::-1])
        frame = frame.set_geometry(geopandas.GeoSeries(swapped, index=frame.index, crs=frame.crs))
    return GeoFile(path.name, frame, tuple(remarks))


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise CityError(f"{path} is no file; name one that ends in {', '.join(ENDINGS)}")
    if path.suffix.casefold() not in ENDINGS:
        raise CityError(
            f"{path.name}: files that end in {path.suffix!r} are not read; save it as "
            "GeoPackage (.gpkg), or one of " + ", ".join(ENDINGS)
        )
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise CityError(f"{path.name} has {size:,} bytes, more than 1 GiB; cut it into parts")


def _read(path: Path, mapping: GeoMapping, remarks: list[str]) -> geopandas.GeoDataFrame:
    encoding = _encoding(path, mapping)
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        layer = mapping.layer or (layers[0] if len(layers) == 1 else "")
        if layer not in layers:
            wanted = f"no layer {layer!r}" if layer else f"{len(layers)} layers"
            raise CityError(
                f"{path.name} has {wanted}; say layer = NAME in the mapping, one of "
                + ", ".join(layers)
            )
        frame = pyogrio.read_dataframe(path, layer=layer, encoding=encoding)
    except (DataSourceError, DataLayerError, FieldError, UnicodeDecodeError) as error:
        raise CityError(
            f"{path.name} cannot be read ({error}); open it in a GIS and save it as GeoPackage"
        ) from None
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise CityError(f"{path.name} has no geometry; export the layer, not only its table")
    if path.suffix.casefold() in (".geojson", ".json"):
        frame = _geojson_crs(path, frame, mapping, remarks)
    if not len(frame):
        raise CityError(f"{path.name} holds no features; check the export")
    return frame


def _encoding(path: Path, mapping: GeoMapping) -> str | None:
    """Encoding of a Shapefile without ``.cpg``: as declared, needed if a text is not ASCII."""
    if path.suffix.casefold() != ".shp":
        return None
    if any(path.with_suffix(ending).is_file() for ending in (".cpg", ".CPG")):
        return mapping.encoding or None
    if mapping.encoding:
        return mapping.encoding
    tables = [path.with_suffix(ending) for ending in (".dbf", ".DBF")]
    table = next((one for one in tables if one.is_file()), None)
    if table is None:
        raise CityError(f"{path.name} has no .dbf beside it; copy all files of the Shapefile")
    content = table.read_bytes()
    header = int.from_bytes(content[DBF_HEADER_SIZE], "little")
    if any(byte >= FIRST_NOT_ASCII for byte in content[header:]):
        raise CityError(
            f"{path.name} has no .cpg and texts that are not ASCII; say their encoding in the "
            "mapping, for example encoding = 'UTF-8' or 'CP1252'"
        )
    return None


def _geojson_crs(
    path: Path, frame: geopandas.GeoDataFrame, mapping: GeoMapping, remarks: list[str]
) -> geopandas.GeoDataFrame:
    """An old ``crs`` member is used and told; without one the mapping counts, then RFC 7946."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(path.stat().st_size - HEAD_BYTES, 0))
        has_member = OLD_MEMBER.search(head) or OLD_MEMBER.search(file.read())
    if has_member:
        if frame.crs is not None:
            remarks.append(
                f"the old member crs says {_name(frame.crs)}; it is used, though RFC 7946 has none"
            )
        return frame
    if mapping.crs:
        return _without_crs(frame)
    west, south, east, north = frame.total_bounds
    if max(abs(west), abs(east)) > MOST_DEGREES[0] or max(abs(south), abs(north)) > MOST_DEGREES[1]:
        return _without_crs(frame)
    remarks.append("no CRS is named: degrees, longitude first, as RFC 7946 says")
    return frame.set_crs(DEGREES, allow_override=True)


def _without_crs(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    bare = geopandas.GeoSeries(frame.geometry.to_numpy().tolist(), index=frame.index)
    return geopandas.GeoDataFrame(pd.DataFrame(frame.drop(columns="geometry")), geometry=bare)


def _with_crs(
    name: str, frame: geopandas.GeoDataFrame, mapping: GeoMapping, remarks: list[str]
) -> geopandas.GeoDataFrame:
    declared = frame.crs
    if declared is not None and "undefined" in declared.name.casefold():
        declared = None
    try:
        wanted = CRS.from_user_input(mapping.crs) if mapping.crs else None
    except CRSError:
        raise CityError(
            f"crs {mapping.crs!r} of the mapping is unknown; use for example 25833 or 'EPSG:25833'"
        ) from None
    if declared is None and wanted is None:
        raise CityError(
            f"{name} declares no coordinate reference system and the mapping none; say for "
            "example crs = 25833 in the table [network] of the mapping"
        )
    if declared is None or wanted is None:
        return frame if wanted is None else frame.set_crs(wanted, allow_override=True)
    if are_same(declared, wanted):
        return frame.set_crs(wanted, allow_override=True)
    if _is_nameless(declared):
        remarks.append(
            f"the file describes its CRS as {declared.name!r} without a known code; "
            f"{_name(wanted)} of the mapping is used"
        )
        return frame.set_crs(wanted, allow_override=True)
    raise CityError(
        f"{name} declares {_name(declared)} and the mapping {_name(wanted)}; correct one of the two"
    )


def are_same(one: CRS, other: CRS) -> bool:
    """Whether two systems are one, also if a file spells it in its own way.

    Examples
    --------
    >>> esri = CRS(CRS(25833).to_wkt("WKT1_ESRI"))
    >>> are_same(esri, CRS(25833)), are_same(CRS(25832), CRS(25833))
    (True, False)
    """
    if one == other:
        return True
    codes = [_code(crs) for crs in (one, other)]
    return codes[0] is not None and codes[0] == codes[1]


def _code(crs: CRS) -> int | None:
    horizontal = crs.sub_crs_list[0] if crs.is_compound else crs
    return horizontal.to_epsg(min_confidence=CONFIDENCE)


def _is_nameless(crs: CRS) -> bool:
    return _code(crs) is None


def _name(crs: CRS) -> str:
    code = crs.to_epsg(min_confidence=CONFIDENCE)
    return f"EPSG:{code}" if code else crs.name


def check_places(
    name: str, frame: geopandas.GeoDataFrame, extent: Sequence[float]
) -> geopandas.GeoDataFrame:
    """The frame in degrees, if any of it lies in the extent of the city.

    Raises
    ------
    CityError
        If nothing lies there; says whether the axes are swapped or which CRS would fit.
    """
    shapes = frame.geometry
    given = np.asarray(shapely.get_coordinates(shapes[shapes.notna()].to_numpy()))
    given = given[np.isfinite(given).all(axis=1)]
    if not len(given):
        raise CityError(f"{name} has no coordinates at all; check the export")
    degrees = frame.to_crs(DEGREES)
    places = shapely.get_coordinates(degrees.geometry[degrees.geometry.notna()].to_numpy())
    if _share_inside(np.asarray(places), extent) > 0:
        return degrees
    x, y = given[0]
    west, south, east, north = extent
    found = (
        f"{name}: all coordinates, for example ({x:.10g}, {y:.10g}) in {_name(CRS(frame.crs))}, "
    )
    limits = f"lie outside city.extent [{west:g}, {south:g}, {east:g}, {north:g}]"
    if _inside_as(given[:, ::-1], CRS(frame.crs), extent):
        raise CityError(
            f"{found}have their axes swapped; say axes = 'yx' in the mapping, "
            "or write east or longitude first"
        )
    fitting = [code for code in CANDIDATES if _inside_as(given, CRS(code), extent)]
    hint = (
        f"they would lie in it as EPSG:{fitting[0]}: check crs"
        if fitting
        else "check crs in the mapping and the extent in city.toml"
    )
    raise CityError(f"{found}{limits}; {hint}")


def _inside_as(points: NDArray[np.float64], crs: CRS, extent: Sequence[float]) -> bool:
    to_degrees = Transformer.from_crs(crs, DEGREES, always_xy=True)
    x, y = to_degrees.transform(points[:MOST_TRIED, 0], points[:MOST_TRIED, 1])
    return _share_inside(np.column_stack((x, y)), extent) > 0


def _share_inside(places: NDArray[np.float64], extent: Sequence[float]) -> float:
    west, south, east, north = extent
    x, y = places[:, 0], places[:, 1]
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return float(inside.mean()) if len(inside) else 0.0
