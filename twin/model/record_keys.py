"""What tells an object of the inventory from others of its kind at the same part structure."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from twin.model.records import Content, RecordKind


def record_key(kind: RecordKind, content: Content) -> str:
    """Key of a record: the same object of a later list has the same.

    Examples
    --------
    >>> from twin.model.inspection import Inspection
    >>> record_key("inspection", Inspection("3", year=2021))
    '2021 3'
    """
    return _KEYS[kind](content)


def _inspection_key(content: Any) -> str:  # noqa: ANN401 - one of the kinds
    day = content.end or content.begin
    return f"{day or content.year or ''} {content.kind}".strip()


_KEYS: Mapping[RecordKind, Callable[[Any], str]] = MappingProxyType(
    {
        "structure": lambda content: content.number,
        "part_structure": lambda content: content.part,
        "component": lambda content: content.component,
        "inspection": _inspection_key,
        "damage": lambda content: content.number,
        "recommendation": lambda content: content.number,
        "restriction": lambda content: " ".join(
            str(part)
            for part in (
                content.kind,
                content.valid_from,
                content.vehicle_group,
                content.direction,
                content.lane,
                content.section,
            )
            if part
        ),
        "recalculation": lambda content: str(content.done_on or content.year or ""),
        "inspection_cycle": lambda content: content.kind,
        "traffic_figure": lambda content: " ".join(
            str(part) for part in (content.year, content.vehicle_kind, content.day_group) if part
        ),
        "monitoring_task": lambda content: content.question,
    }
)
