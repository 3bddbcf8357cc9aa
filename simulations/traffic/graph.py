"""The road network as an assignment sees it: checked, sorted, and with turn rules as arcs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray, IndexArray
from simulations.traffic.classes import band_cuts, fixed_costs, rights
from simulations.traffic.components import Reach
from simulations.traffic.findings import warnings
from simulations.traffic.remembering import Memory, is_same, snapshot
from simulations.traffic.turns import Arcs, expand
from simulations.traffic.validation import problems
from twin.errors import NetworkError
from twin.model.network import CostFunction, LinkAssets, Network, Turns
from twin.model.traffic import VehicleClass

_NONE = np.int32(-1)
_REMEMBERED = 3  # networks, with what was built from them
# Columns that say who may use a link: checks read their type and shape alone, and neither the shape
# of a graph nor its costs depend on them
_RIGHTS = ("mask", "limit_exempt", "closed_to")
_PARTS = {
    "": tuple(
        item.name
        for item in fields(Network)
        if item.name not in {*_RIGHTS, "turns", "link_assets", "provenance"}
    ),
    "turns": tuple(item.name for item in fields(Turns)),
    "link_assets": tuple(item.name for item in fields(LinkAssets)),
}
_TABLE_SPREAD = 64  # node ids may be so many times sparser than nodes; beyond, bisection


@dataclass(frozen=True, slots=True, eq=False)
class RoadGraph:
    """Arcs sorted by (tail, head, link id) in compressed rows; every array is read-only.

    An arc is a link of the network or a turn at a node that carries a turn rule. Self-loops are
    left out. Columns that no solver reads stay in ``network``, found through ``link_of``.

    Parameters
    ----------
    network : Network
        What the graph was built from; ``links`` counts its rows.
    classes : tuple[VehicleClass, ...]
    epsg : int
    node_id : (n,)
        Node of the network; copies made for turn rules repeat it. The first rows are the nodes
        of the network by ascending id, the copies follow.
    x_m, y_m : (n,)
    no_through : (n,)
        A path may begin or end here and never pass.
    zone : (zones,)
        Node rows of the zones by ascending id; a *zone row* is a position in this column.
    first_out : (n + 1,)
        Arcs that leave node v are ``first_out[v]`` to ``first_out[v + 1]``.
    tail, head : (m,)
        Node rows.
    link_of : (m,)
        Row of the network's links; -1 for a turn arc.
    row_of : (links,)
        Arc of each link of the network; -1 for a self-loop.
    link_id : (m,)
        Id of the link; -1 for a turn arc.
    length_m, t0_s, capacity_pceh, preload_pceh : (m,)
        0 on turn arcs, apart from ``t0_s``, which is the penalty. ``t0_s`` is the time of the
        empty link.
    fn, p0, p1, p2 : (m,)
        Cost function for ``simulations.traffic.costs``; whatever never changes with the volume
        is ``FIXED`` here, whatever the network calls it.
    mask : (m,)
        Bits of the classes of the network's mask or the turn's; limits are in ``open_mask``.
    open_mask : (classes, m)
        The class may use the arc: mask, mass, axle load and height.
    fixed_cost_s : (classes, m)
        Constant that the class pays on top of the time: slower vehicles, tolls, distance.
        Finite on closed arcs too.
    warnings, assumptions : tuple[str, ...]
        What was found and taken for granted, in English sentences.
    known_reaches : dict[bytes, Reach]
        What ``reach`` has answered, by mask: the classes mostly share one.
    """

    network: Network
    classes: tuple[VehicleClass, ...]
    epsg: int
    node_id: IdArray
    x_m: FloatArray
    y_m: FloatArray
    no_through: BoolArray
    zone: IndexArray
    first_out: IndexArray
    tail: IndexArray
    head: IndexArray
    link_of: IndexArray
    row_of: IndexArray
    link_id: IdArray
    length_m: FloatArray
    t0_s: FloatArray
    capacity_pceh: FloatArray
    preload_pceh: FloatArray
    fn: NDArray[np.uint8]
    p0: FloatArray
    p1: FloatArray
    p2: FloatArray
    mask: NDArray[np.uint32]
    open_mask: BoolArray
    fixed_cost_s: FloatArray
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    known_reaches: dict[bytes, Reach] = field(default_factory=dict, repr=False)

    @property
    def nodes(self) -> int:
        """Internal nodes, copies included."""
        return self.node_id.size

    @property
    def arcs(self) -> int:
        """Links and turn arcs."""
        return self.tail.size

    @property
    def reverse(self) -> IndexArray:
        """Arc of the opposite direction, (m,); -1 where there is none."""
        return _reverse(self.network, self.row_of, self.arcs)

    @property
    def zone_id(self) -> IdArray:
        """Node ids of the zones, in the order of ``zone``."""
        return self.node_id[self.zone]

    @property
    def is_flow_dependent(self) -> BoolArray:
        """Arcs whose time grows with the volume, so that their volume is unique."""
        return self.fn != CostFunction.FIXED

    def reach(self, is_open: BoolArray) -> Reach:
        """Strong components and connections over the arcs of a mask, (m,)."""
        key = is_open.tobytes()
        found = self.known_reaches.get(key)
        if found is None:
            found = Reach(
                tail=self.tail[is_open], head=self.head[is_open], no_through=self.no_through
            )
            self.known_reaches[key] = found
        return found

    def to_network_order(self, values: NDArray, *, missing: float = 0.0) -> NDArray:
        """Values per arc as values per link in the order of the network's columns.

        Parameters
        ----------
        values : (..., m)
        missing : float
            What a self-loop gets, since it is no part of the graph.

        Returns
        -------
        (..., links)
        """
        kept = self.row_of >= 0
        out = np.full((*values.shape[:-1], kept.size), missing, dtype=values.dtype)
        out[..., kept] = values[..., self.row_of[kept]]
        return out


class _CostColumns(TypedDict):
    length_m: FloatArray
    t0_s: FloatArray
    capacity_pceh: FloatArray
    preload_pceh: FloatArray
    fn: NDArray[np.uint8]
    p0: FloatArray
    p1: FloatArray
    p2: FloatArray


def _frozen(graph: RoadGraph) -> RoadGraph:
    for item in fields(graph):
        value = getattr(graph, item.name)
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return graph


def build(network: Network, classes: Sequence[VehicleClass]) -> RoadGraph:
    """The graph of a network for these vehicle classes.

    Raises
    ------
    NetworkError
        With every problem of the network and the classes at once.
    """
    classes = tuple(classes)
    columns = _columns(network, classes)
    known = _memory.find(columns)
    if known is not None:
        return _reopened(known, network)
    found = problems(network, classes)
    if found:
        raise NetworkError("\n".join(found))
    node_order = np.argsort(network.node_id, kind="stable")
    kept = np.flatnonzero(network.tail != network.head)
    sorted_ids = network.node_id[node_order]
    arcs = expand(
        network,
        link_of=kept,
        tail=_rows_of(sorted_ids, network.tail[kept]),
        head=_rows_of(sorted_ids, network.head[kept]),
        no_through=network.no_through[node_order],
    )
    graph = _frozen(_with_warnings(_assemble(network, classes, arcs, node_order)))
    _memory.keep(columns, _Known(graph, snapshot(_rights(network))))
    return graph


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A graph, and a copy of the columns that said who may use its links."""

    graph: RoadGraph
    rights: tuple[object, ...]


