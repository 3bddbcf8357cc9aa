"""Slow trends of crack width, inclination and bearing travel, and bearings that no longer move.

Trends are sought in what a temperature compensation leaves; sizes, rates and bands are in the unit
of the channel. Bands come from blocks of days, because neighbouring days resemble each other.

References
----------
.. [1] "The jackknife and the bootstrap for general stationary observations", Ann.
   Stat. 17 (1989) 1217-1241.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from simulations.monitoring.bootstrap import drawn_blocks
from simulations.monitoring.lags import HOUR_US, lagged
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.refusals import LackingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_US = 24 * HOUR_US
YEAR_D = 365.25
LEAST_VALUES_A_DAY = 4
RUNS = 400
SLOPE_OF_UNIFORM = float(np.sqrt(12.0))  # days spread evenly over a span: sd is span / sqrt 12
LOCKED_BELOW = 0.5
HINDERED_BELOW = 0.8
LAG_CANDIDATES_H = (0.1, 1.0, 3.0, 6.0, 12.0, 24.0, 48.0)

BearingMotion = Literal["moves", "hindered", "locked", "undecided"]


@dataclass(frozen=True, slots=True)
class Trend:
    """Straight line through compensated daily means.

    Parameters
    ----------
    rate_per_year, rate_least, rate_most
        Rate and its band at the stated confidence [unit of the channel / a].
    size
        Rate times the days of the window [unit of the channel].
    days
        Days with values.
    confidence
        Of the band.
    is_found
        Whether the band excludes zero and the size reaches the smallest one of interest.
    """

    rate_per_year: float
    rate_least: float
    rate_most: float
    size: float
    days: int
    confidence: float
    is_found: bool


def slow_trend(
    time_us: Ints,
    residual: Floats,
    *,
    smallest: float,
    slow_sd: float = 0.0,
    block_days: int = 7,
    confidence: float = 0.99,
    seed: int = 0,
) -> Trend:
    """Trend of a compensated channel.

    Parameters
    ----------
    time_us : (n,)
        Rising times [us since 1970].
    residual : (n,)
        Measured less expected, in the unit of the channel; NaN where nothing was judged.
    smallest
        Smallest change over the window that matters [unit of the channel].
    slow_sd
        What the compensation leaves for seasons, `Chart.slow_sd` [unit of the channel]; it widens
        the band as if it lay along the line.
    block_days
        Days that hang together.
    confidence
        Of the band.
    seed
        Of the drawn blocks.

    Raises
    ------
    InsufficientData
        If fewer than ten blocks of days have four values each.

    Examples
    --------
    >>> hours = np.arange(120 * 24)
    >>> noise = np.random.default_rng(1).normal(0.0, 0.01, len(hours))
    >>> grown = slow_trend(hours * HOUR_US, 1e-3 * hours / 24 + noise, smallest=0.05)
    >>> grown.is_found, round(grown.rate_per_year, 2)
    (True, 0.37)
    """
    if smallest <= 0.0:
        raise ModelError(f"the smallest change that matters must be positive, got {smallest:g}")
    day, mean = daily_means(time_us, residual)
    if len(day) < 10 * block_days:
        raise LackingError(
            Phrase("wait.trend_days", {"days": float(len(day)), "block": float(block_days)})
        )
    centred = day - day.mean()
    slope = float(centred @ mean / (centred @ centred))
    left = mean - mean.mean() - slope * centred
    rows = drawn_blocks(
        len(day),
        block=block_days,
        length=len(day),
        runs=RUNS,
        random=np.random.default_rng(seed),
    )
    spread = left[rows] @ centred / (centred @ centred)
    low, high = np.quantile(spread, [0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence])
    coherent = slow_sd * SLOPE_OF_UNIFORM / float(np.ptp(day))
    margin = float(stats.norm.ppf(0.5 + 0.5 * confidence)) * coherent
    least = slope - float(np.hypot(high, margin))
    most = slope + float(np.hypot(low, margin))
    size = slope * float(np.ptp(day))
    return Trend(
        rate_per_year=slope * YEAR_D,
        rate_least=least * YEAR_D,
        rate_most=most * YEAR_D,
        size=size,
        days=len(day),
        confidence=confidence,
        is_found=(least > 0.0 or most < 0.0) and abs(size) >= smallest,
    )


def daily_means(time_us: Ints, value: Floats) -> tuple[Floats, Floats]:
    """Mean of every day with at least four values, and the number of the day since 1970 (UTC).

    Examples
    --------
    >>> daily_means(np.arange(5) * HOUR_US, np.array([1.0, 1, 1, 5, np.nan]))
    (array([0.]), array([2.]))
    """
    known = np.isfinite(value)
    days, place = np.unique(time_us[known] // DAY_US, return_inverse=True)
    counts = np.bincount(place, minlength=len(days))
    sums = np.bincount(place, weights=value[known], minlength=len(days))
    full = counts >= LEAST_VALUES_A_DAY
    return days[full].astype(np.float64), sums[full] / counts[full]


@dataclass(frozen=True, slots=True)
class Expansion:
    """How a bearing travels with temperature.

    Parameters
    ----------
    slope_mm_per_k, least_mm_per_k, most_mm_per_k
        Travel per kelvin of lagged temperature, with its band.
    lag_h
        Lag that fits best [h].
    days
        Days with values.
    swing_k
        Standard deviation of the lagged temperature [K].
    """

    slope_mm_per_k: float
    least_mm_per_k: float
    most_mm_per_k: float
    lag_h: float
    days: int
    swing_k: float


def expansion(
    time_us: Ints,
    travel_mm: Floats,
    temperature_c: Floats,
    *,
    lag_h: float | None = None,
    confidence: float = 0.99,
    seed: int = 0,
) -> Expansion:
    """Travel per kelvin of a record.

    Parameters
    ----------
    time_us : (n,)
        Rising times, about hourly [us since 1970].
    travel_mm : (n,)
        Bearing travel [mm]; NaN is missing. Values marked as stuck belong left out: a stuck
        sensor looks like a locked bearing.
    temperature_c : (n,)
        Temperature of the structure [Cel]; NaN is missing.
    lag_h
        Known lag; None takes the one that fits best.
    confidence, seed
        Of the band and of the drawn days.

    Raises
    ------
    InsufficientData
        If fewer than ten days have values.
    """
    lags_h = LAG_CANDIDATES_H if lag_h is None else (lag_h,)
    average = lagged(time_us, temperature_c, lags_h=lags_h)
    known = np.isfinite(travel_mm) & np.all(np.isfinite(average), axis=1)
    day = time_us[known] // DAY_US
    days = len(np.unique(day))
    if days < 10:  # noqa: PLR2004
        raise LackingError(Phrase("wait.travel_days", {"days": float(days), "least": 10.0}))
    errors = [_line(average[known, column], travel_mm[known])[1] for column in range(len(lags_h))]
    best = int(np.argmin(errors))
    driver = average[known, best] - average[known, best].mean()
    slope, _ = _line(driver, travel_mm[known])
    sums = _daily_sums(driver, travel_mm[known] - travel_mm[known].mean(), day)
    random = np.random.default_rng(seed)
    drawn = sums[:, random.integers(0, days, size=(RUNS, days))].sum(axis=2)
    slopes = drawn[0] / np.maximum(drawn[1], 1e-12)
    low, high = np.quantile(slopes, [0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence])
    return Expansion(
        slope_mm_per_k=slope,
        least_mm_per_k=float(low),
        most_mm_per_k=float(high),
        lag_h=float(lags_h[best]),
        days=days,
        swing_k=float(driver.std()),
    )


def bearing_motion(
    now: Expansion, *, expected_mm_per_k: float, least_swing_k: float = 1.5
) -> BearingMotion:
    """Whether a bearing follows its structure.

    ``locked``: even the upper end of the band is below half of the expected slope. ``hindered``:
    below four fifths of it. ``undecided``: too little swing of temperature, or a band that holds
    both half of the expected slope and four fifths of it.

    Parameters
    ----------
    now
        Expansion of the window in question, at the trained lag.
    expected_mm_per_k
        Trained slope, or length times coefficient of expansion.
    least_swing_k
        Least standard deviation of temperature [K].

    Examples
    --------
    >>> bearing_motion(Expansion(0.02, 0.0, 0.05, 6.0, 20, 4.0), expected_mm_per_k=0.8)
    'locked'
    """
    if expected_mm_per_k == 0.0:
        raise ModelError("the expected slope is zero: a fixed bearing has no travel to lose")
    ends = sorted((now.least_mm_per_k / expected_mm_per_k, now.most_mm_per_k / expected_mm_per_k))
    least, most = ends
    if now.swing_k < least_swing_k or (least < LOCKED_BELOW and most > HINDERED_BELOW):
        return "undecided"
    if most < LOCKED_BELOW:
        return "locked"
    return "hindered" if most < HINDERED_BELOW else "moves"


def _line(driver: Floats, value: Floats) -> tuple[float, float]:
    """Slope, and mean squared error of the line."""
    centred, rest = driver - driver.mean(), value - value.mean()
    slope = float(centred @ rest / max(float(centred @ centred), 1e-12))
    return slope, float(np.mean((rest - slope * centred) ** 2))


def _daily_sums(driver: Floats, value: Floats, day: Ints) -> Floats:
    """Sums of products of each day: driver with value, driver with itself; shape (2, days)."""
    _, place = np.unique(day, return_inverse=True)
    sums = [np.bincount(place, driver * value), np.bincount(place, driver * driver)]
    return np.array(sums, np.float64)
