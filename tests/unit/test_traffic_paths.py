"""The path pool: no trip gets lost, the objective never rises, memory is bounded."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.traffic.assign.links import LinkState
from simulations.traffic.assign.paths import PathPool
from twin.errors import PathStoreTooLarge
from twin.model.network import CostFunction

if TYPE_CHECKING:
    from simulations.traffic.graph import RoadGraph


def links_of(functions: np.ndarray, seed: int) -> LinkState:
    """Links with random parameters of the given cost functions."""
    random = np.random.default_rng(seed)
    m = functions.size
    p0 = random.uniform(0.1, 2.0, m)
    p0[functions == CostFunction.CONICAL] += 1.5
    return LinkState(
        cast(
            "RoadGraph",
            SimpleNamespace(
                tail=np.zeros(m, np.int32),
                t0_s=random.uniform(0.0, 60.0, m),
                capacity_pceh=random.uniform(50.0, 500.0, m),
                p0=p0,
                p1=random.choice([1.0, 2.5, 4.0, 8.0], m),
                fn=functions,
                preload_pceh=random.uniform(0.0, 100.0, m) * random.integers(0, 2, m),
            ),
        )
    )


def filled(seed: int, *, pairs: int = 6, links: int = 30, allowed: int = 10**7) -> PathPool:
    """A pool of random paths, one to four a pair, with random flows."""
    random = np.random.default_rng(seed)
    pool = PathPool(pairs, links, allowed_bytes=allowed)
    for _ in range(4):
        of = np.flatnonzero(random.random(pairs) < 0.8)
        if of.size == 0:
            continue
        paths = [
            random.choice(links, random.integers(1, 9), replace=False).astype(np.int32) for _ in of
        ]
        pool.append(
            of,
            start=np.concatenate(([0], np.cumsum([path.size for path in paths]))),
            links=np.concatenate(paths),
            fixed_cost_s=random.uniform(0.0, 5.0, links),
            flow_pceh=random.uniform(0.0, 300.0, of.size) * random.integers(0, 2, of.size),
        )
    return pool


def demand_of(pool: PathPool, pairs: int = 6) -> np.ndarray:
    state = pool.state()
    return np.bincount(state.pair, weights=state.flow_pceh, minlength=pairs)


def objective(pool: PathPool, links: LinkState) -> float:
    links.set_volumes(pool.volumes())
    state = pool.state()
    return links.sum_of_integrals() + float(state.fixed_s @ state.flow_pceh)


@given(
    seed=st.integers(0, 10**6),
    kinds=st.lists(st.sampled_from(list(CostFunction)), min_size=30, max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_a_sweep_never_raises_the_objective_and_keeps_every_trip(
    seed: int, kinds: list[CostFunction]
) -> None:
    links = links_of(np.array(kinds, dtype=np.uint8), seed)
    pool = filled(seed)
    before, trips = objective(pool, links), demand_of(pool)
    for pair in [*range(6), *range(6)]:
        pool.shift(np.array([pair]), links, negligible=0.0)
        after = objective(pool, links)
        assert after <= before + 1e-12 * abs(before)
        before = after
    np.testing.assert_allclose(demand_of(pool), trips, rtol=1e-12)
    assert (pool.flow_pceh >= 0.0).all()


def test_sweeps_end_where_no_path_in_use_is_dearer_than_the_cheapest() -> None:
    links = links_of(np.full(30, CostFunction.BPR, dtype=np.uint8), 3)
    pool = filled(3)
    links.set_volumes(pool.volumes())
    for _ in range(300):
        pool.shift(np.arange(6), links, negligible=0.0)
    pool.scan(links.time_s)
    total = pool.total_cost(links)
    assert 0.0 <= pool.excess[np.isfinite(pool.least_s)].sum() < 1e-9 * total


def test_times_after_shifts_are_those_of_the_volumes() -> None:
    links = links_of(np.full(30, CostFunction.BPR, dtype=np.uint8), 4)
    pool = filled(4)
    links.set_volumes(pool.volumes())
    pool.shift(np.arange(6), links, negligible=0.0)
    moving = links.time_s.copy()
    links.set_volumes(pool.volumes())
    np.testing.assert_allclose(moving, links.time_s, rtol=1e-9)


def test_a_pair_without_a_path_is_left_alone() -> None:
    links = links_of(np.full(30, CostFunction.BPR, dtype=np.uint8), 4)
    links.set_volumes(np.zeros(30))
    pool = PathPool(3, 30, allowed_bytes=10**7)
    pool.shift(np.arange(3), links, negligible=0.0)
    pool.scan(links.time_s)
    assert np.isinf(pool.least_s).all()
    assert pool.paths == 0


def test_compaction_changes_no_volume() -> None:
    pool = filled(5)
    before, trips = pool.volumes(), demand_of(pool)
    pool.compact()
    np.testing.assert_allclose(pool.volumes(), before, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(demand_of(pool), trips, rtol=1e-12)
    assert (pool.flow_pceh > 0.0).all()
    assert (np.diff(pool.state().pair) >= 0).all()


def test_an_earlier_state_is_not_touched_by_later_changes() -> None:
    links = links_of(np.full(30, CostFunction.BPR, dtype=np.uint8), 6)
    pool = filled(6)
    links.set_volumes(pool.volumes())
    state = pool.state()
    kept = state.pair.copy(), state.flow_pceh.copy(), state.start.copy(), state.length.copy()
    entries = state.links.copy()
    for _ in range(20):
        pool.shift(np.arange(6), links, negligible=0.0)
    pool.compact()
    pool.append(
        np.array([0]),
        start=np.array([0, 1]),
        links=np.array([1], np.int32),
        fixed_cost_s=np.zeros(30),
    )
    now = state.pair, state.flow_pceh, state.start, state.length
    for one, other in zip(kept, now, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(entries, state.links)


def test_a_pool_that_may_not_grow_says_how_much_it_needs() -> None:
    pool = filled(7, allowed=40_000)
    many = 2_000
    with pytest.raises(PathStoreTooLarge) as raised:
        pool.append(
            np.zeros(many, np.int64),
            start=np.arange(many + 1),
            links=np.zeros(many, np.int32),
            fixed_cost_s=np.zeros(30),
        )
    assert raised.value.needed > raised.value.allowed == 40_000
    assert "path_memory_bytes" in str(raised.value)


def test_unused_paths_give_their_room_to_new_ones() -> None:
    pool = filled(8, allowed=30_000)
    trips = demand_of(pool)
    for turn in range(200):
        pool.append(
            np.array([turn % 6]),
            start=np.array([0, 8]),
            links=np.arange(8, dtype=np.int32),
            fixed_cost_s=np.zeros(30),
        )
        if pool.paths > 250:
            pool.compact()
    np.testing.assert_allclose(demand_of(pool), trips, rtol=1e-12)
