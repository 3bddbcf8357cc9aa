"""Plain JSON with a declared mapping."""

from dataclasses import replace

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.pointers import ABSENT, ROOT, find, key_parts, make_key, numeric_leaves, tokens
from sensors.codecs.strict_json import parse
from sensors.codecs.times import Instant, read_time, received_instant
from sensors.codecs.values import Origin, Yield, quality_flags, read_values
from twin.model.messages import CodecContext, CodecRule, Message, Outcome


def _decode(message: Message, context: CodecContext) -> Outcome:
    rule = context.rule
    document = parse(message.payload, context.limits)
    elements = _elements(document, rule)
    if len(elements) * max(1, len(rule.value)) > context.limits.items:
        raise RefusedError(
            "too_many_items",
            f"{len(elements)} elements with {len(rule.value)} values each; "
            f"the limit is {context.limits.items} values in one message",
        )
    into = Yield(unassigned=_unassigned(document, rule, len(elements)))
    if message.retained and rule.time is None:
        into.ignored = len(elements) * len(rule.value)
        return into.outcome()
    for element in elements:
        try:
            origin = _origin(element, document, message, context)
        except RefusedError as refused:
            into.reject(refused)
            continue
        read_values(element, rule.value, document=document, origin=origin, into=into)
    return into.outcome()


def _elements(document: object, rule: CodecRule) -> list[object]:
    if not rule.array:
        return [document]
    found = find(document, rule.array, document=document)
    if found is ABSENT:
        raise RefusedError("missing_field", f"array {rule.array!r} is absent")
    if not isinstance(found, list):
        raise RefusedError(
            "wrong_type", f"{rule.array!r} must be an array, got {type(found).__name__}"
        )
    return found


def _origin(element: object, document: object, message: Message, context: CodecContext) -> Origin:
    rule = context.rule
    key = make_key(rule.key, context.names, element=element, document=document)
    instant = _instant(element, document, message, rule)
    flags = instant.flags | quality_flags(element, rule.quality, document=document)
    return Origin(key, replace(instant, flags=flags))


def _instant(element: object, document: object, message: Message, rule: CodecRule) -> Instant:
    if rule.time is None:
        return received_instant(message.received_at)
    raw = find(element, rule.time.path, document=document)
    if raw is ABSENT or raw is None:
        raise RefusedError("time_missing", f"time {rule.time.path!r} is absent")
    return read_time(raw, rule.time, received_at=message.received_at)


def _unassigned(document: object, rule: CodecRule, elements: int) -> int:
    """Numbers of the document that no path of the rule names."""
    paths = [value.path for value in rule.value]
    paths += [part.path for part in (rule.time, rule.quality) if part is not None]
    paths += [part for kind, part in key_parts(rule.key) if kind == "pointer"]
    relative = {tokens(path) for path in paths if not path.startswith(ROOT)}
    named = {tokens(path) for path in paths if path.startswith(ROOT)}
    array = tokens(rule.array) if rule.array else ()
    count = 0
    for pointer, _ in numeric_leaves(document):
        steps = tokens(pointer)
        inside = steps[: len(array)] == array
        rest = steps[len(array) + 1 :] if rule.array else steps
        is_named = steps in named or (inside and elements > 0 and rest in relative)
        count += not is_named
    return count


codec = Decoder("json", "1", _decode)
