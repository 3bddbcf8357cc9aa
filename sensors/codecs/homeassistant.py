"""Home Assistant: discovery gives proposals; states count for entities that a person accepted.

Accepted entities stand in the metadata table ``entities`` of the source, by state topic::

    {"werk/pegel7/state": [{"id": "pegel7_w", "path": "/level", "filters": [], "unit": "cm",
                            "component": "sensor"}]}
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.hatemplates import extract, read_template
from sensors.codecs.pointers import numeric_leaves
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import received_instant
from sensors.codecs.values import Yield
from twin.model.messages import (
    CodecContext,
    Event,
    Limits,
    Message,
    Observation,
    Outcome,
    Proposal,
)
from twin.model.tables import rows

CONFIG = "config"
READ = ("sensor", "binary_sensor")
LEAST_LEVELS, MOST_LEVELS = 4, 5
LONGEST_TEXT = 200
TOPICS = ("state_topic", "availability_topic")
Entity = Mapping[str, Any]


def _decode(message: Message, context: CodecContext) -> Outcome:
    entities = context.tables.get("entities")
    accepted = entities.get(message.topic) if isinstance(entities, Mapping) else None
    if isinstance(accepted, list):
        return _states(message, context, accepted)
    levels = message.topic.split("/")
    if levels[-1] != CONFIG or not LEAST_LEVELS <= len(levels) <= MOST_LEVELS:
        return Outcome(ignored=1)  # the state of something that nobody accepted
    if not message.payload:
        event = Event("withdrawn", message.topic, message.received_at)
        return Outcome((event,))
    document = parse(message.payload, context.limits)
    if not isinstance(document, dict):
        raise RefusedError("wrong_type", "a discovery message is a JSON object")
    into = Yield()
    known = _by_id(entities)
    for component, config in _components(levels[1], document):
        if component not in READ:
            into.ignored += 1
            continue
        try:
            into.items.append(_proposal(component, config, message.topic, known))
        except RefusedError as refused:
            into.reject(refused)
    return into.outcome()


def _components(component: str, document: Entity) -> list[tuple[str, Entity]]:
    """Component and configuration of every entity that a discovery message describes."""
    shared = _long(document)
    if component != "device":
        return [(component, shared)]
    parts = shared.get("components")
    if not isinstance(parts, dict):
        raise RefusedError("missing_field", "a discovery message of a device needs cmps")
    beside = {name: value for name, value in shared.items() if name != "components"}
    found: list[tuple[str, Entity]] = []
    for part in parts.values():
        config = beside | _long(part) if isinstance(part, dict) else beside
        found.append((str(config.get("platform") or ""), config))
    return found


def _proposal(component: str, config: Entity, topic: str, known: Mapping[str, Entity]) -> Proposal:
    state_topic = _topic(config, "state_topic")
    if not state_topic:
        raise RefusedError("missing_field", "a discovery message of a sensor needs state_topic")
    key = _text(config.get("unique_id")) or topic
    unit = _unit(_text(config.get("unit_of_measurement")))
    if key in known and known[key].get("unit", "") != unit:
        raise RefusedError(
            "unit_conflict",
            "the entity was accepted with another unit; correct the device, or accept it again",
        )
    device = config.get("device")
    device = _long(device) if isinstance(device, dict) else {}
    details: dict[str, object] = {
        "discovery_topic": topic,
        "topic": state_topic,
        "component": component,
        "device": _text(device.get("name")) or _first(device.get("identifiers")),
        "model": " ".join(filter(None, (_text(device.get(n)) for n in ("manufacturer", "model")))),
        "quantity": _quantity(_text(config.get("device_class"))),
        "filters": [],
    }
    template = config.get("value_template")
    extraction = read_template(template) if isinstance(template, str) else None
    if extraction is not None:
        details["filters"] = list(extraction.filters)
        if extraction.path is not None:
            details["path"] = extraction.path
    elif template is not None:
        details["problem"] = "template_not_supported"
    if component == "binary_sensor":
        details["on"] = _text(config.get("payload_on")) or "ON"
        details["off"] = _text(config.get("payload_off")) or "OFF"
    interval = config.get("expire_after")
    if is_number(interval) and isinstance(interval, int | float) and interval > 0:
        details["expected_interval_s"] = interval
    name = _text(config.get("name")) or _text(device.get("name")) or key
    return Proposal(key, name, unit, {name: one for name, one in details.items() if one != ""})


def _states(message: Message, context: CodecContext, accepted: list[Any]) -> Outcome:
    into = Yield(unassigned=_unassigned(message.payload, accepted, context.limits))
    instant = received_instant(message.received_at)
    for entity in accepted[: context.limits.items]:
        if not isinstance(entity, Mapping) or not entity.get("id"):
            into.ignored += 1
            continue
        try:
            value = extract(message.payload, entity, context.limits)
        except RefusedError as refused:
            into.reject(refused)
            continue
        if value is None:
            into.missing += 1
            continue
        into.items.append(
            Observation(
                key=str(entity["id"]),
                path="",
                phenomenon_time=instant.time,
                value=value,
                quality=instant.flags,
                unit=_text(entity.get("unit")),
            )
        )
    return into.outcome()


def _unassigned(payload: bytes, accepted: list[Any], limits: Limits) -> int:
    """Numbers of a state that no accepted entity takes (F-COD-6)."""
    try:
        leaves = [path for path, _ in numeric_leaves(parse(payload, limits))]
    except RefusedError:
        return 0  # no JSON: a bare text, or each entity refuses it
    taken = {str(one.get("path") or "") for one in accepted if isinstance(one, Mapping)}
    return sum(path not in taken for path in leaves)


def _topic(config: Entity, name: str) -> str:
    """A topic; ``~`` at its start or end stands for the base."""
    topic, base = _text(config.get(name)), _text(config.get("~"))
    if base and topic.startswith("~"):
        return base + topic[1:]
    return topic[:-1] + base if base and topic.endswith("~") else topic


def _long(document: Entity) -> dict[str, Any]:
    """The same with long names."""
    names = _abbreviations()
    return {names.get(name, name): value for name, value in document.items()}


def _text(value: object) -> str:
    return value[:LONGEST_TEXT] if isinstance(value, str) and value.isprintable() else ""


def _first(value: object) -> str:
    return _text(value[0] if isinstance(value, list) and value else value)


def _by_id(entities: object) -> dict[str, Entity]:
    groups = entities.values() if isinstance(entities, Mapping) else ()
    return {
        str(one.get("id")): one
        for group in groups
        if isinstance(group, list)
        for one in group
        if isinstance(one, Mapping)
    }


@cache
def _abbreviations() -> dict[str, str]:
    return {row["key"]: row["name"] for row in rows("discovery_abbreviations")}


@cache
def _classes() -> dict[str, str]:
    return {row["device_class"]: row["quantity"] for row in rows("discovery_classes")}


def _quantity(device_class: str) -> str:
    return _classes().get(device_class, "")


@cache
def _synonyms() -> dict[str, str]:
    return {
        row["unit"]: row["ucum"]
        for row in rows("units")
        if float(row["scale"]) == 1.0 and float(row["offset"]) == 0.0
    }


def _unit(unit: str) -> str:
    """UCUM unit where the table knows another name for it, else the unit as it is."""
    return _synonyms().get(unit, unit)


codec = Decoder("homeassistant", "1", _decode)
