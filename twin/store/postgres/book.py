"""The inventory of bridges in PostgreSQL."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

from psycopg.rows import kwargs_row

from twin.model.records import (
    Attachment,
    InventoryRecord,
    StoredAttachment,
    StoredRecord,
    StoredWorkItem,
    WorkItem,
    require_sound,
)
from twin.store import keeping
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.inventory import provenance_columns, provenance_of
from twin.store.postgres.queries import query
from twin.store.postgres.traffic_parts import insert_parts, read_part
from twin.store.text import is_storable, require_storable

_FILE_PART = "content"


class PostgresBook:
    """`twin.ports.RecordBook` in PostgreSQL."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(self, records: Sequence[InventoryRecord], *, at: datetime) -> int:
        """Record all of them or none; returns how many were new."""
        require_sound(records)
        require_storable(tuple(records), what="record")
        added = 0
        with self._connections.use() as connection, connection.transaction():
            connection.execute(query("lock_bridge_records"))
            for record in records:
                if keeping.is_known(record, _versions(connection, record)):
                    continue
                connection.execute(query("insert_bridge_record"), _record_columns(record, at))
                added += 1
            if added:
                connection.execute(query("notify_change"), {"topic": "inventory"})
        return added

    def records(
        self,
        asset_id: str | None = None,
        kind: str | None = None,
        *,
        known_at: datetime | None = None,
        as_of: date | None = None,
    ) -> Sequence[StoredRecord]:
        """Record in force of every object, by asset, kind, part and key."""
        if not all(is_storable(text) for text in (asset_id or "", kind or "")):
            return ()
        values = {"asset_id": asset_id, "kind": kind, "known_at": known_at, "as_of": as_of}
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_record))
            found = cursor.execute(query("select_bridge_records"), values).fetchall()
        return tuple(sorted(found, key=lambda stored: keeping.object_of(stored.record)))

    def versions(self, asset_id: str, kind: str, key: str, *, part: str) -> Sequence[StoredRecord]:
        """Everything that was ever recorded of one object, in order of recording."""
        values = {"asset_id": asset_id, "kind": kind, "key": key, "part": part}
        if not all(is_storable(text) for text in values.values()):
            return ()
        with self._connections.use() as connection:
            return _read_versions(connection, values)

    def attach(self, attachment: Attachment, content: bytes, *, at: datetime) -> StoredAttachment:
        """Keep a file under its SHA-256; the same again is the same."""
        require_storable(attachment, what="attachment")
        sha256 = keeping.sha256_of(content)
        values = {
            "asset_id": attachment.asset_id,
            "part": attachment.part,
            "kind": attachment.kind,
            "key": attachment.key,
            "name": attachment.name,
            "media_type": attachment.media_type,
            "licence": attachment.licence,
            "recorded_at": at,
            **provenance_columns(attachment.provenance),
        }
        with self._connections.use() as connection:
            with connection.transaction():
                values["file_id"] = _file_id(connection, sha256, content)
                connection.execute(query("insert_attachment"), values)
            found = _attachments(connection, attachment.asset_id)
        place = ("part", "kind", "key", "name")
        return next(
            stored
            for stored in found
            if stored.sha256 == sha256
            and all(getattr(stored.attachment, name) == values[name] for name in place)
        )

    def attachments(self, asset_id: str) -> Sequence[StoredAttachment]:
        """What is attached to an asset, in order of recording."""
        if not is_storable(asset_id):
            return ()
        with self._connections.use() as connection:
            return _attachments(connection, asset_id)

    def attached(self, sha256: str) -> bytes | None:
        """File by its SHA-256, or None."""
        if not is_storable(sha256):
            return None
        with self._connections.use() as connection:
            row = connection.execute(query("select_bridge_file"), {"sha256": sha256}).fetchone()
            if row is None:
                return None
            number = cast("int", row[0])
            content = read_part(connection, "select_bridge_file_part", number, _FILE_PART)
        return keeping.require_hash(content or b"", sha256)

    def note_work(self, source: str, items: Sequence[WorkItem], *, at: datetime) -> None:
        """Make these the open work items of a source."""
        require_storable((source, *items), what="work item")
        with self._connections.use() as connection, connection.transaction():
            connection.execute(query("lock_work_items"))
            known = {
                stored.id: stored.item for stored in _work(connection, source=source, limit=None)
            }
            new, cleared = keeping.work_changes(known, items)
            if cleared:
                connection.execute(query("clear_work_items"), {"ids": cleared, "at": at})
            for item in new:
                connection.execute(query("insert_work_item"), _work_columns(item, at))

    def work_list(
        self, *, asset_id: str | None = None, only_open: bool = True, limit: int
    ) -> Sequence[StoredWorkItem]:
        """Work items, the newest first."""
        if not is_storable(asset_id or ""):
            return ()
        with self._connections.use() as connection:
            return _work(connection, asset_id=asset_id, only_open=only_open, limit=max(limit, 0))


