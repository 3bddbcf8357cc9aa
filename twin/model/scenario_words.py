"""Interventions as sentences that a council can read, in German and English."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType

from twin.model.interventions import Intervention, Kind, Parameter, ParameterValue, kinds
from twin.model.scenarios import Scenario
from twin.model.tables import rows

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def sentence(
    item: Intervention,
    *,
    language: str,
    names: Mapping[str, str] = _NO_NAMES,
    zone: tzinfo = UTC,
) -> str:
    """Sentence that says what an intervention does; the kind must be known.

    Parameters
    ----------
    item
        A sound intervention.
    language
        ``de`` or ``en``.
    names
        Readable names of targets, zones and classes; an id without one stands for itself.
    zone
        Time zone of the validity.

    Examples
    --------
    >>> sentence(Intervention("limit_weight", ("B03",), {"mass_t": 7.5}), language="de",
    ...          names={"B03": "die Marienbrücke"})
    'Begrenzung der Gesamtmasse auf die Marienbrücke auf 7,5 t.'
    """
    kind = kinds()[item.kind]
    template = kind.german_sentence if language == "de" else kind.english_sentence
    words = {
        name: _value_words(kind.parameters[name], value, language=language, names=names)
        for name, value in item.parameters.items()
    }
    shown = [_target_words(target, names) for target in item.targets]
    words["targets"] = _listed(shown, language)
    words["first"], words["second"] = (*shown, "", "")[:2]
    text = template.format_map(words) + _zone_words(kind, words, language)
    for name, parameter in kind.parameters.items():
        phrase = parameter.german_phrase if language == "de" else parameter.english_phrase
        if phrase and name in item.parameters:
            text += phrase.format(value=words[name])
    return f"{text}{_validity_words(item, language=language, zone=zone)}."


def sentences(
    scenario: Scenario,
    *,
    language: str,
    names: Mapping[str, str] = _NO_NAMES,
    zone: tzinfo = UTC,
) -> tuple[str, ...]:
    """One sentence per intervention, in order; see `sentence`."""
    return tuple(
        sentence(item, language=language, names=names, zone=zone) for item in scenario.interventions
    )


def _word(key: str, language: str) -> str:
    for row in rows("intervention_words"):
        if row["key"] == key:
            return row["german" if language == "de" else "english"]
    return key


def _target_words(target: str, names: Mapping[str, str]) -> str:
    bare = target.removeprefix("link:").removeprefix("asset:")
    return names.get(target, names.get(bare, bare))


def _zone_words(kind: Kind, words: Mapping[str, str], language: str) -> str:
    if kind.target != "zone" or not words["targets"]:
        return ""
    return " " + _word("at", language).format(place=words["targets"])


def _value_words(
    parameter: Parameter, value: ParameterValue, *, language: str, names: Mapping[str, str]
) -> str:
    if isinstance(value, str):
        return _word(value, language) if parameter.choices else names.get(value, value)
    if isinstance(value, (tuple, list)):
        known = {**_class_words(language), **names} if parameter.type == "classes" else names
        return _listed([known.get(item, item) for item in value], language)
    text = f"{value:.10g}"
    return text.replace(".", ",") if language == "de" else text


def _class_words(language: str) -> Mapping[str, str]:
    column = "german" if language == "de" else "english"
    return {row["key"]: row[column] for row in rows("vehicle_classes")}


def _listed(items: Sequence[str], language: str) -> str:
    if len(items) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(items)
    return f"{', '.join(items[:-1])} {_word('list_end', language)} {items[-1]}"


def _validity_words(item: Intervention, *, language: str, zone: tzinfo) -> str:
    text = ""
    for key, time in (("from", item.valid_from), ("until", item.valid_until)):
        if time is not None:
            shown = _time_words(time, language=language, zone=zone)
            text += f" {_word(key, language).format(time=shown)}"
    return text


def _time_words(time: datetime, *, language: str, zone: tzinfo) -> str:
    local = time.astimezone(zone)
    form = "%d.%m.%Y %H:%M %Z" if language == "de" else "%Y-%m-%d %H:%M %Z"
    return local.strftime(form)
