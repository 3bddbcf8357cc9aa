"""Sequence numbers: wraps, restarts, late and repeated numbers, any way of decoding."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.broker import Delivery
from sensors.codecs.own import codec as own
from sensors.pipeline.preparation import Pipeline
from sensors.routing import Router, StreamTable
from sensors.rules.gaps import GapTracker
from sensors.rules.quality import TimePolicy
from sensors.rules.sequences import MOST_APART, NEVER, SequenceGaps
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap
from twin.model.messages import CodecRule
from twin.model.times import from_us

NOW_US = 1_800_000_000_000_000
SECOND = 1_000_000
RULE = CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "demo")


def note(gaps: SequenceGaps, *numbers: int, key: str = "k") -> int:
    """How many more are missing."""
    row = np.full(len(numbers), gaps.row("s", key))
    number = np.array(numbers, np.int64)
    return sum(one.change for one in gaps.note(row, number, number * SECOND, at_us=NOW_US))


@pytest.mark.parametrize(
    ("steps", "missing"),
    [
        ([[5], [6]], [0, 0]),
        ([[5], [9]], [0, 3]),
        ([[5], [9, 7]], [0, 2]),
        ([[5], [9], [7], [7], [8, 6], [10]], [0, 3, -1, 0, -2, 0]),
        ([[5], [5], [3], [6]], [0, 0, 0, 0]),
        ([[2], [1], [0], [3]], [0, 0, 0, 0]),  # the first ones in another order
        ([[65_535], [0]], [0, 0]),
        ([[65_533], [2], [65_535], [0, 65_534], [1], [3]], [0, 4, -1, -2, -1, 0]),
        ([[65_534], [65_535, 0, 1], [65_535], [2]], [0, 0, 0, 0]),
        ([[65_530], [65_531, 1]], [0, 5]),
        ([[2**32 - 1], [0]], [0, 0]),
        ([[2**32 - 2], [3]], [0, 4]),
        ([[65_535], [65_536]], [0, 0]),  # a 32 bit counter goes on
        ([[65_535], [65_540]], [0, 4]),
        ([[65_535, 0, 1], [2, 4]], [0, 1]),
        ([[65_533, 65_535, 0, 3]], [3]),
        ([[1, 2, 3, 7, 8], [10]], [3, 1]),
        ([[65_000], [0], [1], [4]], [0, 0, 0, 2]),  # started anew
        ([[5000], [0], [1], [2]], [0, 0, 0, 0]),
        ([[5000], [0, 1, 4]], [0, 2]),
        ([[5000], [0], [5001]], [0, 0, 0]),  # one that the broker repeats
        ([[5000], *([one] for one in range(4820, 5000)), [5001]], [0] * 182),
        ([[5], [10**15], [6], [7], [9]], [0, 10**15 - 6, -1, -1, -1]),
    ],
)
def test_missing_numbers_are_exact_in_whatever_order_they_come(
    steps: list[list[int]], missing: list[int]
) -> None:
    gaps = SequenceGaps()
    assert [note(gaps, *numbers) for numbers in steps] == missing


def test_devices_are_counted_one_by_one() -> None:
    gaps = SequenceGaps()
    for row in range(40):
        note(gaps, row, key=f"k{row}")
    assert [note(gaps, row + 2, key=f"k{row}") for row in range(40)] == [1] * 40


def test_times_of_neighbours_that_are_not_known_are_taken_from_the_next_ones() -> None:
    gaps = SequenceGaps()
    row = np.zeros(5, np.int64) + gaps.row("s", "k")
    (jump,) = gaps.note(
        row, np.arange(1, 6) * np.array([1, 1, 1, 2, 2]), np.array([10, 20, NEVER, NEVER, 50]),
        at_us=900,
    )[:1]  # fmt: skip
    assert (jump.missing, jump.start_us, jump.end_us) == (4, 20, 50)


def test_jumps_at_one_time_stay_apart_and_very_many_become_one() -> None:
    gaps = SequenceGaps()
    row = gaps.row("s", "k")
    few = gaps.note(np.full(3, row), np.array([1, 3, 5]), np.full(3, 7), at_us=7)
    assert [(one.missing, one.start_us) for one in few] == [(1, 7), (1, 8)]
    count = MOST_APART + 2
    numbers = 5 + 2 * np.arange(count)
    (many,) = gaps.note(np.full(count, row), numbers, numbers, at_us=100)
    assert (many.missing, many.start_us, many.end_us) == (count - 1, 9, int(numbers[-1]))


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
    note(gaps, number)
    found = 0
    for step in steps:
        number = (number + step) % size
        found += note(gaps, number)
    assert found == sum(steps) - len(steps)


class Line:
    """Messages of one datastream from the codec to its gaps; what was noted by now."""

    gaps: dict[datetime, Gap]

    def __init__(self) -> None:
        stream = Datastream(
            uid="B.1", name="", asset_id="B", component_id=None, quantity="strain", sensor_id="x",
            source="demo", route_key="B/1", provenance="measured", number=1, cadence_s=None,
        )  # fmt: skip
        policy = TimePolicy(timedelta(minutes=5), timedelta(days=9))
        self.pipeline = Pipeline.of(Router((RULE,)), {"own": own}, StreamTable([stream]), policy)
        self.tracker = GapTracker([stream])
        self.gaps = {}

    def take(self, *payloads: object) -> None:
        deliveries = [
            Delivery(0, 0, 1, b"twin/v1/t/B/1/obs", json.dumps(payload).encode(), NOW_US,
                     is_retained=False, is_repeat=False)
            for payload in payloads
        ]  # fmt: skip
        prepared = self.pipeline.prepare(deliveries, most_readings=10_000)
        counted = prepared.counted()
        noted = self.tracker.note_numbers(
            counted.number, counted.sequence, counted.time_us, prepared.arrived, at_us=NOW_US
        )
        self.gaps |= {gap.start: gap for gap in noted.gaps}

    @property
    def missing(self) -> int:
        return sum(gap.missing or 0 for gap in self.gaps.values())


def item(number: int, value: object = 1.0) -> dict[str, object]:
    return {"t": (NOW_US - 600 * SECOND) // 1000 + 1000 * number, "v": value, "seq": number}


def test_values_that_are_null_are_not_lost() -> None:
    line = Line()
    for number in range(101):
        line.take(item(number, None if number in (30, 31, 77) else 1.0))
    assert line.missing == 0


def test_singles_and_arrays_with_nulls_are_one_count() -> None:
    line = Line()
    line.take(*(item(number) for number in range(8)))
    for number in range(8, 68, 2):
        line.take([item(number), item(number + 1, None)])
    assert line.missing == 0


@pytest.mark.parametrize(
    "refused",
    [
        item(2, "x"),
        {"seq": 2},
        {**item(2), "t": "yesterday"},
        {**item(2), "t": "1970-01-01T00:00:01Z"},
        {**item(2), "q": ["simulated"]},
        [item(2, [])],
        [item(2)] * 1001,
    ],
)
def test_what_is_refused_is_not_lost(refused: object) -> None:
    line = Line()
    line.take(item(1))
    line.take(refused)
    line.take(item(3))
    assert line.gaps == {}
    line.take(item(5))
    (gap,) = line.gaps.values()
    assert (gap.missing, gap.start, gap.end) == (
        1, *(from_us(NOW_US + (number - 600) * SECOND) for number in (3, 5))
    )  # fmt: skip


VALUES = st.sampled_from([1.0, 2, None, "x", True, [], {}])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_exact_gaps_are_the_numbers_that_were_never_sent(data: st.DataObject) -> None:
    sent = data.draw(st.lists(st.integers(1, 80), unique=True, max_size=60))
    sent.sort(key=lambda number: number + data.draw(st.integers(0, 6)))
    line = Line()
    line.take(item(0))
    given = set(sent)
    while sent:
        looks = []
        for _ in range(data.draw(st.integers(1, 12))):
            size = data.draw(st.integers(1, 4))
            part, sent = sent[:size], sent[size:]
            items = [item(number, data.draw(VALUES)) for number in part]
            looks += [items] if data.draw(st.booleans()) else items
        line.take(*looks)
    assert line.missing == len(set(range(max(given, default=0))) - given - {0})
