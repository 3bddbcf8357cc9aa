"""What the city needs from the outside: the Protocols that rooms and plugins implement."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from twin.model.alarms import Alarm
from twin.model.assets import Asset, Component
from twin.model.bases import BaseFacts, StoredBase
from twin.model.city import City, LoadReport
from twin.model.datastreams import Datastream
from twin.model.gaps import Gap, GapState
from twin.model.history import Binned, Instants
from twin.model.jobs import JobStatus
from twin.model.messages import CodecContext, Message, Observation, Outcome
from twin.model.network import Network
from twin.model.observations import (
    BalanceRow,
    Batch,
    Latest,
    QuarantineEntry,
    Readings,
    RecordResult,
    Series,
    Waveform,
)
from twin.model.provenance import Reference
from twin.model.quarantine import Case, CaseFilter, Settlement
from twin.model.scenarios import Result, Run, Scenario
from twin.model.traffic import Demand, RunEstimate, SolveOptions, TrafficResult
from twin.model.upkeep import Compression, Deletion, Overdue, RollupReport, UpkeepRule


class Clock(Protocol):
    """Source of the present time."""

    def __call__(self) -> datetime:
        """Return the present time as aware UTC."""
        ...


class Codec(Protocol):
    """One payload format: pure, total, bounded; it never raises."""

    name: str
    version: str

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        """Decode any bytes to observations, events, proposals and rejections."""
        ...


class Backfill(Protocol):
    """Hook of entry-point group ``stadtzwilling.backfill``: fetches what is missing of a source.

    The entry point is a function of settings and source that returns it.
    """

    def fetch(
        self, streams: Sequence[Datastream], start: datetime, end: datetime
    ) -> Iterable[Observation]:
        """Yield what there is of these datastreams in (start, end), in any order.

        Values are in the unit of the datastream's quantity; ``key`` and ``path`` together are its
        route key. It may raise anything: then it is asked again later.
        """
        ...


class Inventory(Protocol):
    """The registry of what the city owns and measures."""

    def load(self, city: City, *, at: datetime) -> LoadReport:
        """Add and update everything in the city; the same city again changes nothing."""
        ...

    def references(self) -> Sequence[Reference]:
        """Return all references, by id."""
        ...

    def assets(self, asset_class: str | None = None) -> Sequence[Asset]:
        """Return the assets, all or of one class, by id."""
        ...

    def components(self, asset_id: str | None = None) -> Sequence[Component]:
        """Return the components, all or of one asset, by id."""
        ...

    def datastreams(self, asset_id: str | None = None) -> Sequence[Datastream]:
        """Return the registered datastreams with their numbers, by uid."""
        ...

    def version(self) -> str:
        """Return a text that changes whenever the registry changes."""
        ...


class ObservationStore(Protocol):
    """Readings, waveforms, quarantine and balance."""

    def record(self, batch: Batch) -> RecordResult:
        """Record a batch in one transaction; equal rows are duplicates, never errors.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached; nothing is recorded, repeat the same batch.
        """
        ...

    def latest(self, *, since: int = 0) -> Latest:
        """Return the newest value per datastream that changed after revision ``since``."""
        ...

    def wait_for_change(self, timeout_s: float) -> bool:
        """Wait until something was recorded or the time is over; True if notified."""
        ...

    def series(self, number: int, *, start_us: int, end_us: int, limit: int) -> Series:
        """Return the readings of one datastream in [start, end), at most ``limit`` of them.

        Raises
        ------
        StoreError
            If the span holds more rows than ``limit``; it names both.
        """
        ...

    def waveforms(self, number: int, *, start_us: int, end_us: int) -> Sequence[Waveform]:
        """Return the waveform blocks that start in [start, end), in order of time."""
        ...

    def balance(self, *, since: datetime) -> Sequence[BalanceRow]:
        """Return the ingest balance per day and source from this day on."""
        ...

    def quarantine(
        self, *, source: str | None = None, limit: int = 100
    ) -> Sequence[QuarantineEntry]:
        """Return quarantined entries, the newest first."""
        ...

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """Return how often each (source, reason) was seen."""
        ...


class InstanceLocks(Protocol):
    """Names that one process at a time may hold, such as the client id of an ingester."""

    def hold(self, name: str) -> bool:
        """Hold a name until it is released or the process ends; False if another has it.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached.
        """
        ...

    def holds(self, name: str) -> bool:
        """Whether this process holds the name it asked for; takes it again after a restart.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached: then nobody holds the name.
        """
        ...

    def release(self, name: str) -> None:
        """Let another process hold this name."""
        ...


class JobBoard(Protocol):
    """Where jobs report that they are alive."""

    def beat(self, status: JobStatus) -> None:
        """Store the newest status of a job."""
        ...

    def jobs(self) -> Sequence[JobStatus]:
        """Return the newest status of every job."""
        ...


class GapBook(Protocol):
    """What never reached us, and what was done about it."""

    def note(self, gaps: Iterable[Gap], *, at: datetime) -> None:
        """Add gaps; one that lasts gets its end, one that has ended stays as it is."""
        ...

    def gaps(
        self,
        *,
        only_open: bool,
        source: str | None = None,
        number: int | None = None,
        since: datetime | None = None,
        limit: int,
    ) -> Sequence[Gap]:
        """Return gaps that reach beyond ``since``, the newest first."""
        ...

    def due(self, delays: Sequence[timedelta], *, at: datetime, limit: int) -> Sequence[Gap]:
        """Return open gaps that have ended and are to be asked for, the longest known first.

        ``delays`` says how long after a gap was noted each attempt is made; a gap whose attempts
        are used up is among the answers until it is resolved.
        """
        ...

    def resolve(self, gap_id: int, state: GapState) -> None:
        """Say that a gap was filled or is lost; one that was filled stays filled."""
        ...

    def count_attempt(self, gap_id: int) -> None:
        """Count that the hook was asked for a gap."""
        ...


class QuarantineDesk(Protocol):
    """Where cases of the quarantine are found and closed."""

    def search(
        self, chosen: CaseFilter, *, limit: int, below: int | None = None
    ) -> Sequence[QuarantineEntry]:
        """Return entries that fit, the newest first, or below an id by falling id."""
        ...

    def case(self, case_id: int) -> Case:
        """Return one case; RegistryError if there is none."""
        ...

    def siblings(self, case_id: int) -> Sequence[int]:
        """Return the open cases of other values of its message, refused for the same reason.

        They are kept without the message.
        """
        ...

    def settle(self, settlement: Settlement, *, incarnation: UUID, at: datetime) -> bool:
        """Close a case and move its counts; False if somebody else closed it meanwhile.

        What was recorded by the replay (``moved``) goes to the original day in any case.
        """
        ...


class AlarmBoard(Protocol):
    """Where the jobs say what somebody should look at."""

    def open(self, kind: str, subject: str, *, detail: str, at: datetime) -> None:
        """Open an alarm, or confirm the one of this kind and subject that is open."""
        ...

    def close(self, kind: str, subject: str, *, at: datetime) -> None:
        """Close an alarm; nothing happens if none is open."""
        ...

    def alarms(self, *, only_open: bool, limit: int) -> Sequence[Alarm]:
        """Return the alarms, open ones first, then the newest first."""
        ...


class History(Protocol):
    """Reading back what was stored, in any amount."""

    def binned(
        self, number: int, *, start_us: int, end_us: int, points: int, as_of_us: int | None = None
    ) -> Binned:
        """Return one datastream in at most ``points`` equal bins and one more at the edge.

        The bins are whole: the first begins at or before ``start_us``. ``as_of_us`` gives
        corrected readings the value that they had at that time.

        Raises
        ------
        ModelError
            If points or span are not possible; names the limit.
        """
        ...

    def few(self, number: int, *, start_us: int, end_us: int, most: int) -> Series | None:
        """Return the readings in [start, end), or None if there are more than ``most``."""
        ...

    def rows(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, as_of_us: int | None = None
    ) -> Iterator[Readings]:
        """Yield all readings in [start, end) in pages, by datastream and time.

        Samples of waveforms come as readings.
        """
        ...

    def state_at(self, time_us: int, *, hold_us: Mapping[int, int]) -> Latest:
        """Return the newest value of each datastream at an instant.

        ``hold_us`` says how old it may be, by datastream number.
        """
        ...

    def last_waveform(self, number: int, *, start_us: int, end_us: int) -> Waveform | None:
        """Return the last waveform that starts in [start, end), or None."""
        ...

    def replay(
        self, *, hold_us: Mapping[int, int], start_us: int, step_us: int, steps: int, by_row: bool
    ) -> Iterator[Instants]:
        """Yield the last values at equally spaced instants, by number, some instants at a time.

        ``by_row`` reads every row of the span instead of looking up each instant; the answer is
        the same.
        """
        ...


class Upkeep(Protocol):
    """Rollups, retention and its proof; one process at a time does it."""

    def lead(self) -> bool:
        """Whether this process does the upkeep; it stays so while its connection lives."""
        ...

    def roll(self, rule: UpkeepRule, *, at: datetime, settle_s: float = 5.0) -> RollupReport | None:
        """Recompute the buckets that are due; None if another process does the upkeep.

        A bucket that is over waits ``settle_s`` after a change, so that late readings are taken
        together.
        """
        ...

    def expire(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Deletion] | None:
        """Delete what is too old; the new entries of the proof, or None as in `roll`."""
        ...

    def compress(self, rule: UpkeepRule) -> Compression:
        """Switch the compression of old data on or off where the server offers it."""
        ...

    def deletions(self) -> Sequence[Deletion]:
        """Return the proof of deletion from its first entry on."""
        ...

    def overdue(self, rule: UpkeepRule, *, at: datetime) -> Sequence[Overdue]:
        """Return what should have been deleted before this time and is still there."""
        ...


class Room(Protocol):
    """Room for days that are long past; a wrong clock must not make thousands of them."""

    def prepare(self, days: Iterable[date]) -> frozenset[date]:
        """Make room for readings of these days (UTC); return those for which there is none now."""
        ...


class RunQueue(Protocol):
    """Runs waiting for a worker, and their results."""

    def submit(
        self,
        scenario: Scenario,
        *,
        engine: str,
        version: str,
        seed: int,
        at: datetime,
        base: str = "",
        options: str = "",
    ) -> Run:
        """Queue a run, or return the one with the same input hash that waits, runs or is done.

        A question that failed or was cancelled may be asked again. ``base`` is the content hash of
        the base, ``options`` whatever else decides on the answer.
        """
        ...

    def claim(
        self,
        *,
        engines: Sequence[str],
        expired_before: datetime,
        at: datetime,
        only: int | None = None,
    ) -> Run | None:
        """Take the oldest queued run, or a running one whose heartbeat has expired.

        A run that cost several workers their life fails instead. ``only`` takes this run or none.
        """
        ...

    def report_progress(
        self, run_id: int, *, progress: float, message: str, at: datetime, attempt: int = 0
    ) -> bool:
        """Report progress; False if the run was cancelled or another worker has it now.

        ``attempt`` is that of the claim; 0 stands for whoever has it.
        """
        ...

    def finish(
        self,
        run_id: int,
        result: Result,
        *,
        at: datetime,
        attempt: int = 0,
        parts: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Store the result of a run and its files by name; False if it takes none any more."""
        ...

    def fail(self, run_id: int, *, message: str, at: datetime, attempt: int = 0) -> None:
        """Mark a run as failed with its reason, if this attempt still has it."""
        ...

    def release(self, run_id: int, *, attempt: int) -> None:
        """Give a run that this attempt has back to the queue; it counts as no attempt."""
        ...

    def cancel(self, run_id: int, *, at: datetime) -> None:
        """Mark a queued or running run as cancelled."""
        ...

    def run(self, run_id: int) -> Run:
        """Return a run; RegistryError if there is none."""
        ...

    def result(self, run_id: int) -> Result | None:
        """Return the result of a run, or None if it has none yet."""
        ...


