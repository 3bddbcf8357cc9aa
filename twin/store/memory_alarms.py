"""Alarms of the store in memory."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from twin.model.alarms import Alarm
from twin.store.refusals import check_alarm_kind
from twin.store.text import cleaned


class MemoryAlarms:
    """`twin.ports.AlarmBoard` in memory; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alarms: list[Alarm] = []

    def open(self, kind: str, subject: str, *, detail: str, at: datetime) -> None:
        """Open an alarm, or confirm the one that is open."""
        check_alarm_kind(kind)
        subject, detail = cleaned(subject), cleaned(detail)
        with self._lock:
            row = self._open_row(kind, subject)
            if row is None:
                self._alarms.append(Alarm(kind, subject, detail, opened_at=at, seen_at=at))
            else:
                known = self._alarms[row]
                seen_at = max(known.seen_at, at)
                self._alarms[row] = replace(known, detail=detail, seen_at=seen_at)

    def close(self, kind: str, subject: str, *, at: datetime) -> None:
        """Close an alarm; nothing happens if none is open."""
        check_alarm_kind(kind)
        with self._lock:
            row = self._open_row(kind, cleaned(subject))
            if row is not None:
                known = self._alarms[row]
                self._alarms[row] = replace(known, closed_at=max(at, known.opened_at))

    def alarms(self, *, only_open: bool, limit: int) -> Sequence[Alarm]:
        """Alarms, open ones first, then the newest first."""
        with self._lock:
            numbered = [
                (alarm.is_open, alarm.opened_at, row) for row, alarm in enumerate(self._alarms)
            ]
            ordered = [self._alarms[row] for _, _, row in sorted(numbered, reverse=True)]
        wanted = [alarm for alarm in ordered if alarm.is_open or not only_open]
        return tuple(wanted[: max(limit, 0)])

    def _open_row(self, kind: str, subject: str) -> int | None:
        for row, alarm in enumerate(self._alarms):
            if (alarm.kind, alarm.subject) == (kind, subject) and alarm.is_open:
                return row
        return None
