"""What only a database can get wrong: restarts, lost commits, poison, partitions, rights."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from faults.proxy import fault_proxy
from psycopg.conninfo import make_conninfo
from services import open_folder
from store_samples import LEFT, RIGHT, batch, city
from store_servers import Database, Server, running_server
from waiting import wait_for

from twin.embedded.cluster import Cluster, ClusterOptions
from twin.errors import StoreError, StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.model.observations import Waveform
from twin.model.times import to_us, utc_now
from twin.store import PostgresStore, migrate, open_store

pytestmark = pytest.mark.db

DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


@pytest.fixture
def database(server: Server) -> Database:
    return server.migrated_database()


@pytest.fixture
def store(database: Database) -> Iterator[PostgresStore]:
    found = open_store(database.dsn())
    found.load(city(), at=utc_now())
    yield found
    found.close()


def test_every_method_names_the_lost_database_and_works_when_it_is_back() -> None:
    now_us = to_us(utc_now())
    with open_folder() as folder:
        cluster = Cluster(ClusterOptions(data_dir=folder / "postgres"))
        with cluster as address:
            migrate(address.dsn("twin_owner"))
            store = open_store(address.dsn("twin_owner"))
            store.load(city(), at=utc_now())
            store.record(batch([(1, now_us, 1.0)]))
            assert store.wait_for_change(5.0)
            cluster.stop()
            lost = batch([(1, now_us + 1, 2.0)])
            for call in (
                lambda: store.record(lost),
                store.latest,
                store.datastreams,
                store.version,
                store.jobs,
                store.quarantine_counts,
                lambda: store.load(city(), at=utc_now()),
                lambda: store.runs.run(1),
                lambda: store.wait_for_change(1.0),
                lambda: store.beat(JobStatus("a", "b", utc_now(), utc_now(), "live")),
            ):
                with pytest.raises(StoreUnavailableError):
                    call()
            assert not store.is_available()
            assert store.description()
            cluster.start()
            assert store.record(lost).stored == 1
            assert len(store.datastreams()) == 4
            assert store.wait_for_change(5.0)
            assert store.is_available()
            assert "PostgreSQL 1" in store.description()
            store.close()


def test_connections_that_died_while_idle_are_replaced_unnoticed(
    store: PostgresStore, database: Database
) -> None:
    now_us = to_us(utc_now())
    store.record(batch([(1, now_us, 1.0)]))
    database.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert store.record(batch([(1, now_us + 1, 1.0)])).stored == 1
    assert len(store.latest()) == 1


def test_a_connection_lost_during_commit_is_left_to_the_caller(
    store: PostgresStore, database: Database
) -> None:
    database.run("""
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON ingest_commit
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()
    """)
    one = batch([(1, to_us(utc_now()), 1.0)])
    with pytest.raises(StoreUnavailableError):
        store.record(one)
    database.run("DROP TRIGGER die ON ingest_commit")
    assert store.record(one).stored == 1
    assert store.record(one).repeated


def test_a_database_that_hangs_is_away(store: PostgresStore, database: Database) -> None:
    now_us = to_us(utc_now())
    store.record(batch([(1, now_us, 1.0)]))
    one = batch([(1, now_us + 1, 1.0)])
    with psycopg.connect(database.dsn()) as other:
        other.execute("LOCK TABLE latest IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError, match="statement timeout"):
            store.record(one)
    assert store.record(one).stored == 1


@pytest.mark.parametrize("rows", [1, 1500])
def test_whoever_watches_the_wire_sees_where_a_commit_begins(
    store: PostgresStore, database: Database, rows: int
) -> None:
    now_us = to_us(utc_now())
    batches = [batch([(1, now_us + n * rows + row, 1.0) for row in range(rows)]) for n in range(8)]
    with fault_proxy(database.address.socket_path) as proxy:
        dsn = make_conninfo(database.dsn(), host="127.0.0.1", port=proxy.port)
        watched = open_store(dsn)
        for one in batches[1:]:  # long enough for a driver to prepare what repeats
            watched.record(one)
        proxy.hold_replies_after(b"COMMIT")
        thread = threading.Thread(target=watched.record, args=(batches[0],))
        thread.start()
        wait_for(proxy.held.is_set, "a commit on the wire")
        wait_for(lambda: count_since(store, now_us) == 8 * rows, "the readings")
        assert thread.is_alive()
        proxy.heal()
        thread.join(10)
        assert not thread.is_alive()
        watched.close()


def count_since(store: PostgresStore, start_us: int) -> int:
    found = store.series(1, start_us=start_us, end_us=start_us + DAY_US, limit=100_000)
    return len(found.time_us)


def test_a_poison_row_costs_only_itself(store: PostgresStore, database: Database) -> None:
    database.run("ALTER TABLE reading ADD CONSTRAINT poison CHECK (v <> 13)")
    database.run("ALTER TABLE waveform ADD CONSTRAINT poison CHECK (v_max <> 13)")
    now_us = to_us(utc_now())
    store.record(batch([(1, now_us, 0.0)]))
    rows = [(1 + n % 4, now_us + n, 13.0 if n in (17, 400) else float(n)) for n in range(501)]
    blocks = tuple(Waveform(2, now_us + n, 10.0, np.full(2, n, np.float32)) for n in (12, 13, 14))
    result = store.record(batch(rows, waveforms=blocks))
    assert (result.stored, result.duplicate, result.conflict, result.quarantined) == (499, 1, 0, 4)
    assert store.quarantine_counts() == {(LEFT, "db_rejected"): 1, (RIGHT, "db_rejected"): 3}
    totals = store.balance(since=utc_now() - timedelta(days=1))
    for row in totals:
        assert row.received == row.stored + row.duplicate + row.quarantined
    assert "23514" in store.quarantine()[0].detail
    assert len(store.latest()) == 4


def test_a_poison_row_is_found_by_halving(store: PostgresStore, database: Database) -> None:
    # A sequence keeps counting when the statement that raised it is rolled back.
    database.run("""
        ALTER TABLE reading ADD CONSTRAINT poison CHECK (v <> 13);
        CREATE SEQUENCE attempt;
        CREATE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN PERFORM nextval('attempt'); RETURN NULL; END $$;
        CREATE TRIGGER count_attempt BEFORE INSERT ON reading
        FOR EACH STATEMENT EXECUTE FUNCTION count_attempt()
    """)
    now_us = to_us(utc_now())
    rows = [(1, now_us + n, 13.0 if n == 300 else 0.0) for n in range(512)]
    assert store.record(batch(rows)).stored == 511
    # The whole once, then two halves on each of the nine levels down to the single row.
    assert database.run("SELECT last_value FROM attempt") == [(1 + 2 * 9,)]


def test_ingesters_that_deliver_the_same_rows_in_turn_store_each_once(
    store: PostgresStore, database: Database
) -> None:
    now_us = to_us(utc_now())
    stored: list[int] = []

    def deliver(*, backwards: bool) -> None:
        own = open_store(database.dsn())
        for start in range(0, 400, 40):
            rows = [(1 + n % 4, now_us + n, float(n)) for n in range(start, start + 40)]
            stored.append(own.record(batch(rows[::-1] if backwards else rows)).stored)
        own.close()

    threads = [
        threading.Thread(target=deliver, kwargs={"backwards": bool(n % 2)}) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert sum(stored) == 400
    assert database.run("SELECT count(*) FROM reading") == [(400,)]
    for row in store.balance(since=utc_now() - timedelta(days=1)):
        assert row.received == row.stored + row.duplicate


def test_a_reader_that_follows_revisions_misses_nothing(
    store: PostgresStore, database: Database
) -> None:
    store.load(city(streams=40), at=utc_now())
    now_us = to_us(utc_now())

    def deliver(first: int) -> None:
        own = open_store(database.dsn())
        for n in range(30):
            own.record(batch([(first + n % 10, now_us + n, float(n))]))
        own.close()

    threads = [threading.Thread(target=deliver, args=(first,)) for first in (1, 11, 21, 31)]
    for thread in threads:
        thread.start()
    seen: dict[int, float] = {}
    revision = 0
    while True:
        are_done = not any(thread.is_alive() for thread in threads)
        found = store.latest(since=revision)
        seen |= dict(zip(found.number.tolist(), found.value.tolist(), strict=True))
        revision = found.revision
        if are_done:
            break
    final = store.latest()
    assert seen == dict(zip(final.number.tolist(), final.value.tolist(), strict=True))
    assert len(seen) == 40


def test_a_late_reading_makes_its_partition(store: PostgresStore, database: Database) -> None:
    day = utc_now() - timedelta(days=400)
    assert store.record(batch([(1, to_us(day), 1.0)])).stored == 1
    name = f"reading_{day:%Y%m%d}"
    assert database.run(f"SELECT count(*) FROM {name}") == [(1,)]  # noqa: S608 - our own name


def test_a_wrong_clock_makes_no_partition(store: PostgresStore, database: Database) -> None:
    count = "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r'"
    before = database.run(count)
    now_us = to_us(utc_now())
    rows = [(1, now_us + days * DAY_US, 1.0) for days in (5, 36_500, -731, -20_000)]
    assert store.record(batch(rows)).quarantined == 4
    assert database.run(count) == before


def test_too_many_new_days_in_an_hour_wait(store: PostgresStore, database: Database) -> None:
    database.run("INSERT INTO partition_made SELECT 'old_' || n FROM generate_series(1, 400) AS n")
    now_us = to_us(utc_now())
    rows = [(1, now_us - 300 * DAY_US, 1.0), (1, now_us, 2.0)]
    result = store.record(batch(rows))
    assert (result.stored, result.quarantined) == (1, 1)
    assert store.quarantine_counts() == {(LEFT, "partition_cap"): 1}
    database.run("UPDATE partition_made SET made_at = made_at - interval '2 hours'")
    assert store.record(batch(rows)).stored == 1


def test_a_partition_dropped_by_another_process_is_made_again(
    store: PostgresStore, database: Database
) -> None:
    now = utc_now()
    store.record(batch([(1, to_us(now), 1.0)]))
    database.run(f"DROP TABLE reading_{now:%Y%m%d}")
    assert store.record(batch([(1, to_us(now), 1.0)])).stored == 1


def test_weekly_partitions_begin_on_mondays(server: Server) -> None:
    database = server.empty_database()
    migrate(database.dsn(), partition_days=7)
    store = open_store(database.dsn())
    store.load(city(), at=utc_now())
    now_us = to_us(utc_now())
    rows = [(1, now_us - days * DAY_US, 1.0) for days in range(20)]
    assert store.record(batch(rows)).stored == 20
    store.close()
    days = database.run(
        "SELECT DISTINCT extract(isodow FROM to_date(right(relname, 8), 'YYYYMMDD')) FROM pg_class "
        "WHERE relispartition AND relkind = 'r'"
    )
    assert [int(str(day)) for (day,) in days] == [1]


def test_an_unknown_series_gets_no_partition(store: PostgresStore, database: Database) -> None:
    assert store.is_available()
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        database.run("SELECT twin_make_room('asset', '2026-01-01')")


REGISTRY = ("meta", "reference", "asset", "asset_attribute", "component", "sensor", "datastream")
ROLLUPS = ("rollup_10s", "rollup_1m", "rollup_1h", "rollup_1d")
BRIDGE_ROWS = (
    *("bridge_record", "bridge_file", "bridge_file_part", "bridge_attachment", "bridge_event"),
    *("bridge_model", "bridge_finding_step"),
)
RIGHTS = {
    "twin_keep": {
        **dict.fromkeys(("meta", "datastream", "reading", "waveform"), "r"),
        **dict.fromkeys((*ROLLUPS, "pending", "rollup_stream"), "arwd"),
        **dict.fromkeys(("job_status", "alarm"), "arw"),
        "dirty": "rd",
        **dict.fromkeys(("quarantine", "deletion"), "r"),
    },
    "twin_ingest": {
        **dict.fromkeys(REGISTRY, "r"),
        **dict.fromkeys(("reading", "waveform", "quarantine", "arrival", "dirty"), "ar"),
        "reading_revision": "r",
        **dict.fromkeys(("latest", "ingest_commit", "ingest_balance", "job_status"), "arw"),
        **dict.fromkeys(("alarm", "gap"), "arw"),
    },
    "twin_work": {
        **dict.fromkeys(REGISTRY, "r"),
        **dict.fromkeys(("reading", "quarantine", "arrival", "dirty"), "ar"),
        **dict.fromkeys(("waveform", "reading_revision"), "r"),
        **dict.fromkeys(("latest", "ingest_commit", "ingest_balance"), "arw"),
        **dict.fromkeys((*ROLLUPS, "pending", "rollup_stream", "gap"), "r"),
        **dict.fromkeys(BRIDGE_ROWS, "ar"),
        **dict.fromkeys(("bridge_work_item", "bridge_state", "bridge_finding"), "arw"),
        **dict.fromkeys(("run", "traffic_state"), "arw"),
        **dict.fromkeys(("run_result", "run_part", "traffic_base", "traffic_base_part"), "ar"),
        "job_status": "arw",
        "bridge_snapshot": "ar",
        **dict.fromkeys(("decision", "decision_event", "run_comment"), "r"),
    },
    "twin_serve": {
        **dict.fromkeys(REGISTRY, "r"),
        **dict.fromkeys(("reading", "waveform", "latest", "quarantine", "ingest_balance"), "r"),
        "reading_revision": "r",
        **dict.fromkeys((*ROLLUPS, "dirty", "pending", "rollup_stream", "gap"), "r"),
        **dict.fromkeys(("alarm", "deletion"), "r"),
        **dict.fromkeys(("run_result", "run_part", "traffic_base", "traffic_base_part"), "r"),
        **dict.fromkeys(BRIDGE_ROWS, "r"),
        **dict.fromkeys(("bridge_work_item", "bridge_state", "bridge_finding"), "r"),
        **dict.fromkeys(("bridge_finding_step", "bridge_snapshot"), "ar"),
        **dict.fromkeys(("decision", "decision_event", "run_comment", "release_grant"), "ar"),
        "release_event": "ar",
        "traffic_state": "r",
        "run": "arw",
        "job_status": "arw",
    },
}
MATRIX = """
SELECT relname, concat(
  CASE WHEN has_table_privilege('{role}', oid, 'INSERT') THEN 'a' END,
  CASE WHEN has_table_privilege('{role}', oid, 'SELECT') THEN 'r' END,
  CASE WHEN has_table_privilege('{role}', oid, 'UPDATE') THEN 'w' END,
  CASE WHEN has_table_privilege('{role}', oid, 'DELETE') THEN 'd' END,
  CASE WHEN has_table_privilege('{role}', oid, 'TRUNCATE') THEN 't' END)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
  AND NOT relispartition