_memory: Memory[_Known] = Memory(_REMEMBERED)


def _columns(network: Network, classes: tuple[VehicleClass, ...]) -> list[object]:
    """All that a graph is made of; of the rights only what the checks read."""
    found: list[object] = [classes]
    for part, names in _PARTS.items():
        owner = getattr(network, part) if part else network
        found += [getattr(owner, name) for name in names]
    kinds = (None if item is None else (item.dtype, item.shape) for item in _rights(network))
    return [*found, *kinds]


def _rights(network: Network) -> list[NDArray | None]:
    return [getattr(network, name) for name in _RIGHTS]


def _reopened(known: _Known, network: Network) -> RoadGraph:
    """A remembered graph for a network that differs in the rights at most."""
    if is_same(known.rights, _rights(network)):
        return replace(known.graph, network=network)
    graph = known.graph
    link_of = graph.link_of
    mask = np.where(link_of >= 0, network.mask[link_of], graph.mask).astype(np.uint32)
    open_mask, assumptions = _openings(network, graph.classes, mask=mask, link_of=link_of)
    changed = replace(
        graph, network=network, mask=mask, open_mask=open_mask, assumptions=assumptions,
        known_reaches={},
    )  # fmt: skip
    return _frozen(_with_warnings(changed))


def _with_warnings(graph: RoadGraph) -> RoadGraph:
    is_open = np.logical_or.reduce(graph.open_mask)
    sentences = warnings(
        graph.network,
        is_closed=graph.to_network_order(~is_open),
        outside=graph.zone_id[~graph.reach(is_open).is_inside(graph.zone)],
    )
    return replace(graph, warnings=sentences)


def _openings(
    network: Network,
    classes: tuple[VehicleClass, ...],
    *,
    mask: NDArray[np.uint32],
    link_of: IdArray | IndexArray,
) -> tuple[BoolArray, tuple[str, ...]]:
    """Which arcs each class may use, (classes, m), and what was taken for granted for that."""
    all_rights = [rights(network, item, mask=mask, link_of=link_of) for item in classes]
    assumptions = tuple(
        sentence
        for item, right in zip(classes, all_rights, strict=True)
        for sentence in band_cuts(network, item, right=right, link_of=link_of)
    )
    return np.array([right.is_open for right in all_rights]), assumptions


