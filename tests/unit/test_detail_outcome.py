"""Reading what the child processes wrote."""

import json

import numpy as np
import pytest
from detail_samples import CAR, grid, path_state

from simulations.traffic.detail import check, spillback, uxsim
from simulations.traffic.detail.departures import DepartureProfile, Departures
from simulations.traffic.detail.outcome import Outputs, measured, totals
from simulations.traffic.detail.subarea import cut
from twin.errors import DetailError
from twin.model.detail import spread

MEANS = """<meandata><interval begin="0" end="1800" id="means">
<edge id="100" sampledSeconds="900" speed="10" timeLoss="50" entered="4" departed="1"/>
<edge id="102" sampledSeconds="10" speed="5" timeLoss="0" entered="0" departed="0"/>
<edge id="unknown" sampledSeconds="900" speed="10" timeLoss="50" entered="4" departed="1"/>
</interval></meandata>"""
TRIPS = """<tripinfos>
<tripinfo id="0" arrival="90.00" arrivalLane="102_0" timeLoss="5" departDelay="1" vaporized=""/>
<tripinfo id="1" arrival="95.00" arrivalLane="100_0" timeLoss="7" departDelay="0" vaporized=""/>
<tripinfo id="2" arrival="99.00" arrivalLane="102_0" timeLoss="9" departDelay="2" vaporized="x"/>
<tripinfo id="3" arrival="-1.00" arrivalLane="" timeLoss="11" departDelay="1" vaporized=""/>
</tripinfos>"""
STATISTICS = '<statistics><vehicles running="1"/><teleports total="2"/></statistics>'
QUEUES = json.dumps({"mean": [0.5, 0.0, 0.0], "longest": [3.0, 0.0, 0.0]})


def outputs(**more: str) -> Outputs:
    texts = {"means": MEANS, "trips": TRIPS, "statistics": STATISTICS, "queues": QUEUES}
    return Outputs(**{**texts, **more})


def five_vehicles():
    network = grid(3)
    route = [100, 102]
    trips = cut(network, path_state([route], [1.0]), classes=(CAR,), area=network.link_id)
    return trips, Departures(np.zeros(5, dtype=np.int64), np.arange(5.0))


def test_means_become_rates_and_losses_per_vehicle() -> None:
    found = measured(outputs(), np.array([100, 101, 102]), period_s=1800.0)
    assert found.flow_vehh.tolist() == [10.0, 0.0, 0.0]
    np.testing.assert_equal(found.speed_kmh, [36.0, np.nan, 18.0])
    np.testing.assert_equal(found.time_loss_s, [10.0, np.nan, np.nan])
    assert found.queue_veh.tolist() == [0.5, 0.0, 0.0]


def test_every_planned_vehicle_ends_in_one_count() -> None:
    trips, departures = five_vehicles()
    run = totals(outputs(), trips, departures, seed=3, unable_to_start=2, seconds=1.5)
    assert (run.vehicles, run.arrived, run.stranded) == (7, 1, 4)
    assert (run.waiting, run.driving, run.teleports) == (1, 1, 2)
    assert run.vehicles == run.arrived + run.stranded + run.waiting + run.driving
    assert (run.time_loss_s, run.depart_delay_s) == (8.0, 1.0)


def test_counts_that_contradict_each_other_and_broken_files_are_errors() -> None:
    trips, departures = five_vehicles()
    more = {"seed": 3, "unable_to_start": 0, "seconds": 1.5}
    with pytest.raises(DetailError, match="contradict"):
        totals(outputs(statistics=STATISTICS.replace("1", "4", 1)), trips, departures, **more)
    with pytest.raises(DetailError, match="cannot be read"):
        totals(outputs(trips="<tripinfos>"), trips, departures, **more)


def test_a_spread_leaves_out_seeds_without_vehicles() -> None:
    found = spread(np.array([[1.0, np.nan, 4.0], [3.0, np.nan, np.nan]]))
    np.testing.assert_equal(found.mean, [2.0, np.nan, 4.0])
    np.testing.assert_equal(found.low, [1.0, np.nan, 4.0])
    np.testing.assert_equal(found.high, [3.0, np.nan, 4.0])


@pytest.mark.parametrize("seeds", [(), (1, 2, 3, 4), (1, 1, 2, 3, 4, 5)])
def test_fewer_than_five_different_seeds_are_refused(seeds: tuple[int, ...]) -> None:
    with pytest.raises(DetailError, match="at least 5 different seeds"):
        check.SumoOptions(seeds=seeds)


def test_steps_and_limits_must_be_positive() -> None:
    with pytest.raises(DetailError, match="step length"):
        check.SumoOptions(step_length_s=0.0)


@pytest.mark.parametrize("platoons", [(5,), (5, 5), (10, 5)])
def test_one_platoon_size_is_not_enough(platoons: tuple[int, ...]) -> None:
    with pytest.raises(DetailError, match="platoon sizes"):
        spillback.SpillbackOptions(platoons=platoons)


def test_platoons_carry_the_car_units_of_the_paths() -> None:
    network = grid(3)
    lorry = (CAR.__class__("heavy", 0, pce=2.0, mass_to_t=40.0),)
    paths = path_state([[100, 102]], [600.0])
    city = uxsim.city(network, paths, classes=lorry)
    profile = DepartureProfile(duration_s=3600.0, warm_up_s=0.0)
    job = uxsim.job(city, profile, platoon=5, seed=1, clearance_s=60.0)
    departures = job["departures"]
    assert isinstance(departures, list)
    assert len(departures) == 240
    with pytest.raises(DetailError, match="platoon"):
        uxsim.job(city, profile, platoon=0, seed=1, clearance_s=60.0)


def test_short_links_are_stretched_for_platoons_and_said_so() -> None:
    network = grid(3)
    network.length_m[0] = 20.0
    rows = np.arange(2)
    assert uxsim.drawn_length(network, rows, 5).tolist() == pytest.approx([69.444, 200.0], abs=0.01)
    city = uxsim.city(network, path_state([[100, 102]], [60.0]), classes=(CAR,))
    zeros = [0.0] * len(network.link_id)
    answer = json.dumps({"longest": zeros, "mean": zeros, "full_s": zeros, "states": {"end": 5}})
    found = uxsim.result(
        city, {5: answer, 10: answer}, seed=1, period_s=60.0, version="1", mode="C++"
    )
    assert found.warnings == ("1 links are shorter than a platoon needs and were stretched",)
    assert not found.spills_back().any()
    assert found.platoon_spread == 0.0
