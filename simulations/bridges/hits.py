"""Acoustic sensors of a bridge: where they listen, what they heard, and when they told nothing."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulations.bridges.inputs import Bridge, Floats, Ints
from simulations.monitoring.ae import Hit, Site, Span, TendonZone, enclosing
from twin.errors import ModelError, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import Phrase
from twin.model.quality import Quality
from twin.model.refusals import UnfitError
from twin.model.times import from_us, to_us

AMPLITUDE, ENERGY, LEVEL = "ae_amplitude", "ae_energy", "ae_signal_level"
SPEED = "ae_wave_speed"
LEAST_AMPLITUDE = "ae_least_amplitude"
LEAST_ENERGY = "ae_least_energy"
NEEDED = (SPEED, LEAST_AMPLITUDE, LEAST_ENERGY)
"""Attributes of a bridge: calibrated speed of the wave [m/s], limits of a strong hit."""
ZONE = "ae_zone_"
"""Attributes that begin so hold ``from;to``, the stations of a tendon zone [m]."""
WINDOW = "ae_window_"
"""Attributes that begin so hold ``begin;end``, a time of tests or maintenance, ISO 8601."""
FEWEST_CHANNELS = 2
SILENT_CADENCES = 3.0
"""So many intervals without a signal level are silence; own choice, as for stale readings."""
DOUBTFUL = (
    Quality.BAD_AT_SOURCE
    | Quality.SUSPECT
    | Quality.OUT_OF_RANGE
    | Quality.TIME_SUBSTITUTED
    | Quality.AMBIGUOUS_TIME
)
COARSE_US = 1000
FEWEST_TO_TELL = 8
"""So many hits at whole milliseconds are no chance, but a clock that is too coarse."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """The acoustic sensors of a bridge.

    Parameters
    ----------
    site
        Stations, wave speed, limits and tendon zones.
    streams
        Streams of each channel by quantity; a channel is named by its component.
    marked
        Times of tests and maintenance [us since 1970-01-01 UTC].
    """

    site: Site
    streams: Mapping[str, Mapping[str, Datastream]]
    marked: tuple[Span, ...]

    @property
    def silence_us(self) -> int | None:
        """Longest time without a sign that is no silence; None if a channel tells no level."""
        cadences = [
            None if (level := found.get(LEVEL)) is None else level.cadence_s
            for found in self.streams.values()
        ]
        known = [cadence for cadence in cadences if cadence]
        if len(known) < len(cadences):
            return None
        return round(SILENT_CADENCES * max(known) * 1e6)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the sensors sent in a span.

    ``signs_us`` are the times at which each channel told anything; ``doubtful`` counts the hits
    whose figures or time are marked, which are not judged.
    """

    hits: tuple[Hit, ...]
    signs_us: Mapping[str, Ints]
    doubtful: int


def listeners_of(bridge: Bridge) -> Listeners:
    """The acoustic sensors of a bridge with its recorded facts.

    Raises
    ------
    NotAvailable
        If a fact or a stream is missing or cannot be read; names all of them.
    """
    problems: list[str] = [
        f"the bridge has no {name}" for name in NEEDED if bridge.asset.attribute(name) is None
    ]
    streams = _channels(bridge, problems)
    stations = {part.id: part.station_m for part in bridge.twin.components(bridge.asset.id)}
    placed: dict[str, float] = {}
    for channel in streams:
        station = stations.get(channel)
        if station is None:
            problems.append(f"{channel} has no station_m")
        else:
            placed[channel] = station
    if len(streams) < FEWEST_CHANNELS:
        problems.append(f"{len(streams)} channel sends hits, {FEWEST_CHANNELS} are needed")
    zones = tuple(_zones(bridge, problems))
    marked = tuple(_windows(bridge, problems))
    if problems:
        raise NotAvailable("; ".join(problems))
    speed, amplitude, energy = (_number(bridge, name) for name in NEEDED)
    try:
        site = Site(placed, speed, amplitude, energy, zones)
        for zone in zones:
            enclosing(site, zone)
    except ModelError as error:
        raise NotAvailable(str(error)) from error
    return Listeners(site, streams, marked)


