"""Under which name, where and when to connect: client id, endpoints, back-off."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from twin.settings import BrokerSettings

UNSAFE_IN_CLIENT_ID = re.compile(r"[^A-Za-z0-9_.:-]")
LONGEST_CLIENT_ID = 64
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
TAKEOVERS_BEFORE_PAUSE = 3
TAKEOVER_PAUSE_S = 60.0

Version = Literal["5", "3.1.1"]


def client_id(city: str, instance: str) -> str:
    """Client id ``twin-<city>-<instance>`` from characters that every broker survives.

    One embedded broker stops serving anybody when an id with ``/``, ``#``, ``+`` or ``$``
    connects twice.

    Examples
    --------
    >>> client_id("Halle (Saale)", "1")
    'twin-Halle--Saale--1'
    """
    room = LONGEST_CLIENT_ID - len(f"twin--{instance}")
    return UNSAFE_IN_CLIENT_ID.sub("-", f"twin-{city[:room]}-{instance}")


class BackOff:
    """Growing, jittered delays [s]: each between half and all of a doubling bound."""

    def __init__(
        self,
        *,
        first_s: float = FIRST_DELAY_S,
        longest_s: float = LONGEST_DELAY_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter
        self._next_s = first_s

    def next(self) -> float:
        """Delay before the next attempt."""
        bound_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return bound_s * (0.5 + 0.5 * self._jitter())

    def reset(self) -> None:
        """Start again with the first delay."""
        self._next_s = self._first_s


class Ending(Enum):
    """How a connection, or the attempt at one, ended."""

    LOST = "connection lost"
    UNREACHABLE = "broker cannot be reached"
    REFUSED = "broker refused the connection"
    REFUSED_VERSION = "broker does not speak this MQTT version"
    NO_ANSWER = "closed or silent before the answer to CONNECT"
    TAKEN_OVER = "another client with the same id took over"
    PAUSED = "paused: nobody takes the messages"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to connect."""

    host: str
    port: int
    version: Version


class EndpointPlan:
    """Which endpoint to try next, and after which delay.

    MQTT 5 comes first; a broker that refuses it, or that closes or keeps silent before its
    answer, is tried with 3.1.1 on the same port and on the fallback port. What answered once
    is kept until the programme restarts.
    """

    def __init__(self, broker: BrokerSettings, *, back_off: BackOff | None = None) -> None:
        self._endpoints = _endpoints(broker)
        self._index = 0
        self._is_proven = False
        self._takeovers = 0
        self._back_off = back_off or BackOff()

    @property
    def endpoint(self) -> Endpoint:
        """Endpoint of the next attempt."""
        return self._endpoints[self._index]

    def connected(self) -> None:
        """Note that the present endpoint answered."""
        self._is_proven = True
        self._back_off.reset()

    def after(self, ending: Ending) -> float:
        """Delay [s] before the next attempt; the endpoint may have changed."""
        self._takeovers = self._takeovers + 1 if ending is Ending.TAKEN_OVER else 0
        if self._takeovers >= TAKEOVERS_BEFORE_PAUSE:
            self._takeovers = 0
            return TAKEOVER_PAUSE_S
        if ending is Ending.PAUSED:
            return 0.0
        if ending is Ending.REFUSED_VERSION:
            self._is_proven = False
        is_version_doubtful = ending in (Ending.REFUSED_VERSION, Ending.NO_ANSWER)
        if is_version_doubtful and not self._is_proven:
            self._index = (self._index + 1) % len(self._endpoints)
            if self._index > 0:
                return 0.0
        return self._back_off.next()


def _endpoints(broker: BrokerSettings) -> tuple[Endpoint, ...]:
    endpoints = [Endpoint(broker.host, broker.port, broker.protocol)]
    if broker.protocol == "5":
        endpoints.append(Endpoint(broker.host, broker.port, "3.1.1"))
    if broker.fallback_port and broker.fallback_port != broker.port:
        endpoints.append(Endpoint(broker.host, broker.fallback_port, "3.1.1"))
    return tuple(endpoints)
