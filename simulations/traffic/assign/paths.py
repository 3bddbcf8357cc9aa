# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - the types of the kernels stand in their signatures
"""The paths in use with their flows, in memory that is bounded."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange, types
from numpy.typing import NDArray

from simulations.traffic.arrays import (
    READ_FLOAT,
    READ_ID,
    READ_INDEX,
    WRITE_FLOAT,
    WRITE_ID,
    WRITE_INDEX,
    BoolArray,
    FloatArray,
    IdArray,
    IndexArray,
)
from simulations.traffic.assign.links import LinkState
from simulations.traffic.assign.shifts import (
    BLOCKS,
    add_flows,
    find_gains,
    scan,
    shift_pairs,
)
from twin.errors import PathStoreTooLarge

_BYTES_PER_PATH = 8 + 4 + 4 + 4 + 8 + 8 + 8  # start, length, following, pair, flow, fixed, cost
_BYTES_PER_ENTRY = 4
IMPROVES = 1e-12  # relative; a path must be cheaper by this to be worth adding
_FIRST_PATHS, _FIRST_PATHS_PER_PAIR = 256, 2
_FIRST_ENTRIES_PER_PATH = 16
_SPARE = 1.5  # how much larger the store grows than it must
_DEAD_SHARE = 2  # compaction when more than a half is dead


@njit(types.int64(types.int64, types.int64), cache=True)
def store_bytes(paths, entries):
    """Memory of so many paths with so many links together [bytes]."""
    return paths * _BYTES_PER_PATH + entries * _BYTES_PER_ENTRY


@njit(
    types.void(
        READ_INDEX, types.int64, READ_INDEX, READ_ID, READ_INDEX, READ_FLOAT, types.boolean,
        WRITE_INDEX, WRITE_INDEX, WRITE_FLOAT,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def link_in(pair, begin, length, start, links, link_cost, is_free, first, following, fixed):
    """Put new paths, from number ``begin`` on, before the others of their pairs.

    ``is_free``: no link has a constant cost, so that the paths need not be looked at.
    """
    for i in range(pair.size):
        following[begin + i] = first[pair[i]]
        first[pair[i]] = begin + i
    if is_free:
        fixed[begin : begin + pair.size] = 0.0
        return
    for i in prange(pair.size):
        path = begin + i
        total = 0.0
        for at in range(start[path], start[path] + length[path]):
            total += link_cost[links[at]]
        fixed[path] = total


@njit(
    types.int64(
        WRITE_INDEX, READ_INDEX, READ_ID, READ_INDEX, READ_INDEX, READ_FLOAT, READ_FLOAT,
        WRITE_INDEX, WRITE_ID, WRITE_INDEX, WRITE_INDEX, WRITE_INDEX, WRITE_FLOAT, WRITE_FLOAT,
    ),
    cache=True, parallel=True, nogil=True,
)  # fmt: skip
def _copy_living(
    first, following, start, length, links, flow, fixed,
    new_following, new_start, new_length, new_links, new_pair, new_flow, new_fixed,
):  # fmt: skip
    """Copy the linked paths pair by pair, without those that carry nothing; their number."""
    path_of, entry_of = np.zeros(first.size + 1, np.int64), np.zeros(first.size + 1, np.int64)
    for pair in prange(first.size):
        path = first[pair]
        while path >= 0:
            if flow[path] > 0.0:
                path_of[pair + 1] += 1
                entry_of[pair + 1] += length[path]
            path = following[path]
    for pair in range(first.size):
        path_of[pair + 1] += path_of[pair]
        entry_of[pair + 1] += entry_of[pair]
    for pair in prange(first.size):
        path, count, entry = first[pair], path_of[pair], entry_of[pair]
        first[pair] = -1
        while path >= 0:
            if flow[path] > 0.0:
                if count == path_of[pair]:
                    first[pair] = count
                else:
                    new_following[count - 1] = count
                new_start[count] = entry
                new_length[count] = length[path]
                new_pair[count] = pair
                new_flow[count] = flow[path]
                new_fixed[count] = fixed[path]
                new_following[count] = -1
                for at in range(start[path], start[path] + length[path]):
                    new_links[entry] = links[at]
                    entry += 1
                count += 1
            path = following[path]
    return path_of[first.size]


@dataclass(frozen=True, slots=True, eq=False)
class PathFlows:
    """Paths with their flows at one moment; some may carry nothing.

    Parameters
    ----------
    pair : (paths,)
    flow_pceh, fixed_s : (paths,)
        Flow, and sum of the constant costs.
    start, length : (paths,)
        Path p uses ``links[start[p]:start[p] + length[p]]``.
    links : (entries,)
    """

    pair: IndexArray
    flow_pceh: FloatArray
    fixed_s: FloatArray
    start: IdArray
    length: IndexArray
    links: IndexArray


class PathPool:
    """Paths of pairs in one column of links, each with its flow in car units an hour.

    Parameters
    ----------
    pairs, links : int
        How many pairs of origin and destination, and links of the graph.
    allowed_bytes : int
        What the columns may take together.
    """

    def __init__(self, pairs: int, links: int, *, allowed_bytes: int) -> None:
        self._allowed_bytes = allowed_bytes
        self._count, self._entries = 0, 0
        self._all = np.arange(pairs)
        self._first = np.full(pairs, -1, dtype=np.int32)
        self.least_s, self.excess = np.empty(pairs), np.empty(pairs)
        paths = max(_FIRST_PATHS, _FIRST_PATHS_PER_PAIR * pairs)
        if store_bytes(paths, _FIRST_ENTRIES_PER_PATH * paths) > allowed_bytes:
            paths = _FIRST_PATHS
        self._make_columns(paths, _FIRST_ENTRIES_PER_PATH * paths)
        self._mark = np.zeros(links, dtype=np.int64)
        self._differing = np.empty(links, dtype=np.int32)
        self._new_time, self._new_slope = np.empty(links), np.empty(links)
        self._blocks = np.empty((BLOCKS, links))
        self._tally = np.zeros(2, dtype=np.int64)

    def _make_columns(self, paths: int, entries: int) -> None:
        self._start = np.empty(paths, dtype=np.int64)
        self._length = np.empty(paths, dtype=np.int32)
        self._following = np.empty(paths, dtype=np.int32)
        self._pair = np.empty(paths, dtype=np.int32)
        self._flow, self._fixed, self._cost = np.zeros(paths), np.empty(paths), np.empty(paths)
        self._links = np.empty(entries, dtype=np.int32)

    @property
    def paths(self) -> int:
        """Number of paths, unused ones among them."""
        return self._count

    @property
    def flow_pceh(self) -> FloatArray:
        """Flow of each path, (paths,)."""
        return self._flow[: self._count]

    def append(
        self,
        pair: IdArray,
        *,
        start: IdArray,
        links: IndexArray,
        fixed_cost_s: FloatArray,
        flow_pceh: FloatArray | float = 0.0,
    ) -> None:
        """Add paths.

        Parameters
        ----------
        pair : (new,)
        start : (new + 1,)
            New path i uses ``links[start[i]:start[i + 1]]``.
        links : (entries,)
        fixed_cost_s : (links of the graph,)
            Constant cost of the class to which all these pairs belong.
        flow_pceh : (new,) or float

        Raises
        ------
        PathStoreTooLarge
            If there is no room even without the unused paths.
        """
        begin, entry, count = self._count, self._entries, pair.size
        is_full = begin + count > self._start.size or entry + links.size > self._links.size
        if is_full or store_bytes(begin + count, entry + links.size) > self._allowed_bytes:
            self.make_room(count, links.size)
            begin, entry = self._count, self._entries
        new = slice(begin, begin + count)
        self._start[new] = start[:-1] + entry
        self._length[new] = np.diff(start)
        self._pair[new] = pair
        self._flow[new] = flow_pceh
        self._links[entry : entry + links.size] = links
        link_in(
            self._pair[new], begin, self._length, self._start, self._links, fixed_cost_s,
            not fixed_cost_s.any(), self._first, self._following, self._fixed,
        )  # fmt: skip
        self._count, self._entries = begin + count, entry + links.size

    def make_room(self, paths: int, entries: int) -> None:
        """Columns for so many more paths, within what is allowed."""
        if store_bytes(self._count + paths, self._entries + entries) > self._allowed_bytes:
            self.compact()
        needed = store_bytes(self._count + paths, self._entries + entries)
        if needed > self._allowed_bytes:
            raise PathStoreTooLarge(needed, self._allowed_bytes)
        spare = min(_SPARE, self._allowed_bytes / needed)
        old = (
            self._start, self._length, self._following, self._pair,
            self._flow, self._fixed, self._cost, self._links,
        )  # fmt: skip
        self._make_columns(
            int(spare * (self._count + paths)), int(spare * (self._entries + entries))
        )
        new = (
            self._start, self._length, self._following, self._pair,
            self._flow, self._fixed, self._cost, self._links,
        )  # fmt: skip
        for source, target in zip(old, new, strict=True):
            used = self._entries if source is old[-1] else self._count
            target[:used] = source[:used]

    def compact(self) -> None:
        """Drop paths without flow and lay the others out pair by pair."""
        first, following, start, length, links, flow, fixed = (
            self._first, self._following, self._start, self._length,
            self._links, self._flow, self._fixed,
        )  # fmt: skip
        self._make_columns(start.size, links.size)
        count = _copy_living(
            first, following, start, length, links, flow, fixed,
            self._following, self._start, self._length, self._links, self._pair,
            self._flow, self._fixed,
        )  # fmt: skip
        self._count = count
        self._entries = int(self._start[count - 1] + self._length[count - 1]) if count else 0
        self._tally[1] = 0

    def compact_if_worth(self) -> None:
        """``compact`` when more than half of the entries is dead."""
        if self._tally[1] * _DEAD_SHARE > self._entries:
            self.compact()

    def volumes(self) -> FloatArray:
        """Sum of the flows on each link of the graph, (links,) [car units/h]."""
        total = np.zeros(self._mark.size)
        start, length = self._start[: self._count], self._length[: self._count]
        add_flows(start, length, self._links, self.flow_pceh, self._blocks, total)
        return total

    def scan(self, time_s: FloatArray, pairs: IdArray | None = None) -> None:
        """Renew ``least_s`` [s] and ``excess`` (flow times cost above the least) of pairs."""
        chosen = self._all if pairs is None else pairs
        scan(
            chosen, self._first, self._following, self._start, self._length, self._links,
            self._flow, self._fixed, time_s, self._cost, self.least_s, self.excess,
        )  # fmt: skip

    def gains(
        self, pairs: IdArray, shortest_s: FloatArray, demand_pceh: FloatArray, level: float
    ) -> tuple[FloatArray, BoolArray]:
        """What pairs that were scanned could gain, and where a path is worth adding; (k,) each."""
        gain, better = np.empty(pairs.size), np.empty(pairs.size, dtype=np.bool_)
        find_gains(
            pairs, self.least_s, self.excess, shortest_s, demand_pceh, IMPROVES, level,
            gain, better,
        )  # fmt: skip
        return gain, better

    def several(self) -> IdArray:
        """Pairs with more than one path, ascending; the others have nothing to shift."""
        first = self._first
        return np.flatnonzero((first >= 0) & (self._following[first] >= 0))

    def shift(self, pairs: IdArray, links: LinkState, *, negligible: float) -> None:
        """Move flow of some pairs towards their cheapest path; see ``shift_pairs``."""
        shift_pairs(
            pairs, self._first, self._following, self._start, self._length, self._links,
            self._flow, self._fixed, self._cost, links.time_s, links.table,
            self._mark, self._differing, self._new_time, self._new_slope, self._tally,
            negligible,
        )  # fmt: skip

    def columns(self) -> tuple[NDArray[np.generic], ...]:
        """All columns, as the loops of ``passes`` take them; ``make_room`` makes new ones."""
        return (
            self._first, self._following, self._start, self._length, self._links, self._pair,
            self._flow, self._fixed, self._cost, self.least_s, self.excess,
        )  # fmt: skip

    def room(self) -> tuple[NDArray[np.generic], ...]:
        """Room to work in for ``shift_pairs``."""
        return self._mark, self._differing, self._new_time, self._new_slope, self._tally

    @property
    def entries(self) -> int:
        """Number of links of all paths together, unused paths among them."""
        return self._entries

    @property
    def allowed_bytes(self) -> int:
        """What the columns may take together."""
        return self._allowed_bytes

    def grown(self, paths: int, entries: int) -> None:
        """Take over the number of paths and entries that a compiled loop left in the columns."""
        self._count, self._entries = paths, entries

    def total_cost(self, links: LinkState) -> float:
        """Flow times cost over all paths, which are what the links carry [s car units/h]."""
        fixed = self.flow_pceh * self._fixed[: self._count]
        return links.time_driven() + float(np.sum(fixed))

    def state(self) -> "PathFlows":
        """The paths and flows as they are now; later changes of the pool do not reach it."""
        count = self._count
        return PathFlows(
            pair=self._pair[:count],
            flow_pceh=self._flow[:count].copy(),
            fixed_s=self._fixed[:count],
            start=self._start[:count],
            length=np.abs(self._length[:count]),
            links=self._links[: self._entries],
        )
