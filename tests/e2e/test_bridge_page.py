"""The page of a bridge in a browser: findings with reasons and raw signal, empty states, axe."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_city import BRIDGE_ID, twin_of
from e2e.pages.browser import chromium
from fault_world import CASES, world_of
from playwright.sync_api import Browser, Page, expect
from serving_town import served
from town import settings

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from simulations.bridges.analyses import ANALYSES
from simulations.bridges.rounds import Rounds

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""
GROWING = next(case for case in CASES if case.name == "crack growth")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def cracked() -> Iterator[str]:
    """Address of a city whose only bridge has a growing crack that the analyses have found."""
    twin = twin_of(world_of(GROWING, 3))
    Rounds(twin, ANALYSES).all_due()
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    port = server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        twin.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()


def test_a_finding_tells_cause_reasons_and_next_step(page: Page, cracked: str) -> None:
    page.goto(f"{cracked}/bridge?lang=en&sel=bridge:{BRIDGE_ID}")
    finding = page.locator("article.finding").first
    expect(finding).to_contain_text("grows by")
    expect(finding).to_contain_text("probably a change of the structure")
    expect(finding).to_contain_text("the crack answers to traffic")
    expect(finding).to_contain_text("Next step:")
    expect(page.locator(".cards")).to_contain_text("warning")


def test_the_raw_signal_behind_a_finding_is_one_click_away(page: Page, cracked: str) -> None:
    page.goto(f"{cracked}/bridge?lang=de&sel=bridge:{BRIDGE_ID}")
    page.locator(".evidence summary").first.click()
    chart = page.locator(".evidence [data-state=ready]").first
    expect(chart).to_be_visible()
    assert int(chart.get_attribute("data-points") or 0) > 100


def test_all_bridges_are_listed_the_most_urgent_first(page: Page, cracked: str) -> None:
    page.goto(f"{cracked}/bridge?lang=de")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("Warnung")
    row.get_by_role("link").click()
    expect(page.locator("h1")).to_have_text("Probebrücke")


@pytest.mark.duty("L1")
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("query", ["", f"sel=bridge:{BRIDGE_ID}&"], ids=["list", "bridge"])
def test_axe_finds_no_violation_on_the_pages_of_bridges(
    page: Page, cracked: str, query: str, language: str
) -> None:
    page.goto(f"{cracked}/bridge?{query}lang={language}")
    page.wait_for_selector("h1")
    if query:
        page.wait_for_selector(".evidence [data-state=ready]", state="attached")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN, TAGS) == []


def test_a_bridge_of_which_nothing_is_known_says_so(page: Page) -> None:
    with served() as town:
        page.goto(f"{town.address}/bridge?lang=en&sel=bridge:B2")
        for text in ("No open finding.", "not recorded", "sends no readings", "No inspection"):
            expect(page.locator("main")).to_contain_text(text)
        page.goto(f"{town.address}/bridge?lang=en&sel=bridge:nowhere")
        expect(page.locator("main")).to_contain_text("The city knows no bridge nowhere.")
