"""Every job may read back what it needs, with the rights that it has."""

from collections.abc import Iterator
from datetime import date

import pytest
from store_samples import batch, city
from store_servers import Database, running_server

from twin.errors import StoreError
from twin.model.times import to_us, utc_now
from twin.store import open_store

pytestmark = pytest.mark.db
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        found = server.migrated_database()
        store = open_store(found.dsn())
        store.load(city(), at=utc_now())
        now_us = to_us(utc_now())
        store.record(batch([(1, now_us - row * 10_000_000, 1.0) for row in range(9)]))
        store.close()
        yield found


@pytest.mark.parametrize("role", ["twin_serve", "twin_work"])
def test_web_server_and_worker_read_every_kind_of_history(database: Database, role: str) -> None:
    store = open_store(database.dsn(role))
    now_us = to_us(utc_now())
    span = {"start_us": now_us - 40 * DAY_US, "end_us": now_us + 1}
    try:
        history = store.history
        assert int(history.binned(1, **span, points=10).count.sum()) == 9
        assert history.binned(1, **span, points=10, as_of_us=now_us).level == "raw"
        assert sum(len(page) for page in history.rows([1, 2], **span)) == 9
        assert history.few(1, **span, most=9) is not None
        assert history.state_at(now_us, hold_us={1: DAY_US}).number.tolist() == [1]
        assert history.last_waveform(1, **span) is None
        for by_row in (True, False):
            (part,) = history.replay(
                hold_us={1: DAY_US}, start_us=now_us, step_us=1, steps=1, by_row=by_row
            )
            assert part.value.tolist() == [[1.0]]
    finally:
        store.close()


def test_the_ingester_reads_rows_and_makes_room_for_an_import(database: Database) -> None:
    store = open_store(database.dsn("twin_ingest"))
    now_us = to_us(utc_now())
    try:
        pages = store.history.rows([1], start_us=now_us - DAY_US, end_us=now_us + 1)
        assert sum(len(page) for page in pages) == 9
        assert store.room.prepare([date(2025, 5, 5), date(2025, 5, 6)]) == frozenset()
    finally:
        store.close()
    assert database.run("SELECT to_regclass('reading_20250505') IS NOT NULL") == [(True,)]


def test_the_web_server_makes_no_room(database: Database) -> None:
    store = open_store(database.dsn("twin_serve"))
    try:
        with pytest.raises(StoreError):
            store.room.prepare([date(2025, 6, 6)])
    finally:
        store.close()
