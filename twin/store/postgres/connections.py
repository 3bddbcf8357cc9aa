"""Connections to one database, for any number of threads, across restarts of the server."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from twin.errors import StoreError
from twin.store.postgres.binary import register_arrays
from twin.store.postgres.failures import translated
from twin.store.postgres.queries import query

MOST_IDLE = 8
# A server that is switched off without a word is noticed within half a minute.
_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

Connection = psycopg.Connection[tuple[object, ...]]


class Connections:
    """A few connections that are kept for the next one who asks.

    Parameters
    ----------
    dsn
        As libpq takes it; what it names wins over our time-outs.
    application
        Name shown in ``pg_stat_activity``.
    """

    def __init__(self, dsn: str, *, application: str) -> None:
        try:
            named = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            raise StoreError(
                "the database address cannot be read; write it as "
                "postgresql://user@host:port/name or host=... dbname=..."
            ) from error
        defaults = {**_DEFAULTS, "application_name": application}
        missing = {key: value for key, value in defaults.items() if key not in named}
        self._conninfo = make_conninfo(dsn, **missing)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def open(self) -> Connection:
        """A new connection in autocommit mode that the caller closes; psycopg's errors."""
        if self._is_closed:
            raise StoreError("this store is closed; open it again")
        connection = psycopg.connect(self._conninfo, autocommit=True)
        register_arrays(connection)
        return connection

    @contextmanager
    def use(self) -> Generator[Connection]:
        """A living connection for the block, in autocommit mode; our own errors.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached.
        StoreError
            If it refuses what the block asks for.
        """
        with translated():
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def close(self) -> None:
        """Close what is idle; connections in use are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self.open()
            if is_alive(connection):
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        is_fit = connection.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            if is_fit and not self._is_closed and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()


def is_alive(connection: Connection) -> bool:
    """Whether the server still answers on this connection."""
    if connection.closed:
        return False
    try:
        connection.execute(query("ping"))
    except psycopg.OperationalError:
        return False
    return True
