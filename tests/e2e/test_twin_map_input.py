"""The live map and the chart by keyboard, pointer and screen reader."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from e2e.pages.browser import chromium, is_close, place_of
from e2e.pages.map_page import (
    FEATURES,
    PATHS,
    PLACES,
    VIEW,
    make_town,
    opened,
    speed_colour,
)
from e2e.pages.map_town import ORIGIN
from playwright.sync_api import Browser, expect
from waiting import wait_for

from dashboards.live import table

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_paused_map_keeps_its_picture_and_then_shows_the_newest(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.show("speed", np.full(FEATURES, 20.0))
        it.waits_for_sequence("speed", 1)
        it.page.click("#pause")
        expect(it.page.locator("#map")).to_have_attribute("data-paused", "true")
        for speed in (60.0, 80.0, 110.0):
            it.town.show("speed", np.full(FEATURES, speed))
        assert is_close(it.colour(0), speed_colour(20))
        it.page.click("#pause")
        it.waits_for_colour(0, speed_colour(110))
        it.waits_for_sequence("speed", 4)


def test_keyboard_moves_the_map_and_chooses_a_feature(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        canvas = it.page.locator("#map canvas")
        it.page.keyboard.press("Tab")
        expect(canvas).to_be_focused()
        assert canvas.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        it.page.keyboard.press("ArrowRight")
        it.page.keyboard.press("+")
        wait_for(lambda: (it.out("viewState") or {}).get("zoom") == 11.5, "the new camera")
        assert it.out("viewState")["longitude"] > ORIGIN[0]
        assert "map=51.05" in it.page.url
        it.page.keyboard.press("-")
        it.page.keyboard.press("ArrowLeft")
        it.page.keyboard.press("Enter")
        options = it.page.locator("#map [role=option]")
        expect(options.first).to_be_focused()
        assert options.count() == FEATURES
        it.page.keyboard.press("ArrowDown")
        it.page.keyboard.press("Enter")
        wait_for(lambda: (it.out("clickData") or {}).get("id") == "road:1", "the choice")
        assert it.out("clickData")["source"] == "list"
        it.page.keyboard.press("Escape")
        expect(canvas).to_be_focused()
        it.page.keyboard.press("Tab")
        expect(it.page.locator("#zoom_in")).to_be_focused()


def test_command_and_flight_move_the_camera(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.page.click("#zoom_in")
        wait_for(lambda: (it.out("viewState") or {}).get("zoom") == 11.5, "the zoom")
        it.page.click("#fly")
        wait_for(lambda: it.out("viewState")["zoom"] == 14, "the flight")
        assert it.out("viewState")["longitude"] == pytest.approx(13.8)


def test_pointer_shows_hostile_names_as_text_and_click_tells_the_feature(browser: Browser) -> None:
    town = make_town()
    hostile = "<img src=x onerror=alert(1)>"
    columns = {
        "id": [f"road:{i}" for i in range(FEATURES)],
        "name": [hostile] * FEATURES,
        **table.path_columns(PATHS, ORIGIN),
    }
    town.tables["roads"] = table.encode_table("roads", columns, ORIGIN)
    with opened(browser, town) as it:
        it.town.show("speed", np.full(FEATURES, 62.0))
        it.waits_for_sequence("speed", 1)
        it.page.mouse.move(*place_of(it.page, "#map", PLACES[4], VIEW))
        tooltip = it.page.locator(".twin-map-tooltip")
        expect(tooltip).to_contain_text(hostile)
        expect(tooltip).to_contain_text("Speed: ≈ 62 km/h")
        expect(tooltip).to_contain_text("good")
        assert it.page.locator("#map img").count() == 0
        it.page.mouse.click(*place_of(it.page, "#map", PLACES[4], VIEW))
        wait_for(lambda: (it.out("clickData") or {}).get("id") == "road:4", "the click")


def test_tooltip_tells_the_quality_of_its_feature_and_no_age(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.show("speed", np.full(FEATURES, 62.0))
        it.town.show("speed.q", [0, 2, *[0] * (FEATURES - 2)])
        it.waits_for_sequence("speed.q", 1)
        tooltip = it.page.locator(".twin-map-tooltip")
        for row, quality in ((0, "good"), (1, "stale")):
            it.page.mouse.move(*place_of(it.page, "#map", PLACES[row], VIEW))
            expect(tooltip.locator("strong")).to_have_text(f"Street {row}")
            expect(tooltip.locator("span").last).to_have_text(quality)
        expect(tooltip).not_to_contain_text("old")


def test_channel_without_a_time_has_no_age(browser: Browser) -> None:
    town = make_town()
    town.channels["speed.q"].has_time = False
    with opened(browser, town) as it:
        it.town.show("speed", np.full(FEATURES, 62.0))
        wait_for(lambda: "speed" in (it.out("connection") or {}).get("ages", {}), "the ages")
        assert "speed.q" not in it.out("connection")["ages"]
        town.channels["speed"].has_time = False
        it.town.show("speed", np.full(FEATURES, 20.0))
        wait_for(lambda: it.out("connection")["ages"] == {}, "no ages", timeout_s=10)
        it.page.mouse.move(*place_of(it.page, "#map", PLACES[0], VIEW))
        expect(it.page.locator(".twin-map-tooltip")).not_to_contain_text("old")


def test_ages_of_a_paused_map_run_on_and_those_of_the_server_are_not_its_own(
    browser: Browser,
) -> None:
    town = make_town()
    for channel in town.channels.values():
        channel.interval_s = 1.0
    with opened(browser, town) as it:
        it.town.show("speed", np.full(FEATURES, 20.0))
        it.waits_for_colour(0, speed_colour(20))
        it.page.click("#pause")
        expect(it.page.locator("#map")).to_have_attribute("data-paused", "true")

        def is_stale_whatever_the_tick_says() -> bool:
            ages = dict.fromkeys(town.channels, 0.0)
            it.town.tell({"op": "tick", "server_time": time.time() * 1000, "age": ages})
            return bool((it.out("connection") or {}).get("isAllStale"))

        wait_for(is_stale_whatever_the_tick_says, "the frozen picture is stale", timeout_s=10)
        assert it.out("connection")["stale"] == list(town.channels)


def test_series_keeps_its_cursor_by_time_and_speaks_only_when_asked(browser: Browser) -> None:
    town = make_town()
    town.refresh_s = 0.3
    seconds = np.arange(100) * 10_000.0 + 1.7e12
    values = np.arange(100) / 10
    town.series["strain"] = table.encode_table("strain", {"t": seconds, "v": values})
    with opened(browser, town) as it:
        chart = it.page.locator("#chart-strain")
        spoken, readout = chart.get_by_role("status"), chart.locator(".series-chart-readout")
        expect(readout).to_contain_text("9.9 µm/m")
        expect(spoken).to_be_empty()
        town.series["strain"] = table.encode_table(
            "strain", {"t": seconds + 50_000, "v": values + 0.5}
        )
        expect(readout).to_contain_text("10.4 µm/m")
        expect(spoken).to_be_empty()
        chart.locator("[role=img]").focus()
        it.page.keyboard.press("ArrowLeft")
        expect(spoken).to_contain_text("10.3 µm/m")
        town.series["strain"] = table.encode_table(
            "strain", {"t": seconds + 100_000, "v": values + 1}
        )
        expect(chart).to_have_attribute("data-cursor", "93")
        expect(readout).to_contain_text("10.3 µm/m")
        plot = chart.locator(".u-over")
        plot.hover(position={"x": 2, "y": 20})
        expect(spoken).to_contain_text("1.0 µm/m")


def test_series_is_read_by_keyboard_with_gaps_as_gaps(browser: Browser) -> None:
    town = make_town()
    seconds = np.arange(100) * 10_000.0 + 1.7e12
    values = np.arange(100) / 10
    values[40:60] = np.nan
    town.series["strain"] = table.encode_table("strain", {"t": seconds, "v": values})
    town.series["empty"] = table.encode_table("empty", {"t": seconds[:0], "v": values[:0]})
    with opened(browser, town) as it:
        chart = it.page.locator("#chart-strain")
        expect(chart).to_have_attribute("data-state", "ready")
        expect(it.page.locator("#chart-empty")).to_have_attribute("data-state", "empty")
        plot = chart.locator("[role=img]")
        label = plot.get_attribute("aria-label") or ""
        assert "100 points" in label
        assert "highest 9.9 µm/m" in label
        plot.focus()
        readout = chart.locator(".series-chart-readout")
        it.page.keyboard.press("Home")
        expect(readout).to_contain_text("0.0 µm/m")
        it.page.keyboard.press("ArrowRight")
        expect(readout).to_contain_text("0.1 µm/m")
        for _ in range(4):
            it.page.keyboard.press("Shift+ArrowRight")
        expect(readout).to_contain_text("no value")
        it.page.keyboard.press("End")
        expect(readout).to_contain_text("9.9 µm/m")


def test_axe_finds_nothing_on_map_list_and_chart(browser: Browser) -> None:
    town = make_town()
    town.series["strain"] = table.encode_table(
        "strain", {"t": np.array([1.7e12, 1.7e12 + 1]), "v": np.array([1.0, 2.0])}
    )
    with opened(browser, town) as it:
        it.page.locator("#map canvas").focus()
        it.page.keyboard.press("Enter")
        it.page.evaluate(AXE.read_text())
        found = it.page.evaluate(
            "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa',"
            " 'wcag22aa', 'best-practice']}).then(r => r.violations.map("
            "v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))"
        )
        assert found == []
