"""The bytes of the spool: header, records, footer. Pure.

A segment is a 16-byte header (``TWSP``, version, flags, created), records, and a footer once it is
sealed. A record is ``length u32 | crc32 u32 | body`` with the body ``flags u8 | received_at i64 |
source u8 + bytes | topic u16 + bytes | payload``; all numbers are big-endian. The footer looks
like a record of length zero: ``0 u32 | count u32 | crc32 u32`` (of the eight bytes before).
"""

import re
from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple, Protocol
from zlib import crc32

from twin.errors import DecodeError

MAGIC = b"TWSP"
VERSION = 1
REPEATS_PREVIOUS = 1  # header flag: begins with what the segment before could not make durable
UNKNOWN_SOURCE = ""
RETAINED = 1
REPEAT = 2

_HEADER = Struct(">4sHHq")
_FOOTER = Struct(">III")
_FRAME = Struct(">II")
_FIXED = Struct(">BqB")
_FIXED_NO_SOURCE = Struct(">BqBH")
_TOPIC_LENGTH = Struct(">H")
HEADER_BYTES = _HEADER.size
FOOTER_BYTES = _FOOTER.size
FRAME_BYTES = _FRAME.size
LEAST_BODY = _FIXED_NO_SOURCE.size
MOST_BODY = 2**28 + 2**17  # the longest MQTT packet, and our own fields
MOST_SOURCE_BYTES = 255
# A frame that could be one: the length is neither zero nor above MOST_BODY, the flags are known.
_CANDIDATE = re.compile(rb"(?=[\x00-\x10](?!\x00\x00[\x00-\x0b])[\x00-\xff]{7}[\x00-\x03])")
_MOST_CANDIDATES = 2_000


class Spoolable(Protocol):
    """What the spool takes; `sensors.broker.Delivery` is one."""

    @property
    def topic(self) -> bytes:
        """Topic as it came."""
        ...

    @property
    def payload(self) -> bytes:
        """Payload as it came."""
        ...

    @property
    def received_us(self) -> int:
        """Time of arrival [us since 1970-01-01 UTC]."""
        ...

    @property
    def is_retained(self) -> bool:
        """Whether the broker kept the message for new subscribers."""
        ...

    @property
    def is_repeat(self) -> bool:
        """Whether the broker says that it sent the message before."""
        ...


class Record(NamedTuple):
    """One message as the spool gives it back; the first five fields are those of a delivery."""

    topic: bytes
    payload: bytes
    received_us: int
    is_retained: bool = False
    is_repeat: bool = False
    source: str = UNKNOWN_SOURCE


class Header(NamedTuple):
    """Header of a segment."""

    flags: int
    created_us: int


class Found(NamedTuple):
    """What a stretch of bytes holds.

    Parameters
    ----------
    records
        Records in their order.
    end
        Offset behind the last of them.
    footer_count
        Records of the whole segment, where the footer follows; None otherwise.
    wanted_bytes
        Bytes from ``end`` on that the next record needs; 0 if nothing follows or it is bad.
    is_bad
        Whether something follows that is no record.
    """

    records: list[Record]
    end: int
    footer_count: int | None
    wanted_bytes: int
    is_bad: bool


def pack_header(*, flags: int, created_us: int) -> bytes:
    """Header of a segment."""
    return _HEADER.pack(MAGIC, VERSION, flags, created_us)


def unpack_header(content: bytes) -> Header | None:
    """Header of a segment; None if this is none, or one of another version."""
    if len(content) < HEADER_BYTES:
        return None
    magic, version, flags, created_us = _HEADER.unpack_from(content)
    return Header(flags, created_us) if (magic, version) == (MAGIC, VERSION) else None


def pack_footer(count: int) -> bytes:
    """Footer of a segment with so many records."""
    head = _FRAME.pack(0, count)
    return head + crc32(head).to_bytes(4, "big")


def unpack_footer(content: bytes) -> int | None:
    """Count that a footer names; None if these bytes are none."""
    if len(content) != FOOTER_BYTES:
        return None
    length, count, crc = _FOOTER.unpack(content)
    return count if length == 0 and crc == crc32(content[:FRAME_BYTES]) else None


