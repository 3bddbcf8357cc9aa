"""Gaps: counters that wrap, silence of datastreams, losses that the broker tells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.rules.gaps import Counter, GapTracker, SequenceGaps, advance
from twin.errors import ModelError
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap
from twin.model.observations import Latest, Readings
from twin.model.times import EPOCH, from_us

SECOND = 1_000_000
NOW_US = 1_800_000_000 * SECOND


def stream(number: int, *, cadence_s: float | None = 10.0) -> Datastream:
    return Datastream(
        uid=f"s{number}", name="", asset_id="a", component_id=None, quantity="strain",
        sensor_id="x", source="demo", route_key=f"k{number}", provenance="measured", number=number,
        cadence_s=cadence_s,
    )  # fmt: skip


def readings(number: int, *seconds: float) -> Readings:
    count = len(seconds)
    return Readings(
        number=np.full(count, number, np.int32),
        time_us=NOW_US + (np.array(seconds) * SECOND).astype(np.int64),
        value=np.zeros(count),
        quality=np.zeros(count, np.int16),
    )


def at(seconds: float) -> int:
    return NOW_US + round(seconds * SECOND)


@pytest.mark.parametrize(
    ("newest", "numbers", "absent", "then"),
    [
        (5, [6], 0, 6),
        (5, [9], 3, 9),
        (5, [9, 7], 2, 9),
        (5, [5], 0, 5),
        (5, [3], 0, 5),
        (65_535, [0], 0, 0),
        (65_533, [2], 4, 2),
        (65_534, [65_535, 0, 1], 0, 1),
        (65_530, [65_531, 1], 5, 1),
        (2**32 - 1, [0], 0, 0),
        (2**32 - 2, [3], 4, 3),
        (65_000, [0], 0, 0),  # 536 numbers before the wrap: a device that started anew
        (20_000, [4], 0, 4),
        (65_535, [65_536], 0, 65_536),  # a 32 bit counter goes on
        (65_535, [65_540], 4, 65_540),
    ],
)
def test_missing_numbers_are_exact_across_a_wrap(
    newest: int, numbers: list[int], absent: int, then: int
) -> None:
    counter, found = advance(Counter(newest, 0), numbers)
    assert found == absent
    assert counter is not None
    assert counter.newest == then


def test_a_first_message_that_holds_a_wrap_is_no_gap() -> None:
    gaps = SequenceGaps()
    assert gaps.note("s", "k", numbers=[65_535, 0, 1]) == 0
    assert gaps.note("s", "k", numbers=[2, 4]) == 1


@given(
    st.integers(0, 65_535),
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.sampled_from([2**16, 2**32]),
)
def test_a_lossy_counter_misses_exactly_what_was_left_out(
    first: int, steps: list[int], size: int
) -> None:
    gaps = SequenceGaps()
    number = size - 1 - first
    gaps.note("s", "k", numbers=[number])
    found = 0
    for step in steps:
        number = (number + step) % size
        found += gaps.note("s", "k", numbers=[number])
    assert found == sum(steps) - len(steps)


def test_silence_opens_a_gap_after_three_intervals_and_data_close_it() -> None:
    tracker = GapTracker([stream(1), stream(2, cadence_s=1.0), stream(3, cadence_s=None)])
    for number in (1, 2, 3):
        assert tracker.note(readings(number, 0.0), now_us=at(0)) == []
    assert tracker.check(now_us=at(30)) == []
    opened = tracker.check(now_us=at(31))
    assert [(gap.key, gap.start, gap.end) for gap in opened] == [
        ("k1", from_us(at(0)), None),
        ("k2", from_us(at(0)), None),
    ]
    assert tracker.check(now_us=at(60)) == []  # told once
    assert tracker.note(readings(1, 60.0), now_us=at(60)) == [
        Gap("demo", "k1", "cadence", from_us(at(0)), from_us(at(60)), 1, 5, is_estimated=True)
    ]
    assert tracker.check(now_us=at(80)) == []


def test_data_that_were_only_late_fill_the_gap() -> None:
    tracker = GapTracker([stream(1)])
    tracker.note(readings(1, 0.0), now_us=at(0))
    tracker.check(now_us=at(40))
    (gap,) = tracker.note(readings(1, 10.0, 20.0, 30.0, 40.0), now_us=at(41))
    assert (gap.start, gap.state, gap.missing) == (from_us(at(0)), "filled", 0)


def test_a_jump_in_time_is_a_gap_without_any_check() -> None:
    tracker = GapTracker([stream(1)])
    found = tracker.note(readings(1, 0.0, 10.0, 100.0, 110.0), now_us=at(110))
    assert [(gap.start, gap.end, gap.missing) for gap in found] == [
        (from_us(at(10)), from_us(at(100)), 8)
    ]


def test_old_and_repeated_readings_change_nothing() -> None:
    tracker = GapTracker([stream(1)])
    tracker.note(readings(1, 100.0), now_us=at(100))
    assert tracker.note(readings(1, 0.0, 100.0), now_us=at(120)) == []
    assert len(tracker.check(now_us=at(131))) == 1


def test_unknown_and_derived_datastreams_have_no_gaps() -> None:
    tracker = GapTracker([])
    assert tracker.note(readings(9, 0.0, 900.0), now_us=at(900)) == []
    assert tracker.note_counted(np.array([9], np.int32), np.array([1]), at_us=at(0)) == []
    assert tracker.check(now_us=at(9000)) == []


def test_after_a_restart_silence_counts_from_now_and_jumps_from_the_store() -> None:
    tracker = GapTracker([stream(1)])
    latest = Latest(
        number=np.array([1, 77], np.int32),
        time_us=np.array([at(0), at(0)]),
        value=np.zeros(2),
        quality=np.zeros(2, np.int16),
        revision=1,
    )
    tracker.start(latest, now_us=at(1000))
    assert tracker.check(now_us=at(1020)) == []
    (gap,) = tracker.note(readings(1, 1021.0), now_us=at(1021))
    assert (gap.start, gap.end) == (from_us(at(0)), from_us(at(1021)))


def test_counted_readings_miss_exactly_what_their_sequence_leaves_out() -> None:
    tracker = GapTracker([stream(1), stream(2)])

    def note(pairs: list[tuple[int, int]], second: float) -> list[tuple[str, int | None]]:
        number, sequence = np.array(pairs).T
        found = tracker.note_counted(number.astype(np.int32), sequence, at_us=at(second))
        return [(gap.key, gap.missing) for gap in found]

    assert note([(1, 5), (2, 9), (1, 6), (1, 6)], 0) == []
    assert note([(2, 10), (1, 7), (7, 1)], 1) == []
    assert note([(2, 14), (1, 8), (2, 12)], 2) == [("k2", 2)]
    assert note([(1, 65_535)], 3) == [("k1", 65_526)]
    assert note([(1, 1)], 4) == [("k1", 1)]


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([1, 2, 3, 7, 8], 3), ([0], 0), ([65_535, 0, 1], 0), ([65_533, 65_535, 0, 3], 3)],
)
def test_the_first_numbers_after_a_start_are_counted_among_themselves(
    numbers: list[int], missing: int
) -> None:
    tracker = GapTracker([stream(1)])
    tracker.note(readings(1, 0.0, 1.0), now_us=at(5))
    sequence = np.array(numbers)
    found = tracker.note_counted(np.ones(len(numbers), np.int32), sequence, at_us=at(5))
    assert sum(gap.missing or 0 for gap in found) == missing
    assert [(gap.start, gap.end) for gap in found] == [(from_us(at(0)), from_us(at(5)))][
        : len(found)
    ]
    after = np.array([numbers[-1] + 2])
    (gap,) = tracker.note_counted(np.ones(1, np.int32), after, at_us=at(9))
    assert (gap.missing, gap.start) == (1, from_us(at(5)))


def test_silence_of_a_counting_datastream_is_left_to_its_numbers() -> None:
    tracker = GapTracker([stream(1)])
    tracker.note_counted(np.array([1], np.int32), np.array([5]), at_us=at(0))
    tracker.note(readings(1, 0.0), now_us=at(0))
    (gap,) = tracker.note(readings(1, 100.0), now_us=at(100))
    assert gap.missing is None


def test_numbers_of_devices_span_the_time_between_two_messages() -> None:
    tracker = GapTracker()
    assert tracker.note_sequences("s", "dev", numbers=[1], at_us=at(0)) == []
    (gap,) = tracker.note_sequences("s", "dev", numbers=[4], at_us=at(60))
    assert gap == Gap("s", "dev", "sequence", from_us(at(0)), from_us(at(60)), missing=2)


def test_a_lost_session_is_a_gap_of_every_source_since_its_last_message() -> None:
    tracker = GapTracker()
    tracker.note_source("a", at_us=at(0))
    found = tracker.note_loss("session_lost", ["a", "b"], at_us=at(50))
    assert [(gap.source, gap.start, gap.missing) for gap in found] == [
        ("a", from_us(at(0)), None),
        ("b", from_us(at(50)), None),
    ]


def test_a_changed_registry_keeps_what_is_known() -> None:
    tracker = GapTracker([stream(2)])
    tracker.note(readings(2, 0.0), now_us=at(0))
    tracker.update([stream(1), stream(2), stream(3)])
    assert [gap.key for gap in tracker.check(now_us=at(40))] == ["k2"]
    tracker.update([])
    assert tracker.check(now_us=at(400)) == []


def test_a_gap_has_a_known_cause_and_no_end_before_its_start() -> None:
    with pytest.raises(ModelError, match="boredom"):
        Gap("s", "", "boredom", EPOCH)  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(ModelError, match="before it starts"):
        Gap("s", "", "cadence", from_us(1), EPOCH)
