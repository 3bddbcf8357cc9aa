"""The test town opened in the browser: colours, outputs and what must not happen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from e2e.pages import map_town as town_of
from e2e.pages.browser import Watch, colour_at, is_close, place_of, watch
from e2e.pages.map_town import ORIGIN, SPEED, Town, live_layer
from playwright.sync_api import Browser, Page
from waiting import wait_for

from dashboards.components.twin_map import TwinMapProps
from dashboards.live import quantise, table
from dashboards.theme import NO_DATA, ramp_colours, rgb

VIEW = {"longitude": ORIGIN[0], "latitude": ORIGIN[1], "zoom": 11.0}
ROWS, COLUMNS = 4, 3
FEATURES = ROWS * COLUMNS
PATHS = town_of.grid_paths(ROWS, COLUMNS)
PLACES = [(float(path[:, 0].mean()), float(path[0, 1])) for path in PATHS]
WIDE: dict[str, Any] = {"getWidth": 14, "widthUnits": "pixels", "getColor": [255, 255, 255]}


@dataclass
class Open:
    """An open page and the server behind it."""

    page: Page
    town: Town
    watch: Watch

    def colour(self, row: int) -> tuple[int, int, int]:
        return self.pixel(place_of(self.page, "#map", PLACES[row], VIEW))

    def pixel(self, place: tuple[float, float]) -> tuple[int, int, int]:
        return colour_at(self.page, *place)

    def waits_for_colour(self, row: int, wanted: tuple[int, int, int]) -> None:
        def look() -> bool:
            return is_close(self.colour(row), wanted)

        wait_for(look, f"colour {wanted} of row {row}, it is {self.colour(row)}", timeout_s=10)

    def out(self, name: str) -> Any:
        """What Dash heard last of a property; None before its first answer."""
        return json.loads(self.page.inner_text(f"#out-{name}") or "null")

    def waits_for_sequence(self, name: str, seq: int) -> None:
        def look() -> bool:
            text = self.page.locator("#map").get_attribute("data-seqs") or "{}"
            return json.loads(text).get(name) == seq

        wait_for(look, f"{name} at sequence {seq}", timeout_s=10)


def speed_colour(speed_km_h: float) -> tuple[int, int, int]:
    code = quantise.quantise([speed_km_h], SPEED)[0]
    red, green, blue = ramp_colours("magnitude")[code]
    return int(red), int(green), int(blue)


GREY = rgb(NO_DATA)
HATCHED = tuple(round(c + 0.35 * (255 - c)) for c in GREY)


def is_no_data(colour: tuple[int, int, int]) -> bool:
    return is_close(colour, GREY) or is_close(colour, (HATCHED[0], HATCHED[1], HATCHED[2]))


def geometry(kind: str) -> tuple[bytes, dict[str, Any]]:
    """A table for a kind of layer, its features at PLACES, and what the layer needs besides."""
    texts = {
        "id": [f"road:{i}" for i in range(FEATURES)],
        "name": [f"Street {i}" for i in range(FEATURES)],
    }
    if kind == "ScatterplotLayer":
        columns = table.point_columns(np.array(PLACES), ORIGIN)
        extra = {"getRadius": 12, "radiusUnits": "pixels"}
    elif kind.startswith("SolidPolygonLayer"):
        half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (0.01, 0.004)
        rings = [half + place for place in PLACES]
        columns = table.polygon_columns(rings, ORIGIN, height_m=np.full(FEATURES, 20.0))
        extra = {"getFillColor": [255, 255, 255]}
        if kind.endswith("extruded"):
            light = {"ambient": 1.0, "diffuse": 0.0, "shininess": 1, "specularColor": [0, 0, 0]}
            extra |= {"extruded": True, "material": light}
    else:
        columns = table.path_columns(PATHS, ORIGIN)
        extra = WIDE
    return table.encode_table("roads", {**texts, **columns}, ORIGIN), extra


def make_town(kind: str = "PathLayer", **map_props: Unpack[TwinMapProps]) -> Town:
    given: TwinMapProps = {"lowPower": "off", "reducedMotion": True, **map_props}
    body, extra = geometry(kind)
    layer = live_layer(kind.partition(" ")[0], "roads", **extra)
    return Town(
        tables={"roads": body},
        channels=town_of.live_channels(FEATURES),
        spec=town_of.spec(layer),
        map_props=given,
    )


@contextmanager
def opened(
    browser: Browser, town: Town, *, script: str = "", wait: str = "ready"
) -> Iterator[Open]:
    """The page, watched: no foreign request, no error, no report of the security policy."""
    with town_of.running(town) as url:
        page = browser.new_page(viewport={"width": 900, "height": 1100})
        try:
            seen = watch(page)
            if script:
                page.add_init_script(script)
            page.goto(url)
            page.wait_for_selector(f'#map[data-state="{wait}"]', timeout=20_000)
            if wait == "ready":  # what a test sends before the page listens reaches nobody
                wait_for(lambda: len(town.subscriptions) > 0, "the page to subscribe")
                page.wait_for_selector('#map[data-connection="live"]', timeout=20_000)
            yield Open(page, town, seen)
            assert seen.foreign == []
            assert seen.errors == []
            assert town.csp_reports == []
        finally:
            page.close()
