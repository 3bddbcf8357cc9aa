"""Control charts EWMA, CUSUM and Hotelling T2 with limits from a stated in-control run length.

Run lengths are those of independent normal residuals with variance one, from the integral equation
of the chart, solved on Gauss-Legendre nodes. Residuals that hang together in time need
`simulations.monitoring.bootstrap.chart_limit` instead.

References
----------
.. [1] "A Simple Method for Studying Run-Length Distributions of Exponentially
   Weighted Moving Average Charts", Technometrics 29 (1987) 401-407, equation (2).
.. [2] "Continuous Inspection Schemes", Biometrika 41 (1954) 100-115, section 4.
.. [3] "Determination of A.R.L. and a Contour Nomogram for CUSUM Charts to
   Control Normal Mean", Technometrics 13 (1971) 221-230.
.. [4] "Introduction to Statistical Quality Control", 8th ed. 2019, section 11.3.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, signal, stats

from twin.errors import ModelError

Floats = NDArray[np.float64]

NODES = 200
SQRT_2PI = float(np.sqrt(2.0 * np.pi))
WIDEST = 12.0


def ewma(residual: Floats, *, lam: float) -> Floats:
    """Exponentially weighted averages along the last axis, from zero on.

    Parameters
    ----------
    residual : (..., n)
        Standardised residuals.
    lam
        Weight of the newest, above 0 and at most 1.

    Examples
    --------
    >>> ewma(np.array([1.0, 1.0]), lam=0.5)
    array([0.5 , 0.75])
    """
    return np.asarray(signal.lfilter([lam], [1.0, lam - 1.0], residual, axis=-1), np.float64)


def ewma_limit(width: float, *, lam: float) -> float:
    """Limit of |EWMA| for a width L: ``L sqrt(lam / (2 - lam))``.

    Examples
    --------
    >>> round(ewma_limit(2.814, lam=0.1), 4)
    0.6456
    """
    return width * float(np.sqrt(lam / (2.0 - lam)))


def cusum(residual: Floats, *, slack: float) -> Floats:
    """Upper cumulative sums ``max(0, C + r - k)`` along the last axis; the lower one is that of -r.

    Parameters
    ----------
    residual : (..., n)
        Standardised residuals.
    slack
        k, half of the shift that is to be found.

    Examples
    --------
    >>> cusum(np.array([1.0, -3.0, 2.0]), slack=0.5)
    array([0.5, 0. , 1.5])
    """
    total = np.cumsum(residual - slack, axis=-1)
    lowest = np.minimum(np.minimum.accumulate(total, axis=-1), 0.0)
    return total - lowest


def hotelling_t2(residual: Floats, covariance: Floats) -> Floats:
    """``r' S^-1 r`` of every row.

    Parameters
    ----------
    residual : (n, p)
        Residuals.
    covariance : (p, p)
        Their covariance, regular.

    Returns
    -------
    (n,)

    Examples
    --------
    >>> hotelling_t2(np.array([[2.0, 0.0]]), np.diag([4.0, 1.0]))
    array([1.])
    """
    return np.sum(residual * np.linalg.solve(covariance, residual.T).T, axis=1)


def ewma_run_length(width: float, *, lam: float, shift: float = 0.0) -> float:
    """Mean number of rows until |EWMA| passes its limit, two-sided [1]_.

    Parameters
    ----------
    width
        L, in standard deviations of the settled average.
    lam
        Weight of the newest.
    shift
        Shift of the residuals from the start on, in standard deviations.

    Examples
    --------
    >>> round(ewma_run_length(2.814, lam=0.1)), round(ewma_run_length(2.814, lam=0.1, shift=1.0), 1)
    (500, 10.3)
    """
    half = ewma_limit(width, lam=lam)
    nodes, weights = _nodes(-half, half)

    def seen(start: Floats) -> Floats:
        return _density((nodes - (1.0 - lam) * start[:, None]) / lam - shift) * weights / lam

    lengths = np.linalg.solve(np.eye(NODES) - seen(nodes), np.ones(NODES))
    return float(1.0 + (seen(np.zeros(1)) @ lengths)[0])


def cusum_run_length(limit: float, *, slack: float, shift: float = 0.0) -> float:
    """Mean number of rows until the upper CUSUM passes its limit, from zero on [2]_ [3]_.

    Two-sided charts: ``1 / (1 / upper + 1 / lower)``, the lower one with the shift reversed.

    Examples
    --------
    >>> round(cusum_run_length(5.0, slack=0.5)), round(cusum_run_length(5.0, slack=0.5, shift=1), 1)
    (931, 10.4)
    """
    nodes, weights = _nodes(0.0, limit)
    starts = np.concatenate([[0.0], nodes])
    into_zero = stats.norm.cdf(slack - starts - shift)
    inside = _density(nodes + slack - starts[:, None] - shift) * weights
    system = np.eye(NODES + 1) - np.concatenate([into_zero[:, None], inside], axis=1)
    return float(np.linalg.solve(system, np.ones(NODES + 1))[0])


def ewma_width(run_length: float, *, lam: float) -> float:
    """Width L of a two-sided EWMA chart with this in-control run length.

    Examples
    --------
    >>> round(ewma_width(500.0, lam=0.1), 3)
    2.814
    """
    _check(run_length)
    return _root(lambda width: np.log(ewma_run_length(width, lam=lam) / run_length), 0.05, 6.0)


def cusum_limit(run_length: float, *, slack: float, is_two_sided: bool = False) -> float:
    """Limit h of a CUSUM chart with this in-control run length.

    Examples
    --------
    >>> round(cusum_limit(931.0, slack=0.5), 2), round(cusum_limit(465.5, slack=0.5,
    ...                                                            is_two_sided=True), 2)
    (5.0, 5.0)
    """
    _check(run_length)
    upper = run_length * (2.0 if is_two_sided else 1.0)
    most = WIDEST / min(1.0, slack)
    return _root(lambda limit: np.log(cusum_run_length(limit, slack=slack) / upper), 0.01, most)


def t2_limit(run_length: float, *, channels: int) -> float:
    """Limit of T2 of independent rows with a known covariance: a quantile of chi-square.

    Examples
    --------
    >>> round(t2_limit(200.0, channels=4), 2)
    14.86
    """
    _check(run_length)
    return float(stats.chi2.isf(1.0 / run_length, channels))


def _root(function: Callable[[float], float], least: float, most: float) -> float:
    return float(optimize.root_scalar(function, bracket=(least, most), xtol=1e-6).root)


def _check(run_length: float) -> None:
    if not 2.0 <= run_length <= 1e7:  # noqa: PLR2004
        raise ModelError(
            f"an in-control run length of {run_length:g} rows cannot be had; state 2 to 1e7"
        )


def _nodes(start: float, end: float) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = 0.5 * (end - start)
    return start + half * (nodes + 1.0), half * weights


def _density(value: Floats) -> Floats:
    return np.exp(-0.5 * value**2) / SQRT_2PI
