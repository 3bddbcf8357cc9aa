"""Shares of a vehicle class by gross mass, from the table of vehicle templates."""

from functools import cache

from scipy.stats import truncnorm

from twin.model.tables import rows
from twin.model.traffic import VehicleClass


@cache
def _normals() -> dict[str, list[tuple[float, float, float, float, float]]]:
    """Share, mean, deviation and both ends [t] of each template, by distribution."""
    out: dict[str, list[tuple[float, float, float, float, float]]] = {}
    names = ("share", "mass_mean_t", "mass_sd_t", "mass_from_t", "mass_to_t")
    for row in rows("vehicle_templates"):
        share, mean, deviation, low, high = (float(row[name]) for name in names)
        one = (share, mean, deviation, low, high)
        out.setdefault(row["mass_distribution_id"], []).append(one)
    return out


def is_known(distribution: str) -> bool:
    """Whether the table has gross masses of this distribution."""
    return distribution in _normals()


@cache
def distribution_above(distribution: str, limit_t: float) -> float:
    """Share of a distribution of gross mass above a limit [-].

    Examples
    --------
    >>> round(distribution_above("hgv_12_26", 16.0), 3)
    0.506
    """
    total = 0.0
    for share, mean, deviation, from_t, to_t in _normals()[distribution]:
        low, high = (from_t - mean) / deviation, (to_t - mean) / deviation
        total += share * float(truncnorm.sf((limit_t - mean) / deviation, low, high))
    return total


def share_above(item: VehicleClass, limit_t: float) -> float:
    """Share of the vehicles of a class above a gross mass [-].

    From the distributions of gross mass; a class without one is taken to be spread evenly over its
    band.

    Examples
    --------
    >>> share_above(VehicleClass("car", 0, mass_to_t=2.8), 3.5)
    0.0
    """
    if limit_t >= item.mass_to_t:
        return 0.0
    if limit_t <= item.mass_from_t:
        return 1.0
    if not item.mass_distribution_id:
        return (item.mass_to_t - limit_t) / (item.mass_to_t - item.mass_from_t)
    return distribution_above(item.mass_distribution_id, float(limit_t))


def share_between(
    item: VehicleClass, from_t: float, to_t: float, *, mass_factor: float = 1.0
) -> float:
    """Share of the vehicles of a class above one mass and up to another [-].

    Parameters
    ----------
    from_t, to_t
        The lower one belongs to lighter vehicles.
    mass_factor
        On all masses of the table, as ensembles draw it.

    Examples
    --------
    >>> lorry = VehicleClass("a", 0, mass_from_t=12.0, mass_to_t=26.0)
    >>> share_between(lorry, 0.0, 19.0), share_between(lorry, 19.0, 26.0)
    (0.5, 0.5)
    """
    above = share_above(item, from_t / mass_factor)
    return max(above - share_above(item, to_t / mass_factor), 0.0)


def share_above_within(item: VehicleClass, limit_t: float, *, from_t: float, to_t: float) -> float:
    """Share above a limit of those vehicles of a class that lie between two masses [-].

    Examples
    --------
    >>> lorry = VehicleClass("a", 0, mass_from_t=12.0, mass_to_t=26.0)
    >>> share_above_within(lorry, 19.0, from_t=0.0, to_t=16.0)
    0.0
    >>> share_above_within(lorry, 19.0, from_t=12.0, to_t=26.0)
    0.5
    """
    if limit_t >= to_t:
        return 0.0
    if limit_t <= from_t:
        return 1.0
    if from_t <= item.mass_from_t and to_t >= item.mass_to_t:
        return share_above(item, limit_t)
    whole = share_between(item, from_t, to_t)
    return share_between(item, limit_t, to_t) / whole if whole > 0.0 else 0.0
