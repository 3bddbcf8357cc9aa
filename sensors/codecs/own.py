"""Our own topics: ``twin/v1/{tenant}/{asset}/{stream}/obs`` and ``.../{asset}/status``."""

from collections.abc import Mapping

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.pointers import checked_key, numeric_leaves
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import Instant, read_time, received_instant
from sensors.codecs.values import Yield
from twin.errors import ModelError
from twin.model.messages import CodecContext, Event, Message, Observation, Outcome, TimeRule
from twin.model.quality import Quality, from_keys

MOST_ITEMS = 1000
OBSERVATION_LEVELS = 6
STATUS_LEVELS = 5
ISO = TimeRule("/t")
EPOCH_MS = TimeRule("/t", unit="ms")
KNOWN_NUMBERS = frozenset({"/t", "/v", "/seq"})
FLAGS_OF_A_SOURCE = (
    Quality.BAD_AT_SOURCE
    | Quality.EDITED_AT_SOURCE
    | Quality.SUSPECT
    | Quality.TIME_SUBSTITUTED
    | Quality.AMBIGUOUS_TIME
    | Quality.LATE
)


def _decode(message: Message, context: CodecContext) -> Outcome:
    levels = message.topic.split("/")
    if len(levels) == STATUS_LEVELS and levels[-1] == "status":
        return _status(message, context, asset=levels[3])
    if len(levels) != OBSERVATION_LEVELS or levels[-1] != "obs":
        raise RefusedError(
            "unknown_topic",
            "topic is neither twin/v1/TENANT/ASSET/STREAM/obs nor twin/v1/TENANT/ASSET/status",
        )
    key = checked_key(f"{levels[3]}/{levels[4]}")
    document = parse(message.payload, context.limits)
    elements = document if isinstance(document, list) else [document]
    if len(elements) > MOST_ITEMS:
        raise RefusedError(
            "too_many_items", f"{len(elements)} items, at most {MOST_ITEMS} in one message"
        )
    into = Yield()
    for element in elements:
        try:
            _read(element, message, key=key, into=into)
        except RefusedError as refused:
            into.reject(refused)
    return into.outcome()


def _read(element: object, message: Message, *, key: str, into: Yield) -> None:
    if not isinstance(element, dict):
        raise RefusedError("wrong_type", f"an item must be an object, got {type(element).__name__}")
    into.unassigned += sum(path not in KNOWN_NUMBERS for path, _ in numeric_leaves(element))
    sequence = _sequence(element)
    time = element.get("t")
    if time is None and sequence is None:
        raise RefusedError("time_missing", "an item needs a time `t` or a sequence number `seq`")
    if time is None and message.retained:
        into.ignored += 1
        return
    instant = _instant(time, message)
    if "v" not in element:
        raise RefusedError("missing_field", "`v` is absent; send null if there is no value")
    value = element["v"]
    if value is None:
        into.missing += 1
        return
    if not is_number(value):
        raise RefusedError(
            "wrong_type", f"`v` must be a number or null, got {type(value).__name__}"
        )
    into.items.append(
        Observation(
            key=key,
            path="",
            phenomenon_time=instant.time,
            value=float(value),
            quality=instant.flags | _flags(element),
            sequence=sequence,
        )
    )


def _instant(time: object, message: Message) -> Instant:
    if time is None:
        return received_instant(message.received_at)
    return read_time(
        time, ISO if isinstance(time, str) else EPOCH_MS, received_at=message.received_at
    )


def _sequence(element: Mapping[str, object]) -> int | None:
    sequence = element.get("seq")
    if sequence is None:
        return None
    if isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 0:
        raise RefusedError("wrong_type", "`seq` must be an integer from 0 on")
    return sequence


def _flags(element: Mapping[str, object]) -> int:
    keys = element.get("q", [])
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise RefusedError("wrong_type", "`q` must be an array of flag names")
    try:
        flags = from_keys(keys)
    except ModelError:
        flags = Quality.SIMULATED
    if flags & ~FLAGS_OF_A_SOURCE:
        allowed = "bad_at_source, edited_at_source, suspect, time_substituted, ambiguous_time, late"
        raise RefusedError("wrong_type", f"`q` holds a flag that no source sets; use {allowed}")
    return flags


def _status(message: Message, context: CodecContext, *, asset: str) -> Outcome:
    document = parse(message.payload, context.limits)
    online = document.get("online") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(online, bool):
        raise RefusedError("missing_field", "a status needs `online` as true or false")
    instant = _instant(document.get("t"), message)
    into = Yield(unassigned=sum(path != "/t" for path, _ in numeric_leaves(document)))
    kind = "online" if online else "offline"
    into.items.append(Event(kind=kind, key=checked_key(asset), at=instant.time))
    return into.outcome()


codec = Decoder("own", "1", _decode)
