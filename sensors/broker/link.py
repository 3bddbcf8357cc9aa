"""A connection to the broker that comes back by itself.

One thread at a time serves the client of a connection (see `duty`), and every connection has its
own client: nothing of an old connection, least of all an acknowledgement, can reach a new one.
"""

import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sensors.broker.bulk import BulkSocket, pending
from sensors.broker.clients import WINDOW_WITHOUT_ANNOUNCEMENT, Choice, ClientMaker, Identity
from sensors.broker.credentials import Credentials, expiry_of
from sensors.broker.delivery import Delivery, Room
from sensors.broker.duty import Duty
from sensors.broker.farewell import close
from sensors.broker.partner import Partner
from sensors.broker.plan import Ending, Endpoint, EndpointPlan
from twin.errors import DecodeError
from twin.model.times import to_us, utc_now
from twin.ports import Clock
from twin.settings import BrokerSettings

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

KEEPALIVE_S = 30
ANSWER_WITHIN_S = 5.0
LONGEST_PAUSE_S = KEEPALIVE_S / 2
SHORT_S = 5.0
TURN_S = 0.25
STEP_BACK_US = 5_000_000
PACKETS_PER_TURN = 200
CLOSE_WITHIN_S = 5.0
MISC_S = 0.1
CREDENTIALS_CHECK_S = 3.0
FIRST_ROOM = Room(1, 4096)
UNSUPPORTED_VERSION = 0x84
TAKEN_OVER = 0x8E
UNHEARD = 0x10


