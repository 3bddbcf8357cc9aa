"""Which part of a batch may be stored at all: pure, the same for every store."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from twin.errors import StoreError
from twin.model.messages import Rejection
from twin.model.observations import Arrivals, Batch, Readings, Waveform, joined, no_readings
from twin.model.times import to_us
from twin.store.columns import pick
from twin.store.sources import Sources

FUTURE_DAYS = 4
RETENTION_DAYS = 730
DAY_US = 86_400_000_000
LARGEST_WAVEFORM_SAMPLES = 262_144  # 1 MiB of float32
LONGEST_WAVEFORM_S = 3600.0
FEW = 16  # readings that cost more in columns than in numbers

_UNKNOWN = "no datastream has this number; load the city that contains it"
_TOO_OLD = "older than the retention of raw data"
_FUTURE = f"more than {FUTURE_DAYS} days ahead of this clock; set the clock of the device"
_NO_ROOM = "too many new days in one hour; deliver it again later"

_NO_READINGS = no_readings()

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
    corrections
        Later values of a key that ``readings`` holds already, of sources that correct theirs; in
        the order of delivery.
    duplicates
        Repeats inside the batch, per source.
    conflicts
        How many of the rejections contradict an earlier value of the same batch.
    """

    readings: Readings
    waveforms: tuple[Waveform, ...]
    corrections: Readings
    rejections: tuple[Rejection, ...]
    duplicates: Counter[str]
    conflicts: int


Resolve = Callable[[Arrivals], Readings]


def inspect(
    batch: Batch,
    *,
    sources: Sources,
    limits: Horizon,
    full_days: Collection[int] = (),
    resolve: Resolve | None = None,
) -> Intake:
    """Inspect a batch; StoreError if its columns differ in length.

    Parameters
    ----------
    batch
        As handed over.
    sources
        The registered datastreams; other numbers are unknown.
    limits
        Times that may be stored.
    full_days
        Days since 1970-01-01 for which the store cannot make room now.
    resolve
        Gives arrivals the time of their first one; needed only if the batch holds any.
    """
    rejections = list(batch.rejections)
    columns = _same_types(batch.readings)
    if resolve is not None and len(batch.arrivals):
        arrivals = _possible(batch.arrivals, rejections, sources=sources, limits=limits)
        columns = joined(columns, resolve(arrivals))
    fine = _allowed(columns, rejections, sources=sources, limits=limits, full_days=full_days)
    found = _unique(fine, rejections, sources=sources, correcting=batch.correcting)
    if not batch.waveforms:
        return replace(found, rejections=tuple(rejections)) if rejections else found
    waveforms, repeated_waveforms, contradicting_waveforms = _unique_waveforms(
        batch.waveforms, rejections, sources=sources, limits=limits, full_days=full_days
    )
    return Intake(
        readings=found.readings,
        waveforms=waveforms,
        corrections=found.corrections,
        rejections=tuple(rejections),
        duplicates=found.duplicates + repeated_waveforms,
        conflicts=found.conflicts + contradicting_waveforms,
    )


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
        stored_value=stored,
    )


