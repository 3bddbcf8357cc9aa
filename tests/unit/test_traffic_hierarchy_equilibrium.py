"""The equilibrium does not depend on how its cheapest paths are found."""

import grids
import numpy as np
import pytest

from simulations.traffic.engine import engine
from twin.model.traffic import SolveOptions


@pytest.mark.parametrize("lorries", [False, True])
def test_hierarchy_and_dijkstra_lead_to_the_same_equilibrium(*, lorries: bool) -> None:
    case = grids.grid(10, zones=20, destinations=8, load=0.8)
    if lorries:
        case = grids.with_lorries(case)
    one, other = (
        engine.solve(
            case.network,
            case.demand,
            options=SolveOptions(relative_gap=1e-8, pricing=pricing),
        )
        for pricing in ("hierarchy", "dijkstra")
    )
    assert one.status == other.status == "converged"
    assert one.objective == pytest.approx(other.objective, rel=1e-7)
    grows = one.is_flow_dependent
    np.testing.assert_allclose(one.volume_pceh[grows], other.volume_pceh[grows], atol=1.0)
