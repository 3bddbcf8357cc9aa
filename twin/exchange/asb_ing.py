"""Inventory lists with the names of ASB-ING become records, and a list of what is doubtful.

Pure: bytes in, records and work items out. Nothing is corrected silently, no grade is computed.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from twin.errors import ModelError
from twin.exchange.asb_doubts import (
    Place,
    Reading,
    note_doubts,
    note_lost_zeros,
    note_scaled_grades,
    without_contradictions,
)
from twin.exchange.asb_mapping import Column, FileMapping, InventoryMapping
from twin.exchange.asb_tables import Table, TableRow, read_table
from twin.exchange.asb_values import CellForm, hints_of, read_cell
from twin.exchange.spreadsheet import is_spreadsheet, read_sheet
from twin.model.asb import field_by_asb, fields_of
from twin.model.bridge import Restriction
from twin.model.inspection import Condition
from twin.model.provenance import Provenance, ProvenanceKind
from twin.model.record_keys import record_key
from twin.model.records import (
    CONTENTS,
    UNIT_OF_RESTRICTION,
    Content,
    InventoryRecord,
    RecordKind,
    WorkItem,
    problems_of,
    problems_of_record,
)

UNIT_SUSPECTS = frozenset({"crack_width_mm", "width_m", "total_width_m"})
_NUMBER_AND_PART = re.compile(r"(\d+)-([A-Za-z]?\d+)")
_ZONE_EASTINGS = range(30_000_000, 36_000_000)
_ZONE = 1_000_000


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file."""

    name: str
    kind: RecordKind
    encoding: str
    rows: int
    records: int
    unused_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Records of some lists, what is doubtful in them, and a report per file."""

    records: tuple[InventoryRecord, ...]
    items: tuple[WorkItem, ...]
    files: tuple[FileReport, ...]


def read_inventory(
    files: Mapping[str, bytes],
    mapping: InventoryMapping,
    *,
    known_numbers: Collection[str] = (),
) -> Inventory:
    """Records from the files of an inventory, and everything that a person should clear up.

    Parameters
    ----------
    files
        Content of each file by its name.
    mapping
        How they are read.
    known_numbers
        Numbers of structures that are known already, to see where leading zeros were lost.

    Raises
    ------
    ModelError
        If a file cannot be read at all; then nothing of any file is taken over.
    """
    found: list[tuple[Reading, Table, list[tuple[TableRow, InventoryRecord]]]] = []
    for name, content in files.items():
        for mapped in mapping.files_for(name):
            table = _table(name, content, mapping, mapped)
            reading = Reading(name, mapping, mapped)
            found.append((reading, table, _records(reading, table)))
    numbers = {record.asset_id for _, _, rows in found for _, record in rows}
    note_lost_zeros(found, {*numbers, *known_numbers, *mapping.assets})
    return Inventory(
        records=tuple(record for _, _, rows in found for _, record in rows),
        items=tuple(_once(item for reading, _, _ in found for item in reading.items)),
        files=tuple(
            FileReport(
                name=reading.name,
                kind=reading.kind,
                encoding=table.encoding,
                rows=len(table.rows),
                records=len(rows),
                unused_columns=_unused(reading, table),
            )
            for reading, table, rows in found
        ),
    )


def _table(name: str, content: bytes, mapping: InventoryMapping, mapped: FileMapping) -> Table:
    """Rows of a file as its entry in the mapping says."""
    if is_spreadsheet(name):
        return read_sheet(
            name,
            content,
            sheet=mapped.sheet,
            header_row=mapped.header_row,
            decimal=mapping.form.decimal,
            dates=mapping.form.dates,
        )
    return read_table(
        name,
        content,
        delimiter=mapped.delimiter,
        encoding=mapped.encoding,
        header_row=mapped.header_row,
    )


def _once(items: Iterable[WorkItem]) -> Iterator[WorkItem]:
    """Work items; what concerns the number of a structure is said once of each, or of each row."""
    said: set[tuple[object, ...]] = set()
    for item in items:
        if item.code in ("not_on_map", "number_changed"):
            where = (item.source, item.row) if item.code == "number_changed" else ()
            named = (item.code, item.asset_id, *where)
            if named in said:
                continue
            said.add(named)
        yield item


def _records(reading: Reading, table: Table) -> list[tuple[TableRow, InventoryRecord]]:
    columns = _columns(reading, table)
    _require_ids(reading, table)
    note_scaled_grades(reading, table, columns)
    found: list[tuple[TableRow, InventoryRecord]] = []
    for row in table.rows:
        place = _place(reading, row)
        if place is None:
            continue
        record = _record(reading, row, place, columns)
        if record is not None:
            found.append((row, record))
    return without_contradictions(reading, found)


def _columns(reading: Reading, table: Table) -> Mapping[str, Column]:
    """Where each column goes: as the mapping says, else by its name in ASB-ING."""
    missing = sorted(set(reading.mapped.columns) - set(table.columns))
    if missing:
        raise ModelError(
            f"{reading.name} has no column {', '.join(missing)}; it has: "
            f"{', '.join(table.columns)}; correct the mapping"
        )
    known = hints_of(reading.kind)
    found: dict[str, Column] = {}
    for name in table.columns:
        one = field_by_asb(reading.kind, name) or fields_of(reading.kind).get(name)
        if name in reading.mapped.columns:
            found[name] = reading.mapped.columns[name]
        elif one is not None and one.name in known:
            found[name] = Column(one, reading.mapping.form)
    return found


def _unused(reading: Reading, table: Table) -> tuple[str, ...]:
    used = {*_columns(reading, table), *reading.mapped.id_columns, reading.mapped.x}
    used |= set(reading.mapping.row_columns.values())
    return tuple(name for name in table.columns if name and name not in {*used, reading.mapped.y})


def _require_ids(reading: Reading, table: Table) -> None:
    first = reading.mapped.id_columns[0]
    if first not in table.columns:
        raise ModelError(
            f"{reading.name} has no column {first!r}, so no row says which structure it means; "
            "name the columns with `id` in the mapping"
        )


def _place(reading: Reading, row: TableRow) -> Place | None:
    ids = [row.cells.get(name, "") for name in reading.mapped.id_columns]
    number, part = ids[0], ids[1] if len(ids) > 1 else ""
    split = _NUMBER_AND_PART.fullmatch(number)
    if split and not part:
        number, part = split[1], split[2]
    if not number:
        nobody = Place("", "", "")
        reading.note(row, nobody, "row_refused", "the number of the structure is missing")
        return None
    linked = reading.mapping.assets
    name = f"{number}-{part}" if part else number
    asset_id = linked.get(name) or linked.get(number)
    return Place(number, part, asset_id or number, is_linked=asset_id is not None)


def _record(
    reading: Reading, row: TableRow, place: Place, columns: Mapping[str, Column]
) -> InventoryRecord | None:
    values, notes, suspects = _values(reading, row, place, columns)
    content = _content(reading, row, place, values)
    if content is None:
        return None
    note_doubts(reading, row, place, content, columns)
    problems = [*suspects, *problems_of(content)]
    if problems:
        is_unit = any(problem.split(" ")[0] in UNIT_SUSPECTS for problem in problems)
        code = "unit_suspect" if is_unit else "row_refused"
        detail = f"{place.name}: {'; '.join(problems)}; correct the list and import it again"
        reading.note(row, place, code, detail)
        return None
    origin = _origin(reading, row, place)
    if origin is None:
        return None
    provenance, as_of = origin
    record = InventoryRecord(
        asset_id=place.asset_id,
        kind=reading.kind,
        part=place.part,
        key=record_key(reading.kind, content),
        content=content,
        provenance=provenance,
        licence=reading.mapping.licence,
        as_of=as_of,
        notes=notes,
    )
    wrong = problems_of_record(record)
    if wrong:
        detail = f"{place.name}: {'; '.join(wrong)}; correct the list and import it again"
        reading.note(row, place, "row_refused", detail)
        return None
    return record


def _origin(reading: Reading, row: TableRow, place: Place) -> tuple[Provenance, date | None] | None:
    """Provenance and date of a row: its own columns, else what the mapping says of all rows."""
    mapping = reading.mapping
    own = {
        name: row.cells[column]
        for name, column in mapping.row_columns.items()
        if row.cells.get(column)
    }
    as_of = mapping.as_of
    try:
        if "as_of" in own:
            as_of = date.fromisoformat(own["as_of"])
        sources = own.get("source", mapping.source or reading.name)
        provenance = Provenance(
            cast("ProvenanceKind", own.get("provenance", mapping.provenance)),
            by=own.get("by", mapping.by),
            references=tuple(source.strip() for source in sources.split("|")),
        )
    except ValueError as error:
        reading.note(row, place, "row_refused", f"{place.name}: {error}")
        return None
    return provenance, as_of


def _values(
    reading: Reading, row: TableRow, place: Place, columns: Mapping[str, Column]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Values by field, remarks on those that are missing, and problems of units."""
    values: dict[str, Any] = {}
    notes: dict[str, str] = {}
    suspects: list[str] = []
    hints = hints_of(reading.kind)
    for name, column in columns.items():
        target = column.field
        text = row.cells[name]
        if target.name in ("east_m", "north_m"):
            continue
        if reading.kind == "restriction" and target.name == "value":
            values |= _extent(text, column)
            continue
        read = read_cell(text, target, hints[target.name], column.form)
        if read.code == "unit_suspect":
            suspects.append(f"{target.name} {read.detail}")
        elif read.code:
            reading.note(row, place, read.code, f"{place.name}: {name}: {read.detail}", target.name)
        if read.value is not None:
            values[target.name] = read.value
        elif read.code:
            notes[target.name] = read.detail
    if reading.kind == "part_structure":
        values |= _position(reading, row, place)
    return values, notes, suspects


