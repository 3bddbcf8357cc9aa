"""Everything that is known of one bridge, each as its own sourced quantity; nothing is fused."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar, get_args

from twin.city import Twin
from twin.errors import ModelError
from twin.model.acoustics import NAME as ACOUSTICS
from twin.model.acoustics import SectionBreaks, sections_of
from twin.model.assets import Asset, Component
from twin.model.bridge import PartStructure, Restriction, in_force
from twin.model.bridge_status import NAME as STATUS
from twin.model.bridge_status import BridgeStatus, status_of
from twin.model.datastreams import Datastream
from twin.model.fatigue import NAME as FATIGUE
from twin.model.fatigue import DetailFatigue, details_of
from twin.model.finding_steps import StoredFinding
from twin.model.findings import MonitoringState
from twin.model.inspection import (
    DueInspection,
    Inspection,
    InspectionCycle,
    due_inspections,
)
from twin.model.monitoring import ANALYSIS_SOURCE, BridgeEvent, EventKind, StateRecord, TrainedModel
from twin.model.obedience import NAME as OBEDIENCE
from twin.model.obedience import RestrictionObedience, obedience_of, unlooked
from twin.model.reality import NAME as REALITY
from twin.model.reality import Check, Validity, as_of_now, checks_of, validity_of
from twin.model.records import InventoryRecord, RecordKind, StoredRecord
from twin.model.structure_state import NAME as STRUCTURE
from twin.model.structure_state import StructureState, parts_of
from twin.model.times import from_us
from twin.ports import BridgeShelf

logger = logging.getLogger(__name__)
Content = TypeVar("Content")

SUMMARISED: tuple[RecordKind, ...] = (
    "inspection",
    "inspection_cycle",
    "part_structure",
    "restriction",
)
"""Kinds of records behind a row of the list."""
EVENT_DAYS = 30
MOST_EVENTS = 200
MOST_FINDINGS = 200
BLIND = {
    "strain": "fatigue",
    "acceleration": "stiffness",
    "crack_width": "cracks",
    "displacement": "bearings",
    "inclination": "settlement",
    "ae_amplitude": "wire_breaks",
}
"""What a bridge cannot see without any sensor of a quantity."""
ALWAYS_BLIND = ("corrosion",)
"""What none of these sensors sees."""


@dataclass(frozen=True, slots=True)
class BridgeView:
    """One bridge at one time.

    Parameters
    ----------
    conditions
        Inspections that state a condition, by part structure; the newest of each.
    parts
        Part structures with load index, target load level and static system.
    restrictions
        Those in force today.
    due
        Inspections that are due, each with its part structure.
    monitoring, status
        State of the monitoring and what its analyses say of themselves; None before the first.
    findings
        All of them, the newest first; `StoredFinding.is_open` tells which are open.
    checks
        Predictions of models against sensors.
    fatigue
        Consumed fatigue of the recorded details that were counted.
    models
        Register of trained models.
    events
        Those of the last days, the newest first.
    streams, derived
        What sensors send, and what analyses write.
    blind
        Keys of what this bridge cannot see.
    structure
        What the structural model of each part says, or why there is none.
    """

    asset: Asset
    at: datetime
    records: tuple[StoredRecord, ...]
    conditions: tuple[InventoryRecord, ...]
    parts: tuple[InventoryRecord, ...]
    restrictions: tuple[InventoryRecord, ...]
    due: tuple[tuple[str, DueInspection], ...]
    monitoring: MonitoringState
    status: BridgeStatus | None
    findings: tuple[StoredFinding, ...]
    checks: tuple[Check, ...]
    fatigue: tuple[DetailFatigue, ...]
    models: tuple[TrainedModel, ...]
    events: tuple[BridgeEvent, ...]
    streams: tuple[Datastream, ...]
    derived: tuple[Datastream, ...]
    components: tuple[Component, ...]
    blind: tuple[str, ...]
    structure: tuple[StructureState, ...] = ()
    acoustics: tuple[SectionBreaks, ...] = ()

    def of_kind(self, kind: str) -> tuple[InventoryRecord, ...]:
        """Records in force of one kind."""
        return tuple(item.record for item in self.records if item.record.kind == kind)

    def derived_of(self, stream: Datastream) -> Datastream | None:
        """Stream that an analysis writes beside another one."""
        return next(
            (item for item in self.derived if item.route_key.startswith(f"{stream.route_key}#")),
            None,
        )


@dataclass(frozen=True, slots=True)
class BridgeSummary:
    """One bridge as a row of a list; the fields mean what they mean in `BridgeView`.

    ``open_findings`` counts all of them.
    """

    asset: Asset
    at: datetime
    conditions: tuple[InventoryRecord, ...]
    parts: tuple[InventoryRecord, ...]
    restrictions: tuple[InventoryRecord, ...]
    due: tuple[tuple[str, DueInspection], ...]
    monitoring: MonitoringState
    open_findings: int


def read_bridges(twin: Twin) -> Sequence[BridgeSummary]:
    """All bridges by id, each as a row; as many queries for hundreds of them as for one."""
    now, book = twin.now(), twin.bridges.book
    records: dict[str, list[InventoryRecord]] = {}
    for kind in SUMMARISED:
        for stored in book.records(kind=kind):
            records.setdefault(stored.record.asset_id, []).append(stored.record)
    states = twin.monitoring_states()
    counts: Counter[str] = Counter()
    for item in twin.bridges.open_findings():
        counts[item.asset_id] += item.count
    found: list[BridgeSummary] = []
    for asset in twin.assets("bridge"):
        own = _happened(records.get(asset.id, []), now.date())
        found.append(
            BridgeSummary(
                asset=asset,
                at=now,
                conditions=_conditions(own),
                parts=_parts(own),
                restrictions=_restrictions(own, now.date()),
                due=_due(own),
                monitoring=states.get(asset.id, MonitoringState.NO_DATA),
                open_findings=counts[asset.id],
            )
        )
    return found


def read_bridge(twin: Twin, asset_id: str) -> BridgeView:
    """Everything that is known of a bridge now.

    Raises
    ------
    RegistryError
        If there is no such asset.
    """
    asset, now = twin.asset(asset_id), twin.now()
    shelf = twin.bridges
    records = tuple(shelf.book.records(asset_id))
    found = _happened([item.record for item in records], now.date())
    streams = twin.datastreams(asset_id)
    return BridgeView(
        asset=asset,
        at=now,
        records=records,
        conditions=_conditions(found),
        parts=_parts(found),
        restrictions=_restrictions(found, now.date()),
        due=_due(found),
        monitoring=twin.monitoring_states().get(asset_id, MonitoringState.NO_DATA),
        status=_readable(shelf.state(asset_id, STATUS), status_of),
        findings=_findings(shelf, asset_id),
        checks=read_checks(twin, asset_id),
        fatigue=_readable(shelf.state(asset_id, FATIGUE), details_of) or (),
        models=tuple(shelf.models(asset_id)),
        events=_events(twin, asset_id),
        streams=tuple(item for item in streams if item.source != ANALYSIS_SOURCE),
        derived=tuple(item for item in streams if item.source == ANALYSIS_SOURCE),
        components=tuple(twin.components(asset_id)),
        blind=_blind(streams),
        structure=_readable(shelf.state(asset_id, STRUCTURE), parts_of) or (),
        acoustics=_readable(shelf.state(asset_id, ACOUSTICS), sections_of) or (),
    )


def read_checks(twin: Twin, asset_id: str) -> tuple[Check, ...]:
    """Predictions of models against sensors; not checked where the last look is too old."""
    record = twin.bridges.state(asset_id, REALITY)
    if record is None:
        return ()
    checks = _readable(record, checks_of) or ()
    return as_of_now(checks, made_at=from_us(record.position_us), now=twin.now())


def read_validity(twin: Twin, stream: Datastream) -> Validity:
    """Whether what an analysis writes into a datastream rests on models that hold now.

    The verdict is None where no model is known that it rests on, as for all that sensors measure.
    """
    if stream.source != ANALYSIS_SOURCE:
        return Validity(None)
    return validity_of(stream.uid, read_checks(twin, stream.asset_id))


def read_obedience(twin: Twin, asset_id: str) -> tuple[RestrictionObedience, ...]:
    """How the restrictions in force are kept; what was not looked at cannot be told.

    Raises
    ------
    RegistryError
        If there is no such asset.
    """
    twin.asset(asset_id)
    records = [item.record for item in twin.bridges.book.records(asset_id, "restriction")]
    held = [(item.part, item.content) for item in _restrictions(records, twin.now().date())]
    looked = _readable(twin.bridges.state(asset_id, OBEDIENCE), obedience_of) or ()
    known = {(one.part, one.kind, one.value): one for one in looked}
    return tuple(
        known.get((part, content.kind, content.value)) or unlooked(part, content)
        for part, content in held
        if isinstance(content, Restriction)
    )


def _findings(shelf: BridgeShelf, asset_id: str) -> tuple[StoredFinding, ...]:
    """The newest ones, and whatever is open, so that later ones that are closed hide none."""
    found = {
        stored.id: stored
        for only_open in (True, False)
        for stored in shelf.findings(asset_id, only_open=only_open, limit=MOST_FINDINGS)
    }
    return tuple(sorted(found.values(), key=lambda item: (item.opened_at, item.id), reverse=True))


def _events(twin: Twin, asset_id: str) -> tuple[BridgeEvent, ...]:
    """The last ones of each kind, so that many crossings hide no modal analysis."""
    now = twin.now()
    found = [
        event
        for kind in get_args(EventKind)
        for event in twin.bridges.events(
            asset_id, kind, start=now - timedelta(days=EVENT_DAYS), end=now, limit=MOST_EVENTS
        )
    ]
    return tuple(sorted(found, key=lambda event: event.at, reverse=True))


def _readable(record: StateRecord | None, read: Callable[[StateRecord], Content]) -> Content | None:
    """What a state holds; None where there is none or it cannot be read, so that a page opens."""
    try:
        return None if record is None else read(record)
    except ModelError as error:
        logger.warning("state_unreadable", extra={"reason": str(error)})
        return None


def _parts(records: Sequence[InventoryRecord]) -> tuple[InventoryRecord, ...]:
    return tuple(item for item in records if isinstance(item.content, PartStructure))


def _happened(records: Sequence[InventoryRecord], day: date) -> list[InventoryRecord]:
    """Records without inspections that are said to be done and lie ahead: nothing rests on them."""
    return [
        item
        for item in records
        if not (isinstance(item.content, Inspection) and item.content.is_ahead_of(day))
    ]


def _conditions(records: Sequence[InventoryRecord]) -> tuple[InventoryRecord, ...]:
    newest: dict[str, tuple[tuple[int, date], InventoryRecord]] = {}
    for item in records:
        if not isinstance(item.content, Inspection) or item.content.condition is None:
            continue
        when = item.content.stated_year or 0, item.content.day or date.min
        if item.part not in newest or newest[item.part][0] <= when:
            newest[item.part] = when, item
    return tuple(item for _, (_, item) in sorted(newest.items()))


def _restrictions(records: Sequence[InventoryRecord], day: date) -> tuple[InventoryRecord, ...]:
    return tuple(
        item
        for item in records
        if isinstance(item.content, Restriction) and in_force(item.content, day)
    )


def _due(records: Sequence[InventoryRecord]) -> tuple[tuple[str, DueInspection], ...]:
    """Inspections that are due, by part structure: DIN 1076 counts for each of them."""
    parts = {item.part: PartFacts() for item in records if isinstance(item.content, Inspection)}
    for item in records:
        facts = parts.get(item.part)
        if facts is None:
            continue
        if isinstance(item.content, Inspection):
            facts.inspections.append(item.content)
        elif isinstance(item.content, InspectionCycle):
            facts.cycles.append(item.content)
        elif isinstance(item.content, PartStructure):
            facts.stage = item.content.stage
    return tuple(
        (part, due)
        for part, facts in sorted(parts.items())
        for due in due_inspections(facts.inspections, facts.cycles, stage=facts.stage)
    )


@dataclass(slots=True)
class PartFacts:
    """What the due dates of one part structure follow from."""

    inspections: list[Inspection] = field(default_factory=list)
    cycles: list[InspectionCycle] = field(default_factory=list)
    stage: str = ""


def _blind(streams: Sequence[Datastream]) -> tuple[str, ...]:
    seen = {item.quantity for item in streams}
    return (*(what for sensor, what in BLIND.items() if sensor not in seen), *ALWAYS_BLIND)
