"""Demand follows counts, and only counts that were put aside praise it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from simulations.traffic import fit as fits
from simulations.traffic.adjustment import (
    Target,
    adjust,
    counted_shares,
    misfit,
    modelled,
    units_of,
)
from simulations.traffic.engine import engine
from simulations.traffic.estimate import EstimateOptions, calibrate, fit
from simulations.traffic.examples import two_routes
from simulations.traffic.trust import bands, link_labels
from twin.errors import NetworkError
from twin.model.traffic import LinkCounts, SolveOptions

SOLVE = SolveOptions(threads=1)
OPTIONS = EstimateOptions(solve=SOLVE)


def counts(*rows, group="all") -> LinkCounts:
    """Rows of station, link and volume, with a deviation of 5 %."""
    flow = np.array([row[2] for row in rows], dtype=float)
    return LinkCounts(
        station=tuple(row[0] for row in rows),
        link_id=np.array([row[1] for row in rows], dtype=np.int64),
        flow_vehh=flow,
        deviation_vehh=0.05 * flow,
        class_group=(group,) * len(rows),
    )


class Watch:
    """Stops after some reports and remembers them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.seen: list[tuple[str, int]] = []

    def cancelled(self) -> bool:
        return len(self.seen) >= self.most

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        del relative_gap
        self.seen.append((phase, number))


@st.composite
def problems(draw):
    size, rows = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    cells = st.floats(0, 1)
    share = np.array(draw(st.lists(cells, min_size=size * rows, max_size=size * rows)))
    trips = st.just(0.0) | st.floats(1e-3, 1e3)
    demand = np.array(draw(st.lists(trips, min_size=size, max_size=size)))
    count = np.array(draw(st.lists(st.floats(0, 1e3), min_size=rows, max_size=rows)))
    return csr_array(share.reshape(rows, size)), demand, count


@given(problems(), st.integers(1, 6), st.sampled_from([np.inf, 2.0, 0.4]))
def test_steps_keep_demand_positive_and_never_raise_the_goal(problem, steps, variation):
    share, demand, count = problem
    target = Target(count, np.full(len(count), 10.0), demand, variation)

    def goal(d):
        known = demand > 0
        prior = np.square((d - demand)[known] / (demand[known] * variation)).sum() / 2
        return misfit(share @ d, target) + prior

    before = goal(demand)
    after = adjust(share, demand, target, steps=steps)
    assert (after[demand > 0] > 0).all()
    assert (after[demand == 0] == 0).all()
    assert goal(after) <= before * (1 + 1e-9) + 1e-12


def test_a_tight_prior_holds_the_demand_and_a_loose_one_lets_go():
    share, count = csr_array(np.ones((1, 1))), np.array([200.0])
    prior = np.array([100.0])
    found = [
        float(adjust(share, prior, Target(count, np.array([10.0]), prior, v), steps=60)[0])
        for v in (np.inf, 0.1, 0.001)
    ]
    assert found[0] == pytest.approx(200.0, rel=1e-3)
    # Prior and count are equally sure: half way.
    assert found[1] == pytest.approx(150.0, rel=1e-3)
    assert found[2] == pytest.approx(100.0, abs=0.1)


def test_shares_times_demand_give_the_flows_of_the_equilibrium():
    network, demand = two_routes(lorries_vehh=200.0)
    result = engine.solve(network, demand, options=SOLVE)
    here = counts(("A", 1, 1.0), ("B", 2, 1.0), ("C", 3, 1.0))
    for group, apart in (("all", False), ("heavy", True), ("all", True)):
        some = replace(here, class_group=(group,) * 3)
        units = units_of(demand, is_heavy_apart=apart)
        share = counted_shares(result.paths, demand, some, units=units)
        np.testing.assert_allclose(
            share @ units.sums(demand), modelled(result, some), rtol=1e-9, atol=1e-9
        )


