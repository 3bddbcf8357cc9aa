"""Time on a link, its derivative and its integral agree with each other and with the literature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from simulations.traffic.costs import (
    integral,
    integrals,
    slope_s,
    slopes,
    time_and_slope_s,
    time_s,
    times,
)
from twin.model.network import CostFunction

FIXED, LINEAR, BPR, CONICAL, AKCELIK = CostFunction
T0_S, CAPACITY = 60.0, 1800.0

volumes = st.floats(0.0, 4.0 * CAPACITY)
exponents = st.one_of(st.just(4.0), st.just(0.0), st.floats(1.0, 12.0))
curves = st.one_of(
    st.just((FIXED, 0.0, 0.0)),
    st.tuples(st.just(LINEAR), st.floats(0.0, 1.0), st.just(0.0)),
    st.tuples(st.just(BPR), st.floats(0.0, 2.0), exponents),
    st.tuples(st.just(CONICAL), st.floats(1.05, 20.0), st.just(0.0)),
    st.tuples(st.just(AKCELIK), st.floats(0.25, 2.0), st.floats(0.01, 4.0)),
)
Curve = tuple[CostFunction, float, float]


def arguments(curve: Curve) -> tuple[int, float, float, float, float, float]:
    fn, p0, p1 = curve
    return int(fn), p0, p1, 0.0, T0_S, CAPACITY


@pytest.mark.parametrize(
    ("z", "expected"), [(0.5, 1.1487406649), (1.0, 2.0), (1.2, 3.0479396783), (2.0, 9.0)]
)
def test_the_conical_function_takes_the_published_values(z: float, expected: float) -> None:
    assert time_s(CONICAL, 4.0, 0.0, 0.0, 1.0, 1.0, z) == pytest.approx(expected, rel=1e-9)


def test_the_conical_integral_takes_the_published_value() -> None:
    found = integral(CONICAL, 4.0, 0.0, 0.0, 1.0, 1.0, 1.2)
    assert found == pytest.approx(1.7449150532, rel=1e-9)


@pytest.mark.parametrize(
    ("z", "expected_s"), [(0.5, 0.79929015), (1.0, 37.94733192), (1.2, 364.73765182)]
)
def test_the_akcelik_delay_takes_the_published_values(z: float, expected_s: float) -> None:
    found = time_s(AKCELIK, 1.0, 0.4, 0.0, 0.0, CAPACITY, z * CAPACITY)
    assert found == pytest.approx(expected_s, rel=1e-8)


def test_the_akcelik_integral_takes_the_published_value() -> None:
    found = integral(AKCELIK, 1.0, 0.4, 0.0, 0.0, CAPACITY, 1.2 * CAPACITY) / CAPACITY
    assert found == pytest.approx(41.05330347, rel=1e-9)


@given(curves, volumes, volumes)
def test_more_volume_never_takes_less_time(curve: Curve, one: float, two: float) -> None:
    low, high = sorted((one, two))
    before, after = (time_s(*arguments(curve), x) for x in (low, high))
    assert after >= before * (1.0 - 1e-14)
    assert before >= T0_S * (1.0 - 1e-13)


@given(curves, st.floats(0.01, 4.0))
def test_the_slope_is_the_central_difference_of_the_time(curve: Curve, z: float) -> None:
    def difference(step: float) -> float:
        ends = (time_s(*arguments(curve), x + side * step) for side in (1.0, -1.0))
        upper, lower = ends
        return (upper - lower) / (2.0 * step)

    x = z * CAPACITY
    step = 2e-4 * x
    best = (4.0 * difference(step / 2.0) - difference(step)) / 3.0  # Richardson
    found = slope_s(*arguments(curve), x)
    rounding = 1e-15 * time_s(*arguments(curve), x) / step
    assert found == pytest.approx(best, rel=1e-6, abs=10.0 * rounding + 1e-12)


@given(curves, volumes)
def test_the_integral_is_the_quadrature_of_the_time(curve: Curve, x: float) -> None:
    expected, error = quad(
        lambda w: time_s(*arguments(curve), w), 0.0, x, points=[min(x, CAPACITY)], limit=400,
        epsabs=1e-7, epsrel=1e-11,
    )  # fmt: skip
    found = integral(*arguments(curve), x)
    assert found == pytest.approx(expected, rel=1e-9, abs=10 * error + 1e-9)


@given(curves, volumes)
def test_time_and_slope_in_one_go_are_the_same_bits_as_apart(curve: Curve, x: float) -> None:
    both = time_and_slope_s(*arguments(curve), x)
    assert both == (time_s(*arguments(curve), x), slope_s(*arguments(curve), x))


@given(curves, st.floats(-1e3, 0.0))
def test_a_volume_below_zero_counts_as_none(curve: Curve, x: float) -> None:
    assert time_s(*arguments(curve), x) == time_s(*arguments(curve), 0.0)
    assert integral(*arguments(curve), x) == 0.0


@given(st.floats(0.0, 2.0), volumes)
def test_an_exponent_of_zero_is_a_constant_even_on_the_empty_link(a: float, x: float) -> None:
    found = time_s(*arguments((BPR, a, 0.0)), x)
    assert found == pytest.approx(T0_S * (1.0 + a))
    assert slope_s(*arguments((BPR, a, 0.0)), x) == 0.0


@given(st.floats(0.0, 2.0), st.floats(0.0, 4.0))
def test_the_fast_way_for_the_usual_exponent_is_the_power(a: float, z: float) -> None:
    expected = T0_S * (1.0 + a * z**4.0)
    found = time_s(*arguments((BPR, a, 4.0)), z * CAPACITY)
    assert found == pytest.approx(expected, rel=1e-14)


def test_an_empty_akcelik_link_has_no_delay_and_small_volumes_keep_their_digits() -> None:
    assert time_s(*arguments((AKCELIK, 1.0, 0.4)), 0.0) == T0_S
    bend = 8.0 * 0.4 / CAPACITY
    z = 1e-9  # D is A z / 2 to first order
    delay_s = time_s(AKCELIK, 1.0, 0.4, 0.0, 0.0, CAPACITY, z * CAPACITY)
    assert delay_s == pytest.approx(900.0 * bend * z / 2.0, rel=1e-6)


def test_links_without_a_growing_time_need_no_capacity() -> None:
    assert time_s(FIXED, 0.0, 0.0, 0.0, 7.0, 0.0, 100.0) == 7.0
    assert integral(FIXED, 0.0, 0.0, 0.0, 7.0, 0.0, 100.0) == 700.0
    assert time_s(LINEAR, 1.0, 0.0, 0.0, 10.0, 0.0, 20.0) == 30.0


def test_columns_give_what_single_links_give_and_may_be_read_only() -> None:
    chosen: list[Curve] = [
        (FIXED, 0.0, 0.0), (LINEAR, 0.1, 0.0), (BPR, 0.15, 4.0), (CONICAL, 4.0, 0.0),
        (AKCELIK, 1.0, 0.4),
    ]  # fmt: skip
    fn = np.array([curve[0] for curve in chosen], dtype=np.uint8)
    p0, p1 = (np.array([curve[row] for curve in chosen], dtype=np.float64) for row in (1, 2))
    zero, t0, capacity = np.zeros(5), np.full(5, T0_S), np.full(5, CAPACITY)
    x = np.linspace(0.0, 2.0 * CAPACITY, 5)
    for column in (fn, p0, p1, zero, t0, capacity, x):
        column.setflags(write=False)
    out = np.empty(5)
    for column, single in ((times, time_s), (slopes, slope_s), (integrals, integral)):
        column(fn, p0, p1, zero, t0, capacity, x, out)
        expected = [single(*arguments(c), float(v)) for c, v in zip(chosen, x, strict=True)]
        assert out.tolist() == expected
