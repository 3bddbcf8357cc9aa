"""A source that corrects its values: the later one counts, the earlier ones are kept."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from store_samples import LEFT, RIGHT, batch

from twin.model.observations import Batch, RecordResult
from twin.model.quality import Quality
from twin.model.times import to_us, utc_now
from twin.ports import Store

CORRECTED = int(Quality.CORRECTED)
LATE = int(Quality.LATE)

Row = tuple[int, int, float]


@pytest.fixture
def now_us() -> int:
    return to_us(utc_now())


def correcting(rows: list[Row], *, quality: int = 0) -> Batch:
    """A batch of readings of which source ``left``, that of odd numbers, corrects its own."""
    return replace(batch(rows, quality=quality), correcting=frozenset({LEFT}))


def values_of(store: Store, number: int) -> list[tuple[int, float, int]]:
    found = store.series(number, start_us=0, end_us=2**62, limit=100)
    columns = (found.time_us.tolist(), found.value.tolist(), found.quality.tolist())
    return list(zip(*columns, strict=True))


def latest_of(store: Store, *, since: int = 0) -> dict[int, tuple[int, float, int]]:
    found = store.latest(since=since)
    columns = (found.time_us.tolist(), found.value.tolist(), found.quality.tolist())
    return dict(zip(found.number.tolist(), zip(*columns, strict=True), strict=True))


def as_of(store: Store, number: int, time_us: int) -> list[float]:
    pages = store.history.rows([number], start_us=0, end_us=2**62, as_of_us=time_us)
    return np.concatenate([page.value for page in pages]).tolist()


def test_a_later_value_replaces_the_earlier_one_and_is_marked(store: Store, now_us: int) -> None:
    first = store.record(correcting([(1, now_us, 2.0), (1, now_us - 1, 1.0)]))
    result = store.record(correcting([(1, now_us, 2.5)], quality=LATE))
    assert (result.stored, result.corrected, result.conflict, result.quarantined) == (1, 1, 0, 0)
    assert result.revision > first.revision
    assert values_of(store, 1) == [(now_us - 1, 1.0, 0), (now_us, 2.5, CORRECTED | LATE)]
    assert latest_of(store, since=first.revision) == {1: (now_us, 2.5, CORRECTED | LATE)}


def test_correcting_an_older_value_leaves_the_latest_alone(store: Store, now_us: int) -> None:
    first = store.record(correcting([(1, now_us, 2.0), (1, now_us - 1, 1.0)]))
    assert store.record(correcting([(1, now_us - 1, 1.5)])).corrected == 1
    assert latest_of(store, since=first.revision) == {}
    assert values_of(store, 1)[0] == (now_us - 1, 1.5, CORRECTED)


def test_repeats_of_any_earlier_value_change_nothing(store: Store, now_us: int) -> None:
    for value in (1.0, 2.0, 3.0):
        store.record(correcting([(1, now_us, value)]))
    for value in (1.0, 2.0, 3.0):
        assert store.record(correcting([(1, now_us, value)])) == RecordResult(0, 1, 0, 0, 0)
    assert values_of(store, 1) == [(now_us, 3.0, CORRECTED)]


def test_corrections_inside_one_batch_follow_the_order_of_delivery(
    store: Store, now_us: int
) -> None:
    rows = [(1, now_us, value) for value in (1.0, 3.0, 1.0, 2.0, 3.0)]
    result = store.record(correcting([(1, now_us + 1, 9.0), *rows]))
    assert (result.stored, result.corrected, result.duplicate) == (4, 2, 2)
    assert values_of(store, 1)[0] == (now_us, 2.0, CORRECTED)
    assert latest_of(store) == {1: (now_us + 1, 9.0, 0)}
    assert as_of(store, 1, 0) == [1.0, 9.0]


def test_only_sources_that_correct_do_so(store: Store, now_us: int) -> None:
    store.record(correcting([(1, now_us, 1.0), (2, now_us, 1.0)]))
    result = store.record(correcting([(1, now_us, 2.0), (2, now_us, 2.0), (2, now_us, 3.0)]))
    assert (result.stored, result.corrected, result.conflict) == (1, 1, 2)
    assert values_of(store, 2) == [(now_us, 1.0, 0)]
    assert store.quarantine_counts() == {(RIGHT, "conflict"): 2}
    rows = {row.source: row for row in store.balance(since=utc_now() - timedelta(days=1))}
    assert (rows[LEFT].received, rows[LEFT].stored, rows[LEFT].quarantined) == (2, 2, 0)
    assert (rows[RIGHT].received, rows[RIGHT].stored, rows[RIGHT].quarantined) == (3, 1, 2)


def test_a_reader_sees_the_values_of_an_earlier_time(store: Store, now_us: int) -> None:
    before = to_us(utc_now())
    store.record(correcting([(1, now_us, 1.0)]))
    store.record(correcting([(1, now_us, 2.0)]))
    middle = to_us(utc_now())
    store.record(correcting([(1, now_us, 3.0)]))
    after = to_us(utc_now())
    assert [as_of(store, 1, time) for time in (before, middle, after)] == [[1.0], [2.0], [3.0]]


def test_a_conflict_is_kept_with_both_values(store: Store, now_us: int) -> None:
    store.record(batch([(1, now_us, 2.0)]))
    store.record(batch([(1, now_us, 2.5)]))
    (entry,) = store.quarantine()
    assert (entry.reason, entry.value, entry.stored_value) == ("conflict", 2.5, 2.0)
    assert entry.datastream_number == 1
    assert entry.time is not None
    assert to_us(entry.time) == now_us
