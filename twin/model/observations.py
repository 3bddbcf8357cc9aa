"""Readings and waveforms as the store takes and gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from twin.model.messages import Rejection

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

Continuity = Literal["contiguous", "gap", "overlap"]


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of many datastreams, column by column.

    Parameters
    ----------
    number : (n,)
        Datastream numbers.
    time_us : (n,)
        Phenomenon time [us since 1970-01-01 UTC]; the label of an interval is its end.
    value : (n,)
        Values in the unit of the datastream's quantity; finite.
    quality : (n,)
        Bit mask of `twin.model.quality.Quality`.
    """

    number: Int32
    time_us: Int64
    value: Float64
    quality: Int16

    def __len__(self) -> int:
        return len(self.number)


def joined(*parts: "Readings | Arrivals") -> Readings:
    """The readings of at least one part after another; arrivals count as readings.

    Examples
    --------
    >>> len(joined(no_readings(), no_readings()))
    0
    """
    return Readings(
        number=np.concatenate([part.number for part in parts]),
        time_us=np.concatenate([part.time_us for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        quality=np.concatenate([part.quality for part in parts]),
    )


def no_readings() -> Readings:
    """Zero readings."""
    return Readings(
        number=np.empty(0, np.int32),
        time_us=np.empty(0, np.int64),
        value=np.empty(0, np.float64),
        quality=np.empty(0, np.int16),
    )


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Readings without a usable time of their own, column by column: their time is the arrival.

    Parameters
    ----------
    number : (n,)
        Datastream numbers.
    key : (n,)
        What tells a reading of its datastream from the others and is the same when it is
        delivered again: frame counter, sequence number, the device's own wrong time. The store
        keeps it for seven days; a counter that starts anew needs its session in the key.
    time_us : (n,)
        Time of arrival [us since 1970-01-01 UTC]; the first one of a key counts.
    value, quality : (n,)
        As in `Readings`.
    """

    number: Int32
    key: Int64
    time_us: Int64
    value: Float64
    quality: Int16

    def __len__(self) -> int:
        return len(self.number)


def no_arrivals() -> Arrivals:
    """Zero arrivals."""
    return Arrivals(
        number=np.empty(0, np.int32),
        key=np.empty(0, np.int64),
        time_us=np.empty(0, np.int64),
        value=np.empty(0, np.float64),
        quality=np.empty(0, np.int16),
    )


@dataclass(frozen=True, slots=True)
class Waveform:
    """A burst of equally spaced samples of one datastream.

    Parameters
    ----------
    number
        Datastream number.
    t0_us
        Time of the first sample [us since 1970-01-01 UTC].
    rate_hz
        Samples per second [Hz].
    samples : (n,)
        Values in the unit of the datastream's quantity; finite.
    quality
        Bit mask for the whole block.
    follows
        How it continues the block before it, up to half a sample: filled when it is read; None if
        there is no block before it.
    """

    number: int
    t0_us: int
    rate_hz: float
    samples: NDArray[np.float32]
    quality: int = 0
    follows: Continuity | None = None

    @property
    def end_us(self) -> int:
        """Time of the last sample [us since 1970-01-01 UTC]."""
        return self.t0_us + round((len(self.samples) - 1) * 1e6 / self.rate_hz)

    @property
    def rms(self) -> float:
        """Root mean square of the samples about their mean, in the unit of the quantity."""
        return float(np.std(self.samples, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ingester counted for one source besides what the store counts itself.

    Parameters
    ----------
    received
        Readings taken over: every reading of decoded messages, one for each rejected item.
    ignored
        Retained values that are no new measurement; outside the balance.
    missing
        Values that the source itself declared missing.
    unassigned
        Numeric values without a mapping.
    """

    received: int = 0
    ignored: int = 0
    missing: int = 0
    unassigned: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction records: all of it or nothing.

    Parameters
    ----------
    incarnation, sequence
        Run of the ingester and its batch number: a repeated batch is recognised.
    readings, waveforms, rejections
        The content; rejections go to the quarantine.
    tallies
        Counts per source.
    correcting
        Sources whose later value of a time replaces the earlier one, which is kept as a revision.
    arrivals
        Readings whose time is that of their first arrival.
    declared_lost
        Messages per source that were taken over and then lost, such as corrupt records of the
        spool. The store counts them as received, too; the tallies do not contain them.
    """

    incarnation: UUID
    sequence: int
    readings: Readings = field(default_factory=no_readings)
    waveforms: tuple[Waveform, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    correcting: frozenset[str] = frozenset()
    arrivals: Arrivals = field(default_factory=no_arrivals)
    declared_lost: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of a batch.

    Parameters
    ----------
    stored, duplicate, conflict, quarantined
        Counts of readings and waveforms; ``quarantined`` contains the conflicts and the
        rejections of the batch.
    revision
        Change revision of the commit; 0 if nothing new was stored.
    repeated
        True if this batch was already committed before; then all counts are 0.
    corrected
        How many of the stored ones replaced an earlier value.
    """

    stored: int
    duplicate: int
    conflict: int
    quarantined: int
    revision: int
    repeated: bool = False
    corrected: int = 0


@dataclass(frozen=True, slots=True)
class Latest:
    """Newest accepted value per datastream, column by column.

    Parameters
    ----------
    number, time_us, value, quality : (n,)
        As in `Readings`; the value of a waveform stream is the root mean square of its block.
    revision
        Highest change revision contained; ask for changes since it.
    """

    number: Int32
    time_us: Int64
    value: Float64
    quality: Int16
    revision: int

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True, slots=True)
class Series:
    """One datastream over time.

    Parameters
    ----------
    time_us, value, quality : (n,)
        Rows in order of time.
    level
        ``raw``, or the width of the bins it was reduced to.
    total
        Rows in the span before reduction.
    """

    time_us: Int64
    value: Float64
    quality: Int16
    level: str
    total: int


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """Ingest balance of one source and day: received = stored + duplicate + quarantined + lost."""

    day: datetime
    source: str
    received: int
    stored: int
    duplicate: int
    quarantined: int
    declared_lost: int
    ignored: int
    missing: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A message or reading that could not be stored, kept with its reason.

    ``datastream_number``, ``time`` and ``value`` name the reading in question, if there is one; of
    a conflict, ``stored_value`` is the value that was there already.
    """

    id: int
    first_seen: datetime
    last_seen: datetime
    seen: int
    source: str
    topic: str
    reason: str
    detail: str
    codec: str
    size_bytes: int
    head: bytes
    state: str
    datastream_number: int | None = None
    time: datetime | None = None
    value: float | None = None
    stored_value: float | None = None
