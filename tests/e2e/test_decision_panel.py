"""A decision is made on the page of a result, by keyboard, and stands there afterwards."""

from collections.abc import Iterator

import pytest
from e2e.pages.browser import chromium, watch
from measure_web import MeasureWeb, measure_web
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def web() -> Iterator[MeasureWeb]:
    with measure_web() as served:
        yield served


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    seen = watch(opened)
    yield opened
    assert seen.errors == []
    assert seen.foreign == []
    opened.close()


def test_a_measure_of_the_run_is_decided(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.limited}")
    panel = page.locator("#decision")
    expect(panel).to_contain_text("No decision rests on this run yet.")
    decide = panel.get_by_role("button", name="Decide")
    decide.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("reason")
    panel.get_by_label("Who decides").fill("Road authority")
    panel.get_by_label("Reason").fill("hangers")
    panel.get_by_label("First day").fill("soon")
    decide.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("is no day")
    panel.get_by_label("First day").fill("2026-12-01")
    decide.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("Decision 1 is kept")
    expect(panel).to_contain_text("decided by Road authority")
    page.goto(f"{web.address}/result?lang=de&run={web.limited}")
    expect(panel).to_contain_text("entschieden von Road authority")
    answer = page.request.get(f"{web.address}/api/measures/decisions/1/message.xml")
    assert "weightRestrictionInOperation" in answer.text()
