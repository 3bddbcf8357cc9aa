"""SensorThings: no address, query or filter makes the server fail (F-STS-3)."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensorthings_town import ROOT, filled_town

from sensors.sensorthings.api import Server
from sensors.sensorthings.functions import ARITIES
from sensors.sensorthings.schema import SETS


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(filled_town().twin, public_url="")


WORDS = st.sampled_from(
    [
        "$filter", "$expand", "$top", "$select", "$orderby", "$skip", "$count", "$skiptoken", "=",
        "&", "(", ")", ",", ";", "/", "'", " ", " eq ", " and ", " or ", "not ", " in ", "null",
        "name", "id", "result", "phenomenonTime", "Datastreams", "Thing", "Observations", "5",
        "-1e308", "true", "2026-11-22T08:00:00Z", "2026-02-30", "duration'P9Y'", "07:00:00",
        "geography'POINT(1 2)'", "geography'POLYGON EMPTY'", "geo.distance", "substring", "length",
        "location", " add ", " div ", " mod ", "properties", "any(x:x)", "now()", "desc", "\x00",
        "resultFormat=dataArray", "$resultFormat=GeoJSON", "é", "%ff", "+",
    ]
)  # fmt: skip
PATHS = st.sampled_from(
    [*SETS, "", "Datastreams('B1-strain')/Observations", "Things('B1')", "Things('B1')/Datastreams",
     "Observations('B1-strain@1795334399000000')", "Things('B1')/name/$value", "Locations/$ref"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.one_of(PATHS, st.lists(WORDS, max_size=5).map("".join)),
    words=st.lists(WORDS, max_size=14),
    junk=st.binary(max_size=12),
)
def test_any_address_and_query_give_an_answer_below_500(
    server: Server, path: str, words: list[str], junk: bytes
) -> None:
    """F-STS-3: never 500; 501 tells what is not supported."""
    query = "".join(words).encode() + junk
    assert server.answered(path, query, ROOT).status_code in (200, 400, 404, 501)


VALUES = st.sampled_from(
    [
        "name", "id", "result", "phenomenonTime", "resultTime", "location", "feature", "time",
        "null", "properties/cadence_s", "Thing/name", "Datastream/Thing/name", "'x'", "5", "1e308",
        "true",
        "2026-11-22T08:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z",
        "2026-02-20", "duration'P9Y'", "07:00:00", "geography'POINT(1 2)'", "maxdatetime()",
        "geography'GEOMETRYCOLLECTION(POINT(1 2))'", "geography'POLYGON EMPTY'",
    ]
)  # fmt: skip
OPERATORS = st.sampled_from(
    ["add", "sub", "mul", "div", "mod", "eq", "ne", "lt", "le", "gt", "ge", "and", "or"]
)


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Calls of every function, operations and negations of expressions."""
    calls = st.sampled_from(sorted(ARITIES)).flatmap(
        lambda name: st.lists(inner, min_size=ARITIES[name][0], max_size=ARITIES[name][1]).map(
            lambda arguments: f"{name}({','.join(arguments)})"
        )
    )
    pairs = st.tuples(inner, OPERATORS, inner).map(lambda parts: f"({' '.join(parts)})")
    return st.one_of(calls, pairs, inner.map(lambda one: f"not ({one})"))


EXPRESSIONS = st.recursive(VALUES, deeper, max_leaves=6)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=PATHS, sides=st.tuples(EXPRESSIONS, OPERATORS, EXPRESSIONS))
def test_any_expression_gives_an_answer_below_500(
    server: Server, path: str, sides: tuple[str, str, str]
) -> None:
    """F-STS-3: whatever functions and operators are put together."""
    query = "$filter=" + quote(" ".join(sides)) + "&$count=true&$top=3"
    assert server.answered(path, query.encode(), ROOT).status_code in (200, 400, 404, 501)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=PATHS, condition=st.lists(WORDS, max_size=12))
def test_any_filter_gives_an_answer_below_500(
    server: Server, path: str, condition: list[str]
) -> None:
    """F-STS-3: the same for whatever stands in a filter."""
    query = ("$filter=" + "".join(condition)).encode()
    assert server.answered(path, query, ROOT).status_code in (200, 400, 404, 501)
