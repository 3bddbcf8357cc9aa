"""The page of a result in a browser: measures that the real engines answered for the demo city."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from measure_web import MeasureWeb, measure_web
from playwright.sync_api import Browser, Page, expect

from dashboards.joint_rows import repeated

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""
FOCUSED = "document.activeElement.id"


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


def rows(page: Page, table: str) -> list[str]:
    found = page.locator(f"[data-id='{table}'] tbody tr[data-id]")
    return [str(row.get_attribute("data-id")) for row in found.all()]


def test_the_bridges_stand_in_the_order_of_the_document(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=de&run={web.closed}")
    document = web.twin.measures.document(web.closed)
    assert document is not None
    wanted = [one["name"] for one in document["bridges"]]  # type: ignore[attr-defined]
    names = page.locator("[data-id='bridges'] tbody th button")
    expect(names.first).to_have_text(wanted[0])
    assert names.all_inner_texts() == wanted
    expect(page.locator("#question")).to_contain_text("Carolabrücke")
    expect(page.locator("#question")).to_contain_text("2018")


def test_a_change_within_the_noise_is_marked_and_not_emphasised(
    page: Page, web: MeasureWeb
) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.closed}")
    document = web.twin.measures.document(web.closed)
    assert document is not None
    expect(page.locator("[data-id='bridges']")).to_be_visible()
    again = repeated(document["bridges"])  # type: ignore[attr-defined]
    for bridge in document["bridges"]:  # type: ignore[attr-defined]
        row = page.locator(f"[data-id='bridges'] tr:has(button:text-is('{bridge['name']}'))")
        marked = row.locator("td").nth(3).locator("strong").count()
        is_again = bridge["part"] in again
        if is_again:
            expect(row).to_contain_text("same vehicles")
        assert marked == int(bridge["heavy"]["is_significant"] and not is_again), bridge["name"]


def test_a_row_opens_its_causal_chain_by_keyboard(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.closed}")
    first = page.locator("[data-id='bridges'] tbody th button").first
    first.focus()
    page.keyboard.press("Enter")
    chain = page.locator(".chain")
    expect(chain.locator("ol.causal li").first).to_be_visible()
    expect(chain).to_contain_text("(Carolabrücke)")
    expect(chain.get_by_role("link", name="To the page of the bridge")).to_be_visible()
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-expanded", "true")
    assert "sel=bridge" in page.url
    page.reload()
    expect(page.locator(".chain")).to_be_visible()
    page.locator("[data-id='bridges'] tbody th button").first.press("Enter")
    expect(page.locator(".chain")).to_have_count(0)


def test_bridges_are_filtered_by_role_and_sorted_by_keyboard(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.closed}")
    before = len(rows(page, "bridges"))
    page.get_by_role("button", name="target of the measure").press("Enter")
    expect(page.locator("[data-id='bridges'] tbody tr")).not_to_have_count(before)
    assert "role=target" in page.url
    expect(page.locator("[data-id='bridges'] tbody")).to_contain_text("Carolabrücke")
    page.get_by_role("button", name="All (").press("Enter")
    head = page.locator("[data-id='bridges'] th", has_text="Heavy before")
    head.locator("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert "sort=-before" in page.url


def test_every_figure_says_why_and_where_its_values_are(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.closed}")
    for row in page.locator("[data-id='kpis'] tbody tr").all():
        row.locator("summary").press("Enter")
        expect(row.locator(".why")).to_contain_text("Computed by")
        link = row.get_by_role("link").get_attribute("href") or ""
        assert page.request.get(f"{web.address}{link}").ok, link
        assert row.locator(".tag").count() == 1


def test_tables_leave_as_csv_with_units_and_provenance(page: Page, web: MeasureWeb) -> None:
    base = f"{web.address}/api/results/{web.banded}"
    bridges = page.request.get(f"{base}/bridges.csv?lang=de").text()
    assert bridges.startswith("\ufeffBauwerk,Teilbauwerk,Brücke")
    assert "Schwer vorher [Kfz/d]" in bridges
    assert "simuliert" in bridges
    kpis = page.request.get(f"{base}/kpis.csv?lang=en").text().splitlines()
    assert {"Unit", "Band low", "Band high", "Origin"} <= set(kpis[0].lstrip("\ufeff").split(","))
    assert any(line.startswith("vehicle_h,Time driven,h/h,") for line in kpis)
    missing = page.request.get(f"{web.address}/api/results/{web.traffic}/bridges.csv")
    assert (missing.status, "has no table" in missing.text()) == (404, True)
    assert page.request.get(f"{web.address}/api/results/x/kpis.csv").status == 404


def test_up_to_four_runs_stand_side_by_side(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.closed}")
    section = page.locator("#compare")
    section.get_by_role("button", name="16 t").first.press("Enter")
    expect(page.locator("[data-id='cmp-kpis']")).to_be_visible()
    expect(page.locator("[data-id='cmp-bridges'] tbody")).to_contain_text("Albertbrücke")
    assert "cmp=" in page.url
    others = f"{web.limited},{web.banded},{web.traffic}"
    page.goto(f"{web.address}/result?lang=en&run={web.closed}&cmp={others}")
    expect(page.locator("[data-id='cmp-kpis'] thead th")).to_have_count(3 + 2 * 4)
    page.goto(f"{web.address}/result?lang=en&run={web.closed}&cmp={web.waiting},999")
    expect(section).to_contain_text(f"Run {web.waiting} has no result yet")
    expect(section).to_contain_text("There is no run 999")


def test_the_head_of_an_answer_says_how_good_its_base_is(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.closed}")
    expect(page.locator("#in-short + #base-quality")).to_contain_text("The base")


def test_a_question_of_traffic_alone_says_what_is_missing(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=de&run={web.traffic}")
    expect(page.locator("#bridges")).to_contain_text("nur die Verkehrsfrage")
    expect(page.locator("#traffic")).to_contain_text("Verdrängt")
    link = page.get_by_role("link", name="Dieselbe Frage als Maßnahme")
    assert f"from={web.traffic}" in (link.get_attribute("href") or "")


def test_a_waiting_run_shows_its_answer_as_soon_as_it_is_there(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.waiting}")
    expect(page.locator(".job-card")).to_contain_text("Waiting for a free worker")
    web.work()
    expect(page.locator("[data-id='bridges'] tbody tr").first).to_be_visible(timeout=20_000)
    expect(page.locator(".job-card")).to_have_count(0)


def test_a_comment_is_kept_and_an_empty_one_refused(page: Page, web: MeasureWeb) -> None:
    page.goto(f"{web.address}/result?lang=en&run={web.limited}")
    send = page.get_by_role("button", name="Save comment")
    send.press("Enter")
    expect(page.locator("#comment-status")).to_contain_text("state your name")
    page.get_by_label("Your name").fill("Planning office")
    page.get_by_label("Comment", exact=True).fill(
        "<img src=x onerror=alert(1)> compare with counts"
    )
    send.press("Enter")
    expect(page.locator("#comment-list")).to_contain_text("<img src=x onerror=alert(1)>")
    page.reload()
    expect(page.locator("#comment-list")).to_contain_text("Planning office")


def test_an_address_without_an_answer_says_where_to_go(page: Page, web: MeasureWeb) -> None:
    for address in ("/result?lang=en", "/result?lang=en&run=999"):
        page.goto(web.address + address)
        expect(page.get_by_role("link", name="List of all runs")).to_be_visible()


@pytest.mark.parametrize("width", [320, 800])
def test_narrow_pages_do_not_scroll_sideways(page: Page, web: MeasureWeb, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{web.address}/result?lang=de&run={web.closed}")
    page.locator("[data-id='bridges'] tbody th button").first.click()
    expect(page.locator(".chain")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.duty("L1")
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("kind", ["measures", "traffic", "none"])
def test_axe_finds_no_violation_on_results(
    page: Page, web: MeasureWeb, kind: str, language: str
) -> None:
    number = {"measures": web.banded, "traffic": web.traffic, "none": 999}[kind]
    page.goto(f"{web.address}/result?lang={language}&run={number}&cmp={web.limited}")
    page.wait_for_selector("footer")
    if kind == "measures":
        page.locator("[data-id='bridges'] tbody th button").first.click()
        expect(page.locator(".chain")).to_be_visible()
    # the bar that stays while scrolling covers other rows depending on where the page stands
    page.evaluate("window.scrollTo(0, 0)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RUN, TAGS) == []
