"""The job ``twin simulate``: publishes the simulated sensors of the city over MQTT."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sensors.broker import Publisher, client_id
from sensors.simulator.messages import Outgoing
from sensors.simulator.player import Player
from sensors.simulator.slots import MICRO
from sensors.simulator.world import World, build_world
from twin.city import Twin
from twin.errors import RegistryError, SettingsError, TwinError
from twin.model.jobs import JobStatus
from twin.model.times import to_us, utc_now
from twin.ports import Clock
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

JOB = "simulate"
BEAT_S = 10.0
LONGEST_WAIT_S = 0.5
PUBLISH_WAIT_S = 1.0
CLOSE_S = 5.0
INGEST_WAIT_S = 15.0
INGEST_POLL_S = 0.2
WORTH_US = 20_000
"""A shorter time until the next live value is slept through."""
DAY_US = 86_400 * MICRO


class Publishing(Protocol):
    """What the simulator needs of a publisher."""

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 30.0
    ) -> bool:
        """Hand in a message; False if there was no room for this long."""
        ...


@dataclass(frozen=True, slots=True)
class LongPast:
    """Span of the sparse past of slow streams and the step between its values [us]."""

    span_us: int = 0
    step_us: int = MICRO


@dataclass(slots=True)
class Simulation:
    """The running simulator: publishes the present, then the past, then goes on.

    Parameters
    ----------
    player
        The world that is played.
    publisher
        Where messages go.
    stop
        Set from outside; everything ends soon after.
    history_us
        Span of the past [us] that is delivered at the start, and the longest pause after
        which missed values are still delivered.
    long_past
        Sparse values of former months; they are delivered while nothing live is due.
    """

    player: Player
    publisher: Publishing
    stop: threading.Event
    history_us: int
    clock: Clock = utc_now
    long_past: LongPast = field(default_factory=LongPast)
    published: int = field(default=0, init=False)
    _backlog: Iterator[Outgoing] = field(default_factory=lambda: iter(()), init=False)
    lag_s: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Publish until the stop event is set."""
        start_us = to_us(self.clock())
        self._publish_all(self.player.present(start_us))
        logger.info("present_published", extra={"messages": self.published})
        self._publish_all(self.player.past(start_us, span_us=self.history_us))
        logger.info("past_published", extra={"messages": self.published})
        self._backlog = self.player.long_past(
            start_us - self.history_us,
            span_us=self.long_past.span_us,
            step_us=self.long_past.step_us,
        )
        while not self.stop.is_set():
            start_us = self._follow(start_us)

    def _follow(self, after_us: int) -> int:
        """Publish what is due, in order; the time to go on from after a long pause."""
        for due in self.player.following(after_us):
            wait_us = due.time_us - to_us(self.clock())
            if -wait_us > max(self.history_us, MICRO):
                logger.warning("pause_skipped", extra={"lag_s": -wait_us / MICRO})
                return to_us(self.clock()) - self.history_us
            while wait_us > 0 and not self._idle(wait_us):
                wait_us = due.time_us - to_us(self.clock())
            if self.stop.is_set():
                break
            self.lag_s = max(0.0, -wait_us / MICRO)
            self._publish(self.player.message(due.stream, due.number))
        return after_us

    def _idle(self, wait_us: int) -> bool:
        """Publish one of the long past if there is time, or sleep; True when told to stop."""
        told = next(self._backlog, None) if wait_us > WORTH_US else None
        if told is None:
            return self.stop.wait(min(wait_us / MICRO, LONGEST_WAIT_S))
        self._publish(told)
        return self.stop.is_set()

    def _publish_all(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            if self.stop.is_set():
                return
            self._publish(message)

    def _publish(self, message: Outgoing) -> None:
        while not self.stop.is_set():
            if self.publisher.publish(message.topic, message.payload, timeout_s=PUBLISH_WAIT_S):
                self.published += 1
                return


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Run the job until SIGINT or SIGTERM; exit code 0.

    Raises
    ------
    SettingsError
        If there is an argument; the job takes none.
    RegistryError
        If the registry holds no simulated datastream.
    """
    if arguments:
        raise SettingsError(f"twin simulate takes no arguments, got {arguments[0]!r}")
    stop = stop_on_signal()
    twin = open_twin(settings, role="serve")
    try:
        world = _world(twin, settings)
        publisher = Publisher(settings.broker, client_id(settings.city.tenant, JOB))
        try:
            _run(twin, Player(world.streams, settings.city.tenant), publisher, settings, stop)
        finally:
            publisher.close(CLOSE_S)
    finally:
        twin.close()
    return 0


def _world(twin: Twin, settings: Settings) -> World:
    world = build_world(
        twin.datastreams(),
        twin.assets(),
        seed=settings.simulator.seed,
        zone=settings.city.timezone,
    )
    if world.unplayed:
        logger.warning("streams_without_model", extra={"uids": world.unplayed[:20]})
    if not world.streams:
        raise RegistryError(
            "the registry holds no simulated datastream that can be played; load a city whose "
            "datastreams.csv has rows with provenance 'simulated' and a cadence"
        )
    logger.info("world_built", extra={"streams": len(world.streams)})
    return world


def _run(
    twin: Twin,
    player: Player,
    publisher: Publisher,
    settings: Settings,
    stop: threading.Event,
) -> None:
    history_us = settings.simulator.history_minutes * 60 * MICRO
    long_past = LongPast(
        span_us=settings.simulator.history_days * DAY_US,
        step_us=settings.simulator.history_step_minutes * 60 * MICRO,
    )
    simulation = Simulation(player, publisher, stop, history_us, long_past=long_past)
    beats = threading.Thread(
        target=_beat, args=(twin, simulation, utc_now()), name="heartbeat", daemon=True
    )
    beats.start()
    wait_for_ingest(twin, stop)
    simulation.run()
    beats.join(CLOSE_S)


def wait_for_ingest(twin: Twin, stop: threading.Event, *, limit_s: float = INGEST_WAIT_S) -> bool:
    """Wait until an ingester is subscribed; False if none is within the limit.

    A broker without a session for the ingester keeps nothing, so what is published before its
    first subscription would be lost.
    """
    began = utc_now()
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and not stop.is_set():
        jobs = twin.health().jobs
        if any(j.job == "ingest" and j.state == "live" and j.heartbeat_at > began for j in jobs):
            return True
        stop.wait(INGEST_POLL_S)
    logger.warning("no_ingester_seen", extra={"waited_s": limit_s})
    return False


def _beat(twin: Twin, simulation: Simulation, started_at: datetime) -> None:
    """Report the job until it stops; a store that refuses is logged once per change."""
    is_refused = False
    while True:
        status = JobStatus(
            job=JOB,
            instance="1",
            started_at=started_at,
            heartbeat_at=utc_now(),
            state="live",
            figures={"published": float(simulation.published), "lag_s": simulation.lag_s},
        )
        try:
            twin.beat(status)
            is_refused = False
        except TwinError as error:
            if not is_refused:
                logger.warning("heartbeat_refused", extra={"reason": str(error)})
            is_refused = True
        if simulation.stop.wait(BEAT_S):
            return
