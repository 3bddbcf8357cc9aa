"""Our own topics: ``twin/v1/{tenant}/{asset}/{stream}/obs`` and ``.../{asset}/status``."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

import numpy as np

from sensors.codecs.columns import NO_SEQUENCE, Columns
from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.plain_json import finite_floats, flat_records
from sensors.codecs.pointers import checked_key, numeric_leaves
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import Instant, read_time, received_instant
from sensors.codecs.values import Yield
from twin.errors import ModelError
from twin.model.messages import (
    CodecContext,
    Event,
    Limits,
    Message,
    Numbered,
    Observation,
    Outcome,
    TimeRule,
)
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
# The plain form of one reading. What it accepts, `decode` reads to the same value: -0 and numbers
# with more digits are left to it. No group that captures is possessive: Python 3.11.2 (Debian 12)
# loses what it captured.
DAY = (  # 29 February is left to `decode`: every day that fits exists
    rb"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
CLOCK = (
    rb'"[12]\d{3}-' + DAY + rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    rb'(?:\.\d{1,6}+)?+(?:Z|\+00:00)"'
)
ISO_TEXT = re.compile(CLOCK)
PLAIN = re.compile(
    rb"""\{%(_)b"t"%(_)b:%(_)b([1-9]\d{0,13}+|%(clock)b)%(_)b
    ,%(_)b"v"%(_)b:%(_)b(%(number)b)%(_)b
    (?:,%(_)b"seq"%(_)b:%(_)b(0|[1-9]\d{0,17}+)%(_)b)?
    (?:,%(_)b"q"%(_)b:%(_)b(\[[a-z_",\x20]{0,200}\])%(_)b)?\}"""
    % {
        b"_": rb"\x20{0,4}+",
        b"clock": CLOCK,
        b"number": rb"(?:-(?!0[\x20,}]))?+(?:0|[1-9]\d{0,29}+)(?:\.\d{1,30}+)?+"
        rb"(?:[eE][-+]?+\d{1,2}+)?+",
    },
    re.VERBOSE,
)
US_PER_MS = 1000
LAST_MS = 253_402_300_799_000
LARGEST_SEQUENCE = 2**62
QUOTE, ZULU = b'"Z'


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
            "too_many_items",
            f"{len(elements)} items, at most {MOST_ITEMS} in one message",
            [one for element in elements for one in _numbered(element, message, key=key)],
        )
    into = Yield()
    numbers: list[Numbered] = []
    for element in elements:
        values = len(into.items)
        try:
            _read(element, message, key=key, into=into)
        except RefusedError as refused:
            into.reject(refused)
            values += 1
        if len(into.items) == values:  # missing or refused, but not lost
            numbers += _numbered(element, message, key=key)
    return replace(into.outcome(), numbered=tuple(numbers))


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


def _numbered(element: object, message: Message, *, key: str) -> list[Numbered]:
    """Sequence number of an item that yields no value, with its time if that can be read."""
    if not isinstance(element, dict):
        return []
    try:
        sequence = _sequence(element)
        if sequence is None:
            return []
    except RefusedError:
        return []
    try:
        time = _instant(element.get("t"), message).time
    except RefusedError:
        time = None
    return [Numbered(key, sequence, time)]


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


class OwnCodec(Decoder):
    """The codec with its fast path for plain readings, alone or in arrays."""

    def __init__(self) -> None:
        super().__init__("own", "1", _decode)

    def topic_key(self, topic: str, context: CodecContext) -> str | None:
        """Route key of an observation topic; None for any other."""
        del context
        levels = topic.split("/")
        if len(levels) != OBSERVATION_LEVELS or levels[-1] != "obs":
            return None
        try:
            return checked_key(f"{levels[3]}/{levels[4]}")
        except RefusedError:
            return None

    def decode_columns(self, payloads: Sequence[bytes], limits: Limits) -> Columns:
        """Readings of the payloads in the plain form; the others are left."""
        into = Columns()
        texts: list[bytes] = []  # of times in ISO 8601, which numpy reads all at once
        places: list[int] = []
        match = PLAIN.fullmatch
        for row, payload in enumerate(payloads):
            found = match(payload)
            if found is None:
                if not _take_array(payload, row, limits, into):
                    into.left.append(row)
                continue
            time, value, sequence, flags = found.groups()
            if flags is not None and not _take_flags(flags, into):
                into.left.append(row)
                continue
            if time[0] == QUOTE:
                texts.append(time)
                places.append(len(into.time_us))
                into.time_us.append(0)
            else:
                into.time_us.append(int(time) * US_PER_MS)
            into.message.append(row)
            into.value.append(float(value))
            into.sequence.append(NO_SEQUENCE if sequence is None else int(sequence))
        for place, time_us in zip(places, _read_texts(texts), strict=True):
            into.time_us[place] = time_us
        return into


def _take_array(payload: bytes, row: int, limits: Limits, into: Columns) -> bool:
    """Add the readings of an array in the plain form; False if it is in none."""
    records = flat_records(payload, limits, most=MOST_ITEMS)
    if records is None:
        return False
    values = finite_floats(record.get("v") for record in records)
    sequences = [record.get("seq", NO_SEQUENCE) for record in records]
    times = _times_us([record.get("t") for record in records])
    if values is None or times is None or set(map(type, sequences)) != {int}:
        return False
    numbers = cast("list[int]", sequences)
    counted = len(records) - numbers.count(NO_SEQUENCE)
    if sum(map(len, records)) != 2 * len(records) + counted:
        return False  # further fields
    if min(numbers) < NO_SEQUENCE or max(numbers) > LARGEST_SEQUENCE:
        return False
    into.message.extend([row] * len(records))
    into.time_us.extend(times)
    into.value.extend(values)
    into.sequence.extend(numbers)
    return True


def _times_us(times: list[object]) -> list[int] | None:
    """Times of an array, all of one form, or None."""
    if set(map(type, times)) == {int}:
        numbers = cast("list[int]", times)
        is_fine = 0 < min(numbers) <= max(numbers) <= LAST_MS
        return [number * US_PER_MS for number in numbers] if is_fine else None
    texts = [b'"%b"' % time.encode() for time in times if isinstance(time, str)]
    if len(texts) != len(times) or not all(map(ISO_TEXT.fullmatch, texts)):
        return None
    return _read_texts(texts)


def _read_texts(texts: list[bytes]) -> list[int]:
    """Times [us since 1970-01-01 UTC] of quoted UTC times that fit `CLOCK`."""
    plain = [str(text[1 : -2 if text[-2] == ZULU else -7], "ascii") for text in texts]
    return np.array(plain, "datetime64[us]").astype(np.int64).tolist()


def _take_flags(text: bytes, into: Columns) -> bool:
    try:
        flags = _read_flags(text)
    except (ValueError, RefusedError):
        return False
    if flags:
        into.quality[len(into.value)] = flags
    return True


@lru_cache(maxsize=1024)
def _read_flags(text: bytes) -> int:
    return _flags({"q": json.loads(text)})


codec = OwnCodec()
