"""What lies between the broker and its users, without any network: queue, back-off, plan."""

import random
import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple

from twin.model.messages import Message
from twin.model.times import from_us
from twin.settings import BrokerSettings

UNSAFE_IN_CLIENT_ID = re.compile(r"[^A-Za-z0-9_.:-]")
LONGEST_CLIENT_ID = 64
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
TAKEOVERS_BEFORE_PAUSE = 3
TAKEOVER_PAUSE_S = 60.0

Version = Literal["5", "3.1.1"]


def client_id(city: str, instance: str) -> str:
    """Client id ``twin-<city>-<instance>`` from characters that every broker survives.

    One embedded broker stops serving anybody when an id with ``/``, ``#``, ``+`` or ``$``
    connects twice.

    Examples
    --------
    >>> client_id("Halle (Saale)", "1")
    'twin-Halle--Saale--1'
    """
    room = LONGEST_CLIENT_ID - len(f"twin--{instance}")
    return UNSAFE_IN_CLIENT_ID.sub("-", f"twin-{city[:room]}-{instance}")


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
        Time of arrival, microseconds since 1970-01-01 UTC.
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


class BackOff:
    """Growing, jittered delays [s]: each between half and all of a doubling bound."""

    def __init__(
        self,
        *,
        first_s: float = FIRST_DELAY_S,
        longest_s: float = LONGEST_DELAY_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter
        self._next_s = first_s

    def next(self) -> float:
        """Delay before the next attempt."""
        bound_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return bound_s * (0.5 + 0.5 * self._jitter())

    def reset(self) -> None:
        """Start again with the first delay."""
        self._next_s = self._first_s


class Ending(Enum):
    """How a connection, or the attempt at one, ended."""

    LOST = "connection lost"
    UNREACHABLE = "broker cannot be reached"
    REFUSED = "broker refused the connection"
    REFUSED_VERSION = "broker does not speak this MQTT version"
    NO_ANSWER = "closed or silent before the answer to CONNECT"
    TAKEN_OVER = "another client with the same id took over"
    PAUSED = "paused: nobody takes the messages"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to connect."""

    host: str
    port: int
    version: Version


class EndpointPlan:
    """Which endpoint to try next, and after which delay.

    MQTT 5 comes first; a broker that refuses it, or that closes or keeps silent before its
    answer, is tried with 3.1.1 on the same port and on the fallback port. What answered once
    is kept until the programme restarts.
    """

    def __init__(self, broker: BrokerSettings, *, back_off: BackOff | None = None) -> None:
        self._endpoints = _endpoints(broker)
        self._index = 0
        self._is_proven = False
        self._takeovers = 0
        self._back_off = back_off or BackOff()

    @property
    def endpoint(self) -> Endpoint:
        """Endpoint of the next attempt."""
        return self._endpoints[self._index]

    def connected(self) -> None:
        """Note that the present endpoint answered."""
        self._is_proven = True
        self._back_off.reset()

    def after(self, ending: Ending) -> float:
        """Delay [s] before the next attempt; the endpoint may have changed."""
        self._takeovers = self._takeovers + 1 if ending is Ending.TAKEN_OVER else 0
        if self._takeovers >= TAKEOVERS_BEFORE_PAUSE:
            self._takeovers = 0
            return TAKEOVER_PAUSE_S
        if ending is Ending.PAUSED:
            return 0.0
        if ending is Ending.REFUSED_VERSION:
            self._is_proven = False
        is_version_doubtful = ending in (Ending.REFUSED_VERSION, Ending.NO_ANSWER)
        if is_version_doubtful and not self._is_proven:
            self._index = (self._index + 1) % len(self._endpoints)
            if self._index > 0:
                return 0.0
        return self._back_off.next()


def _endpoints(broker: BrokerSettings) -> tuple[Endpoint, ...]:
    endpoints = [Endpoint(broker.host, broker.port, broker.protocol)]
    if broker.protocol == "5":
        endpoints.append(Endpoint(broker.host, broker.port, "3.1.1"))
    if broker.fallback_port and broker.fallback_port != broker.port:
        endpoints.append(Endpoint(broker.host, broker.fallback_port, "3.1.1"))
    return tuple(endpoints)
