"""The editor of scenarios and the list of runs: PostgreSQL, a worker process, a real Chromium."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e.pages.browser import chromium, watch
from measure_city import ROADS_ON, model_bridges, settings
from playwright.sync_api import Browser, Locator, Page, expect
from store_servers import Database, running_server

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from simulations.capacity import Capacity
from simulations.estimating import Wish, estimate, registry
from simulations.running import traffic_engine
from simulations.watching import Told
from twin.city import Twin
from twin.exchange.folder import read_city
from twin.inventory import load_inventory
from twin.model.times import utc_now
from twin.store import open_store

pytestmark = [pytest.mark.browser, pytest.mark.db]

WORKER = Path(__file__).parents[1] / "measure_worker.py"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, found.nodes.map((node) => node.target.join(" "))])"""
ANSWER_MS = 120_000
MOST_TABS = 120


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        yield server.migrated_database()


@pytest.fixture(scope="module")
def twin(database: Database) -> Iterator[Twin]:
    store = open_store(database.dsn())
    own = settings()
    found = Twin(store, clock=utc_now)
    found.load(read_city(own.folder, own.city))
    load_inventory(found, own.folder, extent=own.city.extent)
    model_bridges(found)
    yield found
    store.close()


@pytest.fixture(scope="module")
def address(twin: Twin) -> Iterator[str]:
    """The server, while there is no base yet."""
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    port = server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="module")
def based(twin: Twin, address: str) -> str:
    """The server, and a base of 2018 behind it."""
    estimate(
        twin,
        registry(twin, settings()),
        traffic_engine("path_equilibrium"),
        Wish("2018", ROADS_ON, "2018"),
        settings=settings(),
        capacity=Capacity(1, 2 * 10**9),
        told=Told(threading.Event()),
    )
    return address


