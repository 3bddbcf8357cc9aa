"""Sentences of the joint analysis in both languages, as plain JSON values."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TypedDict

from twin.model.findings import Phrase
from twin.model.phrases import said, written
from twin.model.statements import documents, german_value
from twin.model.tables import rows

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Said(TypedDict):
    """A sentence: key, values, and the text in both languages."""

    key: str
    values: dict[str, str]
    de: str
    en: str


def say(key: str, **values: "float | str | Said") -> Said:
    """Sentence of ``measure_words.csv``; numbers are written as each language does.

    Examples
    --------
    >>> say("effect.damage", factor=2.13)["de"]
    'Schädigungsrate x 2,13'
    """
    english = {name: _english(value) for name, value in values.items()}
    german = {name: _german(value) for name, value in values.items()}
    row = _table()[key]
    return {
        "key": key,
        "values": english,
        "de": row["german"].format(**german),
        "en": row["english"].format(**english),
    }


def of_phrase(phrase: Phrase) -> Said:
    """A phrase of findings as a sentence of the document."""
    return {
        "key": phrase.key,
        "values": {name: _english(value) for name, value in phrase.values.items()},
        "de": said(phrase, "de"),
        "en": said(phrase, "en"),
    }


def of_texts(
    texts: "tuple[str, ...] | list[str]", *, links: Mapping[str, str] = _NO_NAMES
) -> list[Said]:
    """English sentences of models, each once, in both languages; links by their names."""
    return [
        {
            "key": str(one["key"]),
            "values": _texts(one["values"]),
            "de": str(one["de"]),
            "en": str(one["en"]),
        }
        for one in documents(dict.fromkeys(texts), links=links)
    ]


def in_both(english: str, german: str) -> Said:
    """A text that stands for itself in each language, such as the sentence of a measure."""
    return {"key": "", "values": {}, "de": german, "en": english}


def _texts(values: object) -> dict[str, str]:
    if not isinstance(values, Mapping):
        return {}
    return {str(name): str(value) for name, value in values.items()}


def _english(value: "float | str | Said") -> str:
    if isinstance(value, str):
        return value
    return value["en"] if isinstance(value, dict) else written(value)


def _german(value: "float | str | Said") -> str:
    if isinstance(value, str):
        return german_value(value)
    return value["de"] if isinstance(value, dict) else german_value(written(value))


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({row["key"]: row for row in rows("measure_words")})
