"""What the rows of one bucket amount to, and where buckets begin and end; pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from twin.model.observations import Readings, Waveform
from twin.model.times import from_us, to_us
from twin.model.upkeep import Rollup
from twin.store.upkeep import AGGREGATIONS, Level

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 3600 * SECOND_US
_WITHOUT_SUM = (AGGREGATIONS["circular"], AGGREGATIONS["state"])


def of_readings(rows: Readings, begin_us: int, *, bad_mask: int, aggregation: int) -> Rollup | None:
    """Rollup of readings of one datastream in order of time; None if there is none.

    Examples
    --------
    >>> times = np.array([0, 5, 9]) * SECOND_US
    >>> rows = Readings(np.full(3, 7), times, np.array([1.0, 3.0, 9.0]), np.array([0, 0, 4]))
    >>> made = of_readings(rows, 0, bad_mask=4, aggregation=1)
    >>> made.good_count, made.bad_count, made.total, made.last
    (2, 1, 4.0, 3.0)
    """
    if not len(rows):
        return None
    is_good = (rows.quality & bad_mask) == 0
    value, times = rows.value[is_good], rows.time_us[is_good]
    count = len(value)
    is_circular = aggregation == AGGREGATIONS["circular"]
    radian = np.radians(value)
    total = 0.0 if count == 0 else float(value.sum())
    return Rollup(
        number=int(rows.number[0]),
        begin_us=begin_us,
        good_count=count,
        bad_count=len(rows) - count,
        total=float("nan") if count and aggregation in _WITHOUT_SUM else total,
        lowest=float(value.min()) if count else float("nan"),
        highest=float(value.max()) if count else float("nan"),
        last=float(value[-1]) if count else float("nan"),
        last_us=int(times[-1] if count else rows.time_us[-1]),
        cosine=float(np.cos(radian).sum()) if is_circular else None,
        sine=float(np.sin(radian).sum()) if is_circular else None,
    )


def of_waveforms(
    blocks: Sequence[Waveform], begin_us: int, *, bad_mask: int, aggregation: int
) -> Rollup | None:
    """Rollup of waveform blocks of one datastream in order of time; None if there is none."""
    if not blocks:
        return None
    good = [block for block in blocks if not block.quality & bad_mask]
    newest = good[-1] if good else blocks[-1]
    count = sum(len(block.samples) for block in good)
    total = sum(float(np.sum(block.samples, dtype=np.float64)) for block in good)
    return Rollup(
        number=newest.number,
        begin_us=begin_us,
        good_count=count,
        bad_count=sum(len(block.samples) for block in blocks) - count,
        total=float("nan") if good and aggregation in _WITHOUT_SUM else total,
        lowest=min((float(block.samples.min()) for block in good), default=float("nan")),
        highest=max((float(block.samples.max()) for block in good), default=float("nan")),
        last=float(newest.samples[-1]) if good else float("nan"),
        last_us=newest.end_us,
    )


def merged(parts: Sequence[Rollup], begin_us: int) -> Rollup | None:
    """Rollup of finer rollups of one datastream in order of time; None if there is none."""
    if not parts:
        return None
    good = [part for part in parts if part.good_count]
    newest = max(good or parts, key=lambda part: (part.last_us, part.begin_us))
    circular = [part for part in parts if part.cosine is not None]
    return Rollup(
        number=newest.number,
        begin_us=begin_us,
        good_count=sum(part.good_count for part in parts),
        bad_count=sum(part.bad_count for part in parts),
        total=sum((part.total for part in good), 0.0),
        lowest=min((part.lowest for part in good), default=float("nan")),
        highest=max((part.highest for part in good), default=float("nan")),
        last=newest.last,
        last_us=newest.last_us,
        cosine=sum(part.cosine or 0.0 for part in circular) if circular else None,
        sine=sum(part.sine or 0.0 for part in circular) if circular else None,
    )


def spans(level: Level, begin_us: int, zone: str) -> Iterator[tuple[int, int]]:
    """Buckets that wait together under this begin: six of ten seconds, else one.

    Examples
    --------
    >>> len(list(spans(Level.TEN_SECONDS, 0, "UTC")))
    6
    """
    if level == Level.TEN_SECONDS:
        ten_us = 10 * SECOND_US
        yield from ((begin_us + k * ten_us, begin_us + (k + 1) * ten_us) for k in range(6))
    elif level == Level.DAY:
        yield begin_us, day_end_us(begin_us, zone)
    else:
        yield begin_us, begin_us + (MINUTE_US if level == Level.MINUTE else HOUR_US)


def day_begin_us(time_us: int, zone: str) -> int:
    """Begin of the local day that holds a time.

    Examples
    --------
    >>> noon = datetime(2026, 10, 25, 12, tzinfo=UTC)
    >>> str(from_us(day_begin_us(to_us(noon), "Europe/Berlin")))
    '2026-10-24 22:00:00+00:00'
    """
    local = from_us(time_us).astimezone(_zone(zone))
    return _midnight_us(local, zone)


def day_end_us(begin_us: int, zone: str) -> int:
    """End of the local day that begins at a time: 23 to 25 hours later."""
    local = from_us(begin_us).astimezone(_zone(zone))
    return _midnight_us(local + timedelta(days=1), zone)


def _midnight_us(local: datetime, zone: str) -> int:
    midnight = datetime(local.year, local.month, local.day, tzinfo=_zone(zone))
    return to_us(midnight.astimezone(UTC))


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
