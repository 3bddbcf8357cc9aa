"""City models: bridges, their parts, relations to roads and sensor connections."""

import json
from collections import Counter
from pathlib import Path

import pytest

from twin.errors import CityError
from twin.exchange.citygml import read_citygml
from twin.exchange.cityjson import model_of, read_cityjson
from twin.exchange.citymodel import epsg_of
from twin.exchange.citymodelcommand import import_citymodel
from twin.exchange.folder import read_city
from twin.settings import load_settings, new_city

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "citymodel"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="samples are not beside the tree")
HEAD = (
    '<core:CityModel xmlns:core="http://www.opengis.net/citygml/3.0" '
    'xmlns:brid="http://www.opengis.net/citygml/bridge/3.0" '
    'xmlns:con="http://www.opengis.net/citygml/construction/3.0" '
    'xmlns:dyn="http://www.opengis.net/citygml/dynamizer/3.0" '
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::25833" srsDimension="3"/>'
    "</gml:boundedBy><core:cityObjectMember>"
)
TAIL = "</core:cityObjectMember></core:CityModel>"
RING = (
    "<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>400000 5650000 5 400010 5650000 5 "
    "400010 5650005 5 400000 5650005 5 400000 5650000 5</gml:posList></gml:LinearRing>"
    "</gml:exterior></gml:Polygon>"
)
BRIDGE = (
    '<brid:Bridge gml:id="b1"><gml:name>Steg</gml:name><brid:part>'
    f'<brid:BridgePart gml:id="p1">{RING}'
    "<core:dynamizer><dyn:Dynamizer><dyn:SensorConnection><dyn:uom>mm</dyn:uom>"
    "<dyn:datastreamID>7</dyn:datastreamID><dyn:baseURL>http://example.org/v1.1</dyn:baseURL>"
    '<dyn:sensorLocation xlink:href="p1"/></dyn:SensorConnection></dyn:Dynamizer></core:dynamizer>'
    "</brid:BridgePart></brid:part></brid:Bridge>"
)


def expected(name: str) -> dict:
    return json.loads((SAMPLES / "expected.json").read_text())[name]


@needs_samples
def test_patches_and_polygons_count_and_links_count_once():
    """F-CGM-1, F-CGM-2: patches, an xlink to a surface, a relation with and without #."""
    name = "synthetic_bridge_patches.gml"
    wanted = expected(name)
    model = read_citygml(SAMPLES / name)
    assert epsg_of(model.srs_name).to_epsg() == wanted["crs"]
    assert len(model.within("b1")) == wanted["bridge_surfaces"]
    assert len(model.within("r1")) == wanted["road_surfaces"]
    assert sum(one.area for one in model.within("deck1")) == pytest.approx(wanted["deck_area_m2"])
    assert model.referenced == 1
    found = [{"from": one.source, "to": one.target, "type": one.kind} for one in model.relations]
    assert found == wanted["relations"]


@needs_samples
def test_a_sensor_connection_keeps_its_names_and_finds_its_object():
    """F-CGM-3, F-CGM-1, F-CGM-4: no address is called; a name of the German surveys is known."""
    name = "Building_CityGML3_Dynamizer_SensorConnection_V2.gml"
    wanted = expected(name)
    model = read_citygml(SAMPLES / name)
    assert str(epsg_of(model.srs_name).to_epsg()) == wanted["crs"].split()[0]
    assert len(model.surfaces) == wanted["surfaces"]
    assert model.referenced == wanted["xlink_members_not_counted_again"]
    link, told = model.sensor_links[0], wanted["sensor_links"][0]
    for key in ("connectionType", "observationProperty", "uom", "datastreamID"):
        assert link.fields[key] == told[key]
    assert link.location == told["sensorLocation"]
    assert model.objects[link.location].kind == told["resolves_to"]


