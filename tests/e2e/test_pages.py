"""Journeys through the pages in a real Chromium, by mouse and by keyboard."""

import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from e2e.pages.browser import chromium, colour_at, is_close, place_of
from e2e.pages.city_page import CityPage, city_page, report, running, running_town
from playwright.sync_api import Browser, Page, expect
from serving_town import Served, served
from town import HOSTILE, town
from waiting import wait_for

from dashboards.live.features import NEAR_OFFSET_M
from dashboards.live.quantise import NO_VALUE
from dashboards.live.table import decode_table
from dashboards.theme import CONDITION_BANDS, ramp_colours, rgb
from twin.model.city import City
from twin.model.messages import Rejection

pytestmark = pytest.mark.browser

FLAT = {"longitude": 13.71, "latitude": 51.05, "zoom": 14.5}
FLAT_VIEW = "map=51.05000,13.71000,14.50,0,0&low=on"
DRAWER_TITLE = "#drawer-title"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served(running_town()) as running_web:
        yield running_web


@pytest.fixture
def it(browser: Browser, web: Served) -> Iterator[CityPage]:
    report(web.town)
    with city_page(browser, web) as found:
        yield found


def east_lane(latitude: float) -> tuple[float, float]:
    """A point on the northbound lane of the main street, which lies east of its axis."""
    return 13.70 + NEAR_OFFSET_M / (111_320 * np.cos(np.radians(51.05))), latitude


def waits_for_colour(
    page: Page, position: tuple[float, float], wanted: tuple[int, int, int]
) -> None:
    x, y = place_of(page, "#map", position, FLAT)
    wait_for(lambda: is_close(colour_at(page, x, y), wanted) or None, f"the colour {wanted}")


def test_a_reading_changes_the_colour_of_its_road(browser: Browser) -> None:
    with running(browser) as it:
        it.open(f"/?{FLAT_VIEW}&layers=roads")
        ramp = ramp_colours("magnitude")
        red, green, blue = (int(part) for part in ramp[181])
        waits_for_colour(it.page, east_lane(51.047), (red, green, blue))
        it.web.town.record({"L1.ab-v": 100.0}, age_s=-0.5)
        red, green, blue = (int(part) for part in ramp[254])
        waits_for_colour(it.page, east_lane(51.047), (red, green, blue))


def test_a_bridge_has_the_colour_of_its_grade(it: CityPage) -> None:
    it.open(f"/?{FLAT_VIEW}&layers=bridges")
    waits_for_colour(it.page, (13.70015, 51.0505), rgb(CONDITION_BANDS[4].colour))


def test_a_click_on_a_bridge_opens_its_drawer_and_the_address_follows(it: CityPage) -> None:
    it.open(f"/?lang=de&{FLAT_VIEW}&layers=bridges")
    x, y = place_of(it.page, "#map", (13.70015, 51.0505), FLAT)
    it.page.mouse.click(x, y)
    expect(it.page.locator(DRAWER_TITLE)).to_have_text("Alte Brücke")
    assert "sel=bridge%3AB1" in it.query()
    it.page.go_back()
    expect(it.page.locator("#drawer")).to_be_hidden()
    it.page.go_forward()
    expect(it.page.locator(DRAWER_TITLE)).to_have_text("Alte Brücke")


def test_the_drawer_shows_facts_with_provenance_and_streams_with_age(it: CityPage) -> None:
    it.open("/?lang=de&sel=bridge:B1")
    drawer = it.page.locator("#drawer")
    grade = drawer.locator("dt", has_text="Zustandsnote").locator("+ dd")
    expect(grade).to_contain_text("3,2")
    expect(grade).to_contain_text("belegt")
    expect(drawer).to_contain_text("alt")
    expect(drawer.locator("#ref-1")).to_contain_text("Survey of 2023")
    strain = drawer.locator("[data-uid='B1-strain']")
    expect(strain).to_contain_text("12,5\u202fµm/m")
    expect(strain).to_contain_text("simuliert")
    expect(it.page.locator("#simulated-badge")).to_be_visible()


