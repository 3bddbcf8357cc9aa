"""Catalogues, numbers, times; and that no page speaks without them."""

import ast
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from dashboards import theme
from dashboards.components.series_chart import LABELS as CHART_LABELS
from dashboards.components.twin_map import LABELS as MAP_LABELS
from dashboards.i18n.translate import LANGUAGES, Texts, catalogue, negotiate
from dashboards.live.channels import CHANNELS
from dashboards.state import LAYERS
from twin.errors import SettingsError
from twin.model.quantities import quantity

PLACEHOLDER = re.compile(r"\{(\w+)\}")
ROOMS = ("pages", "widgets")


def test_all_languages_have_the_same_keys_and_placeholders():
    english, german = catalogue("en"), catalogue("de")
    assert set(english) == set(german)
    differing = [
        key
        for key in english
        if sorted(PLACEHOLDER.findall(english[key])) != sorted(PLACEHOLDER.findall(german[key]))
    ]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language):
    assert [key for key, text in catalogue(language).items() if not text.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_map_and_chart_get_every_label_that_they_know(language):
    texts = Texts(language)
    assert set(texts.under("map.")) == set(MAP_LABELS)
    assert set(texts.under("chart.")) == set(CHART_LABELS)


def test_every_class_layer_and_channel_has_a_name():
    wanted = {f"monitoring.{style.key}" for style in theme.MONITORING_STATES}
    wanted |= {f"quality.{style.key}" for style in theme.QUALITIES}
    wanted |= {f"layer.{key}" for key in LAYERS}
    wanted |= {f"map_channel.{channel.name}" for channel in CHANNELS}
    assert wanted <= set(catalogue("en"))


def room_files():
    root = Path(str(files("dashboards")))
    return [path for room in ROOMS for path in sorted((root / room).glob("[!_]*.py"))]


@pytest.mark.parametrize("path", room_files(), ids=lambda path: path.stem)
def test_every_key_that_the_code_names_is_in_the_catalogue(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "texts"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert named <= set(catalogue("en"))


@pytest.mark.parametrize("path", room_files(), ids=lambda path: path.stem)
def test_no_page_shows_a_word_that_is_not_translated(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    shown = []
    for node in ast.walk(tree):
        is_component = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "html"
        )
        if not is_component:
            continue
        assert isinstance(node, ast.Call)
        for child in node.args[:1]:
            parts = child.elts if isinstance(child, ast.List) else [child]
            shown += [
                part.value
                for part in parts
                if isinstance(part, ast.Constant)
                and isinstance(part.value, str)
                and any(sign.isalpha() for sign in part.value)
            ]
    assert shown == []


def test_numbers_follow_the_language():
    assert Texts("de").number(1234.5, 1) == "1.234,5"
    assert Texts("en").number(1234.5, 1) == "1,234.5"
    assert Texts("en").number(-0.04, 1) == "0.0"
    assert Texts("de").number(float("nan")) == "\u2013"


def test_units_are_written_for_people():
    assert Texts("de").measured(728.4, quantity("traffic_flow")) == "728\u202fKfz/h"
    assert Texts("en").measured(12.34, quantity("strain")) == "12.3\u202fµm/m"
    assert Texts("en").measured(8.0, quantity("air_temperature")) == "8.0\u202f°C"


def test_times_are_those_of_the_city():
    at = datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)
    assert Texts("de").time(at) == "14:00:05"
    assert Texts("de").time(at, has_date=True) == "01.07.2026, 14:00:05"
    assert Texts("en", "UTC").time(at, has_date=True) == "1 Jul 2026, 12:00:05"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4.2, "4\u202fs"),
        (119, "119\u202fs"),
        (121, "2\u202fmin"),
        (7300, "2\u202fh"),
        (200_000, "2\u202fd"),
        (None, "\u2013"),
    ],
)  # fmt: skip
def test_durations_use_one_unit(seconds, text):
    assert Texts("en").duration(seconds) == text


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-DE,de;q=0.9,en;q=0.8", "de"), ("en-GB", "en"), ("fr", "de"), ("", "de"),
     ("en;q=0, de;q=0.1", "de"), ("en;q=x, de;q=0.1", "de"), ("*", "de")],
)  # fmt: skip
def test_the_browser_chooses_among_the_offered_languages(header, language):
    assert negotiate(header, available=("de", "en")) == language


def test_an_unknown_language_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="de or en"):
        catalogue("fr")
