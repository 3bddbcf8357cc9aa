"""What makes two questions the same, so that a stored answer answers both."""

import hashlib
import json

from twin.model.scenarios import Scenario


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

    Examples
    --------
    >>> options_text(relative_gap=1e-6)
    '{"relative_gap": 1e-06}'
    """
    return json.dumps({"relative_gap": relative_gap}, sort_keys=True)