def test_the_chart_shows_the_stream_that_is_chosen(it: CityPage) -> None:
    it.open("/?lang=de&sel=bridge:B1")
    chart = it.page.locator("#drawer-series")
    expect(chart).to_have_attribute("data-state", "ready")
    expect(chart).not_to_have_attribute("data-points", "4")
    it.page.locator("[data-uid='B1-wave'] button").click()
    expect(chart).to_have_attribute("data-points", "4")
    expect(it.page.locator("#drawer-chart h3")).to_contain_text("letzter Signalblock")
    assert "stream%3AB1-wave" in it.query()


def test_the_map_alone_by_keyboard_opens_a_bridge_and_returns(it: CityPage) -> None:
    it.open(f"/?lang=de&{FLAT_VIEW}")
    canvas = it.page.locator("#map canvas").first
    canvas.focus()
    it.page.keyboard.press("Enter")
    option = it.page.get_by_role("option", name="Alte Brücke", exact=True)
    expect(option).to_be_visible()
    it.page.keyboard.press("Home")
    for _ in range(20):
        if "Alte Brücke" in it.page.evaluate("document.activeElement.textContent"):
            break
        it.page.keyboard.press("ArrowDown")
    it.page.keyboard.press("Enter")
    expect(it.page.locator(DRAWER_TITLE)).to_be_focused()
    it.page.keyboard.press("Escape")
    expect(it.page.locator("#drawer")).to_be_hidden()
    expect(canvas).to_be_focused()


def test_the_worst_bridge_is_found_and_opened_by_keyboard_alone(it: CityPage) -> None:
    it.open("/?lang=de")
    first = it.page.locator("#feature-table tbody tr").first
    expect(first).to_have_attribute("data-id", "B1")
    for _ in range(80):
        it.page.keyboard.press("Tab")
        if it.page.evaluate("document.activeElement.textContent") == "Alte Brücke":
            break
    it.page.keyboard.press("Enter")
    expect(it.page.locator(DRAWER_TITLE)).to_be_focused()
    it.page.keyboard.press("Escape")
    expect(it.page.locator("#drawer")).to_be_hidden()
    expect(first.locator("button")).to_be_focused()


def test_every_stop_of_the_tab_key_has_a_visible_focus(it: CityPage) -> None:
    it.open("/?lang=de&sel=bridge:B1")
    stops = []
    for _ in range(120):
        it.page.keyboard.press("Tab")
        found = it.page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return e === document.body ? null : {name: e.tagName + '#' + e.id + '.' +"
            " e.className, outline: s.outlineStyle, width: parseFloat(s.outlineWidth)}; }"
        )
        if found is None:
            break
        stops.append(found)
    assert len(stops) > 30
    assert [stop for stop in stops if stop["outline"] == "none" or stop["width"] < 2] == []
    assert sum(stop["name"].startswith("CANVAS") for stop in stops) == 1


def test_focus_and_open_reasons_survive_the_refresh_of_the_page(it: CityPage) -> None:
    it.open("/?lang=en&sel=bridge:B1")
    it.page.locator("#kpi-speed summary").click()
    button = it.page.locator("[data-uid='B1-temp'] button")
    button.focus()
    it.page.wait_for_event("response", lambda found: "_dash-update" in found.url)
    it.page.wait_for_event("response", lambda found: "_dash-update" in found.url)
    expect(button).to_be_focused()
    expect(it.page.locator("#kpi-speed details")).to_have_attribute("open", "")


def test_the_table_is_equal_to_the_map(it: CityPage) -> None:
    it.open("/?lang=en&tab=roads")
    rows = it.page.locator("#feature-table tbody tr")
    expect(rows).to_have_count(4)
    address = httpx.get(f"{it.web.address}/api/geo/roads", trust_env=False).json()["url"]
    geometry = decode_table(httpx.get(it.web.address + address, trust_env=False).content)
    drawn = it.web.hub.frames["roads.speed"].values
    shown = {
        row.get_attribute("data-id"): row.locator("td").first.inner_text() for row in rows.all()
    }
    ids = geometry.columns["id"]
    assert set(shown) == set(ids)
    for row, key in enumerate(ids):
        assert (shown[str(key)] == "\u2013") == (drawn[row] == NO_VALUE)
    assert shown["L1/ab"] == "50.0"


