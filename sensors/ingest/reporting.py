"""What the ingester tells of itself: a file, a retained topic, the job board."""

import json
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sensors.broker import Delivery
from sensors.broker.observer import BrokerHealth
from sensors.clocks import ClockWatch
from sensors.ingest.accounting import Ledger
from sensors.ingest.afterwards import Afterwards
from sensors.ingest.alarms import Alarms
from sensors.ingest.buffering import Buffer
from sensors.ingest.contact import Contact, InstanceTakenError
from sensors.ingest.errand import Errand
from sensors.ingest.gapnotes import GapNotes
from sensors.ingest.group import GroupWatch
from sensors.ingest.inbox import Inbox, SourceOfTopic
from sensors.ingest.meter import Meter
from sensors.ingest.observing import KINDS_ABOUT_SOURCES, OWN_KINDS, Observer
from sensors.ingest.recorder import Recorder
from sensors.ingest.states import Due, State, state_of
from twin.city import Twin
from twin.errors import StoreUnavailableError, TwinError
from twin.model.jobs import JobStatus
from twin.model.times import from_us, to_us
from twin.settings import Settings

logger = logging.getLogger(__name__)

OFFLINE = b'{"state":"offline"}'
BEAT_S = 2.0
DOCUMENT_S = 5.0
BALANCE_S = 60.0
IDENTITY_S = 5.0
GROUP_S = 5.0


def status_topic(instance: str) -> str:
    """Topic under which an ingester keeps its status, retained.

    Examples
    --------
    >>> status_topic("1")
    'twin/status/ingest/1'
    """
    return f"twin/status/ingest/{instance}"


def status_file(data_dir: Path, instance: str) -> Path:
    """File that holds the status of an ingester, readable while the database is away."""
    return data_dir / "status" / f"ingest-{instance}.json"


def document(
    status: JobStatus,
    *,
    reason: str,
    sources: Mapping[str, Mapping[str, object]],
    alarms: Mapping[tuple[str, str], str],
) -> bytes:
    """Status as JSON, without anything that JSON cannot say."""
    content = {
        "job": status.job,
        "instance": status.instance,
        "state": status.state,
        "reason": reason,
        "started_at": _text(status.started_at),
        "at": _text(status.heartbeat_at),
        "figures": {name: round(value, 3) for name, value in sorted(status.figures.items())},
        "sources": {name: dict(facts) for name, facts in sorted(sources.items())},
        "alarms": [
            {"kind": kind, "subject": subject, "detail": detail}
            for (kind, subject), detail in sorted(alarms.items())
        ],
    }
    return json.dumps(content, allow_nan=False).encode()


