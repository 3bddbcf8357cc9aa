"""Which part of a batch may be stored at all: pure, the same for every store."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from twin.errors import StoreError
from twin.model.messages import Rejection
from twin.model.observations import Batch, Readings, Waveform
from twin.model.times import to_us

FUTURE_DAYS = 4
RETENTION_DAYS = 730
DAY_US = 86_400_000_000
LARGEST_WAVEFORM_SAMPLES = 262_144  # 1 MiB of float32
LONGEST_WAVEFORM_S = 3600.0

_UNKNOWN = "no datastream has this number; load the city that contains it"
_TOO_OLD = "older than the retention of raw data"
_FUTURE = f"more than {FUTURE_DAYS} days ahead of this clock; set the clock of the device"
_NO_ROOM = "too many new days in one hour; deliver it again later"

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Horizon:
    """Phenomenon times that may be stored [us since 1970-01-01 UTC], both ends included."""

    earliest_us: int
    latest_us: int


def horizon(now: datetime, *, retention_days: int) -> Horizon:
    """Times from the retention of raw data to four days ahead."""
    return Horizon(
        earliest_us=to_us(now - timedelta(days=retention_days)),
        latest_us=to_us(now + timedelta(days=FUTURE_DAYS)),
    )


@dataclass(frozen=True, slots=True)
class Intake:
    """A batch after inspection.

    Parameters
    ----------
    readings, waveforms
        What may be stored: every (datastream, time) once, readings in this order.
    rejections
        What may not: the batch's own rejections and those found here.
    received
        Readings and waveforms that may be stored, per source.
    duplicates
        Repeats inside the batch, per source.
    conflicts
        How many of the rejections contradict an earlier value of the same batch.
    """

    readings: Readings
    waveforms: tuple[Waveform, ...]
    rejections: tuple[Rejection, ...]
    received: Counter[str]
    duplicates: Counter[str]
    conflicts: int


def inspect(
    batch: Batch,
    *,
    sources: Mapping[int, str],
    limits: Horizon,
    full_days: Collection[int] = (),
) -> Intake:
    """Inspect a batch; StoreError if its columns differ in length.

    Parameters
    ----------
    batch
        As handed over.
    sources
        Source per datastream number; other numbers are unknown.
    limits
        Times that may be stored.
    full_days
        Days since 1970-01-01 for which the store cannot make room now.
    """
    rejections = list(batch.rejections)
    readings, repeats, contradictions = _unique(
        _allowed(batch.readings, rejections, sources=sources, limits=limits, full_days=full_days),
        rejections,
        sources,
    )
    waveforms, repeated_waveforms, contradicting_waveforms = _unique_waveforms(
        batch.waveforms, rejections, sources=sources, limits=limits, full_days=full_days
    )
    received = count_by_source(readings.number, sources)
    received.update(sources[waveform.number] for waveform in waveforms)
    return Intake(
        readings=readings,
        waveforms=waveforms,
        rejections=tuple(rejections),
        received=received,
        duplicates=repeats + repeated_waveforms,
        conflicts=contradictions + contradicting_waveforms,
    )


def count_by_source(numbers: NDArray[np.int32], sources: Mapping[int, str]) -> Counter[str]:
    """How many of these datastream numbers belong to each source; all must be known."""
    counts: Counter[str] = Counter()
    distinct, times = np.unique(numbers, return_counts=True)
    for number, count in zip(distinct.tolist(), times.tolist(), strict=True):
        counts[sources[number]] += count
    return counts


def contradiction(
    *, source: str, number: int, time_us: int, value: float, stored: float
) -> Rejection:
    """The rejection of a reading whose key holds another value already."""
    return Rejection(
        reason="conflict",
        detail=f"the value {stored!r} is stored for this time, {value!r} came later",
        source=source,
        datastream_number=number,
        time_us=time_us,
        value=value,
    )


def contradicting_waveform(waveform: Waveform, *, source: str) -> Rejection:
    """The rejection of a waveform whose start time holds other samples already."""
    return _of_waveform(
        waveform, source, "conflict", "other samples are stored for this datastream and start time"
    )


def refused_waveform(waveform: Waveform, *, source: str, detail: str) -> Rejection:
    """The rejection of a waveform that the database refuses."""
    return _of_waveform(waveform, source, "db_rejected", detail)


def waveform_bytes(waveform: Waveform) -> bytes:
    """Samples as they are stored: float32, little endian."""
    return np.ascontiguousarray(waveform.samples, dtype="<f4").tobytes()


def days_of(batch: Batch, limits: Horizon) -> tuple[set[int], set[int]]:
    """Days since 1970-01-01 of the readings and of the waveforms that lie inside the limits."""
    times = np.asarray(batch.readings.time_us, dtype=np.int64)
    times = times[(times >= limits.earliest_us) & (times <= limits.latest_us)]
    starts = {
        waveform.t0_us // DAY_US
        for waveform in batch.waveforms
        if limits.earliest_us <= waveform.t0_us <= limits.latest_us
    }
    return set(np.unique(times // DAY_US).tolist()), starts


def _allowed(
    readings: Readings,
    rejections: list[Rejection],
    *,
    sources: Mapping[int, str],
    limits: Horizon,
    full_days: Collection[int],
) -> Readings:
    number = np.asarray(readings.number, dtype=np.int32)
    time_us = np.asarray(readings.time_us, dtype=np.int64)
    value = np.asarray(readings.value, dtype=np.float64)
    quality = np.asarray(readings.quality, dtype=np.int16)
    if not len(number) == len(time_us) == len(value) == len(quality):
        raise StoreError(
            f"the columns of a batch differ in length: {len(number)} numbers, {len(time_us)} "
            f"times, {len(value)} values, {len(quality)} masks; hand over whole rows"
        )
    checks = (
        ("unknown_stream", _UNKNOWN, _unknown(number, sources)),
        ("not_finite", "the value is not a finite number", ~np.isfinite(value)),
        ("too_old", _TOO_OLD, time_us < limits.earliest_us),
        ("clock_future", _FUTURE, time_us > limits.latest_us),
        ("partition_cap", _NO_ROOM, np.isin(time_us // DAY_US, sorted(full_days))),
    )
    fine = np.ones(len(number), dtype=np.bool_)
    for reason, detail, wrong in checks:
        rejections.extend(
            Rejection(
                reason=reason,
                detail=detail,
                source=sources.get(int(number[row]), ""),
                datastream_number=int(number[row]),
                time_us=int(time_us[row]),
                value=float(value[row]),
            )
            for row in np.flatnonzero(wrong & fine).tolist()
        )
        fine &= ~wrong
    return _rows(Readings(number, time_us, value, quality), fine)


def _unknown(number: NDArray[np.int32], sources: Mapping[int, str]) -> Bool:
    unknown = [key for key in np.unique(number).tolist() if key not in sources]
    return np.isin(number, unknown) if unknown else np.zeros(len(number), dtype=np.bool_)


def _rows(readings: Readings, rows: Bool | Int64) -> Readings:
    return Readings(
        number=readings.number[rows],
        time_us=readings.time_us[rows],
        value=readings.value[rows],
        quality=readings.quality[rows],
    )


def _unique(
    readings: Readings, rejections: list[Rejection], sources: Mapping[int, str]
) -> tuple[Readings, Counter[str], int]:
    """Rows ordered by (number, time), the first of each key; what repeats or contradicts it."""
    ordered = _rows(readings, np.lexsort((readings.time_us, readings.number)))
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = (ordered.number[1:] != ordered.number[:-1]) | (
        ordered.time_us[1:] != ordered.time_us[:-1]
    )
    unique = _rows(ordered, is_first)
    if len(unique) == len(ordered):
        return unique, Counter(), 0
    kept = unique.value[np.cumsum(is_first) - 1]
    differs = ordered.value != kept
    for row in np.flatnonzero(differs).tolist():
        number = int(ordered.number[row])
        rejections.append(
            contradiction(
                source=sources[number],
                number=number,
                time_us=int(ordered.time_us[row]),
                value=float(ordered.value[row]),
                stored=float(kept[row]),
            )
        )
    repeats = count_by_source(ordered.number[~is_first & ~differs], sources)
    return unique, repeats, int(differs.sum())


def _unique_waveforms(
    waveforms: tuple[Waveform, ...],
    rejections: list[Rejection],
    *,
    sources: Mapping[int, str],
    limits: Horizon,
    full_days: Collection[int],
) -> tuple[tuple[Waveform, ...], Counter[str], int]:
    unique: dict[tuple[int, int], Waveform] = {}
    repeats: Counter[str] = Counter()
    contradictions = 0
    for waveform in waveforms:
        source = sources.get(waveform.number, "")
        fault = _fault(waveform, sources=sources, limits=limits, full_days=full_days)
        if fault is not None:
            rejections.append(_of_waveform(waveform, source, *fault))
            continue
        key = (waveform.number, waveform.t0_us)
        first = unique.get(key)
        if first is None:
            unique[key] = waveform
        elif is_same_waveform(first, waveform):
            repeats[source] += 1
        else:
            rejections.append(contradicting_waveform(waveform, source=source))
            contradictions += 1
    return tuple(unique.values()), repeats, contradictions


def is_same_waveform(one: Waveform, other: Waveform) -> bool:
    """Whether two blocks hold the same samples at the same rate; quality is not compared."""
    return one.rate_hz == other.rate_hz and waveform_bytes(one) == waveform_bytes(other)


def _fault(
    waveform: Waveform,
    *,
    sources: Mapping[int, str],
    limits: Horizon,
    full_days: Collection[int],
) -> tuple[str, str] | None:
    samples = len(waveform.samples)
    if not 0 < waveform.rate_hz < np.inf or not np.isfinite(waveform.samples).all():
        return "not_finite", "a sample or the sample rate is not a finite number"
    span_s = (samples - 1) / waveform.rate_hz
    if not 0 < samples <= LARGEST_WAVEFORM_SAMPLES or span_s > LONGEST_WAVEFORM_S:
        return "length_mismatch", (
            f"a block holds {samples} samples over {span_s:g} s; send 1 to "
            f"{LARGEST_WAVEFORM_SAMPLES} samples over at most {LONGEST_WAVEFORM_S:g} s"
        )
    checks = (
        ("unknown_stream", _UNKNOWN, waveform.number not in sources),
        ("too_old", _TOO_OLD, waveform.t0_us < limits.earliest_us),
        ("clock_future", _FUTURE, waveform.end_us > limits.latest_us),
        ("partition_cap", _NO_ROOM, waveform.t0_us // DAY_US in full_days),
    )
    return next(((reason, detail) for reason, detail, is_wrong in checks if is_wrong), None)


def _of_waveform(waveform: Waveform, source: str, reason: str, detail: str) -> Rejection:
    return Rejection(
        reason=reason,
        detail=detail,
        source=source,
        payload=waveform_bytes(waveform),
        datastream_number=waveform.number,
        time_us=waveform.t0_us,
    )
