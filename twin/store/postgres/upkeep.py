"""`twin.ports.Upkeep` on PostgreSQL: rollups; see ADR 0014."""

import logging
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

import numpy as np
import psycopg
from psycopg.rows import class_row

from twin.model.upkeep import (
    Compression,
    Deletion,
    Overdue,
    RollupReport,
    UpkeepRule,
)
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.failures import store_error
from twin.store.postgres.queries import query
from twin.store.postgres.upkeep_expiry import Expirer
from twin.store.upkeep import SERIES, SETTLE_S, Level, Origin, PlanRow, UpkeepStream, plan

logger = logging.getLogger(__name__)

MOST_BUCKETS = 50_000
MOST_PER_LEVEL = 100_000
MOST_TAKES = 40
POSTPONED = timedelta(minutes=5)
COMPRESS_AFTER = timedelta(days=30)
_SPANS = {
    Level.TEN_SECONDS: timedelta(days=1),
    Level.MINUTE: timedelta(days=1),
    Level.HOUR: timedelta(days=1),
    Level.DAY: timedelta(days=31),
}
_ROLL = {
    Origin.READINGS: "roll_readings",
    Origin.WAVEFORMS: "roll_waveforms",
    Origin.MINUTES: "roll_minutes",
    Origin.HOURS: "roll_hours",
}
_KEEP = {
    Level.TEN_SECONDS: "keep_rollup_10s",
    Level.MINUTE: "keep_rollup_1m",
    Level.HOUR: "keep_rollup_1h",
    Level.DAY: "keep_rollup_1d",
}
_DROP = {
    Level.TEN_SECONDS: "drop_rollup_10s",
    Level.MINUTE: "drop_rollup_1m",
    Level.HOUR: "drop_rollup_1h",
    Level.DAY: "drop_rollup_1d",
}
# A transaction holds at most MOST_BUCKETS; ten-second buckets wait as minutes.
_MOST_WAITING = {Level.TEN_SECONDS: MOST_BUCKETS // 6}


@dataclass(frozen=True, slots=True)
class _Group:
    """Due buckets of one level whose begins lie in [first, last]."""

    level: Level
    first: datetime
    last: datetime
    at: datetime
    rule: UpkeepRule

    def values(self) -> dict[str, object]:
        return {
            "level": int(self.level), "at": self.at, "first": self.first, "last": self.last,
            "most": _MOST_WAITING.get(self.level, MOST_BUCKETS), "zone": self.rule.zone,
        }  # fmt: skip


class PostgresUpkeep:
    """Rollups and retention, by one process at a time, on a connection of its own."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._rooms_wanted = False
        self._rooms: set[tuple[str, date]] = set()
        self._planned: object = None

    def lead(self) -> bool:
        """Whether this process does the upkeep; stays so until its connection ends."""
        with self._session() as connection:
            return connection is not None

    def roll(
        self, rule: UpkeepRule, *, at: datetime, settle_s: float = SETTLE_S
    ) -> RollupReport | None:
        """One pass over the rollups; None if another process does the upkeep."""
        with self._session() as connection:
            if connection is None:
                return None
            self._renew_plan(connection, rule, at=at)
            taken = self._take(connection, at=at, settle_s=settle_s)
            computed = removed = postponed = 0
            for level in Level:
                made, gone, waiting = self._roll_level(connection, level, rule, at=at)
                computed, removed, postponed = computed + made, removed + gone, postponed + waiting
            row = connection.execute(query("count_pending"), {"at": at}).fetchone()
            pending, oldest = cast("tuple[int, datetime | None]", row)
            return RollupReport(taken, computed, removed, postponed, pending, oldest)

    def expire(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Deletion] | None:
        """Delete what is too old; None if another process does the upkeep."""
        with self._session() as connection:
            if connection is None:
                return None
            self._rooms.clear()
            deletions = Expirer(connection, rule, at=at).run()
            if deletions:
                self._planned = None
            return deletions

    def compress(self, rule: UpkeepRule) -> Compression:
        """Switch the compression of old chunks on or off where the server offers it."""
        values = {"is_wanted": rule.is_compressed, "compress_after": COMPRESS_AFTER}
        with self._connections.use() as connection:
            row = connection.execute(query("set_compression"), values).fetchone()
        return cast("Compression", row[0] if row is not None else "not offered")

    def deletions(self) -> Sequence[Deletion]:
        """The proof of deletion, from the first entry on."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=class_row(Deletion))
            return tuple(cursor.execute(query("select_deletions")))

    def overdue(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Overdue]:
        """Rows that should have been deleted before this time."""
        with self._connections.use() as connection:
            return Expirer(connection, rule, at=at).overdue()

    def close(self) -> None:
        """Give the office back."""
        with self._lock:
            self._drop_connection()

    # The connection is the office: whoever holds the lock on it does the upkeep.

    @contextmanager
    def _session(self) -> Generator[Connection | None]:
        with self._lock:
            try:
                yield self._open()
            except psycopg.Error as error:
                self._drop_connection()
                raise store_error(error) from error

    def _open(self) -> Connection | None:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = self._connections.open()
        if connection.execute(query("lead_upkeep")).fetchone() != (True,):
            connection.close()
            return None
        # Always a plan for these very times: only then partitions are left out.
        connection.prepare_threshold = None
        connection.execute(query("prepare_upkeep"))
        answer = connection.execute(query("select_meta")).fetchone()
        self._rooms_wanted = answer is not None and answer[1] == "native"
        self._rooms.clear()
        self._planned = None
        self._connection = connection
        return connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # Plan

    def _renew_plan(self, connection: Connection, rule: UpkeepRule, *, at: datetime) -> None:
        """Fill the temporary table of the plan when the registry, the day or the rule changed."""
        answer = connection.execute(query("select_meta")).fetchone()
        version = (answer, rule, at.date())
        if version == self._planned:
            return
        cursor = connection.cursor(row_factory=class_row(UpkeepStream))
        streams = cursor.execute(query("select_upkeep_streams")).fetchall()
        rows = connection.execute(query("select_deleted_until")).fetchall()
        deleted = {(series, name): time for series, name, time in rows}
        made = plan(streams, rule, now=at, deleted_until=cast("dict", deleted))
        with connection.transaction():
            connection.execute(query("clear_upkeep_plan"))
            connection.execute(query("insert_upkeep_plan"), _columns(made))
            connection.execute(query("analyze_upkeep_plan"))
        _make_again(connection, streams, rule, at=at)
        self._planned = version

    # Queue

    def _take(self, connection: Connection, *, at: datetime, settle_s: float) -> int:
        total = 0
        for _ in range(MOST_TAKES):
            values = {"at": at, "settle": timedelta(seconds=settle_s)}
            row = connection.execute(query("take_dirty"), values).fetchone()
            taken = cast("int", row[0]) if row is not None else 0
            total += taken
            if not taken:
                break
        return total

    def _roll_level(
        self, connection: Connection, level: Level, rule: UpkeepRule, *, at: datetime
    ) -> tuple[int, int, int]:
        """Buckets of a level that were written, removed, postponed; the backlog may stay."""
        computed = removed = postponed = 0
        while computed + removed < MOST_PER_LEVEL:
            group = _next_group(connection, level, rule, at=at)
            if group is None:
                break
            if self._make_room(connection, group):
                made, gone = _compute(connection, group)
                computed += made
                removed += gone
            else:
                postponed += _postpone(connection, group)
        return computed, removed, postponed

    def _make_room(self, connection: Connection, group: _Group) -> bool:
        """Whether there are partitions for these buckets."""
        series = SERIES[group.level]
        if not self._rooms_wanted or group.level > Level.MINUTE:
            return True
        for day in {group.first.date(), group.last.date()}:
            if (series, day) in self._rooms:
                continue
            values = {"series": series, "day": day}
            if connection.execute(query("make_room"), values).fetchone() == ("full",):
                return False
            self._rooms.add((series, day))
        return True


def _columns(rows: Sequence[PlanRow]) -> Mapping[str, object]:
    return {
        "ds": np.array([row.number for row in rows], np.int32),
        "level": np.array([row.level for row in rows], np.int16),
        "source": np.array([row.origin for row in rows], np.int16),
        "agg": np.array([row.aggregation for row in rows], np.int16),
        "first": [row.first for row in rows],
        "before": [row.before for row in rows],
    }


def _next_group(
    connection: Connection, level: Level, rule: UpkeepRule, *, at: datetime
) -> _Group | None:
    values = {"level": int(level), "at": at, "span": _SPANS[level]}
    row = connection.execute(query("select_next_due"), values).fetchone()
    first, last = cast("tuple[datetime | None, datetime | None]", row)
    if first is None or last is None:
        return None
    return _Group(level, first, last, at, rule)


def _postpone(connection: Connection, group: _Group) -> int:
    values = group.values() | {"until": group.at + POSTPONED}
    return connection.execute(query("postpone_due"), values).rowcount


def _compute(connection: Connection, group: _Group) -> tuple[int, int]:
    """Recompute the due buckets of a group in one transaction: how many were written, removed."""
    with connection.transaction():
        rows = connection.execute(query("pick_due"), group.values()).fetchall()
        picked = cast("list[tuple[int, int, datetime, datetime]]", rows)
        if not picked:
            return 0, 0
        made = removed = 0
        for origin, _, first, before in picked:
            values = {"first": first, "before": before, "bad": group.rule.bad_mask}
            made += connection.execute(query(_ROLL[Origin(origin)]), values).rowcount
        if made:
            connection.execute(query(_KEEP[group.level]))
        if made < sum(count for _, count, _, _ in picked):
            span = {
                "first": min(first for _, _, first, _ in picked),
                "before": max(before for _, _, _, before in picked),
            }
            removed = connection.execute(query(_DROP[group.level]), span).rowcount
        if group.level == Level.TEN_SECONDS:
            connection.execute(query("schedule_open_minutes"), {"at": group.at})
        elif group.level == Level.MINUTE:
            connection.execute(query("schedule_hours"), {"at": group.at})
        elif group.level == Level.HOUR:
            connection.execute(query("schedule_days"), {"at": group.at, "zone": group.rule.zone})
    return made, removed


def _make_again(
    connection: Connection, streams: Sequence[UpkeepStream], rule: UpkeepRule, *, at: datetime
) -> None:
    """Enter every bucket of new and of changed datastreams into the queue."""
    rows = connection.execute(query("select_rollup_streams")).fetchall()
    known = {number: (made_as, zone) for number, made_as, zone in rows}
    texts = {stream.number: stream.made_as(rule) for stream in streams}
    changed = [s for s in streams if known.get(s.number, ("",))[0] != texts[s.number]]
    moved = [s.number for s in streams if s.number in known and known[s.number][1] != rule.zone]
    if not changed and not moved:
        return
    with connection.transaction():
        for series in ("reading", "waveform"):
            numbers = [s.number for s in changed if s.kind == series]
            if numbers:
                _schedule_all(connection, series, numbers, at=at)
        if moved:
            days = {"ds": np.array(moved, np.int32), "zone": rule.zone, "at": at}
            connection.execute(query("delete_days"), days)
            connection.execute(query("schedule_all_days"), days)
        fresh = sorted({s.number for s in changed} | set(moved))
        values = {
            "ds": np.array(fresh, np.int32),
            "made_as": [texts[number] for number in fresh],
            "zone": rule.zone,
        }
        connection.execute(query("upsert_rollup_streams"), values)
    logger.info("rollups_made_again", extra={"streams": len(fresh)})


def _schedule_all(
    connection: Connection, series: str, numbers: Sequence[int], *, at: datetime
) -> None:
    rooms = connection.execute(query("select_rooms"), {"series": series}).fetchall()
    name = "schedule_all_readings" if series == "reading" else "schedule_all_waveforms"
    for _, first, before in rooms:
        values = {"ds": np.array(numbers, np.int32), "first": first, "before": before, "at": at}
        connection.execute(query(name), values)