def pack_records(messages: Iterable[Spoolable]) -> bytes:
    """Records of these messages, one behind the other.

    Raises
    ------
    DecodeError
        If a topic exceeds 65,535 bytes or a source 255 bytes: nothing that MQTT can deliver.

    Examples
    --------
    >>> one = Record(b"a/b", b'{"v":1}', 1_795_305_600_000_000, source="s1")
    >>> pack_records([one])[:8].hex(" ", 4)
    '00000018 0fcf7d06'
    """
    parts: list[bytes] = []
    add = parts.append
    for message in messages:
        topic, payload = message.topic, message.payload
        flags = (RETAINED if message.is_retained else 0) | (REPEAT if message.is_repeat else 0)
        source = getattr(message, "source", UNKNOWN_SOURCE)
        if source:
            head = _head_with_source(flags, message.received_us, source, topic)
        elif len(topic) <= 0xFFFF:  # noqa: PLR2004 - what two bytes can say
            head = _FIXED_NO_SOURCE.pack(flags, message.received_us, 0, len(topic))
        else:
            raise DecodeError(f"a topic has at most 65535 bytes, got {len(topic)}")
        body_crc = crc32(payload, crc32(topic, crc32(head)))
        add(_FRAME.pack(len(head) + len(topic) + len(payload), body_crc))
        add(head)
        add(topic)
        add(payload)
    return b"".join(parts)


def _head_with_source(flags: int, received_us: int, source: str, topic: bytes) -> bytes:
    name = source.encode()
    if len(name) > MOST_SOURCE_BYTES or len(topic) > 0xFFFF:  # noqa: PLR2004 - what the fields hold
        raise DecodeError(
            f"a source has at most 255 bytes and a topic 65535, got {len(name)} and {len(topic)}"
        )
    return _FIXED.pack(flags, received_us, len(name)) + name + _TOPIC_LENGTH.pack(len(topic))


def unpack_records(
    content: bytes | memoryview, *, begin: int = 0, most: int | None = None
) -> Found:
    """Records from ``begin`` on, until ``most`` of them, the end, or the first bad one."""
    view = memoryview(content)
    records: list[Record] = []
    offset, size = begin, len(view)
    while (most is None or len(records) < most) and size - offset >= FRAME_BYTES:
        length, crc = _FRAME.unpack_from(view, offset)
        if length == 0:
            return _found_footer(view, offset, records)
        if not LEAST_BODY <= length <= MOST_BODY:
            return Found(records, offset, None, 0, is_bad=True)
        end = offset + FRAME_BYTES + length
        if end > size:
            return Found(records, offset, None, end - offset, is_bad=False)
        body = view[offset + FRAME_BYTES : end]
        record = _record(body) if crc32(body) == crc else None
        if record is None:
            return Found(records, offset, None, 0, is_bad=True)
        records.append(record)
        offset = end
    is_cut_frame = 0 < size - offset < FRAME_BYTES
    return Found(records, offset, None, FRAME_BYTES if is_cut_frame else 0, is_bad=False)


def _found_footer(view: memoryview, offset: int, records: list[Record]) -> Found:
    if len(view) - offset < FOOTER_BYTES:
        return Found(records, offset, None, FOOTER_BYTES, is_bad=False)
    count = unpack_footer(bytes(view[offset : offset + FOOTER_BYTES]))
    return Found(records, offset, count, 0, is_bad=count is None)


def _record(body: memoryview) -> Record | None:
    flags, received_us, source_length = _FIXED.unpack_from(body)
    source_end = _FIXED.size + source_length
    if flags > RETAINED | REPEAT or source_end + _TOPIC_LENGTH.size > len(body):
        return None
    topic_begin = source_end + _TOPIC_LENGTH.size
    topic_end = topic_begin + _TOPIC_LENGTH.unpack_from(body, source_end)[0]
    if topic_end > len(body):
        return None
    try:
        source = str(body[_FIXED.size : source_end], "utf-8") if source_length else UNKNOWN_SOURCE
    except UnicodeDecodeError:
        return None
    return Record(
        bytes(body[topic_begin:topic_end]),
        bytes(body[topic_end:]),
        received_us,
        bool(flags & RETAINED),
        bool(flags & REPEAT),
        source,
    )


def holds_record(content: bytes | memoryview) -> bool:
    """Whether any sound record or footer lies somewhere in these bytes.

    It tells a torn write, behind which nothing follows, from damage in the middle.
    """
    view = memoryview(content)
    for tried, match in enumerate(_CANDIDATE.finditer(view)):
        if tried >= _MOST_CANDIDATES:
            return True  # so much that looks like records: rather an alarm too many
        if unpack_records(view, begin=match.start(), most=1).records:
            return True
    return unpack_footer(bytes(view[-FOOTER_BYTES:])) is not None
