"""Times that cannot be right: steps back, clocks ahead or behind, day and month exchanged.

Nothing is corrected. A time that is in doubt takes its reading out of every statistic, and the
reason is told.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.model.times import from_us, to_us

Ints = NDArray[np.int64]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
MONTHS = 12
PLAUSIBLE_US = HOUR_US
LATEST_US = 2 * DAY_US

ClockFault = Literal["steps_back", "ahead", "behind", "day_month_exchanged"]


@dataclass(frozen=True, slots=True)
class ClockDoubt:
    """What is wrong with a time, by how much, and in which row of a record."""

    fault: ClockFault
    seconds: float
    row: int = 0


def exchanged(time_us: int) -> int | None:
    """The same time with day and month exchanged; None where that is no other date.

    Examples
    --------
    >>> from twin.model.times import from_us, to_us
    >>> from datetime import UTC, datetime
    >>> from_us(exchanged(to_us(datetime(2026, 5, 11, tzinfo=UTC)))).date().isoformat()
    '2026-11-05'
    """
    time = from_us(time_us)
    if time.day > MONTHS or time.day == time.month:
        return None
    return to_us(time.replace(month=time.day, day=time.month))


def doubt_of_time(
    time_us: int, *, after_us: int | None = None, received_us: int | None = None
) -> ClockDoubt | None:
    """What speaks against a time of measurement; None if nothing does.

    Parameters
    ----------
    time_us
        Time of measurement [us since 1970].
    after_us
        Time of the reading before it, which has to be earlier.
    received_us
        Time of arrival: the measurement may lie up to an hour ahead of it and two days behind.

    Examples
    --------
    >>> doubt_of_time(5 * HOUR_US, after_us=6 * HOUR_US)
    ClockDoubt(fault='steps_back', seconds=-3600.0, row=0)
    >>> doubt_of_time(6 * HOUR_US, after_us=5 * HOUR_US, received_us=6 * HOUR_US)
    """
    if received_us is not None:
        off_us = time_us - received_us
        if off_us > PLAUSIBLE_US or off_us < -LATEST_US:
            other = exchanged(time_us)
            fault: ClockFault = "ahead" if off_us > 0 else "behind"
            if other is not None and abs(other - received_us) <= PLAUSIBLE_US:
                fault = "day_month_exchanged"
            return ClockDoubt(fault, off_us / 1e6)
    if after_us is None or time_us > after_us:
        return None
    other = exchanged(time_us)
    is_next = other is not None and 0 < other - after_us <= DAY_US
    return ClockDoubt(
        "day_month_exchanged" if is_next else "steps_back", (time_us - after_us) / 1e6
    )


def doubt_of_record(time_us: Ints) -> ClockDoubt | None:
    """The first time of a record, in order of arrival, that cannot be right.

    Exchanged dates jump forward as often as back: a jump of more than a day to a date that would
    follow at once, were day and month exchanged, counts as well.

    Parameters
    ----------
    time_us : (n,)
        Times as they arrived [us since 1970].

    Examples
    --------
    >>> doubt_of_record(np.array([0, 1, 2]) * HOUR_US)
    >>> doubt_of_record(np.array([0, 2, 1]) * HOUR_US).row
    2
    """
    steps = np.diff(time_us)
    for row in (np.flatnonzero((steps <= 0) | (steps > DAY_US)) + 1).tolist():
        before, time = int(time_us[row - 1]), int(time_us[row])
        other = exchanged(time)
        off_s = (time - before) / 1e6
        if other is not None and 0 < other - before <= DAY_US:
            return ClockDoubt("day_month_exchanged", off_s, row)
        if time <= before:
            return ClockDoubt("steps_back", off_s, row)
    return None
