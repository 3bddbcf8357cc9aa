"""Protocol buffers, as much as is needed to read a message without its generated code."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from sensors.codecs.decoder import RefusedError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10
LARGEST_FIELD = 2**29 - 1
MOST_FIELDS = 200_000
SIGN_BIT, LOW_BITS = 0x80, 0x7F
MASK_64 = 2**64 - 1


class Field(NamedTuple):
    """One field: number, wire type, and an int (varint, fixed) or the bytes."""

    number: int
    wire: int
    value: int | bytes


def fields(content: bytes) -> Iterator[Field]:
    """Fields of a message in their order; groups are refused.

    Raises
    ------
    RefusedError
        ``not_protobuf`` if the bytes end early or no field can stand there; ``too_many_items``.

    References
    ----------
    .. [1] Protocol Buffers, "Encoding" (varints, tags, length-delimited records).

    Examples
    --------
    >>> list(fields(bytes([0x08, 0x96, 0x01])))
    [Field(number=1, wire=0, value=150)]
    """
    at, count, end = 0, 0, len(content)
    while at < end:
        count += 1
        if count > MOST_FIELDS:
            raise RefusedError("too_many_items", f"more than {MOST_FIELDS} fields; send less")
        tag, at = _varint(content, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number <= LARGEST_FIELD:
            raise _broken(f"field number {number}")
        value, at = _value(content, at, wire)
        yield Field(number, wire, value)


def text(field: Field) -> str:
    """Text of a field.

    Raises
    ------
    RefusedError
        ``not_protobuf`` if it holds none, ``not_utf8`` if it cannot be read.
    """
    if not isinstance(field.value, bytes):
        raise _broken(f"field {field.number} with wire type {field.wire}, text expected")
    try:
        return field.value.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedError("not_utf8", f"field {field.number} is not UTF-8") from None


def integer(field: Field) -> int:
    """Unsigned number of a varint field; RefusedError if it is something else."""
    if field.wire != VARINT or not isinstance(field.value, int):
        raise _broken(f"field {field.number} with wire type {field.wire}, varint expected")
    return field.value


def message(field: Field) -> bytes:
    """Bytes of an inner message; RefusedError if it is something else."""
    if not isinstance(field.value, bytes):
        raise _broken(f"field {field.number} with wire type {field.wire}, bytes expected")
    return field.value


def float_32(field: Field) -> float:
    """Number of a float field; RefusedError if it is something else."""
    if field.wire != FIXED32 or not isinstance(field.value, int):
        raise _broken(f"field {field.number} with wire type {field.wire}, float expected")
    return struct.unpack("<f", field.value.to_bytes(4, "little"))[0]


def float_64(field: Field) -> float:
    """Number of a double field; RefusedError if it is something else."""
    if field.wire != FIXED64 or not isinstance(field.value, int):
        raise _broken(f"field {field.number} with wire type {field.wire}, double expected")
    return struct.unpack("<d", field.value.to_bytes(8, "little"))[0]


def _value(content: bytes, at: int, wire: int) -> tuple[int | bytes, int]:
    if wire == VARINT:
        return _varint(content, at)
    if wire == BYTES:
        length, at = _varint(content, at)
        return _taken(content, at, length), at + length
    if wire in (FIXED64, FIXED32):
        size = 8 if wire == FIXED64 else 4
        return int.from_bytes(_taken(content, at, size), "little"), at + size
    raise _broken(f"wire type {wire}")


def _taken(content: bytes, at: int, length: int) -> bytes:
    if length > len(content) - at:
        raise _broken(f"a field of {length} bytes where {len(content) - at} are left")
    return content[at : at + length]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    result = 0
    for place in range(LONGEST_VARINT):
        if at + place >= len(content):
            raise _broken("a number that ends early")
        byte = content[at + place]
        result |= (byte & LOW_BITS) << (7 * place)
        if byte < SIGN_BIT:
            return result & MASK_64, at + place + 1
    raise _broken("a number of more than 10 bytes")


def _broken(what: str) -> RefusedError:
    return RefusedError(
        "not_protobuf", f"the bytes are no protocol buffer: {what}; check the encoding"
    )
