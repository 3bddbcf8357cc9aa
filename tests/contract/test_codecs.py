"""Every codec keeps the codec contract; third parties run the same suite on theirs."""

import json
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract import golden
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sensors.codecs import badpayloads, contract
from sensors.codecs.contract import Case
from twin.model.messages import (
    CodecContext,
    CodecRule,
    Event,
    Limits,
    Message,
    Observation,
    Outcome,
    Rejection,
    TimeRule,
    ValueRule,
    WaveformBlock,
)
from twin.model.quality import keys
from twin.model.quantities import quantity
from twin.plugins import find

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
RECEIVED = datetime(2026, 6, 15, 8, 0, 3, tzinfo=UTC)
CODECS = ("chirpstack", "json", "own", "senml", "ttn", "wave")
GOLDEN = tuple(golden.read(name) for name in golden.names())
KEPT = sorted({one.codec.name for one in GOLDEN})
PAYLOADS = tuple(one.message.payload for one in GOLDEN)
TOPICS = {
    "json": ("stadt/nord/klima/k1", {"site": "nord", "device": "k1"}),
    "own": ("twin/v1/t/BW-0001/pegel/obs", {}),
    "senml": ("senml/nord", {"site": "nord"}),
    "wave": ("twin/v1/t/BW-0001/acc-z/wave", {}),
    "ttn": ("v3/app1/devices/dev1/up", {}),
    "chirpstack": ("application/a/device/02fe000000000a01/event/up", {}),
}
MAPPED = (
    ValueRule("/temp", "air_temperature", "Cel", scale=0.1, missing=(-9999,)),
    ValueRule("/rh", "relative_humidity", "%", numeric_string=True),
)


def context(name: str, **changes: Any) -> CodecContext:
    value = MAPPED if name == "json" else ()
    rule = CodecRule(topic="t", codec=name, source="test", value=value)
    return CodecContext(rule=replace(rule, **changes), names=TOPICS[name][1])


def decode(name: str, payload: bytes, *, topic: str = "", retained: bool = False) -> Outcome:
    message = Message(topic or TOPICS[name][0], payload, RECEIVED, retained)
    return golden.codec_named(name).decode(message, context(name))


def reasons(outcome: Outcome) -> list[str]:
    return [item.reason for item in outcome.items if isinstance(item, Rejection)]


def assert_well_formed(outcome: Outcome) -> None:
    assert contract.flaws(outcome, Limits()) == []


def test_every_built_in_codec_is_installed_as_an_entry_point() -> None:
    """Section 11 of formats.md: the contract runs over all codecs, so each has a golden case."""
    assert set(KEPT) == set(find("codecs"))
    for name in CODECS:
        assert golden.codec_named(name).name == name


@pytest.mark.parametrize("name", golden.names())
def test_golden_case_gives_its_expected_outcome_and_accounts_for_every_value(name: str) -> None:
    """F-COD-5: observations + missing + rejected + ignored + unassigned = values."""
    found = golden.read(name)
    assert contract.golden(found.codec, found.case) == []


@pytest.mark.parametrize("name", golden.names())
def test_f_cod_3_and_f_cod_4_every_golden_case_is_bounded_and_keeps_neighbours(name: str) -> None:
    found = golden.read(name)
    assert contract.bounds(found.codec, found.case) == []
    assert contract.neighbours(found.codec, found.case) == []


@pytest.mark.parametrize("name", KEPT)
def test_f_cod_1_and_f_cod_9_the_same_message_gives_the_same_outcome(name: str) -> None:
    assert contract.purity(golden.codec_named(name), golden.of_codec(name)) == []


@pytest.mark.parametrize("name", golden.names())
def test_f_prv_2_no_gateway_leaves_the_codec(name: str) -> None:
    case = golden.read(name)
    text = repr(case.codec.decode(case.message, case.context))
    for private in ("INVENTEDWALLET", "invented-gateway", "invented-2", "51.000", "13.000"):
        assert private not in text


# The samples of the specification


