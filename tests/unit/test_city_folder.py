"""A city folder is read as it stands, or refused with every problem named."""

import json
from pathlib import Path

import geopandas
import pytest
from shapely.geometry import LineString, Point

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.model.city import City
from twin.settings import CitySettings

SETTINGS = CitySettings(name="Probestadt", crs="EPSG:25833", extent=(13.0, 50.0, 14.0, 51.0))
BRIDGE = {"id": "B1", "name": "Stadtbrücke", "provenance": "estimated", "note": "by hand"}
ROAD = {"id": "R1", "name": "Ring", "provenance": "estimated", "note": "by hand"}
TABLES = {
    "references.csv": "id,title,licence\n1,Survey of the town,CC0-1.0\n",
    "attributes.csv": (
        "asset,attribute,value,unit,provenance,references,note\n"
        "B1,width_m,12.5,m,sourced,1,\n"
        'B1,remarks,"built, then widened",,sourced,1,\n'
    ),
    "components.csv": (
        "id,asset,name,kind,parent,station_m,along,longitude,latitude\n"
        "B1/a,B1,Überbau,superstructure,,,,,\n"
        "B1/a/mid,B1,Feldmitte,section,B1/a,20.5,,13.5,50.5\n"
        "R1/ab,R1,Richtung Nord,direction,,,forward,,\n"
        "R1/ba,R1,Richtung Süd,direction,,,backward,,\n"
    ),
    "sensors.csv": "id,name,model,provenance\nS1,Gauge 1,simulated,simulated\n",
    "datastreams.csv": (
        "id,name,asset,component,quantity,vehicle_class,kind,cadence_s,sensor,source,"
        "route_key,provenance\n"
        "B1.eps,Dehnung,B1,B1/a/mid,strain,,reading,15,S1,demo,B1/eps,simulated\n"
    ),
}


def feature(properties: dict, geometry: dict) -> dict:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(x: float = 13.5, y: float = 50.5) -> dict:
    return {"type": "Point", "coordinates": [x, y]}


def line() -> dict:
    return {"type": "LineString", "coordinates": [[13.5, 50.5], [13.5, 50.6]]}


