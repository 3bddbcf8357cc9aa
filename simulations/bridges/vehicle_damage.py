"""Which weighed vehicles consumed most fatigue at a detail: one cycle of their highest strain."""

from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge
from simulations.structure.miner import stress_from_strain
from simulations.structure.sn import SnCurve
from twin.model.fatigue import VehicleDamage
from twin.model.monitoring import BridgeEvent
from twin.model.times import to_us

WINDOW = timedelta(days=30)
MOST_EVENTS = 1000
MOST_SHOWN = 10


def top_vehicles(
    bridge: Bridge, *, curve: SnCurve, modulus_gpa: float, factor: float
) -> tuple[VehicleDamage, ...]:
    """The vehicles of the last days with the largest damage, at most ten, the largest first.

    Each counts as one cycle from zero to the highest strain of all weighing sections, taken as if
    it were the strain at the detail's gauge: an estimate that ranks vehicles and adds to no sum.
    """
    events = [
        event
        for event in bridge.twin.bridges.events(
            bridge.asset.id,
            "crossing",
            start=bridge.now - WINDOW,
            end=bridge.now,
            limit=MOST_EVENTS,
        )
        if event.figures.get("peak_umm", 0.0) > 0.0
    ]
    if not events:
        return ()
    peak = np.array([event.figures["peak_umm"] for event in events])
    range_mpa = stress_from_strain(peak, modulus_gpa=modulus_gpa, detail_factor=factor)
    damage = curve.damage(range_mpa)
    total = float(damage.sum())
    if not total > 0.0:
        return ()
    first = np.argsort(-damage, kind="stable")[:MOST_SHOWN]
    return tuple(
        _row(events[row], float(range_mpa[row]), float(damage[row]), total)
        for row in first
        if damage[row] > 0.0
    )


def _row(event: BridgeEvent, range_mpa: float, damage: float, total: float) -> VehicleDamage:
    return VehicleDamage(
        at_us=to_us(event.at),
        vehicle_class=event.words.get("vehicle_class", ""),
        gross_t=event.figures.get("gross_t", 0.0),
        range_mpa=range_mpa,
        damage=damage,
        share=damage / total,
    )
