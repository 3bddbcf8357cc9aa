"""What a reading is worth: time policy, physical limits, provenance. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sensors.routing import Stream
from twin.model.messages import Observation, Rejection
from twin.model.quality import Quality
from twin.model.quantities import within_limits
from twin.model.times import to_us

CLOCK_IS_SET_FROM = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimePolicy:
    """How far from its arrival a phenomenon time may lie."""

    future_tolerance: timedelta
    retention: timedelta


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading, judged and ready to be stored."""

    number: int
    time_us: int
    value: float
    quality: int


def time_problem(
    time: datetime, *, received_at: datetime, policy: TimePolicy
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
    if received_at - time > policy.retention:
        return "too_old", (
            f"time {time.isoformat()} is older than the {policy.retention.days} days that raw "
            "data are kept; raise store.retention_days before importing it"
        )
    return None


def judge(
    observation: Observation, stream: Stream, *, received_at: datetime, policy: TimePolicy
) -> Reading | Rejection:
    """The reading to store with its flags, or why it cannot be stored.

    A value outside the physical limits of its quantity is stored and flagged, never dropped.
    """
    datastream = stream.datastream
    time, flags = observation.phenomenon_time, observation.quality | stream.flags
    if datastream.time_source == "server":
        time, flags = received_at, flags | Quality.TIME_SUBSTITUTED
    problem: tuple[str, str] | None = None
    if datastream.kind != "reading":
        problem = "wrong_type", f"{datastream.uid} takes waveform blocks, not single readings"
    elif observation.quantity and observation.quantity != datastream.quantity:
        problem = (
            "unit_conflict",
            (
                f"the mapping says {observation.quantity}, {datastream.uid} is registered as "
                f"{datastream.quantity}; correct one of the two"
            ),
        )
    problem = problem or time_problem(time, received_at=received_at, policy=policy)
    if problem is not None:
        return Rejection(
            reason=problem[0],
            detail=problem[1],
            datastream_number=stream.number,
            time_us=to_us(time),
            value=observation.value,
        )
    if (received_at - time).total_seconds() > stream.late_after_s:
        flags |= Quality.LATE
    if not within_limits(observation.value, stream.quantity):
        flags |= Quality.OUT_OF_RANGE
    return Reading(stream.number, to_us(time), observation.value, int(flags))


def unknown_stream(source: str, route_key: str) -> Rejection:
    """Rejection of a value whose datastream is not registered."""
    return Rejection(
        reason="unknown_stream",
        detail=(
            f"no datastream of source {source!r} has the route key {route_key[:200]!r}; "
            "add it to datastreams.csv of the city folder and run `twin load`"
        ),
    )
