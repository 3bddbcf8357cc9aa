"""Which rule reads a topic, what to subscribe to, and which datastream a value belongs to. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sensors.codecs.decoder import RefusedError
from sensors.codecs.pointers import ROOT, key_parts
from sensors.codecs.times import EPOCH_START, UNITS, local_candidates
from twin.errors import RegistryError, SettingsError, TwinError
from twin.model.datastreams import Datastream
from twin.model.messages import CodecRule
from twin.model.quality import Quality
from twin.model.quantities import Quantity, conversion, quantity

NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,40})\}", re.ASCII)
LONGEST_TEMPLATE = 500
MOST_LEVELS = 32
WIDE_PREFIX_LEVELS = 2
MOST_REMEMBERED_TOPICS = 50_000
LONGEST_REMEMBERED = 512
LATE_AFTER_S = 600.0
LATE_AFTER_CADENCES = 3.0


@dataclass(frozen=True, slots=True)
class Template:
    """A topic template: literal levels, named levels (None among the literals), open end."""

    literals: tuple[str | None, ...]
    names: tuple[str, ...]
    is_open: bool

    @property
    def rank(self) -> int:
        """Number of literal levels; more of them win."""
        return sum(literal is not None for literal in self.literals)

    def match(self, levels: Sequence[str]) -> Mapping[str, str] | None:
        """Values of the named levels, or None if the topic does not fit."""
        count = len(self.literals)
        if len(levels) < count or (len(levels) > count and not self.is_open):
            return None
        values: list[str] = []
        for literal, level in zip(self.literals, levels, strict=False):
            if literal is None:
                if not level:
                    return None
                values.append(level)
            elif literal != level:
                return None
        return MappingProxyType(dict(zip(self.names, values, strict=True)))

    def overlaps(self, other: "Template") -> bool:
        """Whether some topic fits both."""
        shorter, longer = sorted((self, other), key=lambda one: len(one.literals))
        if len(shorter.literals) < len(longer.literals) and not shorter.is_open:
            return False
        pairs = zip(shorter.literals, longer.literals, strict=False)
        return all(a is None or b is None or a == b for a, b in pairs)


def parse_template(topic: str) -> Template:
    """Template of a rule: ``{name}`` is one level and names it, ``#`` stands last only.

    Raises
    ------
    SettingsError
        If it is no template; says what to write instead.

    Examples
    --------
    >>> parse_template("city/{site}/#").names
    ('site',)
    """
    levels = topic.split("/")
    is_open = levels[-1] == "#"
    literals: list[str | None] = []
    names: list[str] = []
    if not topic or len(topic) > LONGEST_TEMPLATE or len(levels) > MOST_LEVELS:
        raise SettingsError(
            f"topic {topic[:60]!r} must have 1 to {MOST_LEVELS} levels "
            f"and at most {LONGEST_TEMPLATE} characters"
        )
    for level in levels[:-1] if is_open else levels:
        found = NAME.fullmatch(level)
        if found:
            literals.append(None)
            names.append(found[1])
        elif any(sign in level for sign in "{}+#\0"):
            raise SettingsError(
                f"topic {topic!r}: level {level!r} must be plain text or one {{name}}; "
                "# stands last only"
            )
        else:
            literals.append(level)
    if len(set(names)) != len(names):
        raise SettingsError(f"topic {topic!r} names a level twice; use different names")
    return Template(tuple(literals), tuple(names), is_open)


@dataclass(frozen=True, slots=True)
class Route:
    """The rule for a topic and the values of its named levels."""

    rule: CodecRule
    names: Mapping[str, str]


class Router:
    """Finds the rule of a topic; the same topic is looked up once, unless it is very long.

    Raises
    ------
    SettingsError
        If a template cannot be read or two rules tie; names the first problem.
    """

    def __init__(self, rules: Sequence[CodecRule]) -> None:
        problems = _template_problems(rules)
        if problems:
            raise SettingsError(problems[0])
        pairs = [(parse_template(rule.topic), rule) for rule in rules]
        self._pairs = tuple(sorted(pairs, key=lambda pair: -pair[0].rank))
        self._known: dict[str, Route | None] = {}

    def route(self, topic: str) -> Route | None:
        """Route of a topic, or None if no rule fits."""
        if len(topic) > LONGEST_REMEMBERED:
            return self._look_up(topic)
        if topic not in self._known:
            if len(self._known) >= MOST_REMEMBERED_TOPICS:
                self._known.clear()
            self._known[topic] = self._look_up(topic)
        return self._known[topic]

    def _look_up(self, topic: str) -> Route | None:
        levels = topic.split("/")
        for template, rule in self._pairs:
            names = template.match(levels)
            if names is not None:
                return Route(rule, names)
        return None


def subscriptions(rules: Iterable[CodecRule]) -> tuple[str, ...]:
    """MQTT topic filters for these rules, none inside another one.

    Below two or more literal first levels everything is subscribed, so that a wrong topic in
    our own tree is noticed; elsewhere exactly what the rules name.

    Examples
    --------
    >>> subscriptions([CodecRule("twin/v1/{tenant}/obs", "own", "s"), CodecRule("a/{b}", "j", "s")])
    ('a/+', 'twin/v1/#')
    """
    found = {_subscription(parse_template(rule.topic)) for rule in rules}
    return tuple(
        sorted(one for one in found if not any(_covers(two, one) for two in found - {one}))
    )


def _subscription(template: Template) -> str:
    prefix: list[str] = []
    for literal in template.literals:
        if literal is None:
            break
        prefix.append(literal)
    is_wide = WIDE_PREFIX_LEVELS <= len(prefix) < len(template.literals)
    if is_wide:
        return "/".join([*prefix, "#"])
    levels = ["+" if literal is None else literal for literal in template.literals]
    return "/".join([*levels, "#"] if template.is_open else levels)


def _covers(wide: str, narrow: str) -> bool:
    if not wide.endswith("#"):
        return False
    prefix, levels = wide.split("/")[:-1], narrow.split("/")
    pairs = zip(prefix, levels, strict=False)
    return len(levels) >= len(prefix) and all(a in ("+", b) for a, b in pairs)


def check_rules(rules: Sequence[CodecRule]) -> list[str]:
    """Every problem of the routing rules, in words for the person who wrote them."""
    problems = _template_problems(rules)
    for number, rule in enumerate(rules, start=1):
        problems += [f"codec.rule {number} ({rule.topic}): {one}" for one in _rule_problems(rule)]
    return problems


def _template_problems(rules: Sequence[CodecRule]) -> list[str]:
    problems: list[str] = []
    templates: list[tuple[Template, CodecRule]] = []
    for rule in rules:
        try:
            templates.append((parse_template(rule.topic), rule))
        except SettingsError as error:
            problems.append(str(error))
    for (first, a), (second, b) in combinations(templates, 2):
        if first.rank == second.rank and first.overlaps(second):
            problems.append(
                f"topics {a.topic!r} and {b.topic!r} fit the same messages with equally many "
                "literal levels; write out one more level in one of them"
            )
    return problems


def _rule_problems(rule: CodecRule) -> list[str]:
    problems: list[str] = []
    if not rule.source:
        problems.append("source is empty; name the source of these messages")
    if rule.codec == "json" and not rule.value:
        problems.append("no value is mapped; add a [[codec.rule.value]] entry")
    problems += _key_problems(rule)
    problems += _time_problems(rule)
    for value in rule.value:
        try:
            conversion(value.unit, quantity(value.quantity).unit)
        except TwinError as error:
            problems.append(f"value {value.path!r}: {error}")
    pointers = [value.path for value in rule.value] + [rule.array]
    pointers += [part.path for part in (rule.time, rule.quality) if part is not None]
    problems += [
        f"path {path!r} must be empty or begin with / or {ROOT}/"
        for path in pointers
        if path and not path.startswith(("/", f"{ROOT}/")) and path != ROOT
    ]
    return problems


def _key_problems(rule: CodecRule) -> list[str]:
    try:
        names = parse_template(rule.topic).names
    except SettingsError:
        return []  # reported once already
    return [
        f"key {rule.key!r}: the topic names no level {part!r}"
        for kind, part in key_parts(rule.key)
        if kind == "name" and part not in names
    ]


def _time_problems(rule: CodecRule) -> list[str]:
    if rule.time is None:
        return []
    problems: list[str] = []
    if rule.time.unit not in UNITS:
        problems.append(f"time.unit {rule.time.unit!r} is unknown; use one of {', '.join(UNITS)}")
    if rule.time.zone is not None:
        try:
            local_candidates(EPOCH_START, rule.time.zone)
        except RefusedError as refused:
            problems.append(f"time.zone: {refused.detail}")
    return problems


@dataclass(frozen=True, slots=True)
class Stream:
    """A registered datastream with what every one of its values needs."""

    datastream: Datastream
    number: int
    quantity: Quantity
    flags: int
    late_after_s: float


@dataclass(frozen=True, slots=True)
class StreamColumns:
    """The registered datastreams column by column, in ascending order of their numbers.

    Parameters
    ----------
    number, flags : (n,)
        Datastream numbers; quality bits of every value.
    is_reading, is_timed_at_arrival : (n,)
        Whether it takes single readings; whether its time is that of the arrival.
    late_after_us : (n,)
        Age at arrival above which a reading is late [us].
    lower, upper : (n,)
        Physical limits in the unit of the quantity.
    source : (n,)
        Position in ``sources``.
    privacy : (n,)
        Position in ``privacy_classes``.
    sources, privacy_classes
        Names.
    """

    number: NDArray[np.int32]
    flags: NDArray[np.int16]
    is_reading: NDArray[np.bool_]
    is_timed_at_arrival: NDArray[np.bool_]
    late_after_us: NDArray[np.int64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    source: NDArray[np.intp]
    privacy: NDArray[np.intp]
    sources: tuple[str, ...]
    privacy_classes: tuple[str, ...]

    def rows(self, number: NDArray[np.integer]) -> NDArray[np.intp]:
        """Row of each datastream number.

        Raises
        ------
        RegistryError
            If a number is not registered; names it.
        """
        if not len(self.number):
            if len(number):
                raise RegistryError(f"datastream number {int(number[0])} is not registered")
            return np.empty(0, np.intp)
        found = np.searchsorted(self.number, number).clip(max=len(self.number) - 1)
        is_other = self.number[found] != number
        if is_other.any():
            wrong = int(number[int(is_other.argmax())])
            raise RegistryError(
                f"datastream number {wrong} is not registered; load the registry again"
            )
        return found


class StreamTable:
    """Datastreams by source and route key, and column by column."""

    def __init__(self, datastreams: Iterable[Datastream]) -> None:
        self._streams: dict[tuple[str, str], Stream] = {}
        self._devices: set[tuple[str, str]] = set()
        for datastream in datastreams:
            if datastream.number is None:
                continue
            key = (datastream.source, datastream.route_key)
            self._streams[key] = _stream(datastream, datastream.number)
            self._devices.add((datastream.source, datastream.route_key.partition("#")[0]))
        self.columns = _columns(sorted(self._streams.values(), key=lambda one: one.number))

    def __len__(self) -> int:
        return len(self._streams)

    def find(self, source: str, route_key: str) -> Stream | None:
        """Datastream of a route key, or None."""
        return self._streams.get((source, route_key))

    def knows_device(self, source: str, key: str) -> bool:
        """Whether any value of this device is registered."""
        return (source, key) in self._devices


def _stream(datastream: Datastream, number: int) -> Stream:
    cadence_s = datastream.cadence_s or 0.0
    is_simulated = datastream.provenance == "simulated"
    return Stream(
        datastream=datastream,
        number=number,
        quantity=quantity(datastream.quantity),
        flags=Quality.SIMULATED if is_simulated else Quality.GOOD,
        late_after_s=max(LATE_AFTER_S, LATE_AFTER_CADENCES * cadence_s),
    )


def _columns(streams: Sequence[Stream]) -> StreamColumns:
    sources = sorted({one.datastream.source for one in streams})
    classes = sorted({one.datastream.privacy_class for one in streams})
    kinds = [one.datastream.kind == "reading" for one in streams]
    arrivals = [one.datastream.time_source == "server" for one in streams]
    return StreamColumns(
        number=np.array([one.number for one in streams], np.int32),
        flags=np.array([int(one.flags) for one in streams], np.int16),
        is_reading=np.array(kinds, np.bool_),
        is_timed_at_arrival=np.array(arrivals, np.bool_),
        late_after_us=np.array([round(one.late_after_s * 1e6) for one in streams], np.int64),
        lower=np.array([one.quantity.lower_limit for one in streams], np.float64),
        upper=np.array([one.quantity.upper_limit for one in streams], np.float64),
        source=np.array([sources.index(one.datastream.source) for one in streams], np.intp),
        privacy=np.array([classes.index(one.datastream.privacy_class) for one in streams], np.intp),
        sources=tuple(sources),
        privacy_classes=tuple(classes),
    )
