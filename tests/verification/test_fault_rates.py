"""Detection and false alarms of the sensor-fault rules on seeded data with injected faults.

The bars are those of the bridge specification, section 13 (false flags at most 1e-3 of normal
data, 10-sigma spikes and long freezes found in at least 90 % of cases); the bounds asserted here
are wider, because the data are made up: they catch a broken rule, not a slightly worse one.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from sensors.rules.faultrules import FaultRules
from sensors.simulator.world import build_world
from twin.cli import demo_city
from twin.exchange.folder import read_city
from twin.model.datastreams import Datastream
from twin.model.observations import Readings
from twin.model.quality import FAULT_MASK, Quality
from twin.model.times import to_us
from twin.settings import load_settings

CHANNELS = 40
DAY = 1440
DAYS = 12
MINUTE_US = 60_000_000


def stream(number: int, quantity: str) -> Datastream:
    return Datastream(
        uid=f"s{number}", name="", asset_id="a", component_id=None, quantity=quantity,
        sensor_id="x", source="demo", route_key=f"k{number}", provenance="measured", number=number,
    )  # fmt: skip


def judge(values: np.ndarray, quantity: str) -> np.ndarray:
    """Marks of (channels, minutes); handed in hour by hour as live data would be."""
    channels, minutes = values.shape
    rules = FaultRules([stream(number, quantity) for number in range(1, channels + 1)])
    marks = np.zeros(values.shape, np.int16)
    for begin in range(0, minutes, 60):
        part = values[:, begin : begin + 60]
        time_us = (np.arange(part.shape[1]) + begin) * MINUTE_US
        judged = rules.mark(
            Readings(
                number=np.repeat(np.arange(1, channels + 1, dtype=np.int32), part.shape[1]),
                time_us=np.tile(time_us.astype(np.int64), channels),
                value=part.ravel(),
                quality=np.zeros(part.size, np.int16),
            )
        )
        marks[:, begin : begin + 60] = judged.quality.reshape(part.shape)
    return marks


def day_wave(minutes: int, *, hour: float) -> np.ndarray:
    return np.sin(2 * np.pi * (np.arange(minutes) / DAY - hour / 24))


@pytest.fixture(scope="module")
def normal() -> dict[str, np.ndarray]:
    """Channels without any fault: strain, temperature, inclination, traffic, gauge."""
    rng = np.random.default_rng(20261122)
    minutes, size = DAYS * DAY, (CHANNELS, DAYS * DAY)
    lorries = rng.random(size) < 0.02
    strain = (
        40 * day_wave(minutes, hour=9) + rng.normal(0, 2, size) + lorries * rng.gamma(2, 3, size)
    )
    rush = 12 * np.maximum(0, day_wave(minutes, hour=9)) + 0.05
    level = 1.5 + np.cumsum(rng.choice([-0.01, 0, 0.01], size, p=[0.004, 0.992, 0.004]), axis=1)
    return {
        "strain": np.round(strain, 1),
        "air_temperature": np.round(
            12 + 6 * day_wave(minutes, hour=9) + rng.normal(0, 0.1, size), 1
        ),
        "inclination": np.round(0.2 * day_wave(minutes, hour=12) + rng.normal(0, 0.005, size), 3),
        "traffic_flow": 60.0 * rng.poisson(rush, size),
        "water_level": np.round(level, 2),
    }


def test_normal_data_are_hardly_ever_marked(normal: dict[str, np.ndarray]) -> None:
    for quantity, values in normal.items():
        marks = judge(values, quantity)
        rates = {
            flag.name: float(np.mean((marks & int(flag)) != 0))
            for flag in (Quality.STUCK, Quality.SPIKE, Quality.DROPOUT, Quality.SATURATED)
        }
        print(f"false marks, {quantity}: {rates}")
        assert np.mean((marks & int(FAULT_MASK)) != 0) < 1e-3


def test_spikes_of_ten_scales_are_found(normal: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    values = normal["strain"].copy()
    where = rng.integers(DAY, DAYS * DAY, size=(CHANNELS, 50))
    for channel, minutes in enumerate(where):
        values[channel, minutes] += rng.choice([-1, 1], 50) * 80.0
    marks = judge(values, "strain")
    found = np.mean([(marks[c, m] & int(Quality.SPIKE)) != 0 for c, m in enumerate(where)])
    print(f"spikes of 80 um/m on strain: {found:.1%} found")
    assert found > 0.9


@pytest.mark.parametrize("quantity", ["strain", "air_temperature", "inclination"])
def test_freezes_of_a_day_are_found(normal: dict[str, np.ndarray], quantity: str) -> None:
    values = normal[quantity].copy()
    begin = 9 * DAY
    values[:, begin : begin + DAY] = values[:, begin - 1 : begin]
    frozen = int(Quality.STUCK | Quality.DROPOUT)  # frozen at zero is a dropout
    stuck = (judge(values, quantity)[:, begin : begin + DAY] & frozen) != 0
    delay = np.median([np.argmax(row) for row in stuck if row.any()])
    print(f"freeze of a day, {quantity}: {np.mean(stuck.any(axis=1)):.0%} found after {delay} min")
    assert np.mean(stuck.any(axis=1)) > 0.9
    assert delay < 200


def test_dropouts_to_zero_are_found(normal: dict[str, np.ndarray]) -> None:
    begin = 10 * DAY
    for quantity, at_least in (("strain", 0.95), ("traffic_flow", 0.3)):
        values = normal[quantity].copy()
        values[:, begin:] = 0.0
        marks = (judge(values, quantity)[:, begin:] & int(Quality.DROPOUT)) != 0
        print(f"silent for two days, {quantity}: {marks.mean():.1%} of the zeros marked")
        assert np.mean(marks.any(axis=1)) > 0.9
        assert marks.mean() > at_least


def test_clipped_signals_are_found() -> None:
    rng = np.random.default_rng(8)
    clean = 100 * np.sin(np.arange(4000) / 3.7) + rng.normal(0, 5, (CHANNELS, 4000))
    clipped = np.clip(clean, -75.0, 75.0)
    at_rail = np.abs(clipped) == 75.0
    found = (judge(clipped, "strain") & int(Quality.SATURATED)) != 0
    print(f"clipped at 75 %: {found[at_rail].mean():.1%} found, {found[~at_rail].mean():.2%} false")
    assert found[at_rail].mean() > 0.8
    assert not found[~at_rail].any()


def test_the_simulated_city_is_hardly_ever_marked() -> None:
    city = read_city(demo_city(), load_settings(demo_city(), {}).city)
    world = build_world(city.datastreams, city.assets, seed=1, zone="Europe/Berlin")
    begin_us = to_us(datetime(2026, 11, 9, tzinfo=UTC))
    marked: Counter[str] = Counter()
    count = 0
    for played in [stream for stream in world.streams if stream.values is not None][::9]:
        assert played.values is not None
        slots = played.slots
        block_us = slots.per_block * slots.cadence_us
        blocks = range(
            begin_us // block_us, begin_us // block_us + 10 * DAY * MINUTE_US // block_us
        )
        time_us = np.concatenate([slots.block(block) for block in blocks])
        value = np.concatenate([played.values(block) for block in blocks])
        rules = FaultRules([replace(played.datastream, number=1)])
        rows = len(time_us)
        judged = rules.mark(
            Readings(np.ones(rows, np.int32), time_us, value, np.zeros(rows, np.int16))
        )
        count += rows
        for flag in (Quality.STUCK, Quality.SPIKE, Quality.DROPOUT, Quality.SATURATED):
            marked[str(flag.name)] += int(((judged.quality & int(flag)) != 0).sum())
    print(f"demo city, 10 days, {count} readings: {dict(marked)}")
    assert marked.total() < 1e-4 * count
