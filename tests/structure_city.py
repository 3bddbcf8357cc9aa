"""A city of one bridge whose recorded facts and measured frequencies a test chooses."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
from shapely.geometry import Point

from twin.city import Twin
from twin.model.assets import Asset, Attribute
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.monitoring import ANALYSIS_SOURCE
from twin.model.observations import Batch, Readings, Tally
from twin.model.provenance import Provenance
from twin.model.times import to_us
from twin.store.memory import MemoryStore

BRIDGE_ID = "T1"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
MADE = Provenance("estimated", by="made up")
FACTS: Mapping[str, float | str] = {
    "structural_system": "concrete slab",
    "static_system": "1.1",
    "spans_m": "30",
    "total_length_m": 30.0,
    "width_m": 9.0,
    "carriageway_width_m": 9.0,
    "section_type": "slab",
    "structural_depth_m": 1.2,
    "mass_t_m": 15.0,
}
"""One simple span of 30 m with nine metres between kerbs, as in the truth cases."""


class Clock:
    """A time that moves when the test says so."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.ticks = 0

    def __call__(self) -> datetime:
        self.ticks += 1
        return self.now + timedelta(microseconds=self.ticks)


def frequency_stream(mode: int, *, is_compensated: bool = False) -> Datastream:
    """Datastream of a tracked natural frequency, or what an analysis makes of it."""
    key = f"{BRIDGE_ID}/natural_frequency_{mode}"
    return Datastream(
        uid=f"{BRIDGE_ID}.natural_frequency_{mode}{'-compensated' if is_compensated else ''}",
        name=f"mode {mode}",
        asset_id=BRIDGE_ID,
        component_id=None,
        quantity="natural_frequency",
        sensor_id="S1",
        source=ANALYSIS_SOURCE if is_compensated else "demo",
        route_key=f"{key}#compensated" if is_compensated else key,
        provenance="derived" if is_compensated else "simulated",
        cadence_s=3600.0,
    )


def structure_city(facts: Mapping[str, float | str], streams: Sequence[Datastream] = ()) -> City:
    """The registry: a bridge with these attributes."""
    attributes = tuple(Attribute(name, value, "", MADE) for name, value in facts.items())
    return City(
        name="Probestadt",
        assets=(Asset(BRIDGE_ID, "bridge", "Probebrücke", Point(13.7, 51.0), MADE, attributes),),
        components=(),
        sensors=(Sensor("S1", "logger", "simulated", "simulated"),),
        datastreams=tuple(streams),
        references=(),
    )


def structure_twin(
    facts: Mapping[str, float | str], clock: Clock, streams: Sequence[Datastream] = ()
) -> Twin:
    """The city in the store in memory."""
    twin = Twin(MemoryStore(), clock=clock)
    twin.load(structure_city(facts, streams))
    return twin


def hear(twin: Twin, mode: int, hz: float, *, until: datetime, hours: int = 200) -> None:
    """Hourly readings of a mode that end an hour before a time."""
    number = twin.datastream(f"{BRIDGE_ID}.natural_frequency_{mode}").number or 0
    last = until.replace(minute=0, second=0, microsecond=0) - timedelta(minutes=30)
    times = np.array([to_us(last - timedelta(hours=back)) for back in range(hours)][::-1])
    readings = Readings(
        number=np.full(hours, number, np.int32),
        time_us=times,
        value=np.full(hours, hz),
        quality=np.zeros(hours, np.int16),
    )
    twin.record(
        Batch(incarnation=uuid4(), sequence=1, readings=readings, tallies={"demo": Tally()})
    )
