"""Cross-spectra and frequency domain decomposition, for the live spectrum and rough values. Pure.

References
----------
.. [1] "The use of fast Fourier transform for the estimation of power spectra", IEEE
   Transactions on Audio and Electroacoustics 15 (1967) 70-73.
.. [2] "Modal identification of output-only systems using
   frequency domain decomposition", Smart Materials and Structures 10 (2001) 441-445.
.. [3] "Damping estimation by frequency domain
   decomposition", Proc. 19th International Modal Analysis Conference, 2001.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from simulations.monitoring.modes import Complexes, Floats, mac, unit_shapes
from simulations.monitoring.recording import Recording, usable_blocks

BINS = 2048
OVERLAP = 0.5
# A peak rises at least this much above the saddle to a higher one: twice in power is scatter.
LEAST_PROMINENCE_DB = 6.0
# Width of the running median that is the floor, in shares of all bins.
FLOOR_SHARE = 0.1
# Bins around a peak belong to its bell as long as they move alike [3]_.
BELL_MAC = 0.8
# The free decay is read between these shares of its beginning [3]_.
DECAY_FROM, DECAY_TO = 0.90, 0.30
FEWEST_CYCLES = 4


@dataclass(frozen=True, slots=True)
class CrossSpectra:
    """Averaged cross-spectra of all channels.

    Parameters
    ----------
    frequency_hz : (bins,)
        From 0 to half the sampling rate [Hz].
    density : (bins, channels, channels)
        One-sided; Hermitian; ``density[f, i, j]`` is the mean of Y_i conj(Y_j), in the product of
        the channels' units per Hz.
    segments
        Number of segments that were averaged.
    """

    frequency_hz: Floats
    density: Complexes
    segments: int


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Singular values of cross-spectra, and the leading shape of each frequency.

    Parameters
    ----------
    frequency_hz : (bins,)
        [Hz]
    values : (bins, channels)
        Singular values, falling; in squared units of the channels per Hz.
    shape : (bins, channels)
        Leading singular vectors, of length 1.
    segments
        Number of segments that were averaged.
    """

    frequency_hz: Floats
    values: Floats
    shape: Complexes
    segments: int


@dataclass(frozen=True, slots=True)
class Peak:
    """A peak of the first singular value.

    ``damping`` is rough and None where the bell is too narrow to hold a decay; ``prominence_db``
    says how far the peak stands out [dB].
    """

    frequency_hz: float
    damping: float | None
    shape: Complexes
    prominence_db: float


def cross_spectra(recording: Recording, *, bins: int = BINS) -> CrossSpectra:
    """Cross-spectra of a recording of one channel or more; see `spectra_of_blocks`.

    Raises
    ------
    InsufficientData
        If a channel cannot be used or no block holds a segment of twice as many samples as bins.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(20_000, 2))
    >>> found = cross_spectra(Recording((noise,), 100.0, ("a", "b")), bins=64)
    >>> bool(abs(found.density[5, 0, 0].real * 50.0 - 1.0) < 0.2)  # variance 1 over 50 Hz
    True
    """
    blocks = usable_blocks(recording, fewest_samples=2 * bins, fewest_channels=1)
    return spectra_of_blocks(blocks, recording.rate_hz, bins=bins)


def spectra_of_blocks(
    blocks: Sequence[Floats], rate_hz: float, *, bins: int = BINS
) -> CrossSpectra:
    """Cross-spectra with a Hann window over half overlapping segments [1]_.

    Segments lie inside blocks, their mean is taken off.

    Parameters
    ----------
    blocks : each (samples, channels)
        Gap-free samples, each of at least ``2 * bins``.
    bins
        Frequencies from 0 to half the sampling rate, the latter not counted; a segment is twice as
        long.
    """
    size = 2 * bins
    window = signal.windows.hann(size, sym=False)
    step = size - int(OVERLAP * size)
    lines = [_lines(block, window, step) for block in blocks]
    transformed = np.concatenate(lines, axis=2)
    segments = transformed.shape[2]
    density = np.matmul(transformed, transformed.conj().transpose(0, 2, 1))
    density *= 2.0 / (rate_hz * np.sum(window**2) * segments)
    density[[0, -1]] *= 0.5
    return CrossSpectra(fft.rfftfreq(size, 1.0 / rate_hz), density, segments)


