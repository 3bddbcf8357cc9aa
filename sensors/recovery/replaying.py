"""Cases of the quarantine once more through the present pipeline, at their time of arrival."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID, uuid4

import numpy as np

from sensors.broker import Delivery
from sensors.pipeline.preparation import Pipeline
from sensors.recovery.foresight import Foresight
from sensors.rules.quality import judge_columns
from twin.city import Twin
from twin.model.messages import Rejection
from twin.model.observations import (
    Batch,
    QuarantineEntry,
    RecordResult,
    Tally,
    no_readings,
)
from twin.model.quarantine import (
    Case,
    CaseFilter,
    Counts,
    failed_again,
    replayed,
)
from twin.model.times import to_us

MOST_READINGS = 1_000_000
PAGE = 500
NEWEST = 2**62
OPEN_STATES = ("open", "failed again")

CONTRADICTED = "the store keeps another value for this time (conflict)"

Verdict = Literal["replayed", "failed again", "cannot"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of one case.

    Parameters
    ----------
    case_id
        The case.
    verdict
        ``cannot`` if what is kept of it does not suffice.
    detail
        Why, in words; empty if it went well.
    stored, duplicate
        Readings and waveforms that were new, and that were there already; of a dry run: that
        would be.
    """

    case_id: int
    verdict: Verdict
    detail: str = ""
    stored: int = 0
    duplicate: int = 0


@dataclass(frozen=True, slots=True)
class _Prepared:
    batch: Batch
    rejections: tuple[Rejection, ...]
    source: str

    @property
    def size(self) -> int:
        batch = self.batch
        return len(batch.readings) + len(batch.arrivals) + len(batch.waveforms)


