"""What a reading is worth: time policy, physical limits, provenance; column by column. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sensors.clocks import time_hint
from sensors.codecs.columns import NO_SEQUENCE
from sensors.routing import StreamColumns, StreamTable
from sensors.rules.dates import swap_detail, swapped_rows
from twin.model.messages import Rejection
from twin.model.observations import Arrivals, Float64, Int64, Readings, no_arrivals
from twin.model.quality import Quality
from twin.model.times import from_us, to_us

CLOCK_IS_SET_FROM = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_IS_SET_FROM_US = to_us(CLOCK_IS_SET_FROM)
FOREVER = timedelta(0)
ALWAYS_US = np.iinfo(np.int64).max // 4

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one source is treated.

    Parameters
    ----------
    takes_server_time
        Whether the time of arrival counts where the clock of the device is unset or ahead.
    accepts_retained
        Whether retained messages with a time of their own are measurements.
    is_correcting
        Whether a later value of the same time replaces the earlier one.
    quarantines_late
        Whether readings that are older than ``late_after`` at their arrival are kept out.
    late_after
        How late is too late then.
    """

    takes_server_time: bool = False
    accepts_retained: bool = False
    is_correcting: bool = False
    quarantines_late: bool = False
    late_after: timedelta = timedelta(days=30)


PLAIN = Treatment()


@dataclass(frozen=True, slots=True)
class TimePolicy:
    """How far from its arrival a phenomenon time may lie.

    Parameters
    ----------
    future_tolerance
        How far ahead of the arrival.
    retention
        How old; `FOREVER` is no bound.
    retention_by_class
        The same for readings of some privacy classes.
    waveform_retention
        The same for waveforms; None as for readings.
    treatments
        Sources that differ from the default treatment.
    """

    future_tolerance: timedelta
    retention: timedelta
    retention_by_class: Mapping[str, timedelta] = field(
        default_factory=lambda: MappingProxyType({})
    )
    waveform_retention: timedelta | None = None
    treatments: Mapping[str, Treatment] = field(default_factory=lambda: MappingProxyType({}))

    def treatment(self, source: str) -> Treatment:
        """Treatment of a source."""
        return self.treatments.get(source, PLAIN)

    def retention_of(self, privacy_class: str) -> timedelta:
        """How old readings of a privacy class may be."""
        return self.retention_by_class.get(privacy_class, self.retention)

    def for_waveforms(self) -> "TimePolicy":
        """The policy for waveforms."""
        if self.waveform_retention is None:
            return self
        return TimePolicy(self.future_tolerance, self.waveform_retention)


class Rows(NamedTuple):
    """Readings on their way to be judged, column by column.

    Parameters
    ----------
    number, time_us, value, quality : (n,)
        As in `Readings`; where ``is_timed`` is false the time counts from the arrival.
    sequence : (n,)
        Sequence number or frame counter; `NO_SEQUENCE` where there is none.
    is_timed : (n,)
        Whether the time comes from the message alone.
    received_us : (n,)
        Time of arrival [us since 1970-01-01 UTC].
    is_unsure : (n,)
        Whether the broker may have delivered it before.
    """

    number: NDArray[np.int32]
    time_us: Int64
    value: Float64
    quality: NDArray[np.int16]
    sequence: Int64
    is_timed: Bool
    received_us: Int64
    is_unsure: Bool


class Judged(NamedTuple):
    """What became of rows: every one is a reading, an arrival or a rejection.

    ``stream`` holds the row in `StreamColumns` of every input row; ``rejections`` name theirs.
    """

    readings: Readings
    arrivals: Arrivals
    rejections: list[tuple[int, Rejection]]
    stream: NDArray[np.intp]
    is_accepted: Bool


def time_problem(
    time: datetime, *, received_at: datetime, policy: TimePolicy, privacy_class: str = ""
) -> tuple[str, str] | None:
    """Reason and detail why a phenomenon time cannot be stored, or None."""
    if time < CLOCK_IS_SET_FROM:
        return "clock_unset", f"time {time:%Y-%m-%d} lies before 2000; set the clock of the device"
    if time - received_at > policy.future_tolerance:
        ahead_s = (time - received_at).total_seconds()
        return "clock_future", (
            f"time {time.isoformat()} lies {ahead_s:.0f} s ahead of its arrival, "
            f"{policy.future_tolerance.total_seconds():.0f} s are tolerated; "
            "check clock and time zone of the device"
        )
    retention = policy.retention_of(privacy_class)
    if retention != FOREVER and received_at - time > retention:
        return "too_old", (
            f"time {time.isoformat()} is older than the {retention.days} days that raw "
            "data are kept; raise store.retention_days before importing it"
        )
    return None


