"""Columns of numpy to and from PostgreSQL's binary formats, without a Python object per value.

COPY BINARY after https://www.postgresql.org/docs/17/sql-copy.html, section "Binary Format".
"""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import AdaptContext, Buffer, DumperKey
from psycopg.adapt import Dumper, Loader, PyFormat
from psycopg.pq import Format

from twin.errors import StoreError
from twin.model.observations import Readings

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + bytes(8)
TRAILER = b"\xff\xff"
# PostgreSQL counts from 2000-01-01, the twin from 1970-01-01 [us].
EPOCH_SHIFT_US = 946_684_800_000_000

_FIELDS = {"t": ">i8", "v": ">f8", "ds": ">i4", "q": ">i2", "rev": ">i8"}
_READING_FIELDS = ("t", "v", "ds", "q")

_ARRAY_HEADER = struct.Struct(">iiIii")
_TEXT, _TEXT_ARRAY = 25, 1009

# Object ids of an element type and of its array type, from pg_type, by numpy's code without the
# byte order.
_ARRAYS = {
    "i2": (21, 1005),
    "i4": (23, 1007),
    "i8": (20, 1016),
    "f4": (700, 1021),
    "f8": (701, 1022),
    "M8[us]": (1184, 1185),
}
# Size and value of one element.
_PACKED = {
    code: (element, np.dtype(code).itemsize, struct.Struct(f">i{sign}").pack)
    for (code, (element, _)), sign in zip(_ARRAYS.items(), "hiqfdq", strict=True)
}
# Element type and row of an array, made once: a small array costs less than its types.
_ELEMENTS = {
    code: (element, np.dtype([("size", ">i4"), ("value", f">{code if code[0] != 'M' else 'i8'}")]))
    for code, (element, _) in _ARRAYS.items()
}


def row_type(names: Sequence[str]) -> np.dtype[np.void]:
    """Numpy type of one COPY row: field count, then length and value of each field."""
    fields = [("fields", ">i2")]
    for name in names:
        fields += [(f"{name}_size", ">i4"), (name, _FIELDS[name])]
    return np.dtype(fields)


_READING_ROW = row_type(_READING_FIELDS)


def encode_readings(readings: Readings) -> bytes:
    """Readings as a COPY BINARY stream of (t, v, ds, q): 40 bytes per row."""
    rows = np.empty(len(readings), _READING_ROW)
    rows["fields"] = len(_READING_FIELDS)
    columns = (
        readings.time_us - EPOCH_SHIFT_US,
        readings.value,
        readings.number,
        readings.quality,
    )
    for name, column in zip(_READING_FIELDS, columns, strict=True):
        rows[f"{name}_size"] = np.dtype(_FIELDS[name]).itemsize
        rows[name] = column
    return HEADER + rows.tobytes() + TRAILER


