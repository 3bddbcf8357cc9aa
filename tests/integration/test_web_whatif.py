"""What-if questions over HTTP: a scenario is checked, asked, followed, cancelled and fetched."""

import csv
import io
import json
from collections.abc import Iterator

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from free_flow import FreeFlow, keep, river_base
from serving_town import Served, served

from simulations.capacity import Capacity
from simulations.running import Limits, OpenBases
from simulations.worker import TrafficRuns, solve
from twin.model.scenarios import from_document
from twin.model.traffic_state import TrafficState

CLOSE = {
    "name": "close the fast bridge",
    "base": "today",
    "interventions": [{"kind": "close_link", "targets": ["1-2"], "parameters": {}}],
}
SOLVER = TrafficRuns(FreeFlow(), Limits(Capacity(1, 10**9), 60.0), OpenBases())


@pytest.fixture
def web() -> Iterator[Served]:
    with served() as running:
        keep(running.town.store, river_base())
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{web.address}/api/whatif", trust_env=False, timeout=60.0
    ) as opened:
        yield opened


def _work(web: Served) -> None:
    run = web.town.twin.claim_run(["free_flow"])
    assert run is not None
    solve(web.town.twin, run, SOLVER)


def test_a_question_is_asked_followed_and_fetched(web: Served, client: httpx.Client) -> None:
    asked = client.post("/runs", json=CLOSE)
    assert asked.status_code == 202
    assert asked.json()["status"] == "queued"
    _work(web)
    run = client.get(httpx.URL(web.address).join(asked.headers["location"])).json()
    assert (run["status"], run["progress"]) == ("done", 1.0)
    assert run["provenance"] == {"kind": "simulated", "by": "free_flow 1"}
    assert set(run["files"]) == {"bridges", "links", "report", "result"}
    report = client.get(f"/runs/{run['number']}/report").json()
    assert report["scenario"]["interventions"] == CLOSE["interventions"]
    assert report["unserved"]["scenario_vehh"] == 0.0


def test_the_same_question_has_the_stored_result(web: Served, client: httpx.Client) -> None:
    first = client.post("/runs", json=CLOSE)
    _work(web)
    again = client.post("/runs", json={**CLOSE, "name": "the same"})
    assert (again.status_code, again.json()["number"]) == (200, first.json()["number"])
    assert again.json()["status"] == "done"
    assert again.json()["scenario"]["name"] == "the same"
    other = client.post("/runs", params={"gap": "1e-7"}, json=CLOSE)
    assert other.status_code == 202
    numbers = [run["number"] for run in client.get("/runs").json()["runs"]]
    assert numbers == [other.json()["number"], first.json()["number"]]


def test_columns_per_link_come_in_three_formats(web: Served, client: httpx.Client) -> None:
    number = client.post("/runs", json=CLOSE).json()["number"]
    _work(web)
    text = client.get(f"/runs/{number}/links.csv").text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    flows = [float(row["scenario_vehh"]) for row in rows]
    assert flows == [0, 0, 900, 900, 600, 600, 0, 0]
    parquet = client.get(f"/runs/{number}/links.parquet")
    assert pq.read_table(pa.BufferReader(parquet.content))["scenario_vehh"].to_pylist() == flows
    columns = np.load(io.BytesIO(client.get(f"/runs/{number}/links.npz").content))
    assert columns["scenario_vehh"].tolist() == flows
    assert client.get(f"/runs/{number}/links.xlsx").status_code == 404


def test_traffic_for_bridges_is_a_file_and_missing_data_are_named(
    web: Served, client: httpx.Client
) -> None:
    number = client.post("/runs", json=CLOSE).json()["number"]
    _work(web)
    heads = client.get(f"/runs/{number}/bridges.csv").text.split("\r\n")[0].split(",")
    assert {"asset", "side", "vehicle_class", "flow_vehh", "mass_limit_t"} <= set(heads)
    assert client.get(f"/runs/{number}/bridges.pdf").status_code == 404
    report = client.get(f"/runs/{number}/report").json()
    assert (report["reach"]["status"], report["emissions"]["status"]) == ("no_places", "no_table")


def test_a_waiting_run_is_cancelled(client: httpx.Client) -> None:
    number = client.post("/runs", json=CLOSE).json()["number"]
    assert client.post(f"/runs/{number}/cancel").json()["status"] == "cancelled"
    assert client.get(f"/runs/{number}", params={"wait": 20}).json()["status"] == "cancelled"
    missing = client.get(f"/runs/{number}/report")
    assert (missing.status_code, "cancelled" in missing.json()["error"]) == (404, True)


def test_whoever_waits_hears_of_a_change(web: Served, client: httpx.Client) -> None:
    number = client.post("/runs", json=CLOSE).json()["number"]
    assert client.get(f"/runs/{number}", params={"wait": 0.3}).json()["status"] == "queued"
    _work(web)
    assert client.get(f"/runs/{number}", params={"wait": 25}).json()["status"] == "done"


def test_a_scenario_is_checked_and_said_in_words(client: httpx.Client) -> None:
    checked = client.post("/check", params={"lang": "en"}, json=CLOSE).json()
    assert checked["sentences"] == ["Close 1-2."]
    assert checked["base"]["figures"] == {"relative_gap": 0.0}
    (listed,) = client.get("/bases").json()["bases"]
    assert listed.pop("validity")["status"] == "not_watched"
    assert listed == checked["base"]
    assert client.get("/runs").json() == {"runs": []}


