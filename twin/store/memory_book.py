"""The inventory of bridges in the store in memory."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

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
from twin.store.text import require_storable


class MemoryBook:
    """`twin.ports.RecordBook` in memory; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[StoredRecord] = []
        self._files: dict[str, bytes] = {}
        self._attachments: list[StoredAttachment] = []
        self._work: dict[int, StoredWorkItem] = {}

    def add(self, records: Sequence[InventoryRecord], *, at: datetime) -> int:
        """Record all of them or none; returns how many were new."""
        require_sound(records)
        require_storable(tuple(records), what="record")
        with self._lock:
            before = len(self._records)
            for record in records:
                same = [one for one in self._records if _same_object(one.record, record)]
                if not keeping.is_known(record, same):
                    self._records.append(StoredRecord(len(self._records) + 1, record, at))
            return len(self._records) - before

    def records(
        self,
        asset_id: str | None = None,
        kind: str | None = None,
        *,
        known_at: datetime | None = None,
        as_of: date | None = None,
    ) -> Sequence[StoredRecord]:
        """Record in force of every object, by asset, kind, part and key."""
        newest: dict[tuple[str, str, str, str], StoredRecord] = {}
        with self._lock:
            listed = list(self._records)
        for stored in listed:
            record = stored.record
            if asset_id not in (None, record.asset_id) or kind not in (None, record.kind):
                continue
            if known_at is not None and stored.recorded_at > known_at:
                continue
            if as_of is not None and record.as_of is not None and record.as_of > as_of:
                continue
            key = keeping.object_of(record)
            if key not in newest or keeping.standing(stored) > keeping.standing(newest[key]):
                newest[key] = stored
        return tuple(newest[key] for key in sorted(newest))

    def versions(self, asset_id: str, kind: str, key: str, *, part: str) -> Sequence[StoredRecord]:
        """Everything that was ever recorded of one object, in order of recording."""
        wanted = (asset_id, kind, part, key)
        with self._lock:
            return tuple(one for one in self._records if keeping.object_of(one.record) == wanted)

    def attach(self, attachment: Attachment, content: bytes, *, at: datetime) -> StoredAttachment:
        """Keep a file under its SHA-256; the same again is the same."""
        require_storable(attachment, what="attachment")
        sha256 = keeping.sha256_of(content)
        with self._lock:
            for known in self._attachments:
                if known.sha256 == sha256 and _same_place(known.attachment, attachment):
                    return known
            self._files.setdefault(sha256, content)
            number = len(self._attachments) + 1
            stored = StoredAttachment(number, attachment, sha256, len(content), at)
            self._attachments.append(stored)
            return stored

    def attachments(self, asset_id: str) -> Sequence[StoredAttachment]:
        """What is attached to an asset, in order of recording."""
        with self._lock:
            return tuple(one for one in self._attachments if one.attachment.asset_id == asset_id)

    def attached(self, sha256: str) -> bytes | None:
        """File by its SHA-256, or None."""
        with self._lock:
            content = self._files.get(sha256)
        return None if content is None else keeping.require_hash(content, sha256)

    def note_work(self, source: str, items: Sequence[WorkItem], *, at: datetime) -> None:
        """Make these the open work items of a source."""
        require_storable(tuple(items), what="work item")
        with self._lock:
            known = {
                number: stored.item
                for number, stored in self._work.items()
                if stored.item.source == source and stored.cleared_at is None
            }
            new, cleared = keeping.work_changes(known, items)
            for number in cleared:
                self._work[number] = replace(self._work[number], cleared_at=at)
            for item in new:
                number = len(self._work) + 1
                self._work[number] = StoredWorkItem(number, item, at)

    def work_list(
        self, *, asset_id: str | None = None, only_open: bool = True, limit: int
    ) -> Sequence[StoredWorkItem]:
        """Work items, the newest first."""
        with self._lock:
            found = [
                stored
                for stored in self._work.values()
                if asset_id in (None, stored.item.asset_id)
                and not (only_open and stored.cleared_at)
            ]
        found.sort(key=lambda stored: (stored.found_at, stored.id), reverse=True)
        return tuple(found[: max(limit, 0)])


def _same_object(one: InventoryRecord, other: InventoryRecord) -> bool:
    return keeping.object_of(one) == keeping.object_of(other)


def _same_place(one: Attachment, other: Attachment) -> bool:
    return (one.asset_id, one.part, one.kind, one.key, one.name) == (
        other.asset_id,
        other.part,
        other.kind,
        other.key,
        other.name,
    )
