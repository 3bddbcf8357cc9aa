"""Lagged temperature: exponential averages of a stream, and the hinges that a kink needs.

References
----------
.. [1] "One-year monitoring of the Z24-Bridge: environmental effects versus
   damage events", Earthquake Eng. Struct. Dyn. 30 (2001) 149-171: two slopes of the frequencies
   above and below the freezing point.
.. [2] "Multivariate Adaptive Regression Splines", Ann. Stat. 19 (1991)
   1-67: hinges.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LAGS_H = (3.0, 6.0, 12.0, 24.0)
KNOTS_C = (-3.0, -1.0, 0.5, 2.0, 4.0)
HOUR_US = 3_600_000_000
BRIDGED_GAP_US = 3 * HOUR_US
SETTLING = 3.0


class Lags:
    """Exponential averages of one temperature stream, value by value.

    ``T_tau <- T + (T_tau - T) exp(-dt / tau)``: exact for a temperature that keeps each value from
    the last time on, whatever the distance of the times. It settles over three times the longest
    lag at the start, and three times the length of a gap of more than three hours.

    Parameters
    ----------
    lags_h
        Time constants [h].
    average_c : (lags,)
        Averages so far [Cel]; NaN before the first value.
    seen_us, settled_us
        Time of the last value and time from which on the averages hold [us since 1970].

    Examples
    --------
    >>> lags = Lags((3.0,))
    >>> for hour in range(60):
    ...     lags.take(hour * HOUR_US, 10.0 if hour < 30 else 20.0)
    >>> lags.average_c.round(3), lags.is_settled(60 * HOUR_US)
    (array([20.]), True)
    """

    __slots__ = ("average_c", "lags_h", "seen_us", "settled_us")

    def __init__(
        self,
        lags_h: Sequence[float] = LAGS_H,
        *,
        average_c: Floats | None = None,
        seen_us: int = 0,
        settled_us: int = 0,
    ) -> None:
        self.lags_h = np.array(lags_h, dtype=np.float64)
        self.average_c = np.full(len(self.lags_h), np.nan) if average_c is None else average_c
        self.seen_us = seen_us
        self.settled_us = settled_us

    def take(self, time_us: int, temperature_c: float) -> None:
        """Go on to this time; a temperature that is NaN changes nothing."""
        if not np.isfinite(temperature_c):
            return
        longest_us = int(SETTLING * float(np.max(self.lags_h)) * HOUR_US)
        if np.isnan(self.average_c[0]):
            self.average_c = np.full(len(self.lags_h), float(temperature_c))
            self.settled_us = time_us + longest_us
        else:
            gap_us = time_us - self.seen_us
            decay = np.exp(-gap_us / HOUR_US / self.lags_h)
            self.average_c = temperature_c + (self.average_c - temperature_c) * decay
            if gap_us > BRIDGED_GAP_US:
                again_us = time_us + min(int(SETTLING * gap_us), longest_us)
                self.settled_us = max(self.settled_us, again_us)
        self.seen_us = time_us

    def is_settled(self, time_us: int) -> bool:
        """Whether the averages hold at this time."""
        return bool(np.isfinite(self.average_c[0])) and time_us >= self.settled_us


def lagged(time_us: Ints, temperature_c: Floats, *, lags_h: Sequence[float] = LAGS_H) -> Floats:
    """Averages of a whole record, NaN while they settle and where the temperature is missing.

    Parameters
    ----------
    time_us : (n,)
        Rising times [us since 1970].
    temperature_c : (n,)
        Temperature [Cel]; NaN is missing.
    lags_h
        Time constants [h].

    Returns
    -------
    (n, lags)
        Averages [Cel].

    Examples
    --------
    >>> lagged(np.arange(100) * HOUR_US, np.full(100, 5.0))[[0, 99]]
    array([[nan, nan, nan, nan],
           [ 5.,  5.,  5.,  5.]])
    """
    found = np.full((len(time_us), len(lags_h)), np.nan)
    lags = Lags(lags_h)
    for row, (time, temperature) in enumerate(
        zip(time_us.tolist(), temperature_c.tolist(), strict=True)
    ):
        lags.take(time, temperature)
        if np.isfinite(temperature) and lags.is_settled(time):
            found[row] = lags.average_c
    return found


def hinged(average_c: Floats, *, knots_c: Sequence[float] = KNOTS_C) -> Floats:
    """Piecewise-linear terms: every average, and its excess over every knot.

    Parameters
    ----------
    average_c : (n, lags)
        Lagged temperatures [Cel].
    knots_c
        Where the slope may change [Cel].

    Returns
    -------
    (n, lags * (1 + knots))
        Terms [K].

    Examples
    --------
    >>> hinged(np.array([[3.0]]), knots_c=(-1.0, 4.0))
    array([[3., 4., 0.]])
    """
    excess = [np.maximum(0.0, average_c - knot) for knot in knots_c]
    return np.concatenate([average_c, *excess], axis=1)
