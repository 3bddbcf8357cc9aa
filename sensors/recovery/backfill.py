"""The job ``backfill``: ask the hook of each source for what is missing, until it is there or lost.

A hook is an entry point of group ``stadtzwilling.backfill``, named by ``backfill`` of a
``[[source]]``. It is asked 1, 5 and 30 min, 6 and 24 h after a gap has ended. What it gives goes
through the same checks as live data, flagged as back-filled, and may be given again: the key of a
reading absorbs it.
"""

import argparse
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import cast
from uuid import UUID, uuid4

import numpy as np

from sensors.policies import time_policy
from sensors.routing import StreamTable
from sensors.rules.quality import TimePolicy, judge_columns
from twin.city import Twin
from twin.errors import StoreError, TwinError
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap
from twin.model.jobs import JobStatus
from twin.model.messages import Observation
from twin.model.observations import Batch, Readings, Tally, no_readings
from twin.model.quality import Quality
from twin.model.times import to_us
from twin.plugins import load
from twin.ports import Backfill
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=6),
    timedelta(hours=24),
)
ALARM_SHOWN = timedelta(days=7)
MOST_VALUES = 1_000_000
BATCH_READINGS = 20_000
MOST_COUNTED = 5_000_000
EVERY_S = 30.0
ESTIMATE_TOLERANCE = 0.05  # the expected interval is not kept to the second

HookFactory = Callable[[Settings, str], Backfill]


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Fetch what is due until told to stop, or once; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="twin backfill", description="Ask the sources for what is missing."
    )
    parser.add_argument("--once", action="store_true", help="fetch what is due now, then end")
    options = parser.parse_args(arguments)
    hooks = installed_hooks(settings)
    with closing(open_twin(settings, role="ingest")) as twin:
        worker = Backfiller(twin, hooks, policy=time_policy(settings))
        if options.once:
            sys.stdout.write(f"{worker.run_due()}\n")
        else:
            _run(worker, twin, stop_on_signal(), instance=settings.ingest.instance)
    return 0


def installed_hooks(settings: Settings) -> Mapping[str, Backfill]:
    """Hook by source; PluginError if one does not load."""
    return {
        policy.name: cast("HookFactory", load("backfill", policy.backfill))(settings, policy.name)
        for policy in settings.source
        if policy.backfill
    }


@dataclass(slots=True)
class Done:
    """What one pass did."""

    asked: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    filled: int = 0
    lost: int = 0

    def __str__(self) -> str:
        return (
            f"{self.asked} gaps asked for, {self.stored} readings stored, {self.duplicate} were "
            f"there already, {self.rejected} rejected; {self.filled} gaps filled, {self.lost} lost"
        )


@dataclass(slots=True)
class Backfiller:
    """Fetches what is due and says which gaps are filled or lost.

    A source without a hook has the same patience: what comes late by itself fills its gaps, too.

    Parameters
    ----------
    twin
        Where gaps are kept and readings go.
    hooks
        By source.
    policy
        Which times are accepted; being late is no fault here.
    """

    twin: Twin
    hooks: Mapping[str, Backfill]
    policy: TimePolicy
    incarnation: UUID = field(default_factory=uuid4)
    _sequence: int = 0

    def __post_init__(self) -> None:
        self.policy = replace(self.policy, treatments={})

    def run_due(self) -> Done:
        """One pass over the open gaps.

        Raises
        ------
        StoreError
            If the store is away; what was done stays done.
        """
        done = Done()
        now = self.twin.now()
        streams = self.twin.datastreams()
        for gap in self.twin.due_gaps(DELAYS):
            self._attempt(gap, _of_gap(gap, streams), done)
        self._close_old_alarms(now)
        return done

    def _close_old_alarms(self, now: datetime) -> None:
        """A lost gap stays in the book of gaps; its alarm is shown for a week."""
        for alarm in self.twin.alarms():
            if alarm.kind == "gap_lost" and now - alarm.seen_at > ALARM_SHOWN:
                self.twin.close_alarm(alarm.kind, alarm.subject)

    def _attempt(self, gap: Gap, streams: Sequence[Datastream], done: Done) -> None:
        if gap.id is None or gap.end is None:
            return
        hook = self.hooks.get(gap.source)
        is_filled = is_full(gap, self._present(gap, streams))
        is_over = gap.attempts >= len(DELAYS)  # somebody died before saying so
        if not is_over and not is_filled and hook is not None and streams:
            done.asked += 1
            stored = self._record(self._fetch(hook, gap, streams), gap.source, streams, done)
            is_filled = is_full(gap, self._present(gap, streams) if gap.key else stored)
        if not is_over:
            self.twin.count_gap_attempt(gap.id)
        if is_filled:
            done.filled += 1
            self.twin.resolve_gap(gap.id, "filled")
        elif gap.attempts + 1 >= len(DELAYS):
            done.lost += 1
            if hook is not None:
                self._tell_lost(gap)
            self.twin.resolve_gap(gap.id, "lost")

    def _present(self, gap: Gap, streams: Sequence[Datastream]) -> int:
        """Readings inside the gap that the store has by now, of its only or its fullest stream.

        What misses numbers is filled by those numbers, which the ingester sees, or by back-fill:
        of its readings those count that back-fill has added.
        """
        if gap.end is None or not gap.key:
            return 0
        most = 0
        for stream in streams:
            try:
                start = gap.start + timedelta(microseconds=1)
                series = self.twin.series(stream.uid, start=start, end=gap.end, limit=MOST_COUNTED)
            except StoreError:
                return MOST_COUNTED
            quality = series[1].quality
            is_counted = (quality & int(Quality.BACK_FILLED)) != 0
            most = max(most, int(is_counted.sum()) if gap.cause == "sequence" else len(quality))
        return most

    def _fetch(self, hook: Backfill, gap: Gap, streams: Sequence[Datastream]) -> Readings:
        """What the hook has inside the gap; nothing if it fails, which is told in the log."""
        try:
            return _inside(hook.fetch(streams, gap.start, gap.end or gap.start), gap, streams)
        except Exception as error:  # noqa: BLE001 - a plugin that asks foreign servers
            facts = {
                "source": gap.source,
                "hook": f"{type(hook).__module__}.{type(hook).__qualname__}",
                "error": type(error).__name__,
                "reason": str(error),
            }
            logger.warning("backfill_failed", extra=facts)
            return no_readings()

    def _record(
        self, readings: Readings, source: str, streams: Sequence[Datastream], done: Done
    ) -> int:
        """Record what a hook gave; how many readings were new."""
        table = StreamTable(streams)
        before = done.stored
        for first in range(0, len(readings), BATCH_READINGS):
            self._record_part(readings, slice(first, first + BATCH_READINGS), table, source, done)
        return done.stored - before

    def _record_part(
        self, found: Readings, part: slice, table: StreamTable, source: str, done: Done
    ) -> None:
        now = self.twin.now()
        readings, rejections = judge_columns(
            found.number[part],
            found.time_us[part],
            found.value[part],
            found.quality[part],
            to_us(now),
            streams=table,
            policy=self.policy,
        )
        self._sequence += 1
        result = self.twin.record(
            Batch(
                self.incarnation,
                self._sequence,
                readings=readings,
                rejections=tuple(
                    replace(one, source=source, received_at=now) for one in rejections
                ),
                tallies={source: Tally(received=len(found.number[part]))},
            )
        )
        done.stored += result.stored
        done.duplicate += result.duplicate
        done.rejected += result.quarantined

    def _tell_lost(self, gap: Gap) -> None:
        what = f"{gap.missing} values" if gap.missing is not None else "an unknown number of values"
        about = " about" if gap.is_estimated else ""
        self.twin.open_alarm(
            "gap_lost",
            gap.source,
            f"{about} {what} of {gap.key or 'this source'} since {gap.start:%Y-%m-%d %H:%M} UTC "
            "could not be fetched".strip(),
        )