@needs_samples
def test_degenerate_surfaces_of_cityjson_are_listed_and_skipped():
    """F-CJS-1: the sample has 42 surfaces, 7 of them degenerate."""
    name = "cityjson_dummy_with_bridge_v1.1.city.json"
    wanted = expected(name)
    model = read_cityjson(SAMPLES / name)
    assert str(wanted["crs"]) in model.srs_name
    assert Counter(item.kind for item in model.objects.values()) == wanted["by_type"]
    assert len(model.objects) == wanted["objects"]
    assert len(model.surfaces) == wanted["surfaces"]
    bad = wanted["surfaces_with_fewer_than_three_distinct_vertices"]
    assert sum(one.is_degenerate for one in model.surfaces) == bad
    assert sum("fewer than three" in text for text in model.remarks) == bad


def test_vertices_of_cityjson_are_scaled_and_shifted():
    """F-CJS-1: vertices * scale + translate, in 2.0 as in 1.1."""
    geometry = {"type": "Solid", "boundaries": [[[[0, 1, 2]]]]}
    content = {
        "vertices": [[0, 0, 0], [100, 0, 0], [0, 100, 0]],
        "transform": {"scale": [0.01, 0.01, 0.01], "translate": [5.0, 6.0, 7.0]},
        "CityObjects": {"b": {"type": "Bridge", "geometry": [geometry]}},
    }
    model = model_of(content, name="m")
    assert model.surfaces[0].ring.tolist() == [[5.0, 6.0, 7.0], [6.0, 6.0, 7.0], [5.0, 7.0, 7.0]]
    geometry["boundaries"] = [[[[0, 1, 9]]]]
    with pytest.raises(CityError, match="b names a vertex beyond the 3"):
        model_of(content, name="m")


def test_an_unknown_reference_system_is_an_error():
    """F-CGM-4: nothing is guessed."""
    with pytest.raises(CityError, match="did you mean 'ETRS89_UTM33'"):
        epsg_of("urn:adv:crs:ETRS89_UTM34")
    with pytest.raises(CityError, match="srsName '' is unknown"):
        epsg_of("")


def test_latitude_stands_first_where_a_urn_names_degrees(tmp_path):
    """F-CGM-4: the order of axes follows from the name."""
    path = tmp_path / "degrees.gml"
    corners = "51.0 13.5 0 51.0 13.6 0 51.1 13.6 0 51.0 13.5 0"
    ring = RING.replace(RING[RING.index("400000") : RING.index("</gml:posList>")], corners)
    bridge = f'<brid:Bridge gml:id="b1">{ring}</brid:Bridge>'
    path.write_text(HEAD.replace("25833", "4258") + bridge + TAIL)
    assert read_citygml(path).surfaces[0].ring[0].tolist() == [13.5, 51.0, 0.0]


def test_a_dtd_and_entities_are_refused(tmp_path):
    """F-COD-11: nothing is expanded or fetched."""
    path = tmp_path / "a.gml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "b">]>' + HEAD + TAIL)
    with pytest.raises(CityError, match="DTD or entities, which are refused"):
        read_citygml(path)
    path.write_text(HEAD)
    with pytest.raises(CityError, match="not well-formed XML"):
        read_citygml(path)
    path.write_text("<a/>")
    with pytest.raises(CityError, match="holds no CityGML"):
        read_citygml(path)
    path.write_text("<a>" * 300 + "</a>" * 300)
    with pytest.raises(CityError, match="nested deeper"):
        read_citygml(path)


def test_a_bridge_comes_into_the_city_with_parts_and_sensor_connections(tmp_path, capsys):
    """F-CGM-3: our own link uses the names of the standard."""
    path, folder = tmp_path / "bridge.gml", tmp_path / "town"
    path.write_text(HEAD + BRIDGE + TAIL)
    for _ in range(2):
        assert import_citymodel(new_city(folder, {}), [str(path)]) == 0
    assert "datastream '7' at 'p1' (BridgePart)" in capsys.readouterr().out
    city = read_city(folder, load_settings(folder, {}).city)
    bridge = city.assets[0]
    assert (bridge.id, bridge.name, bridge.geometry.geom_type) == ("b1", "Steg", "Polygon")
    values = {item.name: item.value for item in bridge.attributes}
    assert values["sensor_1_datastream_id"] == "7"
    assert values["sensor_1_base_url"] == "http://example.org/v1.1"
    assert values["sensor_1_sensor_location"] == "p1"
    assert [(part.id, part.kind) for part in city.components] == [("b1/p1", "BridgePart")]
