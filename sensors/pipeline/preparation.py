"""From messages to one batch: route, decode, judge, count. Pure, except for foreign codecs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sensors.broker.delivery import Delivery
from sensors.pipeline.collecting import Collected, Context
from sensors.pipeline.few import FEW, FewMessages
from sensors.pipeline.lanes import BY_MESSAGE, Lane, Lanes, Place
from sensors.pipeline.memory import CodecMemory, Recalled
from sensors.pipeline.numbering import arrived
from sensors.pipeline.prepared import Prepared
from sensors.pipeline.strangers import Strangers
from sensors.pipeline.waveforms import judge_block
from sensors.routing import Route, Router, StreamTable
from sensors.rules.features import FeatureReading, feature_readings
from sensors.rules.quality import Judged, TimePolicy, judge, unknown_stream
from twin.errors import ModelError
from twin.model.messages import (
    CodecContext,
    Event,
    Item,
    Limits,
    Message,
    Observation,
    Outcome,
    Proposal,
    Rejection,
    WaveformBlock,
    rejected,
)
from twin.model.observations import Readings, Tally
from twin.model.quantities import conversion, quantity
from twin.ports import Codec

CHUNK_BYTES = 65_536
LEAST_BYTES_OF_A_READING = 24
LIMITS = Limits()
NOWHERE = Place(-1, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All that turns messages into a batch, for one state of the registry.

    Parameters
    ----------
    lanes
        What each topic means.
    streams
        The registered datastreams.
    policy
        Which times are accepted, and how each source is treated.
    strangers
        Unknown datastreams and topics; a bounded number of them is kept.
    memory
        Metadata tables and states of codecs; a batch leaves new states in `Prepared.states`, and
        whoever records it adopts them.
    few
        Prepares a handful of ordinary messages more quickly; None takes columns for all.
    """

    lanes: Lanes
    streams: StreamTable
    policy: TimePolicy
    strangers: Strangers = field(default_factory=Strangers)
    memory: CodecMemory = field(default_factory=CodecMemory)
    few: FewMessages | None = None

    @classmethod
    def of(
        cls,
        router: Router,
        codecs: Mapping[str, Codec],
        streams: StreamTable,
        policy: TimePolicy,
        *,
        memory: CodecMemory | None = None,
    ) -> "Pipeline":
        """Pipeline of routing rules, codecs, registered datastreams and a policy."""
        lanes = Lanes(router, codecs, streams, policy)
        few = FewMessages(lanes, streams, policy)
        return cls(lanes, streams, policy, memory=memory or CodecMemory(), few=few)

    def prepare(
        self,
        deliveries: Sequence[Delivery],
        *,
        most_readings: int,
        unsure_from_us: int | None = None,
    ) -> Prepared:
        """Prepare messages from the first on until a batch is full; at least one of them.

        Parameters
        ----------
        unsure_from_us
            Messages that arrived at this time or later may be repetitions: the connection is
            young. None if it is not.
        """
        if self.few is not None and len(deliveries) <= FEW <= most_readings:
            found = self.few.prepare(deliveries, unsure_from_us=unsure_from_us)
            if found is not None:
                return found
        into = Collected(recalled=Recalled(self.memory))
        used = 0
        while used < len(deliveries) and (not used or into.size < most_readings):
            room = (most_readings - into.size) * LEAST_BYTES_OF_A_READING
            end = _chunk_end(deliveries, used, most_bytes=min(CHUNK_BYTES, room))
            self._take_chunk(deliveries, range(used, end), into)
            used = end
        return self._finish(deliveries[:used], into, unsure_from_us=unsure_from_us)

    def _take_chunk(self, deliveries: Sequence[Delivery], rows: range, into: Collected) -> None:
        known, find = self.lanes.known, self.lanes.find
        groups: defaultdict[int, list[int]] = defaultdict(list)
        numbers: defaultdict[int, list[int]] = defaultdict(list)
        lanes: dict[int, Lane] = {}
        counts: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            delivery = deliveries[row]
            lane = known.get(delivery.topic) or find(delivery.topic)
            counts[lane.source] += 1
            if lane.reader is None or delivery.is_retained:
                self._take(delivery, row, lane, into)
            else:
                group = lane.group
                groups[group].append(row)
                numbers[group].append(lane.number)
                lanes[group] = lane
        into.messages.update(counts)
        for group, chosen in groups.items():
            left = self._take_group(deliveries, chosen, numbers[group], lanes[group], into)
            for row in left:
                delivery = deliveries[row]
                self._take(delivery, row, self.lanes.find(delivery.topic), into)

    def _take_group(
        self,
        deliveries: Sequence[Delivery],
        rows: list[int],
        numbers: list[int],
        lane: Lane,
        into: Collected,
    ) -> list[int]:
        """Take messages that their codec reads at once; those that have to be decoded alone."""
        if lane.reader is None:
            return rows
        try:
            columns = lane.reader.decode_columns([deliveries[row].payload for row in rows], LIMITS)
        except Exception:  # noqa: BLE001 - a plugin; `decode` says which message it was
            return rows
        message = np.array(columns.message, np.int64)
        value = np.array(columns.value, np.float64)
        is_known = np.ones(len(message), np.bool_)
        if lane.number != BY_MESSAGE:
            number = np.array(numbers, np.int32)[message]
        else:
            places = [self.lanes.place(lane.source, *key) or NOWHERE for key in columns.key]
            located = np.array(places, np.float64).reshape(-1, 3)
            number = located[:, 0].astype(np.int32)
            value = value * located[:, 1] + located[:, 2]
            unknown = np.unique(message[(number == NOWHERE.number) | ~np.isfinite(value)])
            is_known = ~np.isin(message, unknown)  # the values of a message stay together
            columns.left.extend(unknown.tolist())
        received = np.array(rows, np.int64)[message]
        into.add_columns(columns, received, number, value, chosen=is_known)
        return [rows[row] for row in sorted(columns.left)]

    def _take(self, delivery: Delivery, row: int, lane: Lane, into: Collected) -> None:
        """Take one message that is decoded alone."""
        at = _context(delivery, row, lane)
        if lane.codec is None or lane.route is None:
            detail = "no rule fits this topic; add a [[codec.rule]] or correct the topic"
            key = delivery.topic.decode("utf-8", "replace")
            self._reject_stranger(Rejection("unknown_topic", detail), key, at, into)
            return
        message = delivery.message
        outcome = decode(lane.codec, message, lane.route, into.recalled)
        into.count(lane.source, outcome)
        is_stale = message.retained and not lane.accepts_retained
        for item in outcome.items:
            if is_stale and isinstance(item, Observation | WaveformBlock):
                into.ignored[lane.source] += 1  # the broker kept it: no new measurement
                continue
            try:
                self._take_item(item, message, at, into)
            except Exception as error:  # noqa: BLE001 - an item of a plugin may be anything
                detail = f"codec {lane.label} gave an item that fails with {type(error).__name__}"
                into.reject(Rejection("codec_error", detail), at)
        if not is_stale:
            into.arrived += arrived(lane.source, outcome, received_us=at.received_us)

    def _take_item(self, item: Item, message: Message, at: Context, into: Collected) -> None:
        if isinstance(item, Observation):
            self._take_observation(item, message, at, into)
        elif isinstance(item, WaveformBlock):
            self._take_block(item, message, at, into)
        elif isinstance(item, Rejection):
            into.reject(item, at)
        elif isinstance(item, Event):
            into.events[item.kind] += 1
            into.recalled.take_event(at.source, item)
        elif isinstance(item, Proposal):
            into.recalled.propose(at.source, item)

    def _take_observation(
        self, item: Observation, message: Message, at: Context, into: Collected
    ) -> None:
        stream = self.streams.find(at.source, item.route_key)
        if stream is None:
            into.unknown_streams += 1
            if not item.quantity and item.path and self.streams.knows_device(at.source, item.key):
                into.unassigned[at.source] += 1  # one more number of a device that is registered
            else:
                rejection = unknown_stream(at.source, item.route_key)
                self._reject_stranger(rejection, item.route_key, at, into)
                into.recalled.propose(at.source, self_proposed(item, at.topic))
            return
        if message.retained and stream.datastream.time_source == "server":
            into.ignored[at.source] += 1  # its arrival says nothing about when it was measured
            return
        registered = stream.datastream.quantity
        try:
            to_quantity = conversion(item.unit or stream.quantity.unit, stream.quantity.unit)
        except ModelError as error:
            into.reject(Rejection("unit_conflict", str(error), datastream_number=stream.number), at)
            return
        if item.quantity and item.quantity != registered:
            detail = (
                f"the mapping says {item.quantity}, {stream.datastream.uid} is registered as "
                f"{registered}; correct one of the two"
            )
            into.reject(Rejection("unit_conflict", detail, datastream_number=stream.number), at)
            return
        value = item.value * to_quantity.scale + to_quantity.offset
        into.add(
            item,
            message=at.message,
            number=stream.number,
            value=value,
            received_us=at.received_us,
        )

    def _take_block(
        self, item: WaveformBlock, message: Message, at: Context, into: Collected
    ) -> None:
        stream = self.streams.find(at.source, item.key)
        if stream is None:
            into.unknown_streams += 1
            self._reject_stranger(unknown_stream(at.source, item.key), item.key, at, into)
            return
        policy = self.policy.for_waveforms()
        judged = judge_block(item, stream, received_at=message.received_at, policy=policy)
        if isinstance(judged, Rejection):
            into.reject(judged, at)
            return
        into.waveforms.extend(judged)
        into.received[at.source] += len(judged)
        wanted = self.lanes.features(at.source, item.key)
        for waveform in judged if wanted else ():
            found = feature_readings(waveform, wanted)
            into.features.extend(found)
            into.received[at.source] += len(found)

    def _reject_stranger(
        self, rejection: Rejection, key: str, at: Context, into: Collected
    ) -> None:
        """Keep the first unknown keys of a source one by one, count the others."""
        if self.strangers.admit(at.source, key):
            into.reject(rejection, at)
        else:
            into.count_stranger(rejection, at)

    def _finish(
        self, deliveries: Sequence[Delivery], into: Collected, *, unsure_from_us: int | None
    ) -> Prepared:
        received_us = np.array([delivery.received_us for delivery in deliveries], np.int64)
        is_unsure = np.array([delivery.is_repeat for delivery in deliveries], np.bool_)
        if unsure_from_us is not None:
            is_unsure |= received_us >= unsure_from_us
        message, rows = into.rows(received_us, is_unsure)
        judged = judge(rows, streams=self.streams, policy=self.policy)
        for row, rejection in judged.rejections:
            self._reject(rejection, deliveries[int(message[row])], int(message[row]), into)
        self._count_accepted(judged, into)
        counters = (into.received, into.ignored, into.missing, into.unassigned)
        sources = {name for counter in counters for name, count in counter.items() if count}
        return Prepared(
            messages=len(deliveries),
            readings=with_features(judged.readings, into.features),
            arrivals=judged.arrivals,
            waveforms=tuple(into.waveforms),
            rejections=tuple(into.rejections),
            tallies={
                name: Tally(*(counter[name] for counter in counters)) for name in sorted(sources)
            },
            unknown_streams=into.unknown_streams,
            events=dict(into.events),
            arrived=tuple(into.arrived),
            states=into.recalled.news,
            proposals=into.recalled.proposals,
            withdrawn=tuple(into.recalled.withdrawn),
            by_source=dict(into.messages),
            rows=rows,
            stream=judged.stream,
            columns=self.streams.columns,
        )

    def _reject(self, rejection: Rejection, delivery: Delivery, row: int, into: Collected) -> None:
        lane = self.lanes.find(delivery.topic)
        at = _context(delivery, row, lane)
        into.reject(rejection, at)

    def _count_accepted(self, judged: Judged, into: Collected) -> None:
        columns = self.streams.columns
        accepted = columns.source[judged.stream[judged.is_accepted]]
        for source, count in zip(
            columns.sources,
            np.bincount(accepted, minlength=len(columns.sources)).tolist(),
            strict=True,
        ):
            into.received[source] += count


