# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915, PLR0917 - types stand in signatures
"""Whole passes as one compiled call: on small networks the calls cost more than the searches."""

from collections.abc import Callable

import numpy as np
from numba import njit, types

from simulations.traffic.arrays import (
    READ_FLOAT,
    READ_ID,
    READ_INDEX,
    WRITE_FLOAT,
    WRITE_ID,
    WRITE_INDEX,
    FloatArray,
    IndexArray,
)
from simulations.traffic.assign.links import LinkState
from simulations.traffic.assign.paths import IMPROVES, PathPool, link_in, store_bytes
from simulations.traffic.assign.pricing import CHUNK_ROWS, DijkstraPricing, PairTable
from simulations.traffic.assign.shifts import find_gains, load_paths, scan, shift_pairs
from simulations.traffic.assign.trees import count_links, price_rows, write_links
from simulations.traffic.graph import RoadGraph
from twin.errors import SolveError

DONE, NO_ROOM, NO_PATH = 0, 1, 2  # why a call of ``improve_rows`` returns
# Columns of the progress of a pass, in and out
AT, REASON, PATHS, ENTRIES, MORE_PATHS, MORE_ENTRIES = range(6)
PROGRESS = 6
_WORK_AT_ONCE = 500_000  # links times rows: some milliseconds between two looks at the clock

_TABLE = types.Array(types.float64, 2, "C")
_READ_TABLE = types.Array(types.float64, 2, "C", readonly=True)
_INDICES = types.Array(types.int32, 2, "C")
_MARKS = types.Array(types.uint8, 2, "C")
_READ_BYTE = types.Array(types.uint8, 1, "C", readonly=True)
_TREE_ROOM = types.Tuple((_TABLE, _MARKS, _TABLE, _INDICES, _INDICES))
_GRAPH = types.Tuple((READ_INDEX, READ_INDEX, READ_INDEX, _READ_BYTE))
_PAIRS = types.Tuple((READ_INDEX, READ_INDEX, READ_ID, READ_INDEX, READ_FLOAT))
_POOL = types.Tuple(
    (
        WRITE_INDEX, WRITE_INDEX, WRITE_ID, WRITE_INDEX, WRITE_INDEX, WRITE_INDEX,
        WRITE_FLOAT, WRITE_FLOAT, WRITE_FLOAT, WRITE_FLOAT, WRITE_FLOAT,
    )
)  # fmt: skip
_SHIFT_ROOM = types.Tuple((WRITE_ID, WRITE_INDEX, WRITE_FLOAT, WRITE_FLOAT, WRITE_ID))


