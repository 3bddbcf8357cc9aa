"""The public face of the city: one class with the use cases that every edge calls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID

from twin.advice_shelf import AdviceShelf
from twin.decision_shelf import DecisionShelf
from twin.errors import ModelError, RegistryError, ScenarioError
from twin.measure_shelf import MeasureShelf
from twin.model.alarms import Alarm
from twin.model.assets import Asset, Component
from twin.model.bases import StoredBase
from twin.model.bridge_status import NAME as STATUS_NAME
from twin.model.city import City, LoadReport
from twin.model.datastreams import Datastream, Sensor
from twin.model.findings import MonitoringState
from twin.model.gaps import Gap, GapState
from twin.model.history import Binned, Instants
from twin.model.jobs import JobStatus
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
from twin.model.packing import unpack
from twin.model.provenance import Reference
from twin.model.quarantine import Case, CaseFilter, Settlement
from twin.model.questions import GAP_TO_COMPARE, options_text
from twin.model.scenarios import Result, Run, Scenario
from twin.model.targets import TARGETS_PART, TargetNames, unknown_targets, without_effect
from twin.model.times import to_us
from twin.model.upkeep import Compression, Deletion, Overdue, RollupReport, UpkeepRule
from twin.ports import BridgeShelf, Clock, Store, TrafficShelf
from twin.rules.monitoring import monitoring_states, watched_states
from twin.rules.streams import StreamState, hold_us, replay_cost, stream_states

MOST_ROWS = 5_000_000
MOST_ALARMS = 1000
MOST_CASES = 1000
MOST_GAPS = 10_000
RUN_HEARTBEAT_EXPIRES_S = 30.0
RUN_DAYS = 30
"""After that failed and cancelled runs are deleted, and bases without runs beyond the newest."""
KEPT_BASES = 10


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the twin works: store, jobs, and the lag of the newest data [s]."""

    is_store_available: bool
    store: str
    jobs: tuple[JobStatus, ...]
    newest_data_age_s: float | None