class TrafficShelf(Protocol):
    """Bases of the traffic model, and what runs found besides their indicators."""

    def keep_base(
        self, facts: BaseFacts, parts: Mapping[str, bytes], *, at: datetime
    ) -> StoredBase:
        """Keep a base under the next version of its name; the same content again is the same."""
        ...

    def bases(self) -> Sequence[StoredBase]:
        """Return the newest version of every base, by name."""
        ...

    def base(self, content_hash: str) -> StoredBase:
        """Return the base with this content; RegistryError if there is none."""
        ...

    def base_part(self, base_id: int, part: str) -> bytes | None:
        """Return a file of a base, or None if it has none of this name."""
        ...

    def run_part(self, run_id: int, part: str) -> bytes | None:
        """Return a file of a run, or None if it has none of this name."""
        ...

    def run_parts(self, run_id: int) -> Mapping[str, int]:
        """Return the names and sizes [bytes] of the files of a run."""
        ...

    def runs(self, *, limit: int, below: int | None = None) -> Sequence[Run]:
        """Return runs, the newest first, or below an id by falling id."""
        ...

    def waiting(self, *, most: int) -> int:
        """Return how many runs wait for a worker; counted up to ``most``."""
        ...

    def expire(self, *, before: datetime, kept_bases: int) -> tuple[int, int]:
        """Delete failed and cancelled runs that ended before a time, and old bases without runs.

        The newest ``kept_bases`` versions of a base stay. Returns the runs and bases deleted.
        """
        ...