@pytest.fixture(scope="module")
def _worker(database: Database) -> Iterator[None]:
    command = [sys.executable, str(WORKER), database.dsn("twin_work"), "0"]
    process = subprocess.Popen(
        command, env={"PYTHONPATH": str(WORKER.parent)}, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def opened(browser: Browser, *, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A page; afterwards nothing may have gone wrong on it."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="de-DE")
    page = context.new_page()
    seen = watch(page)
    try:
        yield page
        assert (seen.foreign, seen.errors) == ([], [])
    finally:
        context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as found:
        yield found


def go(page: Page, address: str) -> None:
    """Open the editor and wait until its draft is there."""
    page.goto(address)
    page.wait_for_selector("#scenario[data-n]")


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until an element is focused, as a person without a mouse does."""
    for _ in range(MOST_TABS):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{wanted} is not reached by {MOST_TABS} Tabs")


def focused(page: Page, identity: str) -> None:
    expect(page.locator(f"#{identity}")).to_be_focused()


def sentences(page: Page) -> Locator:
    return page.locator(".measure .sentence")


def write_limit(page: Page, mass: str) -> None:
    """Limit the mass on the Loschwitzer Brücke, by keyboard alone."""
    tab_to(page, "#measure-add")
    page.keyboard.press("Enter")
    focused(page, "field-kind")
    page.keyboard.type("Gewicht")
    expect(page.locator("#field-mass_t")).to_be_visible()
    tab_to(page, "#field-targets")
    page.keyboard.press("Enter")
    focused(page, "field-search")
    page.keyboard.type("loschwitz")
    expect(page.locator("#scenario-picker tbody tr")).to_have_count(1)
    tab_to(page, "#scenario-picker tbody button")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_contain_text("Loschwitzer Brücke")
    tab_to(page, "#to-form")
    page.keyboard.press("Enter")
    focused(page, "field-kind")
    tab_to(page, "#field-mass_t")
    page.keyboard.type(mass)


def limited(page: Page, address: str, mass: str = "16") -> None:
    """Open the editor with a limit on the Loschwitzer Brücke."""
    go(page, f"{address}/scenario?lang=de&bridge=B09")
    page.select_option("#field-kind", "limit_weight")
    page.fill("#field-mass_t", mass)
    page.press("#field-mass_t", "Enter")
    focused(page, "edit-1")


def test_without_a_base_the_page_says_how_to_make_one(page: Page, address: str) -> None:
    go(page, f"{address}/scenario?lang=de")
    expect(page.locator("#scenario-head")).to_contain_text("twin estimate")
    expect(page.locator("#run-plain")).to_have_attribute("aria-disabled", "true")
    page.goto(f"{address}/scenarios?lang=de")
    expect(page.locator("#runs")).to_contain_text("Noch hat niemand gefragt")


@pytest.mark.usefixtures("_worker")
def test_a_scenario_is_written_and_run_by_keyboard_alone(page: Page, based: str) -> None:
    go(page, f"{based}/scenario?lang=de")
    write_limit(page, "16")
    expect(page.locator("#form-preview")).to_contain_text("auf 16 t.")
    page.keyboard.press("Enter")
    focused(page, "edit-1")
    expect(sentences(page)).to_have_text(re.compile("Loschwitzer Brücke.* auf 16 t"))
    tab_to(page, "#run-plain")
    page.keyboard.press("Enter")
    focused(page, "job-title")
    expect(page.locator("#job-result")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#scenario-job-said")).to_contain_text("fertig")
    expect(page.locator("#run-plain-note")).to_contain_text("Median")
    expect(page.locator("#scenario-picker")).to_contain_text("aus Antwort 1")
    tab_to(page, "#job-result")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/result\?lang=de&run=1"))


def test_a_wrong_value_is_said_at_its_field_and_not_applied(page: Page, based: str) -> None:
    go(page, f"{based}/scenario?lang=de&bridge=B07")
    focused(page, "field-kind")
    page.keyboard.type("Gewicht")
    tab_to(page, "#field-mass_t")
    page.keyboard.type("-3")
    problem = page.locator("#problem-mass_t")
    expect(problem).to_contain_text("über 0")
    expect(page.locator("#field-mass_t")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#field-mass_t")).to_have_value("-3")
    focused(page, "field-mass_t")
    page.keyboard.press("Enter")
    expect(page.locator("#scenario-said")).to_contain_text("Noch nicht übernommen")
    focused(page, "field-mass_t")
    page.keyboard.press("Escape")
    focused(page, "measure-add")
    expect(page.locator(".measure")).to_have_count(0)


def test_measures_are_ordered_removed_and_brought_back(page: Page, based: str) -> None:
    limited(page, based, "7,5")
    tab_to(page, "#measure-add")
    page.keyboard.press("Enter")
    focused(page, "field-kind")
    page.keyboard.type("Bauwerk sp")
    expect(page.locator("#field-mass_t")).to_have_count(0)
    page.keyboard.press("Tab")
    page.locator("#scenario-picker tbody button").first.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)
    page.locator("#form-apply").press("Enter")
    focused(page, "edit-2")
    tab_to(page, "#up-2")
    page.keyboard.press("Enter")
    expect(sentences(page).first).to_have_text(re.compile("^Sperrung"))
    focused(page, "up-2")
    tab_to(page, "#remove-2")
    page.keyboard.press("Enter")
    focused(page, "remove-1")
    expect(page.locator(".measure")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.locator(".measure")).to_have_count(2)
    page.keyboard.press("Control+y")
    expect(page.locator(".measure")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.locator(".measure")).to_have_count(2)
    page.keyboard.press("Control+Shift+Z")
    expect(page.locator(".measure")).to_have_count(1)
    assert page.evaluate("document.activeElement.closest('#scenario') !== null")


def test_nothing_is_lost_by_a_reload_or_by_another_language(page: Page, based: str) -> None:
    limited(page, based)
    tab_to(page, "#measure-add")
    page.keyboard.press("Enter")
    focused(page, "field-kind")
    page.keyboard.type("Mindestabstand")
    tab_to(page, "#field-min_gap_m")
    page.keyboard.type("5x")
    expect(page.locator("#problem-min_gap_m")).to_contain_text("keine Zahl")
    page.reload()
    page.wait_for_selector("#scenario[data-n]")
    expect(page.locator("#field-min_gap_m")).to_have_value("5x")
    assert "scenario=" in page.url
    page.get_by_role("link", name="English").click()
    page.wait_for_selector("html[lang=en] #scenario[data-n]")
    expect(sentences(page)).to_have_text(re.compile("Limit the gross mass on Loschwitzer"))
    expect(page.locator("#problem-min_gap_m")).to_contain_text("no number")


def test_an_address_alone_carries_the_scenario(browser: Browser, based: str) -> None:
    with opened(browser) as page:
        limited(page, based)
        expect(page).to_have_url(re.compile("scenario="))
        address = page.url
    with opened(browser) as other:
        go(other, address)
        expect(sentences(other)).to_have_count(1)


def test_a_file_is_saved_and_opened_again(page: Page, based: str, tmp_path: Path) -> None:
    limited(page, based)
    with page.expect_download() as saved:
        page.locator("#export").press("Enter")
    file = tmp_path / "scenario.json"
    saved.value.save_as(file)
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["interventions"][0]["parameters"] == {"mass_t": 16}
    page.locator("#clear").press("Enter")
    expect(page.locator(".measure")).to_have_count(0)
    page.set_input_files("#import-file", file)
    expect(page.locator(".measure")).to_have_count(1)
    file.write_text('{"name": "x"}', encoding="utf-8")
    page.set_input_files("#import-file", file)
    expect(page.locator("#scenario-said")).to_contain_text("kein gültiges Szenario")
    expect(page.locator(".measure")).to_have_count(1)


@pytest.mark.usefixtures("_worker")
def test_answers_are_listed_copied_filtered_and_compared(
    page: Page, based: str, twin: Twin
) -> None:
    for name in ("carolabruecke-closed", "loschwitz-16t"):
        text = (Path(__file__).parents[2] / "docs" / "examples" / f"{name}.json").read_text("utf-8")
        page.goto(f"{based}/scenario?lang=de")
        page.wait_for_selector("#scenario[data-n]")
        page.set_input_files(
            "#import-file", {"name": "a.json", "mimeType": "text/json", "buffer": text.encode()}
        )
        expect(page.locator(".measure")).not_to_have_count(0)
        page.locator("#run-plain").press("Enter")
        expect(page.locator("#job-result")).to_be_visible(timeout=ANSWER_MS)
    runs = len(twin.traffic.runs(limit=50))
    page.goto(f"{based}/scenarios?lang=de")
    boxes = page.locator("[data-compare]")
    expect(boxes).to_have_count(runs)
    boxes.nth(0).press("Space")
    boxes.nth(1).press("Space")
    expect(page.locator("#compare-said")).to_contain_text("2 gewählt")
    assert re.search(r"run=\d+&cmp=\d+", page.locator("#compare").get_attribute("href") or "")
    page.fill("#runs-search", "carola")
    expect(boxes).to_have_count(1)
    assert "q=carola" in page.url
    page.locator("a.copy").first.click()
    page.wait_for_selector("#scenario[data-n]")
    expect(page.locator("#field-name")).to_have_value(re.compile(r"\(Kopie\)$"))
    page.goto(f"{based}/scenarios?lang=de&status=failed")
    expect(page.locator("#runs")).to_contain_text("Kein Lauf passt")


def test_a_waiting_run_is_cancelled_on_its_card(page: Page, based: str, twin: Twin) -> None:
    limited(page, based, "12")
    page.locator("#run-bands").press("Enter")
    page.locator("#job-cancel").press("Enter")
    expect(page.locator("#scenario-job")).to_contain_text("abgebrochen")
    newest = twin.traffic.runs(limit=1)[0]
    assert newest.status == "cancelled"


@pytest.mark.duty("L1")
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("width", [1280, 800])
def test_axe_finds_no_violation_and_nothing_is_cut_off(
    browser: Browser, based: str, language: str, width: int
) -> None:
    with opened(browser, width=width) as page:
        go(page, f"{based}/scenario?lang={language}&bridge=B07")
        page.select_option("#field-kind", "limit_weight")
        page.fill("#field-mass_t", "x")
        expect(page.locator("#problem-mass_t p")).to_be_visible()
        for address in ("", f"{based}/scenarios?lang={language}"):
            if address:
                page.goto(address)
                page.wait_for_selector("#runs")
            page.evaluate(AXE.read_text(encoding="utf-8"))
            assert page.evaluate(RUN_AXE, TAGS) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
