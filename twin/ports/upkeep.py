"""Rollups, retention, and room for days that are long past."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Protocol

from twin.model.upkeep import Compression, Deletion, Overdue, RollupReport, UpkeepRule


class Upkeep(Protocol):
    """Rollups, retention and its proof; one process at a time does it."""

    def lead(self) -> bool:
        """Whether this process does the upkeep; it stays so while its connection lives."""
        ...

    def roll(self, rule: UpkeepRule, *, at: datetime, settle_s: float = 5.0) -> RollupReport | None:
        """Recompute the buckets that are due; None if another process does the upkeep.

        A bucket that is over waits ``settle_s`` after a change, so that late readings are taken
        together.
        """
        ...

    def expire(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Deletion] | None:
        """Delete what is too old; the new entries of the proof, or None as in `roll`."""
        ...

    def compress(self, rule: UpkeepRule) -> Compression:
        """Switch the compression of old data on or off where the server offers it."""
        ...

    def deletions(self) -> Sequence[Deletion]:
        """Return the proof of deletion from its first entry on."""
        ...

    def overdue(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Overdue]:
        """Return what should have been deleted before this time and is still there."""
        ...


class Room(Protocol):
    """Room for days that are long past; a wrong clock must not make thousands of them."""

    def prepare(self, days: Iterable[date]) -> frozenset[date]:
        """Make room for readings of these days (UTC); return those for which there is none now."""
        ...
