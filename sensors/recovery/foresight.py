"""What of a batch the store holds already, before it is handed over."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.city import Twin
from twin.model.datastreams import Datastream
from twin.model.observations import Batch, Readings, Waveform, joined
from twin.model.times import from_us
from twin.store.intake import is_same_waveform

MOST_AT_ONCE = 10_000

Bool = NDArray[np.bool_]
Key = tuple[int, int]


class Foreseen(NamedTuple):
    """What recording a batch would give.

    Parameters
    ----------
    fresh
        The batch without readings and waveforms that are stored already or contradict those.
    withheld
        How many of the duplicates it leaves out; arrivals are all in it.
    stored, duplicate, conflict
        As in `RecordResult`.
    """

    fresh: Batch
    withheld: int
    stored: int
    duplicate: int
    conflict: int


@dataclass
class Foresight:
    """Looks up what a batch would find in the store, and in what was foreseen before it.

    A reading without a time of its own is looked for at its arrival: one that came earlier under
    the same key is not seen. Neither are values that a correction has replaced.

    Parameters
    ----------
    twin
        Where to look.
    """

    twin: Twin
    _streams: dict[int, Datastream] = field(default_factory=dict)
    _values: dict[Key, float] = field(default_factory=dict)
    _waveforms: dict[Key, Waveform] = field(default_factory=dict)

    def look(self, batch: Batch, *, is_kept: bool) -> Foreseen:
        """What recording the batch would give.

        Parameters
        ----------
        is_kept
            Whether the next look is to find what this one foresees: nothing is recorded between.
        """
        values, waveforms = self._values, self._waveforms
        if not is_kept:
            self._values, self._waveforms = dict(values), dict(waveforms)
        self._fetch(batch)
        fresh, readings_twice, contradictions = self._sort_readings(batch)
        arrivals_twice = self._count_arrivals(batch)
        blocks, blocks_twice = self._sort_waveforms(batch)
        if not is_kept:
            self._values, self._waveforms = values, waveforms
        other = len(batch.waveforms) - len(blocks) - blocks_twice
        return Foreseen(
            fresh=replace(batch, readings=fresh, waveforms=blocks),
            withheld=readings_twice + blocks_twice,
            stored=len(fresh) + len(batch.arrivals) - arrivals_twice + len(blocks),
            duplicate=readings_twice + arrivals_twice + blocks_twice,
            conflict=contradictions + other,
        )

    def _sort_readings(self, batch: Batch) -> tuple[Readings, int, int]:
        """Readings that are new or correct a value; how many repeat and how many contradict."""
        readings, count = batch.readings, len(batch.readings)
        is_fresh, twice = np.zeros(count, np.bool_), 0
        for row, key in enumerate(_keys(readings.number, readings.time_us)):
            value, known = float(readings.value[row]), self._values.get(key)
            if known == value:
                twice += 1
            elif known is None or self._source_of(key[0]) in batch.correcting:
                is_fresh[row] = True
                self._values[key] = value
        columns = (getattr(readings, name)[is_fresh] for name in Readings.__slots__)
        return Readings(*columns), twice, count - twice - int(is_fresh.sum())

    def _count_arrivals(self, batch: Batch) -> int:
        """How many arrivals are stored; those that came together lie 1 us after each other."""
        arrivals, twice = batch.arrivals, 0
        claimed: set[Key] = set()
        for (number, time_us), value in zip(
            _keys(arrivals.number, arrivals.time_us), arrivals.value.tolist(), strict=True
        ):
            keys = [(number, time_us + shift) for shift in range(len(arrivals))]
            found = [one for one in keys if self._values.get(one) == value and one not in claimed]
            if found:
                claimed.add(found[0])
                twice += 1
                continue
            free = next((one for one in keys if one not in self._values), None)
            if free is not None:
                claimed.add(free)
                self._values[free] = value
        return twice

    def _sort_waveforms(self, batch: Batch) -> tuple[tuple[Waveform, ...], int]:
        """Waveforms that are new; how many repeat. The others contradict."""
        fresh, twice = [], 0
        for waveform in batch.waveforms:
            key = (waveform.number, waveform.t0_us)
            known = self._waveforms.setdefault(key, waveform)
            if known is waveform:
                fresh.append(waveform)
            else:
                twice += is_same_waveform(known, waveform)
        return tuple(fresh), twice

    def _fetch(self, batch: Batch) -> None:
        """Look up what the store holds at the times of a batch."""
        both = joined(batch.readings, batch.arrivals)
        for number in np.unique(both.number).tolist():
            stream = self._stream(number)
            if stream is None:
                continue
            times = np.unique(both.time_us[both.number == number])
            times = times if not len(batch.arrivals) else _with_shifts(times, len(batch.arrivals))
            for time_us, value in self._stored(stream.uid, times).items():
                self._values.setdefault((number, time_us), value)
        for waveform in batch.waveforms:
            stream = self._stream(waveform.number)
            start, end = from_us(waveform.t0_us), from_us(waveform.t0_us + 1)
            known = self.twin.waveforms(stream.uid, start=start, end=end) if stream else ()
            for one in known:
                self._waveforms.setdefault((one.number, one.t0_us), one)

    def _stored(self, uid: str, times_us: NDArray[np.int64]) -> dict[int, float]:
        """Value at each of these times that the store holds."""
        first, last = int(times_us[0]), int(times_us[-1])
        found = self.twin.few_readings(
            uid, start=from_us(first), end=from_us(last + 1), most=MOST_AT_ONCE
        )
        if found is None:  # many others lie between: half of the span has fewer
            middle = np.searchsorted(times_us, (first + last) // 2, side="right")
            return self._stored(uid, times_us[:middle]) | self._stored(uid, times_us[middle:])
        is_wanted = np.isin(found.time_us, times_us)
        return dict(
            zip(found.time_us[is_wanted].tolist(), found.value[is_wanted].tolist(), strict=True)
        )

    def _stream(self, number: int) -> Datastream | None:
        if not self._streams:
            self._streams = {one.number: one for one in self.twin.datastreams() if one.number}
        return self._streams.get(number)

    def _source_of(self, number: int) -> str:
        stream = self._stream(number)
        return "" if stream is None else stream.source


def _keys(number: NDArray[np.int32], time_us: NDArray[np.int64]) -> list[Key]:
    return list(zip(number.tolist(), time_us.tolist(), strict=True))


def _with_shifts(times_us: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Times, and the microseconds after each that arrivals may have moved to."""
    return np.unique((times_us[:, None] + np.arange(most)).ravel())
