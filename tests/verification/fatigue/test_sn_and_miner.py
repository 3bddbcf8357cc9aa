"""EN 1993-1-9:2005 damage, narrow-band Gaussian stress, remaining life."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gamma, gammainc, gammaincc

from simulations.structure.miner import miner_sum, remaining_life, stress_from_strain
from simulations.structure.rainflow import Cycles, Rainflow
from simulations.structure.sn import cycle_damage, sn_curve
from twin.errors import ModelError
from twin.model.tables import rows

CURVE = sn_curve(71.0)
DAY_S = 86_400.0


def test_damage_is_that_of_the_standard_with_exact_factors() -> None:
    assert 1.0 / CURVE.damage(np.array([100.0]))[0] == pytest.approx(715_822, abs=0.5)
    assert 1e5 * CURVE.damage(np.array([100.0]))[0] == pytest.approx(0.139700, abs=5e-7)
    assert 1e6 * CURVE.damage(np.array([40.0]))[0] == pytest.approx(0.0522723, abs=5e-8)
    assert CURVE.damage(np.array([25.0]))[0] == 0.0
    assert CURVE.knee_mpa == pytest.approx(71.0 * 0.4 ** (1 / 3))
    assert CURVE.cutoff_mpa == pytest.approx(CURVE.knee_mpa * 0.05 ** (1 / 5))


def test_limits_of_the_curve_meet_their_cycles() -> None:
    limits = np.array([CURVE.category_mpa, CURVE.knee_mpa, CURVE.cutoff_mpa])
    np.testing.assert_allclose(1.0 / CURVE.damage(limits), [2e6, 5e6, 1e8], rtol=1e-12)
    shear = sn_curve(80.0, key="en1993-1-9:2005/shear")
    np.testing.assert_allclose(
        1.0 / shear.damage(np.array([80.0, shear.cutoff_mpa])), [2e6, 1e8], rtol=1e-12
    )
    assert shear.cutoff_mpa == pytest.approx(80.0 * (2.0 / 100.0) ** 0.2)


@given(st.floats(0.0, 500.0), st.floats(1.0, 1.35), st.floats(1.0, 1.35))
def test_kernel_and_curve_agree_and_partial_factors_scale_the_range(
    range_mpa: float, load: float, resistance: float
) -> None:
    factored = sn_curve(71.0, load_factor=load, resistance_factor=resistance)
    one = np.array([range_mpa])
    assert cycle_damage(range_mpa, factored.parameters) == pytest.approx(
        factored.damage(one)[0], rel=1e-12
    )
    if abs(range_mpa / factored.cutoff_mpa * load - 1.0) > 1e-9:
        scaled = CURVE.damage(one * load * resistance)[0]
        assert factored.damage(one)[0] == pytest.approx(scaled, rel=1e-9)


@given(st.floats(0.0, 400.0), st.floats(0.0, 100.0))
def test_damage_grows_with_the_range(range_mpa: float, more: float) -> None:
    small, large = CURVE.damage(np.array([range_mpa, range_mpa + more]))
    assert 0.0 <= small <= large


def expected_narrow_band(sigma_mpa: float, cycles: float) -> tuple[float, float]:
    """Damage of Rayleigh amplitudes, closed form: one slope, and two with the cut-off."""
    scale = 2.0 * np.sqrt(2.0) * sigma_mpa
    knee, cut = (CURVE.knee_mpa / scale) ** 2, (CURVE.cutoff_mpa / scale) ** 2
    steep = cycles / (2e6 * 71.0**3) * scale**3
    flat = cycles / (5e6 * CURVE.knee_mpa**5) * scale**5
    both = steep * gamma(2.5) * gammaincc(2.5, knee) + flat * gamma(3.5) * (
        gammainc(3.5, knee) - gammainc(3.5, cut)
    )
    return steep * gamma(2.5), both


def test_a_narrow_band_gaussian_process_has_the_damage_of_its_formula() -> None:
    single, both = expected_narrow_band(20.0, 1e6)
    assert single == pytest.approx(0.336168, abs=5e-7)
    assert both == pytest.approx(0.323206, abs=5e-7)
    random = np.random.default_rng(11)
    cycles, per_cycle = 200_000, 32
    slow = np.repeat(20.0 * np.sqrt(-2.0 * np.log1p(-random.random(cycles))), per_cycle)
    phase = np.arange(cycles * per_cycle) * (2.0 * np.pi / per_cycle)
    counter = Rainflow(CURVE)
    counter.feed(slow * np.sin(phase))
    total = counter.closed_damage + counter.residue_damage
    assert total * 1e6 / cycles == pytest.approx(both, rel=0.02)


def test_miner_sums_add_up() -> None:
    cycles = Cycles(np.array([60.0, 45.0]), np.array([0.0, 80.0, 10.0]))
    by_hand = (
        CURVE.damage(np.array([60.0, 45.0])).sum()
        + 0.5 * CURVE.damage(np.array([80.0, 70.0])).sum()
    )
    assert miner_sum(cycles, CURVE) == pytest.approx(by_hand, rel=1e-12)


def test_doubled_ranges_multiply_damage_by_eight_and_across_the_knee_by_more() -> None:
    """32 cannot occur: the knee is 20^(1/5) = 1.82 times the cut-off, so two spans both slopes."""
    ranges = np.array([CURVE.knee_mpa, 3.0 * CURVE.knee_mpa, CURVE.knee_mpa - 1e-9])
    np.testing.assert_allclose(CURVE.damage(2.0 * ranges) / CURVE.damage(ranges), 8.0, rtol=1e-8)
    lowest = np.array([CURVE.cutoff_mpa])
    found = CURVE.damage(2.0 * lowest) / CURVE.damage(lowest)
    assert found[0] == pytest.approx(8.0 * 20.0**0.4, rel=1e-12)
    slope = np.log(CURVE.damage(lowest * 1.82) / CURVE.damage(lowest)) / np.log(1.82)
    assert slope[0] == pytest.approx(5.0, rel=1e-12)


def test_unknown_curves_categories_and_factors_are_refused() -> None:
    with pytest.raises(ModelError, match="known are"):
        sn_curve(71.0, key="en1993-1-9:1999/direct")
    with pytest.raises(ModelError, match="no detail category 70"):
        sn_curve(70.0)
    with pytest.raises(ModelError, match="load_factor"):
        sn_curve(71.0, load_factor=0.0)


def test_every_row_names_its_source_and_a_result_tells_an_unverified_one() -> None:
    assert all(row["source"] and row["verified"] in {"yes", "no"} for row in rows("sn_curves"))
    assert "not verified" not in " ".join(CURVE.assumptions)


def test_stress_is_modulus_times_strain_times_the_factor_of_the_detail() -> None:
    found = stress_from_strain(np.array([-50.0, 200.0]), modulus_gpa=210.0, detail_factor=1.5)
    np.testing.assert_allclose(found, [-15.75, 63.0])
    with pytest.raises(ModelError, match="modulus_gpa"):
        stress_from_strain(np.array([1.0]), modulus_gpa=0.0)


def test_below_thirty_days_of_data_there_is_no_remaining_life() -> None:
    days = np.arange(40.0)
    found = remaining_life(days, np.full(40, 0.7 * DAY_S), np.full(40, 1e-5), consumed=0.1)
    assert found.years is None
    assert found.low_years is None
    assert "28.0 days" in found.reason


def test_remaining_life_follows_the_weekly_rate_and_its_band() -> None:
    days = np.arange(70.0)
    damage = np.where(days % 7 < 5, 1.4e-5, 0.0) * np.where(days < 35, 0.8, 1.2)
    found = remaining_life(days, np.full(70, DAY_S), damage, consumed=0.25)
    mean = 1e-5
    assert found.years == pytest.approx(0.75 / mean / 365.25, rel=1e-9)
    assert found.low_years is not None
    assert found.years is not None
    assert found.high_years is not None
    assert found.low_years < found.years < found.high_years
    half = 2.262157 * np.std(np.repeat((0.8e-5, 1.2e-5), 5), ddof=1) / np.sqrt(10)
    assert found.low_years == pytest.approx(0.75 / (mean + half) / 365.25, rel=1e-6)


def test_a_used_up_detail_has_no_time_left_and_one_without_damage_no_end() -> None:
    days, full = np.arange(35.0), np.full(35, DAY_S)
    assert remaining_life(days, full, np.full(35, 1e-5), consumed=1.2).years == 0.0
    assert remaining_life(days, full, np.zeros(35), consumed=0.2).years == np.inf
