"""Listed sensors find their road section, bridge and component, or wait for a person."""

from pathlib import Path

import geopandas
import pandas as pd
import pytest
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.exchange.foldertables import table_rows
from twin.exchange.folderwriting import write_settings
from twin.exchange.sensorcommand import import_sensors
from twin.exchange.sensorlist import read_sensor_mapping
from twin.exchange.widelayers import write_layer
from twin.settings import load_settings

UTM = "EPSG:25833"
EAST, NORTH = 400_000.0, 5_650_000.0
MAPPING = """
[sensors]
crs = 25833
delimiter = ";"
decimal = ","
source = "town"
[sensors.columns]
id = "NR"
x = "RW"
y = "HW"
quantity = "GROESSE"
asset = "ANLAGE"
bearing_deg = "RICHTUNG"
[sensors.quantities]
Verkehr = "traffic_flow"
Dehnung = "strain"
"""
COMPONENTS = (
    "id,asset,name,kind,parent,along,longitude,latitude\n"
    "R1/ab,R1,out,direction,,forward,,\nR1/ba,R1,back,direction,,backward,,\n"
    "B1/mid,B1,Feldmitte,section,,,{},{}\n"
)


def frame(name: str, shape: BaseGeometry) -> geopandas.GeoDataFrame:
    table = pd.DataFrame({"id": [name], "name": [name], "provenance": ["measured"]})
    return geopandas.GeoDataFrame(table, geometry=geopandas.GeoSeries([shape], crs=UTM))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    town = tmp_path / "town"
    write_settings(town, name="Town", crs=UTM, bounds=(13.5, 50.9, 13.7, 51.1))
    road = LineString([(EAST, NORTH), (EAST + 400, NORTH)])
    write_layer(town, "road_section", frame("R1", road), origin="test")
    bridge = Point(EAST + 1000, NORTH)
    write_layer(town, "bridge", frame("B1", bridge), origin="test")
    place = geopandas.GeoSeries([bridge], crs=UTM).to_crs("EPSG:4326").iloc[0].centroid
    (town / "components.csv").write_text(COMPONENTS.format(place.x, place.y))
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return town


def run(folder: Path, text: str, *more: str) -> int:
    path = folder.parent / "sensors.csv"
    path.write_text("NR;RW;HW;GROESSE;ANLAGE;RICHTUNG\n" + text, encoding="utf-8")
    mapping = folder.parent / "mapping.toml"
    settings = load_settings(folder, {})
    return import_sensors(settings, [str(path), "--map", str(mapping), *more])


def streams(folder: Path) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in table_rows(folder / "datastreams.csv")}


def test_a_near_match_waits_until_it_is_confirmed(folder, capsys):
    text = "Z1;400200,0;5650004,0;Verkehr;;95\n"
    assert run(folder, text) == 1
    assert "1 wait for a confirmation" in capsys.readouterr().out
    assert streams(folder) == {}
    assert run(folder, text, "--confirm-clear") == 0
    found = streams(folder)["Z1.traffic_flow"]
    assert (found["asset"], found["component"], found["distance_m"]) == ("R1", "R1/ab", "4.0")
    city = read_city(folder, load_settings(folder, {}).city)
    assert [(item.uid, item.component_id) for item in city.datastreams] == [
        ("Z1.traffic_flow", "R1/ab")
    ]


def test_a_bearing_against_the_line_takes_the_other_direction(folder, capsys):
    text = "Z1;400200,0;5649996,0;Verkehr;;265\nZ2;400200,0;5649996,0;Verkehr;;\n"
    run(folder, text, "--confirm-clear")
    assert "its direction is unknown; give component or bearing_deg" in capsys.readouterr().out
    assert streams(folder)["Z1.traffic_flow"]["component"] == "R1/ba"
    assert streams(folder)["Z2.traffic_flow"]["component"] == ""


def test_an_asset_that_the_list_names_is_taken_and_its_distance_checked(folder, capsys):
    text = (
        "S1;400999,0;5650003,0;Dehnung;B1;\n"
        "S2;400000,0;5650003,0;Dehnung;B1;\n"
        "S3;;;Dehnung;B1;\n"
        "S4;;;Dehnung;B7;\n"
    )
    assert run(folder, text) == 1
    said = capsys.readouterr().out
    assert "B1 is 1000 m away from the position; correct one of the two" in said
    assert "asset 'B7' is not in the city" in said
    assert sorted(streams(folder)) == ["S1.strain", "S3.strain"]
    assert streams(folder)["S1.strain"]["component"] == "B1/mid"


def test_a_person_confirms_one_match_with_a_component(folder, capsys):
    text = "S1;400960,0;5650000,0;Dehnung;;\n"
    assert run(folder, text, "--confirm-clear") == 1
    assert "farther than 15 m" in capsys.readouterr().out
    assert run(folder, text, "--confirm", "S1=B1/mid") == 0
    found = streams(folder)["S1.strain"]
    assert (found["asset"], found["component"], found["distance_m"]) == ("B1", "B1/mid", "40.0")
    assert run(folder, text) == 0
    assert streams(folder)["S1.strain"] == found
    with pytest.raises(CityError, match="S9 is not in the list"):
        run(folder, text, "--confirm", "S9=B1")


def test_dirty_rows_are_listed_with_file_row_and_remedy(folder, capsys):
    text = (
        ";400200,0;5650004,0;Verkehr;;\n"
        "Z1;400200,0;5650004,0;Verker;;\n"
        "Z2;5650004,0;400200,0;Verkehr;R1;\n"
        "Z3;abc;5650004,0;Verkehr;R1;\n"
        "Z3;;;Verkehr;R1;\n"
    )
    assert run(folder, text) == 1
    said = capsys.readouterr().out
    for words in (
        "sensors.csv: row 2: has no id; left out",
        "sensors.csv: row 3: quantity 'Verker' is unknown; did you mean 'Verkehr'?",
        "sensors.csv: row 4: position (5650004, 400200) lies outside city.extent",
        "sensors.csv: row 5: x 'abc' is not a number and counts as missing",
        "sensors.csv: row 6: Z3.traffic_flow stands in sensors.csv: row 5 already",
    ):
        assert words in said
    assert sorted(streams(folder)) == ["Z2.traffic_flow", "Z3.traffic_flow"]


def test_importing_a_list_again_replaces_its_rows_and_keeps_those_of_others(folder, capsys):
    (folder / "sensors.csv").write_text("id,name,model,provenance\nX,Other,m,measured\n")
    run(folder, "Z1;;;Verkehr;R1;\n")
    run(folder, "Z2;;;Verkehr;R1;\n", "--matches", str(folder.parent / "matches.csv"))
    assert [row["id"] for row in table_rows(folder / "sensors.csv")] == ["X", "Z2"]
    assert list(streams(folder)) == ["Z2.traffic_flow"]
    assert table_rows(folder.parent / "matches.csv")[0]["state"] == "named"
    with pytest.raises(CityError, match="come from elsewhere"):
        run(folder, "X;;;Verkehr;R1;\n")
    capsys.readouterr()


def test_a_wrong_mapping_names_every_problem():
    text = '[sensors]\ntargets = ["bridges"]\nsure = 3\n[sensors.columns]\nid = "A"\nplace = "B"\n'
    with pytest.raises(CityError) as error:
        read_sensor_mapping(text, name="mapping.toml")
    for words in (
        "'sure' is unknown; did you mean 'sure_m'?",
        "columns.place is unknown",
        "columns.quantity is missing",
        "'bridges' is unknown; did you mean 'bridge'?",
    ):
        assert words in str(error.value)
