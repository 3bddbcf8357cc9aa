"""What analyses of bridges leave behind, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from psycopg.rows import class_row, kwargs_row

from twin.model.finding_steps import OpenFindings, StoredFinding, moved
from twin.model.monitoring import (
    AnalysisOutcome,
    BridgeEvent,
    EventKind,
    Kept,
    StateRecord,
    TrainedModel,
)
from twin.store import keeping
from twin.store.postgres.book import PostgresBook
from twin.store.postgres.bridge_rows import (
    event_columns,
    event_row,
    model_columns,
    model_row,
    state_columns,
    state_row,
)
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.finding_rows import (
    append_steps,
    read_finding,
    read_findings,
    state_finding,
)
from twin.store.postgres.queries import query
from twin.store.postgres.write import Writer
from twin.store.text import is_storable, require_storable


class PostgresBridges:
    """`twin.ports.BridgeShelf` in PostgreSQL.

    Parameters
    ----------
    writer
        Records derived readings, on a connection that no other thread records with.
    """

    def __init__(self, connections: Connections, writer: Writer) -> None:
        self.book = PostgresBook(connections)
        self._connections = connections
        self._writer = writer
        self._batches = keeping.OutcomeBatches()

    def keep(self, outcome: AnalysisOutcome, *, at: datetime) -> Kept:
        """Keep an outcome with its derived readings, all of it or nothing."""
        parts = (outcome.events, outcome.states, outcome.models, outcome.findings)
        require_storable(parts, what="outcome")
        written: list[dict[str, Any]] = []

        def write(connection: Connection) -> None:
            written.append(_write(connection, outcome, at=at))

        result = self._writer.record(self._batches.batch(outcome), also=write)
        return Kept(
            readings=result.stored,
            corrected=result.corrected,
            quarantined=result.quarantined,
            **written[-1],
        )

    def state(self, asset_id: str, name: str) -> StateRecord | None:
        """State of an estimator, or None."""
        values = {"asset_id": asset_id, "name": name}
        if not all(is_storable(text) for text in values.values()):
            return None
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(state_row))
            return cursor.execute(query("select_bridge_state"), values).fetchone()

    def states(self, name: str) -> Sequence[StateRecord]:
        """States of this name, by asset."""
        if not is_storable(name):
            return ()
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(state_row))
            found = cursor.execute(query("select_bridge_states"), {"name": name}).fetchall()
        return tuple(sorted(found, key=lambda state: state.asset_id))

    def expire_states(self, *, before: datetime) -> int:
        """Delete superseded states that were not kept anew since; how many."""
        with self._connections.use() as connection:
            row = connection.execute(query("expire_states"), {"before": before}).fetchone()
        return 0 if row is None else int(str(row[0]))

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
        if not is_storable(asset_id):
            return ()
        values = {
            "asset_id": asset_id,
            "kind": kind,
            "start": start,
            "end": end,
            "limit": max(limit, 0),
        }
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(event_row))
            return tuple(cursor.execute(query("select_bridge_events"), values))

    def findings(
        self, asset_id: str | None = None, *, only_open: bool = True, limit: int = 1000
    ) -> Sequence[StoredFinding]:
        """Findings with their log, the newest first."""
        if not is_storable(asset_id or ""):
            return ()
        values = {"asset_id": asset_id, "only_open": only_open, "limit": max(limit, 0)}
        with self._connections.use() as connection, connection.transaction():
            return read_findings(connection, "select_findings", values)

    def open_findings(self) -> Sequence[OpenFindings]:
        """How many findings are open, all of them, by asset, severity and cause."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=class_row(OpenFindings))
            return cursor.execute(query("count_open_findings")).fetchall()

    def finding(self, finding_id: int) -> StoredFinding:
        """One finding; RegistryError if there is none."""
        with self._connections.use() as connection, connection.transaction():
            return read_finding(connection, finding_id)

    def move_finding(
        self, finding_id: int, stage: str, *, person: str, reason: str, at: datetime
    ) -> StoredFinding:
        """Take a finding to the next stage and log who did it and why."""
        require_storable((person, reason), what="step of a finding")
        with self._connections.use() as connection, connection.transaction():
            before = read_finding(connection, finding_id, is_locked=True)
            stored = moved(before, stage, person=person, reason=reason, at=at)
            append_steps(connection, stored, after=len(before.steps))
            connection.execute(query("notify_change"), {"topic": f"finding {finding_id}"})
            return stored

    def models(self, asset_id: str | None = None) -> Sequence[TrainedModel]:
        """All trained models, by asset, name and version."""
        if not is_storable(asset_id or ""):
            return ()
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(model_row))
            found = cursor.execute(query("select_bridge_models"), {"asset_id": asset_id}).fetchall()
        return tuple(sorted(found, key=lambda one: (one.asset_id, one.name, one.version)))


def _write(connection: Connection, outcome: AnalysisOutcome, *, at: datetime) -> dict[str, Any]:
    """Write all but the readings; what became of it, as fields of `Kept`."""
    _check(connection, outcome)
    findings = [state_finding(connection, finding, at=at) for finding in outcome.findings]
    kept = {
        "events": _insert(connection, "insert_bridge_event", map(event_columns, outcome.events)),
        "states": _insert(
            connection,
            "upsert_bridge_state",
            [state_columns(state, at=at) for state in outcome.states],
        ),
        "models": _insert(connection, "insert_bridge_model", map(model_columns, outcome.models)),
        "findings": tuple(number for number in findings if number is not None),
    }
    known = _stored_models(connection, outcome.models)
    for model in outcome.models:
        if known[model.asset_id, model.name, model.version] != model:
            raise keeping.another_model(model)
    if any(kept.values()):
        connection.execute(query("notify_change"), {"topic": "bridges"})
    return kept


def _check(connection: Connection, outcome: AnalysisOutcome) -> None:
    named = keeping.named_assets(outcome)
    if named:
        rows = connection.execute(query("select_known_assets"), {"ids": list(named)})
        keeping.require_assets(named, {str(name) for (name,) in rows})
    numbers = sorted(set(outcome.readings.number.tolist()))
    if numbers:
        rows = connection.execute(query("select_number_sources"), {"numbers": numbers})
        keeping.require_derived(outcome, dict(cast("list[tuple[int, str]]", rows.fetchall())))


def _insert(connection: Connection, name: str, rows: Any) -> int:  # noqa: ANN401 - columns
    listed = list(rows)
    if not listed:
        return 0
    cursor = connection.cursor()
    cursor.executemany(query(name), listed)
    return cursor.rowcount


def _stored_models(
    connection: Connection, models: Sequence[TrainedModel]
) -> dict[tuple[str, str, int], TrainedModel]:
    found: dict[tuple[str, str, int], TrainedModel] = {}
    for asset_id in {model.asset_id for model in models}:
        cursor = connection.cursor(row_factory=kwargs_row(model_row))
        for model in cursor.execute(query("select_bridge_models"), {"asset_id": asset_id}):
            found[model.asset_id, model.name, model.version] = model
    return found
