"""Waiting for something new, in a way that misses nothing between two waits."""

import threading
import time


class ChangeSignal:
    """Counts changes; every thread waits for those since its own last wait."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0
        self._marks = threading.local()

    def notify(self) -> None:
        """Say that something changed."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def take(self) -> bool:
        """Whether something changed since this thread last asked."""
        with self._condition:
            is_newer = self._count > getattr(self._marks, "count", 0)
            self._marks.count = self._count
            return is_newer

    def wait(self, timeout_s: float) -> bool:
        """Wait until something changed since this thread last asked, or the time is over."""
        deadline = time.monotonic() + timeout_s
        mark = getattr(self._marks, "count", 0)
        with self._condition:
            while self._count <= mark:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._condition.wait(left_s):
                    break
        return self.take()
