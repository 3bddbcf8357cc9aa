"""What is known of datastreams now, how long a value is known in the past, what a replay costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from twin.model.datastreams import Datastream
from twin.model.observations import Latest
from twin.model.quality import STALE_AFTER_CADENCES, QualityClass, quality_class
from twin.model.times import from_us

LONGEST_HOLD_US = 86_400_000_000
"""A past state looks at most a day back, whatever the datastream."""
LOOKUP_ROWS = 4
"""What one look-up of an instant costs, in rows read in sequence."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What is known of one datastream now.

    ``time`` and ``value`` are None if it never reported; ``age_s`` counts from ``time``.
    """

    datastream: Datastream
    time: datetime | None
    value: float | None
    quality: int
    quality_class: QualityClass
    age_s: float | None


def stream_states(
    streams: Sequence[Datastream], latest: Latest, *, now: datetime
) -> tuple[StreamState, ...]:
    """State of each datastream, from the newest values."""
    row = {int(number): index for index, number in enumerate(latest.number)}
    return tuple(
        _stream_state(stream, latest, row.get(stream.number or -1), now) for stream in streams
    )


def _stream_state(
    datastream: Datastream, latest: Latest, row: int | None, now: datetime
) -> StreamState:
    if row is None:
        return StreamState(datastream, None, None, 0, QualityClass.NEVER_REPORTED, None)
    time = from_us(int(latest.time_us[row]))
    age_s = (now - time).total_seconds()
    mask = int(latest.quality[row])
    value = float(latest.value[row])
    return StreamState(
        datastream=datastream,
        time=time,
        value=None if np.isnan(value) else value,
        quality=mask,
        quality_class=quality_class(mask, age_s=age_s, cadence_s=datastream.cadence_s),
        age_s=age_s,
    )


def hold_us(stream: Datastream) -> int:
    """How old a value of a datastream may be in a past state [us]."""
    if stream.cadence_s is None:
        return LONGEST_HOLD_US
    return min(LONGEST_HOLD_US, round(stream.cadence_s * STALE_AFTER_CADENCES * 1e6))


def replay_cost(
    streams: Sequence[Datastream], *, step: timedelta, steps: int
) -> tuple[float, bool]:
    """Rows that the cheaper way of a replay reads, and whether it reads them all in sequence."""
    looked_up = float(LOOKUP_ROWS * steps * len(streams))
    if any(stream.cadence_s is None for stream in streams):
        return looked_up, False
    span_s = steps * step.total_seconds()
    in_sequence = sum(span_s / max(stream.cadence_s or 1.0, 1e-3) for stream in streams)
    return min(in_sequence, looked_up), in_sequence <= looked_up
