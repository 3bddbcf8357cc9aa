"""axe-core on every page, in both languages, plain and with the drawer open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium
from e2e.pages.city_page import city_page, running_town
from playwright.sync_api import Browser
from serving_town import Served, served

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""
SCREENS = {
    "overview": "/?",
    "drawer of a bridge": "/?sel=bridge:B1&tab=streams&",
    "drawer of a road": "/?sel=road:L1/ab&tab=roads&",
    "notices": "/?colour=red&",
    "operations": "/operations?",
    "statement": "/accessibility?",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served(running_town()) as running:
        yield running


@pytest.mark.duty("L1")
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS.keys())
def test_axe_finds_no_violation(browser: Browser, web: Served, screen: str, language: str) -> None:
    with city_page(browser, web) as it:
        it.open(f"{screen}lang={language}")
        if "sel=" in screen:
            it.page.wait_for_selector("#drawer-series[data-state=ready]")
        it.page.evaluate(AXE.read_text(encoding="utf-8"))
        assert it.page.evaluate(RUN, TAGS) == []


@pytest.mark.duty("L1")
def test_axe_finds_no_violation_with_search_results_and_open_reasons(
    browser: Browser, web: Served
) -> None:
    with city_page(browser, web) as it:
        it.open("/?lang=de")
        it.page.fill("#search", "e")
        it.page.wait_for_selector("#search-results button")
        for summary in it.page.locator("#kpi summary").all():
            summary.click()
        it.page.evaluate(AXE.read_text(encoding="utf-8"))
        assert it.page.evaluate(RUN, TAGS) == []


@pytest.mark.duty("L3")
@pytest.mark.parametrize("path", ["/", "/operations", "/accessibility"])
def test_the_accessibility_statement_is_linked_from_every_page(
    browser: Browser, web: Served, path: str
) -> None:
    with city_page(browser, web) as it:
        it.open(f"{path}?lang=en")
        it.page.get_by_role("contentinfo").get_by_role("link", name="Accessibility").click()
        it.page.wait_for_selector("h1:has-text('Accessibility statement')")
        assert "lang=en" in it.query()


def test_headings_and_landmarks_name_the_parts_of_a_page(browser: Browser, web: Served) -> None:
    with city_page(browser, web) as it:
        it.open("/?lang=en")
        assert it.page.locator("h1").count() == 1
        for role in ("banner", "main", "contentinfo", "search"):
            assert it.page.get_by_role(role).count() == 1
        assert it.page.title() == "Overview of Musterstadt \u2013 Stadtzwilling"
        skip = it.page.get_by_role("link", name="Skip to content")
        it.page.keyboard.press("Tab")
        assert skip.evaluate("(link) => link === document.activeElement")
