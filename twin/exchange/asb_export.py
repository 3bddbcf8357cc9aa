"""Records of the inventory as tables with the names and units of ASB-ING."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

from twin.exchange.asb_values import FACTORS
from twin.model.asb import Field, fields_of
from twin.model.packing import flatten
from twin.model.records import RECORD_KINDS, InventoryRecord, RecordKind

FILE_NAMES: Mapping[RecordKind, str] = MappingProxyType(
    {
        "structure": "bauwerke",
        "part_structure": "teilbauwerke",
        "component": "bauteile",
        "inspection": "zustand",
        "damage": "schaeden",
        "recommendation": "massnahmeempfehlungen",
        "restriction": "verkehrseinschraenkungen",
        "recalculation": "nachrechnung",
        "inspection_cycle": "pruefzyklus",
        "traffic_figure": "dtv",
        "monitoring_task": "monitoring_task",
    }
)
IDS = ("Bauwerksnummer", "Teilbauwerksnummer")
_OWN_IDS = ("number", "part")


def write_tables(
    records: Iterable[InventoryRecord], *, numbers: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """CSV files by name, one per kind of record; reading them again gives the same objects.

    Parameters
    ----------
    records
        What is written.
    numbers
        Bauwerksnummer of each asset; the id of the asset where none is given.

    Examples
    --------
    >>> from twin.model.inspection import Damage
    >>> from twin.model.provenance import Provenance
    >>> crack = Damage("17", s=3, v=0, d=3, crack_width_mm=0.35)
    >>> record = InventoryRecord("0999001", "damage", "17", crack, Provenance("estimated"), "2")
    >>> print(write_tables([record])["schaeden.csv"].splitlines()[1])
    0999001;2;17;;;3;0;3;;;0,00035;;;;;;;;;
    """
    by_kind: dict[RecordKind, list[InventoryRecord]] = {}
    for record in records:
        by_kind.setdefault(record.kind, []).append(record)
    return {
        f"{FILE_NAMES[kind]}.csv": _table(kind, by_kind[kind], numbers or {})
        for kind in RECORD_KINDS
        if kind in by_kind
    }


def _table(kind: RecordKind, records: Sequence[InventoryRecord], numbers: Mapping[str, str]) -> str:
    columns = [
        field
        for field in fields_of(kind).values()
        if not field.name.startswith("condition.groups.")
        and not (kind in ("structure", "part_structure") and field.name in _OWN_IDS)
    ]
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";", lineterminator="\n")
    writer.writerow([*IDS, *(field.asb.partition("_")[2] or field.name for field in columns)])
    for record in records:
        number = numbers.get(record.asset_id, record.asset_id)
        cells = [_cell(_value(record.content, field.name), field) for field in columns]
        writer.writerow([number, record.part, *cells])
    return stream.getvalue()


def _value(content: object, path: str) -> Any:  # noqa: ANN401 - any field
    for name in path.split("."):
        content = None if content is None else getattr(content, name)
    return content


def _cell(value: Any, field: Field) -> str:  # noqa: ANN401 - any field
    if value is None:
        return ""
    if isinstance(value, bool):
        return "ja" if value else "nein"
    if isinstance(value, (int, float)):
        return _number(float(value), field)
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    if isinstance(value, tuple):
        return _list(value, field)
    return str(value)


def _list(values: tuple[Any, ...], field: Field) -> str:
    if all(isinstance(one, (str, float, int)) for one in values):
        return "|".join(_cell(one, field) for one in values)
    return json.dumps([json.loads(flatten(one)[0]) for one in values], ensure_ascii=False)


def _number(value: float, field: Field) -> str:
    """Number in the unit of ASB-ING with a decimal comma."""
    factor = FACTORS.get((field.asb_unit, field.unit), 1.0)
    return f"{value / factor:.12g}".replace(".", ",")