def _extent(text: str, column: Column) -> dict[str, Any]:
    """Extent of a restriction with its unit, such as ``16 t``."""
    plain = dataclasses.replace(column.form, unit="")
    read = read_cell(text, column.field, float, plain)
    return {} if read.value is None else {"value": read.value, "unit": read.unit}


def _position(reading: Reading, row: TableRow, place: Place) -> dict[str, Any]:
    """Easting and northing, if they can be meant as they are written."""
    mapping, mapped = reading.mapping, reading.mapped
    if mapped.x not in row.cells or mapped.y not in row.cells:
        return {}
    table = fields_of("part_structure")
    pair = [
        read_cell(row.cells[name], table[target], float, CellForm("m", 1.0, *_signs(mapping)))
        for name, target in ((mapped.x, "east_m"), (mapped.y, "north_m"))
    ]
    east, north = (one.value for one in pair)
    if east is not None and int(east) in _ZONE_EASTINGS:
        prefix = int(east) // _ZONE
        if prefix != mapping.zone_prefix:
            reading.note(
                row,
                place,
                "needs_confirmation",
                f"{place.name}: easting {east:.0f} carries a zone prefix ({prefix}); confirm it "
                f"with `zone_prefix = {prefix}` in the mapping",
                "east_m",
            )
            return {}
        east -= prefix * _ZONE
    if east is None or north is None:
        return {}
    is_possible = all(
        known.lower is None or known.upper is None or known.lower <= value <= known.upper
        for value, known in ((east, table["east_m"]), (north, table["north_m"]))
    )
    if not is_possible:
        detail = f"{place.name}: position {east:g}, {north:g} is not possible; it is never drawn"
        reading.note(row, place, "sentinel", detail, "east_m")
        return {}
    crs = f"EPSG:{mapping.crs}" if mapping.crs else ""
    return {"east_m": east, "north_m": north, "crs": crs}


