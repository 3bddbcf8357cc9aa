"""How long a published reading takes to reach the textures of the map in a real browser."""

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import numpy as np
from playwright.sync_api import Page
from running import RunningTwin
from services import eventually

from dashboards.live.channels import FLOW
from dashboards.live.quantise import quantise
from dashboards.live.table import decode_table
from sensors.broker import Publisher
from twin.cli import demo_city
from twin.runtime import with_services
from twin.settings import load_settings

CHANNEL = "roads.flow"
ROAD_DIRECTION = "L033/ab"
STREAM_TOPIC = "twin/v1/demo/L033/ab-q_kfz/obs"
FIRST_FLOW_VEH_H = 1500.0  # far above what the counter simulates
AHEAD_OF_SIMULATOR = timedelta(minutes=2)  # so that no simulated reading replaces it
STEP_VEH_H = 20.0  # more than one step of the byte

RECORD_ARRIVALS = """
([channel, row]) => {
  window.arrivals = [];
  const { prototype } = window.twinLive.LiveChannels;
  const original = prototype.set;
  prototype.set = function (name, values, seq) {
    original.call(this, name, values, seq);
    if (name === channel) {
      window.arrivals.push([Date.now(), values[row]]);
    }
  };
}
"""


class LiveProbe:
    """Publishes readings of one known datastream to a running demo and watches one map page."""

    def __init__(self, twin: RunningTwin, page: Page) -> None:
        settings = load_settings(demo_city(), {"TWIN_DATA_DIR": str(twin.data_dir)})
        self._publisher = Publisher(with_services(settings).broker, "live-probe")
        self._page = page
        self._count = 0
        page.evaluate(RECORD_ARRIVALS, [CHANNEL, _row(twin)])

    def delay_s(self) -> float:
        """Seconds from publishing one reading until its byte is in the texture."""
        flow_veh_h = FIRST_FLOW_VEH_H + STEP_VEH_H * (self._count % 40)
        self._count += 1
        code = int(quantise(np.array([flow_veh_h]), FLOW)[0])
        at = datetime.now(UTC) + AHEAD_OF_SIMULATOR
        reading = {"t": at.isoformat(), "v": flow_veh_h, "seq": self._count}
        published = time.time()
        self._publisher.publish(STREAM_TOPIC, json.dumps(reading).encode())
        found: list[float] = []

        def arrived() -> bool:
            arrivals = self._page.evaluate("() => window.arrivals")
            found[:] = [
                moment / 1000 - published
                for moment, value in arrivals
                if value == code and moment / 1000 >= published
            ]
            return bool(found)

        eventually(arrived, f"{flow_veh_h:g} veh/h in the browser")
        return found[0]

    def close(self) -> None:
        """Disconnect from the broker."""
        self._publisher.close()


def _row(twin: RunningTwin) -> int:
    with urlopen(f"{twin.address}api/geo/roads") as answer:
        url = json.load(answer)["url"]
    with urlopen(f"{twin.address.rstrip('/')}{url}") as answer:
        table = decode_table(answer.read())
    return list(table.columns["id"]).index(ROAD_DIRECTION)
