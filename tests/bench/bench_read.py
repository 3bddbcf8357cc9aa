"""Reading on 10,000 datastreams and 16 million readings: the table of the specification.

Run ``scripts/bench read`` on a quiet machine; it takes some minutes, most of them to fill the
database and to make the rollups. Every query runs warm; the median and the slowest are printed.
"""

import argparse
import math
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import psycopg
from store_samples import city, stream
from store_servers import Database, running_server

from twin.city import Twin
from twin.model import history
from twin.model.history import SECOND_US
from twin.model.observations import Readings
from twin.model.times import from_us, to_us, utc_now
from twin.model.upkeep import UpkeepRule
from twin.store import PostgresStore, open_store
from twin.store.postgres.binary import encode_readings

STREAMS = 10_000
FAST, TEN_DAYS = 1, 2
ROWS_EACH = 1_500
STEP_US = 57_600_000
DAY_US = 86_400 * SECOND_US
COPY = b"COPY reading (t, v, ds, q) FROM STDIN (FORMAT BINARY)"
ROOM = b"SELECT twin_make_room('reading', day::date) FROM unnest(%s::timestamptz[]) AS day"
LATEST = b"""
INSERT INTO latest (t, v, rev, ds, q)
SELECT %s::timestamptz, n, n, n, 0 FROM generate_series(1, %s) AS n
"""
NOTIFY = b"SELECT pg_notify('twin_change', 'latest 1')"
MOST_ROLL_S = 300.0

say = sys.stdout.write


def readings(number: int, *, end_us: int, count: int, step_us: int) -> Readings:
    """Noise of one datastream up to the end."""
    return Readings(
        number=np.full(count, number, np.int32),
        time_us=end_us - step_us * np.arange(count, 0, -1, dtype=np.int64),
        value=np.random.default_rng(number).normal(20.0, 5.0, count),
        quality=np.zeros(count, np.int16),
    )


