"""What happened to a structure, in one order of time: what its inventory says, record by record."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from twin.model.bridge import PartStructure, Recalculation, Restriction
from twin.model.inspection import Damage, Inspection, Recommendation
from twin.model.records import Content, StoredRecord

Happening = Literal[
    "built",
    "inspection",
    "damage",
    "recommendation",
    "done",
    "due",
    "restriction",
    "lifted",
    "recalculation",
]
_LAST_DAY = (12, 31)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One happening with the record that tells of it.

    ``day`` is None where only the year is known, both are None where the source gives no time.
    """

    happening: Happening
    day: date | None
    year: int | None
    stored: StoredRecord


def timeline(records: Iterable[StoredRecord]) -> Sequence[TimelineEntry]:
    """Happenings in order of time; a year stands behind its days, what has no time at the end.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from twin.model.provenance import Provenance
    >>> from twin.model.records import InventoryRecord
    >>> closed = Restriction("3", valid_from=date(2024, 9, 11))
    >>> record = InventoryRecord("B06", "restriction", "3", closed, Provenance("estimated"))
    >>> stored = StoredRecord(1, record, datetime(2026, 11, 22, tzinfo=UTC))
    >>> [(entry.happening, str(entry.day)) for entry in timeline([stored])]
    [('restriction', '2024-09-11')]
    """
    entries = [entry for stored in records for entry in _entries(stored)]
    return tuple(sorted(entries, key=_when))


def _entries(stored: StoredRecord) -> Iterator[TimelineEntry]:
    for happening, day, year in _happenings(stored.record.content):
        yield TimelineEntry(happening, day, year if day is None else day.year, stored)


def _happenings(content: Content) -> Iterator[tuple[Happening, date | None, int | None]]:
    if isinstance(content, PartStructure) and content.year_built:
        yield "built", None, content.year_built
    elif isinstance(content, Inspection):
        yield "inspection", content.day, content.year
    elif isinstance(content, Damage):
        yield "damage", content.found_on, content.year
    elif isinstance(content, Recommendation):
        yield _recommended(content)
    elif isinstance(content, Restriction):
        if content.is_withdrawn:
            return
        yield "restriction", content.valid_from, None
        if content.valid_until:
            yield "lifted", content.valid_until, None
    elif isinstance(content, Recalculation):
        yield "recalculation", content.done_on, content.year


def _recommended(content: Recommendation) -> tuple[Happening, date | None, int | None]:
    if content.done_on:
        return "done", content.done_on, None
    return ("due" if content.due_on else "recommendation"), content.due_on, None


def _when(entry: TimelineEntry) -> tuple[date, bool, str, int]:
    if entry.day is not None:
        return entry.day, False, entry.happening, entry.stored.id
    day = date.max if entry.year is None else date(entry.year, *_LAST_DAY)
    return day, True, entry.happening, entry.stored.id
