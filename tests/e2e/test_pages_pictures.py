"""Pictures of the map of the built-in city: German, English, light, low-power.

They are kept in the folder that ``TWIN_TEST_PICTURES`` names, for the README; the values are drawn
by lot from a fixed seed and labelled as simulated, as on every screen.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from e2e.pages.browser import chromium, png_pixels
from e2e.pages.city_page import city_page
from playwright.sync_api import Browser
from serving_town import Served, served
from town import RunningClock, Town

from twin.cli import demo_city
from twin.exchange.folder import read_city
from twin.settings import load_settings

pytestmark = pytest.mark.browser

TYPICAL = {
    "traffic_flow": 800.0,
    "speed": 45.0,
    "strain": 12.0,
    "inclination": 0.5,
    "crack_width": 0.1,
    "displacement": 2.0,
    "air_temperature": 8.0,
    "structure_temperature": 9.0,
    "water_level": 1.2,
}
PICTURES = {
    "overview-de-full": "/?lang=de&low=off",
    "overview-en-low-power": "/?lang=en&low=on",
    "bridge-en": "/?lang=en&low=off&sel=bridge:B04",
    "operations-de": "/operations?lang=de",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    settings = load_settings(demo_city(), {"HOME": "."})
    city = Town(read_city(settings.folder, settings.city), RunningClock())
    report(city, minutes=30)
    with served(city, name=settings.city.name) as running:
        yield running


def report(city: Town, *, minutes: int = 0) -> None:
    """A value on every datastream now, and the past of so many minutes."""
    lot = np.random.default_rng(20240911)
    readings = [stream for stream in city.twin.datastreams() if stream.kind == "reading"]
    levels = {s.uid: TYPICAL[s.quantity] * lot.uniform(0.4, 1.5) for s in readings}
    for age_s in range(60 * minutes, -1, -15):
        values = {uid: level * lot.uniform(0.95, 1.05) for uid, level in levels.items()}
        city.record(values, age_s=age_s)
    for stream in city.twin.datastreams():
        if stream.kind == "waveform":
            city.record_burst(stream.uid, lot.normal(0, 0.02, 200))


@pytest.mark.parametrize("name", PICTURES)
def test_the_city_is_drawn(browser: Browser, web: Served, tmp_path: Path, name: str) -> None:
    folder = Path(os.environ.get("TWIN_TEST_PICTURES") or tmp_path)
    report(web.town)
    with city_page(browser, web, width=1440) as it:
        it.open(PICTURES[name])
        if "operations" not in name:
            it.page.wait_for_selector("#map[data-seqs*='bridges.monitoring']")
            it.page.wait_for_selector("#map[data-seqs*='sensors.q']")
            it.page.locator("#pause").click()
        if "sel=" in PICTURES[name]:
            it.page.wait_for_selector("#drawer-series[data-state=ready]")
        picture = it.page.screenshot(path=folder / f"{name}.png")
    pixels = png_pixels(picture)[..., :3].reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 100
