"""The loop of the ingester: into the database, or through the spool, and acknowledged then."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from uuid import UUID, uuid4

from sensors.broker import client_id
from sensors.broker.observer import BrokerHealth
from sensors.clocks import ClockWatch
from sensors.ingest.accounting import Ledger
from sensors.ingest.afterwards import Afterwards
from sensors.ingest.buffering import Buffer, Drained
from sensors.ingest.contact import Contact, InstanceTakenError, Registry
from sensors.ingest.counterfile import counter_file
from sensors.ingest.gapnotes import GapNotes
from sensors.ingest.inbox import Inbox, SourceOfTopic
from sensors.ingest.learned import LearnedFile, learned_file
from sensors.ingest.meter import Meter
from sensors.ingest.recorder import Pending, Recorder
from sensors.ingest.reporting import Overview, Reporter
from sensors.ingest.states import Due, State
from sensors.knowledge import KnowledgeFile, knowledge_file
from sensors.metadata import read_tables
from sensors.routing import Router
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.errors import StoreError, StoreUnavailableError
from twin.model.datastreams import Datastream
from twin.model.jobs import LEFT, JobStatus
from twin.model.times import to_us
from twin.ports import Codec
from twin.settings import Settings

logger = logging.getLogger(__name__)

POLL_S = 0.5
IDLE_S = 0.1
GATHER_S = 0.01
BATCH_BYTES = 16 * 1024 * 1024
ROOM_CHECK_S = 1.0
REOPEN_S = 30.0
FIRST_ANSWER_S = 3.0
YOUNG_US = 60_000_000
FINISH_WITHIN_S = 10.0
LEARNED_S = 600.0
MOST_FRUITLESS = 5


class Ingester:
    """The loop poll, decode, judge, record, acknowledge.

    Nothing is acknowledged before its COMMIT, or before its fsync into the spool while the
    database is away or refuses. A batch whose COMMIT is in doubt keeps its number: it is repeated
    before anything else, and the store recognises it.

    Parameters
    ----------
    twin
        Where to record.
    inbox
        Where the messages come from.
    settings
        Routing rules and bounds.
    codecs, policy
        What messages mean, which times are accepted.
    buffer
        The spool.
    aside
        Runs what must not delay the loop: questions to the database, heartbeats, alarms.
    health
        What the broker says about itself.
    incarnation
        Name of this run; with the batch number the store recognises a repeated commit.
    follower
        Told of every change of the registry.
    """

    def __init__(
        self,
        twin: Twin,
        inbox: Inbox,
        *,
        settings: Settings,
        codecs: Mapping[str, Codec],
        policy: TimePolicy,
        buffer: Buffer,
        aside: Executor,
        health: Callable[[], BrokerHealth] = BrokerHealth,
        incarnation: UUID | None = None,
        follower: Callable[[Sequence[Datastream]], None] | None = None,
    ) -> None:
        self._twin = twin
        self._inbox = inbox
        self._buffer = buffer
        self._incarnation = incarnation or uuid4()
        self._follower = follower
        self._name = client_id(settings.city.name, settings.ingest.instance)
        self._meter = Meter(time.monotonic())
        router = Router(settings.codec.rule)
        self._source_of = SourceOfTopic(router)
        self._gaps = GapNotes(
            twin,
            aside,
            self._meter,
            is_alone=not settings.ingest.shared_group,
            file=counter_file(settings),
        )
        clocks = ClockWatch()
        self._afterwards = Afterwards(self._meter, clocks, self._gaps)
        self._recorder = Recorder(
            twin,
            router=router,
            codecs=codecs,
            policy=policy,
            meter=self._meter,
            most_readings=settings.ingest.batch_readings,
            incarnation=self._incarnation,
            follower=self._follow,
            learned=LearnedFile(learned_file(settings), aside),
            knowledge=KnowledgeFile(knowledge_file(settings)),
            tables=partial(read_tables, settings),
        )
        self._contact = Contact(self._ask, aside)
        self._ledger = Ledger(inherited=buffer.messages)
        self._overview = Overview(
            inbox=inbox,
            buffer=buffer,
            contact=self._contact,
            ledger=self._ledger,
            meter=self._meter,
            clocks=clocks,
            gaps=self._gaps,
            afterwards=self._afterwards,
            source_of=self._source_of,
            recorder=self._recorder,
            health=health,
        )
        self._backlog = self._overview.backlog
        self._reporter = Reporter(
            twin, self._overview, name=self._name, settings=settings, aside=aside
        )
        self._due = Due()
        self._due.put_off("learned", seconds=LEARNED_S)
        self._due.put_off("spool", seconds=REOPEN_S)
        self._pending: Pending | None = None
        self._is_pending_spooled = False
        self._was = State.LIVE
        self._connection = 0
        self._connected_us = 0

    # Life

    def open(self, stop: threading.Event) -> None:
        """Ask the database for the registry; if it does not answer, begin without it.

        Raises
        ------
        InstanceTakenError
            If another ingester runs under this name.
        """
        begun_s = time.monotonic()
        while not self._contact.is_ready and not stop.is_set():
            self._renew()
            waited_s = time.monotonic() - begun_s
            is_silent = waited_s > FIRST_ANSWER_S and not self._contact.is_taken
            if self._contact.is_lost or is_silent:
                break
            stop.wait(GATHER_S)
        logger.info("ingest_opened", extra={"state": self.state, "spooled": self._buffer.messages})

    def run(self, stop: threading.Event, *, is_drained: Callable[[], bool] | None = None) -> int:
        """Ingest until ``stop`` is set, then record or spool what was taken over.

        Parameters
        ----------
        is_drained
            For an ingester that leaves: whether nothing more will come. It ends when everything
            is in the database, and exit code 0 says so; 1 if it was stopped before.
        """
        logger.info("ingest_started", extra={"incarnation": str(self._incarnation)})
        has_left = False
        while not stop.is_set() and not has_left:
            if not self._inbox.is_alive:
                logger.error("broker_connection_broke")
                return 1
            self.step(stop, timeout_s=POLL_S)
            self._reporter.report_if_due()
            if self._due.is_now("learned", every_s=LEARNED_S):
                self._recorder.keep_learned()
            has_left = is_drained is not None and is_drained() and self._is_all_recorded()
        self._finish(stop, word=LEFT if has_left else "stopped")
        return 0 if has_left or is_drained is None else 1

    def _is_all_recorded(self) -> bool:
        """Whether nothing is left here: neither in the queue, nor in memory, nor in the spool."""
        is_empty = not self._backlog and not self._inbox.figures().queue_messages
        return is_empty and self.state is State.LIVE and self._pending is None

    def _finish(self, stop: threading.Event, *, word: str) -> None:
        """Deal with what waits at the moment of the stop; what comes later stays at the broker."""
        left = self._inbox.figures().queue_messages + len(self._backlog)
        until_s = time.monotonic() + FINISH_WITHIN_S
        fruitless = 0
        while left > 0 and fruitless < MOST_FRUITLESS and time.monotonic() < until_s:
            done = self.step(stop, timeout_s=0.0)
            fruitless = 0 if done else fruitless + 1
            left -= done
        self._sync()
        self._recorder.keep_learned(is_last=True)
        self._afterwards.settle()
        if self._contact.is_ready:
            self._gaps.write_now()
        self._reporter.tell(word)
        logger.info("ingest_stopped", extra={"left_to_broker": max(left, 0)})

    def _ask(self) -> Registry:
        if not self._twin.hold_instance(self._name):
            raise InstanceTakenError(
                f"another ingester runs as {self._name}: stop it, or give this one another "
                "ingest.instance"
            )
        version = self._twin.registry_version()
        self._reporter.take_over_alarms()
        return Registry(version, self._twin.datastreams())

    def status(self) -> JobStatus:
        """State and figures of this moment."""
        return self._reporter.status()

    @property
    def state(self) -> State:
        """What becomes of messages now."""
        return self._overview.state

    def step(self, stop: threading.Event, *, timeout_s: float) -> int:
        """Take over, record or spool, and acknowledge; how many messages are done."""
        self._renew()
        self._reopen_if_missing()
        self._resume_if_possible()
        state = self.state
        if state is not self._was:
            logger.info("state_changed", extra={"state": state, "was": self._was})
            self._was = state
        if state is State.LIVE:
            self._take(timeout_s)
            return self._record_live()
        if state is State.PAUSED:
            is_new = False
        else:
            is_idle = state is State.SPOOLING and not self._buffer.is_waiting
            is_new = self._take(min(timeout_s, IDLE_S) if is_idle else GATHER_S)
        done = self._spool(is_new=is_new)
        is_drained = self._contact.is_ready and self._drain()
        if state is State.PAUSED and not is_drained:
            stop.wait(min(timeout_s, ROOM_CHECK_S))
        return done

    def _renew(self) -> None:
        registry = self._contact.renew()
        if registry is not None:
            self._recorder.load(registry)
            self._gaps.start()
        elif self._contact.is_ready:
            try:
                self._recorder.refresh()
            except StoreUnavailableError as error:
                self._contact.lose(error)

    def _follow(self, datastreams: Sequence[Datastream]) -> None:
        self._gaps.update(datastreams)
        if self._follower is not None:
            self._follower(datastreams)

    # Messages in

    def _take(self, timeout_s: float) -> bool:
        """Take over what waits, if nothing is left over; whether something came."""
        if self._backlog:
            return False
        limit = self._recorder.size.readings
        taken = self._inbox.poll(max_messages=limit, max_bytes=BATCH_BYTES, timeout_s=timeout_s)
        if not taken:
            return False
        self._backlog.extend(taken)
        self._overview.taken += len(taken)
        counts = Counter(self._source_of[delivery.topic] for delivery in taken)
        self._ledger.hand_over(counts)
        self._overview.heard_us.update(dict.fromkeys(counts, taken[-1].received_us))
        self._meter.note_messages(len(taken), now_s=time.monotonic())
        if taken[-1].connection != self._connection:
            # messages of the old connection may have waited before it
            self._connection = taken[-1].connection
            of_new = (one for one in taken if one.connection == self._connection)
            self._connected_us = next(of_new).received_us
            self._afterwards.settle()
            self._gaps.note_connection(self._connection, at_us=self._connected_us)
        return True

    @property
    def _unsure_from_us(self) -> int | None:
        """From when on messages may be repetitions: while the connection is young.

        The oldest message says how young: behind a loop that stood still, the newest is old.
        """
        oldest_us = self._backlog[0].received_us if self._backlog else 0
        is_young = oldest_us - self._connected_us < YOUNG_US
        return self._connected_us if is_young else None

    # Live

    def _record_live(self) -> int:
        """Record the oldest messages and acknowledge them; how many."""
        if not self._backlog:
            return 0
        if self._pending is None:
            self._pending = self._recorder.prepare(
                list(self._backlog), unsure_from_us=self._unsure_from_us
            )
            self._is_pending_spooled = False
        pending = self._pending
        if not self._commit(pending):
            return 0
        self._pending = None
        done = [self._backlog.popleft() for _ in range(pending.messages)]
        self._meter.note("acks_refused", self._inbox.ack(done))
        return len(done)

    def _commit(self, pending: Pending) -> bool:
        """Record a batch; False if the database is away or refuses."""
        try:
            result = self._recorder.record(pending)
        except StoreError as error:
            self._contact.lose(error)
            self._meter.note("store_refusals" if self._contact.is_refused else "store_retries")
            return False
        self._contact.confirm()
        self._ledger.commit(pending.prepared.by_source)
        if result is not None:
            self._ledger.check(pending.batch.tallies, result)
        self._afterwards.note(pending.prepared, committed_us=to_us(self._twin.now()))
        return True

    # Through the spool

    def _spool(self, *, is_new: bool) -> int:
        """Move messages into the spool; how many are acknowledged.

        While messages keep coming they are gathered for an fsync, for a tenth of a second at most.
        """
        if self._backlog and not self._overview.is_paused:
            unsure_us = self._unsure_from_us
            messages = [
                one._replace(is_repeat=True)
                if unsure_us is not None and one.received_us >= unsure_us
                else one
                for one in self._backlog
            ]
            if not self._buffer.take(messages, [self._source_of[one.topic] for one in messages]):
                self._pause()
                return 0
            self._is_pending_spooled = True
            self._backlog.clear()
        if is_new and not self._buffer.is_sync_due:
            return 0
        return self._sync()

    def _sync(self) -> int:
        if not self._buffer.is_waiting:
            return 0
        synced = self._buffer.sync()
        if synced is None:
            self._backlog.extendleft(reversed(self._buffer.take_back()))
            # a batch in doubt stays where it is if an earlier sync has taken it
            self._is_pending_spooled = not self._buffer.is_empty
            self._pause()
            return 0
        done, sources = synced
        self._ledger.spool(sources)
        self._meter.note("spooled", len(done))
        self._meter.note("acks_refused", self._inbox.ack(done))
        return len(done)

    def _drain(self) -> bool:
        """Record the oldest messages of the spool, a batch in doubt first; whether it did."""
        drained, pending = self._next_drained()
        if drained is None or pending is None:
            return False
        self._pending, self._is_pending_spooled = pending, True
        if not self._commit(pending):
            return False
        self._pending = None
        self._buffer.let_go(drained.block.cursor)
        self._ledger.unspool([self._source_of[one.topic] for one in drained.deliveries])
        self._meter.note("drained", len(drained.deliveries))
        if pending.batch.declared_lost:
            self._meter.note("declared_lost", sum(pending.batch.declared_lost.values()))
            self._ledger.lose(pending.batch.declared_lost)
        if self._buffer.is_empty:
            self._ledger.settle()
        return True

    def _next_drained(self) -> tuple[Drained | None, Pending | None]:
        most = self._recorder.size.readings
        if self._pending is not None and not self._is_pending_spooled:
            return None, None  # its messages are in memory: they come when the spool is empty
        if self._pending is not None:
            drained = self._buffer.next(self._pending.messages, most_bytes=2 * BATCH_BYTES)
            if drained is None:
                return None, None
            is_whole = len(drained.deliveries) == self._pending.messages
            if is_whole and drained.lost == self._pending.batch.declared_lost:
                return drained, self._pending
        drained = self._buffer.next(most, most_bytes=BATCH_BYTES)
        if drained is None or drained.is_empty:
            return None, None
        pending = self._recorder.prepare(drained.deliveries)
        if pending.messages < len(drained.deliveries):
            drained = self._buffer.next(pending.messages, most_bytes=2 * BATCH_BYTES)
        return drained, pending.with_lost(drained.lost) if drained else None

    def _pause(self) -> None:
        self._overview.is_paused = True
        self._inbox.pause()
        self._due.put_off("room", seconds=ROOM_CHECK_S)
        logger.error("ingest_paused", extra={"reason": self._buffer.reason})

    def _reopen_if_missing(self) -> None:
        """Try again and again to open a spool that could not be opened at the start."""
        if not self._buffer.is_missing or not self._due.is_now("spool", every_s=REOPEN_S):
            return
        if self._buffer.open_again():
            # older messages come before those of a batch in doubt, which gets a new number
            self._pending = None
            self._ledger.inherited += self._buffer.messages
            logger.info("spool_opened", extra={"spooled": self._buffer.messages})

    def _resume_if_possible(self) -> None:
        """Read again when the spool has room, or nothing needs it any more."""
        if not self._overview.is_paused:
            return
        is_needless = self._contact.is_ready and self._buffer.is_empty
        if not is_needless and not self._due.is_now("room", every_s=ROOM_CHECK_S):
            return
        if is_needless or self._buffer.has_room():
            self._overview.is_paused = False
            self._inbox.resume()
            logger.info("ingest_resumed")
