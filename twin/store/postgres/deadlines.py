"""Connections that are given up when the server owes an answer for too long."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar, cast

import psycopg
from psycopg.rows import Row

logger = logging.getLogger(__name__)

LOOKS_PER_DEADLINE = 8
NOBODY = 0.0

T = TypeVar("T")


class Owed:
    """Since when one connection waits for an answer; a context around every such wait.

    Parameters
    ----------
    wire
        A second handle of the connection's socket, so that its number cannot be another file's
        by the time it is shut down.
    """

    __slots__ = ("since_s", "wire")

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.since_s = NOBODY

    def __enter__(self) -> None:
        self.since_s = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.since_s = NOBODY


class Deadlines:
    """Shuts the socket of a connection down whose server has not answered in time.

    A server that hangs (stopped, its disk gone, its machine frozen) keeps the connection open, and
    its own ``statement_timeout`` hangs with it. A call of libpq cannot be interrupted, but it
    ends at once when its socket does: as if the server had closed the connection. What the server
    was told may still be carried out later.

    Parameters
    ----------
    answer_s
        Longest wait for one answer [s].
    """

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._owed: set[Owed] = set()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def add(self, descriptor: int) -> Owed:
        """Watch the connection with this socket until it is removed."""
        owed = Owed(socket.socket(fileno=os.dup(descriptor)))
        with self._lock:
            self._owed.add(owed)
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
        return owed

    def remove(self, owed: Owed) -> None:
        """Watch it no more."""
        with self._lock:
            self._owed.discard(owed)
            owed.wire.close()

    def close(self) -> None:
        """End the watch."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._answer_s / LOOKS_PER_DEADLINE):
            latest_s = time.monotonic() - self._answer_s
            with self._lock:
                for owed in self._owed:
                    if NOBODY < owed.since_s < latest_s:
                        owed.since_s = NOBODY
                        with suppress(OSError):  # it has ended by itself
                            owed.wire.shutdown(socket.SHUT_RDWR)
                        facts = {"waited_s": self._answer_s}
                        logger.warning("database_does_not_answer", extra=facts)


class PunctualConnection(psycopg.Connection[Row]):
    """A connection on which every wait for the server may be watched."""

    deadlines: Deadlines | None = None
    owed: Owed | None = None

    def be_watched(self, deadlines: Deadlines) -> None:
        """Give the connection up whenever an answer is late."""
        self.deadlines = deadlines
        self.owed = deadlines.add(self.fileno())

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - as psycopg hands it on
        """Wait for the server."""
        wait = cast("Callable[..., T]", super().wait)
        if self.owed is None:
            return wait(gen, *args, **kwargs)
        with self.owed:
            return wait(gen, *args, **kwargs)

    def close(self) -> None:
        """Close it, its second handle too."""
        super().close()
        if self.deadlines is not None and self.owed is not None:
            owed, self.owed = self.owed, None
            self.deadlines.remove(owed)
