"""Speed, axles and entry of a vehicle from the strain at several sections of one span.

Without axle detectors the strain itself is fitted: axle loads follow by least squares for any
time of entry, speed and axle distances, and these are varied until the sections agree best with
their influence lines (variable projection). Axle distances begin at those of each vehicle class
and are held near them, because body bounce hides them.

References
----------
.. [1] "The differentiation of pseudo-inverses and nonlinear least squares
   problems whose variables separate", SIAM Journal on Numerical Analysis 10 (1973) 413-432.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from simulations.monitoring.axleclasses import AxleClass, axle_classes
from simulations.monitoring.bwim import Passage, effects
from twin.errors import InsufficientData, ModelError
from twin.model.structure import InfluenceLine

Floats = NDArray[np.float64]

FIT_RATE_HZ = 50.0
LEAST_ROWS = 8
SLOWEST_MS, FASTEST_MS = 2.0, 40.0
SPACING_SD_M = 0.4
SHARE_SD = 2.0
"""Axle loads are held loosely here, as a share of those of the class."""
NOISE_SHARE = 0.02
SPEED_SD = 0.025
"""Of the fitted speed, as a share; measured on simulated crossings (test_bridge_crossings)."""
LEAST_AXLE_M = 0.8
MOST_AXLES = 5
"""More are rather two vehicles close behind each other; fewer are taken if they fit nearly."""
NEARLY = 1.1
"""A fit this much worse than the best one is as likely: bounce and noise decide."""


@dataclass(frozen=True, slots=True)
class FittedPassage:
    """Passage with the class whose axles fitted best.

    Parameters
    ----------
    passage, vehicle
        What explains the strain best.
    misfit
        Mean square of what it leaves, over that of the strain, with its distance from the class.
    is_clear
        Whether no class with another number of axles fits nearly as well.
    """

    passage: Passage
    vehicle: AxleClass
    misfit: float
    is_clear: bool = True


def fitted_passage(
    strain_umm: Floats, *, rate_hz: float, lines: Sequence[InfluenceLine]
) -> FittedPassage:
    """Passage that explains the strain at all sections best.

    Parameters
    ----------
    strain_umm : (n, sections)
        Strain without its baseline, from before the vehicle enters until after it left [um/m].
    rate_hz
        Sampling rate.
    lines
        Influence line of each section [um/m per kN], over the same span.

    Raises
    ------
    ModelError
        If there are fewer than two sections, or not one line for each.
    InsufficientData
        If the signal is not finite, or no class of vehicle could be fitted.
    """
    if strain_umm.ndim != 2 or strain_umm.shape[1] != len(lines) or len(lines) < 2:  # noqa: PLR2004
        raise ModelError(
            f"strains {strain_umm.shape} need two sections at least, with one line each; got "
            f"{len(lines)} lines"
        )
    if not np.all(np.isfinite(strain_umm)):
        raise InsufficientData("the strain of a crossing has gaps; a passage needs all of it")
    every = max(1, round(rate_hz / FIT_RATE_HZ))
    rows = len(strain_umm) // every
    coarse = strain_umm[: rows * every].reshape(rows, every, -1).mean(axis=1)
    offset_s = 0.5 * (every - 1) / rate_hz
    fits = [
        fit
        for vehicle in axle_classes()
        for sign in (1.0, -1.0)
        if (fit := _fit(coarse, rate_hz / every, lines, vehicle, sign)) is not None
    ]
    if not fits:
        raise InsufficientData("no class of vehicle explains the strain of a crossing")
    limit = NEARLY * min(fit.misfit for fit in fits)
    near = [fit for fit in fits if fit.misfit <= limit]
    best = min(near, key=lambda fit: (len(fit.passage.axle_offset_m) > MOST_AXLES, fit.misfit))
    passage = best.passage
    moved = Passage(
        passage.enters_s + offset_s, passage.speed_ms, passage.speed_sd, passage.axle_offset_m
    )
    is_clear = len({len(fit.passage.axle_offset_m) for fit in near}) == 1
    return FittedPassage(moved, best.vehicle, best.misfit, is_clear)


def _fit(
    strain: Floats,
    rate_hz: float,
    lines: Sequence[InfluenceLine],
    vehicle: AxleClass,
    sign: float,
) -> FittedPassage | None:
    """Best passage of one class in one direction; None if it could not be fitted."""
    spacing, shares = np.array(vehicle.spacing_m), np.array(vehicle.share)
    flat = strain.T.ravel()
    scale = float(np.sqrt(np.mean(strain**2))) or 1.0
    total = strain.sum(axis=1)
    is_on = np.flatnonzero(total > 0.05 * total.max())
    if len(is_on) < LEAST_ROWS:
        return None
    lasted_s = max((is_on[-1] - is_on[0]) / rate_hz, 2.0 / rate_hz)
    way_m = float(lines[0].x_m[-1] - lines[0].x_m[0]) + float(spacing.sum())
    speed = float(np.clip(way_m / lasted_s, SLOWEST_MS * 1.05, FASTEST_MS * 0.95))
    weight = NOISE_SHARE * np.sqrt(strain.size)

    def passage(state: Floats) -> Passage:
        offsets = np.concatenate([[0.0], np.cumsum(state[2:])])
        return Passage(float(state[0]), sign * float(state[1]), SPEED_SD, offsets)

    def misfit(state: Floats) -> Floats:
        shape = np.concatenate(
            [
                effects(len(strain), rate_hz=rate_hz, line=line, passage=passage(state))
                for line in lines
            ]
        )
        rigid = shape @ shares
        gross = float(rigid @ flat) / max(float(rigid @ rigid), 1e-12)
        prior = np.diag(scale * weight / (SHARE_SD * shares * max(abs(gross), 1e-9)))
        loads = np.linalg.lstsq(
            np.vstack([shape, prior]), np.concatenate([flat, prior @ (gross * shares)]), rcond=None
        )[0]
        return np.concatenate(
            [
                (flat - shape @ loads) / scale,
                weight * (loads / max(abs(gross), 1e-9) - shares) / (SHARE_SD * shares),
                weight * (state[2:] - spacing) / SPACING_SD_M,
            ]
        )

    enters = is_on[0] / rate_hz - 0.02
    start = np.concatenate([[enters, speed], spacing])
    low = np.concatenate([[enters - 1.0, SLOWEST_MS], np.full(len(spacing), LEAST_AXLE_M)])
    high = np.concatenate([[enters + 1.0, FASTEST_MS], spacing + 3.0])
    found = least_squares(misfit, start, bounds=(low, high), max_nfev=25, x_scale=0.1 + 0 * start)
    return FittedPassage(passage(found.x), vehicle, float(2.0 * found.cost / strain.size))
