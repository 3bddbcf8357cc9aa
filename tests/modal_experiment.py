"""The accuracy experiment of the specification, section 8: many seeds against known modes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from modal_samples import (
    BEAM_DAMPING,
    BEAM_HZ,
    Floats,
    beam_shapes,
    recording_of,
    simulated,
    with_harmonic,
)

from simulations.monitoring.modes import mac
from simulations.monitoring.oma import identify, least_deviation_hz

DURATION_S = 600.0
HARMONIC_HZ = 6.25
PAIR_HZ = (3.0, 6.0, 6.12, 9.0)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors over runs, one column a mode.

    ``bias``, ``deviation`` and ``damping_deviation`` are shares of the truth; ``limit`` is twice
    the least deviation that any estimator leaves; ``standard_error`` the root mean square of errors
    of frequencies in units of their stated deviations.
    """

    runs: int
    bias: Floats
    deviation: Floats
    limit: Floats
    damping_deviation: Floats
    least_mac: float
    standard_error: float
    extra: int

    def misses(self) -> list[str]:
        """Bars of the specification that are missed, in words."""
        bars = {
            "bias above 0.05 %": np.any(np.abs(self.bias) > 0.0005),
            "deviation above 0.15 %": np.any(self.deviation > 0.0015),
            "deviation above twice the least": np.any(self.deviation > self.limit),
            "damping deviation above 15 %": np.any(self.damping_deviation > 0.15),
            "MAC below 0.99": self.least_mac <= 0.99,
            "modes that are none": self.extra > 0,
        }
        return [name for name, is_missed in bars.items() if is_missed]


def accuracy(seeds: Iterable[int]) -> Accuracy:
    """Identify the beam once per seed: 10 channels, 100 Hz, 600 s, 10 % noise."""
    truth, damping = np.array(BEAM_HZ), np.array(BEAM_DAMPING)
    shapes = beam_shapes(len(truth)).astype(complex)
    rows, extra = [], 0
    for seed in seeds:
        modes = identify(recording_of(simulated(seed, duration_s=DURATION_S))).modes
        found = np.array([mode.frequency_hz for mode in modes])
        nearest = [modes[int(np.argmin(np.abs(found - one)))] for one in truth]
        extra += len(modes) - len(truth)
        rows.append(
            [
                (
                    mode.frequency_hz,
                    mode.damping,
                    mode.frequency_sd_hz,
                    mac(mode.shape[None], shape[None])[0, 0],
                )
                for mode, shape in zip(nearest, shapes, strict=True)
            ]
        )
    values = np.array(rows)
    least = [
        least_deviation_hz(one, damping=share, duration_s=DURATION_S)
        for one, share in zip(truth, damping, strict=True)
    ]
    scatter = values[:, :, 0].std(axis=0, ddof=1)
    return Accuracy(
        runs=len(values),
        bias=values[:, :, 0].mean(axis=0) / truth - 1.0,
        deviation=scatter / truth,
        limit=2.0 * np.array(least) / truth,
        damping_deviation=values[:, :, 1].std(axis=0, ddof=1) / damping,
        least_mac=float(values[:, :, 3].min()),
        standard_error=float(np.sqrt(np.mean(((values[:, :, 0] - truth) / values[:, :, 2]) ** 2))),
        extra=extra,
    )


def separated_pairs(seeds: Iterable[int]) -> int:
    """Runs in which two modes 2 % apart are both found, each within 0.3 %."""
    count = 0
    for seed in seeds:
        samples = simulated(seed, frequency_hz=PAIR_HZ, damping=(0.01,) * len(PAIR_HZ))
        found = [mode.frequency_hz for mode in identify(recording_of(samples)).modes]
        near = [any(abs(one / truth - 1.0) < 0.003 for one in found) for truth in PAIR_HZ]
        count += all(near) and len(found) == len(PAIR_HZ)
    return count


def flagged_harmonics(seeds: Iterable[int]) -> int:
    """Runs in which the harmonic is flagged, is no mode, and all modes are still found."""
    count = 0
    for seed in seeds:
        samples = with_harmonic(simulated(seed), frequency_hz=HARMONIC_HZ, share=0.3)
        found = identify(recording_of(samples))
        lines = [line.frequency_hz for line in found.harmonics]
        right = len(lines) == 1 and abs(lines[0] - HARMONIC_HZ) < 0.01 * HARMONIC_HZ
        count += right and len(found.modes) == len(BEAM_HZ)
    return count


def modes_of_noise(seeds: Iterable[int]) -> int:
    """Modes that are found in white noise of ten channels."""
    count = 0
    for seed in seeds:
        noise = np.random.default_rng(seed).standard_normal((60_000, 10))
        count += len(identify(recording_of(noise)).modes)
    return count
