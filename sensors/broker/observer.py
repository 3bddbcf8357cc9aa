"""What the broker says about itself: dropped messages, its queue, restarts.

Mosquitto and EMQX publish figures below ``$SYS``. They are read by a client of its own, because the
embedded broker disconnects whoever subscribes to them: that must not hit the measurements.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from paho.mqtt.client import Client

from sensors.broker.clients import Identity
from sensors.broker.delivery import Delivery, Room
from sensors.broker.link import Link
from sensors.broker.plan import Ending
from twin.settings import BrokerSettings

logger = logging.getLogger(__name__)

DROPPED = b"$SYS/broker/publish/messages/dropped"
STORED_MESSAGES = b"$SYS/broker/store/messages/count"
STORED_BYTES = b"$SYS/broker/store/messages/bytes"
UPTIME = b"$SYS/broker/uptime"
TOPICS = (DROPPED, STORED_MESSAGES, STORED_BYTES, UPTIME)
OBSERVABLE_WITHIN_S = 30.0
MOST_VAIN_CONNECTIONS = 2
TRY_AGAIN_S = 3600.0
SHIPPED_QUEUE_MESSAGES = 2_000_000
SHIPPED_QUEUE_BYTES = 2 * 1024**3
MOST_DIGITS = 18

Visibility = Literal["unknown", "observable", "not observable"]


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """Figures of the broker since they are observed; they cover all its clients.

    Parameters
    ----------
    visibility
        Unknown until the first figure came, or until `OBSERVABLE_WITHIN_S` passed without one.
    dropped
        Messages that the broker dropped meanwhile, also those after a restart of it.
    restarts
        How often it started anew.
    stored_messages, stored_bytes
        What it holds now for clients that are away or slow.
    uptime_s
        Since when it runs [s].
    """

    visibility: Visibility = "unknown"
    dropped: int = 0
    restarts: int = 0
    stored_messages: int = 0
    stored_bytes: int = 0
    uptime_s: int = 0

    def queue_share(
        self,
        *,
        most_messages: int = SHIPPED_QUEUE_MESSAGES,
        most_bytes: int = SHIPPED_QUEUE_BYTES,
    ) -> float:
        """How full the queue is, 0 to 1, measured by the tighter of its limits [-].

        The defaults are those of ``deploy/mosquitto``.

        Examples
        --------
        >>> BrokerHealth(stored_messages=1_000_000).queue_share()
        0.5
        """
        return max(self.stored_messages / most_messages, self.stored_bytes / most_bytes)


class BrokerRecord:
    """Turns the figures of a broker into what happened since we look. Pure.

    Examples
    --------
    >>> record = BrokerRecord(0.0)
    >>> for figure in (b"5", b"7", b"3"):
    ...     record.note(DROPPED, figure, 1.0)
    >>> health = record.health(1.0)
    >>> health.dropped, health.restarts
    (5, 1)
    """

    def __init__(self, now_s: float) -> None:
        self._started_s = now_s
        self._heard_s: float | None = None
        self._last_dropped: int | None = None
        self._last_uptime_s: int | None = None
        self._dropped = 0
        self._restarts = 0
        self._stored_messages = 0
        self._stored_bytes = 0

    def note(self, topic: bytes, payload: bytes, now_s: float) -> None:
        """Take a figure; what is none is ignored."""
        number = _number(payload)
        if number is None:
            return
        self._heard_s = now_s
        if topic == DROPPED:
            self._note_dropped(number)
        elif topic == UPTIME:
            self._note_uptime(number)
        elif topic == STORED_MESSAGES:
            self._stored_messages = number
        elif topic == STORED_BYTES:
            self._stored_bytes = number

    def health(self, now_s: float) -> BrokerHealth:
        """What is known now."""
        return BrokerHealth(
            visibility=self._visibility(now_s),
            dropped=self._dropped,
            restarts=self._restarts,
            stored_messages=self._stored_messages,
            stored_bytes=self._stored_bytes,
            uptime_s=self._last_uptime_s or 0,
        )

    def _visibility(self, now_s: float) -> Visibility:
        since_s = self._started_s if self._heard_s is None else self._heard_s
        if now_s - since_s > OBSERVABLE_WITHIN_S:
            return "not observable"
        return "unknown" if self._heard_s is None else "observable"

    def _note_dropped(self, number: int) -> None:
        if self._last_dropped is not None and number < self._last_dropped:
            self._restart()
        # what was dropped before we looked is not news
        self._dropped += number - (number if self._last_dropped is None else self._last_dropped)
        self._last_dropped = number

    def _note_uptime(self, number: int) -> None:
        if self._last_uptime_s is not None and number < self._last_uptime_s:
            self._restart()
        self._last_uptime_s = number

    def _restart(self) -> None:
        """Count a restart once, whichever figure tells it; a new run has dropped nothing yet."""
        self._restarts += 1
        self._last_uptime_s = None
        self._last_dropped = 0


class BrokerObserver:
    """Reads the figures of the broker over a connection of its own.

    Not for the embedded broker, which offers none. A broker that ends the connection instead of
    answering is left alone for an hour after the second time.

    Parameters
    ----------
    broker
        Where.
    client_id
        Its own, beside that of the ingester.
    clock_s
        Monotonic time [s].
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock_s = clock_s
        self._record = BrokerRecord(clock_s())
        self._lock = threading.Lock()
        self._vain = 0
        self._silent_until_s = clock_s()
        self._link = Link(broker, Identity(client_id), self, is_quiet=True)

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def health(self) -> BrokerHealth:
        """What is known now."""
        with self._lock:
            return self._record.health(self._clock_s())

    def close(self) -> None:
        """Disconnect."""
        self._link.stop()

    # What the link asks and tells, in its thread

    def room(self) -> Room:
        """Room for anything, or for nothing while the broker is left alone."""
        return Room(0, 0) if self._clock_s() < self._silent_until_s else Room(1000, 1 << 20)

    def is_idle(self) -> bool:
        """Nothing is sent."""
        return True

    def opened(self, client: Client, connection: int, *, is_resumed: bool, window: int) -> None:
        """Ask for the figures."""
        del connection, is_resumed, window
        self._vain += 1
        client.subscribe([(topic.decode(), 0) for topic in TOPICS])

    def subscribed(self, packet: int, *, refused: Sequence[int]) -> None:
        """Give up if the broker says no."""
        del packet
        if refused:
            self._vain = MOST_VAIN_CONNECTIONS
            self._link.end(Ending.STOPPED)

    def send(self, client: Client) -> None:
        """Nothing is sent."""

    def watch(self, client: Client) -> None:
        """Its silence is told by `health`."""

    def received(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Note the figures."""
        del size_bytes
        self._vain = 0
        now_s = self._clock_s()
        with self._lock:
            for one in deliveries:
                self._record.note(one.topic, one.payload, now_s)

    def confirmed(self, packet: int, *, is_refused: bool, is_unheard: bool) -> None:
        """Nothing is published."""

    def closed(self) -> None:
        """Connect no more for a while if it was in vain."""
        if self._vain < MOST_VAIN_CONNECTIONS:
            return
        self._vain = 0
        self._silent_until_s = self._clock_s() + TRY_AGAIN_S
        facts = {"why": "it offers no $SYS figures", "retry_in_s": TRY_AGAIN_S}
        logger.warning("broker_not_observable", extra=facts)


def _number(payload: bytes) -> int | None:
    """The whole number at the beginning, as in ``17 seconds``; None if there is none."""
    digits = payload.split(b" ", 1)[0]
    return int(digits) if digits.isdigit() and len(digits) <= MOST_DIGITS else None
