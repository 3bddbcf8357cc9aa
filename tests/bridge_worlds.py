"""Bridges made up for tests: frequencies over a year, cracks, bearings and lorries, truth known.

Nothing here is shared with the programme: lags, kinks and signals are written down a second time.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HOUR_US = 3_600_000_000
START_US = 1_735_689_600_000_000  # 2025-01-01
DAY_H = 24
YEAR_H = 365 * DAY_H
TRAINING_DAYS = 200

Damage = Literal["one", "all"]


@dataclass(frozen=True)
class ModalWorld:
    """A year of hourly frequencies [Hz] and air temperature [Cel] with a drop at a known hour."""

    time_us: NDArray[np.int64]
    air_c: Floats
    frequency_hz: Floats
    damage_hour: int
    leading: int


def weather(random: np.random.Generator, *, hours: int = YEAR_H) -> Floats:
    """Air temperature: season, day and weather with a memory of days [Cel]."""
    hour = np.arange(hours)
    mean, season, day = (random.uniform(*ends) for ends in ((7, 11), (8, 11), (2, 5)))
    memory = np.exp(-1.0 / (random.uniform(2, 4) * DAY_H))
    spread = 3.0
    shocks = random.normal(0.0, spread * np.sqrt(1 - memory**2), hours)
    front = np.empty(hours)
    now = random.normal(0.0, spread)
    for index, shock in enumerate(shocks):
        now = memory * now + shock
        front[index] = now
    yearly = -season * np.cos(2 * np.pi * (hour / DAY_H - 20) / 365.25)
    daily = -day * np.cos(2 * np.pi * (hour % DAY_H - 3) / DAY_H)
    return mean + yearly + daily + front


def followed(air_c: Floats, *, lag_h: float) -> Floats:
    """Temperature of a body that follows the air with a first-order lag [Cel]."""
    body, now = np.empty_like(air_c), air_c[0]
    for hour, air in enumerate(air_c):
        now += (air - now) / lag_h
        body[hour] = now
    return body


def modal_world(
    seed: int, *, drop: float, damage: Damage = "one", hours: int = YEAR_H
) -> ModalWorld:
    """The acceptance world of the specification: four modes with a kink near freezing.

    ``drop`` is the relative fall of the leading mode; the others follow with up to a half of it
    (``one``) or with 70 to 100 % (``all``).
    """
    random = np.random.default_rng([seed, 20261122])
    air = weather(random, hours=hours)
    body = followed(air, lag_h=random.uniform(3, 14))
    modes = 4
    base = np.sort(random.uniform(2.0, 9.0, modes))
    kink = random.uniform(-2, 3)
    warm = random.uniform(0.02, 0.06, modes) / 100
    cold = random.uniform(0.15, 0.4, modes) / 100
    noise = random.uniform(0.2, 0.4, modes) / 100
    warmer, colder = np.maximum(body - kink, 0.0), np.maximum(kink - body, 0.0)
    relative = -np.outer(warmer, warm) + np.outer(colder, cold)
    relative += random.normal(size=(hours, modes)) * noise
    leading = int(random.integers(modes))
    share = random.uniform(0.0, 0.5, modes) if damage == "one" else random.uniform(0.7, 1.0, modes)
    share[leading] = 1.0
    hour = int(random.integers(240 * DAY_H, 310 * DAY_H))
    relative[hour:] -= drop * share
    frequency = base * (1.0 + relative)
    frequency[random.random((hours, modes)) < random.uniform(0.02, 0.12)] = np.nan
    time_us = START_US + np.arange(hours, dtype=np.int64) * HOUR_US
    return ModalWorld(time_us, air, frequency, hour, leading)