def samples(folder: str) -> dict[str, dict[str, Any]]:
    file = SAMPLES / folder / "expected.json"
    if not file.exists():
        pytest.skip(f"samples are not there: {file.parent}")
    return json.loads(file.read_text(encoding="utf-8"))


def assert_meets(outcome: Outcome, expected: dict[str, Any]) -> None:
    found = golden.described(outcome)
    observations = found.get("observations", [])
    assert len(observations) == len(expected.get("observations", []))
    for got, wanted in zip(observations, expected.get("observations", []), strict=True):
        assert {name: got[name] for name in wanted if name not in ("unit", "flag")} == {
            name: value for name, value in wanted.items() if name not in ("unit", "flag")
        }
        assert got["flags"] == ([wanted["flag"]] if "flag" in wanted else [])
        if "unit" in wanted:
            assert quantity(got["quantity"]).unit == wanted["unit"]
    assert found.get("missing", 0) == expected.get("missing", 0)
    assert found.get("rejections", []) == expected.get("rejections", [])
    events = {event["kind"]: event["details"] for event in found.get("events", [])}
    for kind in expected.get("events", []):
        assert kind in events
    details = {name: value for event in events.values() for name, value in event.items()}
    assert expected.get("radio", {}).items() <= details.items()
    if "device_position" in expected:
        assert list(details["position"]) == expected["device_position"]
    for private in expected.get("must_not_be_stored", []):
        assert private not in repr(outcome)


def test_the_json_sample_is_met() -> None:
    expected = samples("json")
    mapping = tomllib.loads((SAMPLES / "json" / "synthetic_mapping.toml").read_text("utf-8"))
    rule = TypeAdapter(CodecRule).validate_python({"source": "test", **mapping["codec"]["rule"][0]})
    for name, wanted in expected.items():
        file = SAMPLES / "json" / name
        topic = file.with_suffix(".topic.txt").read_text().strip()
        names = {"site": "bruecke-nord", "device": "k-017"}
        message = Message(topic, file.read_bytes(), RECEIVED)
        outcome = golden.codec_named("json").decode(message, CodecContext(rule, names))
        assert_meets(outcome, wanted)


@pytest.mark.parametrize(
    "name", ["docs_uplink", "docs_join_accept", "docs_downlink_ack", "docs_downlink_failed"]
)
def test_the_ttn_samples_are_met(name: str) -> None:
    expected = samples("ttn")[f"{name}.json"]
    payload = (SAMPLES / "ttn" / f"{name}.json").read_bytes()
    assert_meets(decode("ttn", payload, topic="v3/app1@t/devices/dev1/up"), expected)


def test_the_chirpstack_samples_are_met() -> None:
    expected = samples("chirpstack")
    assert len(expected) == 11
    for name, wanted in expected.items():
        kind = name.removeprefix("synthetic_").removesuffix(".json").split("_")[0]
        device = "02fe000000000a02" if kind == "v3" else "02fe000000000a01"
        event = kind if kind != "v3" else "up"
        topic = f"application/a/device/{device}/event/{event}"
        payload = (SAMPLES / "chirpstack" / name).read_bytes()
        assert_meets(decode("chirpstack", payload, topic=topic), wanted)


def test_the_own_samples_are_met() -> None:
    expected = samples("own")
    lines = (SAMPLES / "own" / "synthetic_messages.jsonl").read_text("utf-8").splitlines()
    outcomes: Any = expected["synthetic_messages.jsonl"]
    for line, wanted in zip(lines, outcomes, strict=True):
        message = json.loads(line)
        outcome = decode(
            "own",
            message["payload"].encode(),
            topic=message["topic"],
            retained=message.get("retain", False),
        )
        assert_meets(outcome, wanted)


