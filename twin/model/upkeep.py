"""How long data are kept, and the proof that they were deleted; pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from twin.model.quality import SUSPECT_MASK

FIRST_HASH = bytes(32)
SHORT_LIVED = ("vehicle", "person", "image")
"""Classes whose rollups and newest values go with their readings."""
LONG_LIVED = ("technical", "aggregated_traffic")
PARTITIONED = ("reading", "waveform", "rollup_10s", "rollup_1m")

QUARANTINE_BOUND = "store.quarantine_bytes"
"""Setting that bounds the quarantine; the rule of such deletions begins with it."""

Compression = Literal["on", "off", "not offered"]


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that data are kept; 0 keeps them for ever.

    Parameters
    ----------
    reading_days, vehicle_days, person_days
        Readings of the classes technical and aggregated traffic, vehicle, person and image.
    waveform_days, rollup_10s_days, rollup_1m_days
        Waveform blocks and the fine rollups.
    quarantine_days, quarantine_bytes
        Quarantined messages; above so many bytes the oldest payloads go, and above as many bytes of
        entries without payload the oldest of those.
    arrival_days
        Times of arrival of readings without a clock.
    answer_days
        Answered questions to the traffic model; 0 keeps them for ever.
    state_days
        Superseded states of analyses (`twin.model.state_keeping`); 0 keeps them for ever.
    """

    reading_days: int = 730
    vehicle_days: int = 90
    person_days: int = 30
    waveform_days: int = 90
    rollup_10s_days: int = 90
    rollup_1m_days: int = 730
    quarantine_days: int = 90
    quarantine_bytes: int = 1024**3
    arrival_days: int = 7
    answer_days: int = 365
    state_days: int = 365

    def class_days(self, privacy_class: str) -> tuple[str, int]:
        """Setting and days of the readings of a privacy class.

        Examples
        --------
        >>> Retention().class_days("image")
        ('store.person_days', 30)
        """
        if privacy_class == "vehicle":
            return "store.vehicle_days", self.vehicle_days
        if privacy_class in LONG_LIVED:
            return "store.retention_days", self.reading_days
        return "store.person_days", self.person_days


@dataclass(frozen=True, slots=True)
class UpkeepRule:
    """What upkeep goes by.

    Parameters
    ----------
    zone
        Time zone of local days.
    retention
        How long data are kept.
    bad_mask
        Readings with one of these quality bits count as bad and are in no other figure.
    is_compressed
        Whether old chunks are compressed where the server offers it.
    made_by
        Programme and version, for the proof of deletion.
    """

    zone: str = "Europe/Berlin"
    retention: Retention = field(default_factory=Retention)
    bad_mask: int = int(SUSPECT_MASK)
    is_compressed: bool = False
    made_by: str = "stadtzwilling"


@dataclass(frozen=True, slots=True)
class Rollup:
    """What the readings of one bucket of one datastream amount to.

    Parameters
    ----------
    number, begin_us
        Datastream, and begin of the bucket [us since 1970-01-01 UTC].
    good_count, bad_count
        Readings (samples of a waveform) that count, and those whose quality forbids it.
    total
        Sum of the good values; NaN where it has no meaning (directions, states).
    lowest, highest, last
        Of the good values; NaN if there is none.
    last_us
        Time of the last good value, else of the last bad one.
    cosine, sine
        Sums over directions, else None.
    """

    number: int
    begin_us: int
    good_count: int
    bad_count: int
    total: float
    lowest: float
    highest: float
    last: float
    last_us: int
    cosine: float | None = None
    sine: float | None = None


@dataclass(frozen=True, slots=True)
class RollupReport:
    """What one pass over the rollups did, and what is left.

    Parameters
    ----------
    taken
        Rows of ``dirty`` that became pending buckets.
    computed, removed
        Buckets written, and buckets that have no reading any more.
    postponed
        Buckets for which there was no room.
    pending
        Buckets that wait, due or not.
    oldest_due
        When the longest waiting bucket became due; None if none is due.
    """

    taken: int = 0
    computed: int = 0
    removed: int = 0
    postponed: int = 0
    pending: int = 0
    oldest_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expiry:
    """One rule of retention: rows of a table and of some privacy classes, older than a time."""

    series: str
    classes: tuple[str, ...]
    before: datetime
    rule: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """Rows that should have been deleted."""

    series: str
    privacy_class: str
    row_count: int
    t_from: datetime
    t_to: datetime
    rule: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted: one entry of the proof.

    Parameters
    ----------
    number
        From 1 on, without a hole.
    deleted_at
        When.
    series, privacy_class
        The table, and the class of the rows; empty for rows of no datastream.
    t_from, t_to
        First and last time of the rows.
    row_count
        How many.
    rule
        Setting and value that demanded it.
    made_by
        Programme and version.
    hash
        SHA-256 over the hash of the entry before and this one.
    """

    number: int
    deleted_at: datetime
    series: str
    privacy_class: str
    t_from: datetime
    t_to: datetime
    row_count: int
    rule: str
    made_by: str
    hash: bytes = b""

    def body(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, UTC with microseconds."""
        facts = {
            "at": _text(self.deleted_at),
            "by": self.made_by,
            "class": self.privacy_class,
            "from": _text(self.t_from),
            "n": self.number,
            "rows": self.row_count,
            "rule": self.rule,
            "series": self.series,
            "to": _text(self.t_to),
        }
        return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def seal(self, previous: bytes) -> bytes:
        """The hash that belongs to this entry after the hash of the entry before."""
        return hashlib.sha256(previous + self.body()).digest()


