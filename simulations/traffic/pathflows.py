"""Sums over the retained paths of an equilibrium."""

from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from twin.errors import NetworkError
from twin.model.network import Network
from twin.model.traffic import PathState, VehicleClass

_KMH = 3.6  # 1 m/s in km/h
_NAMED = 5


def rows_of(link_id: IdArray, wanted: IdArray) -> IdArray:
    """Rows of some link ids among unique ids in any order.

    Raises
    ------
    NetworkError
        If an id is unknown; names the first ones.

    Examples
    --------
    >>> rows_of(np.array([7, 3, 9]), np.array([9, 7])).tolist()
    [2, 0]
    """
    order = np.argsort(link_id, kind="stable")
    place = np.searchsorted(link_id, wanted, sorter=order)
    rows = order[np.minimum(place, max(link_id.size - 1, 0))] if link_id.size else place
    unknown = wanted[link_id[rows] != wanted] if link_id.size else wanted
    if unknown.size:
        named = ", ".join(str(i) for i in np.unique(unknown)[:_NAMED])
        raise NetworkError(f"unknown link(s) {named}; use ids of this network")
    return rows


def picked(state: PathState, rows: IdArray) -> PathState:
    """Some paths in another order, with the masses of their vehicles if these are known."""
    length = np.diff(state.start)[rows]
    start = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
    at = np.repeat(state.start[rows] - start[:-1], length) + np.arange(start[-1])
    masses = state.mass_to_t.size > 0
    return PathState(
        class_index=state.class_index[rows],
        origin=state.origin[rows],
        destination=state.destination[rows],
        flow_vehh=state.flow_vehh[rows],
        start=start,
        links=state.links[at],
        mass_from_t=state.mass_from_t[rows] if masses else state.mass_from_t,
        mass_to_t=state.mass_to_t[rows] if masses else state.mass_to_t,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Paths with the rows of their links in one network.

    Parameters
    ----------
    state : PathState
    links : int
        Rows of the network.
    row, path : (entries,)
        Link row and path of each entry, in the order of ``state.links``.
    """

    state: PathState
    links: int
    row: IdArray
    path: IdArray

    @property
    def class_of_entry(self) -> IdArray:
        """(entries,) Class of each entry's path."""
        return self.state.class_index.astype(np.int64)[self.path]

    def link_flows(self, classes: int, chosen: BoolArray | None = None) -> FloatArray:
        """Flow of all or some paths by class and link, (classes, links) [veh/h]."""
        flow = self.state.flow_vehh if chosen is None else np.where(chosen, self.state.flow_vehh, 0)
        cell = self.class_of_entry * self.links + self.row
        sums = np.bincount(cell, weights=flow[self.path], minlength=classes * self.links)
        return sums.astype(np.float64).reshape(classes, self.links)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of a value per entry along each path, (paths,)."""
        paths = self.state.flow_vehh.size
        return np.bincount(self.path, weights=values, minlength=paths).astype(np.float64)

    def passes(self, entries: BoolArray) -> BoolArray:
        """Whether a path has an entry that is marked, (paths,)."""
        out = np.zeros(self.state.flow_vehh.size, dtype=np.bool_)
        out[self.path[entries]] = True
        return out

    def before(self) -> IdArray:
        """(turns,) Entries that another entry of the same path follows."""
        return np.flatnonzero(self.path[:-1] == self.path[1:])


def on_network(state: PathState, link_id: IdArray) -> Paths:
    """Paths with the rows of their links; NetworkError if a link is unknown."""
    path = np.repeat(np.arange(state.flow_vehh.size), np.diff(state.start))
    return Paths(state=state, links=link_id.size, row=rows_of(link_id, state.links), path=path)


def slower_s(network: Network, classes: tuple[VehicleClass, ...]) -> FloatArray:
    """What slow vehicles need beyond the time of the empty link, (classes, links) [s]."""
    own_s = np.array([_KMH * network.length_m / item.vmax_kmh for item in classes])
    return np.maximum(0.0, own_s - network.t0_s)


def turn_penalties_s(paths: Paths, network: Network) -> FloatArray:
    """Penalties of the turns along each path, (paths,) [s]."""
    turns = network.turns
    held = np.isin(turns.in_link, network.link_id) & np.isin(turns.out_link, network.link_id)
    held &= turns.penalty_s > 0.0
    if not held.any():
        return np.zeros(paths.state.flow_vehh.size)
    size = paths.links
    rule = rows_of(network.link_id, turns.in_link[held]) * size
    rule += rows_of(network.link_id, turns.out_link[held])
    keys, place = np.unique(rule, return_inverse=True)
    penalty_s = np.bincount(place, weights=turns.penalty_s[held])
    entry = paths.before()
    made = paths.row[entry] * size + paths.row[entry + 1]
    where = np.minimum(np.searchsorted(keys, made), keys.size - 1)
    values = np.where(keys[where] == made, penalty_s[where], 0.0)
    count = paths.state.flow_vehh.size
    return np.bincount(paths.path[entry], weights=values, minlength=count).astype(np.float64)


def makes_turn(paths: Paths, turns: tuple[tuple[int, int], ...]) -> BoolArray:
    """Whether a path makes one of these turns, given as link ids before and behind; (paths,)."""
    out = np.zeros(paths.state.flow_vehh.size, dtype=np.bool_)
    entry = paths.before()
    links = paths.state.links
    for in_link, out_link in turns:
        made = (links[entry] == in_link) & (links[entry + 1] == out_link)
        out[paths.path[entry[made]]] = True
    return out
