"""Accelerations of a bridge under traffic and wind: its modes with exact discrete poles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from sensors.simulator.seeds import generator

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mode:
    """Frequency [Hz], damping [share of critical], shape at the sensors (n,) and its strength."""

    frequency_hz: float
    damping: float
    shape: tuple[float, ...]
    strength: float = 1.0


def beam_modes(
    frequencies_hz: tuple[float, ...], *, sensors: int, damping: float = 0.01
) -> tuple[Mode, ...]:
    """Modes with the shapes of a simply supported beam at evenly spread sensors.

    Examples
    --------
    >>> [round(x, 3) for x in beam_modes((3.0,), sensors=3)[0].shape]
    [0.707, 1.0, 0.707]
    """
    station = np.arange(1, sensors + 1) / (sensors + 1)
    return tuple(
        Mode(frequency, damping, tuple(float(x) for x in np.sin(np.pi * (row + 1) * station)))
        for row, frequency in enumerate(frequencies_hz)
    )


def accelerations(
    modes: tuple[Mode, ...],
    *,
    rate_hz: float,
    count: int,
    noise: float = 0.1,
    hum_hz: float | None = None,
    seed: int = 0,
) -> Floats:
    """Accelerations (count, sensors): every mode struck by noise, and noise of the sensors.

    Each mode is a second-order recursion whose poles are those of the damped oscillator, so its
    frequency and damping are exact at any rate. ``noise`` is relative to the standard deviation
    of the signal; ``hum_hz`` adds the steady vibration of a machine as strong as the signal.

    Examples
    --------
    >>> accelerations(beam_modes((3.0,), sensors=2), rate_hz=100.0, count=10).shape
    (10, 2)
    """
    random = generator(seed, "vibration")
    settle = round(10.0 * rate_hz / min(mode.frequency_hz * mode.damping for mode in modes) / 6.0)
    signal = np.zeros((count, len(modes[0].shape)))
    for mode in modes:
        shocks = random.standard_normal(count + settle)
        signal += np.outer(_struck(mode, shocks, rate_hz)[settle:], mode.shape)
    if hum_hz is not None:
        time_s = np.arange(count) / rate_hz
        signal += signal.std() * np.sqrt(2.0) * np.sin(2.0 * np.pi * hum_hz * time_s)[:, None]
    return signal + noise * signal.std() * random.standard_normal(signal.shape)


def _struck(mode: Mode, shocks: Floats, rate_hz: float) -> Floats:
    turning = 2.0 * np.pi * mode.frequency_hz / rate_hz
    decay = float(np.exp(-mode.damping * turning))
    angle = turning * float(np.sqrt(1.0 - mode.damping**2))
    poles = [1.0, -2.0 * decay * float(np.cos(angle)), decay**2]
    answer = np.asarray(lfilter([1.0, -1.0], poles, shocks))
    return mode.strength * answer / answer.std()
