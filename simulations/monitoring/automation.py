"""Which poles of all model orders are modes: stability, clusters, values from the cluster. Pure.

References
----------
.. [1] "Fully automated (operational) modal analysis",
   Mechanical Systems and Signal Processing 29 (2012) 228-250.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from simulations.monitoring.modes import Floats, Mode, collinearity, mac, mean_shape
from simulations.monitoring.ssi import Covariances, Poles, Subspace, deviations

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Criteria:
    """Limits of the automated selection.

    Parameters
    ----------
    most_damping
        A pole is kept with a damping above 0 and below this.
    least_collinearity
        And with a modal phase collinearity above this.
    frequency_step, damping_step
        Largest relative change to a pole of the order before for which it is stable.
    least_mac
        And least likeness of their shapes.
    least_presence
        A cluster is kept if it is present in more than this share of the orders.
    most_damping_error
        And if the standard deviation of its damping is at most this share of it: noise makes
        clusters too, most of all where one channel leaves no shapes to compare.
    """

    most_damping: float = 0.10
    least_collinearity: float = 0.7
    frequency_step: float = 0.01
    damping_step: float = 0.20
    least_mac: float = 0.95
    least_presence: float = 0.5
    most_damping_error: float = 0.5


USUAL = Criteria()


def possible(poles: Poles, criteria: Criteria = USUAL) -> Bools:
    """Poles that a structure can have, one by one: damped, and moving in one phase; (poles,)."""
    damped = (poles.damping > 0.0) & (poles.damping < criteria.most_damping)
    return damped & (collinearity(poles.shape) > criteria.least_collinearity)


def stable(poles: Poles, criteria: Criteria = USUAL) -> Bools:
    """Poles that come back from the order before, shape (poles,); none in the first order."""
    result = np.zeros(len(poles), bool)
    orders = np.unique(poles.order)
    for before, order in pairwise(orders):
        old, new = np.flatnonzero(poles.order == before), np.flatnonzero(poles.order == order)
        frequency = _relative(poles.frequency_hz[new], poles.frequency_hz[old])
        damping = _relative(poles.damping[new], poles.damping[old])
        likeness = mac(poles.shape[new], poles.shape[old])
        close = (frequency < criteria.frequency_step) & (damping < criteria.damping_step)
        result[new] = (close & (likeness > criteria.least_mac)).any(axis=1)
    return result


def clusters(poles: Poles, criteria: Criteria = USUAL) -> Iterator[NDArray[np.int64]]:
    """Rows of the poles that belong together, at most one of each order, in rising frequency.

    The distance of two poles is their difference of frequency plus what their shapes miss of being
    alike, each in units of what is stable; average linkage is cut at 1.
    """
    if len(poles) < 2:  # noqa: PLR2004 - a cluster needs two
        return
    frequency = _relative(poles.frequency_hz, poles.frequency_hz) / criteria.frequency_step
    likeness = (1.0 - mac(poles.shape, poles.shape)) / (1.0 - criteria.least_mac)
    distance = frequency + np.maximum(likeness, 0.0)
    tree = linkage(squareform(0.5 * (distance + distance.T), checks=False), "average")
    label = fcluster(tree, 1.0, "distance")
    found = [_one_of_each_order(poles, np.flatnonzero(label == one)) for one in np.unique(label)]
    yield from sorted(found, key=lambda rows: float(np.median(poles.frequency_hz[rows])))


def select(
    poles: Poles, space: Subspace, table: Covariances, criteria: Criteria = USUAL
) -> tuple[Mode, ...]:
    """The modes among the poles of all orders [1]_, in rising frequency.

    Frequency and damping are the means of the cluster, each pole weighted with the inverse of its
    variance, which keeps out poles that a neighbour has split. The shape is the one that all
    shapes of the cluster are most like.
    """
    orders = len(np.unique(poles.order))
    kept = poles.rows(possible(poles, criteria))
    kept = kept.rows(stable(kept, criteria))
    groups = [
        rows for rows in clusters(kept, criteria) if len(rows) > criteria.least_presence * orders
    ]
    if not groups:
        return ()
    frequency_sd_hz, damping_sd = _all_deviations(kept, np.concatenate(groups), space, table)
    modes = [
        _mode(kept.rows(rows), frequency_sd_hz[rows], damping_sd[rows], orders=orders)
        for rows in groups
    ]
    return tuple(
        mode for mode in modes if not mode.damping_sd > criteria.most_damping_error * mode.damping
    )


def _all_deviations(
    poles: Poles, rows: NDArray[np.int64], space: Subspace, table: Covariances
) -> tuple[Floats, Floats]:
    """Standard deviations of the poles of some rows, NaN for the others; (poles,) and (poles,)."""
    frequency, damping = np.full(len(poles), np.nan), np.full(len(poles), np.nan)
    for order in np.unique(poles.order[rows]):
        chosen = rows[poles.order[rows] == order]
        frequency[chosen], damping[chosen] = deviations(
            space, table, order=int(order), roots=poles.root[chosen]
        )
    return frequency, damping


def _mode(members: Poles, frequency_sd_hz: Floats, damping_sd: Floats, *, orders: int) -> Mode:
    frequency, frequency_sd = _weighted(members.frequency_hz, frequency_sd_hz)
    damping, damping_sd_mean = _weighted(members.damping, damping_sd)
    shape = mean_shape(members.shape)
    return Mode(
        frequency_hz=frequency,
        damping=damping,
        frequency_sd_hz=frequency_sd,
        damping_sd=damping_sd_mean,
        shape=shape,
        collinearity=float(collinearity(shape[None])[0]),
        presence=len(members) / orders,
        frequency_spread_hz=float(members.frequency_hz.std()),
        damping_spread=float(members.damping.std()),
    )


def _weighted(values: Floats, deviation: Floats) -> tuple[float, float]:
    """Mean with inverse variances, and its deviation if all err together; else the median, NaN."""
    if not np.all(deviation > 0.0):
        return float(np.median(values)), float("nan")
    weights = deviation**-2 / np.sum(deviation**-2)
    return float(weights @ values), float(weights @ deviation)


def _one_of_each_order(poles: Poles, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of several poles of one order, the one nearest to the middle of the cluster."""
    away = np.abs(poles.frequency_hz[rows] - np.median(poles.frequency_hz[rows]))
    nearest = rows[np.argsort(away, kind="stable")]
    _, first = np.unique(poles.order[nearest], return_index=True)
    return np.sort(nearest[first])


def _relative(one: NDArray, other: NDArray) -> NDArray:
    """Differences of every pair in shares of the second, (n, m)."""
    return np.abs(one[:, None] - other[None, :]) / np.abs(other[None, :])
