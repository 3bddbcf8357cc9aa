"""Figures of the ingester: totals, rate and lag over the last minute. Pure; the clock is given."""

from collections import Counter, deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from twin.model.observations import RecordResult

WINDOW_S = 60.0
SAMPLES = 50  # of each look
MOST_SAMPLES = 60_000
PERCENTILE = 95.0

Float64 = NDArray[np.float64]


class Meter:
    """Counts what happened and how long it took.

    Parameters
    ----------
    started_s
        Monotonic time [s] of the start.
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._totals: Counter[str] = Counter()
        self._messages: deque[tuple[float, int]] = deque()
        self._lags: deque[tuple[float, float]] = deque(maxlen=MOST_SAMPLES)
        self._newest_lag_s: float | None = None

    def note_messages(self, count: int, *, now_s: float) -> None:
        """Count messages taken over."""
        self._totals["messages"] += count
        self._messages.append((now_s, count))

    def note_commit(self, result: RecordResult) -> None:
        """Count a commit."""
        self._totals["commits"] += 1
        self._totals["readings_stored"] += result.stored
        self._totals["duplicates"] += result.duplicate
        self._totals["conflicts"] += result.conflict
        self._totals["quarantined"] += result.quarantined

    def note_lags(self, lags_s: Float64, *, now_s: float) -> None:
        """Take the times from phenomenon to commit of timely readings."""
        if len(lags_s):
            self._newest_lag_s = float(lags_s.min())
            step = max(1, len(lags_s) // SAMPLES)
            self._lags.extend((now_s, float(lag_s)) for lag_s in lags_s[::step])

    def note(self, name: str, count: int = 1) -> None:
        """Count anything else."""
        if count:
            self._totals[name] += count

    def figures(self, *, now_s: float) -> Mapping[str, float]:
        """Totals, messages per second, and lag from phenomenon to commit (newest, p95) [s]."""
        for window in (self._messages, self._lags):
            while window and window[0][0] < now_s - WINDOW_S:
                window.popleft()
        span_s = min(WINDOW_S, max(now_s - self._started_s, 1.0))
        figures = {name: float(count) for name, count in self._totals.items()}
        figures["messages_per_s"] = sum(count for _, count in self._messages) / span_s
        if self._newest_lag_s is not None:
            figures["lag_newest_s"] = self._newest_lag_s
        if self._lags:
            lags = np.array([lag for _, lag in self._lags])
            figures["lag_p95_s"] = float(np.percentile(lags, PERCENTILE))
        return figures
