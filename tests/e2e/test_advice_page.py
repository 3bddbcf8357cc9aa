"""The search for measures in a browser: asked by keyboard, followed, read, taken over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from measure_city import measure_city
from measure_web import served_city, working
from playwright.sync_api import Browser, Page, expect

from twin.city import Twin

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""
SOLVED_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def city() -> Iterator[Twin]:
    twin, _ = measure_city()
    yield twin
    twin.close()


@pytest.fixture(scope="module")
def web(city: Twin) -> Iterator[str]:
    with served_city(city) as address, working(city):
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    seen = watch(opened)
    yield opened
    assert seen.errors == []
    assert seen.foreign == []
    opened.close()


def answered(page: Page) -> None:
    expect(page.locator("#advice-said")).to_be_visible(timeout=SOLVED_MS)


def test_a_search_is_asked_by_keyboard_and_its_first_rank_becomes_a_scenario(
    page: Page, web: str
) -> None:
    page.goto(f"{web}/scenario?lang=en")
    page.get_by_role("link", name="Find measures").press("Enter")
    bridge = page.get_by_label("Bridge")
    bridge.select_option("B07")
    expect(page.locator("#advice-about")).to_contain_text("cannot be told")
    most = page.get_by_label("Crossings a day at most")
    expect(most).to_have_value("50")
    expect(page.get_by_label("Lower the damage rate by at least")).to_have_value("")
    most.fill("40")
    most.press("Enter")
    answered(page)
    assert "run=" in page.url
    expect(page.locator("#advice-asked")).to_contain_text("at most 40 crossings a day above 30")
    first = page.locator("[data-id='rank-1']")
    expect(first).to_contain_text("reached")
    expect(first).to_contain_text("asked for are at most 40")
    expect(page.locator("#advice-cancel")).to_be_hidden()
    expect(page.get_by_text("What the answer rests on")).to_be_visible()
    sentence = first.locator("th > div").first.inner_text()
    page.reload()
    answered(page)
    expect(bridge).to_have_value("B07")
    expect(most).to_have_value("40")
    page.goto(f"{web}/result?lang=en&run={page.url.partition('run=')[2].partition('&')[0]}")
    page.get_by_role("link", name="This run is a search for measures").press("Enter")
    answered(page)
    page.get_by_role("link", name="Take over as scenario: rank 1").press("Enter")
    expect(page.locator("#scenario-measures")).to_contain_text(sentence)


def test_files_hold_the_ranks(page: Page, web: str) -> None:
    page.goto(f"{web}/advice?lang=de&bridge=B07")
    page.get_by_role("button", name="Vorschlag suchen").press("Enter")
    answered(page)
    csv = page.get_by_role("link", name="Ränge als CSV").get_attribute("href")
    lines = page.request.get(f"{web}{csv}").text().splitlines()
    assert lines[0].startswith("\ufeffRang,Maßnahmen,Ziel")
    json = page.get_by_role("link", name="Antwort als JSON").get_attribute("href")
    document = page.request.get(f"{web}{json}").json()
    assert len(lines) == 1 + len(document["ranks"])


def test_what_cannot_be_asked_is_said_and_nothing_is_queued(
    page: Page, web: str, city: Twin
) -> None:
    before = len(city.traffic.runs(limit=50))
    page.goto(f"{web}/advice?lang=en&bridge=B07")
    status, ask = page.locator("#advice-status"), page.get_by_role("button", name="Find measures")
    page.get_by_label("Crossings a day at most").fill("")
    ask.press("Enter")
    expect(status).to_contain_text("State a target")
    page.get_by_label("Lower the damage rate by at least").fill("x")
    ask.press("Enter")
    expect(status).to_contain_text("x is no number")
    page.get_by_label("Lower the damage rate by at least").fill("30")
    ask.press("Enter")
    expect(status).to_contain_text("an arch carries by thrust")
    assert len(city.traffic.runs(limit=50)) == before
    page.goto(f"{web}/advice?lang=en&run=999")
    expect(page.locator("#advice-answer")).to_contain_text("There is no run 999")


def test_a_long_search_is_cancelled(page: Page, web: str, city: Twin) -> None:
    page.goto(f"{web}/advice?lang=en&bridge=B03")
    page.get_by_label("Lower the damage rate by at least").fill("100")
    page.get_by_label("Crossings a day at most").fill("0")
    page.get_by_label("heavier than").fill("0,5")
    page.get_by_role("button", name="Find measures").press("Enter")
    page.get_by_role("button", name="Cancel the search").press("Enter")
    expect(page.locator(".job-card")).to_contain_text("The search was cancelled")
    assert city.traffic.runs(limit=1)[0].status == "cancelled"


@pytest.mark.duty("L1")
@pytest.mark.parametrize("language", ["de", "en"])
def test_axe_finds_no_violation_and_narrow_pages_do_not_scroll_sideways(
    page: Page, web: str, language: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{web}/advice?lang={language}&bridge=B07")
    page.locator("#advice-ask").press("Enter")
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.evaluate("window.scrollTo(0, 0)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN, TAGS) == []
