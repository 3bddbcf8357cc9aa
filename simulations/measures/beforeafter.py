"""Whether a restriction worked: rates before and after it, on like days, beside a control.

Counts of whole days in the hours in question follow a log-linear model with one level per kind of
day and one factor for "after" [1]_. With a control, of vehicles that the restriction does not
concern, the share of the counted among both is modelled instead: whatever changes both alike
(weather, growth, a closed road) cancels, and the factor is the effect alone. Days differ by more
than chance; the spread is scaled by what the days show [2]_, with the t law of the days left.

References
----------
.. [1] P. McCullagh, J. A. Nelder, "Generalized Linear Models", 2nd ed., 1989, chapters 4 and 6.
.. [2] As [1]_, section 4.5; the scale is never taken below that of pure chance.
.. [3] G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures", Stat. Med.
   27 (2008) 1693-1702.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from simulations.measures.obedience import LEVEL, Share, exact_interval
from twin.errors import ModelError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
EffectVerdict = Literal["worked", "grew", "cannot_be_told", "not_enough_data"]

LEAST_DAYS = 5
"""Days of like kind on each side below which nothing is said; own choice."""
LEAST_SHARE = 1e-12
STEPS = 60
CONVERGED = 1e-10


@dataclass(frozen=True, slots=True)
class Ratio:
    """After over before, with its interval.

    Parameters
    ----------
    days_before, days_after
        Days used on each side; kinds of day that one side lacks are left out.
    dispersion
        Variance of the days over that of pure chance, at least 1.
    is_controlled
        Whether a control took the general change of traffic out.
    """

    value: float
    low: float
    high: float
    days_before: int
    days_after: int
    dispersion: float
    is_controlled: bool

    @property
    def verdict(self) -> EffectVerdict:
        """Worked if fewer afterwards beyond doubt."""
        if min(self.days_before, self.days_after) < LEAST_DAYS or not math.isfinite(self.value):
            return "not_enough_data"
        if self.high < 1.0:
            return "worked"
        return "grew" if self.low > 1.0 else "cannot_be_told"


@dataclass(frozen=True, slots=True)
class Days:
    """Counts of days, all in the same hours of the day.

    Parameters
    ----------
    count : (days,)
        Vehicles in the hours measured.
    hours : (days,)
        How many hours were measured; positive.
    kinds : (days,)
        Kind of each day, such as ``workday``; only like days are compared.
    is_after : (days,)
    control : (days,)
        Vehicles that the restriction does not concern, in the same hours; None without.
    """

    count: Floats
    hours: Floats
    kinds: Sequence[str]
    is_after: Bools
    control: Floats | None = None

    def __post_init__(self) -> None:
        sizes = {len(self.count), len(self.hours), len(self.kinds), len(self.is_after)}
        if self.control is not None:
            sizes.add(len(self.control))
        if len(sizes) > 1:
            raise ModelError(f"columns of days must be equally long, got {sorted(sizes)}")
        counts = self.count if self.control is None else np.append(self.count, self.control)
        if not np.all(np.isfinite(counts) & (counts >= 0.0)) or not np.all(self.hours > 0.0):
            raise ModelError("counts of days must not be negative and their hours positive")

    def common(self) -> "Days":
        """Those of kinds that occur on both sides, with something counted of the two."""
        kinds = np.array(self.kinds)
        both = set(kinds[self.is_after]) & set(kinds[~self.is_after])
        used = np.isin(kinds, sorted(both))
        if self.control is not None:
            used &= self.count + self.control > 0.0
            kinds_left = set(kinds[used & self.is_after]) & set(kinds[used & ~self.is_after])
            used &= np.isin(kinds, sorted(kinds_left))
        rows = np.flatnonzero(used)
        return Days(
            self.count[rows],
            self.hours[rows],
            [self.kinds[row] for row in rows.tolist()],
            self.is_after[rows],
            None if self.control is None else self.control[rows],
        )


def rate_ratio(days: Days, *, level: float = LEVEL) -> Ratio:
    """Rate after over the rate before, of like days; against the control where there is one.

    Examples
    --------
    >>> after = np.arange(20) >= 10
    >>> days = Days(np.where(after, 40.0, 80.0), np.full(20, 24.0), ["workday"] * 20, after)
    >>> found = rate_ratio(days)
    >>> round(found.value, 3), found.verdict
    (0.5, 'worked')
    """
    used = days.common()
    after, before = int(used.is_after.sum()), int((~used.is_after).sum())
    controlled = used.control is not None
    kinds = sorted(set(used.kinds))
    left = len(used.count) - len(kinds) - 1
    counted = float(used.count[~used.is_after].sum()), float(used.count[used.is_after].sum())
    if min(after, before) < LEAST_DAYS or left < 1 or counted[0] == 0.0:
        return Ratio(math.nan, 0.0, math.inf, before, after, math.nan, controlled)
    if counted[1] == 0.0:
        return _without_any(used, before, after, level=level)
    design = np.column_stack(
        [np.array(used.kinds) == kind for kind in kinds] + [used.is_after]
    ).astype(np.float64)
    effect, variance, dispersion = _fitted(design, used, left=left)
    half = float(stdtrit(left, 0.5 + level / 2.0)) * math.sqrt(dispersion * variance)
    return Ratio(
        math.exp(effect), math.exp(effect - half), math.exp(effect + half),
        before, after, dispersion, controlled,
    )  # fmt: skip


def _without_any(days: Days, before: int, after: int, *, level: float) -> Ratio:
    """Nothing counted afterwards: the exact interval of the split between before and after."""
    weight = days.hours if days.control is None else days.control
    share_before = float(weight[~days.is_after].sum()) / max(float(weight.sum()), 1e-300)
    total = float(days.count.sum())
    high = exact_interval(0.0, total, level=level)[1]
    odds = high / max(1.0 - high, 1e-300) * share_before / max(1.0 - share_before, 1e-300)
    return Ratio(0.0, 0.0, odds, before, after, 1.0, days.control is not None)


def _fitted(design: Floats, days: Days, *, left: int) -> tuple[float, float, float]:
    """Logarithm of the factor, its variance by chance, and the dispersion of the days."""
    beta = np.zeros(design.shape[1])
    offset = np.log(days.hours)
    trials = None if days.control is None else days.count + days.control
    mean_rate = days.count.sum() / (days.hours.sum() if trials is None else trials.sum())
    at = min(max(mean_rate, 1e-9), 1.0 - 1e-9) if trials is not None else mean_rate
    beta[:-1] = math.log(at if trials is None else at / (1.0 - at))
    for _ in range(STEPS):
        mean, weight = _moments(design @ beta, offset, trials)
        moved = np.linalg.lstsq(
            design.T @ (weight[:, None] * design), design.T @ (days.count - mean), rcond=None
        )[0]
        beta = beta + np.clip(moved, -2.0, 2.0)
        if float(np.max(np.abs(moved))) < CONVERGED:
            break
    mean, weight = _moments(design @ beta, offset, trials)
    inverse = np.linalg.pinv(design.T @ (weight[:, None] * design))
    pearson = float(np.sum((days.count - mean) ** 2 / np.maximum(weight, 1e-12)))
    return float(beta[-1]), float(inverse[-1, -1]), max(1.0, pearson / left)


def _moments(linear: Floats, offset: Floats, trials: Floats | None) -> tuple[Floats, Floats]:
    """Mean and variance by chance: of Poisson's law, or of the binomial one of trials."""
    if trials is None:
        mean = np.exp(np.clip(linear + offset, -30.0, 30.0))
        return mean, mean
    share = 1.0 / (1.0 + np.exp(-np.clip(linear, -30.0, 30.0)))
    return trials * share, trials * share * (1.0 - share)


