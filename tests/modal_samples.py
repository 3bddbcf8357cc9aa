"""Structures whose modes are known: modal superposition with exact discrete poles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from simulations.monitoring.recording import Recording

Floats = NDArray[np.float64]

RATE_HZ = 100.0
BEAM_HZ = (3.0, 5.2, 8.1, 11.7, 16.4)
BEAM_DAMPING = (0.010, 0.008, 0.012, 0.015, 0.010)
WARM_UP = 6000


def beam_shapes(count: int, *, channels: int = 10) -> Floats:
    """First shapes of a simply supported beam at equal distances, (count, channels)."""
    station = np.arange(1, channels + 1) / (channels + 1)
    return np.sin(np.pi * np.outer(np.arange(1, count + 1), station))


def responses(
    frequency_hz: Sequence[float],
    damping: Sequence[float],
    *,
    samples: int,
    random: np.random.Generator,
    rate_hz: float = RATE_HZ,
) -> Floats:
    """Modal responses to white noise, (modes, samples), each of standard deviation 1.

    Each is an autoregression whose two poles are exp(s / rate) of the mode, exactly.
    """
    rows = []
    for frequency, share in zip(frequency_hz, damping, strict=True):
        rate = 2.0 * np.pi * frequency * (-share + 1j * np.sqrt(1.0 - share**2))
        root = np.exp(rate / rate_hz)
        noise = random.standard_normal(samples + WARM_UP)
        row = signal.lfilter([1.0], [1.0, -2.0 * root.real, abs(root) ** 2], noise)[WARM_UP:]
        rows.append(row / np.std(row))
    return np.array(rows)


def simulated(
    seed: int,
    *,
    duration_s: float = 600.0,
    frequency_hz: Sequence[float] = BEAM_HZ,
    damping: Sequence[float] = BEAM_DAMPING,
    shapes: Floats | None = None,
    amplitude: Sequence[float] | None = None,
    noise: float = 0.1,
    rate_hz: float = RATE_HZ,
) -> Floats:
    """Samples (n, channels) of a structure; ``noise`` is its share in each channel's deviation."""
    random = np.random.default_rng(seed)
    count = round(duration_s * rate_hz)
    if shapes is None:
        shapes = beam_shapes(len(frequency_hz))
    sizes = np.ones(len(frequency_hz)) if amplitude is None else np.asarray(amplitude)
    modal = responses(frequency_hz, damping, samples=count, random=random, rate_hz=rate_hz)
    clean = (sizes[:, None] * modal).T @ shapes
    return clean + noise * clean.std(axis=0) * random.standard_normal(clean.shape)


def recording_of(*blocks: Floats, rate_hz: float = RATE_HZ) -> Recording:
    """The blocks as a recording with channels a0, a1 and so on, in m/s2."""
    count = blocks[0].shape[1]
    names = tuple(f"a{number}" for number in range(count))
    return Recording(blocks, rate_hz, names, ("m/s2",) * count)


def with_harmonic(samples: Floats, *, frequency_hz: float, share: float) -> Floats:
    """Samples with a sine whose amplitude is this share of each channel's deviation."""
    time_s = np.arange(len(samples)) / RATE_HZ
    sine = np.sin(2.0 * np.pi * frequency_hz * time_s)
    return samples + share * sine[:, None] * samples.std(axis=0)


def bursts(samples: Floats, *, length: int = 200, every: int = 2000) -> list[Floats]:
    """Short stretches of samples with gaps between."""
    return [samples[begin : begin + length] for begin in range(0, len(samples) - length, every)]
