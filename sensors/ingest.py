"""The job ``ingest``: messages from the broker become rows, acknowledged after their commit."""

import argparse
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import islice
from typing import Protocol, cast
from uuid import UUID, uuid4

import numpy as np

from sensors.broker import BackOff, Delivery, Subscriber, SubscriberFigures, client_id
from sensors.gaps import SequenceGaps
from sensors.meter import Meter
from sensors.preparation import Pipeline, Prepared
from sensors.quality import TimePolicy
from sensors.routing import Router, StreamTable, subscriptions
from twin.city import Twin
from twin.errors import SettingsError, StoreError, StoreUnavailableError, TwinError
from twin.model.jobs import JobStatus
from twin.model.observations import Batch, Readings, RecordResult
from twin.model.quality import Quality
from twin.model.times import to_us
from twin.plugins import load
from twin.ports import Codec
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

POLL_S = 0.5
BATCH_BYTES = 16 * 1024 * 1024
BEAT_S = 2.0
MOST_NAMED = 10
REGISTRY_CHECK_S = 5.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
REFUSED_RETRY_S = 30.0
FINISH_WITHIN_S = 10.0


class Inbox(Protocol):
    """Where deliveries come from; `sensors.broker.Subscriber` is the real one."""

    def poll(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        """Return what waits."""
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> int:
        """Acknowledge; return how many were refused."""
        ...

    def figures(self) -> SubscriberFigures:
        """Return the state of this moment."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether it can still deliver."""
        ...


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Run the ingester until it is told to stop; exit code 0, or 1 if its connection broke."""
    argparse.ArgumentParser(prog="twin ingest", description=__doc__).parse_args(arguments)
    if not settings.broker.host:
        raise SettingsError(
            "no broker is configured: name one in city.toml ([broker] host) or start `twin up`"
        )
    rules = settings.codec.rule
    inbox = Subscriber(
        settings.broker,
        settings.ingest,
        client_id=client_id(settings.city.name, settings.ingest.instance),
        filters=subscriptions(rules),
    )
    stop = stop_on_signal()
    with closing(inbox), closing(open_twin(settings, role="ingest")) as twin:
        ingester = Ingester(twin, inbox, settings=settings)
        if not ingester.wait_for_registry(stop):
            return 0
        inbox.start()
        return ingester.run(stop)


def installed_codecs(settings: Settings) -> Mapping[str, Codec]:
    """Codecs that the rules name; PluginError if one does not load."""
    names = {rule.codec for rule in settings.codec.rule}
    return {name: cast("Codec", load("codecs", name)) for name in sorted(names)}


class Ingester:
    """The loop poll, decode, judge, record, acknowledge.

    Nothing is acknowledged before its commit. While the database is away the present batch is
    kept and repeated under the same number; the broker keeps what follows. The same holds while
    the database refuses for a reason that no reading caused: a missing right, a missing column.

    Parameters
    ----------
    twin
        Where to record.
    inbox
        Where the messages come from.
    settings
        Routing rules, bounds and time policy.
    incarnation
        Name of this run; with the batch number the store recognises a repeated commit.
    """

    def __init__(
        self, twin: Twin, inbox: Inbox, *, settings: Settings, incarnation: UUID | None = None
    ) -> None:
        self._twin = twin
        self._inbox = inbox
        self._settings = settings
        self._incarnation = incarnation or uuid4()
        self._sequence = 0
        self._codecs = installed_codecs(settings)
        self._router = Router(settings.codec.rule)
        self._policy = TimePolicy(
            future_tolerance=timedelta(seconds=settings.ingest.future_tolerance_s),
            retention=timedelta(days=settings.store.retention_days),
        )
        self._pipeline: Pipeline | None = None
        self._registry_version = ""
        self._registry_checked_s = 0.0
        self._backlog: deque[Delivery] = deque()
        self._gaps = SequenceGaps()
        self._meter = Meter(time.monotonic())
        self._started_at = twin.now()
        self._beaten_s = 0.0
        self._is_refused = False

    def wait_for_registry(self, stop: threading.Event) -> bool:
        """Load the registry as soon as the database answers; False if told to stop before."""
        back_off = _retries()
        while not stop.is_set():
            try:
                self._load_registry(self._twin.registry_version())
            except StoreUnavailableError as error:
                logger.warning("store_unavailable", extra={"reason": str(error)})
                stop.wait(back_off.next())
            else:
                return True
        return False

    def run(self, stop: threading.Event) -> int:
        """Ingest until ``stop`` is set, then record what was taken over."""
        logger.info("ingest_started", extra={"incarnation": str(self._incarnation)})
        while not stop.is_set():
            if not self._inbox.is_alive:
                logger.error("broker_connection_broke")
                return 1
            self.step(stop, timeout_s=POLL_S)
            self._beat_if_due()
        self._finish(stop)
        return 0

    def _finish(self, stop: threading.Event) -> None:
        """Record what waits at the moment of the stop; what arrives later stays at the broker."""
        left = self._inbox.figures().queue_messages + len(self._backlog)
        until_s = time.monotonic() + FINISH_WITHIN_S
        while left > 0 and time.monotonic() < until_s:
            done = self.step(stop, timeout_s=0.0)
            if not done:
                break
            left -= done
        logger.info("ingest_stopped", extra={"left_to_broker": max(left, 0)})

    def step(self, stop: threading.Event, *, timeout_s: float) -> int:
        """Take over, record and acknowledge one batch; how many messages are done."""
        limit = self._settings.ingest.batch_readings
        if not self._backlog:
            taken = self._inbox.poll(max_messages=limit, max_bytes=BATCH_BYTES, timeout_s=timeout_s)
            self._backlog.extend(taken)
            self._meter.note_messages(len(taken), now_s=time.monotonic())
        self._refresh_registry(REGISTRY_CHECK_S)
        if not self._backlog:
            return 0
        prepared = self._prepare(limit)
        done = list(islice(self._backlog, prepared.messages))
        if not self._record(prepared, stop):
            return 0
        for _ in done:
            self._backlog.popleft()
        refused = self._inbox.ack(done)
        self._meter.note("acks_refused", refused)
        self._note(prepared)
        return len(done)

    # Preparation

    def _prepare(self, limit: int) -> Prepared:
        messages = list(self._backlog)
        prepared = self._loaded().prepare(messages, most_readings=limit)
        # a stream may have been loaded a moment ago: ask, once per batch
        if prepared.unknown_streams and self._refresh_registry(0.0):
            prepared = self._loaded().prepare(messages, most_readings=limit)
        return prepared

    def _loaded(self) -> Pipeline:
        if self._pipeline is None:
            self._load_registry(self._twin.registry_version())
        return cast("Pipeline", self._pipeline)

    def _refresh_registry(self, at_most_every_s: float) -> bool:
        """Reload the registry if it changed; if it cannot be read, the old one counts."""
        if time.monotonic() - self._registry_checked_s < at_most_every_s:
            return False
        self._registry_checked_s = time.monotonic()
        try:
            version = self._twin.registry_version()
            if version == self._registry_version:
                return False
            self._load_registry(version)
        except TwinError as error:
            logger.warning("registry_unreadable", extra={"reason": str(error)})
            return False
        return True

    def _load_registry(self, version: str) -> None:
        streams = StreamTable(self._twin.datastreams())
        self._pipeline = Pipeline.of(self._router, self._codecs, streams, self._policy)
        self._registry_version = version
        self._registry_checked_s = time.monotonic()
        logger.info("registry_loaded", extra={"datastreams": len(streams)})

    # Recording

    def _record(self, prepared: Prepared, stop: threading.Event) -> bool:
        if prepared.is_empty:
            return True
        self._sequence += 1
        batch = Batch(
            incarnation=self._incarnation,
            sequence=self._sequence,
            readings=prepared.readings,
            arrivals=prepared.arrivals,
            waveforms=prepared.waveforms,
            rejections=prepared.rejections,
            tallies=prepared.tallies,
        )
        return self._record_until_done(batch, stop) is not None

    def _record_until_done(self, batch: Batch, stop: threading.Event) -> RecordResult | None:
        """Record a batch, again and again while the store cannot; None if told to stop.

        The store itself quarantines rows that it cannot take. Whatever it refuses beyond that is
        a fault of its set-up, and no reading is to suffer for it. Once told to stop, it tries
        once and leaves the rest to the broker.
        """
        back_off = _retries()
        while True:
            try:
                result = self._twin.record(batch)
            except StoreUnavailableError as error:
                self._is_refused = False
                self._meter.note("store_retries")
                logger.warning(
                    "store_unavailable", extra={"reason": str(error), "batch": batch.sequence}
                )
                if stop.is_set():
                    return None
                stop.wait(back_off.next())
            except StoreError as error:
                self._note_refusal(batch, reason=str(error))
                if stop.is_set():
                    return None
                self._wait_refused(stop)
            else:
                self._is_refused = False
                lags_s = _timely_lags_s(batch.readings, to_us(self._twin.now()))
                self._meter.note_commit(result, lags_s=lags_s, now_s=time.monotonic())
                return result

    def _note_refusal(self, batch: Batch, *, reason: str) -> None:
        self._is_refused = True
        self._meter.note("store_refusals")
        facts = {"reason": reason, "batch": batch.sequence, "retry_in_s": REFUSED_RETRY_S}
        logger.error("store_refused", extra=facts)
        self._beat()

    def _wait_refused(self, stop: threading.Event) -> None:
        """Wait before the next attempt, and show meanwhile that this job lives."""
        for _ in range(round(REFUSED_RETRY_S / BEAT_S)):
            if stop.wait(BEAT_S):
                return
            self._beat_if_due()

    # Figures

    def _note_out_of_range(self, readings: Readings) -> None:
        numbers = _out_of_range(readings)
        if len(numbers):
            self._meter.note("out_of_range", len(numbers))
            facts = {
                "count": len(numbers),
                "datastreams": sorted(set(numbers.tolist()))[:MOST_NAMED],
                "hint": "stored and flagged; check unit and scale of the mapping, then the sensor",
            }
            logger.warning("values_out_of_range", extra=facts)

    def _note(self, prepared: Prepared) -> None:
        self._note_out_of_range(prepared.readings)
        for tally in prepared.tallies.values():
            self._meter.note("readings_received", tally.received)
            self._meter.note("ignored", tally.ignored)
            self._meter.note("missing", tally.missing)
            self._meter.note("unassigned", tally.unassigned)
        self._meter.note("events", sum(prepared.events.values()))
        for one in prepared.sequences:
            absent = self._gaps.note(one.source, one.key, numbers=one.numbers, missing=one.missing)
            if absent:
                self._meter.note("sequence_gaps")
                self._meter.note("sequence_missing", absent)

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._beaten_s >= BEAT_S:
            self._beat()

    def _beat(self) -> None:
        self._beaten_s = time.monotonic()
        try:
            self._twin.beat(self.status())
        except TwinError as error:
            logger.warning("heartbeat_failed", extra={"reason": str(error)})

    def status(self) -> JobStatus:
        """State and figures of this moment."""
        inbox = self._inbox.figures()
        figures = {
            **self._meter.figures(now_s=time.monotonic()),
            "queue_messages": float(inbox.queue_messages + len(self._backlog)),
            "queue_bytes": float(inbox.queue_bytes),
            "broker_connected": float(inbox.is_connected),
            "broker_connections": float(inbox.connections),
            "sessions_lost": float(inbox.sessions_lost),
        }
        return JobStatus(
            job="ingest",
            instance=self._settings.ingest.instance,
            started_at=self._started_at,
            heartbeat_at=self._twin.now(),
            state=self._state(is_connected=inbox.is_connected),
            figures=figures,
        )

    def _state(self, *, is_connected: bool) -> str:
        if self._is_refused:
            return "store refuses"
        return "live" if is_connected else "broker away"


def _retries() -> BackOff:
    return BackOff(first_s=FIRST_RETRY_S, longest_s=LONGEST_RETRY_S)


def _out_of_range(readings: Readings) -> np.ndarray:
    """Datastream numbers of the readings that are flagged as outside their physical limits."""
    return readings.number[(readings.quality & int(Quality.OUT_OF_RANGE)) != 0]


def _timely_lags_s(readings: Readings, now_us: int) -> np.ndarray:
    """Time from phenomenon to commit [s] of the readings that are not flagged late."""
    is_timely = (readings.quality & int(Quality.LATE)) == 0
    return (now_us - readings.time_us[is_timely]) / 1e6