def is_full(gap: Gap, present: int) -> bool:
    """Whether this many readings fill a gap; estimates are not taken to the last reading.

    Examples
    --------
    >>> start = datetime(2026, 11, 22)
    >>> is_full(Gap("s", "k", "sequence", start, missing=40), 39)
    False
    >>> is_full(Gap("s", "k", "cadence", start, missing=40, is_estimated=True), 38)
    True
    """
    if gap.missing is None:
        return present > 0
    slack = max(1.0, ESTIMATE_TOLERANCE * gap.missing) if gap.is_estimated else 0.0
    return present >= max(gap.missing - slack, 1 if gap.missing else 0)


def _of_gap(gap: Gap, streams: Sequence[Datastream]) -> list[Datastream]:
    """Datastreams that a gap may concern: one, those of a device, or those of a source."""
    found = [one for one in streams if one.source == gap.source and one.kind == "reading"]
    if gap.number is not None:
        return [one for one in found if one.number == gap.number]
    if not gap.key:
        return found
    return [one for one in found if gap.key in (one.route_key, one.route_key.partition("#")[0])]


def _inside(
    observations: Iterable[Observation], gap: Gap, streams: Sequence[Datastream]
) -> Readings:
    """What lies inside a gap, as columns; whatever error a wrong answer of a hook causes."""
    numbers = {one.route_key: one.number for one in streams if one.number is not None}
    end = gap.end or gap.start
    chosen = [
        (numbers[one.route_key], to_us(one.phenomenon_time), one.value, one.quality)
        for one in islice(observations, MOST_VALUES)
        if one.route_key in numbers and gap.start < one.phenomenon_time < end
    ]
    number, time_us, value, quality = zip(*chosen, strict=True) if chosen else ((),) * 4
    return Readings(
        number=np.array(number, np.int32),
        time_us=np.array(time_us, np.int64),
        value=np.array(value, np.float64),
        quality=np.array(quality, np.int16) | np.int16(int(Quality.BACK_FILLED)),
    )


def _run(worker: Backfiller, twin: Twin, stop: threading.Event, *, instance: str) -> None:
    started_at = twin.now()
    totals: Counter[str] = Counter()
    while not stop.is_set():
        state = "live"
        try:
            done = worker.run_due()
            totals.update({name: getattr(done, name) for name in Done.__slots__})
            if done.asked or done.lost:
                logger.info("backfilled", extra={"done": str(done)})
        except TwinError as error:
            state = "database away"
            logger.warning("backfill_waits", extra={"reason": str(error)})
        _beat(twin, instance, started_at=started_at, state=state, totals=totals)
        stop.wait(EVERY_S)


def _beat(
    twin: Twin, instance: str, *, started_at: datetime, state: str, totals: Counter[str]
) -> None:
    figures = {name: float(count) for name, count in totals.items()}
    try:
        twin.beat(JobStatus("backfill", instance, started_at, twin.now(), state, figures))
    except TwinError as error:
        logger.warning("heartbeat_failed", extra={"reason": str(error)})
