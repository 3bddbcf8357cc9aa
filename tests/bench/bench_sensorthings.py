"""SensorThings over HTTP on PostgreSQL: newest values of 1,000 datastreams, and a million readings.

Run ``scripts/bench sensorthings`` on a quiet machine; it takes about two minutes. The server is the
real one (uvicorn on 127.0.0.1), the client is httpx on one connection.
"""

import os
import platform
import statistics
import sys
import time
from dataclasses import replace

import httpx
import numpy as np
import psycopg
from serving_town import Served, served
from store_samples import city, stream
from store_servers import Database, running_server
from town import Clock, Town

from twin.city import Twin
from twin.model.observations import Readings
from twin.model.times import from_us, to_us, utc_now
from twin.store import PostgresStore
from twin.store.postgres.binary import encode_readings

STREAMS = 1_000
LONG = 1
LONG_ROWS, FEW_ROWS = 1_000_000, 1_000
STEP_US = 500_000
RUNS = 15
PAGE = 1_000
DAY_US = 86_400_000_000
COPY = b"COPY reading (t, v, ds, q) FROM STDIN (FORMAT BINARY)"
ROOM = b"SELECT twin_make_room('reading', day::date) FROM unnest(%s::timestamptz[]) AS day"
LATEST = b"""
INSERT INTO latest (t, v, rev, ds, q)
SELECT DISTINCT ON (ds) t, v, ds, ds, q FROM reading ORDER BY ds, t DESC
"""
ROOT = "/sensorthings/v1.1/"

say = sys.stdout.write


class StoredTown(Town):
    """1,000 datastreams on PostgreSQL."""

    dsn = ""

    def __post_init__(self) -> None:
        self.twin = Twin(PostgresStore(self.dsn, clock=self.clock), clock=self.clock)


def fill(database: Database, *, end_us: int) -> None:
    """A million readings of one datastream, a thousand of each other one."""
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(ROOM, [[from_us(end_us - day * DAY_US) for day in range(8)]])
        cursor = connection.cursor()
        for number in range(1, STREAMS + 1):
            count = LONG_ROWS if number == LONG else FEW_ROWS
            rows = Readings(
                number=np.full(count, number, np.int32),
                time_us=end_us - STEP_US * np.arange(count, 0, -1, dtype=np.int64),
                value=np.random.default_rng(number).normal(20.0, 5.0, count),
                quality=np.zeros(count, np.int16),
            )
            with cursor.copy(COPY) as copy:
                copy.write(encode_readings(rows))
        connection.execute(LATEST)
        connection.execute(b"VACUUM (ANALYZE) reading")
        connection.execute(b"VACUUM (ANALYZE) latest")


def timed(client: httpx.Client, query: str) -> tuple[float, dict]:
    """Milliseconds until an answer is there whole, and the answer."""
    begin = time.perf_counter()
    answer = client.get(query)
    took_ms = (time.perf_counter() - begin) * 1000.0
    answer.raise_for_status()
    return took_ms, answer.json()


def repeated(client: httpx.Client, name: str, query: str) -> None:
    timed(client, query)
    found = [timed(client, query) for _ in range(RUNS)]
    times = [one[0] for one in found]
    rows = len(found[0][1]["value"])
    say(f"{name:64} {rows:6} rows  median {statistics.median(times):7.1f} ms  ")
    say(f"slowest {max(times):7.1f} ms\n")


def paged(client: httpx.Client, name: str, link: str) -> None:
    """Follow the links through everything; compare the first with the last pages."""
    times, rows = [], 0
    while link:
        took_ms, page = timed(client, link)
        times.append(took_ms)
        rows += len(page["value"])
        link = page.get("@iot.nextLink", "")
    tenth = max(1, len(times) // 10)
    first, last = statistics.median(times[:tenth]), statistics.median(times[-tenth:])
    say(f"{name:40} {rows} rows, {len(times)} pages; median of the first tenth {first:.1f} ms, ")
    say(f"of the last tenth {last:.1f} ms, ratio {last / first:.2f}\n")


def measure(web: Served) -> None:
    with httpx.Client(base_url=web.address, trust_env=False, timeout=120.0) as client:
        newest = "Datastreams?$top=1000&$expand=Observations($top=1)"
        repeated(client, newest, ROOT + newest)
        ordered = f"{newest[:-1]};$orderby=phenomenonTime desc)"
        repeated(client, ordered, ROOT + ordered)
        short = "Datastreams?$top=1000&$select=id&$expand=Observations($top=1;$select=result)"
        repeated(client, short, ROOT + short)
        for query in (
            "Observations?$top=100",
            "Observations?$top=1000&$resultFormat=dataArray",
            "Datastreams('s0001')/Observations?$filter=result gt 38&$top=10",
            "Things?$expand=Datastreams($top=10)",
        ):
            repeated(client, query, ROOT + query)
        base = f"{ROOT}Datastreams('s0001')/Observations?$top={PAGE}&$select=phenomenonTime,result"
        paged(client, "a million, newest first", base)


def main() -> None:
    say(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, ")
    say(f"Python {platform.python_version()}, {STREAMS} datastreams\n")
    end_us = to_us(utc_now().replace(microsecond=0))
    with running_server("postgres") as server:
        database = server.migrated_database()
        StoredTown.dsn = database.dsn()
        town = StoredTown(clock=Clock(from_us(end_us)))
        rows = [replace(stream(f"s{n:04}"), cadence_s=0.5) for n in range(1, STREAMS + 1)]
        town.twin.load(replace(city(streams=0), datastreams=tuple(rows)))
        fill(database, end_us=end_us)
        with served(town) as web:
            measure(web)
        town.twin.close()


if __name__ == "__main__":
    main()
