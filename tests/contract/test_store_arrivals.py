"""Readings without a time of their own keep that of their first arrival."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from store_samples import LEFT, RIGHT, batch, source_of

from twin.errors import StoreError
from twin.model.observations import Arrivals, Batch, RecordResult, Tally
from twin.model.times import to_us, utc_now
from twin.ports import Store

SECOND_US = 1_000_000


@pytest.fixture
def now_us() -> int:
    return to_us(utc_now())


def arriving(rows: Iterable[tuple[int, int, int, float]]) -> Batch:
    """A batch of arrivals from (number, key, time_us, value) with honest tallies."""
    number, key, time_us, value = (list(column) for column in zip(*rows, strict=True))
    sources = [source_of(item) for item in number]
    return Batch(
        uuid4(),
        1,
        arrivals=Arrivals(
            np.array(number, np.int32),
            np.array(key, np.int64),
            np.array(time_us, np.int64),
            np.array(value, np.float64),
            np.zeros(len(number), np.int16),
        ),
        tallies={name: Tally(received=sources.count(name)) for name in set(sources)},
    )


def rows_of(store: Store, number: int) -> list[tuple[int, float]]:
    found = store.series(number, start_us=0, end_us=2**62, limit=100)
    return list(zip(found.time_us.tolist(), found.value.tolist(), strict=True))


def test_a_redelivered_reading_is_a_duplicate_whenever_it_arrives(
    store: Store, now_us: int
) -> None:
    assert store.record(arriving([(1, 7, now_us, 2.0), (2, 7, now_us, 3.0)])).stored == 2
    later = now_us + 60 * SECOND_US
    again = store.record(arriving([(2, 7, later, 3.0), (1, 7, later, 2.0)]))
    assert again == RecordResult(0, 2, 0, 0, 0)
    assert rows_of(store, 1) == [(now_us, 2.0)]
    assert rows_of(store, 2) == [(now_us, 3.0)]


def test_the_same_value_under_another_key_is_another_reading(store: Store, now_us: int) -> None:
    rows = [(1, key, now_us + key, 2.0) for key in (1, 2, -(2**63), 2**63 - 1)]
    result = store.record(
        arriving((n, key, now_us + i, v) for i, (n, key, _, v) in enumerate(rows))
    )
    assert (result.stored, result.duplicate, result.conflict) == (4, 0, 0)


def test_readings_that_arrive_at_once_are_kept_apart(store: Store, now_us: int) -> None:
    result = store.record(arriving([(1, key, now_us, float(key)) for key in range(5)]))
    assert result.stored == 5
    assert rows_of(store, 1) == [(now_us + n, float(n)) for n in range(5)]
    further = store.record(arriving([(1, 9, now_us + 1, 9.0), (1, 10, now_us + 5, 10.0)]))
    assert (further.stored, further.conflict) == (2, 0)
    assert [value for _, value in rows_of(store, 1)] == [0.0, 1.0, 2.0, 3.0, 4.0, 9.0, 10.0]


def test_a_repeat_inside_one_batch_is_a_duplicate(store: Store, now_us: int) -> None:
    rows = [(1, 7, now_us, 2.0), (1, 7, now_us + 1, 2.0), (1, 7, now_us + 2, 2.5)]
    result = store.record(arriving(rows))
    assert (result.stored, result.duplicate, result.conflict) == (1, 1, 1)
    assert rows_of(store, 1) == [(now_us, 2.0)]


def test_arrivals_and_readings_share_one_batch(store: Store, now_us: int) -> None:
    mixed = replace(
        arriving([(1, 7, now_us + 5, 2.0)]), readings=batch([(2, now_us, 1.0)]).readings
    )
    assert store.record(mixed).stored == 2
    assert rows_of(store, 1) == [(now_us + 5, 2.0)]
    assert rows_of(store, 2) == [(now_us, 1.0)]


def test_a_bad_arrival_is_quarantined_and_leaves_no_key(store: Store, now_us: int) -> None:
    rows = [(1, 7, now_us, float("nan")), (77, 1, now_us, 1.0), (2, 1, now_us, 5.0)]
    result = store.record(arriving(rows))
    assert (result.stored, result.quarantined) == (1, 2)
    assert store.quarantine_counts() == {(LEFT, "not_finite"): 1, ("", "unknown_stream"): 1}
    assert store.record(arriving([(1, 7, now_us + 3, 2.0)])).stored == 1
    assert rows_of(store, 1) == [(now_us + 3, 2.0)]


def test_a_repeated_batch_of_arrivals_is_recognised(store: Store, now_us: int) -> None:
    one = arriving([(1, 7, now_us, 2.0)])
    store.record(one)
    assert store.record(one).repeated


def test_torn_columns_of_arrivals_are_refused(store: Store, now_us: int) -> None:
    whole = arriving([(1, 7, now_us, 2.0)])
    torn = replace(whole, arrivals=replace(whole.arrivals, key=np.array([1, 2])))
    with pytest.raises(StoreError, match="differ in length"):
        store.record(torn)
    assert store.record(whole).stored == 1


def test_what_was_declared_lost_is_in_the_balance(store: Store, now_us: int) -> None:
    one = replace(batch([(2, now_us, 1.0)]), declared_lost={RIGHT: 3, "other": 2})
    store.record(one)
    store.record(replace(batch([]), declared_lost={RIGHT: 1}))
    rows = {row.source: row for row in store.balance(since=utc_now() - timedelta(days=1))}
    assert (rows[RIGHT].received, rows[RIGHT].stored, rows[RIGHT].declared_lost) == (5, 1, 4)
    assert (rows["other"].received, rows["other"].declared_lost) == (2, 2)
