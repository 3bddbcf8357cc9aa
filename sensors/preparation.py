"""From messages to one batch: route, decode, judge, count. Pure, except for foreign codecs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sensors.privacy import masked
from sensors.quality import Reading, TimePolicy, judge, unknown_stream
from sensors.routing import Route, Router, StreamTable
from sensors.waveforms import judge_block
from twin.model.messages import (
    CodecContext,
    Event,
    Item,
    Message,
    Observation,
    Outcome,
    Rejection,
    WaveformBlock,
    rejected,
)
from twin.model.observations import Readings, Tally, Waveform
from twin.ports import Codec

UNROUTED = "unrouted"


@dataclass(frozen=True, slots=True)
class Sequenced:
    """Sequence numbers that one message carries for one key."""

    source: str
    key: str
    numbers: tuple[int, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run of messages yields.

    Parameters
    ----------
    messages
        How many messages were used, from the first on.
    readings, waveforms, rejections, tallies
        Content of the batch.
    unknown_streams
        Values whose datastream is not registered.
    events
        Events by kind.
    sequences
        Sequence numbers, for the detection of gaps.
    """

    messages: int
    readings: Readings
    waveforms: tuple[Waveform, ...]
    rejections: tuple[Rejection, ...]
    tallies: Mapping[str, Tally]
    unknown_streams: int
    events: Mapping[str, int]
    sequences: tuple[Sequenced, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to record, not even a count."""
        return not (len(self.readings) or self.waveforms or self.rejections or self.tallies)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All that turns messages into a batch.

    Parameters
    ----------
    router, codecs
        Rules by topic; codecs by name.
    streams
        The registered datastreams.
    policy
        Which times are accepted.
    """

    router: Router
    codecs: Mapping[str, Codec]
    streams: StreamTable
    policy: TimePolicy

    def prepare(self, messages: Sequence[Message], *, most_readings: int) -> Prepared:
        """Prepare messages from the first on until a batch is full; at least one of them."""
        collected = _Collected()
        used = 0
        for message in messages:
            if used and collected.size >= most_readings:
                break
            self._take(message, collected)
            used += 1
        return collected.prepared(used)

    def _take(self, message: Message, into: "_Collected") -> None:
        route = self.router.route(message.topic)
        if route is None:
            detail = "no rule fits this topic; add a [[codec.rule]] or correct the topic"
            into.reject(Rejection("unknown_topic", detail), message, source=UNROUTED)
            return
        source = route.rule.source
        codec = self.codecs[route.rule.codec]
        label = f"{codec.name}/{codec.version}"
        outcome = decode(codec, message, route)
        into.count(source, outcome)
        for item in outcome.items:
            try:
                self._take_item(item, message, source=source, label=label, into=into)
            except Exception as error:  # noqa: BLE001 - an item of a plugin may be anything
                detail = f"codec {label} gave an item that fails with {type(error).__name__}"
                rejection = Rejection("codec_error", detail)
                into.reject(rejection, message, source=source, label=label)
        into.sequences.extend(_sequences(source, outcome))

    def _take_item(
        self, item: Item, message: Message, *, source: str, label: str, into: "_Collected"
    ) -> None:
        if isinstance(item, Observation):
            self._take_observation(item, message, source=source, label=label, into=into)
        elif isinstance(item, WaveformBlock):
            self._take_block(item, message, source=source, label=label, into=into)
        elif isinstance(item, Rejection):
            into.reject(item, message, source=source, label=label)
        elif isinstance(item, Event):
            into.events[item.kind] += 1

    def _take_observation(
        self, item: Observation, message: Message, *, source: str, label: str, into: "_Collected"
    ) -> None:
        stream = self.streams.find(source, item.route_key)
        if stream is None:
            into.unknown_streams += 1
            if not item.quantity and item.path and self.streams.knows_device(source, item.key):
                into.unassigned[source] += 1  # one more number of a device that is registered
            else:
                rejection = unknown_stream(source, item.route_key)
                into.reject(rejection, message, source=source, label=label)
            return
        if message.retained and stream.datastream.time_source == "server":
            into.ignored[source] += 1  # its arrival says nothing about when it was measured
            return
        judged = judge(item, stream, received_at=message.received_at, policy=self.policy)
        if isinstance(judged, Rejection):
            into.reject(judged, message, source=source, label=label)
        else:
            into.readings.append(judged)
            into.received[source] += 1

    def _take_block(
        self, item: WaveformBlock, message: Message, *, source: str, label: str, into: "_Collected"
    ) -> None:
        stream = self.streams.find(source, item.key)
        if stream is None:
            into.unknown_streams += 1
            into.reject(unknown_stream(source, item.key), message, source=source, label=label)
            return
        judged = judge_block(item, stream, received_at=message.received_at, policy=self.policy)
        if isinstance(judged, Rejection):
            into.reject(judged, message, source=source, label=label)
        else:
            into.waveforms.extend(judged)
            into.received[source] += len(judged)


def decode(codec: Codec, message: Message, route: Route) -> Outcome:
    """Outcome of a message; an exception of a foreign codec is its defect, not our end."""
    context = CodecContext(rule=route.rule, names=route.names)
    try:
        return codec.decode(message, context)
    except Exception as error:  # noqa: BLE001 - codecs are plugins; counted and shown, not hidden
        return rejected(
            "codec_error",
            f"codec {codec.name} {codec.version} failed with {type(error).__name__}; "
            "report it to its maintainer with the payload kept here",
        )


@dataclass(slots=True)
class _Collected:
    message: Message | None = None
    masked_payload: bytes = b""
    kept_reasons: set[str] = field(default_factory=set)
    readings: list[Reading] = field(default_factory=list)
    waveforms: list[Waveform] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unassigned: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    sequences: list[Sequenced] = field(default_factory=list)
    unknown_streams: int = 0

    @property
    def size(self) -> int:
        return len(self.readings) + len(self.waveforms) + len(self.rejections)

    def count(self, source: str, outcome: Outcome) -> None:
        self.missing[source] += outcome.missing
        self.ignored[source] += outcome.ignored
        self.unassigned[source] += outcome.unassigned

    def reject(
        self, rejection: Rejection, message: Message, *, source: str, label: str = ""
    ) -> None:
        """Add a rejection with its message; one row per message and reason keeps the payload."""
        if message is not self.message:
            self.message, self.masked_payload = message, masked(message.payload)
            self.kept_reasons = set()
        is_kept = rejection.datastream_number is not None and rejection.reason in self.kept_reasons
        self.kept_reasons.add(rejection.reason)
        self.received[source] += 1
        self.rejections.append(
            replace(
                rejection,
                source=source,
                topic=message.topic,
                codec=label,
                received_at=message.received_at,
                payload=b"" if is_kept else self.masked_payload,
            )
        )

    def prepared(self, messages: int) -> Prepared:
        counters = (self.received, self.ignored, self.missing, self.unassigned)
        sources = {name for counter in counters for name, count in counter.items() if count}
        return Prepared(
            messages=messages,
            readings=_columns(self.readings),
            waveforms=tuple(self.waveforms),
            rejections=tuple(self.rejections),
            tallies={
                name: Tally(*(counter[name] for counter in counters)) for name in sorted(sources)
            },
            unknown_streams=self.unknown_streams,
            events=dict(self.events),
            sequences=tuple(self.sequences),
        )


def _columns(readings: Sequence[Reading]) -> Readings:
    return Readings(
        number=np.array([reading.number for reading in readings], np.int32),
        time_us=np.array([reading.time_us for reading in readings], np.int64),
        value=np.array([reading.value for reading in readings], np.float64),
        quality=np.array([reading.quality for reading in readings], np.int16),
    )


def _sequences(source: str, outcome: Outcome) -> list[Sequenced]:
    numbers: dict[str, set[int]] = {}
    for item in outcome.items:
        if isinstance(item, Observation | WaveformBlock) and item.sequence is not None:
            numbers.setdefault(item.key, set()).add(item.sequence)
        elif isinstance(item, Event):
            frame = item.details.get("frame")
            if isinstance(frame, int):
                numbers.setdefault(item.key, set()).add(frame)
    return [
        Sequenced(source, key, tuple(sorted(found)), outcome.missing)
        for key, found in numbers.items()
    ]
