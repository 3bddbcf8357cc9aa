"""Live wire format, version 1: one binary frame per channel and tick.

Every frame starts with 24 bytes, little-endian::

    0  u8   kind      0 full, 1 delta, 2 keyframe request, 3 control
    1  u8   version   1
    2  u16  channel   number from the ``hello`` message; 0xFFFF is the connection itself
    4  u32  seq       per channel, +1 per encoded tick, wraps
    8  f64  t_ms      newest phenomenon time in the state, ms since 1970 UTC
    16 u32  n         features, changes or bytes
    20 u32  table_rev first 8 hex digits of the table version

Payload: full ``u8[n]``; delta ``u32 index[n]`` ascending, then ``u8 value[n]``; control ``n``
bytes of JSON. Kind 2 has none and travels from client to server.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from twin.errors import DecodeError

VERSION = 1
CONNECTION = 0xFFFF
"""Channel number of frames that concern the whole connection."""

_HEADER = struct.Struct("<BBHIdII")
_INDEX = np.dtype("<u4")


class Kind(IntEnum):
    """Kinds of frame on the WebSocket; 4 (replay) travels over HTTP, 5 and 6 are reserved."""

    FULL = 0
    DELTA = 1
    KEYFRAME_REQUEST = 2
    CONTROL = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``payload`` is as on the wire. Use :func:`changes` and :func:`message`."""

    kind: Kind
    channel: int
    seq: int
    t_ms: float
    n: int
    table_rev: int
    payload: bytes = b""


def table_rev(version: str) -> int:
    """Revision of a table as it stands in the header, from its version (16 hex digits)."""
    return int(version[:8], 16)


def encode(frame: Frame) -> bytes:
    """Bytes of a frame."""
    head = _HEADER.pack(
        frame.kind, VERSION, frame.channel, frame.seq, frame.t_ms, frame.n, frame.table_rev
    )
    return head + frame.payload


def encode_full(
    values: NDArray[np.uint8], *, channel: int, seq: int, t_ms: float, rev: int
) -> bytes:
    """Bytes of a frame with the value of every feature."""
    payload = np.ascontiguousarray(values, dtype=np.uint8).tobytes()
    return encode(Frame(Kind.FULL, channel, seq, t_ms, len(payload), rev, payload))


def encode_delta(
    previous: NDArray[np.uint8],
    values: NDArray[np.uint8],
    *,
    channel: int,
    seq: int,
    t_ms: float,
    rev: int,
) -> bytes:
    """Bytes of a frame with the features whose value differs from the frame before."""
    rows = np.flatnonzero(previous != values).astype(_INDEX)
    payload = rows.tobytes() + np.asarray(values, dtype=np.uint8)[rows].tobytes()
    return encode(Frame(Kind.DELTA, channel, seq, t_ms, rows.size, rev, payload))


def is_delta_worthwhile(previous: NDArray[np.uint8] | None, values: NDArray[np.uint8]) -> bool:
    """Whether fewer than a fifth of the features changed, so that a delta is the smaller frame."""
    if previous is None or previous.shape != values.shape:
        return False
    return 5 * int(np.count_nonzero(previous != values)) < values.size


def encode_control(message: Mapping[str, object], *, t_ms: float, seq: int = 0) -> bytes:
    """Bytes of a control message such as ``{"op": "tick", ...}``."""
    payload = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = payload.encode()
    return encode(Frame(Kind.CONTROL, CONNECTION, seq, t_ms, len(data), 0, data))


def encode_keyframe_request(*, channel: int, seq: int, rev: int, t_ms: float = 0.0) -> bytes:
    """Bytes with which a client asks for a full frame of a channel; ``seq`` is its last one."""
    return encode(Frame(Kind.KEYFRAME_REQUEST, channel, seq, t_ms, 0, rev))


def decode(data: bytes, *, features: int | None = None) -> Frame:
    """Frame that the bytes hold.

    Parameters
    ----------
    data
        One whole WebSocket message.
    features
        Length of the channel's table, if known; then the indices are checked against it.

    Raises
    ------
    DecodeError
        If the bytes are not exactly one frame of version 1.
    """
    if len(data) < _HEADER.size:
        raise DecodeError(f"a frame has at least {_HEADER.size} bytes, got {len(data)}")
    code, version, channel, seq, t_ms, n, rev = _HEADER.unpack_from(data)
    if version != VERSION:
        raise DecodeError(f"live format version {version} is unknown; reload the page")
    if code not in tuple(Kind):
        raise DecodeError(f"frame kind {code} does not travel over the live socket")
    if not math.isfinite(t_ms):
        raise DecodeError(f"the time of a frame must be finite, got {t_ms}")
    frame = Frame(Kind(code), channel, seq, t_ms, n, rev, bytes(data[_HEADER.size :]))
    _check_payload(frame, features)
    return frame


def changes(frame: Frame) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Feature indices and value bytes of a full or delta frame.

    Raises
    ------
    DecodeError
        If the frame carries no values.
    """
    if frame.kind == Kind.FULL:
        return np.arange(frame.n, dtype=np.uint32), np.frombuffer(frame.payload, np.uint8)
    if frame.kind == Kind.DELTA:
        indices = np.frombuffer(frame.payload, _INDEX, frame.n).astype(np.uint32)
        return indices, np.frombuffer(frame.payload, np.uint8, offset=4 * frame.n)
    raise DecodeError(f"a frame of kind {frame.kind.name} carries no values")


def message(frame: Frame) -> dict[str, object]:
    """JSON object of a control frame.

    Raises
    ------
    DecodeError
        If the frame is of another kind or does not hold a JSON object.
    """
    if frame.kind != Kind.CONTROL:
        raise DecodeError(f"a frame of kind {frame.kind.name} carries no message")
    try:
        parsed = json.loads(frame.payload.decode())
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"a control frame must hold JSON in UTF-8: {error}") from error
    if not isinstance(parsed, dict):
        raise DecodeError(f"a control message is a JSON object, got {type(parsed).__name__}")
    return parsed


def _check_payload(frame: Frame, features: int | None) -> None:
    expected = {
        Kind.FULL: frame.n,
        Kind.DELTA: 5 * frame.n,
        Kind.KEYFRAME_REQUEST: 0,
        Kind.CONTROL: frame.n,
    }[frame.kind]
    if len(frame.payload) != expected:
        raise DecodeError(
            f"a {frame.kind.name} frame with n = {frame.n} has {expected} payload bytes, "
            f"got {len(frame.payload)}"
        )
    if frame.kind == Kind.KEYFRAME_REQUEST and frame.n != 0:
        raise DecodeError(f"a keyframe request has n = 0, got {frame.n}")
    if frame.kind == Kind.FULL and features is not None and frame.n != features:
        raise DecodeError(f"the table has {features} features, the frame {frame.n}")
    if frame.kind == Kind.DELTA:
        _check_indices(changes(frame)[0], features)
    if frame.kind == Kind.CONTROL:
        message(frame)


def _check_indices(indices: NDArray[np.uint32], features: int | None) -> None:
    unsorted = indices[1:] <= indices[:-1]
    if unsorted.any():
        row = int(np.argmax(unsorted)) + 1
        raise DecodeError(
            f"the indices of a delta ascend, but entry {row} is {indices[row]} "
            f"after {indices[row - 1]}"
        )
    if features is not None and indices.size and int(indices[-1]) >= features:
        raise DecodeError(f"index {indices[-1]} is outside the table of {features} features")
