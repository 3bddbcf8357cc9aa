"""A city of one simulated bridge in the store in memory, with months of its hourly readings."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import numpy as np
from shapely.geometry import Point

from sensors.rules.faultrules import FaultRules
from sensors.simulator.bridge_world.hourly import CHANNELS, HOUR_US, HourlyWorld
from twin.city import Twin
from twin.model.assets import Asset
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.observations import Batch, Readings, Tally
from twin.model.provenance import Provenance
from twin.model.times import from_us
from twin.store.memory import MemoryStore

BRIDGE_ID = "T1"
MADE = Provenance("estimated", by="made up")


def datastreams() -> tuple[Datastream, ...]:
    """One datastream for each channel of the simulated bridge."""
    return tuple(
        Datastream(
            uid=f"{BRIDGE_ID}.{channel}",
            name=channel,
            asset_id=BRIDGE_ID,
            component_id=None,
            quantity=quantity,
            sensor_id="S1",
            source="demo",
            route_key=f"{BRIDGE_ID}/{channel}",
            provenance="simulated",
            cadence_s=3600.0,
            vehicle_class="heavy" if channel == "heavy_flow" else "",
        )
        for channel, quantity in CHANNELS.items()
    )


def city() -> City:
    """The registry of the bridge."""
    return City(
        name="Probestadt",
        assets=(Asset(BRIDGE_ID, "bridge", "Probebrücke", Point(13.7, 51.0), MADE),),
        components=(),
        sensors=(Sensor("S1", "logger", "simulated", "simulated"),),
        datastreams=datastreams(),
        references=(),
    )


def twin_of(world: HourlyWorld) -> Twin:
    """A city that has heard the bridge all the time; fault rules marked what they doubt."""
    now = from_us(int(world.true_time_us[-1])) + timedelta(hours=1, minutes=1)
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: now + timedelta(microseconds=next(ticks)))
    twin.load(city())
    numbers = {item.name: item.number or 0 for item in twin.datastreams()}
    rules = FaultRules(twin.datastreams())
    twin.record(
        Batch(
            incarnation=uuid4(),
            sequence=1,
            readings=rules.mark(readings_of(world, numbers)),
            tallies={"demo": Tally()},
        )
    )
    return twin


def readings_of(world: HourlyWorld, numbers: Mapping[str, int]) -> Readings:
    """Everything that was reported, in order of arrival."""
    parts = []
    for channel, number in numbers.items():
        value = world.values[channel]
        there = np.isfinite(value)
        rows = int(there.sum())
        parts.append(
            Readings(
                number=np.full(rows, number, np.int32),
                time_us=world.time_us[channel][there],
                value=value[there],
                quality=np.zeros(rows, np.int16),
            )
        )
    merged = Readings(
        number=np.concatenate([part.number for part in parts]),
        time_us=np.concatenate([part.time_us for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        quality=np.concatenate([part.quality for part in parts]),
    )
    order = np.argsort(merged.time_us, kind="stable")
    return replace(
        merged,
        number=merged.number[order],
        time_us=merged.time_us[order],
        value=merged.value[order],
        quality=merged.quality[order],
    )


START_US = int(datetime(2025, 10, 1, tzinfo=UTC).timestamp()) * 1_000_000 // HOUR_US * HOUR_US