def test_the_table_sorts_by_keyboard_and_says_so(it: CityPage) -> None:
    it.open("/?lang=en&tab=roads")
    head = it.page.locator("#feature-table th", has_text="Speed")
    expect(head).to_have_attribute("aria-sort", "ascending")
    first = it.page.locator("#feature-table tbody tr").first
    expect(first).to_have_attribute("data-id", "L2/ba")
    head.locator("button").focus()
    it.page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(first).to_have_attribute("data-id", "L1/ab")
    assert "sort=-speed" in it.query()


def test_the_language_changes_and_the_view_stays(it: CityPage) -> None:
    it.open(f"/?lang=de&{FLAT_VIEW}&sel=bridge:B1&tab=roads")
    expect(it.page.locator("html")).to_have_attribute("lang", "de")
    it.page.get_by_role("link", name="English").click()
    it.page.wait_for_selector("#map[data-state=ready]")
    expect(it.page.locator("html")).to_have_attribute("lang", "en")
    expect(it.page.locator("h1")).to_have_text("Overview of Musterstadt")
    expect(it.page.locator(DRAWER_TITLE)).to_have_text("Alte Brücke")
    for part in ("lang=en", "map=51.05", "sel=bridge%3AB1", "tab=roads"):
        assert part in it.query()


def test_the_browser_decides_the_language_where_the_address_does_not(
    browser: Browser, web: Served
) -> None:
    for locale, title in (("de-DE", "Betrieb"), ("en-GB", "Operations")):
        with city_page(browser, web, locale=locale) as it:
            it.open("/operations")
            expect(it.page.locator("h1")).to_have_text(title)


def test_an_address_restores_the_whole_view(it: CityPage) -> None:
    it.open("/?lang=en&sel=road:L1/ab&layers=roads,bridges&kpi=flow&tab=streams&sort=-age&low=on")
    pressed = it.page.locator("button[aria-pressed=true]").all_inner_texts()
    for name in ("Roads", "Bridges", "Traffic flow", "Datastreams", "Low (2D)"):
        assert name in pressed
    assert "Sensors" not in pressed
    expect(it.page.locator(DRAWER_TITLE)).to_have_text("Hauptstraße: Richtung Nord")
    expect(it.page.locator("th[aria-sort=descending]")).to_contain_text("Age")


def test_what_an_address_asks_in_vain_is_said(it: CityPage) -> None:
    it.open("/?lang=en&colour=red&page=0")
    expect(it.page.locator("#notices p")).to_have_count(2)


def test_switches_change_the_map_and_the_legend(it: CityPage) -> None:
    it.open("/?lang=en")
    it.page.get_by_role("button", name="Traffic flow", exact=True).click()
    expect(it.page.locator("#legend")).to_contain_text("veh/h")
    it.page.get_by_role("button", name="Bridges", exact=True).first.click()
    expect(it.page.locator("#legend")).not_to_contain_text("Condition of bridges")
    assert "layers=water,roads,sensors,labels" in it.query()
    assert "kpi=flow" in it.query()


def test_search_finds_a_bridge_under_any_spelling(it: CityPage) -> None:
    it.open("/?lang=en")
    it.page.fill("#search", "NEUE BRUECKE")
    result = it.page.locator("#search-results button")
    expect(result).to_have_count(1)
    result.press("Enter")
    expect(it.page.locator(DRAWER_TITLE)).to_have_text("Neue Brücke")
    it.page.fill("#search", "tunnel")
    expect(it.page.locator("#search-results")).to_contain_text("No bridge or street")


def test_pausing_stops_the_map_and_resuming_brings_the_newest(browser: Browser) -> None:
    with running(browser) as it:
        it.open("/?lang=en&low=on")
        it.page.wait_for_selector("#map[data-seq]")
        it.page.get_by_role("button", name="Pause live values").click()
        resume = it.page.get_by_role("button", name="Resume live values")
        expect(resume).to_have_attribute("aria-pressed", "true")
        expect(it.page.locator("#live-status")).to_have_text("Paused")
        resume.click()
        expect(it.page.locator("#live-status")).to_contain_text("Live")