def _versions(connection: Connection, record: InventoryRecord) -> Sequence[StoredRecord]:
    names = ("asset_id", "kind", "part", "key")
    return _read_versions(connection, {name: str(getattr(record, name)) for name in names})


def _read_versions(connection: Connection, values: Mapping[str, str]) -> Sequence[StoredRecord]:
    cursor = connection.cursor(row_factory=kwargs_row(_record))
    return tuple(cursor.execute(query("select_bridge_versions"), values))


def _record_columns(record: InventoryRecord, at: datetime) -> dict[str, Any]:
    return {
        "asset_id": record.asset_id,
        "kind": record.kind,
        "part": record.part,
        "key": record.key,
        "as_of": record.as_of,
        "recorded_at": at,
        "content": keeping.document(record.content),
        "notes": keeping.document(record.notes),
        "licence": record.licence,
        **provenance_columns(record.provenance),
    }


def _record(**columns: Any) -> StoredRecord:  # noqa: ANN401 - columns
    record = InventoryRecord(
        asset_id=columns["asset_id"],
        kind=columns["kind"],
        key=columns["key"],
        content=keeping.content_of(columns["kind"], columns["content"]),
        provenance=provenance_of(columns),
        part=columns["part"],
        licence=columns["licence"],
        as_of=columns["as_of"],
        notes=json.loads(columns["notes"]),
    )
    recorded_at: datetime = columns["recorded_at"]
    return StoredRecord(columns["id"], record, recorded_at.astimezone(UTC))


def _file_id(connection: Connection, sha256: str, content: bytes) -> int:
    """Number of a file; it is written if it is new."""
    values = {"sha256": sha256, "size_bytes": len(content)}
    row = connection.execute(query("insert_bridge_file"), values).fetchone()
    if row is None:
        row = connection.execute(query("select_bridge_file"), values).fetchone()
        return cast("tuple[int]", row)[0]
    number = cast("int", row[0])
    insert_parts(connection, "insert_bridge_file_part", number, {_FILE_PART: content})
    return number


def _attachments(connection: Connection, asset_id: str) -> Sequence[StoredAttachment]:
    cursor = connection.cursor(row_factory=kwargs_row(_attachment))
    return tuple(cursor.execute(query("select_attachments"), {"asset_id": asset_id}))


def _attachment(**columns: Any) -> StoredAttachment:  # noqa: ANN401 - columns
    attachment = Attachment(
        asset_id=columns["asset_id"],
        name=columns["name"],
        media_type=columns["media_type"],
        provenance=provenance_of(columns),
        part=columns["part"],
        kind=columns["kind"],
        key=columns["key"],
        licence=columns["licence"],
    )
    recorded_at: datetime = columns["recorded_at"]
    return StoredAttachment(
        columns["id"],
        attachment,
        columns["sha256"],
        columns["size_bytes"],
        recorded_at.astimezone(UTC),
    )


def _work(
    connection: Connection,
    *,
    limit: int | None,
    source: str | None = None,
    asset_id: str | None = None,
    only_open: bool = True,
) -> Sequence[StoredWorkItem]:
    values = {"source": source, "asset_id": asset_id, "only_open": only_open, "limit": limit}
    cursor = connection.cursor(row_factory=kwargs_row(_work_item))
    return tuple(cursor.execute(query("select_work_items"), values))


def _work_columns(item: WorkItem, at: datetime) -> dict[str, Any]:
    return {
        "source": item.source,
        "code": item.code,
        "detail": item.detail,
        "asset_id": item.asset_id,
        "part": item.part,
        "field": item.field,
        "row_number": item.row,
        "found_at": at,
    }


def _work_item(**columns: Any) -> StoredWorkItem:  # noqa: ANN401 - columns
    names = ("source", "code", "detail", "asset_id", "part", "field")
    item = WorkItem(**{name: columns[name] for name in names}, row=columns["row_number"])
    found_at: datetime = columns["found_at"]
    cleared_at: datetime | None = columns["cleared_at"]
    return StoredWorkItem(
        columns["id"],
        item,
        found_at.astimezone(UTC),
        None if cleared_at is None else cleared_at.astimezone(UTC),
    )
