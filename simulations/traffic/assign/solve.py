"""User equilibrium by paths: pricing, gradient projection, and the certificate of the gap."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numba
import numpy as np

from simulations.traffic.arrays import FloatArray, IdArray, IndexArray
from simulations.traffic.assign.hierarchy import HierarchyPricing
from simulations.traffic.assign.links import LinkState
from simulations.traffic.assign.passes import DijkstraPasses, sweep_pairs
from simulations.traffic.assign.paths import PathFlows, PathPool
from simulations.traffic.assign.pricing import DijkstraPricing, PairTable, Pricing, PricingGraph
from simulations.traffic.demand import OdTable
from simulations.traffic.graph import RoadGraph
from twin.errors import NetworkError, NoCompletePassError, SolveError
from twin.model.traffic import SolveOptions, SolvePass, SolveStatus
from twin.ports import SolveControl

_KERNELS = threading.Lock()  # numba's workqueue aborts when two threads enter parallel kernels
# While flow is loaded or improved, costs follow from one group of rows to the next: most groups,
# least rows in a group. New costs are not free in a hierarchy.
_GROUPS_DIJKSTRA = 16, 6
_GROUPS_HIERARCHY = 8, 50
_HIERARCHY_LINKS = 500  # below, Dijkstra is as fast
_MOST_SWEEPS = 20
_SHARE_OF_GAP = 0.02  # sweeps end when the restricted gap is this share of the last full one,
_SHARE_OF_TARGET = 0.2  # or this share of the target
_PRICED_SHARE = 0.05  # of the last gap, for the goal below, when paths are added
_SKIPPED_SHARE = 0.25  # of the goal of the sweeps, which pairs left out may hold together
_PATH_SHARE = 0.25  # of what a pair must hold to be looked at, for each of its paths
_PAIRS_AT_ONCE = 16_384  # pairs times sweeps between two looks at the clock
_ROWS_GAIN = 0.95  # of the known gain that the rows of a partial pass hold together
_EXPECTED_PROGRESS = 0.6  # of the gap seen during an improvement, what is left after it
_UNSEEN_PASSES = 3  # improvements in a row before a certificate is made all the same
_NEAR_TARGET = 10.0  # movements of the volumes count from a gap of so many targets on
_NEGATIVE_GAP = -1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is to be solved, in the rows of the graph.

    Parameters
    ----------
    graph : RoadGraph
    table : PairTable
    pair_class : (pairs,)
    demand_pceh : (pairs,)
        Positive; every pair has a path.
    """

    graph: RoadGraph
    table: PairTable
    pair_class: IndexArray
    demand_pceh: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """Paths to begin with, and the pairs of which nothing is left.

    Parameters
    ----------
    path_class, pair, flow_pceh : (paths,)
        Sorted by pair; the flows of a pair add up to its demand or there are none.
    start, links : (paths + 1,), (entries,)
        Path p uses ``links[start[p]:start[p + 1]]``.
    shaken_rows : (k,)
        Rows of which a pair lost paths, changed its demand or is new; ascending.
    """

    path_class: IndexArray
    pair: IdArray
    flow_pceh: FloatArray
    start: IdArray
    links: IndexArray
    shaken_rows: IndexArray


@dataclass(frozen=True, slots=True, eq=False)
class Equilibrium:
    """Flows and the certificate that was computed on exactly these flows.

    Parameters
    ----------
    flows : PathFlows
    volume_pceh, time_s : (links,)
        Volume with preload.
    near_volume_pceh : (links,) or None
        Volume when the gap was ten times the target, an estimate from the passes that saw a gap
        near it (`_near_volume`, `_look_further`). None where nothing is known.
    shortest_s, excess : (pairs,)
        Cheapest cost [s]; flow times cost above it [s car units/h].
    total, objective, lower_bound : float
        TSTT, Z and the best bound below the least Z [s car units/h].
    passes : tuple[SolvePass, ...]
    """

    flows: PathFlows
    volume_pceh: FloatArray
    time_s: FloatArray
    near_volume_pceh: FloatArray | None
    shortest_s: FloatArray
    excess: FloatArray
    total: float
    objective: float
    lower_bound: float
    passes: tuple[SolvePass, ...]