def test_the_own_waveform_sample_is_met() -> None:
    wanted = samples("own")["synthetic_wave.bin"]["waveform"]
    payload = (SAMPLES / "own" / "synthetic_wave.bin").read_bytes()
    (block,) = decode("wave", payload, topic="twin/v1/t/BW-0001/acc-z/wave").items
    assert isinstance(block, WaveformBlock)
    spectrum = np.abs(np.fft.rfft(block.samples))
    frequencies = np.fft.rfftfreq(len(block.samples), 1 / block.rate_hz)
    assert len(payload) == wanted["payload_bytes"]
    assert (len(block.samples), block.rate_hz, block.unit) == (200, wanted["fs"], wanted["unit"])
    assert (float(block.samples.max()), float(block.samples.min())) == (1.5, -1.5)
    assert frequencies[spectrum.argmax()] == wanted["dominant_frequency_hz"]


# Totality


ENVELOPES = (
    b'{"uplink_message":1}', b'{"end_device_ids":[],"uplink_message":{}}',
    b"TWV1", b"TWV1\xff\xff\xff\xff", b"TWV1\x02\0\0\0{}", b"TWV1\x04\0\0\0null",
)  # fmt: skip


def bad_payloads(count: int) -> Iterator[bytes]:
    """The corpus of the kit, made from the golden payloads of all codecs."""
    yield from ENVELOPES
    yield from badpayloads.bad_payloads(PAYLOADS, count)


def plain_case(name: str) -> Case:
    return Case(name, Message(TOPICS[name][0], b"{}", RECEIVED), context(name), 0, {})


@pytest.mark.parametrize("name", KEPT)
def test_f_cod_2_two_thousand_bad_payloads_each_give_an_outcome(name: str) -> None:
    cases = golden.of_codec(name) + ([plain_case(name)] if name in TOPICS else [])
    codec = golden.codec_named(name)
    assert contract.totality(codec, cases, originals=PAYLOADS) == []
    for payload in ENVELOPES:
        for case in cases:
            outcome = codec.decode(replace(case.message, payload=payload), case.context)
            assert_well_formed(outcome)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=st.binary(max_size=600), topic=st.text(max_size=60), retained=st.booleans())
