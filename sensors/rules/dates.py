"""Times whose day and month are exchanged: found, never corrected. Pure.

A day above 12 cannot have been taken for a month, and on the day that bears the number of its month
nothing changes. Every other wrong reading of a date puts a time weeks away from its arrival; it is
suspected only where exchanging day and month back makes it fit.
"""

import numpy as np
from numpy.typing import NDArray

from sensors.clocks import DAY_US, FIRST_US, LAST_US, MONTHS
from twin.model.times import from_us, to_us

FITS_US = 70 * 60_000_000
"""How well the exchanged time must fit: an hour between summer and winter time, and ten minutes."""

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


def swapped_us(time_us: int) -> int | None:
    """Time with day and month exchanged [us since 1970]; None if that is no other date.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from_us(swapped_us(to_us(datetime(2026, 5, 11, 7, tzinfo=UTC)))).isoformat()
    '2026-11-05T07:00:00+00:00'
    >>> swapped_us(to_us(datetime(2026, 5, 13, tzinfo=UTC))) is None
    True
    """
    if not FIRST_US <= time_us <= LAST_US:
        return None
    time = from_us(time_us)
    if time.day > MONTHS or time.day == time.month:
        return None
    return to_us(time.replace(month=time.day, day=time.month))


def swapped_rows(time_us: Int64, received_us: Int64, *, source: NDArray[np.intp]) -> Bool:
    """Rows of one batch whose day and month are exchanged.

    A row is suspected if its time lies more than a day from its arrival and, exchanged, within 70
    minutes of it, or of a time of the same source in the batch that cannot be exchanged itself.
    It is cleared by a reading of its source within a day of the time as it stands: then it is one
    of many late readings and fits its arrival by chance.

    Parameters
    ----------
    time_us, received_us : (n,)
        Time of the message and of its arrival [us since 1970-01-01 UTC].
    source : (n,)
        Number of the source of each row.

    Returns
    -------
    (n,)

    Examples
    --------
    >>> day = DAY_US
    >>> times = 10 * day + np.array([0, day // 4])  # 11 January 1970
    >>> received = np.full(2, 304 * day)  # 1 November 1970
    >>> swapped_rows(times, received, source=np.zeros(2, np.intp)).tolist()
    [False, False]
    >>> swapped_rows(times[:1], received[:1], source=np.zeros(1, np.intp)).tolist()
    [True]
    """
    found = np.zeros(len(time_us), np.bool_)
    is_off = np.abs(received_us - time_us) > DAY_US
    if not is_off.any():
        return found
    exchanged = np.full(len(time_us), -1, np.int64)
    for row in np.flatnonzero(is_off).tolist():
        other = swapped_us(int(time_us[row]))
        if other is not None:
            exchanged[row] = other
    can_be = exchanged >= 0
    fits = can_be & (np.abs(exchanged - received_us) <= FITS_US)
    for name in np.unique(source[can_be]).tolist():
        mine = source == name
        sure = np.sort(time_us[mine & ~can_be])
        rows = np.flatnonzero(mine & can_be)
        found[rows] = fits[rows] | _is_near(exchanged[rows], sure, within_us=FITS_US)
        others = np.sort(time_us[mine & ~found])
        found[rows] &= ~_is_near(time_us[rows], others, within_us=DAY_US)
    return found


def _is_near(time_us: Int64, others: Int64, *, within_us: int) -> Bool:
    """Whether one of some rising times lies near each time."""
    if not len(others):
        return np.zeros(len(time_us), np.bool_)
    place = np.searchsorted(others, time_us)
    after = others[np.minimum(place, len(others) - 1)]
    before = others[np.maximum(place - 1, 0)]
    return np.minimum(np.abs(after - time_us), np.abs(time_us - before)) <= within_us


def swap_detail(time_us: int) -> str:
    """What is wrong with such a time, and what to do, in words.

    Examples
    --------
    >>> swap_detail(10 * DAY_US)[:38]
    'time 1970-01-11T00:00:00+00:00: day an'
    """
    other = swapped_us(time_us)
    meant = "" if other is None else f"; meant is probably {from_us(other).isoformat()}"
    return (
        f"time {from_us(time_us).isoformat()}: day and month seem exchanged{meant}. Nothing was "
        "corrected: let the device send ISO 8601 or correct the mapping, then "
        "`twin quarantine replay`"
    )
