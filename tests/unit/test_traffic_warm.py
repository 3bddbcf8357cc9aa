"""A run that begins with the paths of another one."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from grids import CAR, LORRY, grid

from simulations.traffic.assign import warm
from simulations.traffic.assign.solve import problem
from simulations.traffic.assign.warm import warm_start
from simulations.traffic.demand import pairs
from simulations.traffic.engine import engine
from simulations.traffic.graph import build
from twin.model.network import Turns
from twin.model.traffic import Demand, PathState, SolveOptions, TrafficResult

FINE = SolveOptions(relative_gap=1e-9, threads=2)


@pytest.fixture(scope="module")
def town():
    return grid(8, zones=12, destinations=8, load=0.8, seed=6)


@pytest.fixture(scope="module")
def base(town) -> TrafficResult:
    return engine.solve(town.network, town.demand, options=FINE)


def busiest(town, base: TrafficResult) -> int:
    streets = np.where(town.network.capacity_pceh < 1e5, base.volume_pceh, 0.0)
    return int(np.argmax(streets))


def posed(network, demand: Demand):
    graph = build(network, demand.classes)
    return problem(graph, pairs(graph, demand))


def test_an_unchanged_town_is_certified_in_one_pass(town, base) -> None:
    again = engine.solve(town.network, town.demand, options=FINE, warm=base)
    assert again.status == "converged"
    assert again.passes[-1].number <= 2
    np.testing.assert_allclose(again.volume_pceh, base.volume_pceh, atol=1e-6)
    np.testing.assert_allclose(again.movement_pceh, base.movement_pceh, atol=0.02)


def test_a_closure_gives_the_same_volumes_warm_and_cold(town, base) -> None:
    row = busiest(town, base)
    mask = town.network.mask.copy()
    mask[row] = 0
    closed = replace(town.network, mask=mask)
    warm = engine.solve(closed, town.demand, options=FINE, warm=base)
    cold = engine.solve(closed, town.demand, options=FINE)
    assert warm.volume_pceh[row] == 0.0
    np.testing.assert_allclose(warm.volume_pceh, cold.volume_pceh, atol=0.1)
    assert warm.objective == pytest.approx(cold.objective, rel=2e-9)


def test_only_rows_that_lost_something_are_shaken(town, base) -> None:
    row = busiest(town, base)
    mask = town.network.mask.copy()
    mask[row] = 0
    now = posed(replace(town.network, mask=mask), town.demand)
    warm = warm_start(now, base.paths, base.classes)
    assert warm is not None
    used = {
        int(base.paths.origin[i])
        for i in range(base.paths.flow_vehh.size)
        if base.link_id[row] in base.paths.links[base.paths.start[i] : base.paths.start[i + 1]]
    }
    shaken = now.graph.node_id[now.table.row_origin[warm.shaken_rows]]
    assert set(shaken.tolist()) == used
    carried = np.bincount(warm.pair, weights=warm.flow_pceh, minlength=now.demand_pceh.size)
    kept = carried > 0.0
    np.testing.assert_allclose(carried[kept], now.demand_pceh[kept], rtol=1e-12)
    assert set(np.flatnonzero(~kept)) <= set(now.table.pairs(warm.shaken_rows))


def test_a_second_closure_begins_like_one_of_a_process_that_knows_nothing(
    town, base, monkeypatch: pytest.MonkeyPatch
) -> None:
    streets = np.argsort(np.where(town.network.capacity_pceh < 1e5, base.volume_pceh, 0.0))
    for row in streets[-3:]:
        mask = town.network.mask.copy()
        mask[row] = 0
        now = posed(replace(town.network, mask=mask), town.demand)
        known = warm_start(now, base.paths, base.classes)
        with monkeypatch.context() as patch:
            patch.setattr(warm, "_last", [])
            fresh = warm_start(now, base.paths, base.classes)
        assert known is not None
        assert fresh is not None
        for item in fields(known):
            np.testing.assert_array_equal(getattr(known, item.name), getattr(fresh, item.name))
    assert not base.paths.links.flags.writeable


def test_changed_and_new_and_vanished_demand_is_followed(town, base) -> None:
    flow = town.demand.flow_vehh.copy()
    flow[0] = 0.0
    flow[1] *= 3.0
    changed = replace(town.demand, flow_vehh=flow)
    warm = engine.solve(town.network, changed, options=FINE, warm=base)
    cold = engine.solve(town.network, changed, options=FINE)
    np.testing.assert_allclose(warm.volume_pceh, cold.volume_pceh, atol=0.1)
    back = engine.solve(town.network, town.demand, options=FINE, warm=warm)
    np.testing.assert_allclose(back.volume_pceh, base.volume_pceh, atol=0.1)


def test_paths_are_found_again_by_link_id_in_any_order(town, base) -> None:
    order = np.random.default_rng(1).permutation(base.paths.flow_vehh.size)
    old = base.paths
    parts = [old.links[old.start[i] : old.start[i + 1]] for i in order]
    shuffled = PathState(
        class_index=old.class_index[order],
        origin=old.origin[order],
        destination=old.destination[order],
        flow_vehh=old.flow_vehh[order],
        start=np.concatenate(([0], np.cumsum([part.size for part in parts]))),
        links=np.concatenate(parts),
    )
    again = engine.solve(
        town.network, town.demand, options=FINE, warm=replace(base, paths=shuffled)
    )
    np.testing.assert_allclose(again.volume_pceh, base.volume_pceh, atol=1e-6)
    assert again.passes[-1].number <= 2


def test_sparse_link_ids_are_looked_up_too(town) -> None:
    far = town.network.link_id * 10_000_019
    network = replace(town.network, link_id=far)
    base = engine.solve(network, town.demand, options=FINE)
    now = posed(network, town.demand)
    warm = warm_start(now, base.paths, base.classes)
    assert warm is not None
    assert warm.shaken_rows.size == 0
    assert warm.pair.size == base.paths.flow_vehh.size


def test_a_turn_ban_takes_paths_out_and_turn_arcs_in(town, base) -> None:
    paths = base.paths
    inner = paths.links[paths.start[0] + 1 : paths.start[1] - 1]
    turns = Turns(
        in_link=inner[:1],
        out_link=inner[1:2],
        penalty_s=np.zeros(1),
        mask=np.zeros(1, dtype=np.uint32),
    )
    network = replace(town.network, turns=turns)
    warm = engine.solve(network, town.demand, options=FINE, warm=base)
    cold = engine.solve(network, town.demand, options=FINE)
    np.testing.assert_allclose(warm.volume_pceh, cold.volume_pceh, atol=0.1)
    for i in range(warm.paths.flow_vehh.size):
        path = warm.paths.links[warm.paths.start[i] : warm.paths.start[i + 1]].tolist()
        assert (inner[0], inner[1]) not in set(pairwise(path))
    again = engine.solve(network, town.demand, options=FINE, warm=warm)
    assert again.passes[-1].number <= 2


def test_other_vehicle_classes_mean_a_cold_start(town, base) -> None:
    both = replace(town.demand, classes=(CAR, LORRY))
    now = posed(town.network, both)
    assert warm_start(now, base.paths, base.classes) is None
    result = engine.solve(town.network, both, options=FINE, warm=base)
    np.testing.assert_allclose(result.volume_pceh, base.volume_pceh, atol=0.1)
