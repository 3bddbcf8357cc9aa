"""Judges an assignment and shares nothing with the solver: neither code nor data structures.

Shortest paths are scipy's, on a graph of its own: a node that nobody may pass through is split into
a place where trips begin and a place where they end; of parallel links only the cheapest counts
(scipy would add them up); links that cost nothing stay links. Where turns are banned or cost time,
the graph is that of the links, with one edge per turn.

Costs are written down once more from the published formulas: BPR (Bureau of Public Roads 1964),
conical functions (Transportation Science 24, 1990), Akcelik's time-dependent delay (1991).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from twin.model.network import CostFunction, Network
from twin.model.traffic import Demand, PathState, TrafficResult, VehicleClass

Floats = NDArray[np.float64]
ORIGINS_AT_ONCE = 128


def times_s(network: Network, volume_pceh: Floats) -> Floats:
    """Time on every link at a volume that contains the preload."""
    t0, p0, p1 = network.t0_s, network.p0, network.p1
    kind = network.cost_function
    out = t0.astype(np.float64).copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(kind >= CostFunction.BPR, volume_pceh / network.capacity_pceh, 0.0)
    for row in np.flatnonzero(kind == CostFunction.LINEAR):
        out[row] = t0[row] + p0[row] * volume_pceh[row]
    bpr = kind == CostFunction.BPR
    out[bpr] = t0[bpr] * (1.0 + p0[bpr] * np.power(z[bpr], p1[bpr]))
    conical = kind == CostFunction.CONICAL
    out[conical] = t0[conical] * conical_factor(z[conical], p0[conical])
    akcelik = kind == CostFunction.AKCELIK
    out[akcelik] = t0[akcelik] + akcelik_delay_s(
        z[akcelik], p0[akcelik], p1[akcelik], network.capacity_pceh[akcelik]
    )
    return out


def conical_factor(z: Floats, a: Floats) -> Floats:
    """The conical function, 1 on the empty link and 2 at capacity."""
    q = (2.0 * a - 1.0) / (2.0 * a - 2.0)
    return 2.0 + np.sqrt(a**2 * (1.0 - z) ** 2 + q**2) - a * (1.0 - z) - q


def akcelik_delay_s(z: Floats, period_h: Floats, j: Floats, capacity: Floats) -> Floats:
    """Akcelik's delay; below capacity without the difference of nearly equal numbers."""
    a = 8.0 * j / (capacity * period_h)
    root = np.sqrt((z - 1.0) ** 2 + a * z)
    d = np.where(z < 1.0, a * z / np.maximum(root + 1.0 - z, 1e-300), z - 1.0 + root)
    return 900.0 * period_h * d


def integrals(network: Network, volume_pceh: Floats) -> Floats:
    """Integral of the time from 0 to the volume; conical and Akcelik numerically."""
    x, t0, p0, p1 = volume_pceh, network.t0_s, network.p0, network.p1
    kind = network.cost_function
    out = t0 * x
    linear = kind == CostFunction.LINEAR
    out[linear] += p0[linear] * x[linear] ** 2 / 2.0
    bpr = kind == CostFunction.BPR
    z = x[bpr] / network.capacity_pceh[bpr]
    out[bpr] += t0[bpr] * x[bpr] * p0[bpr] * np.power(z, p1[bpr]) / (p1[bpr] + 1.0)
    for row in np.flatnonzero(kind >= CostFunction.CONICAL):
        one = of_links(network, np.array([row]))

        def at(volume: float, one: Network = one) -> float:
            return float(times_s(one, np.array([volume]))[0])

        out[row] = quad(at, 0.0, float(x[row]), epsabs=0.0, epsrel=1e-12, limit=200)[0]
    return out


def of_links(network: Network, chosen: NDArray) -> Network:
    """The network with some of its links only; rules for turns stay as they are."""
    of_nodes = ("node_id", "x_m", "y_m", "is_zone", "no_through")
    columns = {name: getattr(network, name) for name in network.__slots__}
    kept = {
        name: column[chosen]
        for name, column in columns.items()
        if isinstance(column, np.ndarray) and name not in of_nodes and name != "toll_eur"
    }
    if network.toll_eur is not None:
        kept["toll_eur"] = network.toll_eur[:, chosen]
    return replace(network, **kept)  # pyrefly: ignore[bad-argument-type] - names are columns


