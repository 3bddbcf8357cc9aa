"""The city as tables, CityJSON, a folder and an entry of a portal: read again, it says the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from town import ESTIMATED, settings, town

from twin.errors import CityError
from twin.exchange.city_out import checksum, city_files, same_city
from twin.exchange.cityjson import model_of
from twin.exchange.cityjson_out import cityjson
from twin.exchange.citymodel import epsg_of
from twin.exchange.dcat_out import catalogue
from twin.exchange.folder import read_city
from twin.exchange.tables_out import TABLES
from twin.exporting import export_city
from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City
from twin.model.provenance import Provenance

EXTENT = (13.69, 51.03, 13.76, 51.08)


@pytest.mark.parametrize("form", list(TABLES))
def test_a_table_holds_every_asset_with_its_attributes(form: str, tmp_path: Path) -> None:
    bridges = [asset for asset in town().assets if asset.asset_class == "bridge"]
    file = tmp_path / f"bridges.{form}"
    TABLES[form][0](bridges, file, only=None)
    if form == "csv":
        import pandas as pd  # noqa: PLC0415 - only here

        found = pd.read_csv(file)
        geometry = geopandas.GeoSeries.from_wkt(found["geometry_wkt"])
    else:
        found = geopandas.read_parquet(file) if form == "parquet" else geopandas.read_file(file)
        assert found.crs == "EPSG:4326"
        geometry = found.geometry
    assert found["id"].tolist() == ["B1", "B2"]
    assert found["condition_grade"].tolist()[0] == 3.2
    assert found["condition_grade_provenance"].tolist()[0] == "sourced [1]"
    assert geometry.iloc[0].equals(bridges[0].geometry)


def test_a_geopackage_stands_in_a_city_folder_as_its_layer(tmp_path: Path) -> None:
    city = replace(town(), components=(), sensors=(), datastreams=())
    files = city_files(city, extent=EXTENT)
    (tmp_path / "references.csv").write_text(files["references.csv"], encoding="utf-8")
    for key in ("bridge", "road_section", "gauge", "water"):
        chosen = [asset for asset in city.assets if asset.asset_class == key]
        TABLES["gpkg"][0](chosen, tmp_path / f"{key}s.gpkg", only=None)
    found = read_city(tmp_path, settings().city)
    bridge = next(asset for asset in found.assets if asset.id == "B1")
    expected = next(asset for asset in city.assets if asset.id == "B1")
    assert sorted(bridge.attributes, key=lambda item: item.name) == sorted(
        expected.attributes, key=lambda item: item.name
    )


def test_only_public_attributes_leave_where_that_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "assets.geojson"
    TABLES["geojson"][0](list(town().assets), file, only=["width_m"])
    properties = json.loads(file.read_text("utf-8"))["features"][0]["properties"]
    assert properties["width_m"] == 14.0
    assert "remarks" not in properties


def test_a_column_of_numbers_and_texts_is_refused(tmp_path: Path) -> None:
    assets = [
        replace(town().assets[0], id=key, attributes=(Attribute("lanes", value, unit, ESTIMATED),))
        for key, value, unit in (("A", 2.0, "1"), ("B", "two", ""))
    ]
    with pytest.raises(CityError, match="lanes"):
        TABLES["csv"][0](assets, tmp_path / "a.csv", only=None)


def test_decks_become_surfaces_with_their_area() -> None:
    """F-CJS-1: vertices times scale plus translation; what has collapsed is no surface."""
    hole = Polygon(
        [(13.70, 51.05), (13.701, 51.05), (13.701, 51.051), (13.70, 51.051)],
        [[(13.7002, 51.0502), (13.7004, 51.0502), (13.7004, 51.0504), (13.7002, 51.0504)]],
    )
    tiny = Polygon([(13.7, 51.05), (13.7 + 1e-10, 51.05), (13.7, 51.05 + 1e-10)])
    geometries = {
        "A": MultiPolygon([hole, Polygon([(13.71, 51.05), (13.711, 51.05), (13.711, 51.051)])]),
        "B": LineString([(13.72, 51.05), (13.72, 51.06)]),
        "C": tiny,
    }
    drawn = Provenance("estimated", by="drawn")
    assets = [Asset(key, "bridge", key, shape, drawn) for key, shape in geometries.items()]
    found = json.loads(json.dumps(cityjson(assets, crs="EPSG:25833", title="T", day="2026-11-22")))
    assert (found["type"], found["version"]) == ("CityJSON", "2.0")
    scale, shift = (np.array(found["transform"][key]) for key in ("scale", "translate"))
    points = np.array(found["vertices"]) * scale + shift
    area = geopandas.GeoSeries([geometries["A"]], crs=4326).to_crs(25833).area.iloc[0]
    surfaces = found["CityObjects"]["A"]["geometry"][0]["boundaries"]
    decks = [
        Polygon(points[outer, :2], [points[one, :2] for one in holes]) for outer, *holes in surfaces
    ]
    assert sum(deck.area for deck in decks) == pytest.approx(area, rel=1e-4)
    assert all(deck.exterior.is_ccw for deck in decks)
    assert not any("geometry" in found["CityObjects"][key] for key in "BC")


def test_the_entry_of_the_portal_has_what_dcat_ap_requires() -> None:
    root = "https://twin.example.org"
    found = catalogue(
        city="Town", root=root, extent=EXTENT, modified="2026-11-22T00:00:00Z",
        references=town().references,
    )  # fmt: skip
    assert {"dct:title", "dct:description", "dct:publisher"} <= found.keys()
    sets = found["dcat:dataset"]
    assert isinstance(sets, list)
    for one in sets:
        assert {"dct:title", "dct:description", "dcat:distribution"} <= one.keys()
        for distribution in one["dcat:distribution"]:
            assert distribution["dcat:accessURL"]["@id"].startswith(root)
    assert len({one["@id"] for one in sets}) == len(sets) == 7


def _measured() -> City:
    """The town with the length of its roads, which loading a folder would add."""
    city = town()
    length = Attribute("length_m", 1668.2, "m", Provenance("derived", by="along the line"))
    assets = (
        replace(asset, attributes=(length,)) if asset.asset_class == "road_section" else asset
        for asset in city.assets
    )
    return replace(city, assets=tuple(assets))


def test_a_folder_reads_as_the_city_that_was_written(tmp_path: Path) -> None:
    city = _measured()
    said = export_city(city, settings(), tmp_path / "out")
    assert checksum(city) in said
    same_city(city, read_city(tmp_path / "out", settings().city))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_folder_cannot_hold_is_listed() -> None:
    city = town()
    first, *rest = city.assets
    odd = replace(
        first,
        attributes=(Attribute("width_m", 3.0, "", ESTIMATED),),
        geometry_provenance=replace(first.geometry_provenance, at=datetime(2026, 1, 1, tzinfo=UTC)),
    )
    part = Component(
        "B1/x", "B1", "x", "girder", geometry=LineString([(13.7, 51.05), (13.7, 51.06)])
    )
    far = replace(rest[-1], geometry=Point(0.0, 0.0))
    broken = replace(city, assets=(odd, *rest[:-1], far), components=(part,), datastreams=())
    with pytest.raises(CityError) as caught:
        city_files(broken, extent=EXTENT)
    for word in ("width_m", "has a time", "'B1/x'", "outside city.extent"):
        assert word in str(caught.value)


def test_a_text_that_a_table_would_change_is_told(tmp_path: Path) -> None:
    city = _measured()
    spaced = replace(city, sensors=(replace(city.sensors[0], name=" Simulator\n2"),))
    with pytest.raises(CityError, match="no line ends"):
        export_city(spaced, settings(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_our_own_import_reads_the_bridges_of_our_cityjson() -> None:
    deck = Polygon([(13.70, 51.05), (13.701, 51.05), (13.701, 51.051), (13.70, 51.051)])
    bridge = Asset("B1", "bridge", "Brücke", deck, ESTIMATED)
    found = cityjson([bridge], crs="EPSG:25833", title="T", day="2026-11-22")
    model = model_of(json.loads(json.dumps(found)), name="bridges.city.json")
    assert model.remarks == []
    assert model.objects["B1"].name == "Brücke"
    assert epsg_of(model.srs_name) == "EPSG:25833"
    area = geopandas.GeoSeries([deck], crs=4326).to_crs(25833).area.iloc[0]
    assert [one.area for one in model.within("B1")] == pytest.approx([area], rel=1e-4)
