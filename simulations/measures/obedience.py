"""Whether a restriction is kept: shares above a limit, corrected for what measuring gets wrong.

The share of vehicles above a limit is not the share measured above it: errors of the weighing carry
more vehicles over a limit than back, because most are lighter. The true values are therefore
estimated as a distribution that is even within bins cut at the limit, by maximum likelihood through
the stated errors [1]_, and the share above the limit gets the interval of its profile likelihood
[2]_: it is asymmetric where it must be, needs no smoothness across the limit, and grows where
vehicles crowd at it. For rare violations the asymptotic law is too narrow; the interval is never
narrower than that of Clopper and Pearson [3]_ of a scale without errors. An error that all vehicles
share, of the calibration, is carried by moving the limit and added in quadrature [4]_.

References
----------
.. [1] N. Laird, "Nonparametric maximum likelihood estimation of a mixing distribution", J. Am.
   Stat. Assoc. 73 (1978) 805-811; steps after R. Varadhan, C. Roland, Scand. J. Stat. 35 (2008)
   335-353.
.. [2] S. A. Murphy, A. W. van der Vaart, "On profile likelihood", J. Am. Stat. Assoc. 95 (2000)
   449-465.
.. [3] C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413.
.. [4] G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures", Stat. Med.
   27 (2008) 1693-1702.
.. [5] Z. Lang, J. Reiczigel, "Confidence limits for prevalence of disease adjusted for estimated
   sensitivity and specificity", Prev. Vet. Med. 113 (2014) 13-22.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.special import betaincinv, chdtri, ndtr, ndtri

from twin.errors import ModelError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Verdict = Literal["kept", "not_kept", "cannot_be_told", "not_enough_data"]

LEVEL = 0.95
LEAST_VEHICLES = 50
"""Below so many the share says nothing of use; own choice."""
TOLERATED = 0.05
"""Share of violations up to which a restriction counts as kept; own choice, an option."""
GROWTH = 1.5
"""Each bin is so much wider than its neighbour on the side of the limit."""
REACH_SD = 4.0
ROWS_PER_SD = 4.0
LEAST_SD = 1e-3
"""Share of the limit below which errors change nothing."""
STEPS = 400
CONVERGED = 1e-6
"""Gain of the log-likelihood of a step at which the fit ends."""

LEAST_BEND, LONGEST_STEP = 1e-12, 100.0
"""Of the accelerated steps: below the first their direction is rounding."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval, and what was counted."""

    value: float
    low: float
    high: float
    vehicles: int
    measured_above: int

    def verdict(self, tolerated: float = TOLERATED) -> Verdict:
        """Kept, not kept, or what keeps it from being told.

        Examples
        --------
        >>> Share(0.02, 0.01, 0.03, 900, 20).verdict(), Share(0.04, 0.01, 0.09, 90, 4).verdict()
        ('kept', 'cannot_be_told')
        """
        if self.vehicles < LEAST_VEHICLES:
            return "not_enough_data"
        if self.high <= tolerated:
            return "kept"
        return "not_kept" if self.low > tolerated else "cannot_be_told"


