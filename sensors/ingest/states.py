"""States of the ingester, and how large a batch may be. Pure."""

import time
from collections.abc import Callable
from enum import StrEnum

COMMIT_TARGET_S = 0.25
LEAST_READINGS = 100
GROWTH = 1.25  # after a commit in time
LARGEST_SHARE = 0.75  # of two slow batches the smaller one has, to tell whether size matters
LEAST_GAIN = 0.1  # of the time, by a smaller batch
PATIENT_COMMITS = 20


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

    A commit takes a + b n for n readings. After a slow one the next is half as large; if that
    was quicker, b follows from the two. If it was not, the database answers late whatever it gets,
    and small batches would only make it worse: then they may be large again for a while.

    Parameters
    ----------
    most
        Upper bound.

    Examples
    --------
    >>> size = BatchSize(20_000)
    >>> for readings in (20_000, 10_000):
    ...     size.note(readings, seconds=readings / 10_000)
    >>> size.readings
    2500
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(LEAST_READINGS, most)
        self._slow: tuple[int, float] | None = None
        self._patience = 0
        self.readings = most

    def note(self, readings: int, *, seconds: float) -> None:
        """Take note of a commit."""
        if seconds <= COMMIT_TARGET_S:
            self._slow = None
            self._set(self.readings * GROWTH)
            return
        if self._patience:
            self._patience -= 1
            return
        before, self._slow = self._slow, (readings, seconds)
        (small, quicker_s), (large, slower_s) = sorted((before or self._slow, self._slow))
        gained_s = slower_s - quicker_s
        if small > LARGEST_SHARE * large:  # too much alike to tell anything: try another size
            is_least = readings <= self._least
            self._set(max(self.readings, 2 * self._least) if is_least else readings / 2)
        elif gained_s < LEAST_GAIN * slower_s:
            self._slow, self._patience = None, PATIENT_COMMITS
            self._set(self._most)
        else:
            self._set(COMMIT_TARGET_S * (large - small) / gained_s)

    def _set(self, readings: float) -> None:
        self.readings = round(max(self._least, min(self._most, readings)))


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
