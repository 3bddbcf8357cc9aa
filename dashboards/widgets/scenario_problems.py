"""Problems of a scenario in the language of the reader, each at its field; pure.

The model says its problems in English sentences of fixed forms. Here each form has its words; a
sentence of another form is shown as it is, marked as English.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboards.i18n.translate import Texts
from dashboards.widgets.scenario_values import Unread
from twin.model.interventions import Kind, kinds

TARGETS = "targets"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong.

    Parameters
    ----------
    number
        Of the intervention, from 1; 0 for the scenario as a whole.
    field
        Of the form: ``targets``, a parameter, a time, or empty.
    text
        In words.
    is_missing
        Whether only something is missing yet.
    is_english
        Whether ``text`` is a sentence of the model that has no words here.
    """

    number: int
    field: str
    text: str
    is_missing: bool = False
    is_english: bool = False


@dataclass(frozen=True, slots=True)
class _Form:
    key: str
    pattern: re.Pattern[str]
    field: str = ""


_HEAD = re.compile(r"intervention (\d+) \(([^)]*)\): (.*)", re.DOTALL)
_HINT = r"(?:; did you mean '(?P<hint>.*)'\?|; known: .*)?"
_PLACE = "(?:link or asset|link|asset|zone)"
_FORMS = tuple(
    _Form(key, re.compile(pattern, re.DOTALL), field)
    for key, pattern, field in (
        ("missing", r"(?P<field>\w+) is missing: .*", ""),
        ("missing", r"(?P<field>\w+) is \(\); it must be a list with at least one name", ""),
        ("greater", r"(?P<field>\w+) is .*; it must be greater than (?P<limit>\S+)", ""),
        ("least", r"(?P<field>\w+) is .*; it must be at least (?P<limit>\S+)", ""),
        ("most", r"(?P<field>\w+) is .*; it must be at most (?P<limit>\S+)", ""),
        ("whole", r"(?P<field>\w+) is .*; it must be a whole number", ""),
        ("number", r"(?P<field>\w+) is (?P<text>.*); it must be (?:a number|finite)", ""),
        ("choice", r"(?P<field>\w+) is .*; use one of .*", ""),
        ("long", r"(?P<field>\w+) has \d+ characters; use 1 to (?P<limit>\d+)", ""),
        ("long", r"a target has \d+ characters; use 1 to (?P<limit>\d+)", TARGETS),
        ("sign", r"(?P<field>\w+) is .*; it holds control characters.*", ""),
        ("sign", r"(?P<field>\w+) holds something that is no name; use texts", ""),
        ("sign", r"a target is .*; it holds what is no text", TARGETS),
        ("twice", r"(?P<field>\w+) names something twice; name it once", ""),
        ("twice", r"a target is named twice; name it once", TARGETS),
        ("zero_factor", r"(?P<field>factor) is 0; use close link or close asset", ""),
        ("turn", r"a turn needs two targets.*", TARGETS),
        ("no_target", r"it has no target; .*", TARGETS),
        ("takes_none", r"it takes no targets; .*", TARGETS),
        ("either_end", r"zones as targets \(either end\) do not go with .*", TARGETS),
        ("order", r"(?P<field>valid_until) must lie after valid_from", ""),
        ("unknown_target", rf"unknown {_PLACE} '(?P<text>.*?)'{_HINT}", ""),
        ("unknown_node", rf"unknown node '(?P<text>.*?)'{_HINT}", ""),
        ("unknown_class", rf"unknown vehicle class '(?P<text>.*?)'{_HINT}", ""),
        ("unknown_road", rf"unknown road class '(?P<text>.*?)'{_HINT}", "road_class"),
        ("empty", r"no effect: the scenario has no intervention.*", ""),
        ("not_valid_then", r"no effect: no intervention is valid then.*", ""),
        ("bridges_only", r"no effect on the traffic: .*", ""),
        ("long", r"name has \d+ characters; use at most (?P<limit>\d+)", "name"),
        ("sign", r"name is .*; it holds control characters.*", "name"),
    )
)  # fmt: skip
MISSING = ("missing", "no_target", "turn", "empty")
KEYS = tuple(dict.fromkeys((*(form.key for form in _FORMS), "time")))
"""Each has its words under ``scenario_problem.`` in the catalogues."""


def told(sentences: Iterable[str], texts: Texts) -> tuple[Problem, ...]:
    """Problems that the model named.

    Examples
    --------
    >>> said = "intervention 2 (limit_weight): mass_t is -3; it must be greater than 0"
    >>> told([said], Texts("en"))[0].field
    'mass_t'
    """
    return tuple(_told(sentence, texts) for sentence in sentences)


def unread_problems(unread: Iterable[Unread], texts: Texts) -> tuple[Problem, ...]:
    """Problems of fields whose text cannot be read."""
    return tuple(
        Problem(1, one.field, texts(f"scenario_problem.{one.key}", text=one.text[:60]))
        for one in unread
    )


def _told(sentence: str, texts: Texts) -> Problem:
    head = _HEAD.fullmatch(sentence)
    number, kind_key, text = (int(head[1]), head[2], head[3]) if head else (0, "", sentence)
    kind = kinds().get(kind_key)
    for form in _FORMS:
        found = form.pattern.fullmatch(text)
        if found is not None:
            parts = found.groupdict()
            field = parts.get("field") or form.field or _field_of(kind, parts, form.key)
            said = texts(f"scenario_problem.{form.key}", **_values(parts, texts))
            if parts.get("hint"):
                said = f"{said} {texts('scenario_problem.hint', name=parts['hint'])}"
            return Problem(number, field, said, is_missing=form.key in MISSING)
    return Problem(number, "", text, is_english=texts.language != "en")


def _values(parts: Mapping[str, str | None], texts: Texts) -> dict[str, str]:
    limit = parts.get("limit") or ""
    shown = limit.replace(".", ",") if texts.language == "de" else limit
    return {"limit": shown, "text": (parts.get("text") or "")[:60]}


def _field_of(kind: Kind | None, parts: Mapping[str, str | None], key: str) -> str:
    """Field that an unknown name stands in: the one of its type, or the targets."""
    wanted = {"unknown_class": ("classes",), "unknown_node": ("text",)}.get(key)
    if kind is None or wanted is None:
        return TARGETS if key == "unknown_target" and parts.get("text") else ""
    names = [name for name, item in kind.parameters.items() if item.type in wanted]
    if key == "unknown_node":
        names = [name for name in names if name.endswith("_node")]
    return names[0] if names else ""
