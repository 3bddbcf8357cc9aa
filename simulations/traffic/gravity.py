"""A first demand where nobody has counted trips: the doubly constrained gravity model."""

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray
from twin.errors import DemandError

_SUM_TOLERANCE = 1e-9
_NAMED = 10


def gravity(
    production_vehh: FloatArray,
    attraction_vehh: FloatArray,
    *,
    cost_s: FloatArray,
    beta_per_s: float,
    is_gateway: BoolArray | None = None,
    through_share: float = 0.0,
    tolerance: float = 1e-6,
    max_passes: int = 2000,
) -> FloatArray:
    """Trips between zones whose rows and columns sum up to what the zones produce and attract.

    The trips of a pair are proportional to exp(-beta cost) [1]_. Gateways are zones at the edge of
    the model: a share of what enters there leaves through the other gateways, in proportion to
    what they attract and whatever the cost; the rest has its other end inside.

    Parameters
    ----------
    production_vehh, attraction_vehh : (zones,)
        Trips that begin and end in a zone; their sums are equal.
    cost_s : (zones, zones)
        Cost of a trip; +inf where there is no path. The diagonal decides about trips inside a
        zone: +inf leaves them out.
    beta_per_s : float
        Aversion to cost [1/s]; 0 knows no distance.
    is_gateway : (zones,), optional
    through_share : float
        Part of a gateway's production that leaves through another gateway, 0 to 1.
    tolerance : float
        Largest relative error of a row or column at the end.
    max_passes : int

    Returns
    -------
    (zones, zones)
        Trips an hour.

    Raises
    ------
    DemandError
        If an input is negative or not finite, sums or shapes differ, a zone with trips reaches
        nobody, or the margins contradict the unreachable pairs.

    References
    ----------
    .. [1] "A statistical theory of spatial distribution models", Transportation
       Research 1, 1967; balanced by iterative proportional fitting (Ann. Math. Stat. 11, 1940).

    Examples
    --------
    >>> import numpy as np
    >>> cost_s = np.array([[np.inf, 60.0, 120.0], [60.0, np.inf, 60.0], [120.0, 60.0, np.inf]])
    >>> trips = gravity(np.full(3, 10.0), np.full(3, 10.0), cost_s=cost_s, beta_per_s=0.01)
    >>> trips.sum(axis=0).round(4), trips.sum(axis=1).round(4)
    (array([10., 10., 10.]), array([10., 10., 10.]))
    """
    _check(production_vehh, attraction_vehh, cost_s=cost_s, beta_per_s=beta_per_s)
    seed = _seed(cost_s, beta_per_s)
    through = np.zeros(cost_s.shape)
    if is_gateway is not None and is_gateway.any():
        through = _through(production_vehh, attraction_vehh, seed > 0.0, is_gateway, through_share)
        seed[np.ix_(is_gateway, is_gateway)] = 0.0
    rows = np.maximum(production_vehh - through.sum(axis=1), 0.0)
    columns = np.maximum(attraction_vehh - through.sum(axis=0), 0.0)
    _check_reach(seed, rows, columns)
    return through + _balance(seed, rows, columns, tolerance=tolerance, max_passes=max_passes)


def _check(
    production_vehh: FloatArray,
    attraction_vehh: FloatArray,
    *,
    cost_s: FloatArray,
    beta_per_s: float,
) -> None:
    zones = production_vehh.size
    problems = []
    if attraction_vehh.shape != (zones,) or cost_s.shape != (zones, zones):
        raise DemandError(
            f"{zones} productions, {attraction_vehh.shape} attractions and costs of shape "
            f"{cost_s.shape} do not belong to the same zones"
        )
    for values, word in ((production_vehh, "production"), (attraction_vehh, "attraction")):
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
        if wrong.size:
            problems.append(f"{word} must be 0 or more; wrong in zone rows {_names(wrong)}")
    if np.isnan(cost_s).any() or (cost_s < 0.0).any():
        problems.append("costs must be 0 or more; give +inf where there is no path")
    if not (np.isfinite(beta_per_s) and beta_per_s >= 0.0):
        problems.append(f"beta is {beta_per_s:g} per second, expected 0 or more")
    sums = float(production_vehh.sum()), float(attraction_vehh.sum())
    if abs(sums[0] - sums[1]) > _SUM_TOLERANCE * max(sums):
        problems.append(
            f"{sums[0]:g} trips begin and {sums[1]:g} end per hour; scale one of them so that "
            "both are equal"
        )
    if problems:
        raise DemandError("\n".join(problems))