def open_links(network: Network, vehicle: VehicleClass) -> NDArray[np.bool_]:
    """Which links a class may use by mask, gross mass, axle load and height."""
    is_allowed = (network.mask >> np.uint32(vehicle.bit)) & np.uint32(1) == 1
    return (
        is_allowed
        & (vehicle.mass_to_t <= network.max_weight_t)
        & (vehicle.axle_t <= network.max_axle_t)
        & (vehicle.height_m <= network.max_height_m)
    )


def class_terms_s(network: Network, index: int, vehicle: VehicleClass) -> Floats:
    """What a link costs a class beyond the common time: its own speed, toll, distance."""
    slower = np.maximum(0.0, network.length_m * 3.6 / vehicle.vmax_kmh - network.t0_s)
    money = network.length_m / 1000.0 * vehicle.distance_cost_eur_km
    if network.toll_eur is not None:
        money = money + network.toll_eur[index]
    if np.isinf(vehicle.time_value_eur_h):
        return slower
    return slower + 3600.0 * money / vehicle.time_value_eur_h


class Paths:
    """Shortest paths of one class at given link costs.

    Vertices are node copies, or links where the network has rules for turns.
    """

    def __init__(self, network: Network, *, cost_s: Floats, vehicle: VehicleClass) -> None:
        order = np.argsort(network.node_id, kind="stable")
        self._ids, self._rows = network.node_id[order], order
        self._network = network
        self._open = open_links(network, vehicle)
        self.tail, self.head = self.row(network.tail), self.row(network.head)
        self._nodes = network.node_id.size
        self._vehicle = vehicle
        self._cost = cost_s
        if network.turns.in_link.size:
            self._graph = self._graph_of_links()
        else:
            self._graph = self._graph_of_nodes()

    def row(self, node_id: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of nodes by their ids."""
        return self._rows[np.searchsorted(self._ids, node_id)]

    def _start(self) -> NDArray[np.int64]:
        """Where links out of a node begin: its own row, or a copy nobody can enter."""
        rows = np.arange(self._nodes)
        return np.where(self._network.no_through, rows + self._nodes, rows)

    def _graph_of_nodes(self) -> csr_array:
        links = np.flatnonzero(self._open)
        start = self._start()[self.tail[links]]
        return _cheapest(start, self.head[links], self._cost[links], 2 * self._nodes)

    def _graph_of_links(self) -> csr_array:
        """One vertex a link, then one a node for the start and one for the end of trips."""
        m, n = self.tail.size, self._nodes
        links = np.flatnonzero(self._open)
        first, second = _joined(self.head[links], self.tail[links])
        one, two = links[first], links[second]
        passable = ~self._network.no_through[self.head[one]]
        one, two = one[passable], two[passable]
        extra, is_banned = self._turn_terms(one, two)
        one, two, extra = one[~is_banned], two[~is_banned], extra[~is_banned]
        tails = np.concatenate([one, m + self.tail[links], links])
        heads = np.concatenate([two, links, m + n + self.head[links]])
        costs = np.concatenate([self._cost[two] + extra, self._cost[links], np.zeros(links.size)])
        return _cheapest(tails, heads, costs, m + 2 * n)

    def _turn_terms(
        self, one: NDArray[np.int64], two: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        rules = turn_rules(self._network)
        ids = self._network.link_id
        extra, is_banned = np.zeros(one.size), np.zeros(one.size, dtype=bool)
        for place, key in enumerate(zip(ids[one].tolist(), ids[two].tolist(), strict=True)):
            if key in rules:
                extra[place], mask = rules[key]
                is_banned[place] = not mask >> self._vehicle.bit & 1
        return extra, is_banned

    def distances(self, origins: NDArray[np.int64]) -> Iterator[tuple[slice, Floats]]:
        """Costs from chunks of origin rows to every node row; infinite where there is no path."""
        with_turns = bool(self._network.turns.in_link.size)
        base = self.tail.size if with_turns else 0
        starts = base + origins if with_turns else self._start()[origins]
        ends = base + self._nodes + np.arange(self._nodes) if with_turns else slice(0, self._nodes)
        for at in range(0, origins.size, ORIGINS_AT_ONCE):
            part = slice(at, min(at + ORIGINS_AT_ONCE, origins.size))
            yield part, dijkstra(self._graph, indices=starts[part])[:, ends]

    def load(
        self, origin: NDArray[np.int64], destination: NDArray[np.int64], flow: Floats
    ) -> Floats:
        """All-or-nothing flow per link of pairs given as node rows; without rules for turns."""
        size = 2 * self._nodes
        links = np.flatnonzero(self._open)
        start = self._start()[self.tail[links]]
        cheapest = _first_of_pairs(start, self.head[links], self._cost[links], size)
        keys = start[cheapest] * size + self.head[links][cheapest]
        by_key = np.argsort(keys)
        keys, link = keys[by_key], links[cheapest][by_key]
        out = np.zeros(self.tail.size)
        for one in np.unique(origin):
            rows = np.flatnonzero(origin == one)
            begin = int(self._start()[one])
            distance, before = dijkstra(self._graph, indices=begin, return_predecessors=True)
            rows = rows[np.isfinite(distance[destination[rows]])]
            at, left = destination[rows], flow[rows]
            while at.size:
                previous = before[at].astype(np.int64)
                used = link[np.searchsorted(keys, previous * size + at)]
                out += np.bincount(used, weights=left, minlength=out.size)
                goes_on = previous != begin
                at, left = previous[goes_on], left[goes_on]
        return out


def turn_rules(network: Network) -> dict[tuple[int, int], tuple[float, int]]:
    """Penalty [s] and class mask by (in link, out link)."""
    turns = network.turns
    keys = zip(turns.in_link.tolist(), turns.out_link.tolist(), strict=True)
    rules = zip(turns.penalty_s.tolist(), turns.mask.tolist(), strict=True)
    return dict(zip(keys, rules, strict=True))


def _joined(
    heads: NDArray[np.int64], tails: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of places (i, j) with heads[i] == tails[j]."""
    order = np.argsort(tails, kind="stable")
    low = np.searchsorted(tails[order], heads, "left")
    count = np.searchsorted(tails[order], heads, "right") - low
    first = np.repeat(np.arange(heads.size), count)
    within = np.arange(first.size) - np.repeat(np.cumsum(count) - count, count)
    return first, order[np.repeat(low, count) + within]


def _first_of_pairs(
    tails: NDArray[np.int64], heads: NDArray[np.int64], costs: Floats, size: int
) -> NDArray[np.int64]:
    """Places of the cheapest edge of every pair of vertices."""
    order = np.lexsort((costs, tails * size + heads))
    keys = (tails * size + heads)[order]
    return order[np.concatenate([[True], keys[1:] != keys[:-1]])] if keys.size else order


def _cheapest(
    tails: NDArray[np.int64], heads: NDArray[np.int64], costs: Floats, size: int
) -> csr_array:
    keep = _first_of_pairs(tails, heads, costs, size)
    tails, heads, costs = tails[keep], heads[keep], costs[keep]
    first = np.concatenate([[0], np.cumsum(np.bincount(tails, minlength=size))])
    by_tail = np.argsort(tails, kind="stable")
    return csr_array((costs[by_tail], heads[by_tail], first), shape=(size, size))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evaluator finds; trips without a path and inside a zone are left out of the gap.

    ``imbalance_vehh`` is the largest difference of in- and outflow from the trips that begin and
    end at a node, over all nodes and classes.
    """

    relative_gap: float
    gap_by_class: tuple[float, ...]
    objective: float
    total_time_pce_s: float
    shortest_time_pce_s: float
    excess_s: float
    imbalance_vehh: float
    served_vehh: Floats
    unreachable_vehh: Floats
    intrazonal_vehh: Floats
    volume_pceh: Floats
    time_s: Floats


def evaluate(
    network: Network, demand: Demand, flow_vehh: Floats, *, turn_cost_pce_s: Floats | None = None
) -> Verdict:
    """The verdict on link flows per class.

    Parameters
    ----------
    flow_vehh : (classes, links)
        In the order of the network's columns.
    turn_cost_pce_s : (classes,), optional
        What the trips pay for turns in total; link flows cannot tell.
    """
    classes = demand.classes
    pce = np.array([one.pce for one in classes])
    volume = network.preload_pceh + pce @ flow_vehh
    time = times_s(network, volume)
    shape = len(classes)
    total, shortest = np.zeros(shape), np.zeros(shape)
    served, unreachable, inside = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    objective = float(integrals(network, volume).sum())
    worst = 0.0
    turn_cost = np.zeros(shape) if turn_cost_pce_s is None else turn_cost_pce_s
    for index, vehicle in enumerate(classes):
        terms = class_terms_s(network, index, vehicle)
        paths = Paths(network, cost_s=time + terms, vehicle=vehicle)
        rows = demand.class_index == index
        trips = _trips(paths, demand, rows)
        inside[index] = trips.intrazonal
        cost = _costs(paths, trips)
        reachable = np.isfinite(cost)
        unreachable[index] = trips.flow[~reachable].sum()
        served[index] = trips.flow[reachable].sum()
        shortest[index] = pce[index] * float(trips.flow[reachable] @ cost[reachable])
        total[index] = pce[index] * float((time + terms) @ flow_vehh[index]) + turn_cost[index]
        objective += pce[index] * float(terms @ flow_vehh[index]) + turn_cost[index]
        worst = max(worst, _imbalance(paths, trips, reachable, flow_vehh[index]))
    with np.errstate(divide="ignore", invalid="ignore"):
        by_class = np.where(total > 0.0, (total - shortest) / total, 0.0)
    excess = total.sum() - shortest.sum()
    return Verdict(
        relative_gap=excess / total.sum() if total.sum() > 0.0 else 0.0,
        gap_by_class=tuple(by_class.tolist()),
        objective=objective,
        total_time_pce_s=float(total.sum()),
        shortest_time_pce_s=float(shortest.sum()),
        excess_s=excess / max(float(pce @ served), 1e-300),
        imbalance_vehh=worst,
        served_vehh=served,
        unreachable_vehh=unreachable,
        intrazonal_vehh=inside,
        volume_pceh=volume,
        time_s=time,
    )


@dataclass(frozen=True, slots=True)
class _Trips:
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    flow: Floats
    intrazonal: float


def _trips(paths: Paths, demand: Demand, rows: NDArray[np.bool_]) -> _Trips:
    origin, destination = demand.origin[rows], demand.destination[rows]
    flow = demand.flow_vehh[rows]
    goes = origin != destination
    return _Trips(
        paths.row(origin[goes]),
        paths.row(destination[goes]),
        flow[goes],
        float(flow[~goes].sum()),
    )


def _costs(paths: Paths, trips: _Trips) -> Floats:
    """Cheapest cost of every pair."""
    out = np.full(trips.flow.size, np.inf)
    origins, place = np.unique(trips.origin, return_inverse=True)
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(origins.size + 1))
    for part, distance in paths.distances(origins):
        rows = order[bounds[part.start] : bounds[part.stop]]
        out[rows] = distance[place[rows] - part.start, trips.destination[rows]]
    return out


def _imbalance(
    paths: Paths, trips: _Trips, reachable: NDArray[np.bool_], flow_vehh: Floats
) -> float:
    size = int(max(paths.tail.max(initial=0), paths.head.max(initial=0),
                   trips.origin.max(initial=0), trips.destination.max(initial=0))) + 1  # fmt: skip
    balance = np.bincount(paths.tail, weights=flow_vehh, minlength=size)
    balance -= np.bincount(paths.head, weights=flow_vehh, minlength=size)
    flow = np.where(reachable, trips.flow, 0.0)
    balance -= np.bincount(trips.origin, weights=flow, minlength=size)
    balance += np.bincount(trips.destination, weights=flow, minlength=size)
    return float(np.abs(balance).max(initial=0.0))


def path_problems(network: Network, demand: Demand, paths: PathState) -> list[str]:
    """What is wrong with retained paths: gaps, wrong ends, passing zones, bans, negative flow."""
    place = {link: row for row, link in enumerate(network.link_id.tolist())}
    no_through = set(network.node_id[network.no_through].tolist())
    rules = turn_rules(network)
    is_open = [open_links(network, one) for one in demand.classes]
    problems = []
    for path in range(paths.flow_vehh.size):
        links = paths.links[paths.start[path] : paths.start[path + 1]].tolist()
        index = int(paths.class_index[path])
        rows = [place[link] for link in links]
        nodes = [int(network.tail[rows[0]]), *(int(network.head[row]) for row in rows)]
        ends = (int(paths.origin[path]), int(paths.destination[path]))
        tells = {
            "negative flow": not paths.flow_vehh[path] >= 0.0,
            "wrong ends": (nodes[0], nodes[-1]) != ends,
            "links do not meet": any(
                int(network.tail[row]) != node for row, node in zip(rows, nodes, strict=False)
            ),
            "passes a node that nobody may pass": bool(no_through & set(nodes[1:-1])),
            "uses a link closed to its class": not all(is_open[index][row] for row in rows),
            "makes a banned turn": any(
                not rules.get(turn, (0.0, 0xFFFFFFFF))[1] >> demand.classes[index].bit & 1
                for turn in pairwise(links)
            ),
        }
        problems += [f"path {path} {links}: {text}" for text, holds in tells.items() if holds]
    return problems


def flows_of_paths(network: Network, demand: Demand, paths: PathState) -> Floats:
    """Flow per class and link that the retained paths add up to."""
    order = np.argsort(network.link_id)
    rows = order[np.searchsorted(network.link_id[order], paths.links)]
    path = np.repeat(np.arange(paths.flow_vehh.size), np.diff(paths.start))
    out = np.zeros((len(demand.classes), network.link_id.size))
    np.add.at(out, (paths.class_index[path], rows), paths.flow_vehh[path])
    return out


def turn_costs(network: Network, demand: Demand, paths: PathState) -> Floats:
    """What the trips of every class pay for turns, weighted with car units."""
    rules = turn_rules(network)
    out = np.zeros(len(demand.classes))
    for path in range(paths.flow_vehh.size):
        links = paths.links[paths.start[path] : paths.start[path + 1]].tolist()
        seconds = sum(rules.get(turn, (0.0, 0))[0] for turn in pairwise(links))
        out[paths.class_index[path]] += paths.flow_vehh[path] * seconds
    return out * np.array([one.pce for one in demand.classes])


def judge(network: Network, demand: Demand, result: TrafficResult) -> Verdict:
    """The verdict on a result, after the conditions that every result keeps were asserted."""
    assert np.array_equal(result.link_id, network.link_id)
    assert path_problems(network, demand, result.paths) == []
    runs = network.tail != network.head
    assert not result.flow_vehh[:, ~runs].any(), "flow on a link that leads nowhere"
    everything, network = network, of_links(network, runs)
    with_turns = bool(network.turns.in_link.size)
    turn_cost = turn_costs(network, demand, result.paths) if with_turns else None
    found = evaluate(network, demand, result.flow_vehh[:, runs], turn_cost_pce_s=turn_cost)
    assert np.isfinite(result.flow_vehh).all()
    assert result.flow_vehh.min(initial=0.0) >= 0.0
    assert found.imbalance_vehh <= 1e-6
    flows = flows_of_paths(everything, demand, result.paths)
    np.testing.assert_allclose(flows, result.flow_vehh, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(result.volume_pceh[runs], found.volume_pceh, rtol=1e-12, atol=1e-7)
    np.testing.assert_allclose(result.time_s[runs], found.time_s, rtol=1e-9, atol=1e-12)
    _assert_demand_is_kept(demand, result, found)
    noise = 1e-12 + 1e-9 * abs(found.relative_gap)
    assert abs(result.relative_gap - found.relative_gap) <= noise, "the certificate is another's"
    assert found.relative_gap >= -1e-13, "flows are inconsistent: cheaper than the cheapest paths"
    np.testing.assert_allclose(result.objective, found.objective, rtol=1e-9, atol=1e-6)
    assert result.lower_bound <= found.objective * (1.0 + 1e-12) + 1e-6
    return found


def _assert_demand_is_kept(demand: Demand, result: TrafficResult, found: Verdict) -> None:
    shape = len(demand.classes)
    unserved = np.zeros(shape)
    np.add.at(unserved, result.unserved.class_index, result.unserved.flow_vehh)
    wanted = np.bincount(demand.class_index, weights=demand.flow_vehh, minlength=shape)
    kept = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(unserved, found.unreachable_vehh, **kept)
    np.testing.assert_allclose(result.intrazonal_vehh, found.intrazonal_vehh, **kept)
    np.testing.assert_allclose(result.served_vehh, found.served_vehh, **kept)
    np.testing.assert_allclose(
        result.served_vehh + unserved + result.intrazonal_vehh, wanted, **kept
    )
