"""Traffic runs of the queue: opens their base, solves, and hands back what is stored."""

import json
import logging
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

from simulations.answering import Answer, answer, require_memory
from simulations.capacity import Capacity
from simulations.watching import RunWatch, watching
from twin.city import Twin
from twin.errors import (
    PluginError,
    RegistryError,
    SolveError,
    StoreUnavailableError,
    TwinError,
)
from twin.model.bases import BASE_PART, BaseFacts, StoredBase, TrafficBase
from twin.model.packing import unpack
from twin.model.scenarios import Result, Run
from twin.model.statements import documents
from twin.model.traffic import SolveOptions
from twin.plugins import load
from twin.ports import Engine, TrafficEngine

logger = logging.getLogger(__name__)

TRAFFIC_GROUP = "traffic_engines"
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use: threads, memory [bytes] and time [s]."""

    capacity: Capacity
    time_limit_s: float

    def options(self, run: Run) -> SolveOptions:
        """Options of a run: what it asks for, within these limits."""
        asked = json.loads(run.options) if run.options else {}
        return SolveOptions(
            relative_gap=float(asked.get("relative_gap", SolveOptions().relative_gap)),
            time_limit_s=self.time_limit_s,
            threads=self.capacity.threads,
            path_memory_bytes=self.capacity.memory_bytes // 2,
        )


class OpenBases:
    """The base that was opened last; the next run often starts from it, too."""

    def __init__(self) -> None:
        self._hash = ""
        self._base: TrafficBase | None = None

    def open(self, twin: Twin, content_hash: str) -> TrafficBase:
        """A base by its content; RegistryError if it is not stored."""
        if self._base is None or self._hash != content_hash:
            self._base = open_base(twin, content_hash)
            self._hash = content_hash
        return self._base


def open_base(twin: Twin, content_hash: str) -> TrafficBase:
    """A base by its content.

    Raises
    ------
    RegistryError
        If it is not stored.
    ModelError
        If its file is damaged or of another version.
    """
    stored = twin.traffic.base(content_hash)
    content = twin.traffic.base_part(stored.id, BASE_PART)
    if content is None:
        raise RegistryError(
            f"the traffic base {stored.facts.name!r} has lost its file; run `twin estimate` again"
        )
    return unpack(content, TrafficBase)


def engine_of(facts: BaseFacts) -> TrafficEngine:
    """Installed engine that solved a base.

    Raises
    ------
    PluginError, SolveError
        If it is not installed, or in another version.
    """
    engine = traffic_engine(facts.engine)
    require_version(engine, facts.engine_version)
    return engine


def require_version(engine: TrafficEngine, version: str) -> None:
    """SolveError if a base was solved by another version of its engine."""
    if version != engine.version:
        raise SolveError(
            f"the base was solved by {engine.name} {version}, {engine.version} is installed; "
            "run `twin estimate` and ask again"
        )


def base_document(base: StoredBase) -> Mapping[str, object]:
    """What a report says of its base."""
    facts = base.facts
    return {
        "name": facts.name,
        "version": base.version,
        "made_at": base.made_at.isoformat(),
        "content_hash": facts.content_hash,
        "provenance": {"kind": facts.provenance.kind, "by": facts.provenance.by},
        "figures": {k: v if math.isfinite(v) else None for k, v in facts.figures.items()},
        "units": dict(facts.units),
        "assumptions": documents(facts.assumptions),
    }


def traffic_engine(name: str) -> TrafficEngine:
    """Installed traffic engine of this name.

    Raises
    ------
    PluginError
        If there is none, or it is none; names the installed ones.
    """
    engine = load(TRAFFIC_GROUP, name)
    if not is_traffic_engine(engine):
        raise PluginError(
            f"traffic engine {name!r} offers no solve and estimate; see TrafficEngine in "
            "twin/ports/engines.py"
        )
    return engine


def is_traffic_engine(engine: object) -> TypeGuard[TrafficEngine]:
    """Whether a plugin follows the Protocol `TrafficEngine`."""
    has_names = isinstance(getattr(engine, "name", None), str) and isinstance(
        getattr(engine, "version", None), str
    )
    return has_names and all(
        callable(getattr(engine, part, None)) for part in ("solve", "estimate")
    )


def answer_run(
    twin: Twin,
    run: Run,
    engine: TrafficEngine,
    *,
    bases: OpenBases,
    limits: Limits,
    watch: RunWatch,
) -> Answer:
    """The answer to a traffic run.

    Raises
    ------
    SolveError
        If the base was solved by another version of the engine, or the run needs too much memory.
    TwinError
        What the engine says of the scenario.
    """
    require_version(engine, run.version)
    base = bases.open(twin, run.base)
    options = limits.options(run)
    require_memory(base, engine, options, allowed_bytes=limits.capacity.memory_bytes)
    return answer(
        base,
        engine,
        scenario=run.scenario,
        options=options,
        control=watch,
        about={"base": base_document(twin.traffic.base(run.base)), "input_hash": run.input_hash},
    )


@runtime_checkable
class StoredRuns(Protocol):
    """Whoever answers runs with files from what is stored, within limits."""

    @property
    def limits(self) -> Limits:
        """What a run may use."""
        ...

    def found(self, twin: Twin, run: Run, watch: RunWatch) -> tuple[Result, Mapping[str, bytes]]:
        """Return the result of a run and its files by name."""
        ...


@dataclass(frozen=True, slots=True)
class TrafficRuns:
    """A traffic engine with what its runs may use."""

    engine: TrafficEngine
    limits: Limits
    bases: OpenBases

    def found(self, twin: Twin, run: Run, watch: RunWatch) -> tuple[Result, Mapping[str, bytes]]:
        """The result of a run and its files by name; raises as `answer_run`."""
        answer = answer_run(
            twin, run, self.engine, bases=self.bases, limits=self.limits, watch=watch
        )
        return answer.result(run.id), answer.parts


Solver = Engine | StoredRuns


def solve(twin: Twin, run: Run, engine: Solver, *, stop: threading.Event | None = None) -> None:
    """Solve one run and store its result, or the reason why there is none.

    When ``stop`` is set meanwhile the run goes back to the queue.
    """
    stop = stop or threading.Event()
    target, limit_s = 0.0, math.inf
    if isinstance(engine, StoredRuns):
        target, limit_s = engine.limits.options(run).relative_gap, engine.limits.time_limit_s
    watch = RunWatch(target_gap=target, limit_s=limit_s)
    logger.info("run_started", extra={"run": run.id, "engine": run.engine, "attempt": run.attempt})
    reason = ""
    found: tuple[Result, Mapping[str, bytes]] | None = None
    with watching(twin, run, watch, stop=stop):
        try:
            found = _found(twin, run, engine, watch)
        except StoreUnavailableError:
            raise
        except TwinError as error:
            reason = str(error)
        except Exception as error:
            # Engines are plugins: the run shows the reason.
            reason = f"{type(error).__name__}: {error}"
            logger.warning("engine_failed", exc_info=error, extra={"run": run.id})
    _store(twin, run, found=found, reason=reason, watch=watch, stop=stop)


def _found(
    twin: Twin, run: Run, engine: Solver, watch: RunWatch
) -> tuple[Result, Mapping[str, bytes]]:
    if not isinstance(engine, StoredRuns):
        return engine.solve(run, watch.report), {}
    return engine.found(twin, run, watch)


def _store(
    twin: Twin,
    run: Run,
    *,
    found: tuple[Result, Mapping[str, bytes]] | None,
    reason: str,
    watch: RunWatch,
    stop: threading.Event,
) -> None:
    """End the run in the store; while the database is away, again and again until ``stop``."""
    while True:
        try:
            outcome = _end(twin, run, found=found, reason=reason, watch=watch)
        except StoreUnavailableError as error:
            logger.warning("result_not_stored", extra={"run": run.id, "reason": str(error)})
            if stop.wait(RETRY_S):
                raise
            continue
        logger.info(f"run_{outcome}", extra={"run": run.id, "reason": reason})  # noqa: G004 - one of five words
        return


def _end(
    twin: Twin,
    run: Run,
    *,
    found: tuple[Result, Mapping[str, bytes]] | None,
    reason: str,
    watch: RunWatch,
) -> str:
    if watch.ending == "stopped":
        twin.release_run(run.id, attempt=run.attempt)
        return "released"
    if watch.ending == "cancelled":
        return "cancelled"
    if watch.ending == "overran":
        text = "it took longer than its time limit; raise traffic.time_limit_s"
        twin.fail_run(run.id, text, attempt=run.attempt)
        return "overran"
    if found is None:
        twin.fail_run(run.id, reason, attempt=run.attempt)
        return "failed"
    result, parts = found
    is_stored = twin.finish_run(run.id, result, attempt=run.attempt, parts=parts)
    return "done" if is_stored else "lost"
