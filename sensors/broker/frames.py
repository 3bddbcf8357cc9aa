"""MQTT frames out of a stream of bytes, in bulk: messages for us, all other packets as they are.

Pure: bytes in, tuples out. Nothing here knows a socket or a client library.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sensors.broker.delivery import Delivery
from twin.errors import DecodeError

MAXIMUM_PACKET_BYTES = 9 * 1024 * 1024
CUT_PAYLOAD_BYTES = 8 * 1024 * 1024 + 1  # more than any codec accepts
_PUBACK_HEADER = 0x4002
_LONG = 128  # a length byte from here on is followed by another one
_MOST_LENGTH_BYTES = 4
_SHORTEST_HEAD = 2
# first byte of a PUBLISH that is cut out here: QoS, retained, repeated
_FLAGS = {
    0x30 | repeat << 3 | qos << 1 | retained: (qos, bool(retained), bool(repeat))
    for repeat in (0, 1)
    for qos in (0, 1)
    for retained in (0, 1)
}
_MISFIT = (
    "the broker sent a message whose topic or properties leave its packet, an empty topic "
    "although no topic alias was offered, or packet id 0"
)


class Frames(NamedTuple):
    """What one cut yields.

    Parameters
    ----------
    deliveries
        Messages of QoS 0 and 1.
    size_bytes
        What they hold together.
    others
        All other packets, whole and in their order.
    """

    deliveries: list[Delivery]
    size_bytes: int
    others: bytes


class FrameSplitter:
    """Cuts the stream of one connection into frames, wherever the network cut it.

    Parameters
    ----------
    connection
        Number that the deliveries carry.
    has_properties
        Whether the stream is MQTT 5.
    most_bytes
        Longest packet that is accepted. MQTT 5 tells the broker so. Below that a broker may send a
        longer message, and would send it again and again: its head is delivered, as much as no
        codec accepts, and the rest is skipped without being kept.

    Examples
    --------
    >>> splitter = FrameSplitter(connection=1, has_properties=True)
    >>> splitter.feed(bytes.fromhex("320f0003612f62000a007b2276223a317d"))
    >>> splitter.cut(received_us=0, most_messages=10).deliveries[0][:5]
    (1, 10, 1, b'a/b', b'{"v":1}')
    """

    def __init__(
        self, *, connection: int, has_properties: bool, most_bytes: int = MAXIMUM_PACKET_BYTES
    ) -> None:
        self._connection = connection
        self._has_properties = has_properties
        self._most_bytes = most_bytes
        self._bytes = b""
        self._position = 0
        self._fed: list[bytes] = []
        self._held = 0
        self._needed = _SHORTEST_HEAD
        self._skip = 0
        self._oversized: Delivery | None = None

    @property
    def has_frame(self) -> bool:
        """Whether a whole frame may wait, so that `cut` is worth its call."""
        if self._skip:
            return False
        return self._held >= self._needed or self._oversized is not None

    def feed(self, chunk: bytes) -> None:
        """Take bytes of the stream."""
        if self._skip:
            skipped = min(self._skip, len(chunk))
            self._skip -= skipped
            chunk = chunk[skipped:]
        self._fed.append(chunk)
        self._held += len(chunk)

    def cut(self, *, received_us: int, most_messages: int) -> Frames:
        """Whole frames, at most so many messages; the rest stays for the next call.

        The first message gets the time ``received_us``, each further one a microsecond more: where
        the time of arrival is the time of the reading, no two may be equal.

        Raises
        ------
        DecodeError
            If the bytes are no MQTT; the stream cannot be used any further.
        """
        if not self.has_frame:
            return Frames([], 0, b"")
        if self._oversized is not None:  # its end has come
            whole, self._oversized = self._oversized._replace(received_us=received_us), None
            return Frames([whole], whole.size_bytes, b"")
        if self._fed:
            self._bytes = b"".join((self._bytes[self._position :], *self._fed))
            self._position = 0
            self._fed.clear()
        try:
            frames = self._cut(received_us, most_messages)
        except IndexError:
            raise DecodeError(_MISFIT) from None
        self._held = len(self._bytes) - self._position
        if not self._held:
            self._bytes, self._position = b"", 0
        return frames

    def _cut(self, received_us: int, most_messages: int) -> Frames:  # one loop, for speed
        data, position, end = self._bytes, self._position, len(self._bytes)
        connection, has_properties = self._connection, self._has_properties
        most_bytes, flags_of, new = self._most_bytes, _FLAGS.get, Delivery._make
        deliveries: list[Delivery] = []
        others: list[bytes] = []
        size = 0
        self._needed = _SHORTEST_HEAD
        while len(deliveries) < most_messages and position + 1 < end:
            first = data[position]
            start = position + 2
            stop = start + data[position + 1]
            if data[position + 1] >= _LONG:
                start, stop = _bounds(data, position)
                if stop - position > most_bytes:
                    position = self._cut_short(data, position, start, stop)
                    break
            if stop > end:
                self._needed = stop - position
                break
            flags = flags_of(first)
            if flags is None:
                others.append(data[position:stop])
                position = stop
                continue
            qos, is_retained, is_repeat = flags
            topic_at = start + 2
            payload_at = topic_end = topic_at + (data[start] << 8) + data[start + 1]
            packet = 0
            if qos:
                packet = (data[topic_end] << 8) + data[topic_end + 1]
                payload_at += 2
            if has_properties:
                if data[payload_at]:
                    payload_at = _after_properties(data, payload_at)
                else:
                    payload_at += 1
            # whatever was read outside the frame until here is refused now
            if payload_at > stop or topic_end == topic_at or packet < qos:
                raise DecodeError(_MISFIT)
            topic = data[topic_at:topic_end]
            payload = data[payload_at:stop]
            size += topic_end - topic_at + stop - payload_at
            facts = connection, packet, qos, topic, payload, received_us, is_retained, is_repeat
            deliveries.append(new(facts))
            received_us += 1
            position = stop
        self._position = position
        return Frames(deliveries, size, b"".join(others))

    def _cut_short(self, data: bytes, position: int, start: int, stop: int) -> int:
        """Keep the head of a message that is too long and skip the rest; where to go on."""
        if self._has_properties or data[position] not in _FLAGS:
            raise DecodeError(
                f"the broker sent a packet of {stop - position} bytes; "
                f"at most {self._most_bytes} are accepted"
            )
        end = position + self._most_bytes
        if end > len(data):
            self._needed = self._most_bytes
            return position
        self._oversized = self._head(data[position:end], start - position)
        self._skip = max(0, stop - len(data))
        return min(stop, len(data))

    def _head(self, data: bytes, start: int) -> Delivery:
        """Message of MQTT 3.1.1 from its beginning alone; its body begins at ``start``."""
        qos, is_retained, is_repeat = _FLAGS[data[0]]
        topic_at = start + 2
        payload_at = topic_end = topic_at + (data[start] << 8) + data[start + 1]
        packet = 0
        if qos:
            packet = (data[topic_end] << 8) + data[topic_end + 1]
            payload_at += 2
        if topic_end == topic_at or packet < qos:
            raise DecodeError(_MISFIT)
        topic, payload = data[topic_at:topic_end], data[payload_at:][:CUT_PAYLOAD_BYTES]
        return Delivery(self._connection, packet, qos, topic, payload, 0, is_retained, is_repeat)


def acknowledgements(packets: Sequence[int]) -> bytes:
    """One PUBACK per packet id, in this order, as one piece.

    Examples
    --------
    >>> acknowledgements([10, 258]).hex(" ")
    '40 02 00 0a 40 02 01 02'
    """
    words = np.empty((len(packets), 2), dtype=">u2")
    words[:, 0] = _PUBACK_HEADER
    words[:, 1] = packets
    return words.tobytes()


def _bounds(data: bytes, position: int) -> tuple[int, int]:
    """Start and end of the body of a frame; an end outside ``data`` if its length is cut off."""
    length = 0
    for count, byte in enumerate(data[position + 1 : position + 2 + _MOST_LENGTH_BYTES]):
        if count == _MOST_LENGTH_BYTES:
            raise DecodeError("the broker sent a length of five bytes; MQTT has four at most")
        length |= (byte & 127) << 7 * count
        if byte < _LONG:
            start = position + 2 + count
            return start, start + length
    return len(data), len(data) + 1


def _after_properties(data: bytes, position: int) -> int:
    """Where the properties end whose length stands at ``position``."""
    length = 0
    for count in range(_MOST_LENGTH_BYTES):
        byte = data[position + count]
        length |= (byte & 127) << 7 * count
        if byte < _LONG:
            return position + count + 1 + length
    raise DecodeError(_MISFIT)
