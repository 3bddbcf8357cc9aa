"""Database servers for tests of the store, and fresh databases on them."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import make_conninfo
from services import open_folder, postgres_cluster, timescale_cluster

from twin.embedded.cluster import ClusterAddress
from twin.store import migrate


@dataclass(frozen=True, slots=True)
class Database:
    """One database; ``dsn`` by role."""

    address: ClusterAddress
    name: str

    def dsn(self, role: str = "twin_owner") -> str:
        return make_conninfo(self.address.dsn(role), dbname=self.name)

    def run(self, statement: str, *, role: str = "twin") -> list[tuple[object, ...]]:
        """Run one statement of a test as the superuser; its rows."""
        with psycopg.connect(self.dsn(role), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


_WIPE = """
DO $$
DECLARE
  wiped text;
BEGIN
  -- every table of ours; DELETE, because TRUNCATE of many partitions is slower
  SET LOCAL session_replication_role = replica;
  FOR wiped IN
    SELECT c.oid::regclass::text FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relname NOT IN ('meta', 'schema_migration')
  LOOP
    EXECUTE 'DELETE FROM ' || wiped;
  END LOOP;
  FOR wiped IN
    SELECT c.oid::regclass::text FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
  LOOP
    PERFORM setval(wiped::regclass, 1, false);
  END LOOP;
  UPDATE meta SET registry_revision = 0;
END
$$
"""


@dataclass(slots=True)
class Server:
    """A running server that gives out databases."""

    address: ClusterAddress
    _names: Iterator[int] = field(default_factory=itertools.count)
    _shared: Database | None = None

    def empty_database(self) -> Database:
        """A database without any schema; it ends with the server."""
        database = Database(self.address, f"test_{next(self._names)}")
        with psycopg.connect(self.address.dsn("twin"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database.name} OWNER twin_owner".encode())
        return database

    def migrated_database(self) -> Database:
        """A database with the schema for one test alone."""
        database = self.empty_database()
        migrate(database.dsn())
        return database

    def wiped_database(self) -> Database:
        """The database with the schema that all tests share, as if it were new."""
        database = self._shared = self._shared or self.migrated_database()
        database.run(_WIPE)
        return database


@contextmanager
def running_server(kind: str) -> Iterator[Server]:
    """``postgres`` or ``timescale``; skips where the machine cannot offer it."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        start = timescale_cluster if kind == "timescale" else postgres_cluster
        yield Server(stack.enter_context(start(folder)))
