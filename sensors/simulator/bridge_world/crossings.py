"""Lorries that cross a simply supported span: their axles, and the strain at two sections."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.seeds import generator

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lorry:
    """One crossing: time of the first axle at station 0 [s], speed, axles and class."""

    time_s: float
    speed_ms: float
    name: str
    axle_offset_m: tuple[float, ...]
    axle_load_kn: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A simply supported span with strain gauges.

    ``strain_per_moment`` is the strain [um/m] per bending moment [kN.m] at a gauge.
    """

    length_m: float = 15.0
    gauges_m: tuple[float, ...] = (6.0, 9.0)
    strain_per_moment: float = 0.05
    bounce_hz: float = 3.2
    bounce: float = 0.06
    vibration_hz: float = 6.0
    vibration: float = 0.03
    noise: float = 0.01


LORRIES = {
    "rigid_2": ((0.0, 4.8), (60.0, 90.0)),
    "rigid_3": ((0.0, 3.8, 5.1), (70.0, 90.0, 80.0)),
    "articulated_4": ((0.0, 3.4, 9.4, 11.2), (65.0, 100.0, 75.0, 75.0)),
    "articulated_5": ((0.0, 3.6, 9.0, 10.3, 11.6), (70.0, 110.0, 75.0, 75.0, 75.0)),
}
"""Distance of the axles from the first [m] and their loads [kN]; own choice of usual lorries."""


def lorries(
    count: int, *, gap_s: float, name: str = "articulated_5", seed: int = 0
) -> tuple[Lorry, ...]:
    """Lorries of one class, one every ``gap_s`` on average, with scattered speeds and loads."""
    random = generator(seed, f"lorries:{name}")
    offsets, loads = LORRIES[name]
    times_s = np.cumsum(random.uniform(0.8, 1.2, count) * gap_s)
    return tuple(
        Lorry(
            time_s=float(time_s),
            speed_ms=float(random.uniform(12.0, 24.0)),
            name=name,
            axle_offset_m=offsets,
            axle_load_kn=tuple(
                float(load)
                for load in np.array(loads) * random.uniform(0.6, 1.1) * _spread(random, loads)
            ),
        )
        for time_s in times_s
    )


def _spread(random: np.random.Generator, loads: tuple[float, ...]) -> Floats:
    return 1.0 + 0.05 * random.standard_normal(len(loads))


def strains(
    passing: tuple[Lorry, ...], span: Span, *, rate_hz: float, duration_s: float, seed: int = 0
) -> tuple[Floats, Floats]:
    """Times (n,) [s] and strains (n, gauges) [um/m] while lorries cross.

    The moment of a unit load at the gauge a is ``x (L - a) / L`` left of it and ``a (L - x) / L``
    right of it. Lorries bounce, the span vibrates while one is on it, gauges are noisy.
    """
    random = generator(seed, "strains")
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    static = np.zeros((len(time_s), len(span.gauges_m)))
    for lorry in passing:
        static += _crossing(lorry, span, time_s, phase=float(random.uniform(0.0, 2.0 * np.pi)))
    strongest = float(np.abs(static).max()) if len(passing) else 1.0
    vibration = np.sin(2.0 * np.pi * span.vibration_hz * time_s)[:, None] * span.vibration
    noise = span.noise * strongest * random.standard_normal(static.shape)
    return time_s, static * (1.0 + vibration) + noise


def _crossing(lorry: Lorry, span: Span, time_s: Floats, *, phase: float) -> Floats:
    first_m = lorry.speed_ms * (time_s - lorry.time_s)
    bounce = 1.0 + span.bounce * np.sin(2.0 * np.pi * span.bounce_hz * time_s + phase)
    moments = np.zeros((len(time_s), len(span.gauges_m)))
    for offset_m, load_kn in zip(lorry.axle_offset_m, lorry.axle_load_kn, strict=True):
        x_m = first_m - offset_m
        inside = (x_m > 0.0) & (x_m < span.length_m)
        for column, gauge_m in enumerate(span.gauges_m):
            left = x_m * (span.length_m - gauge_m) / span.length_m
            right = gauge_m * (span.length_m - x_m) / span.length_m
            moments[:, column] += np.where(inside, load_kn * np.minimum(left, right), 0.0)
    return moments * bounce[:, None] * span.strain_per_moment
