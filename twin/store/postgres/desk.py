"""The quarantine desk in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from psycopg.rows import kwargs_row

from twin.model.observations import QuarantineEntry
from twin.model.quarantine import Case, CaseFilter, Counts, Settlement
from twin.store import accounts
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.queries import query
from twin.store.refusals import unknown_case
from twin.store.text import cleaned, is_storable


class PostgresDesk:
    """`twin.ports.QuarantineDesk` in PostgreSQL."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def search(
        self, chosen: CaseFilter, *, limit: int, below: int | None = None
    ) -> Sequence[QuarantineEntry]:
        """Entries that fit, the newest first, or below an id by falling id."""
        texts = (chosen.source, chosen.reason, chosen.stream, chosen.text)
        if not all(is_storable(text) for text in texts):
            return ()
        values = {
            "source": chosen.source,
            "reason": chosen.reason,
            "number": chosen.number,
            "stream": chosen.stream,
            "since": chosen.since,
            "text": chosen.text,
            "states": [accounts.STATES.index(state) for state in chosen.states],
            "below": below,
            "limit": max(limit, 0),
        }
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_entry))
            return tuple(cursor.execute(query("select_cases"), values))

    def case(self, case_id: int) -> Case:
        """One case; RegistryError if there is none."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_case))
            found = cursor.execute(query("select_case"), {"id": case_id}).fetchone()
        if found is None:
            raise unknown_case(case_id)
        return found

    def siblings(self, case_id: int) -> Sequence[int]:
        """Open cases of other values of its message, refused for the same reason."""
        with self._connections.use() as connection:
            rows = connection.execute(query("select_siblings"), {"id": case_id}).fetchall()
        return [cast("int", number) for (number,) in rows]

    def settle(self, settlement: Settlement, *, incarnation: UUID, at: datetime) -> bool:
        """Close a case and move its counts; False if somebody else closed it meanwhile."""
        values = {
            "id": settlement.case_id,
            "state": accounts.STATES.index(settlement.state),
            "settled": settlement.settled,
            "at": at,
        }
        with self._connections.use() as connection, connection.transaction():
            is_ours = connection.execute(query("settle_case"), values).rowcount == 1
            for source, counts in settlement.moved.items():
                _move(connection, source, -counts, day=None, incarnation=incarnation)
                _move(connection, source, counts, day=settlement.day, incarnation=incarnation)
            if is_ours:
                for source, counts in settlement.corrected.items():
                    _move(connection, source, counts, day=settlement.day, incarnation=incarnation)
        return is_ours


def _move(
    connection: Connection,
    source: str,
    counts: Counts,
    *,
    day: datetime | None,
    incarnation: UUID,
) -> None:
    if counts == Counts():
        return
    values = {
        "source": cleaned(source),
        "incarnation": incarnation,
        "day": None if day is None else day.astimezone(UTC).date(),
        **asdict(counts),
    }
    connection.execute(query("move_balance"), values)


def _entry(
    *,
    first_seen: datetime,
    last_seen: datetime,
    topic: bytes,
    time: datetime | None,
    state: int,
    **rest: Any,  # noqa: ANN401 - columns
) -> QuarantineEntry:
    return QuarantineEntry(
        first_seen=first_seen.astimezone(UTC),
        last_seen=last_seen.astimezone(UTC),
        topic=topic.decode(errors="replace"),
        time=None if time is None else time.astimezone(UTC),
        state=accounts.STATES[state],
        **rest,
    )


def _case(
    *,
    payload: bytes | None,
    payload_sha256: bytes,
    settled: int,
    topic: bytes,
    **rest: Any,  # noqa: ANN401 - columns
) -> Case:
    return Case(
        entry=_entry(topic=topic, **rest),
        topic=topic,
        payload=payload,
        payload_sha256=payload_sha256,
        settled=settled,
    )
