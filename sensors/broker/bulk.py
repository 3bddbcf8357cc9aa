"""The fast path: a layer between paho and its socket that takes the messages out in bulk.

paho keeps connecting, pings, subscriptions and QoS 2. Two of its private methods are used; where
they are missing, `missing_hooks` says so and the stock client does the same work more slowly.
"""

import ssl
from collections.abc import Sequence
from typing import Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType, MQTTProtocolVersion

from sensors.broker.delivery import Room
from sensors.broker.frames import Frames, FrameSplitter, acknowledgements

HOOKS = ("_create_socket", "_packet_queue")
READ_BYTES = 64 * 1024
BUDGET_BYTES = 1024 * 1024


class Wire(Protocol):
    """What paho made: a socket, with TLS or WebSocket or both around it."""

    def recv(self, size: int, /) -> bytes:
        """Return what came, at most ``size`` bytes; empty at the end."""
        ...

    def send(self, buffer: bytes | bytearray, /) -> int:
        """Send a part; return how much."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def fileno(self) -> int:
        """Return the descriptor for `select`."""
        ...

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001 - the signature of sockets
        """Let calls wait or not."""
        ...


class BulkSocket:
    """Stands in for the socket of paho: messages are kept for us, other packets given to paho.

    Parameters
    ----------
    wire
        What paho made.
    splitter
        Cuts its stream.
    """

    def __init__(self, wire: Wire, splitter: FrameSplitter) -> None:
        self.wire = wire
        self._splitter = splitter
        self._others = b""
        self._position = 0
        self._is_over = False
        self._is_budget_spent = False

    @property
    def has_packets(self) -> bool:
        """Whether paho has something to read: a packet, or the end of the connection."""
        return self._is_over or self._position < len(self._others)

    def fill(self, room: Room, *, received_us: int) -> Frames:
        """Read what came and return at most what there is room for; the rest stays here.

        The end of the connection, or its failure, is told to paho after all packets.

        Raises
        ------
        DecodeError
            If the bytes are no MQTT.
        """
        if not self._splitter.has_frame:
            self._read(min(BUDGET_BYTES, max(room.size_bytes, 1)))
        frames = self._splitter.cut(received_us=received_us, most_messages=room.messages)
        if frames.others:
            self._others = self._others[self._position :] + frames.others
            self._position = 0
        return frames

    def _read(self, budget: int) -> None:
        self._is_budget_spent = False
        while budget > 0:
            try:
                chunk = self.wire.recv(min(READ_BYTES, budget))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                chunk = b""
            if not chunk:
                self._is_over = True
                return
            self._splitter.feed(chunk)
            budget -= len(chunk)
        self._is_budget_spent = True

    # What the link asks: `select` does not see what lies in these buffers

    def pending(self) -> int:
        """Bytes, or signs of them, that wait above the network."""
        here = len(self._others) - self._position + self._splitter.has_frame
        return here + self._is_budget_spent + pending(self.wire)

    # What paho asks

    def recv(self, buffer_size: int) -> bytes:
        """Bytes of packets that are not for us."""
        if self._position < len(self._others):
            found = self._others[self._position : self._position + buffer_size]
            self._position += len(found)
            return found
        if self._is_over:
            return b""
        raise BlockingIOError

    def send(self, buffer: bytes | bytearray) -> int:
        """Send; a part that WebSocket keeps back is repeated by paho, not forgotten."""
        sent = self.wire.send(buffer)
        if not sent:
            raise BlockingIOError
        return sent

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()

    def fileno(self) -> int:
        """Return the descriptor for `select`."""
        return self.wire.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the signature of sockets
        """Let calls wait or not."""
        self.wire.setblocking(flag)


class BulkClient(Client):
    """paho with a `BulkSocket`; ``connection`` is the number that its messages carry."""

    connection = 0

    def _create_socket(self) -> BulkSocket:
        splitter = FrameSplitter(
            connection=self.connection,
            has_properties=self.protocol is MQTTProtocolVersion.MQTTv5,
        )
        return BulkSocket(super()._create_socket(), splitter)

    def acknowledge(self, packets: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1 with one write."""
        self._packet_queue(MessageType.PUBACK, acknowledgements(packets), 0, 1)


def missing_hooks(client: type = Client) -> list[str]:
    """Private methods of paho that the fast path needs and this version lacks."""
    return [name for name in HOOKS if not callable(getattr(client, name, None))]


def pending(wire: object) -> int:
    """Bytes that TLS holds decrypted, also below WebSocket; 0 for a plain socket."""
    ask = getattr(wire, "pending", None)
    return ask() if callable(ask) else 0
