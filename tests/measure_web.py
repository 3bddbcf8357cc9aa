"""The demo city with answered measures behind a real web server, and a worker beside it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from measure_city import measure_city, settings

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from simulations import worker
from simulations.advising import AdviceRuns
from simulations.capacity import Capacity
from simulations.measuring import MeasureRuns
from simulations.running import Limits, OpenBases, TrafficRuns, traffic_engine
from simulations.worker import solve
from twin.advice_shelf import ADVICE_ENGINE
from twin.city import Twin
from twin.measure_shelf import ENGINE
from twin.model.scenarios import Run, Scenario, from_json

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
TRAFFIC = "path_equilibrium"
LIMITS = Limits(Capacity(threads=1, memory_bytes=2 * 10**9), time_limit_s=300.0)


@dataclass(frozen=True)
class MeasureWeb:
    """Where the city is served, and the numbers of its runs."""

    twin: Twin
    address: str
    closed: int
    limited: int
    banded: int
    traffic: int
    waiting: int

    def work(self) -> None:
        """Answer the oldest question that waits."""
        work(self.twin)


def example(name: str) -> Scenario:
    return from_json((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def work(twin: Twin) -> None:
    """Answer the oldest question that waits, as the worker does."""
    bases = OpenBases()
    engines = {
        ENGINE: MeasureRuns(LIMITS, bases),
        TRAFFIC: TrafficRuns(traffic_engine(TRAFFIC), LIMITS, bases),
    }
    run = twin.claim_run(tuple(engines))
    assert run is not None
    solve(twin, run, engines[run.engine])
    done = twin.run(run.id)
    assert done.status == "done", done.message


@contextmanager
def working(twin: Twin) -> Iterator[None]:
    """A worker that answers whatever is asked until the end of the block."""
    over, bases = threading.Event(), OpenBases()
    engines = {ENGINE: MeasureRuns(LIMITS, bases), ADVICE_ENGINE: AdviceRuns(LIMITS, bases)}

    def go_on() -> None:
        worker.work(twin, engines=engines, stop=over, instance="test")

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=60.0)


@contextmanager
def served_city(twin: Twin) -> Iterator[str]:
    """Address of the web server of a city until the end of the block."""
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    port = server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@contextmanager
def measure_web() -> Iterator[MeasureWeb]:
    """The demo city with answers of all kinds: measures with and without bands, traffic alone."""
    twin, _ = measure_city()
    carola, loschwitz = example("carolabruecke-closed"), example("loschwitz-16t")

    def answered(scenario: Scenario, members: int) -> Run:
        run = twin.measures.ask(scenario, members=members)
        work(twin)
        return run

    closed, limited, banded = (
        answered(one, members).id for one, members in ((carola, 0), (loschwitz, 0), (carola, 5))
    )
    traffic = twin.ask(replace(carola, name="Nur Verkehr"))
    work(twin)
    waiting = twin.measures.ask(loschwitz, members=5)
    with served_city(twin) as address:
        yield MeasureWeb(twin, address, closed, limited, banded, traffic.id, waiting.id)
    twin.close()
