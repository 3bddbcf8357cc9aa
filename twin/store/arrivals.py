"""Times of readings that carry none: that of the first arrival of their key; for every store."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from twin.model.observations import Arrivals, Readings

MOST_SHIFTS = 100

Key = tuple[int, int]


class ArrivalBook(Protocol):
    """Where the time of each (datastream number, key) is kept."""

    def find(self, arrivals: Arrivals) -> dict[Key, int]:
        """Return the kept times [us since 1970-01-01 UTC] of those keys that are known."""
        ...

    def are_taken(self, arrivals: Arrivals) -> list[int]:
        """Return the places of those at whose time their datastream has a reading already."""
        ...

    def keep(self, arrivals: Arrivals) -> bool:
        """Keep the times of new keys; False if another ingester has kept one meanwhile."""
        ...


def resolve(arrivals: Arrivals, book: ArrivalBook) -> Readings:
    """Readings with the time of the first arrival of their key; new keys are kept.

    A new key gets a time that no other reading of its datastream has: messages that were taken
    over together carry the same time of arrival.

    Parameters
    ----------
    arrivals
        Of registered datastreams, with times that may be stored.
    book
        Where the times are kept.
    """
    keys = list(zip(arrivals.number.tolist(), arrivals.key.tolist(), strict=True))
    times = book.find(arrivals)
    first: dict[Key, int] = {}
    for place, key in enumerate(keys):
        if key not in times:
            first.setdefault(key, place)
    if first:
        fresh = _free(_rows(arrivals, list(first.values())), book)
        if book.keep(fresh):
            times |= dict(zip(first, fresh.time_us.tolist(), strict=True))
        else:
            times = book.find(arrivals)
    return Readings(
        number=arrivals.number,
        time_us=np.array([times[key] for key in keys], np.int64),
        value=arrivals.value,
        quality=arrivals.quality,
    )


def kept_apart(arrivals: Arrivals) -> Arrivals:
    """First arrivals of new keys with distinct times per datastream, 1 us after each other.

    Examples
    --------
    >>> both = Arrivals(*(np.array(c) for c in ([1, 1], [7, 8], [50, 50], [0.5, 0.7], [0, 0])))
    >>> kept_apart(both).time_us.tolist()
    [50, 51]
    """
    if not len(arrivals):
        return arrivals
    order = np.lexsort((arrivals.time_us, arrivals.number))
    number, time_us = arrivals.number[order], arrivals.time_us[order]
    place = np.arange(len(order))
    group = np.zeros(len(order), np.int64)
    group[1:] = np.cumsum(number[1:] != number[:-1])
    # Every datastream gets a span of its own, so that one running maximum serves all of them.
    first_us = int(time_us.min())
    span_us = int(time_us.max()) - first_us + len(order) + 1
    shifted = time_us - first_us + group * span_us - place
    placed = np.empty_like(time_us)
    placed[order] = np.maximum.accumulate(shifted) + place - group * span_us + first_us
    return replace(arrivals, time_us=placed)


def _free(arrivals: Arrivals, book: ArrivalBook) -> Arrivals:
    """The same with times at which nothing is stored yet; after many tries as they are."""
    arrivals = kept_apart(arrivals)
    for _ in range(MOST_SHIFTS):
        taken = book.are_taken(arrivals)
        if not taken:
            break
        time_us = arrivals.time_us.copy()
        time_us[taken] += 1
        arrivals = kept_apart(replace(arrivals, time_us=time_us))
    return arrivals


def _rows(arrivals: Arrivals, rows: list[int]) -> Arrivals:
    return Arrivals(
        number=arrivals.number[rows],
        key=arrivals.key[rows],
        time_us=arrivals.time_us[rows],
        value=arrivals.value[rows],
        quality=arrivals.quality[rows],
    )
