"""Temperature of air and structure and the level of the river as sums of oscillations.

A structure follows the air like a first-order lag; for an oscillation that is an exact factor
and delay, so every value is a function of time alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.seeds import generator
from sensors.simulator.slots import MICRO
from sensors.simulator.tables import DAY_S, harmonics, parameters

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
YEAR_S = 365.2425 * DAY_S


@dataclass(frozen=True, slots=True)
class Wave:
    """``amplitude * cos(2 pi (t - peak) / period)`` with times in seconds since 1970."""

    amplitude: float
    period_s: float
    peak_s: float

    def at(self, time_s: Floats, lag_s: float = 0.0) -> Floats:
        """Value after a first-order lag with this time constant."""
        turning = 2.0 * math.pi / self.period_s
        gain = self.amplitude / math.hypot(1.0, turning * lag_s)
        delay_s = math.atan(turning * lag_s) / turning
        return gain * np.cos(turning * (time_s - self.peak_s - delay_s))


def temperature(times_us: Times, *, seed: int, lag_h: float = 0.0) -> Floats:
    """Temperature of the air, or of a structure that follows it with a lag [Cel]."""
    return _sum(times_us, _air(seed), mean=parameters()["air_mean_cel"], lag_s=lag_h * 3600.0)


def water_level(times_us: Times, *, seed: int) -> Floats:
    """Level of the river at its gauge without noise [m]."""
    return _sum(times_us, _river(seed), mean=parameters()["river_mean_m"])


def _sum(times_us: Times, waves: Sequence[Wave], *, mean: float, lag_s: float = 0.0) -> Floats:
    time_s = times_us / MICRO
    return mean + np.sum([wave.at(time_s, lag_s) for wave in waves], axis=0)


@lru_cache(maxsize=8)
def _air(seed: int) -> Sequence[Wave]:
    table = parameters()
    warmest_day = table["air_coldest_day"] * DAY_S + YEAR_S / 2.0
    annual = Wave(table["air_annual_k"], YEAR_S, warmest_day)
    daily = Wave(table["air_daily_k"], DAY_S, table["air_warmest_hour_utc"] * 3600.0)
    return (annual, daily, *_random_waves("weather", seed))


@lru_cache(maxsize=8)
def _river(seed: int) -> Sequence[Wave]:
    table = parameters()
    annual = Wave(table["river_annual_m"], YEAR_S, table["river_highest_day"] * DAY_S)
    return (annual, *_random_waves("river", seed))


def _random_waves(kind: str, seed: int) -> Sequence[Wave]:
    table = harmonics(kind)
    peaks = generator(seed, f"harmonics:{kind}").random(len(table))
    return [
        Wave(item.amplitude, item.period_s, peak * item.period_s)
        for item, peak in zip(table, peaks, strict=True)
    ]
