"""Values as bytes: truth cases of the specification, and the largest error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.live.quantise import CLASSES, NO_VALUE, Quality, Scale, dequantise, difference
from dashboards.live.quantise import quantise as encode
from twin.errors import ModelError

SPEED = Scale("magnitude", 0.0, 130.0)
FLOW = Scale("magnitude", 1.0, 10_000.0, "log")
finite = st.floats(-1e9, 1e9)


def test_magnitudes_of_the_specification() -> None:
    codes = encode([50.0, -5.0, 140.0, math.nan], SPEED)
    assert codes.tolist() == [98, 0, 254, 255]
    assert dequantise(codes, SPEED)[0] == pytest.approx(50.157, abs=5e-4)


def test_differences_of_the_specification() -> None:
    codes = encode([-30.0, 0.0, 10.0], difference(30.0))
    assert codes.tolist() == [0, 127, 169]
    assert dequantise(codes, difference(30.0))[2] == pytest.approx(9.921, abs=5e-4)


def test_half_steps_round_to_even() -> None:
    half = Scale("magnitude", 0.0, 254.0)
    assert encode([0.5, 1.5, 2.5], half).tolist() == [0, 2, 2]


def test_logarithmic_magnitude_has_its_ends_and_nothing_below() -> None:
    assert encode([1.0, 100.0, 10_000.0, 0.0, -3.0], FLOW).tolist() == [0, 127, 254, 0, 0]
    assert dequantise(np.array([127], np.uint8), FLOW)[0] == pytest.approx(100.0)


def test_missing_infinite_and_stale_values_are_not_shown() -> None:
    absent = np.array([False, False, False, True])
    codes = encode([None, math.inf, -math.inf, 50.0], SPEED, absent=absent)
    assert codes.tolist() == [NO_VALUE] * 4
    assert np.isnan(dequantise(codes, SPEED)).all()


def test_class_codes_are_exact() -> None:
    codes = encode([Quality.GOOD, Quality.OUT_OF_RANGE, 254, None], CLASSES)
    assert codes.tolist() == [0, 7, 254, NO_VALUE]
    assert dequantise(codes, CLASSES)[:3].tolist() == [0, 7, 254]


@pytest.mark.parametrize("code", [255.0, -1.0, 1.5])
def test_what_is_no_class_code_is_refused_with_its_row(code: float) -> None:
    with pytest.raises(ModelError, match=f"got {code:g} in row 1"):
        encode([0.0, code], CLASSES)


@pytest.mark.parametrize(
    ("kind", "vmin", "vmax", "scale"),
    [
        ("magnitude", 5.0, 5.0, "linear"),
        ("magnitude", 6.0, 5.0, "linear"),
        ("magnitude", math.nan, 5.0, "linear"),
        ("magnitude", 0.0, 5.0, "log"),
        ("difference", -3.0, 5.0, "linear"),
        ("difference", -5.0, 5.0, "log"),
    ],
)
def test_range_that_makes_no_sense_is_a_value_error(
    kind: str, vmin: float, vmax: float, scale: str
) -> None:
    with pytest.raises(ValueError, match=r"range|scale"):
        Scale(kind, vmin, vmax, scale)  # pyrefly: ignore[bad-argument-type] - parametrised texts


@given(st.lists(finite, min_size=1), finite, st.floats(1e-3, 1e6))
def test_error_of_a_magnitude_is_at_most_half_a_step(
    values: list[float], vmin: float, span: float
) -> None:
    scale = Scale("magnitude", vmin, vmin + span)
    inside = np.clip(values, scale.vmin, scale.vmax)
    error = np.abs(dequantise(encode(values, scale), scale) - inside)
    assert error.max() <= (scale.vmax - scale.vmin) / 508 * (1 + 1e-9) + 1e-6


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(1e-3, 1e6))
def test_difference_is_symmetric_and_zero_stays_zero(values: list[float], span: float) -> None:
    scale = difference(span)
    codes = encode([*values, 0.0], scale).astype(int)
    assert codes[-1] == 127
    mirrored = encode([-value for value in values], scale).astype(int)
    assert np.array_equal(codes[:-1] - 127, 127 - mirrored)
    error = np.abs(dequantise(codes[:-1].astype(np.uint8), scale) - np.clip(values, -span, span))
    assert error.max() <= span / 254 * (1 + 1e-9)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_any_number_gives_a_byte(values: list[float]) -> None:
    for scale in (SPEED, FLOW, difference(10.0)):
        codes = encode(values, scale)
        assert codes.dtype == np.uint8
        assert np.array_equal(codes == NO_VALUE, ~np.isfinite(np.array(values, dtype=float)))
