"""From a place in the spool to records: what is sound, where it ends, what is lost."""

import errno
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sensors.spool.disk import Disk
from sensors.spool.errors import SpoolError
from sensors.spool.places import Cursor, Loss
from sensors.spool.records import (
    FOOTER_BYTES,
    HEADER_BYTES,
    UNKNOWN_SOURCE,
    Record,
    holds_record,
    pack_footer,
    unpack_footer,
    unpack_records,
)
from sensors.spool.segments import Segment, segment_name

logger = logging.getLogger(__name__)

TYPICAL_RECORD_BYTES = 128  # for an estimate where no record of the segment could be read
_FIELD = 4
_FIELDS_THAT_TELL = 2


class Ending(Enum):
    """Why a stretch ends."""

    BOUND = "a bound is reached"
    DONE = "nothing follows in this segment"
    LOST = "what follows in this segment cannot be read"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one segment from a place on; ``loss`` goes with the ending LOST."""

    records: Sequence[Record]
    cursor: Cursor
    ending: Ending
    loss: Loss | None = None


class Reader:
    """Reads segments of one folder and keeps the file of the last one open."""

    def __init__(self, disk: Disk, *, segment_bytes: int) -> None:
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._number = 0
        self._descriptor = -1

    def leave(self, *, before: int) -> None:
        """Close the file if its segment is drained: an open file keeps its room on the disk."""
        if self._number < before:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._number:
            self._number = 0
            try:
                self._disk.close(self._descriptor)
            except OSError as problem:
                logger.warning("spool_close_failed", extra={"reason": str(problem)})

    def content(self, segment: Segment, *, offset: int, most_bytes: int) -> bytes:
        """Bytes of a segment; OSError if the disk refuses twice."""
        try:
            return self._content(segment, offset=offset, most_bytes=most_bytes)
        except OSError:
            self.close()
        return self._content(segment, offset=offset, most_bytes=most_bytes)

    def _content(self, segment: Segment, *, offset: int, most_bytes: int) -> bytes:
        if self._number != segment.number:
            self.close()
            self._descriptor = self._disk.open(segment_name(segment.number))
            self._number = segment.number
        return self._disk.read(self._descriptor, offset=offset, most_bytes=max(most_bytes, 0))

    def stretch(
        self,
        segment: Segment,
        begin: Cursor,
        *,
        follower: Segment | None,
        most_messages: int,
        most_bytes: int,
    ) -> Stretch:
        """Records from ``begin`` on, as many as the bounds allow but at least one.

        Raises
        ------
        SpoolError
            If the file cannot be opened for a reason that is not its own, such as too many
            open files.
        """
        try:
            return self._stretch(
                segment,
                begin,
                follower=follower,
                most_messages=most_messages,
                most_bytes=most_bytes,
            )
        except OSError as problem:
            if problem.errno not in (errno.EIO, errno.ENOENT):
                raise SpoolError(
                    f"{segment_name(segment.number)} cannot be read: {problem}"
                ) from problem
            logger.error("spool_unreadable", extra={"reason": str(problem)})  # noqa: TRY400 - named
            return self._lost([], begin, segment, rest=b"")

    def _stretch(
        self,
        segment: Segment,
        begin: Cursor,
        *,
        follower: Segment | None,
        most_messages: int,
        most_bytes: int,
    ) -> Stretch:
        left = segment.end - begin.offset
        wanted = most_bytes
        while True:
            size = min(wanted, left)
            content = self.content(segment, offset=begin.offset, most_bytes=size)
            found = unpack_records(content, most=most_messages)
            is_cut = found.wanted_bytes > 0 and size < left and len(content) == size
            if not is_cut or found.records or found.wanted_bytes > left:
                break
            wanted = found.wanted_bytes  # one record longer than the bound
        end = Cursor(segment.number, begin.offset + found.end, begin.count + len(found.records))
        if found.footer_count is not None:
            missing = found.footer_count - end.count
            ending = Ending.LOST if missing > 0 else Ending.DONE
            loss = _loss(found.records, end, count=missing, is_estimate=False)
            return Stretch(found.records, end, ending, loss if missing > 0 else None)
        is_over = end.offset >= segment.end
        is_bound = len(found.records) == most_messages or len(content) == size < left
        if found.records and is_bound and not is_over and not found.is_bad:
            return Stretch(found.records, end, Ending.BOUND)
        if is_over and (segment.is_end_known or follower is None or follower.repeats_previous):
            return Stretch(found.records, end, Ending.DONE)
        rest = b""
        if not is_over:
            rest = self.content(segment, offset=end.offset, most_bytes=segment.size - end.offset)
            if not _is_loss(segment, end, rest, follower):
                return Stretch(found.records, end, Ending.DONE)
        return self._lost(found.records, end, segment, rest=rest)

    def _lost(
        self, records: Sequence[Record], end: Cursor, segment: Segment, *, rest: bytes
    ) -> Stretch:
        sealed = segment.count if segment.is_end_known else unpack_footer(rest[-FOOTER_BYTES:])
        if sealed is None and segment.is_sealed:
            sealed = segment.count
        if sealed is not None and sealed > end.count:
            loss = _loss(records, end, count=sealed - end.count, is_estimate=False)
        else:
            mean = (end.offset - HEADER_BYTES) / end.count if end.count else TYPICAL_RECORD_BYTES
            size = len(rest) or max(segment.size, self._segment_bytes) - end.offset
            loss = _loss(records, end, count=max(1, round(size / mean)), is_estimate=True)
        return Stretch(records, end, Ending.LOST, loss)


def _loss(records: Sequence[Record], end: Cursor, *, count: int, is_estimate: bool) -> Loss:
    sources = {record.source for record in records}
    source = sources.pop() if len(sources) == 1 else UNKNOWN_SOURCE
    return Loss(end.segment, end.offset, count, is_estimate, source)


def _is_loss(segment: Segment, end: Cursor, rest: bytes, follower: Segment | None) -> bool:
    """Whether bytes that are no record stand for records that were promised."""
    if segment.is_end_known:
        return True
    if len(rest) == FOOTER_BYTES:
        sound = pack_footer(end.count)
        fields = range(0, FOOTER_BYTES, _FIELD)
        equal = sum(rest[at : at + _FIELD] == sound[at : at + _FIELD] for at in fields)
        if equal >= _FIELDS_THAT_TELL:
            return False  # only the footer is damaged; all records that it counts were read
    is_torn = follower is None or follower.repeats_previous
    return not is_torn or holds_record(rest)