def test_a_stale_value_is_grey_named_as_the_last_one_and_never_current(browser: Browser) -> None:
    with running(browser) as it:
        it.open("/?lang=en&sel=bridge:B1")
        strain = it.page.locator("[data-uid='B1-strain']")
        expect(strain).to_contain_text("12.5\u202fµm/m")
        it.web.town.clock.move(300.0)
        expect(strain).to_contain_text("last 12.5\u202fµm/m", timeout=15_000)
        expect(strain).to_contain_text("stale")
        expect(strain).to_have_class(re.compile("stale"))
        expect(it.page.locator("tr[data-id='B1']")).to_contain_text("no data")


def test_a_lost_server_is_said_and_the_page_recovers_nothing_by_itself(browser: Browser) -> None:
    with served(running_town()) as web:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(web.address)
        page.wait_for_selector("#map[data-connection=live]")
    expect(page.locator("#map")).to_have_attribute("data-connection", "lost", timeout=20_000)
    expect(page.locator("#live-status")).to_have_text("Connection lost")
    expect(page.locator("#feature-table")).to_be_visible()
    context.close()


def test_while_the_database_is_away_the_pages_say_so(browser: Browser) -> None:
    with running(browser) as it:
        it.open("/?lang=en")
        it.web.town.store.is_away = True
        banner = it.page.locator("#banner")
        expect(banner).to_contain_text("database cannot be reached", timeout=15_000)
        expect(it.page.locator("#feature-table")).to_contain_text("Alte Brücke")
        it.web.town.store.is_away = False
        expect(banner).to_be_empty(timeout=15_000)


@pytest.mark.duty("S18")
def test_hostile_names_are_text_everywhere(browser: Browser) -> None:
    with running(browser, town(HOSTILE)) as it:
        it.web.town.reject(
            Rejection("not_json", HOSTILE, source="demo", topic=f"twin/{HOSTILE}", codec="own")
        )
        for address in ("/?lang=en&sel=bridge:B1", "/?lang=en&tab=streams", "/operations?lang=en"):
            it.open(address)
            expect(it.page.locator("body")).to_contain_text(HOSTILE)
            assert it.page.locator("img").count() == 0


def test_operations_show_balance_jobs_and_quarantine_with_reasons(browser: Browser) -> None:
    with running(browser) as it:
        it.web.town.reject(
            Rejection("not_json", "byte 0 is no JSON", source="demo", topic="a/b", codec="own")
        )
        it.open("/operations?lang=en")
        expect(it.page.locator("#sources tbody tr")).to_contain_text("✓ balanced")
        expect(it.page.locator("#reasons")).to_contain_text("not JSON")
        expect(it.page.locator("#quarantine")).to_contain_text("byte 0 is no JSON")
        expect(it.page.locator("#operations")).to_contain_text("No job has reported yet.")


def test_empty_lists_say_why_and_what_to_do(browser: Browser) -> None:
    with running(browser, town(bridges=0)) as it:
        it.open("/?lang=en")
        expect(it.page.locator("#table")).to_contain_text("Load a city folder that contains some.")
    with running(browser, City("Nichts")) as it:
        it.open("/?lang=en")
        expect(it.page.locator("main")).to_contain_text("twin load FOLDER")
        it.open("/operations?lang=en")
        expect(it.page.locator("#operations")).to_contain_text("Nothing has arrived today.")


@pytest.mark.parametrize(
    "page", ["/?lang=de&sel=bridge:B1&tab=streams", "/operations", "/accessibility"]
)
def test_at_320_pixels_nothing_is_lost_and_nothing_scrolls_sideways(
    browser: Browser, web: Served, page: str
) -> None:
    with city_page(browser, web, width=320, height=640) as it:
        it.open(page)
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 320
        for part in ("header", "main", "footer"):
            expect(it.page.locator(part).first).to_be_visible()
