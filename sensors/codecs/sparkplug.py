"""Sparkplug B 3.0: births give names and types, data may carry aliases alone, deaths make stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.sparkplugmetrics import (
    Kind,
    Metric,
    Payload,
    read_payload,
    value_of,
    whole_number,
)
from sensors.codecs.strict_json import parse
from sensors.codecs.times import Instant, read_time, received_instant
from sensors.codecs.values import Yield
from twin.model.messages import (
    CodecContext,
    Event,
    Message,
    Observation,
    Outcome,
    TimeRule,
)
from twin.model.quality import Quality

NAMESPACE = "spBv1.0"
NODE_LEVELS, DEVICE_LEVELS = 4, 5
NODE_TYPES = ("NBIRTH", "NDATA", "NDEATH")
DEVICE_TYPES = ("DBIRTH", "DDATA", "DDEATH")
COMMANDS = ("NCMD", "DCMD")
CYCLE = 256
MILLISECONDS = TimeRule("", "ms")
NOT_MEASURED = ("Node Control/", "Device Control/")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic says; ``device`` is empty for the node itself."""

    kind: str
    node: str
    device: str

    @property
    def key(self) -> str:
        """First part of the keys of its metrics."""
        return f"{self.node}/{self.device}" if self.device else self.node


def _topic(topic: str) -> Topic | None:
    """The parts of a topic, None if it is not one of a node; names may hold blanks."""
    levels = topic.split("/")
    if levels[0] != NAMESPACE or not all(levels):
        return None
    count = len(levels)
    if count not in (NODE_LEVELS, DEVICE_LEVELS):
        return None
    kind = levels[2]
    known = (*NODE_TYPES, "NCMD") if count == NODE_LEVELS else (*DEVICE_TYPES, "DCMD")
    if kind not in known:
        return None
    device = levels[4] if count == DEVICE_LEVELS else ""
    return Topic(kind, f"{levels[1]}/{levels[3]}", device)


def _state_key(message: Message, context: CodecContext) -> str:
    del context
    topic = _topic(message.topic)
    return topic.node if topic is not None and topic.kind not in COMMANDS else ""


def _decode(message: Message, context: CodecContext) -> Outcome:
    if message.topic.startswith(f"{NAMESPACE}/STATE/"):
        return _host_state(message, context)
    topic = _topic(message.topic)
    if topic is None:
        raise RefusedError(
            "unsupported_version",
            f"the topic is none of {NAMESPACE}/group/TYPE/node[/device] with the message types "
            "of Sparkplug B 3.0; correct the rule",
        )
    if topic.kind in COMMANDS or message.retained:
        return Outcome(ignored=1)  # a kept birth is not the present one
    payload = read_payload(message.payload, most_items=context.limits.items)
    return _Reading(topic, message, payload, context.state).outcome()


