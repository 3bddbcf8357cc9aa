"""Readings, waveforms, quarantine and balance of the store in memory."""

import threading
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime

import numpy as np

from twin.model.messages import Rejection
from twin.model.observations import (
    Arrivals,
    BalanceRow,
    Batch,
    Latest,
    QuarantineEntry,
    Readings,
    RecordResult,
    Series,
    Waveform,
)
from twin.model.quality import Quality
from twin.model.quarantine import Counts
from twin.model.times import to_us
from twin.store import accounts, continuity, intake
from twin.store.arrivals import Key, resolve
from twin.store.refusals import too_many_rows
from twin.store.sources import Sources

Move = tuple[str, datetime, Counts]
"""Source, time in the day, and what is added to its balance."""
Value = tuple[float, int]
"""A value with its quality."""


class MemoryObservations:
    """The observations of a `MemoryStore`; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._readings: dict[int, dict[int, Value]] = {}
        self._replaced: dict[tuple[int, int], list[tuple[Value, int]]] = {}
        self._arrivals: dict[Key, int] = {}
        self._waveforms: dict[int, dict[int, Waveform]] = {}
        self._latest: dict[int, tuple[int, float, int, int]] = {}
        self._revision = 0
        self._commits: dict[Hashable, int] = {}
        self._balance: dict[tuple[datetime, str], Counter[str]] = {}
        self._quarantine: dict[bytes, QuarantineEntry] = {}
        self._kept: dict[bytes, accounts.QuarantineRow] = {}

    def record(
        self,
        batch: Batch,
        *,
        sources: Mapping[int, str],
        retention_days: int,
        now: datetime,
    ) -> RecordResult:
        """Record a batch once; see `twin.ports.ObservationStore`."""
        limits = intake.horizon(now, retention_days=retention_days)
        known = Sources(sources)
        with self._lock:
            if batch.sequence <= self._commits.get(batch.incarnation, batch.sequence - 1):
                return RecordResult(0, 0, 0, 0, 0, repeated=True)
            accepted = intake.inspect(
                batch,
                sources=known,
                limits=limits,
                resolve=lambda arrivals: resolve(arrivals, self),
            )
            self._commits[batch.incarnation] = batch.sequence
            writer = _Writer(known, correcting=batch.correcting, now_us=to_us(now))
            writer.write_readings(accepted.readings, self._readings, self._replaced)
            writer.write_readings(accepted.corrections, self._readings, self._replaced)
            writer.write_waveforms(accepted, self._waveforms)
            if writer.stored:
                self._revision += 1
                self._update_latest(writer.newest)
                self._correct_latest(writer.corrections)
            rejections = (*accepted.rejections, *writer.conflicts)
            duplicates = accepted.duplicates + writer.duplicates
            self._keep(rejections, now)
            self._count(
                now,
                accounts.balance_changes(
                    batch.tallies,
                    stored=writer.stored,
                    duplicates=duplicates,
                    rejections=rejections,
                    declared_lost=batch.declared_lost,
                ),
            )
            return RecordResult(
                stored=writer.stored.total(),
                duplicate=duplicates.total(),
                conflict=accepted.conflicts + len(writer.conflicts),
                quarantined=len(rejections),
                revision=self._revision if writer.stored else 0,
                corrected=writer.corrected,
            )

    def find(self, arrivals: Arrivals) -> dict[Key, int]:
        """The kept times of those keys that are known."""
        keys = zip(arrivals.number.tolist(), arrivals.key.tolist(), strict=True)
        return {key: self._arrivals[key] for key in keys if key in self._arrivals}

    def are_taken(self, arrivals: Arrivals) -> list[int]:
        """The places of those at whose time their datastream has a reading already."""
        rows = zip(arrivals.number.tolist(), arrivals.time_us.tolist(), strict=True)
        return [
            place
            for place, (number, time_us) in enumerate(rows)
            if time_us in self._readings.get(number, {})
        ]

    def keep(self, arrivals: Arrivals) -> bool:
        """Keep the times of new keys."""
        keys = zip(arrivals.number.tolist(), arrivals.key.tolist(), strict=True)
        self._arrivals.update(zip(keys, arrivals.time_us.tolist(), strict=True))
        return True

    def as_of(self, rows: Readings, as_of_us: int) -> Readings:
        """Readings with the values that they had at an earlier time."""
        value, quality = rows.value.copy(), rows.quality.copy()
        keys = zip(rows.number.tolist(), rows.time_us.tolist(), strict=True)
        with self._lock:
            for place, key in enumerate(keys):
                later = [old for old, until in self._replaced.get(key, ()) if until > as_of_us]
                if later:
                    value[place], quality[place] = later[0]
        return replace(rows, value=value, quality=quality)

    def latest(self, since: int) -> Latest:
        """Newest value per datastream that changed after revision ``since``."""
        with self._lock:
            rows = [(key, *row) for key, row in sorted(self._latest.items()) if row[3] > since]
        return Latest(
            number=np.array([row[0] for row in rows], np.int32),
            time_us=np.array([row[1] for row in rows], np.int64),
            value=np.array([row[2] for row in rows], np.float64),
            quality=np.array([row[3] for row in rows], np.int16),
            revision=max([row[4] for row in rows], default=since),
        )

    def series(self, number: int, *, start_us: int, end_us: int, limit: int) -> Series:
        """Readings of one datastream in [start, end)."""
        with self._lock:
            readings = self._readings.get(number, {})
            rows = sorted((t, *rest) for t, rest in readings.items() if start_us <= t < end_us)
        if len(rows) > limit:
            raise too_many_rows(number, found=len(rows), limit=limit)
        return Series(
            time_us=np.array([row[0] for row in rows], np.int64),
            value=np.array([row[1] for row in rows], np.float64),
            quality=np.array([row[2] for row in rows], np.int16),
            level="raw",
            total=len(rows),
        )

    def waveforms(self, number: int, *, start_us: int, end_us: int) -> Sequence[Waveform]:
        """Waveform blocks that start in [start, end), in order of time."""
        with self._lock:
            blocks = sorted(self._waveforms.get(number, {}).items(), key=lambda item: item[0])
        marked = continuity.marked((block for _, block in blocks), first_due_us=None)
        return tuple(block for block in marked if start_us <= block.t0_us < end_us)

    def balance(self, since: datetime) -> Sequence[BalanceRow]:
        """Balance per day and source from this day (UTC) on."""
        first = _day(since)
        with self._lock:
            rows = [
                BalanceRow(day=day, source=source, **_balance_fields(counts))
                for (day, source), counts in sorted(self._balance.items(), key=lambda row: row[0])
            ]
        return tuple(row for row in rows if row.day >= first)

    def quarantine(self, source: str | None, *, limit: int) -> Sequence[QuarantineEntry]:
        """Quarantined entries, the newest first."""
        with self._lock:
            entries = [e for e in self._quarantine.values() if source in (None, e.source)]
        entries.sort(key=lambda entry: (entry.last_seen, entry.id), reverse=True)
        return tuple(entries[: max(limit, 0)])

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """How often each (source, reason) was seen."""
        counts: Counter[tuple[str, str]] = Counter()
        with self._lock:
            for entry in self._quarantine.values():
                counts[entry.source, entry.reason] += entry.seen
        return dict(counts)

    def times(self, kind: str, number: int) -> Sequence[int]:
        """Times of all readings, or begins of all waveforms, of one datastream."""
        with self._lock:
            kept = self._waveforms if kind == "waveform" else self._readings
            return tuple(kept.get(number, {}))

    def old_rows(
        self, series: str, numbers: Collection[int] | None, before_us: int, *, is_deleted: bool
    ) -> Sequence[tuple[int | None, int]]:
        """Number and time of rows before a time, of these datastreams; deletes them if told so."""
        with self._lock:
            if series == "quarantine":
                return (
                    self._old_quarantine(before_us, is_deleted=is_deleted)
                    if numbers is None
                    else ()
                )
            kept = {"reading": self._readings, "waveform": self._waveforms}.get(series)
            wanted = set(numbers or ())
            if series == "latest":
                old = [(n, row[0]) for n, row in self._latest.items() if row[0] < before_us]
            else:
                old = [(n, t) for n in wanted for t in (kept or {}).get(n, ()) if t < before_us]
            old = [(number, time_us) for number, time_us in old if number in wanted]
            for number, time_us in old if is_deleted else ():
                if kept is not None:
                    del kept[number][time_us]
                else:
                    del self._latest[number]
            return old

    def _old_quarantine(
        self, before_us: int, *, is_deleted: bool
    ) -> Sequence[tuple[int | None, int]]:
        old = {
            key: to_us(entry.last_seen)
            for key, entry in self._quarantine.items()
            if to_us(entry.last_seen) < before_us
        }
        for key in old if is_deleted else ():
            del self._quarantine[key]
        return [(None, time_us) for time_us in old.values()]

    def _update_latest(self, newest: Mapping[int, tuple[int, float, int]]) -> None:
        for number, (time_us, value, mask) in newest.items():
            known = self._latest.get(number)
            if known is None or time_us > known[0]:
                self._latest[number] = (time_us, value, mask, self._revision)

    def _correct_latest(self, corrections: Mapping[tuple[int, int], Value]) -> None:
        for (number, time_us), (value, mask) in corrections.items():
            if number in self._latest and self._latest[number][0] == time_us:
                self._latest[number] = (time_us, value, mask, self._revision)

    def cases(self) -> list[tuple[QuarantineEntry, accounts.QuarantineRow]]:
        """Entries of the quarantine with what is kept of them."""
        with self._lock:
            return [(entry, self._kept[key]) for key, entry in self._quarantine.items()]

    def settle_case(self, case_id: int, *, state: str, moves: Sequence[Move]) -> None:
        """Give a case another state, if one is named, and move counts of the balance."""
        with self._lock:
            for key, entry in self._quarantine.items():
                if entry.id == case_id and state:
                    self._quarantine[key] = replace(entry, state=state)
            for source, day, counts in moves:
                self._balance.setdefault((_day(day), source), Counter()).update(asdict(counts))

    def _keep(self, rejections: Sequence[Rejection], now: datetime) -> None:
        for row in accounts.quarantine_rows(rejections, at=now):
            known = self._quarantine.get(row.fingerprint)
            if known is not None:
                self._quarantine[row.fingerprint] = replace(
                    known, seen=known.seen + row.seen, last_seen=max(known.last_seen, row.seen_at)
                )
                continue
            self._kept[row.fingerprint] = row
            self._quarantine[row.fingerprint] = QuarantineEntry(
                id=len(self._quarantine) + 1,
                first_seen=row.seen_at,
                last_seen=row.seen_at,
                seen=row.seen,
                source=row.source,
                topic=row.topic.decode(),
                reason=row.reason,
                detail=row.detail,
                codec=row.codec,
                size_bytes=row.size_bytes,
                head=row.head,
                state=accounts.STATES[0],
                datastream_number=row.number,
                time=row.time,
                value=row.value,
                stored_value=row.stored_value,
            )

    def _count(self, now: datetime, changes: Mapping[str, accounts.BalanceChange]) -> None:
        for source, change in changes.items():
            counts = self._balance.setdefault((_day(now), source), Counter())
            counts.update(_balance_fields(change))


class _Writer:
    """Writes the accepted rows of one batch and counts what became of them."""

    def __init__(self, sources: Sources, *, correcting: frozenset[str], now_us: int) -> None:
        self._sources = sources
        self._correcting = correcting
        self._now_us = now_us
        self.stored: Counter[str] = Counter()
        self.duplicates: Counter[str] = Counter()
        self.conflicts: list[Rejection] = []
        self.newest: dict[int, tuple[int, float, int]] = {}
        self.corrections: dict[tuple[int, int], Value] = {}
        self.corrected = 0

    def write_readings(
        self,
        rows: Readings,
        readings: dict[int, dict[int, Value]],
        replaced: dict[tuple[int, int], list[tuple[Value, int]]],
    ) -> None:
        for number, time_us, value, mask in zip(
            rows.number.tolist(),
            rows.time_us.tolist(),
            rows.value.tolist(),
            rows.quality.tolist(),
            strict=True,
        ):
            source = self._sources.of(number)
            known = readings.setdefault(number, {}).get(time_us)
            if known is None:
                readings[number][time_us] = (value, mask)
                self._accept(number, time_us, value, mask)
                continue
            earlier = replaced.get((number, time_us), [])
            may_correct = source in self._correcting
            if known[0] == value or (may_correct and value in [old[0] for old, _ in earlier]):
                self.duplicates[source] += 1
            elif may_correct:
                replaced[number, time_us] = [*earlier, (known, self._now_us)]
                readings[number][time_us] = (value, mask | Quality.CORRECTED)
                self._correct(number, time_us, value, mask | Quality.CORRECTED)
            else:
                self.conflicts.append(
                    intake.contradiction(
                        source=source, number=number, time_us=time_us, value=value, stored=known[0]
                    )
                )

    def write_waveforms(
        self, accepted: intake.Intake, waveforms: dict[int, dict[int, Waveform]]
    ) -> None:
        for block in accepted.waveforms:
            source = self._sources.of(block.number)
            known = waveforms.setdefault(block.number, {}).get(block.t0_us)
            if known is None:
                waveforms[block.number][block.t0_us] = block
                self._accept(block.number, block.end_us, block.rms, block.quality)
            elif intake.is_same_waveform(known, block):
                self.duplicates[source] += 1
            else:
                self.conflicts.append(intake.contradicting_waveform(block, source=source))

    def _accept(self, number: int, time_us: int, value: float, mask: int) -> None:
        self.stored[self._sources.of(number)] += 1
        newest = self.newest.get(number)
        if newest is None or time_us > newest[0]:
            self.newest[number] = (time_us, value, mask)

    def _correct(self, number: int, time_us: int, value: float, mask: int) -> None:
        self.stored[self._sources.of(number)] += 1
        self.corrected += 1
        self.corrections[number, time_us] = (value, mask)


def _day(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _balance_fields(counts: Mapping[str, int] | accounts.BalanceChange) -> dict[str, int]:
    names = [item.name for item in fields(accounts.BalanceChange)]
    if isinstance(counts, accounts.BalanceChange):
        return {name: getattr(counts, name) for name in names}
    return {name: counts.get(name, 0) for name in names}