@njit(
    types.boolean(
        READ_ID, _POOL, WRITE_FLOAT, _TABLE, _SHIFT_ROOM,
        types.float64, types.float64, types.float64, types.int64,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def sweep_pairs(several, pool, time, link, room, goal, level, negligible, most):
    """Sweep over pairs until their paths cost nearly the same; whether that was reached.

    Parameters
    ----------
    several : (k,)
        Pairs with more than one path.
    pool, room
        Columns as in ``PathPool.columns`` and ``PathPool.room``.
    time, link : (links,), (links, LINK_COLUMNS)
    goal, level, negligible : float
        What all pairs, a pair, a path may still hold without another shift [s car units/h].
    most : int
        Sweeps.
    """
    first, following, start, length, links, _, flow, fixed, cost, least, excess = pool
    mark, differing, new_time, new_slope, tally = room
    chosen = np.empty(several.size, np.int64)
    for _i in range(most):
        scan(
            several, first, following, start, length, links, flow, fixed, time, cost, least, excess
        )
        total, count = 0.0, 0
        for pair in several:
            total += excess[pair]
            if excess[pair] > level:
                chosen[count] = pair
                count += 1
        if total <= goal:
            return True
        shift_pairs(
            chosen[:count], first, following, start, length, links, flow, fixed, cost, time, link,
            mark, differing, new_time, new_slope, tally, negligible,
        )  # fmt: skip
    return False


@njit(
    types.void(
        READ_INDEX, types.int64, types.int64,
        _GRAPH, _PAIRS, _READ_TABLE, _READ_TABLE,
        _INDICES, WRITE_INDEX, _TREE_ROOM, _INDICES, WRITE_FLOAT,
        _POOL, WRITE_FLOAT, _TABLE, _SHIFT_ROOM,
        types.float64, types.float64, types.float64, types.int64, WRITE_FLOAT, WRITE_ID,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def improve_rows(
    rows, most_rows, most_at_once,
    graph, table, class_cost, fixed_cost,
    order, order_count, tree_room, arrival, shortest,
    pool, time, link, room,
    least_share, level, negligible, allowed_bytes, row_gain, progress,
):  # fmt: skip
    """Price rows by Dijkstra and move their flow at once, costs following from group to group.

    Goes on at ``progress[AT]`` and ends after about ``most_at_once`` rows, where there is no room
    for new paths (nothing of the group has moved then), or where a pair has no path.

    Parameters
    ----------
    rows : (k,)
        Groups one after the other, each ascending.
    most_rows, most_at_once : int
        Rows priced at the same costs; rows after which the caller wants to be asked.
    graph : tuple
        ``first_out``, ``tail``, ``head``, ``is_end``.
    table : tuple
        ``row_class``, ``row_origin``, ``row_first``, ``destination``, demand (pairs,).
    class_cost, fixed_cost : (classes, links)
        Constant cost, +inf where closed; constant cost where open [s].
    order, order_count, tree_room, arrival, shortest
        As ``price_rows`` takes them.
    pool, time, link, room, level, negligible
        As in ``sweep_pairs``.
    least_share : float
        Of its cost, by which a path must be cheaper to be added.
    allowed_bytes : int
    row_gain : (rows,)
        Out: what each row could gain before [s car units/h].
    progress : (PROGRESS,)
        In and out.
    """
    first_out, tail, head, is_end = graph
    row_class, row_origin, row_first, destination, demand = table
    first, following, start, length, links, path_pair, flow, fixed, cost, least, excess = pool
    mark, differing, new_time, new_slope, tally = room
    distance, tree_mark, keys, nodes, late = tree_room
    link_cost = np.empty(time.size)
    begun = progress[AT]
    progress[REASON] = DONE
    while progress[AT] < rows.size and progress[AT] - begun < most_at_once:
        low = progress[AT]
        high = low + 1
        while (
            high < rows.size
            and high - low < most_rows
            and rows[high] > rows[high - 1]
            and row_class[rows[high]] == row_class[rows[low]]
        ):
            high += 1
        k = row_class[rows[low]]
        for a in range(time.size):
            link_cost[a] = time[a] + class_cost[k, a]
        price_rows(
            first_out, head, link_cost, is_end, rows[low:high], row_origin, row_first, destination,
            order, order_count, distance, tree_mark, keys, nodes, late,
            arrival[: high - low], shortest,
        )  # fmt: skip
        count = 0
        for i in range(low, high):
            count += row_first[rows[i] + 1] - row_first[rows[i]]
        pairs, gain = np.empty(count, np.int64), np.empty(count)
        line, better = np.empty(count, np.int32), np.empty(count, np.bool_)
        count = 0
        for i in range(low, high):
            for pair in range(row_first[rows[i]], row_first[rows[i] + 1]):
                pairs[count], line[count] = pair, i - low
                count += 1
        scan(pairs, first, following, start, length, links, flow, fixed, time, cost, least, excess)
        find_gains(pairs, least, excess, shortest, demand, least_share, level, gain, better)
        new = 0
        for i in range(count):
            is_bare = least[pairs[i]] == np.inf
            if is_bare and shortest[pairs[i]] == np.inf:
                progress[REASON] = NO_PATH
                return
            new += is_bare or better[i]
        begin, entry = progress[PATHS], progress[ENTRIES]
        node, new_line = np.empty(new, np.int32), np.empty(new, np.int32)
        new_pair, new_start = np.empty(new, np.int64), np.zeros(new + 1, np.int64)
        new, is_loaded = 0, False
        for i in range(count):
            is_bare = least[pairs[i]] == np.inf
            if is_bare or better[i]:
                new_pair[new], new_line[new] = pairs[i], line[i]
                node[new] = destination[pairs[i]]
                is_loaded |= is_bare
                new += 1
        count_links(tail, arrival, new_line, node, new_start[1:])
        new_start[0] = entry
        for i in range(new):
            new_start[i + 1] += new_start[i]
        end = new_start[new]
        if (
            begin + new > start.size
            or end > links.size
            or store_bytes(begin + new, end) > allowed_bytes
        ):
            progress[REASON] = NO_ROOM
            progress[MORE_PATHS], progress[MORE_ENTRIES] = new, end - entry
            return
        if new > 0:
            write_links(tail, arrival, new_line, node, new_start, links)
            for i in range(new):
                path = begin + i
                start[path], length[path] = new_start[i], new_start[i + 1] - new_start[i]
                path_pair[path] = new_pair[i]
                flow[path] = demand[new_pair[i]] if least[new_pair[i]] == np.inf else 0.0
            link_in(
                path_pair[begin : begin + new], begin, length, start, links, fixed_cost[k],
                not fixed_cost[k].any(), first, following, fixed,
            )  # fmt: skip
            if is_loaded:
                load_paths(link, new_start, links, flow[begin : begin + new], time)
            progress[PATHS], progress[ENTRIES] = begin + new, end
        active = 0
        for i in range(count):
            if gain[i] > level:
                pairs[active] = pairs[i]
                active += 1
        shift_pairs(
            pairs[:active], first, following, start, length, links, flow, fixed, cost, time, link,
            mark, differing, new_time, new_slope, tally, negligible,
        )  # fmt: skip
        at = 0
        for i in range(low, high):
            row_gain[rows[i]] = 0.0
            for _pair in range(row_first[rows[i]], row_first[rows[i] + 1]):
                row_gain[rows[i]] += gain[at]
                at += 1
        progress[AT] = high


class DijkstraPasses:
    """Passes in which costs follow, with the searches of ``DijkstraPricing``.

    Parameters
    ----------
    graph, table, demand_pceh
        As in ``Problem``.
    pricing
        Its trees are used and renewed.
    class_cost_s : (classes, links)
        Constant cost, +inf on links closed to the class [s].
    shortest_s : (pairs,)
        Room for the cheapest costs [s].
    """

    def __init__(
        self,
        graph: RoadGraph,
        table: PairTable,
        demand_pceh: FloatArray,
        *,
        pricing: DijkstraPricing,
        class_cost_s: FloatArray,
        shortest_s: FloatArray,
    ) -> None:
        self._graph = graph.first_out, graph.tail, graph.head, pricing.is_end
        self._table = (
            table.row_class, table.row_origin, table.row_first, table.destination, demand_pceh,
        )  # fmt: skip
        self._costs = class_cost_s, graph.fixed_cost_s
        self._trees = pricing.order, pricing.order_count, pricing.work, pricing.arrival
        self._shortest_s = shortest_s
        self._rows_at_once = max(1, _WORK_AT_ONCE // max(graph.tail.size, 1))

    def improve(
        self,
        rows: IndexArray,
        pool: PathPool,
        links: LinkState,
        *,
        level: float,
        negligible: float,
        row_gain: FloatArray,
        look: Callable[[], None],
    ) -> None:
        """Price rows and move their flow; see ``improve_rows``. ``look`` is called now and then.

        Raises
        ------
        SolveError
            If a pair has no path.
        PathStoreTooLarge
            If there is no room for the new paths.
        """
        progress = np.zeros(PROGRESS, dtype=np.int64)
        while progress[AT] < rows.size:
            look()
            progress[PATHS], progress[ENTRIES] = pool.paths, pool.entries
            improve_rows(
                rows, CHUNK_ROWS, self._rows_at_once, self._graph, self._table, *self._costs,
                *self._trees, self._shortest_s, pool.columns(), links.time_s, links.table,
                pool.room(), IMPROVES, level, negligible, pool.allowed_bytes, row_gain, progress,
            )  # fmt: skip
            pool.grown(int(progress[PATHS]), int(progress[ENTRIES]))
            if progress[REASON] == NO_ROOM:
                pool.make_room(int(progress[MORE_PATHS]), int(progress[MORE_ENTRIES]))
            elif progress[REASON] == NO_PATH:
                raise SolveError(
                    "a pair that no path connects reached the solver; please report it"
                )
