"""Small random networks with random demand, for properties that hold on every network."""

from dataclasses import replace

import numpy as np
from grids import CAR, LORRY, build_demand, build_network
from hypothesis import strategies as st

from twin.model.network import CostFunction, Network, Turns
from twin.model.traffic import Demand

ROAD_KINDS = (CostFunction.BPR, CostFunction.CONICAL, CostFunction.LINEAR, CostFunction.AKCELIK)


@st.composite
def cases(
    draw: st.DrawFn, *, only_scalable: bool = False, strong: bool = True, rules: bool = True
) -> tuple[Network, Demand]:
    """A network and demand of two classes; strong: every node reaches every other one."""
    nodes = draw(st.integers(3, 12))
    extra = draw(st.integers(0, 3 * nodes))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    network = _network(random, nodes, extra, strong=strong)
    kinds = [CostFunction.BPR, CostFunction.CONICAL] if only_scalable else list(ROAD_KINDS)
    network = _with_costs(network, random, kinds)
    if rules:
        network = _with_rules(network, random)
    return network, _demand(random, nodes, draw(st.integers(1, 3 * nodes)))


def _network(random: np.random.Generator, nodes: int, extra: int, *, strong: bool) -> Network:
    """A circle if it must be strong, and random links, parallel ones and loops among them."""
    ids = random.permutation(np.arange(10, 10 + 7 * nodes, 7))
    around = np.arange(nodes) if strong else np.arange(nodes - 1)
    tail = np.concatenate([around, random.integers(0, nodes, extra)])
    head = np.concatenate([(around + 1) % nodes, random.integers(0, nodes, extra)])
    m = tail.size
    return build_network(
        node_id=ids,
        tail=ids[tail],
        head=ids[head],
        t0_s=np.round(random.uniform(1.0, 300.0, m), int(random.integers(0, 4))),
        capacity_pceh=random.uniform(50.0, 3000.0, m),
        link_id=random.permutation(np.arange(1, 3 * m))[:m],
        zones=ids,
    )


def _with_costs(
    network: Network, random: np.random.Generator, kinds: list[CostFunction]
) -> Network:
    m = network.link_id.size
    kind = random.choice(np.array(kinds, dtype=np.uint8), m)
    kind[random.random(m) < 0.15] = CostFunction.FIXED
    time = np.where(random.random(m) < 0.1, 0.0, network.t0_s)
    first = {
        CostFunction.BPR: random.choice([0.15, 0.6, 1.0], m),
        CostFunction.CONICAL: random.uniform(2.0, 8.0, m),
        CostFunction.LINEAR: random.uniform(0.0, 0.5, m),
        CostFunction.AKCELIK: np.ones(m),
    }
    p0 = np.select([kind == one for one in first], list(first.values()), 0.0)
    p1 = np.select(
        [kind == CostFunction.BPR, kind == CostFunction.AKCELIK],
        [random.choice([0.0, 1.0, 2.0, 4.0, 6.5], m), random.uniform(0.1, 0.6, m)],
        0.0,
    )
    return replace(network, cost_function=kind, t0_s=time, p0=p0, p1=p1)


def _with_rules(network: Network, random: np.random.Generator) -> Network:
    """Some links closed to lorries, some preload, some nodes that nobody passes, some turns."""
    m = network.link_id.size
    mask = np.where(random.random(m) < 0.1, 1, network.mask).astype(np.uint32)
    weight = np.where(random.random(m) < 0.1, 15.0, np.inf)
    no_through = random.random(network.node_id.size) < 0.15
    preload = np.where(random.random(m) < 0.2, random.uniform(0.0, 500.0, m), 0.0)
    network = replace(
        network, mask=mask, max_weight_t=weight, no_through=no_through, preload_pceh=preload
    )
    return replace(network, turns=_turns(network, random)) if random.random() < 0.4 else network


def _turns(network: Network, random: np.random.Generator) -> Turns:
    goes = network.tail != network.head
    pairs = [
        (one, two)
        for one in np.flatnonzero(goes)
        for two in np.flatnonzero(goes)
        if network.head[one] == network.tail[two]
    ]
    if not pairs:
        return Turns()
    count = min(len(pairs), int(random.integers(1, 5)))
    chosen = np.array(pairs)[random.choice(len(pairs), count, replace=False)]
    return Turns(
        network.link_id[chosen[:, 0]],
        network.link_id[chosen[:, 1]],
        np.where(random.random(count) < 0.5, random.uniform(0.0, 60.0, count), 0.0),
        random.choice(np.array([0, 1, 2, 3], dtype=np.uint32), count),
    )


def _demand(random: np.random.Generator, nodes: int, rows: int) -> Demand:
    """Pairs repeat, and some trips stay in their zone."""
    ids = np.arange(10, 10 + 7 * nodes, 7)
    return build_demand(
        (
            random.choice(ids, rows),
            random.choice(ids, rows),
            random.choice([0.0, 1e-3, 50.0, 400.0, 1500.0], rows) * random.uniform(0.5, 1.5, rows),
        ),
        classes=(CAR, LORRY),
        class_index=random.integers(0, 2, rows).astype(np.uint8),
    )
