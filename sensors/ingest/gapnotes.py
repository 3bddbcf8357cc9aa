"""Gaps on their way to the store: found in the loop, written aside, kept until they are in."""

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

import numpy as np

from sensors.ingest.errand import Errand
from sensors.ingest.meter import Meter
from sensors.pipeline.prepared import Prepared
from sensors.rules.gaps import GapTracker
from twin.city import Twin
from twin.errors import TwinError
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap, GapCause
from twin.model.observations import joined
from twin.model.times import to_us

logger = logging.getLogger(__name__)

MOST_KEPT = 10_000


class GapNotes:
    """Finds gaps in what is recorded and writes them down.

    Parameters
    ----------
    twin
        Where to write.
    aside
        Where to talk to the database.
    meter
        Where to count.
    is_alone
        Whether every message comes here. Who shares the messages with others sees gaps where
        there are none, and notes only those that the broker tells.
    """

    def __init__(self, twin: Twin, aside: Executor, meter: Meter, *, is_alone: bool = True) -> None:
        self._twin = twin
        self._errand = Errand(aside)
        self._meter = meter
        self._is_alone = is_alone
        self._tracker = GapTracker()
        self._lock = threading.Lock()
        self._waiting: list[Gap] = []
        self._is_started = False

    def update(self, datastreams: Sequence[Datastream]) -> None:
        """Take note of a changed registry."""
        self._tracker.update(datastreams)

    def start(self) -> None:
        """Begin with what the store holds, once."""
        if self._is_started:
            return
        try:
            latest = self._twin.latest()
        except TwinError as error:
            logger.warning("latest_unreadable", extra={"reason": str(error)})
            return
        self._tracker.start(latest, now_us=to_us(self._twin.now()))
        self._is_started = True

    def note(self, batches: Sequence[Prepared]) -> None:
        """Take note of recorded batches."""
        now_us, tracker = to_us(self._twin.now()), self._tracker
        for source in {source for prepared in batches for source in prepared.by_source}:
            tracker.note_source(source, at_us=now_us)
        if not self._is_alone:
            return
        parts = [part for one in batches for part in (one.readings, one.arrivals)]
        found = tracker.note(joined(*parts), now_us=now_us)
        counted = [prepared.counted() for prepared in batches]
        noted = tracker.note_numbers(
            np.concatenate([one.number for one in counted]),
            np.concatenate([one.sequence for one in counted]),
            np.concatenate([one.time_us for one in counted]),
            [one for prepared in batches for one in prepared.arrived],
            at_us=now_us,
        )
        self._meter.note("sequence_gaps", noted.begun)
        self._meter.note("sequence_missing", noted.missing)
        self._keep([*found, *noted.gaps])

    def look(self) -> None:
        """Find datastreams that have fallen silent."""
        if self._is_alone:
            self._keep(self._tracker.check(now_us=to_us(self._twin.now())))

    def sources_since(self, time_us: int) -> set[str]:
        """Sources of which something came, or was measured, at this time or later."""
        return self._tracker.sources_since(time_us)

    def note_loss(self, cause: GapCause, sources: Iterable[str]) -> None:
        """Take note that the broker lost messages of these sources, nobody knows how many."""
        self._keep(self._tracker.note_loss(cause, sources, at_us=to_us(self._twin.now())))

    def write(self) -> None:
        """Write down what was found; what the database does not take now is written later."""
        if self._waiting:
            self._errand.run(self._write)

    def _keep(self, found: Sequence[Gap]) -> None:
        if not found:
            return
        with self._lock:
            room = MOST_KEPT - len(self._waiting)
            self._waiting.extend(found[:room])
        self._meter.note("gaps_not_noted", max(0, len(found) - room))

    def _write(self) -> None:
        with self._lock:
            gaps, self._waiting = self._waiting, []
        try:
            self._twin.note_gaps(gaps)
        except TwinError as error:
            logger.warning("gaps_not_written", extra={"reason": str(error)})
            with self._lock:
                self._waiting = [*gaps, *self._waiting]
