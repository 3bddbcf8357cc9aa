"""Decisions, comments and release grants in the store in memory."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from twin.model.decisions import (
    Decision,
    DecisionState,
    Order,
    ReleaseEvent,
    ReleaseGrant,
    RunComment,
    begun,
    moved,
)
from twin.model.scenarios import Run
from twin.ports.bridges import RecordBook
from twin.ports.decisions import RecordOf
from twin.store.refusals import unknown_decision, unknown_grant
from twin.store.text import require_storable


class MemoryDecisions:
    """`twin.ports.DecisionBook` in memory; may be used from any thread.

    Parameters
    ----------
    book
        Inventory that ordered restrictions are recorded in.
    run
        Gives a run by its number; RegistryError if there is none.
    """

    def __init__(self, book: RecordBook, run: Callable[[int], Run]) -> None:
        self._book = book
        self._run = run
        self._lock = threading.RLock()
        self._decisions: dict[int, Decision] = {}
        self._comments: list[RunComment] = []
        self._grants: dict[int, ReleaseGrant] = {}
        self._events: list[ReleaseEvent] = []

    def begin(
        self, order: Order, *, state: DecisionState, person: str, at: datetime, record_of: RecordOf
    ) -> Decision:
        """Keep a new decision and its inventory record."""
        require_storable((order, person), what="decision")
        with self._lock:
            number = len(self._decisions) + 1
            return self._keep(
                begun(order, decision_id=number, state=state, person=person, at=at), at, record_of
            )

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
        """Append a step and its inventory record, both or neither."""
        require_storable((person, reason, order), what="decision")
        with self._lock:
            new = moved(
                self.decision(decision_id),
                state,
                expected_version=expected_version,
                person=person,
                reason=reason,
                at=at,
                order=order,
            )
            return self._keep(new, at, record_of)

    def _keep(self, decision: Decision, at: datetime, record_of: RecordOf) -> Decision:
        record = record_of(decision)
        if record is not None:
            self._book.add([record], at=at)
        self._decisions[decision.id] = decision
        return decision

    def decision(self, decision_id: int) -> Decision:
        """One decision; RegistryError if there is none."""
        with self._lock:
            if decision_id not in self._decisions:
                raise unknown_decision(decision_id)
            return self._decisions[decision_id]

    def decisions(self) -> Sequence[Decision]:
        """All decisions, the newest first."""
        with self._lock:
            return tuple(self._decisions[key] for key in sorted(self._decisions, reverse=True))

    def comment(self, run_id: int, *, author: str, text: str, at: datetime) -> RunComment:
        """Append a comment to a run."""
        require_storable((author, text), what="comment")
        self._run(run_id)
        with self._lock:
            comment = RunComment(len(self._comments) + 1, run_id, author, text, at)
            self._comments.append(comment)
        return comment

    def comments(self, run_id: int) -> Sequence[RunComment]:
        """Comments on a run, the oldest first."""
        with self._lock:
            return tuple(one for one in self._comments if one.run_id == run_id)

    def grant(self, person: str, *, permission: str, key_hash: str, at: datetime) -> ReleaseGrant:
        """Keep a grant and note it."""
        require_storable((person, permission, key_hash), what="grant")
        with self._lock:
            number = len(self._grants) + 1
            grant = ReleaseGrant(number, person, permission, key_hash, at)
            self._grants[number] = grant
            self.note_release(ReleaseEvent(at, "granted", person, f"grant {number}"))
        return grant

    def revoke(self, grant_id: int, *, at: datetime) -> ReleaseGrant:
        """End a grant and note it."""
        with self._lock:
            if grant_id not in self._grants:
                raise unknown_grant(grant_id)
            grant = self._grants[grant_id]
            if grant.revoked_at is None:
                grant = self._grants[grant_id] = replace(grant, revoked_at=at)
                self.note_release(ReleaseEvent(at, "revoked", grant.person, f"grant {grant_id}"))
        return grant

    def grants(self) -> Sequence[ReleaseGrant]:
        """All grants, ended ones too, by number."""
        with self._lock:
            return tuple(self._grants[key] for key in sorted(self._grants))

    def note_release(self, event: ReleaseEvent) -> None:
        """Append what happened with a key."""
        require_storable(event, what="event of a release key")
        with self._lock:
            self._events.append(event)

    def release_events(
        self, *, kind: str | None = None, caller: str | None = None, since: datetime, limit: int
    ) -> Sequence[ReleaseEvent]:
        """What happened with keys since a time, the newest first."""
        with self._lock:
            found = [
                one
                for one in reversed(self._events)
                if kind in (None, one.kind) and caller in (None, one.caller) and one.at >= since
            ]
        return tuple(found[: max(limit, 0)])