def judge_columns(
    number: NDArray[np.int32],
    time_us: Int64,
    value: Float64,
    quality: NDArray[np.int16],
    received_us: ArrayLike,
    *,
    streams: StreamTable,
    policy: TimePolicy,
) -> tuple[Readings, list[Rejection]]:
    """The readings to store with their flags, and those that cannot be stored, with reasons.

    For readings with a time of their own; the time of arrival never takes its place. A value
    outside the physical limits of its quantity is stored and flagged, never dropped.

    Parameters
    ----------
    number, time_us, value, quality : (n,)
        As in `Readings`; all numbers are registered.
    received_us : (n,) or ()
        Time of arrival [us since 1970-01-01 UTC].
    streams
        The registered datastreams.
    policy
        Which times are accepted.

    Raises
    ------
    RegistryError
        If a datastream number is not registered.
    """
    rows = Rows(
        number=number,
        time_us=time_us,
        value=value,
        quality=quality,
        sequence=np.full(len(number), NO_SEQUENCE, np.int64),
        is_timed=np.ones(len(number), np.bool_),
        received_us=np.broadcast_to(np.asarray(received_us, np.int64), len(number)),
        is_unsure=np.zeros(len(number), np.bool_),
    )
    columns = streams.columns
    at_arrival = np.zeros(len(number), np.bool_)
    judged = _judge(
        rows,
        columns,
        policy,
        stream=columns.rows(number),
        at_arrival=at_arrival,
        is_swapped=np.zeros(len(number), np.bool_),
    )
    return judged.readings, [rejection for _, rejection in judged.rejections]


def judge(rows: Rows, *, streams: StreamTable, policy: TimePolicy) -> Judged:
    """Readings, arrivals and rejections of live rows.

    A reading counts at its arrival if its message carried no time, its datastream is timed at
    arrival, or its source takes the time of arrival where a clock is wrong. If it has a key that
    is the same whenever the broker repeats it, it becomes one of the `Arrivals`; else it is
    stored at least once, flagged where the broker may have delivered it before.

    A time whose day and month are exchanged is refused, in the past too.
    """
    columns = streams.columns
    stream = columns.rows(rows.number)
    at_arrival = ~rows.is_timed | columns.is_timed_at_arrival[stream]
    if any(one.takes_server_time for one in policy.treatments.values()):
        takes = _by_source(columns, policy, "takes_server_time")[stream]
        tolerance_us = policy.future_tolerance // timedelta(microseconds=1)
        ahead = rows.time_us - rows.received_us > tolerance_us
        at_arrival |= takes & (ahead | (rows.time_us < CLOCK_IS_SET_FROM_US))
    is_swapped = ~at_arrival & swapped_rows(
        rows.time_us, rows.received_us, source=columns.source[stream]
    )
    return _judge(
        rows, columns, policy, stream=stream, at_arrival=at_arrival, is_swapped=is_swapped
    )


def _judge(
    rows: Rows,
    columns: StreamColumns,
    policy: TimePolicy,
    *,
    stream: NDArray[np.intp],
    at_arrival: Bool,
    is_swapped: Bool,
) -> Judged:
    time_us = np.where(at_arrival & rows.is_timed, rows.received_us, rows.time_us)
    age_us = rows.received_us - time_us
    has_key = at_arrival & (rows.is_timed | (rows.sequence != NO_SEQUENCE))
    is_refused = is_swapped | _refused(rows, columns, policy, stream=stream, time_us=time_us)
    within = (rows.value >= columns.lower[stream]) & (rows.value <= columns.upper[stream])
    quality = rows.quality | columns.flags[stream]
    quality |= _bit(age_us > columns.late_after_us[stream], Quality.LATE)
    quality |= _bit(~within, Quality.OUT_OF_RANGE)
    quality |= _bit(at_arrival, Quality.TIME_SUBSTITUTED)
    quality |= _bit(at_arrival & ~has_key & rows.is_unsure, Quality.POSSIBLE_REPEAT)
    readings = Readings(rows.number, time_us, rows.value, quality)
    if not (is_refused | has_key).any():
        return Judged(readings, no_arrivals(), [], stream, ~is_refused)
    keyed = ~is_refused & has_key
    arrivals = Arrivals(
        number=rows.number[keyed],
        key=_keys(rows, keyed),
        time_us=time_us[keyed],
        value=rows.value[keyed],
        quality=quality[keyed],
    )
    plain = ~is_refused & ~has_key
    readings = Readings(*(getattr(readings, name)[plain] for name in Readings.__slots__))
    rejections = [
        (
            row,
            _swapped(rows, row)
            if is_swapped[row]
            else _rejection(rows, row, columns, policy, stream=int(stream[row]), time_us=time_us),
        )
        for row in np.flatnonzero(is_refused).tolist()
    ]
    return Judged(readings, arrivals, rejections, stream, ~is_refused)


