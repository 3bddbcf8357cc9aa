"""Readings page by page, as an interface that pages by a key needs them: every store alike."""

from datetime import UTC, datetime

import pytest
from store_samples import batch, city

from twin.model.observations import Readings
from twin.model.times import from_us, to_us, utc_now
from twin.ports import Store

T0_US = to_us(utc_now().replace(microsecond=0)) - 3600 * 1_000_000
SECOND_US = 1_000_000


@pytest.fixture
def store(empty_store: Store) -> Store:
    """Two datastreams with ten readings each, half a second apart."""
    empty_store.load(city(streams=3), at=utc_now())
    rows = [(1, T0_US + n * SECOND_US, float(n)) for n in range(10)]
    rows += [(2, T0_US + n * SECOND_US + 500_000, 100.0 + n) for n in range(10)]
    empty_store.record(batch(rows))
    return empty_store


def values(page: Readings) -> list[float]:
    return page.value.tolist()


def test_the_earliest_and_the_newest_readings_of_each_datastream_come(store: Store) -> None:
    span = {"start_us": T0_US, "end_us": T0_US + 100 * SECOND_US, "limit": 2}
    first = store.history.page([1, 2, 3], newest_first=False, **span)
    assert values(first) == [0.0, 100.0, 1.0, 101.0]
    last = store.history.page([1, 2, 3], newest_first=True, **span)
    assert values(last) == [109.0, 9.0, 108.0, 8.0]
    assert last.number.tolist() == [2, 1, 2, 1]
    assert last.time_us[1] == T0_US + 9 * SECOND_US


def test_pages_end_before_their_end_and_may_be_empty(store: Store) -> None:
    end_us = T0_US + 2 * SECOND_US
    page = store.history.page([1], start_us=T0_US, end_us=end_us, limit=9, newest_first=True)
    assert values(page) == [1.0, 0.0]
    for numbers in ([], [3]):
        empty = store.history.page(
            numbers, start_us=T0_US, end_us=end_us, limit=9, newest_first=False
        )
        assert len(empty) == 0


def test_readings_of_a_span_are_counted(store: Store) -> None:
    end_us = to_us(datetime(2200, 1, 1, tzinfo=UTC))
    assert store.history.count([1, 2, 3], start_us=T0_US, end_us=end_us) == 20
    assert store.history.count([1], start_us=T0_US + SECOND_US, end_us=end_us) == 9
    assert from_us(T0_US).tzinfo is UTC


def test_sensors_are_listed_by_id(store: Store) -> None:
    ids = [sensor.id for sensor in store.sensors()]
    assert ids
    assert ids == sorted(ids)
