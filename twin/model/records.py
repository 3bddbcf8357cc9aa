"""Records of the inventory: one object of one source, checked before it is kept."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal, get_args

from twin.errors import ModelError
from twin.model.asb import Field, fields_of, known_key
from twin.model.bridge import (
    ComponentFacts,
    MonitoringTask,
    PartStructure,
    Recalculation,
    Restriction,
    Structure,
    TrafficFigure,
)
from twin.model.inspection import Damage, Inspection, InspectionCycle, Recommendation
from twin.model.provenance import Provenance

RecordKind = Literal[
    "structure",
    "part_structure",
    "component",
    "inspection",
    "damage",
    "recommendation",
    "restriction",
    "recalculation",
    "inspection_cycle",
    "traffic_figure",
    "monitoring_task",
]
Content = (
    Structure
    | PartStructure
    | ComponentFacts
    | Inspection
    | Damage
    | Recommendation
    | Restriction
    | Recalculation
    | InspectionCycle
    | TrafficFigure
    | MonitoringTask
)
RECORD_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)
CONTENTS: Mapping[RecordKind, type[Content]] = MappingProxyType(
    dict(zip(RECORD_KINDS, get_args(Content), strict=False))
)
EARLIEST_INSPECTION, LATEST_INSPECTION = 1900, 2200
"""Years in which an inspection may lie."""
UNIT_OF_RESTRICTION = MappingProxyType(
    {"2": "km/h", "4": "t", "5": "t", "6": "m", "7": "m", "8": "m", "10": "km/h", "11": "m"}
)
_SPAN_TOLERANCE = 1.02
"""Ends of the deck beyond the bearings count to the length, never against it."""


@dataclass(frozen=True, slots=True)
class InventoryRecord:
    """One object of the inventory as one source states it.

    Parameters
    ----------
    asset_id
        Asset of the city; a number of the owner's list if it is not on the map.
    kind, part, key
        Together with the asset they say which object it is: kind of record, number of the part
        structure (empty for the whole), and what tells it from others.
    content
        The object.
    provenance, licence
        Where it comes from, and under which terms.
    as_of
        Day that the source speaks of; None if it does not say.
    notes
        Remarks on single fields, such as why a value is missing.
    """

    asset_id: str
    kind: RecordKind
    key: str
    content: Content
    provenance: Provenance
    part: str = ""
    licence: str = ""
    as_of: date | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with its number and the time at which it was recorded."""

    id: int
    record: InventoryRecord
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Something in the data that a person should clear up.

    Parameters
    ----------
    source
        File or list that it was found in.
    code
        Key of ``data_problems.csv``.
    detail
        What is wrong, which value, and what to do.
    row
        Row of the file, counted as people count; None where no single row is meant.
    """

    source: str
    code: str
    detail: str
    asset_id: str = ""
    part: str = ""
    field: str = ""
    row: int | None = None


@dataclass(frozen=True, slots=True)
class StoredWorkItem:
    """A work item with its number, since when it is known, and when it was cleared up."""

    id: int
    item: WorkItem
    found_at: datetime
    cleared_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A photograph or document; ``kind`` and ``key`` name the record that it belongs to."""

    asset_id: str
    name: str
    media_type: str
    provenance: Provenance
    part: str = ""
    kind: str = ""
    key: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """An attachment with the SHA-256 of its file in hexadecimal digits, and its size."""

    id: int
    attachment: Attachment
    sha256: str
    size_bytes: int
    recorded_at: datetime


def require_sound(records: Iterable[InventoryRecord]) -> None:
    """Check records before they are kept.

    Raises
    ------
    ModelError
        With every problem of every record.
    """
    problems = [
        f"{record.asset_id} {record.kind} {record.key!r}: {problem}"
        for record in records
        for problem in problems_of_record(record)
    ]
    if problems:
        raise ModelError("; ".join(problems))


def problems_of_record(record: InventoryRecord) -> Sequence[str]:
    """What is wrong with a record; empty if nothing is."""
    problems: list[str] = []
    if record.kind not in CONTENTS:
        return (f"kind {record.kind!r} is unknown; use one of {', '.join(RECORD_KINDS)}",)
    if not record.asset_id:
        problems.append("it belongs to no asset")
    if type(record.content) is not CONTENTS[record.kind]:
        problems.append(f"its content is a {type(record.content).__name__}")
        return problems
    content, day = record.content, record.as_of
    if isinstance(content, Inspection) and day is not None and content.is_ahead_of(day):
        problems.append(
            f"the inspection of {content.day or content.year} is said to be done, but the source "
            f"is of {day}; correct the year"
        )
    return (*problems, *problems_of(content))


