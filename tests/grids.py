"""Seeded networks of city size with demand: grids, and irregular towns with a river.

The grids follow a published recipe (docs/benchmarks/traffic.md): two-way streets, every fifth row
and column an arterial, zones at random nodes behind connectors that cost nothing, and demand scaled
until the flow-weighted mean ratio of volume and capacity of the first all-or-nothing loading is the
load that was asked for. The towns are no grids: denser in the middle, with long roads that lead
through, few bridges over a river, and zones that hang on one or two nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay
from verification.traffic.evaluator import Paths

from twin.model.network import CostFunction, Network
from twin.model.traffic import Demand, VehicleClass

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

CAR = VehicleClass("car", bit=0, vmax_kmh=130.0, mass_from_t=1.0, mass_to_t=3.5)
LORRY = VehicleClass(
    "lorry", bit=1, pce=2.0, vmax_kmh=80.0, mass_from_t=12.0, mass_to_t=26.0, axle_t=11.5,
    height_m=4.0,
)  # fmt: skip
CONNECTOR_PCEH = 1e6
SPACING_M = 300.0
ARTERIAL = (50.0, 1800.0, 0.4)
STREET = (30.0, 800.0, 0.15)
MOTORWAY = (80.0, 3600.0, 0.3)


@dataclass(frozen=True, slots=True)
class Case:
    """A network, its demand, and the name under which measurements show it."""

    name: str
    network: Network
    demand: Demand


def build_network(
    *,
    node_id: Rows,
    tail: Rows,
    head: Rows,
    t0_s: Floats,
    capacity_pceh: Floats | float = 1000.0,
    cost_function: NDArray[np.uint8] | CostFunction = CostFunction.BPR,
    p0: Floats | float = 0.15,
    p1: Floats | float = 4.0,
    length_m: Floats | float = 0.0,
    zones: Rows | None = None,
    no_through: Rows | None = None,
    x_m: Floats | None = None,
    y_m: Floats | None = None,
    link_id: Rows | None = None,
) -> Network:
    """A network of columns; what is not said is without limit, toll, preload and rule."""
    n, m = np.asarray(node_id).size, np.asarray(tail).size
    length = np.broadcast_to(np.asarray(length_m, dtype=np.float64), m).copy()
    time = np.asarray(t0_s, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = np.where((time > 0.0) & (length > 0.0), length / time * 3.6, 0.0)
    none = np.empty(0, dtype=np.int64)
    return Network(
        epsg=25833 if x_m is not None else 0,
        node_id=np.asarray(node_id, dtype=np.int64),
        x_m=np.zeros(n) if x_m is None else x_m,
        y_m=np.zeros(n) if y_m is None else y_m,
        is_zone=np.isin(node_id, none if zones is None else zones),
        no_through=np.isin(node_id, none if no_through is None else no_through),
        link_id=np.arange(1, m + 1) if link_id is None else np.asarray(link_id, dtype=np.int64),
        tail=np.asarray(tail, dtype=np.int64),
        head=np.asarray(head, dtype=np.int64),
        length_m=length,
        t0_s=time,
        speed_kmh=speed,
        lanes=np.ones(m, dtype=np.uint8),
        capacity_pceh=np.broadcast_to(np.asarray(capacity_pceh, np.float64), m).copy(),
        cost_function=np.broadcast_to(np.asarray(cost_function, np.uint8), m).copy(),
        p0=np.broadcast_to(np.asarray(p0, np.float64), m).copy(),
        p1=np.broadcast_to(np.asarray(p1, np.float64), m).copy(),
        p2=np.zeros(m),
        mask=np.full(m, 0xFFFFFFFF, dtype=np.uint32),
        max_weight_t=np.full(m, np.inf),
        max_axle_t=np.full(m, np.inf),
        max_height_m=np.full(m, np.inf),
        preload_pceh=np.zeros(m),
    )


def with_columns(network: Network, columns: Mapping[str, NDArray]) -> Network:
    """The network with some of its columns exchanged."""
    return replace(network, **columns)  # pyrefly: ignore[bad-argument-type] - names are columns


def joined(one: Network, two: Network) -> Network:
    """Nodes and links of both; ids must differ."""
    columns = {name: getattr(one, name) for name in one.__slots__}
    return with_columns(
        one,
        {
            name: np.concatenate([column, getattr(two, name)])
            for name, column in columns.items()
            if isinstance(column, np.ndarray)
        },
    )


def build_demand(
    rows: list[tuple[int, int, float]] | tuple[Rows, Rows, Floats],
    *,
    classes: tuple[VehicleClass, ...] = (CAR,),
    class_index: NDArray[np.uint8] | None = None,
) -> Demand:
    """Demand of (origin, destination, vehicles an hour), in the first class unless said."""
    if isinstance(rows, list):
        table = np.array(rows, dtype=np.float64).reshape(-1, 3)
        origin, destination, flow = table[:, 0], table[:, 1], table[:, 2]
    else:
        origin, destination, flow = rows
    return Demand(
        classes=classes,
        class_index=np.zeros(flow.size, np.uint8) if class_index is None else class_index,
        origin=origin.astype(np.int64),
        destination=destination.astype(np.int64),
        flow_vehh=flow.astype(np.float64),
    )


def grid(
    side: int, *, zones: int, destinations: int, load: float = 0.6, seed: int = 1, name: str = ""
) -> Case:
    """side x side two-way streets; 30, 60 and 86 give the grids of the benchmark."""
    random = np.random.default_rng(seed)
    at = np.arange(side * side).reshape(side, side)
    one = np.concatenate([at[:, :-1].ravel(), at[:-1].ravel()])
    two = np.concatenate([at[:, 1:].ravel(), at[1:].ravel()])
    line = np.concatenate([one[: side * (side - 1)] // side, one[side * (side - 1) :] % side])
    streets = _Streets(
        one, two, np.where(line % 5 == 0, 1, 0), SPACING_M * random.uniform(0.8, 1.2, one.size)
    )
    x, y = SPACING_M * (at.ravel() % side), SPACING_M * (at.ravel() // side)
    places = random.choice(at.size, zones, replace=False)
    network = _network(streets, x.astype(float), y.astype(float), list(places[:, None]), random)
    demand = drawn_demand(
        network,
        x=network.x_m[places],
        y=network.y_m[places],
        destinations=destinations,
        range_m=SPACING_M * side / 3.0,
        random=random,
    )
    return Case(name or f"G{side}", network, at_load(network, demand, load))


def town(
    *, zones: int, links: int, pairs: int, load: float, name: str, bridges: int = 7, seed: int = 1
) -> Case:
    """An irregular town with exactly so many directed links and pairs."""
    random = np.random.default_rng(seed)
    connectors = np.where(random.random(zones) < 0.3, 2, 1)
    if (links - 2 * connectors.sum()) % 2:
        raise ValueError(f"streets and connectors are two-way: {links} links must be even")
    edges = links // 2 - int(connectors.sum())
    nodes = int(edges / 1.6)
    radius = SPACING_M * np.sqrt(nodes) / 1.8
    x, y = _places(nodes, radius, random)
    streets = _town_streets(x, y, edges, bridges, random)
    hang = random.choice(nodes, zones, replace=False)
    near = dijkstra(_undirected(streets, nodes), indices=hang, limit=6.0 * SPACING_M)
    others = np.argsort(near, axis=1)
    homes = [np.array([place, others[row, 3]])[: connectors[row]] for row, place in enumerate(hang)]
    network = _network(streets, x, y, homes, random)
    demand = drawn_demand(
        network,
        x=x[hang],
        y=y[hang],
        destinations=pairs // zones,
        range_m=radius / 2.0,
        random=random,
    )
    return Case(name, network, at_load(network, demand, load))


@dataclass(frozen=True, slots=True)
class _Streets:
    """Two-way streets: ends, kind (0 street, 1 arterial, 2 motorway), length."""

    one: Rows
    two: Rows
    kind: Rows
    length_m: Floats


def _places(nodes: int, radius: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Nodes, denser in the middle."""
    distance = radius * random.random(nodes) ** 0.7
    angle = random.uniform(0.0, 2.0 * np.pi, nodes)
    return distance * np.cos(angle), distance * np.sin(angle)


