"""Gaps in PostgreSQL."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import kwargs_row

from twin.model.gaps import GAP_STATES, Gap, GapState
from twin.store.postgres.connections import Connections
from twin.store.postgres.queries import query
from twin.store.text import cleaned, is_storable


class PostgresGaps:
    """`twin.ports.GapBook` in PostgreSQL."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def note(self, gaps: Iterable[Gap], *, at: datetime) -> None:
        """Add gaps; one that lasts gets its end, one by numbers those that came late."""
        rows = [_row(gap, at) for gap in gaps]
        if not rows:
            return
        rows.sort(key=lambda row: (row["source"], row["key"], row["cause"], row["start"]))
        with self._connections.use() as connection, connection.transaction():
            connection.cursor().executemany(query("upsert_gap"), rows)

    def gaps(
        self,
        *,
        only_open: bool,
        source: str | None = None,
        number: int | None = None,
        since: datetime | None = None,
        limit: int,
    ) -> Sequence[Gap]:
        """Gaps, the newest first."""
        if source is not None and not is_storable(source):
            return ()
        values = {
            "only_open": only_open,
            "source": source,
            "number": number,
            "since": since,
            "limit": max(limit, 0),
        }
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_gap))
            return tuple(cursor.execute(query("select_gaps"), values))

    def due(self, delays: Sequence[timedelta], *, at: datetime, limit: int) -> Sequence[Gap]:
        """Open gaps whose next attempt is due, the longest known first."""
        values = {"delays": list(delays), "most": len(delays), "at": at, "limit": max(limit, 0)}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_gap))
            return tuple(cursor.execute(query("select_due_gaps"), values))

    def resolve(self, gap_id: int, state: GapState) -> None:
        """Say that a gap was filled or is lost; one that was filled stays filled."""
        values = {"id": gap_id, "state": GAP_STATES.index(state)}
        with self._connections.use() as connection:
            connection.execute(query("resolve_gap"), values)

    def count_attempt(self, gap_id: int) -> None:
        """Count that the hook was asked for a gap."""
        with self._connections.use() as connection:
            connection.execute(query("count_gap_attempt"), {"id": gap_id})


def _row(gap: Gap, at: datetime) -> dict[str, Any]:
    return {
        "number": gap.number,
        "source": cleaned(gap.source),
        "key": cleaned(gap.key),
        "cause": gap.cause,
        "start": gap.start,
        "end": gap.end,
        "missing": gap.missing,
        "is_estimated": gap.is_estimated,
        "state": GAP_STATES.index(gap.state),
        "attempts": gap.attempts,
        "noted_at": at,
    }


def _gap(
    *,
    start: datetime,
    end: datetime | None,
    state: int,
    noted_at: datetime,
    **rest: Any,  # noqa: ANN401 - columns
) -> Gap:
    return Gap(
        start=start.astimezone(UTC),
        end=None if end is None else end.astimezone(UTC),
        state=GAP_STATES[state],
        noted_at=noted_at.astimezone(UTC),
        **rest,
    )
