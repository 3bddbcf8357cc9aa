"""Traffic runs of the queue: opens their base, solves, and hands back what is stored."""

import json
from dataclasses import dataclass
from typing import TypeGuard

from simulations.answering import Answer, answer, require_memory
from simulations.capacity import Capacity
from simulations.watching import RunWatch
from twin.city import Twin
from twin.errors import PluginError, RegistryError, SolveError
from twin.model.bases import BASE_PART, TrafficBase
from twin.model.packing import unpack
from twin.model.scenarios import Run
from twin.model.traffic import SolveOptions
from twin.plugins import load
from twin.ports import TrafficEngine

TRAFFIC_GROUP = "traffic_engines"


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
            "twin/ports.py"
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
    if run.version != engine.version:
        raise SolveError(
            f"the base was solved by {run.engine} {run.version}, {engine.version} is installed; "
            "run `twin estimate` and ask again"
        )
    base = bases.open(twin, run.base)
    options = limits.options(run)
    require_memory(base, engine, options, allowed_bytes=limits.capacity.memory_bytes)
    return answer(base, engine, scenario=run.scenario, options=options, control=watch)
