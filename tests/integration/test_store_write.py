"""The write path on a real server: dirty minutes, storms of repeats, deadlocks, size on disk."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from store_samples import LEFT, RIGHT, batch, city
from store_servers import Database, Server, running_server
from waiting import wait_for

from twin.model.observations import Batch, Readings, RecordResult, Waveform
from twin.model.times import from_us, to_us, utc_now
from twin.store import PostgresStore, open_store
from twin.store.accounts import MINUTE_US, YEAR_2000_US
from twin.store.postgres.insert import COPY_FROM_ROWS

pytestmark = pytest.mark.db

SECOND_US = 1_000_000
DIRTY = "SELECT rev, ds, grain FROM dirty ORDER BY rev"


@pytest.fixture(
    scope="module", params=["postgres", pytest.param("timescale", marks=pytest.mark.timescale)]
)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running_server(request.param) as found:
        yield found


@pytest.fixture
def database(server: Server) -> Database:
    return server.migrated_database()


@pytest.fixture
def store(database: Database) -> Iterator[PostgresStore]:
    owner = open_store(database.dsn())
    owner.load(city(), at=utc_now())
    owner.close()
    found = open_store(database.dsn("twin_ingest"))
    yield found
    found.close()


@pytest.fixture
def now_us() -> int:
    """The middle of a minute."""
    return (to_us(utc_now()) // MINUTE_US - 10) * MINUTE_US + 30 * SECOND_US


def minute(time_us: int) -> int:
    return (time_us - YEAR_2000_US) // MINUTE_US


def row_of(number: int, time_us: int) -> tuple[int, int]:
    return number, minute(time_us)


def dirty(database: Database, revision: int) -> list[tuple[int, int]]:
    rows = database.run(f"SELECT unnest(ds), unnest(grain) FROM dirty WHERE rev = {revision}")  # noqa: S608 - our own number
    return sorted((int(str(ds)), int(str(grain))) for ds, grain in rows)


def test_every_commit_names_the_minutes_it_touched_once(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    rows = [(1, now_us + n * SECOND_US, 1.0) for n in range(40)] + [(2, now_us, 1.0)]
    block = Waveform(4, now_us + 29 * SECOND_US, 1.0, np.ones(3, np.float32))
    result = store.record(batch(rows, waveforms=(block,)))
    assert dirty(database, result.revision) == sorted(
        [
            row_of(1, now_us),
            row_of(1, now_us + MINUTE_US),
            row_of(2, now_us),
            row_of(4, now_us),
            row_of(4, now_us + MINUTE_US),
        ]
    )


def test_repeats_and_conflicts_make_nothing_dirty(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    store.record(batch([(1, now_us, 1.0)]))
    assert store.record(batch([(1, now_us, 1.0), (1, now_us, 2.0)])).revision == 0
    again = store.record(batch([(1, now_us, 1.0), (1, now_us + MINUTE_US, 1.0)]))
    assert dirty(database, again.revision) == [row_of(1, now_us + MINUTE_US)]
    assert len(database.run(DIRTY)) == 2


def test_a_correction_makes_its_minute_dirty(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    store.record(batch([(1, now_us, 1.0)]))
    correction = replace(batch([(1, now_us, 2.0)]), correcting=frozenset({LEFT}))
    result = store.record(correction)
    assert dirty(database, result.revision) == [row_of(1, now_us)]
    kept = database.run("SELECT ds, revision, v, q FROM reading_revision")
    assert kept == [(1, 1, 1.0, 0)]


@pytest.mark.parametrize("size", [10, COPY_FROM_ROWS + 10])
def test_a_storm_of_repeats_is_counted_per_source(
    store: PostgresStore, database: Database, now_us: int, size: int
) -> None:
    rows = [(1 + n % 3, now_us + n, float(n)) for n in range(size)]
    assert store.record(batch(rows)).stored == size
    fresh = [(2, now_us - 1 - n, 0.5) for n in range(5)]
    mixed = store.record(batch([*rows, *fresh]))
    assert (mixed.stored, mixed.duplicate, mixed.conflict) == (5, size, 0)
    assert store.record(batch([(1, now_us - 9, 1.0)])).stored == 1
    left = sum(1 for number, _, _ in rows if number % 2)
    found = {row.source: row for row in store.balance(since=utc_now() - timedelta(days=1))}
    assert (found[LEFT].received, found[LEFT].stored, found[LEFT].duplicate) == (
        2 * left + 1,
        left + 1,
        left,
    )
    assert (found[RIGHT].stored, found[RIGHT].duplicate) == (size - left + 5, size - left)
    assert database.run("SELECT count(*) FROM reading") == [(size + 6,)]


def test_a_deadlock_with_another_writer_costs_a_repetition_only(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    insert = "INSERT INTO reading (t, v, ds, q) VALUES (%s, 7, %s, 0)"
    time = from_us(now_us)
    store.record(batch([(3, now_us, 1.0)]))
    results: list[RecordResult] = []
    with psycopg.connect(database.dsn("twin")) as other:
        # The one who has waited longest finds the deadlock and ends: that is the store.
        other.execute("SET deadlock_timeout = '60s'")
        other.execute(insert, (time, 2))
        writing = threading.Thread(
            target=lambda: results.append(
                store.record(batch([(1, now_us, 7.0), (2, now_us, 7.0), (3, now_us + 1, 1.0)]))
            )
        )
        writing.start()
        waits = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_for(lambda: database.run(waits) == [(True,)], "the store waits for the other")
        other.execute(insert, (time, 1))
    writing.join(60.0)
    assert [(r.stored, r.duplicate, r.conflict) for r in results] == [(1, 2, 0)]
    found = store.balance(since=utc_now() - timedelta(days=1))
    assert all(row.received == row.stored + row.duplicate for row in found)


def test_ingesters_with_large_batches_of_the_same_rows_store_each_once(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    size = COPY_FROM_ROWS + 200
    results: list[RecordResult] = []
    gate = threading.Barrier(3, timeout=30.0)

    def deliver() -> None:
        own = open_store(database.dsn("twin_ingest"))
        for first in range(0, 3 * size, size):
            gate.wait()
            rows = [(1 + n % 4, now_us + n, float(n)) for n in range(first, first + size)]
            results.append(own.record(batch(rows)))
        own.close()

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert sum(result.stored for result in results) == 3 * size
    assert sum(result.duplicate for result in results) == 6 * size
    assert database.run("SELECT count(*) FROM reading") == [(3 * size,)]
    assert len(store.latest()) == 4


def test_corrections_of_two_ingesters_are_numbered_without_a_hole(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    store.record(batch([(1, now_us, 0.0)]))

    def correct(first: int) -> None:
        own = open_store(database.dsn("twin_ingest"))
        for value in range(first, 21, 2):
            one = batch([(1, now_us, float(value))])
            own.record(replace(one, correcting=frozenset({LEFT})))
        own.close()

    threads = [threading.Thread(target=correct, args=(first,)) for first in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    kept = database.run("SELECT revision, v FROM reading_revision ORDER BY revision")
    present = database.run("SELECT v FROM reading WHERE ds = 1")
    assert [revision for revision, _ in kept] == list(range(1, 21))
    assert {value for _, value in kept} | {present[0][0]} == {float(n) for n in range(21)}


def test_a_reading_costs_at_most_95_bytes_with_its_key(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    streams, seconds = 4, 25_000
    random = np.random.default_rng(1)
    incarnation = uuid4()
    # Batches of a second-by-second stream as they come, values that do not compress.
    for sequence, first in enumerate(range(0, seconds, 500)):
        index = np.arange(500 * streams)
        columns = Readings(
            number=(1 + index % streams).astype(np.int32),
            time_us=now_us - seconds * SECOND_US + (first + index // streams) * SECOND_US,
            value=random.normal(20.0, 5.0, len(index)),
            quality=np.zeros(len(index), np.int16),
        )
        assert store.record(Batch(incarnation, sequence, columns)).stored == len(index)
    assert size_of(database, "reading") / (streams * seconds) <= 95


def test_a_sample_of_a_waveform_costs_at_most_6_bytes(
    store: PostgresStore, database: Database, now_us: int
) -> None:
    random = np.random.default_rng(1)
    count, samples = 4000, 100
    blocks = [
        Waveform(
            number=2,
            t0_us=now_us - (count - n) * SECOND_US,
            rate_hz=100.0,
            samples=random.normal(size=samples).astype(np.float32),
        )
        for n in range(count)
    ]
    incarnation = uuid4()
    for sequence, first in enumerate(range(0, count, 200)):
        part = tuple(blocks[first : first + 200])
        assert store.record(Batch(incarnation, sequence, waveforms=part)).stored == len(part)
    assert size_of(database, "waveform") / (count * samples) <= 6


def size_of(database: Database, table: str) -> float:
    """Bytes of all partitions or chunks with rows, with their keys and what lies outside."""
    database.run("CHECKPOINT")
    native = f"""
        SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('{table}')
        WHERE isleaf AND pg_relation_size(relid) > 0
    """  # noqa: S608 - our own name
    is_timescale = database.run("SELECT backend = 'timescale' FROM meta") == [(True,)]
    timescale = f"SELECT hypertable_size('{table}')"
    ((size,),) = database.run(timescale if is_timescale else native)
    return float(str(size))
