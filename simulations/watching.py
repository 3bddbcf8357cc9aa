"""A run while it is computed: heartbeat, progress for queue or person, cancellation."""

import logging
import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.scenarios import Run

logger = logging.getLogger(__name__)

LOOK_S = 0.2
HEARTBEAT_S = 5.0
GRACE = 1.5
"""An engine that ignores its time limit is cancelled after so many of them."""

Ending = Literal["", "cancelled", "overran", "stopped"]


class RunWatch:
    """`twin.ports.SolveControl` of one run; solver and watching thread share it."""

    def __init__(self, *, target_gap: float = 0.0, limit_s: float = math.inf) -> None:
        self._target = target_gap
        self._limit_s = limit_s
        self._began = time.monotonic()
        self._share = 0.0
        self._message = ""
        self.ending: Ending = ""

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        if not self.ending and time.monotonic() - self._began > GRACE * self._limit_s:
            self.ending = "overran"
        return bool(self.ending)

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        """Take note of how far the solver is; the share never falls."""
        self._share = max(self._share, share_of(relative_gap, self._target))
        gap = "" if math.isnan(relative_gap) else f", gap {relative_gap:.1e}"
        self._message = f"{phase} {number}{gap}"

    def report(self, share: float, message: str) -> bool:
        """Take note of a share in 0..1, as engines without gap report it; False to stop."""
        self._share, self._message = share, message
        return not self.cancelled()

    def now(self) -> tuple[float, str]:
        """Share in 0..1 and what the solver does."""
        return self._share, self._message


def share_of(relative_gap: float, target: float) -> float:
    """Share of the way to the target gap, in powers of ten.

    Examples
    --------
    >>> share_of(1e-3, 1e-6), share_of(float("nan"), 1e-6), share_of(1e-9, 1e-6)
    (0.5, 0.0, 1.0)
    """
    if not 0 < target < 1 or math.isnan(relative_gap) or relative_gap >= 1:
        return 0.0
    if relative_gap <= target:
        return 1.0
    return math.log10(relative_gap) / math.log10(target)


@contextmanager
def watching(
    twin: Twin, run: Run, watch: RunWatch, *, stop: threading.Event | None = None
) -> Iterator[RunWatch]:
    """Report a run to the queue while the block computes it, and hear when it is to end.

    ``stop`` tells that this process is to end.
    """
    over = threading.Event()
    thread = threading.Thread(
        target=_follow,
        args=(twin, run, watch),
        kwargs={"over": over, "stop": stop or threading.Event()},
        name=f"run-{run.id}",
        daemon=True,
    )
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _follow(
    twin: Twin, run: Run, watch: RunWatch, *, over: threading.Event, stop: threading.Event
) -> None:
    told: tuple[float, str] | None = None
    beaten = -math.inf
    while not over.is_set():
        if stop.is_set():
            watch.ending = "stopped"
            return
        try:
            share, message = watch.now()
            if (share, message) != told or time.monotonic() - beaten > HEARTBEAT_S:
                is_wanted = twin.report_progress(
                    run.id, progress=share, message=message, attempt=run.attempt
                )
                told, beaten = (share, message), time.monotonic()
            else:
                now = twin.run(run.id)
                is_wanted = (now.status, now.attempt) == ("running", run.attempt)
            if not is_wanted:
                watch.ending = "cancelled"
                return
        except StoreUnavailableError as error:
            logger.warning("heartbeat_not_stored", extra={"run": run.id, "reason": str(error)})
        over.wait(LOOK_S)


class Told:
    """`twin.ports.SolveControl` that tells a person how far the computation is."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._is_terminal = sys.stderr.isatty()
        self._told: set[str] = set()

    def cancelled(self) -> bool:
        """Whether it was interrupted."""
        return self._stop.is_set()

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        """Print phase, number and gap on one line of a terminal; elsewhere each new phase once."""
        if not self._is_terminal and phase in self._told:
            return
        gap = "" if math.isnan(relative_gap) else f", gap {relative_gap:.1e}"
        self._told.add(phase)
        text = f"  {phase} {number}{gap}"
        sys.stderr.write(f"\r\x1b[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """End the line of a terminal."""
        if self._is_terminal and self._told:
            sys.stderr.write("\n")
            sys.stderr.flush()
