"""The way through the disk spool: messages in, acknowledged after the fsync, and out again."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sensors.broker.delivery import Delivery
from sensors.pipeline.lanes import UNROUTED
from sensors.spool import Block, Cursor, Record, Spool, SpoolError, SpoolFullError

logger = logging.getLogger(__name__)

OF_THE_SPOOL = (0, 0, 0)  # connection, packet, QoS: never acknowledged again


@dataclass(frozen=True, slots=True)
class Drained:
    """Messages that come back from the spool, and how to let go of them."""

    deliveries: Sequence[Delivery]
    block: Block

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a message nor a loss."""
        return not self.deliveries and not self.block.losses

    @property
    def lost(self) -> Mapping[str, int]:
        """Messages that are lost, by source."""
        return {source or UNROUTED: count for source, count in self.block.declared_lost.items()}


class Buffer:
    """Takes messages into the spool and gives them back.

    Parameters
    ----------
    spool
        None where none could be opened: then it takes nothing.
    reopen
        Tries that again.
    """

    def __init__(
        self, spool: Spool | None, *, reopen: Callable[[], Spool | None] = lambda: None
    ) -> None:
        self._spool = spool
        self._reopen = reopen
        self._unsynced: deque[tuple[Delivery, str]] = deque()
        self.reason = "" if spool else "no spool could be opened"

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in it."""
        return not self._unsynced and (self._spool is None or self._spool.is_empty)

    @property
    def is_full(self) -> bool:
        """Whether it refused the last messages."""
        return self._spool is None or self._spool.is_full

    @property
    def is_high(self) -> bool:
        """Whether it fills up."""
        return self._spool is not None and self._spool.is_high

    @property
    def size_bytes(self) -> int:
        """Bytes on the disk."""
        return self._spool.size_bytes if self._spool else 0

    @property
    def messages(self) -> int:
        """Messages that wait, about."""
        return self._spool.messages if self._spool else 0

    @property
    def waiting(self) -> list[Delivery]:
        """Messages that wait for the fsync."""
        return [delivery for delivery, _ in self._unsynced]

    @property
    def is_waiting(self) -> bool:
        """Whether messages wait for the fsync."""
        return bool(self._unsynced)

    @property
    def is_sync_due(self) -> bool:
        """Whether enough messages wait for the fsync, or long enough."""
        return self._spool is not None and self._spool.is_sync_due

    @property
    def notes(self) -> tuple[str, ...]:
        """Damage found, in words."""
        return self._spool.report.notes if self._spool and self._spool.report.losses else ()

    @property
    def is_missing(self) -> bool:
        """Whether there is no spool."""
        return self._spool is None

    def open_again(self) -> bool:
        """Try to open the spool that is missing; whether there is one now."""
        self._spool = self._reopen()
        if self._spool is not None:
            self.reason = ""
        return self._spool is not None

    def has_room(self) -> bool:
        """Whether it would take messages now."""
        has_room = self._spool is not None and self._spool.probe()
        if has_room:
            self.reason = ""
        return has_room

    def take(self, deliveries: Sequence[Delivery], sources: Sequence[str]) -> bool:
        """Write messages; False if it takes none of them."""
        if self._spool is None:
            return False
        records = [
            Record(*delivery[3:], source=source)
            for delivery, source in zip(deliveries, sources, strict=True)
        ]
        try:
            self._spool.append(records)
        except SpoolFullError as error:
            self._note(error)
            return False
        self._unsynced.extend(zip(deliveries, sources, strict=True))
        return True

    def sync(self) -> tuple[list[Delivery], Counter[str]] | None:
        """Make everything durable: messages to acknowledge, by source; None if it is refused.

        Then nothing of it is taken; `take_back` gives it back.
        """
        if self._spool is None:
            return [], Counter()
        try:
            self._spool.sync()
        except SpoolFullError as error:
            self._note(error)
            return None
        done = [delivery for delivery, _ in self._unsynced]
        sources = Counter(source for _, source in self._unsynced)
        self._unsynced.clear()
        if not self._spool.is_full:  # of what came before a refusal, this is no news
            self.reason = ""
        return done, sources

    def take_back(self) -> list[Delivery]:
        """Messages whose fsync was refused."""
        back = [delivery for delivery, _ in self._unsynced]
        self._unsynced.clear()
        return back

    def next(self, most: int, *, most_bytes: int) -> Drained | None:
        """The next messages of the spool; None if it cannot be read now."""
        if self._spool is None:
            return None
        try:
            block = self._spool.read(most, most_bytes=most_bytes)
        except SpoolError as error:
            self._note(error)
            return None
        deliveries = [Delivery(*OF_THE_SPOOL, *record[:5]) for record in block.records]
        return Drained(deliveries, block)

    def let_go(self, cursor: Cursor) -> None:
        """Forget what is recorded."""
        if self._spool is not None:
            self._spool.commit(cursor)

    def close(self) -> None:
        """Close its files."""
        if self._spool is not None:
            self._spool.close()

    def _note(self, error: SpoolError) -> None:
        if str(error) != self.reason:
            logger.error("spool_refused", extra={"reason": str(error)})
        self.reason = str(error)
