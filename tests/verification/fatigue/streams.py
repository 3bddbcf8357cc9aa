"""Streams, lines and an independent response for the tests of traffic on bridges."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.structure.details import FatigueDetail, section_modulus_factor
from simulations.structure.sn import SnCurve, sn_curve
from twin.model.structure import AxleStream, InfluenceLine

Floats = NDArray[np.float64]
FLM3_OFFSETS_M = np.array([0.0, 1.2, 7.2, 8.4])
FLM3_LOADS_KN = np.full(4, 120.0)


def mid_span(length_m: float = 30.0, *, lane: int | None = None) -> InfluenceLine:
    """Mid-span moment of a simply supported beam."""
    x = np.linspace(0.0, length_m, 121)
    return InfluenceLine(length_m / 2, "moment", x, np.minimum(x, length_m - x) / 2, lane=lane)


def over_support(length_m: float = 30.0, *, lane: int | None = None) -> InfluenceLine:
    """Moment at the middle of the first of two equal spans: both signs."""
    a = np.linspace(0.0, length_m, 61)
    support = -a * (length_m**2 - a**2) / (4 * length_m**2)
    near = np.minimum(a, length_m - a) / 2 + support / 2
    x = np.concatenate((a, length_m + a[1:]))
    y = np.concatenate((near, (support / 2)[::-1][1:]))
    return InfluenceLine(length_m / 2, "moment", x, y, lane=lane)


def reaction(length_m: float = 30.0) -> InfluenceLine:
    """Left reaction of a simply supported beam: the line begins at 1."""
    x = np.array([0.0, length_m])
    return InfluenceLine(0.0, "reaction", x, 1.0 - x / length_m)


def detail(
    *lines: InfluenceLine, curve: SnCurve | None = None, modulus_m3: float = 0.05, **more: Any
) -> FatigueDetail:
    factor = section_modulus_factor(modulus_m3)
    return FatigueDetail(
        "weld",
        sn_curve(71.0) if curve is None else curve,
        lines or (mid_span(),),
        factor,
        **more,
    )


def stream(
    time_s: Floats | list[float], *, offsets_m: Floats = FLM3_OFFSETS_M,
    loads_kn: Floats = FLM3_LOADS_KN, speed_ms: Floats | float = 20.0,
    lane: NDArray[np.int32] | int = 1,
) -> AxleStream:  # fmt: skip
    """Equal vehicles at these times."""
    count, axles = len(time_s), len(offsets_m)
    return AxleStream(
        time_s=np.asarray(time_s, dtype=np.float64),
        lane=np.broadcast_to(np.asarray(lane, dtype=np.int32), count).copy(),
        speed_ms=np.broadcast_to(np.asarray(speed_ms, dtype=np.float64), count).copy(),
        vehicle_class=np.zeros(count, dtype=np.int32),
        first_axle=np.arange(0, axles * count + 1, axles, dtype=np.int32),
        axle_offset_m=np.tile(offsets_m, count),
        axle_load_kn=np.tile(loads_kn, count),
        classes=("hgv_26_40",),
    )


def response(vehicles: AxleStream, lines: dict[int, InfluenceLine], at_s: Floats) -> Floats:
    """Effect at given times, vehicle by vehicle with ``numpy.interp``."""
    total = np.zeros(len(at_s))
    for row in range(len(vehicles)):
        line = lines[int(vehicles.lane[row])]
        speed = vehicles.speed_ms[row]
        first = speed * (at_s - vehicles.time_s[row])
        axles = slice(vehicles.first_axle[row], vehicles.first_axle[row + 1])
        for offset, load in zip(
            vehicles.axle_offset_m[axles], vehicles.axle_load_kn[axles], strict=True
        ):
            place = first - np.sign(speed) * offset
            total += load * np.interp(place, line.x_m, line.y, left=0.0, right=0.0)
    return total
