"""What models predict against what sensors say."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.errors import ModelError
from twin.model.monitoring import StateRecord
from twin.model.times import to_us

NAME = "reality"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Check:
    """One prediction of a model against one sensor.

    Parameters
    ----------
    model
        What predicted: ``free_expansion`` or ``first_frequency``.
    channel
        Datastream that measured.
    predicted, measured
        In ``unit``.
    error_percent
        Measured against predicted.
    limit_percent
        Beyond it the model is not valid now.
    count
        Days or values behind the measured figure.
    """

    model: str
    channel: str
    predicted: float
    measured: float
    unit: str
    error_percent: float
    limit_percent: float
    count: int

    @property
    def is_valid(self) -> bool:
        """Whether the error lies within its limit."""
        return abs(self.error_percent) <= self.limit_percent


def record_of(checks: Iterable[Check], *, asset_id: str, at: datetime) -> StateRecord:
    """Checks of a bridge as the store keeps them."""
    content = json.dumps([asdict(check) for check in checks], ensure_ascii=False).encode()
    return StateRecord(NAME, asset_id, FORMAT_VERSION, to_us(at), content)


def checks_of(record: StateRecord) -> tuple[Check, ...]:
    """The checks that a state record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    if record.format_version != FORMAT_VERSION:
        raise ModelError(
            f"the checks of {record.asset_id} have format {record.format_version}, known is "
            f"{FORMAT_VERSION}: run the analyses with this version"
        )
    try:
        rows: list[dict[str, Any]] = json.loads(record.content)
        return tuple(Check(**{name: row[name] for name in Check.__slots__}) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the checks of {record.asset_id} are damaged ({error}): run the analyses again"
        ) from error
