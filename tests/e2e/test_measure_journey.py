"""A planner's task by keyboard alone: worst bridge, evidence, scenario, answer, decision paper."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from measure_city import measure_city
from measure_web import served_city, working
from playwright.sync_api import Browser, Page, expect

from twin.city import Twin

pytestmark = pytest.mark.browser

MOST_TABS = 200
ANSWER_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def twin() -> Iterator[Twin]:
    made, _ = measure_city()
    with working(made):
        yield made
    made.close()


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until an element is focused, as a person without a mouse does."""
    expect(page.locator(wanted).first).to_be_visible()
    for _ in range(MOST_TABS):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{wanted} is not reached by {MOST_TABS} Tabs")


def follow(page: Page, wanted: str) -> None:
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def write_closure(page: Page) -> None:
    """Close the bridge that the editor already names."""
    page.wait_for_selector("#scenario[data-n]")
    tab_to(page, "#field-kind")
    page.keyboard.type("Bauwerk sperren")
    expect(page.locator("#form-preview")).to_contain_text("Loschwitzer Brücke")
    follow(page, "#form-apply")
    expect(page.locator(".measure .sentence")).to_contain_text("Sperrung von Loschwitzer Brücke")


def test_the_task_of_a_planner_is_done_by_keyboard_alone(
    browser: Browser, twin: Twin, tmp_path: Path
) -> None:
    with served_city(twin) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="de-DE")
        page = context.new_page()
        seen = watch(page)
        refused: list[str] = []
        page.on("response", lambda one: refused.append(one.url) if one.status >= 400 else None)

        page.goto(f"{address}/bridge?lang=de")
        expect(page.locator("#worst")).to_contain_text("Loschwitzer Brücke")
        follow(page, "#worst a")
        expect(page.locator("h1")).to_contain_text("Loschwitzer Brücke")

        follow(page, "a[href='#inspection']")
        expect(page.locator("#inspection")).to_be_in_viewport()
        expect(page.locator("#inspection")).to_contain_text("ungenügend")
        follow(page, "#model summary")
        expect(page.locator("#model details[open] .tag").first).to_be_visible()

        follow(page, "a.plan")
        write_closure(page)
        follow(page, "#run-plain")
        expect(page.locator("#job-result")).to_be_visible(timeout=ANSWER_MS)
        follow(page, "#job-result")

        expect(page).to_have_url(re.compile(r"/result\?lang=de&run=1"))
        first = page.locator("[data-id='bridges'] tbody tr[data-id]").first
        expect(first).to_contain_text("Umleitung")
        expect(first.locator("td strong").first).to_have_text(re.compile(r"^\+\d"))
        overloaded = first.locator("th button").inner_text()
        follow(page, "[data-id='bridges'] tbody th button")
        expect(page.locator(".chain h3")).to_contain_text(overloaded)
        expect(page.locator(".chain .causal li").first).to_contain_text(
            re.compile(r"\+[\d.]+ Lkw/Tag")
        )

        with page.expect_download(timeout=ANSWER_MS) as download:
            follow(page, ".actions a[href*='paper.pdf']")
        file = tmp_path / "paper.pdf"
        download.value.save_as(file)
        assert file.read_bytes().startswith(b"%PDF-")
        # No sensor of this city has a reading, so two drawings of the bridge page are not there.
        assert [url for url in refused if "/cloud.svg" not in url] == []
        assert [text for text in seen.errors if "404" not in text] == []
        assert seen.foreign == []
        context.close()
