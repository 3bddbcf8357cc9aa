"""Runs one UXsim simulation; started by `child` as a script in an environment that has uxsim.

Nothing of ours is imported here. ``uxsim_child.py --locate`` prints the version;
``uxsim_child.py JOB`` runs a job file and writes its answer. One platoon size per process.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

SAMPLE_S = 60.0
FULL = 0.9  # of the density of a queue over the whole link at the present outflow
MISSING = 3


def locate() -> int:
    """Print version and mode of UXsim as JSON; exit code 3 if it is not installed."""
    if importlib.util.find_spec("uxsim") is None:
        return MISSING
    compiled = importlib.util.find_spec("uxsim.uxsim_cpp") is not None
    answer = {
        "version": importlib.metadata.version("uxsim"),
        "mode": "C++" if compiled else "Python",
    }
    sys.stdout.write("\n" + json.dumps(answer))
    return 0


def build(job: dict[str, Any]) -> Any:  # noqa: ANN401 - a class that only exists there
    """The world of a job with its platoons."""
    world = importlib.import_module("uxsim").World(
        name="",
        deltan=job["platoon"],
        tmax=job["end_s"],
        duo_update_time=10.0 * job["end_s"],  # routes are given
        random_seed=job["seed"],
        print_mode=0,
        save_mode=0,
        show_mode=0,
        show_progress=0,
        vehicle_logging_timestep_interval=-1,
        cpp=job["cpp"],
    )
    for node, x, y in job["nodes"]:
        world.addNode(node, x, y)
    for link in job["links"]:
        world.addLink(**link)
    for trip, depart_s in job["departures"]:
        route = job["routes"][str(trip)]
        first, last = job["ends"][str(trip)]
        vehicle = world.addVehicle(first, last, depart_s)
        vehicle.enforce_route(route)
    return world


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Simulate and give the queues of every link."""
    world = build(job)
    names = [link["name"] for link in job["links"]]
    links = [world.get_link(name) for name in names]
    longest, standing, full_s, gone = ([0.0] * len(links) for _ in range(4))
    parent = os.getppid()
    samples, now = 0, 0.0
    while now < job["end_s"]:
        step = min(SAMPLE_S, job["end_s"] - now)
        now += step
        world.exec_simulation(until_t=now)
        samples += 1
        for index, link in enumerate(links):
            queue, left = link.num_vehicles_queue, float(link.departure_count(now))
            standing[index] += queue
            longest[index] = max(longest[index], float(queue))
            over_all = job["jam_veh_m"][index] - (left - gone[index]) / step / job["wave_m_s"]
            full_s[index] += step * (queue > 0 and link.density >= FULL * over_all)
            gone[index] = left
        Path(job["progress_file"]).write_text(f"{now:.1f}", encoding="ascii")
        if os.getppid() != parent:
            break
    return {
        "longest": longest,
        "mean": [each / max(samples, 1) for each in standing],
        "full_s": full_s,
        "states": states(world),
    }


def states(world: Any) -> dict[str, int]:  # noqa: ANN401
    """Vehicles by state at the end: ``home``, ``wait``, ``run``, ``end``, ``abort``."""
    counts: dict[str, int] = {}
    for vehicle in world.VEHICLES.values():
        counts[vehicle.state] = counts.get(vehicle.state, 0) + world.DELTAN
    return counts


if __name__ == "__main__":
    if sys.argv[1] == "--locate":
        sys.exit(locate())
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(given["answer_file"]).write_text(json.dumps(run(given)), encoding="utf-8")
