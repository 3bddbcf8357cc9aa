"""axe-core on the decision paper, under the policy of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium
from paper_case import paper_source
from playwright.sync_api import Browser

from dashboards.i18n.translate import Texts
from dashboards.reports.making import written

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("language", ["de", "en"])
def test_axe_finds_no_violation_and_nothing_is_fetched(
    browser: Browser, language: str, width: int, tmp_path: Path
) -> None:
    file = tmp_path / "paper.html"
    file.write_bytes(written(paper_source(), texts=Texts(language), form="html"))
    page = browser.new_page(viewport={"width": width, "height": 900})
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(file.as_uri())
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN, TAGS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert fetched == [file.as_uri()]
    page.close()