"""


FURTHER_RIGHTS = """
SELECT has_function_privilege(oid, 'twin_make_room(text, date)', 'EXECUTE'),
  has_function_privilege(
    oid, 'twin_correct(integer[], timestamptz[], double precision[], smallint[])', 'EXECUTE'
  ),
  has_function_privilege(oid, (SELECT oid FROM pg_proc WHERE proname = 'twin_record'), 'EXECUTE'),
  rolsuper, rolcreaterole, rolbypassrls
FROM pg_roles WHERE oid = '{role}'::regrole
"""


@pytest.mark.duty("S6")
@pytest.mark.parametrize("role", RIGHTS)
def test_each_role_has_exactly_its_rights(database: Database, role: str) -> None:
    found = {str(name): rights for name, rights in database.run(MATRIX.format(role=role))}
    assert {name: rights for name, rights in found.items() if rights} == RIGHTS[role]
    may_make_room = role in ("twin_keep", "twin_ingest", "twin_work")
    answer = database.run(FURTHER_RIGHTS.format(role=role))
    may_record = role in ("twin_ingest", "twin_work")
    assert answer == [(may_make_room, may_record, may_record, False, False, False)]


@pytest.mark.duty("S6")
def test_the_ingester_needs_no_further_right(store: PostgresStore, database: Database) -> None:
    now_us = to_us(utc_now())
    own = open_store(database.dsn("twin_ingest"))
    rows = [(1, now_us, 1.0), (1, now_us - 200 * DAY_US, 2.0), (1, now_us, 3.0)]
    block = Waveform(2, now_us, 10.0, np.ones(3, np.float32))
    assert own.record(batch(rows, waveforms=(block,))).stored == 3
    assert own.record(batch(rows, waveforms=(block,))).duplicate == 3
    own.beat(JobStatus("ingest", "1", utc_now(), utc_now(), "live"))
    assert len(own.datastreams()) == len(store.datastreams())
    with pytest.raises(StoreError, match="permission denied"):
        own.load(city(streams=9), at=utc_now())
    own.close()


@pytest.mark.duty("S6")
def test_the_web_server_cannot_write_measurements(store: PostgresStore, database: Database) -> None:
    own = open_store(database.dsn("twin_serve"))
    with pytest.raises(StoreError, match="permission denied"):
        own.record(batch([(1, to_us(utc_now()), 1.0)]))
    assert len(own.latest()) == len(store.latest()) == 0
    own.close()
