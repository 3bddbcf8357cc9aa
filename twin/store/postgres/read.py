"""Queries for readings, waveforms, balance and quarantine."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from twin.model.observations import BalanceRow, Latest, QuarantineEntry, Series, Waveform
from twin.model.times import from_us, to_us
from twin.store import accounts, continuity
from twin.store.postgres.arrays import select_arrays
from twin.store.postgres.binary import decode_rows
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.queries import query
from twin.store.refusals import too_many_rows
from twin.store.text import is_storable

MOST_QUARANTINE_ENTRIES = 10_000

Parameters = Mapping[str, int | datetime]


class Reader:
    """Read access to what was observed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def latest(self, since: int) -> Latest:
        """Newest value per datastream that changed after revision ``since``, by number."""
        with self._connections.use() as connection:
            columns = _copy(
                connection, "copy_latest", {"since": since}, names=("ds", "t", "v", "q", "rev")
            )
        order = np.argsort(columns["ds"])
        return Latest(
            number=columns["ds"][order],
            time_us=columns["t"][order],
            value=columns["v"][order],
            quality=columns["q"][order],
            revision=int(columns["rev"].max(initial=since)),
        )

    def series(self, number: int, *, start_us: int, end_us: int, limit: int) -> Series:
        """Readings of one datastream in [start, end)."""
        span = {"number": number, "start": _time(start_us), "end": _time(end_us)}
        with self._connections.use() as connection:
            columns = select_arrays(connection, "select_few", {**span, "limit": limit + 1})
            if len(columns["t"]) > limit:
                row = connection.execute(query("count_series"), span).fetchone()
                found = cast("int", row[0]) if row is not None else limit + 1
                raise too_many_rows(number, found=found, limit=limit)
        return Series(
            time_us=columns["t"],
            value=columns["v"],
            quality=columns["q"],
            level="raw",
            total=len(columns["t"]),
        )

    def waveforms(self, number: int, *, start_us: int, end_us: int) -> Sequence[Waveform]:
        """Waveform blocks that start in [start, end), in order of time."""
        span = {"number": number, "start": _time(start_us), "end": _time(end_us)}
        with self._connections.use() as connection:
            cursor = connection.cursor(binary=True, row_factory=kwargs_row(_waveform))
            blocks = cursor.execute(query("select_waveforms"), span).fetchall()
            before = connection.cursor(row_factory=kwargs_row(_due_us))
            due_us = before.execute(query("select_waveform_before"), span).fetchone()
        return continuity.marked(blocks, first_due_us=due_us)

    def balance(self, since: datetime) -> Sequence[BalanceRow]:
        """Balance per day and source from this day (UTC) on."""
        first = {"since": since.astimezone(UTC).date()}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_balance_row))
            return tuple(cursor.execute(query("select_balance"), first))

    def quarantine(self, source: str | None, *, limit: int) -> Sequence[QuarantineEntry]:
        """Quarantined entries, the newest first."""
        if source is not None and not is_storable(source):
            return ()
        values = {"source": source, "limit": min(max(limit, 0), MOST_QUARANTINE_ENTRIES)}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_entry))
            return tuple(cursor.execute(query("select_quarantine"), values))

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """How often each (source, reason) was seen."""
        with self._connections.use() as connection:
            rows = connection.execute(query("count_quarantine")).fetchall()
        found = cast("list[tuple[str, str, int]]", rows)
        return {(source, reason): seen for source, reason, seen in found}


def _copy(
    connection: Connection, name: str, values: Parameters, *, names: Sequence[str]
) -> Mapping[str, NDArray[Any]]:
    with connection.cursor() as cursor, cursor.copy(query(name), values) as copy:
        return decode_rows(b"".join(bytes(block) for block in copy), names)


def _time(time_us: int) -> datetime:
    return from_us(min(max(time_us, accounts.EARLIEST_US), accounts.LATEST_US))


def _waveform(
    *, number: int, t0: datetime, rate_hz: float, samples: bytes, quality: int
) -> Waveform:
    return Waveform(
        number=number,
        t0_us=to_us(t0),
        rate_hz=rate_hz,
        samples=np.frombuffer(samples, "<f4").astype(np.float32),
        quality=quality,
    )


def _due_us(*, t0: datetime, rate_hz: float, samples: int) -> float:
    return continuity.due_us(t0_us=to_us(t0), rate_hz=rate_hz, samples=samples)


def _balance_row(*, day: date, source: str, **counts: int) -> BalanceRow:
    return BalanceRow(
        day=datetime(day.year, day.month, day.day, tzinfo=UTC), source=source, **counts
    )


def _entry(
    *,
    first_seen: datetime,
    last_seen: datetime,
    topic: bytes,
    state: int,
    time: datetime | None,
    **rest: Any,  # noqa: ANN401 - columns
) -> QuarantineEntry:
    return QuarantineEntry(
        first_seen=first_seen.astimezone(UTC),
        last_seen=last_seen.astimezone(UTC),
        topic=topic.decode(),
        state=accounts.STATES[state],
        time=None if time is None else time.astimezone(UTC),
        **rest,
    )
