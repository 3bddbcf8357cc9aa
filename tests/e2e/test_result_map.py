"""The map of a result in a real Chromium: difference, swipe, tooltip, table, and without WebGL."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from e2e.pages.browser import chromium, colour_at, is_close, place_of, watch
from playwright.sync_api import Browser, Locator, Page, expect
from run_town import RunTown, lines, run_town
from serving_town import Served, served
from waiting import wait_for

from dashboards.live.features import read_features
from dashboards.live.quantise import NO_VALUE
from dashboards.live.table import decode_table
from dashboards.run_map import read_run_map
from dashboards.theme import CLOSED, ramp_colours, rgb

pytestmark = pytest.mark.browser

MIDDLE = lines()["S1"].coords[1]
VIEW = {"longitude": MIDDLE[0], "latitude": MIDDLE[1], "zoom": 15.0}
CAMERA = f"map={MIDDLE[1]:.5f},{MIDDLE[0]:.5f},15.00,0,0"
VIEW |= {"longitude": round(MIDDLE[0], 5), "latitude": round(MIDDLE[1], 5)}
NO_WEBGL = """
const whole = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind === "webgl2" ? null : whole.call(this, kind, ...more);
};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@dataclass(frozen=True)
class Opened:
    """The result of the town's run in a page."""

    page: Page
    case: RunTown
    web: Served

    @property
    def map(self) -> Locator:
        return self.page.locator("#run-map")

    def open(self, query: str = "lang=en", *, state: str = "ready") -> None:
        self.page.goto(f"{self.web.address}/result?run={self.case.run.id}&{query}")
        self.page.wait_for_selector(f"#run-map[data-state={state}]", timeout=30_000)
        self.page.locator("#run-map").scroll_into_view_if_needed()

    def pixel(self, road: str, along: float) -> tuple[int, int, int]:
        """Colour beside the middle of a road, where its direction ab is drawn."""
        return colour_at(self.page, *self.point(road, along))

    def point(self, road: str, along: float) -> tuple[float, float]:
        table = read_features(self.case.town.twin)
        row = [feature.id for feature in table.roads].index(road)
        return place_of(self.page, "#run-map", _drawn_at(self.case, row, along), VIEW)


def _drawn_at(case: RunTown, row: int, along: float) -> tuple[float, float]:
    table = decode_table(read_features(case.town.twin).tables["roads"].body)
    start = np.asarray(table.columns["start"], dtype=np.int64)
    xy = np.asarray(table.columns["xy"], dtype=np.float64)
    assert table.origin is not None
    first, second = xy[start[row]], xy[start[row] + 1]
    lon, lat = np.array(table.origin) + first + along * (second - first)
    return float(lon), float(lat)


@pytest.fixture(scope="module")
def web() -> Iterator[tuple[RunTown, Served]]:
    case = run_town()
    with served(case.town) as running:
        yield case, running


@pytest.fixture
def it(browser: Browser, web: tuple[RunTown, Served]) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    seen = watch(page)
    yield Opened(page, *web)
    assert seen.foreign == []
    assert seen.errors == []
    page.close()


def change_colour(case: RunTown, road: str, key: str = "flow") -> tuple[int, int, int] | None:
    """Colour of the difference of a road after its channel; None below the noise."""
    features = read_features(case.town.twin)
    shown = read_run_map(case.town.twin, case.run.id, features)
    code = int(shown.links.codes(key, "change")[shown.links.names.index(road)])
    if code == NO_VALUE:
        return None
    red, green, blue = ramp_colours("difference")[code]
    return int(red), int(green), int(blue)


@pytest.mark.parametrize("low", ["on", "off"])
def test_a_difference_has_the_colour_of_its_byte_and_a_closure_its_own(
    it: Opened, low: str
) -> None:
    it.open(f"lang=en&{CAMERA}&low={low}")
    wanted = change_colour(it.case, "S2/ab")
    assert wanted is not None
    wait_for(
        lambda: is_close(it.pixel("S2/ab", 0.6), wanted), f"colour {wanted} of S2", timeout_s=10
    )
    assert is_close(it.pixel("S1/ab", 0.3), rgb(CLOSED))
    assert wanted[0] > wanted[2], "more traffic is orange"


