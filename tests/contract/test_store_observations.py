"""What every store does with readings, waveforms, quarantine and balance."""

import threading
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from store_samples import LEFT, RIGHT, batch, city, readings

from twin.errors import StoreError
from twin.model.messages import Rejection
from twin.model.observations import Batch, Readings, RecordResult, Tally, Waveform
from twin.model.times import from_us, to_us, utc_now
from twin.ports import Store

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


@pytest.fixture
def now_us() -> int:
    return to_us(utc_now())


def rows_of(store: Store, number: int) -> list[tuple[int, float, int]]:
    found = store.series(number, start_us=0, end_us=2**62, limit=10_000)
    return list(
        zip(found.time_us.tolist(), found.value.tolist(), found.quality.tolist(), strict=True)
    )


def latest_of(store: Store, *, since: int = 0) -> dict[int, tuple[int, float, int]]:
    found = store.latest(since=since)
    columns = (found.time_us.tolist(), found.value.tolist(), found.quality.tolist())
    return dict(zip(found.number.tolist(), zip(*columns, strict=True), strict=True))


def balance_of(store: Store) -> dict[str, tuple[int, int, int, int]]:
    found = store.balance(since=utc_now() - timedelta(days=1))
    return {row.source: (row.received, row.stored, row.duplicate, row.quarantined) for row in found}


def test_recorded_readings_come_back_in_order_of_time(store: Store, now_us: int) -> None:
    rows = [(1, now_us, 2.0), (1, now_us - 5, 1.0), (2, now_us, -0.5)]
    result = store.record(batch(rows, quality=128))
    assert (result.stored, result.duplicate, result.conflict, result.quarantined) == (3, 0, 0, 0)
    assert result.revision > 0
    assert rows_of(store, 1) == [(now_us - 5, 1.0, 128), (now_us, 2.0, 128)]
    assert rows_of(store, 2) == [(now_us, -0.5, 128)]
    assert rows_of(store, 3) == []


def test_columns_have_the_types_of_the_model(store: Store, now_us: int) -> None:
    store.record(batch([(1, now_us, 2.0)]))
    series = store.series(1, start_us=0, end_us=2**62, limit=1)
    latest = store.latest()
    assert (series.time_us.dtype, series.value.dtype, series.quality.dtype) == (
        np.int64,
        np.float64,
        np.int16,
    )
    assert (latest.number.dtype, latest.time_us.dtype, latest.quality.dtype) == (
        np.int32,
        np.int64,
        np.int16,
    )


def test_the_span_of_a_series_excludes_its_end(store: Store, now_us: int) -> None:
    store.record(batch([(1, now_us, 1.0), (1, now_us + 1, 2.0)]))
    found = store.series(1, start_us=now_us, end_us=now_us + 1, limit=10)
    assert (found.value.tolist(), found.total, found.level) == ([1.0], 1, "raw")


def test_too_long_a_series_is_refused_with_both_numbers(store: Store, now_us: int) -> None:
    store.record(batch([(1, now_us + index, 1.0) for index in range(7)]))
    with pytest.raises(StoreError, match=r"7 readings .* limit of 5"):
        store.series(1, start_us=0, end_us=2**62, limit=5)
    assert len(store.series(1, start_us=0, end_us=2**62, limit=7).value) == 7


def test_repeated_delivery_changes_nothing(store: Store, now_us: int) -> None:
    rows = [(1, now_us, 2.0), (2, now_us, 3.0)]
    first = store.record(batch(rows))
    again = store.record(batch(rows, quality=4))
    assert again == RecordResult(0, 2, 0, 0, 0)
    assert rows_of(store, 1) == [(now_us, 2.0, 0)]
    assert latest_of(store, since=first.revision) == {}
    assert balance_of(store) == {LEFT: (2, 1, 1, 0), RIGHT: (2, 1, 1, 0)}


