"""The job ``work``: claims queued runs, solves them with the installed engines, stores results."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from simulations.advising import AdviceRuns
from simulations.capacity import capacity_of, prepare_process
from simulations.currenttraffic import LiveWatch
from simulations.measuring import MeasureRuns
from simulations.running import (
    TRAFFIC_GROUP,
    Limits,
    OpenBases,
    Solver,
    TrafficRuns,
    is_traffic_engine,
    solve,
)
from twin.advice_shelf import ADVICE_ENGINE
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.measure_shelf import ENGINE
from twin.model.jobs import JobStatus
from twin.plugins import load_all
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

if TYPE_CHECKING:
    from simulations.bridges.rounds import Rounds

logger = logging.getLogger(__name__)

POLL_S = 0.5
BEAT_S = 2.0
STRUCTURAL_GROUP = "structural_models"


def command(settings: Settings, arguments: Sequence[str]) -> int:  # noqa: ARG001 - contract of a job
    """Run the worker until it is told to stop; exit code 0."""
    stop = stop_on_signal()
    capacity = capacity_of(settings)
    prepare_process(settings, threads=capacity.threads)
    limits = Limits(capacity, settings.traffic.time_limit_s)
    twin = open_twin(settings, role="work")
    try:
        bases = OpenBases()
        work(
            twin,
            engines=installed_solvers(limits, bases),
            stop=stop,
            instance=settings.ingest.instance,
            look=LiveWatch(settings, bases).look,
        )
    finally:
        twin.close()
    return 0


def installed_solvers(limits: Limits, bases: OpenBases | None = None) -> Mapping[str, Solver]:
    """Engines of all groups by name; one that does not load or fit is logged and left out."""
    solvers: dict[str, Solver] = {}
    bases = bases or OpenBases()
    loaded, broken = load_all(TRAFFIC_GROUP)
    for name, engine in loaded.items():
        if is_traffic_engine(engine):
            solvers[name] = TrafficRuns(engine, limits, bases)
        else:
            logger.error("engine_unfit", extra={"plugin": name, "group": TRAFFIC_GROUP})
    if solvers:
        solvers[ENGINE] = MeasureRuns(limits, bases)
        solvers[ADVICE_ENGINE] = AdviceRuns(limits, bases)
    models, more_broken = load_all(STRUCTURAL_GROUP)
    solvers |= {name: cast("Solver", model) for name, model in models.items()}
    for plugin in (*broken, *more_broken):
        logger.error("engine_broken", extra={"plugin": plugin.name, "reason": plugin.reason})
    return solvers


def work(
    twin: Twin,
    *,
    engines: Mapping[str, Solver],
    stop: threading.Event,
    instance: str,
    look: Callable[[Twin], None] = lambda _: None,
) -> None:
    """Claim and solve runs until ``stop`` is set; the database may go away and come back.

    ``look`` is called between runs; it takes the live state of the traffic when that is due.
    """
    tally = _Tally(twin, engines=len(engines), instance=instance)
    rounds = _rounds(twin)
    over = threading.Event()
    beats = threading.Thread(target=tally.beat_until, args=(over,), name="beat", daemon=True)
    beats.start()
    try:
        while not stop.is_set():
            run = None
            try:
                run = twin.claim_run(tuple(engines))
                if run is not None:
                    solve(twin, run, engines[run.engine], stop=stop)
                    tally.solved += 1
                look(twin)
            except StoreUnavailableError as error:
                logger.warning("store_unavailable", extra={"reason": str(error)})
            if run is None and not _look_at_bridges(rounds):
                stop.wait(POLL_S)
    finally:
        over.set()
        beats.join()


def _rounds(twin: Twin) -> "Rounds":
    from simulations.bridges.analyses import ANALYSES  # noqa: PLC0415 - kernels need a prepared process
    from simulations.bridges.rounds import Rounds  # noqa: PLC0415 - as above

    return Rounds(twin, ANALYSES)


def _look_at_bridges(rounds: "Rounds") -> bool:
    """Whether a bridge was due and looked at; a database that is away is met again later."""
    try:
        return rounds.step()
    except StoreUnavailableError as error:
        logger.warning("store_unavailable", extra={"reason": str(error)})
        return False


class _Tally:
    """What this worker says of itself."""

    def __init__(self, twin: Twin, *, engines: int, instance: str) -> None:
        self._twin = twin
        self._engines = engines
        self._instance = instance
        self._started_at = twin.now()
        self.solved = 0

    def beat_until(self, over: threading.Event) -> None:
        """Beat until ``over`` is set, also while a run is computed."""
        while True:
            try:
                self._beat()
            except StoreUnavailableError as error:
                logger.info("heartbeat_not_stored", extra={"reason": str(error)})
            if over.wait(BEAT_S):
                return

    def _beat(self) -> None:
        figures = {"runs_solved": float(self.solved), "engines": float(self._engines)}
        status = JobStatus(
            job="work",
            instance=self._instance,
            started_at=self._started_at,
            heartbeat_at=self._twin.now(),
            state="live" if self._engines else "no engine installed",
            figures=figures,
        )
        self._twin.beat(status)
