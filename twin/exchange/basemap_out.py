"""The city as one PMTiles file of vector tiles: water, roads by class, bridges, with names.

GDAL clips, simplifies and encodes each layer for its zooms; here the layers of a tile are joined
(a vector tile is a list of layers, so their bytes follow each other) and put into one file.
"""

import gzip
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyogrio
import shapely

from twin.errors import CityError
from twin.exchange.pmtiles import Tile, pmtiles
from twin.model.assets import Asset
from twin.model.provenance import Reference
from twin.model.roads import COLLECTING, MAIN, road_class

ZOOMS = (8, 14)
"""A map draws the tiles of the last zoom larger beyond it."""
HALF_PIXEL = 8
"""Half of 1/256 of a tile, in units of a tile (4096)."""
TILE_BYTES = 500_000
"""Of one layer, compressed: GDAL leaves out detail of a tile that would be larger."""
ASSET_CLASSES = ("water", "road_section", "bridge")


@dataclass(frozen=True, slots=True)
class Layer:
    """Layer of the tiles: its first zoom, and the shapes that it takes."""

    first_zoom: int
    geometry: str


LAYERS: Mapping[str, Layer] = {
    "water": Layer(8, "MultiPolygon"),
    "waterways": Layer(11, "MultiLineString"),
    "roads_main": Layer(8, "MultiLineString"),
    "roads_other": Layer(11, "MultiLineString"),
    "roads_local": Layer(13, "MultiLineString"),
    "bridges": Layer(13, "MultiPolygon"),
}


def basemap(
    assets: Iterable[Asset],
    *,
    name: str,
    references: Iterable[Reference],
    tell: Callable[[str], None],
) -> bytes:
    """Bytes of the PMTiles file; equal assets in any order give equal bytes.

    Parameters
    ----------
    assets
        Water, road sections and bridges; others are not drawn, nor are bridges without an area.
    name
        Of the city.
    references
        What the city cites; those of the geometries drawn become the attribution.
    tell
        Hears of each layer.

    Raises
    ------
    CityError
        If nothing can be drawn.
    """
    layers = _layers(assets)
    drawn = [asset for members in layers.values() for asset in members]
    if not drawn:
        raise CityError(
            "the city has no water, roads or bridge areas to draw; import them first "
            "(twin import osm, twin import geo, then twin load)"
        )
    tiles: dict[Tile, bytes] = {}
    with TemporaryDirectory() as folder:
        for key, members in layers.items():
            found = _tiles(key, members, Path(folder)) if members else {}
            for tile, content in found.items():
                tiles[tile] = tiles.get(tile, b"") + content
            tell(f"{key}: {len(members):,} features, {len(found):,} tiles")
    bounds = shapely.total_bounds([asset.geometry for asset in drawn])
    metadata = {
        "name": name,
        "type": "baselayer",
        "attribution": attribution(drawn, references),
        "vector_layers": [
            {
                "id": key,
                "fields": {"name": "String", "class": "String"},
                "minzoom": LAYERS[key].first_zoom,
                "maxzoom": ZOOMS[1],
            }
            for key, members in layers.items()
            if members
        ],
    }
    return pmtiles(tiles, bounds=bounds.tolist(), metadata=metadata)


def attribution(assets: Iterable[Asset], references: Iterable[Reference]) -> str:
    """Title and licence of every source that a geometry cites, in the order of their ids."""
    cited = {one for asset in assets for one in asset.geometry_provenance.references}
    chosen = sorted((one for one in references if one.id in cited), key=lambda one: one.id)
    return "; ".join(f"{one.title} ({one.licence})" if one.licence else one.title for one in chosen)


def _layers(assets: Iterable[Asset]) -> Mapping[str, Sequence[Asset]]:
    found: dict[str, list[Asset]] = {key: [] for key in LAYERS}
    for asset in sorted(assets, key=lambda one: one.id):
        key = _layer_of(asset)
        if key and not asset.geometry.is_empty:
            found[key].append(asset)
    return found


def _layer_of(asset: Asset) -> str:
    is_area = asset.geometry.geom_type.endswith("Polygon")
    if asset.asset_class == "water":
        return "water" if is_area else "waterways"
    if asset.asset_class == "bridge":
        return "bridges" if is_area else ""
    if asset.asset_class != "road_section":
        return ""
    kind = road_class(asset)
    return "roads_main" if kind in MAIN else "roads_other" if kind in COLLECTING else "roads_local"


def _tiles(key: str, members: Sequence[Asset], folder: Path) -> Mapping[Tile, bytes]:
    """Tiles of one layer, uncompressed, rows counted from the north."""
    file = folder / f"{key}.mbtiles"
    layer = LAYERS[key]
    pyogrio.raw.write(
        file,
        geometry=shapely.to_wkb([asset.geometry for asset in members]),
        field_data=[
            np.array([asset.name for asset in members], dtype=object),
            np.array([road_class(asset) for asset in members], dtype=object),
        ],
        fields=["name", "class"],
        layer=key,
        driver="MVT",
        geometry_type=layer.geometry,
        promote_to_multi=True,
        crs="EPSG:4326",
        dataset_options={
            "FORMAT": "MBTILES",
            "MINZOOM": str(layer.first_zoom),
            "MAXZOOM": str(ZOOMS[1]),
            "SIMPLIFICATION": str(HALF_PIXEL),
            "SIMPLIFICATION_MAX_ZOOM": "1",
            "MAX_SIZE": str(TILE_BYTES),
        },
    )
    store = sqlite3.connect(file)
    try:
        found = store.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles")
        return {
            (zoom, column, (1 << zoom) - 1 - row): gzip.decompress(content)
            for zoom, column, row, content in found
        }
    finally:
        store.close()
