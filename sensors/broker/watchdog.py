"""Does silence mean that the source is silent, or that the subscription is broken? Pure.

A connection can answer pings and yet deliver nothing: a broker that lost the subscription, a right
that was taken away. So when a subscription is silent for too long, a probe is sent through the
broker to ourselves. If it comes back, the source is silent; if not, a new connection is due.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

SILENT_AFTER_S = 120.0
PROBE_WITHIN_S = 10.0
PROBE_WITHIN_FLOW_S = 60.0  # it waits behind the messages, or is dropped among them
MOST_PROBES = 3
MOST_TOPICS_KNOWN = 100_000
LONGEST_KNOWN_BYTES = 512  # of a topic; longer ones are looked up each time


class Advice(Enum):
    """What to do now."""

    WAIT = "wait"
    PROBE = "send a probe"
    RECONNECT = "the probe is lost: connect again"


class Watchdog:
    """Age of the last message of each subscription, and what to conclude from it.

    The first probe goes out with the connection. Only where one has come back does the loss of
    a later one mean anything: some brokers silently drop what a user may not read. Where many
    messages flow a probe waits behind them or is dropped; it gets more time then, and is repeated
    before anything is concluded.

    Parameters
    ----------
    filters
        Topic filters, without the prefix of a shared subscription.
    silent_after_s
        Silence [s] by filter that makes a silent source of it, ``SILENT_AFTER_S`` at least; filters
        that are left out are probed only. None is ``SILENT_AFTER_S`` for all.

    Examples
    --------
    >>> dog = Watchdog(["a/#"])
    >>> dog.connected(0.0)
    >>> dog.advise(0.0)
    <Advice.PROBE: 'send a probe'>
    >>> dog.probed(0.0)
    >>> dog.answered(0.1)
    >>> dog.advise(130.0)
    <Advice.PROBE: 'send a probe'>
    >>> dog.probed(130.0)
    >>> dog.answered(130.1)
    >>> dog.silent
    ('a/#',)
    """

    def __init__(
        self, filters: Sequence[str], *, silent_after_s: Mapping[str, float] | None = None
    ) -> None:
        self._filters = tuple(filters)
        self._levels = [one.encode().split(b"/") for one in filters]
        self._limits_s: dict[str, float] = {}
        self._heard_s = [0.0] * len(filters)  # last message, or last time it was looked into
        self._message_s = [0.0] * len(filters)
        self._known: dict[bytes, tuple[int, ...]] = {}
        self._suspects: tuple[int, ...] = ()
        self._probed_s: float | None = None
        self._is_heard_since = False
        self._lost = 0
        self._is_wanted = True
        self.is_possible: bool | None = None
        self.silent: tuple[str, ...] = ()
        self.expect(dict.fromkeys(filters, 0.0) if silent_after_s is None else silent_after_s)

    def expect(self, silent_after_s: Mapping[str, float]) -> None:
        """Judge silence by these limits from now on."""
        limits = {one: max(SILENT_AFTER_S, limit_s) for one, limit_s in silent_after_s.items()}
        self._limits_s = limits
        self.silent = tuple(one for one in self.silent if one in limits)

    def connected(self, now_s: float) -> None:
        """Start to count anew."""
        self._begin(now_s)
        self._probed_s, self._suspects = None, ()
        self._lost = 0
        self._is_wanted = True
        self.is_possible = self.is_possible or None

    def paused(self, now_s: float) -> None:
        """Note that nobody reads: silence means nothing meanwhile."""
        self._begin(now_s)
        self._is_wanted = self._is_wanted or self._probed_s is not None
        self._probed_s = None

    def heard(self, topics: Iterable[bytes], now_s: float) -> None:
        """Note that messages came."""
        self._is_heard_since = True
        rows = {row for topic in topics for row in self._rows_of(topic)}
        for row in rows:
            self._heard_s[row] = self._message_s[row] = now_s
        if self.silent:
            awake = {self._filters[row] for row in rows}
            self.silent = tuple(one for one in self.silent if one not in awake)

    def advise(self, now_s: float) -> Advice:
        """What to do now; after ``RECONNECT`` the count starts anew with the next connection."""
        if self._probed_s is None:
            is_due = self._is_wanted or bool(self._overdue(now_s))
            return Advice.PROBE if is_due and self.is_possible is not False else Advice.WAIT
        limit_s = PROBE_WITHIN_FLOW_S if self._is_heard_since else PROBE_WITHIN_S
        if now_s - self._probed_s <= limit_s:
            return Advice.WAIT
        self._probed_s = None
        self._lost += 1
        if self._is_heard_since and self._lost < MOST_PROBES:
            return Advice.PROBE
        self._lost = 0
        self._heard_s = [now_s] * len(self._filters)
        self.is_possible = bool(self.is_possible)
        return Advice.RECONNECT if self.is_possible else Advice.WAIT

    def probed(self, now_s: float) -> None:
        """Note that a probe was sent."""
        self._suspects = self._overdue(now_s)
        self._probed_s = now_s
        self._is_heard_since = self._is_wanted = False

    def answered(self, now_s: float) -> None:
        """Note that a probe came back: what is silent has nothing to say."""
        self.is_possible = True
        self._lost = 0
        if self._probed_s is None:
            return
        self._probed_s = None
        for row in set(self._suspects).intersection(self._overdue(now_s)):
            self._heard_s[row] = now_s
        limits, mute = self._limits_s, set(self.silent)
        for one, message_s in zip(self._filters, self._message_s, strict=True):
            if now_s - message_s > limits.get(one, math.inf):
                mute.add(one)
        self.silent = tuple(one for one in self._filters if one in mute and one in limits)

    def _begin(self, now_s: float) -> None:
        self._heard_s = [now_s] * len(self._filters)
        self._message_s = list(self._heard_s)

    def _overdue(self, now_s: float) -> tuple[int, ...]:
        rows = range(len(self._filters))
        return tuple(row for row in rows if now_s - self._heard_s[row] > SILENT_AFTER_S)

    def _rows_of(self, topic: bytes) -> tuple[int, ...]:
        rows = self._known.get(topic)
        if rows is None:
            levels = topic.split(b"/")
            found = (row for row, wanted in enumerate(self._levels) if _matches(wanted, levels))
            rows = tuple(found)
            if len(topic) <= LONGEST_KNOWN_BYTES:
                if len(self._known) >= MOST_TOPICS_KNOWN:
                    self._known.clear()
                self._known[topic] = rows
        return rows


def matches(topic_filter: str, topic: bytes) -> bool:
    """Whether a topic falls under a filter.

    Examples
    --------
    >>> matches("a/+/c", b"a/b/c"), matches("a/#", b"a"), matches("#", b"$SYS/broker")
    (True, True, False)
    """
    return _matches(topic_filter.encode().split(b"/"), topic.split(b"/"))


def _matches(wanted: Sequence[bytes], levels: Sequence[bytes]) -> bool:
    if wanted[0] in (b"#", b"+") and levels[0].startswith(b"$"):
        return False
    for row, level in enumerate(wanted):
        if level == b"#":
            return True
        if row >= len(levels) or level not in (b"+", levels[row]):
            return False
    return len(wanted) == len(levels)
