"""Inspection of a batch, and what it adds to quarantine and balance."""

import math
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_samples import LEFT, RIGHT, batch

from twin.model.messages import Rejection
from twin.model.observations import Tally
from twin.model.times import to_us
from twin.store.accounts import balance_changes, quarantine_rows
from twin.store.intake import DAY_US, FEW, days_of, horizon, inspect
from twin.store.sources import Sources
from twin.store.text import cleaned, is_storable

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NOW_US = to_us(NOW)
LIMITS = horizon(NOW, retention_days=730)
SOURCES = Sources({1: LEFT, 2: RIGHT, 9: RIGHT})
ROWS = st.tuples(
    st.sampled_from([1, 2, 3]),
    st.sampled_from([NOW_US, NOW_US + 1, NOW_US - 731 * DAY_US, NOW_US + 5 * DAY_US]),
    st.sampled_from([1.0, 2.0, math.nan, math.inf]),
)


def test_the_first_of_equal_keys_wins_in_the_order_of_delivery() -> None:
    found = inspect(
        batch([(2, NOW_US, 1.0), (1, NOW_US, 5.0), (1, NOW_US, 4.0), (1, NOW_US, 5.0)]),
        sources=SOURCES,
        limits=LIMITS,
    )
    assert found.readings.number.tolist() == [1, 2]
    assert found.readings.value.tolist() == [5.0, 1.0]
    assert found.duplicates == Counter({LEFT: 1})
    assert found.conflicts == 1
    assert [item.value for item in found.rejections] == [4.0]


@given(st.lists(ROWS, min_size=1, max_size=FEW), st.sets(st.sampled_from([NOW_US // DAY_US])))
def test_a_few_rows_are_inspected_as_among_many(
    rows: list[tuple[int, int, float]], full_days: set[int]
) -> None:
    others = [(9, NOW_US - DAY_US + place, 0.0) for place in range(FEW)]
    few, many = (
        inspect(batch(one), sources=SOURCES, limits=LIMITS, full_days=full_days)
        for one in (rows, rows + others)
    )
    for name in ("number", "time_us", "value", "quality"):
        expected = getattr(many.readings, name)[: len(few.readings)]
        assert getattr(few.readings, name).tolist() == expected.tolist()
    assert len(many.readings) == len(few.readings) + FEW
    assert str(few.rejections) == str(many.rejections)
    assert (few.duplicates, few.conflicts) == (many.duplicates, many.conflicts)


@pytest.mark.parametrize(
    ("offset_days", "reason"), [(4, None), (5, "clock_future"), (-730, None), (-731, "too_old")]
)
def test_the_horizon_decides(offset_days: int, reason: str | None) -> None:
    found = inspect(
        batch([(1, NOW_US + offset_days * DAY_US, 1.0)]), sources=SOURCES, limits=LIMITS
    )
    assert [item.reason for item in found.rejections] == ([reason] if reason else [])


def test_a_day_without_room_is_quarantined() -> None:
    rows = [(1, NOW_US, 1.0), (1, NOW_US - DAY_US, 2.0)]
    assert days_of(batch(rows), LIMITS) == ({NOW_US // DAY_US, NOW_US // DAY_US - 1}, set())
    found = inspect(batch(rows), sources=SOURCES, limits=LIMITS, full_days={NOW_US // DAY_US})
    assert found.readings.value.tolist() == [2.0]
    assert [item.reason for item in found.rejections] == ["partition_cap"]


def test_equal_rejections_fold_and_keep_the_latest_sighting() -> None:
    later = NOW.replace(hour=1)
    rows = quarantine_rows(
        [
            Rejection("not_json", "a", LEFT, "t", "json", later, b"{"),
            Rejection("not_json", "b", LEFT, "t", "json", NOW, b"{"),
            Rejection("not_json", "a", RIGHT, "t", "json", None, b"{"),
        ],
        at=NOW,
    )
    assert sorted((row.source, row.seen, row.seen_at) for row in rows) == [
        (LEFT, 2, later),
        (RIGHT, 1, NOW),
    ]


def test_a_large_payload_keeps_its_head_and_hash_only() -> None:
    (row,) = quarantine_rows([Rejection("too_large", "", payload=b"x" * 300_000)], at=NOW)
    assert (row.payload, len(row.head), row.size_bytes) == (None, 4096, 300_000)


def test_impossible_numbers_become_unknown() -> None:
    rejection = Rejection("not_finite", "", datastream_number=2**40, time_us=2**62)
    (row,) = quarantine_rows([rejection], at=NOW)
    assert (row.number, row.time) == (None, None)


def test_the_balance_adds_up_per_source() -> None:
    found = balance_changes(
        {LEFT: Tally(received=6, ignored=1)},
        stored=Counter({LEFT: 3}),
        duplicates=Counter({LEFT: 2}),
        rejections=[Rejection("x", "", LEFT), Rejection("x", "", RIGHT)],
    )
    left = found[LEFT]
    assert left.received == left.stored + left.duplicate + left.quarantined
    assert (found[RIGHT].received, found[RIGHT].quarantined) == (0, 1)


def test_text_that_cannot_be_stored_is_marked() -> None:
    assert is_storable("Brücke 'x'; --")
    assert not is_storable("a\0")
    assert cleaned("a\0b\udfff") == "a\ufffdb\ufffd"
