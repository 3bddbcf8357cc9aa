"""The job ``work``: claims queued runs, solves them with the installed engines, stores results."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import cast

from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.model.scenarios import Run
from twin.plugins import load_all
from twin.ports import Engine
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

POLL_S = 2.0
ENGINE_GROUPS = ("traffic_engines", "structural_models")


def command(settings: Settings, arguments: Sequence[str]) -> int:  # noqa: ARG001 - contract of a job
    """Run the worker until it is told to stop; exit code 0."""
    stop = stop_on_signal()
    twin = open_twin(settings, role="work")
    try:
        work(twin, engines=installed_engines(), stop=stop, instance=settings.ingest.instance)
    finally:
        twin.close()
    return 0


def installed_engines() -> Mapping[str, Engine]:
    """Engines of all groups by name; one that does not load is logged and left out."""
    engines: dict[str, Engine] = {}
    for group in ENGINE_GROUPS:
        loaded, broken = load_all(group)
        engines |= {name: cast("Engine", engine) for name, engine in loaded.items()}
        for plugin in broken:
            logger.error("engine_broken", extra={"plugin": plugin.name, "reason": plugin.reason})
    return engines


def work(
    twin: Twin, *, engines: Mapping[str, Engine], stop: threading.Event, instance: str
) -> None:
    """Claim and solve runs until ``stop`` is set; the database may go away and come back."""
    started_at = twin.now()
    solved = 0
    while not stop.is_set():
        try:
            run = twin.claim_run(tuple(engines))
            if run is not None:
                solve(twin, run, engines[run.engine])
                solved += 1
            twin.beat(
                JobStatus(
                    job="work",
                    instance=instance,
                    started_at=started_at,
                    heartbeat_at=twin.now(),
                    state="live" if engines else "no engine installed",
                    figures={"runs_solved": float(solved), "engines": float(len(engines))},
                )
            )
        except StoreUnavailableError as error:
            run = None
            logger.warning("store_unavailable", extra={"reason": str(error)})
        if run is None:
            stop.wait(POLL_S)


def solve(twin: Twin, run: Run, engine: Engine) -> None:
    """Solve one run and store its result, or the reason why there is none."""

    def progress(share: float, message: str) -> bool:
        return twin.report_progress(run.id, progress=share, message=message)

    logger.info("run_started", extra={"run": run.id, "engine": run.engine})
    try:
        result = engine.solve(run, progress)
    except StoreUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - engines are plugins; the run shows the reason
        logger.warning("run_failed", extra={"run": run.id, "reason": str(error)})
        twin.fail_run(run.id, f"{type(error).__name__}: {error}")
        return
    twin.finish_run(run.id, result)
    logger.info("run_done", extra={"run": run.id})
