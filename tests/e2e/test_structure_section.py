"""The structural model on the page of a bridge in a browser: lines, tables, axe."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from playwright.sync_api import Browser, Page, expect
from structure_city import BRIDGE_ID, FACTS, START, Clock, frequency_stream, hear, structure_twin
from town import settings

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from simulations.bridges import structures
from simulations.bridges.rounds import Rounds

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => (await axe.run("#model", {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""
SPANS = {"static_system": "1.3", "spans_m": "24+30+24", "total_length_m": 78.0}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def modelled() -> Iterator[str]:
    """Address of a city whose only bridge has a calibrated model and a target load level."""
    twin = structure_twin(
        {**FACTS, **SPANS, "target_load_level": "2"}, Clock(START), [frequency_stream(1)]
    )
    hear(twin, 1, 4.2, until=START)
    Rounds(twin, [structures.ANALYSIS]).all_due()
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


@pytest.mark.duty("L1")
@pytest.mark.parametrize("language", ["de", "en"])
def test_lines_effects_and_assumptions_are_seen(page: Page, modelled: str, language: str) -> None:
    seen = watch(page)
    page.goto(f"{modelled}/bridge?lang={language}&sel=bridge:{BRIDGE_ID}")
    section = page.locator("#model")
    proof = "kein Tragfähigkeitsnachweis" if language == "de" else "not a proof of resistance"
    expect(section).to_contain_text(proof)
    for effect in section.locator("details.structure-effect").all():
        if effect.get_attribute("open") is None:
            effect.locator("summary").click()
        picture = effect.locator("img")
        expect(picture).to_be_visible()
        assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 100
        assert effect.locator("tbody tr").count() >= 4
    imposed = section.locator("details.structure-imposed")
    imposed.locator("summary").click()
    expect(imposed.locator("li").first).to_be_visible()
    assert imposed.locator("table").count() == 3
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN, TAGS) == []
    assert not seen.errors
