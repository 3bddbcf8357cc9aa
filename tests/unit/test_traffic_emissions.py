"""Emissions from the user's own table, and none without."""

from dataclasses import replace

import numpy as np
import pytest

from simulations.traffic.emissions import LABEL, EmissionTable, emissions
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from twin.errors import ModelError
from twin.model.traffic import SolveOptions

TABLE = EmissionTable(
    pollutant="CO2",
    classes=("lorry", "car"),
    speed_kmh=np.array([20.0, 40.0, 50.0]),
    factor_g_km=np.array([[900.0, 700.0, 650.0], [220.0, 160.0, 150.0]]),
    fitting_error=(0.2, 0.1),
    tool_version="1.28",
)


def test_factors_are_interpolated_at_the_speed_of_the_link() -> None:
    network, demand = two_routes(cars_vehh=300.0)
    result = engine.solve(network, demand, options=SolveOptions())
    found = emissions(result, network, TABLE)
    assert found is not None
    speed = 6000.0 / result.time_s[0] * 3.6
    factor = 220.0 + (speed - 20.0) * (160.0 - 220.0) / 20.0
    assert found.mass_g_h[0, 0] == pytest.approx(result.flow_vehh[0, 0] * 6.0 * factor)
    assert found.mass_g_h[0, 2] == pytest.approx(300.0 * 150.0)
    assert (found.label, found.fitting_error, found.tool_version) == (LABEL, (0.1,), "1.28")
    assert 0.0 < found.outside_share < 1.0


def test_without_a_table_there_is_no_number() -> None:
    network, demand = two_routes()
    result = engine.solve(network, demand, options=SolveOptions())
    assert emissions(result, network, None) is None


def test_a_table_that_lacks_a_class_or_does_not_fit_is_refused() -> None:
    network, demand = two_routes()
    result = engine.solve(network, demand, options=SolveOptions())
    lorries = replace(
        TABLE, classes=("lorry",), factor_g_km=TABLE.factor_g_km[:1], fitting_error=(0.2,)
    )
    with pytest.raises(ModelError, match="no factors for car"):
        emissions(result, network, lorries)
    with pytest.raises(ModelError, match="rising speeds"):
        replace(TABLE, speed_kmh=np.array([20.0, 20.0, 50.0]))
    with pytest.raises(ModelError, match="shape"):
        replace(TABLE, fitting_error=(0.1,))
