"""Scenarios and runs as texts and numbers that every store can keep."""

import json
import math

from twin.errors import StoreError
from twin.model.scenarios import Scenario, to_document
from twin.store.text import require_storable

_LARGEST_SEED = 2**63 - 1


def check_question(
    scenario: Scenario, *, engine: str, version: str, seed: int, base: str, options: str
) -> None:
    """Refuse a question that a store cannot keep.

    Raises
    ------
    StoreError
        If a text, a parameter or the seed cannot be stored; names it.
    """
    require_storable(scenario, what="scenario")
    require_storable((engine, version), what="engine")
    require_storable((base, options), what="base and options")
    if not -_LARGEST_SEED <= seed <= _LARGEST_SEED:
        raise StoreError(f"seed {seed} has more than 64 bits; use a smaller one")
    for item in scenario.interventions:
        for name, value in item.parameters.items():
            if isinstance(value, (int, float)) and not math.isfinite(value):
                raise StoreError(
                    f"parameter {name!r} of intervention {item.kind!r} is {value}; "
                    "give a finite number"
                )


def to_text(scenario: Scenario) -> str:
    """Scenario as JSON text."""
    return json.dumps(to_document(scenario), ensure_ascii=False, allow_nan=False)
