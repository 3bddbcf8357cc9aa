"""Rollups by recomputation against sums kept up to date with every batch.

Run ``scripts/bench upkeep [--server timescale]``. Both make ten seconds, minutes, hours and days of
the same readings, one a second from each datastream, in batches of 5,000.

- ``recompute``: `twin.store.postgres.upkeep`, passes while the readings come, as in a running twin.
  It survives repeats, corrections and any order, and keeps directions, last values and bad counts.
- ``upsert``: per batch and level one ``INSERT ... GROUP BY ... ON CONFLICT DO UPDATE`` that adds;
  the usual way, wrong after a repeat or a correction.

What counts is the processor time of the server's process: others may use the machine.
"""

import argparse
import platform
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
from store_samples import batch, city
from store_servers import Database, running_server

from twin.model.observations import Readings
from twin.model.times import from_us, to_us, utc_now
from twin.model.upkeep import UpkeepRule
from twin.store import PostgresStore, open_store
from twin.store.postgres.binary import register_arrays

SECOND_US = 1_000_000
BATCH_ROWS = 5_000
LEVELS = (b"10 s", b"1 minute", b"1 hour", b"1 day")
TICK_S = 0.01
PASS_EVERY = timedelta(seconds=10)
PEER = b"""
CREATE TABLE peer_%(level)d (ds integer, b timestamptz, n integer, v_sum float8, v_min float8,
  v_max float8, PRIMARY KEY (ds, b))
"""
ADD = b"""
INSERT INTO peer_%(level)d AS p
SELECT ds, date_bin('%(width)s', t, '2000-01-01 00:00+00'), count(*), sum(v), min(v), max(v)
FROM unnest(%%s::timestamptz[], %%s::float8[], %%s::int4[]) AS r (t, v, ds) GROUP BY 1, 2
ON CONFLICT (ds, b) DO UPDATE SET n = p.n + excluded.n, v_sum = p.v_sum + excluded.v_sum,
  v_min = least(p.v_min, excluded.v_min), v_max = greatest(p.v_max, excluded.v_max)
"""


def cpu_s(pid: int) -> float:
    """Processor time that a process has used [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def rows(start_us: int, *, streams: int) -> Readings:
    index = np.arange(BATCH_ROWS)
    return Readings(
        number=(1 + index % streams).astype(np.int32),
        time_us=start_us + (index // streams) * SECOND_US,
        value=np.random.default_rng(start_us).normal(20.0, 5.0, BATCH_ROWS),
        quality=np.zeros(BATCH_ROWS, np.int16),
    )


def batches(start_us: int, *, streams: int, seconds: int) -> list[Readings]:
    step = BATCH_ROWS // streams
    return [
        rows(start_us + second * SECOND_US, streams=streams) for second in range(0, seconds, step)
    ]


def open_city(database: Database, *, streams: int) -> PostgresStore:
    store = open_store(database.dsn())
    plain = city(streams=streams)
    every_second = tuple(replace(item, cadence_s=1.0) for item in plain.datastreams)
    store.load(replace(plain, datastreams=every_second), at=utc_now())
    return store


def recompute(store: PostgresStore, given: list[Readings]) -> tuple[float, float]:
    """Server processor time and time [us per reading] of the passes, one in ten seconds."""
    rule = UpkeepRule()
    at = from_us(int(given[0].time_us[0]))
    store.upkeep.roll(rule, at=at)
    pid = _worker(store)
    used = waited = 0.0
    for readings in given:
        store.record(replace(batch(), readings=readings))
        is_last = readings is given[-1]
        newest = from_us(int(readings.time_us[-1]))
        if newest - at < PASS_EVERY and not is_last:
            continue
        at = newest + (timedelta(days=2) if is_last else timedelta(0))
        before, begun = cpu_s(pid), time.perf_counter()
        store.upkeep.roll(rule, at=at)
        if is_last:
            store.upkeep.roll(rule, at=at + timedelta(minutes=1))
        used += cpu_s(pid) - before
        waited += time.perf_counter() - begun
    count = BATCH_ROWS * len(given)
    return used / count * 1e6, waited / count * 1e6


def _worker(store: PostgresStore) -> int:
    connection = store.upkeep._connection
    assert connection is not None
    return connection.info.backend_pid


def upsert(database: Database, given: list[Readings]) -> tuple[float, float]:
    """The same of the peer."""
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        register_arrays(connection)
        for place in range(len(LEVELS)):
            connection.execute(PEER % {b"level": place})
        pid = connection.info.backend_pid
        before, begun = cpu_s(pid), time.perf_counter()
        for readings in given:
            columns = (
                readings.time_us.astype("datetime64[us]"), readings.value, readings.number,
            )  # fmt: skip
            with connection.transaction():
                for place, width in enumerate(LEVELS):
                    connection.execute(ADD % {b"level": place, b"width": width}, columns)
        count = BATCH_ROWS * len(given)
        used = (cpu_s(pid) - before) / count * 1e6
        return used, (time.perf_counter() - begun) / count * 1e6


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=("postgres", "timescale"), default="postgres")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"{platform.machine()}, {datetime.now(UTC):%Y-%m-%d}, {options}")
    with running_server(options.server) as server:
        for _ in range(options.rounds):
            database = server.migrated_database()
            store = open_city(database, streams=options.streams)
            hour_us = 3600 * SECOND_US
            start_us = (to_us(utc_now()) // hour_us - 30) * hour_us
            given = batches(start_us, streams=options.streams, seconds=options.minutes * 60)
            ours, peer = recompute(store, given), upsert(database, given)
            print(
                f"recompute {ours[0]:.2f} us CPU ({ours[1]:.2f} us) per reading, "
                f"upsert {peer[0]:.2f} us CPU ({peer[1]:.2f} us): {peer[0] / ours[0]:.1f} x"
            )
            store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
