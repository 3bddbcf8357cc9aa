"""What was seen around a change of one stream: input of the rule that names its cause."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulations.bridges.inputs import HOUR_US, Bridge, Columns, Floats
from twin.model.datastreams import Datastream
from twin.rules.diagnosis import Symptoms

DAY = 24
WEEK = 7 * DAY
LEAST_H = 200
"""Fewer hours on one side of a change say nothing about lags or the answer to traffic."""
MOST_LAG_H = 6
LEAST_CORRELATION = 0.5
LEAST_T = 4.0
"""The former answer to traffic must stand out of its scatter by so much."""
CHANGED_SIGMA = 4.0


@dataclass(frozen=True, slots=True)
class Around:
    """One stream with what lies beside it on the same hours.

    Parameters
    ----------
    stream
        The stream in question.
    columns
        Hourly means of it, of its neighbours and of the traffic.
    residual
        What temperature does not explain of it, (n,).
    temperature_c
        Of the structure, (n,).
    heavy
        Lorries per hour over all counters, (n,); None where none are counted.
    neighbours
        Residuals of related streams, each (n,).
    """

    stream: Datastream
    columns: Columns
    residual: Floats
    temperature_c: Floats
    heavy: Floats | None
    neighbours: Sequence[Floats] = ()


def heavy_flow(bridge: Bridge, columns: Columns) -> Floats | None:
    """Lorries per hour over all counters of a bridge, (n,); None where there are none.

    Up to half of them may be missing in an hour: they count as the mean of the others.
    """
    if not bridge.heavy:
        return None
    counted = np.array([columns.value[item.uid] for item in bridge.heavy])
    known = np.isfinite(counted)
    present = known.sum(axis=0)
    if not present.any():
        return None
    mean = np.where(known, counted, 0.0).sum(axis=0) / np.maximum(present, 1)
    return np.where(2 * present >= len(counted), mean * len(counted), np.nan)


def symptoms_of(
    around: Around, since_us: int, *, inside: bool | None, trained_cel: tuple[float, float]
) -> Symptoms:
    """What was seen since a change began.

    Parameters
    ----------
    around
        The stream and what lies beside it.
    since_us
        Begin of the change [us since 1970].
    inside
        Whether the temperature lay inside its trained range meanwhile.
    trained_cel
        That range [Cel].
    """
    after = around.columns.time_us > since_us
    bad = float(np.count_nonzero(around.columns.bad[around.stream.uid][after]))
    changed = [_has_changed(residual, after) for residual in around.neighbours]
    return Symptoms(
        flagged_percent=100.0 * bad / max(int(np.count_nonzero(after)), 1),
        flags=("suspect",) if bad else (),
        is_temperature_trained=inside,
        trained_cel=trained_cel,
        heavy_percent=_heavy_percent(around.heavy, after),
        breathing_percent=_breathing(around, after),
        neighbours_changed=sum(changed),
        neighbours=len(changed),
        lag_moved_h=lag_moved_h(
            around.columns.value[around.stream.uid], around.temperature_c, after
        ),
        lasted_d=float(around.columns.time_us[-1] - since_us) / (DAY * HOUR_US),
    )


def _has_changed(residual: Floats, after: np.ndarray) -> bool:
    before = residual[~after & np.isfinite(residual)]
    now = residual[after & np.isfinite(residual)]
    days = len(before) // DAY
    if days < 10 or len(now) < DAY:  # noqa: PLR2004 - ten days to know the usual scatter
        return False
    means = before[: days * DAY].reshape(days, DAY).mean(axis=1)
    return abs(float(now.mean() - means.mean())) > CHANGED_SIGMA * float(means.std())


def _heavy_percent(heavy: Floats | None, after: np.ndarray) -> float | None:
    """Lorries since the change against the usual number in the same hours of the week."""
    if heavy is None or np.count_nonzero(np.isfinite(heavy[~after])) < WEEK:
        return None
    place = np.arange(len(heavy)) % WEEK
    known = np.isfinite(heavy)
    before = ~after & known
    sums = np.bincount(place[before], weights=heavy[before], minlength=WEEK)
    counts = np.bincount(place[before], minlength=WEEK)
    usual = sums / np.maximum(counts, 1)
    now = after & known & (counts[place] > 0)
    expected = float(usual[place[now]].sum())
    return 100.0 * float(heavy[now].sum()) / expected if expected > 0.0 else None


def _breathing(around: Around, after: np.ndarray) -> float | None:
    """Answer of a crack to traffic since the change against its former one [%]."""
    if around.stream.quantity != "crack_width" or around.heavy is None:
        return None
    fast = without_slow(around.residual)
    former, error = _slope(np.where(after, np.nan, around.heavy), fast)
    recent = after & (np.cumsum(after) > np.count_nonzero(after) // 2)
    now, _ = _slope(np.where(recent, around.heavy, np.nan), fast)
    if not np.isfinite(now) or not former > LEAST_T * error:
        return None
    return 100.0 * now / former


def _slope(driver: Floats, value: Floats) -> tuple[float, float]:
    """Slope of value over driver, and its standard error; NaN if there is too little.

    Both are taken less their mean at the same hour of the day: what is left is one day against
    another, and what temperature does every day is gone.
    """
    known = np.isfinite(driver) & np.isfinite(value)
    if np.count_nonzero(known) < LEAST_H:
        return float("nan"), float("inf")
    hour = np.flatnonzero(known) % DAY
    x, y = _less_its_hour(driver[known], hour), _less_its_hour(value[known], hour)
    power = float(x @ x)
    if power == 0.0:
        return float("nan"), float("inf")
    slope = float(x @ y) / power
    rest = y - slope * x
    return slope, float(np.sqrt(rest @ rest / (len(x) - 2) / power))


def _less_its_hour(value: Floats, hour: np.ndarray) -> Floats:
    counts = np.maximum(np.bincount(hour, minlength=DAY), 1)
    return value - (np.bincount(hour, weights=value, minlength=DAY) / counts)[hour]


def without_slow(value: Floats) -> Floats:
    """Value less its moving mean over a day; missing hours stay missing."""
    known = np.isfinite(value)
    kernel = np.ones(DAY + 1)
    sums = np.convolve(np.where(known, value, 0.0), kernel, mode="same")
    counts = np.convolve(known.astype(np.float64), kernel, mode="same")
    return value - sums / np.maximum(counts, 1.0)


def lag_moved_h(value: Floats, temperature_c: Floats, after: np.ndarray) -> float | None:
    """How much later a stream follows the temperature since a change [h]; None if it never did.

    Examples
    --------
    >>> hours = np.arange(2000.0)
    >>> warm = np.sin(hours / 24 * 2 * np.pi) + 0.3 * np.sin(hours / 7)
    >>> late = np.where(hours < 1500, warm, np.roll(warm, 3))
    >>> lag_moved_h(late, warm, hours >= 1500)
    3.0
    """
    fast, driver = without_slow(value), without_slow(temperature_c)
    former, strength = _lag(fast, driver, ~after)
    now, strength_now = _lag(fast, driver, after)
    if min(strength, strength_now) < LEAST_CORRELATION:
        return None
    return float(now - former)


def _lag(value: Floats, driver: Floats, rows: np.ndarray) -> tuple[int, float]:
    """Lag in hours at which value follows driver most closely, and how closely."""
    best, strength = 0, 0.0
    for lag in range(-MOST_LAG_H, MOST_LAG_H + 1):
        moved = np.roll(driver, lag)
        known = rows & np.isfinite(value) & np.isfinite(moved)
        known[:MOST_LAG_H] = known[-MOST_LAG_H:] = False
        if np.count_nonzero(known) < LEAST_H // 2:
            continue
        x, y = value[known] - value[known].mean(), moved[known] - moved[known].mean()
        scale = float(np.sqrt((x @ x) * (y @ y)))
        closeness = abs(float(x @ y)) / scale if scale > 0.0 else 0.0
        if closeness > strength:
            best, strength = lag, closeness
    return best, strength
