"""The live map in a real Chromium with software WebGL2."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pytest
from e2e.pages import map_town as town_of
from e2e.pages.browser import Watch, chromium, colour_at, is_close, place_of, watch
from e2e.pages.map_town import ORIGIN, SPEED, Town, live_layer
from playwright.sync_api import Browser, Page, expect
from waiting import wait_for

from dashboards.components.twin_map import TwinMapProps
from dashboards.live import codec, quantise, table
from dashboards.theme import NO_DATA, ramp_colours, rgb

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
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
        return colour_at(self.page, *place_of(self.page, "#map", PLACES[row], VIEW))

    def waits_for_colour(self, row: int, wanted: tuple[int, int, int]) -> None:
        def look() -> bool:
            return is_close(self.colour(row), wanted)

        wait_for(look, f"colour {wanted} of row {row}, it is {self.colour(row)}", timeout_s=10)

    def out(self, name: str) -> Any:
        return json.loads(self.page.inner_text(f"#out-{name}"))

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


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
            yield Open(page, town, seen)
            assert seen.foreign == []
            assert seen.errors == []
            assert town.csp_reports == []
        finally:
            page.close()


def test_the_browser_offers_webgl2(browser: Browser) -> None:
    page = browser.new_page()
    renderer = page.evaluate(
        "() => { const gl = document.createElement('canvas').getContext('webgl2');"
        " return gl && gl.getParameter(gl.RENDERER); }"
    )
    page.close()
    print("renderer:", renderer)
    assert renderer


@pytest.mark.parametrize(
    "kind",
    [
        "PathLayer",
        "ScatterplotLayer",
        "SolidPolygonLayer",
        "SolidPolygonLayer extruded",
    ],
)
def test_full_frame_and_delta_change_the_colours(browser: Browser, kind: str) -> None:
    with opened(browser, make_town(kind)) as it:
        it.waits_for_colour(0, speed_colour(50))
        speeds = np.linspace(0, 130, FEATURES)
        assert it.town.show("speed", speeds)[0] == codec.Kind.FULL
        for row in (0, 5, FEATURES - 1):
            it.waits_for_colour(row, speed_colour(speeds[row]))
        speeds[5] = 130.0
        assert it.town.show("speed", speeds)[0] == codec.Kind.DELTA
        it.waits_for_colour(5, speed_colour(130))
        it.waits_for_colour(0, speed_colour(0))


def test_layers_that_cannot_be_picked_are_coloured_too(browser: Browser) -> None:
    town = make_town()
    town.spec["layers"][0]["pickable"] = False
    with opened(browser, town) as it:
        it.town.show("speed", np.linspace(0, 130, FEATURES))
        it.waits_for_colour(FEATURES - 1, speed_colour(130))


def test_absent_stale_and_never_reported_values_are_grey(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        speeds = np.full(FEATURES, 90.0)
        speeds[0] = np.nan
        it.town.show("speed", speeds)
        it.town.show("speed.q", [0, 2, 3, 6, 4, 5, *[0] * (FEATURES - 6)])
        it.waits_for_sequence("speed.q", 1)
        it.waits_for_colour(4, speed_colour(90))
        for row in range(4):
            assert is_no_data(it.colour(row)), f"row {row} is {it.colour(row)}"
        assert is_close(it.colour(5), speed_colour(90))


def test_low_power_draws_the_same_colours_with_lines(browser: Browser) -> None:
    with opened(browser, make_town(lowPower="auto")) as it:
        expect(it.page.locator("#map")).to_have_attribute("data-low-power", "true")
        assert it.town.subscriptions[-1]["max_hz"] == 1
        it.town.show("speed", np.linspace(0, 130, FEATURES))
        it.waits_for_colour(0, speed_colour(0))
        it.waits_for_colour(7, speed_colour(7 * 130 / 11))
        it.page.mouse.click(*place_of(it.page, "#map", PLACES[7], VIEW))
        wait_for(lambda: (it.out("clickData") or {}).get("id") == "road:7", "the click")


def test_lost_delta_is_followed_by_a_request_for_a_full_frame(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        speeds = np.linspace(0, 130, FEATURES)
        it.town.show("speed", speeds)
        it.waits_for_sequence("speed", 1)
        speeds[2] = 0.0
        it.town.show("speed", speeds, is_lost=True)
        speeds[3] = 130.0
        it.town.show("speed", speeds)
        wait_for(lambda: it.town.keyframe_requests == [1], "one keyframe request")
        it.waits_for_sequence("speed", 3)
        it.waits_for_colour(2, speed_colour(0))
        it.waits_for_colour(3, speed_colour(130))


def test_new_table_version_is_loaded_before_its_values_are_shown(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.show("speed", np.full(FEATURES, 20.0))
        it.waits_for_colour(0, speed_colour(20))
        columns = {
            "id": [f"road:{i}" for i in reversed(range(FEATURES))],
            **table.path_columns(PATHS[::-1], ORIGIN),
        }
        it.town.tables["roads"] = table.encode_table("roads", columns, ORIGIN)
        it.town.show("speed", np.linspace(0, 130, FEATURES))
        it.waits_for_colour(0, speed_colour(130))
        it.waits_for_colour(FEATURES - 1, speed_colour(0))
        assert it.town.keyframe_requests.count(1) >= 1


def test_schema_message_reloads_the_table(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.tables["roads"] = town_of.path_table(ROWS, COLUMNS, prefix="new")
        version = it.town.version("roads")
        it.town.tell({"op": "schema", "table": "roads", "version": version})
        it.waits_for_colour(0, speed_colour(50))
        it.page.mouse.click(*place_of(it.page, "#map", PLACES[0], VIEW))
        wait_for(lambda: (it.out("clickData") or {}).get("id") == "new:0", "the new id")


def test_lost_connection_is_said_and_restored(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.cut()
        expect(it.page.locator("#map")).to_have_attribute("data-connection", "lost")
        expect(it.page.locator(".twin-map-message")).to_contain_text("Connection lost")
        expect(it.page.locator("#map")).to_have_attribute("data-connection", "live", timeout=10_000)
        expect(it.page.locator(".twin-map-message")).to_be_hidden()
        assert it.town.connections == 2
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))
        wait_for(lambda: it.out("connection")["state"] == "live", "Dash hears of it")


def test_expired_login_ends_the_connection_for_good(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.cut(4401)
        expect(it.page.locator("#map")).to_have_attribute("data-connection", "refused")
        wait_for(lambda: it.out("connection")["state"] == "refused", "Dash hears of it")
        assert it.town.connections == 1


def test_unknown_format_version_asks_for_a_reload(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        frame = bytearray(it.town.full(it.town.channels["speed"]))
        frame[1] = 2
        it.town.send(bytes(frame))
        expect(it.page.locator(".twin-map-message")).to_contain_text("Reload the page")
        assert it.town.connections == 1


def test_damaged_frames_change_nothing(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.show("speed", np.full(FEATURES, 20.0))
        it.waits_for_colour(0, speed_colour(20))
        good = it.town.full(it.town.channels["speed"])
        outside = codec.Frame(
            codec.Kind.DELTA, 1, 2, 0.0, 1, it.town.rev(it.town.channels["speed"]), b"\xff" * 5
        )
        for data in (b"", b"\0", good[:-1], good + b"\0", codec.encode(outside)):
            it.town.send(data)
        wait_for(lambda: len(it.town.keyframe_requests) > 0, "a request for a full frame")
        it.waits_for_colour(0, speed_colour(20))


def test_channel_turns_stale_by_the_clock_of_the_server(browser: Browser) -> None:
    town = make_town()
    town.channels["speed"].interval_s = 1.0
    wrong_clock = "const now = Date.now; Date.now = () => now() - 3600e3;"
    with opened(browser, town, script=wrong_clock) as it:
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))
        wait_for(lambda: is_no_data(it.colour(0)), "the stale channel turns grey", timeout_s=10)
        wait_for(lambda: "speed" in it.out("connection")["stale"], "Dash hears of it")
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))


def test_paused_map_keeps_its_picture_and_then_shows_the_newest(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.show("speed", np.full(FEATURES, 20.0))
        it.waits_for_sequence("speed", 1)
        it.page.click("#pause")
        expect(it.page.locator("#map")).to_have_attribute("data-paused", "true")
        for speed in (60.0, 80.0, 110.0):
            it.town.show("speed", np.full(FEATURES, speed))
        assert is_close(it.colour(0), speed_colour(20))
        it.page.click("#pause")
        it.waits_for_colour(0, speed_colour(110))
        it.waits_for_sequence("speed", 4)


def test_keyboard_moves_the_map_and_chooses_a_feature(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        canvas = it.page.locator("#map canvas")
        it.page.keyboard.press("Tab")
        expect(canvas).to_be_focused()
        assert canvas.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        it.page.keyboard.press("ArrowRight")
        it.page.keyboard.press("+")
        wait_for(lambda: (it.out("viewState") or {}).get("zoom") == 11.5, "the new camera")
        assert it.out("viewState")["longitude"] > ORIGIN[0]
        assert "map=51.05" in it.page.url
        it.page.keyboard.press("-")
        it.page.keyboard.press("ArrowLeft")
        it.page.keyboard.press("Enter")
        options = it.page.locator("#map [role=option]")
        expect(options.first).to_be_focused()
        assert options.count() == FEATURES
        it.page.keyboard.press("ArrowDown")
        it.page.keyboard.press("Enter")
        wait_for(lambda: (it.out("clickData") or {}).get("id") == "road:1", "the choice")
        assert it.out("clickData")["source"] == "list"
        it.page.keyboard.press("Escape")
        expect(canvas).to_be_focused()
        it.page.keyboard.press("Tab")
        expect(it.page.locator("#zoom_in")).to_be_focused()


def test_command_and_flight_move_the_camera(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.page.click("#zoom_in")
        wait_for(lambda: (it.out("viewState") or {}).get("zoom") == 11.5, "the zoom")
        it.page.click("#fly")
        wait_for(lambda: it.out("viewState")["zoom"] == 14, "the flight")
        assert it.out("viewState")["longitude"] == pytest.approx(13.8)


def test_pointer_shows_hostile_names_as_text_and_click_tells_the_feature(browser: Browser) -> None:
    town = make_town()
    hostile = "<img src=x onerror=alert(1)>"
    columns = {
        "id": [f"road:{i}" for i in range(FEATURES)],
        "name": [hostile] * FEATURES,
        **table.path_columns(PATHS, ORIGIN),
    }
    town.tables["roads"] = table.encode_table("roads", columns, ORIGIN)
    with opened(browser, town) as it:
        it.town.show("speed", np.full(FEATURES, 62.0))
        it.waits_for_sequence("speed", 1)
        it.page.mouse.move(*place_of(it.page, "#map", PLACES[4], VIEW))
        tooltip = it.page.locator(".twin-map-tooltip")
        expect(tooltip).to_contain_text(hostile)
        expect(tooltip).to_contain_text("Speed: ≈ 62 km/h")
        expect(tooltip).to_contain_text("good")
        assert it.page.locator("#map img").count() == 0
        it.page.mouse.click(*place_of(it.page, "#map", PLACES[4], VIEW))
        wait_for(lambda: (it.out("clickData") or {}).get("id") == "road:4", "the click")


def test_what_is_not_in_the_catalogue_is_left_out_and_named(browser: Browser) -> None:
    town = make_town()
    town.spec["layers"] += [
        {"@@type": "HeatmapLayer", "id": "unknown"},
        {"@@type": "constructor", "id": "inherited"},
        {"@@type": "PathLayer", "id": "foreign", "data": "https://example.org/data.json"},
        {"@@type": "PathLayer", "id": "calls", "data": [], "getWidth": "@@=alert(1)"},
        {"@@type": "TextLayer", "id": "broken", "data": 7},
    ]
    with opened(browser, town) as it:
        wait_for(lambda: len(it.out("error") or []) >= 4, "the errors")
        named = " ".join(it.out("error"))
        for layer in ("unknown", "inherited", "foreign", "calls"):
            assert f"Layer {layer} cannot be drawn" in named
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))


def test_damaged_table_is_named_and_the_rest_is_drawn(browser: Browser) -> None:
    town = make_town()
    town.tables["parks"] = b"TWT1 but not really"
    with opened(browser, town) as it:
        wait_for(lambda: any("parks" in text for text in it.out("error") or []), "the error")
        it.waits_for_colour(0, speed_colour(50))


def test_restored_graphics_context_shows_the_map_again(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_sequence("speed", 1)
        it.page.evaluate(
            "() => { const gl = document.querySelector('#map canvas').getContext('webgl2');"
            " window.lost = gl.getExtension('WEBGL_lose_context'); window.lost.loseContext(); }"
        )
        expect(it.page.locator("#map")).to_have_attribute("data-state", "error")
        expect(it.page.locator(".twin-map-message")).to_contain_text("was reset")
        it.page.evaluate("() => window.lost.restoreContext()")
        expect(it.page.locator("#map")).to_have_attribute("data-state", "ready", timeout=10_000)
        it.waits_for_colour(0, speed_colour(110))
        it.town.show("speed", np.full(FEATURES, 20.0))
        it.waits_for_colour(0, speed_colour(20))


def test_without_webgl2_the_map_says_so(browser: Browser) -> None:
    script = (
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        " return kind === 'webgl2' ? null : get.call(this, kind, ...rest); };"
    )
    with opened(browser, make_town(), script=script, wait="error") as it:
        wait_for(lambda: "WebGL2" in " ".join(it.out("error") or []), "the reason")
        expect(it.page.locator(".twin-map-message")).to_contain_text("table")


def test_selection_is_outlined(browser: Browser) -> None:
    with opened(browser, make_town(selection=["road:6"])) as it:
        it.waits_for_colour(6, (212, 0, 122))
        it.waits_for_colour(5, speed_colour(50))


def test_series_is_read_by_keyboard_with_gaps_as_gaps(browser: Browser) -> None:
    town = make_town()
    seconds = np.arange(100) * 10_000.0 + 1.7e12
    values = np.arange(100) / 10
    values[40:60] = np.nan
    town.series["strain"] = table.encode_table("strain", {"t": seconds, "v": values})
    town.series["empty"] = table.encode_table("empty", {"t": seconds[:0], "v": values[:0]})
    with opened(browser, town) as it:
        chart = it.page.locator("#chart-strain")
        expect(chart).to_have_attribute("data-state", "ready")
        expect(it.page.locator("#chart-empty")).to_have_attribute("data-state", "empty")
        plot = chart.locator("[role=img]")
        label = plot.get_attribute("aria-label") or ""
        assert "100 points" in label
        assert "highest 9.9 µm/m" in label
        plot.focus()
        readout = chart.locator(".series-chart-readout")
        it.page.keyboard.press("Home")
        expect(readout).to_contain_text("0.0 µm/m")
        it.page.keyboard.press("ArrowRight")
        expect(readout).to_contain_text("0.1 µm/m")
        for _ in range(4):
            it.page.keyboard.press("Shift+ArrowRight")
        expect(readout).to_contain_text("no value")
        it.page.keyboard.press("End")
        expect(readout).to_contain_text("9.9 µm/m")


def test_axe_finds_nothing_on_map_list_and_chart(browser: Browser) -> None:
    town = make_town()
    town.series["strain"] = table.encode_table(
        "strain", {"t": np.array([1.7e12, 1.7e12 + 1]), "v": np.array([1.0, 2.0])}
    )
    with opened(browser, town) as it:
        it.page.locator("#map canvas").focus()
        it.page.keyboard.press("Enter")
        it.page.evaluate(AXE.read_text())
        found = it.page.evaluate(
            "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa',"
            " 'wcag22aa', 'best-practice']}).then(r => r.violations.map("
            "v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))"
        )
        assert found == []
