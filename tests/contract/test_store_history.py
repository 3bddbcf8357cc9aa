"""What every store answers about the past: the same from rollups, from raw rows and in memory."""

import math
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from store_samples import LEFT, batch, city, stream

from twin.errors import ModelError
from twin.model.history import ORIGIN_US, SECOND_US, Binned
from twin.model.observations import Waveform
from twin.model.quality import Quality
from twin.model.times import to_us, utc_now
from twin.model.upkeep import UpkeepRule
from twin.ports import Store
from twin.store import MemoryStore, pages
from twin.store.postgres import history as postgres_history

HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
# The middle of a day some days ago, on the grid of every level.
T0_US = (to_us(utc_now()) - 3 * DAY_US) // DAY_US * DAY_US + 12 * HOUR_US

FAST, SLOW, EVENTS, WAVE, COURSE = 1, 2, 3, 4, 5


@pytest.fixture
def store(empty_store: Store) -> Store:
    """Streams of 1 s, 60 s and without interval, a waveform stream and one of directions."""
    plain = city(streams=0)
    rows = [
        replace(stream("s1"), cadence_s=1.0),
        replace(stream("s2"), cadence_s=60.0),
        replace(stream("s3"), cadence_s=None),
        replace(stream("s4"), kind="waveform", cadence_s=20.0),
        replace(stream("s5"), cadence_s=1.0, quantity="wind_direction"),
    ]
    numbered = replace(plain, datastreams=tuple(rows))
    empty_store.load(numbered, at=utc_now())
    assert [item.number for item in empty_store.datastreams()] == [1, 2, 3, 4, 5]
    return empty_store


def record(store: Store, rows: Iterable[tuple[int, int, float]], *, quality: int = 0) -> None:
    found = store.record(batch(rows, quality=quality))
    assert found.quarantined == 0


def noise(number: int, *, count: int, step_s: float, seed: int = 1) -> list[tuple[int, int, float]]:
    values = np.random.default_rng(seed).normal(20.0, 5.0, count)
    step_us = round(step_s * SECOND_US)
    return [(number, T0_US + row * step_us, float(v)) for row, v in enumerate(values)]


def expected(
    rows: Iterable[tuple[int, int, float]], bins: Binned
) -> list[tuple[int, float, float, float, float]]:
    """Count, mean, lowest, highest and last of each bin, computed by hand."""
    inside: list[list[tuple[int, float]]] = [[] for _ in range(len(bins))]
    for _, time_us, value in rows:
        place = (time_us - int(bins.start_us[0])) // bins.width_us
        if 0 <= place < len(bins):
            inside[place].append((time_us, value))
    nothing = (0, math.nan, math.nan, math.nan, math.nan)
    return [
        (
            len(found),
            math.fsum(v for _, v in found) / len(found),
            min(v for _, v in found),
            max(v for _, v in found),
            max(found)[1],
        )
        if found
        else nothing
        for found in inside
    ]


def assert_bins(bins: Binned, rows: Iterable[tuple[int, int, float]]) -> None:
    wanted = expected(list(rows), bins)
    columns = (bins.count, bins.mean, bins.minimum, bins.maximum, bins.last)
    for at, column in enumerate(columns):
        np.testing.assert_allclose(column, [row[at] for row in wanted], rtol=1e-12)


def ask(store: Store, number: int, *, hours: float, points: int, ahead_us: int = 0) -> Binned:
    return store.history.binned(
        number,
        start_us=T0_US + ahead_us,
        end_us=T0_US + ahead_us + round(hours * HOUR_US),
        points=points,
    )


# Bins


@pytest.mark.parametrize("points", [1, 7, 60, 360, 3600, 10_000])
def test_bins_hold_what_the_readings_amount_to(store: Store, points: int) -> None:
    rows = noise(FAST, count=3600, step_s=1.0)
    record(store, rows)
    bins = ask(store, FAST, hours=1.0, points=points)
    assert len(bins) <= points + 1
    assert int(bins.count.sum()) == 3600
    assert_bins(bins, rows)


def test_bins_of_a_width_lie_on_one_grid_whoever_asks(store: Store) -> None:
    record(store, noise(FAST, count=600, step_s=1.0))
    first = ask(store, FAST, hours=1.0, points=60)
    shifted = ask(store, FAST, hours=1.0, points=60, ahead_us=17 * SECOND_US)
    assert first.width_us == shifted.width_us
    assert ((first.start_us - ORIGIN_US) % first.width_us == 0).all()
    assert int(shifted.start_us[0]) <= T0_US + 17 * SECOND_US
    common = min(len(first), len(shifted))
    np.testing.assert_array_equal(first.mean[:common], shifted.mean[:common])


