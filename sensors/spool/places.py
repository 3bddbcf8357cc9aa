"""Places in the spool, and what is handed out and reported of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sensors.spool.records import HEADER_BYTES, Record


class Cursor(NamedTuple):
    """A place in the spool: segment, byte offset, and records of that segment before it."""

    segment: int
    offset: int
    count: int


def start_of(number: int) -> Cursor:
    """Place of the first record of a segment."""
    return Cursor(number, HEADER_BYTES, 0)


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that were taken over and can no longer be read.

    ``count`` is exact unless ``is_estimate``; ``source`` is empty where it is not known.
    """

    segment: int
    offset: int
    count: int
    is_estimate: bool
    source: str


@dataclass(frozen=True, slots=True)
class Block:
    """Records read in one go.

    Record them and ``declared_lost`` in one batch, then `Spool.commit` the cursor. A block without
    records and without losses means that nothing is left.
    """

    records: Sequence[Record]
    cursor: Cursor
    losses: tuple[Loss, ...] = ()

    @property
    def declared_lost(self) -> Mapping[str, int]:
        """Lost records by source; the key is empty where the source is not known."""
        lost: dict[str, int] = {}
        for loss in self.losses:
            lost[loss.source] = lost.get(loss.source, 0) + loss.count
        return lost


@dataclass(frozen=True, slots=True)
class SpoolReport:
    """What happened to this spool since it was opened.

    Parameters
    ----------
    torn_bytes
        Cut from an unfinished write at the opening; never acknowledged, so no loss.
    losses
        Damage found while reading; kept in files ``*.corrupt``.
    sync_failures
        How often the disk could not make written records durable.
    notes
        One sentence for everything that someone should look at.
    """

    torn_bytes: int = 0
    losses: tuple[Loss, ...] = ()
    sync_failures: int = 0
    notes: tuple[str, ...] = ()