def _rows_of(ids: IdArray, wanted: IdArray) -> IdArray:
    """Positions of ids in a sorted column that holds them all."""
    if ids.size and int(ids[-1]) - int(ids[0]) < _TABLE_SPREAD * ids.size:
        table = np.zeros(int(ids[-1]) - int(ids[0]) + 1, dtype=np.int64)
        table[ids - ids[0]] = np.arange(ids.size)
        return table[wanted - ids[0]]
    return np.searchsorted(ids, wanted)


def _sorted_arcs(arcs: Arcs, arc_id: IdArray) -> IdArray:
    """Rows of arcs by tail, head and id."""
    ends = arcs.tail * arcs.node_of.size + arcs.head
    return np.lexsort((arc_id, ends))


def _assemble(
    network: Network, classes: tuple[VehicleClass, ...], arcs: Arcs, node_order: IdArray
) -> RoadGraph:
    is_link = arcs.link_of >= 0
    arc_id = np.where(is_link, network.link_id[arcs.link_of], -1)
    order = _sorted_arcs(arcs, arc_id)
    link_of = arcs.link_of[order]
    row_of = np.full(network.link_id.size, _NONE, dtype=np.int32)
    row_of[link_of[link_of >= 0]] = np.flatnonzero(link_of >= 0)
    nodes = node_order[arcs.node_of]
    tail = arcs.tail[order].astype(np.int32)
    costs = _cost_columns(network, link_of, arcs.penalty_s[order])
    mask = np.where(link_of >= 0, network.mask[link_of], arcs.turn_mask[order]).astype(np.uint32)
    open_mask, assumptions = _openings(network, classes, mask=mask, link_of=link_of)
    return RoadGraph(
        network=network,
        classes=classes,
        epsg=network.epsg,
        node_id=network.node_id[nodes].astype(np.int64),
        x_m=network.x_m[nodes].astype(np.float64),
        y_m=network.y_m[nodes].astype(np.float64),
        no_through=arcs.no_through,
        zone=np.flatnonzero(network.is_zone[node_order]).astype(np.int32),
        first_out=np.cumsum(np.bincount(tail + 1, minlength=nodes.size + 1), dtype=np.int32),
        tail=tail,
        head=arcs.head[order].astype(np.int32),
        link_of=link_of.astype(np.int32),
        row_of=row_of,
        link_id=arc_id[order].astype(np.int64),
        mask=mask,
        open_mask=open_mask,
        fixed_cost_s=fixed_costs(network, classes, t0_s=costs["t0_s"], link_of=link_of),
        assumptions=assumptions,
        **costs,
    )


def _cost_columns(network: Network, link_of: IdArray, penalty_s: FloatArray) -> _CostColumns:
    """Columns by arc; functions that never change with the volume become ``FIXED``."""
    is_link = link_of >= 0

    def column(values: NDArray) -> FloatArray:
        return np.where(is_link, values[link_of], 0.0).astype(np.float64)

    fn = np.where(is_link, network.cost_function[link_of], CostFunction.FIXED).astype(np.uint8)
    p0, p1, p2 = (column(values) for values in (network.p0, network.p1, network.p2))
    t0_s = np.where(is_link, network.t0_s[link_of], penalty_s)
    is_bpr = fn == CostFunction.BPR
    t0_s = np.where(is_bpr & (p1 == 0.0), t0_s * (1.0 + p0), t0_s)
    flat = is_bpr & ((p0 == 0.0) | (p1 == 0.0) | (t0_s == 0.0))
    flat |= (fn == CostFunction.CONICAL) & (t0_s == 0.0)
    flat |= (fn == CostFunction.LINEAR) & (p0 == 0.0)
    return {
        "length_m": column(network.length_m),
        "t0_s": t0_s,
        "capacity_pceh": column(network.capacity_pceh),
        "preload_pceh": column(network.preload_pceh),
        "fn": np.where(flat, np.uint8(CostFunction.FIXED), fn),
        "p0": p0,
        "p1": p1,
        "p2": p2,
    }


def _reverse(network: Network, row_of: NDArray[np.int32], arcs: int) -> NDArray[np.int32]:
    """Arc of the opposite direction; parallel links pair up by ascending id."""
    kept = np.flatnonzero(row_of >= 0)
    tail, head = (
        np.searchsorted(np.sort(network.node_id), end[kept]) for end in (network.tail, network.head)
    )
    pair = tail * network.node_id.size + head
    order = np.lexsort((network.link_id[kept], pair))
    _, first, counts = np.unique(pair[order], return_index=True, return_counts=True)
    number = np.empty(kept.size, dtype=np.int64)
    number[order] = np.arange(kept.size) - np.repeat(first, counts)
    most = int(counts.max(initial=1))
    forward = pair * most + number
    backward = (head * network.node_id.size + tail) * most + number
    by_code = np.argsort(forward)
    found = np.minimum(np.searchsorted(forward[by_code], backward), max(kept.size - 1, 0))
    match = by_code[found]
    reverse = np.full(arcs, _NONE, dtype=np.int32)
    reverse[row_of[kept]] = np.where(forward[match] == backward, row_of[kept[match]], _NONE)
    return reverse
