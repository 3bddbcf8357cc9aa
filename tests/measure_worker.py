"""A worker process for the engines ``measures`` and ``advice``, with a clock that may be ahead.

``python measure_worker.py DSN AHEAD_S``
"""

import sys
from datetime import timedelta

from simulations.advising import AdviceRuns
from simulations.capacity import Capacity
from simulations.measuring import MeasureRuns
from simulations.running import Limits, OpenBases
from simulations.worker import work
from twin.advice_shelf import ADVICE_ENGINE
from twin.city import Twin
from twin.measure_shelf import ENGINE
from twin.model.times import utc_now
from twin.signals import stop_on_signal
from twin.store import open_store

LIMITS = Limits(Capacity(threads=1, memory_bytes=10**9), time_limit_s=600.0)


def main(dsn: str, ahead_s: str) -> None:
    """Work until the process is told to stop or killed."""
    stop = stop_on_signal()
    ahead = timedelta(seconds=float(ahead_s))
    twin = Twin(open_store(dsn, application="twin-work"), clock=lambda: utc_now() + ahead)
    bases = OpenBases()
    engines = {ENGINE: MeasureRuns(LIMITS, bases), ADVICE_ENGINE: AdviceRuns(LIMITS, bases)}
    work(twin, engines=engines, stop=stop, instance="m")
    twin.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
