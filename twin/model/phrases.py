"""Sentences of findings in two languages, with their numbers written as the language does."""

import math
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from twin.model.findings import Phrase
from twin.model.statements import german_value, statement
from twin.model.tables import rows

SIGNIFICANT = 3
WORDS_OF_SENTENCE = 3
"""A value with so many spaces may be a sentence of a model, which has its own table."""


def said(phrase: Phrase, language: str) -> str:
    """The sentence of a phrase in ``de`` or ``en``; its key and values where the table has none.

    Examples
    --------
    >>> said(Phrase("step.inspect_crack", {"channel": "B10.crack"}), "en")
    'Inspect the crack at B10.crack by hand: width, ends, new branches; read the gauge beside it.'
    >>> said(Phrase("unknown", {"x": 1.5}), "de")
    'unknown (x 1,5)'
    """
    values = {name: _written(value, language) for name, value in phrase.values.items()}
    if phrase.parts:
        values["reason"] = "; ".join(said(part, language) for part in phrase.parts)
    pattern = _table().get(phrase.key, {}).get("de" if language == "de" else "en")
    if pattern is None:
        listed = ", ".join(f"{name} {value}" for name, value in values.items())
        return f"{phrase.key} ({listed})" if listed else phrase.key
    return pattern.format(**values)


def is_known(phrase: Phrase) -> bool:
    """Whether the table has the sentence and the phrase all its values, and so its parts."""
    values = {**phrase.values, **({"reason": ""} if phrase.parts else {})}
    try:
        for pattern in _table()[phrase.key].values():
            pattern.format(**values)
    except KeyError:
        return False
    return all(map(is_known, phrase.parts))


def phrase_of(row: Mapping[str, Any]) -> Phrase:
    """A sentence that was kept as plain values; older ones have no parts.

    Examples
    --------
    >>> phrase_of({"key": "state.armed", "values": {}})
    Phrase(key='state.armed', values={}, parts=())
    """
    parts = tuple(map(phrase_of, row.get("parts", ())))
    return Phrase(str(row["key"]), dict(row["values"]), parts)


def written(value: float) -> str:
    """A number with three significant digits, and no exponent where none is needed.

    Examples
    --------
    >>> written(0.61234), written(1234.5), written(-2.0), written(float("nan"))
    ('0.612', '1234', '-2', '-')
    """
    if not math.isfinite(value):
        return "-"
    if value == 0.0:
        return "0"
    digits = max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _written(value: float | str, language: str) -> str:
    text = value if isinstance(value, str) else written(value)
    if language != "de":
        return text
    sentence = statement(text).said("de") if text.count(" ") >= WORDS_OF_SENTENCE else text
    return german_value(text) if sentence == text else sentence


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType(
        {row["key"]: {"en": row["english"], "de": row["german"]} for row in rows("finding_words")}
    )
