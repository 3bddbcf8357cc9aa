"""Figures of a bridge: sound drawings, tables that hold the values, files with their origin."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, twin_of
from fault_world import CASES, world_of

from dashboards.api.bridge_figures import as_csv
from dashboards.bridge_figures import Asked, available, figure_of, read_spectra
from dashboards.figures.cloud import Cloud, training_cloud
from dashboards.figures.fatigue import range_histogram
from dashboards.figures.grades import Grade, grade_timeline, year_of
from dashboards.figures.plot import Figure, Plot, decades, linear
from dashboards.figures.vibration import ModeLine, spectrum, waterfall
from dashboards.i18n.translate import Texts
from dashboards.widgets.fatigue import projected
from twin.bridge_view import read_bridge
from twin.errors import RegistryError
from twin.model.fatigue import DetailFatigue
from twin.model.monitoring import AnalysisOutcome
from twin.model.quantities import quantity
from twin.model.spectra import GroupSpectra, record_of
from twin.model.times import to_us

SVG = "{http://www.w3.org/2000/svg}"
EN, DE = Texts("en"), Texts("de")
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def group(hours: int) -> GroupSpectra:
    level = np.full((2, 100), -80.0)
    level[0, 30] = -20.0
    times = tuple(to_us(AT - (hours - 1 - row) * HOUR) for row in range(hours))
    return GroupSpectra(
        ("a<b", "c"), "m/s2", times[-1], 12, 0.1, level, times, 0.1, np.tile(level[0], (hours, 1))
    )


def detail(**changes: object) -> DetailFatigue:
    known = DetailFatigue(
        "midspan", "B1.s", "set/71", "simulated", 1e-6, 0.0, None, 0.01, "", 0.9, bool(0),
        to_us(AT - HOUR), to_us(AT), 10, 9.0, 0, (), 0.5, (8, 4, 2), 50.0, 40.0, 700.0,
    )  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


def drawn(figure: Figure) -> ET.Element:
    """The drawing as a tree; hostile names and missing values must not break it."""
    assert not re.search(r"[\" ML]nan\b", figure.svg)
    assert all(len(row) == len(figure.header) for row in figure.rows)
    return ET.fromstring(figure.svg)  # noqa: S314 - our own drawing


def test_a_spectrum_marks_the_modes_and_keeps_every_value() -> None:
    found = spectrum(group(1), [3.0], EN)
    words = [text.text for text in drawn(found).iter(f"{SVG}text")]
    assert " 3.00" in words
    assert found.rows[30] == (3.0, -20.0, -80.0)
    assert found.header[0] == "frequency [Hz]"


def test_a_waterfall_has_one_column_an_hour_and_names_each_kind_of_mode_once() -> None:
    times = np.array([to_us(AT - HOUR), to_us(AT)])
    lines = [
        ModeLine(name, kind, times, np.array([3.0, np.nan]))
        for name, kind in (("1", "found"), ("2", "found"), ("n", "raw"), ("n", "compensated"))
    ]
    found = waterfall(group(30), lines, EN)
    tree = drawn(found)
    words = [text.text for text in tree.iter(f"{SVG}text")]
    assert words.count("modal analysis") == 1
    assert {"logger, raw", "without temperature"} <= set(words)
    image = next(tree.iter(f"{SVG}image"))
    assert image.get("href", "").startswith("data:image/png;base64,")
    assert len(found.rows) == 30


def test_a_histogram_counts_whole_cycles() -> None:
    found = range_histogram(detail(), DE)
    drawn(found)
    assert [tuple(row) for row in found.rows] == [
        (0.0, 0.5, 4.0), (0.5, 1.0, 2.0), (1.0, 1.5, 1.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "2076 (2066…> 2526)"),
        ({"years": None}, "\u2013"),
        ({"years": np.inf, "low_years": 900.0, "high_years": np.inf}, "> 2526"),
    ],
)
def test_a_projection_has_a_band_and_no_year_beyond_sense(
    changes: dict[str, object], said: str
) -> None:
    assert projected(detail(**changes)) == said


def test_grades_are_drawn_beside_bands_that_were_published_without_a_grade() -> None:
    grades = [
        Grade("1", 2016.5, 2.3, "", "sourced"),
        Grade("1", 2023.5, 3.0, "", "sourced"),
        Grade("2", 2021.5, None, "sufficient", "sourced"),
    ]
    found = grade_timeline(grades, "Brücke <A>", DE, now=2026.9)
    words = [text.text for text in drawn(found).iter(f"{SVG}text")]
    assert {"Teilbauwerk 1", "Teilbauwerk 2", "4,0"} <= set(words)
    assert found.rows[2] == ("2", 2021.5, None, "sufficient", "sourced")
    assert year_of(date(2024, 7, 1), 2020) == pytest.approx(2024.5, abs=0.01)


def test_a_cloud_shows_the_limits_that_the_training_leaves() -> None:
    random = np.random.default_rng(3)
    count = 2000
    warm = random.uniform(-5.0, 25.0, count)
    residual = random.normal(0.0, 0.01, count)
    time_us = np.arange(count, dtype=np.int64) * to_us(datetime(1970, 1, 1, 1, tzinfo=UTC))
    cloud = Cloud(time_us, warm, 0.01 * warm + residual, residual, int(time_us[1500]))
    found = training_cloud(cloud, quantity("crack_width"), "Riss", EN)
    words = [text.text for text in drawn(found).iter(f"{SVG}text")]
    assert {"training", "since then", "99 % of the training", "newest hour"} <= set(words)
    assert len(found.rows) == count
    untrained = replace(cloud, trained_until_us=None, residual=np.full(count, np.nan))
    alone = training_cloud(untrained, quantity("crack_width"), "Riss", EN)
    assert "99 % of the training" not in alone.svg
    assert alone.rows[0][3] is None


def test_axes_survive_values_that_are_all_the_same() -> None:
    plot = Plot(linear(3.0, 3.0, "x", EN), decades(0.0, "n", EN))
    plot.line(np.array([3.0, np.nan]), np.array([1.0, 2.0]), "a", look="")
    assert "nan" not in plot.svg("t", "en")


def test_a_file_begins_with_its_origin_and_holds_no_formula() -> None:
    figure = Figure("t", "", ("a",), [("=1+1",), (None,)], {"from": "two\nlines"})
    assert as_csv(figure).splitlines() == ["\ufeff# from: two lines", "a", "'=1+1", '""']


def test_figures_come_from_what_the_city_keeps_and_say_so() -> None:
    twin = twin_of(world_of(CASES[0], 3))
    at = twin.now()
    record = record_of([replace(group(3), newest_us=to_us(at))], asset_id=BRIDGE_ID, at=at)
    twin.bridges.keep(AnalysisOutcome(states=(record,)), at=at)
    view = read_bridge(twin, BRIDGE_ID)
    kinds = available(view, read_spectra(twin, BRIDGE_ID))
    assert [len(kinds[kind]) for kind in ("spectrum", "waterfall", "histogram")] == [1, 1, 0]
    for asked in (kinds["spectrum"][0], kinds["waterfall"][0], kinds["cloud"][0]):
        found = figure_of(twin, asked, EN)
        drawn(found)
        assert found.facts["bridge"].startswith(BRIDGE_ID)
        assert found.facts["provenance"]
    for asked in (
        Asked(BRIDGE_ID, "nothing"),
        Asked(BRIDGE_ID, "spectrum", "1"),
        Asked(BRIDGE_ID, "histogram", "x"),
        Asked(BRIDGE_ID, "grades"),
        Asked(BRIDGE_ID, "cloud", "x"),
        Asked("nowhere", "spectrum", "0"),
    ):
        with pytest.raises(RegistryError):
            figure_of(twin, asked, EN)
