"""Steps of a demand towards counts on the paths of one equilibrium."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from twin.model.traffic import Demand, LinkCounts, PathState, TrafficResult, VehicleClass

Values = NDArray[np.float64]
Rows = NDArray[np.int64]

HEAVY_FROM_T = 3.5
# A step may take at most this share of the demand of any pair.
LARGEST_LOSS = 0.5
# A prior below this [veh/h] does not hold its unit.
NOTHING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is adjusted as one: a pair, or its light and its heavy vehicles apart.

    Parameters
    ----------
    of_row : (rows,)
        Unit of each row of the demand.
    size : int
    group_of_class : (classes,)
        0, or 1 for the heavy classes where heavy vehicles were counted.
    code, node_id
        Sorted codes of the units, and the nodes that they are made of.
    """

    of_row: Rows
    size: int
    group_of_class: Rows
    code: Rows
    node_id: Rows

    def sums(self, demand: Demand) -> Values:
        """(units,) Demand of each unit [veh/h]."""
        total = np.bincount(self.of_row, weights=demand.flow_vehh, minlength=self.size)
        return np.asarray(total, dtype=float)

    def rows_of(self, group: Rows, origin: Rows, destination: Rows) -> Rows:
        """Units of pairs that the demand holds."""
        return np.searchsorted(self.code, _codes(self.node_id, group, origin, destination))


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Counts with their deviations, and the prior with its weight.

    Parameters
    ----------
    flow, deviation : (counts,)
        [veh/h]; deviations are positive.
    prior : (units,)
    prior_variation : float
        Coefficient of variation of each unit of the prior; infinite forgets the prior.
    """

    flow: Values
    deviation: Values
    prior: Values
    prior_variation: float = np.inf


def is_heavy(item: VehicleClass) -> bool:
    """Whether counts of heavy vehicles hold this class: above 3.5 t, buses included.

    Examples
    --------
    >>> is_heavy(VehicleClass("van", bit=1, mass_from_t=2.8, mass_to_t=3.5))
    False
    """
    return item.mass_from_t >= HEAVY_FROM_T


def units_of(demand: Demand, *, is_heavy_apart: bool) -> Units:
    """Units of a demand; heavy vehicles are units of their own if they were counted."""
    group_of_class = np.array(
        [int(is_heavy_apart and is_heavy(item)) for item in demand.classes], dtype=np.int64
    )
    node_id = np.unique(np.concatenate((demand.origin, demand.destination)))
    group = group_of_class[demand.class_index]
    codes = _codes(node_id, group, demand.origin, demand.destination)
    code, of_row = np.unique(codes, return_inverse=True)
    return Units(of_row.astype(np.int64), code.size, group_of_class, code, node_id)


def _codes(node_id: Rows, group: Rows, origin: Rows, destination: Rows) -> Rows:
    tail, head = np.searchsorted(node_id, origin), np.searchsorted(node_id, destination)
    return (group * node_id.size + tail) * node_id.size + head


def counted_shares(
    paths: PathState, demand: Demand, counts: LinkCounts, *, units: Units
) -> csr_array:
    """Share of each unit that passes each counted link: pi of the gradient.

    Parameters
    ----------
    paths
        Of an equilibrium of exactly this demand.

    Returns
    -------
    (counts, units)
        Only vehicles that the count holds: of all classes, or heavy ones.
    """
    unit = units.rows_of(units.group_of_class[paths.class_index], paths.origin, paths.destination)
    path_of_entry = np.repeat(np.arange(paths.flow_vehh.size), np.diff(paths.start))
    total = units.sums(demand)
    heavy = np.array([is_heavy(item) for item in demand.classes], dtype=bool)
    flows = {"all": paths.flow_vehh}
    flows["heavy"] = np.where(heavy[paths.class_index], paths.flow_vehh, 0.0)
    shape = (len(counts.station), units.size)
    share = csr_array(shape)
    group = np.array(counts.class_group)
    for name, flow in flows.items():
        mine = np.flatnonzero(group == name)
        links, row = np.unique(counts.link_id[mine], return_inverse=True)
        if not links.size:
            continue
        found = np.minimum(np.searchsorted(links, paths.links), links.size - 1)
        entry = np.flatnonzero(links[found] == paths.links)
        path = path_of_entry[entry]
        weight = np.divide(
            flow[path], total[unit[path]], out=np.zeros(path.size), where=total[unit[path]] > 0
        )
        by_link = coo_array(
            (weight, (found[entry], unit[path])), shape=(links.size, units.size)
        ).tocsr()
        spread = coo_array((np.ones(mine.size), (mine, row)), shape=(shape[0], links.size)).tocsr()
        share = share + spread @ by_link
    return csr_array(share)


def misfit(flow: Values, target: Target) -> float:
    """Half the sum of squared errors, each over its deviation."""
    return 0.5 * float(np.sum(np.square((flow - target.flow) / target.deviation)))


def adjust(share: csr_array, demand: Values, target: Target, *, steps: int) -> Values:
    """Demand after some gradient steps, with an exact line search that sees the prior.

    Parameters
    ----------
    share : (counts, units)
    demand : (units,)
        A unit without demand keeps none.

    Returns
    -------
    (units,)
        Positive where it was.

    Examples
    --------
    >>> both = csr_array(np.ones((1, 2)))
    >>> target = Target(np.array([300.0]), np.array([10.0]), prior=np.array([100.0, 100.0]))
    >>> adjust(both, np.array([100.0, 100.0]), target, steps=4).round(2)
    array([150., 150.])
    """
    inverse = 1.0 / np.square(target.deviation)
    weight = 1.0 / target.prior_variation**2
    by_prior = np.divide(
        weight, np.square(target.prior), out=np.zeros(demand.size), where=target.prior > NOTHING
    )
    for _ in range(steps):
        error = (share @ demand - target.flow) * inverse
        from_prior = demand - target.prior
        gradient = share.T @ error + by_prior * from_prior
        move = -demand * gradient
        seen = share @ move
        slope = float(seen @ error + (by_prior * from_prior) @ move)
        curvature = float(np.square(seen) @ inverse + by_prior @ np.square(move))
        if not curvature > 0:
            break
        step = min(-slope / curvature, LARGEST_LOSS / max(float(gradient.max(initial=0.0)), 1e-300))
        demand = demand + step * move
    return demand


def subset(counts: LinkCounts, chosen: NDArray[np.bool_]) -> LinkCounts:
    """The chosen rows of some counts.

    Examples
    --------
    >>> both = LinkCounts(("A", "B"), np.array([1, 2]), np.ones(2), np.ones(2), ("all", "all"))
    >>> subset(both, np.array([False, True])).station
    ('B',)
    """
    rows = np.flatnonzero(chosen)
    return LinkCounts(
        station=tuple(counts.station[row] for row in rows),
        link_id=counts.link_id[rows],
        flow_vehh=counts.flow_vehh[rows],
        deviation_vehh=counts.deviation_vehh[rows],
        class_group=tuple(counts.class_group[row] for row in rows),
    )


def modelled(result: TrafficResult, counts: LinkCounts) -> Values:
    """(counts,) Flows of an equilibrium where counts were taken, of the classes that they hold."""
    order = np.argsort(result.link_id)
    link = order[np.searchsorted(result.link_id, counts.link_id, sorter=order)]
    heavy = np.array([is_heavy(item) for item in result.classes], dtype=bool)
    all_classes = result.flow_vehh.sum(axis=0)[link]
    only_heavy = result.flow_vehh[heavy].sum(axis=0)[link]
    return np.where(np.array(counts.class_group) == "heavy", only_heavy, all_classes)
