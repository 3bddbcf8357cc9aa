"""Colours: enough contrast, every class told apart by more than colour."""

import numpy as np
import pytest

from dashboards import theme
from dashboards.live.quantise import MIDDLE, Quality
from twin.errors import ModelError


@pytest.mark.parametrize("colour", [theme.CASING, theme.NO_DATA, theme.SELECTION])
def test_shapes_stand_out_from_the_basemap(colour: str) -> None:
    assert theme.contrast(colour, theme.BASEMAP) >= 3


def test_contrast_follows_wcag() -> None:
    assert theme.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert theme.contrast(theme.CASING, theme.BASEMAP) == pytest.approx(12.7, abs=0.1)


def test_magnitude_gets_lighter_with_every_byte() -> None:
    luminance = theme.ramp_colours("magnitude") @ np.array([0.2126, 0.7152, 0.0722])
    assert np.all(np.diff(luminance) > -0.5)
    assert luminance[-1] - luminance[0] > 150


def test_zero_difference_is_exactly_white() -> None:
    assert theme.ramp_colours("difference")[MIDDLE].tolist() == [255, 255, 255]


def test_every_ramp_colours_every_byte() -> None:
    for name in theme.RAMPS:
        assert theme.ramp_colours(name).shape == (theme.ENTRIES, 3)


def test_code_beyond_the_last_class_has_the_no_data_colour() -> None:
    assert tuple(theme.ramp_colours("condition")[6]) == theme.rgb(theme.NO_DATA)


def test_each_quality_has_a_style_in_the_order_of_its_code() -> None:
    assert [style.key for style in theme.QUALITIES] == [quality.name.lower() for quality in Quality]


@pytest.mark.parametrize(
    ("grade", "band"), [(1.0, 0), (1.4, 0), (1.5, 1), (2.9, 3), (3.0, 4), (3.5, 5), (4.0, 5)]
)
def test_grade_falls_into_its_band(grade: float, band: int) -> None:
    assert theme.condition_band(grade) == band


def test_every_grade_with_one_decimal_has_a_band() -> None:
    bands = [theme.condition_band(tenths / 10) for tenths in range(10, 41)]
    assert bands == sorted(band for band in bands if band is not None)


def test_no_grade_is_no_band() -> None:
    assert theme.condition_band(None) is None


@pytest.mark.parametrize("grade", [0.9, 4.1, float("nan")])
def test_impossible_grade_is_refused(grade: float) -> None:
    with pytest.raises(ModelError, match="between"):
        theme.condition_band(grade)


@pytest.mark.parametrize(
    "styles", [theme.CONDITION_BANDS, theme.MONITORING_STATES], ids=["condition", "monitoring"]
)
def test_classes_differ_in_symbol_as_well_as_in_colour(
    styles: tuple[theme.ConditionBand | theme.StateStyle, ...],
) -> None:
    assert len({style.symbol for style in styles}) == len(styles)
    assert len({style.colour for style in styles}) == len(styles)
