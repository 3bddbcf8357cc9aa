"""What the broker hands over, and the queue in which it waits; no network, no settings."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from twin.model.messages import Message
from twin.model.times import from_us


class Delivery(NamedTuple):
    """A message as the broker delivered it, and the connection on which alone it is acknowledged.

    A plain tuple: a quarter of a million are made in a second where the broker can send them.

    Parameters
    ----------
    connection
        Number of the connection, counted from 1.
    packet
        MQTT packet id; brokers use it again on the next connection. 0 for QoS 0.
    qos
        0 needs no acknowledgement.
    topic, payload
        The bytes themselves; a topic need not be valid UTF-8.
    received_us
        Time of arrival, microseconds since 1970-01-01 UTC; different for every message.
    is_retained
        Whether the broker had kept it from an earlier time.
    is_repeat
        Whether the broker says that it may have delivered it before; some never say so.
    """

    connection: int
    packet: int
    qos: int
    topic: bytes
    payload: bytes
    received_us: int
    is_retained: bool = False
    is_repeat: bool = False

    @property
    def size_bytes(self) -> int:
        """Bytes that this delivery holds in memory, about."""
        return len(self.payload) + len(self.topic)

    @property
    def message(self) -> Message:
        """The same for a codec; invalid UTF-8 in the topic is replaced."""
        return Message(
            topic=self.topic.decode("utf-8", "replace"),
            payload=self.payload,
            received_at=from_us(self.received_us),
            retained=self.is_retained,
        )


class Room(NamedTuple):
    """How much may still be taken over."""

    messages: int
    size_bytes: int


class _Block(NamedTuple):
    deliveries: Sequence[Delivery]
    size_bytes: int


class DeliveryQueue:
    """Deliveries between two threads, bounded by messages and by bytes, handed over in blocks.

    `put_all` never refuses: its caller asks for the `room` before it reads from the network, so
    that the queue exceeds its bounds by one message at most.
    """

    def __init__(self, *, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._blocks: deque[_Block] = deque()
        self._messages = 0
        self._bytes = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return self._messages

    @property
    def size_bytes(self) -> int:
        """Bytes waiting."""
        return self._bytes

    @property
    def room(self) -> Room:
        """Messages and bytes until a bound is reached; not positive where one is."""
        return Room(self._most_messages - self._messages, self._most_bytes - self._bytes)

    @property
    def is_full(self) -> bool:
        """Whether a bound is reached."""
        return min(self.room) <= 0

    def put_all(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Append deliveries that hold ``size_bytes`` together."""
        if not deliveries:
            return
        with self._changed:
            self._blocks.append(_Block(deliveries, size_bytes))
            self._messages += len(deliveries)
            self._bytes += size_bytes
            self._changed.notify()

    def take(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        """All that waits within both bounds, at least one; empty after the time is over."""
        taken: list[Delivery] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: bool(self._blocks), timeout_s)
            while self._blocks and len(taken) < max_messages:
                block = self._blocks.popleft()
                left, left_bytes = max_messages - len(taken), max_bytes - size
                if len(block.deliveries) > left or block.size_bytes > left_bytes:
                    block, rest = _split(block, left, left_bytes, is_one_due=not taken)
                    if rest.deliveries:
                        self._blocks.appendleft(rest)
                    if not block.deliveries:
                        break
                taken.extend(block.deliveries)
                size += block.size_bytes
            self._messages -= len(taken)
            self._bytes -= size
        return taken


def _split(
    block: _Block, most_messages: int, most_bytes: int, *, is_one_due: bool
) -> tuple[_Block, _Block]:
    """The part of a block within both bounds, and the rest; the bounds may leave nothing."""
    count = size = 0
    for delivery in block.deliveries[:most_messages]:
        if size + delivery.size_bytes > most_bytes and not (is_one_due and count == 0):
            break
        count += 1
        size += delivery.size_bytes
    if count == len(block.deliveries):
        return block, _Block((), 0)
    head = _Block(block.deliveries[:count], size)
    return head, _Block(block.deliveries[count:], block.size_bytes - size)