def heard_in(bridge: Bridge, listeners: Listeners, *, start: datetime, end: datetime) -> Heard:
    """Hits and signs of life in [start, end).

    Raises
    ------
    ModelError
        If the clock of the logger is too coarse to locate anything.
    """
    hits: list[Hit] = []
    signs: dict[str, Ints] = {}
    doubtful = 0
    for channel, streams in listeners.streams.items():
        read = {
            name: _read(bridge, streams[name], start, end)
            for name in (AMPLITUDE, ENERGY, LEVEL)
            if name in streams
        }
        amplitude, energy = read[AMPLITUDE], read[ENERGY]
        doubtful += amplitude[2] + energy[2]
        times, first, second = np.intersect1d(amplitude[0], energy[0], return_indices=True)
        hits += [
            Hit(time_us, channel, loudness, strength)
            for time_us, loudness, strength in zip(
                times.tolist(),
                amplitude[1][first].tolist(),
                energy[1][second].tolist(),
                strict=True,
            )
        ]
        signs[channel] = np.unique(np.concatenate([found[0] for found in read.values()]))
    if len(hits) >= FEWEST_TO_TELL and all(hit.time_us % COARSE_US == 0 for hit in hits):
        raise ModelError(
            f"all {len(hits)} hits have times of whole milliseconds, in which the wave runs "
            f"{listeners.site.wave_speed_ms / 1e3:g} m: send ISO times with six digits"
        )
    return Heard(tuple(hits), signs, doubtful)


def _channels(bridge: Bridge, problems: list[str]) -> dict[str, dict[str, Datastream]]:
    found: dict[str, dict[str, Datastream]] = {}
    for stream in bridge.of(AMPLITUDE, ENERGY, LEVEL):
        if stream.component_id is None:
            problems.append(f"{stream.uid} belongs to no component")
            continue
        streams = found.setdefault(stream.component_id, {})
        if stream.quantity in streams:
            problems.append(f"{stream.component_id} has two streams of {stream.quantity}")
        streams[stream.quantity] = stream
    for channel, streams in found.items():
        problems += [
            f"{channel} has no stream of {name}"
            for name in (AMPLITUDE, ENERGY)
            if name not in streams
        ]
    return found


def _zones(bridge: Bridge, problems: list[str]) -> Iterator[TendonZone]:
    found = [item for item in bridge.asset.attributes if item.name.startswith(ZONE)]
    if not found:
        problems.append(f"no tendon zone is recorded ({ZONE}<name>)")
    for item in found:
        try:
            begin, end = (float(part) for part in str(item.value).split(";"))
        except ValueError:
            problems.append(f"{item.name} is {item.value!r}, not from;to in m")
            continue
        yield TendonZone(item.name.removeprefix(ZONE), begin, end)


def _windows(bridge: Bridge, problems: list[str]) -> Iterator[Span]:
    for item in bridge.asset.attributes:
        if not item.name.startswith(WINDOW):
            continue
        begin, end = _span(str(item.value))
        if begin is None or end is None or end <= begin:
            problems.append(
                f"{item.name} is {item.value!r}, not begin;end with time zone such as "
                "2026-11-22T08:00Z;2026-11-22T12:00Z"
            )
            continue
        yield to_us(begin), to_us(end)


def _span(text: str) -> tuple[datetime | None, datetime | None]:
    """Begin and end of a window; None where there is none with a time zone."""
    try:
        begin, end = (datetime.fromisoformat(part) for part in text.split(";"))
    except ValueError:
        return None, None
    is_aware = begin.utcoffset() is not None and end.utcoffset() is not None
    return (begin, end) if is_aware else (None, None)


def _number(bridge: Bridge, name: str) -> float:
    found = bridge.asset.attribute(name)
    try:
        value = math.nan if found is None else float(found.value)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UnfitError(Phrase("unfit.no_number", {"name": name}))
    return value


def _read(
    bridge: Bridge, stream: Datastream, start: datetime, end: datetime
) -> tuple[Ints, Floats, int]:
    """Times and values of the sound readings of a stream, and how many were doubtful."""
    pages = list(bridge.twin.rows([stream.uid], start=start, end=end))
    if not pages:
        return np.zeros(0, np.int64), np.zeros(0), 0
    time_us = np.concatenate([page.time_us for page in pages])
    value = np.concatenate([page.value for page in pages]).astype(np.float64)
    quality = np.concatenate([page.quality for page in pages])
    good = ((quality & int(DOUBTFUL)) == 0) & np.isfinite(value)
    return time_us[good], value[good], int(np.count_nonzero(~good))


def day_of(time_us: int) -> str:
    """A time as sentences tell it."""
    return f"{from_us(time_us):%Y-%m-%d %H:%M} UTC"
