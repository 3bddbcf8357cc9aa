"""Live channels of the city: from the newest readings to one byte per feature, pure.

A value is shown only while it is fresh: when its age passes three expected intervals, the byte
becomes 255 and the quality "stale", even if nothing arrives that could say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dashboards.live.quantise import CLASSES, NO_VALUE, Scale, quantise
from twin.model.findings import MonitoringState
from twin.model.observations import Latest
from twin.model.quality import STALE_AFTER_CADENCES, SUSPECT_MASK, Quality, QualityClass
from twin.rules.monitoring import monitoring_state

Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: which table it colours, on which scale, and how often it is expected [s]."""

    name: str
    table: str
    scale: Scale
    unit: str = ""
    interval_s: float | None = None

    @property
    def kind(self) -> str:
        """``magnitude`` or ``class``."""
        return self.scale.kind


# The ranges end where a city road is free or full: the middle of the ramp is a grey that must not
# be the colour of the common case. Faster and fuller motorways are at the upper end.
SPEED = Scale("magnitude", 0.0, 70.0)
FLOW = Scale("magnitude", 0.0, 1500.0)
CHANNELS = (
    Channel("roads.speed", "roads", SPEED, "km/h"),
    Channel("roads.speed.q", "roads", CLASSES),
    Channel("roads.flow", "roads", FLOW, "/h"),
    Channel("roads.flow.q", "roads", CLASSES),
    Channel("bridges.grade", "bridges", CLASSES),
    Channel("bridges.monitoring", "bridges", CLASSES),
    Channel("sensors.q", "sensors", CLASSES),
)


@dataclass(frozen=True, slots=True)
class StreamIndex:
    """Which datastreams colour which features; -1 means that there is none.

    Parameters
    ----------
    cadence_s : (numbers,)
        Expected interval by datastream number [s]; infinite if event driven.
    road_speed, road_flow : (roads,)
        Datastream number per road direction.
    sensor_row, sensor_number : (streams,)
        Row of the sensor table of each datastream that has a place.
    bridge_row, bridge_number : (streams,)
        Row of the bridge table of each datastream of a bridge.
    bridge_grade : (bridges,)
        Class code of the condition grade, 255 if not graded.
    sensors
        Number of rows of the sensor table.
    """

    cadence_s: Float64
    is_followed: NDArray[np.bool_]
    road_speed: Int64
    road_flow: Int64
    sensor_row: Int64
    sensor_number: Int64
    bridge_row: Int64
    bridge_number: Int64
    bridge_grade: Bytes
    sensors: int


@dataclass(slots=True)
class NewestValues:
    """Newest value by datastream number, kept up to date with every change.

    What is not followed, such as streams of analyses, stays without a value.
    """

    is_followed: NDArray[np.bool_]
    time_us: Int64 = field(init=False)
    value: Float64 = field(init=False)
    quality: NDArray[np.int16] = field(init=False)
    revision: int = 0

    @property
    def numbers(self) -> int:
        """Datastream numbers that there is room for."""
        return len(self.is_followed)

    def __post_init__(self) -> None:
        self.time_us = np.full(self.numbers, NEVER, dtype=np.int64)
        self.value = np.full(self.numbers, np.nan)
        self.quality = np.zeros(self.numbers, dtype=np.int16)

    def apply(self, latest: Latest) -> NDArray[np.int64]:
        """Take over what changed; the times [us] of all values that are newer than before."""
        known = (latest.number < self.numbers) & self.is_followed[latest.number % self.numbers]
        number = latest.number[known]
        is_newer = latest.time_us[known] > self.time_us[number]
        self.time_us[number] = latest.time_us[known]
        self.value[number] = latest.value[known]
        self.quality[number] = latest.quality[known]
        self.revision = max(self.revision, latest.revision)
        return latest.time_us[known][is_newer]


