"""Decisions, comments and release grants in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from psycopg.rows import kwargs_row

from twin.model.decisions import (
    Decision,
    DecisionEvent,
    DecisionState,
    Order,
    ReleaseEvent,
    ReleaseGrant,
    RunComment,
    begun,
    moved,
)
from twin.model.records import require_sound
from twin.ports.decisions import RecordOf
from twin.store import keeping
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.queries import query
from twin.store.refusals import unknown_decision, unknown_grant, unknown_run
from twin.store.text import is_storable, require_storable


class PostgresDecisions:
    """`twin.ports.DecisionBook` in PostgreSQL."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def begin(
        self, order: Order, *, state: DecisionState, person: str, at: datetime, record_of: RecordOf
    ) -> Decision:
        """Keep a new decision and its inventory record."""
        require_storable((order, person), what="decision")
        begun(order, decision_id=0, state=state, person=person, at=at)
        with self._connections.use() as connection, connection.transaction():
            number = _number(connection, "insert_decision", {"at": at})
            new = begun(order, decision_id=number, state=state, person=person, at=at)
            return _append(connection, new, record_of)

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
        with self._connections.use() as connection, connection.transaction():
            connection.execute(query("lock_decisions"))
            new = moved(
                _decision(connection, decision_id),
                state,
                expected_version=expected_version,
                person=person,
                reason=reason,
                at=at,
                order=order,
            )
            return _append(connection, new, record_of)

    def decision(self, decision_id: int) -> Decision:
        """One decision; RegistryError if there is none."""
        with self._connections.use() as connection:
            return _decision(connection, decision_id)

    def decisions(self) -> Sequence[Decision]:
        """All decisions, the newest first."""
        with self._connections.use() as connection:
            return tuple(reversed(_decisions(connection, None)))

    def comment(self, run_id: int, *, author: str, text: str, at: datetime) -> RunComment:
        """Append a comment to a run."""
        require_storable((author, text), what="comment")
        values = {"run_id": run_id, "author": author, "content": text, "at": at}
        with self._connections.use() as connection, connection.transaction():
            if connection.execute(query("select_run"), {"run_id": run_id}).fetchone() is None:
                raise unknown_run(run_id)
            number = _number(connection, "insert_run_comment", values)
        return RunComment(number, run_id, author, text, at)

    def comments(self, run_id: int) -> Sequence[RunComment]:
        """Comments on a run, the oldest first."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_comment))
            return tuple(cursor.execute(query("select_run_comments"), {"run_id": run_id}))

    def grant(self, person: str, *, permission: str, key_hash: str, at: datetime) -> ReleaseGrant:
        """Keep a grant and note it."""
        require_storable((person, permission, key_hash), what="grant")
        values = {"person": person, "permission": permission, "key_hash": key_hash, "at": at}
        with self._connections.use() as connection, connection.transaction():
            number = _number(connection, "insert_release_grant", values)
            _note(connection, ReleaseEvent(at, "granted", person, f"grant {number}"))
        return ReleaseGrant(number, person, permission, key_hash, at)

    def revoke(self, grant_id: int, *, at: datetime) -> ReleaseGrant:
        """End a grant and note it."""
        with self._connections.use() as connection, connection.transaction():
            values = {"id": grant_id, "at": at}
            is_ended_now = connection.execute(query("revoke_release_grant"), values).rowcount == 1
            found = {grant.id: grant for grant in _grants(connection)}
            if grant_id not in found:
                raise unknown_grant(grant_id)
            if is_ended_now:
                person = found[grant_id].person
                _note(connection, ReleaseEvent(at, "revoked", person, f"grant {grant_id}"))
        return found[grant_id]

    def grants(self) -> Sequence[ReleaseGrant]:
        """All grants, ended ones too, by number."""
        with self._connections.use() as connection:
            return _grants(connection)

    def note_release(self, event: ReleaseEvent) -> None:
        """Append what happened with a key."""
        require_storable(event, what="event of a release key")
        with self._connections.use() as connection:
            _note(connection, event)

    def release_events(
        self, *, kind: str | None = None, caller: str | None = None, since: datetime, limit: int
    ) -> Sequence[ReleaseEvent]:
        """What happened with keys since a time, the newest first."""
        if not all(is_storable(text or "") for text in (kind, caller)):
            return ()
        values = {"kind": kind, "caller": caller, "since": since, "limit": max(limit, 0)}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_event))
            return tuple(cursor.execute(query("select_release_events"), values))


def _number(connection: Connection, name: str, values: Mapping[str, Any]) -> int:
    row = connection.execute(query(name), values).fetchone()
    return cast("tuple[int]", row)[0]


def _append(connection: Connection, decision: Decision, record_of: RecordOf) -> Decision:
    """Write the newest step, and what it leaves in the inventory."""
    step = decision.newest
    values = {
        "decision_id": decision.id,
        "version": step.version,
        "state": step.state,
        "at": step.at,
        "person": step.person,
        "reason": step.reason,
        "content": keeping.document(step.order),
    }
    connection.execute(query("insert_decision_event"), values)
    record = record_of(decision)
    if record is not None:
        require_sound([record])
        values = {
            "decision_id": decision.id,
            "asset_id": record.asset_id,
            "part": record.part,
            "as_of": record.as_of,
            "at": step.at,
            "content": keeping.document(record.content),
            "notes": keeping.document(record.notes),
        }
        connection.execute(query("record_decision"), values)
        connection.execute(query("notify_change"), {"topic": "inventory"})
    return decision


def _decision(connection: Connection, decision_id: int) -> Decision:
    found = _decisions(connection, decision_id)
    if not found:
        raise unknown_decision(decision_id)
    return found[0]


def _decisions(connection: Connection, decision_id: int | None) -> Sequence[Decision]:
    """Decisions with their steps, by number."""
    steps: dict[int, list[DecisionEvent]] = {}
    for row in connection.execute(query("select_decision_events"), {"id": decision_id}):
        number, version, state, at, person, reason, content = cast("tuple[Any, ...]", row)
        order = keeping.order_of(content)
        step = DecisionEvent(version, state, at.astimezone(UTC), person, reason, order)
        steps.setdefault(number, []).append(step)
    return tuple(Decision(number, tuple(events)) for number, events in steps.items())


def _grants(connection: Connection) -> Sequence[ReleaseGrant]:
    cursor = connection.cursor(row_factory=kwargs_row(_grant))
    return tuple(cursor.execute(query("select_release_grants")))


def _note(connection: Connection, event: ReleaseEvent) -> None:
    values = {"at": event.at, "kind": event.kind, "caller": event.caller, "detail": event.detail}
    connection.execute(query("insert_release_event"), values)


def _comment(*, at: datetime, content: str, **rest: Any) -> RunComment:  # noqa: ANN401 - columns
    return RunComment(at=at.astimezone(UTC), text=content, **rest)


def _grant(
    *,
    granted_at: datetime,
    revoked_at: datetime | None,
    **rest: Any,  # noqa: ANN401 - columns
) -> ReleaseGrant:
    return ReleaseGrant(
        granted_at=granted_at.astimezone(UTC),
        revoked_at=None if revoked_at is None else revoked_at.astimezone(UTC),
        **rest,
    )


def _event(*, at: datetime, **rest: Any) -> ReleaseEvent:  # noqa: ANN401 - columns
    return ReleaseEvent(at=at.astimezone(UTC), **rest)