def test_an_empty_bin_is_no_value_and_is_never_filled(store: Store) -> None:
    record(store, [(SLOW, T0_US, 1.0), (SLOW, T0_US + 30 * 60 * SECOND_US, 3.0)])
    bins = ask(store, SLOW, hours=1.0, points=6)
    assert bins.count.tolist() == [1, 0, 0, 1, 0, 0]
    for column in (bins.mean, bins.minimum, bins.maximum, bins.last):
        assert np.isnan(column).tolist() == [False, True, True, False, True, True]


def test_suspect_readings_are_counted_apart_and_change_no_figure(store: Store) -> None:
    record(store, [(FAST, T0_US, 1.0), (FAST, T0_US + SECOND_US, 3.0)])
    record(store, [(FAST, T0_US + 2 * SECOND_US, 999.0)], quality=int(Quality.SUSPECT))
    record(store, [(FAST, T0_US + 70 * SECOND_US, 999.0)], quality=int(Quality.OUT_OF_RANGE))
    bins = ask(store, FAST, hours=2 / 60, points=2)
    assert (bins.count.tolist(), bins.bad.tolist()) == ([2, 0], [1, 1])
    assert (bins.maximum[0], bins.mean[0], bins.last[0]) == (3.0, 2.0, 3.0)
    assert np.isnan(bins.maximum[1])


def test_more_readings_than_are_read_one_by_one_are_binned_alike(store: Store) -> None:
    rows = noise(EVENTS, count=2000, step_s=0.5)
    record(store, rows)
    bins = ask(store, EVENTS, hours=0.5, points=9)
    assert bins.level == "raw"
    assert_bins(bins, rows)