class _StopError(Exception):
    """The run ends here with a status."""

    def __init__(self, status: SolveStatus) -> None:
        self.status: SolveStatus = status
        super().__init__(status)


def problem(graph: RoadGraph, demand: OdTable) -> Problem:
    """The served pairs of a demand as the solver reads them."""
    pce = np.array([item.pce for item in graph.classes])
    filled = np.flatnonzero(np.diff(demand.first_dest))
    return Problem(
        graph=graph,
        table=PairTable(
            row_class=(filled // max(demand.zones, 1)).astype(np.int32),
            row_origin=graph.zone[filled % max(demand.zones, 1)],
            row_first=np.append(demand.first_dest[filled], demand.dest.size).astype(np.int64),
            destination=graph.zone[demand.dest],
        ),
        pair_class=demand.class_index,
        demand_pceh=demand.flow_vehh * pce[demand.class_index],
    )


def equilibrate(
    problem: Problem,
    *,
    options: SolveOptions,
    threads: int,
    allowed_bytes: int,
    warm: WarmStart | None = None,
    control: SolveControl | None = None,
) -> tuple[Equilibrium, SolveStatus]:
    """The user equilibrium, or the last complete state when the run is stopped.

    Raises
    ------
    PathStoreTooLarge
        If the paths need more than ``allowed_bytes``.
    NoCompletePassError
        If the run was stopped before any state had a certificate.
    """
    with _KERNELS:
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            run = _Run(problem, options, control, threads=threads, allowed_bytes=allowed_bytes)
            return run.solve(warm)
        finally:
            numba.set_num_threads(before)


def _pricing(
    graph: PricingGraph, table: PairTable, options: SolveOptions, *, threads: int, order_bytes: int
) -> tuple[Pricing, int, int]:
    """How paths are found; most groups of rows with costs of their own, and least rows in each."""
    wanted = options.pricing == "hierarchy"
    pays = options.pricing == "auto" and graph.tail.size >= _HIERARCHY_LINKS
    if (wanted or pays) and table.row_class.size:
        try:
            return HierarchyPricing(graph, table, threads=threads), *_GROUPS_HIERARCHY
        except NetworkError:
            if wanted:
                raise
    dijkstra = DijkstraPricing(graph, table, threads=threads, order_bytes=order_bytes)
    return dijkstra, *_GROUPS_DIJKSTRA


class _Run:
    """One solve from start to end."""

    def __init__(
        self,
        problem: Problem,
        options: SolveOptions,
        control: SolveControl | None,
        *,
        threads: int,
        allowed_bytes: int,
    ) -> None:
        graph, table = problem.graph, problem.table
        pairs, links = table.destination.size, graph.tail.size
        self._graph, self._table, self._demand = graph, table, problem.demand_pceh
        self._options, self._control = options, control
        self._began = self._pass_began = time.monotonic()
        self._longest_pass_s = 0.0
        self._can_stop = True
        self._links = LinkState(graph)
        self._pool = PathPool(pairs, links, allowed_bytes=allowed_bytes)
        searched = PricingGraph(
            graph.first_out, graph.tail, graph.head, graph.no_through, graph.x_m, graph.y_m
        )
        self._pricing, self._most_groups, self._least_rows = _pricing(
            searched, table, options, threads=threads, order_bytes=allowed_bytes
        )
        self._class_cost_s = np.where(graph.open_mask, graph.fixed_cost_s, np.inf)
        self._shortest_s = np.empty(pairs)
        self._passes_at_once = None
        if isinstance(self._pricing, DijkstraPricing):
            self._passes_at_once = DijkstraPasses(
                graph, table, self._demand, pricing=self._pricing,
                class_cost_s=self._class_cost_s, shortest_s=self._shortest_s,
            )  # fmt: skip
        self._all_rows = np.arange(table.row_class.size, dtype=np.int32)
        self._row_gain = np.full(table.row_class.size, np.inf)
        self._passes: list[SolvePass] = []
        self._number = 0
        self._total = 1.0
        self._gap = 0.0
        self._lower_bound = -np.inf
        self._last: Equilibrium | None = None
        self._near: tuple[FloatArray, float] | None = None

    def solve(self, warm: WarmStart | None) -> tuple[Equilibrium, SolveStatus]:
        """The equilibrium and why the run ended."""
        loaded = False
        try:
            expected = self._begin() if warm is None else self._resume(warm)
            loaded = True
            status = self._converge(expected)
        except _StopError as stop:
            status = stop.status
        if loaded and status == "time_limit":
            self._can_stop = False
            self._certify()
        if status == "converged":
            with suppress(_StopError):  # the state is certified; this is about its noise
                self._look_further()
        if self._last is None:
            raise NoCompletePassError(
                f"the run was stopped ({status}) before any pass was complete; nothing is known "
                f"yet: allow more than {self._options.time_limit_s:g} s or ask for less"
            )
        return self._last, status

    def _converge(self, expected: float) -> SolveStatus:
        """Improve and certify until the gap is reached, beginning with the gap to expect."""
        target = self._options.relative_gap
        certified_at = self._number
        while True:
            last_pass = self._number + 1 >= self._options.max_passes
            if expected <= target or last_pass or self._number - certified_at >= _UNSEEN_PASSES:
                gap = self._certify()
                certified_at = self._number
                if gap <= target:
                    return "converged"
                if last_pass:
                    return "pass_limit"
                self._gap = gap
                expected = np.inf
            else:
                before = self._links.volume_pceh()
                gap = self._improve(self._rows_worth())
                if self._near is None or self._near[1] > _NEAR_TARGET * target:
                    self._near = before, gap
                expected = _EXPECTED_PROGRESS * gap
                self._equalise(gap)

    def _look_further(self) -> None:
        """Where the run began at the target: how far its first state still is from rest.

        The flows of before the run say nothing about that: in a warm run the way from them is the
        effect of the scenario. So the certified state is kept and improved once more; the way that
        it goes, stretched to the one from ten times the target, stands for the missing state. The
        gap grows with the square of the distance.
        """
        found = self._last
        if found is None or found.near_volume_pceh is not None:
            return
        gap, near_gap = self._passes[-1].relative_gap, _NEAR_TARGET * self._options.relative_gap
        if 0.0 < gap <= near_gap:
            self._equalise(self._improve(self._rows_worth()))
            stretch = min(np.sqrt(near_gap / gap) - 1.0, _NEAR_TARGET)
            moved = self._links.volume_pceh() - found.volume_pceh
            near_volume = found.volume_pceh + stretch * moved
            self._last = replace(found, near_volume_pceh=near_volume)

    def _near_volume(self, volume: FloatArray, gap: float) -> FloatArray | None:
        """Volumes as they were at ten times the target, on the line to those before a pass.

        That pass is the first that saw such a gap, or the last one. The gap grows with the square
        of the distance.
        """
        if self._near is None:
            return None
        before = self._near[0]
        near, seen, rest = np.sqrt(
            np.maximum((_NEAR_TARGET * self._options.relative_gap, self._near[1], gap), 0.0)
        )
        whole = near - rest
        way = max(seen - rest, whole / _NEAR_TARGET)
        return volume + (whole / way if whole > 0.0 else 1.0) * (before - volume)

    # -- watching ---------------------------------------------------------------------------

    def _look(self, phase: str) -> None:
        """Tell the caller, and stop where it or the clock says so.

        So much of the time is kept back that the last state can still get its certificate.
        """
        if not self._can_stop:
            return
        if self._control is not None:
            if self._control.cancelled():
                raise _StopError("cancelled")
            gap = self._passes[-1].relative_gap if self._passes else np.nan
            self._control.progress(phase, self._number, gap)
        needed_s = time.monotonic() - self._began + self._longest_pass_s
        if needed_s > self._options.time_limit_s:
            raise _StopError("time_limit")

    def _pass_begins(self) -> None:
        self._pass_began = time.monotonic()

    def _pass_ends(self) -> None:
        self._number += 1
        self._longest_pass_s = max(self._longest_pass_s, time.monotonic() - self._pass_began)

    # -- pricing ----------------------------------------------------------------------------

    def _customise(self, rows: IndexArray) -> None:
        """Give the costs of now to the classes of some rows."""
        for k in np.flatnonzero(np.bincount(self._table.row_class[rows])).tolist():
            self._pricing.customise(k, self._links.time_s + self._class_cost_s[k])

    def _groups(self, rows: IndexArray) -> Iterator[IndexArray]:
        """Rows in groups that each lie all over the network."""
        least = self._least_rows * len(self._graph.classes)  # each class costs a customising
        count = min(self._most_groups, -(-rows.size // least))
        for part in range(count):
            yield rows[part::count]

    def _price(self, rows: IndexArray, phase: str) -> Iterator[tuple[int, IdArray, IndexArray]]:
        for k, chunk in self._table.chunks(rows):
            self._look(phase)
            self._pricing.price(k, chunk, self._shortest_s)
            yield k, self._table.pairs(chunk), chunk

    # -- the phases -------------------------------------------------------------------------

    def _begin(self) -> float:
        """All demand onto the cheapest paths, costs following; the gap to expect."""
        self._links.set_volumes(np.zeros(self._graph.tail.size))
        self._improve(self._all_rows, "loading")
        self._row_gain[:] = np.inf
        self._total = self._pool.total_cost(self._links) or 1.0
        return np.inf if self._all_rows.size else 0.0

    def _resume(self, warm: WarmStart) -> float:
        """Begin with the paths of another run; the gap to expect."""
        for k, cost in enumerate(self._graph.fixed_cost_s):
            low, high = np.searchsorted(warm.path_class, (k, k + 1))
            start = warm.start[low : high + 1]
            self._pool.append(
                warm.pair[low:high],
                start=start - start[0],
                links=warm.links[start[0] : start[-1]],
                fixed_cost_s=cost,
                flow_pceh=warm.flow_pceh[low:high],
            )
        self._links.set_volumes(self._pool.volumes())
        self._total = self._pool.total_cost(self._links) or 1.0
        self._row_gain[:] = 0.0
        self._row_gain[warm.shaken_rows] = np.inf
        if warm.shaken_rows.size == 0:
            return 0.0
        gap = self._improve(warm.shaken_rows, "loading")
        self._equalise(gap)
        return 0.0  # what the other rows could gain now is only known after a full pass

    def _level(self) -> float:
        """Gain of a pair that need not be looked at [s car units/h]."""
        share = max(_SHARE_OF_TARGET * self._options.relative_gap, _PRICED_SHARE * self._gap)
        return _SKIPPED_SHARE * share * self._total / max(self._demand.size, 1)

    def _rows_worth(self) -> IndexArray:
        """Rows that hold nearly all of the gain as far as it is known."""
        gain = self._row_gain
        if not np.isfinite(gain).all():
            return np.flatnonzero(np.isinf(gain)).astype(np.int32)
        by_gain = (-gain).argsort(kind="stable")
        summed = gain[by_gain].cumsum()
        chosen = by_gain[: int(summed.searchsorted(_ROWS_GAIN * summed[-1])) + 1]
        chosen.sort()
        return chosen.astype(np.int32)

    def _improve(self, rows: IndexArray, phase: str = "pricing") -> float:
        """Price some rows and move flow at once, costs following; the gap as far as known."""
        self._pass_begins()
        pool, links = self._pool, self._links
        pool.compact_if_worth()
        level = self._level()
        if self._passes_at_once is not None:
            self._passes_at_once.improve(
                np.concatenate(list(self._groups(rows))) if rows.size else rows, pool, links,
                level=level, negligible=_PATH_SHARE * level, row_gain=self._row_gain,
                look=lambda: self._look(phase),
            )  # fmt: skip
            self._pass_ends()
            return float(np.sum(self._row_gain)) / self._total
        for group in self._groups(rows):
            self._customise(group)
            for k, pairs, chunk in self._price(group, phase):
                pool.scan(links.time_s, pairs)
                gain = self._add_better(k, pairs, level)
                self._row_gain[chunk] = self._table.sums(chunk, gain)
                bare = np.isinf(pool.least_s[pairs])
                if bare.any():
                    self._load(k, pairs[bare])
                pool.shift(pairs[gain > level], links, negligible=_PATH_SHARE * level)
        self._pass_ends()
        return float(np.sum(self._row_gain)) / self._total

    def _add_better(self, k: int, pairs: IdArray, level: float) -> FloatArray:
        """Add cheaper paths where a pair gains more than the level; what each pair could gain.

        A pair without a path gains nothing here.
        """
        gain, better = self._pool.gains(pairs, self._shortest_s, self._demand, level)
        if better.any():
            start, links = self._pricing.paths(k, pairs[better])
            cost = self._graph.fixed_cost_s[k]
            self._pool.append(pairs[better], start=start, links=links, fixed_cost_s=cost)
        return gain

    def _load(self, k: int, pairs: IdArray) -> None:
        """All demand of pairs without a path onto the cheapest one."""
        if not np.isfinite(self._shortest_s[pairs]).all():
            raise SolveError("a pair that no path connects reached the solver; please report it")
        start, links = self._pricing.paths(k, pairs)
        flow, cost = self._demand[pairs], self._graph.fixed_cost_s[k]
        self._pool.append(pairs, start=start, links=links, fixed_cost_s=cost, flow_pceh=flow)
        self._links.load(start=start, links=links, flow_pceh=flow)

    def _equalise(self, gap: float) -> None:
        """Sweep over the pairs that still have something to gain on their paths."""
        target, pool = self._options.relative_gap, self._pool
        self._gap = gap if np.isfinite(gap) else 0.0
        goal = self._total * max(_SHARE_OF_GAP * gap, _SHARE_OF_TARGET * target)
        several = pool.several()
        level = _SKIPPED_SHARE * goal / self._demand.size
        at_once = max(1, _PAIRS_AT_ONCE // max(several.size, 1))
        for sweep in range(0, _MOST_SWEEPS, at_once):
            self._look("sweeps")
            if sweep_pairs(
                several, pool.columns(), self._links.time_s, self._links.table, pool.room(),
                goal, level, _PATH_SHARE * level, min(at_once, _MOST_SWEEPS - sweep),
            ):  # fmt: skip
                return

    # -- the certificate --------------------------------------------------------------------

    def _certify(self) -> float:
        """Price every pair at the costs of exactly these flows; the gap."""
        self._pass_begins()
        pool, links = self._pool, self._links
        pool.compact_if_worth()
        links.set_volumes(pool.volumes())
        self._customise(self._all_rows)
        pool.scan(links.time_s)
        flows = pool.state()
        excess = np.empty(self._demand.size)
        for _, pairs, chunk in self._price(self._all_rows, "pricing"):
            gain = pool.gains(pairs, self._shortest_s, self._demand, np.inf)[0]
            excess[pairs] = gain
            self._row_gain[chunk] = self._table.sums(chunk, gain)
        self._pass_ends()
        return self._record(flows, excess)

    def _record(self, flows: PathFlows, excess: FloatArray) -> float:
        """Keep flows and certificate; the gap."""
        gained = float(np.sum(excess))
        self._total = gained + float(np.sum(self._demand * self._shortest_s))
        gap = gained / self._total if self._total > 0.0 else 0.0
        if gap < _NEGATIVE_GAP or not np.isfinite(gap):
            raise SolveError(f"the gap is {gap:g}: the flows contradict their costs; report it")
        fixed = float(np.sum(flows.fixed_s * flows.flow_pceh))
        objective = self._links.sum_of_integrals() + fixed
        self._lower_bound = max(self._lower_bound, objective - gained)
        seconds = time.monotonic() - self._began
        self._passes.append(SolvePass(self._number, seconds, gap, objective, flows.pair.size))
        volume = self._links.volume_pceh()
        self._last = Equilibrium(
            flows=flows,
            volume_pceh=volume,
            time_s=self._links.time_s.copy(),
            near_volume_pceh=self._near_volume(volume, gap),
            shortest_s=self._shortest_s.copy(),
            excess=excess,
            total=self._total,
            objective=objective,
            lower_bound=self._lower_bound,
            passes=tuple(self._passes),
        )
        return gap
