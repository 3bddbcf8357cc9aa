"""Which buckets are made from what: pure, the same for every store."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from twin.model import history
from twin.model.quantities import quantity
from twin.model.times import EPOCH
from twin.model.upkeep import UpkeepRule, class_limits, cutoff

SETTLE_S = 5.0
"""How long a bucket that is over waits, so that late readings are taken together [s]."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
AGGREGATIONS = {"mean": 1, "sum": 2, "circular": 3, "state": 4}
_TICK = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


class Level(IntEnum):
    """Levels as the table ``pending`` numbers them."""

    TEN_SECONDS = 1
    MINUTE = 2
    HOUR = 3
    DAY = 4


class Origin(IntEnum):
    """What a bucket is computed from."""

    READINGS = 1
    WAVEFORMS = 2
    MINUTES = 3
    HOURS = 4


SERIES = {
    Level.TEN_SECONDS: "rollup_10s",
    Level.MINUTE: "rollup_1m",
    Level.HOUR: "rollup_1h",
    Level.DAY: "rollup_1d",
}


@dataclass(frozen=True, slots=True)
class UpkeepStream:
    """What upkeep needs to know of a datastream."""

    number: int
    quantity: str
    kind: str
    cadence_s: float | None
    privacy_class: str

    def made_as(self, rule: UpkeepRule) -> str:
        """Text that changes whenever its buckets would have to be made again."""
        names = ",".join(level.name for level in self._levels())
        aggregation = quantity(self.quantity).aggregation
        return f"{self.kind} {aggregation} {names} {rule.bad_mask}"

    def level_names(self) -> frozenset[str]:
        """Names of the levels that are built for it, besides days."""
        return frozenset(level.name for level in self._levels())

    def _levels(self) -> Iterable[history.Level]:
        return history.levels_of(self.cadence_s, is_waveform=self.kind == "waveform")


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Buckets of one datastream and level in [first, before), and what they are made from."""

    number: int
    level: Level
    origin: Origin
    aggregation: int
    first: datetime
    before: datetime


def plan(
    streams: Iterable[UpkeepStream],
    rule: UpkeepRule,
    *,
    now: datetime,
    deleted_until: Mapping[tuple[str, str], datetime],
) -> list[PlanRow]:
    """What may be computed now, and from what.

    Parameters
    ----------
    streams
        All datastreams.
    rule
        Zone and retention.
    now
        Decides what is too old.
    deleted_until
        Newest time that was deleted, by table and privacy class: an earlier, shorter retention
        has left fragments before it.
    """
    rows: list[PlanRow] = []
    begins: dict[tuple[str, str], datetime] = {}

    def begin(series: str, privacy_class: str) -> datetime:
        """First time from which a table is complete."""
        key = series, privacy_class
        if key not in begins:
            limit = class_limits(series, rule.retention).get(privacy_class)
            old = cutoff(now, limit[1]) if limit is not None else None
            deleted = deleted_until.get(key)
            begins[key] = max(old or EPOCH, EPOCH if deleted is None else deleted + _TICK)
        return begins[key]

    for stream in streams:
        rows += _stream_plan(stream, begin=begin)
    return rows


def _stream_plan(
    stream: UpkeepStream, *, begin: Callable[[str, str], datetime]
) -> Iterable[PlanRow]:
    is_waveform = stream.kind == "waveform"
    origin = Origin.WAVEFORMS if is_waveform else Origin.READINGS
    raw = begin("waveform" if is_waveform else "reading", stream.privacy_class)
    names = stream.level_names()

    def row(level: Level, origin: Origin, first: datetime, before: datetime = NEVER) -> PlanRow:
        own = begin(SERIES[level], stream.privacy_class)
        aggregation = AGGREGATIONS[quantity(stream.quantity).aggregation]
        return PlanRow(stream.number, level, origin, aggregation, max(first, own), before)

    if "10s" in names:
        yield row(Level.TEN_SECONDS, origin, raw)
    minutes = NEVER
    if "1m" in names:
        minutes = full_hour(begin("rollup_1m", stream.privacy_class))
        yield row(Level.MINUTE, origin, raw)
        yield row(Level.HOUR, Origin.MINUTES, minutes)
    if raw < minutes:
        yield row(Level.HOUR, origin, full_hour(raw), minutes)
    yield row(Level.DAY, Origin.HOURS, begin("rollup_1h", stream.privacy_class))


def full_hour(time: datetime) -> datetime:
    """The time itself, or the begin of the next hour."""
    over = (time - EPOCH) % _HOUR
    return time + _HOUR - over if over else time
