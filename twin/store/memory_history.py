"""Reading back from the store in memory: the same bins, always from raw rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from twin.model import history
from twin.model.datastreams import Datastream
from twin.model.history import Binned, Instants
from twin.model.observations import Latest, Readings, Series, Waveform, joined, no_readings
from twin.model.quantities import quantity
from twin.store import pages
from twin.store.memory_observations import MemoryObservations

_ALL = 1 << 62


class MemoryHistory:
    """`twin.ports.History` in memory.

    Parameters
    ----------
    observations
        What was recorded.
    find
        Datastream of a number, or None.
    """

    def __init__(
        self, observations: MemoryObservations, find: Callable[[int], Datastream | None]
    ) -> None:
        self._observations = observations
        self._find = find

    def binned(
        self, number: int, *, start_us: int, end_us: int, points: int, as_of_us: int | None = None
    ) -> Binned:
        """One datastream in equal bins; see `twin.ports.History`."""
        stream = self._find(number)
        is_waveform = stream is not None and stream.kind == "waveform"
        cadence_s = None if stream is None else stream.cadence_s
        levels = history.levels_of(cadence_s, is_waveform=is_waveform)
        grid = history.grid_of(start_us, end_us, points=points, levels=levels)
        if is_waveform:
            first_us = grid.start_us - pages.LONGEST_BLOCK_US
            blocks = self._observations.waveforms(number, start_us=first_us, end_us=grid.end_us)
            parts = [history.of_waveform(block) for block in blocks]
        else:
            rows = self._rows(number, grid.start_us, grid.end_us, as_of_us)
            parts = [history.of_readings(rows.time_us, rows.value, rows.quality)]
        aggregation = "mean" if stream is None else quantity(stream.quantity).aggregation
        return history.binned(
            history.joined(parts), grid, aggregation=aggregation, level=history.RAW
        )

    def few(self, number: int, *, start_us: int, end_us: int, most: int) -> Series | None:
        """Readings in [start, end), or None if there are more than ``most``."""
        found = self._observations.series(number, start_us=start_us, end_us=end_us, limit=_ALL)
        return found if found.total <= most else None

    def page(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, limit: int, newest_first: bool
    ) -> Readings:
        """At most ``limit`` readings of each datastream in [start, end)."""
        found = no_readings()
        part = slice(-limit, None) if newest_first else slice(limit)
        for number in numbers:
            rows = self._rows(number, start_us, end_us, None)
            few = Readings(
                rows.number[part], rows.time_us[part], rows.value[part], rows.quality[part]
            )
            found = joined(found, few)
        return pages.ordered(found, newest_first=newest_first)

    def count(self, numbers: Sequence[int], *, start_us: int, end_us: int) -> int:
        """How many readings some datastreams have in [start, end)."""
        return sum(len(self._rows(number, start_us, end_us, None)) for number in numbers)

    def rows(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, as_of_us: int | None = None
    ) -> Iterator[Readings]:
        """Readings in pages."""
        for number in numbers:
            first_us = start_us - pages.LONGEST_BLOCK_US
            blocks = self._observations.waveforms(number, start_us=first_us, end_us=end_us)
            for block in blocks:
                samples = pages.within(pages.samples_of(block), start_us, end_us - 1)
                if len(samples):
                    yield samples
            found = self._rows(number, start_us, end_us, as_of_us)
            for first in range(0, len(found), pages.PAGE_ROWS):
                part = slice(first, first + pages.PAGE_ROWS)
                yield Readings(
                    found.number[part], found.time_us[part], found.value[part], found.quality[part]
                )

    def state_at(self, time_us: int, *, hold_us: Mapping[int, int]) -> Latest:
        """Newest value of each datastream at an instant, by number."""
        known: dict[int, tuple[int, float, int]] = {}
        for number, hold in hold_us.items():
            rows = self._rows(number, time_us - hold, time_us + 1, None)
            if len(rows):
                row = int(rows.time_us[-1]), float(rows.value[-1]), int(rows.quality[-1])
                known[number] = row
            for block in self._blocks(number, time_us - hold, time_us):
                known[number] = block.end_us, block.rms, block.quality
        return pages.latest_of(known)

    def last_waveform(self, number: int, *, start_us: int, end_us: int) -> Waveform | None:
        """The last waveform that starts in [start, end), or None."""
        found = self._observations.waveforms(number, start_us=start_us, end_us=end_us)
        return found[-1] if found else None

    def replay(
        self, *, hold_us: Mapping[int, int], start_us: int, step_us: int, steps: int, by_row: bool
    ) -> Iterator[Instants]:
        """Last values at equally spaced instants, some instants at a time."""
        del by_row  # there is one way only
        numbers = np.array(sorted(hold_us), np.int32)
        limits = np.array([hold_us[number] for number in numbers.tolist()], np.int64)
        carrier = history.Carrier(numbers, start_us=start_us, step_us=step_us, hold_us=limits)
        before_us = start_us - int(limits.max(initial=0))
        for first, count in pages.slices(steps, step_us=step_us, streams=len(numbers)):
            last_us = start_us + (first + count - 1) * step_us
            found = no_readings()
            for number in numbers.tolist():
                rows = self._rows(number, before_us, last_us + 1, None)
                found = pages.together(found, rows)
                for block in self._blocks(number, before_us, last_us):
                    found = pages.together(found, _ended(block))
            yield carrier.take(found, count)
            before_us = last_us + 1

    def _blocks(self, number: int, first_us: int, last_us: int) -> list[Waveform]:
        blocks = self._observations.waveforms(
            number, start_us=first_us - pages.LONGEST_BLOCK_US, end_us=last_us + 1
        )
        return [block for block in blocks if first_us <= block.end_us <= last_us]

    def _rows(self, number: int, start_us: int, end_us: int, as_of_us: int | None) -> Readings:
        found = self._observations.series(number, start_us=start_us, end_us=end_us, limit=_ALL)
        rows = Readings(
            np.full(found.total, number, np.int32), found.time_us, found.value, found.quality
        )
        return rows if as_of_us is None else self._observations.as_of(rows, as_of_us)


def _ended(block: Waveform) -> Readings:
    return Readings(
        number=np.array([block.number], np.int32),
        time_us=np.array([block.end_us], np.int64),
        value=np.array([np.nan]),
        quality=np.array([block.quality], np.int16),
    )
