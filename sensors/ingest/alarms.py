"""Alarms of the ingester: what holds now, told to the twin as soon as it listens."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor

from sensors.ingest.errand import Errand
from twin.city import Twin
from twin.errors import TwinError

logger = logging.getLogger(__name__)

CONFIRM_S = 60.0

Key = tuple[str, str]


class Alarms:
    """What holds now, by kind and subject.

    The database may be away when an alarm begins or ends: the twin is told later. Telling happens
    aside, so that the loop never waits for it.

    Parameters
    ----------
    twin
        Whom to tell.
    aside
        Where.
    clock
        Monotonic time [s].
    """

    def __init__(
        self, twin: Twin, aside: Executor, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._twin = twin
        self._errand = Errand(aside)
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: dict[Key, str] = {}
        self._ends_s: dict[Key, float] = {}
        self._told: dict[Key, tuple[str, float]] = {}

    def set(self, kind: str, subject: str, detail: str, *, hold_s: float = 0.0) -> None:
        """Open an alarm, or close it if the detail is empty.

        Parameters
        ----------
        hold_s
            For what happens and is over at once: how long it is shown [s].
        """
        key = kind, subject
        with self._lock:
            if detail:
                self._wanted[key] = detail
                if hold_s:
                    self._ends_s[key] = self._clock() + hold_s
            elif key not in self._ends_s:
                self._wanted.pop(key, None)

    def keep_only(self, kind: str, subjects: dict[str, str]) -> None:
        """Open the alarms of a kind for these subjects with their details; close the others."""
        with self._lock:
            gone = [key for key in self._wanted if key[0] == kind and key[1] not in subjects]
            for key in gone:
                del self._wanted[key]
            self._wanted.update({(kind, subject): text for subject, text in subjects.items()})

    @property
    def open(self) -> dict[Key, str]:
        """Alarms that hold now."""
        now_s = self._clock()
        with self._lock:
            for key in [key for key, end_s in self._ends_s.items() if end_s < now_s]:
                del self._ends_s[key]
                self._wanted.pop(key, None)
            return dict(self._wanted)

    def tell(self) -> None:
        """Tell the twin what has changed; what it does not take now is told again later."""
        self._errand.run(self._tell, self.open)

    def _tell(self, wanted: dict[Key, str]) -> None:
        try:
            for key, detail in wanted.items():
                told, told_s = self._told.get(key, ("", 0.0))
                if told != detail or self._clock() - told_s > CONFIRM_S:
                    self._twin.open_alarm(*key, detail)
                    self._told[key] = (detail, self._clock())
            for key in [key for key in self._told if key not in wanted]:
                self._twin.close_alarm(*key)
                del self._told[key]
        except TwinError as error:
            logger.warning("alarm_not_told", extra={"reason": str(error)})

    def close_left(self, subject: str, kinds: frozenset[str], *, always: frozenset[str]) -> None:
        """Close what an earlier run has left open about this subject, unless it holds again.

        Parameters
        ----------
        always
            Kinds whose subject does not matter: another ingester confirms what it sees.
        """
        try:
            for alarm in self._twin.alarms():
                key = alarm.kind, alarm.subject
                if alarm.kind in always or (alarm.subject == subject and alarm.kind in kinds):
                    self._told.setdefault(key, ("", 0.0))
        except TwinError as error:
            logger.warning("alarms_unreadable", extra={"reason": str(error)})
