"""The live map in a real Chromium with software WebGL2: colours, socket, faults."""

from collections.abc import Iterator

import numpy as np
import pytest
from e2e.pages import map_town as town_of
from e2e.pages.browser import chromium, colour_at, is_close, place_of
from e2e.pages.map_page import (
    COLUMNS,
    FEATURES,
    PATHS,
    PLACES,
    ROWS,
    VIEW,
    is_no_data,
    make_town,
    opened,
    speed_colour,
)
from e2e.pages.map_town import ORIGIN, live_layer
from playwright.sync_api import Browser, expect
from waiting import wait_for

from dashboards.live import codec, table
from dashboards.theme import BASEMAP, CASING, SELECTION, rgb

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


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


def test_simplified_level_shows_the_features_of_the_channel(browser: Browser) -> None:
    town = make_town()
    turned = np.arange(FEATURES, dtype=np.uint32)[::-1]
    columns = {**table.path_columns(PATHS[::-1], ORIGIN), "feature": turned}
    town.tables["roads_far"] = table.encode_table("roads_far", columns, ORIGIN)
    near = {**town.spec["layers"][0], "minZoom": 13}
    for kind in ("LineLayer", "PathLayer"):
        far = live_layer(kind, "roads_far", getWidth=14, widthUnits="pixels", maxZoom=13)
        town.spec["layers"] = [far, near]
        with opened(browser, town) as it:
            expect(it.page.locator("#map")).to_have_attribute("data-features", str(FEATURES))
            it.town.show("speed", np.linspace(0, 130, FEATURES))
            it.waits_for_colour(2, speed_colour(2 * 130 / 11))
            it.page.mouse.click(*place_of(it.page, "#map", PLACES[2], VIEW))
            wait_for(lambda it=it: (it.out("clickData") or {}).get("id") == "road:2", "the click")
            assert it.out("clickData")["table"] == "roads"


def test_line_of_a_filled_symbol_keeps_its_colour(browser: Browser) -> None:
    town = make_town("ScatterplotLayer")
    town.spec["layers"][0] |= {
        "stroked": True,
        "filled": True,
        "getLineColor": list(rgb(CASING)),
        "getLineWidth": 6,
        "lineWidthUnits": "pixels",
    }
    with opened(browser, town) as it:
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))
        x, y = place_of(it.page, "#map", PLACES[0], VIEW)
        assert is_close(colour_at(it.page, x, y - 12), rgb(CASING))


def test_low_power_draws_the_same_colours_with_lines(browser: Browser) -> None:
    with opened(browser, make_town(lowPower="auto")) as it:
        expect(it.page.locator("#map")).to_have_attribute("data-low-power", "true")
        assert it.town.subscriptions[-1]["max_hz"] == 2
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


def test_every_tenth_delta_lost_still_ends_in_the_last_state(browser: Browser) -> None:
    random = np.random.default_rng(7)
    with opened(browser, make_town()) as it:
        speeds = np.linspace(0, 130, FEATURES)
        for _ in range(100):
            speeds[random.integers(FEATURES)] = random.uniform(0, 130)
            it.town.show("speed", speeds, is_lost=bool(random.random() < 0.1))
        speeds[0] = 0.0
        it.town.show("speed", speeds)
        it.waits_for_sequence("speed", 101)
        shown = it.page.evaluate(
            "[...document.getElementById('map').twinMap.live.channels.speed.values]"
        )
        assert shown == it.town.channels["speed"].values.tolist()
        assert len(it.town.keyframe_requests) >= 1


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


RECORD_CONNECTION = """() => {
  // The connection may be lost for less than a poll of the test takes.
  window.connectionStates = [];
  const map = document.querySelector("#map");
  const look = () => window.connectionStates.push([
    map.dataset.connection, document.querySelector(".twin-map-message")?.textContent ?? "",
  ]);
  new MutationObserver(look).observe(map, {
    attributes: true, childList: true, subtree: true, characterData: true,
  });
}"""


def test_lost_connection_is_said_and_restored(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.page.evaluate(RECORD_CONNECTION)
        it.town.cut()
        wait_for(lambda: it.town.connections == 2, "a second connection")
        expect(it.page.locator("#map")).to_have_attribute("data-connection", "live", timeout=10_000)
        states = it.page.evaluate("() => window.connectionStates")
        assert any("lost" in state and "Connection lost" in message for state, message in states)
        expect(it.page.locator(".twin-map-message")).to_be_hidden()
        assert it.town.connections == 2
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))
        wait_for(lambda: (it.out("connection") or {}).get("state") == "live", "Dash hears of it")


def test_expired_login_ends_the_connection_for_good(browser: Browser) -> None:
    with opened(browser, make_town()) as it:
        it.town.cut(4401)
        expect(it.page.locator("#map")).to_have_attribute("data-connection", "refused")
        wait_for(lambda: (it.out("connection") or {}).get("state") == "refused", "Dash hears of it")
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
        wait_for(
            lambda: "speed" in (it.out("connection") or {}).get("stale", []), "Dash hears of it"
        )
        it.town.show("speed", np.full(FEATURES, 110.0))
        it.waits_for_colour(0, speed_colour(110))


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


def test_selection_has_a_halo_and_keeps_the_colour_of_its_value(browser: Browser) -> None:
    with opened(browser, make_town(selection=["road:6"])) as it:
        it.waits_for_colour(6, speed_colour(50))
        x, y = place_of(it.page, "#map", PLACES[6], VIEW)
        assert is_close(colour_at(it.page, x, y - 9), rgb(SELECTION))
        x, y = place_of(it.page, "#map", PLACES[5], VIEW)
        assert is_close(colour_at(it.page, x, y - 9), rgb(BASEMAP))


def test_selected_area_has_a_line_around_it_and_keeps_its_fill(browser: Browser) -> None:
    with opened(browser, make_town("SolidPolygonLayer", selection=["road:6"])) as it:
        it.waits_for_colour(6, speed_colour(50))
        lon, lat = PLACES[6]
        x, north = place_of(it.page, "#map", (lon, lat + 0.004), VIEW)
        assert is_close(colour_at(it.page, x, north - 2), rgb(SELECTION))
        assert is_close(colour_at(it.page, x, north + 2), speed_colour(50))
        assert is_close(colour_at(it.page, x, north - 9), rgb(BASEMAP))
