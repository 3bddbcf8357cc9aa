"""Binary tables (``TWT1``): geometry and series in one container, little-endian.

::

    0      4 bytes ``TWT1``
    4      u32 H, length of the JSON header, padded with spaces so that 8 + H is a multiple of 8
    8      JSON UTF-8: name, n, origin, columns [{name, dtype, size, offset, length}], meta
    8 + H  columns, each starting at a multiple of 8; offset and length count bytes from 8 + H

``size`` is the number of components per row (2 for ``xy``). A text column ``id`` is two columns on
the wire: ``id`` (u8, the UTF-8 bytes) and ``id.start`` (u32[n + 1], where each text begins).

Longitude and latitude travel as f32 **offsets** from ``origin`` (f64): absolute degrees in f32
would have steps of 0.4 m at latitude 51.
"""

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import DecodeError, ModelError

MAGIC = b"TWT1"
START = ".start"
MAX_SIZE = 16
"""Most components per row."""
_HEAD = struct.Struct("<4sI")
_DTYPES: dict[str, np.dtype[np.generic]] = {
    "u8": np.dtype("u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "i32": np.dtype("<i4"),
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

Column = NDArray[np.generic] | Sequence[str]
Origin = tuple[float, float]
Ring = ArrayLike
"""Longitude and latitude per vertex, shape (vertices, 2), in degrees."""


@dataclass(frozen=True, slots=True)
class Table:
    """A decoded table: arrays by name, texts as tuples of ``str``."""

    name: str
    n: int
    origin: Origin | None
    columns: Mapping[str, NDArray[np.generic] | tuple[str, ...]]
    meta: Mapping[str, object] = field(default_factory=dict)


def encode_table(
    name: str,
    columns: Mapping[str, Column],
    origin: Origin | None = None,
    *,
    meta: Mapping[str, object] | None = None,
) -> bytes:
    """Bytes of a table.

    Parameters
    ----------
    name
        Name of the table, repeated in every error about it.
    columns
        Arrays of dtype u8, u16, u32, i32, f32 or f64, one- or two-dimensional, or sequences of
        ``str``. The number of rows ``n`` is the length of ``id``, else that of ``start`` less
        one, else that of the first column.
    origin
        Longitude and latitude to add to ``xy`` [degree]; see :func:`path_columns`.
    meta
        Facts for the reader, such as unit and provenance; anything JSON can hold.

    Raises
    ------
    ModelError
        If a column has another dtype or shape; names it.
    """
    arrays = dict(_arrays(name, columns))
    described: list[dict[str, object]] = []
    chunks: list[bytes] = []
    offset = 0
    for column, array in arrays.items():
        data = array.tobytes()
        described.append(
            {
                "name": column,
                "dtype": _NAMES[array.dtype],
                "size": 1 if array.ndim == 1 else array.shape[1],
                "offset": offset,
                "length": len(data),
            }
        )
        chunks.append(data + bytes(-len(data) % 8))
        offset += len(chunks[-1])
    header: dict[str, object] = {
        "name": name,
        "n": _rows(columns),
        "origin": None if origin is None else list(origin),
        "columns": described,
    }
    if meta is not None:
        header["meta"] = dict(meta)
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(_HEAD.size + len(text)) % 8)
    return b"".join([_HEAD.pack(MAGIC, len(text)), text, *chunks])


def _rows(columns: Mapping[str, Column]) -> int:
    if "id" in columns:
        return len(columns["id"])
    if "start" in columns:
        return len(columns["start"]) - 1
    return len(next(iter(columns.values()))) if columns else 0


def _arrays(name: str, columns: Mapping[str, Column]) -> list[tuple[str, NDArray[np.generic]]]:
    arrays: list[tuple[str, NDArray[np.generic]]] = []
    for column, values in columns.items():
        if not isinstance(values, np.ndarray):
            texts = [text.encode() for text in values]
            arrays.append((column, np.frombuffer(b"".join(texts), dtype="u1")))
            starts = np.cumsum([0, *map(len, texts)], dtype="<u4")
            arrays.append((column + START, starts))
            continue
        array = np.ascontiguousarray(values)
        dtype = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
        if dtype not in _NAMES or array.ndim not in (1, 2):
            raise ModelError(
                f"table {name}: column {column} has dtype {array.dtype} and {array.ndim} "
                f"dimensions; use one of {', '.join(_DTYPES)} in one or two dimensions"
            )
        arrays.append((column, array.astype(dtype, copy=False)))
    return arrays


def table_version(body: bytes) -> str:
    """Version of an encoded table: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(body).hexdigest()[:16]


def decode_table(data: bytes, *, source: str = "table") -> Table:
    """Table that the bytes hold.

    Parameters
    ----------
    data
        The whole table.
    source
        What to call it in an error until its own name is known (address or file).

    Raises
    ------
    DecodeError
        If the bytes are not one whole table; names the table and the column.
    """
    header, base = _header(data, source)
    name, n, origin = header.get("name"), _count(header.get("n")), header.get("origin")
    described, meta = header.get("columns"), header.get("meta", {})
    if not isinstance(name, str) or n is None or not isinstance(described, list):
        raise DecodeError(f"{source}: the header needs name, n and columns")
    if not isinstance(meta, dict):
        raise DecodeError(f"{name}: meta must be a JSON object")
    arrays = dict(_column(data[base:], entry, name) for entry in described)
    return Table(name, n, _origin(origin, name), _join_texts(arrays, name), meta)


def _header(data: bytes, source: str) -> tuple[dict[str, object], int]:
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise DecodeError(f"{source}: not a TWT1 table, it starts with {bytes(data[:4])!r}")
    base = _HEAD.size + _HEAD.unpack_from(data)[1]
    if base > len(data) or base % 8:
        raise DecodeError(
            f"{source}: header of {base - _HEAD.size} bytes does not fit {len(data)} bytes"
        )
    try:
        header = json.loads(bytes(data[_HEAD.size : base]).decode())
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{source}: the header must be JSON in UTF-8: {error}") from error
    if not isinstance(header, dict):
        raise DecodeError(f"{source}: the header must be a JSON object")
    return header, base


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _column(body: bytes, entry: object, name: str) -> tuple[str, NDArray[np.generic]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise DecodeError(f"{name}: a column without a name")
    column = entry["name"]
    size, offset, length = (_count(entry.get(key)) for key in ("size", "offset", "length"))
    dtype = _DTYPES.get(str(entry.get("dtype")))
    if dtype is None or not size or size > MAX_SIZE or offset is None or length is None:
        raise DecodeError(f"{name}: column {column} has a bad dtype, size, offset or length")
    if offset % 8 or offset + length > len(body):
        raise DecodeError(
            f"{name}: column {column} at {offset} with {length} bytes is outside the body of "
            f"{len(body)} bytes or not at a multiple of 8"
        )
    if length % (dtype.itemsize * size):
        raise DecodeError(f"{name}: column {column} ends within a row")
    flat = np.frombuffer(body, dtype, length // dtype.itemsize, offset)
    return column, flat if size == 1 else flat.reshape(-1, size)


def _origin(origin: object, name: str) -> Origin | None:
    if origin is None:
        return None
    if isinstance(origin, list) and len(origin) == 2:  # noqa: PLR2004 - longitude and latitude
        lon, lat = origin
        if all(isinstance(v, int | float) and abs(v) <= 360 for v in (lon, lat)):  # noqa: PLR2004 - degrees of a full turn
            return float(lon), float(lat)
    raise DecodeError(f"{name}: the origin must be longitude and latitude, got {origin!r}")


def _join_texts(
    arrays: Mapping[str, NDArray[np.generic]], name: str
) -> dict[str, NDArray[np.generic] | tuple[str, ...]]:
    columns: dict[str, NDArray[np.generic] | tuple[str, ...]] = {}
    for column, array in arrays.items():
        if column.endswith(START) and column.removesuffix(START) in arrays:
            continue
        starts = arrays.get(column + START)
        columns[column] = array if starts is None else _texts(array, starts, f"{name}: {column}")
    return columns


def _texts(data: NDArray[np.generic], starts: NDArray[np.generic], where: str) -> tuple[str, ...]:
    bounds = starts.astype(np.int64)
    ordered = bounds.ndim == 1 and bounds.size > 0 and bool(np.all(np.diff(bounds) >= 0))
    if not ordered or bounds[0] != 0 or bounds[-1] != data.size:
        raise DecodeError(f"{where} has starts that do not cover its bytes")
    raw = data.astype(np.uint8).tobytes()
    try:
        return tuple(raw[a:b].decode() for a, b in pairwise(bounds))
    except UnicodeDecodeError as error:
        raise DecodeError(f"{where} is not UTF-8: {error}") from error


def path_columns(paths: Sequence[Ring], origin: Origin) -> dict[str, NDArray[np.generic]]:
    """Columns ``start`` and ``xy`` of lines, one per feature.

    Raises
    ------
    ModelError
        If a line is not an array of shape (vertices, 2) with finite degrees; names its row.
    """
    arrays = [_vertices(path, row) for row, path in enumerate(paths)]
    start = np.cumsum([0, *map(len, arrays)], dtype="<u4")
    points = np.concatenate(arrays) if arrays else np.empty((0, 2))
    return {"start": start, "xy": (points - np.asarray(origin)).astype("<f4")}


def polygon_columns(
    rings: Sequence[Ring], origin: Origin, *, height_m: ArrayLike | None = None
) -> dict[str, NDArray[np.generic]]:
    """Columns ``start``, ``xy`` and ``height`` of polygons without holes, one per feature.

    The rings come out closed and clockwise, as deck.gl's ``_normalize=False`` wants them.
    """
    arrays = [_closed_clockwise(_vertices(ring, row)) for row, ring in enumerate(rings)]
    columns = path_columns(arrays, origin)
    if height_m is not None:
        columns["height"] = np.asarray(height_m, dtype="<f4")
    return columns


def point_columns(points: ArrayLike, origin: Origin) -> dict[str, NDArray[np.generic]]:
    """Column ``xy`` of points, one per feature."""
    return {"xy": (_vertices(points, 0) - np.asarray(origin)).astype("<f4")}


def _vertices(line: ArrayLike, row: int) -> NDArray[np.float64]:
    array = np.asarray(line, dtype=np.float64).reshape(-1, 2) if np.size(line) else np.empty((0, 2))
    if not np.all(np.isfinite(array)):
        raise ModelError(f"geometry in row {row} has a coordinate that is not a number; mend it")
    return array


def _closed_clockwise(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(ring) and not np.array_equal(ring[0], ring[-1]):
        ring = np.vstack([ring, ring[:1]])
    x, y = (ring - ring[:1]).T
    doubled_area = float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return ring[::-1] if doubled_area > 0 else ring
