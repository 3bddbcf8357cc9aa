"""What people decide on measures, what they write about runs, and who may release."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from twin.model.decisions import (
    Decision,
    DecisionState,
    Order,
    ReleaseEvent,
    ReleaseGrant,
    RunComment,
)
from twin.model.records import InventoryRecord

RecordOf = Callable[[Decision], InventoryRecord | None]
"""Inventory record that a decision leaves as it stands now; None if it leaves none."""


class DecisionBook(Protocol):
    """Decisions, comments and release grants; nothing but the end of a grant is overwritten."""

    def begin(
        self, order: Order, *, state: DecisionState, person: str, at: datetime, record_of: RecordOf
    ) -> Decision:
        """Keep a new decision and its inventory record; DecisionError if it is not sound."""
        ...

    def move(
        self,
        decision_id: int,
        state: DecisionState,
        *,
        expected_version: int,
        person: str,
        reason: str,
        at: datetime,
        record_of: RecordOf,
        order: Order | None = None,
    ) -> Decision:
        """Append a step and its inventory record, both or neither.

        Raises
        ------
        RegistryError
            If there is no decision of this number.
        DecisionError
            If it has another version by now, or the step is not possible.
        """
        ...

    def decision(self, decision_id: int) -> Decision:
        """Return one decision; RegistryError if there is none."""
        ...

    def decisions(self) -> Sequence[Decision]:
        """Return all decisions, the newest first."""
        ...

    def comment(self, run_id: int, *, author: str, text: str, at: datetime) -> RunComment:
        """Append a comment to a run; RegistryError if there is no such run."""
        ...

    def comments(self, run_id: int) -> Sequence[RunComment]:
        """Return the comments on a run, the oldest first."""
        ...

    def grant(self, person: str, *, permission: str, key_hash: str, at: datetime) -> ReleaseGrant:
        """Keep a grant and note it."""
        ...

    def revoke(self, grant_id: int, *, at: datetime) -> ReleaseGrant:
        """End a grant and note it; RegistryError if there is none. An ended one stays as it is."""
        ...

    def grants(self) -> Sequence[ReleaseGrant]:
        """Return all grants, ended ones too, by number."""
        ...

    def note_release(self, event: ReleaseEvent) -> None:
        """Append what happened with a key."""
        ...

    def release_events(
        self, *, kind: str | None = None, caller: str | None = None, since: datetime, limit: int
    ) -> Sequence[ReleaseEvent]:
        """Return what happened with keys since a time, the newest first."""
        ...