def decompose(spectra: CrossSpectra) -> Decomposition:
    """Singular values and leading shapes of cross-spectra [2]_.

    The matrices are Hermitian and positive, so their eigenvalues are the singular values.
    """
    values, vectors = np.linalg.eigh(spectra.density)
    return Decomposition(
        spectra.frequency_hz,
        np.maximum(values[:, ::-1], 0.0),
        vectors[:, :, -1],
        spectra.segments,
    )


def peaks(
    found: Decomposition, *, least_db: float = LEAST_PROMINENCE_DB, least_hz: float = 0.0
) -> tuple[Peak, ...]:
    """Peaks of the first singular value in rising frequency, with a rough damping [3]_.

    Candidates, not modes: a peak may be a harmonic, and two close modes may be one peak. A peak
    stands out of the saddles beside it and of the running median by at least ``least_db``.

    Parameters
    ----------
    least_hz
        Peaks below are left out [Hz], for example the drift of a sensor.
    """
    level = 10.0 * np.log10(np.maximum(found.values[:, 0], np.finfo(float).tiny))
    width = 1 + 2 * int(0.5 * FLOOR_SHARE * len(level))
    floor = signal.medfilt(level, min(width, len(level) - 1 + len(level) % 2))
    rows, facts = signal.find_peaks(level, prominence=least_db)
    step_hz = float(found.frequency_hz[1])
    result = []
    for row, prominence in zip(rows, facts["prominences"], strict=True):
        if level[row] - floor[row] < least_db or found.frequency_hz[row] < least_hz:
            continue
        frequency = (row + _shift(level[row - 1 : row + 2])) * step_hz
        shape = unit_shapes(found.shape[row : row + 1])[0]
        damping = _bell_damping(found, int(row))
        result.append(Peak(float(frequency), damping, shape, float(prominence)))
    return tuple(result)


def _lines(block: Floats, window: Floats, step: int) -> Complexes:
    """Transforms of the segments of a block, (bins, channels, segments)."""
    views = np.lib.stride_tricks.sliding_window_view(block, len(window), axis=0)[::step]
    detrended = (views - views.mean(axis=2, keepdims=True)) * window
    return np.ascontiguousarray(fft.rfft(detrended, axis=2).transpose(2, 1, 0))


def _shift(level: Floats) -> float:
    """Where between the bins a parabola through three levels has its top, in bins."""
    left, middle, right = level
    bend = left - 2.0 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0.0 else 0.0


def _bell_damping(found: Decomposition, row: int) -> float | None:
    """Damping from the decay of the bell around a peak, or None if it has no decay to read.

    The bell of the first singular value becomes a correlation; what the window did to that is
    divided out, so that the length of the segments does not add damping.
    """
    first, last = _bell(found, row)
    bell = np.zeros_like(found.values[:, 0])
    bell[first : last + 1] = found.values[first : last + 1, 0]
    size = 2 * (len(bell) - 1)
    analytic = np.abs(fft.ifft(bell, size))[: size // 2]
    window = signal.windows.hann(size, sym=False)
    lag_window = signal.correlate(window, window, method="fft")[size - 1 : size - 1 + size // 2]
    envelope = analytic / np.maximum(lag_window / lag_window[0], np.finfo(float).eps)
    envelope /= envelope[0]
    low = np.flatnonzero(envelope < DECAY_TO)
    until = int(low[0]) if low.size else size // 4
    chosen = np.arange(int(np.argmax(envelope < DECAY_FROM)), until)
    frequency = float(found.frequency_hz[row])
    seconds = chosen * 0.5 / float(found.frequency_hz[-1])
    if len(chosen) < 2 or np.ptp(seconds) * frequency < FEWEST_CYCLES:  # noqa: PLR2004
        return None
    slope = np.polyfit(seconds, np.log(envelope[chosen]), 1)[0]
    damping = float(-slope / (2.0 * np.pi * frequency))
    return damping if damping > 0.0 else None


def _bell(found: Decomposition, row: int) -> tuple[int, int]:
    """First and last bin around a peak that move like it."""
    alike = mac(found.shape[row : row + 1], found.shape)[0] >= BELL_MAC
    before = np.flatnonzero(~alike[:row])
    after = np.flatnonzero(~alike[row:])
    first = int(before[-1]) + 1 if before.size else 0
    last = row + int(after[0]) - 1 if after.size else len(alike) - 1
    return first, last
