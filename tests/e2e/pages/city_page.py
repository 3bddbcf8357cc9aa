"""The pages of a small town in a browser, and what must never happen on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.pages.browser import Watch, watch
from playwright.sync_api import Browser, Page, expect
from serving_town import Served, served
from town import RunningClock, Town, town

from twin.model.city import City

COLLECT_REPORTS = """
window.policyReports = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.policyReports.push(event.violatedDirective + " " + event.blockedURI);
});
"""
MUTED = "rgb(74, 87, 99)"
VALUES = {
    "L1.ab-v": 50.0,
    "L1.ab-q": 900.0,
    "L2.ba-v": 20.0,
    "B1-strain": 12.5,
    "B1-temp": 8.0,
    "P1-level": 1.2,
}


@dataclass(frozen=True)
class CityPage:
    """A page, the town it shows, and what it did that it must not do."""

    page: Page
    web: Served
    seen: Watch

    def open(self, address: str) -> None:
        """Open an address of the town; a map must become ready."""
        self.page.goto(self.web.address + address)
        self.page.wait_for_selector("footer")
        if address.partition("?")[0] == "/" and self.page.locator("#map").count():
            self.page.wait_for_selector("#map[data-state=ready]")

    def expect_last_known_values(self, badge: str) -> None:
        """Badge and numbers of the page say that nothing on it is current."""
        status = self.page.locator("#live-status")
        expect(status).to_have_text(badge, timeout=20_000)
        expect(status).not_to_have_attribute("data-state", "live")
        expect(self.page.locator("body")).to_have_attribute("data-live", "false")
        expect(self.page.locator(".kpis")).to_have_css("outline-style", "dashed")
        for number in (".kpi-value", "#feature-table td"):
            expect(self.page.locator(number).first).to_have_css("color", MUTED)

    def query(self) -> str:
        """Query of the present address."""
        return self.page.url.partition("?")[2]


def running_town(city: City | None = None) -> Town:
    """A town whose clock runs, with one present value on most datastreams."""
    found = Town(city or town(), RunningClock())
    report(found)
    return found


def report(city: Town) -> None:
    """One present value on most datastreams."""
    known = {stream.uid for stream in city.twin.datastreams()}
    if known:
        city.record({uid: value for uid, value in VALUES.items() if uid in known})
    if "B1-wave" in known:
        city.record_burst("B1-wave", [0.0, 0.1, -0.1, 0.05])


@contextmanager
def city_page(
    browser: Browser, web: Served, *, width: int = 1280, height: int = 900, locale: str = "de-DE"
) -> Iterator[CityPage]:
    """A page on a town; afterwards nothing may have gone wrong on it."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale=locale)
    context.add_init_script(COLLECT_REPORTS)
    page = context.new_page()
    page.on("dialog", lambda dialog: seen.errors.append(dialog.message))
    seen = watch(page)
    try:
        yield CityPage(page, web, seen)
        if not page.is_closed():
            assert page.evaluate("window.policyReports") == []
        assert seen.foreign == []
        assert seen.errors == []
    finally:
        context.close()


@contextmanager
def running(browser: Browser, city: City | None = None) -> Iterator[CityPage]:
    """A page on a town of its own, for tests that change the town."""
    with served(running_town(city)) as web, city_page(browser, web) as found:
        yield found
