"""`twin.store.arrivals.ArrivalBook` in the table ``arrival``."""

from datetime import datetime
from typing import cast

from psycopg.rows import kwargs_row

from twin.model.observations import Arrivals
from twin.model.times import from_us, to_us
from twin.store.arrivals import Key
from twin.store.postgres.connections import Connection
from twin.store.postgres.queries import query


class PostgresArrivals:
    """The times of keys, read and written in the transaction of the batch."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, arrivals: Arrivals) -> dict[Key, int]:
        """The kept times of those keys that are known."""
        values = {"ds": arrivals.number, "key": arrivals.key}
        cursor = self._connection.cursor(row_factory=kwargs_row(_kept))
        return dict(cursor.execute(query("select_arrivals"), values).fetchall())

    def are_taken(self, arrivals: Arrivals) -> list[int]:
        """The places of those at whose time their datastream has a reading already."""
        values = {
            "ds": arrivals.number,
            "t": arrivals.time_us.view("datetime64[us]"),
            "first": from_us(int(arrivals.time_us.min())),
            "last": from_us(int(arrivals.time_us.max())),
        }
        rows = cast(
            "list[tuple[int]]",
            self._connection.execute(query("select_taken_times"), values).fetchall(),
        )
        return [place - 1 for (place,) in rows]

    def keep(self, arrivals: Arrivals) -> bool:
        """Keep the times of new keys; False if another ingester has kept one meanwhile."""
        values = {
            "ds": arrivals.number,
            "key": arrivals.key,
            "t": arrivals.time_us.view("datetime64[us]"),
        }
        done = self._connection.execute(query("insert_arrivals"), values)
        return done.rowcount == len(arrivals)


def _kept(*, ds: int, key: int, t: datetime) -> tuple[Key, int]:
    return (ds, key), to_us(t)
