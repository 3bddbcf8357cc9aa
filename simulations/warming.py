"""The job ``warm``: compiles all kernels once, so that no planner waits for a compiler."""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Sequence

from simulations.capacity import capacity_of, prepare_process
from simulations.running import TRAFFIC_GROUP, is_traffic_engine
from twin.model.traffic import SolveOptions
from twin.plugins import load_all
from twin.settings import Settings


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Compile the kernels of the traffic model into the folder of the settings; exit code 0."""
    argparse.ArgumentParser(prog="twin warm", description=command.__doc__).parse_args(arguments)
    prepare_process(settings, threads=capacity_of(settings).threads)
    began = time.monotonic()
    compiled = warm()
    sys.stdout.write(
        f"{compiled} kernels compiled in {time.monotonic() - began:.1f} s; all kernels lie in "
        f"{settings.kernel_dir}\n"
    )
    return 0


def warm() -> int:
    """Load every kernel, compiling what the folder does not hold; how many were compiled.

    The process must be prepared before (`simulations.capacity.prepare_process`).
    """
    from numba.core import event  # noqa: PLC0415 - only in a prepared process

    with event.install_recorder("numba:compile") as recorder:
        for name in modules():
            importlib.import_module(name)
        _solve_once()
    return sum(item.is_start for _, item in recorder.buffer)


def modules() -> tuple[str, ...]:
    """Modules of both models, any of which may hold kernels."""
    found: list[str] = []
    for room in ("simulations.traffic", "simulations.structure"):
        package = importlib.import_module(room)
        walked = pkgutil.walk_packages(package.__path__, f"{room}.")
        found += [item.name for item in walked if ".detail." not in f"{item.name}."]
    return tuple(found)


def _solve_once() -> None:
    """Solve two routes with every engine: what is compiled on the first call is compiled now."""
    from simulations.traffic.examples import two_routes  # noqa: PLC0415 - in a prepared process

    network, demand = two_routes()
    for engine in load_all(TRAFFIC_GROUP)[0].values():
        if is_traffic_engine(engine):
            for pricing in ("dijkstra", "hierarchy"):
                base = engine.solve(network, demand, options=SolveOptions(pricing=pricing))
                engine.solve(network, demand, options=SolveOptions(pricing=pricing), warm=base)
