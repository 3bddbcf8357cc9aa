"""Trips by class, origin and destination as an assignment needs them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray, IndexArray
from simulations.traffic.classes import classes
from simulations.traffic.graph import RoadGraph
from simulations.traffic.gravity import gravity
from simulations.traffic.remembering import Memory
from simulations.traffic.unserved import reasons
from twin.errors import DemandError
from twin.model.traffic import Demand, DemandPeriod, Unserved, UnservedReason, VehicleClass

__all__ = ["OdTable", "classes", "from_daily", "from_matrices", "gravity", "pairs"]

_NAMED = 5
_REMEMBERED = 3  # demands
_LARGEST_VEHH = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class OdTable:
    """Pairs that have an allowed path, in compressed rows by class and origin.

    ``demand_vehh`` is the sum of ``served_vehh``, ``intrazonal_vehh`` and the unserved trips.

    Parameters
    ----------
    classes : tuple[VehicleClass, ...]
    zones : int
    first_dest : (classes * zones + 1,)
        The pairs of class k and origin o are ``first_dest[k * zones + o]`` to the next entry.
    class_index, origin, dest : (pairs,)
        Class, and zone rows (positions in ``RoadGraph.zone``); sorted by these three.
    flow_vehh : (pairs,)
        Positive.
    demand_vehh, served_vehh, intrazonal_vehh : (classes,)
    unserved : Unserved
        Sorted like the pairs.
    """

    classes: tuple[VehicleClass, ...]
    zones: int
    first_dest: IdArray
    class_index: IndexArray
    origin: IndexArray
    dest: IndexArray
    flow_vehh: FloatArray
    demand_vehh: FloatArray
    served_vehh: FloatArray
    intrazonal_vehh: FloatArray
    unserved: Unserved


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Class, origin zone row, destination zone row and trips, one row per cell of the tables."""

    class_index: IndexArray
    origin: IndexArray
    dest: IndexArray
    flow_vehh: FloatArray

    def where(self, kept: BoolArray | slice) -> "_Cells":
        return _Cells(
            self.class_index[kept], self.origin[kept], self.dest[kept], self.flow_vehh[kept]
        )

    def total(self, classes: int) -> FloatArray:
        sums = np.bincount(self.class_index, weights=self.flow_vehh, minlength=classes)
        return sums.astype(np.float64)


