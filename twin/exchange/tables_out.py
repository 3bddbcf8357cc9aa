"""Assets as GeoPackage, GeoJSON, CSV and GeoParquet, with the provenance of every value.

The columns are those of wide layers: ``<attribute>`` and beside it ``<attribute>_provenance``, so a
layer that was written here can stand in a city folder.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import geopandas
import pyogrio

from twin.errors import CityError
from twin.exchange.widelayers import DEGREES, PROVENANCE, UNIT, provenance_text, unit_of_name
from twin.model.assets import Asset
from twin.model.provenance import Provenance


def asset_frame(
    assets: Iterable[Asset], *, only: Sequence[str] | None = None
) -> geopandas.GeoDataFrame:
    """Assets as rows, by id; attributes as columns with their provenance.

    Parameters
    ----------
    assets
        What is written.
    only
        Names of the attributes that may leave; all of them if None.

    Raises
    ------
    CityError
        If an attribute is a number here and a text there.

    Examples
    --------
    >>> from shapely.geometry import Point
    >>> from twin.model.assets import Attribute
    >>> guess = Provenance("estimated", by="drawn")
    >>> width = Attribute("width_m", 9.5, "m", guess)
    >>> frame = asset_frame([Asset("B1", "bridge", "Bridge", Point(13.7, 51.0), guess, (width,))])
    >>> frame[["id", "width_m", "width_m_provenance"]].values.tolist()
    [['B1', 9.5, 'estimated: drawn']]
    """
    ordered = sorted(assets, key=lambda asset: asset.id)
    rows = [_row(asset, only) for asset in ordered]
    columns = dict.fromkeys(
        ("id", "asset_class", "name", "provenance", "references", "note"), None
    ) | dict.fromkeys(name for row in rows for name in row)
    table = {name: [row.get(name) for row in rows] for name in columns}
    mixed = [
        name
        for name, cells in table.items()
        if len({isinstance(cell, str) for cell in cells if cell is not None}) > 1
    ]
    if mixed:
        raise CityError(
            f"attribute {', '.join(mixed)} is a number with one asset and a text with another; "
            "give one of the two another name"
        )
    geometry = [asset.geometry for asset in ordered]
    return geopandas.GeoDataFrame(table, geometry=geometry, crs=DEGREES)


def _row(asset: Asset, only: Sequence[str] | None) -> dict[str, object]:
    own = asset.geometry_provenance
    row: dict[str, object] = {
        "id": asset.id,
        "asset_class": asset.asset_class,
        "name": asset.name,
        "provenance": own.kind,
        "references": ";".join(own.references),
        "note": own.by,
    }
    for item in asset.attributes:
        if only is None or item.name in only:
            row[item.name] = item.value
            row[f"{item.name}{PROVENANCE}"] = _text(item.provenance)
            if item.unit and item.unit != unit_of_name(item.name):
                row[f"{item.name}{UNIT}"] = item.unit
    return row


def _text(provenance: Provenance) -> str:
    return provenance_text(provenance.kind, references=provenance.references, note=provenance.by)


def write_geopackage(assets: Sequence[Asset], file: Path, *, only: Sequence[str] | None) -> None:
    """Write one layer per asset class."""
    for key in dict.fromkeys(asset.asset_class for asset in assets):
        frame = asset_frame((one for one in assets if one.asset_class == key), only=only)
        pyogrio.write_dataframe(frame, file, layer=f"{key}s", driver="GPKG", append=file.exists())


def write_geojson(assets: Sequence[Asset], file: Path, *, only: Sequence[str] | None) -> None:
    """Write all assets as one collection (RFC 7946)."""
    options = {"RFC7946": "YES", "WRITE_NAME": "NO"}
    pyogrio.write_dataframe(
        asset_frame(assets, only=only), file, driver="GeoJSON", layer_options=options
    )


def write_csv(assets: Sequence[Asset], file: Path, *, only: Sequence[str] | None) -> None:
    """Write all assets as rows; geometry as WKT in degrees, longitude first."""
    frame = asset_frame(assets, only=only)
    table = frame.drop(columns="geometry").assign(geometry_wkt=frame.geometry.to_wkt())
    table.to_csv(file, index=False, lineterminator="\r\n")


def write_parquet(assets: Sequence[Asset], file: Path, *, only: Sequence[str] | None) -> None:
    """Write all assets as GeoParquet."""
    asset_frame(assets, only=only).to_parquet(file, index=False, compression="zstd")


Writer = Callable[..., None]
TABLES: Mapping[str, tuple[Writer, str]] = MappingProxyType(
    {
        "gpkg": (write_geopackage, "application/geopackage+sqlite3"),
        "geojson": (write_geojson, "application/geo+json"),
        "csv": (write_csv, "text/csv; charset=utf-8"),
        "parquet": (write_parquet, "application/vnd.apache.parquet"),
    }
)
"""How a file of each format is written, and its media type."""
