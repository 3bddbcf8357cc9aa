"""Consumed fatigue of details, as far as strain streams measured it: plain numbers to show."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.model.monitoring import StateRecord
from twin.model.state_rows import record_of_rows, rows_of

NAME = "fatigue"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DetailFatigue:
    """Consumed fatigue of one detail since its stream began.

    Parameters
    ----------
    detail, datastream, curve
        Name of the detail, what measured, and its S-N curve with partial factors.
    origin
        Kind of the provenance of the detail's record.
    closed_damage, residue_damage
        Miner sum of closed cycles, and of the half cycles that are still open [-].
    traffic_damage
        Closed and open without the slow part of temperature [-]; None where the stream misses
        crossings.
    rate_per_year
        Miner sum a year; None with less data than a rate needs, which ``rate_reason`` says.
    coverage
        Time with data over time since the beginning [-].
    sees_crossings
        Whether the stream is fast enough for vehicles; if not, only cycles of temperature count.
    first_us, until_us
        From when until when it was counted [us since 1970-01-01 UTC].
    late_samples
        Samples that came too late to be counted.
    assumptions
        What every figure takes for granted, English.
    """

    detail: str
    datastream: str
    curve: str
    origin: str
    closed_damage: float
    residue_damage: float
    traffic_damage: float | None
    rate_per_year: float | None
    rate_reason: str
    coverage: float
    sees_crossings: bool
    first_us: int
    until_us: int
    cycles: int
    largest_mpa: float
    late_samples: int
    assumptions: tuple[str, ...]

    @property
    def damage(self) -> float:
        """Miner sum of closed cycles and residue [-]."""
        return self.closed_damage + self.residue_damage


def figure(damage: float | None) -> str:
    """A Miner sum as it is printed: small ones keep their digits.

    Examples
    --------
    >>> figure(0.0), figure(1.397e-05), figure(None)
    ('0', '1.40e-05', '-')
    """
    if damage is None:
        return "-"
    return f"{damage:.2e}" if damage else "0"


def record_of(details: Iterable[DetailFatigue], *, asset_id: str, at: datetime) -> StateRecord:
    """Consumed fatigue of the details of a bridge as the store keeps it."""
    return record_of_rows(
        NAME, map(asdict, details), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def details_of(record: StateRecord) -> tuple[DetailFatigue, ...]:
    """The details that a state record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    return rows_of(record, _detail, format_version=FORMAT_VERSION)


def _detail(row: Mapping[str, Any]) -> DetailFatigue:
    return DetailFatigue(**(dict(row) | {"assumptions": tuple(row["assumptions"])}))
