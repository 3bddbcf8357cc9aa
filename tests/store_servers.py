"""Database servers for tests of the store, and fresh databases on them."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from services import open_folder, postgres_cluster, timescale_cluster

from twin.embedded.cluster import ClusterAddress


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


@dataclass(slots=True)
class Server:
    """A running server that gives out empty databases."""

    address: ClusterAddress
    _names: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self, *, owner: str = "twin_owner") -> Iterator[Database]:
        name = f"test_{next(self._names)}"
        self._run("CREATE DATABASE {} OWNER {}", name, owner)
        yield Database(self.address, name)
        self._run("DROP DATABASE {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.address.dsn("twin"), autocommit=True) as connection:
            parts = (sql.Identifier(name) for name in names)
            connection.execute(sql.SQL(statement.encode().decode()).format(*parts))


@contextmanager
def running_server(kind: str) -> Iterator[Server]:
    """``postgres`` or ``timescale``; skips where the machine cannot offer it."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        start = timescale_cluster if kind == "timescale" else postgres_cluster
        yield Server(stack.enter_context(start(folder)))
