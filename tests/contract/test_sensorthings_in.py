"""SensorThings in: the rules F-STA and the samples."""

import json
from typing import Any

import pytest
from contract.stream_samples import (
    RECEIVED,
    decode,
    documents,
    instant,
    observations,
    reasons,
    sample,
    sample_lines,
)
from contract.test_codecs import assert_well_formed, bad_payloads
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.model.messages import Outcome, QualityRule, ValueRule
from twin.model.quality import keys

ROOT = "v1.1/Observations"
TIME = "2026-06-15T08:00:00Z"
QUARTER = f"2026-06-15T07:45:00Z/{TIME}"
LINK = "Datastream@iot.navigationLink"


def read(document: object, *, topic: str = "v1.1/Datastreams(42)/Observations", **more: Any) -> Any:
    return decode("sensorthings", topic, document, **more)


def stream(**more: Any) -> dict[str, Any]:
    unit = {"name": "Anzahl", "symbol": None, "definition": None}
    return {"@iot.id": 42, "unitOfMeasurement": unit} | more


def found(outcome: Outcome) -> list[tuple[str, float]]:
    return [(one.key, one.value) for one in observations(outcome)]


@pytest.mark.parametrize("name", ["frost_expand_thing.jsonl", "synthetic_observations.jsonl"])
def test_f_sta_6_the_sensorthings_samples_are_met(name: str) -> None:
    """F-STA-1, F-STA-4, F-STA-6."""
    expected = json.loads(sample("sensorthings", "expected.json"))[name]
    for (topic, payload), wanted in zip(sample_lines("sensorthings", name), expected, strict=True):
        outcome = read(payload, topic=topic)
        assert reasons(outcome) == wanted.get("rejections", [])
        assert [(one.key, one.value, one.phenomenon_time) for one in observations(outcome)] == [
            (one["key"], one["value"], instant(one["time"])) for one in wanted["observations"]
        ]


@pytest.mark.parametrize(
    ("link", "key"),
    [
        ("https://x.example/v1.1/Datastreams(42)", "42"),
        ("Datastreams('door%2F7')", "door/7"),
        ("../Datastreams('it''s')", "it's"),
    ],
)
def test_f_sta_1_the_id_is_read_from_the_link(link: str, key: str) -> None:
    assert found(read({"result": 1, "phenomenonTime": TIME, LINK: link}, topic=ROOT)) == [(key, 1)]


def test_f_sta_1_without_any_datastream_it_is_a_missing_field_and_another_one_a_mismatch() -> None:
    """F-COD-8."""
    document = {"result": 1, "phenomenonTime": TIME}
    assert reasons(read(document, topic=ROOT)) == ["missing_field"]
    other = document | {"Datastream": {"@iot.id": 43}}
    assert reasons(read(other)) == ["topic_mismatch"]
    assert found(read(other, topic=ROOT)) == [("43", 1.0)]


def test_f_sta_2_a_result_is_required_and_objects_need_a_mapping() -> None:
    assert reasons(read({"phenomenonTime": TIME})) == ["missing_field"]
    document = {"result": {"x": 1, "y": 2}, "phenomenonTime": TIME}
    assert reasons(read(document)) == ["wrong_type"]
    assert reasons(read(document | {"result": [1]})) == ["wrong_type"]
    assert reasons(read(document | {"result": "1"})) == ["wrong_type"]
    assert read(document | {"result": None}).missing == 1
    mapped = (ValueRule("/x", "speed", "m/s"), ValueRule("/z", "speed", "m/s"))
    outcome = read(document, values=mapped)
    assert [(one.path, one.value) for one in observations(outcome)] == [("/x", 3.6)]
    assert outcome.missing == 1


@pytest.mark.parametrize("told", [{"aggregateDuration": "PT15M"}, {"period_s": 900}])
def test_f_sta_3_a_window_other_than_the_period_is_refused(told: dict[str, object]) -> None:
    tables = {"datastreams": [stream(properties=told)]}
    scaled = (ValueRule("", "traffic_flow", "/h", scale=4.0),)
    document = {"result": 36, "phenomenonTime": QUARTER}
    (one,) = observations(read(document, tables=tables, values=scaled))
    assert (one.value, one.phenomenon_time) == (144.0, instant(TIME))
    wrong = document | {"phenomenonTime": f"2026-06-15T07:00:00Z/{TIME}"}
    assert reasons(read(wrong, tables=tables, values=scaled)) == ["interval_mismatch"]
    nearly = document | {"phenomenonTime": f"2026-06-15T07:45:01Z/{TIME}"}
    assert observations(read(nearly, tables=tables, values=scaled))
    backwards = document | {"phenomenonTime": f"{TIME}/2026-06-15T07:45:00Z"}
    assert reasons(read(backwards)) == ["interval_mismatch"]


def test_a_count_with_its_interval_is_a_flow() -> None:
    """F-TIM-6: 36 in 900 s = 144 per hour."""
    counted = stream(unitOfMeasurement={"symbol": "Anzahl"}, properties={"period_s": 900})
    for time in (QUARTER, TIME):  # an instant is the end of the period
        outcome = read({"result": 36, "phenomenonTime": time}, tables={"datastreams": [counted]})
        assert [(one.value, one.unit) for one in observations(outcome)] == [(144.0, "/h")]


