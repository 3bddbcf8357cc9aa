"""What a reader gets over HTTP when something fails, and how files are named."""

import re
from collections.abc import Iterator

import httpx
import pytest
from serving_town import served


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served() as web, httpx.Client(base_url=web.address, trust_env=False) as opened:
        yield opened


@pytest.mark.parametrize(("language", "advice"), [("de", "laden Sie"), ("en", "reload the page")])
def test_a_failed_callback_says_what_to_do_in_the_language_of_the_page(
    client: httpx.Client, language: str, advice: str
) -> None:
    body = {
        "output": "search-results.tree",
        "outputs": {"id": "search-results", "property": "tree"},
        "inputs": [{"id": "search", "property": "value", "value": ["not a text"]}],
        "state": [{"id": "url", "property": "search", "value": f"?lang={language}"}],
        "changedPropIds": ["search.value"],
    }
    answer = client.post("/_dash-update-component", json=body)
    notice = str(answer.json()["sideUpdate"]["notices"])
    assert advice in notice
    assert re.search(r"#[0-9a-f]{8}\b", notice)


def test_the_name_of_a_file_has_its_date_and_time(client: httpx.Client) -> None:
    named = client.get("/api/export/roads.csv").headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="roads-\d{8}T\d{6}Z\.csv"', named)


def test_a_span_of_readings_that_is_too_long_is_refused_and_one_of_bursts_is_empty(
    client: httpx.Client,
) -> None:
    readings = client.get("/api/series/B1-strain?last=1600000000")
    assert readings.status_code == 422
    assert readings.json()["field"] == "last"
    assert client.get("/api/series/B1-strain?last=34560000").status_code == 200
    assert client.get("/api/series/B1-wave?last=34560000").status_code == 200
