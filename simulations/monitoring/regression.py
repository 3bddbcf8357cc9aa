"""Ridge regression with folds of whole weeks, and the first principal component as a way out.

References
----------
.. [1] "Ridge Regression: Biased Estimation for Nonorthogonal
   Problems", Technometrics 12 (1970) 55-67.
.. [2] "Structural damage diagnosis under varying environmental conditions, part
   I: a linear analysis", Mech. Syst. Signal Process. 19 (2005) 847-864: principal components.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class Fit:
    """Linear map of terms to channels.

    Parameters
    ----------
    mean, scale : (m,)
        Mean and standard deviation of the terms in training.
    coefficients : (m + 1, p)
        Per standardised term; the last row is the constant.
    held_out : (n, p)
        Residual of each row from the fit without its fold; NaN where a value was missing.
    """

    mean: Floats
    scale: Floats
    coefficients: Floats
    held_out: Floats


def ridge_fit(terms: Floats, value: Floats, *, fold: Ints, ridges: Sequence[float] = RIDGES) -> Fit:
    """Regression of every channel on the terms; the ridge of each is chosen by held-out rows.

    Parameters
    ----------
    terms : (n, m)
        Finite terms.
    value : (n, p)
        Channels; NaN is missing and costs that row of that channel.
    fold : (n,)
        Fold of each row; rows that hang together belong into one.
    ridges
        Candidates for the penalty, in multiples of one row.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> fit = ridge_fit(x, 3.0 + 2.0 * x, fold=np.arange(40) % 4, ridges=(1e-9,))
    >>> fit.coefficients[-1].round(6), float(abs(fit.held_out).max()) < 1e-6
    (array([3.]), True)
    """
    mean, scale = terms.mean(axis=0), terms.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    design = np.concatenate([(terms - mean) / scale, np.ones((len(terms), 1))], axis=1)
    coefficients = np.empty((design.shape[1], value.shape[1]))
    held_out = np.full(value.shape, np.nan)
    for channel in range(value.shape[1]):
        rows = np.flatnonzero(np.isfinite(value[:, channel]))
        found, residual = _channel(design[rows], value[rows, channel], fold[rows], ridges)
        coefficients[:, channel] = found
        held_out[rows, channel] = residual
    return Fit(mean, scale, coefficients, held_out)


def _channel(
    design: Floats, value: Floats, fold: Ints, ridges: Sequence[float]
) -> tuple[Floats, Floats]:
    """Coefficients and held-out residuals of the best ridge."""
    centre = float(value.mean())
    gram, moment = design.T @ design, design.T @ (value - centre)
    parts = [
        (rows, design[rows].T @ design[rows], design[rows].T @ (value[rows] - centre))
        for rows in (np.flatnonzero(fold == number) for number in np.unique(fold))
    ]
    best: tuple[float, float, Floats] | None = None
    for ridge in ridges:
        residual = np.empty(len(value))
        for rows, part_gram, part_moment in parts:
            left_out = _solved(gram - part_gram, moment - part_moment, ridge)
            residual[rows] = value[rows] - centre - design[rows] @ left_out
        error = float(np.mean(residual**2))
        if best is None or error < best[0]:
            best = (error, ridge, residual)
    assert best is not None  # noqa: S101 - ridges are not empty
    found = _solved(gram, moment, best[1])
    found[-1] += centre
    return found, best[2]


def _solved(gram: Floats, moment: Floats, ridge: float) -> Floats:
    """Ridge solution; the constant, the last term, is not shrunk."""
    penalty = np.full(len(moment), ridge)
    penalty[-1] = 1e-9
    return np.asarray(np.linalg.solve(gram + np.diag(penalty), moment), np.float64)


def component_fit(value: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and first principal direction of the channels.

    Parameters
    ----------
    value : (n, p)
        Channels; rows with a missing value are left out.

    Returns
    -------
    (p,), (p,), (p,)
        Mean, standard deviation, unit direction of the standardised channels.

    Examples
    --------
    >>> common = np.sin(np.arange(200.0))
    >>> mean, scale, direction = component_fit(np.stack([common, 2.0 * common], axis=1))
    >>> abs(direction).round(6)
    array([0.707107, 0.707107])
    """
    whole = value[np.all(np.isfinite(value), axis=1)]
    mean, scale = whole.mean(axis=0), whole.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    standard = (whole - mean) / scale
    _, vectors = np.linalg.eigh(standard.T @ standard)
    return mean, scale, vectors[:, -1]


def component_scores(standard: Floats, direction: Floats) -> Floats:
    """Least-squares score of rows on the direction, from the channels that are present.

    Parameters
    ----------
    standard : (n, p)
        Standardised channels; NaN is missing.
    direction : (p,)
        Unit direction.

    Returns
    -------
    (n,)
        Scores; NaN where nothing is present.
    """
    is_there = np.isfinite(standard)
    weight = is_there @ direction**2
    sums = np.where(is_there, standard, 0.0) @ direction
    return np.divide(sums, weight, out=np.full(len(standard), np.nan), where=weight > 0.0)
