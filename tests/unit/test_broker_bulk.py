"""The layer between paho and its socket, over a pair of sockets."""

import socket
from collections.abc import Iterator

import pytest
from scripted_broker import packet, publish

from sensors.broker.bulk import BulkClient, BulkSocket, missing_hooks, pending
from sensors.broker.delivery import Room
from sensors.broker.frames import FrameSplitter
from twin.errors import DecodeError

PINGRESP = b"\xd0\x00"


class KeepsBack:
    """A wire that takes a packet in part and keeps the rest, as the WebSocket of paho does."""

    def __init__(self, times: int) -> None:
        self._times = times

    def recv(self, buffer_size: int) -> bytes:
        del buffer_size
        raise BlockingIOError

    def send(self, buffer: bytes | bytearray) -> int:
        self._times -= 1
        return 0 if self._times >= 0 else len(buffer)

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None: ...  # noqa: FBT001 - the signature of sockets

    def pending(self) -> int:
        return 3


@pytest.fixture
def ends() -> Iterator[tuple[BulkSocket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(0.0)
        yield BulkSocket(here, FrameSplitter(connection=1, has_properties=True)), there


def fill(layer: BulkSocket, messages: int = 100, size_bytes: int = 1 << 20) -> list[bytes]:
    frames = layer.fill(Room(messages, size_bytes), received_us=0)
    return [one.payload for one in frames.deliveries]


def test_messages_stay_here_and_the_rest_goes_to_paho(
    ends: tuple[BulkSocket, socket.socket],
) -> None:
    layer, there = ends
    there.sendall(PINGRESP + publish(b"t", b"1", number=1) + packet(0x40, b"\x00\x05"))
    assert fill(layer) == [b"1"]
    assert layer.has_packets
    assert [layer.recv(1), layer.recv(100)] == [b"\xd0", b"\x00\x40\x02\x00\x05"]
    assert not layer.has_packets
    with pytest.raises(BlockingIOError):
        layer.recv(1)


def test_what_finds_no_room_waits_and_shows(ends: tuple[BulkSocket, socket.socket]) -> None:
    layer, there = ends
    there.sendall(b"".join(publish(b"t", b"%d" % row) for row in range(5)))
    assert fill(layer, 2) == [b"0", b"1"]
    assert layer.pending() > 0
    assert fill(layer, 2) + fill(layer, 2) == [b"2", b"3", b"4"]
    assert layer.pending() == 0


def test_a_read_takes_no_more_bytes_than_there_is_room_for(
    ends: tuple[BulkSocket, socket.socket],
) -> None:
    layer, there = ends
    there.sendall(b"".join(publish(b"t", b"x" * 93) for _ in range(50)))
    assert len(fill(layer, 100, 1000)) == 10
    assert layer.pending() > 0
    assert len(fill(layer)) == 40


def test_the_end_is_told_after_all_packets(ends: tuple[BulkSocket, socket.socket]) -> None:
    layer, there = ends
    there.sendall(publish(b"t", b"last") + PINGRESP)
    there.close()
    assert fill(layer) == [b"last"]
    assert [layer.recv(9), layer.recv(9)] == [PINGRESP, b""]
    assert layer.has_packets


def test_bytes_that_are_no_mqtt_are_an_error(ends: tuple[BulkSocket, socket.socket]) -> None:
    layer, there = ends
    there.sendall(b"\x32\xff\xff\xff\xff\x7f")
    with pytest.raises(DecodeError):
        fill(layer)


def test_a_write_that_the_wire_keeps_in_part_is_repeated() -> None:
    layer = BulkSocket(KeepsBack(2), FrameSplitter(connection=1, has_properties=True))
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            layer.send(b"packet")
    assert layer.send(b"packet") == 6
    assert layer.pending() == pending(KeepsBack(0)) == 3


def test_hooks_that_are_missing_are_named() -> None:
    assert missing_hooks(BulkClient) == []
    assert missing_hooks(object) == ["_create_socket", "_packet_queue"]
