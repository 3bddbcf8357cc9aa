"""A server that owes an answer for too long: given up, and what it commits later is not doubled."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from store_samples import batch, city
from store_servers import Database, Server, running_server
from waiting import wait_for

from twin.errors import StoreUnavailableError
from twin.model.times import to_us, utc_now
from twin.store import PostgresStore, open_store
from twin.store.postgres.deadlines import Deadlines
from twin.store.postgres.insert import COPY_FROM_ROWS

pytestmark = pytest.mark.db

LOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'reading'::regclass"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


@pytest.fixture
def database(server: Server) -> Database:
    found = server.migrated_database()
    owner = open_store(found.dsn())
    owner.load(city(), at=utc_now())
    owner.close()
    return found


@pytest.fixture
def hasty(database: Database) -> Iterator[PostgresStore]:
    """A store that waits half a second, on a server that is not told to end anything itself."""
    store = open_store(database.dsn("twin_ingest"), answer_s=60.0)
    connections = store._connections
    connections._deadlines and connections._deadlines.close()
    connections._deadlines = Deadlines(0.5)
    yield store
    store.close()


@pytest.mark.parametrize("rows", [1, COPY_FROM_ROWS + 1])
def test_a_transaction_that_hangs_and_commits_later_is_recognised(
    database: Database, hasty: PostgresStore, rows: int
) -> None:
    begin_us = to_us(utc_now()) - rows * 1000
    values = [(1, begin_us + row * 1000, float(row)) for row in range(rows)]
    hung = batch(values)
    assert hasty.record(batch([(2, begin_us, 1.0)])).stored == 1
    with psycopg.connect(database.dsn("twin")) as other:
        other.execute("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            hasty.record(hung)
        # the server has not noticed: the transaction waits for the lock still
        assert database.run(LOCKED) != [(0,)]
    wait_for(lambda: database.run(LOCKED) == [(0,)], "the end of what hung")
    again = hasty.record(hung)
    assert again.repeated or again.stored == rows
    assert database.run("SELECT count(*) FROM reading") == [(rows + 1,)]
    assert database.run("SELECT sum(stored), sum(duplicate) FROM ingest_balance")[0][0] == rows + 1


def test_other_questions_to_a_server_that_hangs_end_too_and_the_next_is_answered(
    database: Database, hasty: PostgresStore
) -> None:
    hasty.version()
    with psycopg.connect(database.dsn("twin")) as other:
        other.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError):
            hasty.version()
    assert hasty.version()


def test_whoever_listens_for_changes_may_wait_longer(
    database: Database, hasty: PostgresStore
) -> None:
    assert hasty.wait_for_change(1.0)
    assert not hasty.wait_for_change(1.5)
    recorded = threading.Thread(target=lambda: hasty.record(batch([(1, to_us(utc_now()), 1.0)])))
    recorded.start()
    assert hasty.wait_for_change(10.0)
    recorded.join()
    assert database.run("SELECT count(*) FROM reading") == [(1,)]
