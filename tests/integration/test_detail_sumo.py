"""Sub-areas in a real SUMO, started as a child process with an environment of its own."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from detail_samples import (
    CAR,
    LORRY,
    drive,
    equilibrium,
    grid,
    installed_sumo,
    path_state,
    street,
)

from simulations.traffic.detail import check, child, subarea
from simulations.traffic.detail.check import SumoOptions
from simulations.traffic.detail.closures import SuddenClosure, planned
from simulations.traffic.detail.departures import DepartureProfile, sample
from simulations.traffic.detail.subarea import links_around, links_within
from simulations.traffic.detail.sumo import plain_network
from simulations.traffic.edits import apply
from simulations.traffic.engine import PathEquilibrium
from simulations.traffic.examples import two_routes
from twin.errors import DetailError, ExtraMissingError
from twin.model.detail import spread
from twin.model.interventions import Intervention
from twin.model.network import Network
from twin.model.scenarios import Scenario
from twin.model.traffic import SolveOptions, TrafficResult

TRIPS = 560
DURATION_S = 1120.0
CLOSED_AT_S = 300.0
SHORT = SumoOptions(
    profile=DepartureProfile(duration_s=DURATION_S, warm_up_s=0.0), clearance_s=3600.0
)


@pytest.fixture(scope="module")
def sumo() -> child.Sumo:
    return installed_sumo()


def middle_street_case() -> tuple[Network, TrafficResult, tuple[int, ...]]:
    """A grid of 5 x 5, 560 trips of which every fourth ends on the middle street."""
    network, random = grid(), np.random.default_rng(1)
    middle = street(network, 10, 11, 12, 13, 14)
    others = [int(link) for link in network.link_id if link not in middle]
    routes = []
    while len(routes) < TRIPS:
        target = middle if len(routes) % 4 == 0 else others
        first, last = int(random.choice(others)), int(random.choice(target))
        routes.append(drive(network, first, last, random))
    flow = 3600.0 / DURATION_S
    return network, equilibrium(network, path_state(routes, [flow] * TRIPS)), middle


class Recorder:
    """Control that notes what it is told, and cancels once simulated time passes."""

    def __init__(self, *, cancel_in: str = "") -> None:
        self.phases: list[str] = []
        self.cancel_in = cancel_in

    def cancelled(self) -> bool:
        return self.cancel_in in self.phases

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        assert number >= 0
        assert np.isnan(relative_gap)
        self.phases.append(phase)


def test_a_sudden_closure_ends_with_every_trip_and_no_teleport(sumo: child.Sumo) -> None:
    network, static, middle = middle_street_case()
    closure = SuddenClosure(middle, at_s=CLOSED_AT_S)
    found = check.check(
        network, static, network.link_id, installed=sumo, sudden=[closure], options=SHORT
    )
    for run in found.runs:
        assert run.vehicles == TRIPS
        assert run.arrived + run.stranded == TRIPS
        assert run.teleports == run.waiting == run.driving == 0
        ending_there = TRIPS // 4
        assert 0.5 * ending_there < run.stranded < ending_there
    assert found.seeds == SHORT.seeds
    assert found.step_length_s == SHORT.step_length_s
    assert found.versions["sumo"].startswith("SUMO 1.")
    assert not found.warnings


def test_without_rerouting_mode_8_a_trip_into_the_closure_ends_the_run(
    sumo: child.Sumo, tmp_path: Path
) -> None:
    network, static, middle = middle_street_case()
    area = network.link_id
    trips = subarea.cut(network, static.paths, classes=static.classes, area=area)
    closure = SuddenClosure(middle, at_s=CLOSED_AT_S)
    inputs = check._Area(network, area, trips, (closure,), SHORT)
    departures = sample(trips, SHORT.profile, seed=1)
    plain = plain_network(network, area, classes=static.classes, driven=trips)
    watch = child.Watch(time.monotonic() + 60.0)
    net = child.convert(sumo, plain, folder=tmp_path, watch=watch)
    given = check._seed_input(inputs, departures, seed=1)
    assert given.options["device.rerouting.mode"] == "8"
    without = replace(given, options={"seed": "1"})
    with pytest.raises(DetailError, match=r"SUMO ended .* no valid route"):
        child.simulate(sumo, net, without, folder=tmp_path / "seed", watch=watch)


def test_drivers_who_need_not_end_on_the_closed_street_all_arrive(sumo: child.Sumo) -> None:
    network, static, middle = middle_street_case()
    through = [
        route for route in routes_of(static) if route[-1] not in middle and route[0] not in middle
    ]
    flow = [3600.0 / DURATION_S] * len(through)
    static = equilibrium(network, path_state(through, flow))
    closure = SuddenClosure(street(network, 11, 12), at_s=CLOSED_AT_S, until_s=900.0)
    found = check.check(
        network, static, network.link_id, installed=sumo, sudden=[closure], options=SHORT
    )
    for run in found.runs:
        assert run.arrived == run.vehicles == len(through)
        assert run.stranded == run.teleports == 0


def test_the_flow_in_the_simulation_is_that_of_the_equilibrium(sumo: child.Sumo) -> None:
    network, static, _ = middle_street_case()
    inner = links_within(network, x_m=400.0, y_m=400.0, radius_m=300.0)
    options = SumoOptions(profile=DepartureProfile(duration_s=1800.0, warm_up_s=300.0))
    found = check.check(network, static, inner, installed=sumo, options=options)
    mean = spread(found.flow_vehh).mean
    counted = found.static_flow_vehh * (1800.0 / 3600.0)
    five_sigma = 5.0 * np.sqrt(counted / len(options.seeds)) + 2.0
    assert np.all(np.abs(mean - found.static_flow_vehh) * 0.5 < five_sigma)
    assert np.nanmax(found.speed_kmh) < 60.0
    assert np.nanmin(found.time_loss_s) >= 0.0
    assert np.all(found.longest_queue_veh >= found.queue_veh)
    assert len({run.time_loss_s for run in found.runs}) == len(options.seeds)


def test_equal_seeds_give_equal_results(sumo: child.Sumo) -> None:
    network, static, _ = middle_street_case()
    area = links_within(network, x_m=400.0, y_m=400.0, radius_m=250.0)
    first, second = (
        check.check(network, static, area, installed=sumo, options=SHORT) for _ in range(2)
    )
    assert np.array_equal(first.speed_kmh, second.speed_kmh, equal_nan=True)
    assert np.array_equal(first.queue_veh, second.queue_veh)


def test_a_planned_closure_carries_nothing_and_lorries_keep_their_ban(sumo: child.Sumo) -> None:
    network, static, middle = middle_street_case()
    around = [route for route in routes_of(static) if not set(route) & set(middle)]
    half = len(around) // 2
    classes = [0] * half + [1] * (len(around) - half)
    paths = path_state(around, [6.0] * len(around), classes)
    scenario = planned(network, middle)
    found = check.check(
        scenario,
        equilibrium(scenario, paths, (CAR, LORRY)),
        network.link_id,
        installed=sumo,
        options=SHORT,
    )
    shut = np.isin(found.link_id, middle)
    assert np.all(found.flow_vehh[:, shut] == 0.0)
    assert np.all(np.isnan(found.speed_kmh[:, shut]))
    assert all(run.arrived == run.vehicles for run in found.runs)


def test_a_cancelled_check_ends_at_once_and_leaves_nothing(sumo: child.Sumo) -> None:
    network, static, _ = middle_street_case()
    control = Recorder(cancel_in="seed 2 of 5")
    long = replace(SHORT, profile=DepartureProfile(duration_s=20_000.0, warm_up_s=0.0))
    with pytest.raises(DetailError, match="cancelled"):
        check.check(network, static, network.link_id, installed=sumo, options=long, control=control)
    assert control.phases[-1] == "seed 2 of 5"
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = [Path(f"/proc/{each}/cmdline").read_text() for each in children]
    assert not [name for name in names if "sumo_child" in name]


def test_a_check_stops_at_its_time_limit(sumo: child.Sumo) -> None:
    network, static, _ = middle_street_case()
    endless = SumoOptions(
        profile=DepartureProfile(duration_s=500_000.0, warm_up_s=0.0), time_limit_s=3.0
    )
    with pytest.raises(DetailError, match="time limit"):
        check.check(network, static, network.link_id, installed=sumo, options=endless)


def test_where_sumo_is_missing_the_error_names_the_extra() -> None:
    with pytest.raises(ExtraMissingError, match=r"stadtzwilling\[sumo\]"):
        child.locate_sumo()
    with pytest.raises(ExtraMissingError, match="does not start"):
        child.locate_sumo("/nowhere/python")


def test_an_interpreter_may_be_named_by_a_relative_path(
    sumo: child.Sumo, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = Path(sumo.python)
    monkeypatch.chdir(python.parent)
    assert child.locate_sumo(f"./{python.name}") == sumo


def routes_of(static: TrafficResult) -> list[list[int]]:
    paths = static.paths
    return [
        paths.links[begin:end].tolist()
        for begin, end in zip(paths.start[:-1], paths.start[1:], strict=True)
    ]


def test_a_scenario_solved_by_the_engine_is_driven_with_its_own_routes(sumo: child.Sumo) -> None:
    network, demand = two_routes(cars_vehh=900.0)
    closed = Scenario("bridge closed", "today", (Intervention("close_asset", ("B1",)),))
    engine, options = PathEquilibrium(), SolveOptions(relative_gap=1e-6)
    base = engine.solve(network, demand, options=options)
    solved = engine.solve(network, demand, closed, options=options, warm=base)
    edited = apply(network, demand, closed).network
    area = links_around(network, np.array([1]), radius_m=2000.0)
    assert area.tolist() == network.link_id.tolist()
    profile = DepartureProfile(duration_s=900.0, warm_up_s=1200.0)
    then = check.check(
        edited,
        solved,
        area,
        installed=sumo,
        options=SumoOptions(profile=profile, clearance_s=1200.0),
    )
    after = spread(then.flow_vehh).mean
    bridge = [area.tolist().index(link) for link in (1, 4)]
    other = [area.tolist().index(link) for link in (2, 5)]
    assert np.all(base.volume_pceh[np.isin(base.link_id, [1, 4])] > 200.0)
    assert np.all(after[bridge] == 0.0)
    np.testing.assert_allclose(after[other], [900.0, 300.0], rtol=0.15)
    np.testing.assert_allclose(then.static_flow_vehh[other], [900.0, 300.0], rtol=1e-6)
    assert all(run.stranded == 0 for run in then.runs)