def decode(codec: Codec, message: Message, route: Route, recalled: Recalled) -> Outcome:
    """Outcome of a message; an exception of a foreign codec is its defect, not our end."""
    context = CodecContext(rule=route.rule, names=route.names)
    try:
        context, key = recalled.context(codec, message, context)
        outcome = codec.decode(message, context)
        recalled.note(key, outcome.state)
        return outcome  # noqa: TRY300 - all of it is the codec's
    except Exception as error:  # noqa: BLE001 - codecs are plugins; counted and shown, not hidden
        return rejected(
            "codec_error",
            f"codec {codec.name} {codec.version} failed with {type(error).__name__}; "
            "report it to its maintainer with the payload kept here",
        )


def self_proposed(item: Observation, topic: bytes) -> Proposal:
    """An unknown stream proposes itself, with what its message tells."""
    unit = item.unit or (quantity(item.quantity).unit if item.quantity else "")
    details = {"quantity": item.quantity, "heard_on": topic.decode("utf-8", "replace")[:200]}
    return Proposal(
        item.route_key, item.key, unit, {key: one for key, one in details.items() if one}
    )


def with_features(readings: Readings, features: Sequence[FeatureReading]) -> Readings:
    """Readings with the features of waveforms behind them."""
    if not features:
        return readings
    return Readings(
        number=np.append(readings.number, [one.number for one in features]).astype(np.int32),
        time_us=np.append(readings.time_us, [one.time_us for one in features]).astype(np.int64),
        value=np.append(readings.value, [one.value for one in features]),
        quality=np.append(readings.quality, [one.quality for one in features]).astype(np.int16),
    )


def _chunk_end(deliveries: Sequence[Delivery], begin: int, *, most_bytes: int) -> int:
    """End of a run of messages with so many bytes; one message at least."""
    size, end = 0, begin
    while end < len(deliveries):
        size += len(deliveries[end].payload)
        if size > most_bytes and end > begin:
            break
        end += 1
    return end


def _context(delivery: Delivery, row: int, lane: Lane) -> Context:
    payload, received_us = delivery.payload, delivery.received_us
    return Context(
        row, delivery.topic, payload, received_us, lane.source, lane.label, lane.is_private
    )
