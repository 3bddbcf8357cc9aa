"""Segment files: their names, what is known of each, and the one that is being written."""

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from sensors.spool.disk import Disk
from sensors.spool.errors import SpoolFullError
from sensors.spool.records import HEADER_BYTES, REPEATS_PREVIOUS, pack_footer, pack_header

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SUFFIX = ".seg"
_DIGITS = 20


def segment_name(number: int) -> str:
    """File name of a segment.

    Examples
    --------
    >>> segment_name(1)
    '00000000000000000001.seg'
    """
    return f"{number:0{_DIGITS}}{SEGMENT_SUFFIX}"


def segment_number(name: str) -> int | None:
    """Number of a segment file; None for any other name."""
    stem = name.removesuffix(SEGMENT_SUFFIX)
    is_segment = stem != name and len(stem) == _DIGITS and stem.isascii() and stem.isdigit()
    return int(stem) if is_segment else None


@dataclass(slots=True)
class Segment:
    """What is known of one segment file.

    Parameters
    ----------
    number
        Place in the order; numbers are never used twice.
    size
        Bytes on disk.
    end
        Bytes that may be read: everything, or what is synced of one that this process wrote.
    count
        Records in it; 0 if not known.
    is_sealed
        Whether a footer says how many records there are.
    is_end_known
        Whether nothing is missing if the records stop at ``end`` without a footer.
    repeats_previous
        Whether it begins with what the segment before could not make durable.
    """

    number: int
    size: int
    end: int
    count: int = 0
    is_sealed: bool = False
    is_end_known: bool = False
    repeats_previous: bool = False


@dataclass(slots=True)
class Tail:
    """The segment that is being written, and what to do when the disk refuses.

    A descriptor whose fsync failed is never used again: the kernel may report the error once and
    forget the data. What was not synced yet is kept in memory until it is.
    """

    disk: Disk
    segments: list[Segment]
    now_us: Callable[[], int]
    next_number: int
    segment_bytes: int
    sync_failures: int = 0
    unsynced_count: int = 0
    unsynced_bytes: int = 0
    _segment: Segment | None = None
    _descriptor: int = -1
    _written: int = 0  # end of the last whole record, synced or not
    _unsynced: list[bytes] = field(default_factory=list)

    @property
    def segment(self) -> Segment | None:
        """The segment that is being written."""
        return self._segment

    def append(self, content: bytes, *, count: int) -> None:
        """Write these records as a whole, in a new segment where the old one is long enough.

        Raises
        ------
        SpoolFullError
            If the disk refuses; none of them is taken then.
        """
        try:
            if self._segment is None:
                self._begin_again()
            elif self._written >= self.segment_bytes:
                self._roll()
            self._write(content)
        except OSError as problem:
            raise _refused(problem) from problem
        self._unsynced.append(content)
        self.unsynced_count += count
        self.unsynced_bytes += len(content)

    def sync(self) -> None:
        """Make everything appended durable, if need be in a new segment.

        Raises
        ------
        SpoolFullError
            If that fails, too; nothing since the last successful sync is taken then.
        """
        if not self._unsynced:
            return
        try:
            self._sync_or_move()
        except OSError as problem:
            self._forget_unsynced()
            self._abandon()
            raise _refused(problem) from problem

    def leave(self) -> None:
        """Write no more into this segment.

        What was not synced stays in memory; the next sync writes it into a new segment, and tells
        whoever waits for it if that fails. A reader who comes here must not do it in their stead.
        """
        self._abandon()

    def retire(self) -> None:
        """Close the segment, which holds nothing that is still wanted."""
        if self._segment is not None:
            self._segment.is_end_known = True
            self._close()

    def seal(self) -> None:
        """Sync, write the footer and close; OSError if the disk refuses."""
        segment = self._segment
        if segment is None:
            return
        count = segment.count + self.unsynced_count
        self._write(pack_footer(count), is_record=False)
        self._sync_or_move()
        if self._segment is segment:
            segment.is_sealed = True
            self._close()

    def _roll(self) -> None:
        self.seal()
        if self._segment is None:
            self._create()

    def _begin_again(self) -> None:
        """A new segment, which begins with what is not synced yet."""
        self._create()
        try:
            if self._unsynced:
                self._write(b"".join(self._unsynced))
        except OSError:
            self._abandon()
            raise

    def _sync_or_move(self) -> None:
        if self._segment is not None:
            try:
                self.disk.fsync(self._descriptor)
            except OSError as problem:
                self._note_failure(problem)
                self._abandon()
            else:
                self._note_synced()
                return
        self._begin_again()
        try:
            self.disk.fsync(self._descriptor)
        except OSError as problem:
            self._note_failure(problem)
            self._abandon()
            raise
        self._note_synced()

    def _note_failure(self, problem: OSError) -> None:
        self.sync_failures += 1
        logger.error("spool_sync_failed", extra={"reason": str(problem)})

    def _note_synced(self) -> None:
        if self._segment is not None:
            self._segment.end = self._written
            self._segment.count += self.unsynced_count
        self._forget_unsynced()

    def _forget_unsynced(self) -> None:
        self._unsynced.clear()
        self.unsynced_count = 0
        self.unsynced_bytes = 0

    def _create(self) -> None:
        number = self.next_number
        self.next_number += 1
        is_after_unsealed = bool(self.segments) and not self.segments[-1].is_sealed
        flags = REPEATS_PREVIOUS if is_after_unsealed else 0
        segment = Segment(
            number, size=0, end=HEADER_BYTES, is_end_known=True, repeats_previous=bool(flags)
        )
        self._descriptor = self.disk.create(segment_name(number))
        self.segments.append(segment)
        self._segment, self._written = segment, 0
        try:
            self._write(pack_header(flags=flags, created_us=self.now_us()), is_record=False)
            self._written = segment.size
            self.disk.fsync_folder()
        except OSError:
            self._abandon()
            raise

    def _write(self, content: bytes, *, is_record: bool = True) -> None:
        """Append all bytes or none; OSError if the disk takes only a part."""
        segment = self._segment
        if segment is None:
            raise OSError(errno.EBADF, "no segment is open")
        rest = memoryview(content)
        try:
            while rest:
                taken = self.disk.write(self._descriptor, rest)
                segment.size += taken
                rest = rest[taken:]
        except OSError:
            self._cut_back()
            raise
        if is_record:
            self._written = segment.size

    def _cut_back(self) -> None:
        """Cut an unfinished write; where not even that works, leave the segment."""
        segment = self._segment
        if segment is None:
            return
        try:
            self.disk.truncate(self._descriptor, self._written)
            segment.size = self._written
        except OSError:
            self._abandon()

    def _abandon(self) -> None:
        """Leave the segment at what is synced of it; remove it if that is nothing."""
        segment = self._segment
        if segment is None:
            return
        is_needless = segment.end <= HEADER_BYTES
        kept = 0 if is_needless else segment.end
        try:
            self.disk.truncate(self._descriptor, kept)
            segment.size = kept
            if is_needless:
                self.disk.remove(segment_name(segment.number))
                self.segments.remove(segment)
        except OSError as problem:
            logger.warning("spool_segment_left", extra={"reason": str(problem)})
        self._close()

    def _close(self) -> None:
        self._segment = None
        try:
            self.disk.close(self._descriptor)
        except OSError as problem:
            logger.warning("spool_close_failed", extra={"reason": str(problem)})


def _refused(problem: OSError) -> SpoolFullError:
    if isinstance(problem, SpoolFullError):
        return problem
    return SpoolFullError(
        f"the spool cannot be written: {problem}; free disk space or name another spool.folder"
    )