def refused_reading(readings: Readings, *, sources: Sources, detail: str) -> Rejection:
    """The rejection of one reading, the first of these columns, that the database refuses."""
    number = int(readings.number[0])
    return Rejection(
        reason="db_rejected",
        detail=detail,
        source=sources.of(number),
        datastream_number=number,
        time_us=int(readings.time_us[0]),
        value=float(readings.value[0]),
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
    days = _days(batch.readings.time_us, limits) | _days(batch.arrivals.time_us, limits)
    starts = {
        waveform.t0_us // DAY_US
        for waveform in batch.waveforms
        if limits.earliest_us <= waveform.t0_us <= limits.latest_us
    }
    return days, starts


def _days(times: Int64, limits: Horizon) -> set[int]:
    if not len(times):
        return set()
    first, last = int(times.min()) // DAY_US, int(times.max()) // DAY_US
    if first == last and limits.earliest_us <= int(times.min()) <= limits.latest_us:
        return {first}
    inside = times[(times >= limits.earliest_us) & (times <= limits.latest_us)]
    return set(np.unique(inside // DAY_US).tolist())


def _same_types(readings: Readings) -> Readings:
    columns = Readings(
        number=np.asarray(readings.number, dtype=np.int32),
        time_us=np.asarray(readings.time_us, dtype=np.int64),
        value=np.asarray(readings.value, dtype=np.float64),
        quality=np.asarray(readings.quality, dtype=np.int16),
    )
    lengths = {
        "numbers": len(columns.number),
        "times": len(columns.time_us),
        "values": len(columns.value),
        "masks": len(columns.quality),
    }
    _require_whole_rows(lengths)
    return columns


def _require_whole_rows(lengths: dict[str, int]) -> None:
    if len(set(lengths.values())) > 1:
        named = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise StoreError(f"the columns of a batch differ in length: {named}; hand over whole rows")


def _possible(
    arrivals: Arrivals, rejections: list[Rejection], *, sources: Sources, limits: Horizon
) -> Arrivals:
    """Arrivals that may be stored, so that the others leave no key behind."""
    columns = _same_types(
        Readings(arrivals.number, arrivals.time_us, arrivals.value, arrivals.quality)
    )
    key = np.asarray(arrivals.key, dtype=np.int64)
    _require_whole_rows({"numbers": len(columns), "keys": len(key)})
    fine = _fine(columns, rejections, sources=sources, limits=limits, full_days=())
    kept = pick(columns, fine)
    return Arrivals(kept.number, key[fine], kept.time_us, kept.value, kept.quality)


def _allowed(
    readings: Readings,
    rejections: list[Rejection],
    *,
    sources: Sources,
    limits: Horizon,
    full_days: Collection[int],
) -> Readings:
    if len(readings) <= FEW and not full_days and _are_few_fine(readings, sources, limits):
        return readings
    fine = _fine(readings, rejections, sources=sources, limits=limits, full_days=full_days)
    return readings if fine.all() else pick(readings, fine)


def _are_few_fine(readings: Readings, sources: Sources, limits: Horizon) -> bool:
    """Whether all may be stored, looked at one by one; `_fine` says what is wrong if not."""
    times, values = readings.time_us.tolist(), readings.value.tolist()
    return (
        all(limits.earliest_us <= time_us <= limits.latest_us for time_us in times)
        and all(map(isfinite, values))
        and all(map(sources.is_known, readings.number.tolist()))
    )


def _fine(
    readings: Readings,
    rejections: list[Rejection],
    *,
    sources: Sources,
    limits: Horizon,
    full_days: Collection[int],
) -> Bool:
    """Which rows may be stored; the others are rejected for the first reason that holds."""
    time_us = readings.time_us
    checks: list[tuple[str, str, Bool]] = [
        ("unknown_stream", _UNKNOWN, ~sources.are_known(readings.number)),
        ("not_finite", "the value is not a finite number", ~np.isfinite(readings.value)),
        ("too_old", _TOO_OLD, time_us < limits.earliest_us),
        ("clock_future", _FUTURE, time_us > limits.latest_us),
    ]
    if full_days:
        checks.append(
            ("partition_cap", _NO_ROOM, np.isin(time_us // DAY_US, np.array(sorted(full_days))))
        )
    fine = np.ones(len(readings), dtype=np.bool_)
    for reason, detail, wrong in checks:
        if not wrong.any():
            continue
        rejections.extend(
            Rejection(
                reason=reason,
                detail=detail,
                source=sources.of(int(readings.number[row])),
                datastream_number=int(readings.number[row]),
                time_us=int(time_us[row]),
                value=float(readings.value[row]),
            )
            for row in np.flatnonzero(wrong & fine).tolist()
        )
        fine &= ~wrong
    return fine


def _unique(
    readings: Readings,
    rejections: list[Rejection],
    *,
    sources: Sources,
    correcting: Collection[str],
) -> Intake:
    """Rows ordered by (number, time), the first of each key; what repeats or replaces it."""
    if len(readings) <= FEW:
        keys = zip(readings.number.tolist(), readings.time_us.tolist(), strict=True)
        if all(one < other for one, other in pairwise(keys)):
            return Intake(readings, (), _NO_READINGS, (), Counter(), 0)
    order = np.lexsort((readings.time_us, readings.number))
    ordered = pick(readings, order)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = (ordered.number[1:] != ordered.number[:-1]) | (
        ordered.time_us[1:] != ordered.time_us[:-1]
    )
    if is_first.all():
        return Intake(ordered, (), _NO_READINGS, (), Counter(), 0)
    unique = pick(ordered, is_first)
    kept = unique.value[np.cumsum(is_first) - 1]
    differs = ordered.value != kept
    corrects = differs & sources.belong(ordered.number, correcting)
    later = np.flatnonzero(corrects)
    contradicts = np.flatnonzero(differs & ~corrects)
    for row in contradicts.tolist():
        number = int(ordered.number[row])
        rejections.append(
            contradiction(
                source=sources.of(number),
                number=number,
                time_us=int(ordered.time_us[row]),
                value=float(ordered.value[row]),
                stored=float(kept[row]),
            )
        )
    return Intake(
        readings=unique,
        waveforms=(),
        corrections=pick(ordered, later[np.argsort(order[later])]),
        rejections=(),
        duplicates=sources.count(ordered.number[~is_first & ~differs]),
        conflicts=len(contradicts),
    )


def _unique_waveforms(
    waveforms: tuple[Waveform, ...],
    rejections: list[Rejection],
    *,
    sources: Sources,
    limits: Horizon,
    full_days: Collection[int],
) -> tuple[tuple[Waveform, ...], Counter[str], int]:
    unique: dict[tuple[int, int], Waveform] = {}
    repeats: Counter[str] = Counter()
    contradictions = 0
    for waveform in waveforms:
        source = sources.of(waveform.number)
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
    sources: Sources,
    limits: Horizon,
    full_days: Collection[int],
) -> tuple[str, str] | None:
    samples = len(waveform.samples)
    if not 0 < waveform.rate_hz < np.inf or not np.isfinite(waveform.samples).all():
        return "not_finite", "a sample or the sample rate is not a finite number"
    span_s = (samples - 1) / waveform.rate_hz
    if not 0 < samples <= LARGEST_WAVEFORM_SAMPLES or span_s > LONGEST_WAVEFORM_S:
        return "waveform_incomplete", (
            f"a block holds {samples} samples over {span_s:g} s; send 1 to "
            f"{LARGEST_WAVEFORM_SAMPLES} samples over at most {LONGEST_WAVEFORM_S:g} s"
        )
    checks = (
        ("unknown_stream", _UNKNOWN, not sources.is_known(waveform.number)),
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
