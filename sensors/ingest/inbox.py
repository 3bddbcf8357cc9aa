"""What the ingester asks of the broker, and whose messages they are."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sensors.broker import Delivery, SubscriberFigures
from sensors.broker.watchdog import matches
from sensors.pipeline.lanes import UNROUTED
from sensors.routing import Router, subscriptions
from twin.model.datastreams import Datastream
from twin.model.messages import CodecRule

MOST_TOPICS = 50_000
LONGEST_KEPT_BYTES = (
    512  # longer topics are looked up each time: 50,000 of them would fill the memory
)


SILENT_INTERVALS = 5.0


def silences(rules: Sequence[CodecRule], datastreams: Iterable[Datastream]) -> dict[str, float]:
    """Silence [s] by topic filter after which something is wrong with the source.

    Five times the shortest expected interval among the datastreams that the rules below the filter
    can feed; a filter without any is left out.
    """
    shortest_s: dict[str, float] = {}
    for one in datastreams:
        if one.cadence_s:
            shortest_s[one.source] = min(one.cadence_s, shortest_s.get(one.source, one.cadence_s))
    found: dict[str, float] = {}
    for topic_filter in subscriptions(rules):
        fed_s = [
            shortest_s[rule.source]
            for rule in rules
            if rule.source in shortest_s
            and any(matches(topic_filter, one.encode()) for one in subscriptions([rule]))
        ]
        if fed_s:
            found[topic_filter] = SILENT_INTERVALS * min(fed_s)
    return found


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
