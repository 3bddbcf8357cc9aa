"""Interventions: what may be changed in a what-if question, checked against the fact tables."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from twin.model.tables import rows

ParameterValue = float | str | tuple[str, ...]
ParameterType = Literal["number", "whole", "text", "choice", "classes", "zones"]
TargetType = Literal["link", "link_or_asset", "asset", "turn", "zone", "none"]
ActsOn = Literal["network", "demand", "bridge"]

LONGEST_TEXT = 100_000
"""Characters of a target or a text; a course with thousands of corners fits."""
MOST_NAMED = 10
"""Unknown parameters of an intervention that are said one by one."""
_LIST_TYPES = ("classes", "zones")
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Intervention:
    """One change of the base state: its kind, what it applies to, its parameters, and when.

    Parameters
    ----------
    kind : str
        Row of ``twin/model/data/intervention_kinds.csv``.
    targets : tuple[str, ...]
        Registry names or ids of links, assets or zones, as the kind asks for.
    parameters : Mapping[str, float | str | tuple[str, ...]]
        Rows of ``twin/model/data/intervention_parameters.csv``.
    valid_from, valid_until : datetime or None
        Aware UTC; it acts from the first instant to just before the second. None has no end.
    """

    kind: str
    targets: tuple[str, ...] = ()
    parameters: Mapping[str, ParameterValue] = field(default_factory=lambda: MappingProxyType({}))
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def is_valid(self, at: datetime | None) -> bool:
        """Whether it acts at an instant; without an instant it always does.

        Examples
        --------
        >>> from datetime import UTC
        >>> end = datetime(2026, 11, 1, tzinfo=UTC)
        >>> works = Intervention("close_link", ("7",), valid_until=end)
        >>> works.is_valid(end), works.is_valid(None)
        (False, True)
        """
        if at is None:
            return True
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_until is None or at < self.valid_until)

    def number(self, name: str, default: float = math.nan) -> float:
        """Return a numeric parameter, or the default where it is left out."""
        value = self.parameters.get(name, default)
        return float(value) if isinstance(value, (int, float)) else default

    def text(self, name: str, default: str = "") -> str:
        """Return a text parameter, or the default where it is left out."""
        value = self.parameters.get(name, default)
        return value if isinstance(value, str) else default

    def names(self, name: str) -> tuple[str, ...]:
        """Return a parameter that lists classes or zones; empty where it is left out."""
        value = self.parameters.get(name, ())
        return tuple(value) if isinstance(value, (tuple, list)) else ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter of a kind may be; an open lower limit does not belong to the range."""

    name: str
    type: ParameterType
    unit: str
    required: bool
    lower: float
    lower_open: bool
    upper: float
    choices: tuple[str, ...]
    english: str
    german: str
    english_phrase: str
    german_phrase: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of intervention with its parameters and its words."""

    key: str
    target: TargetType
    fewest_targets: int
    most_targets: float
    acts_on: ActsOn
    english: str
    german: str
    english_sentence: str
    german_sentence: str
    parameters: Mapping[str, Parameter]

    def label(self, language: str) -> str:
        """Name of the kind in ``de`` or ``en``."""
        return self.german if language == "de" else self.english


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds of interventions by key, in the order of the table.

    Examples
    --------
    >>> kinds()["limit_weight"].parameters["mass_t"].unit
    't'
    """
    return MappingProxyType({row["key"]: _kind(row) for row in rows("intervention_kinds")})


def _kind(row: Mapping[str, str]) -> Kind:
    parameters = {
        item["name"]: _parameter(item)
        for item in rows("intervention_parameters")
        if item["kind"] == row["key"]
    }
    return Kind(
        key=row["key"],
        target=cast("TargetType", row["target"]),
        fewest_targets=int(row["fewest_targets"]),
        most_targets=float(row["most_targets"] or "inf"),
        acts_on=cast("ActsOn", row["acts_on"]),
        english=row["english"],
        german=row["german"],
        english_sentence=row["english_sentence"],
        german_sentence=row["german_sentence"],
        parameters=MappingProxyType(parameters),
    )


