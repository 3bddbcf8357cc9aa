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


SPAN_M = 15.0
RATE_HZ = 256.0
PEAK_UMM_PER_KN = 0.35


@dataclass(frozen=True)
class Lorry:
    """One vehicle on the span, as it is and as it was measured before weighing."""

    strain_umm: Floats
    axle_kn: Floats
    offset_m: Floats
    speed_ms: float
    enters_s: float
    seen_speed_ms: float
    seen_offset_m: Floats


LORRIES = {
    "two": ((0.0, 4.5), (0.35, 0.65)),
    "three": ((0.0, 4.2, 5.5), (0.226, 0.387, 0.387)),
    "five": ((0.0, 3.2, 8.4, 9.7, 11.0), (0.143, 0.306, 0.1837, 0.1837, 0.1836)),
}


def tent(x_m: Floats) -> Floats:
    """Strain at mid-span per kN at x, written down from the moment of a simple beam."""
    return PEAK_UMM_PER_KN * np.clip(1.0 - np.abs(2.0 * x_m / SPAN_M - 1.0), 0.0, None)


def lorry(random: np.random.Generator, kind: str, *, spread: float = 0.15) -> Lorry:
    """A lorry on a 15 m span: body bounce 6 %, vibration of the span 3 %, noise 1 % of the peak.

    Speed is seen with an error of 1 %, axle distances with 3 cm.
    """
    offset = np.array(LORRIES[kind][0])
    share = np.array(LORRIES[kind][1]) * (1.0 + random.normal(0.0, spread, len(offset)))
    axle = share / share.sum() * random.uniform(100.0, 400.0)
    speed = random.uniform(16.0, 25.0)
    enters = random.uniform(0.4, 0.6)
    time = np.arange(round((enters + (SPAN_M + offset[-1]) / speed + 0.5) * RATE_HZ)) / RATE_HZ
    bounce = 1.0 + 0.06 * np.sin(2 * np.pi * (random.uniform(1.8, 3.5) * time + random.random()))
    place = speed * (time - enters)
    strain = np.zeros_like(time)
    for load, behind in zip(axle, offset, strict=True):
        strain += load * bounce * tent(place - behind)
    peak = strain.max()
    is_on = (place > 0) & (place < SPAN_M + offset[-1])
    shaking = np.where(is_on, 1.0, 0.3) * np.sin(
        2 * np.pi * (random.uniform(6.0, 8.0) * time + random.random())
    )
    strain += 0.03 * peak * shaking + random.normal(0.0, 0.01 * peak, len(time))
    seen_offset = offset + np.append(0.0, random.normal(0.0, 0.03, len(offset) - 1))
    return Lorry(
        strain, axle, offset, speed, enters, speed * (1.0 + random.normal(0.0, 0.01)), seen_offset
    )


def axle_signal(vehicle: Lorry, *, station_m: float, noise: float, seed: int) -> Floats:
    """An axle detector: every axle is a short pulse when it passes the station."""
    random = np.random.default_rng(seed)
    time = np.arange(len(vehicle.strain_umm)) / RATE_HZ
    found = random.normal(0.0, noise, len(time))
    for load, behind in zip(vehicle.axle_kn, vehicle.offset_m, strict=True):
        at = vehicle.enters_s + (station_m + behind) / vehicle.speed_ms
        found += load / 100.0 * np.exp(-(((time - at) * vehicle.speed_ms / 0.3) ** 2))
    return found


def crossing_record(
    kinds: tuple[str, ...], *, seed: int, gap_s: float = 20.0
) -> tuple[Floats, Floats]:
    """Continuous strain with lorries, cars, drift and noise; and when each lorry enters [s]."""
    random = np.random.default_rng(seed)
    total = round((len(kinds) + 1) * gap_s * RATE_HZ)
    strain = 30.0 * np.sin(2 * np.pi * np.arange(total) / total) + random.normal(0.0, 0.5, total)
    enters = []
    for number, kind in enumerate(kinds, start=1):
        vehicle = lorry(random, kind)
        start = round(number * gap_s * RATE_HZ)
        strain[start : start + len(vehicle.strain_umm)] += vehicle.strain_umm
        enters.append(start / RATE_HZ + vehicle.enters_s)
    for _ in range(3 * len(kinds)):
        at = int(random.integers(total - 600))
        time = np.arange(round(0.9 * RATE_HZ)) / RATE_HZ
        strain[at : at + len(time)] += random.uniform(10, 18) * tent(20.0 * time)
    return strain, np.array(enters)
