"""Emissions of an equilibrium from a table of factors that the user made; never without one."""

from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import FloatArray
from simulations.traffic.pathflows import slower_s
from twin.errors import ModelError
from twin.model.network import Network
from twin.model.surroundings import EmissionTable
from twin.model.traffic import TrafficResult

__all__ = ["LABEL", "EmissionTable", "Emissions", "emissions"]

LABEL = "HBEFA-4-based model (SUMO), at mean link speed; stop-and-go understated"
_KMH = 3.6  # 1 m/s in km/h
_M_PER_KM = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Emissions:
    """Emissions per hour by class and link, with their label and the error to be shown.

    ``outside_share`` is the share of vehicle-km at speeds beyond the table, where the factor of
    its end is taken.
    """

    pollutant: str
    mass_g_h: FloatArray
    outside_share: float
    fitting_error: tuple[float, ...]
    tool_version: str
    label: str = LABEL


def emissions(
    result: TrafficResult, network: Network, factors: EmissionTable | None
) -> Emissions | None:
    """Emissions at the mean speed of each link; None without a table.

    Raises
    ------
    ModelError
        If the table lacks a class of the result; names it.
    """
    if factors is None:
        return None
    names = [item.name for item in result.classes]
    missing = [name for name in names if name not in factors.classes]
    if missing:
        raise ModelError(
            f"the table of {factors.pollutant} has no factors for {', '.join(missing)}; add them"
        )
    order = [factors.classes.index(name) for name in names]
    time_s = result.time_s + slower_s(network, result.classes)
    length = np.broadcast_to(network.length_m, time_s.shape)
    speed = np.divide(_KMH * length, time_s, out=np.zeros_like(time_s), where=time_s > 0.0)
    km = result.flow_vehh * network.length_m / _M_PER_KM
    factor = np.array(
        [
            np.interp(speed[row], factors.speed_kmh, factors.factor_g_km[place])
            for row, place in enumerate(order)
        ]
    )
    outside = (speed < factors.speed_kmh[0]) | (speed > factors.speed_kmh[-1])
    total = float(km.sum())
    return Emissions(
        pollutant=factors.pollutant,
        mass_g_h=km * factor,
        outside_share=float(km[outside].sum()) / total if total > 0.0 else 0.0,
        fitting_error=tuple(factors.fitting_error[place] for place in order),
        tool_version=factors.tool_version,
    )