class _Reading:
    """One message of a node or device against the state that earlier ones have left.

    The state: ``bdseq`` and ``born_ms`` of the birth, ``seq`` and ``at_ms`` of the last message,
    ``births`` by device (``at_ms``, ``is_sound``, ``aliases``, ``types``), ``dead`` by device [ms],
    ``is_waiting`` for a birth.
    """

    def __init__(
        self, topic: Topic, message: Message, payload: Payload, state: Mapping[str, Any]
    ) -> None:
        self._topic = topic
        self._message = message
        self._payload = payload
        self._state = state
        self._births: dict[str, Any] = dict(state.get("births", {}))
        self._yield = Yield()
        self._is_repeat = False
        for refused in payload.refused:
            self._yield.reject(refused)

    def outcome(self) -> Outcome:
        kind = self._topic.kind
        if kind in ("NDEATH", "DDEATH"):
            return self._death()
        news = self._birth() if kind in ("NBIRTH", "DBIRTH") else self._data()
        for metric in self._payload.metrics:
            try:
                self._take(metric)
            except RefusedError as refused:
                self._yield.reject(refused)
        found = self._yield.outcome()
        state = None if self._is_repeat else news
        return Outcome(found.items, found.missing, found.ignored, found.unassigned, state)

    # Births, data, deaths

    def _birth(self) -> dict[str, Any]:
        payload, device = self._payload, self._topic.device
        numbers = [whole_number(one) for one in payload.metrics if one.name == "bdSeq"]
        state: dict[str, Any] = dict(self._state)
        if self._topic.kind == "NBIRTH":
            self._births = {}
            state = {"bdseq": numbers[0] if numbers else None, "born_ms": payload.timestamp_ms}
        else:
            state = self._followed()
        named = [one for one in payload.metrics if one.name]
        self._births[device] = {
            "at_ms": payload.timestamp_ms,
            "is_sound": True,
            "aliases": {str(one.alias): one.name for one in named if one.alias is not None},
            "types": {one.name: one.datatype for one in named},
        }
        dead = {name: at for name, at in state.get("dead", {}).items() if name != device}
        self._event("birth")
        return state | {
            "seq": payload.seq,
            "at_ms": payload.timestamp_ms,
            "births": self._births,
            "dead": dead,
        }

    def _data(self) -> dict[str, Any]:
        state = self._followed()
        has_aliases = any(not one.name for one in self._payload.metrics)
        if has_aliases and self._topic.device not in self._births:
            state = self._want_rebirth(state)
        state |= {"seq": self._payload.seq, "at_ms": self._payload.timestamp_ms}
        return state | {"births": self._births}

    def _death(self) -> Outcome:
        if self._topic.kind == "NDEATH":
            numbers = [whole_number(one) for one in self._payload.metrics if one.name == "bdSeq"]
            known = self._state.get("bdseq")
            if not numbers or numbers[0] is None or numbers[0] != known or not self._births:
                return Outcome(ignored=len(self._payload.metrics))  # of an earlier session
            # what is left says whose metrics are stale: the node and every device
            dead = dict.fromkeys(self._births, self._payload.timestamp_ms)
            state: dict[str, Any] = {"dead": {"": self._payload.timestamp_ms} | dead}
        else:
            state = self._followed()
            self._births.pop(self._topic.device, None)
            dead = {**state.get("dead", {}), self._topic.device: self._payload.timestamp_ms}
            state |= {"seq": self._payload.seq, "at_ms": self._payload.timestamp_ms}
            state |= {"births": self._births, "dead": dead}
        self._event("death")
        found = self._yield.outcome()
        ignored = len(self._payload.metrics)
        new = None if self._is_repeat else state
        return Outcome(found.items, found.missing, ignored, found.unassigned, new)

    # Sequence

    def _followed(self) -> dict[str, Any]:
        """The state after looking at the sequence number; a gap makes every birth unsound."""
        state: dict[str, Any] = dict(self._state)
        last, seq = state.get("seq"), self._payload.seq
        if last is None or seq == (last + 1) % CYCLE:
            return state
        if self._is_behind(last, seq):
            self._is_repeat = True
            return state
        self._births = {name: {**birth, "is_sound": False} for name, birth in self._births.items()}
        return self._want_rebirth(state)

    def _is_behind(self, last: int, seq: int | None) -> bool:
        """Whether the broker repeats a message that was taken before."""
        now_ms, then_ms = self._payload.timestamp_ms, self._state.get("at_ms")
        if seq is None or now_ms is None or then_ms is None or now_ms > then_ms:
            return False
        return (last - seq) % CYCLE < CYCLE // 2

    def _want_rebirth(self, state: dict[str, Any]) -> dict[str, Any]:
        if not state.get("is_waiting"):
            self._event("rebirth_wanted")
        return state | {"is_waiting": True}

    # Metrics

    def _take(self, metric: Metric) -> None:
        kind = self._kind(metric)
        if kind.name == "bdSeq" or kind.name.startswith(NOT_MEASURED):
            self._yield.ignored += 1
            return
        if metric.is_null:
            self._yield.missing += 1
            return
        value = value_of(metric, kind.datatype)
        if value is None:
            self._yield.ignored += 1
            return
        if value - value != 0:  # not finite
            raise RefusedError("not_finite", "a metric is not a finite number; send it as null")
        instant = self._instant(metric)
        flags = instant.flags
        flags |= Quality.LATE if metric.is_historical else 0
        flags |= Quality.BAD_AT_SOURCE if metric.is_bad else 0
        key = f"{self._topic.key}/{kind.name}"
        self._yield.items.append(Observation(key, "", instant.time, value, quality=flags))

    def _kind(self, metric: Metric) -> Kind:
        birth = self._births.get(self._topic.device, {})
        types = birth.get("types", {})
        if metric.name:
            known = types.get(metric.name)
            return Kind(metric.name, known if metric.datatype is None else metric.datatype)
        if metric.alias is None:
            raise RefusedError("missing_field", "a metric has neither name nor alias")
        if birth and not birth["is_sound"]:
            raise RefusedError(
                "sequence_gap",
                "messages are missing, among them may be a birth that gave the alias a new "
                "meaning; it counts again after the next birth",
            )
        name = birth.get("aliases", {}).get(str(metric.alias))
        is_older = self._is_repeat and (self._payload.timestamp_ms or 0) < (birth["at_ms"] or 0)
        if name is None or is_older:
            raise RefusedError(
                "alias_unknown",
                f"alias {metric.alias} stands in no birth that this message follows; "
                "it counts after the next birth",
            )
        return Kind(name, metric.datatype if metric.datatype is not None else types.get(name))

    def _instant(self, metric: Metric) -> Instant:
        given = metric.timestamp_ms
        given = self._payload.timestamp_ms if given is None else given
        if given is None:
            return received_instant(self._message.received_at)
        return read_time(given, MILLISECONDS, received_at=self._message.received_at)

    def _event(self, kind: str) -> None:
        event = Event(kind, self._topic.key, self._message.received_at)
        self._yield.items.append(event)


def _host_state(message: Message, context: CodecContext) -> Outcome:
    document = parse(message.payload, context.limits)
    if not isinstance(document, dict) or not isinstance(document.get("online"), bool):
        raise RefusedError("missing_field", "STATE needs online: true or false")
    name = message.topic.split("/", 2)[2]
    details = {"online": document["online"]}
    return Outcome((Event("host_state", name, message.received_at, details),))


codec = Decoder("sparkplug", "1", _decode, state_key=_state_key)
