"""A time whose day and month are exchanged goes into the quarantine, and nothing else does."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensors.routing import StreamTable
from sensors.rules.dates import swapped_rows, swapped_us
from sensors.rules.quality import Rows, TimePolicy, judge, judge_columns
from sensors.rules.qualitysingle import OrdinaryReadings
from twin.model.datastreams import Datastream
from twin.model.times import from_us, to_us

NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
NOW_US = to_us(NOW)
MEANT = datetime(2026, 5, 11, 9, 30, tzinfo=UTC)
POLICY = TimePolicy(timedelta(minutes=5), timedelta(days=730))
STREAMS = StreamTable(
    [
        Datastream(
            f"B1.{source}", "", "B1", None, "strain", "s", source, f"k{number}", "measured",
            number=number,
        )
        for number, source in ((7, "left"), (8, "right"))
    ]
)  # fmt: skip


def rows(*times: datetime, number: int = 7, received_at: datetime = NOW) -> Rows:
    count = len(times)
    return Rows(
        number=np.full(count, number, np.int32),
        time_us=np.array([to_us(time) for time in times], np.int64),
        value=np.ones(count),
        quality=np.zeros(count, np.int16),
        sequence=np.full(count, -1, np.int64),
        is_timed=np.ones(count, np.bool_),
        received_us=np.full(count, to_us(received_at), np.int64),
        is_unsure=np.zeros(count, np.bool_),
    )


def reasons(*times: datetime, **more: object) -> list[str]:
    found = judge(rows(*times, **more), streams=STREAMS, policy=POLICY)  # pyrefly: ignore[bad-argument-type]
    return [rejection.reason for _, rejection in found.rejections]


def test_exchanged_into_the_past_it_is_quarantined_with_that_reason_and_not_corrected() -> None:
    found = judge(rows(MEANT), streams=STREAMS, policy=POLICY)
    ((_, rejection),) = found.rejections
    assert rejection.reason == "date_swapped"
    assert rejection.time_us == to_us(MEANT)
    assert (rejection.datastream_number, rejection.value) == (7, 1.0)
    assert "2026-11-05T09:30" in rejection.detail
    assert not len(found.readings)


def test_exchanged_into_the_future_it_has_the_same_reason() -> None:
    received = datetime(2026, 5, 11, 9, 30, tzinfo=UTC)
    assert reasons(NOW, received_at=received) == ["date_swapped"]


def test_a_local_time_in_the_other_season_still_fits() -> None:
    assert reasons(MEANT - timedelta(hours=1)) == ["date_swapped"]
    assert reasons(MEANT - timedelta(hours=3)) == []


def test_a_day_above_twelve_and_a_day_that_equals_its_month_are_never_suspected() -> None:
    assert reasons(datetime(2026, 5, 13, 9, 30, tzinfo=UTC)) == []
    november = datetime(2026, 11, 11, 9, 30, tzinfo=UTC)
    assert reasons(datetime(2026, 11, 9, 9, 30, tzinfo=UTC), received_at=november) == []


def test_a_late_backlog_that_crosses_the_hour_by_chance_is_kept_whole() -> None:
    backlog = [MEANT + timedelta(minutes=10 * step) for step in range(-60, 60)]
    assert reasons(*backlog) == []


def test_a_companion_gives_the_meaning_away_where_all_came_late() -> None:
    received = datetime(2026, 11, 12, 20, 0, tzinfo=UTC)
    companion = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)
    exchanged = datetime(2026, 12, 11, 9, 30, tzinfo=UTC)  # meant: 12 November
    assert reasons(exchanged, received_at=received) == ["clock_future"]
    assert reasons(companion, exchanged, received_at=received) == ["date_swapped"]


def test_another_source_neither_suspects_nor_clears() -> None:
    own, other = rows(MEANT), rows(MEANT + timedelta(hours=5), number=8)
    both = Rows._make(np.concatenate(pair) for pair in zip(own, other, strict=True))
    found = judge(both, streams=STREAMS, policy=POLICY)
    assert [(row, one.reason) for row, one in found.rejections] == [(0, "date_swapped")]


def test_imports_and_back_fills_keep_such_a_date() -> None:
    one = rows(MEANT)
    readings, rejections = judge_columns(
        one.number, one.time_us, one.value, one.quality, NOW_US, streams=STREAMS, policy=POLICY
    )
    assert (len(readings), rejections) == (1, [])


def test_a_single_reading_goes_the_same_way() -> None:
    ordinary = OrdinaryReadings(STREAMS, POLICY)
    assert ordinary.judge(7, to_us(MEANT), 1.0, quality=0, received_us=NOW_US) is None
    assert ordinary.judge(7, NOW_US, 1.0, quality=0, received_us=NOW_US) is not None


def test_late_readings_one_by_one_are_suspected_in_two_hours_of_a_year_at_most() -> None:
    start = datetime(2025, 11, 5, tzinfo=UTC)
    minutes = [start + timedelta(minutes=minute) for minute in range(0, 365 * 1440, 10)]
    alone = [
        swapped_rows(np.array([to_us(time)]), np.array([NOW_US]), source=np.zeros(1, np.intp))[0]
        for time in minutes[::7]
    ]
    assert np.mean(alone) < 1e-3


@given(st.integers(min_value=-(2**62), max_value=2**62), st.integers(min_value=0, max_value=2**61))
def test_any_times_are_judged_and_exchanging_twice_changes_nothing(
    time_us: int, received_us: int
) -> None:
    other = swapped_us(time_us)
    if other is not None:
        assert swapped_us(other) == time_us
        assert from_us(other).day == from_us(time_us).month
    found = swapped_rows(np.array([time_us]), np.array([received_us]), source=np.zeros(1, np.intp))
    assert found.shape == (1,)
