"""Write path against usual ways with psycopg, and the queries of the live map.

Run ``scripts/bench store`` on a quiet machine. All candidates write the same rows to the same
schema on the same server, in batches of 5,000, alternating, for several rounds.

- ``record``: `twin.store.PostgresStore.record`, the whole transaction: fence, duplicates, revision,
  latest values, dirty minutes, balance, notice.
- ``executemany``: ``INSERT ... VALUES ... ON CONFLICT DO NOTHING`` per row, readings alone.
- ``unnest``: one ``INSERT ... SELECT FROM unnest(...) ON CONFLICT DO NOTHING``, readings alone.
- ``staging``: COPY BINARY into a temporary table, then ``INSERT ... SELECT ... ON CONFLICT DO
  NOTHING``, readings alone: the bare writer of the specification.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import psycopg
from store_samples import city
from store_servers import Database, running_server

from twin.model.observations import Batch, Readings
from twin.model.times import from_us, to_us, utc_now
from twin.store import PostgresStore, open_store
from twin.store.postgres.binary import encode_readings

BATCH_ROWS = 5_000
EXECUTEMANY = b"INSERT INTO reading (t, v, ds, q) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
UNNEST = b"""
INSERT INTO reading (t, v, ds, q)
SELECT * FROM unnest(%s::timestamptz[], %s::float8[], %s::int4[], %s::int2[])
ON CONFLICT DO NOTHING
"""

STAGE = b"CREATE TEMP TABLE stage (LIKE reading) ON COMMIT DELETE ROWS"
COPY_STAGE = b"COPY stage (t, v, ds, q) FROM STDIN (FORMAT BINARY)"
FROM_STAGE = b"INSERT INTO reading SELECT * FROM stage ON CONFLICT DO NOTHING"

Candidate = Callable[[Readings], None]


def rows(start_us: int, *, streams: int) -> Readings:
    """One batch: every stream in turn, one value a second."""
    index = np.arange(BATCH_ROWS)
    return Readings(
        number=(1 + index % streams).astype(np.int32),
        time_us=start_us + (index // streams) * 1_000_000,
        value=np.random.default_rng(start_us).normal(20.0, 5.0, BATCH_ROWS),
        quality=np.zeros(BATCH_ROWS, np.int16),
    )


def listed(readings: Readings) -> list[tuple[datetime, float, int, int]]:
    """The batch as Python objects, as the usual ways need it."""
    times = [from_us(time_us) for time_us in readings.time_us.tolist()]
    columns = (readings.value.tolist(), readings.number.tolist(), readings.quality.tolist())
    return list(zip(times, *columns, strict=True))


def with_record(store: PostgresStore) -> Candidate:
    incarnation = uuid4()
    sequence = iter(range(1, 10**9))

    def write(readings: Readings) -> None:
        result = store.record(Batch(incarnation, next(sequence), readings))
        assert result.stored == BATCH_ROWS, result

    return write


def with_executemany(connection: psycopg.Connection) -> Candidate:
    def write(readings: Readings) -> None:
        with connection.transaction():
            connection.cursor().executemany(EXECUTEMANY, listed(readings))

    return write


def with_unnest(connection: psycopg.Connection) -> Candidate:
    def write(readings: Readings) -> None:
        columns = [list(column) for column in zip(*listed(readings), strict=True)]
        with connection.transaction():
            connection.execute(UNNEST, columns)

    return write


def with_staging(connection: psycopg.Connection) -> Candidate:
    connection.execute(STAGE)

    def write(readings: Readings) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(COPY_STAGE) as copy:
                copy.write(encode_readings(readings))
            cursor.execute(FROM_STAGE)

    return write


def compare(database: Database, *, rounds: int, streams: int) -> dict[str, float]:
    """Rows per second of each candidate, median over the rounds."""
    store = open_store(database.dsn())
    store.load(city(streams=streams), at=utc_now())
    seconds: dict[str, list[float]] = {}
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        candidates = {
            "record": with_record(store),
            "executemany": with_executemany(connection),
            "unnest": with_unnest(connection),
            "staging": with_staging(connection),
        }
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start_us = to_us(day)
        for _ in range(rounds):
            for name, write in candidates.items():
                readings = rows(start_us, streams=streams)
                start_us = int(readings.time_us[-1]) + 1_000_000
                began = time.perf_counter()
                write(readings)
                seconds.setdefault(name, []).append(time.perf_counter() - began)
    store.close()
    return {name: BATCH_ROWS / statistics.median(found) for name, found in seconds.items()}


def queries(database: Database, *, streams: int, repeats: int) -> dict[str, float]:
    """Milliseconds of the queries of the live map over this many streams, median."""
    store = open_store(database.dsn())
    store.load(city(streams=streams), at=utc_now())
    now_us = to_us(utc_now())
    numbers = np.arange(1, streams + 1, dtype=np.int32)
    columns = Readings(
        numbers, np.full(streams, now_us), np.ones(streams), np.zeros(streams, np.int16)
    )
    store.record(Batch(uuid4(), 1, columns))
    first = replace(
        columns,
        number=numbers[:1000],
        time_us=columns.time_us[:1000] + 1,
        value=columns.value[:1000],
        quality=columns.quality[:1000],
    )
    before = store.latest().revision
    store.record(Batch(uuid4(), 1, first))
    calls: dict[str, Callable[[], object]] = {
        f"latest of {streams} streams": store.latest,
        "changed rows, 1000": lambda: store.latest(since=before),
        "changed rows, none": lambda: store.latest(since=before + 1),
    }
    found = {name: milliseconds(call, repeats=repeats) for name, call in calls.items()}
    store.close()
    return found


def milliseconds(call: Callable[[], object], *, repeats: int) -> float:
    """Median duration."""
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=("postgres", "timescale"), default="postgres")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    say = sys.stdout.write
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ")
    say(f"psycopg {psycopg.__version__}, load {os.getloadavg()[0]:.1f}, {utc_now():%Y-%m-%d}\n")
    with running_server(options.server) as server:
        for streams in (400, 5_000):
            rates = compare(server.migrated_database(), rounds=options.rounds, streams=streams)
            say(f"\nbatches of {BATCH_ROWS} rows, {streams} streams, {options.server}\n")
            for name, rate in rates.items():
                ratio = rates["record"] / rate
                say(f"  {name:12} {rate:10,.0f} rows/s   record is {ratio:4.1f} x\n")
        say("\n")
        found = queries(server.migrated_database(), streams=10_000, repeats=30)
        for name, duration in found.items():
            say(f"  {name:26} {duration:7.1f} ms\n")


if __name__ == "__main__":
    main()
