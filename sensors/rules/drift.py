"""Streams that worked and are now refused again and again: their schema has changed. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from twin.model.messages import Rejection

DRIFT_REASONS = frozenset({"wrong_type", "unit_conflict", "missing_field"})
DRIFT_AFTER = 5
MOST_TOPICS = 50_000
MOST_DRIFTING = 1000


@dataclass(slots=True)
class _Failing:
    count: int
    reason: str
    since: datetime | None


class DriftWatch:
    """Topics that delivered readings before and of which five messages in a row were refused.

    Only refusals that a renamed field, another type or another unit causes count.

    Examples
    --------
    >>> watch = DriftWatch()
    >>> watch.note({"a": 1}, ())
    >>> watch.note({"a": 5}, [Rejection("wrong_type", "", topic="a", received_at=None)] * 5)
    >>> list(watch.problems())
    ['a']
    """

    def __init__(self) -> None:
        self._worked: dict[str, None] = {}
        self._failing: dict[str, _Failing] = {}

    def note(self, topics: Mapping[str, int], rejections: Sequence[Rejection]) -> None:
        """Take note of a batch.

        Parameters
        ----------
        topics
            Messages per topic, decoded as in the rejections.
        rejections
            Those of these messages; several of one message count each.
        """
        if not rejections and not self._failing and topics.keys() <= self._worked.keys():
            return
        refused: Counter[str] = Counter()
        drifting: dict[str, list[Rejection]] = {}
        for rejection in rejections:
            refused[rejection.topic] += 1
            if rejection.reason in DRIFT_REASONS:
                drifting.setdefault(rejection.topic, []).append(rejection)
        for topic in self._failing.keys() & topics.keys():
            if not refused[topic]:
                del self._failing[topic]
        for topic, found in drifting.items():
            if topic in self._worked and refused[topic] >= topics.get(topic, 0):
                self._fail(topic, found)
            else:
                self._failing.pop(topic, None)
        for topic in topics.keys() - refused.keys() - self._worked.keys():
            if len(self._worked) >= MOST_TOPICS:
                del self._worked[next(iter(self._worked))]
            self._worked[topic] = None

    def problems(self) -> Mapping[str, str]:
        """What deserves the alarm ``schema_drift``, by topic."""
        return {
            topic: (
                f"{failing.count} messages in a row were refused as {failing.reason}"
                f"{_since(failing.since)} after good ones: has a field, type or unit changed? "
                "Correct the mapping, then `twin quarantine replay`"
            )
            for topic, failing in sorted(self._failing.items())
            if failing.count >= DRIFT_AFTER
        }

    def _fail(self, topic: str, found: list[Rejection]) -> None:
        known = self._failing.get(topic)
        if known is None:
            if len(self._failing) >= MOST_DRIFTING:
                return
            first = found[0]
            known = self._failing[topic] = _Failing(0, first.reason, first.received_at)
        known.count += len(found)
        known.reason = found[-1].reason


def _since(time: datetime | None) -> str:
    return "" if time is None else f" since {time:%Y-%m-%d %H:%M} UTC"
