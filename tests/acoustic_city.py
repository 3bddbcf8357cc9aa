"""A city of one bridge with acoustic sensors, and what its logger sends over two hours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from bridge_city import BRIDGE_ID, MADE, city
from shapely.geometry import Point

from sensors.simulator.bridge_world.hits import (
    FIGURES,
    MINUTE_US,
    Line,
    Source,
    hits,
    levels,
    messages,
    noise,
)
from sensors.simulator.messages import Outgoing
from twin.city import Twin
from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City
from twin.model.datastreams import Datastream
from twin.model.times import to_us, utc_now

START = utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
HOURS = 2
NOW = START + timedelta(hours=HOURS, minutes=3)
STATIONS = {"s1": 0.0, "s2": 12.0, "s3": 24.0, "s4": 36.0}
LEVEL = "ae_signal_level"
LINE = Line({f"{BRIDGE_ID}/{name}": station for name, station in STATIONS.items()})
HAMMER = START + timedelta(minutes=90), START + timedelta(minutes=100)
FACTS: tuple[tuple[str, float | str, str], ...] = (
    ("ae_wave_speed", LINE.wave_speed_ms, "m/s"),
    ("ae_least_amplitude", 70.0, "dB[uV]"),
    ("ae_least_energy", 1e4, "aJ"),
    ("ae_zone_span 1", "1;17", "m"),
    ("ae_zone_span 2", "19;35", "m"),
    (
        "ae_window_hammer",
        ";".join((START + timedelta(minutes=m)).isoformat() for m in (90, 100)),
        "",
    ),
)


def at_us(minutes: float) -> int:
    return to_us(START) + round(minutes * MINUTE_US)


TRUTH = (
    Source(at_us(20.3), 7.25, "break", 92.0),
    Source(at_us(47.9), 29.5, "break", 95.0),
    Source(at_us(70.1), 18.0, "break", 93.0),  # above a pier, in no tendon zone
    Source(at_us(95.0), 10.0, "blow", 95.0),  # in the marked window
    Source(at_us(101.0), -4.0, "break", 96.0),  # outside of the line
)


def stream(channel: str, quantity: str) -> Datastream:
    name = f"{channel}-{quantity}"
    return Datastream(
        uid=f"{BRIDGE_ID}.{name}",
        name=name,
        asset_id=BRIDGE_ID,
        component_id=f"{BRIDGE_ID}/{channel}",
        quantity=quantity,
        sensor_id="S1",
        source="demo",
        route_key=f"{BRIDGE_ID}/{name}",
        provenance="simulated",
        cadence_s=60.0 if quantity == LEVEL else None,
    )


def acoustic_city(facts: Sequence[tuple[str, float | str, str]] = FACTS) -> City:
    base = city()
    attributes = tuple(Attribute(name, value, unit, MADE) for name, value, unit in facts)
    bridge = Asset(
        BRIDGE_ID, "bridge", "Probebrücke", Point(13.7, 51.0), MADE, attributes=attributes
    )
    return replace(
        base,
        assets=(bridge,),
        components=tuple(
            Component(f"{BRIDGE_ID}/{name}", BRIDGE_ID, name, "section", station_m=station)
            for name, station in STATIONS.items()
        ),
        datastreams=tuple(stream(name, key) for name in STATIONS for key in (*FIGURES, LEVEL)),
    )


@dataclass
class Clock:
    """A clock that tests move; every look at it is a microsecond later."""

    now: datetime = NOW

    def __post_init__(self) -> None:
        self._ticks = count()

    def __call__(self) -> datetime:
        return self.now + timedelta(microseconds=next(self._ticks))


def outgoing(
    twin: Twin,
    *,
    sources: Sequence[Source] = TRUTH,
    listens: Sequence[tuple[float, float]] = ((0, 60 * HOURS + 3),),
    noise_a_day: float = 2000.0,
    seed: int = 4,
) -> list[Outgoing]:
    """All messages of the logger: hits of the sources and of traffic, and signal levels."""
    streams = {item.uid: item for item in twin.datastreams()}
    found = {
        (f"{BRIDGE_ID}/{name}", key): streams[stream(name, key).uid]
        for name in STATIONS
        for key in FIGURES
    }
    level = {f"{BRIDGE_ID}/{name}": streams[stream(name, LEVEL).uid] for name in STATIONS}
    spans = [(at_us(begin), at_us(end)) for begin, end in listens]
    quiet = noise(LINE, start_us=at_us(0), end_us=at_us(60 * HOURS), a_day=noise_a_day, seed=seed)
    heard = [
        hit
        for hit in hits((*sources, *quiet), LINE, seed=seed)
        if any(begin <= hit.time_us <= end for begin, end in spans)
    ]
    return [
        *messages(heard, found, tenant="demo"),
        *levels(level, spans_us=spans, tenant="demo", seed=seed),
    ]
