"""The map in the browser: first map of 10,000 segments and cost of an update, with peers.

Draw calls are stubbed, so that software graphics do not count; attributes, textures, sockets and
the page are real. Peers run in the same page, on the same data: the JSON specification through
``deck.setProps`` (pydeck's way) and an accessor with ``updateTriggers`` on binary data.
"""

import os
import platform
import statistics
import sys
from datetime import UTC, datetime
from typing import Any

from e2e.pages import map_town
from e2e.pages.browser import chromium
from playwright.sync_api import Browser
from waiting import wait_for

from dashboards.live import codec

ROWS, COLUMNS = 250, 40
FEATURES = ROWS * COLUMNS
LOADS = 5
UPDATES = 41
WARM_UP = 10
FIRST_MAP_BAR_MS = 2000
UPDATE_BAR_MS = 4.0

INIT = """
for (const name of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced",
                    "drawRangeElements"]) {
  WebGL2RenderingContext.prototype[name] = () => {};
}
window.marks = {};
new MutationObserver(() => {
  const map = document.getElementById("map");
  if (map && map.dataset.state === "ready") window.marks.ready ??= performance.now();
  if (map && map.dataset.seqs) window.marks.values ??= performance.now();
}).observe(document, {subtree: true, childList: true, attributes: true});
"""

IS_SHOWN = "Boolean(window.marks.ready && window.marks.values)"

UPDATE_OWN = """(updates) => {
  const {live, deck} = document.getElementById("map").twinMap;
  const n = live.channels.speed.values.length;
  const times = [];
  for (let i = 0; i < updates; i += 1) {
    const values = Uint8Array.from({length: n}, (_, row) => (row + 7 * i) % 255);
    const frame = {channel: "speed", seq: i, tMs: Date.now(), values};
    const started = performance.now();
    live.apply([frame]);
    deck.redraw("bench");
    times.push(performance.now() - started);
  }
  return times;
}"""

UPDATE_PEERS = """([updates, kind]) => {
  const {deck, factory, live} = document.getElementById("map").twinMap;
  const {JSONConverter, PathLayer} = window.twinDeck;
  const geometry = factory.geometries.roads;
  const rows = Array.from({length: geometry.rows}, (_, row) => row);
  const paths = rows.map((row) => geometry.verticesOf(row));
  const binary = geometry.dataFor("PathLayer");
  const colour = (row, i) => [(row + 7 * i) % 255, 80, 120];
  const accessor = (i) => [new PathLayer({id: "peer", data: binary, positionFormat: "XY",
    _pathType: "open", getWidth: 3, widthUnits: "pixels",
    getColor: (_, {index}) => colour(index, i), updateTriggers: {getColor: i}})];
  const specification = (i) => JSON.stringify({layers: [{"@@type": "PathLayer", id: "peer",
    getPath: "@@=path", getColor: "@@=color", getWidth: 3, widthUnits: "pixels",
    data: rows.map((row) => ({path: paths[row], color: colour(row, i)}))}]});
  const times = [];
  for (let i = 0; i < updates; i += 1) {
    const text = kind === "json" ? specification(i) : "";
    const started = performance.now();
    const layers = kind === "json"
      ? new JSONConverter({configuration: {classes: {PathLayer}}}).convert(JSON.parse(text)).layers
      : accessor(i);
    deck.setProps({layers});
    deck.layerManager.updateLayers();
    deck.redraw("bench");
    times.push(performance.now() - started);
  }
  return times;
}"""


def make_town(low_power: str) -> map_town.Town:
    layer = map_town.live_layer(
        "PathLayer", "roads", getWidth=3, widthUnits="pixels", getColor=[255, 255, 255]
    )
    return map_town.Town(
        tables={"roads": map_town.path_table(ROWS, COLUMNS)},
        channels=map_town.live_channels(FEATURES),
        spec=map_town.spec(layer),
        map_props={"lowPower": "on" if low_power == "on" else "off", "reducedMotion": True},
    )


def first_map(browser: Browser, url: str) -> dict[str, float]:
    """Milliseconds from the start of navigation, in a fresh profile without any cache."""
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    page.add_init_script(INIT)
    page.goto(url)
    wait_for(lambda: page.evaluate(IS_SHOWN), "the first map")
    marks: dict[str, float] = page.evaluate("window.marks")
    context.close()
    return marks


def updates(browser: Browser, url: str) -> dict[str, float]:
    """Median main-thread cost of one update of all values [ms], own way and peers."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.add_init_script(INIT)
    page.goto(url)
    wait_for(lambda: page.evaluate(IS_SHOWN), "the first map")
    found = {
        "value texture": page.evaluate(UPDATE_OWN, UPDATES),
        "accessor + updateTriggers": page.evaluate(UPDATE_PEERS, [UPDATES, "accessor"]),
        "JSON specification": page.evaluate(UPDATE_PEERS, [UPDATES, "json"]),
    }
    page.close()
    # The first runs compile shaders and code; they are no updates.
    return {name: statistics.median(times[WARM_UP:]) for name, times in found.items()}


def frame_bytes(town: map_town.Town) -> float:
    """Bytes per feature of a full frame."""
    return len(town.full(town.channels["speed"])) / FEATURES


def report(loads: dict[str, list[dict[str, float]]], costs: dict[str, float], **facts: Any) -> str:
    what = f"{FEATURES} segments of four vertices, draws stubbed, live format v{codec.VERSION}"
    runs = f"median of {LOADS} loads and {UPDATES - WARM_UP} updates"
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} CPUs"
    versions = f"Chromium {facts['chromium']}, Python {platform.python_version()}"
    lines = [
        f"{what}; {runs}. {datetime.now(UTC):%Y-%m-%d}, {machine}, {versions}.",
        "",
        "| measure | value | bar |",
        "|---|---|---|",
    ]
    for mode, marks in loads.items():
        for mark, text in (("ready", "first map"), ("values", "first live values")):
            value = statistics.median(load[mark] for load in marks)
            lines.append(f"| {text}, {mode} | {value:.0f} ms | < {FIRST_MAP_BAR_MS} ms |")
    own = costs["value texture"]
    for name, cost in costs.items():
        bar = f"< {UPDATE_BAR_MS:g} ms" if name == "value texture" else f"peer, {cost / own:.0f} x"
        lines.append(f"| update of {FEATURES} values, {name} | {cost:.2f} ms | {bar} |")
    lines.append(f"| bytes per feature, full frame | {facts['bytes']:.3f} | <= 1.1 |")
    return "\n".join(lines)


def main() -> int:
    """Run all measurements; 1 if a bar is missed."""
    loads: dict[str, list[dict[str, float]]] = {}
    costs: dict[str, float] = {}
    with chromium() as browser:
        version = browser.version
        for mode in ("off", "on"):
            town = make_town(mode)
            with map_town.running(town) as url:
                first_map(browser, url)
                loads[f"low power {mode}"] = [first_map(browser, url) for _ in range(LOADS)]
                if mode == "off":
                    costs = updates(browser, url)
    size = frame_bytes(make_town("off"))
    print(report(loads, costs, chromium=version, bytes=size))
    slowest = max(statistics.median(m["ready"] for m in marks) for marks in loads.values())
    return int(costs["value texture"] > UPDATE_BAR_MS or slowest > FIRST_MAP_BAR_MS)


if __name__ == "__main__":
    sys.exit(main())
