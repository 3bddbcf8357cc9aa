"""Bases of the traffic model and files of runs in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import kwargs_row, scalar_row

from twin.errors import StoreError
from twin.model.bases import BaseFacts, StoredBase, is_same
from twin.model.scenarios import Run
from twin.model.traffic_state import TrafficState
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.inventory import provenance_columns, provenance_of
from twin.store.postgres.queries import query
from twin.store.postgres.runs import run_row
from twin.store.postgres.traffic_parts import insert_parts, read_part
from twin.store.refusals import unknown_base
from twin.store.text import is_storable, require_storable


class PostgresTraffic:
    """`twin.ports.TrafficShelf` in PostgreSQL."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def keep_base(
        self, facts: BaseFacts, parts: Mapping[str, bytes], *, at: datetime
    ) -> StoredBase:
        """Keep a base under the next version of its name; the same again stays as it is."""
        require_storable(facts, what="base")
        values = _columns(facts, at)
        with self._connections.use() as connection, connection.transaction():
            connection.execute(query("lock_bases"))
            known = _one(connection, "select_newest_base", {"name": facts.name})
            if known is not None and is_same(known.facts, facts):
                names = connection.execute(query("select_part_names"), {"base_id": known.id})
                if {str(name) for (name,) in names} == set(parts):
                    return known
            base = _one(connection, "insert_base", values)
            if base is None:
                raise StoreError(f"the base {facts.name!r} was not stored; store it again")
            insert_parts(connection, "insert_base_part", base.id, parts)
            connection.execute(query("notify_change"), {"topic": f"base {base.id}"})
            return base

    def bases(self) -> Sequence[StoredBase]:
        """Newest version of every base, by name."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_base))
            rows = cursor.execute(query("select_bases")).fetchall()
        return tuple(sorted(rows, key=lambda base: base.facts.name))

    def base(self, content_hash: str) -> StoredBase:
        """Base with this content; RegistryError if there is none."""
        base = None
        if is_storable(content_hash):
            with self._connections.use() as connection:
                base = _one(connection, "select_base", {"content_hash": content_hash})
        if base is None:
            raise unknown_base(content_hash)
        return base

    def base_part(self, base_id: int, part: str) -> bytes | None:
        """File of a base, or None if it has none of this name."""
        with self._connections.use() as connection:
            return read_part(connection, "select_base_part", base_id, part)

    def run_part(self, run_id: int, part: str) -> bytes | None:
        """File of a run, or None if it has none of this name."""
        with self._connections.use() as connection:
            return read_part(connection, "select_run_part", run_id, part)

    def run_parts(self, run_id: int) -> Mapping[str, int]:
        """Names and sizes [bytes] of the files of a run."""
        with self._connections.use() as connection:
            rows = connection.execute(query("select_run_parts"), {"run_id": run_id})
            return {str(part): int(str(size)) for part, size in rows}

    def runs(self, *, limit: int, below: int | None = None) -> Sequence[Run]:
        """Runs, the newest first, or below an id by falling id."""
        values = {"limit": max(limit, 0), "below": below}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(run_row))
            return tuple(cursor.execute(query("select_runs"), values))

    def waiting(self, *, most: int) -> int:
        """How many runs wait for a worker; counted up to ``most``."""
        with self._connections.use() as connection:
            row = connection.execute(query("count_waiting"), {"most": most}).fetchone()
        return 0 if row is None else int(str(row[0]))

    def keep_snapshot(self, sha256: str, content: bytes, *, at: datetime) -> None:
        """Keep the bridges of a question by their hash; the same again is the same."""
        values = {"sha256": sha256, "kept_at": at, "content": content}
        with self._connections.use() as connection:
            connection.execute(query("insert_bridge_snapshot"), values)

    def snapshot(self, sha256: str) -> bytes | None:
        """Bridges kept under a hash, or None."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=scalar_row)
            cursor.execute(query("select_bridge_snapshot"), {"sha256": sha256})
            content: bytes | None = cursor.fetchone()
        return content

    def keep_state(self, state: TrafficState) -> None:
        """Keep what was computed of the running traffic, in place of the one before."""
        require_storable(state, what="state of the traffic")
        values = {
            "kind": state.kind,
            "subject": state.subject,
            "made_at": state.made_at,
            "content": state.content,
        }
        with self._connections.use() as connection:
            connection.execute(query("upsert_traffic_state"), values)

    def states(self, kind: str = "") -> Sequence[TrafficState]:
        """Newest states, of one kind or all, by kind and subject."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_state))
            return tuple(cursor.execute(query("select_traffic_states"), {"kind": kind}))

    def expire(
        self, *, before: datetime, kept_bases: int, answers_before: datetime | None = None
    ) -> tuple[int, int]:
        """Delete old runs as the port says, and old bases without runs."""
        values = {"before": before, "kept_bases": kept_bases}
        answered = 0
        with self._connections.use() as connection:
            if answers_before is not None:
                gone = connection.execute(query("expire_answers"), {"before": answers_before})
                answered = sum(int(str(count)) for (count,) in gone)
            row = connection.execute(query("expire_runs"), values).fetchone()
            connection.execute(query("expire_snapshots"), {"before": before})
        return (answered, 0) if row is None else (answered + int(str(row[0])), int(str(row[1])))


def _one(connection: Connection, name: str, values: dict[str, Any]) -> StoredBase | None:
    return connection.cursor(row_factory=kwargs_row(_base)).execute(query(name), values).fetchone()


def _columns(facts: BaseFacts, at: datetime) -> dict[str, Any]:
    return {
        "name": facts.name,
        "content_hash": facts.content_hash,
        "made_at": at,
        "engine": facts.engine,
        "engine_version": facts.engine_version,
        "figure_names": list(facts.figures),
        "figure_values": [float(value) for value in facts.figures.values()],
        "unit_names": list(facts.units),
        "unit_values": list(facts.units.values()),
        "assumptions": list(facts.assumptions),
        **provenance_columns(facts.provenance),
    }


def _state(**columns: Any) -> TrafficState:  # noqa: ANN401 - columns
    made_at: datetime = columns.pop("made_at")
    return TrafficState(made_at=made_at.astimezone(UTC), **columns)


def _base(**columns: Any) -> StoredBase:  # noqa: ANN401 - columns
    figures = zip(columns["figure_names"], columns["figure_values"], strict=True)
    facts = BaseFacts(
        name=columns["name"],
        content_hash=columns["content_hash"],
        engine=columns["engine"],
        engine_version=columns["engine_version"],
        figures=dict(figures),
        units=dict(zip(columns["unit_names"], columns["unit_values"], strict=True)),
        assumptions=tuple(columns["assumptions"]),
        provenance=provenance_of(columns),
    )
    made_at: datetime = columns["made_at"]
    return StoredBase(columns["id"], columns["version"], made_at.astimezone(UTC), facts)
