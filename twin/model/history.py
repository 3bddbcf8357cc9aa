"""Reading back: bins on a fixed grid, from rollups and raw rows alike; pure.

A *bucket* is what a rollup keeps of the readings of one span: count, sum, lowest, highest, last. A
single reading is a bucket, too, so that rows of any level merge by the same function.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError
from twin.model.observations import Readings, Waveform
from twin.model.quality import SUSPECT_MASK
from twin.model.quantities import Aggregation

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

SECOND_US = 1_000_000
ORIGIN_US = 946_684_800_000_000
"""2000-01-01 UTC: the grid of every width begins there."""
MOST_POINTS = 10_000
LONGEST_SPAN_US = 50 * 366 * 86_400 * SECOND_US
ROWS_PER_POINT = 20
"""Up to this many rows per point are read as they are; more of them are binned by the server."""
FRESH_US = 120 * SECOND_US
"""The newest two minutes are never taken from a rollup."""
ROLLUP_MASK = int(SUSPECT_MASK)
"""Readings with one of these flags are counted as bad and are in no other figure of a bucket."""
RAW = "raw"


@dataclass(frozen=True, slots=True)
class Level:
    """One rollup: its name, and the width of its buckets [us]."""

    name: str
    width_us: int


LEVELS = (
    Level("10s", 10 * SECOND_US),
    Level("1m", 60 * SECOND_US),
    Level("1h", 3600 * SECOND_US),
)
"""Rollups with buckets of equal width, the finest first; each width divides the next."""
_LONGEST_CADENCE_S = {"10s": 1.0, "1m": 6.0}


def levels_of(cadence_s: float | None, *, is_waveform: bool) -> tuple[Level, ...]:
    """Levels that are built for a datastream, the finest first.

    A level is built where it is at least ten times coarser than the datastream; hours are built
    for all. A waveform stream has no level below a minute.

    Examples
    --------
    >>> [level.name for level in levels_of(0.1, is_waveform=False)]
    ['10s', '1m', '1h']
    >>> [level.name for level in levels_of(None, is_waveform=False)]
    ['1h']
    """
    cadence = np.inf if cadence_s is None else cadence_s
    if is_waveform:
        return LEVELS[1:]
    return tuple(level for level in LEVELS if cadence <= _LONGEST_CADENCE_S.get(level.name, np.inf))


@dataclass(frozen=True, slots=True)
class Grid:
    """Equal bins that lie where they would lie for any other question of the same width.

    Parameters
    ----------
    start_us
        Begin of the first bin [us since 1970-01-01 UTC].
    width_us
        Width of every bin [us].
    bins
        How many.
    levels
        Rollups whose buckets fit into the bins, the finest first; empty: raw only.
    """

    start_us: int
    width_us: int
    bins: int
    levels: tuple[Level, ...] = ()

    @property
    def end_us(self) -> int:
        """End of the last bin [us since 1970-01-01 UTC]."""
        return self.start_us + self.bins * self.width_us


def grid_of(start_us: int, end_us: int, *, points: int, levels: Sequence[Level]) -> Grid:
    """Grid over [start, end) with at most ``points`` bins, and one more at the edge.

    The width is a multiple of the coarsest level that is not wider than a point; where none is,
    it is that of a point.

    Raises
    ------
    ModelError
        If points or span are not possible; names the limit.

    Examples
    --------
    >>> day_us = 86_400 * SECOND_US
    >>> grid = grid_of(ORIGIN_US, ORIGIN_US + day_us, points=1000, levels=LEVELS)
    >>> grid.width_us // SECOND_US, grid.bins, [level.name for level in grid.levels]
    (120, 720, ['10s', '1m'])
    """
    if not 1 <= points <= MOST_POINTS:
        raise ModelError(f"points must be 1 to {MOST_POINTS}, got {points}")
    span_us = end_us - start_us
    if not 0 < span_us <= LONGEST_SPAN_US:
        raise ModelError(
            f"the span must be more than 0 and at most 50 years, got {span_us / 1e6:g} s; "
            "ask for a shorter one"
        )
    finest_us = -(-span_us // points)
    usable = tuple(level for level in levels if level.width_us <= finest_us)
    unit_us = usable[-1].width_us if usable else 1
    width_us = -(-finest_us // unit_us) * unit_us
    first = (start_us - ORIGIN_US) // width_us
    last = -(-(end_us - ORIGIN_US) // width_us)
    return Grid(ORIGIN_US + first * width_us, width_us, last - first, usable)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets column by column; several may lie in one bin.

    Parameters
    ----------
    begin_us, last_us : (n,)
        Begin of the bucket, and time of its last good reading [us since 1970-01-01 UTC].
    total, low, high, last : (n,)
        Sum, lowest, highest and last value of the good readings.
    cosine, sine : (n,)
        Sums over the good readings of a direction in degrees; not looked at for others.
    good, bad : (n,)
        Counts of readings.
    """

    begin_us: Int64
    last_us: Int64
    total: Float64
    low: Float64
    high: Float64
    last: Float64
    cosine: Float64
    sine: Float64
    good: Int64
    bad: Int64

    def __len__(self) -> int:
        return len(self.begin_us)


