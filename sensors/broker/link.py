"""A connection to the broker that comes back by itself.

One thread owns the client of a connection, and every connection has its own client: nothing of
an old connection, least of all an acknowledgement, can reach a new one.
"""

import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sensors.broker.delivery import Delivery
from sensors.broker.plan import Ending, Endpoint, EndpointPlan
from twin.errors import SettingsError
from twin.model.times import to_us, utc_now
from twin.ports import Clock
from twin.settings import BrokerSettings

logger = logging.getLogger(__name__)

KEEPALIVE_S = 30
ANSWER_WITHIN_S = 5.0
LONGEST_PAUSE_S = KEEPALIVE_S / 2
TURN_S = 0.25
PACKETS_PER_TURN = 200
CLOSE_WITHIN_S = 5.0
RECEIVE_MAXIMUM = 20_000
MAXIMUM_PACKET_BYTES = 9 * 1024 * 1024
WINDOW_WITHOUT_ANNOUNCEMENT = 65_535
UNSUPPORTED_VERSION = 0x84
TAKEN_OVER = 0x8E


@dataclass(frozen=True, slots=True)
class Identity:
    """How a client presents itself; a session that expires after 0 s is not kept."""

    client_id: str
    session_expiry_s: int = 0


class Greeting(TypedDict, total=False):
    """What MQTT 5 adds to CONNECT; empty for 3.1.1."""

    clean_start: bool
    properties: Properties


