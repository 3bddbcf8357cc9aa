"""`twin.ports.Store` on PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from twin.errors import StoreError, StoreUnavailableError
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
from twin.store.intake import RETENTION_DAYS
from twin.store.postgres.alarms import PostgresAlarms
from twin.store.postgres.bridges import PostgresBridges
from twin.store.postgres.connections import Connections
from twin.store.postgres.decisions import PostgresDecisions
from twin.store.postgres.desk import PostgresDesk
from twin.store.postgres.gaps import PostgresGaps
from twin.store.postgres.history import PostgresHistory
from twin.store.postgres.instances import PostgresInstances
from twin.store.postgres.inventory import PostgresInventory
from twin.store.postgres.notices import Listener
from twin.store.postgres.queries import query
from twin.store.postgres.read import Reader
from twin.store.postgres.room import PostgresRoom
from twin.store.postgres.runs import PostgresJobs, PostgresRuns
from twin.store.postgres.traffic import PostgresTraffic
from twin.store.postgres.upkeep import PostgresUpkeep
from twin.store.postgres.write import Writer


class PostgresStore:
    """All that a city keeps, in one PostgreSQL database; may be used from any thread.

    Every method raises `StoreUnavailableError` while the database is away and works again when it
    is back.

    Parameters
    ----------
    dsn
        As libpq takes it.
    application
        Name shown in ``pg_stat_activity``.
    clock
        Decides on times that are too old or too far ahead.
    retention_days
        Readings older than this are refused.
    answer_s
        A database that owes an answer for longer counts as away [s]; 0: never.
    """

    def __init__(
        self,
        dsn: str,
        *,
        application: str = "twin",
        clock: Clock = utc_now,
        retention_days: int = RETENTION_DAYS,
        answer_s: float = 0.0,
    ) -> None:
        self._connections = Connections(dsn, application=application, answer_s=answer_s)
        self._listener = Listener(self._connections)
        self._inventory = PostgresInventory(self._connections)
        self._reader = Reader(self._connections)
        self._writer = Writer(self._connections, clock=clock, retention_days=retention_days)
        self._deriving = Writer(self._connections, clock=clock, retention_days=retention_days)
        self._jobs = PostgresJobs(self._connections)
        self._description = ""
        self.alarms = PostgresAlarms(self._connections)
        self.bridges = PostgresBridges(self._connections, self._deriving)
        self.desk = PostgresDesk(self._connections)
        self.gaps = PostgresGaps(self._connections)
        self.history = PostgresHistory(self._connections, clock=clock)
        self.room = PostgresRoom(self._connections)
        self.instances = PostgresInstances(self._connections)
        self.runs = PostgresRuns(self._connections)
        self.traffic = PostgresTraffic(self._connections)
        self.decisions = PostgresDecisions(self._connections)
        self.upkeep = PostgresUpkeep(self._connections)

    # Inventory

    def load(self, city: City, *, at: datetime) -> LoadReport:  # noqa: ARG002 - no history yet
        """Add and update everything in the city; the same city again changes nothing."""
        return self._inventory.load(city)

    def references(self) -> Sequence[Reference]:
        """All references, by id."""
        return self._inventory.references()

    def assets(self, asset_class: str | None = None) -> Sequence[Asset]:
        """Assets, all or of one class, by id."""
        return self._inventory.assets(asset_class)

    def components(self, asset_id: str | None = None) -> Sequence[Component]:
        """Components, all or of one asset, by id."""
        return self._inventory.components(asset_id)

    def sensors(self) -> Sequence[Sensor]:
        """All sensors, by id."""
        return self._inventory.sensors()

    def datastreams(self, asset_id: str | None = None) -> Sequence[Datastream]:
        """Datastreams with their numbers, all or of one asset, by uid."""
        return self._inventory.datastreams(asset_id)

    def version(self) -> str:
        """Text that changes whenever the registry changes."""
        return self._inventory.version()

    # Observations

    def record(self, batch: Batch) -> RecordResult:
        """Record a batch in one transaction; equal rows are duplicates.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached, or was lost during the COMMIT: then the batch may
            be recorded. Repeat the same batch; it is recorded once.
        """
        return self._writer.record(batch)

    def latest(self, *, since: int = 0) -> Latest:
        """Newest value per datastream that changed after revision ``since``."""
        return self._reader.latest(since)

    def wait_for_change(self, timeout_s: float) -> bool:
        """Wait until something changed since this thread last waited; True if so."""
        return self._listener.wait(timeout_s)

    def series(self, number: int, *, start_us: int, end_us: int, limit: int) -> Series:
        """Readings of one datastream in [start, end); StoreError if more than ``limit``."""
        return self._reader.series(number, start_us=start_us, end_us=end_us, limit=limit)

    def waveforms(self, number: int, *, start_us: int, end_us: int) -> Sequence[Waveform]:
        """Waveform blocks that start in [start, end), in order of time."""
        return self._reader.waveforms(number, start_us=start_us, end_us=end_us)

    def balance(self, *, since: datetime) -> Sequence[BalanceRow]:
        """Balance per day and source from this day (UTC) on."""
        return self._reader.balance(since)

    def quarantine(
        self, *, source: str | None = None, limit: int = 100
    ) -> Sequence[QuarantineEntry]:
        """Quarantined entries, the newest first."""
        return self._reader.quarantine(source, limit=limit)

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """How often each (source, reason) was seen."""
        return self._reader.quarantine_counts()

    # Job board

    def beat(self, status: JobStatus) -> None:
        """Store the newest status of a job."""
        self._jobs.beat(status)

    def jobs(self) -> Sequence[JobStatus]:
        """Newest status of every job, by job and instance."""
        return self._jobs.jobs()

    # Itself

    def is_available(self) -> bool:
        """Whether the database answers now."""
        try:
            with self._connections.use() as connection:
                connection.execute(query("ping"))
        except StoreUnavailableError:
            return False
        return True

    def description(self) -> str:
        """Server, version and back-end in one line, as last seen."""
        try:
            self._description = self._describe()
        except StoreError:
            return self._description or "PostgreSQL, not reached yet"
        return self._description

    def close(self) -> None:
        """Release all connections."""
        self._listener.close()
        self._writer.close()
        self._deriving.close()
        self.instances.close()
        self.upkeep.close()
        self._connections.close()

    def _describe(self) -> str:
        with self._connections.use() as connection:
            row = connection.execute(query("select_server")).fetchone()
        version, backend, timescale, licence = row if row is not None else ("", "", None, "")
        if backend == "timescale":
            edition = "community" if licence == "timescale" else "Apache"
            offer = "compression offered" if licence == "timescale" else "no compression"
            return f"PostgreSQL {version}, TimescaleDB {timescale} ({edition} edition, {offer})"
        return f"PostgreSQL {version}, native partitions, no compression"
