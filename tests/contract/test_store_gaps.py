"""What every store does with gaps."""

from dataclasses import replace
from datetime import timedelta

from twin.model.gaps import Gap
from twin.model.times import utc_now
from twin.ports import Store

NOW = utc_now()
MINUTE = timedelta(minutes=1)
GAP = Gap("demo", "B1/s000", "cadence", NOW, number=1, is_estimated=True)


def known(store: Store, *, only_open: bool = True) -> list[Gap]:
    """Gaps without what only the store gives them."""
    found = store.gaps.gaps(only_open=only_open, limit=100)
    assert all(gap.noted_at is not None for gap in found)
    assert len({gap.id for gap in found} - {None}) == len(found)
    return [replace(gap, id=None, noted_at=None) for gap in found]


def test_a_gap_that_lasts_gets_its_end_when_it_is_noted_again(store: Store) -> None:
    store.gaps.note([GAP], at=NOW)
    store.gaps.note([GAP], at=NOW + MINUTE)
    assert known(store) == [GAP]
    ended = replace(GAP, end=NOW + 5 * MINUTE, missing=29)
    store.gaps.note([ended], at=NOW + 5 * MINUTE)
    assert known(store) == [ended]
    assert store.gaps.gaps(only_open=True, limit=1)[0].noted_at == NOW + 5 * MINUTE


def test_a_gap_that_has_ended_does_not_change_when_it_is_noted_again(store: Store) -> None:
    ended = replace(GAP, end=NOW + MINUTE, missing=5, is_estimated=False)
    store.gaps.note([ended, ended], at=NOW)
    store.gaps.note([replace(GAP, end=NOW + 9 * MINUTE, missing=99), GAP], at=NOW + MINUTE)
    assert known(store) == [ended]


def test_numbers_that_come_late_are_taken_off_their_gap_and_fill_it(store: Store) -> None:
    gap = Gap("demo", "B1/s000", "sequence", NOW, NOW + MINUTE, missing=3)
    fewer = replace(gap, missing=1)
    store.gaps.note([gap], at=NOW)
    store.gaps.note([fewer, gap], at=NOW + MINUTE)
    assert known(store) == [fewer]
    assert store.gaps.gaps(only_open=True, limit=1)[0].noted_at == NOW
    store.gaps.resolve(store.gaps.gaps(only_open=True, limit=1)[0].id or 0, "lost")
    filled = replace(gap, missing=0, state="filled")
    store.gaps.note([filled, fewer], at=NOW + MINUTE)
    assert known(store, only_open=False) == [filled]


def test_gaps_are_found_by_source_datastream_time_and_state(store: Store) -> None:
    gaps = [
        replace(GAP, end=NOW + MINUTE),
        Gap("demo", "", "session_lost", NOW + MINUTE, NOW + 2 * MINUTE, is_estimated=True),
        Gap("other", "dev", "sequence", NOW + 3 * MINUTE, NOW + 4 * MINUTE, missing=7),
        Gap("other", "dev", "broker_dropped", NOW - MINUTE, None),
    ]
    store.gaps.note(gaps, at=NOW)
    book = store.gaps

    def causes(**chosen: object) -> list[str]:
        found = book.gaps(**{"only_open": True, "limit": 9, **chosen})  # pyrefly: ignore
        return [gap.cause for gap in found]

    assert causes() == ["sequence", "session_lost", "cadence", "broker_dropped"]
    assert causes(limit=1) == ["sequence"]
    assert causes(limit=-1) == []
    assert causes(source="demo") == ["session_lost", "cadence"]
    assert causes(source="nul\0") == []
    assert causes(number=1) == ["cadence"]
    assert causes(since=NOW + 3 * MINUTE) == ["sequence", "broker_dropped"]
    first = book.gaps(only_open=True, limit=1)[0]
    assert first.id is not None
    book.resolve(first.id, "lost")
    assert causes() == ["session_lost", "cadence", "broker_dropped"]
    assert [gap.state for gap in book.gaps(only_open=False, limit=1)] == ["lost"]


def test_what_was_filled_stays_filled_and_what_is_lost_may_still_be_found(store: Store) -> None:
    store.gaps.note([replace(GAP, end=NOW + MINUTE)], at=NOW)
    gap_id = store.gaps.gaps(only_open=True, limit=1)[0].id
    assert gap_id is not None
    for state in ("lost", "filled", "lost"):
        store.gaps.resolve(gap_id, state)
    store.gaps.count_attempt(gap_id)
    store.gaps.count_attempt(gap_id)
    store.gaps.resolve(gap_id + 1, "lost")
    (gap,) = store.gaps.gaps(only_open=False, limit=9)
    assert (gap.state, gap.attempts) == ("filled", 2)


def test_gaps_are_due_after_their_delays_the_longest_known_first(store: Store) -> None:
    book = store.gaps
    ended = [
        replace(GAP, start=NOW - row * MINUTE, end=NOW - row * MINUTE + timedelta(seconds=1))
        for row in range(3)
    ]
    book.note([ended[2]], at=NOW)
    book.note([ended[0]], at=NOW + MINUTE)
    book.note([ended[1], replace(GAP, key="lasts")], at=NOW + MINUTE)
    delays = (MINUTE, 5 * MINUTE)

    def due(after: timedelta, limit: int = 9) -> list[int]:
        found = book.due(delays, at=NOW + after, limit=limit)
        return [round((NOW - gap.start) / MINUTE) for gap in found]

    assert due(MINUTE - timedelta(seconds=1)) == []
    assert due(MINUTE) == [2]
    assert due(2 * MINUTE) == [2, 0, 1]
    assert due(2 * MINUTE, limit=1) == [2]
    first = book.due(delays, at=NOW + MINUTE, limit=1)[0].id or 0
    book.count_attempt(first)
    assert due(2 * MINUTE) == [0, 1]
    book.count_attempt(first)  # the last one; who counted it died
    assert due(5 * MINUTE) == [2, 0, 1]
    book.resolve(first, "lost")
    assert due(9 * MINUTE) == [0, 1]


def test_hostile_text_in_gaps_is_kept_as_text(store: Store) -> None:
    store.gaps.note([Gap("a'; --\0", "\ud800", "sequence", NOW, NOW)], at=NOW)
    (gap,) = store.gaps.gaps(only_open=True, limit=9)
    assert "'; --" in gap.source
