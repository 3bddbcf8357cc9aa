"""The frame splitter: the truth case, every cut, any bytes."""

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_broker import length, packet, publish

from sensors.broker import frames
from sensors.broker.delivery import Delivery
from sensors.broker.frames import CUT_PAYLOAD_BYTES, FrameSplitter, acknowledgements
from twin.errors import DecodeError

TRUTH = bytes.fromhex("320f0003612f62000a007b2276223a317d")
MOST = 1 << 30


def split(
    stream: bytes, cuts: list[int] | None = None, *, is_five: bool = True, most: int = MOST
) -> tuple[list[Delivery], bytes]:
    """All deliveries and other packets of a stream that arrives in pieces."""
    splitter = FrameSplitter(connection=7, has_properties=is_five)
    deliveries: list[Delivery] = []
    others = b""
    for start, stop in pairwise([0, *sorted(cuts or []), len(stream)]):
        splitter.feed(stream[start:stop])
        while splitter.has_frame:
            cut = splitter.cut(received_us=5 + len(deliveries), most_messages=most)
            assert cut.size_bytes == sum(one.size_bytes for one in cut.deliveries)
            assert len(cut.deliveries) <= most
            deliveries.extend(cut.deliveries)
            others += cut.others
    return deliveries, others


def test_the_truth_case_of_the_specification() -> None:
    assert split(TRUTH) == ([Delivery(7, 10, 1, b"a/b", b'{"v":1}', 5)], b"")
    assert acknowledgements([10]) == bytes.fromhex("4002000a")


def test_a_packet_of_version_3_1_1_has_no_properties() -> None:
    found, _ = split(publish(b"t", b"\x00\x01", number=3, is_five=False), is_five=False)
    assert found == [Delivery(7, 3, 1, b"t", b"\x00\x01", 5)]


def test_properties_are_skipped_by_their_length() -> None:
    properties = b"\x26" + b"\x00\x01k" + struct.pack(">H", 200) + b"v" * 200
    body = b"\x00\x01t\x00\x09" + length(len(properties)) + properties + b"payload"
    found, _ = split(packet(0x32, body))
    assert found == [Delivery(7, 9, 1, b"t", b"payload", 5)]


def test_other_packets_pass_whole_and_in_their_order() -> None:
    pieces = [
        b"\x20\x03\x00\x00\x00",
        b"\xd0\x00",
        packet(0x34, b"\x00\x01t\x00\x01\x00" + b"x" * 200),
    ]
    found, others = split(pieces[0] + TRUTH + pieces[1] + TRUTH + pieces[2])
    assert len(found) == 2
    assert others == b"".join(pieces)


def test_a_limit_of_messages_leaves_the_rest_for_later() -> None:
    stream = b"".join(publish(b"t", b"%d" % number, number=number) for number in range(1, 100))
    assert split(stream, most=1) == split(stream)


def test_no_two_messages_have_the_same_time_of_arrival() -> None:
    found, _ = split(TRUTH * 100, [40, 500], most=7)
    assert [one.received_us for one in found] == list(range(5, 105))


def test_eight_mebibytes_pass_in_small_pieces() -> None:
    stream = publish(b"t", bytes(8 << 20), number=1) + TRUTH
    found, _ = split(stream, list(range(0, len(stream), 16_000)))
    assert [len(one.payload) for one in found] == [8 << 20, 7]


@pytest.mark.parametrize("size", [9 << 20, 10 << 20, 40 << 20])
def test_a_message_of_3_1_1_that_is_too_long_is_cut_and_what_follows_comes(size: int) -> None:
    small = publish(b"t", b"small", number=2, is_five=False)
    stream = publish(b"big", bytes(size), number=1, is_five=False) + small
    stream = small + stream
    cuts = list(range(0, len(stream), 1 << 20))
    for places in (cuts, [], [len(stream) - len(small)], [len(stream) - len(small) - 1]):
        found, _ = split(stream, places, is_five=False)
        assert [(one.topic, one.packet, one.qos) for one in found] == [
            (b"t", 2, 1),
            (b"big", 1, 1),
            (b"t", 2, 1),
        ]
        assert len(found[1].payload) == CUT_PAYLOAD_BYTES
        assert [one.received_us for one in found] == [5, 6, 7]


def test_a_message_that_is_too_long_is_not_kept_while_it_comes_nor_given_before_its_end() -> None:
    splitter = FrameSplitter(connection=7, has_properties=False)
    stream = publish(b"big", bytes(60 << 20), number=1, is_five=False)
    piece = 1 << 20
    for start in range(0, len(stream) - piece, piece):
        splitter.feed(stream[start : start + piece])
        assert splitter.cut(received_us=5, most_messages=9).deliveries == []
        assert splitter._held <= 10 << 20
    assert splitter._held == 0


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x32\xff\xff\xff\xff\x01", id="five length bytes"),
        pytest.param(b"\x32" + length(9 << 20) + b"\x00", id="longer than announced"),
        pytest.param(b"\x10" + length(9 << 20), id="another packet longer than announced"),
        pytest.param(packet(0x32, b"\x00\x00\x00\x01\x00x"), id="empty topic"),
        pytest.param(packet(0x32, b"\x00\x01t\x00\x00\x00x"), id="packet id 0"),
        pytest.param(packet(0x32, b"\x00\x09t\x00\x01\x00"), id="topic beyond the packet"),
        pytest.param(packet(0x32, b"\xff\xfft"), id="topic beyond the stream"),
        pytest.param(packet(0x30, b""), id="nothing"),
        pytest.param(packet(0x30, b"\x00\x01t"), id="no properties"),
        pytest.param(packet(0x30, b"\x00\x01t\x05x"), id="properties beyond the packet"),
        pytest.param(packet(0x30, b"\x00\x01t\xff\xff\xff\xff\x01"), id="endless properties"),
    ],
)
def test_what_is_no_message_is_refused(stream: bytes) -> None:
    with pytest.raises(DecodeError, match="broker sent"):
        split(stream)


messages = st.builds(
    lambda topic, payload, number, flags: publish(topic, payload, number=number, flags=flags),
    st.binary(min_size=1, max_size=300),
    st.binary(max_size=400),
    st.integers(0, 65535),
    st.sampled_from([0, 1, 8, 9]),
)
others = st.builds(
    packet, st.sampled_from([0x20, 0x40, 0x62, 0x90, 0xD0, 0x34]), st.binary(max_size=300)
)


@given(st.lists(messages | others, max_size=12), st.data())
def test_any_cut_of_the_stream_yields_the_same_frames(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    whole = split(stream)
    assert split(stream, cuts) == whole
    assert split(stream, cuts, most=data.draw(st.integers(1, 3))) == whole
    assert len(whole[0]) == sum(
        piece[0] in (0x30, 0x31, 0x38, 0x39, 0x32, 0x33, 0x3A, 0x3B) for piece in pieces
    )


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda some: TRUTH + b"2" + some))
def test_any_bytes_give_frames_or_the_one_error(stream: bytes) -> None:
    for is_five in (True, False):
        try:
            found, _ = split(stream, is_five=is_five)
        except DecodeError:
            continue
        assert all(one.topic and (one.packet > 0) == (one.qos > 0) for one in found)


def test_the_splitter_needs_no_mqtt_library() -> None:
    assert "import paho" not in Path(frames.__file__).read_text(encoding="utf-8")
    assert "from paho" not in Path(frames.__file__).read_text(encoding="utf-8")
