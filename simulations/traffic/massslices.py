"""Classes divided where a mass limit lies inside their band, so that it binds only those above it.

A mass slice is the vehicles of a class between two such limits. Slices share everything but their
rights; they are solved like classes and put together again in the result, whose paths keep the
masses of their vehicles (ADR 0058).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.classes import band_cuts, rights
from simulations.traffic.findings import warnings
from simulations.traffic.graph import RoadGraph
from simulations.traffic.massshares import is_known, share_between
from simulations.traffic.pathflows import picked, rows_of
from twin.model.network import Network
from twin.model.traffic import Demand, PathState, Unserved, UnservedReason, VehicleClass

MOST_LIMITS = 4
"""Limits of the roads of a base that divide one class; those on bridges first, then the most common
ones. What a scenario changes always divides."""
_LEAST_SHARE = 1e-9

Edges = Mapping[int, tuple[float, ...]]
"""Limits [t] that divide a class, rising, by row of the class."""


@dataclass(frozen=True, slots=True)
class MassSlice:
    """Vehicles of a class above ``from_t`` and up to ``to_t``; 0 and infinity at the ends."""

    class_index: int
    from_t: float
    to_t: float


def slices_of(count: int, edges: Edges) -> tuple[MassSlice, ...]:
    """Slices of so many classes, by class and rising mass.

    Examples
    --------
    >>> [(one.class_index, one.from_t, one.to_t) for one in slices_of(2, {1: (15.0,)})]
    [(0, 0.0, inf), (1, 0.0, 15.0), (1, 15.0, inf)]
    """
    out = []
    for index in range(count):
        ends = (0.0, *edges.get(index, ()), np.inf)
        out += [MassSlice(index, low, high) for low, high in pairwise(ends)]
    return tuple(out)


@dataclass(frozen=True, slots=True, eq=False)
class Slicing:
    """How the classes of a demand are divided.

    Parameters
    ----------
    classes
        Of the demand.
    slices
        By class and rising mass; a class that is not divided has one.
    base_slices
        Those of the base, which a scenario divides further.
    undivided : (classes, links)
        Links of the base with a limit inside a slice of the base: it bans this slice whole, in
        the scenario as in the base.
    mass_factor
        Of the demand.
    """

    classes: tuple[VehicleClass, ...]
    slices: tuple[MassSlice, ...]
    base_slices: tuple[MassSlice, ...]
    undivided: BoolArray
    mass_factor: float = 1.0

    @property
    def class_of(self) -> IdArray:
        """(slices,) Row of the class."""
        return np.array([one.class_index for one in self.slices], dtype=np.int64)

    @property
    def members(self) -> tuple[VehicleClass, ...]:
        """Slices as classes that are named like their class."""
        return self._as_classes(self.slices)

    def _as_classes(self, slices: Sequence[MassSlice]) -> tuple[VehicleClass, ...]:
        found = []
        for one in slices:
            item = self.classes[one.class_index]
            low, high = max(item.mass_from_t, one.from_t), min(item.mass_to_t, one.to_t)
            found.append(replace(item, mass_from_t=low, mass_to_t=high))
        return tuple(found)

    def _rights(self, whole: RoadGraph) -> tuple[BoolArray, tuple[str, ...]]:
        """Who may use which arc, (slices, arcs), and sentences on limits that do not divide."""
        network, link_of = whole.network, whole.link_of
        is_open = np.empty((len(self.slices), link_of.size), dtype=np.bool_)
        for row, item in enumerate(self.members):
            right = rights(network, item, mask=whole.mask, link_of=link_of)
            is_open[row] = right.is_open
        sentences: list[str] = []
        for one, item in zip(self.base_slices, self._as_classes(self.base_slices), strict=True):
            arcs = self.undivided[one.class_index][link_of] & (link_of >= 0)
            if not arcs.any():
                continue
            right = rights(network, item, mask=whole.mask, link_of=link_of)
            inside = [row for row, other in enumerate(self.slices) if _holds(one, other)]
            is_open[np.ix_(inside, arcs)] = right.is_open[arcs]
            cut = replace(right, weight=right.weight & arcs)
            sentences += band_cuts(network, item, right=cut, link_of=link_of)
        return is_open, tuple(sentences)

    def share(self, one: MassSlice) -> float:
        """Share of its class [-]."""
        item = self.classes[one.class_index]
        return share_between(item, one.from_t, one.to_t, mass_factor=self.mass_factor)

    def graph(self, whole: RoadGraph) -> RoadGraph:
        """The graph of the classes with a row for each slice."""
        network, members = whole.network, self.members
        open_mask, uncut = self._rights(whole)
        fixed_cost_s = whole.fixed_cost_s[self.class_of]
        for column in (open_mask, fixed_cost_s):
            column.setflags(write=False)
        graph = replace(
            whole,
            classes=members,
            open_mask=open_mask,
            fixed_cost_s=fixed_cost_s,
            assumptions=(*self.sentences(), *uncut),
        )
        is_open = np.logical_or.reduce(open_mask)
        if np.array_equal(is_open, np.logical_or.reduce(whole.open_mask)):
            return graph
        outside = graph.zone_id[~graph.reach(is_open).is_inside(graph.zone)]
        is_closed = graph.to_network_order(~is_open)
        return replace(graph, warnings=warnings(network, is_closed=is_closed, outside=outside))

    def demand(self, whole: Demand) -> Demand:
        """The trips of each slice: those of its class times its share."""
        rows, numbers, flows = [], [], []
        for number, one in enumerate(self.slices):
            mine = np.flatnonzero(whole.class_index == one.class_index)
            rows.append(mine)
            numbers.append(np.full(mine.size, number, dtype=np.uint8))
            flows.append(whole.flow_vehh[mine] * self.share(one))
        row = np.concatenate(rows)
        return replace(
            whole,
            classes=self.members,
            class_index=np.concatenate(numbers),
            origin=whole.origin[row],
            destination=whole.destination[row],
            flow_vehh=np.concatenate(flows),
        )

    def start(self, whole: PathState) -> PathState:
        """Paths of another run by slice: those of wider slices in proportion to their shares."""
        rows, numbers, flows = [], [], []
        for number, one in enumerate(self.slices):
            part = shares_of_paths(whole, one, self.classes, mass_factor=self.mass_factor)
            mine = np.flatnonzero(part > 0.0)
            rows.append(mine)
            numbers.append(np.full(mine.size, number, dtype=np.uint8))
            flows.append(whole.flow_vehh[mine] * part[mine])
        found = picked(whole, np.concatenate(rows))
        return replace(found, class_index=np.concatenate(numbers), flow_vehh=np.concatenate(flows))

    def joined(self, found: PathState) -> PathState:
        """Paths of slices as paths of their classes, each with the masses of its vehicles."""
        number = found.class_index.astype(np.int64)
        low, high = (
            np.array([getattr(one, name) for one in self.slices])[number]
            for name in ("from_t", "to_t")
        )
        index = self.class_of[number]
        whole = replace(found, class_index=index.astype(np.uint8), mass_from_t=low, mass_to_t=high)
        return picked(whole, np.lexsort((found.destination, found.origin, index)))

    def unserved(self, found: Unserved) -> Unserved:
        """Unserved trips of slices as those of their classes."""
        sums: dict[tuple[int, int, int, UnservedReason], float] = {}
        rows = zip(
            self.class_of[found.class_index.astype(np.int64)].tolist(), found.origin.tolist(),
            found.destination.tolist(), found.reason, found.flow_vehh.tolist(), strict=True,
        )  # fmt: skip
        for index, origin, destination, reason, flow in rows:
            key = (index, origin, destination, reason)
            sums[key] = sums.get(key, 0.0) + flow
        keys = sorted(sums)
        return Unserved(
            class_index=np.array([key[0] for key in keys], dtype=found.class_index.dtype),
            origin=np.array([key[1] for key in keys], dtype=np.int64),
            destination=np.array([key[2] for key in keys], dtype=np.int64),
            flow_vehh=np.array([sums[key] for key in keys], dtype=np.float64),
            reason=tuple(key[3] for key in keys),
        )

    def summed(self, values: FloatArray) -> FloatArray:
        """Sums of values of slices by class, (classes,)."""
        sums = np.bincount(self.class_of, weights=values, minlength=len(self.classes))
        return sums.astype(np.float64)

    def sentences(self) -> tuple[str, ...]:
        """One sentence per limit that divides a class."""
        out = []
        for one in self.slices:
            if np.isinf(one.to_t):
                continue
            item = self.classes[one.class_index]
            share = share_between(item, one.to_t, np.inf, mass_factor=self.mass_factor)
            out.append(
                f"divided class: a limit of {one.to_t:g} t lies inside the mass band of "
                f"{item.name} and binds the {share:.1%} of it above the limit, by the table of "
                "gross masses, the same share on every pair of zones"
            )
        return tuple(out)


def slicing(network: Network, demand: Demand, *, edited: Network | None = None) -> Slicing | None:
    """How the classes of a demand must be divided; None if no limit lies inside a mass band.

    Only classes with trips and with a known distribution of gross mass are divided, by limits that
    decide over at least one link for them.

    Parameters
    ----------
    network, demand
        Of the base.
    edited
        Network of a scenario; its links of the base stand first.
    """
    known_roads = (network,) if edited is None else (network, edited)
    if not any((one.max_weight_t < np.inf).any() for one in known_roads):
        return None
    count = len(demand.classes)
    trips = np.bincount(demand.class_index, demand.flow_vehh, minlength=count)
    links = network.link_id.size if edited is None else edited.link_id.size
    undivided = np.zeros((count, links), dtype=np.bool_)
    old: dict[int, tuple[float, ...]] = {}
    edges: dict[int, tuple[float, ...]] = {}
    for index, item in enumerate(demand.classes):
        known = trips[index] > 0.0 and is_known(item.mass_distribution_id)
        base = _kept(item, _most(network, item) if known else (), demand.mass_factor)
        new = () if edited is None or not known else _new(network, edited, item)
        both = _kept(item, (*base, *new), demand.mass_factor)
        roads = network if edited is None or both else edited
        cut = _binding(roads, item)
        undivided[index, cut[~np.isin(roads.max_weight_t[cut], base)]] = True
        old |= {index: base} if base else {}
        edges |= {index: both} if both else {}
    if not edges:
        return None
    return Slicing(
        classes=demand.classes,
        slices=slices_of(count, edges),
        base_slices=slices_of(count, old),
        undivided=undivided,
        mass_factor=demand.mass_factor,
    )


def _kept(item: VehicleClass, limits_t: Sequence[float], mass_factor: float) -> tuple[float, ...]:
    """Limits with vehicles of the class on both sides, rising."""
    return tuple(sorted({one for one in limits_t if _divides(item, one, mass_factor)}))


def _holds(one: MassSlice, other: MassSlice) -> bool:
    """Whether another slice lies in one."""
    return (
        one.class_index == other.class_index
        and one.from_t <= other.from_t
        and other.to_t <= one.to_t
    )


def _divides(item: VehicleClass, limit_t: float, mass_factor: float) -> bool:
    """Whether there are vehicles on both sides."""
    share = share_between(item, limit_t, np.inf, mass_factor=mass_factor)
    return _LEAST_SHARE < share < 1.0 - _LEAST_SHARE


def _binding(network: Network, item: VehicleClass) -> IdArray:
    """Links on which a limit inside the mass band of a class decides who of it may pass."""
    rows = np.arange(network.link_id.size)
    right = rights(network, item, mask=network.mask, link_of=rows)
    inside = right.weight & (network.max_weight_t > item.mass_from_t)
    return np.flatnonzero(inside & ~(right.mask | right.closure | right.axle | right.height))


def _most(network: Network, item: VehicleClass) -> tuple[float, ...]:
    """The most important limits of a network."""
    rows = _binding(network, item)
    on_bridge = np.isin(network.link_id[rows], network.link_assets.link_id)
    values, place = np.unique(network.max_weight_t[rows], return_inverse=True)
    links = np.bincount(place, minlength=values.size)
    bridges = np.bincount(place, weights=on_bridge, minlength=values.size) > 0.0
    order = np.lexsort((values, -links, ~bridges))
    return tuple(values[order[:MOST_LIMITS]].tolist())


def _new(base: Network, edited: Network, item: VehicleClass) -> tuple[float, ...]:
    """Limits of links that a scenario changes or builds."""
    rows = _binding(edited, item)
    old = rows[rows < base.link_id.size]
    changed = edited.max_weight_t[old] != base.max_weight_t[old]
    chosen = np.concatenate((old[changed], rows[rows >= base.link_id.size]))
    return tuple(np.unique(edited.max_weight_t[chosen]).tolist())


def edges_of(states: Iterable[PathState]) -> Edges:
    """Limits that divide the classes of some results together."""
    found: dict[int, set[float]] = {}
    for state in states:
        if not state.mass_to_t.size:
            continue
        inner = np.isfinite(state.mass_to_t)
        pairs = zip(state.class_index[inner].tolist(), state.mass_to_t[inner].tolist(), strict=True)
        for index, limit in set(pairs):
            found.setdefault(index, set()).add(limit)
    return {index: tuple(sorted(limits)) for index, limits in sorted(found.items())}


def shares_of_paths(
    state: PathState,
    one: MassSlice,
    classes: Sequence[VehicleClass],
    *,
    mass_factor: float = 1.0,
) -> FloatArray:
    """Share of the vehicles of each path that a slice holds, (paths,); 0 for other classes."""
    out = np.zeros(state.flow_vehh.size)
    mine = np.flatnonzero(state.class_index == one.class_index)
    if not state.mass_to_t.size:
        item = classes[one.class_index]
        out[mine] = _share(item, one, 0.0, np.inf, mass_factor)
        return out
    item = classes[one.class_index]
    highs, first = np.unique(state.mass_to_t[mine], return_index=True)  # slices do not overlap
    for low, high in zip(state.mass_from_t[mine][first].tolist(), highs.tolist(), strict=True):
        of_slice = mine[state.mass_to_t[mine] == high]
        out[of_slice] = _share(item, one, low, high, mass_factor)
    return out


def _share(
    item: VehicleClass, one: MassSlice, from_t: float, to_t: float, mass_factor: float
) -> float:
    """Share that a slice holds of the vehicles between two masses."""
    low, high = max(one.from_t, from_t), min(one.to_t, to_t)
    if low >= high:
        return 0.0
    if (low, high) == (from_t, to_t):
        return 1.0
    whole = share_between(item, from_t, to_t, mass_factor=mass_factor)
    part = share_between(item, low, high, mass_factor=mass_factor)
    return part / whole if whole > 0.0 else 0.0


def slice_flows(
    state: PathState,
    slices: Sequence[MassSlice],
    *,
    classes: Sequence[VehicleClass],
    link_id: IdArray,
    wanted: IdArray,
    mass_factor: float = 1.0,
) -> FloatArray:
    """Flow of each slice on some links from the paths, (slices, wanted) [veh/h].

    Parameters
    ----------
    link_id : (links,)
    wanted : (rows,)
        Rows of the links asked for.
    """
    place = np.full(link_id.size, -1, dtype=np.int64)
    place[wanted] = np.arange(wanted.size)
    path = np.repeat(np.arange(state.flow_vehh.size), np.diff(state.start))
    column = place[rows_of(link_id, state.links)]
    kept = column >= 0
    path, column = path[kept], column[kept]
    out = np.zeros((len(slices), wanted.size))
    for number, one in enumerate(slices):
        flow = state.flow_vehh * shares_of_paths(state, one, classes, mass_factor=mass_factor)
        out[number] = np.bincount(column, weights=flow[path], minlength=wanted.size)
    return out
