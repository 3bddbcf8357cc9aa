"""Measures over HTTP: what is refused, and questions that are asked once."""

import json
from collections.abc import Iterator

import httpx
import pytest
from free_flow import keep, river_base
from serving_town import Served, served

CLOSE = {
    "name": "close the fast bridge",
    "base": "today",
    "interventions": [{"kind": "close_link", "targets": ["1-2"], "parameters": {}}],
}
DISTANCE = {
    "name": "keep apart",
    "base": "today",
    "interventions": [
        {"kind": "distance_rule", "targets": ["1-2"], "parameters": {"min_gap_m": 50}}
    ],
}


@pytest.fixture
def web() -> Iterator[Served]:
    with served() as running:
        keep(running.town.store, river_base())
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    address = f"{web.address}/api/measures"
    with httpx.Client(base_url=address, trust_env=False, timeout=60.0) as opened:
        yield opened


def test_a_question_has_one_run_for_each_size_of_the_ensemble(client: httpx.Client) -> None:
    first = client.post("/runs", json=CLOSE)
    assert first.status_code == 202
    assert first.json()["engine"] == "measures"
    assert first.headers["location"] == f"/api/measures/runs/{first.json()['number']}"
    again = client.post("/runs", params={"seed": 5}, json={**CLOSE, "name": "the same"})
    assert (again.status_code, again.json()["number"]) == (200, first.json()["number"])
    banded = client.post("/runs", params={"members": 50}, json=CLOSE)
    other = client.post("/runs", params={"members": 50, "seed": 1}, json=CLOSE)
    assert len({item.json()["number"] for item in (first, banded, other)}) == 3
    assert banded.json()["options"]["members"] == 50


def test_measures_on_bridges_alone_are_a_question(client: httpx.Client) -> None:
    assert client.post("/check", params={"lang": "en"}, json=DISTANCE).status_code == 200
    assert client.post("/runs", json=DISTANCE).status_code == 202
    nothing = client.post("/check", json={**DISTANCE, "interventions": []})
    assert (nothing.status_code, "no effect" in nothing.text) == (422, True)


def test_a_waiting_run_is_followed_and_cancelled(client: httpx.Client) -> None:
    number = client.post("/runs", json=CLOSE).json()["number"]
    assert client.get(f"/runs/{number}").json()["status"] == "queued"
    missing = client.get(f"/runs/{number}/document")
    assert (missing.status_code, "queued" in missing.json()["error"]) == (404, True)
    assert client.post(f"/runs/{number}/cancel").json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"members": "-1"}, "members"),
        ({"members": "501"}, "members"),
        ({"members": "many"}, "members"),
        ({"seed": "1.5"}, "seed"),
        ({"gap": "1"}, "gap"),
    ],
)
def test_a_parameter_that_is_not_possible_is_named(
    client: httpx.Client, parameters: dict[str, str], field: str
) -> None:
    answer = client.post("/runs", params=parameters, json=CLOSE)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_too_few_members_for_a_band_are_refused(client: httpx.Client) -> None:
    answer = client.post("/runs", params={"members": "3"}, json=CLOSE)
    assert answer.status_code == 422
    assert "members must be 0 or 5 to 500" in json.dumps(answer.json())


def test_a_run_of_traffic_alone_has_no_document(web: Served, client: httpx.Client) -> None:
    traffic = f"{web.address}/api/whatif/runs"
    with httpx.Client(trust_env=False) as other:
        number = other.post(traffic, json=CLOSE).json()["number"]
    assert client.get(f"/runs/{number}/document").status_code == 404
