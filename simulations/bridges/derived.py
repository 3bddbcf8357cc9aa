"""Derived streams of analyses: where their readings go, and the readings themselves."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simulations.bridges.inputs import HOUR, HOUR_US, Bridge
from twin.model.datastreams import Datastream
from twin.model.monitoring import ANALYSIS_SOURCE
from twin.model.observations import Readings, joined, no_readings
from twin.model.times import from_us

COMPENSATED = "compensated"
T2 = "t2"


def derived_stream(bridge: Bridge, route_key: str) -> Datastream | None:
    """Registered derived stream of a route key such as ``B08/natural_frequency_1#compensated``."""
    return next(
        (
            item
            for item in bridge.streams
            if item.route_key == route_key and item.source == ANALYSIS_SOURCE
        ),
        None,
    )


def readings_of(
    stream: Datastream | None, time_us: NDArray[np.int64], value: NDArray[np.float64]
) -> Readings:
    """Finite values as readings of a derived stream; none where the town registered none."""
    if stream is None or stream.number is None:
        return no_readings()
    there = np.isfinite(value)
    count = int(np.count_nonzero(there))
    return Readings(
        number=np.full(count, stream.number, np.int32),
        time_us=time_us[there].astype(np.int64),
        value=value[there],
        quality=np.zeros(count, np.int16),
    )


def unwritten(
    bridge: Bridge, stream: Datastream | None, time_us: NDArray[np.int64], *, latest_h: int
) -> NDArray[np.bool_]:
    """Which hours of a derived stream have to be written, (n,).

    Those that it does not hold, and the latest ones, which late readings may have changed.

    Parameters
    ----------
    stream
        The derived stream; None where the town registered none.
    time_us : (n,)
        Rising full hours [us since 1970].
    latest_h
        Hours that are written again.
    """
    if stream is None or not len(time_us):
        return np.zeros(len(time_us), np.bool_)
    stored = bridge.twin.binned(
        stream.uid, start=from_us(time_us[0]), end=from_us(time_us[-1]) + HOUR, points=len(time_us)
    )
    known = stored.start_us[np.isfinite(stored.mean)]
    return ~np.isin(time_us, known) | (time_us > time_us[-1] - latest_h * HOUR_US)


def all_of(parts: Iterable[Readings]) -> Readings:
    """The readings of all parts."""
    return joined(no_readings(), *parts)
