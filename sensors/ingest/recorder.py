"""From deliveries to the database: the pipeline of the present registry, batches, commits."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sensors.broker.delivery import Delivery
from sensors.ingest.contact import Registry
from sensors.ingest.learned import LearnedFile
from sensors.ingest.meter import Meter
from sensors.ingest.states import BatchSize
from sensors.knowledge import KnowledgeFile, News
from sensors.pipeline.memory import CodecMemory
from sensors.pipeline.preparation import Pipeline
from sensors.pipeline.prepared import Prepared
from sensors.routing import Router, StreamTable
from sensors.rules.drift import DriftWatch
from sensors.rules.faultrules import FaultRules
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.errors import StoreUnavailableError, TwinError
from twin.model.datastreams import Datastream
from twin.model.observations import Arrivals, Batch, Readings, RecordResult
from twin.ports import Codec

logger = logging.getLogger(__name__)

REGISTRY_CHECK_S = 5.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch and the messages it comes from; it is repeated under its number until it is in.

    ``topics`` holds the topic of each.
    """

    batch: Batch
    prepared: Prepared
    topics: Sequence[bytes]

    @property
    def messages(self) -> int:
        """How many messages it holds."""
        return self.prepared.messages

    def with_lost(self, declared_lost: Mapping[str, int]) -> "Pending":
        """The same with messages by source that were taken over and are lost."""
        if not declared_lost:
            return self
        return replace(self, batch=replace(self.batch, declared_lost=declared_lost))


