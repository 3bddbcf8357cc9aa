"""The schema comes into being once, whole, and never silently differs."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg.conninfo import make_conninfo
from store_samples import city
from store_servers import Database, Server, running_server

from twin.errors import MigrationError, StoreError, StoreUnavailableError
from twin.model.times import utc_now
from twin.store import migrate, open_store
from twin.store.postgres.migrate import Migration, migrations

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


@pytest.fixture
def database(server: Server) -> Database:
    return server.empty_database()


COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_name IN ('reading', 'waveform', 'rollup_10s', 'rollup_1m') AND table_schema = 'public'
ORDER BY table_name, ordinal_position
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype IN ('p', 'c') AND conrelid IN (
  'reading'::regclass, 'waveform'::regclass, 'rollup_10s'::regclass, 'rollup_1m'::regclass)
ORDER BY 1, 2
"""
INDEXES = """
SELECT count(*) FROM pg_index WHERE indrelid IN (
  'reading'::regclass, 'waveform'::regclass, 'rollup_10s'::regclass, 'rollup_1m'::regclass)
"""


def test_a_second_migration_finds_nothing_to_do(database: Database) -> None:
    first = migrate(database.dsn())
    numbers = [int(name[:4]) for name in first]
    assert numbers == sorted(set(numbers))  # a number that was never given is no fault
    assert migrate(database.dsn()) == []


def test_processes_that_start_together_apply_every_file_once(database: Database) -> None:
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(migrate(database.dsn()))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert sorted(len(names) for names in applied) == [0, 0, 0, len(database_files())]


def database_files() -> list[Migration]:
    return [item for item in migrations() if item.backend in ("", "native")]


def test_a_changed_file_is_named(database: Database) -> None:
    migrate(database.dsn())
    known = [
        replace(item, content=item.content + b"\n-- edited") if item.number == 4 else item
        for item in migrations()
    ]
    with pytest.raises(MigrationError, match=r"0004_latest\.sql .* put changes into a new one"):
        migrate(database.dsn(), known=known)


def test_a_database_newer_than_the_programme_is_refused(database: Database) -> None:
    migrate(database.dsn())
    known = [item for item in migrations() if item.number < 8]
    with pytest.raises(MigrationError, match=r"\d{4}_\w+\S*\.sql.* install the newer programme"):
        migrate(database.dsn(), known=known)


def test_a_failing_file_leaves_the_database_as_it_was(database: Database) -> None:
    broken = Migration(2, "0002_broken.sql", "", b"CREATE TABLE half (id bigint); SELECT 1 / 0")
    with pytest.raises(MigrationError, match=r"0002_broken\.sql failed and was rolled back"):
        migrate(database.dsn(), known=[migrations()[0], broken])
    assert database.run("SELECT to_regclass('half')") == [(None,)]
    assert database.run("SELECT count(*) FROM schema_migration") == [(1,)]


def test_a_superuser_gives_everything_to_the_owner_role(server: Server) -> None:
    database = server.empty_database()
    database.run(f"ALTER DATABASE {database.name} OWNER TO twin")
    assert migrate(database.dsn("twin"))
    owners = database.run(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace"
    )
    assert owners == [("twin_owner",)]


def test_a_user_who_may_not_create_tables_is_told_what_to_do(database: Database) -> None:
    with pytest.raises(MigrationError, match=r"twin_work.* ALTER DATABASE"):
        migrate(database.dsn("twin_work"))


def test_an_owner_who_may_not_create_roles_migrates_all_the_same(server: Server) -> None:
    database = server.empty_database()
    database.run("DROP ROLE IF EXISTS plain")
    database.run("CREATE ROLE plain LOGIN PASSWORD 'test'")
    database.run(f"ALTER DATABASE {database.name} OWNER TO plain")
    dsn = make_conninfo(database.dsn(), user="plain", password="test", passfile="")  # noqa: S106 - made here
    assert migrate(dsn)
    store = open_store(dsn)
    assert store.load(city(), at=utc_now()).added
    store.close()


def test_a_store_without_schema_says_how_to_make_one(database: Database) -> None:
    store = open_store(database.dsn())
    with pytest.raises(StoreError, match="twin migrate"):
        store.datastreams()
    assert store.is_available()
    store.close()


def test_a_database_that_is_away_is_no_schema_error() -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        migrate("host=127.0.0.1 port=1 dbname=none user=none")
    with pytest.raises(StoreError, match="address cannot be read"):
        migrate("host = 'half")


def test_native_tables_have_no_default_partition(server: Server) -> None:
    database = server.migrated_database()
    bounds = database.run(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r'"
    )
    assert len(bounds) == 8
    assert not [bound for bound in bounds if "DEFAULT" in str(bound[0])]


@pytest.mark.timescale
def test_both_back_ends_have_the_same_columns_and_keys(server: Server) -> None:
    native = server.migrated_database()
    with running_server("timescale") as timescale_server:
        timescale = timescale_server.migrated_database()
        assert timescale.run(COLUMNS) == native.run(COLUMNS)
        assert timescale.run(CONSTRAINTS) == native.run(CONSTRAINTS)
        assert timescale.run(INDEXES) == native.run(INDEXES) == [(6,)]
        hypertables = timescale.run(
            "SELECT hypertable_name::text FROM timescaledb_information.hypertables ORDER BY 1"
        )
        assert hypertables == [("reading",), ("rollup_10s",), ("rollup_1m",), ("waveform",)]
        days = timescale.run(
            "SELECT hypertable_name::text, time_interval::text "
            "FROM timescaledb_information.dimensions ORDER BY 1"
        )
        assert days == [
            ("reading", "1 day"),
            ("rollup_10s", "7 days"),
            ("rollup_1m", "30 days"),
            ("waveform", "1 day"),
        ]
