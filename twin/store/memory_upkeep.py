"""`twin.ports.Upkeep` of the store in memory: the same buckets, the same deletions."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np

from twin.model.datastreams import Datastream
from twin.model.observations import Batch, Readings
from twin.model.times import from_us, to_us
from twin.model.upkeep import (
    PARTITIONED,
    Compression,
    Deletion,
    Expiry,
    Overdue,
    Rollup,
    RollupReport,
    UpkeepRule,
    chained,
    expiries,
    quarantine_expiries,
)
from twin.store import buckets
from twin.store.buckets import HOUR_US, MINUTE_US
from twin.store.memory_observations import MemoryObservations
from twin.store.upkeep import SERIES, SETTLE_S, Level, Origin, PlanRow, UpkeepStream, plan

_SECOND_US = 1_000_000
_OPEN_HOUR_US = 60 * _SECOND_US  # from readings
_OPEN_PARENT_US = 300 * _SECOND_US  # from minutes
_OPEN_DAY_US = 600 * _SECOND_US
_RAW = (Origin.READINGS, Origin.WAVEFORMS)

Place = tuple[Level, int, int]


class MemoryUpkeep:
    """Rollups and retention in memory; may be used from any thread.

    Parameters
    ----------
    observations
        What was recorded.
    streams
        Returns the datastreams of the registry.
    """

    def __init__(
        self, observations: MemoryObservations, streams: Callable[[], Sequence[Datastream]]
    ) -> None:
        self._observations = observations
        self._streams = streams
        self._lock = threading.RLock()
        self._dirty: set[tuple[int, int]] = set()
        self._pending: dict[Place, int] = {}
        self._rollups: dict[Level, dict[tuple[int, int], Rollup]] = {level: {} for level in Level}
        self._made: dict[int, tuple[str, str]] = {}
        self._deletions: list[Deletion] = []
        self._plan: dict[tuple[int, Level], list[PlanRow]] = {}

    def note(self, batch: Batch) -> None:
        """Remember the minutes of rows that were recorded just now."""
        touched = {(block.number, _minute_us(block.t0_us)) for block in batch.waveforms}
        for rows in (batch.readings, batch.arrivals):
            minutes = rows.time_us // MINUTE_US * MINUTE_US
            touched |= set(zip(rows.number.tolist(), minutes.tolist(), strict=True))
        with self._lock:
            self._dirty |= touched

    def rollups(self, series: str) -> Sequence[Rollup]:
        """All buckets of a level (``rollup_1m`` ...), by datastream and time."""
        level = next(level for level, name in SERIES.items() if name == series)
        with self._lock:
            return tuple(row for _, row in sorted(self._rollups[level].items()))

    # Protocol

    def lead(self) -> bool:
        """Always True: there is one process."""
        return True

    def roll(self, rule: UpkeepRule, *, at: datetime, settle_s: float = SETTLE_S) -> RollupReport:
        """One pass over the rollups."""
        with self._lock:
            now_us = to_us(at)
            self._renew_plan(rule, at=at)
            taken = self._take(now_us, settle_us=round(settle_s * _SECOND_US))
            computed = removed = 0
            for level in Level:
                due = [place for place, time in self._pending.items() if time <= now_us]
                made, gone = self._compute(
                    [place for place in due if place[0] == level], rule=rule, now_us=now_us
                )
                computed += made
                removed += gone
            oldest = min((due for due in self._pending.values() if due <= now_us), default=None)
            return RollupReport(
                taken=taken,
                computed=computed,
                removed=removed,
                pending=len(self._pending),
                oldest_due=None if oldest is None else from_us(oldest),
            )

    def expire(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Deletion]:
        """Delete what is too old; the new entries of the proof."""
        with self._lock:
            found = []
            for expiry in self._expiries(rule, at):
                times = self._times(expiry, is_deleted=True)
                found += _entries(expiry, times, rule=rule, at=at)
            newest = self._deletions[-1] if self._deletions else None
            sealed = chained(found, after=newest)
            self._deletions += sealed
            return sealed

    def compress(self, rule: UpkeepRule) -> Compression:  # noqa: ARG002 - as of databases
        """Memory is not compressed."""
        return "not offered"

    def deletions(self) -> Sequence[Deletion]:
        """The proof of deletion, from the first entry on."""
        with self._lock:
            return tuple(self._deletions)

    def overdue(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Overdue]:
        """Rows that should have been deleted before this time."""
        found = []
        with self._lock:
            for expiry in self._expiries(rule, at):
                for privacy_class, times in self._times(expiry, is_deleted=False).items():
                    found.append(
                        Overdue(
                            expiry.series, privacy_class, len(times), from_us(min(times)),
                            from_us(max(times)), expiry.rule,
                        )
                    )  # fmt: skip
        return tuple(found)

    # Queue

    def _renew_plan(self, rule: UpkeepRule, *, at: datetime) -> None:
        streams = [
            UpkeepStream(item.number, item.quantity, item.kind, item.cadence_s, item.privacy_class)
            for item in self._streams()
            if item.number is not None
        ]
        deleted: dict[tuple[str, str], datetime] = {}
        for entry in self._deletions:
            key = entry.series, entry.privacy_class
            deleted[key] = max(entry.t_to, deleted.get(key, entry.t_to))
        self._plan = defaultdict(list)
        for row in plan(streams, rule, now=at, deleted_until=deleted):
            self._plan[row.number, row.level].append(row)
        for stream in streams:
            self._make_again(stream, rule, now_us=to_us(at))

    def _make_again(self, stream: UpkeepStream, rule: UpkeepRule, *, now_us: int) -> None:
        wanted = stream.made_as(rule), rule.zone
        known = self._made.get(stream.number)
        self._made[stream.number] = wanted
        if known is None or known[0] != wanted[0]:
            times = self._observations.times(stream.kind, stream.number)
            self._dirty |= {(stream.number, _minute_us(time)) for time in times}
        if known is not None and known[1] != wanted[1]:
            days = self._rollups[Level.DAY]
            for place in [place for place in days if place[0] == stream.number]:
                del days[place]
            for number, begin_us in self._rollups[Level.HOUR]:
                if number == stream.number:
                    day_us = buckets.day_begin_us(begin_us, rule.zone)
                    self._enter((Level.DAY, number, day_us), due_us=now_us)

    def _take(self, now_us: int, *, settle_us: int) -> int:
        dirty, self._dirty = self._dirty, set()
        for number, minute_us in dirty:
            for level in (Level.TEN_SECONDS, Level.MINUTE, Level.HOUR):
                begin_us = minute_us // HOUR_US * HOUR_US if level == Level.HOUR else minute_us
                row = self._row(level, number, begin_us)
                if row is not None and row.origin in _RAW:
                    due_us = _due_us(level, begin_us, now_us=now_us, settle_us=settle_us)
                    self._enter((level, number, begin_us), due_us=due_us)
        return len(dirty)

    def _enter(self, place: Place, *, due_us: int) -> None:
        self._pending[place] = min(due_us, self._pending.get(place, due_us))

    def _row(self, level: Level, number: int, begin_us: int) -> PlanRow | None:
        """How this bucket is made; None if it may not be made now."""
        for row in self._plan.get((number, level), ()):
            if to_us(row.first) <= begin_us < to_us(row.before):
                return row
        return None

    # Buckets

    def _compute(
        self, places: Sequence[Place], *, rule: UpkeepRule, now_us: int
    ) -> tuple[int, int]:
        computed = removed = 0
        for place in places:
            del self._pending[place]
            level, number, begin_us = place
            row = self._row(level, number, begin_us)
            if row is None:
                continue
            kept = self._rollups[level]
            for first_us, end_us in _due_spans(level, begin_us, rule.zone, now_us=now_us):
                made = self._made_from(row, first_us, end_us, rule)
                if made is not None:
                    kept[number, first_us] = made
                    computed += 1
                elif kept.pop((number, first_us), None) is not None:
                    removed += 1
            self._enter_parent(place, rule, now_us=now_us)
        return computed, removed

    def _made_from(
        self, row: PlanRow, first_us: int, end_us: int, rule: UpkeepRule
    ) -> Rollup | None:
        number = row.number
        if row.origin == Origin.READINGS:
            found = self._observations.series(
                number, start_us=first_us, end_us=end_us, limit=1 << 62
            )
            rows = Readings(
                np.full(len(found.time_us), number, np.int32), found.time_us, found.value,
                found.quality,
            )  # fmt: skip
            return buckets.of_readings(
                rows, first_us, bad_mask=rule.bad_mask, aggregation=row.aggregation
            )
        if row.origin == Origin.WAVEFORMS:
            blocks = self._observations.waveforms(number, start_us=first_us, end_us=end_us)
            return buckets.of_waveforms(
                blocks, first_us, bad_mask=rule.bad_mask, aggregation=row.aggregation
            )
        finer = self._rollups[Level.MINUTE if row.origin == Origin.MINUTES else Level.HOUR]
        width_us = MINUTE_US if row.origin == Origin.MINUTES else HOUR_US
        begin_us = -(-first_us // width_us) * width_us
        parts = (finer.get((number, time)) for time in range(begin_us, end_us, width_us))
        return buckets.merged([part for part in parts if part is not None], first_us)

    def _enter_parent(self, place: Place, rule: UpkeepRule, *, now_us: int) -> None:
        level, number, begin_us = place
        if level == Level.TEN_SECONDS and begin_us + MINUTE_US > now_us:
            self._enter(place, due_us=begin_us + MINUTE_US + 5 * _SECOND_US)
        if level == Level.MINUTE:
            parent_us, wait_us = begin_us // HOUR_US * HOUR_US, _OPEN_PARENT_US
            end_us, parent = parent_us + HOUR_US, Level.HOUR
        elif level == Level.HOUR:
            parent_us, wait_us = buckets.day_begin_us(begin_us, rule.zone), _OPEN_DAY_US
            end_us, parent = buckets.day_end_us(parent_us, rule.zone), Level.DAY
        else:
            return
        row = self._row(parent, number, parent_us)
        if row is not None and row.origin not in _RAW:
            due_us = now_us if end_us <= now_us else now_us + wait_us
            self._enter((parent, number, parent_us), due_us=due_us)

    # Retention

    def _expiries(self, rule: UpkeepRule, at: datetime) -> list[Expiry]:
        others = ("reading_revision", "arrival", "latest", "rollup_1h", "rollup_1d")
        found = [
            expiry
            for series in (*PARTITIONED, *others)
            for expiry in expiries(series, rule.retention, at)
        ]
        return [*found, *quarantine_expiries(rule.retention, at)]

    def _times(self, expiry: Expiry, *, is_deleted: bool) -> Mapping[str, list[int]]:
        """Times of the rows that an expiry concerns, by privacy class; deletes them if told so."""
        before_us = to_us(expiry.before)
        level = next((key for key, name in SERIES.items() if name == expiry.series), None)
        numbers = [
            item.number
            for item in self._streams()
            if item.number is not None and item.privacy_class in expiry.classes
        ]
        if level is None:
            everybody = not expiry.classes
            return self._by_class(
                self._observations.old_rows(
                    expiry.series, None if everybody else numbers, before_us, is_deleted=is_deleted
                )
            )
        wanted = set(numbers)
        old = [p for p in self._rollups[level] if p[0] in wanted and p[1] < before_us]
        if is_deleted:
            for place in old:
                del self._rollups[level][place]
        return self._by_class(old)

    def _by_class(self, rows: Iterable[tuple[int | None, int]]) -> Mapping[str, list[int]]:
        classes = {item.number: item.privacy_class for item in self._streams()}
        found: dict[str, list[int]] = {}
        for number, time_us in rows:
            found.setdefault(classes.get(number, "") if number else "", []).append(time_us)
        return found


def _due_spans(level: Level, begin_us: int, zone: str, *, now_us: int) -> Iterator[tuple[int, int]]:
    """Of a minute that is not over only the ten seconds that ended just now."""
    is_open = level == Level.TEN_SECONDS and begin_us + MINUTE_US > now_us
    for first_us, end_us in buckets.spans(level, begin_us, zone):
        if not is_open or now_us - 15 * _SECOND_US <= end_us <= now_us:
            yield first_us, end_us


def _minute_us(time_us: int) -> int:
    return time_us // MINUTE_US * MINUTE_US


def _due_us(level: Level, begin_us: int, *, now_us: int, settle_us: int) -> int:
    end_us = begin_us + (HOUR_US if level == Level.HOUR else MINUTE_US)
    five_us = 5 * _SECOND_US
    if end_us <= now_us:
        return now_us + settle_us
    if level == Level.HOUR:
        return min(end_us + five_us, now_us + _OPEN_HOUR_US)
    if level == Level.MINUTE:
        return end_us + five_us
    ten_us = 10 * _SECOND_US
    return max(begin_us, now_us // ten_us * ten_us) + ten_us + five_us


def _entries(
    expiry: Expiry, times: Mapping[str, list[int]], *, rule: UpkeepRule, at: datetime
) -> list[Deletion]:
    return [
        Deletion(
            number=0,
            deleted_at=at,
            series=expiry.series,
            privacy_class=privacy_class,
            t_from=from_us(min(found)),
            t_to=from_us(max(found)),
            row_count=len(found),
            rule=expiry.rule,
            made_by=rule.made_by,
        )
        for privacy_class, found in times.items()
    ]
