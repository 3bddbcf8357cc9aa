"""The demo city as a newcomer meets it: one command, then a browser on the printed address.

The pictures of the README are made here: ``TWIN_TEST_PICTURES=docs/pictures`` keeps them.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from live_probe import LiveProbe
from playwright.sync_api import Browser, Page
from running import RunningTwin, running_twin
from services import eventually

pytestmark = [pytest.mark.db, pytest.mark.broker, pytest.mark.browser]

DEMO = (sys.executable, "-m", "twin.cli", "demo")
EVERY_CHANNEL_HAS_VALUES = """() => {
  const seqs = JSON.parse(document.querySelector("#map").dataset.seqs || "{}");
  return ["roads.speed", "bridges.monitoring", "bridges.grade"].every((name) => name in seqs);
}"""
PICTURES = {
    "map-en-light": ("?lang=en&low=off", 1440, 900),
    "map-de-light": ("?lang=de&low=off", 1440, 900),
    "map-en-low-power": ("?lang=en&low=on", 1440, 900),
    "bridge-en": ("?lang=en&low=off&sel=bridge:B09", 1440, 900),
    "bridge-de": ("?lang=de&low=off&sel=bridge:B09", 1440, 900),
    "map-de-narrow": ("?lang=de&low=on", 390, 844),
    "operations-en": ("operations?lang=en", 1440, 900),
    "operations-de": ("operations?lang=de", 1440, 900),
}
BRIDGE_PAGES = {
    "bridge-page-en": "bridge?lang=en&sel=bridge:B10",
    "bridge-page-de": "bridge?lang=de&sel=bridge:B10",
}
FIRST_FINDING_S = 400.0
"""So long the demo takes at most until its worker has looked at the bridge with the crack."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(DEMO, data_dir=tmp_path_factory.mktemp("demo")) as running:
        eventually(lambda: running.stored() > 400, "live readings", limit_s=60)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def open_map(browser: Browser, demo: RunningTwin, query: str = "?lang=en&low=on") -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{demo.address}{query}")
    page.wait_for_selector("#map[data-state=ready]", timeout=60_000)
    return page


def test_the_map_shows_at_least_400_live_datastreams(demo: RunningTwin, browser: Browser) -> None:
    page = open_map(browser, demo)
    seen = watch(page)
    page.get_by_role("button", name="Datastreams").click()
    page.wait_for_function(
        "() => /4[0-9][0-9]/.test(document.querySelector('main').innerText)", timeout=30_000
    )
    page.wait_for_function("() => Number(document.querySelector('#map').dataset.seq) > 2")
    assert seen.foreign == []
    assert seen.errors == []
    page.close()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_the_pages_are_made(
    demo: RunningTwin, browser: Browser, name: str, tmp_path: Path
) -> None:
    query, width, height = PICTURES[name]
    folder = Path(os.environ.get("TWIN_TEST_PICTURES") or tmp_path)
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{demo.address}{query}")
    page.wait_for_selector("footer", timeout=60_000)
    if not name.startswith("operations"):
        page.wait_for_selector("#map[data-state=ready]", timeout=60_000)
        page.wait_for_function(EVERY_CHANNEL_HAS_VALUES)
        page.locator("#live-status").filter(has_text=re.compile("live", re.IGNORECASE)).wait_for()
    if name.startswith("bridge"):
        page.wait_for_selector(".series-chart[data-state=ready], [data-state=ready] canvas")
    file = folder / f"{name}.png"
    page.screenshot(path=file)
    assert file.stat().st_size > 10_000
    page.close()


@pytest.mark.skipif(
    not os.environ.get("TWIN_TEST_PICTURES"),
    reason="takes minutes until the worker has looked at the bridge; only for the pictures",
)
@pytest.mark.parametrize("name", BRIDGE_PAGES)
def test_the_bridge_with_the_crack_explains_it(
    demo: RunningTwin, browser: Browser, name: str
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1500})
    facts = f"{demo.address}api/bridges/B10"
    eventually(
        lambda: bool(page.request.get(facts).json()["monitoring"]["analyses"]),
        "a round of analyses over the bridge",
        limit_s=FIRST_FINDING_S,
    )
    page.goto(f"{demo.address}{BRIDGE_PAGES[name]}")
    page.locator("article.finding").filter(has_text="B10.crack_midspan").first.wait_for()
    page.wait_for_selector("#live [data-state=ready] canvas")
    page.screenshot(path=Path(os.environ["TWIN_TEST_PICTURES"]) / f"{name}.png")
    page.close()


def test_a_published_reading_reaches_the_map(demo: RunningTwin, browser: Browser) -> None:
    page = open_map(browser, demo)
    probe = LiveProbe(demo, page)
    try:
        assert probe.delay_s() > 0
    finally:
        probe.close()
        page.close()
