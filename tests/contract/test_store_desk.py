"""What every store does at the quarantine desk."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from store_samples import readings

from twin.errors import RegistryError
from twin.model.messages import Rejection
from twin.model.observations import BalanceRow, Batch, Tally
from twin.model.quarantine import CaseFilter, Counts, discarded, failed_again, replayed
from twin.model.times import to_us, utc_now
from twin.ports import Store

NOW = utc_now()
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
BEFORE = NOW - timedelta(days=2)
FIRST_DAY = TODAY - timedelta(days=2)
RUN = uuid4()


def rejection(
    reason: str,
    *,
    source: str = "left",
    topic: str = "twin/a",
    payload: bytes = b"{}",
    detail: str = "no",
    at: datetime = NOW,
    number: int | None = None,
) -> Rejection:
    return Rejection(
        reason=reason, detail=detail, source=source, topic=topic, payload=payload, received_at=at,
        datastream_number=number,
    )  # fmt: skip


def keep(store: Store, *rejections: Rejection, incarnation: UUID | None = None) -> None:
    tallies: dict[str, Tally] = {}
    for one in rejections:
        tallies[one.source] = Tally(received=tallies.get(one.source, Tally()).received + 1)
    batch = Batch(incarnation or uuid4(), 1, rejections=rejections, tallies=tallies)
    store.record(batch)


def reasons(store: Store, chosen: CaseFilter, *, limit: int = 99) -> list[str]:
    return [entry.reason for entry in store.desk.search(chosen, limit=limit)]


def balance(store: Store) -> dict[tuple[datetime, str], Counts]:
    """Rows of the balance that are not all zero; every one is equal on both sides."""
    rows = {(row.day, row.source): row for row in store.balance(since=TODAY - timedelta(days=9))}
    assert all(is_equal(row) for row in rows.values())
    counts = {
        key: Counts(row.received, row.stored, row.duplicate, row.quarantined)
        for key, row in rows.items()
    }
    return {key: found for key, found in counts.items() if found != Counts()}


def is_equal(row: BalanceRow) -> bool:
    return row.received == row.stored + row.duplicate + row.quarantined + row.declared_lost


def test_cases_are_found_by_source_reason_stream_time_and_text(store: Store) -> None:
    keep(
        store,
        rejection("not_json", at=NOW - timedelta(minutes=3)),
        rejection("late", number=1, topic="twin/B1/s000", at=NOW - timedelta(minutes=2)),
        rejection("unknown_stream", detail="no route key 'B1/s000'", at=NOW - timedelta(minutes=1)),
        rejection("not_json", source="other", topic="x/y", at=NOW),
    )
    assert reasons(store, CaseFilter()) == ["not_json", "unknown_stream", "late", "not_json"]
    assert reasons(store, CaseFilter(), limit=2) == ["not_json", "unknown_stream"]
    assert reasons(store, CaseFilter(), limit=-1) == []
    assert reasons(store, CaseFilter(source="other")) == ["not_json"]
    assert reasons(store, CaseFilter(reason="late")) == ["late"]
    assert reasons(store, CaseFilter(number=1)) == ["late"]
    assert reasons(store, CaseFilter(stream="B1/s000")) == ["unknown_stream", "late"]
    assert reasons(store, CaseFilter(number=1, stream="x/y")) == ["not_json", "late"]
    assert reasons(store, CaseFilter(text="x/")) == ["not_json"]
    assert reasons(store, CaseFilter(since=NOW - timedelta(seconds=90))) == [
        "not_json",
        "unknown_stream",
    ]
    assert reasons(store, CaseFilter(states=("discarded",))) == []
    assert reasons(store, CaseFilter(text="nul\0")) == []
    ids = [entry.id for entry in store.desk.search(CaseFilter(), limit=9, below=10**9)]
    assert ids == sorted(ids, reverse=True)
    assert [e.id for e in store.desk.search(CaseFilter(), limit=9, below=ids[1])] == ids[2:]


def test_a_case_holds_the_whole_payload_or_says_that_it_cannot(store: Store) -> None:
    small, large = b"x" * 9000, b"y" * (256 * 1024 + 1)
    keep(store, rejection("not_json", payload=small), rejection("too_large", payload=large))
    for entry in store.desk.search(CaseFilter(), limit=9):
        case = store.desk.case(entry.id)
        sent = small if entry.reason == "not_json" else large
        assert case.entry == entry
        assert case.topic == b"twin/a"
        assert case.payload == (small if sent == small else None)
        assert case.payload_sha256 == hashlib.sha256(sent).digest()
        assert entry.head == sent[:4096]
    with pytest.raises(RegistryError, match="twin quarantine list"):
        store.desk.case(4711)


def test_the_other_values_of_a_message_are_found_without_a_look_at_all_cases(store: Store) -> None:
    part = {"payload": b"", "number": 1}
    keep(
        store,
        rejection("late", at=BEFORE),
        rejection("late", at=BEFORE, **part),
        rejection("late", at=BEFORE, payload=b"", number=2),
        rejection("late", at=BEFORE, payload=b"", number=None, detail="no reading"),
        rejection("late", at=BEFORE, topic="twin/b", **part),
        rejection("early", at=BEFORE, **part),
        rejection("late", at=BEFORE, source="other", **part),
        rejection("late", at=NOW, payload=b"", number=3),
    )
    entries = store.desk.search(CaseFilter(reason="late", source="left"), limit=99)
    (whole,) = (entry.id for entry in entries if entry.size_bytes)
    found = store.desk.siblings(whole)
    numbers = [store.desk.case(one).entry.datastream_number for one in found]
    assert sorted(numbers, key=str) == [1, 2]
    closed = discarded(store.desk.case(found[0]), day=FIRST_DAY)
    assert store.desk.settle(closed, incarnation=RUN, at=NOW)
    assert store.desk.siblings(whole) == found[1:]
    assert list(store.desk.siblings(4711)) == []


def test_a_replayed_case_counts_as_stored_on_the_day_it_came(store: Store) -> None:
    keep(store, rejection("unknown_stream", at=BEFORE), rejection("unknown_stream", at=BEFORE))
    case = store.desk.case(store.desk.search(CaseFilter(), limit=1)[0].id)
    assert case.unsettled == 2
    result = store.record(
        Batch(
            RUN, 1, readings=readings([(1, to_us(NOW), 1.0)]), tallies={"left": Tally(received=1)}
        )
    )
    settlement = replayed(
        case, recorded={"left": Counts(received=1, stored=result.stored)}, day=FIRST_DAY
    )
    assert store.desk.settle(settlement, incarnation=RUN, at=NOW)
    found = balance(store)
    # the quarantine counted on the day it was recorded, which is today in this test
    assert found[FIRST_DAY, "left"] + found[TODAY, "left"] == Counts(2, 1, 1, 0)
    assert reasons(store, CaseFilter()) == []
    assert reasons(store, CaseFilter(states=("replayed",))) == ["unknown_stream"]


def test_a_case_is_settled_once_and_a_repeated_replay_changes_nothing(store: Store) -> None:
    keep(store, rejection("not_json"))
    case = store.desk.case(store.desk.search(CaseFilter(), limit=1)[0].id)
    store.record(
        Batch(RUN, 1, readings=readings([(1, to_us(NOW), 1.0)]), tallies={"left": Tally(1)})
    )
    first = replayed(case, recorded={"left": Counts(1, 1)}, day=TODAY)
    assert store.desk.settle(first, incarnation=RUN, at=NOW)
    again = uuid4()
    store.record(
        Batch(again, 1, readings=readings([(1, to_us(NOW), 1.0)]), tallies={"left": Tally(1)})
    )
    second = replayed(case, recorded={"left": Counts(1, 0, 1)}, day=TODAY)
    assert not store.desk.settle(second, incarnation=again, at=NOW)
    assert balance(store) == {(TODAY, "left"): Counts(2, 1, 1, 0)}


def test_a_replayed_case_that_comes_again_is_open_again(store: Store) -> None:
    keep(store, rejection("not_json"))
    case = store.desk.case(store.desk.search(CaseFilter(), limit=1)[0].id)
    store.desk.settle(replayed(case, recorded={}, day=TODAY), incarnation=RUN, at=NOW)
    assert balance(store) == {}
    keep(store, rejection("not_json"))
    (entry,) = store.desk.search(CaseFilter(), limit=9)
    assert (entry.state, entry.seen) == ("open", 2)
    case = store.desk.case(entry.id)
    assert case.unsettled == 1
    assert store.desk.settle(replayed(case, recorded={}, day=TODAY), incarnation=RUN, at=NOW)
    assert balance(store) == {}


def test_a_case_that_failed_again_or_is_discarded_stays_counted(store: Store) -> None:
    keep(store, rejection("not_json"), rejection("late"))
    late, broken = (
        store.desk.case(entry.id)
        for entry in sorted(store.desk.search(CaseFilter(), limit=9), key=lambda e: e.reason)
    )
    assert store.desk.settle(discarded(late, day=TODAY), incarnation=RUN, at=NOW)
    assert store.desk.settle(failed_again(broken, recorded={}, day=TODAY), incarnation=RUN, at=NOW)
    assert reasons(store, CaseFilter()) == ["not_json"]
    assert reasons(store, CaseFilter(states=("failed again",))) == ["not_json"]
    assert reasons(store, CaseFilter(states=("discarded",))) == ["late"]
    assert balance(store) == {(TODAY, "left"): Counts(2, 0, 0, 2)}
    assert not store.desk.settle(replayed(late, recorded={}, day=TODAY), incarnation=RUN, at=NOW)


def test_a_case_may_move_to_another_source(store: Store) -> None:
    keep(store, rejection("unknown_topic", source="unrouted"))
    case = store.desk.case(store.desk.search(CaseFilter(), limit=1)[0].id)
    store.record(
        Batch(RUN, 1, readings=readings([(1, to_us(NOW), 1.0)]), tallies={"left": Tally(1)})
    )
    settlement = replayed(case, recorded={"left": Counts(1, 1)}, day=TODAY)
    assert store.desk.settle(settlement, incarnation=RUN, at=NOW)
    assert balance(store) == {(TODAY, "left"): Counts(1, 1)}