def fill(database: Database, *, end_us: int) -> int:
    """Readings of the last day, of one datastream at 10 Hz, of one over ten days; how many."""
    total = 0
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        days = [from_us(end_us - day * DAY_US) for day in range(12)]
        connection.execute(ROOM, [days])
        cursor = connection.cursor()
        for first in range(TEN_DAYS + 1, STREAMS + 1, 100):
            numbers = range(first, min(first + 100, STREAMS + 1))
            with cursor.copy(COPY) as copy:
                parts = [
                    readings(n, end_us=end_us, count=ROWS_EACH, step_us=STEP_US) for n in numbers
                ]
                whole = [
                    np.concatenate([getattr(part, name) for part in parts])
                    for name in ("number", "time_us", "value", "quality")
                ]
                copy.write(encode_readings(Readings(*whole)))
            total += len(whole[0])
        for number, count, step_us in (
            (FAST, 864_000, SECOND_US // 10),
            (TEN_DAYS, 14_400, 60 * SECOND_US),
        ):
            with cursor.copy(COPY) as copy:
                copy.write(
                    encode_readings(readings(number, end_us=end_us, count=count, step_us=step_us))
                )
            total += count
        connection.execute(LATEST, [from_us(end_us), STREAMS])
        connection.execute(b"VACUUM (ANALYZE) reading, latest")
    return total


def make_rollups(store: PostgresStore) -> float:
    """Rollups of everything; seconds it took."""
    began = time.perf_counter()
    at = utc_now() + timedelta(days=2)
    while time.perf_counter() - began < MOST_ROLL_S:
        report = store.upkeep.roll(UpkeepRule(), at=at, settle_s=0.0)
        if report is not None and report.oldest_due is None:
            break
    else:
        raise SystemExit(f"the rollups were not done within {MOST_ROLL_S:g} s")
    return time.perf_counter() - began


@contextmanager
def without_rollups():
    """Inside the block no datastream has a level."""
    levels_of = history.levels_of
    history.levels_of = lambda *_, **__: ()
    try:
        yield
    finally:
        history.levels_of = levels_of


def notice_ms(store: PostgresStore, database: Database) -> float:
    """From a notice until a reader that waits has it."""
    sent: list[float] = []
    with psycopg.connect(database.dsn(), autocommit=True) as connection:

        def send() -> None:
            sent.append(time.perf_counter())
            connection.execute(NOTIFY)

        timer = threading.Timer(0.05, send)
        timer.start()
        got = 0.0
        while not sent or got < sent[0]:  # it may still tell of what was before
            store.wait_for_change(5.0)
            got = time.perf_counter()
        timer.join()
        return (got - sent[0]) * 1000


def queries(store: PostgresStore, *, end_us: int) -> dict[str, tuple[Callable[[], object], float]]:
    """Queries with their bars [ms]."""
    day = {"start_us": end_us - DAY_US, "end_us": end_us}
    ten_days = {"start_us": end_us - 10 * DAY_US, "end_us": end_us}
    holds = dict.fromkeys(range(1, STREAMS + 1), 3 * STEP_US)
    past_us = end_us - DAY_US // 2
    twin = Twin(store, clock=utc_now)
    roads = [s for s in twin.datastreams() if (s.number or 0) > TEN_DAYS][:2500]
    begin = from_us(end_us - DAY_US)

    def matrix() -> int:
        parts = twin.replay(roads, start=begin, step=timedelta(hours=1), steps=24)
        return sum(len(part.value) for part in parts)

    return {
        "state of all 10,000 datastreams": (store.latest, 25.0),
        "changed rows, none": (lambda: store.latest(since=STREAMS), 5.0),
        "changed rows, 1,000": (lambda: store.latest(since=STREAMS - 1000), 5.0),
        "changed rows, 10,000": (lambda: store.latest(since=0), 25.0),
        "state at a past instant, all": (
            lambda: store.history.state_at(past_us, hold_us=holds), 150.0,
        ),
        "10 Hz, 24 h, 1,000 points": (
            lambda: store.history.binned(FAST, **day, points=1000), 20.0,
        ),
        "one datastream, 24 h, every reading": (
            lambda: store.history.few(100, **day, most=10_000), 2.0,
        ),
        "one datastream, 10 d at 10 min": (
            lambda: store.history.binned(TEN_DAYS, **ten_days, points=1440), 10.0,
        ),
        "replay, 2,500 datastreams, 24 instants": (matrix, math.inf),
        "864,000 raw rows to numpy": (
            lambda: store.history.few(FAST, **day, most=1_000_000), 1000.0,
        ),
    }  # fmt: skip


def timed(call: Callable[[], object], *, repeats: int) -> list[float]:
    """Milliseconds of each run after a first one."""
    call()
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        durations.append((time.perf_counter() - began) * 1000)
    return durations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=("postgres", "timescale"), default="postgres")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ")
    say(f"psycopg {psycopg.__version__}, load {os.getloadavg()[0]:.1f}, {utc_now():%Y-%m-%d}\n")
    with running_server(options.server) as server:
        database = server.migrated_database()
        store = open_store(database.dsn())
        plain = city(streams=0)
        streams = [replace(stream(f"stream-{n:05}"), cadence_s=57.6) for n in range(STREAMS)]
        streams[FAST - 1] = replace(streams[FAST - 1], cadence_s=0.1)
        streams[TEN_DAYS - 1] = replace(streams[TEN_DAYS - 1], cadence_s=60.0)
        store.load(replace(plain, datastreams=tuple(streams)), at=utc_now())
        end_us = to_us(utc_now()) // (3600 * SECOND_US) * 3600 * SECOND_US - 2 * 3600 * SECOND_US
        began = time.perf_counter()
        total = fill(database, end_us=end_us)
        say(f"{store.description()}: {total:,} readings in {time.perf_counter() - began:.0f} s\n")
        say(f"rollups of all of them in {make_rollups(store):.0f} s\n")
        with psycopg.connect(database.dsn(), autocommit=True) as connection:
            connection.execute(b"ANALYZE")
        say(f"\n{'query':44}{'median':>9}{'slowest':>9}{'bar':>8}  [ms], load ")
        say(f"{os.getloadavg()[0]:.1f}\n")
        for name, (call, bar) in queries(store, end_us=end_us).items():
            durations = timed(call, repeats=options.repeats)
            median = statistics.median(durations)
            mark = "" if median <= bar else "  over the bar"
            say(f"{name:44}{median:9.1f}{max(durations):9.1f}{bar:8.0f}{mark}\n")
        with without_rollups():
            call = queries(store, end_us=end_us)["10 Hz, 24 h, 1,000 points"][0]
            say(f"{'the same from raw readings':44}")
            say(f"{statistics.median(timed(call, repeats=3)):9.1f}\n")
        notices = [notice_ms(store, database) for _ in range(20)]
        p95 = float(np.percentile(notices, 95))
        say(f"{'notice to reader, 95 %':44}{p95:9.1f}{max(notices):9.1f}{2:8.0f}\n")
        store.close()


if __name__ == "__main__":
    main()
