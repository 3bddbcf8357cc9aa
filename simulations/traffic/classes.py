"""Which links a vehicle class may use, and what it pays on top of the common time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray, IndexArray, MaskArray
from simulations.traffic.massshares import is_known
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


@dataclass(frozen=True, slots=True, eq=False)
class Rights:
    """What stands between one class and each arc, (m,) each."""

    weight: BoolArray
    axle: BoolArray
    height: BoolArray
    mask: BoolArray
    closure: BoolArray

    @property
    def is_open(self) -> BoolArray:
        """Nothing stands in the way."""
        return ~(self.weight | self.axle | self.height | self.mask | self.closure)


def rights(
    network: Network, item: VehicleClass, *, mask: MaskArray, link_of: IdArray | IndexArray
) -> Rights:
    """What stands between a class and each arc.

    Parameters
    ----------
    mask : (m,)
        Bits of the classes per arc; a link without any is closed. A closure that exempts others
        stands in `Network.closed_to`.
    link_of : (m,)
        Row of the network's links, -1 for a turn arc, which has no limits.
    """
    is_link = link_of >= 0
    bit = np.uint32(1 << item.bit)
    bound = is_link
    if network.limit_exempt is not None:
        bound = is_link & ((network.limit_exempt[link_of] & bit) == 0)
    closure = is_link & (mask == 0)
    if network.closed_to is not None:
        closure |= is_link & ((network.closed_to[link_of] & bit) != 0)
    return Rights(
        weight=bound & (network.max_weight_t[link_of] < item.mass_to_t),
        axle=bound & (network.max_axle_t[link_of] < item.axle_t),
        height=bound & (network.max_height_m[link_of] < item.height_m),
        mask=((mask & bit) == 0) & ~closure,
        closure=closure,
    )


def open_mass_t(
    network: Network, item: VehicleClass, *, mask: MaskArray, link_of: IdArray | IndexArray
) -> FloatArray:
    """Gross mass up to which vehicles of a class may use each arc [t], (m,).

    The upper end of its band where all may, minus infinity where none may. A limit inside the band
    of a class without a known distribution of gross mass bans all of it.
    """
    right = rights(network, item, mask=mask, link_of=link_of)
    limit = network.max_weight_t[link_of]
    inside = right.weight & (limit > item.mass_from_t) & is_known(item.mass_distribution_id)
    open_t = np.where(right.weight, np.where(inside, limit, -np.inf), item.mass_to_t)
    return np.where(right.axle | right.height | right.mask | right.closure, -np.inf, open_t)


def band_cuts(
    network: Network, item: VehicleClass, *, right: Rights, link_of: IdArray | IndexArray
) -> tuple[str, ...]:
    """One sentence per weight limit that lies inside the mass band of a class.

    Examples
    --------
    The class of 12 to 26 t is banned as a whole by a limit of 15 t::

        band cut: the limit of 15 t lies inside 12 to 26 t; the whole class hgv_12_26 is banned
        from 1 link(s): 7
    """
    cut = right.weight & ~right.mask & ~right.closure
    rows = link_of[cut]
    rows = rows[network.max_weight_t[rows] > item.mass_from_t]
    return tuple(_band_cuts(item, network.max_weight_t[rows], network.link_id[rows]))


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
