"""Turn rules as arcs: only nodes that carry a rule are taken apart."""

from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray, MaskArray
from twin.model.network import Network

EVERY_CLASS = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """Links and turn arcs between internal nodes, unsorted.

    Parameters
    ----------
    node_of : (nodes,)
        Row of the network's sorted nodes that an internal node is a copy of.
    no_through : (nodes,)
    link_of : (arcs,)
        Row of the network's links, -1 for a turn arc.
    tail, head : (arcs,)
        Internal nodes.
    penalty_s : (arcs,)
    turn_mask : (arcs,)
        Classes that may turn; every class on a link.
    """

    node_of: IdArray
    no_through: BoolArray
    link_of: IdArray
    tail: IdArray
    head: IdArray
    penalty_s: FloatArray
    turn_mask: MaskArray


class _Growing:
    """Arcs and nodes while nodes are taken apart."""

    def __init__(self, tail: IdArray, head: IdArray, nodes: int) -> None:
        self.tail, self.head = tail.copy(), head.copy()
        self.node_of = list(range(nodes))
        self.arcs: list[tuple[int, int, float, int]] = []

    def copy(self, node: int) -> int:
        self.node_of.append(node)
        return len(self.node_of) - 1

    def turn(self, tail: int, head: int, penalty_s: float = 0.0, mask: int = 0xFFFFFFFF) -> None:
        self.arcs.append((tail, head, penalty_s, mask))


def _rules(network: Network) -> dict[tuple[int, int], tuple[float, int]]:
    """Penalty and mask by (in link id, out link id); repeated rules all hold."""
    turns = network.turns
    merged: dict[tuple[int, int], tuple[float, int]] = {}
    for row in range(len(turns.in_link)):
        key = int(turns.in_link[row]), int(turns.out_link[row])
        penalty, mask = merged.get(key, (0.0, 0xFFFFFFFF))
        merged[key] = (penalty + float(turns.penalty_s[row]), mask & int(turns.mask[row]))
    return merged


def _groups(keys: IdArray, wanted: list[int], link_id: IdArray) -> dict[int, list[int]]:
    """Rows of the wanted keys, ordered by link id within a key."""
    rows = np.flatnonzero(np.isin(keys, wanted))
    rows = rows[np.argsort(link_id[rows], kind="stable")]
    groups: dict[int, list[int]] = {key: [] for key in wanted}
    for key, row in zip(keys[rows].tolist(), rows.tolist(), strict=True):
        groups[key].append(row)
    return groups


def expand(
    network: Network, *, link_of: IdArray, tail: IdArray, head: IdArray, no_through: BoolArray
) -> Arcs:
    """Links with the nodes that carry a turn rule taken apart.

    Such a node becomes one copy per link that arrives and one per link that leaves, joined by an
    arc per allowed turn. If trips begin or end there, the node itself stays as a centroid that
    joins the copies and cannot be passed. At a node that may not be passed anyway a turn rule
    means nothing and is left out.

    Parameters
    ----------
    network : Network
        Its turns must be valid.
    link_of, tail, head : (links,)
        Network row and node rows (sorted by node id) of the links that are kept.
    no_through : (nodes,)
        By node row.
    """
    rules = _rules(network)
    ids = network.link_id[link_of]
    nodes: list[int] = []
    if rules:
        carries = np.isin(ids, [first for first, _ in rules]) & ~no_through[head]
        nodes = np.unique(head[carries]).tolist()
    growing = _Growing(tail, head, no_through.size)
    through = no_through.copy()
    if nodes:
        through[nodes] = network.is_zone[np.argsort(network.node_id)][nodes]
        _take_apart(growing, nodes, rules, link_id=ids, is_centroid=through)
    links, arcs = link_of.size, growing.arcs
    copies = len(growing.node_of) - through.size
    return Arcs(
        node_of=np.array(growing.node_of, dtype=np.int64),
        no_through=np.concatenate((through, np.zeros(copies, dtype=np.bool_))),
        link_of=np.concatenate((link_of, np.full(len(arcs), -1, dtype=np.int64))),
        tail=np.concatenate((growing.tail, np.array([arc[0] for arc in arcs], dtype=np.int64))),
        head=np.concatenate((growing.head, np.array([arc[1] for arc in arcs], dtype=np.int64))),
        penalty_s=np.concatenate((np.zeros(links), np.array([arc[2] for arc in arcs]))),
        turn_mask=np.concatenate(
            (np.full(links, EVERY_CLASS), np.array([arc[3] for arc in arcs], dtype=np.uint32))
        ),
    )


def _take_apart(
    growing: _Growing,
    nodes: list[int],
    rules: dict[tuple[int, int], tuple[float, int]],
    *,
    link_id: IdArray,
    is_centroid: BoolArray,
) -> None:
    """Move the ends of the links at these nodes to copies and join the copies by turn arcs."""
    arriving = _groups(growing.head, nodes, link_id)
    leaving = _groups(growing.tail, nodes, link_id)
    for node in nodes:
        entries = [(row, growing.copy(node)) for row in arriving[node]]
        exits = [(row, growing.copy(node)) for row in leaving[node]]
        for row, entry in entries:
            growing.head[row] = entry
            for other, leave in exits:
                key = int(link_id[row]), int(link_id[other])
                growing.turn(entry, leave, *rules.get(key, (0.0, 0xFFFFFFFF)))
            if is_centroid[node]:
                growing.turn(entry, node)
        for row, leave in exits:
            growing.tail[row] = leave
            if is_centroid[node]:
                growing.turn(node, leave)
