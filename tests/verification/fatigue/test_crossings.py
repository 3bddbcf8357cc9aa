"""Vehicles on bridges: FLM3, tools A, B and C against each other and against numpy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verification.fatigue.streams import (
    FLM3_LOADS_KN,
    FLM3_OFFSETS_M,
    detail,
    mid_span,
    over_support,
    reaction,
    response,
    stream,
)

from simulations.structure.crossings import CrossingDamage, crossing_damage, simplified
from simulations.structure.details import DynamicFactor, NotAssessable
from simulations.structure.miner import miner_sum
from simulations.structure.rainflow import Rainflow, count_cycles
from simulations.structure.response import DayDamage, day_damage, sampled_history, utilisation
from simulations.structure.sn import sn_curve
from simulations.structure.templates import template_damage, unit_table
from simulations.structure.weights import SampledTraffic, VehicleTemplate, sample_traffic
from twin.errors import ModelError
from twin.model.structure import AxleStream, InfluenceLine

FLM3 = VehicleTemplate(
    key="flm3", mass_distribution_id="flm3", share=1.0, offset_m=FLM3_OFFSETS_M,
    load_share=FLM3_LOADS_KN / FLM3_LOADS_KN.sum(), mass_mean_t=48.9, mass_sd_t=1.0,
    mass_from_t=40.0, mass_to_t=60.0, source="EN 1991-2, 4.6.4", is_verified=False,
)  # fmt: skip
FLM3_DAMAGE = 0.114447 / 0.5e6


def crossed(vehicles: AxleStream, *lines: InfluenceLine, **more: Any) -> CrossingDamage:
    found = crossing_damage(vehicles, detail(*lines, **more))
    assert isinstance(found, CrossingDamage)
    return found


def of_day(vehicles: AxleStream, *lines: InfluenceLine, **more: Any) -> DayDamage:
    found = day_damage(vehicles, detail(*lines, **more))
    assert isinstance(found, DayDamage)
    return found


def random_traffic(seed: int, *, flow_vehh: float = 120.0, hours: int = 1) -> SampledTraffic:
    return sample_traffic(
        {"hgv_26_40": [flow_vehh] * hours, "hgv_12_26": [flow_vehh / 2] * hours},
        speed_ms=22.0,
        lane_shares=[0.8, 0.2],
        seed=seed,
    )


def test_fatigue_load_model_3_has_the_damage_of_the_hand_calculation() -> None:
    found = crossed(stream([0.0]))
    assert found.highest[0] == pytest.approx(2_736.0, rel=1e-12)
    assert 0.02 * found.highest[0] == pytest.approx(54.72, rel=1e-12)
    assert found.damage[0] == pytest.approx(FLM3_DAMAGE, rel=1e-5)


def test_templates_give_the_same_for_fatigue_load_model_3() -> None:
    traffic = SampledTraffic(stream([0.0, 9.0]), np.zeros(2, dtype=np.int64), (FLM3,), ())
    found = template_damage(traffic, detail())
    assert isinstance(found, CrossingDamage)
    np.testing.assert_allclose(found.damage, FLM3_DAMAGE, rtol=1e-5)


def test_a_day_of_separate_vehicles_adds_up_to_the_same() -> None:
    found = of_day(stream(np.arange(0.0, 2_000.0, 10.0)))
    assert found.total == pytest.approx(200 * FLM3_DAMAGE, rel=0.005)
    assert found.total == pytest.approx(200 * FLM3_DAMAGE, rel=1e-5)


def test_a_heavy_lorry_both_ways_has_the_moment_of_the_hand_calculation() -> None:
    loads, offsets = (
        np.array([75.0, 100.0, 85.0, 85.0, 85.0]),
        np.array([0.0, 3.6, 9.0, 10.3, 11.6]),
    )
    for speed in (15.0, -15.0):
        found = crossed(stream([0.0], offsets_m=offsets, loads_kn=loads, speed_ms=speed))
        assert found.highest[0] == pytest.approx(2_451.75, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_tool_b_agrees_with_numpy_at_small_steps_and_all_nodes(seed: int) -> None:
    traffic = random_traffic(seed, flow_vehh=20.0).stream
    line = over_support()
    tested = detail(line)
    found = crossing_damage(traffic, tested)
    assert isinstance(found, CrossingDamage)
    for row in range(0, len(traffic), 5):
        axles = slice(traffic.first_axle[row], traffic.first_axle[row + 1])
        offsets, loads = traffic.axle_offset_m[axles], traffic.axle_load_kn[axles]
        nodes = (line.x_m[:, None] + offsets).ravel()
        places = np.union1d(nodes, np.arange(0.0, 60.0 + offsets[-1], 0.5))
        values = np.interp(places[:, None] - offsets, line.x_m, line.y, left=0, right=0) @ loads
        cycles = count_cycles(np.concatenate(([0.0], values, [0.0])), curve=tested.curve)
        expected = miner_sum(cycles, tested.curve, scale=tested.stress_mpa)
        assert found.damage[row] == pytest.approx(expected, rel=1e-4)
        assert found.lowest[row] == pytest.approx(values.min(), rel=1e-4)


@pytest.mark.parametrize("line", [mid_span(), over_support(), reaction()])
def test_tools_a_and_b_agree_for_vehicles_of_the_templates(line: InfluenceLine) -> None:
    traffic = random_traffic(4)
    modulus = 0.05 if line.effect == "moment" else 0.005
    tested = detail(line, modulus_m3=modulus)
    slow, fast = crossing_damage(traffic.stream, tested), template_damage(traffic, tested)
    assert isinstance(slow, CrossingDamage)
    assert isinstance(fast, CrossingDamage)
    assert slow.total > 0.0
    np.testing.assert_allclose(fast.damage, slow.damage, rtol=1e-6)


def test_a_line_that_begins_with_a_jump_counts_the_jump() -> None:
    found = crossed(
        stream([0.0], offsets_m=np.array([0.0]), loads_kn=np.array([100.0])), reaction()
    )
    assert found.highest[0] == pytest.approx(100.0)
    backwards = stream([0.0], offsets_m=np.zeros(1), loads_kn=np.array([100.0]), speed_ms=-10.0)
    assert crossed(backwards, reaction()).highest[0] == pytest.approx(100.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_day_history_is_that_of_numpy_at_a_thousand_hertz(seed: int) -> None:
    traffic = random_traffic(seed, flow_vehh=400.0).stream
    keep = traffic.time_s < 300.0
    few = stream(traffic.time_s[keep], lane=traffic.lane[keep], speed_ms=traffic.speed_ms[keep])
    few.speed_ms[::3] *= -1.0
    lines = {1: over_support(lane=1), 2: mid_span(60.0, lane=2)}
    tested = detail(*lines.values())
    found = day_damage(few, tested, tolerance=1e-9)
    assert isinstance(found, DayDamage)
    at_s = np.arange(-20.0, 330.0, 1e-3)
    values = response(few, lines, at_s)
    assert found.highest == pytest.approx(values.max(), rel=2e-3)
    assert found.lowest == pytest.approx(values.min(), rel=2e-3)
    fine = Rainflow(tested.curve)
    fine.feed(tested.stress_mpa * values)
    assert found.total == pytest.approx(fine.closed_damage + fine.residue_damage, rel=5e-3)
    history = sampled_history(few, tested, start_s=-20.0, seconds=350.0, rate_hz=20.0)
    assert not isinstance(history, NotAssessable)
    np.testing.assert_allclose(history, values[::50], atol=0.02 * values.max())
    assert np.abs(history - values[::50]).mean() < 1e-3 * values.max()


def test_without_meetings_and_with_one_sign_crossings_and_days_agree() -> None:
    traffic = random_traffic(2, flow_vehh=60.0).stream
    apart = stream(np.arange(0.0, 3_000.0, 12.0), speed_ms=20.0)
    assert of_day(apart).total == pytest.approx(crossed(apart).total, rel=0.005)
    assert of_day(traffic).total >= 0.9 * crossed(traffic).total


def test_with_two_signs_a_day_has_at_least_the_damage_of_its_crossings() -> None:
    apart = stream(np.arange(0.0, 3_000.0, 12.0), speed_ms=20.0)
    curve = sn_curve(36.0)
    day = of_day(apart, over_support(), curve=curve)
    assert day.total >= crossed(apart, over_support(), curve=curve).total * (1.0 - 1e-3)


def test_dense_traffic_has_more_damage_than_its_vehicles_alone() -> None:
    traffic = random_traffic(1, flow_vehh=1_500.0)
    alone = template_damage(traffic, detail())
    assert isinstance(alone, CrossingDamage)
    assert alone.total <= of_day(traffic.stream).total


def test_streams_one_after_the_other_go_on_in_one_counter() -> None:
    tested = detail(over_support(), curve=sn_curve(36.0))
    times = np.arange(0.0, 900.0, 7.0)
    whole = day_damage(stream(times), tested)
    counter = Rainflow(tested.curve)
    parts = [day_damage(stream(piece), tested, counter=counter)
             for piece in np.split(times, [40, 90])]  # fmt: skip
    assert isinstance(whole, DayDamage)
    assert all(isinstance(one, DayDamage) for one in parts)
    closed = sum(one.closed_damage for one in parts if isinstance(one, DayDamage))
    assert closed + counter.residue_damage == pytest.approx(whole.total, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.floats(1.0, 3.0), st.integers(0, 5))
def test_heavier_vehicles_never_do_less_damage(factor: float, seed: int) -> None:
    light = random_traffic(seed, flow_vehh=20.0).stream
    heavy = replace(light, axle_load_kn=factor * light.axle_load_kn)
    assert np.all(crossed(heavy).damage >= crossed(light).damage * (1.0 - 1e-12))


def test_doubled_weights_multiply_damage_by_eight_and_at_most_by_twentyseven() -> None:
    """Above the knee by 8; 32 cannot occur, see the S-N tests."""
    above, across = stream([0.0], loads_kn=FLM3_LOADS_KN), stream([0.0], loads_kn=np.full(4, 65.0))
    for vehicles, least, most in ((above, 8.0, 8.0), (across, 8.0, 26.52)):
        doubled = replace(vehicles, axle_load_kn=2.0 * vehicles.axle_load_kn)
        ratio = crossed(doubled).total / crossed(vehicles).total
        assert least * (1.0 - 1e-9) <= ratio <= most * (1.0 + 1e-9)


def test_an_added_lorry_never_lowers_the_damage_of_tools_a_and_b() -> None:
    traffic = random_traffic(3, flow_vehh=50.0)
    fewer = stream([0.0, 5.0])
    assert crossed(stream([0.0, 5.0, 7.0])).total >= crossed(fewer).total
    assert np.all(crossed(traffic.stream).damage >= 0.0)


def test_a_measured_dynamic_factor_scales_and_is_named() -> None:
    measured = DynamicFactor((1.0, 1.3), (10.0, 20.0), "total over low-pass strain, 2026")
    found = crossed(stream([0.0], speed_ms=-15.0), dynamic=measured)
    assert found.highest[0] == pytest.approx(1.15 * 2_736.0)
    assert "dynamic factor: total over low-pass strain, 2026" in found.assumptions
    borrowed = replace(measured, is_borrowed=True)
    assert any("borrowed" in one for one in crossed(stream([0.0]), dynamic=borrowed).assumptions)


def test_simplified_lines_keep_their_tolerance_and_straight_pieces_their_ends() -> None:
    x, y = simplified(mid_span())
    assert x.tolist() == [0.0, 15.0, 30.0]
    line = over_support()
    x, y = simplified(line, tolerance=1e-4)
    assert len(x) < len(line.x_m)
    off = np.abs(np.interp(line.x_m, x, y) - line.y).max()
    assert off <= 1e-4 * np.abs(line.y).max()


def test_unsound_streams_are_refused_with_all_problems() -> None:
    good = stream([0.0, 5.0])
    bad = replace(
        good,
        time_s=good.time_s[::-1],
        speed_ms=np.array([0.0, 5.0]),
        axle_load_kn=-good.axle_load_kn,
    )
    with pytest.raises(ModelError) as caught:
        crossing_damage(bad, detail())
    for part in ("times", "speed 0", "never negative"):
        assert part in str(caught.value)
    with pytest.raises(ModelError, match="first_axle"):
        day_damage(replace(good, first_axle=good.first_axle[:-1]), detail())


def test_an_empty_stream_has_no_damage() -> None:
    empty = stream(np.empty(0))
    assert crossed(empty).total == 0.0
    assert of_day(empty).total == 0.0
    nobody = SampledTraffic(empty, np.empty(0, dtype=np.int64), (FLM3,), ())
    found = template_damage(nobody, detail())
    assert isinstance(found, CrossingDamage)
    assert found.total == 0.0


def test_utilisation_compares_effects_and_says_that_it_proves_nothing() -> None:
    found = utilisation(of_day(stream([0.0])), reference=7_357.5, reference_name="LM1")
    assert found.ratio == pytest.approx(2_736.0 / 7_357.5)
    assert "proves no resistance" in found.assumptions[-1]
    with pytest.raises(ModelError):
        utilisation(of_day(stream([0.0])), reference=0.0, reference_name="LM1")


def test_cycles_of_a_template_are_the_same_both_ways() -> None:
    table = unit_table((FLM3,), detail(over_support()))
    ranges = np.split(table.ranges, table.first[1:-1])
    np.testing.assert_allclose(np.sort(ranges[0]), np.sort(ranges[1]), rtol=1e-9, atol=1e-12)
