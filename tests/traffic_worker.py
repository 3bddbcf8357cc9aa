"""A worker process with the free-flow engine, patient or quick, and a clock that may be ahead.

``python traffic_worker.py DSN endless|quick AHEAD_S``
"""

import sys
from datetime import timedelta

from free_flow import FreeFlow

from simulations.capacity import Capacity
from simulations.running import Limits, OpenBases, TrafficRuns
from simulations.worker import work
from twin.city import Twin
from twin.model.times import utc_now
from twin.signals import stop_on_signal
from twin.store import open_store

LIMITS = Limits(Capacity(threads=1, memory_bytes=10**9), time_limit_s=600.0)


def main(dsn: str, kind: str, ahead_s: str) -> None:
    """Work until the process is told to stop or killed."""
    stop = stop_on_signal()
    ahead = timedelta(seconds=float(ahead_s))
    twin = Twin(open_store(dsn, application="twin-work"), clock=lambda: utc_now() + ahead)
    solver = TrafficRuns(FreeFlow(endless=kind == "endless"), LIMITS, OpenBases())
    work(twin, engines={"free_flow": solver}, stop=stop, instance=kind)
    twin.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
