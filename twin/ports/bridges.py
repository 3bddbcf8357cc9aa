"""What is known of bridges: their inventory, and what analyses leave behind."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from twin.model.finding_steps import OpenFindings, StoredFinding
from twin.model.monitoring import (
    AnalysisOutcome,
    BridgeEvent,
    EventKind,
    Kept,
    StateRecord,
    TrainedModel,
)
from twin.model.records import (
    Attachment,
    InventoryRecord,
    StoredAttachment,
    StoredRecord,
    StoredWorkItem,
    WorkItem,
)


class RecordBook(Protocol):
    """Inventory records, attachments and the list of what is wrong with the data.

    Nothing is overwritten: a later statement stands beside the earlier one.
    """

    def add(self, records: Sequence[InventoryRecord], *, at: datetime) -> int:
        """Record all of them or none; returns how many were new.

        One that equals the newest of the same object, source and ``as_of`` adds nothing.

        Raises
        ------
        ModelError
            With every problem of every record.
        """
        ...

    def records(
        self,
        asset_id: str | None = None,
        kind: str | None = None,
        *,
        known_at: datetime | None = None,
        as_of: date | None = None,
    ) -> Sequence[StoredRecord]:
        """Return the record in force of every object, by asset, kind, part and key.

        That is the one of the latest ``as_of``, then of the latest recording. ``known_at`` leaves
        out what was recorded later, ``as_of`` what the source says of a later day.
        """
        ...

    def versions(self, asset_id: str, kind: str, key: str, *, part: str) -> Sequence[StoredRecord]:
        """Return everything that was ever recorded of one object, in order of recording."""
        ...

    def attach(self, attachment: Attachment, content: bytes, *, at: datetime) -> StoredAttachment:
        """Keep a file under its SHA-256; the same again is the same."""
        ...

    def attachments(self, asset_id: str) -> Sequence[StoredAttachment]:
        """Return what is attached to an asset, in order of recording."""
        ...

    def attached(self, sha256: str) -> bytes | None:
        """Return a file by its SHA-256 in hexadecimal digits, or None.

        Raises
        ------
        StoreError
            If what is stored has another SHA-256 by now.
        """
        ...

    def note_work(self, source: str, items: Sequence[WorkItem], *, at: datetime) -> None:
        """Make these the open work items of a source; what is not among them is cleared up."""
        ...

    def work_list(
        self, *, asset_id: str | None = None, only_open: bool = True, limit: int
    ) -> Sequence[StoredWorkItem]:
        """Return work items, the newest first."""
        ...


class BridgeShelf(Protocol):
    """What analyses of bridges leave behind, and the inventory beside it."""

    @property
    def book(self) -> RecordBook:
        """Return the inventory."""
        ...

    def keep(self, outcome: AnalysisOutcome, *, at: datetime) -> Kept:
        """Keep an outcome with its derived readings in one transaction; repeated, it adds nothing.

        Events and models are never replaced. A state never goes back, unless to a newer format. A
        finding that is open takes the new statement; one that was closed is opened anew only by a
        later observation.

        Raises
        ------
        RegistryError
            If an asset is unknown; names it.
        StoreError
            If readings belong to datastreams that are no analysis's, or a model differs from the
            one stored under its version. Then nothing is kept.
        """
        ...

    def state(self, asset_id: str, name: str) -> StateRecord | None:
        """Return the state of an estimator, or None if it has none yet."""
        ...

    def states(self, name: str) -> Sequence[StateRecord]:
        """Return the states of this name, by asset."""
        ...

    def expire_states(self, *, before: datetime) -> int:
        """Delete superseded states that were not kept anew since; how many (ADR 0060).

        What stays is told by `twin.model.state_keeping`.
        """
        ...

    def events(
        self,
        asset_id: str,
        kind: EventKind | None = None,
        *,
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[BridgeEvent]:
        """Return events in [start, end), the newest first."""
        ...

    def findings(
        self, asset_id: str | None = None, *, only_open: bool = True, limit: int = 1000
    ) -> Sequence[StoredFinding]:
        """Return findings with their log, the newest first."""
        ...

    def open_findings(self) -> Sequence[OpenFindings]:
        """Return how many findings are open, all of them, by asset, severity and cause."""
        ...

    def finding(self, finding_id: int) -> StoredFinding:
        """Return one finding; RegistryError if there is none."""
        ...

    def move_finding(
        self, finding_id: int, stage: str, *, person: str, reason: str, at: datetime
    ) -> StoredFinding:
        """Take a finding to the next stage and log who did it and why.

        Raises
        ------
        RegistryError
            If there is none of this number.
        ModelError
            If the stage is not the next one, or person or reason are missing.
        """
        ...

    def models(self, asset_id: str | None = None) -> Sequence[TrainedModel]:
        """Return all trained models, by asset, name and version."""
        ...
