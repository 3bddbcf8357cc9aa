"""How the tests of this folder solve: with the installed engine, judged by the evaluator."""

from dataclasses import replace
from typing import Literal

import numpy as np
from grids import build_network, with_columns
from numpy.typing import NDArray
from verification.traffic.evaluator import Verdict, judge

from simulations.traffic.engine import engine
from twin.model.network import CostFunction, Network
from twin.model.traffic import Demand, SolveOptions, TrafficResult


def solved(
    network: Network, demand: Demand, gap: float = 1e-6, *, warm: TrafficResult | None = None,
    threads: int = 2, pricing: Literal["auto", "dijkstra", "hierarchy"] = "auto",
) -> tuple[TrafficResult, Verdict]:  # fmt: skip
    """A converged result and the verdict on it; no solve of a test takes longer than a minute."""
    options = SolveOptions(
        relative_gap=gap, threads=threads, time_limit_s=60.0, max_passes=2000, pricing=pricing
    )
    result = engine.solve(network, demand, options=options, warm=warm)
    assert result.status == "converged"
    found = judge(network, demand, result)
    assert found.relative_gap <= gap
    return result, found


def closed(network: Network, *link_ids: int) -> Network:
    """The network with these links open to nobody."""
    is_closed = np.isin(network.link_id, link_ids)
    mask = np.where(is_closed, 0, network.mask).astype(np.uint32)
    return replace(network, mask=mask)


def reordered(network: Network, order: NDArray[np.int64]) -> Network:
    """The same network with its link columns in another order."""
    links = network.link_id.size
    changed = {
        name: getattr(network, name)[order]
        for name in network.__slots__
        if isinstance(getattr(network, name), np.ndarray)
        and name not in {"node_id", "x_m", "y_m", "is_zone", "no_through", "toll_eur"}
        and getattr(network, name).shape == (links,)
    }
    return with_columns(network, changed)


def flow_by_id(result: TrafficResult) -> dict[int, float]:
    """Car units per link id."""
    return dict(zip(result.link_id.tolist(), result.volume_pceh.tolist(), strict=True))


def braess(*, with_bridge: bool = True) -> Network:
    """The network of the Braess paradox: s, a, b, t; the link from a to b is number 5."""
    tail, head = [1, 3, 2, 1, 2], [2, 4, 4, 3, 3]
    count = 5 if with_bridge else 4
    return build_network(
        node_id=np.array([1, 2, 3, 4]),
        tail=np.array(tail[:count]),
        head=np.array(head[:count]),
        t0_s=np.array([0.0, 0.0, 50.0, 50.0, 10.0][:count]),
        cost_function=CostFunction.LINEAR,
        p0=np.array([10.0, 10.0, 1.0, 1.0, 1.0][:count]),
        zones=np.array([1, 4]),
    )
