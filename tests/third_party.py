"""A distribution of somebody else with a traffic engine, as a folder for ``PYTHONPATH``."""

import os
import signal
import threading
from pathlib import Path

from free_flow import FreeFlow

from twin.model.network import Network
from twin.model.scenarios import Scenario
from twin.model.traffic import Demand, SolveOptions, TrafficResult
from twin.ports import SolveControl

METADATA = "Metadata-Version: 2.1\nName: third-party\nVersion: 1\n"
ENTRY_POINTS = """[stadtzwilling.traffic_engines]
free_flow = third_party:engine
endless = third_party:endless
"""
MARK = "TWIN_TEST_DEADLY_MARK"


class Deadly(FreeFlow):
    """Kills its process where the scenario is named ``deadly``, or ``deadly once`` the first time.

    That ends it like the out-of-memory killer of the system does. It hangs where the scenario is
    named ``endless``.
    """

    def solve(
        self,
        network: Network,
        demand: Demand,
        scenario: Scenario | None = None,
        *,
        options: SolveOptions,
        warm: TrafficResult | None = None,
        control: SolveControl | None = None,
    ) -> TrafficResult:
        name = "" if scenario is None else scenario.name
        if name == "deadly once":
            mark = Path(os.environ[MARK])
            is_first = not mark.exists()
            mark.touch()
            if is_first:
                os.kill(os.getpid(), signal.SIGKILL)
        if name == "endless":
            threading.Event().wait(120)
        if name == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().solve(network, demand, scenario, options=options, warm=warm, control=control)


class Endless(Deadly):
    """Never finds a path."""

    name = "endless"

    def __init__(self) -> None:
        super().__init__(endless=True)


engine = Deadly()
endless = Endless()


def environment(folder: Path) -> dict[str, str]:
    """Environment of a process in which this distribution is installed."""
    info = folder / "third_party-1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    paths = os.pathsep.join([str(folder), str(Path(__file__).parent)])
    return {**os.environ, "PYTHONPATH": paths, MARK: str(folder / "mark")}
