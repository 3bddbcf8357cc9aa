"""Live channels at past instants: the bytes that the map would have had then, pure.

What was silent at an instant has no value (255) in a channel of values, and the class "stale" in a
channel of classes. Whether it had ever reported before is not looked up.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dashboards.live.channels import BY_SEVERITY, FLOW, SEVERITY, SPEED, StreamIndex
from dashboards.live.quantise import quantise
from twin.model.history import NEVER_US, Instants
from twin.model.quality import SUSPECT_MASK, Quality, QualityClass
from twin.rules.monitoring import monitoring_state

Bytes = NDArray[np.uint8]
_SCALES = {"roads.speed": SPEED, "roads.flow": FLOW}


def bytes_of(channel: str, index: StreamIndex, numbers: Sequence[int], instants: Instants) -> Bytes:
    """Bytes of a channel, shape (instants, features).

    Parameters
    ----------
    channel
        Any channel but ``bridges.grade``, which never changes.
    index
        Which datastreams colour which features.
    numbers
        Datastream numbers of the columns of ``instants``, ascending.
    instants
        Last known values.
    """
    classes = classes_of(instants)
    column = np.asarray(numbers, dtype=np.int64)
    if channel == "sensors.q":
        found = _columns(column, index.sensor_number)
        return _worst(classes[:, found], index.sensor_row, index.sensors)
    if channel == "bridges.monitoring":
        found = _columns(column, index.bridge_number)
        return _monitoring(classes[:, found], index.bridge_row, len(index.bridge_grade))
    key = channel.removesuffix(".q")
    wanted = index.road_speed if key == "roads.speed" else index.road_flow
    found, has_stream = _columns(column, wanted), wanted >= 0
    if channel.endswith(".q"):
        taken = np.full((len(classes), len(wanted)), QualityClass.NEVER_REPORTED, np.uint8)
        taken[:, has_stream] = classes[:, found[has_stream]]
        return taken
    values = np.full((len(classes), len(wanted)), np.nan)
    values[:, has_stream] = instants.value[:, found[has_stream]]
    return quantise(values, _SCALES[key])


def classes_of(instants: Instants) -> Bytes:
    """Quality class of each cell; the rule of ``twin.model.quality``."""
    classes = np.full(instants.value.shape, QualityClass.GOOD, dtype=np.uint8)
    classes[(instants.quality & int(Quality.SIMULATED)) != 0] = QualityClass.SIMULATED
    classes[(instants.quality & int(SUSPECT_MASK)) != 0] = QualityClass.SUSPECT
    classes[instants.time_us == NEVER_US] = QualityClass.STALE
    return classes


def _columns(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Column of each wanted number; 0 where none is wanted."""
    return np.minimum(np.searchsorted(numbers, wanted), max(len(numbers) - 1, 0))


def _worst(classes: Bytes, rows: NDArray[np.int64], features: int) -> Bytes:
    rank = np.zeros((features, len(classes)), dtype=np.uint8)
    np.maximum.at(rank, rows, SEVERITY[classes].T)
    return np.array(BY_SEVERITY, dtype=np.uint8)[rank.T]


def _monitoring(classes: Bytes, rows: NDArray[np.int64], bridges: int) -> Bytes:
    """State of each bridge; instants in which no class changed share one computation."""
    distinct, place = np.unique(classes, axis=0, return_inverse=True)
    states = np.empty((len(distinct), bridges), dtype=np.uint8)
    for at, row in enumerate(distinct):
        by_bridge: list[list[QualityClass]] = [[] for _ in range(bridges)]
        for bridge, code in zip(rows.tolist(), row.tolist(), strict=True):
            by_bridge[bridge].append(QualityClass(code))
        states[at] = [monitoring_state(found) for found in by_bridge]
    return states[place.reshape(-1)]
