"""What is doubtful in the rows of an inventory list, and what a person should clear up."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from twin.exchange.asb_mapping import Column, FileMapping, InventoryMapping
from twin.exchange.asb_tables import Table, TableRow
from twin.model.bridge import PartStructure
from twin.model.inspection import Condition, Inspection, band_of, grade_bands
from twin.model.records import Content, InventoryRecord, RecordKind, WorkItem

IN_WORK = "4"
NEEDED = MappingProxyType({"part_structure": ("length_m", "deck_area_m2")})
"""Fields whose absence is a work item; analyses of a bridge begin with them."""

Found = Sequence[tuple[TableRow, InventoryRecord]]
"""Records of one file with their rows."""


@dataclass(frozen=True, slots=True)
class Place:
    """The structure and part structure that a row speaks of, and its asset."""

    number: str
    part: str
    asset_id: str
    is_linked: bool = True

    @property
    def name(self) -> str:
        """Number of the structure, and of the part if there is one."""
        return f"{self.number}-{self.part}" if self.part else self.number


@dataclass(slots=True)
class Reading:
    """One file while it is read."""

    name: str
    mapping: InventoryMapping
    mapped: FileMapping
    items: list[WorkItem] = field(default_factory=list)

    @property
    def kind(self) -> RecordKind:
        """Kind of record that the file holds."""
        return cast("RecordKind", self.mapped.kind)

    def note(self, row: TableRow, part: Place, code: str, detail: str, name: str = "") -> None:
        """Add a work item of a row."""
        self.items.append(
            WorkItem(self.name, code, detail, part.asset_id, part.part, name, row.number)
        )


def note_doubts(
    reading: Reading,
    row: TableRow,
    place: Place,
    content: Content,
    columns: Mapping[str, Column],
) -> None:
    """What is possible and still not as it should be."""
    there = {column.field.name: column.field for column in columns.values()}
    missing = [
        there[name]
        for name in NEEDED.get(reading.kind, ())
        if name in there and getattr(content, name) is None
    ]
    if missing:
        names = " and ".join(one.asb.partition("_")[2] for one in missing)
        reading.note(row, place, "value_missing", f"{place.name}: {names} missing")
    if isinstance(content, Inspection):
        if not content.kind:
            detail = f"{place.name}: Pruefart missing; it counts for no due date"
            reading.note(row, place, "value_missing", detail, "kind")
        if content.status == IN_WORK and content.end is None:
            detail = f"{place.name}: inspection in work (status 4) without an end date"
            reading.note(row, place, "incomplete", detail, "end")
        _note_band(reading, row, place, content.condition)
    has_parts = len(reading.mapped.id_columns) > 1
    if isinstance(content, PartStructure) and not place.part and has_parts:
        reading.note(row, place, "value_missing", f"{place.name}: Teilbauwerksnummer missing")
    if not place.is_linked and reading.kind in ("structure", "part_structure"):
        detail = (
            f"{place.name}: no asset of the map belongs to it; link it under [inventory.assets]"
        )
        reading.note(row, place, "not_on_map", detail)


def _note_band(reading: Reading, row: TableRow, place: Place, condition: Condition | None) -> None:
    if condition is None or condition.grade is None or not condition.band:
        return
    named = band_of(condition.grade)
    if named is not None and named.key != condition.band:
        said = grade_bands()[condition.band].german
        detail = (
            f"{place.name}: the words {said!r} contradict the grade {condition.grade:g}; the "
            "grade was kept"
        )
        reading.note(row, place, "contradiction", detail, "condition.band")


def note_scaled_grades(reading: Reading, table: Table, columns: Mapping[str, Column]) -> None:
    """A column of grades written as 10 to 40 needs somebody to confirm what that means."""
    for name, column in columns.items():
        cells = [row.cells[name] for row in table.rows if row.cells[name]]
        is_grade = column.field.name == "condition.grade" and column.form.scale == 1.0
        tens = [cell for cell in cells if re.fullmatch(r"[1-3]\d|40", cell)]
        if is_grade and tens and len(tens) == len(cells):
            reading.items.append(
                WorkItem(
                    reading.name,
                    "needs_confirmation",
                    f"{name} holds whole numbers from {min(tens)} to {max(tens)}; if they are "
                    "tenths, confirm it with `scale = 0.1` for this column",
                    field=column.field.name,
                )
            )


def without_contradictions(
    reading: Reading, found: Sequence[tuple[TableRow, InventoryRecord]]
) -> list[tuple[TableRow, InventoryRecord]]:
    """Rows of one object that say different things are all left out, and all listed."""
    by_object: dict[tuple[str, str, str], list[tuple[TableRow, InventoryRecord]]] = {}
    for row, record in found:
        by_object.setdefault((record.asset_id, record.part, record.key), []).append((row, record))
    kept: list[tuple[TableRow, InventoryRecord]] = []
    for rows in by_object.values():
        first = rows[0][1]
        if all(record.content == first.content for _, record in rows):
            kept.append(rows[0])
            continue
        listed = ", ".join(str(row.number) for row, _ in rows)
        for row, record in rows:
            place = Place(record.asset_id, record.part, record.asset_id)
            detail = (
                f"{place.name}: the rows {listed} name the same {record.kind} {record.key!r} and "
                "differ; none was taken over"
            )
            reading.note(row, place, "duplicate", detail)
    return kept


def note_lost_zeros(
    found: Sequence[tuple[Reading, Table, list[tuple[TableRow, InventoryRecord]]]],
    numbers: Collection[str],
) -> None:
    """Numbers that some other list knows with leading zeros; a match is proposed, not made."""
    for reading, _, rows in found:
        for row, record in rows:
            match = next(
                (
                    one
                    for one in numbers
                    if one != record.asset_id and one.lstrip("0") == record.asset_id
                ),
                None,
            )
            if match is not None:
                place = Place(record.asset_id, record.part, record.asset_id)
                detail = (
                    f"{place.name} seems to be {match} without its leading zeros; the match is "
                    "proposed, not made: write the number as text"
                )
                reading.note(row, place, "number_changed", detail)
