"""Which weighed vehicles consumed most fatigue at a detail: one cycle of their highest strain."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats
from simulations.structure.miner import stress_from_strain
from simulations.structure.sn import SnCurve
from twin.model.fatigue import VehicleDamage
from twin.model.monitoring import BridgeEvent
from twin.model.times import to_us

WINDOW = timedelta(days=30)
MOST_SHOWN = 10


def top_vehicles(
    bridge: Bridge, *, curve: SnCurve, modulus_gpa: float, factor: float
) -> tuple[VehicleDamage, ...]:
    """The vehicles of the last 30 days with the largest damage, at most ten, the largest first.

    Each counts as one cycle from zero to the highest strain of all weighing sections, taken as if
    it were the strain at the detail's gauge: an estimate that ranks vehicles and adds to no sum.
    """
    peaks: list[float] = []
    first = heapq.nlargest(MOST_SHOWN, _weighed(bridge, peaks), key=_peak_umm)
    if not first:
        return ()

    def range_of(peak_umm: Sequence[float]) -> Floats:
        strain = np.array(peak_umm)
        return stress_from_strain(strain, modulus_gpa=modulus_gpa, detail_factor=factor)

    total = float(curve.damage(range_of(peaks)).sum())
    range_mpa = range_of([_peak_umm(event) for event in first])
    damage = curve.damage(range_mpa)
    return tuple(
        _row(event, float(range_mpa[row]), float(damage[row]), total)
        for row, event in enumerate(first)
        if damage[row] > 0.0
    )


def _weighed(bridge: Bridge, peaks: list[float]) -> Iterator[BridgeEvent]:
    """All weighed crossings of the window, the newest first; their peaks are kept on the way."""
    for event in bridge.events("crossing", start=bridge.now - WINDOW):
        if _peak_umm(event) > 0.0:
            peaks.append(_peak_umm(event))
            yield event


def _peak_umm(event: BridgeEvent) -> float:
    return event.figures.get("peak_umm", 0.0)


def _row(event: BridgeEvent, range_mpa: float, damage: float, total: float) -> VehicleDamage:
    return VehicleDamage(
        at_us=to_us(event.at),
        vehicle_class=event.words.get("vehicle_class", ""),
        gross_t=event.figures.get("gross_t", 0.0),
        range_mpa=range_mpa,
        damage=damage,
        share=damage / total,
    )
