"""Traffic past one counter: a day profile, counts after Poisson, speeds after a BPR curve.

Local limits: no queues, no signals, no public holidays, no correlation between sections.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.seeds import generator
from sensors.simulator.slots import MICRO, Slots
from sensors.simulator.tables import DAY_S, day_profile, parameters

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday
WEEK = ("monday_to_thursday",) * 4 + ("friday", "saturday", "sunday")
HEAVY_WEEK = ("working_day",) * 5 + ("saturday", "sunday")
HALF_HOUR = 0.5


@dataclass(frozen=True, slots=True)
class Road:
    """What a counter needs to know of its road section.

    Parameters
    ----------
    daily_flow_veh_d
        Vehicles per working day, both directions.
    heavy_share
        Share of heavy vehicles [-].
    max_speed_km_h, capacity_veh_h
        Speed limit; capacity of one direction.
    """

    daily_flow_veh_d: float
    heavy_share: float
    max_speed_km_h: float
    capacity_veh_h: float


def local_day_time(times_us: Times, zone: str) -> tuple[NDArray[np.int64], Floats]:
    """Weekday (Monday is 0) and hour of the day in local time; one block of times."""
    start = EPOCH + timedelta(microseconds=int(times_us[0]))
    offset = start.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    local_s = times_us / MICRO + offset.total_seconds()
    day = np.floor(local_s / DAY_S)
    weekday = (day.astype(np.int64) + FIRST_WEEKDAY) % len(WEEK)
    return weekday, (local_s - day * DAY_S) / 3600.0


def hourly_share(hour: Floats, profile: str) -> Floats:
    """Share of the day per hour [1/h] at an hour of the day, linear between full half hours.

    The shares of a whole day add up to 1.
    """
    shares = day_profile(profile)
    middle = np.arange(-1, len(shares) + 1) + HALF_HOUR
    return np.interp(hour, middle, np.concatenate([shares[-1:], shares, shares[:1]]))


def expected_flow(times_us: Times, road: Road, *, zone: str) -> tuple[Floats, Floats]:
    """Expected flow [veh/h] of cars and of heavy vehicles in one direction."""
    table = parameters()
    weekday, hour = local_day_time(times_us, zone)
    one_way = road.daily_flow_veh_d * table["direction_share"]
    cars = np.zeros(len(hour))
    heavy = hourly_share(hour, "heavy") * one_way * road.heavy_share
    factor = np.array([table[f"heavy_factor_{name}"] for name in HEAVY_WEEK])
    heavy *= factor[weekday]
    for name in dict.fromkeys(WEEK):
        here = np.array([kind == name for kind in WEEK])[weekday]
        cars[here] = hourly_share(hour[here], name) * table[f"day_factor_{name}"]
    return cars * one_way * (1.0 - road.heavy_share), heavy


@dataclass(frozen=True, slots=True)
class Counter:
    """One direction of a road section past a detector."""

    name: str
    road: Road
    slots: Slots
    seed: int
    zone: str

    @property
    def window(self) -> int:
        """Slots in the moving window."""
        return max(1, round(parameters()["moving_window_s"] * MICRO / self.slots.cadence_us))

    def flows(self, block: int) -> tuple[Floats, Floats]:
        """Moving flow [veh/h] of all and of heavy vehicles at the slots of a block."""
        cars, heavy = (
            np.concatenate([_counts(self, block - 1)[kind], _counts(self, block)[kind]])
            for kind in (0, 1)
        )
        return self._moving(cars + heavy), self._moving(heavy)

    def speeds(self, block: int) -> tuple[Floats, Floats]:
        """Mean speed [km/h] of cars and of heavy vehicles; never above the limit."""
        table = parameters()
        flow, heavy_flow = self.flows(block)
        load = (flow / self.road.capacity_veh_h) ** table["slowing_power"]
        limit = self.road.max_speed_km_h
        mean = limit * table["free_speed_ratio"] / (1.0 + table["slowing"] * load)
        noise = generator(self.seed, f"{self.name}:speed", block).standard_normal((2, len(mean)))
        relative = mean / limit
        cars = mean + relative * self._spread(flow) * noise[0]
        slower = np.minimum(mean * table["heavy_speed_ratio"], table["heavy_speed_limit_km_h"])
        heavy = slower + relative * self._spread(heavy_flow) * noise[1]
        lowest = table["lowest_speed_km_h"]
        most = min(limit, table["heavy_speed_limit_km_h"])
        return np.clip(cars, lowest, limit), np.clip(heavy, lowest, most)

    def _spread(self, flow: Floats) -> Floats:
        vehicles = flow * parameters()["moving_window_s"] / 3600.0
        return parameters()["speed_spread_km_h"] / np.sqrt(np.maximum(vehicles, 1.0))

    def _moving(self, counts: Floats) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(counts)])
        ends = np.arange(len(counts) - self.slots.per_block, len(counts)) + 1
        starts = np.maximum(ends - self.window, 0)
        hours = self.window * self.slots.cadence_us / MICRO / 3600.0
        return (total[ends] - total[starts]) / hours


@lru_cache(maxsize=512)
def _counts(counter: Counter, block: int) -> tuple[Floats, Floats]:
    times_us = counter.slots.block(block)
    middle_us = times_us - counter.slots.cadence_us // 2
    hours = counter.slots.cadence_us / MICRO / 3600.0
    random = generator(counter.seed, f"{counter.name}:count", block)
    cars, heavy = (
        random.poisson(flow * hours).astype(np.float64)
        for flow in expected_flow(middle_us, counter.road, zone=counter.zone)
    )
    return cars, heavy
