"""Room for days that are long past, made before readings are recorded."""

from collections.abc import Iterable
from datetime import date

from twin.store.postgres.connections import Connections
from twin.store.postgres.queries import query


class PostgresRoom:
    """`twin.ports.Room` in PostgreSQL; TimescaleDB makes its chunks by itself."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: set[date] = set()

    def prepare(self, days: Iterable[date]) -> frozenset[date]:
        """Make room for readings of these days (UTC); those for which there is none now."""
        full: set[date] = set()
        wanted = sorted(set(days) - self._known)
        if not wanted:
            return frozenset()
        with self._connections.use() as connection:
            row = connection.execute(query("select_meta")).fetchone()
            is_native = row is not None and row[1] == "native"
            for day in wanted:
                values = {"series": "reading", "day": day}
                is_full = is_native and connection.execute(
                    query("make_room"), values
                ).fetchone() == ("full",)
                (full if is_full else self._known).add(day)
        return frozenset(full)
