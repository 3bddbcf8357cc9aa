"""Gaps on their way to the store: found in the loop, written aside, kept until they are in."""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from sensors.ingest.counterfile import CounterFile
from sensors.ingest.errand import Errand
from sensors.ingest.meter import Meter
from sensors.pipeline.prepared import Prepared
from sensors.rules.gaps import GapKey, GapTracker, key_of
from sensors.rules.sequences import Counters
from twin.city import Twin
from twin.errors import TwinError
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap, GapCause
from twin.model.observations import joined
from twin.model.times import to_us

logger = logging.getLogger(__name__)

MOST_KEPT = 10_000
MOST_AT_ONCE = 500
MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class _Doubt:
    """A gap whose begin was known before a restart; ``stored`` None before the store was asked."""

    numbers: tuple[int, ...]
    stored: int | None = None


@dataclass(frozen=True, slots=True)
class _Mark:
    """When a connection brought its first message, and what was the last of each source before."""

    connection: int
    at_us: int
    since_us: Mapping[str, int]


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
    file
        Where the last numbers are kept across restarts.
    """

    def __init__(
        self,
        twin: Twin,
        aside: Executor,
        meter: Meter,
        *,
        is_alone: bool = True,
        file: CounterFile | None = None,
    ) -> None:
        self._file = file if is_alone else None
        self._has_counted = False
        self._doubts: dict[GapKey, _Doubt] = {}
        self._mark = _Mark(0, 0, {})
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
        kept = self._file.read() if self._file else None
        if kept is not None:
            self._tracker.recall(kept)
            logger.info("counters_recalled", extra={"counters": len(kept.names)})
        self._is_started = True

    @property
    def is_started(self) -> bool:
        """Whether it knows what the store holds."""
        return self._is_started

    def note_connection(self, connection: int, *, at_us: int) -> None:
        """Take note that this connection brings its first message."""
        self._mark = _Mark(connection, at_us, self._tracker.sources_at_us())

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
        self._doubts.update({key: _Doubt(numbers) for key, numbers in noted.doubts.items()})
        self._keep([*found, *noted.gaps])
        self._has_counted = True

    def look(self) -> None:
        """Find datastreams that have fallen silent."""
        if self._is_alone:
            self._keep(self._tracker.check(now_us=to_us(self._twin.now())))

    def sources_since(self, time_us: int) -> set[str]:
        """Sources of which something came, or was measured, at this time or later."""
        return self._tracker.sources_since(time_us)

    def note_loss(self, cause: GapCause, sources: Iterable[str], *, connection: int = 0) -> None:
        """Take note that the broker lost messages of these sources, nobody knows how many.

        Where it shows at the begin of a connection, the loss ends with its first message.
        """
        mark = self._mark
        if connection and mark.connection == connection:
            found = self._tracker.note_loss(
                cause, sources, at_us=mark.at_us, since_us=mark.since_us
            )
        else:
            found = self._tracker.note_loss(cause, sources, at_us=to_us(self._twin.now()))
        self._keep(found)

    def write(self) -> None:
        """Write down what was found, then the last numbers.

        What the database does not take now is written later. The numbers follow the gaps before
        them: a crash in between finds these gaps again.
        """
        if not self._errand.is_running and (self._waiting or self._has_counted):
            self._errand.run(self._write, self._numbers())

    def write_now(self) -> None:
        """The same at the end, before anything else ends."""
        self._write(self._numbers())

    def _numbers(self) -> Counters | None:
        has_counted, self._has_counted = self._has_counted, False
        return self._tracker.counters() if has_counted and self._file else None

    def _keep(self, found: Sequence[Gap]) -> None:
        if not found:
            return
        with self._lock:
            room = MOST_KEPT - len(self._waiting)
            self._waiting.extend(found[:room])
        self._meter.note("gaps_not_noted", max(0, len(found) - room))

    def _write(self, numbers: Counters | None) -> None:
        while self._waiting:
            with self._lock:
                gaps, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                self._twin.note_gaps([one for gap in gaps for one in self._without_stored(gap)])
            except TwinError as error:
                logger.warning("gaps_not_written", extra={"reason": str(error)})
                with self._lock:
                    self._waiting = [*gaps, *self._waiting]
                self._has_counted = self._has_counted or numbers is not None
                return
        if numbers is not None and self._file is not None:
            self._file.write(numbers)

    def _without_stored(self, gap: Gap) -> list[Gap]:
        """The gap without what came before a restart and after the last numbers were kept."""
        doubt = self._doubts.get(key_of(gap)) if gap.cause == "sequence" else None
        if doubt is None or gap.missing is None:
            return [gap]
        if doubt.stored is None:
            stored = [self._stored(number, gap) for number in doubt.numbers]
            doubt.stored = min(max(stored, default=0), gap.missing)
            self._meter.note("sequence_missing", -doubt.stored)
            self._meter.note("sequence_gaps", -(doubt.stored == gap.missing))
        missing = gap.missing - doubt.stored
        return [replace(gap, missing=missing)] if missing > 0 else []

    def _stored(self, number: int, gap: Gap) -> int:
        """Messages between the ends of a gap that are stored, by one datastream of the device."""
        if gap.end is None:
            return 0
        return self._twin.count_readings([number], start=gap.start + MICROSECOND, end=gap.end)