def _signs(mapping: InventoryMapping) -> tuple[str, str]:
    return mapping.form.decimal, mapping.form.thousands


def _content(
    reading: Reading, row: TableRow, place: Place, values: dict[str, Any]
) -> Content | None:
    """Object of the inventory; None with a work item if what it must have is missing."""
    kind = reading.kind
    given = dict(values)
    if kind in ("structure", "part_structure"):
        given["number"] = place.number
    if kind == "part_structure":
        given["part"] = place.part
    inner = {
        name.partition(".")[2]: given.pop(name)
        for name in list(given)
        if name.startswith("condition.")
    }
    if inner:
        given["condition"] = Condition(**inner)
    needed = [
        item.name
        for item in dataclasses.fields(CONTENTS[kind])
        if item.default is dataclasses.MISSING and item.name not in given
    ]
    if needed:
        labels = [fields_of(kind)[name].asb or name for name in needed]
        detail = f"{place.name}: {', '.join(labels)} missing or not readable"
        reading.note(row, place, "row_refused", detail)
        return None
    content = CONTENTS[kind](**given)
    if isinstance(content, Restriction) and not content.unit and content.value is not None:
        content = dataclasses.replace(content, unit=UNIT_OF_RESTRICTION.get(content.kind, ""))
    return content


def report_lines(inventory: Inventory) -> Sequence[str]:
    """What was read, in sentences: per file, then every doubtful row."""
    lines = [
        f"{one.name}: {one.rows} rows, {one.records} {one.kind} records ({one.encoding})"
        + (f"; not used: {', '.join(one.unused_columns)}" if one.unused_columns else "")
        for one in inventory.files
    ]
    counts = Counter(item.code for item in inventory.items)
    for code, count in sorted(counts.items()):
        lines.append(f"{count} {code}")
        lines += [
            f"    {item.source}{'' if item.row is None else f', row {item.row}'}: {item.detail}"
            for item in inventory.items
            if item.code == code
        ]
    return tuple(lines)
