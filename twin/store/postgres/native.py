"""Room for readings on plain PostgreSQL: daily partitions, made ahead and on demand."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from twin.store.postgres.connections import Connection
from twin.store.postgres.queries import query

DAYS_AHEAD = 3
_DAY_ZERO = date(1970, 1, 1)

Series = Literal["reading", "waveform"]


class Rooms:
    """Which days have their partition; asks the database once per day and series.

    Where TimescaleDB makes chunks by itself, nothing is asked.
    """

    def __init__(self, *, is_needed: bool) -> None:
        self._is_needed = is_needed
        self._known: set[tuple[Series, int]] = set()

    def forget(self) -> None:
        """Ask again from now on: a partition may have been dropped by another process."""
        self._known.clear()

    def make(
        self, connection: Connection, series: Series, *, days: Iterable[int], today: int
    ) -> set[int]:
        """Make room for these days and for the next ones; those for which there is none.

        Parameters
        ----------
        connection
            Outside a transaction, so that no lock is held.
        series
            The table.
        days, today
            Days since 1970-01-01 UTC.
        """
        if not self._is_needed:
            return set()
        wanted = sorted({*days, *range(today, today + DAYS_AHEAD + 1)})
        full = set()
        for day in wanted:
            if (series, day) in self._known:
                continue
            place = _DAY_ZERO + timedelta(days=day)
            values = {"series": series, "day": place}
            answer = connection.execute(query("make_room"), values).fetchone()
            if answer == ("full",):
                full.add(day)
            else:
                self._known.add((series, day))
        return full
