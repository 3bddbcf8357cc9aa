"""Map layers of a city folder: one GeoJSON or GeoPackage per asset class.

The only module that imports geopandas; only the job that loads a city imports it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from twin.exchange.problems import Known, Problems, suggestion
from twin.exchange.rows import Row
from twin.exchange.widelayers import WideReader
from twin.model.assets import Attribute, asset_classes
from twin.settings import CitySettings

DEGREES = "EPSG:4326"
SUFFIXES = (".geojson", ".gpkg")
NEEDED = ("id", "name", "provenance")
OPTIONAL = ("references", "note")
MOST_DEGREES = (180.0, 90.0)


@dataclass(frozen=True, slots=True)
class Feature:
    """One asset as it stands in a layer: its row, geometry in degrees, length [m], attributes."""

    asset_class: str
    row: Row
    geometry: BaseGeometry
    length_m: float
    attributes: Sequence[Attribute] = ()


def layer_names() -> Mapping[str, str]:
    """Asset class by the stem of a layer file; the plural may be used."""
    return {stem: key for key in asset_classes() for stem in (key, f"{key}s")}


def read_layers(
    folder: Path, settings: CitySettings, *, known: Known, references: Known, problems: Problems
) -> Sequence[Feature]:
    """Features of all layer files of the folder; ``known`` takes their ids."""
    metric = _metric_crs(settings, problems)
    names = layer_names()
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if not files:
        problems.add(str(folder.name), "there is no layer file; add for example bridges.geojson")
    features: list[Feature] = []
    for path in files:
        if path.stem not in names:
            problems.add(
                path.name, f"asset class {path.stem!r} is unknown{suggestion(path.stem, names)}"
            )
            known.is_complete = False
            continue
        frame = _read_frame(path, problems)
        if frame is None or metric is None:
            known.is_complete = False
            continue
        layer = _Layer(path.name, names[path.stem], settings.extent, known, problems)
        wide = WideReader(path.name, references, problems)
        features += layer.features(frame, metric, wide)
    return features


def _metric_crs(settings: CitySettings, problems: Problems) -> CRS | None:
    try:
        crs = CRS.from_user_input(settings.crs)
    except CRSError:
        crs = None
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        problems.add(
            "city.toml",
            f"city.crs {settings.crs!r} is not a projected CRS in metres; "
            "use for example 'EPSG:25832'",
        )
        return None
    return crs


def _read_frame(path: Path, problems: Problems) -> geopandas.GeoDataFrame | None:
    try:
        layers = pyogrio.list_layers(path)
        if len(layers) != 1:
            problems.add(path.name, f"holds {len(layers)} layers; write one layer to each file")
            return None
        frame = geopandas.read_file(path)
    except (DataSourceError, DataLayerError) as error:
        problems.add(path.name, f"cannot be read ({error}); save it as GeoJSON or GeoPackage")
        return None
    if not isinstance(frame, geopandas.GeoDataFrame):
        problems.add(path.name, "has no geometry column; save it as GeoJSON or GeoPackage")
        return None
    missing = [column for column in NEEDED if column not in frame.columns]
    if missing:
        problems.add(
            path.name,
            f"column {', '.join(map(repr, missing))} is missing; add it to every feature",
        )
        return None
    crs = frame.crs
    if crs is None or not (crs.is_geographic or crs.is_projected):
        problems.add(
            path.name,
            "has no coordinate reference system; declare it in the file, "
            "for example EPSG:25832 or EPSG:4326",
        )
        return None
    return frame


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer file while it is read."""

    file: str
    asset_class: str
    extent: tuple[float, ...]
    known: Known
    problems: Problems

    def features(
        self, frame: geopandas.GeoDataFrame, metric: CRS, wide: WideReader
    ) -> Sequence[Feature]:
        """Features of the layer that are in order; the others become problems."""
        degrees = frame if frame.crs == CRS(DEGREES) else frame.to_crs(DEGREES)
        lengths_m = degrees.to_crs(metric).length
        flat: list[BaseGeometry | None] = list(shapely.force_2d(degrees.geometry.tolist()))
        is_sound = self._are_sound(flat)
        attributes = wide.attributes(frame)
        features = []
        for place, row in enumerate(self._rows(frame)):
            key = row.needed("id")
            is_new = bool(key) and self.known.register(key, row.place, self.problems)
            row.needed("name")
            geometry = flat[place]
            sound = is_sound[place] or self._is_sound(row.place, geometry)
            if sound and is_new and geometry is not None:
                length_m = float(lengths_m.iloc[place])
                features.append(
                    Feature(self.asset_class, row, geometry, length_m, attributes[place])
                )
        return features

    def _are_sound(self, geometries: Sequence[BaseGeometry | None]) -> NDArray[np.bool_]:
        """Which geometries are certainly in order; the others are looked at one by one."""
        allowed = [
            shapely.GeometryType[name.upper()].value
            for name in asset_classes()[self.asset_class].geometry
        ]
        west, south, east, north = self.extent
        left, bottom, right, top = shapely.bounds(geometries).T
        inside = (left >= west) & (bottom >= south) & (right <= east) & (top <= north)
        fits = np.isin(np.asarray(shapely.get_type_id(geometries)), allowed)
        finite = shapely.is_valid(geometries) & ~shapely.is_empty(geometries)
        return inside & fits & finite & ~shapely.is_missing(geometries)

    def _rows(self, frame: geopandas.GeoDataFrame) -> Sequence[Row]:
        columns = [column for column in (*NEEDED, *OPTIONAL) if column in frame.columns]
        table = frame[columns].astype(object)
        cells = table.where(table.notna(), "").astype(str).to_dict("records")
        return [
            Row(
                f"{self.file}: feature {number}" + (f" ({row['id']})" if row["id"] else ""),
                {str(column): value.strip() for column, value in row.items()},
                self.problems,
            )
            for number, row in enumerate(cells, start=1)
        ]

    def _is_sound(self, place: str, geometry: BaseGeometry | None) -> bool:
        fault = self._fault(geometry)
        if fault:
            self.problems.add(place, fault)
        return not fault

    def _fault(self, geometry: BaseGeometry | None) -> str:
        if geometry is None or geometry.is_empty:
            return "has no geometry; draw it or remove the feature"
        allowed = asset_classes()[self.asset_class].geometry
        if geometry.geom_type not in allowed:
            return (
                f"geometry {geometry.geom_type} does not fit a {self.asset_class}; "
                f"use {' or '.join(allowed)}"
            )
        if not np.isfinite(shapely.get_coordinates(geometry)).all():
            return (
                "a coordinate is not a finite number in degrees; "
                "check the coordinates and the CRS that the file declares"
            )
        if not geometry.is_valid:
            return f"geometry is invalid ({shapely.is_valid_reason(geometry)}); redraw it"
        return outside(geometry, self.extent)


def outside(geometry: BaseGeometry, extent: Sequence[float]) -> str:
    """Why a geometry does not lie in the extent of the city; empty if it does."""
    west, south, east, north = extent
    box = shapely.box(west, south, east, north)
    if box.covers(geometry):
        return ""
    x, y = next(
        point for point in shapely.get_coordinates(geometry) if not box.covers(shapely.Point(point))
    )
    found = f"coordinate ({x:.10g}, {y:.10g})"
    if abs(x) > MOST_DEGREES[0] or abs(y) > MOST_DEGREES[1]:
        return f"{found} cannot be degrees; declare the CRS of the file, for example EPSG:25832"
    if west <= y <= east and south <= x <= north:
        return f"{found} has its axes swapped; write longitude first, then latitude"
    return (
        f"{found} lies outside city.extent [{west:g}, {south:g}, {east:g}, {north:g}]; "
        "correct the coordinate or widen the extent in city.toml"
    )