def pairs(graph: RoadGraph, demand: Demand) -> OdTable:
    """The demand as an assignment serves it; what has no path is listed with its reason.

    Repeated rows add up, rows without trips vanish, trips inside a zone are summed and set aside.
    The order of the rows makes no difference, not even in the last bit.

    Raises
    ------
    DemandError
        With every problem of the demand at once.
    """
    trips = _trips(graph, demand)
    served, reason = _served(graph, trips.between)
    if served.all():
        kept, lost = trips.between, trips.between.where(slice(0))
        first, served_vehh = trips.first_dest, trips.between_vehh
    else:
        kept, lost = trips.between.where(served), trips.between.where(~served)
        first = _first_dest(kept, graph.zone.size, len(demand.classes))
        served_vehh = kept.total(len(demand.classes))
    return OdTable(
        classes=demand.classes,
        zones=graph.zone.size,
        first_dest=first,
        class_index=kept.class_index,
        origin=kept.origin,
        dest=kept.dest,
        flow_vehh=kept.flow_vehh,
        demand_vehh=trips.demand_vehh,
        served_vehh=served_vehh,
        intrazonal_vehh=trips.intrazonal_vehh,
        unserved=Unserved(
            class_index=lost.class_index.astype(np.uint8),
            origin=graph.zone_id[lost.origin],
            destination=graph.zone_id[lost.dest],
            flow_vehh=lost.flow_vehh,
            reason=reason,
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Trips:
    """A checked demand in zone rows; every array is read-only.

    Parameters
    ----------
    between : _Cells
        Trips from one zone to another.
    first_dest : (classes * zones + 1,)
        As in ``OdTable`` if all of them are served.
    demand_vehh, between_vehh, intrazonal_vehh : (classes,)
    """

    between: _Cells
    first_dest: IdArray
    demand_vehh: FloatArray
    between_vehh: FloatArray
    intrazonal_vehh: FloatArray


_memory: Memory[_Trips] = Memory(_REMEMBERED)


def _trips(graph: RoadGraph, demand: Demand) -> _Trips:
    """The demand by zone rows; which of it has a path depends on the links that are open."""
    columns = [
        demand.classes, graph.classes, graph.zone_id,
        demand.class_index, demand.origin, demand.destination, demand.flow_vehh,
    ]  # fmt: skip
    known = _memory.find(columns)
    if known is not None:
        return known
    problems = _problems(graph, demand)
    if problems:
        raise DemandError("\n".join(problems))
    count = len(demand.classes)
    cells = _merged(graph, demand)
    inside = cells.origin == cells.dest
    between = cells.where(~inside)
    found = _Trips(
        between=between,
        first_dest=_first_dest(between, graph.zone.size, count),
        demand_vehh=cells.total(count),
        between_vehh=between.total(count),
        intrazonal_vehh=cells.where(inside).total(count),
    )
    for column in (
        between.class_index, between.origin, between.dest, between.flow_vehh,
        found.first_dest, found.demand_vehh, found.between_vehh, found.intrazonal_vehh,
    ):  # fmt: skip
        column.setflags(write=False)
    _memory.keep(columns, found)
    return found


def _first_dest(cells: _Cells, zones: int, classes: int) -> IdArray:
    """Where the cells of each class and origin begin, (classes * zones + 1,)."""
    row = cells.class_index.astype(np.int64) * zones + cells.origin
    return np.searchsorted(row, np.arange(classes * zones + 1))


def _merged(graph: RoadGraph, demand: Demand) -> _Cells:
    """Sorted cells with positive flow; equal cells add up from the smallest flow on."""
    zones = np.int64(graph.zone.size)
    origin = np.searchsorted(graph.zone_id, demand.origin)
    dest = np.searchsorted(graph.zone_id, demand.destination)
    key = (demand.class_index.astype(np.int64) * zones + origin) * zones + dest
    flow_vehh = np.asarray(demand.flow_vehh, dtype=np.float64)
    if not (flow_vehh > 0.0).all():
        key, flow_vehh = key[flow_vehh > 0.0], flow_vehh[flow_vehh > 0.0]
    if (key[1:] <= key[:-1]).any():
        order = np.lexsort((flow_vehh, key))
        key, flow_vehh = key[order], flow_vehh[order]
        first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        key, flow_vehh = key[first], np.add.reduceat(flow_vehh, first)
    row, dest = np.divmod(key, max(zones, 1))
    class_index, origin = np.divmod(row, max(zones, 1))
    return _Cells(
        class_index.astype(np.int32), origin.astype(np.int32), dest.astype(np.int32), flow_vehh
    )


def _served(graph: RoadGraph, cells: _Cells) -> tuple[BoolArray, tuple[UnservedReason, ...]]:
    """Which cells have a path, and the reason of every cell that has none."""
    served = np.zeros(cells.flow_vehh.size, dtype=np.bool_)
    reason: list[UnservedReason] = []
    origin, dest = graph.zone[cells.origin], graph.zone[cells.dest]
    for index in range(len(graph.classes)):
        rows = np.flatnonzero(cells.class_index == index)
        if rows.size == 0:
            continue
        connected = graph.reach(graph.open_mask[index]).connects(origin[rows], dest[rows])
        served[rows] = connected
        lost = rows[~connected]
        reason += reasons(graph, index, origin=origin[lost], destination=dest[lost])
    return served, tuple(reason)


def _problems(graph: RoadGraph, demand: Demand) -> list[str]:
    """Everything that is wrong with a demand, in sentences."""
    columns = (demand.class_index, demand.origin, demand.destination, demand.flow_vehh)
    if len({column.shape for column in columns}) != 1 or demand.flow_vehh.ndim != 1:
        shapes = ", ".join(str(column.shape) for column in columns)
        return [f"the columns of the demand differ in length: {shapes}; give one row per cell"]
    if {column.dtype.kind for column in columns[:3]} - set("iu") or columns[3].dtype.kind != "f":
        kinds = ", ".join(str(column.dtype) for column in columns)
        return [f"the columns of the demand hold {kinds}; give three of whole numbers and floats"]
    problems = []
    if demand.classes != graph.classes:
        problems.append(
            "the demand has other vehicle classes than the graph; build the graph with "
            "`demand.classes`"
        )
    wrong = demand.class_index >= len(demand.classes)
    problems += _listed("rows name a class that the demand does not have", wrong, demand)
    with np.errstate(invalid="ignore"):
        negative = demand.flow_vehh < 0.0
    problems += _listed("rows have a negative number of trips", negative, demand)
    wrong = ~(negative | (demand.flow_vehh <= _LARGEST_VEHH))
    problems += _listed("rows have no number of trips, or one beyond any city", wrong, demand)
    for ids, word in ((demand.origin, "begin"), (demand.destination, "end")):
        unknown = ~_is_among(ids, graph.zone_id)
        problems += _listed(f"rows {word} at a node that is no zone", unknown, demand)
    return problems


def _is_among(ids: IdArray, ascending: IdArray) -> BoolArray:
    """Which ids a sorted column holds."""
    if ascending.size == 0:
        return np.zeros(ids.size, dtype=np.bool_)
    return ascending[np.minimum(ascending.searchsorted(ids), ascending.size - 1)] == ids


def _listed(what: str, wrong: BoolArray, demand: Demand) -> list[str]:
    rows = np.flatnonzero(wrong)
    if rows.size == 0:
        return []
    named = ", ".join(
        f"row {row} ({demand.origin[row]} to {demand.destination[row]}, "
        f"{demand.flow_vehh[row]:g} veh/h)"
        for row in rows[:_NAMED]
    )
    more = f" and {rows.size - _NAMED} more" if rows.size > _NAMED else ""
    return [f"{rows.size} {what}: {named}{more}"]


def from_matrices(
    classes: Sequence[VehicleClass],
    zone_id: IdArray,
    flow_vehh: FloatArray,
    *,
    period: DemandPeriod | None = None,
    assumptions: Sequence[str] = (),
) -> Demand:
    """The demand of full matrices; empty cells are left out.

    Parameters
    ----------
    zone_id : (zones,)
        Node ids of rows and columns.
    flow_vehh : (classes, zones, zones)
        From row to column.

    Raises
    ------
    DemandError
        If the matrices do not have one row and column per zone and one layer per class.

    Examples
    --------
    >>> import numpy as np
    >>> flows = np.array([[[0.0, 5.0], [7.0, 0.0]]])
    >>> demand = from_matrices(classes()[:1], np.array([11, 12]), flows)
    >>> demand.origin, demand.destination, demand.flow_vehh
    (array([11, 12]), array([12, 11]), array([5., 7.]))
    """
    expected = (len(classes), zone_id.size, zone_id.size)
    if flow_vehh.shape != expected:
        raise DemandError(
            f"the matrices have shape {flow_vehh.shape}, expected {expected}: one layer per class, "
            "one row and one column per zone"
        )
    class_index, origin, destination = np.nonzero(flow_vehh)
    return Demand(
        classes=tuple(classes),
        class_index=class_index.astype(np.uint8),
        origin=zone_id[origin],
        destination=zone_id[destination],
        flow_vehh=flow_vehh[class_index, origin, destination],
        period=period or DemandPeriod(),
        assumptions=tuple(assumptions),
    )


def from_daily(daily: Demand, *, share: float, period: DemandPeriod, source: str) -> Demand:
    """The demand of an hour from trips a day, marked as estimated.

    Parameters
    ----------
    daily : Demand
        Its ``flow_vehh`` holds trips a day.
    share : float
        Part of the day that falls into one hour of the period, in (0, 1].
    source : str
        Where the share comes from.

    Raises
    ------
    DemandError
        If the share is not in (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise DemandError(f"share is {share:g}, expected above 0 and at most 1: 0.1 is ten percent")
    estimate = (
        f"estimated: {share:.1%} of the trips of a day in each hour from "
        f"{period.start_hour:g} on ({source})"
    )
    return Demand(
        classes=daily.classes,
        class_index=daily.class_index,
        origin=daily.origin,
        destination=daily.destination,
        flow_vehh=daily.flow_vehh * share,
        period=period,
        assumptions=(*daily.assumptions, estimate),
    )
