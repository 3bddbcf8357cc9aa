"""Volumes, times and slopes of all links while a solver moves flow."""

import numpy as np

from simulations.traffic.arrays import FloatArray, IdArray, IndexArray
from simulations.traffic.assign import shifts
from simulations.traffic.graph import RoadGraph


class LinkState:
    """Table of links as the compiled loops read it, and the time on each link.

    Parameters
    ----------
    graph : RoadGraph

    Attributes
    ----------
    table : (links, LINK_COLUMNS)
    time_s : (links,)
        Time without class terms [s].
    """

    def __init__(self, graph: RoadGraph) -> None:
        table = np.zeros((graph.tail.size, shifts.LINK_COLUMNS))
        table[:, shifts.TIME_EMPTY] = graph.t0_s
        table[:, shifts.CAPACITY] = graph.capacity_pceh
        table[:, shifts.PARAMETER_0], table[:, shifts.PARAMETER_1] = graph.p0, graph.p1
        table[:, shifts.FUNCTION] = graph.fn
        table[:, shifts.PRELOAD] = graph.preload_pceh
        self.table = table
        self.time_s = np.empty(graph.tail.size)

    def set_volumes(self, assigned_pceh: FloatArray) -> None:
        """Take the assigned volumes (links,) without preload; times and slopes follow."""
        shifts.set_volumes(self.table, assigned_pceh, self.time_s)

    def load(self, *, start: IdArray, links: IndexArray, flow_pceh: FloatArray) -> None:
        """Add the flow of new paths: path i uses ``links[start[i]:start[i + 1]]``."""
        shifts.load_paths(self.table, start, links, flow_pceh, self.time_s)

    def volume_pceh(self) -> FloatArray:
        """Volumes with preload, (links,)."""
        return self.table[:, shifts.VOLUME].copy()

    def time_driven(self) -> float:
        """Assigned volume times time over all links [s car units/h]."""
        assigned = self.table[:, shifts.VOLUME] - self.table[:, shifts.PRELOAD]
        return float(np.sum(assigned * self.time_s))

    def sum_of_integrals(self) -> float:
        """Flow-dependent part of Beckmann's objective [s car units/h]."""
        return shifts.sum_of_integrals(self.table)