def of_readings(time_us: Int64, value: Float64, quality: NDArray[np.int16]) -> Buckets:
    """One bucket for each reading."""
    good = (quality & ROLLUP_MASK) == 0
    kept = np.where(good, value, 0.0)
    radian = np.radians(kept)
    return Buckets(
        begin_us=time_us,
        last_us=time_us,
        total=kept,
        low=value,
        high=value,
        last=value,
        cosine=np.cos(radian) * good,
        sine=np.sin(radian) * good,
        good=good.astype(np.int64),
        bad=(~good).astype(np.int64),
    )


def of_waveform(block: Waveform) -> Buckets:
    """One bucket for each sample of a waveform."""
    count = len(block.samples)
    time_us = block.t0_us + np.rint(np.arange(count) * (1e6 / block.rate_hz)).astype(np.int64)
    quality = np.full(count, block.quality, np.int16)
    return of_readings(time_us, block.samples.astype(np.float64), quality)


def joined(parts: Iterable[Buckets]) -> Buckets:
    """All buckets of several parts."""
    listed = list(parts)
    columns: dict[str, NDArray[Any]] = {
        item.name: (
            np.concatenate([getattr(part, item.name) for part in listed])
            if listed
            else np.empty(0, np.int64 if item.name.endswith("us") else np.float64)
        )
        for item in fields(Buckets)
    }
    return Buckets(**columns)


def taken(buckets: Buckets, rows: NDArray[np.generic]) -> Buckets:
    """Some of the buckets, by a mask or by indices."""
    return Buckets(**{item.name: getattr(buckets, item.name)[rows] for item in fields(Buckets)})


@dataclass(frozen=True, slots=True)
class Binned:
    """One datastream in equal bins.

    Parameters
    ----------
    start_us : (n,)
        Begin of each bin [us since 1970-01-01 UTC].
    count : (n,)
        Good readings in it; 0 where there is none, and then all values are NaN.
    mean, minimum, maximum, last : (n,)
        In the unit of the quantity. The mean of a state is NaN, that of a direction is circular.
    level
        Coarsest rollup that was used, or ``raw``.
    width_us
        Width of a bin [us].
    bad : (n,)
        Readings that are suspect and in no other column.
    """

    start_us: Int64
    count: Int64
    mean: Float64
    minimum: Float64
    maximum: Float64
    last: Float64
    level: str
    width_us: int
    bad: Int64

    def __len__(self) -> int:
        return len(self.start_us)


