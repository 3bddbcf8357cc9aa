"""What the ingester asks of the broker, and whose messages they are."""

from collections.abc import Sequence
from typing import Protocol

from sensors.broker import Delivery, SubscriberFigures
from sensors.pipeline.lanes import UNROUTED
from sensors.routing import Router

MOST_TOPICS = 50_000
LONGEST_KEPT_BYTES = (
    512  # longer topics are looked up each time: 50,000 of them would fill the memory
)


class Inbox(Protocol):
    """Where deliveries come from; `sensors.broker.Subscriber` is the real one."""

    def poll(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        """Return what waits."""
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> int:
        """Acknowledge; return how many were refused."""
        ...

    def pause(self) -> None:
        """Read nothing more from the network."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    def announce(self, topic: str, payload: bytes, *, is_retained: bool = True) -> None:
        """Publish a notice."""
        ...

    def figures(self) -> SubscriberFigures:
        """Return the state of this moment."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether it can still deliver."""
        ...


class SourceOfTopic(dict[bytes, str]):
    """Source by topic, after the routing rules alone; looked up once, unless it is very long."""

    def __init__(self, router: Router) -> None:
        super().__init__()
        self._router = router

    def __missing__(self, topic: bytes) -> str:
        route = self._router.route(topic.decode("utf-8", "replace"))
        source = route.rule.source if route else UNROUTED
        if len(topic) <= LONGEST_KEPT_BYTES:
            if len(self) >= MOST_TOPICS:
                self.clear()
            self[topic] = source
        return source
