"""On which links an equilibrium has one flow only."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from simulations.traffic.arrays import BoolArray, IdArray
from twin.model.network import Network


def pinned(network: Network, *, is_flow_dependent: BoolArray, is_usable: BoolArray) -> BoolArray:
    """Links whose flow no second equilibrium of the same demand can change, (links,).

    Two equilibria have equal flows where the time grows with the volume. On the other links they
    differ by a circulation, directions ignored; so a link of constant time is pinned if no cycle
    of such links passes through it. The two directions of a road are no cycle, since nobody drives
    forth and back, unless that takes no time. Nodes that may not be passed count as two, since the
    trips that begin and end there are given.

    Parameters
    ----------
    network
    is_flow_dependent, is_usable : (links,)
        A link that no class may use carries nothing.
    """
    out = np.ones(network.link_id.size, dtype=np.bool_)
    rows = np.flatnonzero(~is_flow_dependent & is_usable & (network.tail != network.head))
    if rows.size == 0:
        return out
    order = np.argsort(network.node_id, kind="stable")
    tail, head = (
        order[np.searchsorted(network.node_id, end[rows], sorter=order)]
        for end in (network.tail, network.head)
    )
    nodes = 2 * network.node_id.size
    head = np.where(network.no_through[head], head + network.node_id.size, head)
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    pair, edge = np.unique(low * nodes + high, return_inverse=True)
    edge = edge.ravel()
    ways = [np.bincount(edge[way], minlength=pair.size) for way in (tail < head, tail > head)]
    free = np.bincount(edge, weights=network.t0_s[rows] == 0.0, minlength=pair.size) > 0
    is_cycle = (np.maximum(*ways) > 1) | (free & (np.minimum(*ways) > 0))
    out[rows] = (_is_bridge(pair // nodes, pair % nodes, nodes) & ~is_cycle)[edge]
    return out


def _is_bridge(low: IdArray, high: IdArray, nodes: int) -> BoolArray:
    """Edges of an undirected graph without parallel edges that lie on no cycle.

    Each edge outside a spanning forest draws a random word; the word of a forest edge is the
    exclusive sum of those whose cycle passes it. A bridge has the word 0; another edge has it by
    chance once in 2^63.
    """
    edges = csr_array((np.arange(1.0, low.size + 1.0), (low, high)), shape=(nodes, nodes))
    parent, sequence = _forest(low, high, nodes)
    child = np.flatnonzero(parent >= 0)
    ends = np.minimum(child, parent[child]), np.maximum(child, parent[child])
    forest_edge = np.asarray(edges[ends]).ravel().astype(np.int64) - 1
    word = np.random.default_rng(0).integers(1, 2**63, size=low.size, dtype=np.uint64)
    word[forest_edge] = 0
    sums = np.zeros(nodes, dtype=np.uint64)
    np.bitwise_xor.at(sums, low, word)
    np.bitwise_xor.at(sums, high, word)
    for node in sequence[::-1].tolist():
        if parent[node] >= 0:
            sums[parent[node]] ^= sums[node]
    word[forest_edge] = sums[child]
    return word == 0


def _forest(low: IdArray, high: IdArray, nodes: int) -> tuple[IdArray, IdArray]:
    """Parent of each node in a spanning forest (-1 for a root), and parents before children."""
    shape = (nodes + 1, nodes + 1)
    edges = csr_array((np.ones(low.size), (low + 1, high + 1)), shape=shape)
    label = connected_components(edges, directed=False)[1]
    roots = np.unique(label[1:], return_index=True)[1] + 1
    crown = csr_array((np.ones(roots.size), (np.zeros(roots.size, np.int64), roots)), shape=shape)
    sequence, before = breadth_first_order(edges + crown, 0, directed=False)
    parent = np.full(nodes, -1, dtype=np.int64)
    reached = sequence[1:].astype(np.int64)
    parent[reached - 1] = before[reached] - 1
    return parent, reached - 1
