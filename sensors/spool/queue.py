"""The spool as a durable queue: append, sync, read, commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from sensors.spool.disk import Disk
from sensors.spool.records import Record, Spoolable
from twin.errors import TwinError

SEGMENT_BYTES = 16 * 1024 * 1024


class SpoolError(TwinError, OSError):
    """The spool cannot be used now; nothing since the last sync is taken."""


class SpoolFullError(SpoolError):
    """The spool is full or cannot be written; stop acknowledging and try again later."""


class Cursor(NamedTuple):
    """A place in the spool: segment, byte offset, and records of that segment before it."""

    segment: int
    offset: int
    count: int


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


class Spool:
    """Messages on disk, first in first out, for one process and one thread at a time.

    SKELETON of 05:25, the body follows within minutes; signatures and meaning are fixed.
    SPOOLING: ``append(deliveries); sync()``, then acknowledge them. DRAINING: ``block = read()``,
    record it, ``commit(block.cursor)`` after the database's COMMIT.
    ``Delivery(0, 0, 1, *record[:5])`` makes a delivery of a record (connection 0: never acked).

    Raises AlreadyRunningError if another process holds the folder, SpoolError if it cannot be
    opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        min_free_bytes: int,
        warn_share: float = 0.8,
        segment_bytes: int = SEGMENT_BYTES,
        now_us: Callable[[], int] | None = None,
        disk: Disk | None = None,
    ) -> None: ...

    def append(self, messages: Sequence[Spoolable]) -> None:
        """Write all of these or none (SpoolFullError: truncated to the last good record)."""
        ...

    def sync(self) -> None:
        """Make everything appended durable; only then acknowledge.

        SpoolFullError: nothing since the last successful sync is taken; keep those messages
        unacknowledged and append them again later.
        """
        ...

    @property
    def is_sync_due(self) -> bool:
        """Whether 100 ms, 1,000 messages or 4 MiB wait for a sync."""
        ...

    def read(
        self,
        most_messages: int = 20_000,
        *,
        most_bytes: int = SEGMENT_BYTES,
        after: Cursor | None = None,
    ) -> Block:
        """The next synced records from the committed place, or from ``after``; changes nothing."""
        ...

    def commit(self, cursor: Cursor) -> None:
        """Remember that everything before the cursor is stored; deletes drained segments."""
        ...

    def probe(self) -> bool:
        """Whether an append would succeed now: room by both bounds, and a small write that syncs."""
        ...

    def close(self) -> None:
        """Close files and free the folder; unsynced records are synced if the disk can."""
        ...

    def __enter__(self) -> "Spool": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def is_empty(self) -> bool:
        """Whether everything synced is committed."""
        ...

    @property
    def messages(self) -> int:
        """Records that wait, synced or not; near enough for a figure."""
        ...

    @property
    def size_bytes(self) -> int:
        """Bytes of all files in the folder, ``*.corrupt`` too."""
        ...

    @property
    def is_high(self) -> bool:
        """Whether the warn share of the bound is reached: raise the alarm `spool_high`."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the last append or sync failed, or a bound is reached: `spool_full`."""
        ...

    @property
    def report(self) -> SpoolReport:
        """What happened so far; losses in it mean `spool_corrupt`."""
        ...
