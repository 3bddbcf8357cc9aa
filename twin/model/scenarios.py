"""What-if questions and their answers as plain, serialisable data."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal, NoReturn, cast

from twin.errors import ScenarioError
from twin.model.interventions import Intervention, ParameterValue, problems
from twin.model.provenance import Provenance

__all__ = [
    "Intervention",
    "Result",
    "Run",
    "RunStatus",
    "Scenario",
    "check",
    "from_document",
    "from_json",
    "to_document",
    "to_json",
]

RunStatus = Literal["queued", "running", "done", "failed", "cancelled"]

LONGEST_JSON = 4_000_000
"""Characters of a scenario file; the longest course of a new link fits many times."""
MOST_INTERVENTIONS = 10_000
MOST_TARGETS = 10_000
"""Over all interventions of a scenario."""
LONGEST_NAME = 200
LONGEST_BASE = 100
MOST_PROBLEMS = 100
"""Problems that are said one by one."""
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FIELDS = ("$schema", "name", "base", "at", "interventions")
_INTERVENTION_FIELDS = ("kind", "targets", "parameters", "valid_from", "valid_until")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named base state and an ordered list of interventions.

    Parameters
    ----------
    name, base : str
        What it is called, and the state that it changes.
    interventions : tuple[Intervention, ...]
        In the order in which they act.
    at : datetime or None
        Aware UTC; interventions that are not valid then are left out. None: all of them act.
    """

    name: str
    base: str
    interventions: tuple[Intervention, ...] = ()
    at: datetime | None = None

    def input_hash(self, *, engine: str, version: str, seed: int) -> str:
        """SHA-256 of everything that determines the result, in hexadecimal.

        The name of the scenario is not part of it: equal questions have equal answers.

        Examples
        --------
        >>> a = Scenario("a", "today").input_hash(engine="x", version="1", seed=0)
        >>> a == Scenario("b", "today").input_hash(engine="x", version="1", seed=0)
        True
        """
        content: dict[str, object] = {
            "base": self.base,
            "interventions": [_identity(item) for item in self.interventions],
            "engine": engine,
            "version": version,
            "seed": seed,
        }
        if self.at is not None:
            content["at"] = _time_text(self.at)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _identity(item: Intervention) -> list[object]:
    """What of an intervention determines results; without a validity as it always was."""
    identity: list[object] = [item.kind, list(item.targets), sorted(item.parameters.items())]
    if item.valid_from is not None or item.valid_until is not None:
        identity += [time and _time_text(time) for time in (item.valid_from, item.valid_until)]
    return identity


