"""Messages from the broker, acknowledged only when their reader says so."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.broker.bulk import BulkClient
from sensors.broker.clients import Identity
from sensors.broker.delivery import Delivery, DeliveryQueue, Room
from sensors.broker.link import Link
from twin.model.times import utc_now
from twin.ports import Clock
from twin.settings import BrokerSettings, IngestSettings

logger = logging.getLogger(__name__)

RETAINED_FOR_NEW_SUBSCRIPTIONS = 1


@dataclass(frozen=True, slots=True)
class SubscriberFigures:
    """State of a subscriber: connection, queue, and what happened since the start.

    It counts as connected once the broker has confirmed the subscriptions, too.
    """

    is_connected: bool
    connections: int
    sessions_lost: int
    messages: int
    acks_refused: int
    queue_messages: int
    queue_bytes: int


class Subscriber:
    """Subscribes with QoS 1 in a persistent session and hands messages over unacknowledged.

    Its queue is bounded; when it is full, nothing more is read from the network, and after half
    a keepalive the connection is closed cleanly: the broker keeps the rest in the session.

    Parameters
    ----------
    broker, ingest
        Where; which client, the bounds of the queue, and how long the broker keeps the session [s].
    client_id
        Fixed: the session belongs to it.
    filters
        MQTT topic filters.
    clock
        Source of ``received_at``.

    Raises
    ------
    SettingsError
        If the password file or the certificate cannot be read, or the client cannot be had.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        ingest: IngestSettings,
        *,
        client_id: str,
        filters: Sequence[str],
        clock: Clock = utc_now,
    ) -> None:
        self._filters = tuple(filters)
        self._queue = DeliveryQueue(
            most_messages=ingest.queue_messages, most_bytes=ingest.queue_bytes
        )
        self._lock = threading.Lock()
        self._connection = 0
        self._acks: list[int] = []
        self._completions: list[int] = []
        self._messages = 0
        self._acks_refused = 0
        self._connections = 0
        self._sessions_lost = 0
        identity = Identity(client_id, session_expiry_s=ingest.session_expiry_s)
        self._link = Link(broker, identity, self, choice=ingest.client, clock=clock)

    def start(self) -> None:
        """Begin to connect; messages arrive from now on."""
        self._link.start()

    def poll(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        """All messages that wait, within both bounds; empty after the time is over."""
        was_full = self._queue.is_full
        taken = self._queue.take(
            max_messages=max_messages, max_bytes=max_bytes, timeout_s=timeout_s
        )
        if was_full:
            self._link.wake()
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> int:
        """Acknowledge, in the order of delivery; how many were refused.

        Deliveries of an older connection are refused: their packet ids may mean other messages
        now. The broker delivers them again.
        """
        owed = [delivery for delivery in deliveries if delivery.qos]
        with self._lock:
            connection = self._connection
            mine = [one for one in owed if one.connection == connection]
            self._acks.extend([one.packet for one in mine if one.qos == 1])
            self._completions.extend([one.packet for one in mine if one.qos > 1])
            refused = len(owed) - len(mine)
            self._acks_refused += refused
        self._link.wake()
        return refused

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs; if not, the programme must end and start again."""
        return self._link.is_alive

    def figures(self) -> SubscriberFigures:
        """State of this moment."""
        return SubscriberFigures(
            is_connected=self._link.is_open and self._link.is_subscribed,
            connections=self._connections,
            sessions_lost=self._sessions_lost,
            messages=self._messages,
            acks_refused=self._acks_refused,
            queue_messages=len(self._queue),
            queue_bytes=self._queue.size_bytes,
        )

    def close(self) -> None:
        """Send the acknowledgements that wait and disconnect; the session stays."""
        self._link.stop()

    # What the link asks and tells, in its thread

    def room(self) -> Room:
        """How much the queue takes."""
        return self._queue.room

    def is_idle(self) -> bool:
        """Whether all acknowledgements are sent."""
        return not self._acks and not self._completions

    def opened(self, client: Client, connection: int, *, is_resumed: bool, window: int) -> None:
        """Subscribe, whether the broker kept the session or not."""
        del window
        with self._lock:
            self._connection = connection
        if self._connections and not is_resumed:
            self._sessions_lost += 1
            logger.warning("session_lost", extra={"connections": self._connections})
        self._connections += 1
        options = SubscribeOptions(qos=1, retainHandling=RETAINED_FOR_NEW_SUBSCRIPTIONS)
        if client.protocol.name == "MQTTv5":
            client.subscribe([(topic_filter, options) for topic_filter in self._filters])
        else:
            client.subscribe([(topic_filter, 1) for topic_filter in self._filters])

    def send(self, client: Client) -> None:
        """Hand the waiting acknowledgements to the client."""
        with self._lock:
            acks, self._acks = self._acks, []
            completions, self._completions = self._completions, []
        if acks and isinstance(client, BulkClient):
            client.acknowledge(acks)
        elif acks:
            for packet in acks:
                client.ack(packet, 1)
        for packet in completions:
            client.ack(packet, 2)

    def received(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Queue messages."""
        self._messages += len(deliveries)
        self._queue.put_all(deliveries, size_bytes)

    def confirmed(self, packet: int, *, is_refused: bool) -> None:
        """Ignore: a subscriber publishes nothing."""

    def closed(self) -> None:
        """Refuse acknowledgements from now on."""
        with self._lock:
            self._connection = 0
            self._acks.clear()
            self._completions.clear()