def _refused(
    rows: Rows,
    columns: StreamColumns,
    policy: TimePolicy,
    *,
    stream: NDArray[np.intp],
    time_us: Int64,
) -> Bool:
    age_us = rows.received_us - time_us
    oldest_us = np.array(
        [_bound_us(policy.retention_of(name)) for name in columns.privacy_classes], np.int64
    )
    tolerance_us = policy.future_tolerance // timedelta(microseconds=1)
    refused = (time_us < CLOCK_IS_SET_FROM_US) | (-age_us > tolerance_us)
    refused |= ~columns.is_reading[stream] | ~np.isfinite(rows.value)
    if len(oldest_us):
        refused |= age_us > oldest_us[columns.privacy[stream]]
    if any(one.quarantines_late for one in policy.treatments.values()):
        refused |= age_us > _latest_us(columns, policy)[stream]
    return refused


def _swapped(rows: Rows, row: int) -> Rejection:
    """Rejection of a row whose day and month are exchanged."""
    time_us = int(rows.time_us[row])
    return Rejection(
        reason="date_swapped",
        detail=swap_detail(time_us),
        datastream_number=int(rows.number[row]),
        time_us=time_us,
        value=float(rows.value[row]),
    )


def _rejection(
    rows: Rows,
    row: int,
    columns: StreamColumns,
    policy: TimePolicy,
    *,
    stream: int,
    time_us: Int64,
) -> Rejection:
    """Why a row cannot be stored, in words."""
    number, value = int(rows.number[row]), float(rows.value[row])
    time, received_at = from_us(int(time_us[row])), from_us(int(rows.received_us[row]))
    privacy_class = columns.privacy_classes[columns.privacy[stream]]
    problem = time_problem(
        time, received_at=received_at, policy=policy, privacy_class=privacy_class
    )
    if not columns.is_reading[stream]:
        detail = f"datastream {number} takes waveform blocks, not single readings"
        problem = "wrong_type", detail
    elif not np.isfinite(value):
        problem = "not_finite", "the value is not a finite number; leave it out"
    elif problem is None:
        treatment = policy.treatment(columns.sources[columns.source[stream]])
        problem = (
            "late",
            (
                f"time {time.isoformat()} came {(received_at - time).days} days late, its source "
                f"allows {treatment.late_after / timedelta(days=1):g}; import it if it is right"
            ),
        )
    hint = ""
    if problem[0] in ("clock_unset", "clock_future"):
        hint = time_hint(int(time_us[row]), received_us=int(rows.received_us[row]))
    return Rejection(
        reason=problem[0],
        detail=problem[1] + hint,
        datastream_number=number,
        time_us=int(time_us[row]),
        value=value,
    )


def unknown_stream(source: str, route_key: str) -> Rejection:
    """Rejection of a value whose datastream is not registered."""
    return Rejection(
        reason="unknown_stream",
        detail=(
            f"no datastream of source {source!r} has the route key {route_key[:200]!r}; "
            "add it to datastreams.csv of the city folder and run `twin load`"
        ),
    )


def _keys(rows: Rows, chosen: Bool) -> Int64:
    """A number for each chosen row that is the same in every repetition of its message.

    It mixes the sequence number, the time of the device and the value: a counter that starts
    anew, or a clock that shows 1970 after each start, does not make two readings one.
    """
    time_us = np.where(rows.is_timed[chosen], rows.time_us[chosen], 0)
    key = _mixed(rows.sequence[chosen].view(np.uint64))
    key = _mixed(key ^ time_us.view(np.uint64))
    return _mixed(key ^ (rows.value[chosen] + 0.0).view(np.uint64)).view(np.int64)


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits spread over the whole word, one to one (the finaliser of splitmix64)."""
    mixed = bits + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _by_source(columns: StreamColumns, policy: TimePolicy, name: str) -> Bool:
    """A property of the treatment of each datastream's source."""
    chosen = [getattr(policy.treatment(source), name) for source in columns.sources]
    return np.array(chosen, np.bool_)[columns.source]


def _latest_us(columns: StreamColumns, policy: TimePolicy) -> Int64:
    treatments = [policy.treatment(source) for source in columns.sources]
    bounds = [
        one.late_after // timedelta(microseconds=1) if one.quarantines_late else ALWAYS_US
        for one in treatments
    ]
    return np.array(bounds, np.int64)[columns.source]


def _bound_us(span: timedelta) -> int:
    return ALWAYS_US if span == FOREVER else span // timedelta(microseconds=1)


def _bit(chosen: Bool, bit: Quality) -> NDArray[np.int16]:
    return chosen.astype(np.int16) * np.int16(int(bit))
