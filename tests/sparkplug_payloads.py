"""Payloads of Sparkplug B, written by hand: what a node would send."""

import struct
from typing import Any

T0_MS = 1_781_510_400_000


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | float) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 1) + struct.pack("<d", value)


def metric(**parts: Any) -> bytes:
    numbers = {
        "name": 1, "alias": 2, "timestamp": 3, "datatype": 4, "historical": 5, "null": 7,
        "properties": 9, "int": 10, "long": 11, "double": 13, "boolean": 14, "string": 15,
    }  # fmt: skip
    return b"".join(
        field(numbers[name], value.encode() if isinstance(value, str) else value)
        for name, value in parts.items()
    )


def payload(*metrics: bytes, seq: int | None = 0, at_ms: int = T0_MS) -> bytes:
    content = field(1, at_ms) + b"".join(field(2, one) for one in metrics)
    return content if seq is None else content + field(3, seq)