class Store(Inventory, ObservationStore, JobBoard, RunQueue, Protocol):
    """All that a city keeps; a store implements every part of it on one database.

    Newer parts are attributes instead of inherited methods.
    """

    @property
    def instances(self) -> InstanceLocks:
        """Return the names that this process holds."""
        ...

    @property
    def desk(self) -> QuarantineDesk:
        """Return the quarantine desk."""
        ...

    @property
    def gaps(self) -> GapBook:
        """Return the book of gaps."""
        ...

    @property
    def alarms(self) -> AlarmBoard:
        """Return the board of alarms."""
        ...

    @property
    def upkeep(self) -> Upkeep:
        """Return rollups and retention."""
        ...

    @property
    def room(self) -> Room:
        """Return what makes room for past days."""
        ...

    @property
    def history(self) -> History:
        """Return what reads back in any amount."""
        ...

    @property
    def traffic(self) -> TrafficShelf:
        """Return bases of the traffic model and files of runs."""
        ...

    def is_available(self) -> bool:
        """Whether the database answers now."""
        ...

    def description(self) -> str:
        """Return server, version and back-end in one line."""
        ...

    def close(self) -> None:
        """Release all connections."""
        ...


class Engine(Protocol):
    """A traffic or structural engine: one pure function from a scenario to a result."""

    name: str
    version: str

    def solve(self, run: Run, progress: Callable[[float, str], bool]) -> Result:
        """Solve a run; ``progress`` returns False once the run is cancelled."""
        ...


class SolveControl(Protocol):
    """How a long computation is watched and stopped."""

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        ...

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        """Take note of a phase, its running number and the gap reached (NaN if unknown)."""
        ...


class TrafficEngine(Protocol):
    """Engine of entry-point group ``stadtzwilling.traffic_engines``: a pure function."""

    name: str
    version: str

    def solve(
        self,
        network: Network,
        demand: Demand,
        scenario: Scenario | None = None,
        *,
        options: SolveOptions,
        warm: TrafficResult | None = None,
        control: SolveControl | None = None,
    ) -> TrafficResult:
        """Return the user equilibrium of a scenario; ``warm`` is the result of its base."""
        ...

    def estimate(self, network: Network, demand: Demand, options: SolveOptions) -> RunEstimate:
        """Return what a cold run will probably take."""
        ...


class StructuralModel(Engine, Protocol):
    """Engine of entry-point group ``stadtzwilling.structural_models``."""
