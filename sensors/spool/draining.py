"""What happens to files once their records are stored; none of it may fail the ingester."""

import logging
from collections.abc import Mapping

from sensors.spool.disk import Disk
from sensors.spool.opening import CORRUPT_SUFFIX, CURSOR_DRAFT, CURSOR_FILE, pack_cursor
from sensors.spool.places import Cursor, Loss
from sensors.spool.segments import SEGMENT_SUFFIX, Segment, segment_name

logger = logging.getLogger(__name__)


def write_file(disk: Disk, name: str, content: bytes) -> None:
    """Write a whole file and make it durable; OSError if the disk refuses."""
    descriptor = disk.create(name)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[disk.write(descriptor, rest) :]
        disk.fsync(descriptor)
    finally:
        disk.close(descriptor)


def remove_file(disk: Disk, name: str) -> bool:
    """Remove a file; whether that worked."""
    try:
        disk.remove(name)
    except OSError as problem:
        logger.warning("spool_file_left", extra={"file": name, "reason": str(problem)})
        return False
    return True


def store_cursor(disk: Disk, cursor: Cursor) -> bool:
    """Replace the cursor file at once; whether that worked. A crash may leave the older one."""
    try:
        write_file(disk, CURSOR_DRAFT, pack_cursor(cursor))
        disk.rename(CURSOR_DRAFT, CURSOR_FILE)
        disk.fsync_folder()
    except OSError as problem:
        logger.warning("spool_cursor_behind", extra={"reason": str(problem)})
        return False
    return True


def delete_drained(disk: Disk, segments: list[Segment], *, cursor: Cursor) -> None:
    """Delete the segments before the cursor and forget them."""
    for segment in [one for one in segments if one.number < cursor.segment]:
        if remove_file(disk, segment_name(segment.number)):
            segments.remove(segment)


def keep_damaged(
    disk: Disk, segments: list[Segment], *, cursor: Cursor, losses: Mapping[int, Loss]
) -> int:
    """Rename drained segments with damage, so that a person can look; return their bytes.

    The new name says at which offset the damage begins. Renaming needs no room on the disk.
    """
    kept_bytes = 0
    for segment in [one for one in segments if one.number < cursor.segment]:
        loss = losses.get(segment.number)
        if loss is None:
            continue
        name = segment_name(segment.number)
        kept = f"{name.removesuffix(SEGMENT_SUFFIX)}.{loss.offset}{CORRUPT_SUFFIX}"
        try:
            disk.rename(name, kept)
        except OSError as problem:
            facts = {"segment": name, "reason": str(problem)}
            logger.warning("spool_damaged_segment_dropped", extra=facts)
            continue
        segments.remove(segment)
        kept_bytes += segment.size
    return kept_bytes
