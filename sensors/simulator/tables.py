"""Published and assumed numbers of the simulated sensors, each with its source."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

PROFILES = ("monday_to_thursday", "friday", "saturday", "sunday", "heavy")
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Harmonic:
    """One oscillation: period [s] and amplitude in the unit of its kind."""

    period_s: float
    amplitude: float


def _rows(name: str) -> Sequence[Mapping[str, str]]:
    text = (files("sensors") / "simulator" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def parameters() -> Mapping[str, float]:
    """Numbers of ``parameters.csv`` by name."""
    return MappingProxyType({row["name"]: float(row["value"]) for row in _rows("parameters")})


@cache
def day_profile(name: str) -> NDArray[np.float64]:
    """Share of the day [-] in each of 24 hours; the shares add up to 1."""
    shares = np.array([float(row[name]) for row in _rows("day_profile")])
    shares.setflags(write=False)
    return shares / math.fsum(shares)


@cache
def harmonics(kind: str) -> Sequence[Harmonic]:
    """Oscillations of the table ``harmonics.csv`` of one kind."""
    return tuple(
        Harmonic(float(row["period_d"]) * DAY_S, float(row["amplitude"]))
        for row in _rows("harmonics")
        if row["kind"] == kind
    )
