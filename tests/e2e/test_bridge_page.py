"""The page of a bridge in a browser: findings with reasons and raw signal, empty states, axe."""

from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, twin_of
from e2e.pages.browser import chromium
from fault_world import CASES, world_of
from playwright.sync_api import Browser, Page, expect
from serving_town import served
from town import START, settings

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from simulations.bridges.analyses import ANALYSES
from simulations.bridges.rounds import Rounds
from twin.city import Twin
from twin.model import fatigue
from twin.model.acoustics import verdict_of
from twin.model.fatigue import DetailFatigue
from twin.model.findings import Finding, Phrase
from twin.model.inspection import Condition, Damage, Inspection, Recommendation
from twin.model.monitoring import AnalysisOutcome
from twin.model.provenance import Provenance
from twin.model.records import Attachment, InventoryRecord
from twin.model.spectra import GroupSpectra, record_of
from twin.model.times import to_us

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHOTOGRAPH = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
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
    furnish(twin)
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    port = server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        twin.close()


def furnish(twin: Twin) -> None:
    """Records, a photograph, a counted detail and spectra, as a town would have them."""
    at, book = twin.now(), twin.bridges.book
    made = Provenance("estimated", by="made up")
    contents = {
        "inspection": Inspection(year=2023, condition=Condition(grade=2.7)),
        "damage": Damage("1", kind="Riss", s=2, v=0, d=3),
        "recommendation": Recommendation("1", kind="Verpressen", urgency="2"),
    }
    book.add(
        [InventoryRecord(BRIDGE_ID, kind, "1", one, made) for kind, one in contents.items()],  # type: ignore[arg-type]
        at=at,
    )
    book.attach(Attachment(BRIDGE_ID, "pfeiler.png", "image/png", made), PHOTOGRAPH, at=at)
    hours = tuple(to_us(at - timedelta(hours=hour)) for hour in (2, 1, 0))
    level = np.tile(np.linspace(-30.0, -70.0, 100), (3, 1))
    group = GroupSpectra(("T1.a",), "m/s2", hours[-1], 9, 0.1, level[:1], hours, 0.1, level)
    detail = DetailFatigue(
        "Feldmitte", "T1.strain", "71", "simulated", 1e-6, 0.0, None, None, "0 days of data", 1.0,
        sees_crossings=False, first_us=hours[0], until_us=hours[-1], cycles=4, largest_mpa=9.0,
        late_samples=0, assumptions=(), bin_mpa=0.5, half_cycles=(6, 2),
    )  # fmt: skip
    states = (
        record_of([group], asset_id=BRIDGE_ID, at=at),
        fatigue.record_of([detail], asset_id=BRIDGE_ID, at=at),
    )
    twin.bridges.keep(AnalysisOutcome(states=states), at=at)


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


def test_every_figure_is_drawn_and_has_its_values_as_a_file(page: Page, cracked: str) -> None:
    page.goto(f"{cracked}/bridge?lang=en&sel=bridge:{BRIDGE_ID}")
    for kind in ("spectrum", "waterfall", "histogram", "grades", "cloud"):
        figure = page.locator(f"figure.drawing:has(img[src*='/{kind}.svg'])").first
        picture = figure.locator("img")
        picture.scroll_into_view_if_needed()
        page.wait_for_function("img => img.complete", arg=picture.element_handle())
        assert picture.evaluate("img => img.naturalWidth") > 0, kind
        address = figure.get_by_role("link").first.get_attribute("href") or ""
        answer = page.request.get(f"{cracked}{address}")
        assert answer.text().startswith("\ufeff# title: "), kind
        assert "# provenance: " in answer.text(), kind


def test_inspections_show_damages_measures_and_photographs(page: Page, cracked: str) -> None:
    page.goto(f"{cracked}/bridge?lang=de&sel=bridge:{BRIDGE_ID}")
    section = page.locator("#inspection")
    expect(section).to_contain_text("Verpressen")
    expect(section).to_contain_text("kurzfristig")
    photograph = section.locator(".attachments a")
    answer = page.request.get(f"{cracked}{photograph.get_attribute('href')}")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("width", [320, 390])
def test_narrow_pages_do_not_scroll_sideways(page: Page, cracked: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{cracked}/bridge?lang=de&sel=bridge:{BRIDGE_ID}")
    page.wait_for_selector("figure.drawing")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


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


@pytest.mark.parametrize(
    ("verdict", "button"), [("confirmed", "Confirm as a broken wire"), ("rejected", "Reject")]
)
def test_a_person_confirms_or_rejects_a_broken_wire_and_the_log_says_who_and_why(
    page: Page, verdict: str, button: str
) -> None:
    words = Phrase("wire_break", {"section": "span 1", "station": 7.2, "sensors": 2.0})
    step = Phrase("step.confirm_wire_break")
    heard = Finding("B1", "wire_break", "1", "warning", "span 1@1", words, step, at=START)
    with served() as town:
        store = town.town.store.bridges
        (number,) = store.keep(AnalysisOutcome(findings=(heard,)), at=START).findings
        page.goto(f"{town.address}/bridge?lang=en&sel=bridge:B1")
        form = page.locator(".judging")
        form.locator("summary").click()
        form.get_by_label("Role or account").fill("inspector")
        form.get_by_role("button", name=button).click()
        expect(form.get_by_role("status")).to_contain_text("judging needs a reason")
        assert store.finding(number).stage == "seen"
        form.get_by_label("Reason").fill("heard beside the tendon")
        form.get_by_role("button", name=button).click()
        expect(page.locator("article.finding .note").first).to_contain_text("judged")
        judged = store.finding(number)
    assert verdict_of(judged) == verdict
    assert judged.steps[-1].person == "inspector"
    assert judged.steps[-1].reason == f"{verdict}: heard beside the tendon"


def test_a_bridge_of_which_nothing_is_known_says_so(page: Page) -> None:
    with served() as town:
        page.goto(f"{town.address}/bridge?lang=en&sel=bridge:B2")
        for text in ("No open finding.", "not recorded", "sends no readings", "No inspection"):
            expect(page.locator("main")).to_contain_text(text)
        page.goto(f"{town.address}/bridge?lang=en&sel=bridge:nowhere")
        expect(page.locator("main")).to_contain_text("The city knows no bridge nowhere.")
