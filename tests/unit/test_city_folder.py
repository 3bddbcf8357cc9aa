"""A city folder is read as it stands, or refused with every problem named."""

from pathlib import Path

import geopandas
import pytest
from shapely.geometry import LineString, Point
from small_town import (
    BRIDGE,
    ROAD,
    SETTINGS,
    TABLES,
    append,
    change,
    feature,
    point,
    problems,
    write_layer,
    write_town,
)

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.model.assets import Asset, Attribute
from twin.model.city import City
from twin.settings import CitySettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_town(tmp_path)


def asset(city: City, key: str) -> Asset:
    return next(item for item in city.assets if item.id == key)


def attribute(city: City, key: str, name: str) -> Attribute:
    found = asset(city, key).attribute(name)
    assert found is not None
    return found


def test_a_sound_folder_becomes_a_city(folder):
    city = read_city(folder, SETTINGS)
    assert city.name == "Probestadt"
    assert [item.id for item in city.assets] == ["B1", "R1"]
    width = attribute(city, "B1", "width_m")
    assert width.value == 12.5
    assert width.provenance.references == ("1",)
    assert attribute(city, "B1", "remarks").value == "built, then widened"
    stream = city.datastreams[0]
    assert (stream.uid, stream.component_id, stream.cadence_s) == ("B1.eps", "B1/a/mid", 15.0)


def test_directions_take_the_line_of_their_asset(folder):
    parts = {item.id: item for item in read_city(folder, SETTINGS).components}
    assert parts["R1/ab"].geometry == LineString([(13.5, 50.5), (13.5, 50.6)])
    assert parts["R1/ba"].geometry == LineString([(13.5, 50.6), (13.5, 50.5)])
    assert parts["B1/a/mid"].geometry == Point(13.5, 50.5)
    assert parts["B1/a/mid"].station_m == 20.5


def test_the_length_of_a_road_section_is_derived_in_the_metric_crs(folder):
    length = attribute(read_city(folder, SETTINGS), "R1", "length_m")
    assert length.value == pytest.approx(11_122, abs=10)
    assert length.provenance.kind == "derived"
    assert "EPSG:25833" in length.provenance.by


def test_a_given_length_is_kept(folder):
    append(folder, "attributes.csv", "R1,length_m,11500,m,sourced,1,")
    length = attribute(read_city(folder, SETTINGS), "R1", "length_m")
    assert (length.value, length.provenance.kind) == (11_500.0, "sourced")


@pytest.mark.parametrize("name", ["bridge.gpkg", "bridges.gpkg"])
def test_a_layer_in_another_crs_is_transformed(folder, name):
    (folder / "bridges.geojson").unlink()
    frame = geopandas.GeoDataFrame([BRIDGE], geometry=[Point(13.5, 50.5)], crs="EPSG:4326")
    frame.to_crs("EPSG:25833").to_file(folder / name)
    found = asset(read_city(folder, SETTINGS), "B1").geometry
    assert found.distance(Point(13.5, 50.5)) < 1e-8


def test_a_geojson_that_declares_a_metric_crs_is_transformed(folder):
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25833"}}
    metres = geopandas.GeoSeries([Point(13.5, 50.5)], crs=4326).to_crs(25833)
    features = [feature(BRIDGE, point(metres.x[0], metres.y[0]))]
    write_layer(folder, "bridges.geojson", features, crs=named)
    found = asset(read_city(folder, SETTINGS), "B1").geometry
    assert found.distance(Point(13.5, 50.5)) < 1e-8


def test_reading_twice_gives_the_same_city(folder):
    assert read_city(folder, SETTINGS) == read_city(folder, SETTINGS)


def test_metres_in_a_degree_file_are_named(folder):
    write_layer(folder, "bridges.geojson", [feature(BRIDGE, point(406_000, 5_594_000))])
    assert problems(folder) == [
        (
            "bridges.geojson: feature 1 (B1): coordinate (406000, 5594000) cannot be degrees; "
            "declare the CRS of the file, for example EPSG:25832"
        )
    ]


def test_swapped_axes_are_named(folder):
    write_layer(folder, "bridges.geojson", [feature(BRIDGE, point(50.5, 13.5))])
    assert problems(folder) == [
        (
            "bridges.geojson: feature 1 (B1): coordinate (50.5, 13.5) has its axes swapped; "
            "write longitude first, then latitude"
        )
    ]


def test_a_place_outside_the_city_is_named(folder):
    write_layer(folder, "bridges.geojson", [feature(BRIDGE, point(12.0, 50.5))])
    assert problems(folder) == [
        (
            "bridges.geojson: feature 1 (B1): coordinate (12, 50.5) lies outside city.extent "
            "[13, 50, 14, 51]; correct the coordinate or widen the extent in city.toml"
        )
    ]


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_a_layer_without_crs_is_named(folder):
    (folder / "bridges.geojson").unlink()
    frame = geopandas.GeoDataFrame([BRIDGE], geometry=[Point(13.5, 50.5)])
    frame.to_file(folder / "bridges.gpkg")
    assert problems(folder) == [
        (
            "bridges.gpkg: has no coordinate reference system; declare it in the file, "
            "for example EPSG:25832 or EPSG:4326"
        )
    ]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:999999", "metres"])
def test_a_city_crs_that_is_not_metric_is_named(folder, crs):
    settings = CitySettings(name="Probestadt", crs=crs, extent=SETTINGS.extent)
    assert problems(folder, settings) == [
        (
            f"city.toml: city.crs {crs!r} is not a projected CRS in metres; "
            "use for example 'EPSG:25832'"
        )
    ]


