"""``twin basemap``: GDAL reads the PMTiles file, and finds the city's roads where they are."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import LineString, Polygon

from twin.errors import CityError
from twin.exchange.basemap_out import attribution, basemap
from twin.exchange.pmtiles import ROOT_BYTES, pmtiles, tile_id
from twin.model.assets import Asset, Attribute
from twin.model.provenance import Provenance, Reference

OSM = Reference("osm", "OpenStreetMap contributors", "ODbL-1.0")
OTHER = Reference("survey", "A survey that draws nothing")
SOURCED = Provenance("sourced", references=("osm",))
AREA = Polygon([(13.700, 51.050), (13.720, 51.050), (13.720, 51.052), (13.700, 51.052)])


def road(name: str, kind: str, *points: tuple[float, float]) -> Asset:
    facts = (Attribute("road_class", kind, "", SOURCED),)
    return Asset(name, "road_section", name, LineString(points), SOURCED, facts)


TOWN = (
    road("Hauptstraße", "arterial", (13.70, 51.05), (13.71, 51.06), (13.72, 51.061)),
    road("Gasse", "residential", (13.70, 51.055), (13.705, 51.055)),
    Asset("W1", "water", "Elbe", AREA, SOURCED),
    Asset("H1", "hospital", "not drawn", AREA, SOURCED),
)


def made(assets: tuple[Asset, ...] = TOWN) -> bytes:
    return basemap(assets, name="Musterstadt", references=[OSM, OTHER], tell=lambda _: None)


def test_gdal_finds_roads_and_water_where_the_city_has_them(tmp_path: Path) -> None:
    file = tmp_path / "town.pmtiles"
    file.write_bytes(made())
    layers = {str(name) for name, _ in pyogrio.list_layers(file)}
    assert layers == {"roads_main", "roads_local", "water"}
    facts, _, shapes, values = pyogrio.raw.read(file, layer="roads_main")
    found = dict(zip(facts["fields"], values, strict=True))
    assert set(found["name"]) == {"Hauptstraße"}
    assert set(found["class"]) == {"arterial"}
    to_metres = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    degrees = shapely.get_coordinates(TOWN[0].geometry)
    true = LineString(np.column_stack(to_metres.transform(degrees[:, 0], degrees[:, 1])))
    shown = shapely.union_all(shapely.from_wkb(shapes))
    unit_m = 40_075_016.7 / 2**14 / 4096
    assert shapely.hausdorff_distance(shown, true) < 2 * unit_m


def test_equal_assets_in_any_order_give_equal_bytes() -> None:
    assert made() == made(TOWN[::-1])


def test_local_roads_begin_at_zoom_13(tmp_path: Path) -> None:
    file = tmp_path / "town.pmtiles"
    file.write_bytes(made())
    at_zoom = {
        zoom: {
            str(name)
            for name, _ in pyogrio.list_layers(file)
            if pyogrio.read_info(file, layer=str(name), ZOOM_LEVEL=str(zoom))["features"]
        }
        for zoom in (12, 13)
    }
    assert at_zoom == {12: {"roads_main", "water"}, 13: {"roads_main", "roads_local", "water"}}


def test_the_attribution_names_what_the_drawn_shapes_cite() -> None:
    assert attribution(TOWN, [OTHER, OSM]) == "OpenStreetMap contributors (ODbL-1.0)"
    assert "OpenStreetMap contributors (ODbL-1.0)" in metadata_of(made())


def metadata_of(content: bytes) -> str:
    import gzip  # noqa: PLC0415 - only here

    start, length = np.frombuffer(content, "<u8", 2, offset=24)
    return gzip.decompress(content[int(start) : int(start + length)]).decode()


def test_a_city_without_shapes_is_refused() -> None:
    with pytest.raises(CityError, match="twin import osm"):
        made(TOWN[3:])


def test_neighbours_on_the_curve_are_neighbours_on_the_map() -> None:
    places = {tile_id(4, x, y): (x, y) for x in range(16) for y in range(16)}
    assert sorted(places) == list(range(85, 85 + 256))
    steps = [
        abs(one[0] - two[0]) + abs(one[1] - two[1])
        for one, two in pairwise(places[at] for at in sorted(places))
    ]
    assert set(steps) == {1}


def test_gdal_finds_the_tiles_of_a_file_with_leaf_directories(tmp_path: Path) -> None:
    """Tiles of unlike length, so that one directory would not fit in the first 16 KiB."""
    rng = np.random.default_rng(1)
    point = layer_of(b"p", bytes.fromhex("1209180122050980208020"))
    tiles = {
        (7, at % 128, at // 128): point + layer_of(rng.bytes(int(length)).hex().encode())
        for at, length in enumerate(rng.integers(1, 400, 128 * 128))
    }
    layers = {"vector_layers": [{"id": "p", "fields": {}, "minzoom": 7, "maxzoom": 7}]}
    content = pmtiles(tiles, bounds=(-180, -85, 180, 85), metadata=layers)
    root, leaves = (int(np.frombuffer(content, "<u8", 1, offset=at)[0]) for at in (16, 48))
    assert root <= ROOT_BYTES
    assert leaves > 0
    file = tmp_path / "wide.pmtiles"
    file.write_bytes(content)
    _, _, shapes, _ = pyogrio.raw.read(file, layer="p", bbox=(1e5, 1e5, 2e7, 2e7))
    places = shapely.get_coordinates(shapely.from_wkb(shapes))
    assert len(np.unique(np.rint(places), axis=0)) == 64 * 64


def layer_of(name: bytes, feature: bytes = b"") -> bytes:
    """A layer of a vector tile, written by hand: name, features, extent, version."""
    inside = b"\x0a" + _length(name) + feature + b"\x28\x80\x20\x78\x02"
    return b"\x1a" + _length(inside)


def _length(content: bytes) -> bytes:
    size = len(content)
    return bytes([size & 0x7F | 0x80, size >> 7]) + content
