"""What makes two questions the same, so that a stored answer answers both."""

import hashlib
import json

from twin.errors import ScenarioError
from twin.model.scenarios import Scenario

LEAST_GAP = 1e-8
GAP_TO_COMPARE = 1e-6
"""A looser answer shows noise as diverted traffic, a closer one than the first is rounding."""
REPORT_FORM = 2
"""Rises when reports say more: an old answer is not the answer to the same question then."""
MEASURE_FORM = 1
"""Likewise of the documents that tell what measures do."""


def require_gap(relative_gap: float, *, what: str = "gap") -> float:
    """Return the gap that a question may ask for.

    Raises
    ------
    ScenarioError
        If it is no number from `LEAST_GAP` to `GAP_TO_COMPARE`; calls it ``what``.

    Examples
    --------
    >>> require_gap(1e-7)
    1e-07
    """
    if not LEAST_GAP <= relative_gap <= GAP_TO_COMPARE:  # false of what is no number, too
        raise ScenarioError(f"{what} {gap_range()}, got {relative_gap:g}")
    return relative_gap


def gap_range() -> str:
    """Say which gaps may be asked for.

    Examples
    --------
    >>> gap_range()
    'must be 1e-08 to 1e-06'
    """
    return f"must be {LEAST_GAP:g} to {GAP_TO_COMPARE:g}"


def question_hash(
    scenario: Scenario, *, engine: str, version: str, seed: int, base: str, options: str
) -> str:
    """SHA-256 of all that decides on the answer: scenario, engine, content of the base, options.

    Examples
    --------
    >>> asked = {"engine": "x", "version": "1", "seed": 0, "options": ""}
    >>> monday, tuesday = (
    ...     question_hash(Scenario("a", "today"), base=base, **asked) for base in ("m", "t")
    ... )
    >>> monday == tuesday
    False
    """
    own = scenario.input_hash(engine=engine, version=version, seed=seed)
    if not base and not options:
        return own
    return hashlib.sha256(json.dumps([own, base, options]).encode()).hexdigest()


def options_text(*, relative_gap: float) -> str:
    """What decides on an answer besides scenario, engine and base, as canonical JSON.

    Raises
    ------
    ScenarioError
        If the gap is none that a question may ask for.

    Examples
    --------
    >>> options_text(relative_gap=1e-6)
    '{"form": 2, "relative_gap": 1e-06}'
    """
    decisive = {"form": REPORT_FORM, "relative_gap": require_gap(relative_gap)}
    return json.dumps(decisive, sort_keys=True, allow_nan=False)


def measure_options(*, relative_gap: float, members: int, seed: int, bridges: str) -> str:
    """What decides on the answer what measures do, besides scenario, engine and base.

    Parameters
    ----------
    relative_gap
    members, seed
        Size and seed of the ensemble; a seed without members decides nothing.
    bridges
        SHA-256 of all that is read of the bridges.

    Raises
    ------
    ScenarioError
        If the gap is none that a question may ask for.

    Examples
    --------
    >>> plain = {"relative_gap": 1e-6, "members": 0, "bridges": "ab"}
    >>> measure_options(seed=1, **plain) == measure_options(seed=2, **plain)
    True
    """
    decisive = {
        "form": [REPORT_FORM, MEASURE_FORM],
        "relative_gap": require_gap(relative_gap),
        "members": members,
        "seed": seed if members else 0,
        "bridges": bridges,
    }
    return json.dumps(decisive, sort_keys=True, allow_nan=False)