class Partner(Protocol):
    """Who uses a `Link`; all methods are called from its thread."""

    def is_hungry(self) -> bool:
        """Whether the link shall read from the network now."""
        ...

    def opened(self, client: Client, connection: int, *, is_resumed: bool, window: int) -> None:
        """Take note of a connection; ``window`` messages may be unacknowledged [-]."""
        ...

    def send(self, client: Client) -> None:
        """Hand what waits to the client."""
        ...

    def is_idle(self) -> bool:
        """Whether nothing waits to be sent."""
        ...

    def received(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Take messages that hold ``size_bytes`` together."""
        ...

    def confirmed(self, packet: int, *, is_refused: bool) -> None:
        """Note that the broker took a published message, or refused it."""
        ...

    def closed(self) -> None:
        """Take note that the connection is gone."""
        ...


class Link:
    """A connection to the broker that comes back by itself, in a thread of its own."""

    def __init__(
        self,
        broker: BrokerSettings,
        identity: Identity,
        partner: Partner,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._clock = clock
        self._broker = broker
        self._identity = identity
        self._partner = partner
        self._password = _password(broker)
        self._tls = _tls_context(broker)
        self._plan = EndpointPlan(broker)
        self._stop = threading.Event()
        self._bell, self._bell_end = socket.socketpair()
        self._bell.settimeout(0.0)
        self._bell_end.settimeout(0.0)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._packets = 0
        self._ending: Ending | None = None
        self._reason = ""
        self.connection = 0
        self.is_open = False
        self.is_subscribed = False

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Let the thread look at once for something to send."""
        try:
            self._bell_end.send(b"\0")
        except BlockingIOError:
            return  # the bell is ringing already

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
            if not self._partner.is_hungry():
                self._stop.wait(TURN_S)
                continue
            endpoint = self._plan.endpoint
            ending = self._hold(endpoint)
            delay_s = self._plan.after(ending)
            if ending is not Ending.STOPPED:
                _log_ending(endpoint, ending, reason=self._reason, delay_s=delay_s)
            self._stop.wait(delay_s)

    def _hold(self, endpoint: Endpoint) -> Ending:
        """Connect and serve one connection until it ends; how it ended."""
        client = self._new_client(endpoint)
        self._ending, self._reason = None, ""
        try:
            client.connect(endpoint.host, endpoint.port, KEEPALIVE_S, **self._greeting(endpoint))
            return self._serve(client)
        except OSError as error:
            self._reason = str(error)
            return Ending.UNREACHABLE
        finally:
            self.is_open = self.is_subscribed = False
            self._partner.closed()
            _close(client)

    def _serve(self, client: Client) -> Ending:
        answer_until = time.monotonic() + ANSWER_WITHIN_S
        stop_until: float | None = None
        fed_at = time.monotonic()
        while client.socket() is not None:
            now = time.monotonic()
            is_hungry = not self.is_open or self._partner.is_hungry()
            fed_at = now if is_hungry else fed_at
            if self.is_open:
                self._partner.send(client)
            elif now > answer_until or self._stop.is_set():
                return Ending.NO_ANSWER
            if now - fed_at > LONGEST_PAUSE_S:
                return Ending.PAUSED
            if self._stop.is_set():
                stop_until = stop_until or now + CLOSE_WITHIN_S
                if now > stop_until or (self._partner.is_idle() and not client.want_write()):
                    return Ending.STOPPED
            self._turn(client, is_hungry=is_hungry)
        return self._ending or (Ending.LOST if self.is_open else Ending.NO_ANSWER)

    def _turn(self, client: Client, *, is_hungry: bool) -> None:
        """Wait for the network, read and write once."""
        connection = client.socket()
        if connection is None:
            return
        # TLS may hold decrypted bytes that select does not see
        is_buffered = is_hungry and isinstance(connection, ssl.SSLSocket) and connection.pending()
        readers = [self._bell, connection] if is_hungry else [self._bell]
        writers = [connection] if client.want_write() else []
        readable, writable, _ = select.select(readers, writers, [], 0.0 if is_buffered else TURN_S)
        if self._bell in readable:
            self._bell.recv(4096)
        if writable:
            client.loop_write()
        if is_buffered or connection in readable:
            self._read(client)
        if client.socket() is not None:
            client.loop_misc()

    def _read(self, client: Client) -> None:
        for _ in range(PACKETS_PER_TURN):
            before = self._packets
            client.loop_read()
            if client.socket() is None or self._packets == before:
                return
            if not self._partner.is_hungry():
                return

    def _new_client(self, endpoint: Endpoint) -> Client:
        is_five = endpoint.version == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._identity.client_id,
            clean_session=None if is_five else not self._identity.session_expiry_s,
            protocol=MQTTProtocolVersion.MQTTv5 if is_five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages = WINDOW_WITHOUT_ANNOUNCEMENT  # the partner counts itself
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    def _greeting(self, endpoint: Endpoint) -> Greeting:
        if endpoint.version != "5":
            return Greeting()
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        if self._identity.session_expiry_s:
            properties.SessionExpiryInterval = self._identity.session_expiry_s
        return Greeting(clean_start=not self._identity.session_expiry_s, properties=properties)

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
        window = getattr(properties, "ReceiveMaximum", WINDOW_WITHOUT_ANNOUNCEMENT)
        self._partner.opened(
            client, self.connection, is_resumed=flags.session_present, window=window
        )
        logger.info(
            "broker_connected",
            extra={"version": self._plan.endpoint.version, "resumed": flags.session_present},
        )

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.value == TAKEN_OVER:
            self._ending = Ending.TAKEN_OVER

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._packets += 1
        delivery = Delivery(
            connection=self.connection,
            packet=message.mid,
            qos=message.qos,
            topic=_topic(message),
            payload=bytes(message.payload),
            received_us=to_us(self._clock()),
            is_retained=message.retain,
            is_repeat=message.dup,
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
        self._partner.confirmed(packet, is_refused=reason.is_failure)

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _packet: int,
        reasons: Sequence[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._packets += 1
        self.is_subscribed = not any(reason.is_failure for reason in reasons)
        for reason in reasons:
            if reason.is_failure:
                logger.error("subscription_refused", extra={"reason": str(reason)})


def _topic(message: MQTTMessage) -> bytes:
    try:
        return message.topic.encode()
    except UnicodeDecodeError as error:
        return bytes(error.object)


def _close(client: Client) -> None:
    """Say goodbye if the broker still listens; the session stays as long as was agreed."""
    if client.socket() is None:
        return
    client.disconnect()
    connection = client.socket()
    if connection is not None:
        connection.close()


def _log_ending(endpoint: Endpoint, ending: Ending, *, reason: str, delay_s: float) -> None:
    facts: dict[str, object] = {
        "host": endpoint.host,
        "port": endpoint.port,
        "version": endpoint.version,
        "why": f"{ending.value}: {reason}" if reason else ending.value,
        "retry_in_s": round(delay_s, 1),
    }
    if ending is Ending.NO_ANSWER:
        facts["hint"] = "wrong MQTT version for this port, or wrong user or password"
    logger.warning("broker_connection_ended", extra=facts)


def _password(broker: BrokerSettings) -> str:
    if not broker.password_file:
        return ""
    try:
        return Path(broker.password_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"broker.password_file {broker.password_file!r} cannot be read: {error.strerror}; "
            "name a file that holds nothing but the password"
        ) from None


def _tls_context(broker: BrokerSettings) -> ssl.SSLContext | None:
    if not broker.use_tls:
        return None
    try:
        return ssl.create_default_context(cafile=broker.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"broker.ca_file {broker.ca_file!r} cannot be used: {error}; name a PEM file with the "
            "certificate of the authority that signed the broker's certificate"
        ) from None
