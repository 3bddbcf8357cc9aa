"""Rollups equal one recomputation whatever came when; what is too old goes and is proved gone."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import numpy as np
import psycopg
import pytest
from rollup_oracle import (
    DAY_US,
    SECOND_US,
    SERIES,
    check,
    days,
    read_rollups,
    recomputed,
    utc,
)
from store_samples import LEFT, RIGHT, batch, city, stream
from store_servers import Database, Server
from waiting import wait_for

from twin.model.datastreams import Datastream
from twin.model.observations import Readings, Waveform
from twin.model.quality import Quality
from twin.model.times import from_us, to_us, utc_now
from twin.model.upkeep import Retention, Rollup, UpkeepRule, first_broken
from twin.ports import Store
from twin.store import MemoryStore, open_store

FAST, WAVE, WIND, RAIN, BARRIER, PERSON, VEHICLE = range(1, 8)
RULE = UpkeepRule(zone="Europe/Berlin")
SHORT = UpkeepRule(zone="Europe/Berlin", retention=Retention(reading_days=640))
LATER = timedelta(days=2)


def streams() -> tuple[Datastream, ...]:
    """One for each way of aggregating, and two of shorter lived classes."""
    plain = [
        stream(f"stream-{row:03}", source=RIGHT if row % 2 else LEFT) for row in range(VEHICLE)
    ]
    return (
        replace(plain[0], cadence_s=1.0),
        replace(plain[1], kind="waveform", quantity="acceleration", cadence_s=None),
        replace(plain[2], quantity="wind_direction", cadence_s=6.0),
        replace(plain[3], quantity="precipitation", cadence_s=600.0),
        replace(plain[4], quantity="barrier_state", cadence_s=None),
        replace(plain[5], cadence_s=1.0, privacy_class="person"),
        replace(plain[6], cadence_s=6.0, privacy_class="vehicle"),
    )


@dataclass
class Kept:
    """A store and a look at its rollups that goes past it."""

    store: Store
    database: Database | None

    def rollups(self, series: str) -> Sequence[Rollup]:
        if self.database is None:
            return cast("MemoryStore", self.store).upkeep.rollups(series)
        return read_rollups(self.database.dsn(), series)

    def all(self) -> dict[tuple[str, int, int], Rollup]:
        return {
            (series, row.number, row.begin_us): row
            for series in SERIES
            for row in self.rollups(series)
        }

    def roll(self, *, at: datetime | None = None, rule: UpkeepRule = RULE) -> None:
        """One pass after which nothing is due any more."""
        report = self.store.upkeep.roll(rule, at=at or utc_now() + LATER, settle_s=0)
        assert report is not None
        assert report.oldest_due is None

    def check(self, rule: UpkeepRule = RULE) -> None:
        now_us = to_us(utc_now())
        wanted = recomputed(
            self.store, zone=rule.zone, start_us=now_us - 800 * DAY_US, end_us=now_us + 9 * DAY_US
        )
        check(self.all(), wanted)


@pytest.fixture(
    params=[
        "memory",
        pytest.param("postgres", marks=pytest.mark.db),
        pytest.param("timescale", marks=pytest.mark.timescale),
    ]
)
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    database: Database | None = None
    store: Store
    if request.param == "memory":
        store = MemoryStore()
    else:
        server: Server = request.getfixturevalue(f"{request.param}_server")
        database = server.wiped_database()
        store = open_store(database.dsn())
    store.load(replace(city(streams=0), datastreams=streams()), at=utc_now())
    yield Kept(store, database)
    store.close()


def midday() -> int:
    """Noon (UTC) some days ago: buckets around it are over."""
    return (to_us(utc_now()) // DAY_US - 5) * DAY_US + DAY_US // 2


def with_mask(rows: Readings, mask: int, *, places: Sequence[int]) -> Readings:
    quality = rows.quality.copy()
    quality[list(places)] = mask
    return replace(rows, quality=quality)


def test_ten_seconds_and_minutes_hold_what_the_specification_says(kept: Kept) -> None:
    noon = midday()
    rows = [
        (FAST, noon, 1.0),
        (FAST, noon + 5 * SECOND_US, 3.0),
        (FAST, noon + 10 * SECOND_US, 5.0),
    ]
    assert kept.store.record(batch(rows)).stored == 3
    kept.roll()
    tens = kept.rollups("rollup_10s")
    facts = [(r.good_count, r.total, r.lowest, r.highest, r.last) for r in tens]
    assert facts == [(2, 4.0, 1.0, 3.0, 3.0), (1, 5.0, 5.0, 5.0, 5.0)]
    (minute,) = kept.rollups("rollup_1m")
    assert (minute.good_count, minute.total, minute.lowest) == (3, 9.0, 1.0)
    assert (minute.highest, minute.last, minute.last_us) == (5.0, 5.0, noon + 10 * SECOND_US)
    kept.check()


def test_the_mean_of_350_and_10_degrees_is_north(kept: Kept) -> None:
    noon = midday()
    kept.store.record(batch([(WIND, noon, 350.0), (WIND, noon + 6 * SECOND_US, 10.0)]))
    kept.roll()
    for series in ("rollup_1m", "rollup_1h", "rollup_1d"):
        (row,) = kept.rollups(series)
        assert row.cosine is not None
        assert row.sine is not None
        assert np.degrees(np.arctan2(row.sine, row.cosine)) == pytest.approx(0.0, abs=1e-9)
        assert np.isnan(row.total)


def test_a_state_has_no_sum_and_a_sum_adds_up(kept: Kept) -> None:
    noon = midday()
    kept.store.record(batch([(BARRIER, noon, 1.0), (BARRIER, noon + 1, 0.0)]))
    kept.store.record(batch([(RAIN, noon + k * 600 * SECOND_US, 0.1) for k in range(-40, 40)]))
    kept.roll()
    state, rain = sorted(kept.rollups("rollup_1d"), key=lambda row: -row.number)
    assert (state.good_count, state.last, np.isnan(state.total)) == (2, 0.0, True)
    assert rain.total == pytest.approx(8.0, rel=1e-12)
    kept.check()


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        ("2026-10-24T22:00", "2026-10-25T23:00", 25),
        ("2026-03-28T23:00", "2026-03-29T22:00", 23),
    ],
)
def test_a_day_of_berlin_has_23_to_25_hours(kept: Kept, begin: str, end: str, hours: int) -> None:
    first, last = utc(begin), utc(end)
    inside = [(RAIN, time, 1.0) for time in range(first, last, 1800 * SECOND_US)]
    outside = [(RAIN, first - 1, 1.0), (RAIN, last, 1.0)]
    assert kept.store.record(batch([*inside, *outside])).stored == 2 * hours + 2
    kept.roll()
    counts = {row.begin_us: row.good_count for row in kept.rollups("rollup_1d")}
    assert counts[first] == 2 * hours
    assert set(counts) > {first, last}
    kept.check()


def test_suspect_readings_are_counted_and_nothing_else(kept: Kept) -> None:
    noon = midday()
    rows = batch([(FAST, noon + k * SECOND_US, float(k)) for k in range(30)])
    masked = with_mask(rows.readings, int(Quality.SUSPECT | Quality.LATE), places=range(5, 20))
    late = with_mask(masked, int(Quality.LATE | Quality.BACK_FILLED), places=[0])
    kept.store.record(replace(rows, readings=late))
    kept.roll()
    facts = [(r.good_count, r.bad_count, r.total) for r in kept.rollups("rollup_10s")]
    assert facts == [(5, 5, 10.0), (0, 10, 0.0), (10, 0, 245.0)]
    (hour,) = kept.rollups("rollup_1h")
    assert (hour.good_count, hour.bad_count, hour.total, hour.highest) == (15, 15, 255.0, 29.0)
    kept.check()


def test_minutes_of_waveforms_come_from_their_blocks(kept: Kept) -> None:
    noon = midday()
    random_numbers = np.random.default_rng(7)
    blocks = tuple(
        Waveform(
            WAVE,
            noon + k * 20 * SECOND_US,
            100.0,
            random_numbers.normal(size=2000).astype(np.float32),
            quality=int(Quality.SUSPECT) if k == 4 else 0,
        )
        for k in range(9)
    )
    kept.store.record(batch(waveforms=blocks))
    kept.roll()
    minutes = kept.rollups("rollup_1m")
    assert [(row.good_count, row.bad_count) for row in minutes] == [
        (6000, 0),
        (4000, 2000),
        (6000, 0),
    ]
    assert minutes[0].last == float(blocks[2].samples[-1])
    assert minutes[0].last_us == blocks[2].end_us
    assert not kept.rollups("rollup_10s")
    kept.check()


def test_an_open_bucket_waits_and_a_late_reading_waits_five_seconds(kept: Kept) -> None:
    now = from_us(to_us(utc_now()) // (3600 * SECOND_US) * 3600 * SECOND_US + 30 * SECOND_US)
    kept.store.upkeep.roll(RULE, at=now)
    kept.store.record(batch([(WIND, to_us(now) - SECOND_US, 5.0)]))
    kept.store.record(batch([(WIND, to_us(now) - 120 * SECOND_US, 5.0)]))
    assert kept.store.upkeep.roll(RULE, at=now).computed == 0  # pyrefly: ignore[missing-attribute]
    due_late = kept.store.upkeep.roll(RULE, at=now + timedelta(seconds=5))
    assert due_late is not None
    assert len(kept.rollups("rollup_1m")) == 1
    kept.store.upkeep.roll(RULE, at=now + timedelta(seconds=34))
    assert len(kept.rollups("rollup_1m")) == 1
    report = kept.store.upkeep.roll(RULE, at=now + timedelta(seconds=35))
    assert len(kept.rollups("rollup_1m")) == 2
    assert report is not None
    assert report.pending > 0


@pytest.mark.parametrize("seed", range(3))
def test_any_order_batching_repeats_corrections_and_lateness_give_the_same(
    kept: Kept, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test
    now_us = to_us(utc_now())
    offsets = [chance.randrange(-40 * DAY_US, 0) if chance.random() < 0.3
               else chance.randrange(-7200 * SECOND_US, 0) for _ in range(400)]  # fmt: skip
    numbers = [chance.choice((FAST, WIND, RAIN, BARRIER)) for _ in offsets]
    rows = [
        (number, now_us + offset // SECOND_US * SECOND_US, chance.uniform(0, 1))
        for number, offset in zip(numbers, offsets, strict=True)
    ]
    rows += chance.sample(rows, 60)
    chance.shuffle(rows)
    blocks = [
        Waveform(
            WAVE,
            (now_us - chance.randrange(10 * DAY_US)) // (60 * SECOND_US) * 60 * SECOND_US,
            10.0,
            np.array([chance.gauss(0, 1) for _ in range(50)], np.float32),
        )
        for _ in range(20)
    ]
    while rows or blocks:
        taken = [rows.pop() for _ in range(min(len(rows), chance.randrange(1, 60)))]
        waves = tuple(blocks.pop() for _ in range(min(len(blocks), chance.randrange(3))))
        kept.store.record(
            batch(taken, waveforms=waves, quality=chance.choice((0, 0, int(Quality.SUSPECT))))
        )
        if taken and chance.random() < 0.5:
            corrected = [(number, time, value + 1) for number, time, value in taken[:5]]
            changed = replace(batch(corrected), correcting=frozenset((LEFT, RIGHT)))
            kept.store.record(changed)
        if chance.random() < 0.4:
            at = from_us(now_us) + timedelta(seconds=chance.randrange(-3600, 120))
            kept.store.upkeep.roll(RULE, at=at, settle_s=chance.choice((0.0, 5.0)))
    kept.roll()
    kept.check()
    before = kept.all()
    kept.roll()
    assert repr(kept.all()) == repr(before)


def test_a_stream_that_gets_faster_has_its_buckets_made_again(kept: Kept) -> None:
    noon = midday()
    kept.store.record(batch([(RAIN, noon + k * SECOND_US, 1.0) for k in range(0, 7200, 30)]))
    kept.roll()
    assert not [row for row in kept.rollups("rollup_1m") if row.number == RAIN]
    faster = [replace(item, cadence_s=6.0) if item.quantity == "precipitation" else item
              for item in streams()]  # fmt: skip
    kept.store.load(replace(city(streams=0), datastreams=tuple(faster)), at=utc_now())
    kept.roll()
    kept.store.record(batch([(RAIN, noon + 7, 1.0)]))
    kept.roll()
    kept.check()


def test_another_zone_and_another_mask_make_the_buckets_again(kept: Kept) -> None:
    noon = midday()
    kept.store.record(
        batch(
            [(RAIN, noon + k * 3600 * SECOND_US, 1.0) for k in range(40)], quality=int(Quality.LATE)
        )
    )
    kept.roll()
    moved = replace(RULE, zone="America/New_York")
    kept.roll(rule=moved)
    kept.check(moved)
    strict = replace(moved, bad_mask=int(Quality.LATE))
    kept.roll(rule=strict)
    assert {row.good_count for row in kept.rollups("rollup_1d")} == {0}


def test_a_late_row_never_replaces_a_good_bucket_by_a_fragment(kept: Kept) -> None:
    noon = midday()
    rows = [(FAST, noon + k * SECOND_US, 1.0) for k in range(120)]
    kept.store.record(batch(rows))
    kept.roll()
    gone = replace(RULE, retention=Retention(reading_days=2, rollup_10s_days=2))
    kept.store.upkeep.expire(gone, at=utc_now())
    before = kept.all()
    assert {row.good_count for row in kept.rollups("rollup_1m")} == {60}
    kept.store.record(batch([(FAST, noon + 500, 9.0)]))
    kept.roll(rule=gone)
    assert repr(kept.all()) == repr(before)
    # The retention is longer again, but what was deleted has not come back.
    kept.roll()
    assert repr(kept.all()) == repr(before)


def test_hours_come_from_readings_where_the_minutes_are_gone(kept: Kept) -> None:
    noon = midday()
    rows = [(WIND, noon + k * 60 * SECOND_US, float(k)) for k in range(30)]
    kept.store.record(batch(rows))
    kept.roll()
    short = replace(RULE, retention=Retention(rollup_1m_days=2))
    kept.store.upkeep.expire(short, at=utc_now())
    kept.store.record(batch([(WIND, noon + 7 * SECOND_US, 99.0)]))
    kept.roll(rule=short)
    (hour,) = kept.rollups("rollup_1h")
    (day,) = kept.rollups("rollup_1d")
    assert (hour.good_count, hour.highest, day.good_count) == (31, 99.0, 31)


def test_each_privacy_class_goes_in_its_time_and_the_proof_says_so(kept: Kept) -> None:
    now = utc_now()
    ages = (10, 40, 100, 200)
    for number in (FAST, PERSON, VEHICLE):
        kept.store.record(batch([(number, to_us(now - days(age)), 1.0) for age in ages]))
    kept.roll()
    assert kept.store.upkeep.overdue(RULE, at=now)
    deletions = kept.store.upkeep.expire(RULE, at=now)
    assert deletions is not None
    span = {"start_us": 0, "end_us": to_us(now), "limit": 10}
    left = {number: kept.store.series(number, **span).total for number in (FAST, PERSON, VEHICLE)}
    assert left == {FAST: 4, PERSON: 1, VEHICLE: 2}
    counted = {
        (
            name,
            sum(d.row_count for d in deletions if (d.series, d.privacy_class) == ("reading", name)),
        )
        for name in ("technical", "person", "vehicle")
    }
    assert counted == {("technical", 0), ("person", 3), ("vehicle", 2)}
    assert {row.begin_us for row in kept.rollups("rollup_1d") if row.number == PERSON} == {
        row.begin_us for row in kept.rollups("rollup_1d") if row.begin_us > to_us(now - days(12))
    }
    assert [row.number for row in kept.rollups("rollup_1h")].count(FAST) == 4
    assert {d.rule for d in deletions if d.privacy_class == "person"} == {"store.person_days = 30"}
    assert kept.store.upkeep.overdue(RULE, at=now) == ()
    proof = kept.store.upkeep.deletions()
    assert [entry.number for entry in proof] == list(range(1, len(proof) + 1))
    assert first_broken(proof) is None
    assert kept.store.upkeep.expire(RULE, at=now) == ()


def test_whole_days_go_when_the_longest_retention_is_over(kept: Kept) -> None:
    now = utc_now()
    rows = [(FAST, to_us(now - days(age)), 1.0) for age in (1, 3, 700)]
    block = Waveform(WAVE, to_us(now - days(100)), 10.0, np.ones(30, np.float32))
    kept.store.record(batch(rows, waveforms=(block,)))
    kept.roll()
    deletions = kept.store.upkeep.expire(SHORT, at=now)
    assert deletions is not None
    gone = {(d.series, d.row_count) for d in deletions}
    assert {("reading", 1), ("waveform", 1)} <= gone
    assert kept.store.upkeep.overdue(SHORT, at=now) == ()
    assert kept.store.series(FAST, start_us=0, end_us=to_us(now), limit=10).total == 2
    assert len([row for row in kept.rollups("rollup_1d") if row.number == FAST]) == 3


def test_the_proof_names_for_each_class_the_setting_that_demanded_it(kept: Kept) -> None:
    now = utc_now()
    rows = [(number, to_us(now - days(100)), 1.0) for number in (FAST, PERSON, VEHICLE)]
    kept.store.record(batch(rows))
    deletions = kept.store.upkeep.expire(replace(RULE, retention=Retention(reading_days=2)), at=now)
    assert {(d.privacy_class, d.rule) for d in deletions or () if d.series == "reading"} == {
        ("technical", "store.retention_days = 2"),
        ("person", "store.person_days = 30"),
        ("vehicle", "store.vehicle_days = 90"),
    }


def test_every_kind_of_tampering_shows(kept: Kept) -> None:
    now = utc_now()
    for age in (400, 100, 40):
        rows = [(number, to_us(now - days(age)), 1.0) for number in (PERSON, VEHICLE)]
        kept.store.record(batch(rows))
    kept.roll()
    kept.store.upkeep.expire(RULE, at=now)
    proof = list(kept.store.upkeep.deletions())
    assert len(proof) >= 3
    assert first_broken(proof) is None
    edited = [replace(proof[0], row_count=99), *proof[1:]]
    assert first_broken(edited) == 1
    assert first_broken([proof[0], *proof[2:]]) == 2
    assert first_broken([proof[1], proof[0], *proof[2:]]) == 1
    assert first_broken([*proof, replace(proof[-1], number=len(proof) + 1)]) == len(proof) + 1


def test_only_one_store_does_the_upkeep_at_a_time(kept: Kept) -> None:
    assert kept.store.upkeep.lead()
    if kept.database is None:
        return
    other = open_store(kept.database.dsn())
    assert not other.upkeep.lead()
    assert other.upkeep.roll(RULE, at=utc_now()) is None
    assert other.upkeep.expire(RULE, at=utc_now()) is None
    kept.store.close()
    wait_for(other.upkeep.lead, "the end of the other connection")
    other.close()


def test_compression_is_not_offered_here(kept: Kept) -> None:
    assert kept.store.upkeep.compress(replace(RULE, is_compressed=True)) == "not offered"


def test_a_partition_in_use_waits_for_the_next_pass(kept: Kept) -> None:
    if kept.database is None:
        return
    now = utc_now()
    kept.store.record(batch([(FAST, to_us(now - days(700)), 1.0)]))
    with psycopg.connect(kept.database.dsn()) as reader:
        assert reader.execute("SELECT count(*) FROM reading").fetchone() == (1,)
        # The transaction of the reader goes on and holds every partition.
        assert kept.store.upkeep.expire(SHORT, at=now) == ()
        assert kept.store.upkeep.overdue(SHORT, at=now)
        reader.rollback()
    deletions = kept.store.upkeep.expire(SHORT, at=now)
    assert deletions is not None
    assert [(d.series, d.row_count) for d in deletions] == [("reading", 1)]
    assert kept.store.upkeep.overdue(SHORT, at=now) == ()


def test_a_first_pass_in_the_first_seconds_of_a_minute_forgets_nothing(kept: Kept) -> None:
    minute_us = midday()
    kept.store.record(batch([(FAST, minute_us + k * SECOND_US, float(k)) for k in range(60)]))
    for second in (-30, 4, 23, 48):
        kept.store.upkeep.roll(RULE, at=from_us(minute_us + second * SECOND_US))
    early = [row.good_count for row in kept.rollups("rollup_10s")]
    assert early[:2] == [10, 10]
    kept.store.upkeep.roll(RULE, at=from_us(minute_us + 65 * SECOND_US))
    assert [row.good_count for row in kept.rollups("rollup_10s")] == [10] * 6
    assert [row.good_count for row in kept.rollups("rollup_1m")] == [60]
