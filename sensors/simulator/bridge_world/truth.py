"""What is true of one simulated bridge, and what happens to it."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.seeds import generator

Floats = NDArray[np.float64]
DamageKind = Literal["stiffness_loss", "crack_trend", "bearing_locked"]
FaultKind = Literal["stuck", "drift", "spike", "clock"]
LoadKind = Literal["temperature_swing", "convoy"]
MODES = 4
LEADING_TO = 0.5
"""Modes besides the leading one lose at most this share of what it loses."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A change of the structure from an hour on.

    ``size`` is the relative loss of frequency [-], the growth of the crack [mm/d], or the share
    of the expansion that is held back [-].
    """

    kind: DamageKind
    onset_h: int
    size: float
    shares: tuple[float, ...] = (1.0, 0.3, 0.3, 0.3)


@dataclass(frozen=True, slots=True)
class Fault:
    """A sensor that says what is not so, from one hour to another.

    ``size`` is the end of the drift or the height of the spikes in standard deviations of the
    channel, or the step of the clock [h].
    """

    kind: FaultKind
    channel: str
    start_h: int
    end_h: int
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Loading:
    """An unusual load that leaves no damage: a swing of the air [K] or a convoy [factor]."""

    kind: LoadKind
    start_h: int
    end_h: int
    size: float


@dataclass(frozen=True, slots=True)
class BridgeTruth:
    """Parameters of one bridge, drawn from ``ranges.csv``; names are those of the table."""

    seed: int
    numbers: Mapping[str, float]
    frequencies_hz: tuple[float, ...]
    warm_slopes_per_k: tuple[float, ...]
    cold_slopes_per_k: tuple[float, ...]


@cache
def ranges() -> Mapping[str, tuple[float, float]]:
    """Least and most of every parameter."""
    text = (files("sensors") / "simulator" / "bridge_world" / "ranges.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType(
        {row["name"]: (float(row["least"]), float(row["most"])) for row in rows}
    )


def draw(seed: int) -> BridgeTruth:
    """A bridge with random parameters.

    Examples
    --------
    >>> bridge = draw(1)
    >>> len(bridge.frequencies_hz), 3.0 <= bridge.numbers["lag_h"] <= 14.0
    (4, True)
    """
    random = generator(seed, "bridge_world")
    numbers = {name: float(random.uniform(*limits)) for name, limits in ranges().items()}
    ratios = np.cumprod([1.0, *random.uniform(1.3, 2.2, MODES - 1)])
    return BridgeTruth(
        seed=seed,
        numbers=MappingProxyType(numbers),
        frequencies_hz=tuple(float(x) for x in numbers["frequency_hz"] * ratios),
        warm_slopes_per_k=_slopes(random, "warm_slope_percent_k"),
        cold_slopes_per_k=_slopes(random, "cold_slope_percent_k"),
    )


def _slopes(random: np.random.Generator, name: str) -> tuple[float, ...]:
    return tuple(float(x) / 100.0 for x in random.uniform(*ranges()[name], MODES))


def loss(seed: int, *, onset_h: int, size: float, even: bool = False) -> Damage:
    """Loss of stiffness in which one mode leads, or that all modes share and looks like warmth."""
    random = generator(seed, "loss")
    if even:
        shares = random.uniform(0.7, 1.0, MODES)
    else:
        shares = random.uniform(0.0, LEADING_TO, MODES)
        shares[random.integers(MODES)] = 1.0
    return Damage("stiffness_loss", onset_h, size, tuple(float(x) for x in shares))
