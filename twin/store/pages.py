"""How much history is read at once, and how its parts join: the same for every store."""

from collections.abc import Iterator, Mapping

import numpy as np

from twin.model import history
from twin.model.observations import Latest, Readings, Waveform
from twin.store.intake import LONGEST_WAVEFORM_S

PAGE_ROWS = 65_536
PAGE_BLOCKS = 16
LONGEST_BLOCK_US = round(LONGEST_WAVEFORM_S * 1e6)
MOST_CELLS = 1 << 20
_STREAM_SECONDS = 5_000_000
"""Streams times seconds that are read at once: half a million rows of one each ten seconds."""


def slices(steps: int, *, step_us: int, streams: int) -> Iterator[tuple[int, int]]:
    """First instant and number of instants of each part of a replay.

    Examples
    --------
    >>> list(slices(5, step_us=3_600_000_000, streams=500))
    [(0, 2), (2, 2), (4, 1)]
    """
    by_cells = MOST_CELLS // max(streams, 1)
    by_rows = _STREAM_SECONDS * 1_000_000 // (max(streams, 1) * step_us)
    size = max(1, min(by_cells, by_rows))
    for first in range(0, steps, size):
        yield first, min(size, steps - first)


def together(one: Readings, other: Readings) -> Readings:
    """Rows of both."""
    return Readings(
        number=np.concatenate([one.number, other.number]),
        time_us=np.concatenate([one.time_us, other.time_us]),
        value=np.concatenate([one.value, other.value]),
        quality=np.concatenate([one.quality, other.quality]),
    )


def within(rows: Readings, first_us: int, last_us: int) -> Readings:
    """Rows with a time from ``first_us`` to ``last_us``, both included."""
    kept = (rows.time_us >= first_us) & (rows.time_us <= last_us)
    return Readings(rows.number[kept], rows.time_us[kept], rows.value[kept], rows.quality[kept])


def samples_of(block: Waveform) -> Readings:
    """Samples of a waveform as readings."""
    buckets = history.of_waveform(block)
    count = len(block.samples)
    return Readings(
        number=np.full(count, block.number, np.int32),
        time_us=buckets.begin_us,
        value=block.samples.astype(np.float64),
        quality=np.full(count, block.quality, np.int16),
    )


def latest_of(known: Mapping[int, tuple[int, float, int]]) -> Latest:
    """State from (time, value, quality) by number; a past state has no revision."""
    ordered = sorted(known.items())
    return Latest(
        number=np.array([number for number, _ in ordered], np.int32),
        time_us=np.array([row[0] for _, row in ordered], np.int64),
        value=np.array([row[1] for _, row in ordered], np.float64),
        quality=np.array([row[2] for _, row in ordered], np.int16),
        revision=0,
    )


def ordered(readings: Readings, *, newest_first: bool) -> Readings:
    """Readings by time, then by number; the newest first if asked for."""
    time_us = -readings.time_us if newest_first else readings.time_us
    order = np.lexsort((readings.number, time_us))
    return Readings(
        readings.number[order],
        readings.time_us[order],
        readings.value[order],
        readings.quality[order],
    )
