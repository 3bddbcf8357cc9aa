"""HSL HFP: the rules F-HFP and the samples."""

import json
from typing import Any

import pytest
from contract import golden
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

from sensors.routing import parse_template
from twin.model.messages import Event, Outcome

TOPIC = "/hfp/v2/journey/ongoing/vp/bus/0099/00012/9007/1/Esimerkkilä, pääte/10:45//4/60;25/0/0/0"
TOLD = {"veh": 12, "oper": 99, "tst": "2026-06-15T08:00:00.250Z", "loc": "GPS"}


def read(told: object, *, topic: str = TOPIC, kind: str = "VP", **more: Any) -> Outcome:
    return decode("hfp", topic, {kind: told}, **more)


def followed() -> list[Event]:
    """Events of the sample, with the state of each vehicle handed on."""
    states: dict[str, Any] = {}
    found: list[Event] = []
    for topic, payload in sample_lines("hfp", "synthetic_messages.jsonl"):
        vehicle = "/".join(topic.split("/")[7:9])
        outcome = decode("hfp", topic, payload, state=states.get(vehicle))
        states[vehicle] = states.get(vehicle) if outcome.state is None else outcome.state
        assert not reasons(outcome)
        assert not observations(outcome)
        found += events(outcome)
    return found


def test_f_hfp_4_the_sample_gives_each_event_once() -> None:
    """F-HFP-1, F-HFP-2, F-HFP-3, F-HFP-4, F-HFP-5: as expected.json states."""
    wanted = json.loads(sample("hfp", "expected.json"))["synthetic_messages.jsonl"]
    found = followed()
    assert len(found) == wanted["events_after_dedup"]
    qualities = [one.details["position_quality"] for one in found]
    assert {name: qualities.count(name) for name in ("good", "degraded", "none")} == {
        "good": wanted["positions"]["good"],
        "degraded": wanted["positions"]["degraded (loc ODO)"],
        "none": wanted["positions"]["none (null)"],
    }
    first, told = found[0], wanted["first"]
    assert (first.key, first.details["event"]) == (told["vehicle"], told["event"])
    assert first.details["position"] == (told["lon"], told["lat"])
    assert first.details["speed_km_h"] == told["speed_km_h"]
    assert first.details["headsign"] == told["headsign"]
    assert first.at == instant(told["time"])
    assert found[-1].details["event"] == wanted["unknown_event_kept"]


def test_f_hfp_1_the_first_level_is_empty_and_levels_may_be_anything() -> None:
    template = parse_template("/hfp/v2/journey/{temporal}/{event}/{mode}/{operator}/{vehicle}/#")
    assert template.match(TOPIC.split("/")) is not None
    bare = "/hfp/v2/deadrun/upcoming/vp/tram/0099/00012"
    (one,) = events(read(TOLD, topic=bare))
    assert "headsign" not in one.details
    assert reasons(read(TOLD, topic="hfp/v2/journey")) == ["unknown_topic"]
    assert reasons(read(TOLD, topic="/hfp/v1/journey/x")) == ["unsupported_version"]
    assert reasons(read(TOLD, topic="/hfp/v2/journey/ongoing/vp/bus//")) == ["unknown_topic"]


def test_f_hfp_2_the_message_holds_one_event_and_unknown_ones_are_kept() -> None:
    (one,) = events(read(TOLD, kind="XYZ"))
    assert one.details["event"] == "XYZ"
    assert reasons(decode("hfp", TOPIC, {"VP": TOLD, "DEP": TOLD})) == ["wrong_type"]
    assert reasons(read(7)) == ["wrong_type"]
    assert reasons(read({})) == ["time_missing"]


@pytest.mark.parametrize("place", [{"lat": None, "long": 25.0}, {}, {"lat": 91.0, "long": 25.0}])
def test_f_hfp_3_without_a_possible_position_there_is_none(place: dict[str, object]) -> None:
    (one,) = events(read(TOLD | place))
    assert "position" not in one.details
    assert one.details["position_quality"] == "none"


def test_f_hfp_4_copies_are_known_by_event_vehicle_and_time() -> None:
    codec: Any = golden.codec_named("hfp")
    state: Any = {}
    kept = 0
    for kind in ("VP", "VP", "DEP", "VP", "DEP"):
        outcome = read(TOLD, kind=kind, state=state)
        state = state if outcome.state is None else outcome.state
        kept += len(events(outcome))
    assert kept == 2
    case = golden.read("hfp_position")
    assert codec.state_key(case.message, case.context) == "99/12"
    for second in range(40):
        outcome = read(TOLD | {"tst": f"2026-06-15T08:00:{second:02d}Z"}, state=state)
        state = outcome.state
    assert len(json.dumps(state)) < 1000


def test_f_cod_8_another_vehicle_in_the_message_is_a_mismatch() -> None:
    assert reasons(read(TOLD | {"veh": 13})) == ["topic_mismatch"]
    assert events(read(TOLD | {"oper": 20}))  # who runs the trip may be another operator


@pytest.mark.parametrize(
    ("source", "quality"),
    [("GPS", "good"), ("ODO", "degraded"), ("MAN", "degraded"), (None, "degraded")],
)  # fmt: skip
def test_f_hfp_5_positions_from_elsewhere_are_degraded(source: object, quality: str) -> None:
    (one,) = events(read(TOLD | {"lat": 60.0, "long": 25.0, "loc": source, "spd": 5, "dl": -60}))
    assert one.details["position_quality"] == quality
    assert (one.details["speed_km_h"], one.details["delay_s"]) == (18.0, -60)


def test_f_hfp_6_positions_are_events_of_the_class_vehicle() -> None:
    """F-PRV-4: vehicle positions are class `vehicle`."""
    outcome = read(TOLD | {"lat": 60.0, "long": 25.0})
    assert not observations(outcome)
    (one,) = events(outcome)
    assert (one.kind, one.details["privacy_class"]) == ("vehicle_position", "vehicle")


@settings(max_examples=200, deadline=None)
@given(
    told=documents(
        ["veh", "oper", "tst", "lat", "long", "loc", "spd", "desi", "drst"],
        ["2026-06-15T08:00:00Z", "GPS", "12"],
    ),
    topic=st.text(max_size=30).map(lambda end: TOPIC[:40] + end) | st.just(TOPIC),
    state=documents(["seen"], ["VP"]),
)
def test_f_cod_2_any_hfp_json_gives_an_outcome(told: Any, topic: str, state: object) -> None:
    known = {"seen": state}
    assert_well_formed(read(told, topic=topic, state=known))
    if isinstance(told, dict):
        assert_well_formed(read(TOLD | told, state=known))


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=300), topic=st.text(max_size=60))
def test_f_cod_2_any_bytes_give_an_outcome(payload: bytes, topic: str) -> None:
    for where in (topic, TOPIC):
        assert_well_formed(decode("hfp", where, payload))


def test_f_cod_2_the_corpus_of_bad_payloads_gives_outcomes() -> None:
    for payload in bad_payloads(500):
        assert_well_formed(decode("hfp", TOPIC, payload))
