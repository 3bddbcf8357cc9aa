"""Connections to one database, for any number of threads, across restarts of the server."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from twin.errors import StoreError
from twin.store.postgres.binary import register_arrays
from twin.store.postgres.deadlines import Deadlines, PunctualConnection
from twin.store.postgres.failures import translated
from twin.store.postgres.queries import query

MOST_IDLE = 8
STATEMENT_S = 10.0
GRACE_S = 2.0  # a server that works ends a statement by itself, and says so
# A server that is switched off without a word is noticed within half a minute.
_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

Connection = PunctualConnection[tuple[object, ...]]


class Connections:
    """A few connections that are kept for the next one who asks.

    Parameters
    ----------
    dsn
        As libpq takes it; what it names wins over our time-outs.
    application
        Name shown in ``pg_stat_activity``.
    answer_s
        Longest wait for one answer [s], after which the database counts as away; 0: as long as
        it takes.
    """

    def __init__(self, dsn: str, *, application: str, answer_s: float = 0.0) -> None:
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
        self._deadlines = Deadlines(answer_s + GRACE_S) if answer_s else None
        self.statement_s = answer_s or STATEMENT_S

    def open(self, *, is_patient: bool = False) -> Connection:
        """A new connection in autocommit mode that the caller closes; psycopg's errors.

        Parameters
        ----------
        is_patient
            Whether long silence is no fault of the server: whoever listens.
        """
        if self._is_closed:
            raise StoreError("this store is closed; open it again")
        connection = Connection.connect(self._conninfo, autocommit=True)
        if self._deadlines is not None and not is_patient:
            connection.be_watched(self._deadlines)
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
        self._forget_idle()
        if self._deadlines is not None:
            self._deadlines.close()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self.open()
            if is_alive(connection):
                return connection
            connection.close()
            self._forget_idle()

    def _forget_idle(self) -> None:
        """Close all that are idle: what ended one has ended them; each would be waited for."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
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