def test_a_repeat_inside_one_batch_is_a_duplicate(store: Store, now_us: int) -> None:
    result = store.record(batch([(1, now_us, 2.0), (1, now_us, 2.0), (1, now_us, 2.5)]))
    assert (result.stored, result.duplicate, result.conflict, result.quarantined) == (1, 1, 1, 1)
    assert rows_of(store, 1) == [(now_us, 2.0, 0)]
    assert balance_of(store) == {LEFT: (3, 1, 1, 1)}


def test_another_value_for_the_same_time_is_quarantined(store: Store, now_us: int) -> None:
    first = store.record(batch([(1, now_us, 2.0)]))
    result = store.record(batch([(1, now_us, 2.5), (1, now_us - 1, 1.0), (3, now_us, 7.0)]))
    assert (result.stored, result.conflict, result.quarantined) == (2, 1, 1)
    assert latest_of(store)[1] == (now_us, 2.0, 0)
    assert latest_of(store, since=first.revision) == {3: (now_us, 7.0, 0)}
    (entry,) = store.quarantine()
    assert (entry.source, entry.reason, entry.seen, entry.state) == (LEFT, "conflict", 1, "open")
    assert "2.0" in entry.detail
    assert "2.5" in entry.detail


def test_a_repeated_batch_is_recognised(store: Store, now_us: int) -> None:
    incarnation = uuid4()
    one = batch([(1, now_us, 2.0)], incarnation=incarnation, sequence=7)
    assert not store.record(one).repeated
    assert store.record(one) == RecordResult(0, 0, 0, 0, 0, repeated=True)
    earlier = batch([(1, now_us + 1, 2.0)], incarnation=incarnation, sequence=6)
    assert store.record(earlier).repeated
    assert not store.record(batch([], incarnation=incarnation, sequence=8)).repeated
    assert not store.record(batch([], incarnation=uuid4(), sequence=1)).repeated
    assert balance_of(store) == {LEFT: (1, 1, 0, 0)}


def test_latest_never_goes_backwards(store: Store, now_us: int) -> None:
    first = store.record(batch([(1, now_us, 2.0)]))
    late = store.record(batch([(1, now_us - DAY_US, 9.0)]))
    assert late.revision > first.revision
    assert latest_of(store) == {1: (now_us, 2.0, 0)}
    newer = store.record(batch([(1, now_us + 1, 3.0), (2, now_us, 1.0)]))
    assert latest_of(store, since=late.revision) == {1: (now_us + 1, 3.0, 0), 2: (now_us, 1.0, 0)}
    assert store.latest().revision == newer.revision
    assert store.latest(since=newer.revision).revision == newer.revision


def test_an_empty_store_has_no_latest(store: Store) -> None:
    found = store.latest()
    assert (len(found), found.revision) == (0, 0)


def test_waveforms_come_back_bit_for_bit(store: Store, now_us: int) -> None:
    samples = np.array([0.5, -1.5, 3.25, 1e-30], np.float32)
    block = Waveform(2, now_us, 200.0, samples, quality=128)
    later = Waveform(2, now_us + SECOND_US, 200.0, samples * 2)
    result = store.record(batch(waveforms=(later, block)))
    assert (result.stored, result.duplicate) == (2, 0)
    found = store.waveforms(2, start_us=now_us, end_us=now_us + 2 * SECOND_US)
    assert [item.t0_us for item in found] == [now_us, now_us + SECOND_US]
    assert found[0].samples.tobytes() == samples.tobytes()
    assert (found[0].rate_hz, found[0].quality, found[0].samples.dtype) == (200.0, 128, np.float32)
    assert store.waveforms(2, start_us=now_us, end_us=now_us) == ()
    assert latest_of(store) == {2: (later.end_us, later.rms, 0)}


def test_a_repeated_waveform_is_a_duplicate_and_another_one_a_conflict(
    store: Store, now_us: int
) -> None:
    samples = np.array([0.5, -1.5], np.float32)
    block = Waveform(2, now_us, 200.0, samples)
    other = Waveform(2, now_us, 200.0, samples + 1)
    store.record(batch(waveforms=(block, block)))
    result = store.record(batch(waveforms=(block, other)))
    assert (result.stored, result.duplicate, result.conflict, result.quarantined) == (0, 1, 1, 1)
    assert balance_of(store) == {RIGHT: (4, 1, 2, 1)}
    (entry,) = store.quarantine()
    assert entry.size_bytes == 8
    assert entry.head == other.samples.tobytes()


