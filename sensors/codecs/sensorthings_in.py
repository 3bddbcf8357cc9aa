"""OGC SensorThings observations over MQTT: of a datastream, of the root, or expanded.

References
----------
.. [1] OGC 18-088, "SensorThings API Part 1: Sensing", version 1.1, 2021, clauses 8.2.6 and 14.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.pointers import checked_key, find, make_key
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import Instant, read_time, received_instant
from sensors.codecs.values import Yield, mapped_value, number_of, quality_flags
from twin.model.messages import CodecContext, Message, Observation, Outcome, TimeRule, ValueRule
from twin.model.quality import Quality

DATASTREAM = re.compile(r"Datastreams\(('(?:[^']|'')*'|[^()']+)\)")
DURATION = re.compile(r"PT(\d{1,6})([SMH])|P(\d{1,4})([DW])", re.ASCII)
SECONDS = {"S": 1, "M": 60, "H": 3600, "D": 86_400, "W": 604_800}
TIME_MEMBERS = frozenset({"phenomenonTime", "resultTime", "validTime"})
SETS = ("value", "Things", "Datastreams")
COUNT_UNITS = frozenset({"1", "C62", "one", "Anzahl"})
PERIOD_TOLERANCE_S = 1.0
S_PER_H = 3600.0
LONGEST_UNIT = 40


@dataclass(frozen=True, slots=True)
class Stream:
    """The datastream of an observation: its id, and its entity as far as anything tells of it."""

    number: str
    entity: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class When:
    """Label of an observation, and the length of its interval [s] if it has one."""

    instant: Instant
    period_s: float | None = None
    is_arrival: bool = False


def entity_id(text: str) -> str:
    """Id in the brackets of a link: a number, or quoted text with percent escapes.

    Examples
    --------
    >>> entity_id("42"), entity_id("'door%2F7'"), entity_id("'it''s'")
    ('42', 'door/7', "it's")
    """
    plain = unquote(text)
    if len(plain) > 1 and plain[0] == plain[-1] == "'":
        return plain[1:-1].replace("''", "'")
    return plain


def _decode(message: Message, context: CodecContext) -> Outcome:
    document = parse(message.payload, context.limits)
    in_topic = _linked(message.topic.partition("?")[0])
    into = Yield()
    found = 0
    for observation, stream in _walk(document):
        found += 1
        if found > context.limits.items:
            raise RefusedError("too_many_items", f"more than {context.limits.items} observations")
        try:
            told = _object(observation)
            _read(told, _identity(told, stream, in_topic), message, context, into)
        except RefusedError as refused:
            into.reject(refused)
    if not found:
        raise RefusedError("missing_field", "the message holds no observation")
    return into.outcome()


def _walk(document: object) -> Iterator[tuple[object, Stream | None]]:
    """Observations with the datastream around them, if there is one; links are not followed."""
    waiting: list[tuple[object, Stream | None]] = [(document, None)]
    while waiting:
        one, around = waiting.pop()
        if isinstance(one, list):
            waiting.extend((inner, around) for inner in reversed(one))
        elif isinstance(one, dict):
            inside = [(one[name], around) for name in SETS if isinstance(one.get(name), list)]
            if isinstance(one.get("Observations"), list):
                inside.append((one["Observations"], _stream(one) or around))
            waiting.extend(reversed(inside))
            if not inside:
                yield one, around
        else:
            yield one, around


def _object(observation: object) -> Mapping[str, object]:
    if not isinstance(observation, dict):
        raise RefusedError("wrong_type", "an observation must be a JSON object")
    return observation


def _stream(entity: Mapping[str, object]) -> Stream | None:
    number = entity.get("@iot.id")
    if isinstance(number, str | int) and not isinstance(number, bool):
        return Stream(str(number), entity)
    link = _linked(str(entity.get("@iot.selfLink", "")))
    return Stream(link, entity) if link else None


def _linked(link: str) -> str:
    """Id of the datastream that a link or topic names, or nothing."""
    found = DATASTREAM.search(link)
    return entity_id(found[1]) if found else ""


def _identity(observation: Mapping[str, object], around: Stream | None, in_topic: str) -> Stream:
    """Datastream of an observation: inline, by its link, from around it, or by the topic."""
    inline = observation.get("Datastream")
    stream = _stream(inline) if isinstance(inline, dict) else None
    if stream is None:
        link = observation.get("Datastream@iot.navigationLink")
        number = _linked(link) if isinstance(link, str) else ""
        stream = Stream(number) if number else around
    if stream is None:
        if not in_topic:
            raise RefusedError("missing_field", "neither message nor topic names a datastream")
        return Stream(in_topic)
    if in_topic and stream.number != in_topic:
        raise RefusedError("topic_mismatch", "topic and message name different datastreams")
    return stream


def _read(
    observation: Mapping[str, object],
    stream: Stream,
    message: Message,
    context: CodecContext,
    into: Yield,
) -> None:
    """Add the values of an observation."""
    stream = _with_metadata(stream, context)
    key = _key(stream, context)
    when = _when(observation, stream, message)
    flags = when.instant.flags
    flags |= quality_flags(observation, context.rule.quality, document=observation)
    if "result" not in observation:
        raise RefusedError("missing_field", "`result` is absent")
    result = observation["result"]
    if when.is_arrival and message.retained:
        into.ignored += 1
        return
    for rule in context.rule.value or (None,):
        try:
            value, unit = _value(result, rule, stream, when)
        except RefusedError as refused:
            into.reject(refused)
            continue
        if value is None:
            into.missing += 1
            continue
        into.items.append(
            Observation(
                key=key,
                path=rule.path if rule else "",
                phenomenon_time=when.instant.time,
                value=value,
                quality=flags,
                quantity=rule.quantity if rule else "",
                unit=unit,
                is_timed=not when.is_arrival,
            )
        )


def _value(
    result: object, rule: ValueRule | None, stream: Stream, when: When
) -> tuple[float | None, str]:
    """Value and its unit; the unit is empty where the mapping or the registered stream knows it."""
    if rule is not None:
        raw = find(result, rule.path, document=result)
        return mapped_value(float(raw) if isinstance(raw, bool) else raw, rule), ""
    if result is None:
        return None, ""
    unit = _unit(stream.entity)
    value = float(result) if isinstance(result, bool) else number_of(result, "result")
    if unit in COUNT_UNITS and when.period_s:
        return value * S_PER_H / when.period_s, "/h"
    return value, unit


def _unit(entity: Mapping[str, object] | None) -> str:
    """Unit that a datastream tells; empty if nothing is known of the datastream."""
    if entity is None or "unitOfMeasurement" not in entity:
        return ""
    told = entity["unitOfMeasurement"]
    symbol = told.get("symbol") if isinstance(told, dict) else None
    definition = told.get("definition") if isinstance(told, dict) else None
    if isinstance(symbol, str) and symbol:
        return symbol[:LONGEST_UNIT]
    if isinstance(definition, str) and definition.startswith("ucum:"):
        return definition.removeprefix("ucum:")[:LONGEST_UNIT]
    if isinstance(observed := entity.get("observationType"), str) and observed.endswith(
        "OM_TruthObservation"
    ):
        return ""
    raise RefusedError(
        "unit_missing", "the datastream tells no unit; map its topic with quantity and unit"
    )


def _with_metadata(stream: Stream, context: CodecContext) -> Stream:
    """The datastream with its entity from the table `datastreams`, where the message has none."""
    table = context.tables.get("datastreams")
    listed = table.get("value") if isinstance(table, dict) else table
    if not isinstance(listed, list):
        return stream
    for entity in listed:
        if isinstance(entity, dict):
            known = _stream(entity)
            if known is not None and known.number == stream.number:
                told = stream.entity or {}
                return replace(stream, entity={**entity, **told})
    return stream


def _key(stream: Stream, context: CodecContext) -> str:
    """Route key: the id, or what the rule's template takes from the datastream's entity."""
    template = context.rule.key
    if not template:
        return checked_key(stream.number)
    entity = stream.entity
    if entity is None:
        raise RefusedError(
            "metadata_missing",
            "the key needs the datastream's entity; declare a [[codec.table]] named 'datastreams'",
        )
    return make_key(template, context.names, element=entity, document=entity)


def _when(observation: Mapping[str, object], stream: Stream, message: Message) -> When:
    """Time of an observation.

    Raises
    ------
    RefusedError
        If it cannot be read, differs from the period of its datastream, or is misspelt.
    """
    told = observation.get("phenomenonTime")
    if told is None:
        return _substitute(observation, message)
    if not isinstance(told, str) or "/" not in told:
        return When(Instant(_instant(told, message)), _period_s(stream.entity))
    first, _, last = told.partition("/")
    end = _instant(last, message)
    length_s = (end - _instant(first, message)).total_seconds()
    wanted_s = _period_s(stream.entity)
    if length_s < 0 or (wanted_s and abs(length_s - wanted_s) > PERIOD_TOLERANCE_S):
        raise RefusedError(
            "interval_mismatch",
            f"the interval has {length_s:g} s, the datastream {wanted_s or 0:g} s",
        )
    return When(Instant(end), length_s)


def _substitute(observation: Mapping[str, object], message: Message) -> When:
    misspelt = [
        name
        for name in observation
        if name.endswith(("Time", "Times")) and name not in TIME_MEMBERS
    ]
    if misspelt:
        raise RefusedError(
            "time_invalid", "no `phenomenonTime`, but an unknown member that ends like it"
        )
    told = observation.get("resultTime")
    if told is None:
        return When(received_instant(message.received_at), is_arrival=True)
    return When(Instant(_instant(told, message), Quality.TIME_SUBSTITUTED))


def _instant(raw: object, message: Message) -> datetime:
    return read_time(raw, TimeRule(""), received_at=message.received_at).time


def _period_s(entity: Mapping[str, object] | None) -> float | None:
    """Length of the intervals of a datastream [s], where its properties tell it."""
    properties = (entity or {}).get("properties")
    if not isinstance(properties, dict):
        return None
    told = properties.get("period_s")
    if is_number(told):
        return float(told)  # pyrefly: ignore[bad-argument-type] - is_number saw to it
    duration = properties.get("aggregateDuration")
    found = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        return None
    return float(int(found[1] or found[3]) * SECONDS[found[2] or found[4]])


codec = Decoder("sensorthings", "1", _decode)
