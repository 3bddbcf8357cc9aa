"""Spectra of vibrations as the store keeps them: the newest one, and one an hour for some days."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.model.monitoring import StateRecord
from twin.model.state_rows import record_of_rows, rows_of

NAME = "spectra"
FORMAT_VERSION = 1
LOWEST_DB = -130.0
STEP_DB = 0.75
"""Levels are kept as bytes of 0.75 dB from -130 to 61 dB; what lies beyond is cut off there."""

Levels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupSpectra:
    """Singular values of the cross-spectra of accelerometers that record together.

    Parameters
    ----------
    channels
        Datastreams of the accelerometers.
    unit
        UCUM unit of a sample; levels are decibels of the squared unit per Hz.
    newest_us, segments
        End of the newest hour [us since 1970-01-01 UTC], and how many segments its mean holds.
    step_hz, newest_db : (values, bins)
        Width of a bin [Hz]; singular values of the newest hour, falling, from 0 Hz [dB].
    hour_us, hour_step_hz, hours_db : (hours, bins)
        End of each hour, and its first singular value, in bins of their own width [dB].
    """

    channels: tuple[str, ...]
    unit: str
    newest_us: int
    segments: int
    step_hz: float
    newest_db: Levels
    hour_us: tuple[int, ...]
    hour_step_hz: float
    hours_db: Levels

    def frequency_hz(self, *, of_hours: bool = False) -> Levels:
        """Middle of each bin of the newest spectrum, or of the hours [Hz]."""
        if of_hours:
            return np.arange(self.hours_db.shape[1]) * self.hour_step_hz
        return np.arange(self.newest_db.shape[1]) * self.step_hz


def decibels(density: Levels) -> Levels:
    """Levels of spectral densities, as far as a record can hold them [dB].

    Examples
    --------
    >>> decibels(np.array([1e-4, 0.0])).tolist()
    [-40.0, -130.0]
    """
    level = 10.0 * np.log10(np.maximum(density, np.finfo(float).tiny))
    return np.clip(level, LOWEST_DB, LOWEST_DB + 255.0 * STEP_DB)


def record_of(groups: Iterable[GroupSpectra], *, asset_id: str, at: datetime) -> StateRecord:
    """Spectra of a bridge as the store keeps them."""
    return record_of_rows(
        NAME, map(_row, groups), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def spectra_of(record: StateRecord) -> tuple[GroupSpectra, ...]:
    """The spectra that a state record holds.

    Raises
    ------
    ModelError
        If it was written in another format or is damaged.
    """
    return rows_of(record, _group, format_version=FORMAT_VERSION)


def _row(group: GroupSpectra) -> Mapping[str, object]:
    return {
        "channels": group.channels,
        "unit": group.unit,
        "newest_us": group.newest_us,
        "segments": group.segments,
        "step_hz": group.step_hz,
        "newest": _packed(group.newest_db),
        "values": len(group.newest_db),
        "hour_us": group.hour_us,
        "hour_step_hz": group.hour_step_hz,
        "hours": _packed(group.hours_db),
    }


def _group(row: Mapping[str, Any]) -> GroupSpectra:
    hours = tuple(int(hour) for hour in row["hour_us"])
    return GroupSpectra(
        channels=tuple(str(uid) for uid in row["channels"]),
        unit=str(row["unit"]),
        newest_us=int(row["newest_us"]),
        segments=int(row["segments"]),
        step_hz=float(row["step_hz"]),
        newest_db=_unpacked(row["newest"], rows=int(row["values"])),
        hour_us=hours,
        hour_step_hz=float(row["hour_step_hz"]),
        hours_db=_unpacked(row["hours"], rows=len(hours)),
    )


def _packed(level_db: Levels) -> str:
    steps = np.rint((level_db - LOWEST_DB) / STEP_DB)
    return base64.b64encode(np.clip(steps, 0, 255).astype(np.uint8).tobytes()).decode()


def _unpacked(text: str, *, rows: int) -> Levels:
    steps = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    return LOWEST_DB + STEP_DB * steps.reshape(rows, -1).astype(np.float64)