def share_above(
    value: Floats, sd: Floats, *, limit: float, common_sd: float = 0.0, level: float = LEVEL
) -> Share:
    """Share of the vehicles whose true value lies above a limit.

    Parameters
    ----------
    value, sd : (n,)
        Measured masses or speeds and the standard deviation of each, in the unit of the limit;
        errors of different vehicles are independent.
    limit
        A vehicle exactly at it keeps it.
    common_sd
        Standard deviation of an error that all vehicles share, as a share of the value.
    level
        Probability that the interval is to hold the share with.

    Raises
    ------
    ModelError
        If a value is not finite, an error negative, or limit or level makes no sense.

    Examples
    --------
    >>> mass = np.array([8.0] * 90 + [24.0] * 10)
    >>> found = share_above(mass, 0.03 * mass, limit=16.0)
    >>> round(found.value, 3), found.low < 0.1 < found.high
    (0.1, True)
    """
    _check(value, sd, limit=limit, common_sd=common_sd, level=level)
    if not len(value):
        return Share(math.nan, 0.0, 1.0, 0, 0)
    above = int(np.count_nonzero(value > limit))
    found = _deconvolved(value, sd, limit=limit, level=level)
    found = replace(found, vehicles=len(value), measured_above=above)
    if common_sd == 0.0:
        return found
    reach = float(ndtri(0.5 + level / 2.0)) * common_sd
    moved = [
        _deconvolved(value, sd, limit=limit * factor, level=None).value
        for factor in (1.0 / (1.0 + reach), 1.0 + reach)
    ]
    most, least = max(*moved, found.value), min(*moved, found.value)
    return replace(
        found,
        low=max(0.0, found.value - math.hypot(found.value - found.low, found.value - least)),
        high=min(1.0, found.value + math.hypot(found.high - found.value, most - found.value)),
    )


