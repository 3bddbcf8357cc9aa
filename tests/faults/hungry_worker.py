"""A worker process with an engine that never ends, or one that needs more memory than there is.

``python hungry_worker.py DSN endless|greedy``
"""

import resource
import sys
import threading
from collections.abc import Callable
from importlib import import_module

from simulations.worker import work
from twin.city import Twin
from twin.model.provenance import Provenance
from twin.model.scenarios import Result, Run
from twin.model.times import utc_now
from twin.store import open_store

HEADROOM = 256 * 1024 * 1024


class Endless:
    """Reports progress until the run is cancelled."""

    name = "endless"
    version = "1"

    def solve(self, run: Run, progress: Callable[[float, str], bool]) -> Result:
        pause = threading.Event()
        while progress(0.5, "half"):
            pause.wait(0.05)
        return Result(run.id, {}, {}, (), Provenance("derived", by="endless 1"))


class Greedy:
    """Asks for far more memory than the process may have."""

    name = "greedy"
    version = "1"

    def solve(self, run: Run, progress: Callable[[float, str], bool]) -> Result:
        progress(0.1, "reading the network")
        matrix = bytearray(16 * HEADROOM)
        return Result(run.id, {"size": len(matrix)}, {}, (), Provenance("derived", by="greedy 1"))


def main(dsn: str, kind: str) -> None:
    """Work until the process ends."""
    twin = Twin(open_store(dsn, application="twin-work"), clock=utc_now)
    engine = Endless() if kind == "endless" else Greedy()
    import_module("simulations.bridges.analyses")  # what a worker loads before memory is short
    if kind == "greedy":
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - as small as can be
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, used + HEADROOM))
    work(twin, engines={engine.name: engine}, stop=threading.Event(), instance=kind)


if __name__ == "__main__":
    main(*sys.argv[1:])
