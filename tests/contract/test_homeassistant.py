"""Home Assistant discovery: proposals, states of accepted entities; samples and rules."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.codecs.hatemplates import read_template
from sensors.codecs.homeassistant import codec
from twin.model.messages import (
    REASONS,
    CodecContext,
    CodecRule,
    Event,
    Message,
    Observation,
    Outcome,
    Proposal,
    Rejection,
)

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "homeassistant"
RECEIVED = datetime(2026, 6, 15, 8, 0, 3, tzinfo=UTC)
ENTITY = {"id": "pegel7_w", "path": "/level", "filters": [], "unit": "cm", "component": "sensor"}
ACCEPTED = {"werk/pegel7/state": [ENTITY]}
TOPIC = "homeassistant/sensor/x/config"


def decode(topic: str, payload: str | bytes, accepted: object = None) -> Outcome:
    rule = CodecRule("homeassistant/#", "homeassistant", "werk")
    tables = {} if accepted is None else {"entities": accepted}
    raw = payload if isinstance(payload, bytes) else payload.encode()
    return codec.decode(Message(topic, raw, RECEIVED), CodecContext(rule, tables=tables))


def discovered(**config: Any) -> Outcome:
    return decode(TOPIC, json.dumps({"uniq_id": "x", "stat_t": "a/b", **config}), ACCEPTED)


def proposals(outcome: Outcome) -> list[Proposal]:
    return [one for one in outcome.items if isinstance(one, Proposal)]


def reasons(outcome: Outcome) -> list[str]:
    return [one.reason for one in outcome.items if isinstance(one, Rejection)]


def test_the_homeassistant_samples_are_met() -> None:
    if not SAMPLES.exists():
        pytest.skip(f"samples are not there: {SAMPLES}")
    expected = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
    lines = (SAMPLES / "synthetic_discovery.jsonl").read_text("utf-8").splitlines()
    wanted = expected["synthetic_discovery.jsonl"]
    assert len(lines) == len(wanted) == 6
    for line, want in zip(lines, wanted, strict=True):
        message = json.loads(line)
        outcome = decode(message["topic"], message["payload"], ACCEPTED)
        found = proposals(outcome)
        assert len(found) == len(want.get("proposals", []))
        for one, other in zip(found, want.get("proposals", []), strict=True):
            told = {"unique_id": one.key, "unit": one.unit, **one.details}
            assert {name: told[name] for name in other} == other
        if isinstance(want.get("observations"), str):
            assert [one.value for one in outcome.items if isinstance(one, Observation)] == [312.0]
            before = decode(message["topic"], message["payload"])
            assert (before.items, before.ignored) == ((), 1)
        assert outcome.missing == want.get("missing", 0)
        assert outcome.ignored == want.get("ignored", 0)
        if "withdrawn" in want:
            assert outcome.items == (Event("withdrawn", message["topic"], RECEIVED),)


def test_f_had_1_only_sensors_and_binary_sensors_are_proposed_and_nothing_is_stored() -> None:
    outcome = decode("homeassistant/light/x/config", '{"stat_t": "a"}')
    assert (outcome.items, outcome.ignored) == ((), 1)
    assert decode("a/b", "21").items == ()


@pytest.mark.parametrize(
    ("given_topic", "topic"), [("~/s", "base/s"), ("s/~", "s/base"), ("a~b", "a~b"), ("c", "c")]
)
def test_f_had_2_the_tilde_stands_at_the_start_or_end(given_topic: str, topic: str) -> None:
    (one,) = proposals(discovered(**{"~": "base", "stat_t": given_topic}))
    assert one.details["topic"] == topic


@pytest.mark.parametrize(
    ("template", "path", "filters"),
    [
        ("{{ value }}", None, ()),
        ("{{value_json.a.b}}", "/a/b", ()),
        ("{{ value_json['a'][0] | float }}", "/a/0", ("float",)),
        ('{{ value_json["a/b"] | round(2) | int }}', "/a~1b", ("round(2)", "int")),
    ],
)
def test_f_had_3_paths_and_filters_are_read(
    template: str, path: str | None, filters: tuple[str, ...]
) -> None:
    found = read_template(template)
    assert found is not None
    assert (found.path, tuple(found.filters)) == (path, filters)


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a + 1 }}", "{% if value %}1{% endif %}", "{{ states('x') }}", "{{ }}",
        "{{ value | float(0) }}", "{{ value_json.a | tojson }}", "{{ value }} mm",
        "{{ value_json }}",
    ],
)  # fmt: skip
def test_f_had_3_other_templates_are_proposed_as_not_supported(template: str) -> None:
    (one,) = proposals(discovered(val_tpl=template))
    assert one.details["problem"] == "template_not_supported"


def test_f_had_5_another_unit_of_an_accepted_entity_is_a_conflict() -> None:
    assert reasons(discovered(uniq_id="pegel7_w", unit_of_meas="m")) == ["unit_conflict"]
    assert proposals(discovered(uniq_id="pegel7_w", unit_of_meas="cm"))


@pytest.mark.parametrize("state", ["unknown", "unavailable", "None", '{"level": null}', "{}"])
def test_f_had_5_states_that_say_nothing_are_missing(state: str) -> None:
    outcome = decode("werk/pegel7/state", state, ACCEPTED)
    assert (outcome.items, outcome.missing) == ((), 1)


@pytest.mark.parametrize(("state", "value"), [("ON", 1.0), ("OFF", 0.0)])
def test_a_binary_sensor_is_one_or_zero(state: str, value: float) -> None:
    accepted = {"d": [{"id": "door", "component": "binary_sensor", "on": "ON", "off": "OFF"}]}
    (one,) = decode("d", state, accepted).items
    assert isinstance(one, Observation)
    assert one.value == value
    assert reasons(decode("d", "ajar", accepted)) == ["wrong_type"]


def test_a_sensor_without_a_state_topic_is_refused() -> None:
    assert reasons(decode(TOPIC, "{}")) == ["missing_field"]


@given(st.binary(max_size=200), st.sampled_from([TOPIC, "werk/pegel7/state", "x/device/y/config"]))
def test_f_cod_2_any_bytes_give_an_outcome(content: bytes, topic: str) -> None:
    assert set(reasons(decode(topic, content, ACCEPTED))) <= REASONS - {"codec_error"}


def test_f_cod_2_damaged_discovery_gives_an_outcome() -> None:
    chance = random.Random(20260615)  # noqa: S311 - a seeded corpus
    part = {"p": "sensor", "uniq_id": "a", "val_tpl": "{{ value_json.a | round(1) }}"}
    good = json.dumps({"dev": {"ids": ["a"]}, "stat_t": "s", "cmps": {"a": part, "b": part}})
    for _ in range(2000):
        damaged = bytearray(good.encode())
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(32, 128)
        outcome = decode("homeassistant/device/x/config", bytes(damaged), ACCEPTED)
        assert set(reasons(outcome)) <= REASONS - {"codec_error"}
