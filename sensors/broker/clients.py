"""A client of paho for one connection: version, session, secrets, transport, will."""

import logging
from dataclasses import dataclass
from typing import Literal, TypedDict

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sensors.broker.bulk import BulkClient, missing_hooks
from sensors.broker.credentials import Credentials
from sensors.broker.frames import MAXIMUM_PACKET_BYTES
from sensors.broker.plan import Endpoint
from twin.errors import SettingsError
from twin.settings import BrokerSettings

logger = logging.getLogger(__name__)

RECEIVE_MAXIMUM = 20_000
WINDOW_WITHOUT_ANNOUNCEMENT = 65_535

Choice = Literal["auto", "bulk", "stock"]


@dataclass(frozen=True, slots=True)
class Identity:
    """How a client presents itself; a session that expires after 0 s is not kept.

    ``will`` is the topic and the retained payload that the broker publishes if the client is lost.
    """

    client_id: str
    session_expiry_s: int = 0
    will: tuple[str, bytes] | None = None


class Greeting(TypedDict, total=False):
    """What MQTT 5 adds to CONNECT; empty for 3.1.1."""

    clean_start: bool
    properties: Properties


class ClientMaker:
    """Makes a fresh client for every connection.

    Parameters
    ----------
    broker, identity
        Where and as whom.
    choice
        ``auto`` takes the bulk client if this paho can carry it, and says once if not.

    Raises
    ------
    SettingsError
        If ``bulk`` is demanded and cannot be had.
    """

    def __init__(self, broker: BrokerSettings, identity: Identity, *, choice: Choice) -> None:
        self._broker = broker
        self._identity = identity
        self.is_bulk = choice != "stock" and _is_bulk_possible(choice)

    def make(self, endpoint: Endpoint, credentials: Credentials, *, connection: int) -> Client:
        """Client that is not connected yet; its messages carry the number ``connection``."""
        is_five = endpoint.version == "5"
        kind = BulkClient if self.is_bulk else Client
        client = kind(
            CallbackAPIVersion.VERSION2,
            client_id=self._identity.client_id,
            clean_session=None if is_five else not self._identity.session_expiry_s,
            protocol=MQTTProtocolVersion.MQTTv5 if is_five else MQTTProtocolVersion.MQTTv311,
            transport=self._broker.transport,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if isinstance(client, BulkClient):
            client.connection = connection
        client.max_inflight_messages = WINDOW_WITHOUT_ANNOUNCEMENT  # the partner counts itself
        if self._broker.transport == "websockets":
            client.ws_set_options(path=self._broker.websocket_path)
        secrets = credentials.secrets
        if secrets.username:
            client.username_pw_set(secrets.username, secrets.password)
        if credentials.tls is not None:
            client.tls_set_context(credentials.tls)
        if self._identity.will is not None:
            topic, payload = self._identity.will
            client.will_set(topic, payload, qos=1, retain=True)
        return client

    def greeting(self, endpoint: Endpoint) -> Greeting:
        """What `connect` says besides; a session is taken up again unless it is not to be kept."""
        if endpoint.version != "5":
            return Greeting()
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        if self._identity.session_expiry_s:
            properties.SessionExpiryInterval = self._identity.session_expiry_s
        return Greeting(clean_start=not self._identity.session_expiry_s, properties=properties)


def _is_bulk_possible(choice: Choice) -> bool:
    missing = missing_hooks()
    if not missing:
        return True
    names = ", ".join(missing)
    if choice == "bulk":
        raise SettingsError(
            f'ingest.client = "bulk": this paho-mqtt lacks {names}; take "auto" or "stock", '
            "or another version of paho-mqtt"
        )
    logger.warning("bulk_client_unavailable", extra={"missing": names, "use": "stock"})
    return False
