"""A pass as one compiled call does what its calls do one by one."""

import grids
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.traffic.assign.solve import Equilibrium, Problem, _Run, problem
from simulations.traffic.demand import pairs
from simulations.traffic.graph import build
from twin.errors import PathStoreTooLarge
from twin.model.traffic import SolveOptions

AMPLE_BYTES = 10**8
OPTIONS = SolveOptions(relative_gap=1e-9, pricing="dijkstra")


def posed(case: grids.Case) -> Problem:
    graph = build(case.network, case.demand.classes)
    return problem(graph, pairs(graph, case.demand))


def found(task: Problem, *, at_once: bool = True, allowed_bytes: int = AMPLE_BYTES) -> Equilibrium:
    run = _Run(task, OPTIONS, None, threads=numba.get_num_threads(), allowed_bytes=allowed_bytes)
    if not at_once:
        run._passes_at_once = None
    equilibrium, status = run.solve(None)
    assert status == "converged"
    return equilibrium


@given(
    st.integers(3, 7),
    st.integers(2, 12),
    st.floats(0.2, 1.2),
    st.integers(0, 1000),
    st.integers(0, 1),
)
@settings(max_examples=25, deadline=None)
def test_both_ways_give_the_same_volumes_within_the_certificate(
    side: int, zones: int, load: float, seed: int, lorries: int
) -> None:
    case = grids.grid(side, zones=min(zones, side * side), destinations=4, load=load, seed=seed)
    task = posed(grids.with_lorries(case) if lorries else case)
    one, other = found(task), found(task, at_once=False)
    assert one.objective == pytest.approx(other.objective, rel=1e-8)
    assert one.objective >= other.lower_bound * (1 - 1e-12)
    grows = task.graph.is_flow_dependent
    np.testing.assert_allclose(one.volume_pceh[grows], other.volume_pceh[grows], atol=1.0)


def test_paths_beyond_the_first_columns_change_no_bit() -> None:
    task = posed(grids.grid(12, zones=40, destinations=20, load=0.8))
    ample = found(task)
    tight = found(task, allowed_bytes=8 * ample.flows.links.size + 100 * ample.flows.pair.size)
    np.testing.assert_array_equal(tight.volume_pceh, ample.volume_pceh)


def test_a_store_that_is_too_small_is_told_with_what_it_needs() -> None:
    task = posed(grids.grid(12, zones=40, destinations=20, load=0.8))
    with pytest.raises(PathStoreTooLarge) as raised:
        found(task, allowed_bytes=20_000)
    assert "MB" in str(raised.value)
