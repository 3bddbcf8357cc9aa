"""Acoustic emission: where a hit came from, which may be a broken wire, and when nobody listened.

The logger sends hits, not waveforms. A silent logger is blind, it has not heard "no breaks". Pure.

References
----------
.. [1] EN 1330-9:2017, "Non-destructive testing - Terminology - Part 9: Terms used in acoustic
   emission testing": what a hit and its figures are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from twin.errors import ModelError

MICRO = 1e6
# Channels of one logger share a clock to within this.
CLOCK_US = 10.0
FEWEST_SENSORS = 2

Place = Literal["inside", "outside", "unknown"]
Judgement = Literal["wire_break_candidate", "weak", "not_located", "outside_zone", "marked_window"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """One hit as the logger sends it.

    Parameters
    ----------
    time_us
        Arrival [us since 1970-01-01 UTC], synchronised within a logger.
    channel
        Sensor that heard it.
    amplitude_db, energy
        Peak amplitude [dB] and energy [in the unit of the logger, as its limit].
    duration_us, rise_us, counts, peak_khz
        Further figures, which are kept and not judged.
    """

    time_us: int
    channel: str
    amplitude_db: float
    energy: float
    duration_us: float = 0.0
    rise_us: float = 0.0
    counts: int = 0
    peak_khz: float = 0.0


@dataclass(frozen=True, slots=True)
class TendonZone:
    """Section of the structure that tendons pass, from station to station [m]."""

    section: str
    from_m: float
    to_m: float


@dataclass(frozen=True, slots=True)
class Site:
    """A line of sensors and its limits.

    Parameters
    ----------
    sensor_m
        Station of each channel [m].
    wave_speed_ms
        Calibrated speed of the wave along the line [m/s].
    least_amplitude_db, least_energy
        Limits from which on a hit is strong; set for the site by breaking test wires or pencils.
    zones
        Where tendons are.

    Raises
    ------
    ModelError
        If the speed is not positive, or two sensors share a station.
    """

    sensor_m: Mapping[str, float]
    wave_speed_ms: float
    least_amplitude_db: float
    least_energy: float
    zones: tuple[TendonZone, ...] = ()

    def __post_init__(self) -> None:
        if not self.wave_speed_ms > 0.0:
            raise ModelError(f"the wave speed must be positive, got {self.wave_speed_ms:g} m/s")
        if len(set(self.sensor_m.values())) < len(self.sensor_m):
            raise ModelError("two sensors of a line share a station; give each its own")

    @property
    def longest_travel_us(self) -> float:
        """Time that the wave takes along the whole line [us]."""
        stations = self.sensor_m.values()
        length = max(stations, default=0.0) - min(stations, default=0.0)
        return MICRO * length / self.wave_speed_ms

    def is_strong(self, hit: Hit) -> bool:
        """Whether a hit reaches both limits of the site."""
        return hit.amplitude_db >= self.least_amplitude_db and hit.energy >= self.least_energy


@dataclass(frozen=True, slots=True)
class Burst:
    """Strong hits of several sensors that one source explains.

    ``x_m`` is the station of the source [m], and None outside of the line or with one sensor.
    ``weak`` counts the hits below the limits that came meanwhile, which place nothing.
    """

    hits: tuple[Hit, ...]
    place: Place
    x_m: float | None
    weak: int = 0

    @property
    def time_us(self) -> int:
        """First arrival."""
        return self.hits[0].time_us


@dataclass(frozen=True, slots=True)
class Judged:
    """A burst, what it is taken for, and the section of its tendon zone; a person confirms it."""

    burst: Burst
    judgement: Judgement
    section: str = ""


def linear_location(
    difference_s: float, *, x1_m: float, x2_m: float, wave_speed_ms: float
) -> float | None:
    """Station of a source between two sensors [m], or None if it lies outside of them.

    ``(x1 + x2)/2 + c (t1 - t2)/2`` for x1 < x2. A source outside gives the full travel time
    whatever its distance, so there is no number for it.

    Parameters
    ----------
    difference_s
        Arrival at the first sensor less that at the second, t1 - t2 [s].

    Examples
    --------
    >>> x_m = linear_location(-4.0 / 3500.0, x1_m=0.0, x2_m=10.0, wave_speed_ms=3500.0)
    >>> round(x_m, 6)
    3.0
    >>> linear_location(-10.0 / 3500.0, x1_m=0.0, x2_m=10.0, wave_speed_ms=3500.0) is None
    True
    """
    if not x1_m < x2_m:
        raise ModelError(f"the first sensor must lie before the second, got {x1_m:g}, {x2_m:g} m")
    way = wave_speed_ms * difference_s
    slack = wave_speed_ms * CLOCK_US / MICRO
    if abs(way) >= x2_m - x1_m - slack:
        return None
    return 0.5 * (x1_m + x2_m) + 0.5 * way


def bursts(hits: Iterable[Hit], site: Site) -> Iterator[Burst]:
    """Strong hits grouped by source, in the order of time, located from the first two arrivals.

    Strong hits within the travel time of the line belong together; of each channel the first
    counts. Weak hits begin no burst, displace none and are only counted: traffic makes so many
    that one often lies just before a break.

    Raises
    ------
    ModelError
        If a hit is of no channel of the site.
    """
    ordered = sorted(hits, key=lambda hit: (hit.time_us, hit.channel))
    unknown = sorted({hit.channel for hit in ordered} - set(site.sensor_m))
    if unknown:
        raise ModelError(f"no station is known of channel {', '.join(unknown)}; add it to the site")
    group: dict[str, Hit] = {}
    begin_us, weak = 0, 0
    for hit in ordered:
        if group and hit.time_us - begin_us > site.longest_travel_us + CLOCK_US:
            yield _located(tuple(group.values()), site, weak)
            group, weak = {}, 0
        if not site.is_strong(hit):
            weak += bool(group)
            continue
        if not group:
            begin_us = hit.time_us
        group.setdefault(hit.channel, hit)
    if group:
        yield _located(tuple(group.values()), site, weak)


def judge(burst: Burst, site: Site, *, marked: Sequence[Span] = ()) -> Judged:
    """What a burst is taken for.

    A candidate for a broken wire is strong in amplitude and energy on at least two sensors,
    located in a tendon zone, and outside of every marked window of tests or maintenance.

    Parameters
    ----------
    marked
        Windows as (begin, end) [us since 1970-01-01 UTC].

    Examples
    --------
    >>> site = Site({"s1": 0.0, "s2": 10.0}, 3500.0, 70.0, 1e4, (TendonZone("span 1", 0, 10),))
    >>> pair = [Hit(0, "s1", 85.0, 5e4), Hit(1143, "s2", 80.0, 2e4)]
    >>> [judged] = [judge(burst, site) for burst in bursts(pair, site)]
    >>> judged.judgement, judged.section, round(judged.burst.x_m or 0.0, 2)
    ('wire_break_candidate', 'span 1', 3.0)
    """
    if sum(map(site.is_strong, burst.hits)) < FEWEST_SENSORS:
        return Judged(burst, "weak")
    if burst.x_m is None:
        return Judged(burst, "not_located")
    sections = [zone.section for zone in site.zones if zone.from_m <= burst.x_m <= zone.to_m]
    if not sections:
        return Judged(burst, "outside_zone")
    if any(begin <= burst.time_us <= end for begin, end in marked):
        return Judged(burst, "marked_window", sections[0])
    return Judged(burst, "wire_break_candidate", sections[0])


def listening(signs_us: Iterable[int], *, silence_us: int) -> list[Span]:
    """Periods in which the logger listened, from signs of life such as heartbeats and hits.

    Parameters
    ----------
    silence_us
        Longest time between two signs that is no silence [us].

    Examples
    --------
    >>> listening([0, 10, 20, 90, 95], silence_us=15)
    [(0, 20), (90, 95)]
    """
    periods: list[Span] = []
    for sign in sorted(signs_us):
        if periods and sign - periods[-1][1] <= silence_us:
            periods[-1] = (periods[-1][0], sign)
        else:
            periods.append((sign, sign))
    return periods


def common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """Periods that lie in both; each of the two is rising and apart.

    Examples
    --------
    >>> common([(0, 20), (90, 95)], [(10, 92)])
    [(10, 20), (90, 92)]
    """
    return [
        (max(one[0], other[0]), min(one[1], other[1]))
        for one in first
        for other in second
        if max(one[0], other[0]) <= min(one[1], other[1])
    ]


def heard_us(periods: Iterable[Span], within: Span) -> int:
    """How much of a span lies in the periods [us].

    Examples
    --------
    >>> heard_us([(0, 60)], (10, 100))
    50
    """
    begin, end = within
    return sum(max(0, min(last, end) - max(first, begin)) for first, last in periods)


def enclosing(site: Site, zone: TendonZone) -> tuple[str, ...]:
    """Channels between which a zone lies, with those inside, by station.

    Raises
    ------
    ModelError
        If the zone reaches beyond the line, where nothing can be located.

    Examples
    --------
    >>> line = Site({"s1": 0.0, "s2": 10.0, "s3": 20.0}, 3500.0, 70.0, 1e4)
    >>> enclosing(line, TendonZone("span 1", 1.0, 9.0))
    ('s1', 's2')
    """
    ordered = sorted(site.sensor_m, key=lambda name: site.sensor_m[name])
    stations = [site.sensor_m[name] for name in ordered]
    if not ordered or not stations[0] <= zone.from_m < zone.to_m <= stations[-1]:
        reach = f"{stations[0]:g} to {stations[-1]:g} m" if ordered else "nothing"
        raise ModelError(
            f"zone {zone.section!r} from {zone.from_m:g} to {zone.to_m:g} m does not lie between "
            f"the sensors ({reach}); state the part between them"
        )
    first = max(row for row, station in enumerate(stations) if station <= zone.from_m)
    last = min(row for row, station in enumerate(stations) if station >= zone.to_m)
    return tuple(ordered[first : last + 1])


def _located(hits: tuple[Hit, ...], site: Site, weak: int) -> Burst:
    """The burst with the station of its source, from the two sensors that heard it first."""
    if len(hits) < FEWEST_SENSORS:
        return Burst(hits, "unknown", None, weak)
    first, second = sorted(hits[:2], key=lambda hit: site.sensor_m[hit.channel])
    x_m = linear_location(
        (first.time_us - second.time_us) / MICRO,
        x1_m=site.sensor_m[first.channel],
        x2_m=site.sensor_m[second.channel],
        wave_speed_ms=site.wave_speed_ms,
    )
    return Burst(hits, "outside" if x_m is None else "inside", x_m, weak)
