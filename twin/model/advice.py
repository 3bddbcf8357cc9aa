"""Which measures reach a target on a bridge: the question as plain data, and what may be asked."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from twin.errors import ScenarioError
from twin.model.bridge_snapshot import KeptBridge
from twin.model.questions import MEASURE_FORM, REPORT_FORM, require_gap

ADVICE_FORM = 1
"""Rises when advice says more: an old answer is not the answer to the same question then."""
HEAVY_LIMIT_T = 30.0
"""Usual mass of a target of crossings."""
FIELDS = ("damage_share", "above_t", "crossings_vehd")
_FORM = ("bridge", "base", "target")
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached.

    Parameters
    ----------
    damage_share
        Damage rate afterwards over that of today, at most [-]; None if it does not matter.
    above_t, crossings_vehd
        Gross mass, and how many crossings a day above it are accepted; None together.
    """

    damage_share: float | None = None
    above_t: float | None = None
    crossings_vehd: float | None = None

    def __post_init__(self) -> None:
        found = tuple(_target_problems(self))
        if found:
            raise ScenarioError(*found)

    def document(self) -> dict[str, float | None]:
        """The target as JSON values."""
        return {name: getattr(self, name) for name in FIELDS}


def _target_problems(target: Target) -> Iterable[str]:
    given = {name: getattr(target, name) for name in FIELDS}
    if (target.above_t is None) != (target.crossings_vehd is None):
        yield "a target of crossings needs both, above_t [t] and crossings_vehd [a day]"
    if all(value is None for value in given.values()):
        yield "name a target: damage_share, or above_t with crossings_vehd, or both"
    for name, value in given.items():
        if value is not None and not 0.0 <= value < math.inf:
            yield f"{name} must be finite and not negative, got {value!r}"
    if target.damage_share is not None and 1.0 <= target.damage_share < math.inf:
        yield f"damage_share must be below 1, the rate of today, got {target.damage_share:g}"


@dataclass(frozen=True, slots=True)
class AdviceQuestion:
    """Which measures reach a target on a bridge; ``base`` is a name, empty for the newest one."""

    asset_id: str
    target: Target
    base: str = ""


def question_from_json(text: str) -> AdviceQuestion:
    """Question of a request.

    Raises
    ------
    ScenarioError
        If it is not JSON or has another form; names all problems.

    Examples
    --------
    >>> question_from_json('{"bridge": "B1", "target": {"damage_share": 0.3}}').target.damage_share
    0.3
    """
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"not usable JSON: {error}") from None
    if not isinstance(document, dict):
        raise ScenarioError("a question for advice is a JSON object with bridge and target")
    content = cast("Mapping[str, object]", document)
    found = tuple(_question_problems(content))
    if found:
        raise ScenarioError(*found)
    target = target_of(cast("Mapping[str, float | None]", content["target"]))
    return AdviceQuestion(str(content["bridge"]), target, str(content.get("base") or ""))


def schema() -> Mapping[str, object]:
    """JSON schema of a question."""
    number = {"type": ["number", "null"], "minimum": 0}
    told = {
        "damage_share": "damage rate afterwards over that of today, at most; below 1",
        "above_t": "gross mass [t]",
        "crossings_vehd": "accepted crossings a day above it",
    }
    target = {name: {**number, "description": told[name]} for name in FIELDS}
    text = {"type": "string", "maxLength": _MOST_TEXT}
    return {
        "type": "object",
        "required": ["bridge", "target"],
        "additionalProperties": False,
        "properties": {
            "bridge": {**text, "description": "id of a bridge"},
            "base": {**text, "description": "name of a base; the newest one if left out"},
            "target": {"type": "object", "additionalProperties": False, "properties": target},
        },
    }


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number; give a finite one")


def _question_problems(content: Mapping[str, object]) -> Iterable[str]:
    for name in content:
        if name not in _FORM:
            yield f"unknown field {name[:100]!r}; known: {', '.join(_FORM)}"
    bridge, base, target = (content.get(name) for name in _FORM)
    if not isinstance(bridge, str) or not 0 < len(bridge) <= _MOST_TEXT:
        yield f"bridge is missing or no id of at most {_MOST_TEXT} characters"
    if not (base is None or (isinstance(base, str) and len(base) <= _MOST_TEXT)):
        yield "base is no name; leave it out for the newest one"
    if not isinstance(target, dict):
        yield f"target is missing or no object with {', '.join(FIELDS)}"
        return
    for name, value in cast("Mapping[str, object]", target).items():
        if name not in FIELDS:
            yield f"unknown field {name[:100]!r} in target; known: {', '.join(FIELDS)}"
        elif value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            yield f"{name} in target is no number"


def target_of(document: Mapping[str, float | None]) -> Target:
    """Target of what `Target.document` made.

    Examples
    --------
    >>> target_of({"above_t": 30, "crossings_vehd": 50}).above_t
    30.0
    """
    values = {name: document.get(name) for name in FIELDS}
    try:
        numbers = {n: None if value is None else float(value) for n, value in values.items()}
    except OverflowError:
        raise ScenarioError("numbers of a target must be finite") from None
    return Target(**numbers)


def advice_options(question: AdviceQuestion, *, relative_gap: float, bridges: str) -> str:
    """What decides on advice besides engine and base, as canonical JSON.

    Parameters
    ----------
    question
    relative_gap
        To solve every set of measures to.
    bridges
        SHA-256 of all that is read of the bridges.

    Raises
    ------
    ScenarioError
        If the gap is none that a question may ask for.
    """
    decisive = {
        "form": [REPORT_FORM, MEASURE_FORM, ADVICE_FORM],
        "relative_gap": require_gap(relative_gap),
        "bridge": question.asset_id,
        "target": question.target.document(),
        "bridges": bridges,
    }
    return json.dumps(decisive, sort_keys=True, allow_nan=False)


def question_of(options: str, *, base: str = "") -> AdviceQuestion:
    """The question in the options of a run.

    Examples
    --------
    >>> asked = AdviceQuestion("B1", Target(damage_share=0.5))
    >>> question_of(advice_options(asked, relative_gap=1e-6, bridges="ab")) == asked
    True
    """
    found = json.loads(options)
    return AdviceQuestion(found["bridge"], target_of(found["target"]), base)


def no_damage(bridge: KeptBridge) -> str:
    """Why the damage of a bridge cannot be told, English; empty if it can, as it is recorded.

    One part without a model is enough: it may be the one that gets worse.
    """
    if not bridge.parts:
        return f"{bridge.name} has no structural model yet"
    for part in bridge.parts:
        if not any(line.effect == "moment" for line in part.lines):
            own = f"part {part.part}: " if part.part else ""
            return own + (part.refusal or "no influence line of a moment is known")
    return ""


def refusal_of_damage(name: str, reason: str) -> str:
    """What is said to who asks for the damage of a bridge that cannot be told.

    Examples
    --------
    >>> refusal_of_damage("the bridge", "no spans")[:41]
    'the damage of the bridge cannot be told: '
    """
    return (
        f"the damage of {name} cannot be told: {reason}; ask for crossings above a mass instead "
        "(above_t, crossings_vehd), or record what is missing (docs/bridge-models.md)"
    )
