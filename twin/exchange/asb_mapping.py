"""How the tables of one town's inventory are to be read: a saved mapping of its columns."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from twin.errors import ModelError
from twin.exchange.asb_values import FACTORS, CellForm
from twin.exchange.problems import suggestion
from twin.model.asb import Field, field_by_asb, fields_of
from twin.model.records import RECORD_KINDS, RecordKind

ENTITIES: Mapping[str, RecordKind] = MappingProxyType(
    {
        "Bauwerk": "structure",
        "Teilbauwerk": "part_structure",
        "Bruecke": "part_structure",
        "Bauteil": "component",
        "PruefungUeberwachung": "inspection",
        "Bauwerkszustand": "inspection",
        "Schaden": "damage",
        "Massnahmeempfehlung": "recommendation",
        "Verkehrseinschraenkung": "restriction",
        "NachrechnungsInfo": "recalculation",
        "AbweichenderPruefzyklus": "inspection_cycle",
        "DTV": "traffic_figure",
        "MonitoringTask": "monitoring_task",
    }
)
FORMATS = ("table", "nbi")
# Words in the name of a file that say what it holds; the first that fits counts.
_FILE_WORDS: Sequence[tuple[str, RecordKind]] = (
    ("teilbauwerk", "part_structure"),
    ("bauwerke", "structure"),
    ("zustand", "inspection"),
    ("pruefung", "inspection"),
    ("schaeden", "damage"),
    ("massnahme", "recommendation"),
    ("verkehrseinschraenkung", "restriction"),
    ("nachrechnung", "recalculation"),
    ("zyklus", "inspection_cycle"),
    ("dtv", "traffic_figure"),
    ("bauteil", "component"),
    *((kind, kind) for kind in sorted(RECORD_KINDS, key=len, reverse=True)),
)
_TOP = {
    "format": str,
    "encoding": str,
    "delimiter": str,
    "decimal": str,
    "thousands": str,
    "dates": str,
    "crs": int,
    "zone_prefix": int,
    "source": str,
    "provenance": str,
    "by": str,
    "licence": str,
    "as_of": date,
    "assets": dict,
    "rows": dict,
    "file": dict,
}
_ROWS = {"source": str, "provenance": str, "by": str, "as_of": str}
_FILE = {"path": str, "entity": str, "id": list, "x": str, "y": str, "header_row": int}
_FILE |= {"sheet": str}
_FILE |= {"columns": dict, "delimiter": str, "encoding": str}
_COLUMN = {"field": str, "unit": str, "key": str, "true": list, "false": list, "scale": float}


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column goes and how its cells are written."""

    field: Field
    form: CellForm


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How one file is read; what is empty is recognised."""

    path: str = ""
    kind: RecordKind | None = None
    id_columns: tuple[str, ...] = ("Bauwerksnummer", "Teilbauwerksnummer")
    x: str = "Ostwert"
    y: str = "Nordwert"
    header_row: int = 1
    delimiter: str = ""
    encoding: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict)
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class InventoryMapping:
    """How the tables of one town are read.

    Parameters
    ----------
    form
        How cells are written unless their column says otherwise.
    crs
        EPSG code of the positions; 0 if the list has none.
    zone_prefix
        Zone in front of eastings, once somebody has confirmed it; 0 if there is none.
    source, provenance, by, licence, as_of
        Reference that the list is, how it came about, by whom, its terms, the day it speaks of.
    assets
        Asset of the map by number of the structure, or of the part structure.
    row_columns
        Columns that say of single rows what ``source`` (several with ``|``), ``provenance``, ``by``
        and ``as_of`` say of all.
    files
        Files by their name in the mapping.
    format
        ``table``, or ``nbi`` for lists of the National Bridge Inventory.
    """

    encoding: str = ""
    delimiter: str = ""
    form: CellForm = field(default_factory=CellForm)
    crs: int = 0
    zone_prefix: int = 0
    source: str = ""
    provenance: str = "sourced"
    by: str = ""
    licence: str = ""
    as_of: date | None = None
    assets: Mapping[str, str] = field(default_factory=dict)
    row_columns: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FileMapping] = field(default_factory=dict)
    format: str = "table"

    def files_for(self, name: str) -> Sequence[FileMapping]:
        """How a file is read: as the mapping says, or as its name tells.

        One list may hold several kinds of objects: then several entries of the mapping name it.

        Raises
        ------
        ModelError
            If neither says what it holds.
        """
        plain = PurePath(name).name
        stem = PurePath(plain).stem.casefold()
        named = [(key, one) for key, one in self.files.items() if one.path == plain]
        found = (
            named
            or [
                (key, one)
                for key, one in self.files.items()
                if not one.path and key.casefold() in stem
            ][:1]
        )
        return [self._completed(one, plain, key) for key, one in found or [("", FileMapping())]]

    def _completed(self, mapped: FileMapping, name: str, key: str) -> FileMapping:
        kind = mapped.kind or kind_of_file(name) or kind_of_file(key)
        if kind is None:
            raise ModelError(
                f"{name}: nothing says what it holds; give it an `entity` in the mapping: "
                f"{', '.join(ENTITIES)}"
            )
        return replace(
            mapped,
            kind=kind,
            delimiter=mapped.delimiter or self.delimiter,
            encoding=mapped.encoding or self.encoding,
        )


def kind_of_file(name: str) -> RecordKind | None:
    """Kind of record that a file name speaks of, or None.

    Examples
    --------
    >>> kind_of_file("synthetic_teilbauwerke.csv"), kind_of_file("list.csv")
    ('part_structure', None)
    """
    stem = PurePath(name).name.casefold()
    return next((kind for word, kind in _FILE_WORDS if word in stem), None)


def read_mapping(text: str, *, name: str = "mapping.toml") -> InventoryMapping:
    """Mapping from the text of a TOML file with one table ``[inventory]``.

    Raises
    ------
    ModelError
        With every unknown or unfitting key, and what it might be meant to be.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{name} is no TOML: {error}") from error
    problems: list[str] = []
    inventory = document.get("inventory")
    if not isinstance(inventory, dict) or set(document) != {"inventory"}:
        raise ModelError(f"{name} needs one table [inventory] and nothing beside it")
    _check(inventory, _TOP, "inventory", problems)
    _check(dict(inventory.get("rows", {})), _ROWS, "inventory.rows", problems)
    form = CellForm(
        decimal=str(inventory.get("decimal", ",")),
        thousands=str(inventory.get("thousands", ".")),
        dates=str(inventory.get("dates", "")),
    )
    files = {
        key: _file(key, table, form, problems)
        for key, table in dict(inventory.get("file", {})).items()
    }
    if inventory.get("format", "table") not in FORMATS:
        problems.append(f"[inventory] format must be one of {', '.join(FORMATS)}")
    if problems:
        raise ModelError(f"{name}: " + "; ".join(problems))
    encoding = str(inventory.get("encoding", ""))
    return InventoryMapping(
        encoding="cp1252" if encoding in ("latin-1", "iso-8859-1") else encoding,
        delimiter=inventory.get("delimiter", ""),
        form=form,
        crs=inventory.get("crs", 0),
        zone_prefix=inventory.get("zone_prefix", 0),
        source=inventory.get("source", ""),
        provenance=inventory.get("provenance", "sourced"),
        by=inventory.get("by", ""),
        licence=inventory.get("licence", ""),
        as_of=inventory.get("as_of"),
        assets={str(key): str(value) for key, value in inventory.get("assets", {}).items()},
        row_columns=dict(inventory.get("rows", {})),
        files=files,
        format=inventory.get("format", "table"),
    )