def first_broken(entries: Sequence[Deletion]) -> int | None:
    """Number of the first entry that was edited, added or follows a missing one; None if none.

    Examples
    --------
    >>> first_broken(())
    """
    previous = FIRST_HASH
    for place, entry in enumerate(entries, start=1):
        if entry.number != place or entry.hash != entry.seal(previous):
            return place
        previous = entry.hash
    return None


def is_entry(entries: Sequence[Deletion], number: int, expected: bytes) -> bool:
    """Whether the entry with this number has this hash, noted earlier: nobody wrote a new chain.

    Examples
    --------
    >>> is_entry((), 1, FIRST_HASH)
    False
    """
    return 0 < number <= len(entries) and entries[number - 1].hash == expected


def cutoff(now: datetime, days: int) -> datetime | None:
    """Begin of the UTC day so many days ago; None if data are kept for ever (0 days).

    Examples
    --------
    >>> cutoff(datetime(2026, 11, 22, 15, tzinfo=UTC), 2)
    datetime.datetime(2026, 11, 20, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if days <= 0:
        return None
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)


def class_limits(series: str, retention: Retention) -> Mapping[str, tuple[str, int]]:
    """Setting and days by privacy class for a table; classes that are kept for ever are absent.

    Examples
    --------
    >>> class_limits("rollup_10s", Retention())["person"]
    ('store.person_days', 30)
    >>> "technical" in class_limits("rollup_1h", Retention())
    False
    """
    own = {
        "waveform": ("store.waveform_days", retention.waveform_days),
        "rollup_10s": ("store.rollup_10s_days", retention.rollup_10s_days),
        "rollup_1m": ("store.rollup_1m_days", retention.rollup_1m_days),
        "arrival": ("store.arrival_days", retention.arrival_days),
    }.get(series)
    limits: dict[str, tuple[str, int]] = {}
    for name in (*LONG_LIVED, *SHORT_LIVED):
        candidates = [own] if own is not None else []
        if name in SHORT_LIVED or series in ("reading", "reading_revision"):
            candidates.append(retention.class_days(name))
        finite = [limit for limit in candidates if limit[1] > 0]
        if finite:
            limits[name] = min(finite, key=lambda limit: limit[1])
    return MappingProxyType(limits)


def expiries(series: str, retention: Retention, now: datetime) -> Iterator[Expiry]:
    """Rules of retention for a table, classes with equal limits together.

    Examples
    --------
    >>> now = datetime(2026, 11, 22, tzinfo=UTC)
    >>> [(rule.classes, rule.rule) for rule in expiries("rollup_1h", Retention(), now)]
    [(('vehicle',), 'store.vehicle_days = 90'), (('person', 'image'), 'store.person_days = 30')]
    """
    groups: dict[tuple[str, int], list[str]] = {}
    for name, limit in class_limits(series, retention).items():
        groups.setdefault(limit, []).append(name)
    for (setting, days), names in groups.items():
        before = cutoff(now, days)
        if before is not None:
            yield Expiry(series, tuple(names), before, f"{setting} = {days}")


def whole_room_expiry(series: str, retention: Retention, now: datetime) -> Expiry | None:
    """The rule by which whole partitions go: the longest one; None if one class stays for ever."""
    if set(class_limits(series, retention)) != {*LONG_LIVED, *SHORT_LIVED}:
        return None
    return min(expiries(series, retention, now), key=lambda rule: rule.before)


def quarantine_expiries(retention: Retention, now: datetime) -> Iterator[Expiry]:
    """Rules for quarantined messages; one without classes holds for all of them.

    Examples
    --------
    >>> now = datetime(2026, 11, 22, tzinfo=UTC)
    >>> [(rule.classes, rule.rule) for rule in quarantine_expiries(Retention(), now)]
    [((), 'store.quarantine_days = 90'), (('person', 'image'), 'store.person_days = 30')]
    """
    own = cutoff(now, retention.quarantine_days)
    if own is not None:
        yield Expiry("quarantine", (), own, f"store.quarantine_days = {retention.quarantine_days}")
    groups: dict[tuple[str, int], list[str]] = {}
    for name in SHORT_LIVED:
        groups.setdefault(retention.class_days(name), []).append(name)
    for (setting, days), names in groups.items():
        before = cutoff(now, days)
        if before is not None and (own is None or before > own):
            yield Expiry("quarantine", tuple(names), before, f"{setting} = {days}")


def chained(entries: Sequence[Deletion], *, after: Deletion | None) -> Sequence[Deletion]:
    """Entries with number and hash, in this order after the newest one of the proof."""
    number = 0 if after is None else after.number
    previous = FIRST_HASH if after is None else after.hash
    sealed = []
    for place, entry in enumerate(entries, start=number + 1):
        numbered = replace(entry, number=place)
        previous = numbered.seal(previous)
        sealed.append(replace(numbered, hash=previous))
    return tuple(sealed)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
