"""A small town for tests of the web server: two bridges, two road sections, seven datastreams."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import LineString, Point, Polygon

from dashboards.live.table import Table
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.observations import Batch, Readings, Tally, Waveform
from twin.model.provenance import Provenance, Reference
from twin.model.quality import Quality
from twin.model.times import to_us, utc_now
from twin.settings import CitySettings, DashboardsSettings, LiveSettings, Settings
from twin.store.memory import MemoryStore

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SOURCED = Provenance("sourced", references=("1",))
ESTIMATED = Provenance("estimated", by="drawn by hand")
HOSTILE = "<img src=x onerror=alert(1)>"
STREAMS = (
    # uid, asset, component, quantity, vehicle class, kind, cadence
    ("L1.ab-q", "L1", "L1/ab", "traffic_flow", "all", "reading", 15.0),
    ("L1.ab-v", "L1", "L1/ab", "speed", "car", "reading", 15.0),
    ("L2.ba-v", "L2", "L2/ba", "speed", "car", "reading", 15.0),
    ("B1-strain", "B1", "B1/mid", "strain", "", "reading", 15.0),
    ("B1-temp", "B1", None, "air_temperature", "", "reading", 60.0),
    ("B1-wave", "B1", "B1/mid", "acceleration", "", "waveform", 20.0),
    ("P1-level", "P1", None, "water_level", "", "reading", 60.0),
)


def settings(
    listen: str = "127.0.0.1:0",
    *,
    tick_hz: float = 2.0,
    max_clients: int = 500,
    name: str = "Musterstadt",
) -> Settings:
    """Settings of the town; nothing is read from files or the environment."""
    return Settings(
        city=CitySettings(name, "EPSG:25833", (13.69, 51.03, 13.76, 51.08)),
        folder=Path(),
        dashboards=DashboardsSettings(listen=listen, live=LiveSettings(tick_hz, max_clients)),
    )


def town(name: str = "Alte Brücke", *, bridges: int = 2) -> City:
    """The town; its first bridge may get a hostile name, and it may have no bridge."""
    facts = (
        Attribute("condition_grade", 3.2, "1", SOURCED),
        Attribute("condition_year", "2023", "", SOURCED),
        Attribute("width_m", 14.0, "m", SOURCED),
        Attribute("remarks", "old", "", SOURCED),
        Attribute("remarks_de", "alt", "", SOURCED),
    )
    deck = Polygon([(13.70, 51.050), (13.7003, 51.050), (13.7003, 51.054), (13.70, 51.054)])
    all_bridges = (
        Asset("B1", "bridge", name, deck, ESTIMATED, facts),
        Asset(
            "B2", "bridge", "Neue Brücke", LineString([(13.72, 51.05), (13.72, 51.054)]), SOURCED
        ),
    )
    assets = (
        *all_bridges[:bridges],
        Asset("L1", "road_section", "Hauptstraße", LineString([(13.70, 51.045), (13.70, 51.06)]),
              ESTIMATED),
        Asset("L2", "road_section", "Nebenstraße", LineString([(13.72, 51.045), (13.72, 51.06)]),
              ESTIMATED),
        Asset("P1", "gauge", "Pegel", Point(13.71, 51.052), ESTIMATED),
        Asset("W1", "water", "Fluss", LineString([(13.69, 51.052), (13.73, 51.052)]), ESTIMATED),
    )  # fmt: skip
    kept = {asset.id for asset in assets}
    components = tuple(
        Component(key, asset, title, kind)
        for key, asset, title, kind in (
            ("L1/ab", "L1", "Richtung Nord", "direction"),
            ("L1/ba", "L1", "Richtung Süd", "direction"),
            ("L2/ab", "L2", "Richtung Nord", "direction"),
            ("L2/ba", "L2", "Richtung Süd", "direction"),
            ("B1/mid", "B1", "Feldmitte", "section"),
        )
        if asset in kept
    )
    streams = tuple(
        Datastream(
            uid=uid, name=f"{quantity} {uid}", asset_id=asset, component_id=component,
            quantity=quantity, sensor_id="S1", source="demo", route_key=uid,
            provenance="simulated", vehicle_class=vehicles, kind=kind, cadence_s=cadence,
        )
        for uid, asset, component, quantity, vehicles, kind, cadence in STREAMS
        if asset in kept
    )  # fmt: skip
    return City(
        name="Musterstadt",
        references=(Reference("1", "Survey of 2023", "CC0"),),
        assets=assets,
        components=components,
        sensors=(Sensor("S1", "Simulator", "simulated", "simulated"),),
        datastreams=streams,
    )


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class RunningClock(Clock):
    """A clock that runs like that of the machine, and can be put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def move(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class TakeawayStore(MemoryStore):
    """A store in memory that can be taken away, as a database behind a network can."""

    is_away = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("close", "description", "is_available") or not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            if self.is_away:
                raise StoreUnavailableError("the database cannot be reached; repeat later")
            return found(*arguments, **named)

        return call

    def is_available(self) -> bool:
        return not self.is_away


@dataclass
class Town:
    """A twin of the town on a store in memory, and a way to record readings."""

    city: City = field(default_factory=town)
    clock: Clock = field(default_factory=Clock)
    incarnation: uuid.UUID = field(default_factory=uuid.uuid4)

    def __post_init__(self) -> None:
        self.store = TakeawayStore(clock=self.clock)
        self.twin = Twin(self.store, clock=self.clock)
        self.twin.load(self.city)
        self._sequence = count(1)

    def record(self, values: dict[str, float], *, age_s: float = 0.0, quality: int = 0) -> None:
        """Record one reading per datastream, measured ``age_s`` ago."""
        numbers = {stream.uid: stream.number for stream in self.twin.datastreams()}
        time_us = to_us(self.clock()) - round(age_s * 1e6)
        readings = Readings(
            number=np.array([numbers[uid] for uid in values], dtype=np.int32),
            time_us=np.full(len(values), time_us, dtype=np.int64),
            value=np.array(list(values.values()), dtype=np.float64),
            quality=np.full(len(values), quality | Quality.SIMULATED, dtype=np.int16),
        )
        self._commit(readings=readings, tallies={"demo": Tally(received=len(values))})

    def record_rows(self, uid: str, values: Iterable[float], *, age_s: float) -> None:
        """Record readings of one datastream, a millisecond apart, the first ``age_s`` ago."""
        value = np.array(list(values), dtype=np.float64)
        number = self.twin.datastream(uid).number or 0
        begin_us = to_us(self.clock()) - round(age_s * 1e6)
        readings = Readings(
            number=np.full(len(value), number, dtype=np.int32),
            time_us=begin_us + np.arange(len(value), dtype=np.int64) * 1000,
            value=value,
            quality=np.full(len(value), int(Quality.SIMULATED), dtype=np.int16),
        )
        self._commit(readings=readings, tallies={"demo": Tally(received=len(value))})

    def record_burst(self, uid: str, samples: Iterable[float], *, age_s: float = 0.0) -> None:
        """Record a burst of 100 Hz."""
        number = self.twin.datastream(uid).number or 0
        t0_us = to_us(self.clock()) - round(age_s * 1e6)
        wave = Waveform(number, t0_us, 100.0, np.array(list(samples), dtype=np.float32))
        self._commit(waveforms=(wave,), tallies={"demo": Tally(received=1)})

    def reject(self, *rejections: object) -> None:
        """Put something into quarantine."""
        self._commit(rejections=rejections, tallies={"demo": Tally(received=len(rejections))})

    def _commit(self, **content: object) -> None:
        batch = Batch(self.incarnation, next(self._sequence), **content)  # pyrefly: ignore
        self.twin.record(batch)


def numbers(table: Table, name: str) -> list[float]:
    """Numeric column of a table."""
    column = table.columns[name]
    assert isinstance(column, np.ndarray)
    return column.tolist()