def violations_ratio(before: Share, after: Share, vehicles: Ratio) -> Ratio:
    """Violations per day after over before: shares above the limit times the rate of vehicles.

    The three intervals are joined on the logarithm [3]_; without any violation afterwards the
    upper end comes from the upper end of the share.

    Examples
    --------
    >>> steady = Ratio(1.0, 0.95, 1.05, 20, 20, 1.0, True)
    >>> found = violations_ratio(Share(0.2, 0.18, 0.22, 2000, 400),
    ...                          Share(0.05, 0.04, 0.06, 2000, 100), steady)
    >>> round(found.value, 3), round(found.low, 2), round(found.high, 2), found.verdict
    (0.25, 0.2, 0.31, 'worked')
    """
    unknown = before.vehicles == 0 or after.vehicles == 0 or not math.isfinite(vehicles.value)
    if unknown or before.value <= 0.0:
        return Ratio(
            math.nan, 0.0, math.inf, vehicles.days_before, vehicles.days_after,
            vehicles.dispersion, vehicles.is_controlled,
        )  # fmt: skip
    value = after.value / before.value * vehicles.value
    top = after.value if after.value > 0.0 else after.high
    up = math.hypot(
        math.hypot(_log(after.high, top), _log(before.value, before.low)),
        _log(vehicles.high, vehicles.value) if vehicles.value > 0.0 else math.inf,
    )
    down = math.hypot(
        math.hypot(_log(after.value, after.low), _log(before.high, before.value)),
        _log(vehicles.value, vehicles.low),
    )
    high = top / before.value * vehicles.value * math.exp(up) if up < math.inf else math.inf
    low = value * math.exp(-down) if down < math.inf else 0.0
    return Ratio(
        value, low, high, vehicles.days_before, vehicles.days_after,
        vehicles.dispersion, vehicles.is_controlled,
    )  # fmt: skip


def _log(upper: float, lower: float) -> float:
    """Logarithm of a quotient; infinite where the lower one is 0."""
    return math.log(upper / lower) if lower > 0.0 and upper > 0.0 else math.inf


def odds_ratio(before: Share, after: Share, days: Ratio) -> Ratio:
    """Violations per vehicle that keeps the limit, after over before: a trend of both cancels.

    Parameters
    ----------
    before, after
        Shares above the limit of all that were weighed.
    days
        Of the same vehicles: how many days, and how much more they differ than by chance.

    Examples
    --------
    >>> days = Ratio(1.0, 0.9, 1.1, 20, 20, 1.0, True)
    >>> found = odds_ratio(Share(0.2, 0.18, 0.22, 2000, 400), Share(0.1, 0.08, 0.12, 2000, 200),
    ...                    days)
    >>> round(found.value, 3), found.verdict
    (0.444, 'worked')
    """
    spread = math.sqrt(days.dispersion) if math.isfinite(days.dispersion) else 1.0
    steady = replace(days, value=1.0, low=1.0, high=1.0, is_controlled=True)
    return violations_ratio(_odds(before, spread), _odds(after, spread), steady)


def _odds(share: Share, spread: float) -> Share:
    """Odds in place of the shares, with ends as much farther away as the days say."""
    middle, *ends = (
        one / max(1.0 - one, LEAST_SHARE) for one in (share.value, share.low, share.high)
    )
    low, high = ends
    if middle > 0.0:
        low = middle * (low / middle) ** spread
        high = middle * (high / middle) ** spread
    return replace(share, value=middle, low=low, high=high * (1.0 if middle > 0.0 else spread**2))