def test_f_sta_4_substitutes_are_flagged_and_a_misspelt_time_is_none() -> None:
    (told,) = observations(read({"result": 1, "resultTime": TIME}))
    assert (told.phenomenon_time, list(keys(told.quality))) == (instant(TIME), ["time_substituted"])
    (arrived,) = observations(read({"result": 1}))
    assert (arrived.phenomenon_time, arrived.is_timed) == (RECEIVED, False)
    assert read({"result": 1}, retained=True).ignored == 1
    for name in ("phenomenonTimes", "measurementTime"):
        assert reasons(read({"result": 1, "resultTime": TIME, name: TIME})) == ["time_invalid"]


def test_f_sta_5_a_datastream_that_tells_no_unit_needs_a_mapping() -> None:
    tables = {"datastreams": {"value": [stream()]}}
    document = {"result": 36, "phenomenonTime": TIME}
    assert reasons(read(document, tables=tables)) == ["unit_missing"]
    (one,) = observations(read(document, tables=tables, values=(ValueRule("", "speed", "km/h"),)))
    assert (one.value, one.quantity) == (36.0, "speed")
    unit = {"symbol": None, "definition": "ucum:Cel"}
    named = {"datastreams": [stream(unitOfMeasurement=unit)]}
    assert [one.unit for one in observations(read(document, tables=named))] == ["Cel"]


def test_f_sta_5_the_sample_without_a_unit_is_refused_until_it_is_mapped() -> None:
    entity = json.loads(sample("sensorthings", "synthetic_datastream_null_unit.json"))
    tables = {"datastreams": [entity]}
    document = {"result": 36, "phenomenonTime": QUARTER}
    assert reasons(read(document, tables=tables)) == ["unit_missing"]
    scaled = (ValueRule("", "traffic_flow", "/h", scale=4.0),)
    assert found(read(document, tables=tables, values=scaled)) == [("42", 144.0)]


def test_f_sta_6_expanded_entities_are_walked_and_a_bad_one_costs_itself() -> None:
    """F-COD-4."""
    thing = {
        "Datastreams": [
            {"@iot.id": 1, "Observations": [{"result": 1, "phenomenonTime": TIME}, 7]},
            {"@iot.id": "b", "Observations": [{"result": 2, "phenomenonTime": TIME}]},
        ]
    }
    outcome = read({"value": [thing]}, topic="v1.1/Things")
    assert (found(outcome), reasons(outcome)) == ([("1", 1.0), ("b", 2.0)], ["wrong_type"])


def test_f_sta_7_no_link_is_followed_and_a_property_may_be_the_key() -> None:
    """F-COD-1: nothing is fetched, whichever host a link names."""
    link = {"Observations@iot.nextLink": "http://elsewhere.example/v1.1/Observations"}
    inner = {"Observations": [{"result": 1, "phenomenonTime": TIME}]}
    named = stream(properties={"layerName": "Anzahl_15"}, unitOfMeasurement={"symbol": "1"})
    outcome = read(named | inner | link, key="site/{/properties/layerName}")
    assert found(outcome) == [("site/Anzahl_15", 1.0)]
    bare = {"result": 1, "phenomenonTime": TIME}
    key = "{/properties/layerName}"
    assert reasons(read(bare, key=key)) == ["metadata_missing"]
    assert found(read(bare, key=key, tables={"datastreams": [named]})) == [("Anzahl_15", 1.0)]


def test_a_quality_code_of_the_source_becomes_a_flag() -> None:
    """F-MIS-2."""
    document = {"result": 1, "phenomenonTime": TIME, "resultQuality": "bad"}
    (one,) = observations(read(document, quality=QualityRule("/resultQuality", ("good",))))
    assert list(keys(one.quality)) == ["bad_at_source"]


@settings(max_examples=200, deadline=None)
@given(
    document=documents(
        ["result", "phenomenonTime", "resultTime", "@iot.id", "Datastream", "Datastreams",
         "Observations", "value", LINK, "properties", "unitOfMeasurement", "symbol"],
        [TIME, QUARTER, "Datastreams(42)", "Anzahl"],
    ),
    topic=st.sampled_from([ROOT, "v1.1/Datastreams(42)/Observations"]) | st.text(max_size=30),
)  # fmt: skip
def test_f_cod_2_any_sensorthings_json_gives_an_outcome(document: Any, topic: str) -> None:
    assert_well_formed(read(document, topic=topic))
    tables = {"datastreams": [stream(properties=document), document]}
    assert_well_formed(read({"result": document, "phenomenonTime": QUARTER}, tables=tables))
    if isinstance(document, dict):
        assert_well_formed(read({"result": 1} | document, tables=tables))


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=300), topic=st.text(max_size=40))
def test_f_cod_2_any_bytes_give_an_outcome(payload: bytes, topic: str) -> None:
    assert_well_formed(read(payload, topic=topic))


def test_f_cod_2_the_corpus_of_bad_payloads_gives_outcomes() -> None:
    for payload in bad_payloads(500):
        assert_well_formed(read(payload))
