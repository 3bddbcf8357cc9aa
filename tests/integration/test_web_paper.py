"""The decision paper over HTTP and as a command, from a run in the store."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from free_flow import keep
from measures_case import CLOSED, solved, town_base
from serving_town import Served, served

from twin.model.packing import pack_columns
from twin.model.provenance import Provenance
from twin.model.scenarios import Result

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def finished_run(web: Served) -> int:
    """A run of measures with its document and columns, as a worker leaves it."""
    store: Any = web.town.store
    keep(store, town_base())
    one = solved()
    run = store.runs.submit(
        CLOSED, engine="measures", version="1", seed=0, at=AT, base=town_base().content_hash()
    )
    taken = store.runs.claim(engines=["measures"], expired_before=AT, at=AT, only=run.id)
    parts = {"measures": json.dumps(one.document).encode(), "links": pack_columns(one.links)}
    result = Result(run.id, {}, {}, (), Provenance("simulated", by="measures 1"))
    assert store.runs.finish(run.id, result, at=AT, attempt=taken.attempt, parts=parts)
    return run.id


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def number(web: Served) -> int:
    return finished_run(web)


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    address = f"{web.address}/api/measures/runs"
    with httpx.Client(base_url=address, trust_env=False, timeout=60.0) as opened:
        yield opened


def test_one_address_gives_the_paper_as_pdf_in_both_languages(
    client: httpx.Client, number: int
) -> None:
    for language in ("de", "en"):
        answer = client.get(f"/{number}/paper.pdf", params={"lang": language})
        assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-"), answer.text[:300]
        assert answer.headers["content-type"] == "application/pdf"
        assert f"run-{number}-{language}.pdf" in answer.headers["content-disposition"]


def test_the_page_of_the_paper_has_maps_of_the_network(client: httpx.Client, number: int) -> None:
    answer = client.get(f"/{number}/paper.html", params={"lang": "en"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.count('role="img"') == 3
    assert "Decision paper" in answer.text
    assert "<script" not in answer.text


def test_a_second_click_gives_the_same_bytes(client: httpx.Client, number: int) -> None:
    first, second = (client.get(f"/{number}/paper.pdf").content for _ in range(2))
    assert first == second


def test_a_run_without_an_answer_has_no_paper(web: Served, client: httpx.Client) -> None:
    store: Any = web.town.store
    run = store.runs.submit(CLOSED, engine="measures", version="2", seed=0, at=AT)
    answer = client.get(f"/{run.id}/paper.pdf")
    assert (answer.status_code, "queued" in answer.json()["error"]) == (409, True)


@pytest.mark.parametrize("path", ["/999/paper.pdf", "/1/paper.docx", "/x/paper.pdf"])
def test_what_there_is_not_is_refused(client: httpx.Client, number: int, path: str) -> None:
    del number
    assert client.get(path).status_code in (404, 422)
