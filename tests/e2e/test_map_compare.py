"""Two pictures with one camera in a real Chromium: split, swipe, divider, sides of layers."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
from e2e.pages.browser import chromium, is_close, place_of
from e2e.pages.map_page import FEATURES, PLACES, VIEW, Open, make_town, opened, speed_colour
from e2e.pages.map_town import SPEED, Channel, Town
from playwright.sync_api import Browser, expect
from waiting import wait_for

from dashboards.components.twin_map import Channel as ChannelProps
from dashboards.components.twin_map import Compare
from dashboards.live.quantise import quantise

pytestmark = pytest.mark.browser

SLOW, FAST = 20.0, 120.0
MIDDLE_COLUMN = 4
"""A road that lies across the middle of the whole picture."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def two_sided(kind: Literal["split", "swipe"], low: Literal["on", "off"] = "off") -> Town:
    """Slow roads on the left, fast ones on the right, on the same lines."""
    compare = Compare(kind=kind, left="Base", right="Scenario")
    town = make_town(compare=compare)
    town.map_props["lowPower"] = low
    town.channels["after"] = Channel(
        max(item.no for item in town.channels.values()) + 1,
        "after",
        "roads",
        SPEED,
        quantise(np.full(FEATURES, FAST), SPEED),
    )
    town.channels["speed"].values = quantise(np.full(FEATURES, SLOW), SPEED)
    layer: dict[str, Any] = town.spec["layers"][0]
    extension = {**layer["extensions"][0], "channel": "after"}
    extension.pop("quality", None)
    other = {**layer, "id": "roads-after", "extensions": [extension]}
    town.spec["layers"] = [{**layer, "side": "left"}, {**other, "side": "right"}]
    return town


def divider(it: Open):
    return it.page.get_by_role("slider")


def middle_of(it: Open, row: int = MIDDLE_COLUMN) -> tuple[float, float]:
    return place_of(it.page, "#map", PLACES[row], VIEW)


def is_left(it: Open, place: tuple[float, float]) -> bool:
    return is_close(it.pixel(place), speed_colour(SLOW))


def is_right(it: Open, place: tuple[float, float]) -> bool:
    return is_close(it.pixel(place), speed_colour(FAST))


@pytest.mark.parametrize("low", ["off", "on"])
def test_a_swipe_cuts_one_picture_and_arrow_keys_move_the_cut(
    browser: Browser, low: Literal["on", "off"]
) -> None:
    with opened(browser, two_sided("swipe", low)) as it:
        place = middle_of(it)
        slider = divider(it)
        expect(slider).to_have_attribute("aria-valuetext", "Base 50 %, Scenario 50 %")
        slider.press("Home")
        wait_for(lambda: is_right(it, place), "the scenario everywhere", timeout_s=10)
        slider.press("End")
        wait_for(lambda: is_left(it, place), "the base everywhere", timeout_s=10)
        slider.press("ArrowLeft")
        slider.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuenow", "96")
        expect(it.page.locator("#map")).to_have_attribute("data-divider", "96")
        slider.press("PageDown")
        expect(slider).to_have_attribute("aria-valuetext", "Base 86 %, Scenario 14 %")


def test_both_parts_of_a_swipe_lie_where_the_whole_picture_lies(browser: Browser) -> None:
    with opened(browser, two_sided("swipe")) as it:
        left, right = middle_of(it, 3), middle_of(it, 5)
        wait_for(lambda: is_left(it, left) and is_right(it, right), "both sides", timeout_s=10)


def test_the_pointer_moves_the_divider(browser: Browser) -> None:
    with opened(browser, two_sided("swipe")) as it:
        box = divider(it).bounding_box()
        assert box is not None
        whole = it.page.locator("#map").bounding_box()
        assert whole is not None
        it.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
        it.page.mouse.down()
        it.page.mouse.move(whole["x"] + whole["width"] / 4, box["y"] + 40)
        it.page.mouse.up()
        expect(divider(it)).to_have_attribute("aria-valuenow", "25")
        it.page.mouse.move(whole["x"] + whole["width"] / 2, box["y"] + 40)
        expect(divider(it)).to_have_attribute("aria-valuenow", "25")


def test_a_split_shows_the_same_place_on_both_sides_and_moves_them_together(
    browser: Browser,
) -> None:
    with opened(browser, two_sided("split")) as it:
        box = it.page.locator("#map").bounding_box()
        assert box is not None
        x, y = middle_of(it)
        quarter = box["width"] / 4
        left, right = (x - quarter, y), (x + quarter, y)
        wait_for(lambda: is_left(it, left) and is_right(it, right), "both sides", timeout_s=10)
        assert it.page.get_by_role("slider").count() == 0
        it.page.locator("#map canvas").press("ArrowRight")
        moved = [(place[0] - 80, y) for place in (left, right)]
        wait_for(
            lambda: is_left(it, moved[0]) and is_right(it, moved[1]), "both moved", timeout_s=10
        )


@pytest.mark.parametrize(("row", "layer"), [(3, "roads-live"), (5, "roads-after")])
def test_a_click_in_either_part_finds_the_feature_there(
    browser: Browser, row: int, layer: str
) -> None:
    with opened(browser, two_sided("swipe")) as it:
        left, right = middle_of(it, 3), middle_of(it, 5)
        wait_for(lambda: is_left(it, left) and is_right(it, right), "both sides", timeout_s=10)
        it.page.mouse.click(*middle_of(it, row))  # a second click soon after would be a double one
        wait_for(lambda: (it.out("clickData") or {}).get("id") == f"road:{row}", "the click")
        assert it.out("clickData")["layer"] == layer


def test_tooltip_says_numbers_of_columns_and_not_of_bytes(browser: Browser) -> None:
    town = make_town()
    facts = ChannelProps(
        table="roads",
        facts=[{"label": "Name", "column": "name"}, {"label": "None", "column": "missing"}],
    )
    town.map_props["channels"] = {"speed": facts, "speed.q": ChannelProps(table="roads")}
    with opened(browser, town) as it:
        it.page.mouse.move(*middle_of(it))
        expect(it.page.locator(".twin-map-tooltip")).to_contain_text("Name: Street 4")
        expect(it.page.locator(".twin-map-tooltip")).not_to_contain_text("≈")