def _undirected(streets: _Streets, nodes: int, *, weights: Floats | None = None) -> csr_array:
    weights = streets.length_m if weights is None else weights
    return csr_array(
        (
            np.concatenate([weights, weights]),
            (
                np.concatenate([streets.one, streets.two]),
                np.concatenate([streets.two, streets.one]),
            ),
        ),
        shape=(nodes, nodes),
    )


def _town_streets(
    x: Floats, y: Floats, edges: int, bridges: int, random: np.random.Generator
) -> _Streets:
    """A thinned triangulation in which a river leaves few bridges."""
    corners = Delaunay(np.column_stack([x, y])).simplices
    both = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), 1)
    one, two = np.unique(both, axis=0).T.astype(np.int64)
    length = np.hypot(x[one] - x[two], y[one] - y[two]) + 5.0
    bank = y > 0.15 * y.max() * np.sin(4.0 * x / x.max())
    crosses = np.flatnonzero(bank[one] != bank[two])
    ideal = np.quantile(x[one[crosses]], np.linspace(0.08, 0.92, bridges))
    kept = {int(crosses[np.abs(x[one[crosses]] - place).argmin()]) for place in ideal}
    is_bridge = np.isin(np.arange(one.size), sorted(kept))
    stays = (bank[one] == bank[two]) | is_bridge
    one, two, length, is_bridge = one[stays], two[stays], length[stays], is_bridge[stays]
    all_streets = _Streets(one, two, np.zeros(one.size, np.int64), length)
    tree = minimum_spanning_tree(_undirected(all_streets, x.size)).tocoo()
    low, high = np.minimum(tree.row, tree.col), np.maximum(tree.row, tree.col)
    must = is_bridge | np.isin(one * x.size + two, low.astype(np.int64) * x.size + high)
    chance = random.random(one.size) / length
    chance[must] = np.inf
    chosen = np.sort(np.argsort(-chance)[:edges])
    thinned = _Streets(one[chosen], two[chosen], np.zeros(edges, np.int64), length[chosen])
    return replace(thinned, kind=_kinds(thinned, x, y, is_bridge[chosen]))


