"""Sensor faults against a channel's own history: stuck, spike, dropout, saturation. Pure.

Every datastream has a memory of fixed size. A batch is judged column by column; the marks do not
depend on how the readings were cut into batches. A reading that is not newer than the newest one
of its datastream is neither judged nor learned: rules of sequence say nothing about it.

References
----------
.. [1] "The Influence Curve and Its Role in Robust Estimation", J. Am. Stat. Assoc.
   69 (1974) 383-393.
.. [2] "Outliers in Process Modeling and Identification", IEEE Trans. Control Syst.
   Technol. 10 (2002) 55-63.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.rules.faultmemory import RUN_BINS, Memory, run_bin
from sensors.rules.faultsingle import SingleReadings
from sensors.rules.faultwindows import (
    FaultParameters,
    fault_parameters,
    of_quantities,
    window_references,
)
from twin.model.datastreams import Datastream
from twin.model.observations import Readings
from twin.model.quality import Quality
from twin.model.quantities import Quantity, quantity

DAY_US = 86_400_000_000
LONGEST_RUN = 1 << 40
FEW = 8  # readings of a batch that are looked at one by one
NOT_JUDGED = int(Quality.BAD_AT_SOURCE | Quality.OUT_OF_RANGE)

Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
Float = NDArray[np.float64]


def smallest_scale(measured: Quantity) -> float:
    """Smallest scale by which deviations of this quantity are judged, in its unit.

    Examples
    --------
    >>> smallest_scale(quantity("strain"))
    5.0
    """
    floors = of_quantities("spike_floor")
    span = measured.upper_limit - measured.lower_limit
    return floors.get(measured.key, floors[""] / 100.0 * span)


class FaultRules:
    """Marks readings that look like faults of their sensor; it never drops one.

    About 0.5 kB per datastream. Datastreams that are not registered here pass unmarked.

    Parameters
    ----------
    datastreams
        The registered datastreams; those of waveforms are left out.
    parameters
        Other ones than those of the table.
    """

    def __init__(
        self, datastreams: Iterable[Datastream] = (), *, parameters: FaultParameters | None = None
    ) -> None:
        self._parameters = parameters or fault_parameters()
        self._memory = Memory(int(self._parameters.window))
        self._single = SingleReadings(self._memory, self._parameters)
        self.update(datastreams)

    def update(self, datastreams: Iterable[Datastream]) -> None:
        """Take note of a changed registry; what was learned stays."""
        for stream in datastreams:
            if stream.number is None or stream.kind != "reading":
                continue
            measured = quantity(stream.quantity)
            if measured.aggregation in ("mean", "sum"):
                self._memory.register(
                    stream.number,
                    stream.uid,
                    floor=self._floor(stream, measured),
                    limits=(measured.lower_limit, measured.upper_limit),
                    is_upper_natural=measured.key in of_quantities("natural_upper"),
                    has_rails=measured.key not in of_quantities("no_rails"),
                )

    def _floor(self, stream: Datastream, measured: Quantity) -> float:
        """Smallest scale of a stream; infinite where it is too slow for a spike to be told."""
        is_slow = (stream.cadence_s or 0.0) > self._parameters.spike_slowest
        return inf if is_slow else smallest_scale(measured)

    @property
    def size_bytes(self) -> int:
        """Bytes that the memory of all datastreams takes."""
        return self._memory.size_bytes

    def remember(self) -> bytes:
        """What was learned so far, to be kept across a restart."""
        return self._memory.dump()

    def recall(self, content: bytes) -> int:
        """Take over what an earlier run has learned of the registered datastreams; of how many.

        What cannot be read is left out: then the rules learn anew.

        Examples
        --------
        >>> FaultRules().recall(b"")
        0
        """
        return self._memory.fill(content)

    def mark(self, readings: Readings) -> Readings:
        """The same readings in the same order, with the bits of the faults added.

        Examples
        --------
        >>> from twin.model.observations import no_readings
        >>> len(FaultRules().mark(no_readings()))
        0
        """
        if len(readings) <= FEW:
            return self._mark_few(readings)
        rows = self._judged(readings)
        return self._marked(readings, rows) if len(rows) else readings

    def _marked(self, readings: Readings, rows: Int) -> Readings:
        """The readings with the faults of these rows, which are ordered as `_judged` does."""
        faults = _Judgement(self._memory, self._parameters, readings, rows).faults()
        if not faults.any():
            return readings
        quality = readings.quality.copy()
        quality[rows] |= faults
        return replace(readings, quality=quality)

    def _mark_few(self, readings: Readings) -> Readings:
        """The same one by one: only what is not ordinary is worth columns."""
        memory, learn = self._memory, self._single.learn
        columns = (readings.number, readings.time_us, readings.value, readings.quality)
        found: list[tuple[int, int, int, float]] = []
        for row, (number, time_us, value, quality) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            slot = memory.slot(number)
            if slot is not None and not quality & NOT_JUDGED and isfinite(value):
                found.append((slot, time_us, row, value))
        marked = readings
        for slot, time_us, row, value in sorted(found):
            is_fresh = time_us > memory.newest_us[slot]
            if is_fresh and not learn(slot, time_us, value):
                marked = self._marked(marked, np.array([row]))
        return marked

    def _judged(self, readings: Readings) -> Int:
        """Rows to judge, by datastream and time: newer than known, every time once."""
        memory = self._memory
        slot = memory.slots(readings.number)
        usable = (slot >= 0) & ((readings.quality & NOT_JUDGED) == 0)
        usable &= np.isfinite(readings.value)
        order = np.flatnonzero(usable)
        order = order[np.lexsort((readings.time_us[order], slot[order]))]
        slot, time_us = slot[order], readings.time_us[order]
        fresh = time_us > memory.newest_us[slot]
        fresh[1:] &= (slot[1:] != slot[:-1]) | (time_us[1:] != time_us[:-1])
        return order[fresh]


class _Judgement:
    """One batch, ordered by datastream and time, against the memory."""

    def __init__(
        self, memory: Memory, parameters: FaultParameters, readings: Readings, order: Int
    ) -> None:
        self.memory, self.parameters = memory, parameters
        self.slot = memory.slots(readings.number[order])
        self.time_us = readings.time_us[order]
        self.value = readings.value[order]
        self.index = np.arange(len(order))
        self.is_first = np.ones(len(order), np.bool_)
        self.is_first[1:] = self.slot[1:] != self.slot[:-1]
        self.begin = np.maximum.accumulate(np.where(self.is_first, self.index, 0))
        self.segment = np.cumsum(self.is_first) - 1  # which datastream of this batch
        self.last = np.append(np.flatnonzero(self.is_first)[1:] - 1, len(order) - 1)
        self.ended = self.slot[self.last]
        self.count = memory.count[self.slot] + self.index - self.begin

    def faults(self) -> NDArray[np.int16]:
        """Fault bits of every row; the memory has learned them afterwards."""
        marks = np.zeros(len(self.slot), np.int16)
        runs = self._runs()
        marks[self._stuck(runs)] |= Quality.STUCK
        marks[self._dropout(runs)] |= Quality.DROPOUT
        center, scale, low_rail, high_rail = self._references()
        marks[self._spike(center, scale)] |= Quality.SPIKE
        marks[(self.value == low_rail) | (self.value == high_rail)] |= Quality.SATURATED
        self._remember(runs)
        return marks

    # Runs of equal values

    def _runs(self) -> "_Runs":
        memory, slot = self.memory, self.slot
        before = np.empty_like(self.value)
        before[1:] = self.value[:-1]
        before[self.is_first] = memory.last_value[slot[self.is_first]]  # NaN if it is the first
        begins = self.value != before
        start = np.maximum.accumulate(np.where(begins | self.is_first, self.index, 0))
        is_carried = self.is_first & ~begins
        carried = np.where(is_carried, memory.run[slot], 0)
        length = self.index - start + 1 + carried[start]
        since_us = np.where(is_carried, memory.run_since_us[slot], self.time_us)[start]
        previous = np.empty_like(length)
        previous[1:] = length[:-1]
        previous[self.is_first] = memory.run[slot[self.is_first]]
        return _Runs(
            start=start,
            is_carried=is_carried[start],
            length=length,
            since_us=since_us,
            is_rest=self._is_rest(self.value),
            is_exempt=self._is_exempt(self.value),
            ends_one=begins & (previous > 0),
            ended_length=previous,
            ended_is_rest=self._is_rest(before),
            ended_is_exempt=self._is_exempt(before),
        )

    def _is_rest(self, value: Float) -> Bool:
        memory = self.memory
        at_limit = (value == memory.lower[self.slot]) | (value == memory.upper[self.slot])
        return ((value == 0.0) | at_limit) & ~self._is_exempt(value)

    def _is_exempt(self, value: Float) -> Bool:
        return value == self.memory.natural[self.slot]

    def _stuck(self, runs: "_Runs") -> Bool:
        limit = np.where(runs.is_carried, self.memory.stuck_limit[self.slot], np.inf)
        long = (runs.length > self.parameters.stuck_least) & ~(runs.is_rest | runs.is_exempt)
        for start in np.unique(runs.start[long & ~runs.is_carried]).tolist():
            slot = self.slot[start]
            inside = np.arange(self.begin[start], start + 1)
            learned = self._learned(inside[runs.is_learned[inside]], runs, limit)
            counts = self.memory.runs[slot] + np.bincount(run_bin(learned), minlength=RUN_BINS)
            total = self.memory.run_total[slot] + learned.sum()
            limit[runs.start == start] = self._stuck_limit(counts[None], np.array([total]))[0]
        self._learn_runs(runs, limit)
        return long & (runs.length > limit)

    def _learn_runs(self, runs: "_Runs", limit: Float) -> None:
        memory = self.memory
        ends = np.flatnonzero(runs.is_learned)
        if not len(ends):
            return
        slot = self.slot[ends]
        length = self._learned(ends, runs, limit)
        np.add.at(memory.runs, (slot, run_bin(length)), 1)
        np.add.at(memory.run_total, slot, length)
        touched = np.unique(slot)
        memory.stuck_limit[touched] = self._stuck_limit(
            memory.runs[touched], memory.run_total[touched]
        )

    def _learned(self, ends: Int, runs: "_Runs", limit: Float) -> Float:
        """Lengths to learn of the runs that end; one that was marked counts with its limit."""
        carried = self.memory.stuck_limit[self.slot[ends]]
        known = np.where(self.is_first[ends], carried, limit[np.maximum(ends - 1, 0)])
        return np.minimum(runs.ended_length[ends], known)

    def _stuck_limit(self, counts: NDArray[Any], total: Float) -> Float:
        """Longest run that is regular, per row of run counts; infinite before it is learned."""
        chosen = self.parameters
        number = counts.sum(axis=1)
        below = np.cumsum(counts, axis=1) >= chosen.stuck_quantile * number[:, None]
        regular = 2.0 ** (np.argmax(below, axis=1) + 1.0) - 1.0  # longest run of this bin
        mean = total / np.maximum(number, 1)
        limit = np.maximum(chosen.stuck_factor * regular, chosen.stuck_mean_factor * mean)
        limit = np.maximum(limit, chosen.stuck_least)
        return np.where(number >= chosen.stuck_runs, limit, np.inf)

    def _dropout(self, runs: "_Runs") -> Bool:
        memory, chosen, slot = self.memory, self.parameters, self.slot
        if not (runs.is_rest.any() or (runs.ends_one & runs.ended_is_rest).any()):
            memory.active[self.ended] += np.bincount(self.segment)
            return np.zeros(len(slot), np.bool_)
        is_active = ~runs.is_rest
        active = np.cumsum(is_active)
        active += memory.active[slot] - (active - is_active)[self.begin]
        is_armed = runs.since_us - memory.first_us_or(self.time_us, slot, self.begin) >= (
            chosen.dropout_days * DAY_US
        )
        is_armed &= active >= chosen.dropout_readings
        ended = np.where(runs.ends_one & runs.ended_is_rest, runs.ended_length, 0)
        longest = self._longest(ended)
        limit = np.maximum(chosen.dropout_least, chosen.dropout_factor * longest)
        limit = np.where(is_armed, limit, np.inf)
        memory.rest_longest[self.ended] = longest[self.last]
        memory.active[self.ended] = active[self.last]
        return runs.is_rest & (runs.length > limit)

    def _longest(self, ended: Int) -> Float:
        """Longest run of rest values learned so far, row by row.

        An armed rule lets it grow by its factor at most: what was marked is not believed at once.
        """
        memory, chosen = self.memory, self.parameters
        base = self.segment * LONGEST_RUN
        start = np.where(self.is_first, memory.rest_longest[self.slot], 0)
        longest = np.maximum.accumulate(np.maximum(start, ended) + base) - base
        first_us = memory.first_us_or(self.time_us, self.slot, self.begin)
        has_learned = self.time_us - first_us >= chosen.dropout_days * DAY_US
        for row in np.flatnonzero((ended > chosen.dropout_least) & has_learned).tolist():
            is_first = self.is_first[row]
            known = memory.rest_longest[self.slot[row]] if is_first else longest[row - 1]
            most = max(chosen.dropout_least, chosen.dropout_factor * known)
            if ended[row] > most:
                ended[row] = int(most)
                rest = slice(row, self.last[self.segment[row]] + 1)
                longest[rest] = np.maximum(np.maximum.accumulate(ended[rest]), known)
        return longest.astype(np.float64)

    # Recent past

    def _references(self) -> tuple[Float, Float, Float, Float]:
        """Median, scale and rails that hold for every row: those of the last refresh before it."""
        memory, window = self.memory, int(self.parameters.window)
        slot = self.slot
        after = self.count + 1
        turns = np.flatnonzero((after % int(self.parameters.refresh) == 0) & (after >= window))
        known = memory.references[slot]
        if len(turns):
            fresh = self._judge_windows(turns)
            latest = np.zeros(len(slot), np.int64)
            latest[turns] = np.arange(1, len(turns) + 1)
            latest = np.maximum.accumulate(latest)
            before = np.zeros_like(latest)
            before[1:] = latest[:-1]
            row = np.maximum(before - 1, 0)
            holds = (before > 0) & (turns[row] >= self.begin)
            known[holds] = fresh[row[holds]]
            final = np.maximum(latest[self.last] - 1, 0)
            renewed = (latest[self.last] > 0) & (turns[final] >= self.begin[self.last])
            memory.references[self.ended[renewed]] = fresh[final[renewed]]
        center, scale, low_rail, high_rail = known.T
        return center, scale, low_rail, high_rail

    def _judge_windows(self, turns: Int) -> Float:
        """Median, scale, lower and upper rail of the windows that end with these rows."""
        memory, chosen = self.memory, self.parameters
        window = int(chosen.window)
        back = np.arange(window)
        place = turns[:, None] - back
        in_batch = place >= self.begin[turns][:, None]
        older = memory.ring[self.slot[turns][:, None], (self.count[turns][:, None] - back) % window]
        values = np.where(in_batch, self.value[np.maximum(place, 0)], older)
        return window_references(values, memory, self.slot[turns], parameters=chosen)

    def _spike(self, center: Float, scale: Float) -> Bool:
        memory, chosen = self.memory, self.parameters
        deviation = np.abs(self.value - center)
        is_outside = deviation > chosen.spike_leave * scale  # False while nothing is learned
        carried = np.where(self.is_first, memory.spike_run[self.slot], 0)
        if not is_outside.any():
            memory.spike_run[self.ended] = 0
            return is_outside
        is_high = deviation > chosen.spike_enter * scale
        continues = self.is_first & is_outside & (carried > 0)
        entry = is_high | continues
        start = np.maximum.accumulate(np.where(~is_outside | self.is_first, self.index, 0))
        entries = np.cumsum(entry)
        is_entry = entry & (entries - (entries - entry)[start] == 1)
        entered = np.maximum.accumulate(np.where(is_entry, self.index, -1))
        holds = is_outside & (entered >= start)
        length = np.where(
            holds, self.index - entered + 1 + np.where(continues, carried, 0)[entered], 0
        )
        memory.spike_run[self.ended] = length[self.last]
        return holds & (length <= chosen.spike_longest)

    # Memory

    def _remember(self, runs: "_Runs") -> None:
        memory, window = self.memory, int(self.parameters.window)
        ended, last = self.ended, self.last
        kept = np.flatnonzero(last[self.segment] - self.index < window)
        memory.ring[self.slot[kept], self.count[kept] % window] = self.value[kept]
        is_new = memory.count[ended] == 0
        memory.first_us[ended[is_new]] = self.time_us[self.begin[last[is_new]]]
        memory.count[ended] = self.count[last] + 1
        memory.newest_us[ended] = self.time_us[last]
        memory.last_value[ended] = self.value[last]
        memory.run[ended] = runs.length[last]
        memory.run_since_us[ended] = runs.since_us[last]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of equal values, row by row; ``ended`` is the run that a row puts an end to."""

    start: Int
    is_carried: Bool
    length: Int
    since_us: Int
    is_rest: Bool
    is_exempt: Bool
    ends_one: Bool
    ended_length: Int
    ended_is_rest: Bool
    ended_is_exempt: Bool

    @property
    def is_learned(self) -> Bool:
        """Rows that end a run from which the regular length is learned."""
        return self.ends_one & ~self.ended_is_rest & ~self.ended_is_exempt
