"""Who serves a connection: the thread of its link, or a guest that waits for messages anyway.

A message that goes from one thread to another waits for a wake-up and for the interpreter, and so
does its acknowledgement. So whoever waits for messages reads them from the network himself, and the
link's own thread stays away as long as he comes back soon. While he is busy it looks after the
connection from time to time: often enough that nothing waits for long, seldom enough that the
messages of a flood come many at a time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

REST_S = 0.002
LONGEST_REST_S = 0.02
FORGET_S = 1.0


class Duty:
    """Held by the one thread that serves a connection.

    Parameters
    ----------
    ring
        Ends the wait of the link's own thread for the network.
    clock
        Monotonic time [s].
    """

    def __init__(
        self, ring: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring = ring
        self._clock = clock
        self._held = threading.Lock()
        self._guest_s = -inf
        self._is_lent = False

    @property
    def is_own(self) -> bool:
        """Whether the link's own thread has it and may wait for the network."""
        return self._held.locked() and not self._is_lent

    @contextmanager
    def own(self, stop: threading.Event) -> Iterator[None]:
        """Hold it in the link's own thread, as soon as a guest leaves the connection alone."""
        if self._clock() - self._guest_s < FORGET_S:
            self._rest(stop)
        with self._held:
            yield

    def _rest(self, stop: threading.Event) -> None:
        pause_s = REST_S
        while not stop.wait(pause_s):
            if not self._is_lent and self._clock() - self._guest_s >= REST_S:
                return
            pause_s = min(2 * pause_s, LONGEST_REST_S)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Hold it in the thread of a guest."""
        self._guest_s = self._clock()  # before the bell: the link's own thread rests after it
        if not self._held.acquire(blocking=False):
            self._ring()
            self._held.acquire()
        self._is_lent = True
        try:
            yield
        finally:
            self._is_lent = False
            self._guest_s = self._clock()
            self._held.release()
