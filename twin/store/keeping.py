"""What every store checks and builds when it keeps what is known of bridges."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import count
from uuid import uuid4

from twin.errors import RegistryError, StoreError
from twin.model.decisions import Order
from twin.model.finding_steps import StoredFinding
from twin.model.findings import Finding
from twin.model.monitoring import ANALYSIS_SOURCE, AnalysisOutcome, TrainedModel
from twin.model.observations import Batch, Tally
from twin.model.packing import flatten, restore
from twin.model.records import (
    CONTENTS,
    Content,
    InventoryRecord,
    RecordKind,
    StoredRecord,
    WorkItem,
)

LARGEST_FILE_BYTES = 64 << 20


class OutcomeBatches:
    """Numbers the batches of derived readings that one process records."""

    def __init__(self) -> None:
        self._incarnation = uuid4()
        self._numbers = count(1)

    def batch(self, outcome: AnalysisOutcome) -> Batch:
        """Readings of an outcome as a batch of its own."""
        return Batch(
            incarnation=self._incarnation,
            sequence=next(self._numbers),
            readings=outcome.readings,
            tallies={ANALYSIS_SOURCE: Tally(received=len(outcome.readings))},
            correcting=frozenset({ANALYSIS_SOURCE}),
        )


def named_assets(outcome: AnalysisOutcome) -> Sequence[str]:
    """Assets that an outcome speaks of, sorted."""
    parts = (outcome.events, outcome.states, outcome.models, outcome.findings)
    return sorted({item.asset_id for part in parts for item in part})


def require_assets(named: Iterable[str], known: Collection[str]) -> None:
    """RegistryError with every asset that is not known."""
    unknown = sorted(set(named) - set(known))
    if unknown:
        raise RegistryError(
            f"an outcome speaks of unknown assets: {', '.join(unknown)}; load the city that "
            "contains them"
        )


def require_derived(outcome: AnalysisOutcome, sources: Mapping[int, str]) -> None:
    """StoreError if readings belong to no datastream, or to one that no analysis writes."""
    wrong = sorted(
        {
            number
            for number in set(outcome.readings.number.tolist())
            if sources.get(number) != ANALYSIS_SOURCE
        }
    )
    if wrong:
        listed = ", ".join(
            f"{number} ({sources.get(number) or 'not registered'})" for number in wrong[:20]
        )
        raise StoreError(
            f"derived readings go to datastreams of the source {ANALYSIS_SOURCE!r} only; these "
            f"are others: {listed}; register a derived datastream"
        )


def another_model(model: TrainedModel) -> StoreError:
    """A model that differs from the one stored under its version."""
    return StoreError(
        f"the model {model.name!r} of {model.asset_id} has a version {model.version} with other "
        "contents; give it the next version"
    )


def unknown_finding(finding_id: int) -> RegistryError:
    """A number of a finding that was never given."""
    return RegistryError(f"finding {finding_id} is unknown; `findings` lists those that are kept")


def sha256_of(content: bytes) -> str:
    """SHA-256 of a file in hexadecimal digits; StoreError if it is too large."""
    if len(content) > LARGEST_FILE_BYTES:
        raise StoreError(
            f"an attachment has at most {LARGEST_FILE_BYTES / 1e6:.0f} MB, this one has "
            f"{len(content) / 1e6:.0f} MB; make it smaller"
        )
    return hashlib.sha256(content).hexdigest()


def require_hash(content: bytes, sha256: str) -> bytes:
    """A file as it was stored; StoreError if it has changed."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError(
            f"the attachment {sha256[:12]} is damaged: its contents have another hash; restore a "
            "backup"
        )
    return content


def is_repeated(finding: Finding, known: StoredFinding) -> bool:
    """Whether a closed finding already spoke of this observation."""
    return not known.is_open and finding.at <= known.finding.at


def is_known(record: InventoryRecord, versions: Iterable[StoredRecord]) -> bool:
    """Whether the newest record of the same object, source and day says the same."""
    same = [
        stored.record
        for stored in versions
        if (stored.record.as_of, stored.record.provenance) == (record.as_of, record.provenance)
    ]
    return bool(same) and same[-1] == record


def standing(stored: StoredRecord) -> tuple[date, float, int]:
    """Which of several records of one object is in force: the greatest."""
    return stored.record.as_of or date.min, stored.recorded_at.timestamp(), stored.id


def object_of(record: InventoryRecord) -> tuple[str, str, str, str]:
    """What a record speaks of: asset, kind, part and key."""
    return record.asset_id, record.kind, record.part, record.key


def work_changes(
    known: Mapping[int, WorkItem], items: Sequence[WorkItem]
) -> tuple[list[WorkItem], list[int]]:
    """Work items that are new, and the numbers of those that are cleared up."""
    wanted = dict.fromkeys(items)
    there = set(known.values())
    cleared = [number for number, item in known.items() if item not in wanted]
    return [item for item in wanted if item not in there], cleared


def document(value: object) -> str:
    """JSON text of a dataclass without arrays."""
    return flatten(value)[0]


def content_of(kind: str, text: str) -> Content:
    """Object of the inventory from its JSON text."""
    return restore(text, {}, CONTENTS[_kind(kind)])


def order_of(text: str) -> Order:
    """Order of a decision from its JSON text."""
    return restore(text, {}, Order)


def finding_of(text: str) -> Finding:
    """Finding from its JSON text."""
    return restore(text, {}, Finding)


def _kind(kind: str) -> RecordKind:
    for known in CONTENTS:
        if known == kind:
            return known
    raise StoreError(f"a record of kind {kind!r} was made by another version of this programme")