FAULTY_WAVEFORMS = {
    "waveform_incomplete": Waveform(1, 0, 10.0, np.empty(0, np.float32)),
    "not_finite": Waveform(1, 0, 10.0, np.array([np.nan], np.float32)),
    "unknown_stream": Waveform(99, 0, 10.0, np.ones(1, np.float32)),
}


@pytest.mark.parametrize("reason", FAULTY_WAVEFORMS)
def test_a_faulty_waveform_costs_only_itself(store: Store, now_us: int, reason: str) -> None:
    block = FAULTY_WAVEFORMS[reason]
    faulty = Waveform(block.number, now_us, block.rate_hz, block.samples)
    good = Waveform(1, now_us + 1, 10.0, np.ones(3, np.float32))
    result = store.record(batch(waveforms=(faulty, good)))
    assert (result.stored, result.quarantined) == (1, 1)
    assert {key[1] for key in store.quarantine_counts()} == {reason}


def test_a_rate_near_zero_is_refused(store: Store, now_us: int) -> None:
    block = Waveform(1, now_us, 5e-324, np.ones(3, np.float32))
    assert store.record(batch(waveforms=(block,))).quarantined == 1
    assert store.quarantine_counts() == {(LEFT, "waveform_incomplete"): 1}


def test_each_bad_reading_is_quarantined_with_its_reason(store: Store, now_us: int) -> None:
    rows = [
        (1, now_us, 1.0),
        (1, now_us + 1, float("nan")),
        (1, now_us + 2, float("inf")),
        (2, now_us - 731 * DAY_US, 1.0),
        (2, now_us + 5 * DAY_US, 1.0),
        (77, now_us, 1.0),
        (2, -(2**62), 1.0),
        (2, 2**62, 1.0),
    ]
    result = store.record(batch(rows))
    assert (result.stored, result.quarantined) == (1, 7)
    assert store.quarantine_counts() == {
        (LEFT, "not_finite"): 2,
        (RIGHT, "too_old"): 2,
        (RIGHT, "clock_future"): 2,
        ("", "unknown_stream"): 1,
    }
    assert latest_of(store) == {1: (now_us, 1.0, 0)}


def test_readings_four_days_ahead_and_two_years_back_are_stored(store: Store, now_us: int) -> None:
    rows = [(1, now_us + 4 * DAY_US - 60 * SECOND_US, 1.0), (1, now_us - 729 * DAY_US, 2.0)]
    assert store.record(batch(rows)).stored == 2
    assert len(rows_of(store, 1)) == 2


def test_equal_rejections_raise_seen(store: Store, now_us: int) -> None:
    """F-QUA-2: each rejection is counted once per delivery and listed once per hash."""
    first, last = from_us(now_us - SECOND_US), from_us(now_us)
    messages = [
        Rejection("not_json", "line 1", LEFT, "a/b", "json", at, b"{" * 5000)
        for at in (last, first)
    ]
    other = Rejection("not_json", "line 1", LEFT, "a/c", "json", first, b"{")
    result = store.record(batch(rejections=(*messages, other)))
    assert result.quarantined == 3
    store.record(batch(rejections=(messages[0],)))
    entries = store.quarantine(source=LEFT)
    assert [(entry.topic, entry.seen, entry.size_bytes) for entry in entries] == [
        ("a/b", 3, 5000),
        ("a/c", 1, 1),
    ]
    assert entries[0].last_seen == last
    assert entries[0].head == b"{" * 4096
    assert (entries[0].codec, entries[0].detail) == ("json", "line 1")
    assert store.quarantine_counts() == {(LEFT, "not_json"): 4}
    assert balance_of(store) == {LEFT: (4, 0, 0, 4)}
    assert len(store.quarantine(limit=1)) == 1
    assert store.quarantine(source=RIGHT) == ()


