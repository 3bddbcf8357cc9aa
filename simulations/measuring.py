"""Runs of the engine ``measures``: traffic before and after, every bridge, bands, one document."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulations.answering import answer_of, require_memory, solve_base
from simulations.ensemble import Executor, Here, Members, OnCluster, start_of
from simulations.running import Limits, OpenBases, base_document, engine_of
from simulations.watching import RunWatch
from twin.city import Twin
from twin.errors import SolveError
from twin.measure_shelf import DOCUMENT_PART, ENGINE, VERSION, version_on
from twin.model.bases import BaseFacts, StoredBase, TrafficBase
from twin.model.bridge_snapshot import BridgeSnapshot
from twin.model.packing import pack
from twin.model.provenance import Provenance
from twin.model.scenarios import Result, Run, Scenario
from twin.model.traffic import SolveOptions, TrafficResult
from twin.ports import SolveControl, TrafficEngine

if TYPE_CHECKING:
    from simulations.effects import Sides
    from simulations.measures.cases import BridgeCase
    from simulations.measures.document import Kpi
    from simulations.measures.draws import Draw
    from simulations.measures.flows import TrafficSides
    from simulations.measures.joint import Joint
    from simulations.reporting import RunReport
    from simulations.traffic.edits import Edited

    Cases = tuple[tuple[BridgeCase, ...], Mapping[int, str]]

SNAPSHOT_PART = "snapshot"
"""File of a run that holds all that was read of the bridges, packed."""
_SOLVED, _ANALYSED = 0.2, 0.35
"""Shares of the work after the equilibrium and after the bridges, if there are members."""
_ALL_SOLVED = 0.7
"""Share of the work after the equilibrium without members."""
LINKS_WORTH_THREADS = 5_000
"""Below, a warm equilibrium takes milliseconds; threads would wait for each other longer."""
LISTED = ("bridges_more_loaded",)
"""Figures of the document that are figures of the run."""
_TIMES = ("seconds", "peak_memory_bytes", "threads")
"""Of the solver: where and how long it ran decides nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that a run follows from.

    Parameters
    ----------
    stored, base
        The base, and what is said of it.
    snapshot, bridges_hash
        The bridges as they were when the question was asked, and its SHA-256.
    members
        Of the ensemble; 0 for the plain answer.
    names
        Readable names of assets and zones by registry id.
    """

    run: Run
    stored: StoredBase
    base: TrafficBase
    engine: TrafficEngine
    snapshot: BridgeSnapshot
    bridges_hash: str
    options: SolveOptions
    members: int
    seed: int
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MeasureRuns:
    """Answers runs of the engine ``measures``; ``cluster`` is the address of a Dask scheduler."""

    limits: Limits
    bases: OpenBases
    cluster: str = ""

    def found(self, twin: Twin, run: Run, watch: RunWatch) -> tuple[Result, Mapping[str, bytes]]:
        """The result of a run and its files by name.

        Raises
        ------
        SolveError
            If base, engine or bridges are not those of the question any more, or it was ended.
        TwinError
            What the traffic engine says of the scenario.
        """
        asked = self.asked(twin, run)
        executor: Executor = OnCluster(self.cluster) if self.cluster else Here()
        return answer_measures(asked, watch, executor=executor)

    def asked(self, twin: Twin, run: Run) -> Asked:
        """Everything that a run follows from, as it is stored now.

        Raises
        ------
        SolveError
            If it is not what the question was asked of, or too large for this machine.
        """
        stored = twin.traffic.base(run.base)
        engine = engine_of(stored.facts)
        _require_version(run, stored.facts)
        wanted = json.loads(run.options)
        snapshot = twin.measures.asked_of(run, stored)
        if snapshot is None:
            raise SolveError(
                "what is recorded of the bridges has changed since the question was asked, and "
                "what it was then is not kept any more; ask again"
            )
        base = self.bases.open(twin, run.base)
        options = self.limits.options(run)
        if base.network.link_id.size < LINKS_WORTH_THREADS:
            options = replace(options, threads=1)
        require_memory(base, engine, options, allowed_bytes=self.limits.capacity.memory_bytes)
        return Asked(
            run=run,
            stored=stored,
            base=base,
            engine=engine,
            snapshot=snapshot,
            bridges_hash=wanted["bridges"],
            options=options,
            members=int(wanted["members"]),
            seed=int(wanted["seed"]),
            names=twin.target_names(),
        )


def _require_version(run: Run, facts: BaseFacts) -> None:
    if run.version != version_on(facts):
        raise SolveError(
            f"the question was asked of {ENGINE} {run.version}, installed is "
            f"{version_on(facts)}; ask again"
        )


class Stage:
    """`twin.ports.SolveControl` of a part of a run that reaches up to a share of the work."""

    def __init__(self, watch: RunWatch, *, until: float, target: float) -> None:
        self._watch, self._until, self._target = watch, until, target

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        return self._watch.cancelled()

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        """Take note of phase and gap."""
        share = 0.0
        if 0.0 < relative_gap < 1.0:
            share = min(math.log10(relative_gap) / math.log10(self._target), 1.0)
        gap = "" if math.isnan(relative_gap) else f", gap {relative_gap:.1e}"
        self._watch.report(self._until * share, f"{phase} {number}{gap}")


def answer_measures(
    asked: Asked, watch: RunWatch, *, executor: Executor
) -> tuple[Result, Mapping[str, bytes]]:
    """Result and files of a run; pure but for the progress that it tells ``watch``.

    Raises
    ------
    SolveError
        If it was ended, or a member did not reach its gap.
    TwinError
        What the traffic engine says of the scenario.
    """
    from simulations.measures.bands import Ensemble  # noqa: PLC0415 - kernels need a prepared process
    from simulations.measures.writing import write  # noqa: PLC0415 - as above

    found = analysed(asked, watch, until=_SOLVED if asked.members else _ALL_SOLVED)
    ensemble = None
    if asked.members:
        _tell(watch, _ANALYSED, f"0 of {asked.members} members")
        ensemble = Ensemble(found.joint)
        for draw, drawn in _members(asked, found.sides, found.parts, watch, executor=executor):
            ensemble.add(draw, drawn)
    about = {"base": base_document(asked.stored), "input_hash": asked.run.input_hash}
    answer = answer_of(found.report, found.result, asked.engine, about=about)
    report = plain_report(found.report.document)
    document = write(found.joint, ensemble, report=report, inputs=_inputs(asked))
    content = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    plain = answer.result(asked.run.id)
    own = replace(
        plain,
        indicators={**plain.indicators, **_counted(document["kpis"])},
        provenance=Provenance("simulated", by=f"{ENGINE} {VERSION}"),
    )
    return own, {**answer.parts, SNAPSHOT_PART: pack(asked.snapshot), DOCUMENT_PART: content}


def _counted(kpis: "Sequence[Kpi]") -> Mapping[str, float]:
    """Figures of the document that lists of runs show, too."""
    return {one["key"]: one["change"] or 0.0 for one in kpis if one["key"] in LISTED}


@dataclass(frozen=True, slots=True)
class Analysed:
    """A scenario solved and analysed; ``parts`` names the part structure of links."""

    result: TrafficResult
    sides: "Sides"
    parts: Mapping[int, str]
    report: "RunReport"
    joint: "Joint"


def analysed(
    asked: Asked, watch: RunWatch, *, until: float, known: "Cases | None" = None
) -> Analysed:
    """What the scenario of a run does, without bands.

    Parameters
    ----------
    asked, watch
    until
        Share of the work after the equilibrium.
    known
        Cases of the bridges, if they are to be others than those of the snapshot.

    Raises
    ------
    SolveError, TwinError
        As `answer_measures`.
    """
    from simulations.measure_cases import cases_of  # noqa: PLC0415 - kernels need a prepared process
    from simulations.measures.joint import analyse  # noqa: PLC0415 - as above
    from simulations.reporting import report_of, sides_of  # noqa: PLC0415 - as above
    from simulations.traffic.edits import apply  # noqa: PLC0415 - as above

    base, scenario = asked.base, asked.run.scenario
    edited = apply(base.network, base.demand, scenario, must_change=False)
    control = Stage(watch, until=until, target=asked.options.relative_gap)
    result = base.state if _is_idle(edited) else _solved(asked, control)
    sides = sides_of(base, result, edited, options=asked.options)
    cases, parts = known or cases_of(asked.snapshot, base.network)
    report = report_of(sides, scenario=scenario, options=asked.options, parts=parts)
    _tell(watch, until, "bridges")
    joint = analyse(
        cases, with_rows(sides, parts), scenario=scenario, seed=asked.seed, names=asked.names
    )
    return Analysed(result, sides, parts, report, joint)


def _is_idle(edited: "Edited") -> bool:
    """Whether a scenario changes nothing for any vehicle: it acts on bridges alone, if at all."""
    return not edited.is_affected.any() and not edited.is_demand_changed.any()


def _solved(asked: Asked, control: SolveControl) -> TrafficResult:
    return solve_base(
        asked.base, asked.engine, scenario=asked.run.scenario, options=asked.options,
        control=control,
    )  # fmt: skip


def with_rows(sides: "Sides", parts: Mapping[int, str]) -> "TrafficSides":
    """Both sides with the rows of traffic of every bridge."""
    from simulations.effects import handover_rows  # noqa: PLC0415 - kernels need a prepared process
    from simulations.measures.flows import TrafficSides  # noqa: PLC0415 - as above

    before, after = handover_rows(sides, parts)
    return TrafficSides(sides.base, sides.result, sides.edited, sides.found, before, after)


def _members(
    asked: Asked,
    sides: "Sides",
    parts: Mapping[int, str],
    watch: RunWatch,
    *,
    executor: Executor,
) -> "Iterator[tuple[Draw, TrafficSides]]":
    """Each member with its traffic on both sides, in their order."""
    from simulations.measures.draws import Draw  # noqa: PLC0415 - kernels need a prepared process
    from simulations.reporting import sides_of  # noqa: PLC0415 - as above
    from simulations.traffic.edits import apply  # noqa: PLC0415 - as above

    scenario: Scenario = asked.run.scenario
    start = start_of(asked.base, sides.result)
    members = Members(
        scenario,
        _is_idle(sides.edited),
        asked.engine.name,
        asked.options,
        asked.seed,
        asked.members,
    )
    for number, (before, after) in enumerate(executor.run(start, members)):
        draw = Draw(asked.seed, number)
        demand = draw.demand(asked.base.demand, start.spread)
        drawn = replace(asked.base, demand=demand, state=before)
        edited = apply(drawn.network, demand, scenario, must_change=False)
        yield draw, with_rows(sides_of(drawn, after, edited, options=asked.options), parts)
        done = (number + 1) / asked.members
        _tell(
            watch, _ANALYSED + (1.0 - _ANALYSED) * done, f"{number + 1} of {asked.members} members"
        )


def _tell(watch: RunWatch, share: float, message: str) -> None:
    if not watch.report(share, message):
        raise SolveError("ended before it had an answer")


def plain_report(report: Mapping[str, object]) -> Mapping[str, object]:
    """Report of the traffic without where and how long it was computed.

    Examples
    --------
    >>> plain_report({"solver": {"seconds": 1.5, "passes": 3}})
    {'solver': {'passes': 3}}
    """
    solver = report["solver"]
    kept = solver if not isinstance(solver, Mapping) else {
        key: value for key, value in solver.items() if key not in _TIMES
    }  # fmt: skip
    return {**report, "solver": kept}


def _inputs(asked: Asked) -> Mapping[str, object]:
    return {
        "base": base_document(asked.stored),
        "bridges_hash": asked.bridges_hash,
        "input_hash": asked.run.input_hash,
        "engine": [ENGINE, VERSION],
        "traffic_engine": [asked.engine.name, asked.engine.version],
        "seed": asked.seed,
        "members": asked.members,
        "relative_gap": asked.options.relative_gap,
    }
