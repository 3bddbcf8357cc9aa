"""Rollups by one recomputation from everything stored: plain Python, nothing of the worker's."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import kwargs_row

from twin.model.quality import SUSPECT_MASK
from twin.model.quantities import quantity
from twin.model.times import from_us, to_us
from twin.model.upkeep import Rollup
from twin.ports import Store

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
SERIES = ("rollup_10s", "rollup_1m", "rollup_1h", "rollup_1d")
ROLLUPS = """
SELECT ds AS number, b, n AS good_count, n_bad AS bad_count, v_sum AS total, v_min AS lowest,
  v_max AS highest, v_last AS last, t_last, c_sum AS cosine, s_sum AS sine
FROM rollup_1m ORDER BY ds, b
"""
NO_VALUE = float("nan")


class Sample(NamedTuple):
    """A reading, or one sample of a waveform; ``place`` is the time that decides on its bucket."""

    place: int
    time_us: int
    value: float
    is_good: bool


def recomputed(
    store: Store, *, zone: str = "Europe/Berlin", start_us: int, end_us: int
) -> dict[tuple[str, int, int], Rollup]:
    """Every bucket of every level by (table, number, begin) from the rows in [start, end)."""
    found: dict[tuple[str, int, int], Rollup] = {}
    for stream in store.datastreams():
        number = stream.number or -1
        aggregation = quantity(stream.quantity).aggregation
        samples = _samples(store, number, stream.kind, start_us, end_us)
        for series, begin in _levels(stream.kind, stream.cadence_s, zone).items():
            groups: dict[int, list[Sample]] = {}
            for sample in samples:
                groups.setdefault(begin(sample.place), []).append(sample)
            for begin_us, rows in groups.items():
                found[series, number, begin_us] = _rollup(number, begin_us, rows, aggregation)
    return found


def read_rollups(dsn: str, series: str) -> Sequence[Rollup]:
    """All buckets of a level as they lie in the database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.cursor(row_factory=kwargs_row(_of_row))
        return cursor.execute(ROLLUPS.replace("rollup_1m", series).encode()).fetchall()


def all_rollups(dsn: str) -> dict[tuple[str, int, int], Rollup]:
    """All buckets of all levels by (table, number, begin)."""
    return {
        (series, row.number, row.begin_us): row
        for series in SERIES
        for row in read_rollups(dsn, series)
    }


def _of_row(*, b: datetime, t_last: datetime, **columns: object) -> Rollup:
    return Rollup(begin_us=to_us(b), last_us=to_us(t_last), **columns)  # pyrefly: ignore[bad-argument-type] - columns


def check(kept: Mapping[tuple[str, int, int], Rollup], wanted: Mapping) -> None:
    """Keys, counts, extremes, last values and times are equal, sums to 1e-12 of what was added."""
    assert sorted(kept) == sorted(wanted)
    for key, right in wanted.items():
        row = kept[key]
        assert (row.good_count, row.bad_count) == (right.good_count, right.bad_count), key
        exact = [(row.lowest, right.lowest), (row.highest, right.highest), (row.last, right.last)]
        for left, other in exact:
            assert left == other or (math.isnan(left) and math.isnan(other)), key
        if right.good_count:
            assert row.last_us == right.last_us, key
        size = right.good_count * max(abs(right.lowest), abs(right.highest), 1.0)
        _check_sum(row.total, right.total, size if right.good_count else 0.0)
        assert (row.cosine is None) == (right.cosine is None), key
        if row.cosine is not None and row.sine is not None:
            assert right.cosine is not None
            assert right.sine is not None
            _check_sum(row.cosine, right.cosine, float(right.good_count))
            _check_sum(row.sine, right.sine, float(right.good_count))


def _check_sum(left: float, right: float, size: float) -> None:
    if math.isnan(right):
        assert math.isnan(left)
    else:
        assert left == pytest.approx(right, abs=1e-12 * size, rel=1e-12)


def _samples(store: Store, number: int, kind: str, start_us: int, end_us: int) -> list[Sample]:
    if kind == "waveform":
        return [
            Sample(
                block.t0_us,
                block.t0_us + round(row * 1e6 / block.rate_hz),
                float(value),
                not block.quality & SUSPECT_MASK,
            )
            for block in store.waveforms(number, start_us=start_us, end_us=end_us)
            for row, value in enumerate(block.samples)
        ]
    rows = store.series(number, start_us=start_us, end_us=end_us, limit=10_000_000)
    return [
        Sample(time, time, value, not mask & SUSPECT_MASK)
        for time, value, mask in zip(
            rows.time_us.tolist(), rows.value.tolist(), rows.quality.tolist(), strict=True
        )
    ]


def _levels(kind: str, cadence_s: float | None, zone: str) -> Mapping[str, Callable[[int], int]]:
    def every(seconds: int) -> Callable[[int], int]:
        return lambda time: time // (seconds * SECOND_US) * (seconds * SECOND_US)

    def local_day(time: int) -> int:
        local = from_us(time).astimezone(ZoneInfo(zone))
        midnight = datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(zone))
        return to_us(midnight.astimezone(UTC))

    levels: dict[str, Callable[[int], int]] = {"rollup_1h": every(3600), "rollup_1d": local_day}
    if kind == "waveform" or (cadence_s is not None and cadence_s <= 6):
        levels["rollup_1m"] = every(60)
    if kind == "reading" and cadence_s is not None and cadence_s <= 1:
        levels["rollup_10s"] = every(10)
    return levels


def _rollup(number: int, begin_us: int, rows: Sequence[Sample], aggregation: str) -> Rollup:
    good = [row for row in rows if row.is_good]
    newest = max(good, key=lambda row: row.time_us) if good else None
    values = [row.value for row in good]
    total = NO_VALUE if good and aggregation in ("circular", "state") else math.fsum(values)
    is_circular = aggregation == "circular"
    return Rollup(
        number=number,
        begin_us=begin_us,
        good_count=len(good),
        bad_count=len(rows) - len(good),
        total=total,
        lowest=min(values, default=NO_VALUE),
        highest=max(values, default=NO_VALUE),
        last=newest.value if newest else NO_VALUE,
        last_us=newest.time_us if newest else 0,
        cosine=_turned(math.cos, values) if is_circular else None,
        sine=_turned(math.sin, values) if is_circular else None,
    )


def _turned(function: Callable[[float], float], values: Iterable[float]) -> float:
    return math.fsum(function(math.radians(value)) for value in values)


def utc(text: str) -> int:
    """Microseconds of an ISO time in UTC."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def days(count: float) -> timedelta:
    return timedelta(days=count)
