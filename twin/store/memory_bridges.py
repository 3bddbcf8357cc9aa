"""What analyses of bridges leave behind, in the store in memory."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from twin.model.finding_steps import OpenFindings, StoredFinding, moved, opened, restated
from twin.model.findings import Finding
from twin.model.monitoring import (
    AnalysisOutcome,
    BridgeEvent,
    EventKind,
    Kept,
    StateRecord,
    TrainedModel,
)
from twin.model.observations import Batch, RecordResult
from twin.model.state_keeping import ModelVersion, spare_states, spare_versions
from twin.store import keeping
from twin.store.memory_book import MemoryBook
from twin.store.text import require_storable


class MemoryBridges:
    """`twin.ports.BridgeShelf` in memory; may be used from any thread.

    Parameters
    ----------
    record
        Records a batch of readings.
    registry
        Gives the ids of all assets and the source of every datastream number.
    """

    def __init__(
        self,
        record: Callable[[Batch], RecordResult],
        registry: Callable[[], tuple[Collection[str], Mapping[int, str]]],
    ) -> None:
        self.book = MemoryBook()
        self._record = record
        self._registry = registry
        self._lock = threading.RLock()
        self._batches = keeping.OutcomeBatches()
        self._events: dict[tuple[str, str, str], BridgeEvent] = {}
        self._states: dict[tuple[str, str], StateRecord] = {}
        self._kept_at: dict[tuple[str, str], datetime] = {}
        self._models: dict[tuple[str, str, int], TrainedModel] = {}
        self._findings: dict[int, StoredFinding] = {}

    def keep(self, outcome: AnalysisOutcome, *, at: datetime) -> Kept:
        """Keep an outcome with its derived readings, all of it or nothing."""
        parts = (outcome.events, outcome.states, outcome.models, outcome.findings)
        require_storable(parts, what="outcome")
        with self._lock:
            assets, sources = self._registry()
            keeping.require_assets(keeping.named_assets(outcome), assets)
            keeping.require_derived(outcome, sources)
            for model in outcome.models:
                if self._models.get(_model_key(model), model) != model:
                    raise keeping.another_model(model)
            result = self._record(self._batches.batch(outcome))
            return Kept(
                readings=result.stored,
                corrected=result.corrected,
                quarantined=result.quarantined,
                events=self._add_events(outcome.events),
                states=sum(self._take_state(state, at) for state in outcome.states),
                models=self._add_models(outcome.models),
                findings=tuple(
                    number
                    for finding in outcome.findings
                    if (number := self._state_finding(finding, at)) is not None
                ),
            )

    def state(self, asset_id: str, name: str) -> StateRecord | None:
        """State of an estimator, or None."""
        with self._lock:
            return self._states.get((asset_id, name))

    def states(self, name: str) -> Sequence[StateRecord]:
        """States of this name, by asset."""
        with self._lock:
            return tuple(self._states[key] for key in sorted(self._states) if key[1] == name)

    def expire_states(self, *, before: datetime) -> int:
        """Delete superseded states that were not kept anew since; how many."""
        with self._lock:
            versions = [
                ModelVersion(one.asset_id, one.name, one.version, one.trained_at)
                for one in self._models.values()
            ]
            spoken: dict[str, list[datetime]] = {}
            for stored in self._findings.values():
                times = (stored.opened_at, stored.finding.at, *(step.at for step in stored.steps))
                spoken.setdefault(stored.finding.asset_id, []).extend(times)
            spare = spare_versions(versions, spoken)
            gone = spare_states(self._kept_at, spare, before=before)
            for key in gone:
                del self._states[key], self._kept_at[key]
            return len(gone)

    def events(
        self,
        asset_id: str,
        kind: EventKind | None = None,
        *,
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[BridgeEvent]:
        """Events in [start, end), the newest first."""
        with self._lock:
            found = [
                event
                for event in self._events.values()
                if event.asset_id == asset_id
                and kind in (None, event.kind)
                and start <= event.at < end
            ]
        found.sort(key=lambda event: (-event.at.timestamp(), event.kind, event.key))
        return tuple(found[: max(limit, 0)])

    def findings(
        self, asset_id: str | None = None, *, only_open: bool = True, limit: int = 1000
    ) -> Sequence[StoredFinding]:
        """Findings with their log, the newest first."""
        with self._lock:
            found = [
                stored
                for stored in self._findings.values()
                if asset_id in (None, stored.finding.asset_id) and (stored.is_open or not only_open)
            ]
        found.sort(key=lambda stored: (stored.opened_at, stored.id), reverse=True)
        return tuple(found[: max(limit, 0)])

    def open_findings(self) -> Sequence[OpenFindings]:
        """How many findings are open, all of them, by asset, severity and cause."""
        with self._lock:
            said = [stored.finding for stored in self._findings.values() if stored.is_open]
        found = Counter((item.asset_id, item.severity, item.cause) for item in said)
        order = sorted(found, key=lambda key: (key[0], key[1], key[2] is None, key[2] or ""))
        return tuple(OpenFindings(*key, found[key]) for key in order)

    def finding(self, finding_id: int) -> StoredFinding:
        """One finding; RegistryError if there is none."""
        with self._lock:
            if finding_id not in self._findings:
                raise keeping.unknown_finding(finding_id)
            return self._findings[finding_id]

    def move_finding(
        self, finding_id: int, stage: str, *, person: str, reason: str, at: datetime
    ) -> StoredFinding:
        """Take a finding to the next stage and log who did it and why."""
        require_storable((person, reason), what="step of a finding")
        with self._lock:
            stored = moved(self.finding(finding_id), stage, person=person, reason=reason, at=at)
            self._findings[finding_id] = stored
            return stored

    def models(self, asset_id: str | None = None) -> Sequence[TrainedModel]:
        """All trained models, by asset, name and version."""
        with self._lock:
            found = [self._models[key] for key in sorted(self._models)]
        return tuple(model for model in found if asset_id in (None, model.asset_id))

    def _add_events(self, events: Sequence[BridgeEvent]) -> int:
        before = len(self._events)
        for event in events:
            self._events.setdefault((event.asset_id, event.kind, event.key), event)
        return len(self._events) - before

    def _add_models(self, models: Sequence[TrainedModel]) -> int:
        before = len(self._models)
        self._models |= {_model_key(model): model for model in models}
        return len(self._models) - before

    def _take_state(self, state: StateRecord, at: datetime) -> bool:
        known = self._states.get((state.asset_id, state.name))
        order = (state.format_version, state.position_us)
        if known is not None and order <= (known.format_version, known.position_us):
            return False
        self._states[state.asset_id, state.name] = state
        self._kept_at[state.asset_id, state.name] = at
        return True

    def _state_finding(self, finding: Finding, at: datetime) -> int | None:
        """Number of a finding that was opened or stated anew."""
        wanted = (finding.asset_id, finding.rule, finding.key)
        same = [
            stored
            for stored in self._findings.values()
            if (stored.finding.asset_id, stored.finding.rule, stored.finding.key) == wanted
        ]
        known = same[-1] if same else None
        if known is not None and keeping.is_repeated(finding, known):
            return None
        if known is None or not known.is_open:
            number = len(self._findings) + 1
            self._findings[number] = opened(finding, finding_id=number, at=at)
            return number
        stored = restated(known, finding, at=at)
        self._findings[known.id] = stored
        return None if stored is known else known.id


def _model_key(model: TrainedModel) -> tuple[str, str, int]:
    return model.asset_id, model.name, model.version
