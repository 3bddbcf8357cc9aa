"""What-if questions and their answers as plain, serialisable data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from twin.model.provenance import Provenance

RunStatus = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Intervention:
    """One change of the base state: its kind, what it applies to, and its parameters."""

    kind: str
    targets: tuple[str, ...]
    parameters: Mapping[str, float | str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named base state and an ordered list of interventions."""

    name: str
    base: str
    interventions: tuple[Intervention, ...] = ()

    def input_hash(self, *, engine: str, version: str, seed: int) -> str:
        """SHA-256 of everything that determines the result, in hexadecimal.

        The name of the scenario is not part of it: equal questions have equal answers.

        Examples
        --------
        >>> a = Scenario("a", "today").input_hash(engine="x", version="1", seed=0)
        >>> a == Scenario("b", "today").input_hash(engine="x", version="1", seed=0)
        True
        """
        content = {
            "base": self.base,
            "interventions": [
                [item.kind, list(item.targets), sorted(item.parameters.items())]
                for item in self.interventions
            ],
            "engine": engine,
            "version": version,
            "seed": seed,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """One computation of a scenario by an engine."""

    id: int
    scenario: Scenario
    engine: str
    version: str
    input_hash: str
    seed: int
    status: RunStatus
    submitted_at: datetime
    progress: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found: named numbers with units, assumptions, and where they come from."""

    run_id: int
    indicators: Mapping[str, float]
    units: Mapping[str, str]
    assumptions: tuple[str, ...]
    provenance: Provenance