@dataclass(frozen=True, slots=True)
class Run:
    """One computation of a scenario by an engine.

    ``base`` is the content hash of the base it starts from, ``options`` what else decides on the
    answer; both are part of the input hash. ``attempt`` counts the workers that took it.
    """

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
    base: str = ""
    options: str = ""
    attempt: int = 0
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found: named numbers with units, assumptions, and where they come from."""

    run_id: int
    indicators: Mapping[str, float]
    units: Mapping[str, str]
    assumptions: tuple[str, ...]
    provenance: Provenance


def check(scenario: Scenario) -> None:
    """Check every intervention against the tables; unknown links and assets come later.

    Raises
    ------
    ScenarioError
        If something is wrong; it names all problems.
    """
    found = first_problems(_scenario_problems(scenario))
    if found:
        raise ScenarioError(*found)


def first_problems(found: Iterable[str]) -> tuple[str, ...]:
    """The first problems, and whether there are more; what is not said is not looked for.

    Examples
    --------
    >>> first_problems(["a is missing"])
    ('a is missing',)
    """
    said = tuple(islice(found, MOST_PROBLEMS + 1))
    if len(said) <= MOST_PROBLEMS:
        return said
    return (*said[:MOST_PROBLEMS], "and more; mend these first")


def _scenario_problems(scenario: Scenario) -> Iterable[str]:
    yield from _text_problems("name", scenario.name, longest=LONGEST_NAME)
    yield from _text_problems("base", scenario.base, longest=LONGEST_BASE)
    if scenario.at is not None and scenario.at.utcoffset() != timedelta(0):
        yield "at must be an aware UTC time"
    if len(scenario.interventions) > MOST_INTERVENTIONS:
        yield (
            f"the scenario has {len(scenario.interventions)} interventions; "
            f"at most {MOST_INTERVENTIONS} are read"
        )
        return
    targets = sum(len(item.targets) for item in scenario.interventions)
    if targets > MOST_TARGETS:
        yield f"the scenario names {targets} targets; at most {MOST_TARGETS} are read"
        return
    for number, item in enumerate(scenario.interventions, 1):
        for problem in problems(item):
            yield f"intervention {number} ({_shown(item.kind)}): {problem}"


def _shown(kind: str) -> str:
    """Kind as text that every terminal and every encoding can show."""
    return repr(kind[:50])[1:-1]


def _text_problems(field: str, text: str, *, longest: int) -> Iterable[str]:
    if len(text) > longest:
        yield f"{field} has {len(text)} characters; use at most {longest}"
    elif _NO_TEXT.search(text):
        yield f"{field} is {text!r}; it holds control characters or half a surrogate pair"


def to_document(scenario: Scenario) -> dict[str, object]:
    """Scenario as plain JSON values; times and validity only where they are given."""
    document: dict[str, object] = {"name": scenario.name, "base": scenario.base}
    if scenario.at is not None:
        document["at"] = _time_text(scenario.at)
    document["interventions"] = [_intervention_document(item) for item in scenario.interventions]
    return document


def _intervention_document(item: Intervention) -> dict[str, object]:
    document: dict[str, object] = {
        "kind": item.kind,
        "targets": list(item.targets),
        "parameters": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in item.parameters.items()
        },
    }
    for name in ("valid_from", "valid_until"):
        time = cast("datetime | None", getattr(item, name))
        if time is not None:
            document[name] = _time_text(time)
    return document


def from_document(document: Mapping[str, object]) -> Scenario:
    """Scenario from what `to_document` made, also of an earlier version; nothing is checked."""
    parts = cast("Sequence[Mapping[str, object]]", document["interventions"])
    return Scenario(
        name=cast("str", document["name"]),
        base=cast("str", document["base"]),
        interventions=tuple(_intervention(item) for item in parts),
        at=_time(document.get("at")),
    )


def _intervention(document: Mapping[str, object]) -> Intervention:
    parameters = cast("Mapping[str, object]", document.get("parameters", {}))
    return Intervention(
        kind=cast("str", document["kind"]),
        targets=tuple(cast("Sequence[str]", document.get("targets", ()))),
        parameters={
            name: cast("ParameterValue", tuple(value) if isinstance(value, list) else value)
            for name, value in parameters.items()
        },
        valid_from=_time(document.get("valid_from")),
        valid_until=_time(document.get("valid_until")),
    )


def to_json(scenario: Scenario) -> str:
    """Scenario as the text of a file that follows ``docs/schemas/scenario.schema.json``.

    Examples
    --------
    >>> text = to_json(Scenario("a", "today", (Intervention("close_link", ("L050/ab",)),)))
    >>> from_json(text).interventions[0].targets
    ('L050/ab',)
    """
    return json.dumps(to_document(scenario), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def from_json(text: str) -> Scenario:
    """Scenario from the text of a file, checked against the tables.

    Raises
    ------
    ScenarioError
        If it is not JSON, has another form, or an intervention is wrong; names all problems.
    """
    document = _parsed(text)
    found = first_problems(_form_problems(document))
    if found:
        raise ScenarioError(*found)
    scenario = from_document(cast("Mapping[str, object]", document))
    check(scenario)
    return scenario


def _parsed(text: str) -> object:
    if len(text) > LONGEST_JSON:
        raise ScenarioError(f"the file has {len(text)} characters; at most {LONGEST_JSON} are read")
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ScenarioError(
            f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise ScenarioError(f"not usable JSON: {error}") from error


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number; give a finite one")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        double = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {double[:100]!r} occurs twice in an object")
    return content


def _form_problems(document: object) -> Iterable[str]:
    if not isinstance(document, dict):
        yield "a scenario is a JSON object with name, base and interventions"
        return
    content = cast("dict[str, object]", document)
    yield from (
        f"unknown field {name[:100]!r}; known: {', '.join(_FIELDS)}"
        for name in content
        if name not in _FIELDS
    )
    for name in ("name", "base"):
        if not isinstance(content.get(name), str):
            yield f"{name} is missing or no text"
    yield from _time_form(content, "at", where="")
    parts = content.get("interventions")
    if not isinstance(parts, list):
        yield "interventions is missing or no list"
        return
    for number, part in enumerate(cast("list[object]", parts[:MOST_INTERVENTIONS]), 1):
        yield from _intervention_form(part, where=f"intervention {number}: ")


def _intervention_form(part: object, *, where: str) -> Iterable[str]:
    if not isinstance(part, dict):
        yield f"{where}it must be an object with kind, targets and parameters"
        return
    content = cast("dict[str, object]", part)
    for name in content:
        if name not in _INTERVENTION_FIELDS:
            known = ", ".join(_INTERVENTION_FIELDS)
            yield f"{where}unknown field {name[:100]!r}; known: {known}"
    if not isinstance(content.get("kind"), str):
        yield f"{where}kind is missing or no text"
    targets = content.get("targets", [])
    if not isinstance(targets, list) or not all(isinstance(item, str) for item in targets):
        yield f"{where}targets must be a list of texts"
    if not isinstance(content.get("parameters", {}), dict):
        yield f"{where}parameters must be an object"
    for name in ("valid_from", "valid_until"):
        yield from _time_form(content, name, where=where)


def _time_form(content: Mapping[str, object], name: str, *, where: str) -> Iterable[str]:
    try:
        _time(content.get(name))
    except (TypeError, ValueError, OverflowError):
        shown = f"{content[name]!r:.60}"
        yield f"{where}{name} is {shown}; write a time with its offset, 2026-11-22T06:00:00Z"


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(value)
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(value)
    return time.astimezone(UTC)


def _time_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
