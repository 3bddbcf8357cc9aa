"""Messages from the broker, acknowledged only when their reader says so."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from paho.mqtt.client import Client
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.broker.bulk import BulkClient
from sensors.broker.clients import Identity
from sensors.broker.delivery import Delivery, DeliveryQueue, Room
from sensors.broker.link import ANSWER_WITHIN_S, Link
from sensors.broker.plan import Ending
from sensors.broker.publisher import Publisher
from sensors.broker.session import SessionFile
from sensors.broker.watchdog import Advice, Watchdog
from twin.errors import SettingsError
from twin.model.times import utc_now
from twin.ports import Clock
from twin.settings import BrokerSettings, IngestSettings

logger = logging.getLogger(__name__)

RETAINED_FOR_NEW_SUBSCRIPTIONS = 1
NO_ROOM = Room(0, 0)
RESUBSCRIBE_S = 30.0
REMEMBER_S = 600.0


@dataclass(frozen=True, slots=True)
class SubscriberFigures:
    """State of a subscriber: connection, queue, and what happened since the start.

    It counts as connected once the broker has confirmed the subscriptions, too.

    Parameters
    ----------
    frames_refused
        Connections that were closed because the broker sent what is no MQTT.
    is_bulk
        Whether messages come by the fast path.
    is_contested
        Whether another client seems to use the same client id.
    refused
        Subscriptions that the broker refuses; they are tried again.
    silent
        Subscriptions without a message for too long although the broker delivers.
    certificate_expires_at
        Until when the certificate of the broker is valid; None without TLS.
    """

    is_connected: bool
    connections: int
    sessions_lost: int
    messages: int
    acks_refused: int
    queue_messages: int
    queue_bytes: int
    frames_refused: int = 0
    is_bulk: bool = False
    is_contested: bool = False
    is_paused: bool = False
    refused: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    certificate_expires_at: datetime | None = None


class Subscriber:
    """Subscribes with QoS 1 in a persistent session and hands messages over unacknowledged.

    Its queue is bounded; when it is full, nothing more is read from the network, and after half
    a keepalive the connection is closed cleanly: the broker keeps the rest in the session.

    Parameters
    ----------
    broker, ingest
        Where; which client, the bounds of the queue, how long the broker keeps the session [s],
        and the group with which the messages are shared.
    client_id
        Fixed: the session belongs to it.
    filters
        MQTT topic filters.
    clock
        Source of the times of arrival.
    will
        Topic and retained payload that the broker publishes when this client is lost.
    silent_after_s
        Silence [s] by filter after which a source is silent; see `Watchdog`, and `expect`.
    session_file
        Where to keep what is known of the session across restarts: which subscriptions it holds
        that are no longer wanted, and that it should be there. None keeps nothing.

    Raises
    ------
    SettingsError
        If the password file or the certificate cannot be read, the client cannot be had, or the
        name of the group holds what no group may hold.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        ingest: IngestSettings,
        *,
        client_id: str,
        filters: Sequence[str],
        clock: Clock = utc_now,
        will: tuple[str, bytes] | None = None,
        silent_after_s: Mapping[str, float] | None = None,
        session_file: Path | None = None,
    ) -> None:
        self._filters = tuple(_shared(one, ingest.shared_group) for one in filters)
        self._own_filters = tuple(filters)
        self._probe_topic = f"twin/probe/{client_id}"
        self._probe_bytes = self._probe_topic.encode()
        self._watchdog = Watchdog(filters, silent_after_s=silent_after_s)
        self._queue = DeliveryQueue(
            most_messages=ingest.queue_messages, most_bytes=ingest.queue_bytes
        )
        self._lock = threading.Lock()
        self._connection = 0
        self._acks: list[int] = []
        self._completions: list[int] = []
        self._notices: dict[str, _Notice] = {}
        self._standing: dict[str, _Notice] = {}
        self._messages = 0
        self._acks_refused = 0
        self._connections = 0
        self._sessions_lost = 0
        self._is_paused = False
        self._is_subscribed = False
        self._asked: dict[int, tuple[str, ...]] = {}
        self._refused: tuple[str, ...] = ()
        self._retry_s: float | None = None
        self._last_request: int | None = None
        self._held = self._filters
        self._kept_s = 0.0
        self._session = SessionFile(
            session_file,
            owner=(broker.host, client_id),
            expiry_s=ingest.session_expiry_s,
            clock=clock,
        )
        identity = Identity(client_id, session_expiry_s=ingest.session_expiry_s, will=will)
        self._link = Link(broker, identity, self, choice=ingest.client, clock=clock)
        self._broker, self._client_id = broker, client_id
        self._marker = b""
        self.is_drained = False

    def leave(self) -> None:
        """Take no new messages from now on: call it before `start`.

        What the broker has queued for this session still comes; ``is_drained`` says that all of it
        has come. A marker tells: subscribed to and published after the other subscriptions have
        ended, it is the last message in the queue. `end_session` gives the session up then.
        """
        self._marker = uuid4().hex.encode()

    def forget(self) -> None:
        """After `close`: expect no session at the next start; the broker stops as well."""
        self._session.forget()

    def end_session(self, timeout_s: float = ANSWER_WITHIN_S) -> bool:
        """After `close`: let the broker forget the session; whether it agreed in time.

        With whatever is not acknowledged in it: only after ``is_drained``.
        """
        farewell = Publisher(self._broker, self._client_id)
        is_heard = farewell.publish(self._probe_topic, b"") and not farewell.flush(timeout_s)
        farewell.close(timeout_s)
        if is_heard:
            self._session.forget()
        return is_heard

    def start(self) -> None:
        """Begin to connect; messages arrive from now on."""
        self._link.start()

    def poll(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        """All messages that wait, within both bounds; empty after the time is over."""
        is_served = not self._queue and self._link.serve(self._has_messages, timeout_s)
        taken = self._queue.take(
            max_messages=max_messages,
            max_bytes=max_bytes,
            timeout_s=0.0 if is_served else timeout_s,
        )
        if taken and self._link.is_held:
            self._link.wake()
        return taken

    def _has_messages(self) -> bool:
        return len(self._queue) > 0

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
        self._link.wake_own_thread()  # who polls sends them himself
        return refused

    def pause(self) -> None:
        """Read nothing more; after half a keepalive the connection is closed cleanly."""
        self._is_paused = True
        self._link.wake()

    def resume(self) -> None:
        """Read again, over a new connection if need be."""
        self._is_paused = False
        self._link.wake()

    def announce(self, topic: str, payload: bytes, *, is_retained: bool = True) -> None:
        """Publish a notice with QoS 1; of each topic the newest counts.

        It waits for the connection. A retained one is sent again on every new connection,
        because the will may have replaced it.
        """
        notice = _Notice(payload, is_retained)
        with self._lock:
            self._notices[topic] = notice
            self._standing.pop(topic, None)
            if is_retained:
                self._standing[topic] = notice
        self._link.wake()

    def expect(self, silent_after_s: Mapping[str, float]) -> None:
        """Call a subscription silent after these times [s] by filter; the others never."""
        self._watchdog.expect(silent_after_s)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs; if not, the programme must end and start again."""
        return self._link.is_alive

    def figures(self) -> SubscriberFigures:
        """State of this moment."""
        return SubscriberFigures(
            is_connected=self._link.is_open and self._is_subscribed,
            connections=self._connections,
            sessions_lost=self._sessions_lost,
            messages=self._messages,
            acks_refused=self._acks_refused,
            queue_messages=len(self._queue),
            queue_bytes=self._queue.size_bytes,
            frames_refused=self._link.frames_refused,
            is_bulk=self._link.is_bulk,
            is_contested=self._link.is_contested,
            is_paused=self._is_paused,
            refused=self._refused,
            silent=self._watchdog.silent,
            certificate_expires_at=self._link.certificate_expires_at,
        )

    def close(self) -> None:
        """Send acknowledgements and notices that wait and disconnect; the session stays."""
        self._link.stop()

    # What the link asks and tells, in the thread that serves it: its own, or that of `poll`

    def room(self) -> Room:
        """How much the queue takes."""
        return NO_ROOM if self._is_paused else self._queue.room

    def is_idle(self) -> bool:
        """Whether all acknowledgements and notices are sent."""
        return not self._acks and not self._completions and not self._notices

    def opened(self, client: Client, connection: int, *, is_resumed: bool, window: int) -> None:
        """Subscribe, whether the broker kept the session or not; end what is no longer wanted."""
        del window
        with self._lock:
            self._connection = connection
            self._notices = {**self._standing, **self._notices}
        remembered = self._session.read()
        if not is_resumed and (self._connections or remembered.is_expected):
            self._sessions_lost += 1
            logger.warning("session_lost", extra={"connections": self._connections})
        self._connections += 1
        self._watchdog.connected(time.monotonic())
        # what this session subscribed to before, or before it shared, would come a second time
        held = dict.fromkeys((*self._filters, *remembered.filters, *self._own_filters))
        self._remember(tuple(held))
        self._asked, self._retry_s = {}, None
        wanted = () if self._marker else self._filters
        if wanted:
            self._subscribe(client, wanted)
        unwanted = [one for one in held if one not in wanted]
        if unwanted:
            client.unsubscribe(unwanted)
        # QoS 0: a probe that nobody waits for any more must not lie in the session
        _, self._last_request = client.subscribe(self._probe_topic, 1 if self._marker else 0)

    def _subscribe(self, client: Client, filters: tuple[str, ...]) -> None:
        options = SubscribeOptions(qos=1, retainHandling=RETAINED_FOR_NEW_SUBSCRIPTIONS)
        if client.protocol.name == "MQTTv5":
            _, packet = client.subscribe([(one, options) for one in filters])
        else:
            _, packet = client.subscribe([(one, 1) for one in filters])
        if packet is not None:
            self._asked[packet] = filters

    def _remember(self, filters: tuple[str, ...]) -> None:
        self._held, self._kept_s = filters, time.monotonic()
        self._session.keep(filters)

    def subscribed(self, packet: int, *, refused: Sequence[int]) -> None:
        """Note whether the broker agrees, to ask again later; probes are a convenience."""
        if packet == self._last_request:  # so the broker has read all requests before it, too
            self._remember(self._filters)
            if self._marker:
                self._is_subscribed = not refused
                self.announce(self._probe_topic, self._marker, is_retained=False)
        asked = self._asked.pop(packet, ())
        if not asked:
            return
        self._refused = tuple(one for place, one in enumerate(asked) if place in refused)
        self._is_subscribed = not self._refused
        self._retry_s = time.monotonic() + RESUBSCRIBE_S if self._refused else None

    def send(self, client: Client) -> None:
        """Hand acknowledgements and notices to the client."""
        if self.is_idle():
            return
        with self._lock:
            acks, self._acks = self._acks, []
            completions, self._completions = self._completions, []
            notices, self._notices = self._notices, {}
        if acks and isinstance(client, BulkClient):
            client.acknowledge(acks)
        elif acks:
            for packet in acks:
                client.ack(packet, 1)
        for packet in completions:
            client.ack(packet, 2)
        for topic, notice in notices.items():
            client.publish(topic, notice.payload, qos=1, retain=notice.is_retained)

    def watch(self, client: Client) -> None:
        """Subscribe again where the broker refused, and send probes into a silence."""
        now_s = time.monotonic()
        if self._retry_s is not None and now_s >= self._retry_s:
            self._retry_s = None
            self._subscribe(client, self._refused)
        if now_s - self._kept_s > REMEMBER_S:
            self._remember(self._held)
        if not self._is_subscribed or self._marker or min(self.room()) <= 0:
            self._watchdog.paused(now_s)
            return
        advice = self._watchdog.advise(now_s)
        if advice is Advice.PROBE:
            client.publish(self._probe_topic, b"", qos=0)
            self._watchdog.probed(now_s)
        elif advice is Advice.RECONNECT:
            self._link.end(Ending.PROBE_LOST)

    def received(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Queue messages; probes are for the watchdog alone."""
        topics = {one.topic for one in deliveries}
        now_s = time.monotonic()
        probes: Sequence[Delivery] = ()
        if self._probe_bytes in topics:
            self._watchdog.answered(now_s)
            topics.remove(self._probe_bytes)
            probes = [one for one in deliveries if one.topic == self._probe_bytes]
            deliveries = [one for one in deliveries if one.topic != self._probe_bytes]
            size_bytes = sum(one.size_bytes for one in deliveries)
        if topics:
            self._watchdog.heard(topics, now_s)
        self._messages += len(deliveries)
        self._queue.put_all(deliveries, size_bytes)
        if probes:
            self._note_marker(probes)

    def _note_marker(self, probes: Sequence[Delivery]) -> None:
        """Acknowledge what nobody else does: the marker of a leave, perhaps an earlier one."""
        with self._lock:
            self._acks.extend([one.packet for one in probes if one.qos == 1])
        if self._marker and any(one.payload == self._marker for one in probes):
            self.is_drained = True

    def confirmed(self, packet: int, *, is_refused: bool, is_unheard: bool) -> None:
        """Ignore: notices are repeated on the next connection."""

    def closed(self) -> None:
        """Refuse acknowledgements from now on."""
        if self._connection:
            self._remember(self._held)  # from now on the session has its age
        self._is_subscribed = False
        with self._lock:
            self._connection = 0
            self._acks.clear()
            self._completions.clear()


class _Notice(NamedTuple):
    payload: bytes
    is_retained: bool


def _shared(topic_filter: str, group: str) -> str:
    """The filter as a subscription that a group shares; the filter itself without a group."""
    if set(group) & set("/+#"):
        raise SettingsError(
            f"ingest.shared_group {group!r} may not hold /, + or #; take letters, digits and -"
        )
    return f"$share/{group}/{topic_filter}" if group else topic_filter