def write_status(file: Path, content: bytes) -> None:
    """Replace the status file; readers see the old one or the new one, never half of it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_bytes(content)
        os.replace(temporary, file)  # noqa: PTH105 - atomic, over an existing file too
    except OSError as error:
        logger.warning("status_not_written", extra={"reason": str(error)})


class Heartbeat:
    """Tells the job board, aside; one that takes long is not followed by another one.

    Parameters
    ----------
    twin
        Whose job board.
    aside
        Where to tell.
    """

    def __init__(self, twin: Twin, aside: Executor) -> None:
        self._twin = twin
        self._errand = Errand(aside)

    def beat(self, status: JobStatus) -> None:
        """Tell the newest status."""
        self._errand.run(self._beat, status)

    def _beat(self, status: JobStatus) -> None:
        try:
            self._twin.beat(status)
        except TwinError as error:
            logger.warning("heartbeat_failed", extra={"reason": str(error)})


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Overview:
    """The parts of a running ingester that its reports are about.

    Parameters
    ----------
    health
        What the broker says about itself.
    backlog
        Messages that were taken over and are neither recorded nor spooled.
    heard_us
        Arrival of the last message by source [us since 1970-01-01 UTC].
    taken
        Messages that came out of the queue of the network thread.
    is_paused
        Whether nothing is read.
    """

    inbox: Inbox
    buffer: Buffer
    contact: Contact
    ledger: Ledger
    meter: Meter
    clocks: ClockWatch
    gaps: GapNotes
    afterwards: Afterwards
    source_of: SourceOfTopic
    recorder: Recorder
    health: Callable[[], BrokerHealth] = BrokerHealth
    backlog: deque[Delivery] = field(default_factory=deque)
    heard_us: dict[str, int] = field(default_factory=dict)
    taken: int = 0
    is_paused: bool = False

    @property
    def state(self) -> State:
        """What becomes of messages now."""
        return state_of(
            is_store_ready=self.contact.is_ready,
            is_spool_empty=self.buffer.is_empty,
            is_paused=self.is_paused,
        )

    @property
    def in_memory(self) -> Mapping[str, int]:
        """Messages by source that are neither recorded nor durable in the spool."""
        waiting = [*self.backlog, *self.buffer.waiting]
        return Counter(self.source_of[delivery.topic] for delivery in waiting)


class Reporter:
    """Tells state, figures and alarms of an ingester, wherever somebody listens.

    Parameters
    ----------
    twin
        Whose job board and alarms.
    overview
        What to report.
    name
        Client id of the ingester.
    settings
        Where the status file lies.
    aside
        Where to talk to the database.
    """

    def __init__(
        self, twin: Twin, overview: Overview, *, name: str, settings: Settings, aside: Executor
    ) -> None:
        self._twin = twin
        self._overview = overview
        self._name = name
        self._instance = settings.ingest.instance
        self._routed = {rule.source for rule in settings.codec.rule}
        self._expiry_us = settings.ingest.session_expiry_s * 1_000_000
        self._file = status_file(settings.data_dir, self._instance)
        self._alarms = Alarms(twin, aside)
        self._observer = Observer(self._alarms, name=name)
        self._heartbeat = Heartbeat(twin, aside)
        ingest = settings.ingest
        self._group = (
            GroupWatch(twin, aside, instance=self._instance, after_s=ingest.absent_after_s)
            if ingest.shared_group
            else None
        )
        self._lost = 0
        self._due = Due()
        self._started_at = twin.now()
        self._due.put_off("balance", seconds=BALANCE_S)

    def take_over_alarms(self) -> None:
        """Close what an earlier run left open, unless it holds again."""
        self._alarms.close_left(self._name, OWN_KINDS, always=KINDS_ABOUT_SOURCES)

    def report_if_due(self) -> None:
        """Tell state and alarms when it is time.

        Raises
        ------
        InstanceTakenError
            If another ingester runs under this name now.
        """
        if self._due.is_now("identity", every_s=IDENTITY_S):
            self._check_identity()
        if self._due.is_now("balance", every_s=BALANCE_S):
            self.check_balance()
        if self._due.is_now("beat", every_s=BEAT_S):
            self.observe()
        if self._due.is_now("document", every_s=DOCUMENT_S):
            self.tell()

    def observe(self) -> None:
        """Look at everything that may deserve an alarm; tell alarms and a heartbeat."""
        seen = self._overview
        seen.afterwards.settle()
        figures = seen.inbox.figures()
        self._lost += self._observer.look_at_broker(figures, now=self._twin.now())
        if self._lost and seen.gaps.is_started:  # before, nobody knows since when
            self._lost = 0
            seen.gaps.note_loss("session_lost", self._exposed(), connection=figures.connections)
        if self._observer.look_at_health(seen.health()):
            seen.gaps.note_loss("broker_dropped", list(seen.heard_us))
        if seen.state is State.LIVE:  # in other states nothing is decoded as it comes
            seen.gaps.look()
        self._observer.look_at_spool(seen.buffer)
        self._observer.look_at_store(seen.contact)
        self._observer.look_at_clocks(seen.clocks)
        self._look_at_group()
        for kind, subjects in seen.recorder.problems.items():
            self._alarms.keep_only(kind, dict(subjects))
        if seen.contact.is_ready or seen.contact.is_refused:
            self._alarms.tell()
            seen.gaps.write()
            self._heartbeat.beat(self.status())

    def _look_at_group(self) -> None:
        if self._group is None:
            return
        if self._overview.contact.is_ready and self._due.is_now("group", every_s=GROUP_S):
            self._group.look()
        self._observer.look_at_group(self._group.absent)

    def _exposed(self) -> list[str]:
        """Sources whose messages a lost session may have held, also before this run."""
        since_us = to_us(self._twin.now()) - self._expiry_us
        recent = self._overview.gaps.sources_since(since_us)
        return sorted({*self._overview.heard_us, *(recent & self._routed)})

    def check_balance(self) -> Mapping[str, int]:
        """Compare what was taken over with what waits and what is recorded; the differences."""
        seen = self._overview
        found = self._observer.check_balance(
            seen.ledger,
            waiting=seen.in_memory,
            figures=seen.inbox.figures(),
            taken=seen.taken,
            is_spool_empty=seen.buffer.is_empty,
        )
        if found:
            logger.error("balance_difference", extra={"differences": dict(found)})
        return found

    def tell(self, state: str = "") -> None:
        """Write the status file and publish the same."""
        seen, status = self._overview, self.status()
        content = document(
            replace(status, state=state) if state else status,
            reason=seen.contact.reason or seen.buffer.reason,
            sources={
                source: {
                    "messages": seen.ledger.handed[source],
                    "last_message_at": _text(from_us(time_us)),
                }
                for source, time_us in seen.heard_us.items()
            },
            alarms=self._alarms.open,
        )
        write_status(self._file, content)
        seen.inbox.announce(status_topic(self._instance), content)

    def status(self) -> JobStatus:
        """State and figures of this moment."""
        seen, inbox = self._overview, self._overview.inbox.figures()
        seen.afterwards.settle()
        figures = {
            **seen.meter.figures(now_s=time.monotonic()),
            "queue_messages": float(inbox.queue_messages + len(seen.backlog)),
            "queue_bytes": float(inbox.queue_bytes),
            "spool_messages": float(seen.buffer.messages),
            "spool_bytes": float(seen.buffer.size_bytes),
            "batch_readings": float(seen.recorder.size.readings),
            "broker_connected": float(inbox.is_connected),
            "broker_connections": float(inbox.connections),
            "sessions_lost": float(inbox.sessions_lost),
        }
        return JobStatus(
            job="ingest",
            instance=self._instance,
            started_at=self._started_at,
            heartbeat_at=self._twin.now(),
            state=self._word(is_connected=inbox.is_connected),
            figures=figures,
        )

    def _word(self, *, is_connected: bool) -> str:
        if self._overview.contact.is_refused:
            return "store refuses"
        state = self._overview.state
        if state is State.LIVE and not is_connected:
            return "broker away"
        return state.value

    def _check_identity(self) -> None:
        if not self._overview.contact.is_ready:
            return
        try:
            is_held = self._twin.holds_instance(self._name)
        except TwinError as error:
            logger.warning("identity_not_checked", extra={"reason": str(error)})
            if isinstance(error, StoreUnavailableError):
                self._overview.contact.lose(error)
            return
        if not is_held:
            raise InstanceTakenError(f"another ingester runs as {self._name} now; this one ends")