def _names(rows: np.ndarray) -> str:
    return ", ".join(str(row) for row in rows[:_NAMED]) + (" ..." if rows.size > _NAMED else "")


def _seed(cost_s: FloatArray, beta_per_s: float) -> FloatArray:
    """exp(-beta cost) apart from a factor per row, which the balancing makes up for."""
    finite = np.isfinite(cost_s)
    nearest = np.min(np.where(finite, cost_s, np.inf), axis=1, initial=np.inf)
    nearest = np.where(np.isfinite(nearest), nearest, 0.0)
    excess = np.where(finite, cost_s - nearest[:, None], 0.0)
    return np.where(finite, np.exp(-beta_per_s * excess), 0.0)


def _through(
    production_vehh: FloatArray,
    attraction_vehh: FloatArray,
    is_reachable: BoolArray,
    is_gateway: BoolArray,
    share: float,
) -> FloatArray:
    """Trips from gateway to gateway."""
    if not 0.0 <= share <= 1.0:
        raise DemandError(f"the share of through traffic is {share:g}, expected 0 to 1")
    weight = is_reachable & is_gateway[:, None] & is_gateway[None, :]
    np.fill_diagonal(weight, val=False)
    pull = weight * attraction_vehh[None, :]
    total = pull.sum(axis=1)
    per_pull = np.divide(share * production_vehh, total, out=np.zeros(total.size), where=total > 0)
    through = pull * per_pull[:, None]
    over = np.flatnonzero(through.sum(axis=0) > attraction_vehh * (1.0 + _SUM_TOLERANCE))
    if over.size:
        raise DemandError(
            f"more through traffic would leave than the gateways in zone rows {_names(over)} "
            "attract; lower the share of through traffic"
        )
    return through


def _check_reach(seed: FloatArray, rows: FloatArray, columns: FloatArray) -> None:
    alone = np.flatnonzero((rows > 0.0) & ~(seed[:, columns > 0.0] > 0.0).any(axis=1))
    avoided = np.flatnonzero((columns > 0.0) & ~(seed[rows > 0.0] > 0.0).any(axis=0))
    problems = []
    if alone.size:
        problems.append(f"zone rows {_names(alone)} produce trips and reach no zone that has any")
    if avoided.size:
        problems.append(f"zone rows {_names(avoided)} attract trips and nobody can reach them")
    if problems:
        raise DemandError("\n".join(problems) + "\nconnect these zones or take their trips away")


def _balance(
    seed: FloatArray, rows: FloatArray, columns: FloatArray, *, tolerance: float, max_passes: int
) -> FloatArray:
    """The seed times a factor per row and per column so that both margins hold."""
    b = np.where(columns > 0.0, 1.0, 0.0)
    a = np.zeros(rows.size)
    error = np.inf
    for _ in range(max_passes):
        pull = seed @ b
        a = np.divide(rows, pull, out=np.zeros(rows.size), where=pull > 0.0)
        push = a @ seed
        error = _largest_error(push * b, columns)
        if error <= tolerance:
            return a[:, None] * seed * b[None, :]
        b = np.divide(columns, push, out=np.zeros(columns.size), where=push > 0.0)
    raise DemandError(
        f"after {max_passes} passes a margin is still off by {error:.1e}: the margins contradict "
        "the pairs that have no path; connect more zones or change their trips"
    )


def _largest_error(found: FloatArray, wanted: FloatArray) -> float:
    positive = wanted > 0.0
    return float(np.max(np.abs(found[positive] / wanted[positive] - 1.0), initial=0.0))
