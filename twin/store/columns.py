"""Rows of columns of readings."""

import numpy as np
from numpy.typing import NDArray

from twin.model.observations import Readings

Rows = NDArray[np.bool_] | NDArray[np.int64] | slice


def pick(readings: Readings, rows: Rows) -> Readings:
    """These rows, in their order."""
    return Readings(
        number=readings.number[rows],
        time_us=readings.time_us[rows],
        value=readings.value[rows],
        quality=readings.quality[rows],
    )


def joined(one: Readings, other: Readings) -> Readings:
    """The rows of one, then those of the other."""
    return Readings(
        number=np.concatenate((one.number, other.number)),
        time_us=np.concatenate((one.time_us, other.time_us)),
        value=np.concatenate((one.value, other.value)),
        quality=np.concatenate((one.quality, other.quality)),
    )


def last_of_each(readings: Readings) -> Readings:
    """The last row of each run of equal numbers: the newest, if ordered by number and time."""
    is_last = np.ones(len(readings), np.bool_)
    is_last[:-1] = readings.number[1:] != readings.number[:-1]
    return pick(readings, is_last)


def newest(readings: Readings) -> Readings:
    """The row with the latest time of each number, ordered by number; of equal ones the last."""
    return last_of_each(pick(readings, np.lexsort((readings.time_us, readings.number))))


def last_of_each_key(readings: Readings) -> Readings:
    """The last row of each (number, time), ordered by both."""
    ordered = pick(readings, np.lexsort((readings.time_us, readings.number)))
    is_last = np.ones(len(ordered), np.bool_)
    is_last[:-1] = (ordered.number[1:] != ordered.number[:-1]) | (
        ordered.time_us[1:] != ordered.time_us[:-1]
    )
    return pick(ordered, is_last)
