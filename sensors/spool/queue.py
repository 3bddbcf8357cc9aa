"""The spool as a durable queue: append, sync, read, commit."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sensors.spool.disk import Disk, SystemDisk
from sensors.spool.draining import (
    delete_drained,
    keep_damaged,
    remove_file,
    store_cursor,
    write_file,
)
from sensors.spool.errors import SpoolError, SpoolFullError
from sensors.spool.opening import CORRUPT_SUFFIX, PROBE_FILE, take_stock
from sensors.spool.places import Block, Cursor, Loss, SpoolReport, start_of
from sensors.spool.reading import Ending, Reader
from sensors.spool.records import FOOTER_BYTES, HEADER_BYTES, Record, Spoolable, pack_records
from sensors.spool.segments import SEGMENT_BYTES, Segment, Tail, segment_name
from twin.errors import AlreadyRunningError

logger = logging.getLogger(__name__)

LOCK_FILE = "lock"
GROUP_MESSAGES = 1_000
GROUP_BYTES = 4 * 1024 * 1024
GROUP_US = 100_000
PROBE_BYTES = 4096
PROBE_AGAIN_US = 5_000_000
ROOM_TO_GO_ON = 256 * 1024  # so that it does not stop again at once


class Spool:
    """Messages on disk, first in first out, for one process and one thread at a time.

    While the database is away: `append`, `sync`, then acknowledge. When it is back: `read`, record
    the block, `commit` its cursor after the database's COMMIT. A crash in between repeats records
    with the same time of arrival, which the key of the readings absorbs.

    Parameters
    ----------
    folder
        Folder of this instance; made if it is missing.
    max_bytes, min_free_bytes
        Bounds: bytes of all files here, and bytes that stay free on the disk.
    warn_share
        Share of ``max_bytes`` from which `is_high` holds.
    segment_bytes
        Length at which a segment is sealed.
    now_us
        Clock [us since 1970-01-01 UTC].
    disk
        Calls of the operating system; another one in tests.

    Raises
    ------
    AlreadyRunningError
        If another process uses this folder.
    SpoolError
        If the folder cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Spool(folder / "1", max_bytes=2**20, min_free_bytes=0) as spool:
    ...     spool.append([Record(b"a/b", b"1", 0), Record(b"a/b", b"2", 1)])
    ...     spool.sync()
    ...     block = spool.read()
    ...     spool.commit(block.cursor)
    ...     [record.payload for record in block.records], spool.is_empty
    ([b'1', b'2'], True)
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
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self._warn_share = warn_share
        self._now_us = now_us or _system_us
        self._disk = disk or SystemDisk(folder)
        self._is_append_refused = False
        self._is_sync_refused = False
        self._group_since_us = 0
        self._probed_us = 0
        self._losses: dict[int, Loss] = {}
        self._lock = self._locked()
        try:
            stock = take_stock(self._disk)
        except OSError as problem:
            self._disk.close(self._lock)
            raise SpoolError(
                f"the spool {folder} cannot be opened: {problem}; correct its rights or its disk"
            ) from problem
        self._segments = stock.segments
        self._cursor = stock.cursor
        self._corrupt_bytes = stock.corrupt_bytes
        self._torn_bytes = stock.torn_bytes
        self._notes = stock.notes
        self._reader = Reader(self._disk, segment_bytes=segment_bytes)
        self._tail = Tail(
            disk=self._disk,
            segments=self._segments,
            now_us=self._now_us,
            next_number=stock.next_number,
            segment_bytes=segment_bytes,
        )

    def _locked(self) -> int:
        try:
            return self._disk.lock(LOCK_FILE)
        except BlockingIOError:
            raise AlreadyRunningError(
                f"the spool {self._folder} is in use by another process; "
                "stop that one first, or give this ingester another ingest.instance"
            ) from None
        except OSError as problem:
            raise SpoolError(
                f"the spool {self._folder} cannot be used: {problem}; name another spool.folder"
            ) from problem

    # Writing

    def append(self, messages: Sequence[Spoolable]) -> None:
        """Write all of these messages; `sync` makes them durable.

        Raises
        ------
        SpoolFullError
            If a bound is reached or the disk refuses; none of these is taken then, what was
            appended before is.
        """
        if not messages:
            return
        content = pack_records(messages)
        try:
            self._check_room(len(content))
            self._tail.append(content, count=len(messages))
        except SpoolFullError:
            self._is_append_refused = True
            raise
        self._is_append_refused = False
        if self._tail.unsynced_count == len(messages):
            self._group_since_us = self._now_us()

    def sync(self) -> None:
        """Make everything appended durable; only then acknowledge it.

        Raises
        ------
        SpoolFullError
            If the disk refuses twice, the second time in a new file. Nothing since the last
            successful sync is taken then: do not acknowledge it, append it again later.
        """
        if self._tail.unsynced_count == 0:
            return
        try:
            self._tail.sync()
        except SpoolFullError:
            self._is_sync_refused = True
            raise
        self._is_sync_refused = False  # says nothing about what was not appended

    @property
    def is_sync_due(self) -> bool:
        """Whether 1,000 messages, 4 MiB or 100 ms wait for a sync."""
        if self._tail.unsynced_count == 0:
            return False
        waited_us = self._now_us() - self._group_since_us
        return (
            self._tail.unsynced_count >= GROUP_MESSAGES
            or self._tail.unsynced_bytes >= GROUP_BYTES
            or not 0 <= waited_us < GROUP_US
        )

    def probe(self) -> bool:
        """Whether an append would succeed now: room by both bounds, and a small file that syncs."""
        self._probed_us = self._now_us()
        try:
            self._check_room(min(ROOM_TO_GO_ON, self._max_bytes // 10))
            write_file(self._disk, PROBE_FILE, bytes(PROBE_BYTES))
        except OSError:
            return False
        finally:
            remove_file(self._disk, PROBE_FILE)
        self._is_append_refused = self._is_sync_refused = False
        return True

    def _check_room(self, wanted: int) -> None:
        if self.size_bytes + wanted + FOOTER_BYTES > self._max_bytes:
            raise SpoolFullError(
                f"the spool holds {self.size_bytes} bytes and may hold {self._max_bytes}; "
                "bring the database back or raise spool.max_bytes"
            )
        try:
            free = self._disk.free_bytes()
        except OSError as problem:
            raise SpoolFullError(f"the disk of the spool does not answer: {problem}") from problem
        if free - wanted < self._min_free_bytes:
            raise SpoolFullError(
                f"the disk has {free} bytes left, {self._min_free_bytes} must stay free; "
                "free disk space"
            )

    # Reading

    def read(
        self,
        most_messages: int = 20_000,
        *,
        most_bytes: int = SEGMENT_BYTES,
        after: Cursor | None = None,
    ) -> Block:
        """The next synced records from the committed place, or from ``after``.

        It may be called again with the same result. Damage ends a segment: what could not be read
        is in `Block.losses`, and reading goes on with the next segment.

        Raises
        ------
        SpoolError
            If the system refuses for a reason that is not the file's.
        """
        place = after or self._cursor
        records: list[Record] = []
        losses: list[Loss] = []
        taken = 0
        while len(records) < most_messages and taken < most_bytes:
            segment, follower = self._from(place.segment)
            if segment is None:
                break
            if segment.number != place.segment:
                place = start_of(segment.number)
            stretch = self._reader.stretch(
                segment,
                place,
                follower=follower,
                most_messages=most_messages - len(records),
                most_bytes=most_bytes - taken,
            )
            records += stretch.records
            taken += stretch.cursor.offset - place.offset
            place = stretch.cursor
            if stretch.ending is Ending.BOUND:
                break
            if stretch.loss is not None:
                losses.append(self._noted(stretch.loss))
                if segment is self._tail.segment:
                    self._tail.leave()
            elif segment is self._tail.segment:
                break
            place = start_of(segment.number + 1)
        return Block(records, place, tuple(losses))

    def _from(self, number: int) -> tuple[Segment | None, Segment | None]:
        """The first segment from a number on, and the one behind it."""
        found = [segment for segment in self._segments if segment.number >= number]
        return found[0] if found else None, found[1] if len(found) > 1 else None

    def _noted(self, loss: Loss) -> Loss:
        if loss.segment not in self._losses:
            self._losses[loss.segment] = loss
            facts = {
                "segment": segment_name(loss.segment),
                "offset": loss.offset,
                "declared_lost": loss.count,
                "is_estimate": loss.is_estimate,
            }
            logger.error("spool_corrupt", extra=facts)
            about = "about " if loss.is_estimate else ""
            self._notes.append(
                f"{segment_name(loss.segment)} is damaged from byte {loss.offset} on: "
                f"{about}{loss.count} messages lost; it is kept as *{CORRUPT_SUFFIX}"
            )
        return loss

    def commit(self, cursor: Cursor) -> None:
        """Remember that everything before the cursor is stored, and delete what is drained.

        Never raises: if the disk cannot keep the cursor, a crash repeats records, which adds no
        row. Damaged segments stay as ``*.corrupt``, named with the offset of the damage.
        """
        if cursor <= self._cursor:
            return
        self._cursor = cursor
        self._corrupt_bytes += keep_damaged(
            self._disk, self._segments, cursor=cursor, losses=self._losses
        )
        if self.is_empty and self._tail.unsynced_count == 0:
            self._tail.retire()
            self._cursor = start_of(self._tail.next_number)
            self._probed_us = 0
        self._reader.leave(before=self._cursor.segment)
        if not store_cursor(self._disk, self._cursor):
            delete_drained(self._disk, self._segments, cursor=self._cursor)  # makes room for it
            store_cursor(self._disk, self._cursor)
        delete_drained(self._disk, self._segments, cursor=self._cursor)

    # State

    @property
    def is_empty(self) -> bool:
        """Whether everything synced is committed."""
        return all(self._is_drained(segment) for segment in self._segments)

    def _is_drained(self, segment: Segment) -> bool:
        if segment.number != self._cursor.segment:
            return segment.number < self._cursor.segment or segment.end <= HEADER_BYTES
        own = segment.is_end_known or not segment.is_sealed
        return self._cursor.offset >= segment.end - (0 if own else FOOTER_BYTES)

    @property
    def messages(self) -> int:
        """Records that wait, as far as they can be counted without reading them."""
        waiting = [one for one in self._segments if one.number >= self._cursor.segment]
        begun = any(one.number == self._cursor.segment for one in waiting)
        count = sum(one.count for one in waiting) + self._tail.unsynced_count
        return max(0, count - (self._cursor.count if begun else 0))

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments here, the damaged ones that were kept too."""
        return sum(segment.size for segment in self._segments) + self._corrupt_bytes

    @property
    def is_high(self) -> bool:
        """Whether ``warn_share`` of ``max_bytes`` is reached."""
        return self.size_bytes >= self._warn_share * self._max_bytes

    @property
    def is_full(self) -> bool:
        """Whether the last append or the last sync was refused; `probe` tells when that is over.

        An empty spool, which nobody probes, asks by itself now and then.
        """
        since_us = self._now_us() - self._probed_us
        if self._is_refused and self.is_empty and not 0 <= since_us < PROBE_AGAIN_US:
            self.probe()
        return self._is_refused

    @property
    def _is_refused(self) -> bool:
        return self._is_append_refused or self._is_sync_refused

    @property
    def report(self) -> SpoolReport:
        """What happened since the opening."""
        return SpoolReport(
            torn_bytes=self._torn_bytes,
            losses=tuple(self._losses.values()),
            sync_failures=self._tail.sync_failures,
            notes=tuple(self._notes),
        )

    def close(self) -> None:
        """Sync and seal if the disk can, close the files, free the folder."""
        try:
            self._tail.sync()
            self._tail.seal()
        except OSError as problem:
            logger.warning("spool_not_sealed", extra={"reason": str(problem)})
        self._tail.retire()
        self._reader.close()
        self._disk.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _system_us() -> int:
    return time.time_ns() // 1000
