"""What is remembered of networks and demands is right for the arrays of now, or it is not used."""

from dataclasses import fields, replace

import numpy as np
import pytest
from grids import CAR, LORRY, build_demand, build_network, with_columns
from hypothesis import given, settings
from hypothesis import strategies as st
from verification.traffic.random_cases import cases

from simulations.traffic import demand as trips
from simulations.traffic import graph as roads
from simulations.traffic.remembering import Memory
from twin.errors import DemandError, NetworkError
from twin.model.network import Network
from twin.model.traffic import Demand

BOTH = (CAR, LORRY)


def ring() -> Network:
    return build_network(
        node_id=np.arange(1, 4),
        tail=np.array([1, 2, 3, 2, 3, 1]),
        head=np.array([2, 3, 1, 1, 2, 3]),
        t0_s=np.full(6, 10.0),
        zones=np.arange(1, 4),
    )


def columns(of: object) -> dict[str, object]:
    """Everything comparable in a graph or table; the network itself may be another object."""
    found: dict[str, object] = {}
    for item in fields(of):  # pyrefly: ignore[bad-argument-type] - a dataclass
        value = getattr(of, item.name)
        if isinstance(value, np.ndarray):
            found[item.name] = (value.dtype, value.tolist())
        elif item.name not in ("network", "known_reaches", "unserved"):
            found[item.name] = value
    return found


@given(cases(strong=False), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_graph_made_from_a_remembered_one_is_the_graph_made_from_nothing(
    case: tuple[Network, Demand], random: object
) -> None:
    network, demand = case
    closed = network.mask.copy()
    closed[random.randrange(closed.size)] = 0  # pyrefly: ignore[missing-attribute]
    changed = replace(network, mask=closed)
    roads.build(network, demand.classes)
    warm = roads.build(changed, demand.classes)
    warm_table = trips.pairs(warm, demand)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roads, "_memory", Memory(0))
        patch.setattr(trips, "_memory", Memory(0))
        fresh = roads.build(changed, demand.classes)
        fresh_table = trips.pairs(fresh, demand)
    assert columns(warm) == columns(fresh)
    assert warm.network is changed
    assert columns(warm_table) == columns(fresh_table)
    assert columns(warm_table.unserved) == columns(fresh_table.unserved)


def test_an_array_changed_in_place_is_noticed() -> None:
    network = ring()
    assert roads.build(network, BOTH).t0_s.tolist() == [10.0] * 6
    network.t0_s[:] = 20.0
    assert roads.build(network, BOTH).t0_s.tolist() == [20.0] * 6
    network.mask[2] = 0
    assert roads.build(network, BOTH).open_mask.sum() == 10


def test_a_remembered_network_is_refused_once_it_is_wrong() -> None:
    network = ring()
    roads.build(network, BOTH)
    network.t0_s[3] = -1.0
    with pytest.raises(NetworkError, match="t0_s"):
        roads.build(network, BOTH)
    network.t0_s[3] = 10.0
    with pytest.raises(NetworkError, match="mask"):
        roads.build(replace(network, mask=network.mask[:4]), BOTH)
    with pytest.raises(NetworkError, match="mask"):
        roads.build(with_columns(network, {"mask": network.mask.astype(np.float64)}), BOTH)


def test_a_demand_changed_in_place_is_noticed() -> None:
    graph = roads.build(ring(), (CAR,))
    demand = build_demand([(1, 2, 30.0), (2, 3, 40.0)])
    assert trips.pairs(graph, demand).served_vehh.tolist() == [70.0]
    demand.flow_vehh[1] = 50.0
    assert trips.pairs(graph, demand).served_vehh.tolist() == [80.0]
    demand.flow_vehh[1] = -1.0
    with pytest.raises(DemandError, match="negative"):
        trips.pairs(graph, demand)


def test_the_oldest_of_what_is_remembered_goes_first() -> None:
    memory: Memory[str] = Memory(2)
    for word in ("one", "two"):
        memory.keep([word], word)
    assert memory.find(["one"]) == "one"
    memory.keep(["three"], "three")
    assert [memory.find([word]) for word in ("one", "two", "three")] == ["one", None, "three"]
