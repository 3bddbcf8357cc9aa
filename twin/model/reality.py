"""What models predict against what sensors say."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.model.monitoring import StateRecord
from twin.model.state_rows import record_of_rows, rows_of

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
    return record_of_rows(
        NAME, map(asdict, checks), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def checks_of(record: StateRecord) -> tuple[Check, ...]:
    """The checks that a state record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    return rows_of(record, _check, format_version=FORMAT_VERSION)


def _check(row: Mapping[str, Any]) -> Check:
    return Check(**{name: row[name] for name in Check.__slots__})
