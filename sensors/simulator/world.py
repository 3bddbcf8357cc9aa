"""The simulated world: which model plays which datastream of the registry."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.climate import water_level
from sensors.simulator.seeds import generator
from sensors.simulator.slots import Slots, slots
from sensors.simulator.structure import (
    BRIDGE_QUANTITIES,
    Bridge,
    BridgeSensor,
    Damage,
    ModalLogger,
    VibrationSensor,
)
from sensors.simulator.tables import parameters
from sensors.simulator.traffic import Counter, Road
from twin.model.assets import Asset
from twin.model.datastreams import Datastream
from twin.model.quantities import quantity
from twin.model.times import to_us

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
BlockModel = Callable[[int], Floats]
BurstModel = Callable[[int], NDArray[np.int16]]
EXTRA_DECIMALS = 1
FREQUENCIES = ("natural_frequency_1_hz", "natural_frequency_2_hz")


@dataclass(frozen=True, slots=True)
class Stream:
    """One simulated datastream: when it reports, and the model of its values.

    ``values`` gives all values of a block of slots; ``burst`` the samples of one slot.
    """

    datastream: Datastream
    slots: Slots
    values: BlockModel | None = None
    burst: BurstModel | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Streams that are played, and the uids for which there is no model."""

    streams: tuple[Stream, ...]
    unplayed: tuple[str, ...]


def build_world(
    datastreams: Sequence[Datastream], assets: Sequence[Asset], *, seed: int, zone: str
) -> World:
    """World that plays every simulated datastream for which there is a model."""
    builder = _Builder({asset.id: asset for asset in assets}, seed, zone)
    streams: list[Stream] = []
    unplayed: list[str] = []
    for datastream in datastreams:
        if datastream.provenance != "simulated":
            continue
        stream = builder.stream(datastream)
        if stream is None:
            unplayed.append(datastream.uid)
        else:
            streams.append(stream)
    return World(tuple(streams), tuple(unplayed))


@dataclass(frozen=True, slots=True)
class _Builder:
    assets: Mapping[str, Asset]
    seed: int
    zone: str
    roads: dict[str, Asset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for asset in self.assets.values():
            carried = asset.attribute("bridge")
            if carried is not None:
                self.roads[str(carried.value)] = asset

    def stream(self, datastream: Datastream) -> Stream | None:
        """Stream with its model, or None if no model fits."""
        asset = self.assets.get(datastream.asset_id)
        if asset is None or not datastream.cadence_s:
            return None
        times = slots(datastream.cadence_s, seed=self.seed, name=datastream.sensor_id)
        if datastream.kind == "waveform":
            bridge = self._bridge(asset)
            if datastream.quantity != "acceleration" or not bridge.frequencies_hz:
                return None
            sensor = VibrationSensor(datastream.uid, bridge, times)
            return Stream(datastream, times, burst=sensor.burst)
        model = self._model(datastream, asset, times)
        if model is None:
            return None
        return Stream(datastream, times, values=_finished(model, datastream.quantity))

    def _model(self, datastream: Datastream, asset: Asset, times: Slots) -> BlockModel | None:
        key = datastream.quantity
        if key in ("traffic_flow", "speed"):
            return self._counter(datastream, asset, times)
        if key == "natural_frequency":
            return self._modal_logger(datastream, asset, times)
        if key == "water_level":
            return self._gauge(datastream.uid, times)
        if key in BRIDGE_QUANTITIES:
            return BridgeSensor(datastream.uid, key, self._bridge(asset), times).values
        return None

    def _counter(self, datastream: Datastream, asset: Asset, times: Slots) -> BlockModel:
        name, vehicles = datastream.component_id or asset.id, datastream.vehicle_class
        counter = Counter(name, self._road(asset), times, self.seed, self.zone)
        column = 1 if vehicles == "heavy" else 0
        if datastream.quantity == "speed":
            return lambda block: counter.speeds(block)[column]
        if vehicles == "car":
            return lambda block: np.subtract(*counter.flows(block))
        return lambda block: counter.flows(block)[column]

    def _modal_logger(
        self, datastream: Datastream, asset: Asset, times: Slots
    ) -> BlockModel | None:
        found = asset.attribute(f"{datastream.uid.rpartition('.')[2]}_hz")
        if found is None:
            return None
        frequency_hz = float(found.value)
        return ModalLogger(datastream.uid, frequency_hz, self._bridge(asset), times).values

    def _gauge(self, uid: str, times: Slots) -> BlockModel:
        def values(block: int) -> Floats:
            noise = generator(self.seed, uid, block).standard_normal(times.per_block)
            level = water_level(times.block(block), seed=self.seed)
            return level + parameters()["river_noise_m"] * noise

        return values

    def _road(self, asset: Asset) -> Road:
        return Road(
            daily_flow_veh_d=_number(asset, "demo_daily_flow_veh_d", "default_daily_flow_veh_d"),
            heavy_share=_number(asset, "heavy_share_percent", "default_heavy_share_percent") / 100,
            max_speed_km_h=_number(asset, "max_speed_km_h", "default_max_speed_km_h"),
            capacity_veh_h=_number(asset, "capacity_veh_h", "default_capacity_veh_h"),
        )

    def _bridge(self, asset: Asset) -> Bridge:
        section = self.roads.get(asset.id)
        is_driven = section is not None and section.attribute("demo_daily_flow_veh_d") is not None
        found = [asset.attribute(name) for name in FREQUENCIES]
        return Bridge(
            name=asset.id,
            length_m=_number(asset, "total_length_m", "default_length_m"),
            lag_h=_number(asset, "thermal_time_constant_h", "default_time_constant_h"),
            road=self._road(section) if section is not None and is_driven else None,
            frequencies_hz=tuple(float(item.value) for item in found if item is not None),
            seed=self.seed,
            zone=self.zone,
            damage=_damage(asset),
        )


def _damage(asset: Asset) -> Damage:
    return Damage(
        crack_since_us=_since_us(asset, "simulated_crack_since"),
        crack_rate_mm_a=_given(asset, "simulated_crack_rate_mm_a"),
        bearing_since_us=_since_us(asset, "simulated_bearing_since"),
        bearing_held=_given(asset, "simulated_bearing_held_percent") / 100.0,
    )


def _given(asset: Asset, name: str) -> float:
    attribute = asset.attribute(name)
    return 0.0 if attribute is None else float(attribute.value)


def _since_us(asset: Asset, name: str) -> float:
    attribute = asset.attribute(name)
    if attribute is None:
        return math.inf
    day = datetime.fromisoformat(str(attribute.value)).replace(tzinfo=UTC)
    return float(to_us(day))


def _number(asset: Asset, name: str, default: str) -> float:
    attribute = asset.attribute(name)
    return parameters()[default] if attribute is None else float(attribute.value)


def _finished(model: BlockModel, key: str) -> BlockModel:
    measured = quantity(key)

    @lru_cache(maxsize=3)
    def values(block: int) -> Floats:
        exact = np.round(model(block), measured.decimals + EXTRA_DECIMALS)
        return np.clip(exact, measured.lower_limit, measured.upper_limit)

    return values