def exact_interval(count: float, total: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a share after Clopper and Pearson; counts need not be whole.

    Examples
    --------
    >>> [round(limit, 4) for limit in exact_interval(0, 100)]
    [0.0, 0.0362]
    """
    tail = (1.0 - level) / 2.0
    low = float(betaincinv(count, total - count + 1.0, tail)) if count > 0.0 else 0.0
    high = float(betaincinv(count + 1.0, total - count, 1.0 - tail)) if count < total else 1.0
    return low, high


@dataclass(frozen=True, slots=True)
class Recognised:
    """How well a counter tells a class from the others, as a validation counted it.

    ``right`` of ``seen`` vehicles of the class were told as such, ``others_right`` of
    ``others_seen`` other vehicles as others.
    """

    right: int
    seen: int
    others_right: int
    others_seen: int


def share_of_class(
    counted: int, total: int, *, recognised: Recognised, level: float = LEVEL
) -> Share:
    """Share of vehicles of a class among all, corrected for those told wrongly, after [5]_.

    Raises
    ------
    ModelError
        If counts make no sense, or the counter tells the class no better than chance.

    Examples
    --------
    >>> found = share_of_class(60, 2000, recognised=Recognised(480, 500, 990, 1000))
    >>> round(found.value, 3), found.low < 0.02 < found.high
    (0.021, True)
    """
    _check_counts(counted, total, recognised)
    z = float(ndtri(0.5 + level / 2.0))
    sees = (recognised.right + 1.0) / (recognised.seen + 2.0)
    passes = (recognised.others_right + 1.0) / (recognised.others_seen + 2.0)
    better = sees + passes - 1.0
    size = total + z * z
    apparent = (counted + z * z / 2.0) / size
    middle = (apparent + passes - 1.0) / better
    sees_variance = sees * (1.0 - sees) / (recognised.seen + 2.0)
    passes_variance = passes * (1.0 - passes) / (recognised.others_seen + 2.0)
    spread = math.sqrt(
        apparent * (1.0 - apparent) / size
        + middle**2 * sees_variance
        + (1.0 - middle) ** 2 * passes_variance
    )
    middle_shift = 2.0 * z * z * (middle * sees_variance - (1.0 - middle) * passes_variance)
    half = z * spread / better
    plain = recognised.right / recognised.seen + recognised.others_right / recognised.others_seen
    value = (counted / total + recognised.others_right / recognised.others_seen - 1.0) / (
        plain - 1.0
    )
    low, high = (_within(middle + middle_shift + sign * half) for sign in (-1.0, 1.0))
    return Share(min(max(_within(value), low), high), low, high, total, counted)


def _within(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _check_counts(counted: int, total: int, recognised: Recognised) -> None:
    pairs = (
        (counted, total),
        (recognised.right, recognised.seen),
        (recognised.others_right, recognised.others_seen),
    )
    for part, whole in pairs:
        if not 0 <= part <= whole or whole == 0:
            raise ModelError(f"{part} of {whole} vehicles is no share; give counts of one sample")
    right = recognised.right / recognised.seen
    others = recognised.others_right / recognised.others_seen
    if right + others <= 1.0:
        raise ModelError(
            f"a counter that is right for {right:.0%} of the class and {others:.0%} of the others "
            "tells nothing; validate it again"
        )


def _check(value: Floats, sd: Floats, *, limit: float, common_sd: float, level: float) -> None:
    if value.ndim != 1 or value.shape != sd.shape:
        raise ModelError(f"{value.shape} values need as many errors, got {sd.shape}")
    if not (np.all(np.isfinite(value)) and np.all(np.isfinite(sd)) and np.all(sd >= 0.0)):
        raise ModelError("values must be finite and their standard deviations not negative")
    if np.any(value <= 0.0):
        raise ModelError("masses and speeds are positive; leave out what was not measured")
    if not (0.0 < limit < math.inf and 0.0 <= common_sd < 1.0 and 0.0 < level < 1.0):
        raise ModelError(
            f"limit {limit!r} must be positive, the shared error {common_sd!r} and the level "
            f"{level!r} shares below 1"
        )


def _deconvolved(value: Floats, sd: Floats, *, limit: float, level: float | None) -> Share:
    """Share without a common error; without a level the interval is the value."""
    total = len(value)
    width = _sd_at(value, sd, limit)
    if width < LEAST_SD * limit:
        share = float(np.count_nonzero(value > limit)) / total
        fitted = None
    else:
        fitted = _Likelihood.of(value, np.maximum(sd, LEAST_SD * limit), limit=limit, width=width)
        share = fitted.best_share
    if level is None:
        return Share(share, share, share, 0, 0)
    low, high = exact_interval(share * total, total, level=level)
    if fitted is not None:
        within = fitted.interval(level)
        low, high = min(low, within[0]), max(high, within[1])
    return Share(share, low, high, 0, 0)


def _sd_at(value: Floats, sd: Floats, limit: float) -> float:
    """Error of vehicles near the limit; without any, the usual share of the value there."""
    near = np.abs(value - limit) < np.maximum(2.0 * sd, 0.1 * limit)
    if np.any(near):
        return float(np.median(sd[near]))
    return float(np.median(sd / np.maximum(np.abs(value), LEAST_SD * limit)) * limit)


def _edges(lowest: float, highest: float, *, limit: float, width: float) -> tuple[Floats, int]:
    """Bins that widen away from the limit, and how many lie below it; one at least on each side."""
    sides: list[list[float]] = []
    for reach in (limit - lowest, highest - limit):
        offsets, step = [0.0], width
        while offsets[-1] < reach or len(offsets) == 1:
            offsets.append(offsets[-1] + step)
            step *= GROWTH
        sides.append(offsets)
    least = LEAST_SD * limit
    below = sorted({max(limit - offset, least) for offset in sides[0][1:]})
    return np.array([*below, *(limit + offset for offset in sides[1])]), len(below)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    found = root_scalar(function, bracket=(low, high), method="brentq", xtol=1e-5, rtol=1e-3)
    return float(found.root)


def _densities(value: Floats, error: Floats, edges: Floats) -> Floats:
    """Density of measured values for a true one anywhere in each bin, (values, bins).

    Errors are taken proportional to the true value, as scales state them: the substitution
    u = (value - true) / error turns the integral over a bin into a difference of the normal law.
    """
    relative = (error / value)[:, None]
    cumulative = ndtr((edges - value[:, None]) / (relative * edges))
    middle = 0.5 * (edges[1:] + edges[:-1])
    return np.diff(cumulative, axis=1) * middle / value[:, None] / np.diff(edges)


@dataclass(slots=True)
class _Likelihood:
    """Likelihood of measured values under a distribution in bins, with the best one.

    Parameters
    ----------
    kernel : (rows, bins)
        Density of a measured value for a true one anywhere in a bin.
    count : (rows,)
        Vehicles of each row.
    below
        Bins below the limit; they come first.
    """

    kernel: Floats
    count: Floats
    below: int
    best: Floats
    best_log: float

    @staticmethod
    def of(value: Floats, sd: Floats, *, limit: float, width: float) -> "_Likelihood":
        """Likelihood of vehicles, those of nearly equal value and error in one row."""
        row = np.stack([np.round(ROWS_PER_SD * value / width), np.round(8.0 * np.log2(sd))])
        _, inverse, count = np.unique(row, axis=1, return_inverse=True, return_counts=True)
        inverse = inverse.ravel()
        middle = np.bincount(inverse, value) / count
        error = np.sqrt(np.bincount(inverse, sd**2) / count)
        reach = REACH_SD * float(error.max())
        edges, below = _edges(
            float(middle.min()) - reach, float(middle.max()) + reach, limit=limit, width=width
        )
        kernel = _densities(middle, error, edges) + 1e-12 / width  # no vehicle is impossible
        bins = kernel.shape[1]
        found = _Likelihood(kernel, count.astype(np.float64), below, np.full(bins, 1.0 / bins), 0.0)
        found.best, found.best_log = found._fit(found.best, None)
        return found

    @property
    def best_share(self) -> float:
        """Share above the limit of the best distribution."""
        return min(float(self.best[self.below :].sum()), 1.0)

    def interval(self, level: float) -> tuple[float, float]:
        """Shares that the profile likelihood does not rule out."""
        allowed = float(chdtri(1.0, 1.0 - level)) / 2.0
        best = self.best_share

        def excess(share: float) -> float:
            return self.best_log - self._fit(self._with(share), share)[1] - allowed

        low, high = 0.0, 1.0
        if best > 0.0 and excess(0.0) > 0.0:
            low = _root(excess, 0.0, best)
        if best < 1.0 and excess(1.0) > 0.0:
            high = self._upper(excess, best)
        return low, high

    def _upper(self, excess: Callable[[float], float], best: float) -> float:
        """Upper end, searched near the best share first: it is mostly small."""
        at, step = best, max(0.25 * best, 4.0 / float(self.count.sum()))
        while (further := min(1.0, at + step)) < 1.0 and excess(further) <= 0.0:
            at, step = further, 2.0 * step
        return _root(excess, at, further)

    def _with(self, share: float) -> Floats:
        return self._held(np.maximum(self.best, 1e-9), share)

    def _held(self, p: Floats, share: float | None) -> Floats:
        """Probabilities with a share above the limit."""
        if share is None:
            return p / p.sum()
        out = p.copy()
        out[: self.below] *= (1.0 - share) / max(float(p[: self.below].sum()), 1e-300)
        out[self.below :] *= share / max(float(p[self.below :].sum()), 1e-300)
        return out

    def _fit(self, start: Floats, share: float | None) -> tuple[Floats, float]:
        """Best distribution with a share, by accelerated steps of expectation and maximum."""
        p, log = start, -math.inf
        for _ in range(STEPS):
            first, now = self._step(p, share)
            second, _ = self._step(first, share)
            if now - log < CONVERGED:
                break
            log = now
            moved, bent = first - p, second - 2.0 * first + p
            length = float(np.linalg.norm(bent))
            factor = -min(float(np.linalg.norm(moved)) / max(length, LEAST_BEND), LONGEST_STEP)
            tried = p - 2.0 * factor * moved + factor**2 * bent
            tried = self._held(np.maximum(tried, 1e-12), share)
            p = tried if factor < -1.0 and self._log(tried) > self._log(second) else second
        return p, self._log(p)

    def _step(self, p: Floats, share: float | None) -> tuple[Floats, float]:
        density = self.kernel @ p
        weight = p * (self.kernel.T @ (self.count / density))
        return self._held(weight, share), float(self.count @ np.log(density))

    def _log(self, p: Floats) -> float:
        return float(self.count @ np.log(self.kernel @ p))
