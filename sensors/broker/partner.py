"""What a link asks and tells whoever uses it."""

from collections.abc import Sequence
from typing import Protocol

from paho.mqtt.client import Client

from sensors.broker.delivery import Delivery, Room


class Partner(Protocol):
    """Who uses a `Link`; all methods are called from the one thread that serves it just now."""

    def room(self) -> Room:
        """How much the link may take over from the network now."""
        ...

    def opened(self, client: Client, connection: int, *, is_resumed: bool, window: int) -> None:
        """Take note of a connection; ``window`` messages may be unacknowledged [-]."""
        ...

    def send(self, client: Client) -> None:
        """Hand what waits to the client."""
        ...

    def watch(self, client: Client) -> None:
        """Look after the connection, ten times a second."""
        ...

    def is_idle(self) -> bool:
        """Whether nothing waits to be sent."""
        ...

    def received(self, deliveries: Sequence[Delivery], size_bytes: int) -> None:
        """Take messages that hold ``size_bytes`` together."""
        ...

    def confirmed(self, packet: int, *, is_refused: bool, is_unheard: bool) -> None:
        """Note that the broker took a published message, refused it, or knows nobody who reads it.

        Only MQTT 5 tells that a message is unheard; it is gone then.
        """
        ...

    def subscribed(self, packet: int, *, refused: Sequence[int]) -> None:
        """Note that the broker took a subscription, apart from the filters at these places."""
        ...

    def closed(self) -> None:
        """Take note that the connection is gone."""
        ...
