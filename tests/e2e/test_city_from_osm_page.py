"""A town that nobody prepared: an OSM extract becomes a city and shows on the map."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from osm_files import extract
from playwright.sync_api import Page, expect
from running import running_twin

pytestmark = [pytest.mark.db, pytest.mark.broker, pytest.mark.browser]

TWIN = (sys.executable, "-m", "twin.cli")
OPTIONS = ("--name", "Helsinki centre", "--timezone", "Europe/Helsinki")
DRAWN = """() => document.querySelector("#map").twinMap.deck.props.layers
    .filter((layer) => layer && layer.props.data && layer.props.data.length)
    .map((layer) => layer.id)"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("helsinki")
    source = str(extract("Helsinki.osm.pbf"))
    order = (*TWIN, "import", "osm", source, "--city", str(folder / "city"), *OPTIONS)
    subprocess.run(order, check=True, capture_output=True, timeout=120)
    command = (*TWIN, "--city", str(folder / "city"), "up")
    with running_twin(command, data_dir=Path(folder / "data")) as twin, chromium() as browser:
        opened = browser.new_page(viewport={"width": 1440, "height": 900})
        seen = watch(opened)
        opened.goto(f"{twin.address}?lang=en&low=on")
        yield opened
        assert seen.foreign == []
        assert seen.errors == []


def test_its_roads_and_bridges_are_on_the_map(page: Page) -> None:
    page.wait_for_selector("#map[data-state=ready]", timeout=60_000)
    assert {"roads", "bridges", "bridge-ring"} <= set(page.evaluate(DRAWN))
    expect(page.get_by_role("banner")).to_contain_text("Helsinki centre")


def test_its_roads_are_in_the_table_and_found_by_name(page: Page) -> None:
    page.get_by_role("button", name="Road directions").click()
    expect(page.locator("#table")).to_contain_text(re.compile("752 rows"), timeout=30_000)
    page.get_by_role("searchbox").fill("Mannerheimintie")
    expect(page.get_by_role("status").filter(has_text=re.compile(r"\d+ "))).not_to_have_count(0)
    expect(page.locator(".results li").first).to_contain_text("Mannerheimintie")
