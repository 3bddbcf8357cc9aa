"""Gaps: what never reached us, by sequence numbers, by silence, by losses of the broker. Pure.

Sequence numbers count exactly; 16 and 32 bit counters may wrap. Silence counts by the expected
interval of a datastream and is an estimate. Changes come out as `twin.model.gaps.Gap`; the ingest
loop writes them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.model.datastreams import Datastream
from twin.model.gaps import Gap, GapCause
from twin.model.observations import Latest, Readings
from twin.model.times import from_us

MOST_KEYS = 100_000
RESTARTED_BELOW = 10_000  # a late delivery of the past lies nearer; a wrapped counter farther
COUNTER_SIZES = (2**16, 2**32)  # LoRaWAN frame counters
LARGEST_WRAP = 100  # numbers lost around a wrap; more look like a restarted device
SILENT_CADENCES = 3.0
LEAST_SILENCE_US = 30_000_000
UNKNOWN = -1
NEVER = np.iinfo(np.int64).min

Int = NDArray[np.int64]


class Counter(NamedTuple):
    """What is known of one counter.

    Parameters
    ----------
    newest
        Newest sequence number.
    credit
        Values that the source itself declared missing and that still carry a number.
    at_us
        Time at which the newest number came [us since 1970-01-01 UTC].
    """

    newest: int
    credit: int
    at_us: int = 0


def advance(
    counter: Counter | None, numbers: Iterable[int], *, missing: int = 0, at_us: int = 0
) -> tuple[Counter | None, int]:
    """The counter after a message, and how many numbers are missing before or in it.

    A number that is not above the newest one is a repetition, a late message or a restarted
    device: no gap. A 16 or 32 bit counter that starts anew within 100 numbers has wrapped.

    Examples
    --------
    >>> advance(Counter(65_533, 0), [2])[1]  # 65534, 65535, 0, 1
    4
    >>> advance(Counter(7, 0), [10])
    (Counter(newest=10, credit=0, at_us=0), 2)
    """
    given = set(numbers)
    if not given:
        return counter, 0
    if counter is None:
        return Counter(_newest(given), missing, at_us), 0
    seen = sorted({_unwrapped(number, counter.newest) for number in given})
    fresh = [number for number in seen if number > counter.newest]
    if not fresh:
        if seen[-1] <= 1 or counter.newest - seen[-1] > RESTARTED_BELOW:
            return Counter(seen[-1], missing, at_us), 0
        return counter, 0
    absent = fresh[-1] - counter.newest - len(fresh)
    credit = counter.credit + missing
    newest = fresh[-1]
    for size in COUNTER_SIZES:
        if newest >= size > counter.newest and newest not in given:
            newest -= size
    return Counter(newest, max(0, credit - absent), at_us), max(0, absent - credit)


def _newest(numbers: set[int]) -> int:
    """Newest number of a first message, which may hold a wrap itself."""
    for size in COUNTER_SIZES:
        low = [number for number in numbers if number <= LARGEST_WRAP]
        if low and max(numbers) in range(size - LARGEST_WRAP, size):
            return max(low)
    return max(numbers)


def _newest_before(numbers: Sequence[int]) -> int:
    """The number before the first one, in ascending numbers that may hold a wrap."""
    newest = _newest(set(numbers))
    if newest == numbers[-1]:
        return numbers[0] - 1
    return next(number for number in numbers if number > newest) - 1


def _unwrapped(number: int, newest: int) -> int:
    for size in COUNTER_SIZES:
        if number < newest < size and number + size - newest <= LARGEST_WRAP:
            return number + size
    return number


class SequenceGaps:
    """Counts missing sequence numbers per source and key.

    Values that the source itself declared missing carry a number, too, and are credited.
    """

    def __init__(self) -> None:
        self._counters: dict[tuple[str, str], Counter] = {}

    def note(
        self, source: str, key: str, *, numbers: Iterable[int], missing: int = 0, at_us: int = 0
    ) -> int:
        """Take note of one message; how many numbers are missing before or in it.

        Examples
        --------
        >>> gaps = SequenceGaps()
        >>> gaps.note("s", "k", numbers=[1, 2])
        0
        >>> gaps.note("s", "k", numbers=[5])
        2
        """
        known = self._counters.get((source, key))
        if known is None and len(self._counters) >= MOST_KEYS:
            self._counters.clear()
        counter, absent = advance(known, numbers, missing=missing, at_us=at_us)
        if counter is not None:
            self._counters[source, key] = counter
        return absent

    def newest_at_us(self, source: str, key: str) -> int | None:
        """When the newest number of a key came [us since 1970-01-01 UTC]; None if never."""
        counter = self._counters.get((source, key))
        return None if counter is None else counter.at_us


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

    A gap that goes on is given once when it opens and once when data close it. Nothing is kept
    on disk: after a restart `start` tells what the store knows.

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
        self._before_us = np.empty(0, np.int64)  # newest time before the last readings came
        self._counted = np.empty(0, np.int64)
        self._counted_at_us = np.empty(0, np.int64)
        self._source_at_us: dict[str, int] = {}
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
        self._before_us[row[is_first]] = before[is_first]
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

    def note_sequences(
        self, source: str, key: str, *, numbers: Iterable[int], missing: int = 0, at_us: int
    ) -> list[Gap]:
        """Take note of the sequence numbers of one message of a device."""
        since_us = self._sequences.newest_at_us(source, key)
        absent = self._sequences.note(source, key, numbers=numbers, missing=missing, at_us=at_us)
        if not absent or since_us is None:
            return []
        return [_sequence_gap(source, key, absent, since_us=since_us, at_us=at_us)]

    def note_counted(
        self, number: NDArray[np.int32], sequence: NDArray[np.int64], *, at_us: int
    ) -> list[Gap]:
        """Take note of sequence numbers of many readings, by datastream.

        Parameters
        ----------
        number, sequence : (n,)
            Datastream numbers and the sequence numbers of their readings.
        at_us
            Time of arrival of the newest of them [us since 1970-01-01 UTC].
        """
        row, is_known = self._rows(number)
        if not is_known.any():
            return []
        row, sequence = _distinct(row[is_known], sequence[is_known])
        begin = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
        end = np.append(begin[1:], len(row)) - 1
        streams = row[begin]
        before = self._counted[streams]
        is_complete = (before != UNKNOWN) & (sequence[begin] == before + 1)
        is_complete &= sequence[end] - sequence[begin] == end - begin
        self._counted[streams[is_complete]] = sequence[end[is_complete]]
        found: list[Gap] = []
        for place in np.flatnonzero(~is_complete).tolist():
            numbers = sequence[begin[place] : end[place] + 1].tolist()
            found += self._advance(int(streams[place]), numbers, at_us=at_us)
        self._counted_at_us[streams] = at_us
        return found

    def note_loss(self, cause: GapCause, sources: Iterable[str], *, at_us: int) -> list[Gap]:
        """Gaps of whole sources: the broker lost the session or dropped messages.

        They reach from the last message of the source, as far as `note_source` was told.
        """
        return [
            Gap(
                source=source,
                key="",
                cause=cause,
                start=from_us(min(self._source_at_us.get(source, at_us), at_us)),
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

    def _advance(self, row: int, numbers: Sequence[int], *, at_us: int) -> list[Gap]:
        newest, since_us = int(self._counted[row]), int(self._counted_at_us[row])
        if newest == UNKNOWN:  # the first numbers of a run: what is missing among them
            newest = _newest_before(numbers)
            since_us = int(self._before_us[row])
            since_us = at_us if since_us == NEVER else since_us
        counter, absent = advance(Counter(newest, 0), numbers)
        if counter is not None:
            self._counted[row] = counter.newest
        if not absent:
            return []
        known = self._known
        number = int(known.number[row])
        return [
            _sequence_gap(
                known.source[row],
                known.key[row],
                absent,
                since_us=since_us,
                at_us=at_us,
                number=number,
            )
        ]

    def _silence(self, row: int, *, start_us: int, end_us: int | None = None) -> Gap:
        known = self._known
        missing: int | None = None
        is_filled = False
        if end_us is not None:
            is_filled = end_us - start_us <= known.silence_us[row]  # it came late, but it came
            if is_filled or self._counted[row] == UNKNOWN:
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


def _distinct(row: Int, sequence: Int) -> tuple[Int, Int]:
    """Pairs in ascending order, each one once."""
    order = np.lexsort((sequence, row))
    row, sequence = row[order], sequence[order]
    is_new = np.ones(len(row), np.bool_)
    is_new[1:] = (row[1:] != row[:-1]) | (sequence[1:] != sequence[:-1])
    return row[is_new], sequence[is_new]


_COLUMNS = {
    "_newest_us": NEVER,
    "_arrived_us": NEVER,
    "_is_silent": False,
    "_before_us": NEVER,
    "_counted": UNKNOWN,
    "_counted_at_us": NEVER,
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


def _sequence_gap(
    source: str, key: str, absent: int, *, since_us: int, at_us: int, number: int | None = None
) -> Gap:
    return Gap(
        source=source,
        key=key,
        cause="sequence",
        start=from_us(min(since_us, at_us)),
        end=from_us(at_us),
        number=number,
        missing=absent,
    )
