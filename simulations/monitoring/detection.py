"""Crossings of heavy vehicles in a continuous strain signal, and their speed and axles.

References
----------
.. [1] COST 323, "Weigh-in-Motion of Road Vehicles", Final Report, LCPC Paris 2002, chapter on
   bridge systems: axle detectors at two sections give speed and axle distances.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from simulations.monitoring.bwim import Passage
from twin.errors import InsufficientData, ModelError

Floats = NDArray[np.float64]

MAD_TO_SD = 1.4826
NOISE_FACTOR = 6.0
BASELINE_S = 60.0
SMOOTHING_S = 0.1
QUIET_S = 0.3
LEAST_SPEED_SD = 0.005
LEAST_AXLE_SHARE = 0.2
CLOSEST_AXLES_S = 0.03
LONGEST_STEP_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Crossing:
    """A stretch of signal that a heavy vehicle caused: begin, end [s] and peak [um/m]."""

    start_s: float
    end_s: float
    peak_umm: float


def without_baseline(strain_umm: Floats, *, rate_hz: float, window_s: float = BASELINE_S) -> Floats:
    """Strain less its running median: temperature moves the baseline for hours.

    Parameters
    ----------
    strain_umm : (n,)
        Strain [um/m], without gaps.
    rate_hz
        Sampling rate.
    window_s
        Window of the median; vehicles must be on the bridge for less than half of it.

    Examples
    --------
    >>> drift = np.linspace(0.0, 50.0, 20_000)
    >>> bool(np.max(np.abs(without_baseline(drift, rate_hz=100.0))) < 1.0)
    True
    """
    every = max(1, round(rate_hz / 2.0))
    middles = np.arange(every // 2, len(strain_umm), every)
    coarse = np.array([np.median(strain_umm[at - every // 2 : at + every]) for at in middles])
    width = max(3, round(window_s * rate_hz / every)) | 1
    if len(coarse) < 2:  # noqa: PLR2004
        return strain_umm - np.median(strain_umm)
    smooth = ndimage.median_filter(coarse, size=min(width, len(coarse) | 1), mode="nearest")
    return strain_umm - np.interp(np.arange(len(strain_umm)), middles, smooth)


def crossings(strain_umm: Floats, *, rate_hz: float, least_peak_umm: float) -> tuple[Crossing, ...]:
    """Stretches in which the strain rises above a heavy vehicle's least peak.

    A crossing begins and ends where the smoothed strain falls below a tenth of its threshold, which
    is the least peak or six times the noise, whichever is more.

    Parameters
    ----------
    strain_umm : (n,)
        Strain with its baseline [um/m], without gaps.
    rate_hz
        Sampling rate.
    least_peak_umm
        Peak of the lightest vehicle of interest [um/m].

    Examples
    --------
    >>> time = np.arange(0.0, 30.0, 0.01)
    >>> found = crossings(40.0 * np.exp(-((time - 12.0) ** 2)), rate_hz=100.0, least_peak_umm=10.0)
    >>> len(found), round(found[0].peak_umm)
    (1, 40)
    """
    if least_peak_umm <= 0.0 or not np.all(np.isfinite(strain_umm)):
        raise ModelError("a positive least peak and a signal without gaps are needed")
    level = without_baseline(strain_umm, rate_hz=rate_hz)
    width = max(1, round(SMOOTHING_S * rate_hz))
    smooth = ndimage.uniform_filter1d(level, width, mode="nearest")
    noise = MAD_TO_SD * float(np.median(np.abs(smooth - np.median(smooth))))
    high = max(least_peak_umm, NOISE_FACTOR * noise)
    is_low = smooth < max(0.1 * high, 2.0 * noise)
    is_low = ndimage.binary_opening(is_low, np.ones(max(1, round(QUIET_S * rate_hz)), np.bool_))
    labels, count = ndimage.label(~is_low)
    found = []
    for place in ndimage.find_objects(labels, max_label=count):
        rows = place[0]
        peak = float(np.max(level[rows]))
        if float(np.max(smooth[rows])) >= high:
            found.append(Crossing(rows.start / rate_hz, rows.stop / rate_hz, peak))
    return tuple(found)


def axle_times(detector: Floats, *, rate_hz: float) -> Floats:
    """Times of the axles in the signal of an axle detector [s], finer than one sample.

    Parameters
    ----------
    detector : (n,)
        Signal in which every axle is a peak of its own.
    rate_hz
        Sampling rate.

    Examples
    --------
    >>> time = np.arange(0.0, 1.0, 0.01)
    >>> axle_times(np.exp(-(((time - 0.503) / 0.02) ** 2)), rate_hz=100.0).round(3)
    array([0.503])
    """
    level = np.convolve(detector, (0.25, 0.5, 0.25), mode="same")
    noise = MAD_TO_SD * float(np.median(np.abs(level - np.median(level))))
    peaks, _ = signal.find_peaks(
        level,
        prominence=max(LEAST_AXLE_SHARE * float(np.max(level)), NOISE_FACTOR * noise, 1e-12),
        distance=max(1, round(CLOSEST_AXLES_S * rate_hz)),
    )
    before, at, after = level[peaks - 1], level[peaks], level[peaks + 1]
    bend = np.minimum(before - 2.0 * at + after, -1e-300)
    return (peaks + 0.5 * (before - after) / bend) / rate_hz


def measured_passage(
    first: Floats,
    second: Floats,
    *,
    rate_hz: float,
    stations_m: tuple[float, float],
    line_m: tuple[float, float],
) -> Passage:
    """Speed, axle distances and time of entry from axle detectors at two sections.

    Parameters
    ----------
    first, second : (n,)
        Signals of the detectors over one crossing, on one clock.
    rate_hz
        Sampling rate.
    stations_m
        Stations of the detectors [m], rising.
    line_m
        Stations where the influence line begins and ends [m].

    Raises
    ------
    InsufficientData
        If the two sections do not show the same number of axles, or times that contradict a
        constant speed: another vehicle was near.
    ModelError
        If the stations do not rise.
    """
    distance = stations_m[1] - stations_m[0]
    if distance <= 0.0:
        raise ModelError(f"stations of the detectors must rise, got {stations_m}")
    one, two = axle_times(first, rate_hz=rate_hz), axle_times(second, rate_hz=rate_hz)
    if len(one) != len(two) or not len(one):
        raise InsufficientData(
            f"the sections show {len(one)} and {len(two)} axles: another vehicle was near, or a "
            "detector is too far from the wheels"
        )
    steps = two - one
    step = float(np.median(steps))
    if step == 0.0 or np.max(np.abs(steps - step)) > LONGEST_STEP_SHARE * abs(step):
        raise InsufficientData("the axles do not agree on a speed: another vehicle was near")
    speed = distance / step
    offsets = abs(speed) * (0.5 * (one + two) - 0.5 * (one[0] + two[0]))
    spread = float(np.std(steps)) / abs(step) / np.sqrt(len(steps))
    from_m = stations_m[0] - (line_m[0] if speed > 0.0 else line_m[1])
    return Passage(
        enters_s=float(one[0]) - from_m / speed,
        speed_ms=speed,
        speed_sd=max(spread, LEAST_SPEED_SD),
        axle_offset_m=np.array(offsets, np.float64),
    )


def shared(enters_s: Floats, leaves_s: Floats) -> NDArray[np.bool_]:
    """Whether another vehicle, of any lane, was on the bridge during each passage.

    Parameters
    ----------
    enters_s, leaves_s : (n,)
        When the first axle enters and the last one leaves [s].

    Examples
    --------
    >>> shared(np.array([0.0, 1.0, 9.0]), np.array([2.0, 3.0, 10.0]))
    array([ True,  True, False])
    """
    overlaps = (enters_s[:, None] < leaves_s) & (enters_s < leaves_s[:, None])
    np.fill_diagonal(overlaps, val=False)
    return np.any(overlaps, axis=1)
