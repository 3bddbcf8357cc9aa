"""Which links a vehicle class may use, and what it pays on top of the common time."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from twin.model.network import Network
from twin.model.tables import rows
from twin.model.traffic import VehicleClass

_SECONDS_PER_HOUR = 3600.0
_KMH = 3.6  # 1 m/s in km/h
_NAMED = 5


@cache
def classes() -> tuple[VehicleClass, ...]:
    """The default vehicle classes, in the order of their bits.

    Examples
    --------
    >>> [item.name for item in classes()][:3]
    ['car', 'van', 'bus']
    """
    return tuple(
        VehicleClass(
            name=row["key"],
            bit=int(row["bit"]),
            pce=float(row["pce"]),
            vmax_kmh=float(row["vmax_kmh"]),
            mass_from_t=float(row["mass_from_t"]),
            mass_to_t=float(row["mass_to_t"]),
            axle_t=float(row["axle_t"]),
            height_m=float(row["height_m"]),
            time_value_eur_h=float(row["time_value_eur_h"]),
            distance_cost_eur_km=float(row["distance_cost_eur_km"]),
            mass_distribution_id=row["mass_distribution_id"],
        )
        for row in rows("vehicle_classes")
    )


def open_arcs(
    network: Network, classes: Sequence[VehicleClass], *, mask: NDArray[np.uint32], link_of: IdArray
) -> tuple[BoolArray, tuple[str, ...]]:
    """Which class may use which arc, and a sentence for every class whose band a limit cuts.

    Parameters
    ----------
    mask : (m,)
        Bits of the classes per arc.
    link_of : (m,)
        Row of the network's links, -1 for a turn arc, which has no limits.

    Returns
    -------
    (classes, m) and the assumptions.
    """
    limits = (network.max_weight_t, network.max_axle_t, network.max_height_m)
    weight_t, axle_t, height_m = (
        np.where(link_of >= 0, column[link_of], np.inf) for column in limits
    )
    exempt = np.zeros(mask.size, dtype=np.uint32)
    if network.limit_exempt is not None:
        exempt = np.where(link_of >= 0, network.limit_exempt[link_of], 0).astype(np.uint32)
    open_mask = np.zeros((len(classes), mask.size), dtype=np.bool_)
    assumptions = []
    for row, item in enumerate(classes):
        bit = np.uint32(1 << item.bit)
        free = (exempt & bit) != 0
        allowed = (mask & bit) != 0
        fits = (item.axle_t <= axle_t) & (item.height_m <= height_m)
        open_mask[row] = allowed & (free | (fits & (item.mass_to_t <= weight_t)))
        cut = allowed & ~free & (item.mass_from_t < weight_t) & (weight_t < item.mass_to_t)
        assumptions += _band_cuts(item, weight_t[cut], network.link_id[link_of[cut]])
    return open_mask, tuple(assumptions)


def _band_cuts(item: VehicleClass, limit_t: FloatArray, link_id: IdArray) -> list[str]:
    """One sentence per limit that cuts the mass band of the class."""
    sentences = []
    for limit in np.unique(limit_t):
        ids = np.sort(link_id[limit_t == limit])
        named = ", ".join(str(i) for i in ids[:_NAMED]) + (" ..." if ids.size > _NAMED else "")
        sentences.append(
            f"band cut: the limit of {limit:g} t lies inside {item.mass_from_t:g} to "
            f"{item.mass_to_t:g} t; the whole class {item.name} is banned from "
            f"{ids.size} link(s): {named}"
        )
    return sentences


def fixed_costs(
    network: Network, classes: Sequence[VehicleClass], *, t0_s: FloatArray, link_of: IdArray
) -> FloatArray:
    """What each class pays on each arc on top of the common time [s]; 0 on turn arcs.

    A vehicle slower than the empty link takes the difference longer; tolls and distance become
    seconds by the value of time.

    Parameters
    ----------
    t0_s : (m,)
        Time on the empty arc.
    link_of : (m,)

    Returns
    -------
    (classes, m)
    """
    is_link = link_of >= 0
    length_m = np.where(is_link, network.length_m[link_of], 0.0)
    fixed = np.zeros((len(classes), link_of.size))
    for row, item in enumerate(classes):
        slower_s = np.maximum(0.0, _KMH * length_m / item.vmax_kmh - t0_s)
        money_eur = length_m / 1000.0 * item.distance_cost_eur_km
        if network.toll_eur is not None:
            money_eur = money_eur + np.where(is_link, network.toll_eur[row][link_of], 0.0)
        fixed[row] = slower_s + _SECONDS_PER_HOUR * money_eur / item.time_value_eur_h
    return fixed
