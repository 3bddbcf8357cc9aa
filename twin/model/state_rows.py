"""States of analyses that are rows of plain values: as JSON in a record, and back."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from twin.errors import ModelError
from twin.model.monitoring import StateRecord
from twin.model.times import to_us

Row = TypeVar("Row")


def record_of_rows(
    name: str,
    rows: Iterable[Mapping[str, object]],
    *,
    asset_id: str,
    at: datetime,
    format_version: int,
) -> StateRecord:
    """The state ``name`` of an asset as the store keeps it; its position is ``at``.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 11, 22, tzinfo=UTC)
    >>> kept = record_of_rows("figures", [{"n": 3}], asset_id="B1", at=at, format_version=1)
    >>> kept.content, rows_of(kept, lambda row: row["n"], format_version=1)
    (b'[{"n": 3}]', (3,))
    """
    content = json.dumps(list(rows), ensure_ascii=False).encode()
    return StateRecord(name, asset_id, format_version, to_us(at), content)


def rows_of(
    record: StateRecord, read: Callable[[dict[str, Any]], Row], *, format_version: int
) -> tuple[Row, ...]:
    """The rows that a record holds, each as ``read`` makes it of its values.

    Raises
    ------
    ModelError
        If it was written in another format, or ``read`` finds a row damaged (by ValueError,
        KeyError, TypeError or AttributeError).
    """
    what = f"state {record.name!r} of {record.asset_id}"
    if record.format_version != format_version:
        raise ModelError(
            f"the {what} has format {record.format_version}, known is {format_version}: "
            "run the analyses with this version"
        )
    try:
        return tuple(read(row) for row in json.loads(record.content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"the {what} is damaged ({error}): run the analyses again") from error
