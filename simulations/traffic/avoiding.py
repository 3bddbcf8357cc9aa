"""Who would cross some links if one limit on them did not exist: a first look without solving."""

from dataclasses import replace

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.classes import rights
from simulations.traffic.graph import RoadGraph
from simulations.traffic.pathflows import rows_of
from simulations.traffic.reach import Distances
from twin.model.network import Network
from twin.model.traffic import Demand

_ROUNDING = 1e-9
_LIMITS = {"gross_weight": "max_weight_t", "axle_load": "max_axle_t", "height": "max_height_m"}


class Avoiding:
    """Cheapest ways at the times of one equilibrium, with and without a limit.

    Parameters
    ----------
    graph
        Of the network that was solved.
    demand
        That was solved.
    time_s : (links,)
        Times of the equilibrium in the order of the network.
    """

    def __init__(self, graph: RoadGraph, demand: Demand, time_s: FloatArray) -> None:
        self._graph, self._demand = graph, demand
        is_link = graph.link_of >= 0
        self._common_s = np.where(is_link, time_s[graph.link_of], graph.t0_s)
        self._zone = {
            int(node): row for row, node in zip(graph.zone.tolist(), graph.zone_id, strict=True)
        }
        self._known: dict[int, FloatArray] = {}

    def vehicles(self, links: IdArray, kind: str, *, exempt: tuple[str, ...] = ()) -> FloatArray:
        """Vehicles an hour of each class that would cross, (classes,) [1/h].

        Trips of pairs whose cheapest way gets cheaper, or comes into being, when the limit of this
        kind on these links does not exist for their class. Times stay those of the equilibrium.

        Parameters
        ----------
        links : (ids,)
        kind
            ``gross_weight``, ``axle_load`` or ``height``; ``no_passage`` opens the links.
        exempt
            Classes that the limit does not bind.
        """
        graph = self._graph
        held = links[np.isin(links, graph.network.link_id)]
        rows = rows_of(graph.network.link_id, held)
        lifted = _lifted(graph.network, rows, kind)
        out = np.zeros(len(graph.classes))
        for index, item in enumerate(graph.classes):
            mine = self._rows(index)
            if item.name in exempt or not mine.size:
                continue
            arcs = graph.row_of[rows]
            arcs = arcs[arcs >= 0]
            right = rights(lifted, item, mask=graph.mask[arcs], link_of=graph.link_of[arcs])
            opened = graph.open_mask[index].copy()
            opened[arcs] |= right.is_open | (kind == "no_passage")
            if np.array_equal(opened, graph.open_mask[index]):
                continue
            now = self._now(index)
            without = self._costs(index, opened)
            served = np.isfinite(without)
            gain = np.where(served, now - np.where(served, without, 0.0), 0.0)
            better = gain > _ROUNDING * np.where(served, without, 1.0)
            out[index] = float(self._demand.flow_vehh[mine][better].sum())
        return out

    def _rows(self, index: int) -> IdArray:
        demand = self._demand
        return np.flatnonzero(
            (demand.class_index == index)
            & (demand.flow_vehh > 0.0)
            & (demand.origin != demand.destination)
        )

    def _now(self, index: int) -> FloatArray:
        if index not in self._known:
            self._known[index] = self._costs(index, self._graph.open_mask[index])
        return self._known[index]

    def _costs(self, index: int, opened: BoolArray) -> FloatArray:
        """Cost of the cheapest way of each row of the demand of a class [s]."""
        graph, mine = self._graph, self._rows(index)
        start = np.array([self._zone[int(one)] for one in self._demand.origin[mine]])
        end = np.array([self._zone[int(one)] for one in self._demand.destination[mine]])
        origins, at_origin = np.unique(start, return_inverse=True)
        ends, at_end = np.unique(end, return_inverse=True)
        cost_s = self._common_s + graph.fixed_cost_s[index]
        return Distances(graph, opened, cost_s).between(origins, ends)[at_origin, at_end]


def _lifted(network: Network, rows: IdArray, kind: str) -> Network:
    column = _LIMITS.get(kind)
    if column is None:
        return network
    limit = getattr(network, column).copy()
    limit[rows] = np.inf
    return replace(network, **{column: limit})