def test_a_count_of_the_only_road_is_met():
    network, demand = two_routes()
    after, result, rounds = fit(network, demand, counts(("A", 3, 2400.0)), options=OPTIONS)
    assert modelled(result, counts(("A", 3, 1.0)))[0] == pytest.approx(2400.0, rel=1e-3)
    assert rounds[0].number == 0
    errors = [item.misfit for item in rounds if item.is_accepted]
    assert errors == sorted(errors, reverse=True)
    assert len(after.flow_vehh) == len(demand.flow_vehh)


def test_a_pair_without_demand_keeps_none():
    network, demand = two_routes()
    flow = demand.flow_vehh.copy()
    back = demand.origin == 3
    flow[back] = 0.0
    demand = replace(demand, flow_vehh=flow)
    some = counts(("A", 3, 2000.0), ("A", 6, 500.0))
    after, _, _ = fit(network, demand, some, options=OPTIONS)
    assert (after.flow_vehh[back] == 0.0).all()


def test_without_heavy_counts_each_pair_keeps_its_heavy_share():
    network, demand = two_routes(lorries_vehh=300.0)
    found = calibrate(network, demand, counts(("A", 3, 2000.0), ("B", 6, 900.0)), options=OPTIONS)
    ratio = found.demand.flow_vehh / demand.flow_vehh
    for origin in np.unique(demand.origin):
        assert np.ptp(ratio[demand.origin == origin]) < 1e-12
    assert any("share of heavy vehicles" in text for text in found.report.assumptions)


def test_heavy_counts_move_heavy_vehicles_only():
    network, demand = two_routes(lorries_vehh=300.0)
    cars = demand.class_index == 0
    everyone = float(demand.flow_vehh[(demand.origin == 1) & cars].sum() + 300.0)
    some = counts(("A", 3, everyone), ("A", 3, 450.0))
    some = replace(some, class_group=("all", "heavy"))
    after, result, _ = fit(network, demand, some, options=replace(OPTIONS, prior_variation=np.inf))
    np.testing.assert_allclose(modelled(result, some), [everyone, 450.0], rtol=0.02)
    assert after.flow_vehh[~cars].sum() == pytest.approx(450.0, rel=0.02)


def test_few_stations_are_left_out_one_by_one():
    network, demand = two_routes()
    some = counts(("A", 3, 2400.0), ("B", 6, 900.0))
    report = calibrate(network, demand, some, options=OPTIONS).report
    assert report.judgement == "leave_one_station_out"
    assert report.reserve_after.rows == 2
    # Nothing but its own count knows about the other direction.
    assert report.used_after.rmse_percent < 1.0
    assert report.reserve_after.rmse_percent > report.used_after.rmse_percent


def test_a_single_station_proves_nothing():
    network, demand = two_routes()
    report = calibrate(network, demand, counts(("A", 3, 2400.0)), options=OPTIONS).report
    assert not report.is_calibrated
    assert "nothing proves the fit" in report.objections[0]


def test_directions_of_a_station_are_put_aside_together():
    stations = [f"S{number}" for number in range(40) for _ in range(2)]
    reserve = fits.reserve_stations(stations)
    assert len(reserve) == 8
    assert reserve == fits.reserve_stations(stations[::-1])
    assert len(fits.reserve_stations([f"S{number}" for number in range(25)])) == 5


def test_links_are_observed_near_or_inferred():
    network, demand = two_routes()
    result = engine.solve(network, demand, options=SOLVE)
    labels = dict(
        zip(network.link_id.tolist(), link_labels(result, counts(("A", 1, 1.0))), strict=True)
    )
    assert labels[1] == "observed"
    assert labels[3] == "near"
    assert labels[2] == "inferred"
    assert labels[6] == "inferred"


def test_the_band_of_a_counted_link_is_that_of_its_counter():
    network, demand = two_routes()
    found = calibrate(network, demand, counts(("A", 3, 2400.0), ("B", 6, 900.0)), options=OPTIONS)
    row = int(np.flatnonzero(network.link_id == 3)[0])
    half = (found.report.high_vehh - found.report.low_vehh)[row] / 2
    misfit = abs(found.result.flow_vehh.sum(axis=0)[row] - 2400.0)
    assert half == pytest.approx(1.645 * 120.0 + misfit, rel=1e-3)
    assert (found.report.low_vehh <= found.report.high_vehh).all()