def _kinds(streets: _Streets, x: Floats, y: Floats, is_bridge: NDArray[np.bool_]) -> Rows:
    """Arterials lie on shortest paths between the middle, the edge and the bridges."""
    reach = np.hypot(x, y)
    angle = np.arctan2(y, x)
    rim = [
        int(np.argmax(np.where(np.abs(angle - turn) < 0.2, reach, 0.0)))
        for turn in np.linspace(-3.0, 3.0, 12)
    ]
    ends = np.unique([int(np.argmin(reach)), *rim, *streets.one[is_bridge][::2]])
    _, before = dijkstra(_undirected(streets, x.size), indices=ends, return_predecessors=True)
    used = set()
    for row in range(ends.size):
        for end in ends:
            at = int(end)
            while before[row, at] >= 0:
                used.add((min(at, int(before[row, at])), max(at, int(before[row, at]))))
                at = int(before[row, at])
    kind = np.array(
        [pair in used for pair in zip(streets.one.tolist(), streets.two.tolist(), strict=True)],
        dtype=np.int64,
    )
    kind[is_bridge] = 2
    return kind


def _network(
    streets: _Streets, x: Floats, y: Floats, homes: list[Rows], random: np.random.Generator
) -> Network:
    """Both directions of every street; zone k hangs on the nodes ``homes[k]``."""
    table = np.array([STREET, ARTERIAL, MOTORWAY])[np.concatenate([streets.kind] * 2)]
    length = np.concatenate([streets.length_m] * 2)
    nodes = x.size
    zone = nodes + np.repeat(np.arange(len(homes)), [home.size for home in homes])
    node = np.concatenate(homes)
    many = zone.size * 2
    zones = np.arange(nodes, nodes + len(homes))
    first = np.array([home[0] for home in homes])
    return build_network(
        node_id=np.arange(nodes + len(homes)),
        tail=np.concatenate([streets.one, streets.two, zone, node]),
        head=np.concatenate([streets.two, streets.one, node, zone]),
        length_m=np.concatenate([length, np.zeros(many)]),
        t0_s=np.concatenate([length / table[:, 0] * 3.6, np.zeros(many)]),
        capacity_pceh=np.concatenate(
            [table[:, 1] * random.uniform(0.9, 1.1, length.size), np.full(many, CONNECTOR_PCEH)]
        ),
        cost_function=np.concatenate(
            [
                np.full(length.size, CostFunction.BPR, np.uint8),
                np.full(many, CostFunction.FIXED, np.uint8),
            ]
        ),
        p0=np.concatenate([table[:, 2], np.zeros(many)]),
        p1=np.concatenate([np.full(length.size, 4.0), np.zeros(many)]),
        zones=zones,
        no_through=zones,
        x_m=np.concatenate([x, x[first]]),
        y_m=np.concatenate([y, y[first]]),
    )


