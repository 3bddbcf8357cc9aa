"""When the drift rule finds a ramp, and how often it is wrong: `python -m tests.bench.bench_drift`.

Bridges of the simulator, hourly readings. A ramp that would reach 3 sigma of the channel's daily
means is laid over one channel; every week the rule looks anew at what was recorded until then.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bridge_city import START_US
from fault_world import CASES, world_of

from simulations.bridges.drifting import drift_of

CHANNELS = {
    "crack_1": ("crack_2",),
    "travel_1": ("travel_2",),
    "inclination": (),
}
HOURS = 400 * 24
WEEK = 7 * 24
MOST_SIGMA = 3.0
RAMPS_D = (30, 90, 240)
FIRST_LOOK_H = 215 * 24


def looks(begin: int) -> Iterator[int]:
    """Hours at which the rule looks."""
    return iter(range(begin, HOURS + 1, WEEK))


def found_at(world: dict[str, np.ndarray], channel: str, end: int) -> bool:
    """Whether the rule finds a drift in what was recorded until an hour."""
    time_us = START_US + 3_600_000_000 * np.arange(1, end + 1, dtype=np.int64)
    neighbours = [world[name][:end] for name in CHANNELS[channel]]
    warm = world["structure_temperature"][:end]
    return drift_of(time_us, world[channel][:end], warm, neighbours=neighbours) is not None


def ramped(values: np.ndarray, ramp_d: int) -> np.ndarray:
    """A channel whose last days rise by three sigma of its daily means."""
    daily = np.nanmean(values.reshape(-1, 24), axis=1)
    rise = np.clip((np.arange(HOURS) - (HOURS - ramp_d * 24)) / (ramp_d * 24), 0.0, 1.0)
    return values + MOST_SIGMA * float(np.nanstd(daily)) * rise


def main() -> None:
    """Print detections and false alarms as a Markdown table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--first", type=int, default=201, help="first seed")
    parser.add_argument("--count", type=int, default=40, help="bridges")
    options = parser.parse_args()
    false = asked = 0
    sizes: dict[tuple[str, int], list[float]] = {}
    for seed in range(options.first, options.first + options.count):
        world = dict(world_of(CASES[0], seed).values)
        for channel in CHANNELS:
            seen = [found_at(world, channel, end) for end in looks(FIRST_LOOK_H)]
            false, asked = false + sum(seen), asked + len(seen)
            for ramp_d in RAMPS_D:
                drifting = world | {channel: ramped(world[channel], ramp_d)}
                begin = HOURS - ramp_d * 24
                size = next(
                    (
                        MOST_SIGMA * (end - begin) / (ramp_d * 24)
                        for end in looks(max(begin + WEEK, FIRST_LOOK_H))
                        if found_at(drifting, channel, end)
                    ),
                    np.inf,
                )
                sizes.setdefault((channel, ramp_d), []).append(size)
    sys.stdout.write(f"false: {false} of {asked} weekly looks at sound channels\n\n")
    sys.stdout.write("| channel | ramp to 3 sigma | found | median size when found |\n")
    sys.stdout.write("|---|---|---|---|\n")
    for (channel, ramp_d), known in sizes.items():
        found = np.isfinite(known)
        median = float(np.median(known))
        sys.stdout.write(f"| {channel} | {ramp_d} d | {found.mean():.0%} | {median:.2f} sigma |\n")


if __name__ == "__main__":
    main()