def decode_rows(stream: bytes, names: Sequence[str]) -> Mapping[str, NDArray[np.generic]]:
    """Columns of a COPY BINARY stream without NULLs; ``t`` in us since 1970-01-01 UTC.

    Raises
    ------
    StoreError
        If the stream is no such thing.
    """
    kind = row_type(names)
    start = len(HEADER) + struct.unpack_from(">i", stream, len(SIGNATURE) + 4)[0]
    body = len(stream) - start - len(TRAILER)
    if not stream.startswith(SIGNATURE) or body < 0 or body % kind.itemsize:
        raise StoreError(f"the database sent {len(stream)} bytes that are no rows of {names}")
    rows = np.frombuffer(stream, kind, count=body // kind.itemsize, offset=start)
    columns = {name: rows[name].astype(kind[name].newbyteorder("=")) for name in names}
    if "t" in columns:
        columns["t"] += EPOCH_SHIFT_US
    return columns


def array_type(kind: str) -> int:
    """Object id of the arrays of a kind of elements: numpy's code, or ``text``."""
    return _TEXT_ARRAY if kind == "text" else _ARRAYS[kind][1]


def encode_column(column: NDArray[np.generic]) -> bytes:
    """A column as an array: header, then size and value of each element."""
    code = column.dtype.str[1:]
    element, kind = _ELEMENTS[code]
    if column.dtype.kind == "M":
        column = column.view(np.int64) - EPOCH_SHIFT_US
    rows = np.empty(len(column), kind)
    rows["size"] = column.itemsize
    rows["value"] = column
    return _header(element, len(column)) + rows.tobytes()


def encode_values(kind: str, values: Sequence[float]) -> bytes:
    """A few values as `encode_column` does it, quicker than columns; times in us since 1970.

    Examples
    --------
    >>> encode_values("i2", [7]).hex(" ", -4)
    '00000001 00000000 00000015 00000001 00000001 00000002 0007'
    """
    element, size, packed = _PACKED[kind]
    if kind == "M8[us]":
        values = [value - EPOCH_SHIFT_US for value in values]
    return _header(element, len(values)) + b"".join([packed(size, value) for value in values])


def encode_texts(texts: Sequence[str]) -> bytes:
    """Texts as an array."""
    coded = [text.encode() for text in texts]
    parts = [struct.pack(">i", len(one)) + one for one in coded]
    return _header(_TEXT, len(coded)) + b"".join(parts)


def _header(element: int, count: int) -> bytes:
    if not count:
        return struct.pack(">iiI", 0, 0, element)
    return _ARRAY_HEADER.pack(1, 0, element, count, 1)


class ArrayDumper(Dumper):
    """One-dimensional numpy arrays as PostgreSQL arrays; datetime64[us] as timestamptz."""

    format = Format.BINARY

    def get_key(self, obj: NDArray[np.generic], format: PyFormat) -> DumperKey:  # noqa: A002, ARG002 - psycopg's name
        """One dumper per element type."""
        return (self.cls, type(obj.dtype))

    def upgrade(self, obj: NDArray[np.generic], format: PyFormat) -> "ArrayDumper":  # noqa: A002, ARG002 - psycopg's name
        """The dumper for this element type."""
        dumper = ArrayDumper(self.cls)
        dumper.oid = array_type(obj.dtype.str[1:])
        return dumper

    def dump(self, obj: NDArray[np.generic]) -> Buffer:
        """The array as the server reads it."""
        return encode_column(obj)


def register_arrays(context: AdaptContext | psycopg.Connection) -> None:
    """Let this connection take numpy arrays as parameters."""
    adapters = context.adapters
    if adapters is not None:
        adapters.register_dumper(np.ndarray, ArrayDumper)


class NumberArrayLoader(Loader):
    """An array of integers without NULLs as a numpy column."""

    format = Format.BINARY
    kind: np.dtype[np.signedinteger] = np.dtype(">i4")
    shift = 0

    def load(self, data: Buffer) -> NDArray[np.generic]:
        """Size and value of each element, after the header."""
        elements = np.dtype([("size", ">i4"), ("value", self.kind)])
        start = _ARRAY_HEADER.size
        if len(data) < start:
            return np.empty(0, self.kind.newbyteorder("="))
        rows = np.frombuffer(data, elements, offset=start)
        return rows["value"].astype(self.kind.newbyteorder("=")) + self.shift


class TimeArrayLoader(NumberArrayLoader):
    """An array of times without NULLs [us since 1970-01-01 UTC]."""

    kind: np.dtype[np.signedinteger] = np.dtype(">i8")
    shift = EPOCH_SHIFT_US


def register_array_loaders(cursor: psycopg.Cursor[tuple[object, ...]]) -> None:
    """Let this cursor give ``integer[]`` and ``timestamptz[]`` as numpy columns."""
    cursor.adapters.register_loader(_ARRAYS["i4"][1], NumberArrayLoader)
    cursor.adapters.register_loader(_ARRAYS["M8[us]"][1], TimeArrayLoader)
