"""Pure parts of the write path: sources of columns, newest rows, times kept apart, minutes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.model.observations import Arrivals, Readings, Waveform, no_arrivals, no_readings
from twin.store.accounts import MINUTE_US, YEAR_2000_US, dirty_minutes
from twin.store.arrivals import Key, kept_apart, resolve
from twin.store.columns import last_of_each_key, newest
from twin.store.postgres.at_once import few_columns, many_columns
from twin.store.sources import Sources

ROWS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), max_size=20)


def readings(rows: list[tuple[int, int]]) -> Readings:
    """Rows whose value is their place."""
    return Readings(
        number=np.array([number for number, _ in rows], np.int32),
        time_us=np.array([time_us for _, time_us in rows], np.int64),
        value=np.arange(len(rows), dtype=np.float64),
        quality=np.zeros(len(rows), np.int16),
    )


def arrivals(rows: list[tuple[int, int, int]]) -> Arrivals:
    """Rows of number, key and time."""
    return Arrivals(
        number=np.array([row[0] for row in rows], np.int32),
        key=np.array([row[1] for row in rows], np.int64),
        time_us=np.array([row[2] for row in rows], np.int64),
        value=np.arange(len(rows), dtype=np.float64),
        quality=np.zeros(len(rows), np.int16),
    )


def test_sources_of_numbers_that_nobody_has() -> None:
    sources = Sources({2: "a", 5: "b"})
    numbers = np.array([-(2**31), -1, 0, 1, 2, 5, 6, 2**31 - 1], np.int32)
    known = [False, False, False, False, True, True, False, False]
    assert sources.are_known(numbers).tolist() == known
    assert (sources.of(7), sources.of(5), sources.is_known(0)) == ("", "b", False)
    assert sources.belong(numbers, {"b", "c"}).tolist() == (numbers == 5).tolist()
    assert sources.count(np.empty(0, np.int32)) == Counter()


def test_a_registry_without_datastreams_knows_no_number() -> None:
    assert not Sources({}).are_known(np.array([0, 1], np.int32)).any()


@given(ROWS)
def test_the_newest_row_of_each_number_is_that_with_the_latest_time(
    rows: list[tuple[int, int]],
) -> None:
    for given_rows in (rows, sorted(rows)):
        found = newest(readings(given_rows))
        times = dict(zip(found.number.tolist(), found.time_us.tolist(), strict=True))
        assert times == {
            number: max(time for other, time in rows if other == number) for number, _ in rows
        }


@given(ROWS)
def test_the_last_row_of_each_key_is_kept(rows: list[tuple[int, int]]) -> None:
    found = last_of_each_key(readings(rows))
    keys = zip(found.number.tolist(), found.time_us.tolist(), strict=True)
    assert dict(zip(keys, found.value.tolist(), strict=True)) == {
        row: float(place) for place, row in enumerate(rows)
    }


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4)), max_size=20))
def test_times_are_kept_apart_by_as_little_as_possible(rows: list[tuple[int, int]]) -> None:
    given_arrivals = arrivals([(number, key, time) for key, (number, time) in enumerate(rows)])
    found = kept_apart(given_arrivals)
    for number in {number for number, _ in rows}:
        before = sorted(time for other, time in rows if other == number)
        after = sorted(found.time_us[found.number == number].tolist())
        expected: list[int] = []
        for time in before:
            expected.append(time if not expected else max(time, expected[-1] + 1))
        assert after == expected
    assert found.key.tolist() == given_arrivals.key.tolist()
    assert all(found.time_us >= given_arrivals.time_us)


class Book:
    """Times in a dict; everything is taken, and another ingester may be quicker."""

    def __init__(self, *, is_quicker: bool) -> None:
        self.times: dict[Key, int] = {}
        self._is_quicker = is_quicker

    def find(self, arrivals: Arrivals) -> dict[Key, int]:
        keys = zip(arrivals.number.tolist(), arrivals.key.tolist(), strict=True)
        return {key: self.times[key] for key in keys if key in self.times}

    def are_taken(self, arrivals: Arrivals) -> list[int]:
        return list(range(len(arrivals)))

    def keep(self, arrivals: Arrivals) -> bool:
        keys = zip(arrivals.number.tolist(), arrivals.key.tolist(), strict=True)
        for key, time_us in zip(keys, arrivals.time_us.tolist(), strict=True):
            self.times[key] = 7 if self._is_quicker else time_us
        return not self._is_quicker


@pytest.mark.parametrize(("is_quicker", "time_us"), [(True, 7), (False, 150)])
def test_an_arrival_takes_the_time_that_was_kept_first(*, is_quicker: bool, time_us: int) -> None:
    book = Book(is_quicker=is_quicker)
    one = arrivals([(1, 9, 50)])
    assert resolve(one, book).time_us.tolist() == [time_us]
    assert resolve(one, book).time_us.tolist() == [time_us]


def test_nothing_arrives_at_no_time() -> None:
    assert len(resolve(no_arrivals(), Book(is_quicker=False))) == 0


def test_minutes_are_named_once_in_any_order() -> None:
    begin = YEAR_2000_US + 5 * MINUTE_US
    rows = readings([(2, begin), (1, begin + MINUTE_US), (2, begin + 1), (1, begin - 1)])
    blocks = [Waveform(1, begin - 1, 10.0, np.zeros(1, np.float32))] * 2
    found = dirty_minutes(rows, blocks)
    assert list(zip(found.number.tolist(), found.grain.tolist(), strict=True)) == [
        (1, 4),
        (1, 6),
        (2, 5),
    ]
    assert len(dirty_minutes(no_readings()).grain) == 0


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5 * MINUTE_US)), unique=True))
def test_the_parameters_of_a_few_rows_are_those_of_their_columns(
    rows: list[tuple[int, int]],
) -> None:
    found = readings(sorted(rows))
    assert few_columns(found) == many_columns(found)
