"""Whatever times a reader names, series, export and replay answer: with data, or which is wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from serving_town import served

PATHS = (
    "/api/series/B1-strain",
    "/api/series/B1-wave",
    "/api/export/readings.csv",
    "/api/export/readings.parquet",
    "/api/replay/roads.speed",
)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
HOURS = st.integers(0, 24 * 500).map(lambda hours: timedelta(hours=hours))
EDGES = st.one_of(
    HOURS.map(lambda past: FIRST + past),
    HOURS.map(lambda left: LAST - left),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([FIRST, LAST, datetime(2026, 11, 22, 7, tzinfo=UTC)]),
).map(lambda time: time.isoformat())
TEXTS = EDGES | EDGES.map(lambda text: text.replace("+00:00", "-23:59"))
LENGTHS = st.sampled_from(["1", "1e-9", "3600", "100000000", "1576800000", "1e308"])
STEPS = st.sampled_from(["10", "60", "3600", "86400"])


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served() as web, httpx.Client(base_url=web.address, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {}, optional={"t0": TEXTS, "t1": TEXTS, "last": LENGTHS, "as_of": TEXTS, "step": STEPS}
    )
)
@example({"t1": "0001-01-02T00:00:00Z", "last": "100000000"})
@example({"t0": "9999-12-31T00:00:00Z", "t1": "9999-12-31T23:59:59.5Z", "step": "60"})
@example({"t0": "9999-12-01T00:00:00Z", "t1": "9999-12-31T23:00:00Z", "step": "10"})
@example({"t0": "0001-01-01T00:00:00Z", "t1": "0001-01-01T01:00:00Z"})
def test_any_times_are_answered(client: httpx.Client, path: str, asked: dict[str, str]) -> None:
    kept = {"t0", "t1", "step"} if "replay" in path else {"t0", "t1", "last", "as_of"}
    parameters = {name: text for name, text in asked.items() if name in kept}
    if "export" in path:
        parameters["stream"] = "B1-strain"
    answer = client.get(path, params=parameters)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        assert answer.json()["field"] in {"t0", "t1", "last", "as_of", "step"}
