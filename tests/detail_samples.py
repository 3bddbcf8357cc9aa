"""A grid of streets with an equilibrium made by hand, and SUMO where it is installed."""

import heapq
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
from services import REPOSITORY, missing

from simulations.traffic.detail.child import Sumo, locate_sumo
from twin.errors import ExtraMissingError
from twin.model.network import CostFunction, Network
from twin.model.traffic import PathState, TrafficResult, Unserved, VehicleClass

SPACING_M = 200.0
SPEED_KMH = 50.0
CAR = VehicleClass("car", 0, mass_to_t=3.5)
LORRY = VehicleClass("heavy", 1, pce=2.0, vmax_kmh=80.0, mass_from_t=26.0, mass_to_t=40.0)


def peers_python() -> str:
    """The interpreter that has the other programmes; skips, or fails in CI, without it."""
    python = REPOSITORY / ".venv-peers" / "bin" / "python"
    if not python.is_file():
        missing("no .venv-peers: run scripts/environment peers")
    return str(python)


def installed_sumo() -> Sumo:
    """SUMO of the environment of peers; skips, or fails in CI, without it."""
    try:
        return locate_sumo(peers_python())
    except ExtraMissingError as error:
        missing(str(error))


def grid(side: int = 5, *, first_link: int = 100) -> Network:
    """Two-way streets 200 m apart; link ids count from ``first_link``."""
    node = np.arange(side * side)
    column, row = node % side, node // side
    pairs = [(int(n), int(n) + 1) for n in node[column < side - 1]]
    pairs += [(int(n), int(n) + side) for n in node[row < side - 1]]
    ends = np.array([end for a, b in pairs for end in ((a, b), (b, a))])
    m = len(ends)
    return Network(
        epsg=25833,
        node_id=node.astype(np.int64),
        x_m=np.asarray(column * SPACING_M, dtype=np.float64),
        y_m=np.asarray(row * SPACING_M, dtype=np.float64),
        is_zone=np.ones(len(node), dtype=np.bool_),
        no_through=np.zeros(len(node), dtype=np.bool_),
        link_id=np.arange(first_link, first_link + m, dtype=np.int64),
        tail=ends[:, 0].astype(np.int64),
        head=ends[:, 1].astype(np.int64),
        length_m=np.full(m, SPACING_M),
        t0_s=np.full(m, SPACING_M * 3.6 / SPEED_KMH),
        speed_kmh=np.full(m, SPEED_KMH),
        lanes=np.ones(m, dtype=np.uint8),
        capacity_pceh=np.full(m, 800.0),
        cost_function=np.full(m, CostFunction.BPR, dtype=np.uint8),
        p0=np.full(m, 0.15),
        p1=np.full(m, 4.0),
        p2=np.zeros(m),
        mask=np.full(m, 3, dtype=np.uint32),
        max_weight_t=np.full(m, np.inf),
        max_axle_t=np.full(m, np.inf),
        max_height_m=np.full(m, np.inf),
        preload_pceh=np.zeros(m),
    )


def street(network: Network, *nodes: int) -> tuple[int, ...]:
    """Ids of the links between consecutive nodes, both directions."""
    ends = {pair for a, b in pairwise(nodes) for pair in ((a, b), (b, a))}
    pairs = zip(network.tail.tolist(), network.head.tolist(), strict=True)
    return tuple(int(i) for i, pair in zip(network.link_id, pairs, strict=True) if pair in ends)


def drive(network: Network, first: int, last: int, random: np.random.Generator) -> list[int]:
    """Link ids of a short way from one link to another without U-turns, ties at random."""
    row_of = {int(link): row for row, link in enumerate(network.link_id)}
    weight = 1.0 + 0.1 * random.random(len(network.link_id))
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, row_of[first], (row_of[first],))]
    seen = set()
    while heap:
        cost, row, way = heapq.heappop(heap)
        if row == row_of[last]:
            return [int(network.link_id[each]) for each in way]
        if row in seen:
            continue
        seen.add(row)
        for other in np.flatnonzero(network.tail == network.head[row]).tolist():
            if network.head[other] != network.tail[row]:
                heapq.heappush(heap, (cost + weight[other], other, (*way, other)))
    raise AssertionError(f"no way from {first} to {last}")


def path_state(
    routes: list[list[int]], flows: list[float], classes: list[int] | None = None
) -> PathState:
    """Paths by hand; origins and destinations do not matter here."""
    return PathState(
        class_index=np.array(classes or [0] * len(routes), dtype=np.uint8),
        origin=np.zeros(len(routes), dtype=np.int64),
        destination=np.zeros(len(routes), dtype=np.int64),
        flow_vehh=np.array(flows, dtype=np.float64),
        start=np.concatenate(([0], np.cumsum([len(each) for each in routes]))).astype(np.int64),
        links=np.array([link for route in routes for link in route], dtype=np.int64),
    )


def equilibrium(network: Network, paths: PathState, classes=(CAR,)) -> TrafficResult:
    """A result whose flows are those of the paths, at free speed."""
    row_of = {int(link): row for row, link in enumerate(network.link_id)}
    flow = np.zeros((len(classes), len(network.link_id)))
    for index, path_flow in enumerate(paths.flow_vehh):
        for link in paths.links[paths.start[index] : paths.start[index + 1]]:
            flow[paths.class_index[index], row_of[int(link)]] += path_flow
    none = np.empty(0, dtype=np.int64)
    volume = flow.T @ np.array([each.pce for each in classes])
    return TrafficResult(
        link_id=network.link_id,
        classes=tuple(classes),
        flow_vehh=flow,
        volume_pceh=volume,
        t0_s=network.t0_s,
        time_s=network.t0_s,
        capacity_pceh=network.capacity_pceh,
        is_flow_dependent=np.ones(len(network.link_id), dtype=np.bool_),
        movement_pceh=np.zeros(len(network.link_id)),
        relative_gap=0.0,
        gap_by_class=(0.0,) * len(classes),
        excess_s=0.0,
        objective=0.0,
        lower_bound=0.0,
        total_time_pce_s=0.0,
        shortest_time_pce_s=0.0,
        status="converged",
        passes=(),
        served_vehh=np.zeros(len(classes)),
        intrazonal_vehh=np.zeros(len(classes)),
        unserved=Unserved(none.astype(np.uint8), none, none, none.astype(np.float64), ()),
        paths=paths,
    )


def parsed(text: str) -> ET.Element:
    """Root of a document that we wrote."""
    return ET.fromstring(text)  # noqa: S314 - our own text


def chain(network: Network, *nodes: int) -> list[int]:
    """Ids of the links from each node to the next."""
    pairs = list(zip(network.tail.tolist(), network.head.tolist(), strict=True))
    return [int(network.link_id[pairs.index(pair)]) for pair in pairwise(nodes)]
