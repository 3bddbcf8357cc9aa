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


def last_of_each(readings: Readings) -> Readings:
    """The last row of each run of equal numbers: the newest, if ordered by number and time."""
    is_last = np.ones(len(readings), np.bool_)
    is_last[:-1] = readings.number[1:] != readings.number[:-1]
    return pick(readings, is_last)


def newest(readings: Readings) -> Readings:
    """The row with the latest time of each number, ordered by number; of equal ones the last."""
    if not _is_ordered(readings):
        readings = pick(readings, np.lexsort((readings.time_us, readings.number)))
    return last_of_each(readings)


def last_of_each_key(readings: Readings) -> Readings:
    """The last row of each (number, time), ordered by both."""
    ordered = pick(readings, np.lexsort((readings.time_us, readings.number)))
    is_last = np.ones(len(ordered), np.bool_)
    is_last[:-1] = (ordered.number[1:] != ordered.number[:-1]) | (
        ordered.time_us[1:] != ordered.time_us[:-1]
    )
    return pick(ordered, is_last)


def _is_ordered(readings: Readings) -> bool:
    number, time_us = readings.number, readings.time_us
    is_later = (number[1:] == number[:-1]) & (time_us[1:] >= time_us[:-1])
    return bool(((number[1:] > number[:-1]) | is_later).all())
