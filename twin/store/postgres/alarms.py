"""Alarms in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from psycopg.rows import class_row

from twin.model.alarms import Alarm
from twin.store.postgres.connections import Connections
from twin.store.postgres.queries import query
from twin.store.refusals import check_alarm_kind
from twin.store.text import cleaned


class PostgresAlarms:
    """`twin.ports.AlarmBoard` in PostgreSQL."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def open(self, kind: str, subject: str, *, detail: str, at: datetime) -> None:
        """Open an alarm, or confirm the one that is open."""
        check_alarm_kind(kind)
        values = {"kind": kind, "subject": cleaned(subject), "detail": cleaned(detail), "at": at}
        with self._connections.use() as connection:
            connection.execute(query("open_alarm"), values)

    def close(self, kind: str, subject: str, *, at: datetime) -> None:
        """Close an alarm; nothing happens if none is open."""
        check_alarm_kind(kind)
        with self._connections.use() as connection:
            connection.execute(
                query("close_alarm"), {"kind": kind, "subject": cleaned(subject), "at": at}
            )

    def alarms(self, *, only_open: bool, limit: int) -> Sequence[Alarm]:
        """Alarms, open ones first, then the newest first."""
        values = {"only_open": only_open, "limit": max(limit, 0)}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=class_row(Alarm))
            return tuple(_in_utc(row) for row in cursor.execute(query("select_alarms"), values))


def _in_utc(alarm: Alarm) -> Alarm:
    return replace(
        alarm,
        opened_at=alarm.opened_at.astimezone(UTC),
        seen_at=alarm.seen_at.astimezone(UTC),
        closed_at=None if alarm.closed_at is None else alarm.closed_at.astimezone(UTC),
    )