def test_keys_alone_turn_the_difference_into_a_swipe_and_move_its_divider(it: Opened) -> None:
    it.open(f"lang=en&{CAMERA}")
    button = it.page.get_by_role("button", name="Swipe")
    button.focus()
    button.press("Enter")
    expect(it.map).to_have_attribute("data-compare", "swipe")
    assert "show=swipe" in it.page.url
    slider = it.page.get_by_role("slider")
    slider.focus()
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "Base 100 %, Scenario 0 %")
    wait_for(
        lambda: not is_close(it.pixel("S1/ab", 0.3), rgb(CLOSED)), "the open road", timeout_s=10
    )
    slider.press("Home")
    wait_for(lambda: is_close(it.pixel("S1/ab", 0.3), rgb(CLOSED)), "the closed road", timeout_s=10)


def test_tooltip_says_both_sides_the_noise_and_the_classes(it: Opened) -> None:
    it.open(f"lang=de&{CAMERA}&low=off")
    it.page.mouse.move(*it.point("S2/ab", 0.6))
    tooltip = it.page.locator("#run-map .twin-map-tooltip")
    for text in ("Basis:", "Szenario:", "Rauschgrenze:", "Klassen: "):
        expect(tooltip).to_contain_text(text)


def test_map_and_table_choose_the_same_link(it: Opened) -> None:
    it.open(f"lang=en&{CAMERA}")
    it.page.mouse.click(*it.point("S2/ab", 0.6))
    chosen = it.page.locator("#run-link-table tr.selected")
    expect(chosen).to_have_attribute("data-id", "S2/ab")
    assert "sel=road" in it.page.url
    row = it.page.locator('#run-link-table tr[data-id="S1/ab"]')
    row.get_by_role("button").press("Enter")
    expect(chosen).to_have_attribute("data-id", "S1/ab")


def test_table_holds_what_changed_until_all_links_are_asked_for(it: Opened) -> None:
    it.open("lang=en")
    rows = it.page.locator("#run-link-table tbody tr")
    changed = rows.count()
    it.page.get_by_role("button", name="all", exact=True).press("Enter")
    wait_for(lambda: rows.count() > changed, "all links")
    it.page.locator("#run-link-table").get_by_role("button", name="Change").press("Enter")
    expect(it.page.locator("#run-link-table th[aria-sort=ascending]")).to_contain_text("Change")


def test_legend_names_direction_unit_and_noise(it: Opened) -> None:
    it.open("lang=en")
    legend = it.page.locator("#run-map-legend")
    for text in ("scenario minus base, veh/h", "no change above the noise floor", "closed"):
        expect(legend).to_contain_text(text)


def test_without_webgl_the_table_remains_and_the_map_says_why(it: Opened) -> None:
    it.page.add_init_script(NO_WEBGL)
    it.open("lang=en&show=split", state="error")
    expect(it.map).to_contain_text("Use the table instead")
    expect(it.page.locator('#run-link-table tr[data-id="S1/ab"]')).to_contain_text("closed")


def test_a_bridge_is_picked_on_the_map_of_the_editor_by_keyboard(it: Opened) -> None:
    it.page.goto(f"{it.web.address}/scenario?lang=en")
    it.page.wait_for_selector("#pick-map[data-state=ready]", timeout=30_000)
    it.page.wait_for_selector("#scenario[data-n]")
    it.page.locator("#pick-map canvas").press("Enter")
    it.page.get_by_role("option", name="Bridge 2").press("Enter")
    expect(it.page.locator("#scenario-form")).to_be_visible()
    expect(it.page.locator("#scenario-form")).to_contain_text("Bridge 2")
    wait_for(
        lambda: (
            it.page.evaluate("document.querySelector('#pick-map').twinMap.props.selection")
            == ["B2"]
        ),
        "the picked bridge on the map",
    )
