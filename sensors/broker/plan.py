"""Under which name, where and when to connect: client id, endpoints, back-off."""

import random
import re
import time
from collections import deque
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
TAKEOVERS_WITHIN_S = 60.0
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
    CUT_SHORT = "closed at once: another client with the same id, or a broker that stops"
    PAUSED = "paused: nobody takes the messages"
    RENEWED = "password or certificate authority changed"
    PROBE_LOST = "the broker takes messages but delivers none"
    REFUSED_FRAME = "the broker sent what is no MQTT"
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

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        back_off: BackOff | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoints = _endpoints(broker)
        self._index = 0
        self._is_proven = False
        self._clock_s = clock_s
        self._takeovers: deque[float] = deque(maxlen=TAKEOVERS_BEFORE_PAUSE)
        self._contested_until_s = 0.0
        self._back_off = back_off or BackOff()
        self._refusals = BackOff()

    @property
    def is_contested(self) -> bool:
        """Whether another client seems to use the same id: three take-overs in a minute."""
        return self._clock_s() < self._contested_until_s

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
        if ending in (Ending.TAKEN_OVER, Ending.CUT_SHORT) and self._is_third_takeover():
            return TAKEOVER_PAUSE_S
        if ending in (Ending.PAUSED, Ending.RENEWED):
            return 0.0
        if ending is Ending.REFUSED_FRAME:  # the broker will send the same again
            return self._refusals.next()
        self._refusals.reset()
        if ending is Ending.REFUSED_VERSION:
            self._is_proven = False
        is_version_doubtful = ending in (Ending.REFUSED_VERSION, Ending.NO_ANSWER)
        if is_version_doubtful and not self._is_proven:
            self._index = (self._index + 1) % len(self._endpoints)
            if self._index > 0:
                return 0.0
        return self._back_off.next()

    def _is_third_takeover(self) -> bool:
        now_s = self._clock_s()
        self._takeovers.append(now_s)
        is_full = len(self._takeovers) == TAKEOVERS_BEFORE_PAUSE
        if not is_full or now_s - self._takeovers[0] > TAKEOVERS_WITHIN_S:
            return False
        self._takeovers.clear()
        self._contested_until_s = now_s + TAKEOVER_PAUSE_S + TAKEOVERS_WITHIN_S
        return True


def _endpoints(broker: BrokerSettings) -> tuple[Endpoint, ...]:
    endpoints = [Endpoint(broker.host, broker.port, broker.protocol)]
    if broker.protocol == "5":
        endpoints.append(Endpoint(broker.host, broker.port, "3.1.1"))
    if broker.fallback_port and broker.fallback_port != broker.port:
        endpoints.append(Endpoint(broker.host, broker.fallback_port, "3.1.1"))
    return tuple(endpoints)
