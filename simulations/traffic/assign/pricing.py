"""Cheapest paths of all origins at given link costs, behind one interface."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray, IndexArray
from simulations.traffic.assign.trees import count_links, price_rows, write_links

CHUNK_ROWS = 64
_NO_ROWS = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class PricingGraph:
    """What a search needs of a graph; links lie in the order of their tail.

    Parameters
    ----------
    first_out : (nodes + 1,)
    tail, head : (links,)
    no_through : (nodes,)
        A path may begin or end here and never pass.
    x_m, y_m : (nodes,)
        Only to find a good order of the nodes.
    """

    first_out: IndexArray
    tail: IndexArray
    head: IndexArray
    no_through: BoolArray
    x_m: FloatArray
    y_m: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """Pairs of origin and destination, sorted by class, origin and destination.

    A row is a class and an origin with at least one pair.

    Parameters
    ----------
    row_class, row_origin : (rows,)
        Class, and node of the origin.
    row_first : (rows + 1,)
        Pairs of row r are ``row_first[r]`` to ``row_first[r + 1]``.
    destination : (pairs,)
        Node; never the origin.
    """

    row_class: IndexArray
    row_origin: IndexArray
    row_first: IdArray
    destination: IndexArray

    def chunks(self, rows: IndexArray | None = None) -> Iterator[tuple[int, IndexArray]]:
        """Rows in order, at most ``CHUNK_ROWS`` at a time and each chunk of one class.

        Examples
        --------
        >>> table = PairTable(
        ...     np.array([0, 1, 1], np.int32), np.array([0, 0, 1], np.int32),
        ...     np.arange(4), np.array([1, 1, 0], np.int32),
        ... )
        >>> [(of, rows.tolist()) for of, rows in table.chunks()]
        [(0, [0]), (1, [1, 2])]
        """
        chosen = np.arange(self.row_class.size, dtype=np.int32) if rows is None else rows
        of = self.row_class[chosen]
        for k in np.flatnonzero(np.bincount(of)):
            mine = chosen[of == k]
            for at in range(0, mine.size, CHUNK_ROWS):
                yield int(k), mine[at : at + CHUNK_ROWS]

    def pairs(self, rows: IndexArray) -> IdArray:
        """Pairs of some ascending rows, ascending."""
        first, end = self.row_first[rows], self.row_first[rows + 1]
        count = end - first
        jump = first - np.concatenate(([0], np.cumsum(count)[:-1]))
        return np.repeat(jump, count) + np.arange(int(np.sum(count)))

    def sums(self, rows: IndexArray, values: FloatArray) -> FloatArray:
        """Sums by row of the values of ``pairs(rows)``, (rows,)."""
        count = self.row_first[rows + 1] - self.row_first[rows]
        return np.add.reduceat(values, np.cumsum(count) - count)


class Pricing(Protocol):
    """How the solver asks for cheapest paths; made once per solve from graph and pairs."""

    def customise(self, class_index: int, cost_s: FloatArray) -> None:
        """Take the costs of one class for the calls that follow, until the next call for it.

        ``cost_s`` has shape (links,), is not negative, and is +inf on links closed to the class.
        """
        ...

    def price(self, class_index: int, rows: IndexArray, shortest_s: FloatArray) -> None:
        """Write the cheapest cost of each pair of these rows (at most ``CHUNK_ROWS``, one class).

        ``shortest_s`` has shape (pairs,); pairs of other rows stay untouched; +inf means no path.
        """
        ...

    def paths(self, class_index: int, pairs: IdArray) -> tuple[IdArray, IndexArray]:
        """Cheapest paths of some pairs of the last ``price``, ascending, all reachable.

        Returns
        -------
        start : (len(pairs) + 1,)
        links : (entries,)
            Path i is ``links[start[i]:start[i + 1]]`` from origin to destination.
        """
        ...


class DijkstraPricing:
    """Dijkstra with a 4-ary heap, parallel over origins; later passes repair the order before.

    Parameters
    ----------
    graph, table
    threads : int
        Compiled threads that may run at once; the answer does not depend on it.
    order_bytes : int
        What the remembered orders may take; beyond, each pass starts from nothing.

    Attributes
    ----------
    is_end, order, order_count, work, arrival
        As ``price_rows`` takes them; ``passes`` calls it as well.
    """

    def __init__(
        self, graph: PricingGraph, table: PairTable, *, threads: int, order_bytes: int
    ) -> None:
        nodes, links = graph.no_through.size, graph.tail.size
        rows, room = table.row_class.size, graph.tail.size + nodes + 1
        self._graph, self._table = graph, table
        self.is_end = graph.no_through.astype(np.uint8)
        self._cost: dict[int, FloatArray] = {}
        keeps = 4 * nodes * rows <= order_bytes and rows > 1
        self.order = np.empty((rows if keeps else 1, nodes), dtype=np.int32)
        self.order_count = np.zeros(rows, dtype=np.int32)
        self.work = (
            np.empty((threads, nodes)),
            np.empty((threads, nodes), dtype=np.uint8),
            np.empty((threads, room)),
            np.empty((threads, room), dtype=np.int32),
            np.empty((threads, nodes + links), dtype=np.int32),
        )
        self.arrival = np.empty((min(CHUNK_ROWS, rows), nodes), dtype=np.int32)
        self._priced: IndexArray = _NO_ROWS

    def customise(self, class_index: int, cost_s: FloatArray) -> None:
        """See ``Pricing.customise``."""
        self._cost[class_index] = cost_s

    def price(self, class_index: int, rows: IndexArray, shortest_s: FloatArray) -> None:
        """See ``Pricing.price``."""
        graph, table = self._graph, self._table
        price_rows(
            graph.first_out, graph.head, self._cost[class_index], self.is_end,
            rows, table.row_origin, table.row_first, table.destination,
            self.order, self.order_count, *self.work,
            self.arrival[: rows.size], shortest_s,
        )  # fmt: skip
        self._priced = rows

    def paths(self, class_index: int, pairs: IdArray) -> tuple[IdArray, IndexArray]:
        """See ``Pricing.paths``."""
        del class_index
        table = self._table
        ends = table.row_first[self._priced + 1]
        line = np.searchsorted(ends, pairs, side="right").astype(np.int32)
        node = table.destination[pairs]
        start = np.zeros(pairs.size + 1, dtype=np.int64)
        count_links(self._graph.tail, self.arrival, line, node, start[1:])
        np.cumsum(start, out=start)
        links = np.empty(start[-1], dtype=np.int32)
        write_links(self._graph.tail, self.arrival, line, node, start, links)
        return start, links
