"""A store in memory: the same answers as the database, gone with the process."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from twin.model.assets import Asset, Component
from twin.model.city import City, LoadReport
from twin.model.datastreams import Datastream, Sensor
from twin.model.jobs import JobStatus
from twin.model.observations import (
    BalanceRow,
    Batch,
    Latest,
    QuarantineEntry,
    RecordResult,
    Series,
    Waveform,
)
from twin.model.provenance import Reference
from twin.model.times import utc_now
from twin.ports import Clock
from twin.store import registry
from twin.store.changes import ChangeSignal
from twin.store.intake import RETENTION_DAYS
from twin.store.memory_alarms import MemoryAlarms
from twin.store.memory_bridges import MemoryBridges
from twin.store.memory_decisions import MemoryDecisions
from twin.store.memory_desk import MemoryDesk
from twin.store.memory_gaps import MemoryGaps
from twin.store.memory_history import MemoryHistory
from twin.store.memory_instances import MemoryInstances
from twin.store.memory_observations import MemoryObservations
from twin.store.memory_room import MemoryRoom
from twin.store.memory_runs import MemoryRuns
from twin.store.memory_traffic import MemoryTraffic
from twin.store.memory_upkeep import MemoryUpkeep
from twin.store.text import require_storable


class MemoryStore:
    """`twin.ports.Store` in memory; may be used from any thread.

    Parameters
    ----------
    clock
        Decides on the day of the balance and on times that are too old or too far ahead.
    retention_days
        Readings older than this are refused.
    """

    def __init__(self, *, clock: Clock = utc_now, retention_days: int = RETENTION_DAYS) -> None:
        self._clock = clock
        self._retention_days = retention_days
        self._lock = threading.RLock()
        self._changes = ChangeSignal()
        self._cluster = uuid4()
        self._registry_revision = 0
        self._references: dict[str, Reference] = {}
        self._assets: dict[str, Asset] = {}
        self._components: dict[str, Component] = {}
        self._sensors: dict[str, Sensor] = {}
        self._datastreams: dict[str, Datastream] = {}
        self._sources: dict[int, str] = {}
        self._observations = MemoryObservations()
        self._jobs: dict[tuple[str, str], JobStatus] = {}
        self.alarms = MemoryAlarms()
        self.bridges = MemoryBridges(self.record, self._known)
        self.desk = MemoryDesk(self._observations)
        self.gaps = MemoryGaps()
        self.history = MemoryHistory(self._observations, self._find)
        self.room = MemoryRoom()
        self.instances = MemoryInstances()
        self.runs = MemoryRuns(self._changes)
        self.traffic = MemoryTraffic(self.runs)
        self.decisions = MemoryDecisions(self.bridges.book, self.runs.run)
        self.upkeep = MemoryUpkeep(self._observations, self.datastreams)

    # Inventory

    def load(self, city: City, *, at: datetime) -> LoadReport:  # noqa: ARG002 - kept by databases
        """Add and update everything in the city; the same city again changes nothing."""
        with self._lock:
            changes, report = registry.difference(self._city(), city)
            if not report.added and not report.changed:
                return report
            self._references |= {row.id: row for row in changes.references}
            self._assets |= {row.id: row for row in changes.assets}
            self._components |= {row.id: row for row in changes.components}
            self._sensors |= {row.id: row for row in changes.sensors}
            for stream in changes.datastreams:
                number = stream.number or len(self._datastreams) + 1
                self._datastreams[stream.uid] = replace(stream, number=number)
                self._sources[number] = stream.source
            self._registry_revision += 1
        self._changes.notify()
        return report

    def references(self) -> Sequence[Reference]:
        """All references, by id."""
        with self._lock:
            return tuple(self._references[key] for key in sorted(self._references))

    def assets(self, asset_class: str | None = None) -> Sequence[Asset]:
        """Assets, all or of one class, by id."""
        with self._lock:
            rows = [self._assets[key] for key in sorted(self._assets)]
        return tuple(row for row in rows if asset_class in (None, row.asset_class))

    def components(self, asset_id: str | None = None) -> Sequence[Component]:
        """Components, all or of one asset, by id."""
        with self._lock:
            rows = [self._components[key] for key in sorted(self._components)]
        return tuple(row for row in rows if asset_id in (None, row.asset_id))

    def sensors(self) -> Sequence[Sensor]:
        """All sensors, by id."""
        with self._lock:
            return tuple(self._sensors[key] for key in sorted(self._sensors))

    def datastreams(self, asset_id: str | None = None) -> Sequence[Datastream]:
        """Datastreams with their numbers, all or of one asset, by uid."""
        with self._lock:
            rows = [self._datastreams[key] for key in sorted(self._datastreams)]
        return tuple(row for row in rows if asset_id in (None, row.asset_id))

    def version(self) -> str:
        """Text that changes whenever the registry changes."""
        return f"{self._cluster}-{self._registry_revision}"

    # Observations

    def record(self, batch: Batch) -> RecordResult:
        """Record a batch; equal rows are duplicates, a repeated batch changes nothing."""
        with self._lock:
            sources = dict(self._sources)
        result = self._observations.record(
            batch, sources=sources, retention_days=self._retention_days, now=self._clock()
        )
        if not result.repeated:
            self.upkeep.note(batch)
        if result.revision:
            self._changes.notify()
        return result

    def latest(self, *, since: int = 0) -> Latest:
        """Newest value per datastream that changed after revision ``since``."""
        return self._observations.latest(since)

    def wait_for_change(self, timeout_s: float) -> bool:
        """Wait until something changed since this thread last waited; True if so."""
        return self._changes.wait(timeout_s)

    def series(self, number: int, *, start_us: int, end_us: int, limit: int) -> Series:
        """Readings of one datastream in [start, end); StoreError if more than ``limit``."""
        return self._observations.series(number, start_us=start_us, end_us=end_us, limit=limit)

    def waveforms(self, number: int, *, start_us: int, end_us: int) -> Sequence[Waveform]:
        """Waveform blocks that start in [start, end), in order of time."""
        return self._observations.waveforms(number, start_us=start_us, end_us=end_us)

    def balance(self, *, since: datetime) -> Sequence[BalanceRow]:
        """Balance per day and source from this day (UTC) on."""
        return self._observations.balance(since)

    def quarantine(
        self, *, source: str | None = None, limit: int = 100
    ) -> Sequence[QuarantineEntry]:
        """Quarantined entries, the newest first."""
        return self._observations.quarantine(source, limit=limit)

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """How often each (source, reason) was seen."""
        return self._observations.quarantine_counts()

    # Job board

    def beat(self, status: JobStatus) -> None:
        """Store the newest status of a job."""
        require_storable(status, what="job status")
        with self._lock:
            self._jobs[status.job, status.instance] = status

    def jobs(self) -> Sequence[JobStatus]:
        """Newest status of every job, by job and instance."""
        with self._lock:
            return tuple(self._jobs[key] for key in sorted(self._jobs))

    # Itself

    def is_available(self) -> bool:
        """Always True."""
        return True

    def description(self) -> str:
        """Kind of store."""
        return "in memory"

    def close(self) -> None:
        """Nothing to release."""

    # Parts

    def _find(self, number: int) -> Datastream | None:
        with self._lock:
            streams = self._datastreams.values()
            return next((stream for stream in streams if stream.number == number), None)

    def _known(self) -> tuple[frozenset[str], Mapping[int, str]]:
        """Ids of all assets, and the source of every datastream number."""
        with self._lock:
            return frozenset(self._assets), dict(self._sources)

    def _city(self) -> City:
        return City(
            name="",
            references=tuple(self._references.values()),
            assets=tuple(self._assets.values()),
            components=tuple(self._components.values()),
            sensors=tuple(self._sensors.values()),
            datastreams=tuple(self._datastreams.values()),
        )
