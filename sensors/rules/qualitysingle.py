"""What an ordinary reading is worth, one by one, without columns. Pure.

A handful of readings costs more in columns than in numbers. What is not ordinary goes the way of
all readings: `sensors.rules.quality` judges it, and nothing else refuses or substitutes a time.
"""

from datetime import timedelta
from math import isfinite
from typing import NamedTuple

from sensors.clocks import DAY_US
from sensors.routing import StreamTable
from sensors.rules.quality import ALWAYS_US, CLOCK_IS_SET_FROM_US, FOREVER, TimePolicy
from twin.model.quality import Quality

MICROSECOND = timedelta(microseconds=1)
LATE, OUT_OF_RANGE = int(Quality.LATE), int(Quality.OUT_OF_RANGE)


class _Known(NamedTuple):
    """What the judgement needs of a datastream: its row, bounds and bits."""

    row: int
    lower: float
    upper: float
    flags: int
    late_after_us: int
    oldest_us: int


class OrdinaryReadings:
    """Judges readings with a time of their own that nothing speaks against.

    Parameters
    ----------
    streams
        The registered datastreams.
    policy
        Which times are accepted.
    """

    def __init__(self, streams: StreamTable, policy: TimePolicy) -> None:
        self._tolerance_us = policy.future_tolerance // MICROSECOND
        columns = streams.columns
        facts = zip(
            columns.number.tolist(),
            columns.lower.tolist(),
            columns.upper.tolist(),
            columns.flags.tolist(),
            columns.late_after_us.tolist(),
            columns.privacy.tolist(),
            columns.source.tolist(),
            (columns.is_reading & ~columns.is_timed_at_arrival).tolist(),
            strict=True,
        )
        self._known: dict[int, _Known] = {}
        for row, (number, lower, upper, flags, late_us, privacy, source, is_fit) in enumerate(
            facts
        ):
            if is_fit:
                treatment = policy.treatment(columns.sources[source])
                spans = [policy.retention_of(columns.privacy_classes[privacy])]
                spans += [treatment.late_after] if treatment.quarantines_late else []
                bounds = [ALWAYS_US if one == FOREVER else one // MICROSECOND for one in spans]
                self._known[number] = _Known(row, lower, upper, flags, late_us, min(bounds))

    def judge(
        self, number: int, time_us: int, value: float, *, quality: int, received_us: int
    ) -> tuple[int, int] | None:
        """Row in `StreamColumns` and quality bits of a reading; None if it is not ordinary.

        Parameters
        ----------
        number, time_us, value, quality
            As in `Readings`; the time comes from the message.
        received_us
            Time of arrival [us since 1970-01-01 UTC].
        """
        known = self._known.get(number)
        if known is None:
            return None
        row, lower, upper, flags, late_after_us, oldest_us = known
        age_us = received_us - time_us
        if not -self._tolerance_us <= age_us <= oldest_us or time_us < CLOCK_IS_SET_FROM_US:
            return None
        if age_us > DAY_US:  # day and month may be exchanged
            return None
        if not isfinite(value):
            return None
        quality |= flags
        if age_us > late_after_us:
            quality |= LATE
        if not lower <= value <= upper:
            quality |= OUT_OF_RANGE
        return row, quality