def write_layer(folder: Path, name: str, features: list[dict], **more: object) -> None:
    content = {"type": "FeatureCollection", **more, "features": features}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_layer(tmp_path, "bridges.geojson", [feature(BRIDGE, point())])
    write_layer(tmp_path, "road_sections.geojson", [feature(ROAD, line())])
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def append(folder: Path, name: str, row: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(row + "\n")


def problems(folder: Path, settings: CitySettings = SETTINGS) -> list[str]:
    with pytest.raises(CityError) as caught:
        read_city(folder, settings)
    lines = str(caught.value).splitlines()
    count = len(lines) - 1
    assert lines[0] == (
        f"{folder} cannot be loaded: {count} problem{'s' if count > 1 else ''}, nothing was changed"
    )
    return [text.removeprefix("- ") for text in lines[1:]]


def asset(city: City, key: str):
    return next(item for item in city.assets if item.id == key)


def test_a_sound_folder_becomes_a_city(folder):
    city = read_city(folder, SETTINGS)
    assert city.name == "Probestadt"
    assert [item.id for item in city.assets] == ["B1", "R1"]
    width = asset(city, "B1").attribute("width_m")
    assert width.value == 12.5
    assert width.provenance.references == ("1",)
    assert asset(city, "B1").attribute("remarks").value == "built, then widened"
    stream = city.datastreams[0]
    assert (stream.uid, stream.component_id, stream.cadence_s) == ("B1.eps", "B1/a/mid", 15.0)


def test_directions_take_the_line_of_their_asset(folder):
    parts = {item.id: item for item in read_city(folder, SETTINGS).components}
    assert parts["R1/ab"].geometry == LineString([(13.5, 50.5), (13.5, 50.6)])
    assert parts["R1/ba"].geometry == LineString([(13.5, 50.6), (13.5, 50.5)])
    assert parts["B1/a/mid"].geometry == Point(13.5, 50.5)
    assert parts["B1/a/mid"].station_m == 20.5


def test_the_length_of_a_road_section_is_derived_in_the_metric_crs(folder):
    length = asset(read_city(folder, SETTINGS), "R1").attribute("length_m")
    assert length.value == pytest.approx(11_122, abs=10)
    assert length.provenance.kind == "derived"
    assert "EPSG:25833" in length.provenance.by


def test_a_given_length_is_kept(folder):
    append(folder, "attributes.csv", "R1,length_m,11500,m,sourced,1,")
    length = asset(read_city(folder, SETTINGS), "R1").attribute("length_m")
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
    metres = geopandas.GeoSeries([Point(13.5, 50.5)], crs=4326).to_crs(25833)[0]
    features = [feature(BRIDGE, point(metres.x, metres.y))]
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
    frame = geopandas.GeoDataFrame([BRIDGE], geometry=[Point(13.5, 50.5)], crs="EPSG:4326")
    frame.set_crs(None, allow_override=True).to_file(folder / "bridges.gpkg")
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


BAD_ROWS = [
    ("attributes.csv", "B1,depth_m,nan,m,sourced,1,", ("value 'nan' is not finite; "
     "leave the cell empty if it is unknown")),
    ("attributes.csv", 'B1,depth_m,"1,5",m,sourced,1,', ("value '1,5' is not a number; "
     "use a decimal point")),
    ("attributes.csv", "B1,depth_m,deep,m,sourced,1,", ("value 'deep' is not a number; "
     "write a plain number")),
    ("attributes.csv", "B1,depth_m,,m,sourced,1,", "value is empty; fill it in"),
    ("attributes.csv", "B1,depth_m,2,ft,sourced,1,", ("unit 'ft' is unknown; did you mean 't'?; "
     "leave it empty for a text")),
    ("attributes.csv", "B1,depth_m,2,m,guessed,1,", ("provenance 'guessed' is unknown; "
     "known: derived, estimated, measured, simulated, sourced")),
    ("attributes.csv", "B1,depth_m,2,m,sourced,,", ("a sourced value cites no reference; "
     "fill in references")),
    ("attributes.csv", "B1,depth_m,2,m,sourced,7,", ("reference '7' is not defined in "
     "references.csv; known: 1")),
    ("attributes.csv", "B1,depth_m,2,m,estimated,,", ("estimated without a reason; "
     "say in note how the value came about")),
    ("attributes.csv", "B9,depth_m,2,m,sourced,1,", ("asset 'B9' is not defined; "
     "known: B1, R1")),
    ("attributes.csv", "B1,Depth m,2,m,sourced,1,", ("attribute 'Depth m' is not a name; "
     "use small letters, digits and _, for example width_m")),
    ("attributes.csv", "B1,width_m,2,m,sourced,1,", ("attribute id 'B1.width_m' is used already "
     "in attributes.csv: row 2; give each its own id")),
    ("attributes.csv", "B1,depth_m,2,m,sourced,1,a,b", ("has 8 fields and the header 7; "
     "put a text that contains a comma into quotation marks")),
    ("components.csv", "R1/x,R1,Teil,part,R1/z,,,,", ("parent 'R1/z' is not defined; "
     "did you mean 'R1/x'?")),
    ("components.csv", "R1/x,R1,Teil,part,B1/a,,,,", ("parent 'B1/a' belongs to asset 'B1', "
     "not to 'R1'; name a component of the same asset")),
    ("components.csv", "R1/x,R1,Teil,part,R1/x,,,,", ("component 'R1/x' is its own ancestor; "
     "correct parent 'R1/x'")),
    ("components.csv", "R1/x,R1,Teil,part,,inf,,,", ("station_m 'inf' is not finite; "
     "leave the cell empty if it is unknown")),
    ("components.csv", "R1/x,R1,Teil,part,,,,13.5,", ("only one of longitude and latitude; "
     "give both or none")),
    ("components.csv", "R1/x,R1,Teil,part,,,,50.5,13.5", ("longitude 50.5, latitude 13.5 lie "
     "outside city.extent [13, 50, 14, 51]; give degrees inside it")),
    ("components.csv", "B1/x,B1,Teil,part,,,forward,,", ("along 'forward' needs an asset that is "
     "a line, not a Point; leave it empty")),
    ("components.csv", "R1/ab,R1,Teil,part,,,,,", ("component id 'R1/ab' is used already in "
     "components.csv: row 4; give each its own id")),
    ("sensors.csv", "S1,Twice,x,simulated", ("sensor id 'S1' is used already in sensors.csv: "
     "row 2; give each its own id")),
    ("sensors.csv", "S2,Other,x,invented", ("provenance 'invented' is unknown; "
     "known: derived, estimated, measured, simulated, sourced")),
    ("references.csv", "2,,", "title is empty; fill it in"),
    ("datastreams.csv", "B1.x,n,,,strain,,,15,S1,demo,B1/x,simulated",
     "asset is empty; fill it in"),
    ("datastreams.csv", "B1.x,n,B7,,strain,,,15,S1,demo,B1/x,simulated",
     "asset 'B7' is not defined; known: B1, R1"),
    ("datastreams.csv", "B1.x,n,B1,,strian,,,15,S1,demo,B1/x,simulated",
     "quantity 'strian' is unknown; did you mean 'strain'?"),
    ("datastreams.csv", "B1.x,n,B1,B1/q,strain,,,15,S1,demo,B1/x,simulated",
     "component 'B1/q' is not defined; did you mean 'B1/a'?"),
    ("datastreams.csv", "B1.x,n,B1,R1/ab,strain,,,15,S1,demo,B1/x,simulated",
     "component 'R1/ab' belongs to asset 'R1', not to 'B1'; correct one of the two"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,15,S9,demo,B1/x,simulated",
     "sensor 'S9' is not defined; known: S1"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,0,S1,demo,B1/x,simulated",
     "cadence_s 0 is not positive; leave it empty if event driven"),
    ("datastreams.csv", "B1.x,n,B1,,strain,bike,,15,S1,demo,B1/x,simulated",
     "vehicle_class 'bike' is unknown; known: all, car, heavy"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,burst,15,S1,demo,B1/x,simulated",
     "kind 'burst' is unknown; known: reading, waveform"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,15,S1,demo,B1/eps,simulated",
     ("source 'demo' and route_key 'B1/eps' lead to the datastream in datastreams.csv: row 2 "
     "already; give each datastream its own route_key")),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,15,S1,,B1/x,simulated",
     "source is empty; fill it in"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row", "message"), BAD_ROWS)
def test_a_bad_row_is_named_with_value_and_remedy(folder, name, row, message):
    number = len((folder / name).read_text(encoding="utf-8").splitlines()) + 1
    append(folder, name, row)
    assert problems(folder) == [f"{name}: row {number}: {message}"]


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