class Recorder:
    """Makes batches of deliveries and records them.

    Parameters
    ----------
    twin
        Where to record.
    router, codecs, policy
        What a message means, and which times are accepted.
    meter
        Where to count.
    most_readings
        Bound of a batch.
    incarnation
        Name of this run; with the batch number the store recognises a repeated commit.
    follower
        Told of every change of the registry.
    learned
        Where the rules for sensor faults keep what they have learned.
    knowledge
        Where the states of codecs are kept.
    tables
        Reads the metadata tables; asked again with every change of the registry.
    """

    def __init__(
        self,
        twin: Twin,
        *,
        router: Router,
        codecs: Mapping[str, Codec],
        policy: TimePolicy,
        meter: Meter,
        most_readings: int,
        incarnation: UUID,
        follower: Callable[[Sequence[Datastream]], None],
        learned: LearnedFile,
        knowledge: KnowledgeFile,
        tables: Callable[[], Mapping[str, Mapping[str, object]]] = dict,
    ) -> None:
        self._twin = twin
        self._router = router
        self._codecs = codecs
        self._policy = policy
        self._meter = meter
        self._incarnation = incarnation
        self._follower = follower
        self._learned = learned
        self._knowledge = knowledge
        self._tables = tables
        self._memory = CodecMemory()
        self._sequence = 0
        self._correcting = frozenset(
            source for source, one in policy.treatments.items() if one.is_correcting
        )
        self._rules = FaultRules()
        self._pipeline: Pipeline | None = None
        self._version = ""
        self._checked_s = 0.0
        self._drift = DriftWatch()
        self.size = BatchSize(most_readings)

    @property
    def is_loaded(self) -> bool:
        """Whether it knows the registered datastreams."""
        return self._pipeline is not None

    @property
    def problems(self) -> Mapping[str, Mapping[str, str]]:
        """What deserves an alarm, by kind and subject."""
        strangers = self._pipeline.strangers.problems() if self._pipeline else {}
        return {
            "inbox_full": strangers,
            "schema_drift": self._drift.problems(),
            "device_dead": self._memory.dead(),
        }

    def keep_learned(self, *, is_last: bool = False) -> None:
        """Keep what the rules for sensor faults have learned; at the end at once."""
        if self.is_loaded:
            (self._learned.write_now if is_last else self._learned.write)(self._rules)
        if is_last:
            self._knowledge.close()

    def load(self, registry: Registry) -> None:
        """Use this registry from now on."""
        self._checked_s = time.monotonic()
        if self._pipeline is not None and registry.version == self._version:
            return
        streams = StreamTable(registry.datastreams)
        if self._pipeline is None:
            self._memory.states.update(self._knowledge.states())
        self._memory.tables = self._tables()
        self._pipeline = Pipeline.of(
            self._router, self._codecs, streams, self._policy, memory=self._memory
        )
        self._rules.update(registry.datastreams)
        if not self._version:
            self._learned.read_into(self._rules)
        self._follower(registry.datastreams)
        self._version = registry.version
        logger.info("registry_loaded", extra={"datastreams": len(streams)})

    def refresh(self, *, at_most_every_s: float = REGISTRY_CHECK_S) -> bool:
        """Reload the registry if it changed; if it cannot be read, the old one counts.

        Raises
        ------
        StoreUnavailableError
            If the database is away.
        """
        if time.monotonic() - self._checked_s < at_most_every_s:
            return False
        self._checked_s = time.monotonic()
        try:
            version = self._twin.registry_version()
            if version == self._version:
                return False
            self.load(Registry(version, self._twin.datastreams()))
        except TwinError as error:
            logger.warning("registry_unreadable", extra={"reason": str(error)})
            if isinstance(error, StoreUnavailableError):
                raise
            return False
        return True

    def _has_news(self) -> bool:
        """Whether the registry has changed; a database that is away shows at the commit."""
        try:
            return self.refresh(at_most_every_s=0.0)
        except StoreUnavailableError:
            return False

    def prepare(
        self,
        deliveries: Sequence[Delivery],
        *,
        unsure_from_us: int | None = None,
    ) -> Pending:
        """A batch of these deliveries, from the first one on, with the next number."""
        prepared = self._prepare(deliveries, unsure_from_us)
        # a stream may have been loaded a moment ago: ask, once per batch
        if prepared.unknown_streams and self._has_news():
            prepared = self._prepare(deliveries, unsure_from_us)
        readings = self._rules.mark(prepared.readings)
        arrivals = self._marked(prepared.arrivals)
        self._sequence += 1
        batch = Batch(
            incarnation=self._incarnation,
            sequence=self._sequence,
            readings=readings,
            arrivals=arrivals,
            waveforms=prepared.waveforms,
            rejections=prepared.rejections,
            tallies=prepared.tallies,
            correcting=self._correcting,
        )
        topics = [delivery.topic for delivery in deliveries[: prepared.messages]]
        if readings is not prepared.readings or arrivals is not prepared.arrivals:
            prepared = replace(prepared, readings=readings, arrivals=arrivals)
        return Pending(batch, prepared, topics)

    def _marked(self, arrivals: Arrivals) -> Arrivals:
        """Arrivals with the bits of the faults, judged at the time of arrival."""
        if not len(arrivals):
            return arrivals
        marked = self._rules.mark(
            Readings(arrivals.number, arrivals.time_us, arrivals.value, arrivals.quality)
        )
        return replace(arrivals, quality=marked.quality)

    def _prepare(self, deliveries: Sequence[Delivery], unsure_from_us: int | None) -> Prepared:
        if self._pipeline is None:
            raise TwinError("the registry is not loaded; nothing can be decoded")
        return self._pipeline.prepare(
            deliveries, most_readings=self.size.readings, unsure_from_us=unsure_from_us
        )

    def record(self, pending: Pending) -> RecordResult | None:
        """Record a batch; None if there was nothing in it.

        Raises
        ------
        StoreError
            If the store cannot or does not want to; repeat the same batch later.
        """
        if pending.prepared.is_empty and not pending.batch.declared_lost:
            self._remember(pending)
            return None
        begun_s = time.monotonic()
        result = self._twin.record(pending.batch)
        took_s = time.monotonic() - begun_s
        self.size.note(len(pending.batch.readings), seconds=took_s)
        self._meter.note_commit(result)
        topics = Counter(topic.decode("utf-8", "replace") for topic in pending.topics)
        self._drift.note(topics, pending.batch.rejections)
        self._remember(pending)
        return result

    def _remember(self, pending: Pending) -> None:
        """What codecs know after this batch counts from now on."""
        made = pending.prepared
        if made.states or made.proposals or made.withdrawn:
            states = self._memory.adopt(made.states)
            news = News(states, made.proposals, made.withdrawn)
            self._knowledge.write(news, at=self._twin.now())
