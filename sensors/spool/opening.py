"""What lies in the folder when the spool is opened, and the repair of an unfinished write."""

import logging
from dataclasses import dataclass, field
from zlib import crc32

from sensors.spool.disk import Disk
from sensors.spool.places import Cursor, start_of
from sensors.spool.records import (
    FOOTER_BYTES,
    HEADER_BYTES,
    REPEATS_PREVIOUS,
    holds_record,
    pack_footer,
    unpack_footer,
    unpack_header,
    unpack_records,
)
from sensors.spool.segments import Segment, segment_name, segment_number

logger = logging.getLogger(__name__)

CURSOR_FILE = "cursor"
CURSOR_DRAFT = "cursor.draft"
PROBE_FILE = "probe"
CORRUPT_SUFFIX = ".corrupt"
_CURSOR_FIELDS = 4


@dataclass(slots=True)
class Stock:
    """What is there: segments in their order, cursor, bytes of damaged files, notes."""

    segments: list[Segment] = field(default_factory=list)
    cursor: Cursor = field(default_factory=lambda: start_of(1))
    next_number: int = 1
    corrupt_bytes: int = 0
    torn_bytes: int = 0
    notes: list[str] = field(default_factory=list)


def pack_cursor(cursor: Cursor) -> bytes:
    """Content of the cursor file.

    Examples
    --------
    >>> unpack_cursor(pack_cursor(Cursor(3, 16, 0)))
    Cursor(segment=3, offset=16, count=0)
    >>> unpack_cursor(b"3 17 0 12345678") is None
    True
    """
    text = b"%d %d %d" % cursor
    return text + b" %08x\n" % crc32(text)


def unpack_cursor(content: bytes) -> Cursor | None:
    """Cursor that a file names; None if it is damaged."""
    text, _, crc = content.rstrip(b"\n").rpartition(b" ")
    if crc != b"%08x" % crc32(text):
        return None
    fields = text.split(b" ")
    if len(fields) != _CURSOR_FIELDS - 1 or not all(one.isdigit() for one in fields):
        return None
    return Cursor(*(int(one) for one in fields))


def take_stock(disk: Disk) -> Stock:
    """Look through the folder, drop what is drained, repair the end; OSError if that fails."""
    stock = Stock()
    names = disk.names()
    for name in (CURSOR_DRAFT, PROBE_FILE):
        if name in names:
            disk.remove(name)
    numbers = sorted(number for name in names if (number := segment_number(name)) is not None)
    corrupt = [name for name in names if name.endswith(CORRUPT_SUFFIX)]
    stock.corrupt_bytes = sum(_size(disk, name) for name in corrupt)
    stock.cursor = _stored_cursor(disk, names, numbers, stock)
    taken = [int(name[:20]) for name in corrupt if name[:20].isdigit()]
    is_inside = stock.cursor.offset > HEADER_BYTES
    stock.next_number = max(
        [*(number + 1 for number in [*numbers, *taken]), stock.cursor.segment + is_inside]
    )
    for number in numbers:
        if number < stock.cursor.segment:
            disk.remove(segment_name(number))
        else:
            stock.segments.append(_segment(disk, number))
    if stock.segments:
        _repair_last(disk, stock)
    return stock


def _stored_cursor(disk: Disk, names: list[str], numbers: list[int], stock: Stock) -> Cursor:
    first = start_of(numbers[0] if numbers else 1)
    if CURSOR_FILE not in names:
        return first
    descriptor = disk.open(CURSOR_FILE)
    try:
        cursor = unpack_cursor(disk.read(descriptor, offset=0, most_bytes=200))
    finally:
        disk.close(descriptor)
    if cursor is None:
        stock.notes.append("the cursor is damaged: everything is stored again, which adds no row")
        return first
    return cursor


def _size(disk: Disk, name: str) -> int:
    descriptor = disk.open(name)
    try:
        return disk.size(descriptor)
    finally:
        disk.close(descriptor)


def _segment(disk: Disk, number: int) -> Segment:
    descriptor = disk.open(segment_name(number))
    try:
        size = disk.size(descriptor)
        head = disk.read(descriptor, offset=0, most_bytes=HEADER_BYTES)
        begin = max(size - FOOTER_BYTES, HEADER_BYTES)
        footer = disk.read(descriptor, offset=begin, most_bytes=FOOTER_BYTES)
    finally:
        disk.close(descriptor)
    header = unpack_header(head)
    count = unpack_footer(footer)
    return Segment(
        number,
        size=size,
        end=size,
        count=count or 0,
        is_sealed=count is not None,
        repeats_previous=header is not None and bool(header.flags & REPEATS_PREVIOUS),
    )


def _repair_last(disk: Disk, stock: Stock) -> None:
    """Cut a torn write from the last segment and seal it; leave damage to the reader."""
    segment = stock.segments[-1]
    begin = start_of(segment.number)
    if stock.cursor.segment == segment.number:
        begin = stock.cursor
    if begin.offset > segment.size > HEADER_BYTES:
        stock.notes.append(f"{segment_name(segment.number)} is shorter than what was read of it")
        segment.is_end_known = True
        return
    descriptor = disk.open(segment_name(segment.number))
    try:
        content = disk.read(descriptor, offset=begin.offset, most_bytes=segment.size)
        found = unpack_records(content)
        if found.footer_count is not None:
            return
        rest = content[found.end :]
        if rest and holds_record(rest):
            return  # sound records behind a bad one: no torn write
        end = begin.offset + found.end
        segment.count = begin.count + len(found.records)
        segment.is_sealed = False
        if end > HEADER_BYTES and segment.size > HEADER_BYTES:
            stock.torn_bytes += len(rest)
            _seal(disk, descriptor, segment, end=end)
            return
    finally:
        disk.close(descriptor)
    stock.torn_bytes += segment.size
    disk.remove(segment_name(segment.number))
    stock.segments.remove(segment)


def _seal(disk: Disk, descriptor: int, segment: Segment, *, end: int) -> None:
    """Give the segment its footer, so that nothing is ever appended to it again."""
    segment.end = end
    segment.is_end_known = True
    try:
        disk.truncate(descriptor, end)
        segment.size = end
        footer = pack_footer(segment.count)
        written = disk.write(descriptor, footer)
        segment.size += written
        if written == len(footer):
            disk.fsync(descriptor)
            segment.is_sealed = True
    except OSError as problem:
        logger.warning("spool_segment_not_sealed", extra={"reason": str(problem)})