class Twin:
    """The digital twin of one city.

    It knows Protocols only; `twin.runtime.open_twin` joins it with a real store. All methods
    may be called from any thread.

    Parameters
    ----------
    store
        Where everything is kept.
    clock
        Source of the present time.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._assets: tuple[str, Mapping[str, Asset]] = "", {}
        self._streams: tuple[str, Mapping[str, Datastream]] = "", {}

    def now(self) -> datetime:
        """Present time of the city, aware UTC."""
        return self._clock()

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    # Registry

    def load(self, city: City) -> LoadReport:
        """Add and update the city's assets and datastreams; doing it again changes nothing."""
        return self._store.load(city, at=self._clock())

    def registry_version(self) -> str:
        """Text that changes whenever assets or datastreams change."""
        return self._store.version()

    def references(self) -> Sequence[Reference]:
        """All references that attributes cite, by id."""
        return self._store.references()

    def assets(self, asset_class: str | None = None) -> Sequence[Asset]:
        """Assets, all or of one class, by id."""
        return self._store.assets(asset_class)

    def asset(self, asset_id: str) -> Asset:
        """One asset; RegistryError if there is none of this id."""
        version = self._store.version()
        known, assets = self._assets
        if known != version:
            assets = {asset.id: asset for asset in self._store.assets()}
            self._assets = version, assets
        if asset_id not in assets:
            raise RegistryError(f"asset {asset_id!r} is unknown; load the city that contains it")
        return assets[asset_id]

    def components(self, asset_id: str | None = None) -> Sequence[Component]:
        """Components, all or of one asset, by id."""
        return self._store.components(asset_id)

    def target_names(self) -> Mapping[str, str]:
        """Readable names of assets and of directions of roads, by id, for sentences."""
        assets = {asset.id: asset.name for asset in self._store.assets()}
        directions = {
            part.id: f"{assets[part.asset_id]} ({part.name})"
            for part in self._store.components()
            if part.kind == "direction" and part.asset_id in assets
        }
        return {**assets, **directions}

    def sensors(self) -> Sequence[Sensor]:
        """All sensors, by id."""
        return self._store.sensors()

    def datastreams(self, asset_id: str | None = None) -> Sequence[Datastream]:
        """Registered datastreams, all or of one asset, by uid."""
        return self._store.datastreams(asset_id)

    def datastream(self, uid: str) -> Datastream:
        """One datastream; RegistryError if there is none of this uid."""
        found = self._by_uid().get(uid)
        if found is None:
            raise RegistryError(f"datastream {uid!r} is unknown; load the city that contains it")
        return found

    def _by_uid(self) -> Mapping[str, Datastream]:
        """All datastreams, read again only when the registry has changed."""
        version = self._store.version()
        known, streams = self._streams
        if known != version:
            streams = {stream.uid: stream for stream in self._store.datastreams()}
            self._streams = version, streams
        return streams

    # Observations

    def record(self, batch: Batch) -> RecordResult:
        """Record a batch in one transaction; equal rows are counted as duplicates."""
        return self._store.record(batch)

    def latest(self, *, since: int = 0) -> Latest:
        """Newest value of every datastream that changed after revision ``since``."""
        return self._store.latest(since=since)

    def wait_for_change(self, timeout_s: float) -> bool:
        """Wait until something was recorded; False when the time is over."""
        return self._store.wait_for_change(timeout_s)

    def stream_states(self, asset_id: str | None = None) -> Sequence[StreamState]:
        """State of every datastream now, all or of one asset, by uid."""
        return stream_states(
            self._store.datastreams(asset_id), self._store.latest(), now=self._clock()
        )

    def monitoring_states(self) -> Mapping[str, MonitoringState]:
        """Monitoring state of every asset that has datastreams, by asset id."""
        return monitoring_states(self.stream_states(), self.watched_states())

    def watched_states(self) -> Mapping[str, MonitoringState]:
        """What the analyses of the bridges say, by asset id; an asset without any is absent."""
        return watched_states(
            self.bridges.states(STATUS_NAME), self.bridges.open_findings(), now=self._clock()
        )

    def series(
        self, uid: str, *, start: datetime, end: datetime, limit: int = MOST_ROWS
    ) -> tuple[Datastream, Series]:
        """Readings of one datastream in [start, end), in full resolution."""
        datastream = self.datastream(uid)
        series = self._store.series(
            datastream.number or -1, start_us=to_us(start), end_us=to_us(end), limit=limit
        )
        return datastream, series

    def waveforms(self, uid: str, *, start: datetime, end: datetime) -> Sequence[Waveform]:
        """Waveform blocks of one datastream that start in [start, end)."""
        datastream = self.datastream(uid)
        return self._store.waveforms(
            datastream.number or -1, start_us=to_us(start), end_us=to_us(end)
        )

    # Reading back

    def binned(
        self,
        uid: str,
        *,
        start: datetime,
        end: datetime,
        points: int,
        as_of: datetime | None = None,
    ) -> Binned:
        """One datastream in at most ``points`` equal bins, and one more at the edge.

        Rollups are used where they are up to date, else raw rows: the answer is the same. The
        first bin begins at or before ``start``. ``as_of`` gives corrected readings the value that
        they had at that time; it does not hide readings that came later.

        Raises
        ------
        ModelError
            If points (1 to 10,000) or span (at most 50 years) are not possible.
        """
        return self._store.history.binned(
            self.datastream(uid).number or -1,
            start_us=to_us(start),
            end_us=to_us(end),
            points=points,
            as_of_us=None if as_of is None else to_us(as_of),
        )

    def few_readings(self, uid: str, *, start: datetime, end: datetime, most: int) -> Series | None:
        """Readings of one datastream in [start, end), or None if there are more than ``most``."""
        number = self.datastream(uid).number or -1
        return self._store.history.few(number, start_us=to_us(start), end_us=to_us(end), most=most)

    def rows(
        self,
        uids: Sequence[str],
        *,
        start: datetime,
        end: datetime,
        as_of: datetime | None = None,
    ) -> Iterator[Readings]:
        """All readings of some datastreams in [start, end), page by page, in constant memory."""
        known = self._by_uid()
        for uid in uids:
            if uid not in known:
                raise RegistryError(
                    f"datastream {uid!r} is unknown; load the city that contains it"
                )
        return self._store.history.rows(
            [known[uid].number or -1 for uid in uids],
            start_us=to_us(start),
            end_us=to_us(end),
            as_of_us=None if as_of is None else to_us(as_of),
        )

    def page(
        self,
        numbers: Sequence[int],
        *,
        start: datetime,
        end: datetime,
        limit: int,
        newest_first: bool = False,
    ) -> Readings:
        """At most ``limit`` readings of each datastream (by number) in [start, end).

        The earliest ones or the newest, in order of time, then of number: whoever goes on behind
        the last one reads everything, at the same cost per page.
        """
        return self._store.history.page(
            numbers,
            start_us=to_us(start),
            end_us=to_us(end),
            limit=limit,
            newest_first=newest_first,
        )

    def count_readings(self, numbers: Sequence[int], *, start: datetime, end: datetime) -> int:
        """How many readings some datastreams (by number) have in [start, end)."""
        return self._store.history.count(numbers, start_us=to_us(start), end_us=to_us(end))

    def last_waveform(self, uid: str, *, start: datetime, end: datetime) -> Waveform | None:
        """Last waveform of a datastream that starts in [start, end), or None."""
        number = self.datastream(uid).number or -1
        return self._store.history.last_waveform(number, start_us=to_us(start), end_us=to_us(end))

    def state_at(self, time: datetime) -> Latest:
        """Newest value of each datastream at a past instant, without those that were stale then.

        An event-driven datastream, which never turns stale, is looked for one day back.
        """
        streams = self._by_uid().values()
        holds = {stream.number or -1: hold_us(stream) for stream in streams}
        return self._store.history.state_at(to_us(time), hold_us=holds)

    def replay(
        self, streams: Sequence[Datastream], *, start: datetime, step: timedelta, steps: int
    ) -> Iterator[Instants]:
        """Last values of some datastreams at ``start``, ``start + step`` and so on, in parts.

        The columns are the datastreams in order of their numbers. A value is known for three
        expected intervals, of an event-driven datastream for a day.

        Raises
        ------
        ModelError
            If it would read too many rows; ``replay_rows`` says how many before.
        """
        rows, is_by_row = replay_cost(streams, step=step, steps=steps)
        if rows > MOST_ROWS:
            raise ModelError(
                f"this replay would read about {rows:,.0f} rows, at most {MOST_ROWS:,} are "
                "possible; take a longer step or a shorter span"
            )
        return self._store.history.replay(
            hold_us={stream.number or -1: hold_us(stream) for stream in streams},
            start_us=to_us(start),
            step_us=step // timedelta(microseconds=1),
            steps=steps,
            by_row=is_by_row,
        )

    def replay_rows(self, streams: Sequence[Datastream], *, step: timedelta, steps: int) -> float:
        """About how many rows a replay would read."""
        return replay_cost(streams, step=step, steps=steps)[0]

    def prepare_days(self, days: Iterable[date]) -> frozenset[date]:
        """Make room for readings of past days (UTC); those for which there is none within the hour.

        Live readings need no preparation. Whoever imports waits for the days returned here.
        """
        return self._store.room.prepare(days)

    # Operations

    def balance(self, *, days: int = 1) -> Sequence[BalanceRow]:
        """Ingest balance per source of the last days (UTC), today included."""
        today = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        return self._store.balance(since=today - timedelta(days=days - 1))

    def quarantine(
        self, *, source: str | None = None, limit: int = 100
    ) -> Sequence[QuarantineEntry]:
        """Quarantined entries, the newest first."""
        return self._store.quarantine(source=source, limit=limit)

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """How often each (source, reason) was seen."""
        return self._store.quarantine_counts()

    def hold_instance(self, name: str) -> bool:
        """Hold a name for this process, such as a client id; False if another process has it."""
        return self._store.instances.hold(name)

    def holds_instance(self, name: str) -> bool:
        """Whether this process holds the name it asked for; takes it again after a restart.

        False means that another process holds it now: stop what this one does under the name.
        """
        return self._store.instances.holds(name)

    def release_instance(self, name: str) -> None:
        """Let another process hold this name."""
        self._store.instances.release(name)

    def roll_up(self, rule: UpkeepRule, *, settle_s: float = 5.0) -> RollupReport | None:
        """Recompute the rollups that are due; None if another process does the upkeep."""
        return self._store.upkeep.roll(rule, at=self._clock(), settle_s=settle_s)

    def expire(self, rule: UpkeepRule) -> Sequence[Deletion] | None:
        """Delete what is too old; the new entries of the proof, or None as in `roll_up`.

        Runs, old bases and states of analyses go without a proof: they hold no person.
        """
        now = self._clock()
        deletions = self._store.upkeep.expire(rule, at=now)
        if deletions is not None:
            days = rule.retention.answer_days
            self._store.traffic.expire(
                before=now - timedelta(days=RUN_DAYS),
                kept_bases=KEPT_BASES,
                answers_before=now - timedelta(days=days) if days else None,
            )
            if rule.retention.state_days:
                limit = now - timedelta(days=rule.retention.state_days)
                self._store.bridges.expire_states(before=limit)
        return deletions

    def compress(self, rule: UpkeepRule) -> Compression:
        """Switch the compression of old data on or off where the server offers it."""
        return self._store.upkeep.compress(rule)

    def deletions(self) -> Sequence[Deletion]:
        """The proof of deletion, from its first entry on; `first_broken` verifies it."""
        return self._store.upkeep.deletions()

    def overdue(self, rule: UpkeepRule, *, grace: timedelta = timedelta(0)) -> Sequence[Overdue]:
        """What should have been deleted this long ago and is still there."""
        return self._store.upkeep.overdue(rule, at=self._clock() - grace)

    def beat(self, status: JobStatus) -> None:
        """Report that a job is alive."""
        self._store.beat(status)

    def cases(
        self, chosen: CaseFilter, *, limit: int = MOST_CASES, below: int | None = None
    ) -> Sequence[QuarantineEntry]:
        """Quarantined entries that fit, the newest first, or below an id by falling id."""
        return self._store.desk.search(chosen, limit=limit, below=below)

    def case(self, case_id: int) -> Case:
        """One quarantined entry with all that is kept of it; RegistryError if there is none."""
        return self._store.desk.case(case_id)

    def siblings(self, case_id: int) -> Sequence[int]:
        """Open cases of other values of the same message, refused for the same reason."""
        return self._store.desk.siblings(case_id)

    def settle_case(self, settlement: Settlement, *, incarnation: UUID) -> bool:
        """Close a case and move its counts; False if somebody else closed it meanwhile."""
        return self._store.desk.settle(settlement, incarnation=incarnation, at=self._clock())

    def note_gaps(self, gaps: Iterable[Gap]) -> None:
        """Write down gaps; one that lasts gets its end when it is noted again."""
        self._store.gaps.note(gaps, at=self._clock())

    def gaps(
        self,
        *,
        only_open: bool = True,
        source: str | None = None,
        uid: str | None = None,
        since: datetime | None = None,
        limit: int = MOST_GAPS,
    ) -> Sequence[Gap]:
        """Gaps that reach beyond ``since``, the newest first."""
        number = None if uid is None else self.datastream(uid).number
        return self._store.gaps.gaps(
            only_open=only_open, source=source, number=number, since=since, limit=limit
        )

    def due_gaps(self, delays: Sequence[timedelta], *, limit: int = MOST_GAPS) -> Sequence[Gap]:
        """Open gaps to be asked for now, so long after they were noted, the longest known first."""
        return self._store.gaps.due(delays, at=self._clock(), limit=limit)

    def resolve_gap(self, gap_id: int, state: GapState) -> None:
        """Say that a gap was filled or is lost; one that was filled stays filled."""
        self._store.gaps.resolve(gap_id, state)

    def count_gap_attempt(self, gap_id: int) -> None:
        """Count that the hook was asked for a gap."""
        self._store.gaps.count_attempt(gap_id)

    def open_alarm(self, kind: str, subject: str, detail: str) -> None:
        """Open an alarm, or confirm the one of this kind and subject that is open."""
        self._store.alarms.open(kind, subject, detail=detail, at=self._clock())

    def close_alarm(self, kind: str, subject: str) -> None:
        """Close an alarm; nothing happens if none is open."""
        self._store.alarms.close(kind, subject, at=self._clock())

    def alarms(self, *, only_open: bool = True, limit: int = MOST_ALARMS) -> Sequence[Alarm]:
        """Alarms of the system itself, open ones first, then the newest first."""
        return self._store.alarms.alarms(only_open=only_open, limit=limit)

    def jobs(self) -> Sequence[JobStatus]:
        """Newest status of every job, by job and instance."""
        return tuple(self._store.jobs())

    def health(self) -> Health:
        """Whether the store answers, which jobs live, and how old the newest data are."""
        if not self._store.is_available():
            return Health(
                is_store_available=False,
                store=self._store.description(),
                jobs=(),
                newest_data_age_s=None,
            )
        latest = self._store.latest()
        newest = int(latest.time_us.max()) if len(latest) else None
        return Health(
            is_store_available=True,
            store=self._store.description(),
            jobs=tuple(self._store.jobs()),
            newest_data_age_s=None if newest is None else (to_us(self._clock()) - newest) / 1e6,
        )

    @property
    def bridges(self) -> BridgeShelf:
        """Inventory of bridges, and what analyses left behind."""
        return self._store.bridges

    # Scenarios

    @property
    def measures(self) -> MeasureShelf:
        """Questions what measures do to bridges and to traffic, and their answers."""
        return MeasureShelf(
            self._store,
            clock=self._clock,
            check=partial(self.check_scenario, on_bridges=True),
        )

    @property
    def advice(self) -> AdviceShelf:
        """Questions which measures reach a target on a bridge, and their answers."""
        return AdviceShelf(self._store, clock=self._clock, measures=self.measures, asset=self.asset)

    @property
    def decisions(self) -> DecisionShelf:
        """Decisions on measures, comments on runs, and the right to release."""
        return DecisionShelf(self._store, clock=self._clock)

    @property
    def traffic(self) -> TrafficShelf:
        """Bases of the traffic model, files of runs, and all runs by number."""
        return self._store.traffic

    def base(self, name: str) -> StoredBase:
        """Newest base of this name; RegistryError that says how to make one."""
        found = {base.facts.name: base for base in self._store.traffic.bases()}
        if name not in found:
            known = f"stored are: {', '.join(sorted(found))}" if found else "none is stored yet"
            raise RegistryError(
                f"there is no traffic base {name!r}, {known}; run `twin estimate` to make one"
            )
        return found[name]

    def submit(
        self,
        scenario: Scenario,
        *,
        engine: str,
        version: str,
        seed: int = 0,
        base: str = "",
        options: str = "",
    ) -> Run:
        """Queue a scenario, or return the run that already answers it.

        ``base`` is the content hash of the base, ``options`` what else decides on the answer.
        """
        return self._store.runs.submit(
            scenario,
            engine=engine,
            version=version,
            seed=seed,
            at=self._clock(),
            base=base,
            options=options,
        )

    def check_scenario(self, scenario: Scenario, *, on_bridges: bool = False) -> StoredBase:
        """The base of a scenario that names only what there is.

        ``on_bridges`` takes one that concerns bridges alone, too.

        Raises
        ------
        RegistryError
            If the base is missing; names `twin estimate`.
        ScenarioError
            If it surely changes nothing, or with what it names and the base does not know.
        """
        base = self.base(scenario.base)
        useless = without_effect(scenario, on_bridges=on_bridges)
        if useless:
            raise ScenarioError(*useless)
        content = self._store.traffic.base_part(base.id, TARGETS_PART)
        if content is not None:
            problems = unknown_targets(scenario, unpack(content, TargetNames))
            if problems:
                raise ScenarioError(*problems)
        return base

    def ask(self, scenario: Scenario, *, relative_gap: float = GAP_TO_COMPARE) -> Run:
        """Queue a what-if question to the traffic model, bound to the newest base of its name.

        The engine is the one that solved the base. The same question has the same run.

        Raises
        ------
        RegistryError
            If the base is missing; names `twin estimate`.
        ScenarioError
            With every target that the base does not know, or if no question may ask for the gap.
        """
        base = self.check_scenario(scenario)
        return self.submit(
            scenario,
            engine=base.facts.engine,
            version=base.facts.engine_version,
            base=base.facts.content_hash,
            options=options_text(relative_gap=relative_gap),
        )

    def claim_run(self, engines: Sequence[str], *, only: int | None = None) -> Run | None:
        """Take the next run for one of these engines; expired ones are taken again."""
        now = self._clock()
        expired = now - timedelta(seconds=RUN_HEARTBEAT_EXPIRES_S)
        return self._store.runs.claim(engines=engines, expired_before=expired, at=now, only=only)

    def report_progress(
        self, run_id: int, *, progress: float, message: str, attempt: int = 0
    ) -> bool:
        """Report progress of a run in 0..1; False if it was cancelled or taken over meanwhile."""
        return self._store.runs.report_progress(
            run_id, progress=progress, message=message, at=self._clock(), attempt=attempt
        )

    def finish_run(
        self,
        run_id: int,
        result: Result,
        *,
        attempt: int = 0,
        parts: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Store the result of a run with its files; False if it takes none any more."""
        return self._store.runs.finish(
            run_id, result, at=self._clock(), attempt=attempt, parts=parts
        )

    def fail_run(self, run_id: int, message: str, *, attempt: int = 0) -> None:
        """Mark a run as failed with its reason."""
        self._store.runs.fail(run_id, message=message, at=self._clock(), attempt=attempt)

    def release_run(self, run_id: int, *, attempt: int) -> None:
        """Give a run back to the queue because this worker ends."""
        self._store.runs.release(run_id, attempt=attempt)

    def cancel_run(self, run_id: int) -> None:
        """Cancel a run that is queued or running."""
        self._store.runs.cancel(run_id, at=self._clock())

    def run(self, run_id: int) -> Run:
        """One run; RegistryError if there is none of this id."""
        return self._store.runs.run(run_id)

    def result(self, run_id: int) -> Result | None:
        """Result of a run, or None if it has none yet."""
        return self._store.runs.result(run_id)
