"""`twin.ports.InstanceLocks` on PostgreSQL: advisory locks on a connection that is kept."""

import threading

from twin.store.postgres.connections import Connection, Connections, is_alive
from twin.store.postgres.failures import translated
from twin.store.postgres.queries import query

PREFIX = "twin instance "


class PostgresInstances:
    """Names that live as long as their connection; may be used from any thread.

    Parameters
    ----------
    connections
        Where the connection that holds the names comes from. It is none of the lent ones: a lock
        of a session must not travel to another borrower.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._wanted: set[str] = set()
        self._held: set[str] = set()

    def hold(self, name: str) -> bool:
        """Hold this name for this process; False while another process holds it."""
        with self._lock, translated():
            is_held = self._take(name)
            if is_held:
                self._wanted.add(name)
            return is_held

    def holds(self, name: str) -> bool:
        """Whether this process holds the name it asked for; takes it again after a restart."""
        with self._lock, translated():
            return name in self._wanted and self._take(name)

    def release(self, name: str) -> None:
        """Let another process hold this name."""
        with self._lock, translated():
            self._wanted.discard(name)
            connection = self._living()
            if name in self._held:
                self._held.discard(name)
                connection.execute(query("release_instance"), {"name": PREFIX + name})

    def close(self) -> None:
        """Release all names."""
        with self._lock:
            self._wanted.clear()
            self._held.clear()
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _take(self, name: str) -> bool:
        connection = self._living()
        if name not in self._held:
            values = {"name": PREFIX + name}
            if connection.execute(query("hold_instance"), values).fetchone() == (True,):
                self._held.add(name)
        return name in self._held

    def _living(self) -> Connection:
        """The connection that holds the names; a new one holds none of them yet."""
        if self._connection is None or not is_alive(self._connection):
            self._held.clear()
            lost, self._connection = self._connection, None
            if lost is not None:
                lost.close()
            self._connection = self._connections.open()
            self._connection.execute(query("prepare_instance"))
        return self._connection