def test_the_schema_of_a_scenario_is_served(client: httpx.Client) -> None:
    answer = client.get("/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json()["required"] == ["name", "base", "interventions"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interventions": [{"kind": "close_lnk", "targets": ["1-2"]}]}, "close_link"),
        ({"interventions": [{"kind": "close_link", "targets": ["1-9"]}]}, "unknown link '1-9'"),
        ({"interventions": "none"}, "interventions"),
        ({"colour": "red"}, "colour"),
        ({"name": "a\ud800"}, "surrogate"),
        ({"interventions": [{"kind": "a\ud800"}]}, "unknown kind"),
        ({"interventions": []}, "no effect"),
    ],
)
def test_a_wrong_scenario_is_refused_with_all_problems(
    client: httpx.Client, change: dict[str, object], words: str
) -> None:
    for path in ("/check", "/runs"):
        answer = client.post(path, content=json.dumps({**CLOSE, **change}))
        assert answer.status_code == 422
        assert words in " ".join(answer.json()["problems"])
    assert client.get("/runs").json() == {"runs": []}


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/runs/4711", 404, "4711"),
        ("GET", "/runs/x", 422, "number"),
        ("GET", "/runs/-1", 422, "number"),
        ("GET", "/runs/" + "9" * 40, 422, "number"),
        ("GET", "/runs/1?wait=1e9", 422, "wait"),
        ("GET", "/runs?limit=0", 422, "limit"),
        ("GET", "/runs?limit=nan", 422, "limit"),
        ("GET", "/runs?page=2", 422, "page"),
        ("POST", "/runs/4711/cancel", 404, "4711"),
        ("GET", "/nothing", 404, "not found"),
    ],
)
def test_a_wrong_request_names_what_is_wrong(
    client: httpx.Client, method: str, path: str, status: int, words: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, words in answer.text) == (status, True)


@pytest.mark.parametrize("gap", ["0", "1", "1e-4", "-1e-6", "nan", "fast"])
def test_a_gap_that_is_not_possible_is_refused(client: httpx.Client, gap: str) -> None:
    answer = client.post("/runs", params={"gap": gap}, json=CLOSE)
    assert (answer.status_code, answer.json()["field"]) == (422, "gap")


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b"{" * 5000, b'{"name": 1e999}'])
def test_a_body_that_is_no_scenario_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/runs", content=body)
    assert answer.status_code == 422
    assert answer.json()["problems"]


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    assert client.post("/runs", content=b" " * 2_000_000).status_code == 413


def test_a_base_that_is_missing_names_the_command_that_makes_it(client: httpx.Client) -> None:
    answer = client.post("/runs", json={**CLOSE, "base": "evening"})
    assert (answer.status_code, answer.json()["field"]) == (422, "base")
    assert "twin estimate" in answer.json()["error"]


def test_a_full_queue_refuses_the_next_question(web: Served, client: httpx.Client) -> None:
    twin = web.town.twin
    scenario = from_document(json.loads(json.dumps(CLOSE)))
    for seed in range(200):
        twin.submit(scenario, engine="free_flow", version="1", seed=seed + 1)
    answer = client.post("/runs", json=CLOSE)
    assert answer.status_code == 429
    newest = client.get("/runs", params={"limit": 1}).json()["runs"][0]
    twin.submit(scenario, engine="free_flow", version="1", seed=999)
    client.post(f"/runs/{newest['number']}/cancel")  # still two hundred wait
    assert client.post("/runs", json=CLOSE).status_code == 429
    _work(web)
    assert client.post("/runs", json=CLOSE).status_code in (202, 429)


def test_a_stored_gap_that_is_no_number_breaks_no_list(web: Served, client: httpx.Client) -> None:
    scenario = from_document(json.loads(json.dumps(CLOSE)))
    old = web.town.twin.submit(
        scenario, engine="free_flow", version="1", options='{"relative_gap": NaN}'
    )
    rows = client.get("/runs").json()["runs"]
    assert rows[0]["options"] == {"relative_gap": None}
    assert rows[0]["scenario"] == {"name": CLOSE["name"], "base": "today", "intervention_count": 1}
    assert client.get(f"/runs/{old.id}").json()["scenario"] == {**CLOSE}


def test_an_answer_says_first_that_live_counts_contradict_its_base(
    web: Served, client: httpx.Client
) -> None:
    number = client.post("/runs", json=CLOSE).json()["number"]
    _work(web)
    assert client.get(f"/runs/{number}/report").json()["validity"]["status"] == "not_watched"
    content = {
        "base": {"content_hash": client.get(f"/runs/{number}").json()["base"]},
        "is_valid": False,
        "reasons": [{"en": "too far off", "de": "zu weit weg"}],
    }
    now = web.town.twin.now()
    web.town.twin.traffic.keep_state(TrafficState("live", "today", now, json.dumps(content)))
    report = client.get(f"/runs/{number}/report").json()
    assert next(iter(report)) == "validity"
    assert report["validity"]["reasons"] == content["reasons"]
    (base,) = client.get("/bases").json()["bases"]
    assert base["validity"]["status"] == "not_valid_now"
    (state,) = client.get("/states", params={"kind": "live"}).json()["states"]
    assert (state["subject"], state["age_s"] >= 0.0) == ("today", True)
    assert client.get("/states", params={"kind": "x"}).status_code == 422