def binned(buckets: Buckets, grid: Grid, *, aggregation: Aggregation, level: str) -> Binned:
    """Buckets merged into the bins of a grid; those outside of it are left out.

    Sums add, extremes are kept, the last value is that of the latest reading.

    Examples
    --------
    >>> time_us = ORIGIN_US + np.array([0, 5, 10]) * SECOND_US
    >>> found = of_readings(time_us, np.array([1.0, 3.0, 5.0]), np.zeros(3, np.int16))
    >>> grid = Grid(ORIGIN_US, 10 * SECOND_US, 2)
    >>> bins = binned(found, grid, aggregation="mean", level="raw")
    >>> bins.count.tolist(), bins.mean.tolist(), bins.last.tolist()
    ([2, 1], [2.0, 5.0], [3.0, 5.0])
    """
    place = (buckets.begin_us - grid.start_us) // grid.width_us
    inside = (place >= 0) & (place < grid.bins)
    place, buckets = place[inside], taken(buckets, inside)
    bad = _sums(place, buckets.bad, grid.bins).astype(np.int64)
    has_value = buckets.good > 0
    place, buckets = place[has_value], taken(buckets, has_value)
    count = _sums(place, buckets.good, grid.bins).astype(np.int64)
    low = np.full(grid.bins, np.inf)
    np.minimum.at(low, place, buckets.low)
    high = np.full(grid.bins, -np.inf)
    np.maximum.at(high, place, buckets.high)
    order = np.lexsort((buckets.last_us, place))
    last = np.full(grid.bins, np.nan)
    last[place[order]] = buckets.last[order]
    is_empty = count == 0
    return Binned(
        start_us=grid.start_us + np.arange(grid.bins, dtype=np.int64) * grid.width_us,
        count=count,
        mean=_means(place, buckets, count, aggregation),
        minimum=np.where(is_empty, np.nan, low),
        maximum=np.where(is_empty, np.nan, high),
        last=last,
        level=level,
        width_us=grid.width_us,
        bad=bad,
    )


def _sums(place: Int64, values: NDArray[np.generic], bins: int) -> Float64:
    weights = values.astype(np.float64)
    return np.bincount(place, weights=weights, minlength=bins).astype(np.float64)


def _means(place: Int64, buckets: Buckets, count: Int64, aggregation: Aggregation) -> Float64:
    bins = len(count)
    divisor = np.where(count == 0, np.nan, count)
    if aggregation == "state":
        return np.full(bins, np.nan)
    if aggregation == "circular":
        cosine = _sums(place, buckets.cosine, bins) / divisor
        sine = _sums(place, buckets.sine, bins) / divisor
        return np.degrees(np.arctan2(sine, cosine)) % 360.0
    return _sums(place, buckets.total, bins) / divisor


