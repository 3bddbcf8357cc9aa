"""SenML after RFC 8428: its own examples, and rules that they do not show."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sensors.codecs.senml import codec
from twin.model.messages import CodecContext, CodecRule, Event, Message, Observation, Rejection
from twin.model.quality import keys

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "senml"
NOW_S = 1_498_780_179  # at which the RFC resolves its examples
NOW = datetime.fromtimestamp(NOW_S, UTC)
CONTEXT = CodecContext(CodecRule("senml/#", "senml", "test"))


def items(payload: bytes, *, retained: bool = False) -> list[Any]:
    return list(codec.decode(Message("senml/a", payload, NOW, retained), CONTEXT).items)


def reasons(payload: bytes) -> list[str]:
    return [item.reason for item in items(payload) if isinstance(item, Rejection)]


@pytest.mark.parametrize("number", range(1, 7))
def test_f_sen_4_the_examples_of_the_rfc_equal_their_resolved_form(number: int) -> None:
    file = SAMPLES / f"rfc8428_ex{number}.gen.json"
    if not file.exists():
        pytest.skip(f"samples are not there: {SAMPLES}")
    resolved: list[dict[str, Any]] = json.loads(
        file.with_suffix(".resolved.json").read_text("utf-8")
    )
    wanted = [
        (one["n"], one["u"], pytest.approx(one["t"], rel=1e-9), pytest.approx(one["v"], rel=1e-9))
        for one in resolved
        if one["u"] not in ("lat", "lon")
    ]
    outcome = codec.decode(Message("senml/a", file.read_bytes(), NOW), CONTEXT)
    found = [
        (one.key, one.unit, one.phenomenon_time.timestamp(), one.value)
        for one in outcome.items
        if isinstance(one, Observation)
    ]
    assert found == wanted
    positions = [one.details["position"] for one in outcome.items if isinstance(one, Event)]
    east = [one["v"] for one in resolved if one["u"] == "lon"]
    north = [one["v"] for one in resolved if one["u"] == "lat"]
    assert positions == list(zip(east, north, strict=True))
    assert len(wanted) + outcome.ignored == len(resolved)


def test_f_sen_1_base_values_hold_until_they_are_replaced() -> None:
    payload = (
        b'[{"bn":"a/","bt":1498780000,"bu":"Cel","bv":1,"n":"x","v":2},{"n":"y","v":3},'
        b'{"bn":"b/","bv":0,"n":"x","u":"K","t":1,"v":4}]'
    )
    found = [(one.key, one.unit, one.value) for one in items(payload)]
    assert found == [("a/x", "Cel", 3.0), ("a/y", "Cel", 4.0), ("b/x", "K", 4.0)]


def test_f_sen_2_a_small_time_counts_from_the_arrival_and_is_flagged() -> None:
    found = items(b'[{"n":"a","t":-5,"v":1},{"n":"a","v":2},{"n":"a","bt":268435456,"v":3}]')
    ages = [NOW - one.phenomenon_time for one in found[:2]]
    assert ages == [timedelta(seconds=5), timedelta()]
    assert [keys(one.quality) for one in found] == [("time_substituted",)] * 2 + [()]
    assert [one.is_timed for one in found] == [False, False, True]
    assert items(b'[{"n":"a","t":-5,"v":1}]', retained=True) == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'[{"bver":11,"n":"a","v":1}]', "unsupported_version"),
        (b'[{"bver":9,"n":"a","v":1},{"bver":10,"n":"b","v":1}]', "unsupported_version"),
        (b'[{"n":"a","v":1,"must_":2}]', "unsupported_version"),
        (b'{"n":"a","v":1}', "wrong_type"),
        (b'[{"v":1}]', "missing_field"),
        (b'[{"n":"-a","v":1}]', "wrong_type"),
        (b'[{"bn":5,"n":"a","v":1}]', "wrong_type"),
        (b'[{"n":"a","v":true}]', "wrong_type"),
        (b'[{"n":"a","v":1,"v":2}]', "duplicate_key"),
        (b'[{"n":"a","v":1e308,"bv":1e308}]', "not_finite"),
        (b'[{"n":"a","t":1e15,"v":1}]', "time_invalid"),
    ],
)
def test_f_sen_3_what_cannot_be_understood_is_refused_with_its_reason(
    payload: bytes, reason: str
) -> None:
    assert reasons(payload) == [reason]
