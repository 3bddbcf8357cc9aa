"""A scenario's answer from a base: equilibrium, comparison and the files that are kept of them."""

import json
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.errors import SolveError
from twin.model.bases import TrafficBase
from twin.model.packing import pack, pack_columns
from twin.model.provenance import Provenance
from twin.model.scenarios import Result, Scenario
from twin.model.traffic import SolveOptions, TrafficResult
from twin.ports import SolveControl, TrafficEngine

if TYPE_CHECKING:
    from simulations.reporting import RunReport

RESULT, LINKS, BRIDGES, REPORT = "result", "links", "bridges", "report"
"""Files of a run: the equilibrium packed, columns per link and per bridge as npz, the report."""

PARTS = (RESULT, LINKS, BRIDGES, REPORT)

_SOLVING = threading.Lock()
"""One solve at a time in a process: numba's workqueue layer aborts on concurrent calls."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run found, ready to be stored or sent to another process."""

    indicators: Mapping[str, float]
    units: Mapping[str, str]
    assumptions: tuple[str, ...]
    provenance: Provenance
    parts: Mapping[str, bytes]

    def result(self, run_id: int) -> Result:
        """The part of it that every run has."""
        return Result(run_id, self.indicators, self.units, self.assumptions, self.provenance)

    def report(self) -> Mapping[str, object]:
        """The report as plain JSON values."""
        return dict(json.loads(self.parts[REPORT]))


def solving_alone() -> AbstractContextManager[object]:
    """Nothing else is solved in this process while the block runs."""
    return _SOLVING


def solve_base(
    base: TrafficBase,
    engine: TrafficEngine,
    *,
    scenario: Scenario,
    options: SolveOptions,
    control: SolveControl | None = None,
) -> TrafficResult:
    """Equilibrium of a scenario from a base, one at a time in this process."""
    with solving_alone():
        return engine.solve(
            base.network,
            base.demand,
            scenario,
            options=options,
            warm=base.state,
            control=control,
        )


def require_memory(
    base: TrafficBase, engine: TrafficEngine, options: SolveOptions, *, allowed_bytes: int
) -> None:
    """Refuse a run that will probably need more memory than it may use.

    Raises
    ------
    SolveError
        With both numbers.
    """
    needed = engine.estimate(base.network, base.demand, options).memory_bytes
    if needed > allowed_bytes:
        raise SolveError(
            f"this run needs about {needed / 1e9:.2f} GB, {allowed_bytes / 1e9:.2f} GB are "
            "allowed; set traffic.memory_bytes higher or run the worker where there is more memory"
        )


def answer(
    base: TrafficBase,
    engine: TrafficEngine,
    *,
    scenario: Scenario,
    options: SolveOptions,
    control: SolveControl | None = None,
    about: Mapping[str, object] | None = None,
    parts: Collection[str] = PARTS,
) -> Answer:
    """What a scenario changes against its base; ``about`` is added to the report.

    Only the files of ``parts`` are written.

    Raises
    ------
    ScenarioError
        If the scenario does not fit the network, or changes nothing.
    SolveError
        If it cannot be solved in these limits.
    """
    from simulations.reporting import report_on  # noqa: PLC0415 - kernels need a prepared process

    result = solve_base(base, engine, scenario=scenario, options=options, control=control)
    found = report_on(base, result, scenario=scenario, options=options)
    return answer_of(found, result, engine, about=about, parts=parts)


def answer_of(
    found: "RunReport",
    result: TrafficResult,
    engine: TrafficEngine,
    *,
    about: Mapping[str, object] | None = None,
    parts: Collection[str] = PARTS,
) -> Answer:
    """A report and its equilibrium as the files of a run; ``about`` is added to the report."""
    writers: dict[str, Callable[[], bytes]] = {
        RESULT: lambda: pack(result),
        LINKS: lambda: pack_columns(found.links),
        BRIDGES: lambda: pack_columns(found.bridges),
        REPORT: lambda: json.dumps(
            {**found.document, "engine": [engine.name, engine.version], **(about or {})},
            ensure_ascii=False,
            allow_nan=False,
        ).encode(),
    }
    return Answer(
        indicators=found.indicators,
        units=found.units,
        assumptions=found.assumptions,
        provenance=Provenance("simulated", by=f"{engine.name} {engine.version}"),
        parts={name: write() for name, write in writers.items() if name in parts},
    )