def drawn_demand(
    network: Network,
    *,
    x: Floats,
    y: Floats,
    destinations: int,
    range_m: float,
    random: np.random.Generator,
) -> Demand:
    """From every zone to so many others, drawn by lognormal attraction and distance."""
    zones = network.node_id[network.is_zone]
    attraction = random.lognormal(0.0, 1.0, zones.size)
    origin, destination = [], []
    for row in range(zones.size):
        weight = attraction * np.exp(-np.hypot(x - x[row], y - y[row]) / range_m)
        weight[row] = 0.0
        drawn = random.choice(
            zones.size, min(destinations, zones.size - 1), replace=False, p=weight / weight.sum()
        )
        origin.append(np.full(drawn.size, zones[row]))
        destination.append(zones[np.sort(drawn)])
    flow = random.lognormal(0.0, 0.5, sum(part.size for part in origin))
    return build_demand((np.concatenate(origin), np.concatenate(destination), flow))


def at_load(network: Network, demand: Demand, load: float) -> Demand:
    """Demand scaled until the first all-or-nothing loading has this mean of volume to capacity."""
    paths = Paths(network, cost_s=network.t0_s, vehicle=demand.classes[0])
    volume = paths.load(paths.row(demand.origin), paths.row(demand.destination), demand.flow_vehh)
    grows = network.cost_function != CostFunction.FIXED
    volume, capacity = volume[grows], network.capacity_pceh[grows]
    mean = float((volume @ (volume / capacity)) / volume.sum())
    return replace(demand, flow_vehh=demand.flow_vehh * (load / mean))


def with_lorries(case: Case, *, share: float = 0.1, closed: float = 0.05, seed: int = 1) -> Case:
    """The same trips as cars and lorries; some streets are closed to lorries, by mask or weight."""
    random = np.random.default_rng(seed)
    demand, network = case.demand, case.network
    streets = network.cost_function != CostFunction.FIXED
    is_banned = streets & (random.random(streets.size) < closed)
    by_mask = is_banned & (random.random(streets.size) < 0.5)
    mask = np.where(by_mask, network.mask & ~np.uint32(1 << LORRY.bit), network.mask)
    weight = np.where(is_banned & ~by_mask, 15.0, network.max_weight_t)
    flow = np.concatenate([demand.flow_vehh * (1.0 - share), demand.flow_vehh * share / LORRY.pce])
    index = np.repeat(np.arange(2, dtype=np.uint8), demand.flow_vehh.size)
    both = build_demand(
        (np.tile(demand.origin, 2), np.tile(demand.destination, 2), flow),
        classes=(CAR, LORRY),
        class_index=index,
    )
    changed = replace(network, mask=mask.astype(np.uint32), max_weight_t=weight)
    return Case(f"{case.name} with lorries", changed, both)


def g30(load: float = 0.6) -> Case:
    return grid(30, zones=100, destinations=60, load=load, name=f"G30 at {load:g}")


def g60(load: float = 0.6) -> Case:
    return grid(60, zones=400, destinations=60, load=load, name=f"G60 at {load:g}")


def g86(load: float = 0.6) -> Case:
    return grid(86, zones=1000, destinations=50, load=load, name=f"G86 at {load:g}")


def large_town() -> Case:
    """1,000 zones, 28,000 links, 50,000 pairs."""
    return town(zones=1000, links=28_000, pairs=50_000, load=0.7, bridges=12, name="large town")


def congested_town() -> Case:
    """400 zones, 3,000 links, 90,000 pairs, in the rush hour."""
    return town(zones=400, links=3_000, pairs=90_000, load=1.1, bridges=4, name="congested town")
