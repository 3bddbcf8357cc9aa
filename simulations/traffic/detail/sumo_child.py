"""Runs one SUMO simulation; started by `child` as a script in an environment that has libsumo.

Nothing of ours is imported here, for the interpreter may not have it. ``sumo_child.py --locate``
prints where SUMO is; ``sumo_child.py JOB`` runs a job file. One simulation per process.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

SAMPLE_S = 10.0
SHUT_S = 1e7  # travel time that keeps a route off a street
MISSING = 3


def locate() -> int:
    """Print home and version of SUMO as JSON; exit code 3 if it is not installed."""
    if importlib.util.find_spec("libsumo") is None or importlib.util.find_spec("sumo") is None:
        return MISSING
    libsumo = importlib.import_module("libsumo")
    home = importlib.import_module("sumo").SUMO_HOME
    sys.stdout.write("\n" + json.dumps({"home": home, "version": libsumo.getVersion()[1]}))
    return 0


def run(job: dict[str, Any]) -> None:
    """Simulate a job and write its queues; SUMO writes its own outputs."""
    libsumo = importlib.import_module("libsumo")
    libsumo.start(["sumo", *job["arguments"]])
    parent = os.getppid()
    queues = Queues(job["edges"])
    closures = job["closures"]
    now = 0.0
    while now < job["end_s"] and libsumo.simulation.getMinExpectedNumber() > 0:
        due = [each["at_s"] for each in closures if each["at_s"] > now]
        goal = min(now + SAMPLE_S, job["end_s"], *due)
        libsumo.simulationStep(goal)
        now = max(goal, libsumo.simulation.getTime())
        for closure in closures:
            if closure["at_s"] <= now < closure["until_s"]:
                turn_back(libsumo, closure)
        if job["begin_s"] < now <= job["measured_until_s"]:
            queues.take(libsumo)
        report(Path(job["progress_file"]), now)
        if os.getppid() != parent:
            break
    libsumo.close()
    Path(job["queue_file"]).write_text(json.dumps(queues.result()), encoding="utf-8")


class Queues:
    """Standing vehicles by edge: their sum over the samples and the most at one time."""

    def __init__(self, edges: list[str]) -> None:
        self.edges = edges
        self.samples = 0
        self.total = [0] * len(edges)
        self.longest = [0] * len(edges)

    def take(self, libsumo: Any) -> None:  # noqa: ANN401 - a module that only exists there
        """Count now."""
        self.samples += 1
        count = libsumo.edge.getLastStepHaltingNumber
        for index, edge in enumerate(self.edges):
            standing = count(edge)
            if standing:
                self.total[index] += standing
                self.longest[index] = max(self.longest[index], standing)

    def result(self) -> dict[str, list[float]]:
        """Mean and most, in the order of the edges."""
        mean = [each / max(self.samples, 1) for each in self.total]
        return {"mean": mean, "longest": [float(each) for each in self.longest]}


def turn_back(libsumo: Any, closure: dict[str, Any]) -> None:  # noqa: ANN401
    """Send vehicles that are past the notice another way, or end them where they are.

    A rerouter speaks to vehicles that enter its edges; those that are on them or on a junction
    when the street closes would stand before it until they are teleported.
    """
    shut, notified = set(closure["closed"]), set(closure["notified"])
    for vehicle in libsumo.vehicle.getIDList():
        edge = libsumo.vehicle.getRoadID(vehicle)
        on_junction = edge.startswith(":")
        if not (on_junction or edge in notified) or not shut & set(ahead(libsumo, vehicle)):
            continue
        if libsumo.vehicle.getRoute(vehicle)[-1] not in shut:
            reroute(libsumo, vehicle, shut)
        if not on_junction and shut & set(ahead(libsumo, vehicle)):
            end_here(libsumo, vehicle, edge)


def reroute(libsumo: Any, vehicle: str, shut: set[str]) -> None:  # noqa: ANN401
    """Choose a way around closed streets if there is one."""
    for edge in shut:
        libsumo.vehicle.setAdaptedTraveltime(vehicle, edge, SHUT_S)
    with contextlib.suppress(libsumo.TraCIException):  # no way from a street that is closed
        libsumo.vehicle.rerouteTraveltime(vehicle, currentTravelTimes=False)


def end_here(libsumo: Any, vehicle: str, edge: str) -> None:  # noqa: ANN401
    """End a trip at the end of the street, or at once where SUMO allows no route any more."""
    try:
        libsumo.vehicle.setRoute(vehicle, [edge])
    except libsumo.TraCIException:
        libsumo.vehicle.remove(vehicle)


def ahead(libsumo: Any, vehicle: str) -> list[str]:  # noqa: ANN401
    """Edges that a vehicle has still to enter."""
    index = libsumo.vehicle.getRouteIndex(vehicle)
    return list(libsumo.vehicle.getRoute(vehicle)[index + 1 :])


def report(file: Path, now: float) -> None:
    """Say how far the simulation is."""
    file.write_text(f"{now:.1f}", encoding="ascii")


if __name__ == "__main__":
    if sys.argv[1] == "--locate":
        sys.exit(locate())
    run(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
