"""The live wire format: truth cases of the specification, and any bytes."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashboards.live import codec
from dashboards.live.codec import CONNECTION, Frame, Kind
from twin.errors import DecodeError

NEW_YEAR_MS = 1767225600000.0
REV = 0x3F9C2A10
FULL = "0001030007000000000080aa6db7794204000000102a9c3f007ffeff"
DELTA = "01010300080000000000fdaa6db7794202000000102a9c3f010000000300000050ff"
BEFORE = np.array([0x00, 0x7F, 0xFE, 0xFF], np.uint8)
AFTER = np.array([0x00, 0x50, 0xFE, 0xFF], np.uint8)

u32 = st.integers(0, 2**32 - 1)
times = st.floats(allow_nan=False, allow_infinity=False, width=64)
json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_full_frame_has_the_bytes_of_the_specification() -> None:
    data = codec.encode_full(BEFORE, channel=3, seq=7, t_ms=NEW_YEAR_MS, rev=REV)
    assert data.hex() == FULL


def test_delta_has_the_bytes_of_the_specification() -> None:
    # The truth case lists row 3 as changed to 0xff, so it held another value before.
    before = np.array([0x00, 0x7F, 0xFE, 0x01], np.uint8)
    data = codec.encode_delta(
        before, AFTER, channel=3, seq=8, t_ms=NEW_YEAR_MS + 2000, rev=codec.table_rev("3f9c2a10")
    )
    assert data.hex() == DELTA


def test_frames_of_the_specification_are_decoded() -> None:
    full = codec.decode(bytes.fromhex(FULL), features=4)
    assert (full.kind, full.channel, full.seq, full.n) == (Kind.FULL, 3, 7, 4)
    assert (full.t_ms, full.table_rev) == (NEW_YEAR_MS, REV)
    indices, values = codec.changes(codec.decode(bytes.fromhex(DELTA), features=4))
    assert indices.tolist() == [1, 3]
    assert values.tolist() == [0x50, 0xFF]


@pytest.mark.parametrize(("changed", "worthwhile"), [(0, True), (19, True), (20, False)])
def test_delta_is_sent_below_a_fifth_of_the_features(changed: int, *, worthwhile: bool) -> None:
    before = np.zeros(100, np.uint8)
    after = before.copy()
    after[:changed] = 1
    assert codec.is_delta_worthwhile(before, after) is worthwhile


def test_first_frame_and_new_table_length_are_full() -> None:
    assert not codec.is_delta_worthwhile(None, BEFORE)
    assert not codec.is_delta_worthwhile(BEFORE, np.zeros(100, np.uint8))


@given(
    values=hnp.arrays(np.uint8, st.integers(0, 50)),
    channel=st.integers(0, CONNECTION),
    seq=u32,
    t_ms=times,
    rev=u32,
)
def test_full_frame_survives_the_wire(
    values: np.ndarray, channel: int, seq: int, t_ms: float, rev: int
) -> None:
    data = codec.encode_full(values, channel=channel, seq=seq, t_ms=t_ms, rev=rev)
    frame = codec.decode(data, features=len(values))
    assert frame == Frame(Kind.FULL, channel, seq, t_ms, len(values), rev, values.tobytes())
    assert codec.encode(frame) == data


@given(st.data())
def test_full_followed_by_deltas_equals_the_last_state(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40))
    states = data.draw(st.lists(hnp.arrays(np.uint8, n), min_size=1, max_size=6))
    shown = states[0].copy()
    for seq, (before, after) in enumerate(pairwise(states)):
        wire = codec.encode_delta(before, after, channel=0, seq=seq, t_ms=0.0, rev=0)
        indices, values = codec.changes(codec.decode(wire, features=n))
        shown[indices] = values
    assert np.array_equal(shown, states[-1])


@given(st.dictionaries(st.text(), json_values))
def test_control_message_survives_the_wire(message: dict[str, object]) -> None:
    frame = codec.decode(codec.encode_control(message, t_ms=0.0))
    assert frame.channel == CONNECTION
    assert codec.message(frame) == message


@given(seq=u32, rev=u32)
def test_keyframe_request_survives_the_wire(seq: int, rev: int) -> None:
    frame = codec.decode(codec.encode_keyframe_request(channel=5, seq=seq, rev=rev))
    assert frame == Frame(Kind.KEYFRAME_REQUEST, 5, seq, 0.0, 0, rev)


@given(st.binary(max_size=200), st.none() | st.integers(0, 100))
def test_any_bytes_give_a_frame_or_a_decode_error(data: bytes, features: int | None) -> None:
    try:
        frame = codec.decode(data, features=features)
    except DecodeError:
        return
    assert codec.encode(frame) == data


@given(st.integers(0, 33), st.integers(0, 255))
def test_any_damaged_byte_gives_a_frame_or_a_decode_error(place: int, value: int) -> None:
    data = bytearray(bytes.fromhex(DELTA))
    data[place] = value
    try:
        frame = codec.decode(bytes(data), features=4)
    except DecodeError:
        return
    assert codec.encode(frame) == bytes(data)


def damaged(offset: int, value: bytes, *, frame: str = DELTA) -> bytes:
    data = bytearray(bytes.fromhex(frame))
    data[offset : offset + len(value)] = value
    return bytes(data)


def control(payload: bytes) -> bytes:
    return codec.encode(Frame(Kind.CONTROL, CONNECTION, 0, 0.0, len(payload), 0, payload))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "at least 24 bytes"),
        (bytes.fromhex(FULL)[:-1], "4 payload bytes, got 3"),
        (bytes.fromhex(FULL) + b"\0", "4 payload bytes, got 5"),
        (damaged(0, b"\x04"), "kind 4 does not travel"),
        (damaged(1, b"\x02"), "version 2 is unknown"),
        (damaged(8, b"\0\0\0\0\0\0\xf0\x7f"), "time of a frame must be finite"),
        (damaged(28, b"\x04\0\0\0"), "index 4 is outside the table of 4 features"),
        (damaged(28, b"\x01\0\0\0"), "entry 1 is 1 after 1"),
        (damaged(24, b"\x03\0\0\0\x01\0\0\0"), "indices of a delta ascend"),
        (control(b"[" * 100_000), "JSON in UTF-8"),
        (control(b"\xff"), "JSON in UTF-8"),
        (control(b"7"), "is a JSON object, got int"),
    ],
)
def test_refusal_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.decode(data, features=4)


def test_full_frame_of_another_length_is_refused() -> None:
    with pytest.raises(DecodeError, match="table has 5 features, the frame 4"):
        codec.decode(bytes.fromhex(FULL), features=5)
