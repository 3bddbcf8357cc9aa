"""Miner sums of stress histories, and how long a detail would last at the rate of a window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from simulations.structure.rainflow import Cycles
from simulations.structure.sn import SnCurve
from twin.errors import ModelError

Floats = NDArray[np.float64]

DAY_S = 86_400.0
YEAR_DAYS = 365.25
LEAST_DAYS = 30.0
WEEK_DAYS = 7
LEAST_WEEKS = 4
BAND = 0.95


def miner_sum(cycles: Cycles, curve: SnCurve, *, scale: float = 1.0) -> float:
    """Damage of counted cycles, those of the residue as half ones [1]_.

    Parameters
    ----------
    cycles
        Ranges in the unit that ``scale`` turns into MPa.
    scale
        Positive factor on every range [-].

    Returns
    -------
    float
        Miner sum; 1 is the end of the life that the curve stands for [-].

    References
    ----------
    .. [1] EN 1993-1-9:2005, Annex A.5.

    Examples
    --------
    >>> from simulations.structure.sn import sn_curve
    >>> cycles = Cycles(closed=np.full(100_000, 100.0), residue=np.empty(0))
    >>> round(miner_sum(cycles, sn_curve(71.0)), 6)
    0.1397
    """
    return float(cycles.weights @ curve.damage(scale * cycles.ranges))


def stress_from_strain(
    strain_um_m: Floats, *, modulus_gpa: float, detail_factor: float = 1.0
) -> Floats:
    """Stress ``E strain detail_factor`` of a gauge, same shape [MPa].

    Parameters
    ----------
    strain_um_m
        Strain, tension positive [um/m].
    modulus_gpa
        Modulus of elasticity [GPa].
    detail_factor
        Nominal stress at the detail over stress at the gauge [-].

    Raises
    ------
    ModelError
        If modulus or factor is not positive.

    Examples
    --------
    >>> stress_from_strain(np.array([100.0]), modulus_gpa=210.0)
    array([21.])
    """
    for name, value in (("modulus_gpa", modulus_gpa), ("detail_factor", detail_factor)):
        if not (np.isfinite(value) and value > 0.0):
            raise ModelError(f"{name} must be a positive number, got {value!r}")
    return np.asarray(strain_um_m, dtype=np.float64) * (modulus_gpa * detail_factor / 1e3)


@dataclass(frozen=True, slots=True)
class RemainingLife:
    """Years until the Miner sum reaches 1, or why there is no such number.

    Parameters
    ----------
    years, low_years, high_years
        At the mean rate of the window, and at both ends of its 95 % band; None where there is no
        number. Infinite where the rate or an end of its band is zero.
    rate_per_year
        Damage a year at the mean rate.
    window_days
        Days with data that this rests on.
    reason
        Why there is no number; empty otherwise.
    assumptions
        What it takes for granted.
    """

    years: float | None
    low_years: float | None
    high_years: float | None
    rate_per_year: float | None
    window_days: float
    reason: str = ""
    assumptions: tuple[str, ...] = ()


def remaining_life(
    day: Floats, covered_s: Floats, damage: Floats, *, consumed: float
) -> RemainingLife:
    """Life that is left at the mean rate of a window of days, with a band.

    The band is that of the mean over whole weeks (Student's t), because a Sunday is no Monday.

    Parameters
    ----------
    day : (n,)
        Rising numbers of days.
    covered_s : (n,)
        Seconds of each day with data.
    damage : (n,)
        Damage of each day.
    consumed
        Miner sum so far, what was before the measurement included [-].

    Examples
    --------
    >>> days = np.arange(35.0)
    >>> life = remaining_life(days, np.full(35, 86_400.0), np.full(35, 1e-5), consumed=0.2)
    >>> round(life.years, 1)
    219.0
    >>> remaining_life(days[:20], np.full(20, 86_400.0), np.full(20, 1e-5), consumed=0.2).years
    """
    window = float(covered_s.sum()) / DAY_S
    if window < LEAST_DAYS:
        reason = (
            f"{window:.1f} days of data; a rate needs at least {LEAST_DAYS:g}, so no life is given"
        )
        return RemainingLife(None, None, None, None, window, reason)
    rates = _weekly_rates(day, covered_s, damage)
    if len(rates) < LEAST_WEEKS:
        reason = (
            f"{len(rates)} weeks with data on at least half of their time; a band needs "
            f"{LEAST_WEEKS}, so no life is given"
        )
        return RemainingLife(None, None, None, None, window, reason)
    mean = float(damage.sum()) / window
    spread = float(rates.std(ddof=1)) / np.sqrt(len(rates))
    half = float(student.ppf(0.5 + BAND / 2.0, len(rates) - 1)) * spread
    left = max(1.0 - consumed, 0.0)
    return RemainingLife(
        years=_years(left, mean),
        low_years=_years(left, mean + half),
        high_years=_years(left, mean - half),
        rate_per_year=mean * YEAR_DAYS,
        window_days=window,
        assumptions=(
            f"the traffic of {window:.0f} days goes on unchanged, without growth",
            f"band: {BAND:.0%} of the mean over {len(rates)} weeks; the S-N curve has none here",
        ),
    )


def _years(left: float, rate_per_day: float) -> float:
    if left == 0.0:
        return 0.0
    return left / rate_per_day / YEAR_DAYS if rate_per_day > 0.0 else float("inf")


def _weekly_rates(day: Floats, covered_s: Floats, damage: Floats) -> Floats:
    """Damage a day in each week that has data for half of its time."""
    if not len(day):
        return np.empty(0)
    week = ((day - day[0]) // WEEK_DAYS).astype(np.int64)
    covered = np.bincount(week, weights=covered_s) / DAY_S
    total = np.bincount(week, weights=damage)
    enough = covered >= WEEK_DAYS / 2
    return total[enough] / covered[enough]
