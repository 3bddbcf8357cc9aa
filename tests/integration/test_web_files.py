"""Readings as files over HTTP: they come whole, and a wrong request names its field."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving_town import Served, served
from town import START


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        running.town.record_rows("B1-strain", [float(row) for row in range(70_000)], age_s=3600.0)
        running.town.record({"B1-temp": 21.5})
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.address, trust_env=False, timeout=60.0) as opened:
        yield opened


def test_a_file_holds_every_reading_of_its_datastreams(client: httpx.Client) -> None:
    answer = client.get(
        "/api/export/readings.csv", params={"stream": ["B1-strain", "B1-temp"], "last": 7200}
    )
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="readings-2026')
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 70_001
    assert [float(row["value"]) for row in rows[-3:]] == [69_998.0, 69_999.0, 21.5]


def test_parquet_holds_the_same_rows(client: httpx.Client) -> None:
    span = {"t0": (START - timedelta(hours=2)).isoformat(), "t1": START.isoformat()}
    answer = client.get("/api/export/readings.parquet", params={"stream": "B1-strain", **span})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert 'filename="B1-strain-' in answer.headers["content-disposition"]
    table = pq.read_table(pa.BufferReader(answer.content))
    assert table.num_rows == 70_000
    assert table["value"][69_999].as_py() == 69_999.0


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("last=60", 422, "stream"),
        ("stream=B1-strain&px=100", 422, "px"),
        ("stream=B1-strain&t0=yesterday", 422, "t0"),
        ("stream=B1-strain&colour=red", 422, "colour"),
        ("stream=nowhere&last=60", 404, "nowhere"),
    ],
)
def test_a_request_that_is_not_possible_says_why(
    client: httpx.Client, query: str, status: int, word: str
) -> None:
    answer = client.get(f"/api/export/readings.csv?{query}")
    assert answer.status_code == status
    assert word in answer.text


def test_an_unknown_format_is_not_found(client: httpx.Client) -> None:
    assert client.get("/api/export/readings.xlsx?stream=B1-strain").status_code == 404


def test_a_database_that_is_away_is_said_so(web: Served, client: httpx.Client) -> None:
    web.town.store.is_away = True
    try:
        answer = client.get("/api/export/readings.csv?stream=B1-strain&last=60")
    finally:
        web.town.store.is_away = False
    assert answer.status_code == 503
