"""Calibration of weigh-in-motion: strain per bending moment, from lorries of known weight. Pure.

Axle loads and distances of the lorry are known; entry, speed, direction and the one factor between
bending moment and strain are fitted to the strain at all sections (variable projection: for any
passage the factor follows by least squares).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from simulations.monitoring.bwim import Passage, effects
from simulations.monitoring.sections import FASTEST_MS, LEAST_ROWS, SLOWEST_MS, SPEED_SD
from twin.errors import InsufficientData, ModelError, OutOfValidity
from twin.model.structure import InfluenceLine

Floats = NDArray[np.float64]

LEAST_RUNS = 3
"""Fewer tell no scatter worth the name; own choice."""
MOST_SCATTER = 0.10
"""Standard deviation of single runs, as a share, above which something else is wrong."""
WEIGHED_SD = 0.01
"""Standard deviation of the weighed lorry itself, as a share: an assumption, no measurement."""
ON_BRIDGE = 0.05
LATEST_S = 2.0


@dataclass(frozen=True, slots=True)
class WeighedLorry:
    """A lorry from the scales.

    Parameters
    ----------
    axle_kn : (k,)
        Axle loads, the foremost first [kN].
    spacing_m : (k - 1,)
        Distances between following axles [m].

    Raises
    ------
    ModelError
        If a load or distance is not positive and finite, or their numbers do not fit; names all.
    """

    axle_kn: tuple[float, ...]
    spacing_m: tuple[float, ...]

    def __post_init__(self) -> None:
        problems = [
            f"{name}[{index}] is {value:g}; it must be positive"
            for name, values in (("axle_kn", self.axle_kn), ("spacing_m", self.spacing_m))
            for index, value in enumerate(values)
            if not (math.isfinite(value) and value > 0.0)
        ]
        if len(self.axle_kn) != len(self.spacing_m) + 1:
            problems.append(
                f"{len(self.axle_kn)} axle loads need {len(self.axle_kn) - 1} distances, got "
                f"{len(self.spacing_m)}"
            )
        if problems:
            raise ModelError("; ".join(problems))

    @property
    def gross_kn(self) -> float:
        """Gross weight [kN]."""
        return math.fsum(self.axle_kn)

    @property
    def offset_m(self) -> Floats:
        """Distance of each axle behind the first one [m], (k,)."""
        return np.concatenate([[0.0], np.cumsum(self.spacing_m)])


@dataclass(frozen=True, slots=True)
class LorryRun:
    """One crossing of a weighed lorry.

    Parameters
    ----------
    factor
        Strain per bending moment [um/m per kN m].
    speed_ms, enters_s
        Fitted speed [m/s], negative against the stationing, and entry after the first sample [s].
    residual
        Root mean square of the strain that is left, over the peak of the explained one.
    """

    factor: float
    speed_ms: float
    enters_s: float
    residual: float


@dataclass(frozen=True, slots=True)
class SiteFactor:
    """Strain per bending moment of a site from several runs.

    Parameters
    ----------
    factor
        Mean of the runs [um/m per kN m].
    sd
        Its standard deviation as a share: that of the mean, with `WEIGHED_SD` of the lorry.
    scatter
        Standard deviation of single runs, as a share.
    """

    factor: float
    sd: float
    scatter: float


def run_of(
    strain_umm: Floats, *, rate_hz: float, lines: Sequence[InfluenceLine], lorry: WeighedLorry
) -> LorryRun:
    """Factor with which a lorry of known axles explains the strain at all sections best.

    Parameters
    ----------
    strain_umm : (n, sections)
        Strain without its baseline, from before the lorry enters until after it left [um/m].
    rate_hz
        Sampling rate.
    lines
        Influence line of the bending moment at each section [kN m per kN], over the same span.

    Raises
    ------
    ModelError
        If there is not one line for each section.
    InsufficientData
        If the signal is not finite, or the lorry is on the bridge for fewer than eight samples.
    """
    if strain_umm.ndim != 2 or strain_umm.shape[1] != len(lines) or not lines:  # noqa: PLR2004
        raise ModelError(f"strains {strain_umm.shape} need one line each, got {len(lines)}")
    if not np.all(np.isfinite(strain_umm)):
        raise InsufficientData("the strain of a run has gaps; a calibration needs all of it")
    runs = [_fit(strain_umm, rate_hz, lines, lorry, sign) for sign in (1.0, -1.0)]
    return min(runs, key=lambda run: run.residual)


def _fit(
    strain: Floats, rate_hz: float, lines: Sequence[InfluenceLine], lorry: WeighedLorry, sign: float
) -> LorryRun:
    flat = strain.T.ravel()
    total = np.abs(strain.sum(axis=1))
    is_on = np.flatnonzero(total > ON_BRIDGE * total.max())
    if len(is_on) < LEAST_ROWS:
        raise InsufficientData(f"{len(is_on)} samples with the lorry on the bridge are too few")
    lasted_s = max((is_on[-1] - is_on[0]) / rate_hz, 2.0 / rate_hz)
    way_m = float(lines[0].x_m[-1] - lines[0].x_m[0]) + float(lorry.offset_m[-1])
    speed = float(np.clip(way_m / lasted_s, SLOWEST_MS * 1.05, FASTEST_MS * 0.95))
    enters = is_on[0] / rate_hz
    loads = np.asarray(lorry.axle_kn)

    def moments(state: Floats) -> Floats:
        passage = Passage(float(state[0]), sign * float(state[1]), SPEED_SD, lorry.offset_m)
        return np.concatenate(
            [
                effects(len(strain), rate_hz=rate_hz, line=line, passage=passage) @ loads
                for line in lines
            ]
        )

    def factor_of(moment: Floats) -> float:
        return float(moment @ flat) / max(float(moment @ moment), 1e-12)

    def left(state: Floats) -> Floats:
        moment = moments(state)
        return flat - factor_of(moment) * moment

    found = least_squares(
        left,
        np.array([enters, speed]),
        bounds=([enters - LATEST_S, SLOWEST_MS], [enters + LATEST_S, FASTEST_MS]),
        x_scale=np.array([0.1, 1.0]),
    )
    moment = moments(found.x)
    factor = factor_of(moment)
    peak = float(np.abs(factor * moment).max())
    residual = float(np.sqrt(np.mean(found.fun**2))) / peak if peak > 0.0 else math.inf
    return LorryRun(factor, sign * float(found.x[1]), float(found.x[0]), residual)


def site_factor(runs: Sequence[LorryRun], *, most_residual: float) -> SiteFactor:
    """Mean factor of several runs with its uncertainty.

    Parameters
    ----------
    most_residual
        Residual above which a run is no crossing of that lorry alone.

    Raises
    ------
    InsufficientData
        If there are fewer than three runs.
    OutOfValidity
        If a run fits badly, has no positive factor, or the runs scatter by more than 10 %; names
        all of it.

    Examples
    --------
    >>> runs = [LorryRun(factor, 15.0, 1.0, 0.01) for factor in (0.049, 0.050, 0.051)]
    >>> found = site_factor(runs, most_residual=0.05)
    >>> round(found.factor, 4), round(found.scatter, 3), round(found.sd, 4)
    (0.05, 0.02, 0.0153)
    """
    if len(runs) < LEAST_RUNS:
        raise InsufficientData(f"{len(runs)} runs of a weighed lorry, needed are {LEAST_RUNS}")
    problems = [
        f"run {number}: residual {run.residual:.3f}, allowed is {most_residual:g}: another lorry, "
        "another vehicle beside it, or wrong axles"
        for number, run in enumerate(runs, start=1)
        if not run.residual <= most_residual
    ]
    problems += [
        f"run {number}: strain falls under load (factor {run.factor:.4g}): check the sign of the "
        "gauges"
        for number, run in enumerate(runs, start=1)
        if not run.factor > 0.0
    ]
    factors = np.array([run.factor for run in runs])
    mean = float(factors.mean())
    scatter = float(factors.std(ddof=1)) / abs(mean) if mean else math.inf
    if scatter > MOST_SCATTER:
        problems.append(
            f"the factors of the runs scatter by {100.0 * scatter:.1f} %, allowed are "
            f"{100.0 * MOST_SCATTER:.0f} %: check times, axle loads and lanes"
        )
    if problems:
        raise OutOfValidity("; ".join(problems))
    return SiteFactor(mean, math.hypot(scatter / math.sqrt(len(runs)), WEIGHED_SD), scatter)
