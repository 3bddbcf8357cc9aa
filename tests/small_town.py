"""A small sound city folder for tests, and what its reader says after it was spoilt."""

import json
from pathlib import Path

import pytest

from twin.errors import CityError
from twin.exchange.folder import read_city
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


def write_town(folder: Path) -> Path:
    """Write a sound folder with one bridge and one road section."""
    write_layer(folder, "bridges.geojson", [feature(BRIDGE, point())])
    write_layer(folder, "road_sections.geojson", [feature(ROAD, line())])
    for name, text in TABLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


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
