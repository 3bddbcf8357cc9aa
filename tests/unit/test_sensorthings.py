"""SensorThings 1.1: what is asked for in an address comes as the standard wants it (F-STS).

The tests that `sensors.sensorthings.conformance` names prove the requirements classes that the
landing page tells.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sensorthings_town import ROOT, SECONDS, filled_town
from town import START, Town, town

from sensors.sensorthings import readings as paging
from sensors.sensorthings.api import Server
from sensors.sensorthings.conformance import CONFORMANCE
from sensors.sensorthings.functions import ARITIES
from sensors.sensorthings.options import DEFAULT_TOP, MOST_TOP, parse_options
from sensors.sensorthings.schema import SETS
from twin.model.quality import Quality

Json = dict[str, Any]
Get = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(filled_town().twin, public_url="")


@pytest.fixture(scope="module")
def get(server: Server) -> Get:
    """Ask for a path and a query and get the JSON, or (status, message)."""

    def ask(path: str, query: str = "", *, status: int = 200) -> Any:
        answer = server.answered(path, quote(query, safe="$=&").encode(), ROOT)
        assert answer.status_code == status, bytes(answer.body).decode()
        is_json = answer.media_type == "application/json"
        text = bytes(answer.body).decode()
        return json.loads(text) if is_json else text

    return ask


def names(found: Json) -> list[str]:
    return [one["@iot.id"] for one in found["value"]]


def results(found: Json) -> list[float]:
    return [one["result"] for one in found["value"]]


def followed(get: Get, path: str, query: str) -> Iterator[Json]:
    """All pages of a collection, by their links."""
    while True:
        page = get(path, query)
        yield page
        link = page.get("@iot.nextLink")
        if link is None:
            return
        address, _, text = link.removeprefix(ROOT + "/").partition("?")
        path, query = unquote(address), unquote(text)


def test_every_class_of_the_landing_page_is_proved_by_tests_that_exist(get: Get) -> None:
    """F-STS-1: the list tells only what has tests of its own."""
    told = get("")["serverSettings"]["conformance"]
    assert told == list(CONFORMANCE)
    own = Path(__file__).read_text(encoding="utf-8")
    for uri, tests in CONFORMANCE.items():
        assert uri.startswith("http://www.opengis.net/spec/iot_sensing/1.1/req/")
        assert tests
        for name in tests:
            assert f"def {name}(" in own, uri


def test_every_entity_has_the_properties_and_links_of_the_standard(get: Get) -> None:
    """OGC 18-088, clause 8.2: mandatory properties and navigation of the eight entities."""
    needed: Mapping[str, str] = {
        "Things": "name description Locations HistoricalLocations Datastreams",
        "Locations": "name description encodingType location Things HistoricalLocations",
        "HistoricalLocations": "time Thing Locations",
        "Datastreams": (
            "name description unitOfMeasurement observationType Thing Sensor ObservedProperty "
            "Observations"
        ),
        "Sensors": "name description encodingType metadata Datastreams",
        "ObservedProperties": "name definition description Datastreams",
        "Observations": "phenomenonTime result resultTime Datastream FeatureOfInterest",
        "FeaturesOfInterest": "name description encodingType feature Observations",
    }
    assert [one["name"] for one in get("")["value"]] == list(SETS)
    assert set(needed) == set(SETS)
    for name, words in needed.items():
        one = SETS[name]
        assert set(words.split()) <= {*one.properties, *one.links}
        for entity in get(name, "$top=1")["value"]:
            links = {key.removesuffix("@iot.navigationLink") for key in entity}
            assert {*words.split(), "@iot.id", "@iot.selfLink"} <= links


def test_addresses_lead_to_entities_properties_values_and_references(get: Get) -> None:
    thing = get("Things('B1')")
    assert thing["name"] == "Alte Brücke"
    assert thing["@iot.selfLink"] == f"{ROOT}/Things('B1')"
    assert get("Things('B1')/name") == {"name": "Alte Brücke"}
    assert get("Things('B1')/name/$value") == "Alte Brücke"
    streams = get("Things('B1')/Datastreams")
    assert names(streams) == ["B1-strain", "B1-temp", "B1-wave"]
    references = get("Things('B1')/Datastreams/$ref")
    assert references["value"][0] == {"@iot.selfLink": f"{ROOT}/Datastreams('B1-strain')"}
    assert get("Datastreams('B1-strain')/Thing/Locations")["value"][0]["@iot.id"] == "B1"
    assert get("Things('B1')/Datastreams('B1-temp')/ObservedProperty")["name"] == "air temperature"
    assert get("FeaturesOfInterest('B1/mid')")["name"] == "Feldmitte"
    observation = get("Datastreams('B1-strain')/Observations", "$top=1")["value"][0]
    again = get(observation["@iot.selfLink"].removeprefix(ROOT + "/"))
    assert again == observation
    key = observation["@iot.id"]
    assert get(f"Observations('{key}')/Datastream")["@iot.id"] == "B1-strain"
    assert get(f"Observations('{key}')/result/$value") == "249.0"


def test_select_delivers_only_what_it_names(get: Get) -> None:
    found = get("Things", "$select=name,id&$top=1")["value"]
    assert found == [{"@iot.id": "B1", "name": "Alte Brücke"}]
    linked = get("Things('B1')", "$select=Datastreams")
    assert linked == {"Datastreams@iot.navigationLink": f"{ROOT}/Things('B1')/Datastreams"}
    assert get("Observations", "$select=result&$top=1")["value"] == [{"result": 300.0}]
    get("Things", "$select=colour", status=400)


def test_expand_delivers_linked_entities_also_nested(get: Get) -> None:
    found = get(
        "Things",
        "$filter=id eq 'B1'&$expand=Datastreams($top=1;$count=true;"
        "$expand=Observations($top=2;$select=result),Sensor),Locations",
    )
    (thing,) = found["value"]
    assert thing["Locations"][0]["location"]["type"] == "Polygon"
    assert thing["Datastreams@iot.count"] == 3
    link = thing["Datastreams@iot.nextLink"].removeprefix(ROOT + "/")
    (stream,) = thing["Datastreams"]
    assert stream["Sensor"]["name"] == "Simulator"
    assert stream["Observations"] == [{"result": 249.0}, {"result": 248.0}]
    path, _, query = link.partition("?")
    rest = get(path, unquote(query))
    assert names(rest) == ["B1-temp"]
    more = stream["Observations@iot.nextLink"].removeprefix(ROOT + "/").partition("?")
    assert results(get(more[0], unquote(more[2]))) == [247.0, 246.0]
    by_path = get("Things('B1')", "$expand=Datastreams/Sensor,Datastreams/ObservedProperty")
    assert by_path["Datastreams"][0]["ObservedProperty"]["name"].startswith("strain")
    observation = get("Observations", "$top=1&$expand=Datastream/Thing,FeatureOfInterest")
    assert observation["value"][0]["Datastream"]["Thing"]["@iot.id"] == "L1"
    assert observation["value"][0]["FeatureOfInterest"]["@iot.id"] == "L1/ab"
    get("Things", "$expand=Colours", status=400)
    get("Things", "$expand=Datastreams($filter=colour eq 1)", status=400)


def test_the_newest_observation_of_every_datastream_comes_at_once(get: Get) -> None:
    found = get("Datastreams", "$expand=Observations($top=1;$select=result)&$select=id")
    newest = {one["@iot.id"]: one["Observations"] for one in found["value"]}
    assert newest["B1-strain"] == [{"result": 249.0}]
    assert newest["L1.ab-q"] == [{"result": 300.0}]
    assert newest["B1-wave"] == newest["P1-level"] == []
    earliest = get("Datastreams('L1.ab-q')/Observations", "$orderby=phenomenonTime&$top=1")
    assert results(earliest) == [360.0]


@pytest.mark.parametrize(
    ("path", "condition", "expected"),
    [
        ("Things", "name eq 'Pegel'", ["P1"]),
        ("Things", "description eq 'bridge' and not (name eq 'Neue Brücke')", ["B1"]),
        ("Things", "properties/attributes/width_m/value ge 14", ["B1"]),
        ("Things", "properties/attributes/width_m/value eq null", ["B2", "L1", "L2", "P1", "W1"]),
        ("Things", "id in ('B1','P1')", ["B1", "P1"]),
        ("Things", "@iot.id eq 'B1'", ["B1"]),
        ("Datastreams", "Thing/name eq 'Pegel' or ObservedProperty/id eq 'strain'",
         ["B1-strain", "P1-level"]),
        ("Datastreams", "properties/provenance/kind ne 'simulated'", []),
        ("Datastreams", "properties/cadence_s lt 16 and properties/vehicleClass eq 'car'",
         ["L1.ab-v", "L2.ba-v"]),
    ],
)  # fmt: skip
def test_filters_compare_combine_and_navigate(
    get: Get, path: str, condition: str, expected: list[str]
) -> None:
    assert names(get(path, f"$filter={condition}")) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("result gt 247", [249.0, 248.0]),
        ("result ge 248 and result lt 249", [248.0]),
        ("result eq 3 or result eq 5", [5.0, 3.0]),
        ("result ne 1 and result le 2", [2.0, 0.0]),
        ("result add 2 eq 10", [8.0]),
        ("result sub 2 eq 10", [12.0]),
        ("result mul 2 eq 10", [5.0]),
        ("result div 2 eq 10", [20.0]),
        ("result mod 100 eq 7", [207.0, 107.0, 7.0]),
        ("-result eq -7", [7.0]),
        ("not (result gt 0)", [0.0]),
        ("result in (4, 2)", [4.0, 2.0]),
        ("phenomenonTime lt 2026-11-22T07:55:52Z", [1.0, 0.0]),
        ("phenomenonTime ge 2026-11-22T08:59:59+01:00", [249.0]),
        ("2026-11-22T07:55:51Z eq phenomenonTime", [1.0]),
        ("phenomenonTime add duration'PT1S' eq 2026-11-22T08:00:00Z", [249.0]),
        ("phenomenonTime sub 2026-11-22T07:55:50Z le duration'PT1S'", [1.0, 0.0]),
        ("Datastream/id eq 'B1-strain' and result gt 248", [249.0]),
        ("FeatureOfInterest/name eq 'Feldmitte' and result gt 248", [249.0]),
        ("Datastream/id eq 'B1-temp'", []),
        ("resultQuality/mask eq 128 and result gt 248", [249.0]),
        ("resultTime eq null and result gt 248", [249.0]),
    ],
)
def test_operators_of_filters(get: Get, condition: str, expected: list[float]) -> None:
    found = get("Datastreams('B1-strain')/Observations", f"$filter={condition}&$count=true")
    assert results(found) == expected
    assert found["@iot.count"] == len(expected)


POINT = "geography'POINT(13.71 51.052)'"
SQUARE = "geography'POLYGON((13.705 51.05,13.715 51.05,13.715 51.055,13.705 51.055,13.705 51.05))'"
CALLS = {
    "substringof": "substringof('Pe',name)",
    "contains": "contains(name,'ege')",
    "endswith": "endswith(name,'gel')",
    "startswith": "startswith(name,'Peg')",
    "length": "length(name) eq 5 and id ne 'W1'",
    "indexof": "indexof(name,'gel') eq 2",
    "substring": "substring(name,1) eq 'egel' and substring(name,1,2) eq 'eg'",
    "tolower": "tolower(name) eq 'pegel'",
    "toupper": "toupper(name) eq 'PEGEL'",
    "trim": "trim(concat(' ',name)) eq 'Pegel'",
    "concat": "concat(name,'!') eq 'Pegel!'",
    "geo.distance": f"geo.distance(Locations/location,{POINT}) lt 1",
    "geo.intersects": f"geo.intersects(location,{SQUARE}) and description ne 'x'",
    "st_equals": f"st_equals(location,{POINT})",
    "st_disjoint": f"not st_disjoint(location,{POINT}) and not startswith(name,'F')",
    "st_within": f"st_within(location,{SQUARE})",
    "st_intersects": f"st_intersects(location,{POINT}) and name ne 'Fluss'",
    "st_contains": f"st_contains(location,{POINT}) and name ne 'Fluss'",
    "st_relate": f"st_relate(location,{SQUARE},'T*F**F***')",
}
TIMED = {
    "year": "year(phenomenonTime) eq 2026",
    "month": "month(phenomenonTime) eq 11",
    "day": "day(phenomenonTime) eq 22",
    "hour": "hour(phenomenonTime) eq 7",
    "minute": "minute(phenomenonTime) eq 59",
    "second": "second(phenomenonTime) eq 59",
    "fractionalseconds": "fractionalseconds(phenomenonTime) eq 0",
    "date": "date(phenomenonTime) eq 2026-11-22",
    "time": "time(phenomenonTime) ge 07:59:59",
    "totaloffsetminutes": "totaloffsetminutes(phenomenonTime) eq 0",
    "now": "phenomenonTime lt now() add duration'P3650D'",
    "mindatetime": "phenomenonTime gt mindatetime()",
    "maxdatetime": "phenomenonTime lt maxdatetime()",
    "round": "round(result add 0.5) eq 250",
    "floor": "floor(result add 0.5) eq 249",
    "ceiling": "ceiling(result sub 0.5) eq 249",
}
LINES = {
    "geo.length": "geo.length(location) gt 1600 and geo.length(location) lt 1700",
    "st_touches": "st_touches(location,geography'POINT(13.70 51.06)')",
    "st_crosses": "st_crosses(location,geography'LINESTRING(13.699 51.058,13.701 51.058)')",
    "st_overlaps": "st_overlaps(location,geography'LINESTRING(13.70 51.058,13.70 51.07)')",
}


def test_functions_of_filters(get: Get) -> None:
    """Every function of the table, geo and time included, each in a filter that it decides."""
    assert {*CALLS, *TIMED, *LINES} == set(ARITIES)
    for name, condition in CALLS.items():
        path = "Things" if "location" not in condition else "Locations"
        text = condition.replace("Locations/location", "location") + " and id ne 'W1'"
        assert names(get(path, f"$filter={text}")) == ["P1"], name
    for name, condition in TIMED.items():
        found = get("Datastreams('B1-strain')/Observations", f"$filter={condition}&$top=1")
        assert results(found) == [249.0], name
    for name, condition in LINES.items():
        found = get("Locations", f"$filter={condition} and name eq 'Hauptstraße'")
        assert names(found) == ["L1"], name


def test_distances_are_metres_on_the_ellipsoid(get: Get) -> None:
    """A minute of latitude at 51.05 degrees is 1854.3 m on WGS 84 (Bessel's series)."""
    north = "geography'POINT(13.71 51.0686667)'"
    found = get("Locations", f"$filter=geo.distance(location,{north}) gt 1853 and id eq 'P1'")
    assert names(found) == ["P1"]
    found = get("Locations", f"$filter=geo.distance(location,{north}) gt 1856 and id eq 'P1'")
    assert names(found) == []


def test_orderby_sorts_by_several_keys(get: Get) -> None:
    assert names(get("Things", "$orderby=description desc,name desc")) == [
        "W1", "L2", "L1", "P1", "B2", "B1",
    ]  # fmt: skip
    assert names(get("Datastreams", "$orderby=Thing/name desc,id&$top=2")) == [
        "P1-level",
        "L2.ba-v",
    ]
    sorted_results = get("Observations", "$filter=result lt 3&$orderby=result desc")
    assert results(sorted_results) == [2.0, 1.0, 0.0, -2.5]
    get("Things", "$orderby=colour", status=400)
    get("Locations", "$orderby=location", status=400)


def test_top_and_skip_cut_a_collection(get: Get) -> None:
    """F-STS-2: 100 by default, at most 10,000."""
    path = "Datastreams('B1-strain')/Observations"
    assert len(get(path)["value"]) == DEFAULT_TOP == 100
    assert parse_options([("$top", "123456")]).top == MOST_TOP == 10_000
    assert results(get(path, "$top=2&$skip=3")) == [246.0, 245.0]
    assert names(get("Things", "$top=2&$skip=1")) == ["B2", "L1"]
    assert get("Things", "$top=0") == {"value": []}
    assert get("Things", "$skip=99") == {"value": []}


def test_count_is_that_of_all_pages(get: Get) -> None:
    assert get("Things", "$count=true&$top=1")["@iot.count"] == 6
    assert "@iot.count" not in get("Things", "$count=false")
    path = "Datastreams('B1-strain')/Observations"
    assert get(path, "$count=true&$top=1")["@iot.count"] == SECONDS
    assert get(path, "$count=true&$filter=result lt 10")["@iot.count"] == 10
    page = get(path, "$count=true&$top=7")
    address, _, query = page["@iot.nextLink"].removeprefix(ROOT + "/").partition("?")
    assert get(address, unquote(query))["@iot.count"] == SECONDS


@pytest.mark.parametrize(
    ("path", "query", "count"),
    [
        ("Things", "$top=1", 6),
        ("Things", "$top=2&$orderby=description", 6),
        ("Things", "$top=2&$skip=1", 5),
        ("Observations", "$top=7", SECONDS + 4),
        ("Observations", "$top=100&$orderby=phenomenonTime asc", SECONDS + 4),
        ("Observations", "$top=60&$orderby=result desc", SECONDS + 4),
        ("Observations", "$top=3&$filter=result mod 10 eq 3", 25),
        ("FeaturesOfInterest('B1/mid')/Observations", "$top=99&$skip=1", SECONDS - 1),
        ("Datastreams('B1-strain')/Observations", "$select=@iot.id&$top=50", SECONDS),
    ],
)
def test_following_the_next_link_delivers_each_entity_once(
    get: Get, path: str, query: str, count: int
) -> None:
    pages = list(followed(get, path, query))
    assert all(pages[0]["value"])
    assert len(pages) > 1
    ids = [key for page in pages for key in names(page)]
    assert len(ids) == len(set(ids)) == count


def test_pages_stay_the_same_while_readings_arrive() -> None:
    """F-STS-2: the link names a key, so that nothing comes twice and nothing is left out."""
    full = Town()
    server = Server(full.twin, public_url="")
    for age_s in range(9):
        full.record({"B1-strain": float(age_s)}, age_s=float(age_s))

    def ask(path: str, query: str) -> Json:
        answer = server.answered(path, quote(query, safe="$=&").encode(), ROOT)
        full.clock.move(1.0)
        full.record({"B1-strain": 99.0})
        return json.loads(bytes(answer.body))

    pages = followed(ask, "Observations", "$top=2")
    assert [one for page in pages for one in results(page)] == [float(n) for n in range(9)]


def test_a_sparse_filter_gives_short_pages_instead_of_slow_ones(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_SCANNED", 40)
    path = "Datastreams('B1-strain')/Observations"
    pages = list(followed(get, path, "$filter=result eq 3&$top=5"))
    assert len(pages) > 2
    assert [one for page in pages for one in results(page)] == [3.0]
    skipped = list(followed(get, path, "$filter=result lt 6&$top=2&$skip=3"))
    assert [one for page in skipped for one in results(page)] == [2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("Things", "$top=many", 400),
        ("Things", "$top=-1", 400),
        ("Things", "$top=1&$top=2", 400),
        ("Things", "$count=1", 400),
        ("Things", "$colour=red", 400),
        ("Things", "$filter=name eq", 400),
        ("Things", "$filter=name", 400),
        ("Things", "$filter=colour eq 1", 400),
        ("Things", "$filter=name gt 5", 400),
        ("Things", "$filter=paint(name) eq 5", 400),
        ("Things", "$filter=length(name,name) eq 5", 400),
        ("Things", "$filter=name lt null", 400),
        ("Observations", "$filter=phenomenonTime gt 2026-11-22T08:00:00", 400),
        ("Observations", "$filter=date(phenomenonTime) eq 2026-02-31", 400),
        ("Observations", "$filter=result gt 1e999", 400),
        ("Locations", "$filter=geo.length(geography'nowhere') gt 5", 400),
        ("Things", "$expand=Datastreams($top=1", 400),
        ("Things", "$skiptoken=%%", 400),
        ("Things('B1')", "$top=1", 400),
        ("Things", "$search=x", 501),
        ("Things", "$filter=Datastreams/name eq 'x'", 501),
        ("Things", "$filter=matchesPattern(name,'x')", 501),
        ("Things", "$filter=Datastreams/any(d:d/name eq 'x')", 501),
        ("Things", "$resultFormat=dataArray", 501),
        ("Things", "$resultFormat=csv", 501),
        ("Things", "$expand=" + "Datastreams/Thing/" * 3 + "Datastreams", 501),
        ("Colours", "", 404),
        ("Things('X')", "", 404),
        ("Things('B1')/colour", "", 404),
        ("Things('B1')/Datastreams('P1-level')", "", 404),
        ("Observations('B1-strain@5')", "", 404),
        ("Observations('B1-strain@-99999999999999999')", "", 404),
        ("Things('B1", "", 404),
        ("Things/Datastreams", "", 404),
    ],
)
def test_what_is_wrong_has_the_status_of_the_standard(
    get: Get, path: str, query: str, status: int
) -> None:
    """F-STS-3: malformed 400, not supported 501, unknown entity 404."""
    found = get(path, query, status=status)
    assert found["code"] == status
    assert found["message"]


def test_intervals_end_at_their_label_and_quality_and_provenance_are_told(get: Get) -> None:
    """F-STS-4: a flow stands for its period before the label, a strain for an instant."""
    flow = get("Datastreams('L1.ab-q')/Observations", "$top=1")["value"][0]
    assert flow["phenomenonTime"] == "2026-11-22T07:59:45Z/2026-11-22T08:00:00Z"
    assert flow["resultQuality"] == {
        "mask": int(Quality.LATE | Quality.SIMULATED), "flags": ["late", "simulated"],
    }  # fmt: skip
    assert flow["resultTime"] is None
    strain = get("Datastreams('B1-strain')/Observations", "$top=1")["value"][0]
    assert strain["phenomenonTime"] == "2026-11-22T07:59:59Z"
    stream = get("Datastreams('L1.ab-q')")
    assert stream["properties"]["provenance"]["kind"] == "simulated"
    assert stream["unitOfMeasurement"]["definition"] == "ucum:/h"


def test_what_is_private_is_in_no_answer(get: Get) -> None:
    """F-STS-5: not as an entity, expanded, filtered, counted or observed."""
    get("Datastreams('secret')", status=404)
    assert get("Datastreams", "$filter=id eq 'secret'&$count=true") == {
        "@iot.count": 0,
        "value": [],
    }
    assert "secret" not in names(get("Things('L1')/Datastreams"))
    thing = get("Things('L1')", "$expand=Datastreams")
    assert all(one["@iot.id"] != "secret" for one in thing["Datastreams"])
    assert get("Observations", "$filter=result eq 1&$count=true")["@iot.count"] == 1
    assert get("Observations('secret@1795334400000000')", status=404)["code"] == 404


def test_a_data_array_holds_the_same_values(get: Get) -> None:
    found = get("Observations", "$resultFormat=dataArray&$top=5&$select=id,result")
    plain = get("Observations", "$top=5&$select=id,result")
    rows = [row for group in found["value"] for row in group["dataArray"]]
    assert sorted(rows) == sorted([one["@iot.id"], one["result"]] for one in plain["value"])
    assert all(group["components"] == ["id", "result"] for group in found["value"])
    assert found["@iot.nextLink"]


def test_entities_with_a_geometry_come_as_geojson(get: Get) -> None:
    found = get("Things", "$resultFormat=GeoJSON&$filter=id eq 'P1'")
    assert found["type"] == "FeatureCollection"
    (feature,) = found["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [13.71, 51.052]}
    assert feature["properties"]["name"] == "Pegel"
    get("Sensors", "$resultFormat=GeoJSON", status=501)


def test_a_changed_registry_is_told_at_once() -> None:
    full = Town(city=town(bridges=0))
    server = Server(full.twin, public_url="")
    assert server.answered("Things('B1')", b"", ROOT).status_code == 404
    full.twin.load(town())
    assert server.answered("Things('B1')", b"", ROOT).status_code == 200
    assert START.tzinfo is not None
