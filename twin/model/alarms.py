"""Alarms: states of the system itself that somebody should look at."""

from dataclasses import dataclass
from datetime import datetime

from twin.model.tables import rows

ALARM_KINDS = frozenset(row["key"] for row in rows("alarm_kinds"))


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, from the moment it was opened until it was closed.

    Parameters
    ----------
    kind
        Key of the table ``alarm_kinds.csv``, which holds severity, words and remedy.
    subject
        What it is about: a source, an ingester, a broker, a datastream.
    detail
        Which value, since when; one sentence.
    opened_at, seen_at, closed_at
        Aware UTC: begin, last confirmation, end (None while it is open).
    """

    kind: str
    subject: str
    detail: str
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still holds."""
        return self.closed_at is None