def _parameter(row: Mapping[str, str]) -> Parameter:
    return Parameter(
        name=row["name"],
        type=cast("ParameterType", row["type"]),
        unit=row["unit"],
        required=row["required"] == "yes",
        lower=float(row["lower"] or "-inf"),
        lower_open=row["lower_open"] == "yes",
        upper=float(row["upper"] or "inf"),
        choices=tuple(row["choices"].split("|")) if row["choices"] else (),
        english=row["english"],
        german=row["german"],
        english_phrase=row["english_phrase"],
        german_phrase=row["german_phrase"],
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or which ones there are.

    Examples
    --------
    >>> suggestion("close_lnk", ["close_link", "speed"])
    "; did you mean 'close_link'?"
    """
    words = list(known)
    near = difflib.get_close_matches(word[:100], words, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(words[:20])}"


def problems(item: Intervention) -> tuple[str, ...]:
    """Everything that is wrong with an intervention in itself; empty if it is sound.

    Examples
    --------
    >>> problems(Intervention("limit_weight", ("B03",), {"mass_t": -3.0}))
    ('mass_t is -3; it must be greater than 0',)
    """
    kind = kinds().get(item.kind)
    if kind is None:
        return (f"unknown kind {item.kind[:100]!r}{suggestion(item.kind, kinds())}",)
    return (*_target_problems(item, kind), *_parameter_problems(item, kind), *_time_problems(item))


def _target_problems(item: Intervention, kind: Kind) -> Iterable[str]:
    count = len(item.targets)
    if kind.target == "none" and count:
        yield "it takes no targets; leave the list empty"
    elif kind.target == "turn" and count != kind.fewest_targets:
        yield f"a turn needs two targets, the link before and the link behind; there is {count}"
    elif count < kind.fewest_targets:
        yield f"it has no target; name at least one {kind.target.replace('_', ' ')}"
    for target in item.targets:
        if not 0 < len(target) <= LONGEST_TEXT:
            yield f"a target has {len(target)} characters; use 1 to {LONGEST_TEXT}"
        elif _NO_TEXT.search(target):
            yield f"a target is {target[:100]!r}; it holds what is no text"
    if len(set(item.targets)) < count and kind.target != "turn":
        yield "a target is named twice; name it once"


def _parameter_problems(item: Intervention, kind: Kind) -> Iterable[str]:
    unknown = [name for name in item.parameters if name not in kind.parameters]
    for name in unknown[:MOST_NAMED]:
        hint = suggestion(name, kind.parameters) if kind.parameters else "; it takes none"
        yield f"unknown parameter {name[:100]!r}{hint}"
    if len(unknown) > MOST_NAMED:
        yield f"and {len(unknown) - MOST_NAMED} more unknown parameters"
    for name, parameter in kind.parameters.items():
        if name in item.parameters:
            yield from _value_problems(parameter, item.parameters[name])
        elif parameter.required:
            yield f"{name} is missing: {parameter.english}"
    if kind.key == "capacity_factor" and item.number("factor") == 0:
        yield "factor is 0; use close link or close asset"
    if kind.key == "scale_demand" and item.targets:
        ends = [name for name in ("origins", "destinations") if name in item.parameters]
        if ends:
            yield f"zones as targets (either end) do not go with {ends[0]}; use one of both"


def _value_problems(parameter: Parameter, value: object) -> Iterable[str]:
    name = parameter.name
    if parameter.type in ("number", "whole"):
        yield from _number_problems(parameter, value)
    elif parameter.type in _LIST_TYPES:
        yield from _list_problems(name, value)
    elif not isinstance(value, str):
        yield f"{name} is {value!r:.100}; it must be a text"
    elif parameter.choices and value not in parameter.choices:
        yield f"{name} is {value[:100]!r}; use one of {', '.join(parameter.choices)}"
    elif not 0 < len(value) <= LONGEST_TEXT:
        yield f"{name} has {len(value)} characters; use 1 to {LONGEST_TEXT}"
    elif _NO_TEXT.search(value):
        yield f"{name} is {value[:100]!r}; it holds control characters or half a surrogate pair"


def _number_problems(parameter: Parameter, value: object) -> Iterable[str]:
    name = parameter.name
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield f"{name} is {value!r:.100}; it must be a number"
        return
    if not _is_finite(value):
        yield f"{name} is {value!r:.30}; it must be finite"
        return
    if parameter.type == "whole" and value != int(value):
        yield f"{name} is {value:g}; it must be a whole number"
    if value < parameter.lower or (parameter.lower_open and value == parameter.lower):
        relation = "greater than" if parameter.lower_open else "at least"
        yield f"{name} is {value:g}; it must be {relation} {parameter.lower:g}"
    if value > parameter.upper:
        yield f"{name} is {value:g}; it must be at most {parameter.upper:g}"


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _list_problems(name: str, value: object) -> Iterable[str]:
    if not isinstance(value, (tuple, list)) or not value:
        yield f"{name} is {value!r:.100}; it must be a list with at least one name"
        return
    items = cast("Sequence[object]", value)
    if not all(isinstance(item, str) and item and not _NO_TEXT.search(item) for item in items):
        yield f"{name} holds something that is no name; use texts"
    elif len(set(items)) < len(items):
        yield f"{name} names something twice; name it once"


def _time_problems(item: Intervention) -> Iterable[str]:
    for name in ("valid_from", "valid_until"):
        time = cast("datetime | None", getattr(item, name))
        if time is not None and time.utcoffset() != timedelta(0):
            yield f"{name} must be an aware UTC time"
    begin, end = item.valid_from, item.valid_until
    if begin is None or end is None or begin.tzinfo is None or end.tzinfo is None:
        return
    if end <= begin:
        yield "valid_until must lie after valid_from"
