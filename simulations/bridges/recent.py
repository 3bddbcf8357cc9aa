"""The last judgements of a watch, kept between looks: a look of an hour sees one row alone."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulations.bridges.inputs import HOUR_US, Floats
from simulations.monitoring.watch import Judgement
from twin.errors import ModelError
from twin.model.monitoring import StateRecord
from twin.model.state_rows import record_of_rows, rows_of
from twin.model.times import from_us

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
DAY_US = 24 * HOUR_US
RECENT_US = 2 * DAY_US
PERSISTENT = 6
"""So many armed rows above the limit within two days make a finding."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one judged row.

    Parameters
    ----------
    time_us
        Time of the row [us since 1970].
    t2, limit
        Charted value, NaN while not armed, and its limit.
    share, residual : (p,)
        Of each channel, as in `Judgement`.
    since_us
        First alarm of those that hang together with this row, never two days apart; None where
        there is none.
    """

    time_us: int
    t2: float
    limit: float
    share: tuple[float, ...]
    residual: tuple[float, ...]
    since_us: int | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether the charted value lies above the limit."""
        return self.t2 > self.limit


@dataclass(frozen=True, slots=True)
class Recent:
    """Rows of the last two days, the newest last."""

    rows: tuple[Row, ...] = ()

    def after(self, judged: Sequence[Judgement]) -> "Recent":
        """These rows and later ones, the last two days of them."""
        rows = list(self.rows)
        for judgement in judged:
            row = _row(judgement)
            alarms = [item for item in rows if item.is_alarm]
            near = [item for item in alarms if row.time_us - item.time_us < RECENT_US]
            if near:
                row = replace(row, since_us=near[-1].since_us)
            elif row.is_alarm:
                row = replace(row, since_us=row.time_us)
            rows = [item for item in rows if row.time_us - item.time_us < RECENT_US]
            rows.append(row)
        return Recent(tuple(rows))

    @property
    def is_persistent(self) -> bool:
        """Whether so many rows lie above the limit that it is no chance."""
        return sum(row.is_alarm for row in self.rows) >= PERSISTENT

    @property
    def last_alarm(self) -> Row:
        """The newest row above the limit; IndexError where there is none."""
        return [row for row in self.rows if row.is_alarm][-1]

    @property
    def lasted_us(self) -> int:
        """From the first alarm that hangs together with the newest one up to that [us]."""
        last = self.last_alarm
        return 0 if last.since_us is None else last.time_us - last.since_us

    @property
    def mean_residual(self) -> Floats:
        """Mean residual of every channel since the alarm began [standard deviations], (p,).

        Of a day at least, so that noise is no change; zero where none is known.
        """
        last = self.last_alarm
        since_us = min(last.time_us - self.lasted_us, last.time_us - DAY_US)
        rows = [row.residual for row in self.rows if row.time_us > since_us]
        residual = np.array(rows, np.float64)
        there = np.isfinite(residual)
        known = np.where(there, residual, 0.0)
        return np.asarray(known.sum(axis=0) / np.maximum(there.sum(axis=0), 1), np.float64)

    def record(self, *, asset_id: str, name: str) -> StateRecord:
        """The state, to go on after a restart; its position is the newest row."""
        rows = ({slot: getattr(row, slot) for slot in Row.__slots__} for row in self.rows)
        at = from_us(self.rows[-1].time_us if self.rows else 0)
        return record_of_rows(name, rows, asset_id=asset_id, at=at, format_version=FORMAT_VERSION)


def recent_of(record: StateRecord | None) -> Recent:
    """What was kept; nothing where the record is missing or cannot be read.

    A finding then comes at most two days later, which is better than none.
    """
    if record is None:
        return Recent()
    try:
        return Recent(rows_of(record, _read, format_version=FORMAT_VERSION))
    except ModelError as error:
        logger.warning("state_unreadable", extra={"reason": str(error)})
        return Recent()


def _row(judgement: Judgement) -> Row:
    return Row(
        judgement.time_us,
        judgement.t2,
        judgement.limit,
        tuple(judgement.share.tolist()),
        tuple(judgement.residual.tolist()),
    )


def _read(row: dict[str, Any]) -> Row:
    since_us = row["since_us"]
    return Row(
        int(row["time_us"]),
        float(row["t2"]),
        float(row["limit"]),
        tuple(map(float, row["share"])),
        tuple(map(float, row["residual"])),
        None if since_us is None else int(since_us),
    )
