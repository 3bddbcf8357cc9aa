"""Which sequence numbers never came: one counter per device over all ways of decoding. Pure.

Numbers may come late, twice and in any order; 16 and 32 bit counters wrap; devices start anew. A
number that comes late is taken off what its gap misses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COUNTER_SIZES = (2**16, 2**32)  # LoRaWAN frame counters
LARGEST_WRAP = 100  # numbers lost around a wrap; more look like a restarted device
RESTARTED_BELOW = 10_000  # a late delivery of the past lies nearer; a restarted counter farther
FIRST_NUMBERS = 1  # counters start at 0 or 1
LATE_WITHIN = 64  # a first number this near below the newest one is late, not a restart
MOST_APART = 16  # jumps of one look that become gaps of their own
MOST_SPANS = 256  # gaps of one counter that late numbers may still fill
MOST_REMEMBERED = 50_000  # the same of all counters
MOST_COUNTERS = 100_000
UNKNOWN = -1
NEVER = int(np.iinfo(np.int64).min)

Int = NDArray[np.int64]


class Jump(NamedTuple):
    """Numbers that are missing between two that came.

    Parameters
    ----------
    counter
        Row of the counter.
    start_us, end_us
        Phenomenon times of its neighbours [us since 1970-01-01 UTC]; ``start_us`` tells the jumps
        of one counter apart.
    missing
        Numbers that have not come by now.
    change
        By how much that differs from what was told before.
    is_new
        Whether it is told for the first time.
    """

    counter: int
    start_us: int
    end_us: int
    missing: int
    change: int
    is_new: bool


class Counters(NamedTuple):
    """What is known of counters, to go on with after a restart.

    Parameters
    ----------
    names
        Source and key of each.
    newest, offset, size : (n,)
        Newest position, what a position has more than its number, size at which it wrapped.
    time_us : (n,)
        Phenomenon time of the newest [us since 1970-01-01 UTC]; `NEVER` where it is not known.
    """

    names: tuple[tuple[str, str], ...]
    newest: Int
    time_us: Int
    offset: Int
    size: Int


@dataclass(slots=True)
class _Span:
    """What is missing of one jump, as ranges of positions with both ends."""

    end_us: int
    ranges: list[tuple[int, int]]

    @property
    def missing(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def fill(self, position: int) -> bool:
        """Take a position off; False if it is not missing here."""
        for place, (first, last) in enumerate(self.ranges):
            if first <= position <= last:
                rest = [(first, position - 1), (position + 1, last)]
                self.ranges[place : place + 1] = [one for one in rest if one[0] <= one[1]]
                return True
        return False


@dataclass(slots=True)
class _Memory:
    """What is known of a counter beyond its newest number."""

    spans: dict[int, _Span] = field(default_factory=dict)
    restart: tuple[int, int] | None = None  # a number that may be the first of a restart, its time


class SequenceGaps:
    """Finds missing sequence numbers of many devices.

    A counter is a row, given by `row`. Inside, numbers are positions that go on where a counter of
    16 or 32 bit wraps: position = number + offset.
    """

    def __init__(self) -> None:
        self._row: dict[tuple[str, str], int] = {}
        self._names: list[tuple[str, str]] = []
        self._newest = np.full(16, UNKNOWN, np.int64)
        self._time_us = np.full(16, NEVER, np.int64)
        self._offset = np.zeros(16, np.int64)
        self._size = np.zeros(16, np.int64)  # at which the counter has wrapped; 0 if never
        self._memory: dict[int, _Memory] = {}
        self._remembered = 0

    def row(self, source: str, key: str, *, is_registered: bool = True) -> int:
        """Row of the counter of a device; `UNKNOWN` for a stranger beyond the first ones.

        Examples
        --------
        >>> gaps = SequenceGaps()
        >>> gaps.row("demo", "a"), gaps.row("demo", "b"), gaps.row("demo", "a")
        (0, 1, 0)
        """
        known = self._row.get((source, key))
        if known is not None:
            return known
        if not is_registered and len(self._names) >= MOST_COUNTERS:
            return UNKNOWN
        row = self._row[source, key] = len(self._names)
        self._names.append((source, key))
        if row == len(self._newest):
            self._newest = np.append(self._newest, np.full(row, UNKNOWN, np.int64))
            self._time_us = np.append(self._time_us, np.full(row, NEVER, np.int64))
            self._offset = np.append(self._offset, np.zeros(row, np.int64))
            self._size = np.append(self._size, np.zeros(row, np.int64))
        return row

    def name(self, row: int) -> tuple[str, str]:
        """Source and key of a counter."""
        return self._names[row]

    def has_counted(self, row: Int) -> NDArray[np.bool_]:
        """Whether a number of these counters came."""
        return self._newest[row] != UNKNOWN

    def state(self) -> Counters:
        """What is known now, without the gaps that late numbers may still fill."""
        row = np.flatnonzero(self._newest != UNKNOWN)
        names = self._names
        return Counters(
            tuple(names[one] for one in row.tolist()),
            self._newest[row],
            self._time_us[row],
            self._offset[row],
            self._size[row],
        )

    def recall(self, counters: Counters) -> dict[int, int]:
        """Go on from there; the time of the newest number by row, for those not known better.

        Examples
        --------
        >>> before, after = SequenceGaps(), SequenceGaps()
        >>> row = np.array([before.row("demo", "a")])
        >>> before.note(row, np.array([7]), np.array([70]), at_us=90)
        []
        >>> after.recall(before.state())
        {0: 70}
        >>> [one.missing for one in after.note(row, np.array([10]), np.array([100]), at_us=120)]
        [2]
        """
        found: dict[int, int] = {}
        for name, *values in zip(*counters, strict=True):
            row = self.row(*name, is_registered=False)
            if row == UNKNOWN or self._newest[row] != UNKNOWN:
                continue
            self._newest[row], self._time_us[row], self._offset[row], self._size[row] = values
            found[row] = int(self._time_us[row])
        return found

    def note(self, row: Int, number: Int, time_us: Int, *, at_us: int) -> list[Jump]:
        """Take note of numbers that came, in any order; new jumps and those that changed.

        Parameters
        ----------
        row : (n,)
            Counters, see `row`.
        number : (n,)
            Sequence numbers as sent, from 0 on.
        time_us : (n,)
            Phenomenon times [us since 1970-01-01 UTC]; `NEVER` where it is not known. Of equal
            numbers the first one counts.
        at_us
            Time of arrival, taken where no phenomenon time is known.

        Examples
        --------
        >>> gaps = SequenceGaps()
        >>> a = gaps.row("demo", "a")
        >>> found = gaps.note(
        ...     np.array([a, a]), np.array([1, 4]), np.array([10, 40]), at_us=90
        ... )
        >>> [(one.missing, one.start_us, one.end_us) for one in found]
        [(2, 10, 40)]
        >>> late = gaps.note(np.array([a]), np.array([3]), np.array([30]), at_us=91)
        >>> [(one.missing, one.change) for one in late]
        [(1, -1)]
        """
        if not len(row):
            return []
        order = np.lexsort((number, row))
        row, number, time_us = row[order], number[order], time_us[order]
        is_other = np.ones(len(row), np.bool_)
        is_other[1:] = (row[1:] != row[:-1]) | (number[1:] != number[:-1])
        row, number, time_us = row[is_other], number[is_other], time_us[is_other]
        begin = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
        end = np.append(begin[1:], len(row)) - 1
        counters = row[begin]
        before = self._newest[counters]
        is_next = (before != UNKNOWN) & (number[begin] + self._offset[counters] == before + 1)
        is_next &= number[end] - number[begin] == end - begin
        self._go_on(counters[is_next], number[end[is_next]], time_us[end[is_next]])
        found: list[Jump] = []
        for place in np.flatnonzero(~is_next).tolist():
            part = slice(int(begin[place]), int(end[place]) + 1)
            counter = int(counters[place])
            found += self._advance(counter, number[part], time_us[part], at_us=at_us)
        return found

    def _go_on(self, row: Int, number: Int, time_us: Int) -> None:
        """Nothing is missing before these numbers."""
        self._newest[row] = number + self._offset[row]
        self._time_us[row] = np.where(time_us == NEVER, self._time_us[row], time_us)
        if self._memory:
            for one in row.tolist():
                if one in self._memory:
                    self._memory[one].restart = None

    def _advance(self, row: int, number: Int, time_us: Int, *, at_us: int) -> list[Jump]:
        """Numbers of one counter, ascending, each once, among which one is missing or late."""
        position = self._positions(row, number)
        order = np.argsort(position, kind="stable")
        position, time_us = position[order], time_us[order]
        if self._newest[row] == UNKNOWN:
            self._newest[row], self._time_us[row] = position[0], time_us[0]
        is_late = position <= self._newest[row]
        late = dict(zip(position[is_late].tolist(), time_us[is_late].tolist(), strict=True))
        found = self._fill(row, late)
        fresh, fresh_us = position[~is_late], time_us[~is_late]
        if len(fresh):
            if row in self._memory:
                self._memory[row].restart = None
        elif late:
            fresh, fresh_us = self._after_restart(row, late)
        return found + self._pass(row, fresh, fresh_us, at_us=at_us)

    def _positions(self, row: int, number: Int) -> Int:
        """Positions of numbers; takes note of a wrap among them."""
        offset, size, newest = (
            int(column[row]) for column in (self._offset, self._size, self._newest)
        )
        position = number + offset
        if size:  # what was sent before the wrap
            position = np.where(position > newest + size // 2, position - size, position)
        highest = max(newest, int(position.max())) - offset
        for one in COUNTER_SIZES:
            is_low = position - offset < highest - one // 2
            if highest < one and is_low.any():
                if int(position[is_low].min()) - offset + one - highest > LARGEST_WRAP:
                    continue
                self._offset[row], self._size[row] = offset + one, one
                return np.where(is_low, position + one, position)
        return position

    def _fill(self, row: int, late: dict[int, int]) -> list[Jump]:
        """Take late positions off what is missing, and off the late ones."""
        memory = self._memory.get(row)
        if memory is None or not memory.spans or not late:
            return []
        filled: dict[int, int] = {}
        for position in list(late):
            for start_us, span in memory.spans.items():
                if span.fill(position):
                    filled[start_us] = filled.get(start_us, 0) + 1
                    del late[position]
                    break
        return [
            Jump(row, start_us, span.end_us, span.missing, -count, is_new=False)
            for start_us, count in filled.items()
            for span in [memory.spans[start_us]]
        ]

    def _after_restart(self, row: int, late: dict[int, int]) -> tuple[Int, Int]:
        """Positions after the first one of a device that started anew, once a second one says so.

        A first number alone may be one that the broker repeats.
        """
        newest, offset = int(self._newest[row]), int(self._offset[row])
        memory = self._memory.setdefault(row, _Memory())
        if memory.restart is None:
            firsts = [
                position
                for position in late
                if newest - position > RESTARTED_BELOW
                or (position - offset <= FIRST_NUMBERS and newest - position > LATE_WITHIN)
            ]
            if not firsts:
                return np.empty(0, np.int64), np.empty(0, np.int64)
            memory.restart = (min(firsts), late[min(firsts)])
        first, first_us = memory.restart
        after = sorted(one for one in late if first < one <= first + RESTARTED_BELOW)
        if after:
            self._remembered -= len(memory.spans)
            del self._memory[row]
            self._newest[row], self._offset[row], self._size[row] = first - offset, 0, 0
            self._time_us[row] = first_us
        return np.array(after, np.int64) - offset, np.array([late[one] for one in after], np.int64)

    def _pass(self, row: int, position: Int, time_us: Int, *, at_us: int) -> list[Jump]:
        """Go on to positions above the newest one; the jumps before and among them."""
        if not len(position):
            return []
        before = np.append(self._newest[row], position[:-1])
        known_us = np.append(self._time_us[row], time_us)
        jumps = [
            (_last_known(known_us[: one + 1], at_us), _first_known(known_us[one + 1 :], at_us),
             (int(before[one]) + 1, int(position[one]) - 1))
            for one in np.flatnonzero(position - before > 1).tolist()
        ]  # fmt: skip
        self._newest[row] = position[-1]
        self._time_us[row] = _last_known(known_us, NEVER)
        if len(jumps) <= MOST_APART:
            return [self._begin(row, one[:2], [one[2]]) for one in jumps]
        times = [time for one in jumps for time in one[:2]]
        return [self._begin(row, (min(times), max(times)), [one[2] for one in jumps])]

    def _begin(
        self, row: int, times_us: tuple[int, int], ranges: Sequence[tuple[int, int]]
    ) -> Jump:
        """A new jump; its start is one that no other jump of this counter has."""
        start_us, end_us = min(times_us), max(times_us)
        spans = self._memory.setdefault(row, _Memory()).spans
        while start_us in spans:
            start_us += 1
        span = _Span(max(start_us, end_us), list(ranges))
        if len(spans) >= MOST_SPANS:
            del spans[next(iter(spans))]
            self._remembered -= 1
        if self._remembered < MOST_REMEMBERED:
            spans[start_us] = span
            self._remembered += 1
        return Jump(row, start_us, span.end_us, span.missing, span.missing, is_new=True)


def _last_known(time_us: Int, otherwise: int) -> int:
    known = np.flatnonzero(time_us != NEVER)
    return int(time_us[known[-1]]) if len(known) else otherwise


def _first_known(time_us: Int, otherwise: int) -> int:
    known = np.flatnonzero(time_us != NEVER)
    return int(time_us[known[0]]) if len(known) else otherwise
