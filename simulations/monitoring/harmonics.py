"""Whether a spectral line comes from a machine or from the structure. Pure.

A structure that random traffic and wind drive moves as a Gaussian process does, so the samples in a
narrow band have the kurtosis 3; those of a sine have 1.5.

References
----------
.. [1] "Eliminating the influence of harmonic components
   in operational modal analysis", Proc. 25th International Modal Analysis Conference, 2007.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import fft

from simulations.monitoring.modes import Complexes, Floats

GAUSSIAN = 3.0
# Half way between a Gaussian process and a sine; a sine with 2.4 times the power of what else is in
# the band lies below.
MOST_OF_HARMONIC = 2.25
# The band: a share of its frequency, but at least so many independent values to judge by.
HALF_BAND_SHARE = 0.01
FEWEST_VALUES = 60.0
# A verdict wants the Gaussian kurtosis this many standard deviations away.
SURE_DEVIATIONS = 3.0

Verdict = Literal["harmonic", "structural", "undecided"]


@dataclass(frozen=True, slots=True)
class LineCheck:
    """Kurtosis in the band around a frequency, its deviation for a Gaussian process, the verdict.

    ``undecided``: the recording has too few independent values in the band.
    """

    kurtosis: float
    deviation: float
    verdict: Verdict


def check_line(
    blocks: Sequence[Floats], rate_hz: float, *, frequency_hz: float, shape: Complexes
) -> LineCheck:
    """Kurtosis of the band around a frequency, and what it says [1]_.

    Channels are added up along the shape, which lifts the line above the noise of each. From the
    envelope a of the band the kurtosis is 1.5 mean(a^4)/mean(a^2)^2.

    Parameters
    ----------
    blocks : each (samples, channels)
        Gap-free samples about their mean.
    shape : (channels,)
        Shape at the frequency.

    Examples
    --------
    >>> time_s = np.arange(60_000) / 100.0
    >>> noise = np.random.default_rng(1).normal(size=60_000)
    >>> hum = (noise + np.sin(2 * np.pi * 6.25 * time_s))[:, None]
    >>> check_line([hum], 100.0, frequency_hz=6.25, shape=np.ones(1) + 0j).verdict
    'harmonic'
    >>> check_line([noise[:, None]], 100.0, frequency_hz=6.25, shape=np.ones(1) + 0j).verdict
    'structural'
    """
    longest_s = max(len(block) for block in blocks) / rate_hz
    total_s = sum(len(block) for block in blocks) / rate_hz
    half_hz = max(HALF_BAND_SHARE * frequency_hz, 0.5 * FEWEST_VALUES / total_s, 1.0 / longest_s)
    powers = [_band_power(block @ shape.conj(), rate_hz, frequency_hz, half_hz) for block in blocks]
    power = np.concatenate(powers)
    mean = float(power.mean())
    if not mean > 0.0:
        return LineCheck(float("nan"), float("nan"), "undecided")
    kurtosis = 1.5 * float(np.mean(power**2)) / mean**2
    # Of n independent exponential powers, mean(p^2)/mean(p)^2 has the variance 4/n.
    deviation = 3.0 / np.sqrt(2.0 * half_hz * total_s)
    limit = min(MOST_OF_HARMONIC, GAUSSIAN - SURE_DEVIATIONS * deviation)
    if limit < 1.5:  # noqa: PLR2004 - not even a pure sine would lie below
        return LineCheck(kurtosis, deviation, "undecided")
    return LineCheck(kurtosis, deviation, "harmonic" if kurtosis < limit else "structural")


def _band_power(values: Complexes, rate_hz: float, frequency_hz: float, half_hz: float) -> Floats:
    """Squared envelope of the band around a frequency, without its ends."""
    count = len(values)
    lines = fft.fft(values)
    at = fft.fftfreq(count, 1.0 / rate_hz)
    offset = (at - frequency_hz) / half_hz
    inside = np.abs(offset) < 1.0
    lines *= np.where(inside, np.cos(0.5 * np.pi * np.where(inside, offset, 0.0)) ** 2, 0.0)
    power = np.abs(fft.ifft(lines)) ** 2
    ends = min(int(0.5 * rate_hz / half_hz), count // 4)
    return power[ends : count - ends]