def test_the_same_payload_with_another_reason_is_another_entry(store: Store) -> None:
    rejections = tuple(
        Rejection(reason, "", LEFT, "a", "json", utc_now(), b"x")
        for reason in ("not_json", "not_utf8")
    )
    store.record(batch(rejections=rejections))
    assert len(store.quarantine()) == 2


def test_the_balance_keeps_what_the_ingester_counted(store: Store, now_us: int) -> None:
    tallies = {LEFT: Tally(received=1, ignored=2, missing=3, unassigned=4), "other": Tally(5)}
    one = Batch(uuid4(), 1, readings=readings([(1, now_us, 1.0)]), tallies=tallies)
    store.record(one)
    store.record(Batch(uuid4(), 1, tallies={LEFT: Tally(ignored=1)}))
    today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = {row.source: row for row in store.balance(since=today - timedelta(days=1))}
    left = rows[LEFT]
    assert (left.ignored, left.missing, left.unassigned, left.declared_lost) == (3, 3, 4, 0)
    assert left.day in (today, today - timedelta(days=1))
    assert rows["other"].received == 5
    assert store.balance(since=today + timedelta(days=2)) == ()


def test_columns_of_different_length_are_refused(store: Store, now_us: int) -> None:
    whole = readings([(1, now_us, 1.0)])
    torn = Readings(whole.number, whole.time_us, np.ones(2), whole.quality)
    with pytest.raises(StoreError, match="differ in length"):
        store.record(Batch(uuid4(), 1, readings=torn))
    assert store.record(batch([(1, now_us, 1.0)])).stored == 1


def test_a_newly_registered_stream_can_be_recorded_at_once(store: Store, now_us: int) -> None:
    assert store.record(batch([(5, now_us, 1.0)])).quarantined == 1
    store.load(city(streams=5), at=utc_now())
    assert store.datastreams()[4].number == 5
    assert store.record(batch([(5, now_us, 1.0)])).stored == 1


def test_a_waiting_thread_notices_what_another_one_records(store: Store, now_us: int) -> None:
    while store.wait_for_change(0.05):
        pass
    waiting = threading.Thread(target=store.record, args=(batch([(1, now_us, 1.0)]),), daemon=True)
    waiting.start()
    assert store.wait_for_change(20.0)
    waiting.join(20.0)


def test_a_change_between_two_waits_is_not_missed(store: Store, now_us: int) -> None:
    while store.wait_for_change(0.05):
        pass
    store.record(batch([(1, now_us, 1.0)]))
    assert store.wait_for_change(20.0)


def test_readings_from_many_threads_all_arrive(store: Store, now_us: int) -> None:
    def deliver(number: int) -> None:
        for index in range(10):
            store.record(batch([(number, now_us + index, float(index))]))
            assert len(store.latest()) >= 1

    threads = [threading.Thread(target=deliver, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert [len(rows_of(store, number)) for number in (1, 2, 3, 4)] == [10] * 4


def test_blocks_say_how_they_follow_each_other_in_any_order_of_arrival(
    store: Store, now_us: int
) -> None:
    starts = (0, SECOND_US, 2 * SECOND_US + 49_000, 3 * SECOND_US + 150_000, 4 * SECOND_US)
    samples = np.ones(10, np.float32)
    for start in reversed(starts):
        store.record(batch(waveforms=(Waveform(2, now_us + start, 10.0, samples),)))
    found = store.waveforms(2, start_us=now_us, end_us=now_us + DAY_US)
    how = [None, "contiguous", "contiguous", "gap", "overlap"]
    assert [block.follows for block in found] == how
    part = store.waveforms(2, start_us=now_us + 3 * SECOND_US, end_us=now_us + DAY_US)
    assert [block.follows for block in part] == how[3:]
    assert store.waveforms(2, start_us=now_us + DAY_US, end_us=now_us + 2 * DAY_US) == ()
