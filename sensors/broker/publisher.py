"""Messages to the broker, each kept until the broker has confirmed it."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from paho.mqtt.client import Client

from sensors.broker.clients import Identity
from sensors.broker.delivery import Delivery, Room
from sensors.broker.link import Link
from twin.settings import BrokerSettings

logger = logging.getLogger(__name__)

WINDOW = 1000
ReceiptState = Literal["open", "taken", "refused", "unheard"]


class Receipt:
    """What became of one message: open at first, then one of the others for good.

    ``taken`` says that the broker has it, ``refused`` that there is no right to the topic,
    ``unheard`` that nobody reads the topic and the message is gone (told by MQTT 5 alone).
    """

    def __init__(self) -> None:
        self._state: ReceiptState = "open"
        self._is_settled = threading.Event()

    @property
    def state(self) -> ReceiptState:
        """What is known now."""
        return self._state

    def wait(self, timeout_s: float) -> ReceiptState:
        """What became of the message; ``open`` if that is unknown after this time."""
        self._is_settled.wait(timeout_s)
        return self._state

    def settle(self, *, is_refused: bool, is_unheard: bool) -> None:
        """Note the answer of the broker."""
        self._state = "refused" if is_refused else "unheard" if is_unheard else "taken"
        self._is_settled.set()


@dataclass(frozen=True, slots=True)
class _Parcel:
    topic: str
    payload: bytes
    retain: bool
    receipt: Receipt | None


class Publisher:
    """Publishes with QoS 1 and sends again what the broker did not confirm.

    It connects and reconnects by itself in a thread of its own. A lost connection may deliver
    a message twice, never not at all as long as the publisher lives; what the broker itself
    refuses (no right to the topic) is counted in ``refused``.

    Parameters
    ----------
    broker
        Where; MQTT 5 with fallback to 3.1.1.
    client_id
        Letters, digits and ``_.:-`` only; unique at the broker.
    window
        Messages [-] that may wait for their confirmation; then `publish` waits.

    Raises
    ------
    SettingsError
        If the password file or the certificate cannot be read.
    """

    def __init__(self, broker: BrokerSettings, client_id: str, *, window: int = WINDOW) -> None:
        self._window = window
        self._changed = threading.Condition()
        self._waiting: deque[_Parcel] = deque()
        self._sent: OrderedDict[int, _Parcel] = OrderedDict()
        self._grant = 0
        self._is_closed = False
        self.refused = 0
        # auto: with paho alone, large writes over WebSocket may lose their rest
        self._link = Link(broker, Identity(client_id), self, choice="auto")
        self._link.start()

    @property
    def unconfirmed(self) -> int:
        """Messages handed in that the broker has not confirmed yet."""
        return len(self._waiting) + len(self._sent)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        timeout_s: float = 30.0,
        receipt: Receipt | None = None,
    ) -> bool:
        """Hand in a message; False if the window stayed full for ``timeout_s`` or it is closed.

        The receipt, if there is one, tells what becomes of this message.
        """
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout_s) or self._is_closed:
                return False
            self._waiting.append(_Parcel(topic, payload, retain, receipt))
        self._link.wake()
        return True

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is confirmed or the time is over; messages still open."""
        with self._changed:
            self._changed.wait_for(lambda: not self.unconfirmed or self._is_closed, timeout_s)
            return self.unconfirmed

    def close(self, timeout_s: float = 10.0) -> int:
        """Flush and disconnect; messages that were never confirmed."""
        end = time.monotonic() + timeout_s
        unconfirmed = self.flush(max(0.0, end - time.monotonic()))
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._link.stop()
        return unconfirmed

    def _has_room(self) -> bool:
        return self._is_closed or self.unconfirmed < self._window

    # What the link asks and tells, in its thread

    def room(self) -> Room:
        """Confirmations are always read."""
        return Room(WINDOW, WINDOW)

    def is_idle(self) -> bool:
        """Whether nothing waits to be sent; a stop does not wait for confirmations."""
        return True

    def opened(self, client: Client, connection: int, *, is_resumed: bool, window: int) -> None:
        """Send again what an earlier connection left unconfirmed."""
        del client, connection, is_resumed
        with self._changed:
            self._waiting.extendleft(reversed(self._sent.values()))
            self._sent.clear()
            self._grant = min(self._window, window)

    def send(self, client: Client) -> None:
        """Hand waiting messages to the client, as many as the broker grants."""
        while self._waiting and len(self._sent) < self._grant:
            with self._changed:
                parcel = self._waiting.popleft()
                info = client.publish(parcel.topic, parcel.payload, qos=1, retain=parcel.retain)
                self._sent[info.mid] = parcel

    def watch(self, client: Client) -> None:
        """Nothing: every message waits for its own confirmation."""

    def received(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Ignore: a publisher subscribes to nothing."""

    def confirmed(self, packet: int, *, is_refused: bool, is_unheard: bool) -> None:
        """Forget a message that the broker took; count one that it refused."""
        with self._changed:
            parcel = self._sent.pop(packet, None)
            self.refused += is_refused
            self._changed.notify_all()
        if parcel is not None and parcel.receipt is not None:
            parcel.receipt.settle(is_refused=is_refused, is_unheard=is_unheard)
        if is_refused and parcel is not None:
            logger.warning("publish_refused", extra={"topic": parcel.topic})

    def subscribed(self, packet: int, *, refused: Sequence[int]) -> None:
        """Ignore: a publisher subscribes to nothing."""

    def closed(self) -> None:
        """Nothing is in flight without a connection; `opened` sends it again."""
