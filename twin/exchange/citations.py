"""References, provenance and attributes of a city folder."""

import csv
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import get_args

from twin.exchange.problems import Known, Problems, suggestion
from twin.exchange.rows import Row, read_rows
from twin.model.assets import Attribute
from twin.model.provenance import Provenance, ProvenanceKind, Reference
from twin.model.quantities import quantities
from twin.model.tables import rows as table_rows

ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]*")
REASONED = ("estimated", "derived")


@cache
def attribute_units() -> frozenset[str]:
    """UCUM units that an attribute may have: those of the quantities and a few more."""
    text = (files("twin") / "exchange" / "attribute_units.csv").read_text(encoding="utf-8")
    more = {row["unit"] for row in csv.DictReader(text.splitlines())}
    converted = {row["ucum"] for row in table_rows("units")}
    return frozenset(more | converted | {item.unit for item in quantities().values()})


def read_references(folder: Path, *, known: Known, problems: Problems) -> Sequence[Reference]:
    """Rows of ``references.csv``."""
    rows = read_rows(folder, "references.csv", columns=("id", "title"), problems=problems)
    if rows is None:
        known.is_complete = False
    return tuple(
        Reference(id=row.text("id"), title=row.needed("title"), licence=row.text("licence"))
        for row in rows or ()
        if row.needed("id") and known.register(row.text("id"), row.place, problems)
    )


def provenance_of(row: Row, references: Known) -> Provenance | None:
    """Provenance from the columns provenance, references and note of a row."""
    kinds = get_args(ProvenanceKind)
    kind = row.needed("provenance")
    cited = tuple(part for part in re.split(r"[;\s]+", row.text("references")) if part)
    before = len(row.problems.lines)
    if kind and kind not in kinds:
        row.problems.add(row.place, f"provenance {kind!r} is unknown{suggestion(kind, kinds)}")
    if kind == "sourced" and not cited:
        row.problems.add(row.place, "a sourced value cites no reference; fill in references")
    if kind in REASONED and not row.text("note"):
        row.problems.add(
            row.place, f"{kind} without a reason; say in note how the value came about"
        )
    for reference in cited:
        if references.lacks(reference):
            row.problems.add(
                row.place,
                f"reference {reference!r} is not defined in references.csv"
                f"{suggestion(reference, references.places)}",
            )
    if not kind or len(row.problems.lines) > before:
        return None
    checked = next(item for item in kinds if item == kind)
    return Provenance(kind=checked, by=row.text("note"), references=cited)


def read_attributes(
    folder: Path, *, assets: Known, references: Known, problems: Problems
) -> Sequence[tuple[str, Attribute]]:
    """Rows of ``attributes.csv`` as pairs of asset id and attribute."""
    columns = ("asset", "attribute", "value", "unit", "provenance", "references", "note")
    found: list[tuple[str, Attribute]] = []
    seen = Known("attribute")
    for row in read_rows(folder, "attributes.csv", columns=columns, problems=problems) or ():
        asset = row.reference("asset", assets)
        name = row.needed("attribute")
        if name and not ATTRIBUTE_NAME.fullmatch(name):
            problems.add(
                row.place,
                f"attribute {name!r} is not a name; use small letters, digits and _, "
                "for example width_m",
            )
        seen.register(f"{asset}.{name}", row.place, problems)
        value = _value(row)
        provenance = provenance_of(row, references)
        if value is not None and provenance is not None:
            found.append((asset, Attribute(name, value, row.text("unit"), provenance)))
    return found


def _value(row: Row) -> float | str | None:
    unit = row.text("unit")
    value = row.needed("value")
    if unit and unit not in attribute_units():
        row.problems.add(
            row.place,
            f"unit {unit!r} is unknown{suggestion(unit, attribute_units())}; "
            "leave it empty for a text",
        )
        return None
    return row.number("value") if unit else value or None