def quality_classes(newest: NewestValues, cadence_s: Float64, *, now_us: int) -> Bytes:
    """Quality class by datastream number; the same rule as ``twin.model.quality``."""
    has_value = newest.time_us != NEVER
    age_s = (now_us - np.where(has_value, newest.time_us, now_us)) / 1e6
    classes = np.full(newest.numbers, QualityClass.GOOD, dtype=np.uint8)
    classes[(newest.quality & int(Quality.SIMULATED)) != 0] = QualityClass.SIMULATED
    classes[(newest.quality & int(SUSPECT_MASK)) != 0] = QualityClass.SUSPECT
    classes[age_s > STALE_AFTER_CADENCES * cadence_s] = QualityClass.STALE
    classes[~has_value] = QualityClass.NEVER_REPORTED
    return classes


def encode_channels(
    index: StreamIndex,
    newest: NewestValues,
    *,
    now_us: int,
    watched: Sequence[MonitoringState | None] = (),
) -> Mapping[str, tuple[Bytes, float]]:
    """Bytes of every channel, and the newest phenomenon time in it [ms since 1970].

    ``watched`` is what the analyses say, by row of the bridges; empty where there are none.
    """
    classes = quality_classes(newest, index.cadence_s, now_us=now_us)
    found: dict[str, tuple[Bytes, float]] = {}
    never = float(QualityClass.NEVER_REPORTED)
    for key, rows, scale in (
        ("roads.speed", index.road_speed, SPEED),
        ("roads.flow", index.road_flow, FLOW),
    ):
        quality = _taken(classes, rows, never).astype(np.uint8)
        silent = (quality == QualityClass.STALE) | (quality == QualityClass.NEVER_REPORTED)
        values = quantise(_taken(newest.value, rows, np.nan), scale, absent=silent)
        at = _newest_ms(newest, rows[rows >= 0])
        found[key] = values, at
        found[f"{key}.q"] = quality, at
    sensors = _worst(classes[index.sensor_number], index.sensor_row, index.sensors)
    found["sensors.q"] = sensors, _newest_ms(newest, index.sensor_number)
    found["bridges.grade"] = index.bridge_grade, 0.0
    said = watched or [None] * len(index.bridge_grade)
    states = _monitoring(classes[index.bridge_number], index.bridge_row, said)
    found["bridges.monitoring"] = states, _newest_ms(newest, index.bridge_number)
    return found


def _taken(values: NDArray[np.generic], rows: Int64, absent: float) -> NDArray[np.generic]:
    filled = values[np.maximum(rows, 0)].copy() if values.size else np.full(rows.shape, absent)
    filled[rows < 0] = absent
    return filled


def _newest_ms(newest: NewestValues, numbers: Int64) -> float:
    times = newest.time_us[numbers]
    times = times[times != NEVER]
    return float(times.max()) / 1000 if times.size else 0.0


# Where several streams share a place, the worst one decides.
SEVERITY = np.zeros(NO_VALUE + 1, dtype=np.uint8)
BY_SEVERITY = (
    QualityClass.GOOD,
    QualityClass.SIMULATED,
    QualityClass.NEVER_REPORTED,
    QualityClass.STALE,
    QualityClass.SUSPECT,
)
for _rank, _class in enumerate(BY_SEVERITY):
    SEVERITY[_class] = _rank


def _worst(classes: Bytes, rows: Int64, features: int) -> Bytes:
    rank = np.zeros(features, dtype=np.uint8)
    np.maximum.at(rank, rows, SEVERITY[classes])
    return np.array(BY_SEVERITY, dtype=np.uint8)[rank]


def _monitoring(classes: Bytes, rows: Int64, watched: Sequence[MonitoringState | None]) -> Bytes:
    by_bridge: list[list[QualityClass]] = [[] for _ in watched]
    for row, code in zip(rows.tolist(), classes.tolist(), strict=True):
        by_bridge[row].append(QualityClass(code))
    states = [monitoring_state(*of) for of in zip(by_bridge, watched, strict=True)]
    return np.array(states, dtype=np.uint8)
