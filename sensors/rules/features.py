"""Features of a waveform block: RMS, peak, dominant frequency. Pure.

References
----------
.. [1] "Spectral Audio Signal Processing", W3K Publishing, 2011, chapter "Quadratic
   Interpolation of Spectral Peaks".
.. [2] "On the Use of Windows for Harmonic Analysis with the Discrete Fourier
   Transform", Proc. IEEE 66 (1978) 51-83.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.model.observations import Waveform

FEWEST_SAMPLES = 32  # a spectrum of fewer has no shape to speak of
FEWEST_CYCLES = 3  # below, the line merges with the mean: main lobe of the window

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Features:
    """Features of a block about its mean.

    Parameters
    ----------
    rms
        Root mean square, in the unit of the samples.
    peak
        Largest absolute deviation, in the unit of the samples.
    dominant_hz
        Frequency of the strongest line [Hz]; None if the block is too short or constant.
    """

    rms: float
    peak: float
    dominant_hz: float | None


class FeatureReading(NamedTuple):
    """One row of `twin.model.observations.Readings`: a feature at the end of its block."""

    number: int
    time_us: int
    value: float
    quality: int


def features(waveform: Waveform) -> Features:
    """RMS, peak and dominant frequency of a block.

    With y the samples less their mean: rms = sqrt(mean(y**2)), peak = max(abs(y)); the dominant
    frequency is that of `dominant_frequency`.

    Examples
    --------
    >>> time_s = np.arange(400) / 100.0
    >>> samples = (2.0 * np.sin(2 * np.pi * 3.25 * time_s)).astype(np.float32)
    >>> found = features(Waveform(1, 0, 100.0, samples))
    >>> round(found.rms, 2), round(found.peak, 2), round(found.dominant_hz or 0.0, 2)
    (1.41, 2.0, 3.25)
    """
    samples = waveform.samples.astype(np.float64)
    if not len(samples):
        return Features(0.0, 0.0, None)
    deviation = samples - samples.mean()
    return Features(
        rms=float(np.sqrt(np.mean(deviation**2))),
        peak=float(np.abs(deviation).max()),
        dominant_hz=dominant_frequency(deviation, waveform.rate_hz),
    )


def dominant_frequency(deviation: Float64, rate_hz: float) -> float | None:
    """Frequency of the strongest spectral line [Hz], or None if there is none.

    The samples are weighted with a Hann window [2]_; a line stands above both its neighbours.
    With a, b, c the logarithms of the amplitudes at the strongest line k and its neighbours, it
    lies at
    k + (a - c) / (2 * (a - 2 b + c)), the vertex of the parabola through them [1]_. Lines of
    fewer than three cycles in the block are left out: they merge with the mean.

    Parameters
    ----------
    deviation : (n,)
        Samples less their mean.
    rate_hz
        Samples per second [Hz].
    """
    count = len(deviation)
    if count < FEWEST_SAMPLES or not np.any(deviation):
        return None
    amplitude = np.abs(np.fft.rfft(deviation * np.hanning(count + 1)[:-1]))
    inner = amplitude[1:-1]
    is_line = (inner > amplitude[:-2]) & (inner >= amplitude[2:])
    is_line[: FEWEST_CYCLES - 1] = False
    if not is_line.any():
        return None
    line = 1 + int(np.argmax(np.where(is_line, inner, 0.0)))
    left, middle, right = np.log(np.maximum(amplitude[line - 1 : line + 2], np.finfo(float).tiny))
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float((line + np.clip(shift, -0.5, 0.5)) * rate_hz / count)


FEATURES: Mapping[str, Callable[[Features], float | None]] = MappingProxyType(
    {
        "rms": lambda found: found.rms,
        "peak": lambda found: found.peak,
        "dominant_frequency": lambda found: found.dominant_hz,
    }
)


def feature_key(wave_key: str, feature: str) -> str:
    """Route key of the datastream that holds a feature of a waveform stream.

    Examples
    --------
    >>> feature_key("B08/acceleration_midspan", "rms")
    'B08/acceleration_midspan#rms'
    """
    return f"{wave_key}#{feature}"


def feature_readings(waveform: Waveform, numbers: Mapping[str, int]) -> list[FeatureReading]:
    """Readings at the end of a block for the features that are registered.

    They inherit the flags of the block, so that what was simulated stays labelled.

    Parameters
    ----------
    waveform
        As it is stored.
    numbers
        Datastream number per feature (key of `FEATURES`); those missing are not computed.

    Examples
    --------
    >>> block = Waveform(1, 0, 10.0, np.ones(11, np.float32))
    >>> feature_readings(block, {"rms": 7})
    [FeatureReading(number=7, time_us=1000000, value=0.0, quality=0)]
    """
    if not numbers:
        return []
    found = features(waveform)
    values = {name: FEATURES[name](found) for name in FEATURES if name in numbers}
    return [
        FeatureReading(numbers[name], waveform.end_us, value, waveform.quality)
        for name, value in values.items()
        if value is not None
    ]
