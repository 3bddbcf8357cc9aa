"""Parameters of the sensor-fault rules, and what a window of recent readings says. Pure."""

from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sensors.rules.faultmemory import Memory
from twin.model.tables import rows

MAD_TO_SIGMA = 1.4826  # of normally distributed values

Int = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FaultParameters:
    """Parameters that hold for every quantity; ``twin/model/data/fault_rules.csv`` says why."""

    window: float
    refresh: float
    spike_enter: float
    spike_leave: float
    spike_longest: float
    spike_slowest: float
    stuck_least: float
    stuck_factor: float
    stuck_quantile: float
    stuck_runs: float
    stuck_mean_factor: float
    dropout_least: float
    dropout_factor: float
    dropout_days: float
    dropout_readings: float
    saturation_share: float
    saturation_distinct: float
    saturation_repeats: float


@cache
def fault_parameters() -> FaultParameters:
    """Parameters of the table.

    Examples
    --------
    >>> fault_parameters().spike_enter
    6.0
    """
    found = {row["rule"]: float(row["value"]) for row in rows("fault_rules") if not row["quantity"]}
    return FaultParameters(**{item.name: found[item.name] for item in fields(FaultParameters)})


@cache
def of_quantities(key: str) -> MappingProxyType[str, float]:
    """Parameter of this name by quantity; the one without a quantity under ''."""
    found = {row["quantity"]: float(row["value"]) for row in rows("fault_rules")
             if row["rule"] == key}  # fmt: skip
    return MappingProxyType(found)


def window_references(
    values: Float, memory: Memory, slot: Int | slice, *, parameters: FaultParameters
) -> Float:
    """Median, scale, lower and upper rail of windows of readings; NaN where there is no rail.

    Parameters
    ----------
    values : (windows, readings)
        In any order; they are sorted in place.
    slot : (windows,) or slice
        Datastream of each window.

    Returns
    -------
    ndarray, (windows, 4)
    """
    values.sort(axis=1)
    middle = values.shape[1] // 2
    center = (values[:, middle - 1] + values[:, middle]) / 2
    deviation = np.partition(np.abs(values - center[:, None]), (middle - 1, middle), axis=1)
    spread = MAD_TO_SIGMA * (deviation[:, middle - 1] + deviation[:, middle]) / 2
    scale = np.maximum(spread, memory.floor[slot])
    low, high = _rails(values, memory, slot, parameters)
    return np.stack([center, scale, low, high], axis=1)


def _rails(
    ordered: Float, memory: Memory, slot: Int | slice, chosen: FaultParameters
) -> tuple[Float, Float]:
    """Value of the lower and of the upper rail of ordered windows; NaN where there is none."""
    repeats = (ordered[:, 1:] == ordered[:, :-1]).sum(axis=1)
    at_low = (ordered == ordered[:, :1]).sum(axis=1)
    at_high = (ordered == ordered[:, -1:]).sum(axis=1)
    others = repeats - (at_low - 1) - (at_high - 1)
    is_fine = others <= chosen.saturation_repeats
    is_fine &= ordered.shape[1] - repeats >= chosen.saturation_distinct
    found: list[Float] = []
    for edge, hits, limit in (
        (ordered[:, 0], at_low, memory.lower[slot]),
        (ordered[:, -1], at_high, memory.upper[slot]),
    ):
        is_repeated = hits >= chosen.saturation_share
        is_rail = is_repeated & (is_fine | (edge == limit))
        is_rail &= (edge != 0.0) & (edge != memory.natural[slot]) & memory.has_rails[slot]
        found.append(np.where(is_rail, edge, np.nan))
    return found[0], found[1]