def test_f_cod_2_any_bytes_give_an_outcome(
    *, name: str, payload: bytes, topic: str, retained: bool
) -> None:
    prefix = b"TWV1" if name == "wave" and len(payload) % 2 else b""
    for where in (topic, TOPICS[name][0]):
        message = Message(where, prefix + payload, RECEIVED, retained)
        assert_well_formed(golden.codec_named(name).decode(message, context(name)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["t", "v", "seq", "q", "temp", "rh", "object", "time", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=150, deadline=None)
@given(document=JSON)
def test_f_cod_2_any_json_gives_an_outcome(name: str, document: object) -> None:
    assert_well_formed(decode(name, json.dumps(document).encode()))


def leaves(document: object) -> int:
    if isinstance(document, dict):
        return sum(leaves(item) for item in document.values())
    if isinstance(document, list):
        return sum(leaves(item) for item in document)
    return isinstance(document, int | float) and not isinstance(document, bool)


@settings(max_examples=200, deadline=None)
@given(document=st.dictionaries(st.sampled_from(["temp", "rh", "a", "b"]), JSON, max_size=4))
def test_f_cod_5_every_value_of_mapped_json_is_accounted_for(document: dict[str, object]) -> None:
    named = sum(
        leaves(document[name])
        for name in ("temp", "rh")
        if not isinstance(document.get(name), dict | list) and name in document
    )
    values = leaves(document) - named + len(MAPPED)
    assert golden.accounted(decode("json", json.dumps(document).encode())) == values


# Limits and strict JSON


@pytest.mark.parametrize("name", CODECS)
def test_f_cod_3_a_large_payload_is_refused_before_it_is_parsed(name: str) -> None:
    assert reasons(decode(name, b"[" * (256 * 1024 + 1))) == ["too_large"]


def test_f_cod_3_depth_is_bounded() -> None:
    assert reasons(decode("json", b"[" * 33 + b"]" * 33)) == ["too_deep"]
    assert reasons(decode("json", b'{"temp": 1, "x": "' + b"[" * 40 + b'"}')) == []


def test_f_cod_3_items_are_bounded() -> None:
    payload = json.dumps({f"k{n}": n for n in range(10_001)}).encode()
    up = b'{"deviceInfo":{"devEui":"02fe000000000a01"},"time":"2026-06-15T08:00:00Z","object":%b}'
    assert reasons(decode("chirpstack", up % payload)) == ["too_many_items"]
    assert reasons(decode("own", json.dumps([{"t": 1, "v": 1}] * 1001).encode())) == [
        "too_many_items"
    ]


@pytest.mark.parametrize("part", [b"1,", b"{},", b'{"a":"b"},'])
def test_f_cod_3_a_flood_of_parts_is_refused_before_it_takes_long(part: bytes) -> None:
    flood = b"[" + part * (250_000 // len(part)) + b"1]"
    assert reasons(decode("json", flood)) == ["too_many_items"]
    assert reasons(decode("own", flood)) == ["too_many_items"]


def test_f_cod_4_a_bad_item_keeps_its_good_neighbours() -> None:
    payload = b'[{"t":1781510400000,"v":1},{"t":"x","v":2},7,{"t":1781510401000,"v":3}]'
    outcome = decode("own", payload)
    assert [item.value for item in outcome.items if isinstance(item, Observation)] == [1.0, 3.0]
    assert reasons(outcome) == ["time_invalid", "wrong_type"]


def test_f_cod_6_a_number_without_mapping_is_unassigned() -> None:
    outcome = decode("json", b'{"temp": 215, "rh": "50", "fw": 2.1, "flag": true, "n": "7"}')
    assert outcome.unassigned == 1


def test_f_cod_8_a_topic_that_names_another_device_is_a_mismatch() -> None:
    case = golden.read("chirpstack_up")
    other = replace(case.message, topic="application/a/device/02fe0000000000ff/event/up")
    assert reasons(case.codec.decode(other, case.context)) == ["topic_mismatch"]
    case = golden.read("ttn_uplink")
    other = replace(case.message, topic="v3/app/devices/neigung-2/up")
    assert reasons(case.codec.decode(other, case.context)) == ["topic_mismatch"]
    case = golden.read("wave_block")
    other = replace(case.message, topic="twin/v1/t/BW-0002/acc-z/wave")
    assert reasons(case.codec.decode(other, case.context)) == ["topic_mismatch"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"temp": true}', "wrong_type"),
        (b'{"temp": "21"}', "wrong_type"),
        (b'{"temp": NaN}', "not_finite"),
        (b'{"temp": 1e400}', "not_finite"),
        (b'{"temp": 1, "temp": 2}', "duplicate_key"),
        (b'{"rh": "0x1F"}', "wrong_type"),
        (b'{"temp": \xff}', "not_utf8"),
        (b'{"temp": ', "not_json"),
    ],
)
def test_f_cod_10_plain_json_is_read_strictly(payload: bytes, reason: str) -> None:
    assert reasons(decode("json", payload)) == [reason]


def test_f_cod_10_in_envelopes_of_network_servers_the_last_key_counts() -> None:
    payload = golden.read("chirpstack_up").message.payload
    twice = payload.replace(b'"temperature": 12.25', b'"temperature": 1, "temperature": 12.25')
    outcome = decode("chirpstack", twice)
    assert [i.value for i in outcome.items if isinstance(i, Observation)][-1] == 12.25


def test_f_cod_12_a_retained_message_without_own_time_is_ignored() -> None:
    outcome = decode("json", b'{"temp": 215, "rh": "50"}', retained=True)
    assert (outcome.ignored, list(outcome.items)) == (2, [])
    outcome = decode("own", b'{"v": 1, "seq": 3}', retained=True)
    assert (outcome.ignored, list(outcome.items)) == (1, [])
    assert len(decode("own", b'{"t": 1781510400000, "v": 1}', retained=True).items) == 1


# Mapping


def mapped(payload: bytes, **changes: Any) -> Outcome:
    message = Message("stadt/nord/klima/k1", payload, RECEIVED)
    return golden.codec_named("json").decode(message, context("json", **changes))


def test_f_map_2_an_absent_path_is_missing_and_a_required_one_is_rejected() -> None:
    assert decode("json", b"{}").missing == 2
    required = replace(MAPPED[0], required=True)
    assert reasons(mapped(b"{}", value=(required,))) == ["missing_field"]


def test_f_map_3_a_bare_scalar_is_the_empty_path() -> None:
    (item,) = mapped(b"21.5", value=(ValueRule("", "air_temperature", "Cel"),)).items
    assert isinstance(item, Observation)
    assert (item.value, item.path, item.route_key) == (21.5, "", "nord/k1")


def test_f_map_4_scale_and_offset_are_all_the_arithmetic() -> None:
    rule = ValueRule("", "air_temperature", "K", scale=0.5, offset=100.0)
    (item,) = mapped(b"400", value=(rule,)).items
    assert isinstance(item, Observation)
    assert item.value == pytest.approx(26.85)


def test_f_map_5_without_a_time_path_the_arrival_counts() -> None:
    (item,) = decode("json", b'{"temp": 215}').items
    assert isinstance(item, Observation)
    assert (item.phenomenon_time, keys(item.quality)) == (RECEIVED, ("time_substituted",))


def test_f_mis_1_sentinels_are_compared_before_scaling() -> None:
    outcome = decode("json", b'{"temp": -9999, "rh": null}')
    assert (outcome.missing, list(outcome.items)) == (2, [])
    (kept,) = decode("json", b'{"temp": -99990}').items
    assert isinstance(kept, Observation)


def test_f_mis_2_a_value_marked_bad_is_kept_with_its_flag() -> None:
    case = golden.read("json_array")
    last = case.codec.decode(case.message, case.context).items[-1]
    assert isinstance(last, Observation)
    assert keys(last.quality) == ("bad_at_source",)


def test_f_uni_1_values_arrive_in_the_unit_of_the_quantity() -> None:
    (item,) = mapped(b"10", value=(ValueRule("", "speed", "m/s"),)).items
    assert isinstance(item, Observation)
    assert item.value == 36.0
    assert reasons(mapped(b"10", value=(ValueRule("", "speed", "Cel"),))) == ["unit_conflict"]


# Times


@pytest.mark.parametrize(
    ("rule", "raw", "expected"),
    [
        (TimeRule("/t", "s"), "1781510400", "2026-06-15T08:00:00+00:00"),
        (TimeRule("/t", "s"), "1781510400.25", "2026-06-15T08:00:00.250000+00:00"),
        (TimeRule("/t", "ms"), "1781510400123", "2026-06-15T08:00:00.123000+00:00"),
        (TimeRule("/t", "us"), "1781510400123456", "2026-06-15T08:00:00.123456+00:00"),
        (TimeRule("/t", "ns"), "1781510400123456789", "2026-06-15T08:00:00.123456+00:00"),
        (TimeRule("/t"), '"2026-06-15T10:00:00.1234567+02:00"', "2026-06-15T08:00:00.123456+00:00"),
        (TimeRule("/t"), '"2026-06-14T24:00:00Z"', "2026-06-15T00:00:00+00:00"),
        (TimeRule("/t", zone="Europe/Berlin"), '"2026-06-15T10:00"', "2026-06-15T08:00:00+00:00"),
    ],
)
def test_f_tim_2_and_f_tim_3_times_are_read_as_declared(
    rule: TimeRule, raw: str, expected: str
) -> None:
    outcome = mapped(b'{"t": %b, "temp": 1}' % raw.encode(), time=rule, value=MAPPED[:1])
    (item,) = outcome.items
    assert isinstance(item, Observation)
    assert item.phenomenon_time.isoformat() == expected


@pytest.mark.parametrize(
    ("rule", "raw"),
    [
        (TimeRule("/t", "s"), "1781510400000"),
        (TimeRule("/t", "ms"), '"1781510400000"'),
        (TimeRule("/t", "ms"), "true"),
        (TimeRule("/t"), '"2026-06-15T08:00:00"'),
        (TimeRule("/t"), '"2026-06-15"'),
        (TimeRule("/t"), '"15.06.2026 08:00"'),
        (TimeRule("/t"), '"2026-02-30T08:00:00Z"'),
        (TimeRule("/t", zone="Europe/Nowhere"), '"2026-03-29T02:30:00"'),
    ],
)
def test_f_tim_3_and_f_tim_4_an_unreadable_time_is_invalid(rule: TimeRule, raw: str) -> None:
    outcome = mapped(b'{"t": %b, "temp": 1}' % raw.encode(), time=rule)
    assert reasons(outcome) == ["time_invalid"]


def test_f_tim_4_the_hour_that_the_spring_leaves_out_does_not_exist() -> None:
    rule = TimeRule("/t", zone="Europe/Berlin")
    outcome = mapped(b'{"t": "2026-03-29T02:30:00", "temp": 1}', time=rule)
    assert reasons(outcome) == ["nonexistent_local_time"]


@pytest.mark.parametrize(("arrival_utc", "expected_utc"), [(0, 0), (1, 1)])
def test_f_tim_4_the_autumn_hour_takes_the_candidate_nearest_to_the_arrival(
    arrival_utc: int, expected_utc: int
) -> None:
    rule = TimeRule("/t", zone="Europe/Berlin")
    received = datetime(2026, 10, 25, arrival_utc, 31, tzinfo=UTC)
    message = Message("stadt/nord/klima/k1", b'{"t": "2026-10-25T02:30:00", "temp": 1}', received)
    items = golden.codec_named("json").decode(message, context("json", time=rule)).items
    assert isinstance(items[0], Observation)
    assert items[0].phenomenon_time == datetime(2026, 10, 25, expected_utc, 30, tzinfo=UTC)
    assert keys(items[0].quality) == ("ambiguous_time",)


# The Things Stack, ChirpStack


def ttn(**changes: Any) -> Outcome:
    document = json.loads(golden.read("ttn_uplink").message.payload)
    document["uplink_message"] |= changes
    return decode("ttn", json.dumps(document).encode(), topic="v3/a/devices/neigung-1/up")


def test_f_ttn_1_without_eui_application_and_device_are_the_key() -> None:
    document = json.loads(golden.read("ttn_uplink").message.payload)
    del document["end_device_ids"]["dev_eui"]
    outcome = decode("ttn", json.dumps(document).encode(), topic="v3/a/devices/neigung-1/up")
    assert {i.key for i in outcome.items if isinstance(i, Observation)} == {"bruecken/neigung-1"}


@pytest.mark.parametrize(
    ("gateway_time", "expected"),
    [
        ("2026-06-15T08:00:01.5Z", "2026-06-15T08:00:01.500000+00:00"),
        ("2026-06-15T07:00:00Z", "2026-06-15T08:00:01.789585+00:00"),
        (None, "2026-06-15T08:00:01.789585+00:00"),
    ],
)
def test_f_ttn_3_the_gateway_clock_counts_within_a_minute(
    gateway_time: str | None, expected: str
) -> None:
    items = ttn(settings={"time": gateway_time} if gateway_time else {}).items
    times = {i.phenomenon_time.isoformat() for i in items if isinstance(i, Observation)}
    assert times == {expected}


def test_f_ttn_6_position_comes_from_the_device_never_from_a_gateway() -> None:
    places = {
        "user": {"latitude": 50.0, "longitude": 12.0},
        "frm-payload": {"latitude": 50.5, "longitude": 12.5},
    }
    event = ttn(locations=places).items[0]
    assert isinstance(event, Event)
    assert event.details["position"] == (12.5, 50.5)
    event = ttn().items[0]
    assert isinstance(event, Event)
    assert "position" not in event.details


def test_f_ttn_7_a_simulated_uplink_is_refused() -> None:
    document = json.loads(golden.read("ttn_uplink").message.payload) | {"simulated": True}
    topic = "v3/a/devices/neigung-1/up"
    assert reasons(decode("ttn", json.dumps(document).encode(), topic=topic)) == ["simulated"]


def test_f_ttn_9_the_frame_counter_goes_with_every_value() -> None:
    sequences = {i.sequence for i in ttn().items if isinstance(i, Observation)}
    assert sequences == {7}


def test_f_chs_2_a_log_is_never_a_measurement() -> None:
    payload = golden.read("chirpstack_up").message.payload
    topic = "application/a/device/02fe000000000a01/event/log"
    outcome = decode("chirpstack", payload, topic=topic)
    assert [type(item) for item in outcome.items] == [Event]


@pytest.mark.parametrize("flag", ["batteryLevelUnavailable", "externalPowerSource"])
def test_f_chs_5_a_battery_that_is_unknown_is_missing(flag: str) -> None:
    document = json.loads(golden.read("chirpstack_status").message.payload) | {flag: True}
    topic = "application/a/device/02fe000000000a01/event/status"
    outcome = decode("chirpstack", json.dumps(document).encode(), topic=topic)
    assert outcome.missing == 1
    assert [i.path for i in outcome.items if isinstance(i, Observation)] == ["/margin"]


@pytest.mark.parametrize("payload", [b"\x0a\x05\x08\x96\x01\x12\x03abc", b"\xff\xfe\xfd"])
def test_f_chs_6_a_binary_payload_names_the_marshaler(payload: bytes) -> None:
    (item,) = decode("chirpstack", payload).items
    assert isinstance(item, Rejection)
    assert item.reason == "not_json"
    assert "protobuf marshaler" in item.detail


# Own topics, waveforms


def test_f_own_1_an_item_needs_a_sequence_number_or_a_time() -> None:
    assert reasons(decode("own", b'{"v": 1}')) == ["time_missing"]
    (item,) = decode("own", b'{"v": 1, "seq": 4}').items
    assert isinstance(item, Observation)
    assert (item.sequence, keys(item.quality)) == (4, ("time_substituted",))


def test_f_mis_4_a_source_cannot_set_the_flags_of_the_twin() -> None:
    for flag in ("simulated", "corrected", "out_of_range", "unheard_of"):
        payload = json.dumps({"t": 1781510400000, "v": 1, "q": [flag]}).encode()
        assert reasons(decode("own", payload)) == ["wrong_type"]


def wave(samples: bytes, **changes: Any) -> bytes:
    header = {
        "stream": "BW-0001/acc-z", "t0": 1_781_510_400_000_000_000, "fs": 100,
        "n": len(samples) // 2,
        "dtype": "i2", "scale": 0.5, "offset": 0.0, "unit": "m/s2", "seq": 1,
        "crc": f"{zlib.crc32(samples):08x}",
    }  # fmt: skip
    text = json.dumps(header | changes).encode()
    return b"TWV1" + len(text).to_bytes(4, "little") + text + samples


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": 3}, "length_mismatch"),
        ({"n": 0}, "length_mismatch"),
        ({"crc": "00000000"}, "crc_mismatch"),
        ({"dtype": "c8"}, "unsupported_version"),
        ({"fs": 0}, "wrong_type"),
        ({"t0": 1e18}, "wrong_type"),
        ({"t0": 10**30}, "time_invalid"),
        ({"scale": 1e300}, "not_finite"),
    ],
)
def test_f_wav_1_a_block_that_contradicts_its_header_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    assert reasons(decode("wave", wave(b"\1\0\2\0", **changes))) == [reason]


def test_f_wav_2_the_time_of_a_sample_is_never_summed_up() -> None:
    samples = b"\1\0" * 3 + b"\xff\x7f" + b"\1\0" * 2
    first, second = decode("wave", wave(samples, fs=3, missing=32767)).items
    assert isinstance(first, WaveformBlock)
    assert isinstance(second, WaveformBlock)
    assert (len(first.samples), len(second.samples)) == (3, 2)
    assert second.t0_us - first.t0_us == 1_333_333


def test_f_mis_1_a_missing_sample_ends_the_block_and_is_counted() -> None:
    outcome = decode("wave", wave(b"\xff\x7f" * 4, missing=32767))
    assert (outcome.missing, list(outcome.items)) == (4, [])
