"""Scenarios and runs as texts and numbers that every store can keep."""

import json
import math
from typing import Any

from twin.errors import StoreError
from twin.model.scenarios import Intervention, Scenario
from twin.store.text import require_storable

_LARGEST_SEED = 2**63 - 1


def check_question(scenario: Scenario, *, engine: str, version: str, seed: int) -> None:
    """Refuse a question that a store cannot keep.

    Raises
    ------
    StoreError
        If a text, a parameter or the seed cannot be stored; names it.
    """
    require_storable(scenario, what="scenario")
    require_storable((engine, version), what="engine")
    if not -_LARGEST_SEED <= seed <= _LARGEST_SEED:
        raise StoreError(f"seed {seed} has more than 64 bits; use a smaller one")
    for item in scenario.interventions:
        for name, value in item.parameters.items():
            if not isinstance(value, str) and not math.isfinite(value):
                raise StoreError(
                    f"parameter {name!r} of intervention {item.kind!r} is {value}; "
                    "give a finite number"
                )


def to_document(scenario: Scenario) -> str:
    """Scenario as JSON text."""
    return json.dumps(
        {
            "name": scenario.name,
            "base": scenario.base,
            "interventions": [
                {
                    "kind": item.kind,
                    "targets": list(item.targets),
                    "parameters": dict(item.parameters),
                }
                for item in scenario.interventions
            ],
        },
        ensure_ascii=False,
        allow_nan=False,
    )


def from_document(document: dict[str, Any]) -> Scenario:
    """Scenario from parsed JSON that `to_document` made."""
    return Scenario(
        name=document["name"],
        base=document["base"],
        interventions=tuple(
            Intervention(
                kind=item["kind"], targets=tuple(item["targets"]), parameters=item["parameters"]
            )
            for item in document["interventions"]
        ),
    )
