"""Spillback in UXsim against conservation and the speed of a kinematic wave.

A street of four links of 600 m and one lane; the third lets out 600 veh/h, 1200 veh/h come for
half an hour. By conservation 300 vehicles stand at the end of that time. A queue that moves at
600 veh/h has 0.2 - 600/3600/5 = 0.167 veh/m (triangular relation, jam 0.2 veh/m, wave 5 m/s), the
traffic before it 1200/3600/13.9 = 0.024 veh/m, so that its end goes back at
(1200 - 600)/3600/(0.167 - 0.024) = 1.17 m/s. Tolerances: two platoons of ten at each end of the
queue, as vehicles are counted in platoons; and five minutes, for samples of one minute and
platoons that pass a link's end together.
"""

import time
from dataclasses import replace

import numpy as np
import pytest
from detail_samples import chain, equilibrium, grid, path_state, peers_python

from simulations.traffic.detail import child, spillback
from simulations.traffic.detail.departures import DepartureProfile
from simulations.traffic.detail.spillback import SpillbackOptions
from twin.errors import DetailError, ExtraMissingError

WAVE_M_S = 1.168
FIRST_ARRIVAL_S = 3 * 600.0 / (50.0 / 3.6)
FULL = 0.9
HALF_HOUR = DepartureProfile(duration_s=1800.0, warm_up_s=0.0)
OPTIONS = SpillbackOptions(profile=HALF_HOUR, clearance_s=0.0)


def bottleneck(inflow_vehh: float):
    network = grid(5)
    route = chain(network, 0, 1, 2, 3, 4)
    network = replace(
        network,
        x_m=network.x_m * 3.0,
        length_m=np.full(len(network.link_id), 600.0),
        capacity_pceh=np.where(network.link_id == route[2], 600.0, 1800.0),
    )
    return network, equilibrium(network, path_state([route], [inflow_vehh])), route


@pytest.fixture(scope="module")
def uxsim() -> child.Uxsim:
    return child.locate_uxsim(peers_python())


def test_a_queue_is_the_balance_of_its_bottleneck_and_spills_back(uxsim: child.Uxsim) -> None:
    network, static, route = bottleneck(1200.0)
    found = spillback.check(network, static, installed=uxsim, options=OPTIONS)
    columns = [int(np.flatnonzero(found.link_id == link)[0]) for link in route]
    for row, platoon in enumerate(found.platoons):
        assert abs(found.longest_queue_veh[row, columns].sum() - 300.0) <= 40.0, platoon
        for upstream, column in enumerate(reversed(columns[:3])):
            reached_s = FIRST_ARRIVAL_S + (upstream + FULL) * 600.0 / WAVE_M_S
            expected_s = 1800.0 - reached_s
            assert found.full_s[row, column] == pytest.approx(expected_s, abs=300.0), platoon
    assert not found.spills_back()[columns[3]]
    assert found.vehicles == (600, 600)
    assert found.platoon_spread < 0.2
    assert "1.1" in found.versions["uxsim"]


def test_below_capacity_nothing_spills_back(uxsim: child.Uxsim) -> None:
    network, static, _ = bottleneck(400.0)
    options = replace(OPTIONS, clearance_s=600.0)
    found = spillback.check(network, static, installed=uxsim, options=options)
    assert not found.spills_back().any()
    assert found.arrived == found.vehicles


def test_a_city_check_stops_at_its_limit_and_names_a_missing_extra(uxsim: child.Uxsim) -> None:
    network, static, _ = bottleneck(400.0)
    options = replace(OPTIONS, time_limit_s=0.2)
    begun = time.monotonic()
    with pytest.raises(DetailError, match="time limit"):
        spillback.check(network, static, installed=uxsim, options=options)
    assert time.monotonic() > begun
    with pytest.raises(ExtraMissingError, match=r"stadtzwilling\[uxsim\]"):
        child.locate_uxsim()