def _check(
    table: Mapping[str, Any], known: Mapping[str, type], place: str, into: list[str]
) -> None:
    for key, value in table.items():
        if key not in known:
            into.append(f"[{place}] {key} is unknown{suggestion(key, known)}")
        elif not isinstance(value, known[key]) and not (
            known[key] is float and isinstance(value, int)
        ):
            into.append(f"[{place}] {key} must be {known[key].__name__}, got {value!r}")


def _file(key: str, table: Any, form: CellForm, problems: list[str]) -> FileMapping:  # noqa: ANN401 - TOML
    place = f"inventory.file.{key}"
    if not isinstance(table, dict):
        problems.append(f"{place} must be a table")
        return FileMapping()
    _check(table, _FILE, place, problems)
    entity = str(table.get("entity", ""))
    kind = ENTITIES.get(entity)
    if entity and kind is None:
        problems.append(f"[{place}] entity {entity!r} is unknown{suggestion(entity, ENTITIES)}")
    kind = kind or kind_of_file(str(table.get("path", ""))) or kind_of_file(key)
    columns: dict[str, Column] = {}
    for name, given in dict(table.get("columns", {})).items():
        column = _column(name, given, kind, form, f"{place}.columns", problems)
        if column is not None:
            columns[name] = column
    plain = FileMapping()
    return FileMapping(
        path=str(table.get("path", "")),
        kind=kind,
        id_columns=tuple(str(name) for name in table.get("id", plain.id_columns)),
        x=str(table.get("x", plain.x)),
        y=str(table.get("y", plain.y)),
        header_row=table.get("header_row", 1),
        sheet=str(table.get("sheet", "")),
        delimiter=table.get("delimiter", ""),
        encoding=table.get("encoding", ""),
        columns=columns,
    )


def _column(  # noqa: PLR0917 - all of one cell of the mapping
    name: str,
    given: Any,  # noqa: ANN401 - TOML
    kind: RecordKind | None,
    form: CellForm,
    place: str,
    problems: list[str],
) -> Column | None:
    if not isinstance(given, dict):
        problems.append(f"[{place}] {name} must be a table with `field`")
        return None
    if kind is None:
        problems.append(f"[{place}] nothing says what the file holds; give it an `entity`")
        return None
    _check(given, _COLUMN, f"{place}.{name}", problems)
    asked = str(given.get("field", name))
    found = field_by_asb(kind, asked) or fields_of(kind).get(asked)
    if found is None:
        known = [field.asb for field in fields_of(kind).values() if field.asb]
        known += list(fields_of(kind))
        problems.append(f"[{place}] field {asked!r} is unknown{suggestion(asked, known)}")
        return None
    unit = str(given.get("unit", ""))
    if unit and unit != found.unit and (unit, found.unit) not in FACTORS:
        problems.append(f"[{place}] {name}: {unit} cannot become {found.unit or 'a plain number'}")
    own = replace(
        form,
        unit=unit,
        scale=float(given.get("scale", 1.0)),
        yes=tuple(str(word).casefold() for word in given.get("true", ())),
        no=tuple(str(word).casefold() for word in given.get("false", ())),
    )
    return Column(found, own)
