"""Gaps in sequence numbers: what never reached us, as far as the source counts. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_KEYS = 100_000
RESTARTED_BELOW = 10_000  # a late delivery of the past lies nearer; a wrapped counter farther


@dataclass(slots=True)
class _Counter:
    newest: int
    credit: int


class SequenceGaps:
    """Counts missing sequence numbers per source and key.

    A number that is not above the newest one is a repetition, a late message or a restarted
    device: no gap. Values that the source itself declared missing carry a number, too, and are
    credited.
    """

    def __init__(self) -> None:
        self._counters: dict[tuple[str, str], _Counter] = {}

    def note(self, source: str, key: str, *, numbers: Iterable[int], missing: int = 0) -> int:
        """Take note of one message; how many numbers are missing before or in it.

        Examples
        --------
        >>> gaps = SequenceGaps()
        >>> gaps.note("s", "k", numbers=[1, 2])
        0
        >>> gaps.note("s", "k", numbers=[5])
        2
        """
        seen = sorted(set(numbers))
        if not seen:
            return 0
        counter = self._counters.get((source, key))
        if counter is None:
            self._remember((source, key), _Counter(seen[-1], missing))
            return 0
        fresh = [number for number in seen if number > counter.newest]
        if not fresh:
            if seen[-1] <= 1 or counter.newest - seen[-1] > RESTARTED_BELOW:
                counter.newest, counter.credit = seen[-1], missing
            return 0
        absent = fresh[-1] - counter.newest - len(fresh)
        credit = counter.credit + missing
        counter.newest, counter.credit = fresh[-1], max(0, credit - absent)
        return max(0, absent - credit)

    def _remember(self, key: tuple[str, str], counter: _Counter) -> None:
        if len(self._counters) >= MOST_KEYS:
            self._counters.clear()
        self._counters[key] = counter
