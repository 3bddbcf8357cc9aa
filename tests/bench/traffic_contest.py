"""Programmes that solve the same case in turn, judged by the evaluator."""

import os
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from grids import Case
from numpy.typing import NDArray
from peers import Peer, running_peer
from verification.traffic.evaluator import evaluate

from simulations.traffic.engine import engine
from twin.model.traffic import SolveOptions, TrafficResult

PEERS = {"AequilibraE BFW": "aequilibrae_bfw", "pytraf": "pytraf_paths"}
OURS = "ours"
TRIES = 6
THREADS = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One solve; the gap is the evaluator's."""

    seconds: float
    gap: float
    passes: int
    peak_bytes: int = 0
    version: str = ""


@dataclass(slots=True)
class Candidate:
    """A programme, the gap that it is asked for, and its runs.

    ``is_late``: it missed the target within its limit; its time is a lower bound.
    """

    name: str
    asked_gap: float
    is_late: bool = False
    runs: list[Run] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    def line(self) -> str:
        run = self.runs[-1]
        bound = ">= " if self.is_late else ""
        spread = f"{min(run.seconds for run in self.runs):.3f}"
        peak = f"{run.peak_bytes / 2**20:,.0f} MiB" if run.peak_bytes else ""
        return (
            f"  {self.name:<16} {bound}{self.median_s:8.3f} s (best {spread})  {run.passes:4d} "
            f"passes  gap {run.gap:.1e}  {peak}"
        )


def solve_ours(
    case: Case, gap: float, *, warm: TrafficResult | None = None, limit_s: float = 120.0
) -> tuple[TrafficResult, float]:
    """Our result, and wall seconds from the arrays of the case to it."""
    options = SolveOptions(relative_gap=gap, threads=THREADS, time_limit_s=limit_s)
    began = time.perf_counter()
    result = engine.solve(case.network, case.demand, options=options, warm=warm)
    return result, time.perf_counter() - began


class Contest:
    """All programmes on one case; what they need to get ready is not measured."""

    def __init__(self, case: Case, stack: ExitStack, *, names: Sequence[str]) -> None:
        self.case = case
        self._peers: dict[str, Peer] = {
            name: stack.enter_context(running_peer(PEERS[name], case, threads=THREADS))
            for name in names
        }

    def run(self, name: str, gap: float, limit_s: float) -> Run | None:
        """One solve; None if a peer did not come back."""
        if name == OURS:
            result, seconds = solve_ours(self.case, gap)
            return Run(
                seconds,
                self.gap_of(result.flow_vehh),
                result.passes[-1].number,
                result.peak_memory_bytes,
                engine.version,
            )
        answer = self._peers[name].solve(gap, limit_s=limit_s)
        if answer is None:
            return None
        return Run(
            answer.seconds,
            self.gap_of(answer.flow_vehh),
            answer.passes,
            answer.peak_bytes,
            answer.version,
        )

    def gap_of(self, flow_vehh: NDArray[np.float64]) -> float:
        """The evaluator's gap; flows that break conservation count as none."""
        found = evaluate(self.case.network, self.case.demand, flow_vehh)
        if not found.imbalance_vehh <= 1e-6 or found.relative_gap < -1e-12:
            return np.inf
        return found.relative_gap

    def candidate(self, name: str, gap: float, limit_s: float) -> Candidate:
        """A candidate that was warmed up and asked for smaller gaps until it met the target."""
        found = Candidate(name, gap)
        for _ in range(TRIES):
            run = self.run(name, found.asked_gap, limit_s)
            if run is None:
                found.is_late = True
                found.runs = [Run(3.0 * limit_s, np.inf, 0)]
                return found
            if run.gap <= gap:
                return found
            if run.seconds >= 0.9 * limit_s:
                break
            found.asked_gap *= 0.8 * gap / run.gap if np.isfinite(run.gap) else 0.3
        found.is_late = True
        found.runs = [run]
        return found

    def compete(self, gap: float, *, rounds: int, limit_s: float) -> list[Candidate]:
        """Everybody in turn, round by round; who is late anyway runs once."""
        names = [OURS, *self._peers]
        all_of_them = [self.candidate(name, gap, limit_s) for name in names]
        for _ in range(rounds):
            for one in all_of_them:
                if one.is_late:
                    continue
                run = self.run(one.name, one.asked_gap, limit_s)
                if run is not None:
                    one.runs.append(run)
        return all_of_them


def machine() -> str:
    """Processor count and load, for the head of a report."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}, {THREADS} threads"