def stale_runs(
    spans: Sequence[tuple[int, int]], *, start_us: int, end_us: int, width_us: int, most: int
) -> list[tuple[int, int]]:
    """Spans widened to whole buckets of a width and merged, inside [start, end).

    Parameters
    ----------
    spans
        Spans that are not up to date, as (begin, end) [us since 1970-01-01 UTC].
    start_us, end_us
        Both on the grid of the width.
    width_us
        Width of a bucket.
    most
        Above so many runs, one run covers them all.

    Examples
    --------
    >>> stale_runs([(5, 6), (12, 18), (95, 300)], start_us=0, end_us=100, width_us=10, most=9)
    [(0, 20), (90, 100)]
    """
    widened = sorted(
        (
            start_us + max(0, begin - start_us) // width_us * width_us,
            min(end_us, start_us + -(-(end - start_us) // width_us) * width_us),
        )
        for begin, end in spans
        if begin < end_us and end > start_us
    )
    runs: list[tuple[int, int]] = []
    for begin, end in widened:
        if runs and begin <= runs[-1][1]:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        else:
            runs.append((begin, end))
    return [(runs[0][0], runs[-1][1])] if len(runs) > most else runs


@dataclass(frozen=True, slots=True)
class Instants:
    """Last known values of some datastreams at equally spaced instants.

    Parameters
    ----------
    first
        Number of the first of these instants.
    time_us : (instants, streams)
        When each value was measured [us since 1970-01-01 UTC]; `NEVER_US` where none is known.
    value : (instants, streams)
        NaN where none is known, and for waveform streams.
    quality : (instants, streams)
        Bit masks.
    """

    first: int
    time_us: Int64
    value: Float64
    quality: NDArray[np.int16]


NEVER_US = int(np.iinfo(np.int64).min)


class Carrier:
    """Carries the last value of each datastream from instant to instant.

    Parameters
    ----------
    numbers : (streams,)
        Datastream numbers, each once.
    start_us, step_us
        First instant, and the distance of two.
    hold_us : (streams,)
        A value older than this is not known any more.

    Examples
    --------
    >>> carrier = Carrier(np.array([7]), start_us=0, step_us=10, hold_us=np.array([15]))
    >>> rows = Readings(np.array([7]), np.array([4]), np.array([1.5]), np.array([0], np.int16))
    >>> carrier.take(rows, 3).value.T.tolist()
    [[nan, 1.5, nan]]
    """

    def __init__(self, numbers: NDArray[np.integer], *, start_us: int, step_us: int,
                 hold_us: Int64) -> None:  # fmt: skip
        self._order = np.argsort(numbers)
        self._sorted = np.asarray(numbers)[self._order]
        self._start_us, self._step_us = start_us, step_us
        self._hold_us = np.asarray(hold_us, np.int64)
        self._next = 0
        streams = len(self._sorted)
        self._time_us = np.full(streams, NEVER_US, np.int64)
        self._value = np.full(streams, np.nan)
        self._quality = np.zeros(streams, np.int16)

    def take(self, rows: Readings, instants: int) -> Instants:
        """The next instants; ``rows`` are all readings since the last one taken before.

        Readings of other datastreams, and those after the last of these instants, are left out.
        """
        shape = (instants + 1, len(self._sorted))
        time_us = np.full(shape, NEVER_US, np.int64)
        value, quality = np.full(shape, np.nan), np.zeros(shape, np.int16)
        time_us[0], value[0], quality[0] = self._time_us, self._value, self._quality
        row, column, kept = self._places(rows, instants)
        time_us[row, column] = rows.time_us[kept]
        value[row, column] = rows.value[kept]
        quality[row, column] = rows.quality[kept]
        latest = np.where(time_us == NEVER_US, 0, np.arange(instants + 1)[:, None])
        latest = np.maximum.accumulate(latest, axis=0)
        columns = np.arange(len(self._sorted))
        time_us, value, quality = (
            matrix[latest, columns][1:] for matrix in (time_us, value, quality)
        )
        if instants:
            self._time_us, self._value = time_us[-1].copy(), value[-1].copy()
            self._quality = quality[-1].copy()
        at_us = self._start_us + (self._next + np.arange(instants))[:, None] * self._step_us
        is_known = (time_us != NEVER_US) & (at_us - np.maximum(time_us, 0) <= self._hold_us)
        found = Instants(
            first=self._next,
            time_us=np.where(is_known, time_us, NEVER_US),
            value=np.where(is_known, value, np.nan),
            quality=np.where(is_known, quality, 0).astype(np.int16),
        )
        self._next += instants
        return found

    def _places(self, rows: Readings, instants: int) -> tuple[Int64, Int64, Int64]:
        """Instant, column and index of the rows to keep: the last one of each cell wins."""
        order = np.argsort(rows.time_us, kind="stable")
        number, time_us = rows.number[order], rows.time_us[order]
        place = np.minimum(np.searchsorted(self._sorted, number), len(self._sorted) - 1)
        # the first instant at or after the reading; an older one counts at the first of all
        step = -(-(time_us - self._start_us) // self._step_us) - self._next
        row = np.maximum(step, 0) + 1
        fits = (self._sorted[place] == number) & (row <= instants)
        return row[fits], self._order[place[fits]], order[fits]
