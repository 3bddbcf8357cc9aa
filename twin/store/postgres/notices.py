"""Waiting for what other processes commit: LISTEN on a connection of its own."""

import threading
import time

import psycopg

from twin.store.changes import ChangeSignal
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.failures import translated
from twin.store.postgres.queries import query


class Listener:
    """Waits for ``NOTIFY twin_change``; the first wait opens the connection."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._signal = ChangeSignal()
        self._turn = threading.Lock()
        self._connection: Connection | None = None

    def wait(self, timeout_s: float) -> bool:
        """Wait until something changed since this thread last asked, or the time is over.

        One thread at a time listens and tells the others. The first wait, and the first one after
        the connection was lost, counts as a change: what happened before is unknown.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached.
        """
        deadline = time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=max(timeout_s, 0)):
            return self._signal.take()
        try:
            if self._signal.take():
                return True
            with translated():
                self._listen_until(deadline)
            return self._signal.take()
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close the connection; a thread that waits now ends with an error."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _listen_until(self, deadline: float) -> None:
        connection = self._connection
        if connection is None:
            connection = self._connections.open(is_patient=True)
            connection.execute(query("listen_change"))
            self._connection = connection
            self._signal.notify()
            return
        try:
            left_s = max(deadline - time.monotonic(), 0)
            for _ in connection.notifies(timeout=left_s, stop_after=1):
                self._signal.notify()
        except psycopg.OperationalError:
            self._connection = None
            connection.close()
            raise
