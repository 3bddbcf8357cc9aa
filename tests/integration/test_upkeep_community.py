"""Compression with the community edition of TimescaleDB; skips without TWIN_TEST_TSL_DSN.

The variable names a user who may create databases; the test makes one of its own and drops it.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rollup_oracle import all_rollups, check, recomputed
from store_samples import batch, city, stream

from twin.model.times import to_us, utc_now
from twin.model.upkeep import UpkeepRule
from twin.store import PostgresStore, migrate, open_store

pytestmark = [pytest.mark.db, pytest.mark.timescale]

RULE = UpkeepRule(is_compressed=True)
DAY_US = 86_400_000_000


@pytest.fixture
def dsn() -> Iterator[str]:
    server = os.environ.get("TWIN_TEST_TSL_DSN")
    if not server:
        pytest.skip("TWIN_TEST_TSL_DSN names no community edition of TimescaleDB")
    name = sql.Identifier(f"twin_test_{uuid4().hex[:12]}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield make_conninfo(server, dbname=name.as_string(connection).strip('"'))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def store(dsn: str) -> Iterator[PostgresStore]:
    migrate(dsn)
    opened = open_store(dsn)
    streams = (replace(stream("fast"), cadence_s=1.0),)
    opened.load(replace(city(streams=0), datastreams=streams), at=utc_now())
    yield opened
    opened.close()


def test_old_chunks_are_compressed_and_late_readings_still_arrive(
    store: PostgresStore, dsn: str
) -> None:
    assert "community edition, compression offered" in store.description()
    assert store.upkeep.compress(RULE) == "on"
    assert store.upkeep.compress(RULE) == "on"
    old_us = to_us(utc_now()) - 60 * DAY_US
    store.record(batch([(1, old_us + k * 1_000_000, float(k)) for k in range(600)]))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT compress_chunk(c) FROM show_chunks('reading') AS c")
    store.record(batch([(1, old_us + 500_000, 7.0)]))
    report = store.upkeep.roll(RULE, at=utc_now() + timedelta(days=2), settle_s=0)
    assert report is not None
    wanted = recomputed(store, start_us=old_us - DAY_US, end_us=to_us(utc_now()))
    check(all_rollups(dsn), wanted)
    assert store.upkeep.compress(replace(RULE, is_compressed=False)) == "off"
