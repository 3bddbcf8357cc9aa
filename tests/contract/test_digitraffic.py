"""Digitraffic: the rules F-DIG and the samples."""

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from contract.stream_samples import (
    decode,
    documents,
    events,
    instant,
    observations,
    reasons,
    sample,
    sample_lines,
)
from contract.test_codecs import assert_well_formed, bad_payloads
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.codecs.digitraffic import MOST_DECOMPRESSED, flow_state
from twin.model.messages import ValueRule

SENSORS = {
    "tms": {
        "sensors": [
            {"id": 101, "name": "OHITUKSET_60MIN_KIINTEA_SUUNTA1", "unit": "kpl/h"},
            {"id": 102, "name": "OHITUKSET_5MIN_LIUKUVA_SUUNTA1", "unit": "kpl/h"},
            {"id": 158, "name": "KESKINOPEUS_5MIN_LIUKUVA_SUUNTA1_VVAPAAS1", "unit": "%"},
            {"id": 190, "name": "KELI_1", "unit": "***"},
        ]
    }
}
TOPICS = ("tms-v2/1/101", "tms-v2/1/158", "tms-v2/status", "maintenance-v2/routes/x")


def tms(number: int, document: object, **more: Any) -> Any:
    return decode("digitraffic", f"tms-v2/9/{number}", document, tables=SENSORS, **more)


def test_the_digitraffic_samples_are_met() -> None:
    expected = json.loads(sample("digitraffic", "expected.json"))["synthetic_messages.jsonl"]
    tables = json.loads(sample("digitraffic", "synthetic_sensors.json"))
    lines = sample_lines("digitraffic", "synthetic_messages.jsonl")
    for (topic, payload), wanted in zip(lines, expected, strict=True):
        outcome = decode("digitraffic", topic, payload, tables=tables)
        assert reasons(outcome) == wanted.get("rejections", [])
        assert [one.kind for one in events(outcome)] == wanted.get("events", [])
        found = [(one.key, one.value, one.phenomenon_time) for one in observations(outcome)]
        assert found == [
            (one["key"], one["value"], instant(one["time"]))
            for one in wanted.get("observations", [])
        ]


def test_f_dig_2_the_published_hour_has_the_label_of_its_end() -> None:
    """F-DIG-2: 108 over 1667966400..1667970000 = 108 veh/h at 05:00; `time` is the computation."""
    (_, hour, _, _) = sample_lines("digitraffic", "messages.jsonl")
    outcome = decode("digitraffic", "tms-v2/9/101", hour[1], tables=SENSORS)
    (one,) = observations(outcome)
    assert (one.value, one.unit) == (108.0, "kpl/h")
    assert one.phenomenon_time == instant("2022-11-09T05:00:00Z")


def test_f_dig_2_an_hour_that_is_none_is_an_interval_mismatch() -> None:
    document = {"value": 1, "time": 1667972911, "start": 1667966400, "end": 1667968200}
    assert reasons(tms(101, document)) == ["interval_mismatch"]
    assert reasons(tms(101, {"value": 1, "time": 1667972911})) == ["missing_field"]


def test_f_dig_1_times_are_epoch_seconds_and_an_unknown_sensor_waits_for_its_list() -> None:
    """F-DIG-1, F-TIM-3: 13 digits under seconds are no time."""
    assert reasons(tms(102, {"value": 1, "time": 1667972911000})) == ["time_invalid"]
    assert reasons(tms(999, {"value": 1, "time": 1667972911})) == ["metadata_missing"]
    empty = decode("digitraffic", "tms-v2/9/102", {"value": 1, "time": 1667972911})
    assert reasons(empty) == ["metadata_missing"]
    assert observations(tms(102, {"value": 1, "time": 1667972911}))


def test_f_dig_3_a_flow_of_five_minutes_is_an_hourly_rate_already() -> None:
    (one,) = observations(tms(102, {"value": 288, "time": 1781510400}))
    assert one.value == 288.0


def packed(document: object) -> bytes:
    return base64.b64encode(gzip.compress(json.dumps(document).encode()))


