"""Every installed traffic engine keeps the promises of ``twin.ports.TrafficEngine``."""

from typing import cast

import numpy as np
import pytest

from simulations.traffic.examples import two_routes
from twin.errors import ScenarioError
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.traffic import SolveOptions
from twin.plugins import find, load
from twin.ports import TrafficEngine

FINE = SolveOptions(relative_gap=1e-9, threads=1)
CLOSED = Scenario("bridge closed", "today", (Intervention("close_asset", ("B1",)),))


@pytest.fixture(params=sorted(find("traffic_engines")))
def engine(request: pytest.FixtureRequest) -> TrafficEngine:
    return cast("TrafficEngine", load("traffic_engines", request.param))


def test_it_says_who_it_is(engine: TrafficEngine) -> None:
    assert engine.name
    assert engine.version


def test_base_and_closure_serve_the_same_trips(engine: TrafficEngine) -> None:
    network, demand = two_routes(lorries_vehh=100.0)
    base = engine.solve(network, demand, options=FINE)
    closed = engine.solve(network, demand, CLOSED, options=FINE, warm=base)
    row = {int(link): at for at, link in enumerate(closed.link_id)}
    assert closed.volume_pceh[row[1]] == closed.volume_pceh[row[4]] == 0.0
    assert base.volume_pceh[row[1]] > 0.0
    np.testing.assert_allclose(closed.served_vehh, base.served_vehh)
    assert closed.relative_gap <= FINE.relative_gap
    assert closed.input_hash != base.input_hash
    assert closed.objective > base.objective


def test_a_scenario_without_effect_is_refused(engine: TrafficEngine) -> None:
    network, demand = two_routes()
    with pytest.raises(ScenarioError):
        engine.solve(network, demand, Scenario("nothing", "today"), options=FINE)


def test_a_run_is_estimated_before_it_begins(engine: TrafficEngine) -> None:
    network, demand = two_routes()
    found = engine.estimate(network, demand, FINE)
    assert found.seconds > 0.0
    assert found.memory_bytes > 0