def problems_of(content: Content) -> Sequence[str]:
    """What is impossible in an object of the inventory; empty if nothing is.

    Examples
    --------
    >>> problems_of(PartStructure("0999001", "1", length_m=84.5, spans_m=(40.0, -44.5)))
    ('spans_m -44.5 is outside 0 to 2000 m',)
    >>> problems_of(Damage("17", s=5))
    ('s 5 is outside 0 to 4',)
    """
    kind = next(name for name, one in CONTENTS.items() if one is type(content))
    table = fields_of(kind)
    problems = [
        problem
        for name, value in _leaves(content, "")
        for problem in _problems_of_value(name, value, table.get(name))
    ]
    check = _CHECKS.get(type(content))
    return (*problems, *(check(content) if check else ()))


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Plain values inside an object with their paths; members of a tuple share one."""
    if is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            yield from _leaves(
                getattr(value, item.name), f"{path}.{item.name}" if path else item.name
            )
    elif isinstance(value, tuple):
        for inner in value:
            yield from _leaves(inner, path)
    elif value is not None and value != "":
        yield path, value


def _problems_of_value(name: str, value: object, known: Field | None) -> Iterator[str]:
    if known is None:
        return
    if known.keys and not known_key(known.keys, str(value)):
        yield f"{name} {value!r} is no key of the table {known.keys}"
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    unit = f" {known.unit}" if known.unit else ""
    is_low = known.lower is not None and (
        value < known.lower or (known.lower == 0 and known.unit in ("m", "m2") and value == 0)
    )
    is_high = known.upper is not None and value > known.upper
    if not math.isfinite(value):
        yield f"{name} is not finite"
    elif is_low or is_high:
        yield f"{name} {value:g} is outside {known.lower:g} to {known.upper:g}{unit}"


def _part_structure(content: PartStructure) -> Iterator[str]:
    length, spans = content.length_m, content.spans_m
    if length and spans and sum(spans) > length * _SPAN_TOLERANCE:
        yield f"spans_m add up to {sum(spans):g} m, more than the length of {length:g} m"
    if length and content.main_span_m and content.main_span_m > length:
        yield f"main_span_m {content.main_span_m:g} m is longer than the bridge ({length:g} m)"
    if content.width_m and content.total_width_m and content.width_m > content.total_width_m:
        yield (f"width_m {content.width_m:g} m exceeds total_width_m {content.total_width_m:g} m")
    if not content.number:
        yield "number is missing"


def _component(content: ComponentFacts) -> Iterator[str]:
    if content.from_m is not None and content.to_m is not None and content.to_m <= content.from_m:
        yield f"to_m {content.to_m:g} does not lie behind from_m {content.from_m:g}"
    low, high = content.height_min_m, content.height_max_m
    if low is not None and high is not None and high < low:
        yield f"height_max_m {high:g} is less than height_min_m {low:g}"


def _restriction(content: Restriction) -> Iterator[str]:
    if not content.kind:
        yield "kind is missing"
    unit = UNIT_OF_RESTRICTION.get(content.kind)
    if unit is not None and (content.value is None or content.unit != unit):
        stated = "nothing" if content.value is None else f"{content.value:g} {content.unit}"
        yield f"a restriction of kind {content.kind} needs a value in {unit}, got {stated}"
    begin, end = content.valid_from, content.valid_until
    if begin and end and end < begin:
        yield f"valid_until {end} lies before valid_from {begin}"


def _inspection(content: Inspection) -> Iterator[str]:
    if content.begin and content.end and content.end < content.begin:
        yield f"end {content.end} lies before begin {content.begin}"
    day = content.day
    if day and content.year and abs(content.year - day.year) > 1:
        yield f"year {content.year} does not fit {day}"
    year = content.stated_year
    if year is not None and not EARLIEST_INSPECTION <= year <= LATEST_INSPECTION:
        years = f"{EARLIEST_INSPECTION} to {LATEST_INSPECTION}"
        yield f"year {year} is none of an inspection; use {years}"


def _numbered(content: Damage | Recommendation) -> Iterator[str]:
    if not content.number:
        yield "number is missing"


def _task(content: MonitoringTask) -> Iterator[str]:
    if not content.question.strip():
        yield "question is missing"


_CHECKS: Mapping[type, Callable[..., Iterator[str]]] = MappingProxyType(
    {
        PartStructure: _part_structure,
        ComponentFacts: _component,
        Restriction: _restriction,
        Inspection: _inspection,
        Damage: _numbered,
        Recommendation: _numbered,
        MonitoringTask: _task,
    }
)