def test_the_band_of_a_counted_link_holds_its_count_however_wrong_the_model_is():
    """Links 1 and 2 join in link 3; its count and theirs contradict each other."""
    network, demand = two_routes()
    stated = counts(("A", 1, 1000.0), ("B", 2, 1000.0), ("C", 3, 3000.0), ("D", 3, 2900.0))
    result = engine.solve(network, demand, options=SOLVE)
    flat = fits.score(np.array([1.0]), np.array([1.0]))
    low, high = bands(result, stated, link_labels(result, stated), before=flat, after=flat)
    for link, count in zip(stated.link_id.tolist(), stated.flow_vehh.tolist(), strict=True):
        assert low[link - 1] <= count <= high[link - 1]


def test_geh_of_the_textbook():
    assert fits.geh(np.array([1100.0]), np.array([1000.0]))[0] == pytest.approx(3.0861, abs=5e-5)


@given(st.floats(0.01, 1e4), st.floats(0.1, 20))
def test_the_ends_of_a_band_have_the_geh_that_was_asked_for(flow, level):
    low, high = fits.geh_band(np.array([flow]), level)
    assert fits.geh(np.array([flow]), high)[0] == pytest.approx(level, rel=1e-6)
    assert low[0] == 0 or fits.geh(np.array([flow]), low)[0] == pytest.approx(level, rel=1e-6)


def test_a_better_score_alone_does_not_calibrate():
    before = fits.Score(20, 0.5, 40.0, 0.1, 9.0)
    after = fits.Score(20, 0.8, 20.0, 0.02, 6.0)
    preset = fits.PRESETS["calibrated"]
    assert fits.objections(before, after, preset=preset, share_good=0.85) == []
    assert "85%" in fits.objections(before, after, preset=preset, share_good=0.84)[0]
    worse = replace(after, rmse_percent=40.0)
    assert "must fall" in fits.objections(before, worse, preset=preset, share_good=0.9)[0]
    strict = fits.PRESETS["main_roads"]
    biased = replace(after, bias=0.06)
    assert "missed by" in fits.objections(before, biased, preset=strict, share_good=0.9)[0]


def test_all_impossible_counts_are_named():
    network, demand = two_routes()
    some = counts(("A", 99, 10.0), ("B", 3, -5.0))
    with pytest.raises(NetworkError) as caught:
        calibrate(network, demand, some, options=OPTIONS)
    assert "station A: link 99 is not in the network" in str(caught.value)
    assert "station B: count -5" in str(caught.value)


def test_no_counts_at_all_are_refused():
    network, demand = two_routes()
    with pytest.raises(NetworkError, match="there is no count"):
        calibrate(network, demand, counts(), options=OPTIONS)


def test_a_cancelled_calibration_returns_what_it_has_and_says_so():
    network, demand = two_routes()
    some = counts(("A", 3, 2400.0), ("B", 6, 900.0))
    watch = Watch(most=3)
    found = calibrate(network, demand, some, options=OPTIONS, control=watch)
    assert found.result.status == "cancelled"
    assert [phase for phase, _ in watch.seen] == ["prior", "fit", "fit"]
    assert found.demand.flow_vehh.sum() != demand.flow_vehh.sum()
    assert not found.report.is_calibrated


def test_a_calibration_is_repeatable_to_the_last_bit():
    network, demand = two_routes(lorries_vehh=100.0)
    some = counts(("A", 3, 2400.0), ("B", 1, 1500.0))
    one = calibrate(network, demand, some, options=OPTIONS)
    two = calibrate(network, demand, some, options=OPTIONS)
    assert one.demand.content_hash() == two.demand.content_hash()
    np.testing.assert_array_equal(one.result.flow_vehh, two.result.flow_vehh)
