"""Gaps: numbers of datastreams, their silence, losses that the broker tells."""

import numpy as np
import pytest

from sensors.rules.gaps import Arrived, GapTracker
from sensors.rules.sequences import NEVER
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


def note_numbers(
    tracker: GapTracker, pairs: list[tuple[int, int, float]], *came: Arrived, second: float = 0.0
) -> list[Gap]:
    """Datastream, number and second of readings."""
    number, sequence, seconds = np.array(pairs or np.empty((0, 3))).T
    noted = tracker.note_numbers(
        number.astype(np.int32),
        sequence.astype(np.int64),
        NOW_US + (seconds * SECOND).astype(np.int64),
        came,
        at_us=at(second),
    )
    return noted.gaps


def test_numbers_of_a_datastream_span_the_time_in_which_they_were_measured() -> None:
    tracker = GapTracker([stream(1), stream(2)])
    first = [(1, 5, 0.0), (2, 9, 0.0), (1, 6, 1.0), (1, 6, 1.0), (7, 3, 0.0)]
    assert note_numbers(tracker, first, second=600) == []
    assert note_numbers(tracker, [(2, 10, 1.0), (1, 7, 2.0), (1, 11, 6.0)], second=601) == [
        Gap("demo", "k1", "sequence", from_us(at(2)), from_us(at(6)), 1, 3)
    ]
    assert note_numbers(tracker, [(1, 10, 5.0), (1, 8, 3.0)], second=603) == [
        Gap("demo", "k1", "sequence", from_us(at(2)), from_us(at(6)), 1, 1)
    ]
    assert note_numbers(tracker, [(1, 9, 4.0)], second=604) == [
        Gap("demo", "k1", "sequence", from_us(at(2)), from_us(at(6)), 1, 0, state="filled")
    ]


def test_one_counter_counts_over_both_ways_of_decoding() -> None:
    tracker = GapTracker([stream(1)])
    assert note_numbers(tracker, [(1, 5, 0.0)]) == []
    assert note_numbers(tracker, [], Arrived("demo", "k1", (6, 7), (at(1), NEVER))) == []
    assert note_numbers(tracker, [(1, 8, 3.0)]) == []
    (gap,) = note_numbers(tracker, [], Arrived("demo", "k1", (10,), (NEVER,)), second=5)
    assert (gap.missing, gap.start, gap.end) == (1, from_us(at(3)), from_us(at(5)))


def test_silence_of_a_counting_datastream_is_left_to_its_numbers() -> None:
    tracker = GapTracker([stream(1)])
    note_numbers(tracker, [(1, 5, 0.0)])
    tracker.note(readings(1, 0.0), now_us=at(0))
    (gap,) = tracker.note(readings(1, 100.0), now_us=at(100))
    assert gap.missing is None


def test_a_changed_registry_keeps_the_counters() -> None:
    tracker = GapTracker()
    assert note_numbers(tracker, [], Arrived("demo", "k1", (1,), (at(0),))) == []
    tracker.update([stream(1)])
    (gap,) = note_numbers(tracker, [(1, 4, 60.0)])
    assert gap == Gap("demo", "k1", "sequence", from_us(at(0)), from_us(at(60)), 1, 2)


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
