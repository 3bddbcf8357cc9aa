"""Whether the database answers; while it does not, it is asked in the background."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple

from sensors.broker import BackOff
from twin.errors import StoreError, StoreUnavailableError, TwinError
from twin.model.datastreams import Datastream

logger = logging.getLogger(__name__)

FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
REFUSED_RETRY_S = 30.0
TAKEN_RETRY_S = 1.0
PATIENCE_AT_START_S = 5.0
PATIENCE_S = 60.0


class InstanceTakenError(TwinError):
    """Another ingester runs under this name."""


class Registry(NamedTuple):
    """The registered datastreams, and the version under which they were read."""

    version: str
    datastreams: Sequence[Datastream]


class Contact:
    """The present relation to the database.

    Parameters
    ----------
    ask
        Reads the registry, or raises why that is not possible now.
    aside
        Where to ask, so that the loop never waits for an answer.
    clock
        Monotonic time [s].
    """

    def __init__(
        self,
        ask: Callable[[], Registry],
        aside: Executor,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._aside = aside
        self._clock = clock
        self._back_off = BackOff(first_s=FIRST_RETRY_S, longest_s=LONGEST_RETRY_S)
        self._answer: Future[Registry] | None = None
        self._next_s = 0.0
        self._taken_since_s: float | None = None
        self._was_ready = False
        self.is_ready = False
        self.is_lost = False
        self.is_refused = False
        self.reason = "the database has not been asked yet"

    @property
    def is_taken(self) -> bool:
        """Whether another ingester seems to run under this name."""
        return self._taken_since_s is not None

    def lose(self, error: StoreError) -> None:
        """Take note that the database did not do what it was told."""
        self.is_ready, self.is_lost = False, True
        self.is_refused = not isinstance(error, StoreUnavailableError)
        self.reason = str(error)
        delay_s = REFUSED_RETRY_S if self.is_refused else self._back_off.next()
        self._next_s = self._clock() + delay_s
        level = logging.ERROR if self.is_refused else logging.WARNING
        word = "store_refused" if self.is_refused else "store_unavailable"
        logger.log(level, word, extra={"reason": self.reason, "retry_in_s": round(delay_s, 1)})

    def confirm(self) -> None:
        """Take note that it recorded something."""
        self._back_off.reset()

    def renew(self) -> Registry | None:
        """The registry, once the database answers again; None until then.

        Raises
        ------
        InstanceTakenError
            If another ingester runs under this name.
        """
        if self.is_ready:
            return None
        if self._answer is None:
            if self._clock() < self._next_s:
                return None
            self._answer = self._aside.submit(self._ask)
        if not self._answer.done():
            return None
        answer, self._answer = self._answer, None
        try:
            registry = answer.result()
        except InstanceTakenError as error:
            self._wait_for_name(error)
            return None
        except TwinError as error:  # also a registry that does not fit this version
            self.lose(error if isinstance(error, StoreError) else StoreError(str(error)))
            return None
        self.is_ready, self.is_lost, self.is_refused, self.reason = True, False, False, ""
        self._taken_since_s, self._was_ready = None, True
        return registry

    def _wait_for_name(self, error: InstanceTakenError) -> None:
        """Ask again for a while: the database frees the name of a lost connection late."""
        now_s = self._clock()
        since_s = self._taken_since_s = self._taken_since_s or now_s
        if now_s - since_s >= (PATIENCE_S if self._was_ready else PATIENCE_AT_START_S):
            raise error
        self.reason = str(error)
        self._next_s = now_s + TAKEN_RETRY_S
