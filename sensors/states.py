"""States of the ingester, and how large a batch may be. Pure."""

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import numpy as np

COMMIT_TARGET_S = 0.25
LEAST_READINGS = 100
REMEMBERED_COMMITS = 32


class State(StrEnum):
    """What becomes of messages now, and when they are acknowledged."""

    LIVE = "live"  # into the database; after the COMMIT
    SPOOLING = "spooling"  # the database is away: into the spool; after the fsync
    DRAINING = "draining"  # the spool first, new messages to its tail; after the fsync
    PAUSED = "paused"  # neither takes any: nothing is read, the broker keeps what follows


def state_of(*, is_store_ready: bool, is_spool_empty: bool, is_paused: bool) -> State:
    """State that follows from what is available.

    Examples
    --------
    >>> state_of(is_store_ready=True, is_spool_empty=False, is_paused=False).value
    'draining'
    """
    if is_paused:
        return State.PAUSED
    if not is_store_ready:
        return State.SPOOLING
    return State.LIVE if is_spool_empty else State.DRAINING


class BatchSize:
    """Most readings in a batch, so that a commit takes a quarter of a second at most.

    Commits take a + b n for n readings. Only b n is bounded: where the database answers late
    whatever it gets (a), small batches would only make it worse.

    Parameters
    ----------
    most
        Upper bound.

    Examples
    --------
    >>> size = BatchSize(20_000)
    >>> for readings in (20_000, 10_000, 5_000):
    ...     size.note(readings, seconds=readings / 10_000)
    >>> size.readings
    2500
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(LEAST_READINGS, most)
        self._commits: deque[tuple[int, float]] = deque(maxlen=REMEMBERED_COMMITS)
        self.readings = most

    def note(self, readings: int, *, seconds: float) -> None:
        """Take note of a commit."""
        self._commits.append((readings, seconds))
        if seconds <= COMMIT_TARGET_S:
            self.readings = min(self._most, 2 * self.readings)
            return
        count, took = np.array(self._commits).T
        spread = float(np.var(count))
        slope = float(np.mean((count - count.mean()) * took)) / spread if spread else 0.0
        if slope > 0:
            wanted = round(COMMIT_TARGET_S / slope)
        else:  # all alike so far: smaller ones will tell
            wanted = self.readings // 2 if not spread else self._most
        self.readings = max(self._least, min(self._most, wanted))


class Due:
    """Tells when it is time to do something again.

    Parameters
    ----------
    clock
        Monotonic time [s].

    Examples
    --------
    >>> due = Due(clock=lambda: 100.0)
    >>> due.is_now("beat", every_s=2.0), due.is_now("beat", every_s=2.0)
    (True, False)
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s: dict[str, float] = {}

    def is_now(self, what: str, *, every_s: float) -> bool:
        """Whether it is time; then the next time is set."""
        now_s = self._clock()
        if now_s < self._next_s.get(what, 0.0):
            return False
        self._next_s[what] = now_s + every_s
        return True

    def put_off(self, what: str, *, seconds: float) -> None:
        """Set the next time."""
        self._next_s[what] = self._clock() + seconds