def test_samples_of_waveforms_are_binned_below_and_above_a_minute(store: Store) -> None:
    samples = np.random.default_rng(2).normal(size=500).astype(np.float32)
    blocks = tuple(
        Waveform(WAVE, T0_US + row * 60 * SECOND_US, 50.0, samples + np.float32(row))
        for row in range(5)
    )
    store.record(batch(waveforms=blocks))
    rows = [
        (WAVE, block.t0_us + at * 20_000, float(value))
        for block in blocks
        for at, value in enumerate(block.samples)
    ]
    for points in (5, 60, 300):
        bins = ask(store, WAVE, hours=5 / 60, points=points)
        assert int(bins.count.sum()) == 2500
        wanted = expected(rows, bins)
        np.testing.assert_allclose(bins.mean, [row[1] for row in wanted], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(bins.maximum, [row[3] for row in wanted], rtol=1e-6)
        np.testing.assert_allclose(bins.last, [row[4] for row in wanted], rtol=1e-6)


@pytest.mark.parametrize(
    ("points", "hours", "limit"),
    [
        (0, 1.0, "1 to 10000"),
        (10_001, 1.0, "1 to 10000"),
        (10, 0.0, "50 years"),
        (10, -1.0, "50 years"),
        (10, 51 * 366 * 24.0, "50 years"),
    ],
)
def test_impossible_questions_name_the_limit(
    store: Store, points: int, hours: float, limit: str
) -> None:
    with pytest.raises(ModelError, match=limit):
        ask(store, FAST, hours=hours, points=points)


def test_an_unknown_datastream_has_empty_bins(store: Store) -> None:
    bins = ask(store, 4711, hours=1.0, points=3)
    assert bins.count.tolist() == [0, 0, 0]


# Rollups


RULE = UpkeepRule()


def roll(store: Store) -> None:
    report = store.upkeep.roll(RULE, at=utc_now() + timedelta(days=2), settle_s=0)
    assert report is not None
    assert report.oldest_due is None


def same(one: Binned, other: Binned) -> None:
    assert one.width_us == other.width_us
    for name in ("start_us", "count", "bad", "minimum", "maximum", "last"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("number", "points", "hours", "level"),
    [
        (FAST, 1, 2.0, "1h"), (FAST, 7, 2.0, "1m"), (FAST, 120, 2.0, "1m"), (FAST, 719, 2.0, "10s"),
        (SLOW, 3, 48.0, "1h"), (EVENTS, 10, 48.0, "1h"), (WAVE, 2, 2.0, "1h"),
        (WAVE, 50, 2.0, "1m"),
        (COURSE, 11, 2.0, "1m"), (COURSE, 700, 2.0, "10s"),
    ],
)  # fmt: skip
def test_bins_from_rollups_equal_those_from_raw_readings(
    store: Store, number: int, points: int, hours: float, level: str
) -> None:
    for seed, stream_number in enumerate((FAST, SLOW, EVENTS), 1):
        record(store, noise(stream_number, count=5000, step_s=1.3, seed=seed))
    course = noise(COURSE, count=5000, step_s=1.0)
    record(store, [(n, t, v * 17.0 % 360.0) for n, t, v in course])
    suspect = [(FAST, T0_US + 750_000 + row * 7 * SECOND_US, 99.0) for row in range(300)]
    record(store, suspect, quality=int(Quality.SUSPECT))
    samples = np.random.default_rng(4).normal(size=120).astype(np.float32)
    blocks = (
        Waveform(WAVE, T0_US + row * 60 * SECOND_US, 2.0, samples * np.float32(row))
        for row in range(90)
    )
    store.record(batch(waveforms=tuple(blocks)))
    raw = ask(store, number, hours=hours, points=points, ahead_us=-HOUR_US)
    assert raw.level == "raw"
    roll(store)
    found = ask(store, number, hours=hours, points=points, ahead_us=-HOUR_US)
    assert found.level == ("raw" if isinstance(store, MemoryStore) else level)
    same(found, raw)


@pytest.mark.parametrize("points", [1, 3, 12, 60, 600])
def test_late_readings_count_before_any_rollup_has_seen_them(store: Store, points: int) -> None:
    rows = noise(FAST, count=4000, step_s=1.0)
    record(store, rows)
    roll(store)
    late = [(FAST, T0_US + 500_000 + row * 1_000 * SECOND_US, 1000.0 + row) for row in range(4)]
    record(store, late)
    assert_bins(ask(store, FAST, hours=2.0, points=points), rows + late)
    # taken out of the dirty minutes, and pending for later
    store.upkeep.roll(RULE, at=utc_now(), settle_s=3600.0)
    assert_bins(ask(store, FAST, hours=2.0, points=points), rows + late)
    roll(store)
    assert_bins(ask(store, FAST, hours=2.0, points=points), rows + late)


@pytest.mark.parametrize("points", [3, 60, 600])
def test_late_readings_count_although_too_many_commits_wait_to_look_at_each(
    store: Store, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_history, "MOST_WAITING", 2)
    rows = noise(FAST, count=4000, step_s=1.0)
    record(store, rows)
    roll(store)
    for row in range(5):
        late = [(FAST, T0_US + 500_000 + row * 700 * SECOND_US, 1000.0 + row)]
        record(store, late)
        rows += late
    found = ask(store, FAST, hours=2.0, points=points)
    assert found.level == "raw"
    assert_bins(found, rows)
    roll(store)
    assert_bins(ask(store, FAST, hours=2.0, points=points), rows)


def test_the_newest_minutes_come_from_raw_readings(store: Store) -> None:
    now_us = to_us(utc_now()) // SECOND_US * SECOND_US
    rows = [(FAST, now_us - row * SECOND_US, float(row)) for row in range(600)]
    record(store, rows)
    roll(store)
    bins = store.history.binned(
        FAST, start_us=now_us - 3600 * SECOND_US, end_us=now_us + SECOND_US, points=30
    )
    assert int(bins.count.sum()) == 600
    assert_bins(bins, rows)


# A few, many, all


def test_few_readings_come_as_they_are_and_too_many_not_at_all(store: Store) -> None:
    rows = noise(SLOW, count=10, step_s=60.0)
    record(store, rows)
    end_us = T0_US + HOUR_US
    found = store.history.few(SLOW, start_us=T0_US, end_us=end_us, most=10)
    assert found is not None
    assert found.value.tolist() == [row[2] for row in rows]
    assert store.history.few(SLOW, start_us=T0_US, end_us=end_us, most=9) is None


def test_rows_come_by_datastream_and_time_each_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twin.store.pages.PAGE_ROWS", 7)
    rows = noise(FAST, count=20, step_s=1.0) + noise(SLOW, count=14, step_s=60.0)
    record(store, rows)
    pages = list(store.history.rows([SLOW, EVENTS, FAST], start_us=T0_US, end_us=T0_US + HOUR_US))
    assert max(len(page) for page in pages) <= 7
    found = [
        (int(n), int(t), float(v))
        for page in pages
        for n, t, v in zip(page.number, page.time_us, page.value, strict=True)
    ]
    assert found == sorted(row for row in rows if row[0] == SLOW) + sorted(
        row for row in rows if row[0] == FAST
    )


def test_rows_end_before_the_end_and_begin_at_the_start(store: Store) -> None:
    record(store, noise(FAST, count=5, step_s=1.0))
    (page,) = store.history.rows([FAST], start_us=T0_US + SECOND_US, end_us=T0_US + 3 * SECOND_US)
    assert page.time_us.tolist() == [T0_US + SECOND_US, T0_US + 2 * SECOND_US]


def test_samples_of_waveforms_come_as_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.store.pages.PAGE_BLOCKS", 2)
    blocks = tuple(
        Waveform(WAVE, T0_US + row * 60 * SECOND_US, 2.0, np.full(10, row, np.float32), 4)
        for row in range(5)
    )
    store.record(batch(waveforms=blocks))
    pages = list(
        store.history.rows([WAVE], start_us=T0_US + SECOND_US, end_us=T0_US + 240 * SECOND_US + 1)
    )
    assert np.concatenate([page.value for page in pages]).tolist() == [
        *([0.0] * 8), *([1.0] * 10), *([2.0] * 10), *([3.0] * 10), 4.0,
    ]  # fmt: skip
    time_us = np.concatenate([page.time_us for page in pages])
    assert time_us[:2].tolist() == [T0_US + SECOND_US, T0_US + 1_500_000]
    assert {int(mask) for page in pages for mask in page.quality} == {4}


def test_earlier_values_of_corrected_readings_are_found(store: Store) -> None:
    record(store, [(FAST, T0_US, 1.0), (FAST, T0_US + SECOND_US, 5.0)])
    before_us = to_us(utc_now())
    for value in (2.0, 3.0):
        correction = replace(batch([(FAST, T0_US, value)]), correcting=frozenset({LEFT}))
        assert store.record(correction).corrected == 1

    def values(as_of_us: int | None) -> list[float]:
        pages = store.history.rows(
            [FAST], start_us=T0_US, end_us=T0_US + 2 * SECOND_US, as_of_us=as_of_us
        )
        return np.concatenate([page.value for page in pages]).tolist()

    assert values(None) == [3.0, 5.0]
    assert values(before_us) == [1.0, 5.0]
    assert values(to_us(utc_now()) + SECOND_US) == [3.0, 5.0]
    bins = store.history.binned(
        FAST, start_us=T0_US, end_us=T0_US + 2 * SECOND_US, points=1, as_of_us=before_us
    )
    assert float(np.nansum(bins.mean * bins.count)) == 6.0


def test_bins_as_of_a_time_are_the_same_read_page_by_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(3)
    for quality in (0, int(Quality.SUSPECT)):
        rows = [
            (FAST, T0_US + second * SECOND_US, float(generator.uniform(-9, 9)))
            for second in range(quality != 0, 600, 2)
        ]
        record(store, rows, quality=quality)
    monkeypatch.setattr(pages, "PAGE_ROWS", 37)
    span = {"start_us": T0_US, "end_us": T0_US + 600 * SECOND_US, "points": 13}
    plain = store.history.binned(FAST, **span)
    as_of = store.history.binned(FAST, **span, as_of_us=to_us(utc_now()) + SECOND_US)
    for name in ("start_us", "count", "bad", "minimum", "maximum", "last", "mean"):
        np.testing.assert_allclose(getattr(as_of, name), getattr(plain, name), rtol=1e-12)
    assert int(as_of.bad.sum()) == 300


def test_bins_as_of_a_time_need_memory_for_some_pages_only(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(store, MemoryStore):
        pytest.skip("the store in memory holds every reading anyway")
    count = 30_000
    record(store, noise(FAST, count=count, step_s=1.0))
    monkeypatch.setattr(pages, "PAGE_ROWS", 1000)
    tracemalloc.start()
    try:
        bins = store.history.binned(
            FAST,
            start_us=T0_US,
            end_us=T0_US + count * SECOND_US,
            points=50,
            as_of_us=to_us(utc_now()) + SECOND_US,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert int(bins.count.sum()) == count
    assert peak < 30 * count  # bytes; a row alone is 36, its bucket 80


# Past states


def hold(seconds: float) -> int:
    return round(seconds * SECOND_US)


def test_the_state_at_a_past_instant_is_that_of_the_instant(store: Store) -> None:
    record(store, [(FAST, T0_US, 1.0), (FAST, T0_US + 10 * SECOND_US, 2.0)])
    record(store, [(SLOW, T0_US - 100 * SECOND_US, 7.0), (EVENTS, T0_US - HOUR_US, 9.0)])
    holds = {FAST: hold(3), SLOW: hold(180), EVENTS: hold(86_400)}

    def state(at_us: int) -> dict[int, float]:
        found = store.history.state_at(at_us, hold_us=holds)
        return dict(zip(found.number.tolist(), found.value.tolist(), strict=True))

    assert state(T0_US - 1) == {SLOW: 7.0, EVENTS: 9.0}
    assert state(T0_US) == {FAST: 1.0, SLOW: 7.0, EVENTS: 9.0}
    assert state(T0_US + 5 * SECOND_US) == {SLOW: 7.0, EVENTS: 9.0}
    assert state(T0_US + 10 * SECOND_US) == {FAST: 2.0, SLOW: 7.0, EVENTS: 9.0}
    assert state(T0_US + DAY_US) == {}
    assert store.history.state_at(T0_US, hold_us={}).number.tolist() == []


def test_a_past_state_holds_the_waveform_that_had_ended(store: Store) -> None:
    first = Waveform(WAVE, T0_US, 1.0, np.array([1.0, -1.0], np.float32))
    second = Waveform(WAVE, T0_US + 30 * SECOND_US, 1.0, np.full(11, 5.0, np.float32))
    store.record(batch(waveforms=(first, second)))
    found = store.history.state_at(T0_US + 35 * SECOND_US, hold_us={WAVE: hold(60)})
    assert found.time_us.tolist() == [T0_US + SECOND_US]
    assert found.value.tolist() == [pytest.approx(1.0)]
    found = store.history.state_at(T0_US + 40 * SECOND_US, hold_us={WAVE: hold(60)})
    assert found.time_us.tolist() == [T0_US + 40 * SECOND_US]
    assert store.history.state_at(T0_US - 1, hold_us={WAVE: hold(60)}).number.tolist() == []


def test_the_last_waveform_of_a_span_is_found_at_once(store: Store) -> None:
    blocks = tuple(
        Waveform(WAVE, T0_US + row * 60 * SECOND_US, 50.0, np.full(3, row, np.float32))
        for row in range(3)
    )
    store.record(batch(waveforms=blocks))
    last = store.history.last_waveform(WAVE, start_us=0, end_us=T0_US + 120 * SECOND_US)
    assert last is not None
    assert last.samples.tolist() == [1.0, 1.0, 1.0]
    assert store.history.last_waveform(WAVE, start_us=0, end_us=T0_US) is None


# Replay


@pytest.mark.parametrize("by_row", [True, False], ids=["every row", "looked up"])
def test_a_replay_carries_values_as_long_as_they_hold(store: Store, by_row: bool) -> None:  # noqa: FBT001 - parametrised
    record(store, [(FAST, T0_US + row * SECOND_US, float(row)) for row in (0, 1, 2, 9)])
    record(store, [(SLOW, T0_US - 60 * SECOND_US, 7.0)])
    found = store.history.replay(
        hold_us={FAST: hold(3), SLOW: hold(66)},
        start_us=T0_US, step_us=2 * SECOND_US, steps=7, by_row=by_row,
    )  # fmt: skip
    value = np.concatenate([part.value for part in found])
    nan = math.nan
    np.testing.assert_array_equal(value[:, 0], [0.0, 2.0, 2.0, nan, nan, 9.0, 9.0])
    np.testing.assert_array_equal(value[:, 1], [7.0, 7.0, 7.0, 7.0, nan, nan, nan])


def test_a_replay_in_parts_equals_one_in_a_piece(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = noise(SLOW, count=50, step_s=61.0) + noise(FAST, count=100, step_s=7.0, seed=3)
    record(store, rows)

    def replay(*, by_row: bool) -> list[list[float]]:
        parts = store.history.replay(
            hold_us={FAST: hold(20), SLOW: hold(180)},
            start_us=T0_US, step_us=30 * SECOND_US, steps=110, by_row=by_row,
        )  # fmt: skip
        return np.nan_to_num(np.concatenate([part.value for part in parts]), nan=-1.0).tolist()

    whole = replay(by_row=True)
    assert len(whole) == 110
    monkeypatch.setattr("twin.store.pages.MOST_CELLS", 14)
    assert replay(by_row=True) == whole
    assert replay(by_row=False) == whole


def test_a_replay_equals_the_states_at_its_instants(store: Store) -> None:
    record(store, noise(SLOW, count=50, step_s=61.0) + noise(FAST, count=60, step_s=7.0))
    holds = {FAST: hold(20), SLOW: hold(180)}
    (part,) = store.history.replay(
        hold_us=holds, start_us=T0_US, step_us=97 * SECOND_US, steps=20, by_row=True
    )
    for row in range(20):
        state = store.history.state_at(T0_US + row * 97 * SECOND_US, hold_us=holds)
        known = dict(zip(state.number.tolist(), state.value.tolist(), strict=True))
        wanted = [known.get(number, math.nan) for number in (FAST, SLOW)]
        np.testing.assert_array_equal(part.value[row], wanted)
