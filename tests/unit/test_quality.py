"""Readings are judged: time policy, limits, provenance; bursts are converted and cut."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.pipeline.privacy import masked
from sensors.pipeline.waveforms import judge_block
from sensors.routing import Stream, StreamTable
from sensors.rules.quality import Rows, TimePolicy, Treatment, judge, judge_columns, unknown_stream
from twin.errors import RegistryError
from twin.model.datastreams import Datastream
from twin.model.messages import Rejection, WaveformBlock
from twin.model.quality import keys
from twin.model.times import to_us

NOW = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
POLICY = TimePolicy(timedelta(minutes=5), timedelta(days=730))
PLAIN = Datastream(
    "B1.eps", "strain", "B1", None, "strain", "s", "left", "B1/eps", "measured", number=7
)


@dataclass(frozen=True)
class One:
    """What became of one row."""

    kind: str
    time_us: int
    quality: int
    key: int = 0


def table(**changes: object) -> StreamTable:
    return StreamTable([replace(PLAIN, **changes)])  # pyrefly: ignore[bad-argument-type]


def stream(**changes: object) -> Stream:
    found = table(**changes).find("left", "B1/eps")
    assert found is not None
    return found


def judged(
    *,
    age: timedelta = timedelta(),
    value: float = 1.0,
    sequence: int = -1,
    is_timed: bool = True,
    is_unsure: bool = False,
    policy: TimePolicy = POLICY,
    **changes: object,
) -> One | Rejection:
    rows = Rows(
        number=np.array([7], np.int32),
        time_us=np.array([to_us(NOW - age)]),
        value=np.array([value]),
        quality=np.zeros(1, np.int16),
        sequence=np.array([sequence]),
        is_timed=np.array([is_timed]),
        received_us=np.array([to_us(NOW)]),
        is_unsure=np.array([is_unsure]),
    )
    found = judge(rows, streams=table(**changes), policy=policy)
    assert len(found.readings) + len(found.arrivals) + len(found.rejections) == 1
    if found.rejections:
        return found.rejections[0][1]
    if len(found.arrivals):
        one = found.arrivals
        return One("arrival", int(one.time_us[0]), int(one.quality[0]), int(one.key[0]))
    return One("reading", int(found.readings.time_us[0]), int(found.readings.quality[0]))


def flags(found: One | Rejection) -> tuple[str, ...]:
    assert isinstance(found, One)
    return keys(found.quality)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(minutes=-5, seconds=-1), "clock_future"),
        (timedelta(days=-3650), "clock_future"),
        (timedelta(days=731), "too_old"),
        (NOW - datetime(1970, 1, 2, tzinfo=UTC), "clock_unset"),
        (NOW - datetime(1999, 12, 31, tzinfo=UTC), "clock_unset"),
    ],
)
def test_f_tim_5_a_time_out_of_range_is_rejected_with_the_reading_in_question(
    age: timedelta, reason: str
) -> None:
    rejection = judged(age=age, value=2.5)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.datastream_number, rejection.value) == (reason, 7, 2.5)
    assert rejection.time_us == to_us(NOW - age)
    assert ";" in rejection.detail  # says what to do


def test_a_time_within_the_tolerance_is_kept_without_a_flag() -> None:
    for age in (timedelta(minutes=-5), timedelta(), timedelta(minutes=10)):
        assert flags(judged(age=age)) == ()


@pytest.mark.parametrize(
    ("cadence_s", "age_s", "is_late"),
    [(None, 601, True), (15.0, 601, True), (600.0, 1700, False), (600.0, 1801, True)],
)
def test_a_reading_is_late_after_ten_minutes_or_three_cadences(
    cadence_s: float | None,
    age_s: int,
    is_late: bool,  # noqa: FBT001 - a test parameter
) -> None:
    found = flags(judged(age=timedelta(seconds=age_s), cadence_s=cadence_s))
    assert ("late" in found) is is_late


def test_a_value_outside_its_limits_is_kept_and_flagged() -> None:
    assert flags(judged(value=5001.0)) == ("out_of_range",)
    assert flags(judged(value=5000.0)) == ()


def test_simulated_provenance_and_time_of_arrival_are_flagged() -> None:
    assert flags(judged(provenance="simulated")) == ("simulated",)
    found = judged(age=timedelta(hours=5), time_source="server")
    assert isinstance(found, One)
    assert found.time_us == to_us(NOW)
    assert keys(found.quality) == ("time_substituted",)


def treated(**changes: object) -> TimePolicy:
    treatment = replace(Treatment(), **changes)  # pyrefly: ignore[bad-argument-type]
    return replace(POLICY, treatments={"left": treatment})


@pytest.mark.parametrize("age", [NOW - datetime(1970, 1, 2, tzinfo=UTC), timedelta(hours=-1)])
def test_a_source_may_take_the_time_of_arrival_where_its_clock_is_wrong(age: timedelta) -> None:
    found = judged(age=age, policy=treated(takes_server_time=True))
    assert isinstance(found, One)
    assert (found.kind, found.time_us) == ("arrival", to_us(NOW))
    assert flags(found) == ("time_substituted",)
    right = judged(age=timedelta(minutes=3), policy=treated(takes_server_time=True))
    assert isinstance(right, One)
    assert (right.kind, right.quality) == ("reading", 0)


def test_a_reading_without_time_is_known_again_by_its_sequence_number() -> None:
    def key(*, sequence: int, value: float = 1.0, age_s: float = 0.0) -> int:
        age = timedelta(seconds=age_s)
        found = judged(is_timed=False, sequence=sequence, value=value, age=age)
        assert isinstance(found, One)
        assert found.kind == "arrival"
        return found.key

    assert key(sequence=5) == key(sequence=5, age_s=7.0)  # later: the time is not in the key
    assert len({key(sequence=5), key(sequence=6), key(sequence=5, value=2.0)}) == 3


def test_a_stream_timed_at_arrival_is_known_again_by_the_time_of_the_device() -> None:
    found = [judged(time_source="server", age=timedelta(hours=hours)) for hours in (5, 5, 6)]
    keys_found = [one.key for one in found if isinstance(one, One) and one.kind == "arrival"]
    assert keys_found[0] == keys_found[1] != keys_found[2]


def test_without_any_key_a_doubtful_delivery_is_flagged_as_a_possible_repeat() -> None:
    assert flags(judged(is_timed=False)) == ("time_substituted",)
    doubtful = judged(is_timed=False, is_unsure=True)
    assert flags(doubtful) == ("time_substituted", "possible_repeat")
    assert flags(judged(is_unsure=True)) == ()


def test_a_source_may_keep_late_readings_out() -> None:
    policy = treated(quarantines_late=True, late_after=timedelta(days=2))
    assert flags(judged(age=timedelta(days=1), policy=policy)) == ("late",)
    found = judged(age=timedelta(days=3), policy=policy)
    assert isinstance(found, Rejection)
    assert found.reason == "late"
    assert flags(judged(age=timedelta(days=3))) == ("late",)


def test_readings_of_a_privacy_class_have_its_retention() -> None:
    policy = replace(POLICY, retention_by_class={"vehicle": timedelta(days=90)})
    assert flags(judged(age=timedelta(days=91), policy=policy)) == ("late",)
    found = judged(age=timedelta(days=91), policy=policy, privacy_class="vehicle")
    assert isinstance(found, Rejection)
    assert found.reason == "too_old"
    for_ever = replace(POLICY, retention=timedelta(0))
    assert flags(judged(age=timedelta(days=5000), policy=for_ever)) == ("late",)


def test_a_value_that_is_not_finite_is_rejected() -> None:
    for value in (float("nan"), float("inf")):
        found = judged(value=value)
        assert isinstance(found, Rejection)
        assert found.reason == "not_finite"


def test_columns_are_judged_in_their_order_for_imports() -> None:
    ages_s = np.array([0, 86_400 * 800, 3600])
    readings, rejections = judge_columns(
        np.full(3, 7, np.int32),
        to_us(NOW) - ages_s * 1_000_000,
        np.array([1.0, 2.0, 1e9]),
        np.zeros(3, np.int16),
        to_us(NOW),
        streams=table(),
        policy=POLICY,
    )
    assert readings.value.tolist() == [1.0, 1e9]
    assert [keys(mask) for mask in readings.quality.tolist()] == [(), ("late", "out_of_range")]
    assert [(one.reason, one.value) for one in rejections] == [("too_old", 2.0)]


def test_a_number_that_is_not_registered_is_an_error_of_the_caller() -> None:
    for streams in (table(), StreamTable([])):
        with pytest.raises(RegistryError, match="9"):
            judge_columns(
                np.array([9], np.int32), np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int16),
                0, streams=streams, policy=POLICY,
            )  # fmt: skip


def test_a_single_reading_for_a_waveform_stream_is_a_wrong_type() -> None:
    rejection = judged(kind="waveform")
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "wrong_type"


def test_an_unknown_stream_names_key_source_and_remedy() -> None:
    detail = unknown_stream("left", "B9/eps\x00\ud800").detail
    assert "'left'" in detail
    assert "B9/eps" in detail
    assert "twin load" in detail
    assert detail.isprintable()


# Waveforms


def block(**changes: object) -> WaveformBlock:
    plain = WaveformBlock("B1/eps", to_us(NOW), 100.0, np.ones(200, np.float32), "m/s2", 1)
    return replace(plain, **changes)  # pyrefly: ignore[bad-argument-type]


WAVE = {"quantity": "acceleration", "kind": "waveform"}
LATER = NOW + timedelta(minutes=4)


def test_a_burst_is_converted_to_the_unit_of_its_quantity() -> None:
    found = judge_block(block(unit="g"), stream(**WAVE), received_at=LATER, policy=POLICY)
    assert not isinstance(found, Rejection)
    assert found[0].samples[0] == pytest.approx(9.80665)
    assert found[0].number == 7


@given(
    offset_us=st.integers(0, 59_999_999),
    rate_hz=st.sampled_from([3.0, 33.3, 100.0, 997.0]),
    count=st.integers(1, 20_000),
)
def test_a_burst_is_cut_at_full_minutes_and_loses_no_sample(
    offset_us: int, rate_hz: float, count: int
) -> None:
    samples = np.arange(count, dtype=np.float32) / 1e4
    t0_us = to_us(NOW) - 3_600_000_000 + offset_us
    found = judge_block(
        block(t0_us=t0_us, rate_hz=rate_hz, samples=samples),
        stream(**WAVE),
        received_at=LATER + timedelta(hours=3),
        policy=POLICY,
    )
    if count / rate_hz > 3600:
        assert isinstance(found, Rejection)
        return
    assert not isinstance(found, Rejection)
    assert np.array_equal(np.concatenate([part.samples for part in found]), samples)
    for part in found:
        assert part.t0_us // 60_000_000 == part.end_us // 60_000_000
    for before, after in pairwise(found):
        assert abs(after.t0_us - before.end_us - 1e6 / rate_hz) <= 1.5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unit": "kg"}, "unit_conflict"),
        ({"rate_hz": 0.01}, "too_many_items"),
        ({"t0_us": 0}, "clock_unset"),
        ({"t0_us": to_us(NOW + timedelta(hours=1))}, "clock_future"),
    ],
)
def test_a_burst_that_cannot_be_stored_is_rejected(changes: dict[str, object], reason: str) -> None:
    found = judge_block(block(**changes), stream(**WAVE), received_at=NOW, policy=POLICY)
    assert isinstance(found, Rejection)
    assert found.reason == reason


# Privacy


def test_f_prv_2_gateways_are_masked_in_whole_and_in_broken_payloads() -> None:
    payload = (
        b'{"rssi": -97, "location": {"latitude": 51.0001, "longitude" :13.0001},'
        b' "gateway_name":"invented \\"gateway\\"", "network_owner": "0xINVENTED",'
        b' "object": {"x": 1}'
    )
    for text in (payload + b"}", payload, payload[:120], payload[:150]):
        for private in (b"51.0001", b"13.0001", b"invented", b"INVENTED"):
            assert private not in masked(text)
    assert b'"object": {"x": 1}' in masked(payload)
    assert b'"rssi": -97' in masked(payload)
