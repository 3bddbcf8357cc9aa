"""Does everything that was taken over arrive? Counted apart from the path it takes. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twin.model.observations import RecordResult, Tally


@dataclass(slots=True)
class Ledger:
    """Messages by source, from the hand-over to the commit; readings of every commit.

    Parameters
    ----------
    inherited
        Messages that an earlier run of the ingester left in the spool.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.hand_over({"s": 3})
    >>> ledger.commit({"s": 2})
    >>> ledger.differences({"s": 1}), ledger.differences({})
    ({}, {'s': 1})
    """

    inherited: int = 0
    handed: Counter[str] = field(default_factory=Counter)
    spooled: Counter[str] = field(default_factory=Counter)
    committed: Counter[str] = field(default_factory=Counter)
    readings_off: int = 0
    is_estimate: bool = False

    def hand_over(self, messages: Mapping[str, int]) -> None:
        """Count messages that came from the broker."""
        self.handed.update(messages)

    def spool(self, messages: Mapping[str, int]) -> None:
        """Count messages that the spool took."""
        self.spooled.update(messages)

    def unspool(self, sources: Sequence[str]) -> None:
        """Count messages that left the spool; those of an earlier run are taken over now.

        Parameters
        ----------
        sources
            Source of each message in its order, after the present rules: those under which an
            earlier run spooled it may be others.
        """
        old = min(self.inherited, len(sources))
        self.inherited -= old
        self.handed.update(sources[:old])
        self.spooled.subtract(sources[old:])

    def lose(self, messages: Mapping[str, int]) -> None:
        """Count messages that were taken over and are lost; they are declared elsewhere."""
        for source, count in messages.items():
            self.spooled[source] -= count
            self.handed[source] -= count
        self.is_estimate = True

    def settle(self) -> None:
        """Take note that the spool is empty: what it held by estimate is known now.

        What a damaged spool held of whom is an estimate, and what an earlier run left may be more
        than could be counted without reading: then the count starts anew.
        """
        if not self.is_estimate and self.in_spool >= 0:
            return
        self.is_estimate = False
        self.inherited = 0
        for source, count in self.spooled.items():
            self.handed[source] -= count
        self.spooled.clear()

    @property
    def in_spool(self) -> int:
        """Messages that the spool must hold."""
        return self.spooled.total() + self.inherited

    def commit(self, messages: Mapping[str, int]) -> None:
        """Count messages whose content is recorded."""
        self.committed.update(messages)

    def check(self, tallies: Mapping[str, Tally], result: RecordResult) -> None:
        """Compare what a batch held with what the store says became of it."""
        if result.repeated:
            return
        received = sum(tally.received for tally in tallies.values())
        self.readings_off += received - result.stored - result.duplicate - result.quarantined

    def differences(self, waiting: Mapping[str, int]) -> Mapping[str, int]:
        """Handed over - waiting - spooled - committed by source, where it is not 0.

        Parameters
        ----------
        waiting
            Messages in memory that are neither spooled nor committed.
        """
        sources = {*self.handed, *self.spooled, *self.committed, *waiting}
        found = {
            source: self.handed[source]
            - waiting.get(source, 0)
            - self.spooled[source]
            - self.committed[source]
            for source in sorted(sources)
        }
        return {source: count for source, count in found.items() if count}


@dataclass(slots=True)
class Persistent:
    """A number that counts only if it was seen twice: two threads cannot be read at once.

    Examples
    --------
    >>> seen = Persistent()
    >>> seen.confirmed(3), seen.confirmed(3), seen.confirmed(0)
    (0, 3, 0)
    """

    before: int = 0

    def confirmed(self, value: int) -> int:
        """The value, if it is the same as last time; else 0."""
        is_same = value == self.before
        self.before = value
        return value if is_same else 0
