"""Values that are not current never look so on the page with the map."""

from collections.abc import Iterator

import pytest
from e2e.pages.browser import chromium
from e2e.pages.city_page import report, running
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_page_is_not_live_while_every_channel_is_stale(browser: Browser) -> None:
    with running(browser) as it:
        it.open("/?lang=en&low=on")
        body = it.page.locator("body")
        expect(it.page.locator("#live-status")).to_contain_text("Live, newest value")
        expect(body).to_have_attribute("data-live", "true")
        it.web.town.clock.move(7200.0)
        it.expect_last_known_values("Waiting for values")
        report(it.web.town)
        expect(it.page.locator("#live-status")).to_contain_text("Live, newest", timeout=20_000)
        expect(body).to_have_attribute("data-live", "true")


def test_page_says_a_lost_connection_even_while_it_is_paused(browser: Browser) -> None:
    with running(browser) as it:
        it.open("/?lang=en&low=on")
        expect(it.page.locator("#live-status")).to_contain_text("Live")
        it.page.get_by_role("button", name="Pause live values").click()
        expect(it.page.locator("#live-status")).to_have_text("Paused")
        # What the map tells when its socket ends; the server itself must stay for the page.
        it.page.evaluate(
            "() => document.getElementById('map').twinMap.live.receive("
            "{op: 'state', state: 'refused'})"
        )
        it.expect_last_known_values("Connection lost")
