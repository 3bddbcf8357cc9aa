"""Gaps: what never reached us, by sequence numbers, by silence, by losses of the broker. Pure.

Sequence numbers count exactly (`sensors.rules.sequences`). Silence counts by the expected interval
of a datastream and is an estimate. Changes come out as `twin.model.gaps.Gap`; the ingest
loop writes them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.rules.sequences import NEVER, UNKNOWN, Counters, Jump, SequenceGaps
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap, GapCause
from twin.model.observations import Latest, Readings
from twin.model.times import from_us

SILENT_CADENCES = 3.0
LEAST_SILENCE_US = 30_000_000

Int = NDArray[np.int64]


class Arrived(NamedTuple):
    """Sequence numbers that came with one message for one device.

    Parameters
    ----------
    source, key
        The device.
    numbers
        Sequence numbers of its items, observations or not.
    times_us
        Phenomenon time of each [us since 1970-01-01 UTC]; `NEVER` where it is not known.
    """

    source: str
    key: str
    numbers: tuple[int, ...]
    times_us: tuple[int, ...]


GapKey = tuple[str, str, datetime]


class Noted(NamedTuple):
    """Gaps by sequence numbers, new and changed, how many are new, and how many more are missing.

    ``missing`` is below 0 where more numbers came late than are missing anew. ``doubts`` holds the
    new gaps that begin at a number which is known from before a restart, with the datastreams of
    the device: what is stored between the two numbers came before the restart.
    """

    gaps: list[Gap]
    begun: int
    missing: int
    doubts: Mapping[GapKey, tuple[int, ...]] = MappingProxyType({})


def key_of(gap: Gap) -> GapKey:
    """What tells a gap apart from the others of its cause."""
    return gap.source, gap.key, gap.start


@dataclass(frozen=True, slots=True)
class _Known:
    """What the registry says, row by row in the order of the datastream numbers."""

    number: Int
    source: tuple[str, ...]
    key: tuple[str, ...]
    silence_us: Int  # NEVER if the datastream is event driven
    cadence_us: Int


class GapTracker:
    """Finds gaps and says when they begin and end; `Twin.note_gaps` takes what it gives.

    A gap that goes on is given once when it opens and once when data close it. After a restart
    `start` tells what the store knows, and `recall` the last numbers.

    Parameters
    ----------
    datastreams
        The registered datastreams.
    """

    def __init__(self, datastreams: Iterable[Datastream] = ()) -> None:
        self._sequences = SequenceGaps()
        self._known = _known(())
        self._newest_us = np.empty(0, np.int64)
        self._arrived_us = np.empty(0, np.int64)
        self._is_silent = np.empty(0, np.bool_)
        self._counter = np.empty(0, np.int64)  # of the device of each datastream
        self._alone: dict[int, int] = {}  # row of the only datastream of a counter
        self._source_at_us: dict[str, int] = {}
        self._recalled_us: dict[int, int] = {}  # time of the newest number before the restart
        self.update(datastreams)

    def update(self, datastreams: Iterable[Datastream]) -> None:
        """Take note of a changed registry; what is known of the other datastreams stays."""
        before, known = self._known.number, _known(datastreams)
        row, kept = _rows_of(known, before)
        for name, empty in _COLUMNS.items():
            column = getattr(self, name)
            wider = np.full(len(known.number), empty, column.dtype)
            wider[row[kept]] = column[kept]
            setattr(self, name, wider)
        self._known = known
        devices = [key.partition("#")[0] for key in known.key]
        counters = list(map(self._sequences.row, known.source, devices))
        self._counter = np.array(counters, np.int64)
        shared = Counter(counters)
        self._alone = {one: row for row, one in enumerate(counters) if shared[one] == 1}

    def start(self, latest: Latest, *, now_us: int) -> None:
        """Begin with what the store holds: silence counts from now, gaps from the newest value."""
        row, is_known = self._rows(latest.number)
        self._newest_us[row[is_known]] = latest.time_us[is_known]
        for one in np.unique(row[is_known]).tolist():
            source, time_us = self._known.source[one], int(self._newest_us[one])
            self._source_at_us[source] = max(time_us, self._source_at_us.get(source, time_us))
        self._arrived_us[row[is_known]] = now_us

    def note(self, readings: Readings, *, now_us: int) -> list[Gap]:
        """Take note of readings; silence that they close, and jumps inside or before them."""
        row, is_known = self._rows(readings.number)
        order = np.flatnonzero(is_known)
        order = order[readings.time_us[order] > self._newest_us[row[order]]]
        if not len(order):
            return []
        order = order[np.lexsort((readings.time_us[order], row[order]))]
        row, time_us = row[order], readings.time_us[order]
        is_first = np.ones(len(row), np.bool_)
        is_first[1:] = row[1:] != row[:-1]
        before = np.empty_like(time_us)
        before[1:] = time_us[:-1]
        before[is_first] = self._newest_us[row[is_first]]
        before = np.where(before == NEVER, time_us, before)
        silence_us = self._known.silence_us[row]
        is_gap = (silence_us != NEVER) & (time_us - before > silence_us)
        is_gap |= is_first & self._is_silent[row]
        found = [
            self._silence(int(row[place]), start_us=int(before[place]), end_us=int(time_us[place]))
            for place in np.flatnonzero(is_gap).tolist()
        ]
        last = np.append(row[1:] != row[:-1], True)
        self._newest_us[row[last]] = time_us[last]
        self._arrived_us[row[last]] = now_us
        self._is_silent[row[last]] = False
        return found

    def check(self, *, now_us: int) -> list[Gap]:
        """Silence that has begun: nothing for more than three expected intervals and 30 s.

        Examples
        --------
        >>> GapTracker().check(now_us=0)
        []
        """
        silence_us = self._known.silence_us
        is_watched = (silence_us != NEVER) & (self._arrived_us != NEVER) & ~self._is_silent
        begun = np.flatnonzero(is_watched & (now_us - self._arrived_us > silence_us))
        self._is_silent[begun] = True
        return [self._silence(int(row), start_us=int(self._newest_us[row])) for row in begun]

    def note_numbers(
        self,
        number: NDArray[np.int32],
        sequence: Int,
        time_us: Int,
        arrived: Sequence[Arrived] = (),
        *,
        at_us: int,
    ) -> Noted:
        """Take note of all sequence numbers that came since the last look.

        One counter per device counts over all of them, whichever way they were decoded and in
        whichever order they came.

        Parameters
        ----------
        number, sequence, time_us : (n,)
            Datastream number, sequence number and phenomenon time of readings.
        arrived
            Numbers by device, of values that are missing or were refused, too.
        at_us
            Time of arrival of the newest of them [us since 1970-01-01 UTC].

        Examples
        --------
        >>> came = [Arrived("demo", "a", (1, 5), (10, 50))]
        >>> none = np.empty(0, np.int64)
        >>> GapTracker().note_numbers(none.astype(np.int32), none, none, came, at_us=90).missing
        3
        """
        row, is_known = self._rows(number)
        counters = [self._counter[row[is_known]]] if len(self._counter) else []
        numbers, times = [sequence[is_known]], [time_us[is_known]]
        for one in arrived:
            counter = self._sequences.row(one.source, one.key, is_registered=False)
            if counter != UNKNOWN:
                counters.append(np.full(len(one.numbers), counter, np.int64))
                numbers.append(np.array(one.numbers, np.int64))
                times.append(np.array(one.times_us, np.int64))
        if not counters:
            return Noted([], 0, 0)
        jumps = self._sequences.note(
            np.concatenate(counters), np.concatenate(numbers), np.concatenate(times), at_us=at_us
        )
        gaps = [self._gap(jump) for jump in jumps]
        doubts = {
            key_of(gap): self._numbers_of(jump.counter)
            for gap, jump in zip(gaps, jumps, strict=True)
            if jump.is_new and jump.start_us <= self._recalled_us.get(jump.counter, NEVER)
        }
        return Noted(
            gaps,
            sum(jump.is_new for jump in jumps),
            sum(jump.change for jump in jumps),
            doubts,
        )

    def counters(self) -> Counters:
        """The last sequence numbers, for `recall` after a restart."""
        return self._sequences.state()

    def recall(self, counters: Counters) -> None:
        """Go on from these numbers: a gap between them and the next ones is seen."""
        self._recalled_us = self._sequences.recall(counters)

    def _numbers_of(self, counter: int) -> tuple[int, ...]:
        return tuple(self._known.number[self._counter == counter].tolist())

    def sources_at_us(self) -> Mapping[str, int]:
        """Time of the last message of each source, as `note_loss` takes it."""
        return dict(self._source_at_us)

    def note_loss(
        self,
        cause: GapCause,
        sources: Iterable[str],
        *,
        at_us: int,
        since_us: Mapping[str, int] | None = None,
    ) -> list[Gap]:
        """Gaps of whole sources: the broker lost the session or dropped messages.

        They reach from the last message of the source, as far as `note_source` was told, or from
        ``since_us`` where messages have come since the loss.
        """
        last_us = self._source_at_us if since_us is None else since_us
        return [
            Gap(
                source=source,
                key="",
                cause=cause,
                start=from_us(min(last_us.get(source, at_us), at_us)),
                end=from_us(at_us),
                is_estimated=True,
            )
            for source in sources
        ]

    def sources_since(self, time_us: int) -> set[str]:
        """Sources of which something came, or was measured, at this time or later."""
        return {source for source, at_us in self._source_at_us.items() if at_us >= time_us}

    def note_source(self, source: str, *, at_us: int) -> None:
        """Take note that a message of this source came."""
        self._source_at_us[source] = at_us

    def _gap(self, jump: Jump) -> Gap:
        source, key = self._sequences.name(jump.counter)
        row = self._alone.get(jump.counter)
        return Gap(
            source=source,
            key=key if row is None else self._known.key[row],
            cause="sequence",
            start=from_us(jump.start_us),
            end=from_us(jump.end_us),
            number=None if row is None else int(self._known.number[row]),
            missing=jump.missing,
            state="open" if jump.missing else "filled",
        )

    def _silence(self, row: int, *, start_us: int, end_us: int | None = None) -> Gap:
        known = self._known
        missing: int | None = None
        is_filled = False
        if end_us is not None:
            is_filled = end_us - start_us <= known.silence_us[row]  # it came late, but it came
            if is_filled or not self._sequences.has_counted(self._counter[row : row + 1])[0]:
                missing = max(round((end_us - start_us) / known.cadence_us[row]) - 1, 0)
        return Gap(
            source=known.source[row],
            key=known.key[row],
            cause="cadence",
            start=from_us(start_us),
            end=None if end_us is None else from_us(end_us),
            number=int(known.number[row]),
            missing=0 if is_filled else missing,
            is_estimated=True,
            state="filled" if is_filled else "open",
        )

    def _rows(self, number: NDArray[np.int32]) -> tuple[Int, NDArray[np.bool_]]:
        return _rows_of(self._known, number)


def _rows_of(known: _Known, number: NDArray[np.integer]) -> tuple[Int, NDArray[np.bool_]]:
    """Row of every datastream number, and whether there is one."""
    if not len(known.number):
        return np.zeros(len(number), np.int64), np.zeros(len(number), np.bool_)
    row = np.minimum(np.searchsorted(known.number, number), len(known.number) - 1)
    return row, known.number[row] == number


_COLUMNS = {
    "_newest_us": NEVER,
    "_arrived_us": NEVER,
    "_is_silent": False,
}


def _known(datastreams: Iterable[Datastream]) -> _Known:
    """Single readings that come from a device; derived ones miss what their waveforms miss."""
    chosen = sorted(
        (
            stream
            for stream in datastreams
            if stream.number is not None
            and stream.kind == "reading"
            and stream.provenance != "derived"
        ),
        key=lambda stream: stream.number or 0,
    )
    cadence_us = np.array([round((one.cadence_s or 0.0) * 1e6) for one in chosen], np.int64)
    silence_us = np.maximum((SILENT_CADENCES * cadence_us).astype(np.int64), LEAST_SILENCE_US)
    return _Known(
        number=np.array([stream.number for stream in chosen], np.int64),
        source=tuple(stream.source for stream in chosen),
        key=tuple(stream.route_key for stream in chosen),
        silence_us=np.where(cadence_us > 0, silence_us, NEVER),
        cadence_us=np.maximum(cadence_us, 1),
    )
