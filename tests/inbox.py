"""An inbox that holds what a test puts in, and an executor that does everything at once."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from sensors.broker import Delivery, SubscriberFigures
from twin.model.times import to_us, utc_now

NOW = utc_now()
OBS = "twin/v1/demo/B1/s000/obs"


@dataclass
class Deliveries:
    """Stands for the broker; ``packet`` numbers count from 1."""

    waiting: list[Delivery] = field(default_factory=list)
    acked: list[Delivery] = field(default_factory=list)
    notices: dict[str, bytes] = field(default_factory=dict)
    is_alive: bool = True
    is_paused: bool = False
    connection: int = 1
    count: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def put(
        self,
        payload: object,
        *,
        topic: str = OBS,
        retained: bool = False,
        repeat: bool = False,
        received_us: int = 0,
    ) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.count += 1
        self.waiting.append(
            Delivery(
                connection=self.connection,
                packet=self.count,
                qos=1,
                topic=topic.encode(),
                payload=content,
                received_us=received_us or to_us(NOW),
                is_retained=retained,
                is_repeat=repeat,
            )
        )

    def poll(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        del max_bytes, timeout_s
        taken, self.waiting = self.waiting[:max_messages], self.waiting[max_messages:]
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> int:
        self.acked.extend(deliveries)
        return 0

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def announce(self, topic: str, payload: bytes, *, is_retained: bool = True) -> None:
        assert is_retained
        self.notices[topic] = payload

    def figures(self) -> SubscriberFigures:
        plain: dict[str, Any] = {
            "is_connected": True,
            "connections": self.connection,
            "sessions_lost": 0,
            "messages": self.count,
            "acks_refused": 0,
            "queue_messages": len(self.waiting),
            "queue_bytes": 0,
        }
        return SubscriberFigures(**(plain | self.extra))


class AtOnce(Executor):
    """Does what is submitted before it returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as every executor does
            future.set_exception(error)
        return future
