"""Engines that plugins bring: pure functions from a question to a result."""

from collections.abc import Callable, Sequence
from typing import Protocol

from twin.model.network import Network
from twin.model.scenarios import Result, Run, Scenario
from twin.model.structure import (
    Effect,
    Effects,
    InfluenceLine,
    LoadCase,
    ModelLevel,
    Modes,
    Section,
)
from twin.model.traffic import Demand, RunEstimate, SolveOptions, TrafficResult


class Engine(Protocol):
    """A traffic or structural engine: one pure function from a scenario to a result."""

    name: str
    version: str

    def solve(self, run: Run, progress: Callable[[float, str], bool]) -> Result:
        """Solve a run; ``progress`` returns False once the run is cancelled."""
        ...


class SolveControl(Protocol):
    """How a long computation is watched and stopped."""

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        ...

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        """Take note of a phase, its running number and the gap reached (NaN if unknown)."""
        ...


class TrafficEngine(Protocol):
    """Engine of entry-point group ``stadtzwilling.traffic_engines``: a pure function."""

    name: str
    version: str

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
        """Return the user equilibrium of a scenario; ``warm`` is the result of its base."""
        ...

    def estimate(self, network: Network, demand: Demand, options: SolveOptions) -> RunEstimate:
        """Return what a cold run will probably take."""
        ...


class StructuralModel(Protocol):
    """A bridge on one of the levels L0 to L3; a level that cannot answer raises `NotAvailable`."""

    @property
    def level(self) -> ModelLevel:
        """How much is known of the bridge."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What every number of it takes for granted, in sentences."""
        ...

    def influence(self, section: Section, effect: Effect) -> Sequence[InfluenceLine]:
        """Return what a unit load does at a section: one line per path that the model knows."""
        ...

    def effects(self, loads: LoadCase) -> Effects:
        """Return what a load case does at the sections that matter."""
        ...

    def modes(self, count: int) -> Modes:
        """Return the lowest natural frequencies and shapes."""
        ...
