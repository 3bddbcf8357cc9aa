"""What is too old goes, with a proof, in PostgreSQL; see ADR 0014."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

import psycopg
from psycopg.rows import class_row

from twin.model.times import EPOCH
from twin.model.upkeep import (
    PARTITIONED,
    QUARANTINE_BOUND,
    Deletion,
    Expiry,
    Overdue,
    UpkeepRule,
    expiries,
    quarantine_expiries,
    whole_room_expiry,
)
from twin.store.postgres.connections import Connection
from twin.store.postgres.queries import query

logger = logging.getLogger(__name__)

MOST_ROWS = 50_000
UNPARTITIONED = ("reading_revision", "arrival", "latest", "rollup_1h", "rollup_1d")

Span = tuple[datetime, datetime]
Counted = tuple[str, int, datetime, datetime]


class Expirer:
    """One pass of retention on a connection, in transactions of its own.

    Parameters
    ----------
    connection
        In autocommit mode.
    rule
        How long data are kept.
    at
        Present time.
    """

    def __init__(self, connection: Connection, rule: UpkeepRule, *, at: datetime) -> None:
        self._connection = connection
        self._rule = rule
        self._at = at

    def run(self) -> Sequence[Deletion]:
        """Delete what is too old; the new entries of the proof."""
        done: list[Deletion] = []
        for series in PARTITIONED:
            done += self._expire_rooms(series)
        for series in UNPARTITIONED:
            for expiry in expiries(series, self._rule.retention, self._at):
                done += self._delete_rows(expiry, (EPOCH, expiry.before))
        done += self._expire_quarantine()
        return tuple(done)

    def overdue(self) -> Sequence[Overdue]:
        """Rows that should be gone at this time."""
        found: list[Overdue] = []
        for expiry, (first, before) in self._spans():
            values = {
                "series": expiry.series, "classes": list(expiry.classes), "first": first,
                "before": before,
            }  # fmt: skip
            rows = self._connection.execute(query("count_rows"), values).fetchall()
            found += _overdue(expiry, cast("list[Counted]", rows))
        for expiry in quarantine_expiries(self._rule.retention, self._at):
            values = {"before": expiry.before, "classes": list(expiry.classes) or None}
            rows = self._connection.execute(query("count_old_quarantine"), values).fetchall()
            found += _overdue(expiry, cast("list[Counted]", rows))
        return tuple(found)

    def _spans(self) -> Iterator[tuple[Expiry, Span]]:
        """Every rule with the spans of time in which it forbids rows."""
        for series in PARTITIONED:
            rooms = self._rooms(series)
            whole = whole_room_expiry(series, self._rule.retention, self._at)
            for expiry in expiries(series, self._rule.retention, self._at):
                for first, before in rooms:
                    if before <= expiry.before:
                        yield expiry, (first, before)
                    elif first < expiry.before and expiry != whole:
                        yield expiry, (first, expiry.before)
        for series in UNPARTITIONED:
            for expiry in expiries(series, self._rule.retention, self._at):
                yield expiry, (EPOCH, expiry.before)

    def _rooms(self, series: str) -> list[Span]:
        rows = self._connection.execute(query("select_rooms"), {"series": series}).fetchall()
        return [(cast("datetime", first), cast("datetime", before)) for _, first, before in rows]

    def _expire_rooms(self, series: str) -> Iterator[Deletion]:
        """Drop whole partitions, and delete the rows of classes that go earlier.

        In a partition that is dropped those rows go first: the proof names the setting that
        demanded it for each class.
        """
        whole = whole_room_expiry(series, self._rule.retention, self._at)
        rooms = self._rooms(series)
        rules = tuple(expiries(series, self._rule.retention, self._at))
        for room in rooms:
            if whole is not None and room[1] <= whole.before:
                for earlier in (one for one in rules if one != whole):
                    yield from self._delete_rows(earlier, room)
                yield from self._drop_room(whole, room)
        for expiry in rules:
            old = self._old(expiry) if expiry != whole else None
            for first, before in rooms if old is not None else ():
                if old is not None and first <= old[1] and before > old[0]:
                    yield from self._delete_rows(expiry, (first, min(before, expiry.before)))

    def _old(self, expiry: Expiry) -> Span | None:
        """First and last time of the rows that an expiry concerns."""
        values = {
            "series": expiry.series, "classes": list(expiry.classes), "first": EPOCH,
            "before": expiry.before,
        }  # fmt: skip
        rows = cast(
            "list[Counted]", self._connection.execute(query("count_rows"), values).fetchall()
        )
        if not rows:
            return None
        return min(first for _, _, first, _ in rows), max(last for _, _, _, last in rows)

    def _drop_room(self, expiry: Expiry, room: Span) -> Sequence[Deletion]:
        """Drop a partition; if somebody reads in it for long, the next pass does."""
        values = {"series": expiry.series, "first": room[0], "before": room[1]}
        try:
            return self._delete("drop_room", values, rule=expiry.rule)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            facts = {"series": expiry.series, "from": room[0].isoformat()}
            logger.warning("partition_in_use", extra=facts)
            return ()

    def _delete_rows(self, expiry: Expiry, span: Span) -> Iterator[Deletion]:
        values = {
            "series": expiry.series, "classes": list(expiry.classes), "first": span[0],
            "before": span[1], "most": MOST_ROWS,
        }  # fmt: skip
        while deletions := self._delete("delete_rows", values, rule=expiry.rule):
            yield from deletions

    def _expire_quarantine(self) -> Iterator[Deletion]:
        for expiry in quarantine_expiries(self._rule.retention, self._at):
            values = {"before": expiry.before, "classes": list(expiry.classes) or None}
            yield from self._delete("delete_quarantine", values, rule=expiry.rule)
        most = self._rule.retention.quarantine_bytes
        if most > 0:
            rule = f"{QUARANTINE_BOUND} = {most}"
            yield from self._delete("bound_quarantine", {"most": most}, rule=rule)

    def _delete(self, name: str, values: Mapping[str, object], *, rule: str) -> Sequence[Deletion]:
        """Delete through a function of the database, which writes the proof itself."""
        cursor = self._connection.cursor(row_factory=class_row(Deletion))
        facts = {**values, "rule": rule, "made_by": self._rule.made_by}
        with self._connection.transaction():
            return cursor.execute(query(name), facts).fetchall()


def _overdue(expiry: Expiry, rows: Iterable[Counted]) -> Iterator[Overdue]:
    for privacy_class, count, first, last in rows:
        yield Overdue(expiry.series, privacy_class, count, first, last, expiry.rule)