@dataclass
class Replayer:
    """Feeds cases through the pipeline and settles them; doing it again changes nothing.

    Nothing of a case that still is rejected goes to the quarantine a second time: the case itself
    stays there.

    Parameters
    ----------
    twin
        Where the cases are and where the readings go.
    pipeline
        The present one.
    incarnation
        Name of this run in the balance.
    """

    twin: Twin
    pipeline: Pipeline
    incarnation: UUID = field(default_factory=uuid4)
    _sequence: int = 0
    _settled: set[int] = field(default_factory=set)  # with the message of another case

    def __post_init__(self) -> None:
        self._foresight = Foresight(self.twin)

    def replay(self, case_id: int, *, is_dry: bool = False) -> Replay:
        """Replay one case.

        Raises
        ------
        RegistryError
            If the quarantine has no such case.
        StoreError
            If the store cannot take it; repeat it later.
        """
        case = self.twin.case(case_id)
        if case_id in self._settled:
            return Replay(case_id, "replayed")
        if case.entry.state not in OPEN_STATES:
            return Replay(case_id, "cannot", f"it is {case.entry.state}")
        prepared = self._prepare(case)
        if isinstance(prepared, str):
            return Replay(case_id, "cannot", prepared)
        foreseen = self._foresight.look(prepared.batch, is_kept=is_dry)
        is_clean = not prepared.rejections and not foreseen.conflict
        if is_dry:
            if is_clean:
                self._settled.update(self._siblings(case))
            verdict: Verdict = "replayed" if is_clean else "failed again"
            detail = _words(prepared.rejections) or (CONTRADICTED if foreseen.conflict else "")
            return Replay(case_id, verdict, detail, foreseen.stored, foreseen.duplicate)
        if not is_clean:  # again, perhaps: what is stored already is not handed over once more
            prepared = replace(prepared, batch=foreseen.fresh)
        result = self._record(prepared) if prepared.size else RecordResult(0, 0, 0, 0, 0)
        done = self._settle(case, prepared, result, is_contradicted=bool(foreseen.conflict))
        if is_clean:
            return done
        return replace(done, duplicate=done.duplicate + foreseen.withheld)

    def _prepare(self, case: Case) -> _Prepared | str:
        """What the case holds by now; or why it cannot be replayed."""
        entry = case.entry
        is_one_of_many = entry.size_bytes == 0 and entry.datastream_number is not None
        if is_one_of_many and entry.time is not None and entry.value is not None:
            return self._prepare_reading(case)
        if case.payload is None:
            return (
                f"of its {entry.size_bytes} bytes only the first {len(entry.head)} are kept: ask "
                "the source to send it again"
            )
        if not case.topic or is_one_of_many:
            return "it has no message of its own: replay the entry of the whole message"
        delivery = Delivery(
            connection=0,
            packet=0,
            qos=1,
            topic=case.topic,
            payload=case.payload,
            received_us=to_us(entry.first_seen),
            is_retained=False,
            is_repeat=False,
        )
        found = self.pipeline.prepare([delivery], most_readings=MOST_READINGS)
        source = next(iter(found.by_source), entry.source)
        batch = Batch(
            self.incarnation,
            0,
            readings=found.readings,
            arrivals=found.arrivals,
            waveforms=found.waveforms,
            correcting=self._correcting(),
        )
        return _Prepared(batch, tuple(found.rejections), source)

    def _prepare_reading(self, case: Case) -> _Prepared | str:
        entry = case.entry
        if entry.time is None or entry.value is None or entry.datastream_number is None:
            return "it holds no reading"
        number = np.array([entry.datastream_number], np.int32)
        streams = self.pipeline.streams
        if entry.datastream_number not in streams.columns.number:
            return f"datastream {entry.datastream_number} is not registered any more"
        readings, rejections = judge_columns(
            number,
            np.array([to_us(entry.time)], np.int64),
            np.array([entry.value]),
            np.zeros(1, np.int16),
            to_us(entry.first_seen),
            streams=streams,
            policy=self.pipeline.policy,
        )
        batch = Batch(
            self.incarnation,
            0,
            readings=no_readings() if rejections else readings,
            correcting=self._correcting(),
        )
        return _Prepared(batch, tuple(rejections), entry.source)

    def _correcting(self) -> frozenset[str]:
        treatments = self.pipeline.policy.treatments
        return frozenset(source for source, one in treatments.items() if one.is_correcting)

    def _record(self, prepared: _Prepared) -> RecordResult:
        self._sequence += 1
        batch = Batch(
            self.incarnation,
            self._sequence,
            readings=prepared.batch.readings,
            arrivals=prepared.batch.arrivals,
            waveforms=prepared.batch.waveforms,
            tallies={prepared.source: Tally(received=prepared.size)},
            correcting=prepared.batch.correcting,
        )
        return self.twin.record(batch)

    def _settle(
        self, case: Case, prepared: _Prepared, result: RecordResult, *, is_contradicted: bool
    ) -> Replay:
        day = case.entry.first_seen.replace(hour=0, minute=0, second=0, microsecond=0)
        counts = Counts(
            received=prepared.size,
            stored=result.stored,
            duplicate=result.duplicate,
            quarantined=result.quarantined,
        )
        recorded = {prepared.source: counts} if counts.received else {}
        is_contradicted |= bool(result.quarantined)
        is_clean = not prepared.rejections and not is_contradicted
        settle = replayed if is_clean else failed_again
        self.twin.settle_case(
            settle(case, recorded=recorded, day=day), incarnation=self.incarnation
        )
        if is_clean:
            self._settle_siblings(case)
        detail = _words(prepared.rejections) or (CONTRADICTED if is_contradicted else "")
        verdict: Verdict = "replayed" if is_clean else "failed again"
        return Replay(case.entry.id, verdict, detail, result.stored, result.duplicate)

    def _settle_siblings(self, case: Case) -> None:
        """Settle the other values of the same message that were refused for the same reason.

        They are kept without the message, which is replayed by now.
        """
        for number in self._siblings(case):
            self._settled.add(number)
            sibling = self.twin.case(number)
            day = sibling.entry.first_seen.replace(hour=0, minute=0, second=0, microsecond=0)
            settlement = replayed(sibling, recorded={}, day=day)
            self.twin.settle_case(settlement, incarnation=self.incarnation)

    def _siblings(self, case: Case) -> Sequence[int]:
        return self.twin.siblings(case.entry.id) if case.payload else ()


def pages(twin: Twin, chosen: CaseFilter) -> Iterator[QuarantineEntry]:
    """All entries that fit, the newest first, page by page."""
    below: int | None = NEWEST
    while True:
        found = twin.cases(chosen, limit=PAGE, below=below)
        yield from found
        if len(found) < PAGE:
            return
        below = found[-1].id


def in_order(entries: Iterable[QuarantineEntry]) -> list[int]:
    """Ids in the order in which to replay them: whole messages first, the oldest first.

    Values that are kept without their message are settled with it.
    """
    return [entry.id for entry in sorted(entries, key=lambda one: (not one.size_bytes, one.id))]


def _words(rejections: tuple[Rejection, ...]) -> str:
    if not rejections:
        return ""
    more = f" (and {len(rejections) - 1} more)" if len(rejections) > 1 else ""
    return f"{rejections[0].reason}: {rejections[0].detail}{more}"