class Link:
    """A connection to the broker that comes back by itself, in a thread of its own.

    Whoever waits for messages may `serve` it meanwhile.

    Parameters
    ----------
    broker, identity
        Where and as whom.
    partner
        Who gets the messages.
    choice
        Which client; see `ClientMaker`.
    clock
        Source of the times of arrival.
    is_quiet
        Whether its connections are nobody's news: they are logged for debugging only.

    Raises
    ------
    SettingsError
        If the password file or the certificate cannot be read, or the client cannot be had.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        identity: Identity,
        partner: Partner,
        *,
        choice: Choice = "stock",
        clock: Clock = utc_now,
        is_quiet: bool = False,
    ) -> None:
        self._clock = clock
        self._is_quiet = is_quiet
        self._partner = partner
        self._credentials = Credentials(broker)
        self._maker = ClientMaker(broker, identity, choice=choice)
        self._plan = EndpointPlan(broker)
        self._stop = threading.Event()
        self._bell, self._bell_end = socket.socketpair()
        self._bell.settimeout(0.0)
        self._bell_end.settimeout(0.0)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._packets = 0
        self._stamped_us = 0
        self._ending: Ending | None = None
        self._reason = ""
        self._opened_s = 0.0
        self._looked_s = 0.0
        self._misc_s = 0.0
        self._fed_s = 0.0
        self._answer_until_s = 0.0
        self._stop_until_s: float | None = None
        self._client: Client | None = None
        self._duty = Duty(self.wake)
        self.connection = 0
        self.frames_refused = 0
        self.is_open = False
        self.is_held = False
        self.certificate_expires_at: datetime | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def is_bulk(self) -> bool:
        """Whether messages come by the fast path."""
        return self._maker.is_bulk

    @property
    def is_contested(self) -> bool:
        """Whether another client seems to use the same id."""
        return self._plan.is_contested

    def wake(self) -> None:
        """Let the thread look at once for something to send."""
        try:
            self._bell_end.send(b"\0")
        except OSError:
            return  # the bell is ringing already, or it was taken down

    def wake_own_thread(self) -> None:
        """The same, if it waits for the network; one that rests looks by itself, soon."""
        if self._duty.is_own:
            self.wake()

    def serve(self, is_enough: Callable[[], bool], timeout_s: float) -> bool:
        """Serve the connection in the calling thread until ``is_enough`` or the time is over.

        False if no connection is open: then its own thread connects, and it delivers meanwhile.
        """
        if not self.is_open:
            return False
        until_s = time.monotonic() + timeout_s
        with self._duty.lent():
            while (client := self._client) is not None and not self._stop.is_set():
                left_s = until_s - time.monotonic()
                if self._has_ended(client, wait_s=min(max(left_s, 0.0), TURN_S)):
                    break
                if is_enough() or left_s <= 0:
                    return True
        return False

    def end(self, ending: Ending) -> None:
        """Close the present connection and open another; for the partner, in its methods."""
        self._ending = ending

    def stop(self) -> None:
        """Send what waits, disconnect without giving up the session, end the thread."""
        if self._stop.is_set():
            return
        self._stop.set()
        self.wake()
        if self._thread.ident is not None:  # it was started
            self._thread.join(CLOSE_WITHIN_S + ANSWER_WITHIN_S)
        self._bell.close()
        self._bell_end.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._is_hungry():
                self._stop.wait(TURN_S)
                continue
            endpoint = self._plan.endpoint
            ending = self._hold(endpoint)
            delay_s = self._plan.after(ending)
            if ending is not Ending.STOPPED:
                level = logging.DEBUG if self._is_quiet else logging.WARNING
                facts = _facts(endpoint, ending, reason=self._reason, delay_s=delay_s)
                logger.log(level, "broker_connection_ended", extra=facts)
            self._stop.wait(delay_s)

    def _is_hungry(self) -> bool:
        return min(self._partner.room()) > 0

    def _hold(self, endpoint: Endpoint) -> Ending:
        """Connect and serve one connection until it ends; how it ended."""
        self._credentials.renew()
        client = self._new_client(endpoint)
        greeting = self._maker.greeting(endpoint)
        self._ending, self._reason = None, ""
        try:
            client.connect(endpoint.host, endpoint.port, KEEPALIVE_S, **greeting)
            self.certificate_expires_at = expiry_of(client.socket())
            return self._serve(client)
        except OSError as error:
            self._reason = str(error)
            return Ending.UNREACHABLE
        finally:
            self.is_open = False
            self._partner.closed()
            close(client)

    def _serve(self, client: Client) -> Ending:
        self._fed_s = time.monotonic()
        self._answer_until_s = self._fed_s + ANSWER_WITHIN_S
        self._stop_until_s = None
        self._client = client
        while True:
            with self._duty.own(self._stop):
                if self._ending is not None or self._has_ended(client, wait_s=TURN_S):
                    self._client = None
                    return self._ending or Ending.LOST

    def _has_ended(self, client: Client, *, wait_s: float) -> bool:
        """Serve the connection once; whether it has ended, which `_ending` tells then."""
        try:
            self._ending = self._step(client, wait_s=wait_s)
        except OSError as error:
            self._ending, self._reason = Ending.UNREACHABLE, str(error)
        return self._ending is not None

    def _step(self, client: Client, *, wait_s: float) -> Ending | None:
        """Send what waits, wait for the network, read and write once; how it ended, if it did."""
        now_s = time.monotonic()
        self.is_held = True  # before the look: who makes room afterwards sees it
        is_hungry = not self.is_open or self._is_hungry()
        self.is_held = not is_hungry
        if is_hungry:
            self._fed_s = now_s
        if self.is_open:
            self._partner.send(client)
        ending = self._is_over(client, now_s)
        if ending is None:
            self._turn(client, is_hungry=is_hungry, wait_s=wait_s)
        ending = ending or self._ending
        is_lost = ending is None and client.socket() is None
        return self._how_it_was_lost() if is_lost else ending

    def _is_over(self, client: Client, now_s: float) -> Ending | None:
        """Why the connection has to be closed, if it has."""
        if not self.is_open and (now_s > self._answer_until_s or self._stop.is_set()):
            return Ending.NO_ANSWER
        if now_s - self._fed_s > LONGEST_PAUSE_S:
            return Ending.PAUSED
        if self._are_credentials_new(now_s):
            return Ending.RENEWED
        if self._stop.is_set():
            self._stop_until_s = self._stop_until_s or now_s + CLOSE_WITHIN_S
            is_done = self._partner.is_idle() and not client.want_write()
            if is_done or now_s > self._stop_until_s:
                return Ending.STOPPED
        return None

    def _how_it_was_lost(self) -> Ending:
        if not self.is_open:
            return Ending.NO_ANSWER
        is_short = time.monotonic() - self._opened_s < SHORT_S
        return Ending.CUT_SHORT if is_short else Ending.LOST

    def _are_credentials_new(self, now: float) -> bool:
        if now - self._looked_s < CREDENTIALS_CHECK_S:
            return False
        self._looked_s = now
        return self._credentials.renew()

    def _turn(self, client: Client, *, is_hungry: bool, wait_s: float) -> None:
        """Wait for the network, read and write once."""
        connection = client.socket()
        if connection is None:
            return
        # neither TLS nor our own layer lets select see what they hold
        is_buffered = is_hungry and pending(connection) > 0
        readers = [self._bell, connection] if is_hungry else [self._bell]
        writers = [connection] if client.want_write() else []
        readable, writable, _ = select.select(readers, writers, [], 0.0 if is_buffered else wait_s)
        if self._bell in readable:
            self._bell.recv(4096)
        if writable:
            client.loop_write()
        is_still_hungry = not self.is_open or self._is_hungry()  # a pause may have begun
        if (is_buffered or connection in readable) and is_still_hungry:
            if isinstance(connection, BulkSocket):
                self._read_in_bulk(client, connection)
            else:
                self._read_singly(client)
        now_s = time.monotonic()
        if client.socket() is not None and now_s - self._misc_s >= MISC_S:
            self._misc_s = now_s
            client.loop_misc()
            if self.is_open:
                self._partner.watch(client)

    def _read_in_bulk(self, client: Client, connection: BulkSocket) -> None:
        room = self._partner.room() if self.is_open else FIRST_ROOM
        try:
            frames = connection.fill(room, received_us=self._next_us())
            # paho first: the answer to CONNECT comes before the first message
            while connection.has_packets and client.socket() is not None:
                self._note_refusal(client.loop_read())
        except DecodeError as error:
            self._refuse_frame(str(error))
            return
        if frames.deliveries and not self.is_open:
            self._refuse_frame("a message before the answer to CONNECT")
        elif frames.deliveries:
            self._stamped_us = frames.deliveries[-1].received_us
            self._partner.received(frames.deliveries, frames.size_bytes)

    def _next_us(self) -> int:
        """Time of arrival of the next message, later than that of any before.

        Only a clock that was set back by a lot is followed: else all times would lie ahead of it
        for as long.
        """
        now_us = to_us(self._clock())
        if self._stamped_us - now_us >= STEP_BACK_US:
            facts = {"back_s": round((self._stamped_us - now_us) / 1e6, 3)}
            logger.warning("clock_stepped", extra=facts)
            self._stamped_us = now_us - 1
        return max(now_us, self._stamped_us + 1)

    def _read_singly(self, client: Client) -> None:
        for _ in range(PACKETS_PER_TURN):
            before = self._packets
            self._note_refusal(client.loop_read())
            if client.socket() is None or self._packets == before or not self._is_hungry():
                return

    def _note_refusal(self, code: MQTTErrorCode) -> None:
        if code == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            self._refuse_frame("a packet that paho refuses")

    def _refuse_frame(self, reason: str) -> None:
        self.frames_refused += 1
        self._ending, self._reason = Ending.REFUSED_FRAME, reason

    def _new_client(self, endpoint: Endpoint) -> Client:
        client = self._maker.make(endpoint, self._credentials, connection=self.connection + 1)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            is_version = reason.value == UNSUPPORTED_VERSION
            self._ending = Ending.REFUSED_VERSION if is_version else Ending.REFUSED
            self._reason = str(reason)
            return
        self._plan.connected()
        self._packets += 1
        self.connection += 1
        self.is_open = True
        self._opened_s = time.monotonic()
        window = getattr(properties, "ReceiveMaximum", WINDOW_WITHOUT_ANNOUNCEMENT)
        self._partner.opened(
            client, self.connection, is_resumed=flags.session_present, window=window
        )
        facts = {
            "version": self._plan.endpoint.version,
            "resumed": flags.session_present,
            "client": "bulk" if isinstance(client.socket(), BulkSocket) else "stock",
        }
        level = logging.DEBUG if self._is_quiet else logging.INFO
        logger.log(level, "broker_connected", extra=facts)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not flags.is_disconnect_packet_from_server or self._ending is not None:
            return
        self._ending = Ending.TAKEN_OVER if reason.value == TAKEN_OVER else Ending.LOST
        self._reason = str(reason)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._packets += 1
        self._stamped_us = self._next_us()
        delivery = Delivery(
            connection=self.connection,
            packet=message.mid,
            qos=message.qos,
            topic=_topic(message),
            payload=bytes(message.payload),
            received_us=self._stamped_us,
            is_retained=bool(message.retain),
            is_repeat=bool(message.dup),
        )
        self._partner.received([delivery], delivery.size_bytes)

    def _on_publish(
        self,
        _client: Client,
        _userdata: object,
        packet: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._packets += 1
        is_unheard = reason.value == UNHEARD
        self._partner.confirmed(packet, is_refused=reason.is_failure, is_unheard=is_unheard)

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        packet: int,
        reasons: Sequence[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._packets += 1
        refused = [place for place, one in enumerate(reasons) if one.is_failure]
        self._partner.subscribed(packet, refused=refused)
        for reason in reasons:
            if reason.is_failure:
                logger.error("subscription_refused", extra={"reason": str(reason)})


def _topic(message: MQTTMessage) -> bytes:
    try:
        return message.topic.encode()
    except UnicodeDecodeError as error:
        return bytes(error.object)


def _facts(endpoint: Endpoint, ending: Ending, *, reason: str, delay_s: float) -> dict[str, object]:
    facts: dict[str, object] = {
        "host": endpoint.host,
        "port": endpoint.port,
        "version": endpoint.version,
        "why": f"{ending.value}: {reason}" if reason else ending.value,
        "retry_in_s": round(delay_s, 1),
    }
    if ending is Ending.NO_ANSWER:
        facts["hint"] = "wrong MQTT version for this port, or wrong user or password"
    return facts