def test_a_wrong_geometry_type_is_named(folder):
    write_layer(folder, "road_sections.geojson", [feature(ROAD, point())])
    change(folder, "components.csv", "forward", "")
    change(folder, "components.csv", "backward", "")
    assert problems(folder) == [
        (
            "road_sections.geojson: feature 1 (R1): geometry Point does not fit a road_section; "
            "use LineString"
        )
    ]


def test_a_feature_without_geometry_is_named(folder):
    write_layer(folder, "bridges.geojson", [{**feature(BRIDGE, {}), "geometry": None}])
    assert problems(folder) == [
        "bridges.geojson: feature 1 (B1): has no geometry; draw it or remove the feature"
    ]


def test_an_invalid_polygon_is_named(folder):
    ring = [[13.1, 50.1], [13.2, 50.2], [13.2, 50.1], [13.1, 50.2], [13.1, 50.1]]
    bow_tie = {"type": "Polygon", "coordinates": [ring]}
    write_layer(folder, "bridges.geojson", [feature(BRIDGE, bow_tie)])
    (found,) = problems(folder)
    assert found.startswith(
        "bridges.geojson: feature 1 (B1): geometry is invalid (Self-intersection"
    )


def test_a_layer_of_an_unknown_asset_class_is_named(folder):
    (folder / "bridges.geojson").rename(folder / "brigdes.geojson")
    assert problems(folder) == [
        "brigdes.geojson: asset class 'brigdes' is unknown; did you mean 'bridges'?"
    ]


def test_a_missing_layer_column_is_named(folder):
    write_layer(folder, "bridges.geojson", [feature({"id": "B1", "name": "x"}, point())])
    assert problems(folder) == [
        "bridges.geojson: column 'provenance' is missing; add it to every feature"
    ]


def test_a_file_that_is_no_layer_is_named(folder):
    (folder / "bridges.geojson").write_text("{", encoding="utf-8")
    (found,) = problems(folder)
    assert found.startswith("bridges.geojson: cannot be read (")
    assert found.endswith("save it as GeoJSON or GeoPackage")


def test_a_folder_without_layers_is_named(tmp_path):
    (found,) = problems(tmp_path)
    assert found.endswith("there is no layer file; add for example bridges.geojson")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CityError, match="is not a folder; name the folder"):
        read_city(tmp_path / "nowhere", SETTINGS)


def test_a_duplicate_asset_id_is_named_with_both_places(folder):
    write_layer(folder, "zones.geojson", [feature({**BRIDGE, "name": "Mitte"}, point())])
    assert problems(folder) == [
        (
            "zones.geojson: feature 1 (B1): asset id 'B1' is used already in "
            "bridges.geojson: feature 1 (B1); give each its own id"
        )
    ]


def test_a_sourced_geometry_without_reference_is_named(folder):
    bridge = {**BRIDGE, "provenance": "sourced"}
    write_layer(folder, "bridges.geojson", [feature(bridge, point())])
    change(folder, "datastreams.csv", ",B1/a/mid,", ",,")
    assert problems(folder) == [
        "bridges.geojson: feature 1 (B1): a sourced value cites no reference; fill in references"
    ]


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_column_is_named_once_and_without_its_consequences(folder, name):
    first = TABLES[name].split(",")[0]
    change(folder, name, f"{first},", "")
    (found,) = problems(folder)
    assert found.startswith(f"{name}: column {first!r} is missing, found ")
    assert found.endswith("; add it")


def test_semicolons_are_recognised(folder):
    text = TABLES["sensors.csv"].replace(",", ";")
    (folder / "sensors.csv").write_text(text, encoding="utf-8")
    (found,) = problems(folder)
    assert found.endswith("; separate with commas, not semicolons")


def test_a_repeated_column_is_named(folder):
    text = "id,name,model,provenance,id\nS1,n,m,simulated,S1\n"
    (folder / "sensors.csv").write_text(text, encoding="utf-8")
    assert problems(folder) == ["sensors.csv: column 'id' occurs twice; remove one"]


def test_a_table_that_is_not_utf_8_is_named(folder):
    (folder / "components.csv").write_bytes(TABLES["components.csv"].encode("latin-1"))
    assert problems(folder) == ["components.csv: byte 69 is not UTF-8; save the file as UTF-8"]


def test_a_table_with_a_wrong_name_is_not_passed_over(folder):
    (folder / "datastreams.csv").rename(folder / "datastream.csv")
    assert problems(folder) == [
        (
            "datastream.csv: table 'datastream.csv' is unknown; did you mean 'datastreams.csv'?; "
            "rename or remove it"
        )
    ]


def test_a_byte_order_mark_is_accepted(folder):
    (folder / "sensors.csv").write_text("\ufeff" + TABLES["sensors.csv"], encoding="utf-8")
    assert read_city(folder, SETTINGS).sensors[0].id == "S1"


def test_all_problems_are_reported_at_once(folder):
    write_layer(folder, "bridges.geojson", [feature(BRIDGE, point(12.0, 50.5))])
    append(folder, "attributes.csv", "B1,depth_m,2,ft,sourced,1,")
    append(folder, "sensors.csv", "S1,Twice,x,simulated")
    append(folder, "datastreams.csv", "B1.x,n,B1,,strian,,,15,S1,demo,B1/x,simulated")
    assert [found.split(":")[0] for found in problems(folder)] == [
        "bridges.geojson",
        "attributes.csv",
        "sensors.csv",
        "datastreams.csv",
    ]
