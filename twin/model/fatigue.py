"""Consumed fatigue of details, as far as strain streams measured it: plain numbers to show."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.model.findings import Phrase
from twin.model.monitoring import StateRecord
from twin.model.phrases import phrase_of
from twin.model.state_rows import record_of_rows, rows_of

NAME = "fatigue"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class VehicleDamage:
    """One weighed vehicle as one cycle at a detail; ``share`` is that of all weighed vehicles."""

    at_us: int
    vehicle_class: str
    gross_t: float
    range_mpa: float
    damage: float
    share: float


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
    bin_mpa, half_cycles
        Width of a bin of the stress range [MPa], and half cycles of every bin from 0 up to the last
        that holds any; empty in records of earlier versions.
    years, low_years, high_years
        Years from ``until_us`` until the Miner sum reaches 1, with the 95 % band; None without a
        rate.
    vehicles
        Weighed vehicles with the largest damage, the largest first; empty where none is weighed.
    remarks
        What has to be read beside the Miner sum, such as a gauge without a recorded calibration;
        empty in records of earlier versions.
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
    bin_mpa: float = 0.0
    half_cycles: tuple[int, ...] = ()
    years: float | None = None
    low_years: float | None = None
    high_years: float | None = None
    vehicles: tuple[VehicleDamage, ...] = ()
    remarks: tuple[Phrase, ...] = ()

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
    return DetailFatigue(
        **dict(row)
        | {
            "assumptions": tuple(row["assumptions"]),
            "half_cycles": tuple(int(count) for count in row.get("half_cycles", ())),
            "vehicles": tuple(VehicleDamage(**item) for item in row.get("vehicles", ())),
            "remarks": tuple(map(phrase_of, row.get("remarks", ()))),
        }
    )
