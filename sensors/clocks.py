"""Clocks of sources: how far they are off, how fast they drift, and what a wrong time looks like.

Pure; times are handed in.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from twin.model.times import from_us, to_us

WINDOW_US = 600_000_000
DAY_US = 86_400_000_000
LARGEST_OFFSET_S = 300.0
LARGEST_DRIFT_PPM = 50.0
LEAST_WINDOWS = 36  # a quarter of a day
LEAST_SPAN_US = 6 * 3_600_000_000
MOST_SOURCES = 10_000
PLAUSIBLE_US = 3_600_000_000
MONTHS = 12
FIRST_US, LAST_US = to_us(datetime(1970, 1, 1, tzinfo=UTC)), to_us(datetime(9999, 1, 1, tzinfo=UTC))
UNIT_WORDS = (
    (1_000, "s where the rule says ms, or ms where it says us"),
    (1_000_000, "s where the rule says us, or ms where it says ns"),
    (1 / 1_000, "ms where the rule says s, or us where it says ms"),
    (1 / 1_000_000, "us where the rule says s, or ns where it says ms"),
)

Int64 = NDArray[np.int64]
Columns = Int64 | Sequence[int]


@dataclass(frozen=True, slots=True)
class ClockState:
    """What is known of the clock of one source.

    Parameters
    ----------
    offset_s
        Smallest time from measurement to arrival over the last ten minutes [s]; delays are
        positive, so that the smallest one is the clock. Positive: the clock is slow, or every
        value of these minutes came late. None before anything came.
    drift_ppm
        Slope of these offsets over a day [ppm]; None before six hours.
    problem
        Why this deserves an alarm; empty if it does not.
    """

    offset_s: float | None
    drift_ppm: float | None
    problem: str = ""


@dataclass(slots=True)
class _Source:
    window: int = -1
    smallest_us: int = 0
    history: deque[tuple[int, int]] = field(default_factory=deque)


class ClockWatch:
    """Offset and drift of the clock of every source.

    A clock that is one hour slow cannot be told from data that are one hour late; both are
    shown with the same alarm.

    Examples
    --------
    >>> watch = ClockWatch()
    >>> watch.note("s", received_us=[1_000_000_000], time_us=[600_000_000])
    >>> watch.state("s").offset_s
    400.0
    """

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def note(self, source: str, *, received_us: Columns, time_us: Columns) -> None:
        """Take note of readings of one source that carry the time of the device itself.

        Leave out what was substituted, back-filled or simulated in the past.
        """
        times = np.asarray(time_us, np.int64)
        if not len(times):
            return
        received = np.broadcast_to(np.asarray(received_us, np.int64), times.shape)
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) >= MOST_SOURCES:
                return
            known = self._sources[source] = _Source()
        delay = received - times
        windows = received // WINDOW_US
        if windows[0] == windows[-1]:  # arrivals come in order: nearly always one window
            _add(known, int(windows[0]), int(delay.min()))
            return
        for window in np.unique(windows).tolist():
            _add(known, window, int(delay[windows == window].min()))

    def state(self, source: str) -> ClockState:
        """State of the clock of a source."""
        known = self._sources.get(source)
        if known is None or known.window < 0:
            return ClockState(None, None)
        offset_s = known.smallest_us / 1e6
        drift_ppm = _drift(known)
        return ClockState(offset_s, drift_ppm, _problem(offset_s, drift_ppm))

    def states(self) -> Mapping[str, ClockState]:
        """State per source, by name."""
        return {source: self.state(source) for source in sorted(self._sources)}


def _add(known: _Source, window: int, smallest_us: int) -> None:
    if window == known.window:
        known.smallest_us = min(known.smallest_us, smallest_us)
        return
    if window < known.window:
        return
    if known.window >= 0:
        known.history.append((known.window, known.smallest_us))
    while known.history and known.history[0][0] < window - DAY_US // WINDOW_US:
        known.history.popleft()
    known.window, known.smallest_us = window, smallest_us


def _drift(known: _Source) -> float | None:
    """Median of the slopes between the halves of a day (Theil-Sen, shortened) [ppm]."""
    rows = np.array([*known.history, (known.window, known.smallest_us)], np.float64)
    span_us = (rows[-1, 0] - rows[0, 0]) * WINDOW_US
    if len(rows) < LEAST_WINDOWS or span_us < LEAST_SPAN_US:
        return None
    half = len(rows) // 2
    early, late = rows[:half], rows[-half:]
    slopes = (late[:, 1] - early[:, 1]) / ((late[:, 0] - early[:, 0]) * WINDOW_US)
    return float(np.median(slopes) * 1e6)


def _problem(offset_s: float, drift_ppm: float | None) -> str:
    if abs(offset_s) > LARGEST_OFFSET_S:
        direction = "slow, or its data come late" if offset_s > 0 else "fast"
        return (
            f"clock is {abs(offset_s):.0f} s {direction}; {LARGEST_OFFSET_S:.0f} s are tolerated: "
            "check clock and time zone of the device"
        )
    if drift_ppm is not None and abs(drift_ppm) > LARGEST_DRIFT_PPM:
        return (
            f"clock drifts by {drift_ppm:+.0f} ppm; {LARGEST_DRIFT_PPM:.0f} ppm are tolerated: "
            "let the device synchronise its clock (NTP)"
        )
    return ""


def time_hint(time_us: int, *, received_us: int) -> str:
    """What a time that was refused looks like, beginning with "; "; empty if nothing fits.

    Nothing is ever corrected with it: the hint goes into the quarantine, a person corrects the
    mapping or the device.

    Examples
    --------
    >>> time_hint(1_795_305_600_000, received_us=1_795_305_601_000_000)
    '; looks like epoch s where the rule says ms, or ms where it says us'
    """
    if looks_swapped(time_us, received_us=received_us):
        return "; looks like day and month exchanged: let the device send ISO 8601"
    for factor, words in UNIT_WORDS:
        if abs(time_us * factor - received_us) <= PLAUSIBLE_US:
            return f"; looks like epoch {words}"
    return ""


def looks_swapped(time_us: int, *, received_us: int) -> bool:
    """Whether day and month of a time are exchanged: only then it fits its arrival.

    A day above 12 cannot have been taken for a month. The time has to lie more than a day off and
    less than an hour off once exchanged, so that late data are not suspected by chance.

    Examples
    --------
    >>> may, november = datetime(2026, 5, 11, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC)
    >>> looks_swapped(to_us(may), received_us=to_us(november) + 1)
    True
    """
    if abs(time_us - received_us) <= DAY_US or not FIRST_US <= time_us <= LAST_US:
        return False
    time = from_us(time_us)
    if time.day > MONTHS or time.day == time.month:
        return False
    exchanged = time.replace(month=time.day, day=time.month)
    return abs(to_us(exchanged) - received_us) <= PLAUSIBLE_US
