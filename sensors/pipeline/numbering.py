"""Which sequence numbers a message carries, whatever became of its values. Pure."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sensors.rules.gaps import Arrived
from sensors.rules.quality import CLOCK_IS_SET_FROM_US
from sensors.rules.sequences import NEVER, Int
from twin.model.messages import Event, Item, Numbered, Observation, Outcome, WaveformBlock
from twin.model.times import to_us

LARGEST_SEQUENCE = 2**62
MOST_AHEAD_US = 300_000_000  # a clock farther ahead says nothing about when it was measured


def arrived(source: str, outcome: Outcome, *, received_us: int) -> list[Arrived]:
    """Sequence numbers of a decoded message by device; frame counters of events, too.

    Values that are missing or refused carry theirs as `Outcome.numbered`.

    Examples
    --------
    >>> outcome = Outcome(numbered=(Numbered("a", 7), Numbered("a", 8)))
    >>> [one.numbers for one in arrived("demo", outcome, received_us=0)]
    [(7, 8)]
    """
    found: dict[str, dict[int, int]] = {}
    for item in (*outcome.items, *outcome.numbered):
        number, key, time_us = _carried(item)
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            numbers = found.setdefault(key, {})
            is_plausible = CLOCK_IS_SET_FROM_US <= time_us <= received_us + MOST_AHEAD_US
            numbers.setdefault(number % LARGEST_SEQUENCE, time_us if is_plausible else NEVER)
    return [
        Arrived(source, key, tuple(numbers), tuple(numbers.values()))
        for key, numbers in found.items()
    ]


def are_plausible(time_us: Int, received_us: Int) -> NDArray[np.bool_]:
    """Whether times [us since 1970-01-01 UTC] may be phenomenon times of what came then."""
    return (time_us >= CLOCK_IS_SET_FROM_US) & (time_us <= received_us + MOST_AHEAD_US)


def _carried(item: Item | Numbered) -> tuple[object, str, int]:
    """Number of an item, its device and its time; no number if it carries none."""
    if isinstance(item, Observation):
        return item.sequence, item.key, _time_us(item.phenomenon_time)
    if isinstance(item, WaveformBlock):
        return item.sequence, item.key, item.t0_us if isinstance(item.t0_us, int) else NEVER
    if isinstance(item, Numbered):
        return item.sequence, item.key, _time_us(item.time)
    if isinstance(item, Event) and isinstance(item.details, Mapping):
        return item.details.get("frame"), item.key, _time_us(item.at)
    return None, "", NEVER


def _time_us(time: object) -> int:
    """A time of an item, which a plugin may have made, or `NEVER`."""
    return to_us(time) if isinstance(time, datetime) and time.tzinfo is not None else NEVER
