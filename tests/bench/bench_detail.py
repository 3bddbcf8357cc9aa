"""Bars B12 of the traffic specification: libsumo against TraCI, and export of 600 edges.

Both interfaces step through the same SUMO run on a generated grid and read speed, edge and place
of every vehicle in every step; interleaved, median of the rounds. The export is everything from
the equilibrium's paths to a network that SUMO reads: cut, XML, netconvert. Last, one check of the
usual size as a user runs it.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from detail_samples import drive, equilibrium, grid, installed_sumo, path_state

from simulations.traffic.detail import check, child, subarea, sumo
from simulations.traffic.detail.check import SumoOptions
from simulations.traffic.detail.departures import DepartureProfile, sample
from twin.model.network import Network
from twin.model.traffic import TrafficResult

SIDE = 13  # 624 directed streets
TRIPS = 3000
STEPS = 400
ROUNDS = 3
FASTER_BAR = 10.0
EXPORT_BAR_S = 5.0
READER = Path(__file__).parent / "traffic_peers" / "sumo_reads.py"


def case() -> tuple[Network, TrafficResult]:
    network, random = grid(SIDE), np.random.default_rng(1)
    ends = random.choice(network.link_id, (TRIPS, 2))
    routes = [drive(network, int(first), int(last), random) for first, last in ends]
    return network, equilibrium(network, path_state(routes, [2.0] * TRIPS))


def export(
    installed: child.Sumo, network: Network, static: TrafficResult, folder: Path
) -> tuple[float, Path]:
    """Seconds from paths to SUMO's network, and its file."""
    folder.mkdir()
    begun = time.perf_counter()
    area = network.link_id
    trips = subarea.cut(network, static.paths, classes=static.classes, area=area)
    plain = sumo.plain_network(network, area, classes=static.classes, driven=trips)
    watch = child.Watch(time.monotonic() + 60.0)
    net = child.convert(installed, plain, folder=folder, watch=watch)
    return time.perf_counter() - begun, net


def read_all(installed: child.Sumo, api: str, net: Path, routes: Path) -> tuple[float, int]:
    done = subprocess.run(
        [installed.python, str(READER), api, str(net), str(routes), str(STEPS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["seconds"], answer["reads"]


def verdict(holds: bool) -> str:  # noqa: FBT001 - a printed word
    return "held" if holds else "MISSED"


def main() -> None:
    installed = installed_sumo()
    network, static = case()
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{installed.version}; {len(network.link_id)} streets, {TRIPS} routes")
    with child.workplace() as folder:
        exports = [export(installed, network, static, folder / f"e{n}") for n in range(ROUNDS)]
        seconds = statistics.median(each[0] for each in exports)
        print(
            f"export of {len(network.link_id)} edges: {seconds:.2f} s "
            f"(bar {EXPORT_BAR_S:g} s: {verdict(seconds <= EXPORT_BAR_S)})"
        )
        trips = subarea.cut(network, static.paths, classes=static.classes, area=network.link_id)
        profile = DepartureProfile(duration_s=STEPS, warm_up_s=0.0)
        routes = folder / "routes.xml"
        routes.write_text(sumo.routes_xml(trips, sample(trips, profile, seed=1)))
        times: dict[str, list[float]] = {"libsumo": [], "traci": []}
        reads = 0
        for _ in range(ROUNDS):
            for api, each in times.items():
                taken, reads = read_all(installed, api, exports[-1][1], routes)
                each.append(taken)
        medians = {api: statistics.median(each) for api, each in times.items()}
        ratio = medians["traci"] / medians["libsumo"]
        print(
            f"{STEPS} steps, {reads} reads: libsumo {medians['libsumo']:.2f} s, "
            f"TraCI {medians['traci']:.2f} s, {ratio:.1f} times "
            f"(bar {FASTER_BAR:g}: {verdict(ratio >= FASTER_BAR)})"
        )
    begun = time.perf_counter()
    found = check.check(
        network, static, network.link_id, installed=installed, options=SumoOptions()
    )
    print(
        f"check of one hour, {len(found.runs)} seeds, {found.runs[0].vehicles} vehicles each: "
        f"{time.perf_counter() - begun:.1f} s, "
        f"{statistics.median(run.seconds for run in found.runs):.1f} s a seed"
    )


if __name__ == "__main__":
    sys.exit(main())
