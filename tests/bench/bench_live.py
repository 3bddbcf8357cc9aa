"""From a published MQTT message to the map in the browser while the demo runs.

There is no peer: the bar is the issue's own (within 1 s for 95 of 100 messages).
"""

import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from e2e.pages.browser import chromium
from live_probe import LiveProbe
from running import running_twin

MESSAGES = 60
DEMO = (sys.executable, "-m", "twin.cli", "demo")
WAYS = {"full drawing": "off", "low power": "on"}


def main() -> int:
    """Print the median and the 95th percentile of the delay for both ways of drawing."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    with (
        tempfile.TemporaryDirectory(prefix="twin-bench-") as folder,
        running_twin(DEMO, data_dir=Path(folder) / "data") as twin,
        chromium() as browser,
    ):
        print(f"address printed: {twin.lines[-1].split(']')[0].strip('[ ')} after the start")
        for name, low_power in WAYS.items():
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{twin.address}?lang=en&low={low_power}")
            page.wait_for_selector('[data-state="ready"]', timeout=60_000)
            probe = LiveProbe(twin, page)
            delays_s = [probe.delay_s() for _ in range(MESSAGES)]
            probe.close()
            page.close()
            median, high = np.percentile(delays_s, [50, 95])
            print(f"{name}: median {median:.2f} s, p95 {high:.2f} s, n = {MESSAGES}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
