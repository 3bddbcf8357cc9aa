"""Acoustic hits of a simulated tendon: broken wires, blows of tests, traffic; truth known."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from sensors.simulator.messages import MOST_ITEMS, Outgoing, topic
from sensors.simulator.seeds import generator
from twin.model.datastreams import Datastream

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = 1_000_000
MINUTE_US = 60 * MICRO
CLOCK_US = 3.0
"""Standard deviation of the clock of a channel; loggers state 10 us at most."""
SourceKind = Literal["break", "blow", "traffic"]
FIGURES = (
    "ae_amplitude",
    "ae_energy",
    "ae_duration",
    "ae_rise_time",
    "ae_counts",
    "ae_peak_frequency",
)


@dataclass(frozen=True, slots=True)
class Line:
    """Sensors along a tendon: station of each channel [m], wave speed [m/s], decay [dB/m]."""

    sensor_m: Mapping[str, float]
    wave_speed_ms: float = 4000.0
    decay_db_m: float = 0.6
    threshold_db: float = 40.0


@dataclass(frozen=True, slots=True)
class Source:
    """What really happened: time, station [m], and amplitude at the source [dB[uV]]."""

    time_us: int
    x_m: float
    kind: SourceKind
    amplitude_db: float


@dataclass(frozen=True, slots=True)
class SimulatedHit:
    """One hit of one channel, with all figures that a logger tells."""

    time_us: int
    channel: str
    figures: Mapping[str, float]


def noise(line: Line, *, start_us: int, end_us: int, a_day: float, seed: int) -> tuple[Source, ...]:
    """Sources of traffic that are too weak for a break, all along the line."""
    random = generator(seed, "ae:noise")
    stations = list(line.sensor_m.values())
    count = int(random.poisson(a_day * (end_us - start_us) / (24 * 60 * MINUTE_US)))
    times = np.sort(random.integers(start_us, end_us, count))
    return tuple(
        Source(
            int(time_us),
            float(random.uniform(min(stations) - 5.0, max(stations) + 5.0)),
            "traffic",
            float(random.uniform(45.0, 65.0)),
        )
        for time_us in times
    )


def hits(sources: Sequence[Source], line: Line, *, seed: int) -> tuple[SimulatedHit, ...]:
    """What the channels hear of the sources: later, and weaker with the way; in order of time."""
    random = generator(seed, "ae:hits")
    found = []
    for source in sources:
        for channel, station in line.sensor_m.items():
            way_m = abs(source.x_m - station)
            loudness = source.amplitude_db - line.decay_db_m * way_m + random.normal(0.0, 1.0)
            if loudness < line.threshold_db:
                continue
            delay_us = MICRO * way_m / line.wave_speed_ms + random.normal(0.0, CLOCK_US)
            found.append(
                SimulatedHit(
                    source.time_us + round(delay_us), channel, _figures(random, float(loudness))
                )
            )
    return tuple(sorted(found, key=lambda hit: (hit.time_us, hit.channel)))


def _figures(random: np.random.Generator, loudness: float) -> dict[str, float]:
    rise_us = float(random.integers(5, 60))
    values = (
        round(loudness, 1),
        round(10.0 ** (loudness / 20.0) * random.uniform(0.8, 1.2) * 2.0, 1),
        rise_us + float(random.integers(200, 4000)),
        rise_us,
        float(random.integers(5, 300)),
        round(float(random.uniform(20.0, 120.0)), 1),
    )
    return dict(zip(FIGURES, values, strict=True))


def messages(
    heard: Sequence[SimulatedHit],
    streams: Mapping[tuple[str, str], Datastream],
    *,
    tenant: str,
) -> Iterator[Outgoing]:
    """Yield the hits as a logger publishes them: one topic per channel and figure, ISO times.

    Parameters
    ----------
    streams
        Datastreams by channel and quantity; figures without one are not sent.
    """
    for (channel, figure), datastream in streams.items():
        own = [(hit.time_us, hit.figures[figure]) for hit in heard if hit.channel == channel]
        yield from _told(own, datastream, tenant=tenant)


def levels(
    streams: Mapping[str, Datastream],
    *,
    spans_us: Sequence[tuple[int, int]],
    tenant: str,
    seed: int,
) -> Iterator[Outgoing]:
    """Yield the signal level of each channel every minute of the spans in which it listens."""
    for channel, datastream in streams.items():
        random = generator(seed, f"ae:level:{channel}")
        times = [t for begin, end in spans_us for t in range(begin, end, MINUTE_US)]
        own = [(t, round(float(random.normal(22.0, 0.5)), 2)) for t in times]
        yield from _told(own, datastream, tenant=tenant)


def _told(
    told: Sequence[tuple[int, float]], datastream: Datastream, *, tenant: str
) -> Iterator[Outgoing]:
    address = topic(datastream, tenant=tenant, kind="obs")
    for first in range(0, len(told), MOST_ITEMS):
        items = [
            {"t": _iso(time_us), "v": value} for time_us, value in told[first : first + MOST_ITEMS]
        ]
        yield Outgoing(address, json.dumps(items, separators=(",", ":")).encode())


def _iso(time_us: int) -> str:
    time = EPOCH + timedelta(microseconds=time_us)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