def test_f_dig_4_a_situation_is_unpacked_and_a_bomb_is_not() -> None:
    topic = "traffic-message-v3/simple/ROAD_WORK"
    bomb = base64.b64encode(gzip.compress(b" " * (MOST_DECOMPRESSED + 1)))
    assert len(bomb) < 10_000
    assert reasons(decode("digitraffic", topic, bomb)) == ["decompress_limit"]
    assert reasons(decode("digitraffic", topic, b"not packed")) == ["not_json"]
    assert reasons(decode("digitraffic", topic, base64.b64encode(zlib.compress(b"{}")))) == [
        "not_json"
    ]
    assert reasons(decode("digitraffic", topic, packed({})[:16])) == ["length_mismatch"]
    assert reasons(decode("digitraffic", topic, packed({"properties": {}}))) == ["missing_field"]
    other = decode("digitraffic", "traffic-message-v3/datex2-3.7/ROAD_WORK", packed({}))
    assert reasons(other) == ["unsupported_version"]


def test_f_dig_5_status_is_an_event_of_the_source_and_x_y_are_lon_lat() -> None:
    lines = sample_lines("digitraffic", "messages.jsonl")
    (status,) = events(decode("digitraffic", *lines[2]))
    assert (status.kind, status.key) == ("source_status", "tms")
    assert status.at == instant("2023-02-17T10:16:35Z")
    (place,) = events(decode("digitraffic", *lines[3]))
    assert place.details["position"] == (22.031937, 62.567092)
    assert place.details["privacy_class"] == "vehicle"
    assert "Harja" not in repr(place)


@pytest.mark.parametrize(
    ("share", "state"),
    [(0, "stationary"), (10, "queuing"), (25, "slow"), (75, "platooning"), (90, "fluent")],
)
def test_f_dig_6_the_share_of_the_free_flow_speed_names_the_fluency(share: int, state: str) -> None:
    assert flow_state(share) == state
    outcome = tms(158, {"value": share, "time": 1781510400})
    assert [one.details["state"] for one in events(outcome)] == [state]
    assert [one.unit for one in observations(outcome)] == ["%"]


def test_a_sensor_without_unit_needs_a_mapping() -> None:
    document = {"value": 3, "time": 1781510400}
    assert reasons(tms(190, document)) == ["unit_missing"]
    values = (ValueRule("/value", "barrier_state", "1"),)
    (one,) = observations(tms(190, document, values=values))
    assert (one.value, one.quantity) == (3.0, "barrier_state")


def test_null_is_missing_and_text_is_no_number() -> None:
    """F-MIS-1, F-COD-10."""
    assert tms(102, {"value": None, "time": 1781510400}).missing == 1
    assert reasons(tms(102, {"value": "5", "time": 1781510400})) == ["wrong_type"]
    assert reasons(tms(102, {"value": True, "time": 1781510400})) == ["wrong_type"]


@settings(max_examples=150, deadline=None)
@given(
    document=documents(["value", "time", "start", "end", "x", "y", "tasks"], ["1781510400"]),
    topic=st.sampled_from(TOPICS),
)
def test_f_cod_2_any_digitraffic_json_gives_an_outcome(document: object, topic: str) -> None:
    assert_well_formed(decode("digitraffic", topic, document, tables=SENSORS))
    packed_one = decode("digitraffic", "traffic-message-v3/simple/X", packed(document))
    assert_well_formed(packed_one)


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=300), topic=st.text(max_size=40) | st.sampled_from(TOPICS))
def test_f_cod_2_any_bytes_and_tables_give_an_outcome(payload: bytes, topic: str) -> None:
    for tables in (SENSORS, {"tms": 7}, {"tms": {"sensors": [None, {"id": {}}]}}):
        assert_well_formed(decode("digitraffic", topic, payload, tables=tables))


def test_f_cod_2_the_corpus_of_bad_payloads_gives_outcomes() -> None:
    for number, payload in enumerate(bad_payloads(500)):
        assert_well_formed(
            decode("digitraffic", TOPICS[number % len(TOPICS)], payload, tables=SENSORS)
        )
