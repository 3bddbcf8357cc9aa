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
from twin.model.datastreams import Datastream, Sensor, VehicleClass
from twin.model.monitoring import ANALYSIS_SOURCE
from twin.model.observations import Batch, Readings, Tally
from twin.model.provenance import Provenance, ProvenanceKind
from twin.model.times import from_us
from twin.store.memory import MemoryStore

BRIDGE_ID = "T1"
MADE = Provenance("estimated", by="made up")


def datastreams() -> tuple[Datastream, ...]:
    """One datastream for each channel of the simulated bridge."""
    return tuple(
        _hourly(
            channel,
            quantity,
            source="demo",
            provenance="simulated",
            vehicle_class="heavy" if channel == "heavy_flow" else "",
        )
        for channel, quantity in CHANNELS.items()
    )


DERIVED = {
    "crack_1#compensated": "crack_width",
    "travel_1#compensated": "displacement",
    "modes#t2": "t2_statistic",
}
"""Streams that analyses write, by the end of their route key, and the quantity of each."""


def derived_streams() -> tuple[Datastream, ...]:
    """Where the analyses of the bridge may write."""
    return tuple(
        _hourly(end, quantity, source=ANALYSIS_SOURCE, provenance="derived")
        for end, quantity in DERIVED.items()
    )


def _hourly(
    end: str,
    quantity: str,
    *,
    source: str,
    provenance: ProvenanceKind,
    vehicle_class: VehicleClass = "",
) -> Datastream:
    return Datastream(
        uid=f"{BRIDGE_ID}.{end.replace('#', '-')}",
        name=end,
        asset_id=BRIDGE_ID,
        component_id=None,
        quantity=quantity,
        sensor_id="S1",
        source=source,
        route_key=f"{BRIDGE_ID}/{end}",
        provenance=provenance,
        cadence_s=3600.0,
        vehicle_class=vehicle_class,
    )


def city() -> City:
    """The registry of the bridge."""
    return City(
        name="Probestadt",
        assets=(Asset(BRIDGE_ID, "bridge", "Probebrücke", Point(13.7, 51.0), MADE),),
        components=(),
        sensors=(Sensor("S1", "logger", "simulated", "simulated"),),
        datastreams=(*datastreams(), *derived_streams()),
        references=(),
    )


def twin_of(world: HourlyWorld) -> Twin:
    """A city that has heard the bridge all the time; fault rules marked what they doubt."""
    now = from_us(int(world.true_time_us[-1])) + timedelta(hours=1, minutes=1)
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: now + timedelta(microseconds=next(ticks)))
    twin.load(city())
    streams = [item for item in twin.datastreams() if item.source != ANALYSIS_SOURCE]
    numbers = {item.name: item.number or 0 for item in streams}
    rules = FaultRules(streams)
    twin.record(
        Batch(
            incarnation=uuid4(),
            sequence=1,
            readings=rules.mark(readings_of(world, numbers)),
            tallies={"demo": Tally()},
        )
    )
    return twin


class Stepped:
    """A city that hears its bridge hour by hour, as a running one does.

    Parameters
    ----------
    world
        What happens at the bridge.
    heard_h
        So many hours of it have been heard at the beginning.
    """

    def __init__(self, world: HourlyWorld, *, heard_h: int) -> None:
        self._true_time_us = world.true_time_us
        self._now = from_us(int(world.true_time_us[0]))
        self._ticks = count(1)
        self._incarnation = uuid4()
        self.twin = Twin(MemoryStore(), clock=self._clock)
        self.twin.load(city())
        streams = [item for item in self.twin.datastreams() if item.source != ANALYSIS_SOURCE]
        self._rules = FaultRules(streams)
        self._all = readings_of(world, {item.name: item.number or 0 for item in streams})
        self._taken = 0
        self.heard_h = 0
        self.hear(heard_h)

    def hear(self, hours: int) -> None:
        """Hear some hours more, and go to one minute after them."""
        self.heard_h += hours
        last_us = int(self._true_time_us[self.heard_h - 1])
        until = int(np.searchsorted(self._all.time_us, last_us, side="right"))
        rows = slice(self._taken, until)
        self._taken = until
        self._now = from_us(last_us + HOUR_US) + timedelta(minutes=1)
        part = Readings(
            number=self._all.number[rows],
            time_us=self._all.time_us[rows],
            value=self._all.value[rows],
            quality=self._all.quality[rows],
        )
        self.twin.record(
            Batch(
                incarnation=self._incarnation,
                sequence=next(self._ticks),
                readings=self._rules.mark(part),
                tallies={"demo": Tally()},
            )
        )

    def _clock(self) -> datetime:
        return self._now + timedelta(microseconds=next(self._ticks))


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
