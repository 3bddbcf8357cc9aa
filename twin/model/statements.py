"""Sentences of the models in both languages: assumptions, warnings, origins of numbers.

Results and stored bases hold the English sentence, which is also what identifies it: the tables
``run_sentences.csv`` and ``structure_sentences.csv`` have its pattern, a key, and the German
pattern. A sentence that they do not know, of a plugin for example, stands for itself in both
languages.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from twin.model.tables import rows

_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(.*)")
_MORE = re.compile(r" and (\d+) more$")
_ID = re.compile(r"\b\d+\b(?! more)")
_DECIMAL_COMMA = str.maketrans(",.", ".,")
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence with its key and values; the key is empty if the table does not know it."""

    key: str
    values: Mapping[str, str]
    english: str
    german: str

    def said(self, language: str) -> str:
        """The sentence in ``de`` or ``en``."""
        return self.german if language == "de" else self.english

    def document(self) -> Mapping[str, object]:
        """Plain JSON values."""
        return {
            "key": self.key,
            "values": dict(self.values),
            "en": self.english,
            "de": self.german,
        }


def statement(text: str, *, links: Mapping[str, str] = _NO_NAMES) -> Statement:
    """Key, values and both languages of an English sentence.

    Parameters
    ----------
    text
        As a solver wrote it.
    links
        Readable names by number of the link, for sentences that list links.

    Examples
    --------
    >>> statement("a stricter limit than 3.5 stays: S1 and 2 more").said("de")
    'eine strengere Grenze als 3,5 bleibt: S1 und 2 weitere'
    >>> statement("2 link(s) that no class may use: link 7, 8", links={"7": "A", "8": "B"}).english
    '2 link(s) that no class may use: link A, B'
    >>> statement("it rains").said("de")
    'it rains'
    """
    for key, pattern, english, german in _patterns():
        found = pattern.fullmatch(text)
        if found is None:
            continue
        values = found.groupdict()
        if "links" in values and links:
            values["links"] = _ID.sub(lambda one: links.get(one[0], one[0]), values["links"])
        shown = {name: english_value(value) for name, value in values.items()}
        german_values = {name: german_value(value) for name, value in values.items()}
        return Statement(
            key, MappingProxyType(values), english.format(**shown), german.format(**german_values)
        )
    if "\n" in text:
        german = "\n".join(statement(line, links=links).german for line in text.split("\n"))
        return Statement("", _NO_NAMES, text, german)
    return Statement("", _NO_NAMES, text, text)


def documents(
    texts: Iterable[str], *, links: Mapping[str, str] = _NO_NAMES
) -> list[Mapping[str, object]]:
    """Sentences as JSON values: key, values, and the text in both languages."""
    return [statement(text, links=links).document() for text in texts]


def in_language(said: object, language: str) -> str:
    """Sentence of a stored document; older documents hold the English text alone.

    Examples
    --------
    >>> in_language({"en": "no", "de": "nein"}, "de"), in_language("it rains", "de")
    ('nein', 'it rains')
    """
    if isinstance(said, Mapping):
        return str(said.get("de" if language == "de" else "en", ""))
    return statement(str(said)).said(language)


def english_value(value: str) -> str:
    """Value of a sentence as English writes it: classes by their names.

    Examples
    --------
    >>> [english_value(text) for text in ("7.8%", "hgv_12_26")]
    ['7.8%', 'heavy vehicle 12 to 26 t']
    """
    return _class_names().get(value, value)


def german_value(value: str) -> str:
    """Value of a sentence as German writes it: numbers, dates, classes, measures, words.

    Examples
    --------
    >>> [german_value(text) for text in ("7.8%", "2018-06-01", "hgv_12_26", "L1 and 3 more")]
    ['7,8 %', '01.06.2018', 'Lkw 12 bis 26 t', 'L1 und 3 weitere']
    """
    known = _words().get(value)
    if known is not None:
        return known
    if value.endswith("%") and _NUMBER.fullmatch(value[:-1]):
        return f"{value[:-1].translate(_DECIMAL_COMMA)} %"
    if _NUMBER.fullmatch(value):
        return value.translate(_DECIMAL_COMMA)
    date = _DATE.fullmatch(value)
    if date is not None:
        return f"{date[3]}.{date[2]}.{date[1]}{date[4]}"
    return _MORE.sub(r" und \1 weitere", value)


@cache
def _class_names() -> Mapping[str, str]:
    """English names of vehicle classes by key."""
    return MappingProxyType({row["key"]: row["english"] for row in rows("vehicle_classes")})


@cache
def _words() -> Mapping[str, str]:
    """German by key or English name: classes, kinds of measures, systems, load models, words."""
    tables = ("run_words", "vehicle_classes", "intervention_kinds")
    known = {row["key"]: row["german"] for name in tables for row in rows(name)}
    named = ("structural_systems", "load_models")
    return MappingProxyType(
        known | {row["english"]: row["german"] for n in named for row in rows(n)}
    )


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], str, str], ...]:
    """Key, pattern of the English sentence, and both templates; the most literal pattern first."""
    known = (*rows("run_sentences"), *rows("structure_sentences"))
    found = sorted(known, key=lambda row: -len(_PLACE.sub("", row["english"])))
    return tuple(
        (row["key"], _pattern(row["english"]), row["english"], row["german"]) for row in found
    )


def _pattern(template: str) -> re.Pattern[str]:
    parts = _PLACE.split(template)
    text = "".join(
        f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile(text, re.DOTALL)
