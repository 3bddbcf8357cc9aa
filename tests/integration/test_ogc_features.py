"""OGC API Features over HTTP, by hand and with two clients that others wrote: OWSLib and GDAL."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise

import httpx
import pytest
from peers import REPOSITORY, python
from pyproj import Transformer
from serving_town import Served, served
from town import START, Town, town

from twin.model.bridge import Restriction
from twin.model.datastreams import Sensor
from twin.model.findings import Finding, Phrase
from twin.model.inspection import Damage
from twin.model.monitoring import AnalysisOutcome
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord

CLIENTS = REPOSITORY / "tests" / "bench" / "web_peers"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
HIDDEN = "third tendon from the left"
COUNTS = {"assets": 6, "bridges": 2, "links": 4, "sensors": 2, "restrictions": 2, "findings": 1}
LIST = Provenance("sourced", by="list of 2024", references=("1",))
LIMITED = InventoryRecord(
    "B1", "restriction", "5", Restriction("5", 16.0, "t", valid_from=date(2024, 5, 1)), LIST,
    part="1",
)  # fmt: skip
RECORDS = (
    LIMITED,
    replace(
        LIMITED,
        asset_id="B2",
        key="2",
        content=Restriction(
            "2", 30.0, "km/h", valid_from=date(2023, 1, 1), valid_until=date(2023, 12, 31),
            remark=HIDDEN,
        ),
    ),
    replace(LIMITED, kind="damage", key="17", content=Damage("17", "crack", place=HIDDEN)),
)  # fmt: skip
FINDING = Finding(
    asset_id="B1", rule="crack-trend", rule_version="3", severity="warning", key="crack/B1/mid",
    statement=Phrase(HIDDEN), next_step=Phrase("look"), at=START, cause="structure",
)  # fmt: skip


def _town() -> Town:
    """The small town, with a camera whose stream concerns persons."""
    plain = town()
    first = plain.datastreams[0]
    camera = replace(
        first,
        uid="L1.cam",
        sensor_id="CAM",
        route_key="cam",
        privacy_class="image",
        component_id=None,
    )
    spare = Sensor("S2", "Spare", "simulated", "simulated")
    return Town(
        replace(
            plain,
            sensors=(*plain.sensors, spare, Sensor("CAM", "Camera", "camera", "measured")),
            datastreams=(*plain.datastreams, camera),
        )
    )


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served(_town()) as running:
        shelf = running.town.store.bridges
        shelf.book.add(RECORDS, at=START)
        shelf.keep(AnalysisOutcome(findings=(FINDING,)), at=START)
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{web.address}/ogc/features", trust_env=False, timeout=60
    ) as opened:
        yield opened


def _items(client: httpx.Client, name: str, **parameters: object) -> dict:
    asked = {key.replace("_", "-"): str(value) for key, value in parameters.items()}
    answer = client.get(f"/collections/{name}/items", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()


def _ids(found: dict) -> list[str]:
    return [feature["id"] for feature in found["features"]]


def test_landing_page_leads_to_every_collection(client: httpx.Client) -> None:
    links = {link["rel"]: link["href"] for link in client.get("").json()["links"]}
    assert set(links) == {"self", "service-desc", "conformance", "data"}
    described = client.get(links["service-desc"])
    assert described.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert described.json()["openapi"] == "3.0.3"
    found = client.get(links["data"]).json()["collections"]
    assert {one["id"]: _items(client, one["id"])["numberMatched"] for one in found} == COUNTS
    claimed = client.get(links["conformance"]).json()["conformsTo"]
    assert [uri.rsplit("/", 1)[-1] for uri in claimed] == ["core", "oas30", "geojson", "crs"]


@pytest.mark.parametrize("code", [3857, 25832, 25833, 4326])
def test_coordinates_have_the_axes_of_the_system_asked_for(client: httpx.Client, code: int) -> None:
    """F-OAF-1: Content-Crs names the system; EPSG:4326 has the latitude first."""
    degrees = client.get("/collections/assets/items/P1")
    assert degrees.headers["content-crs"] == f"<{CRS84}>"
    east, north = degrees.json()["geometry"]["coordinates"]
    assert (east, north) == (13.71, 51.052)
    moved = client.get("/collections/assets/items/P1", params={"crs": f"{EPSG}{code}"})
    assert moved.headers["content-crs"] == f"<{EPSG}{code}>"
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(east, north)
    expected = [y, x] if code == 4326 else [x, y]
    assert moved.json()["geometry"]["coordinates"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("code", [3857, 25832, 25833, 4326])
def test_a_box_in_any_system_selects_the_same_features(client: httpx.Client, code: int) -> None:
    """F-OAF-1: bbox is read in bbox-crs, with its axes."""
    west, south, east, north = 13.705, 51.0515, 13.712, 51.0525
    change = Transformer.from_crs("OGC:CRS84", code).transform
    lower, upper = change(west, south), change(east, north)
    box = ",".join(map(str, (*lower, *upper)))
    found = _items(client, "assets", bbox=box, bbox_crs=f"{EPSG}{code}")
    assert _ids(found) == ["P1", "W1"]
    assert _ids(_items(client, "assets", bbox=f"{west},{south},0,{east},{north},9")) == ["P1", "W1"]
    assert _items(client, "assets", bbox="170,-10,-170,10")["numberMatched"] == 0


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2023-06-01T00:00:00Z", ["B2:1:2"]),
        ("2024-01-01T00:00:00+01:00/..", ["B1:1:5"]),
        ("../2022-01-01T00:00:00Z", []),
        ("2023-12-31/2024-05-01", ["B1:1:5", "B2:1:2"]),
    ],
)
def test_restrictions_are_selected_by_their_validity(
    client: httpx.Client, time: str, expected: list[str]
) -> None:
    assert _ids(_items(client, "restrictions", datetime=time)) == expected
    assert _items(client, "assets", datetime=time)["numberMatched"] == COUNTS["assets"]


@pytest.mark.parametrize(
    "query",
    [
        "colour=red", "bbox=1,2,3", "bbox=1,5,3,4", "bbox=nan,1,2,3", "limit=0", "limit=ten",
        "limit=%D9%A3", "datetime=yesterday", "datetime=2024-01-01T00:00:00", "f=html",
        "datetime=2024-01-02T00:00:00Z/2024-01-01T00:00:00Z", "datetime=../..", "limit=1&limit=2",
        "datetime=0001-01-01T00:00:00%2B14:00", "datetime=9999-12-31", "crs=EPSG:25833",
        "bbox-crs=http://www.opengis.net/def/crs/EPSG/0/31468", f"after={'x' * 301}",
    ],
)  # fmt: skip
def test_an_unknown_or_wrong_parameter_is_refused(client: httpx.Client, query: str) -> None:
    """F-OAF-2: status 400, and the answer says what is wrong."""
    answer = client.get(f"/collections/assets/items?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameterValue")
    assert "parameter" in answer.json()["description"]


def test_what_is_not_there_is_said(client: httpx.Client) -> None:
    for address in ("/collections/trees", "/collections/trees/items", "/collections/links/items/X"):
        assert client.get(address).status_code == 404, address
    assert client.get("/conformance?x=1").status_code == 400
    assert _items(client, "assets", limit=10**6)["numberReturned"] == COUNTS["assets"]


def test_links_of_pages_lead_through_all_features_once(client: httpx.Client) -> None:
    """F-OAF-2: the link says behind which key the page begins, whatever comes in between."""
    page = _items(client, "assets", limit=2, crs=f"{EPSG}25833")
    keys = _ids(page)
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        answer = client.get(following[0])
        assert answer.headers["content-crs"] == f"<{EPSG}25833>"
        page = answer.json()
        assert page["numberMatched"] == COUNTS["assets"]
        keys += _ids(page)
    assert len(keys) == COUNTS["assets"]
    assert all(one < other for one, other in pairwise(keys))


def test_a_page_stays_where_it_is_when_features_are_added() -> None:
    """F-OAF-2: an asset that is added before the page moves nothing behind it."""
    with served(_town()) as running:
        address = f"{running.address}/ogc/features/collections/assets/items"
        first = httpx.get(address, params={"limit": 2}, trust_env=False).json()
        following = next(link["href"] for link in first["links"] if link["rel"] == "next")
        before = _ids(httpx.get(following, trust_env=False).json())
        asset = running.town.city.assets[-1]
        running.town.twin.load(
            replace(running.town.city, assets=(replace(asset, id="A0"),), datastreams=())
        )
        assert _ids(httpx.get(following, trust_env=False).json()) == before
        assert _items_count(address) == COUNTS["assets"] + 1


def _items_count(address: str) -> int:
    return httpx.get(address, trust_env=False).json()["numberMatched"]


def test_only_what_everybody_may_see_leaves(client: httpx.Client) -> None:
    """F-OAF-4: no place of a damage, no statement, no remark, no stream of persons or images."""
    text = "".join(client.get(f"/collections/{name}/items").text for name in COUNTS)
    assert HIDDEN not in text
    assert "crack" not in text
    assert "B1/mid" not in text
    assert "CAM" not in text
    assert '"remarks' not in text
    sensor, bridge = (
        client.get(f"/collections/{path}").json()["geometry"]
        for path in ("sensors/items/S1", "findings/items/1")
    )
    assert (sensor["type"], bridge["type"]) == ("MultiPoint", "Point")


def _told(*command: str) -> dict:
    """What a client says that reads the server from a process of its own."""
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60.0, env={"NO_PROXY": "*"}
    )
    return json.loads(said.stdout)


def test_owslib_reads_every_collection(web: Served) -> None:
    """F-OAF-3: the counts are those of the city, page by page."""
    script = str(CLIENTS / "owslib_features.py")
    found = _told(str(python()), script, f"{web.address}/ogc/features/")
    assert {name: one["matched"] for name, one in found["collections"].items()} == COUNTS
    for name, one in found["collections"].items():
        assert len(set(one["keys"])) == COUNTS[name], name
        assert one["one"] == one["keys"][0]
    assert len(found["conformance"]) == 4
    assert "/collections/{collection}/items" in found["paths"]


def test_gdal_reads_every_collection(web: Served) -> None:
    """F-OAF-3: counts, coordinates and a box, with the driver OAPIF of GDAL."""
    script = str(CLIENTS / "gdal_features.py")
    box = ("13.705", "51.0515", "13.712", "51.0525")
    found = _told(sys.executable, script, f"{web.address}/ogc/features", *box)
    assert found["counts"] == COUNTS
    assert found["inside"] == ["P1", "W1"]
    assert found["grade"] == 3.2
    assert found["bounds"] == pytest.approx((13.70, 51.05, 13.7003, 51.054))
