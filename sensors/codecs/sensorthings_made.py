"""OGC SensorThings observations that a client creates: published by MQTT, or posted over HTTP.

The twin tells its own observations on the topics on which clients create theirs. What the twin told
carries the address that a service gives to an entity, and is counted as ignored, not read back.

References
----------
.. [1] OGC 18-088, "SensorThings API Part 1: Sensing", version 1.1, 2021, clauses 8.2.7 and 14.1.
"""

from collections.abc import Mapping
from datetime import datetime

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.pointers import checked_key
from sensors.codecs.sensorthings_in import DATASTREAM, entity_id
from sensors.codecs.strict_json import parse
from sensors.codecs.times import read_time
from sensors.codecs.values import number_of
from twin.model.messages import CodecContext, Message, Observation, Outcome, TimeRule

TOLD = "@iot.selfLink"
KEPT = frozenset({"phenomenonTime", "result", "resultTime", "Datastream"})
"""Members of an observation that is created; ``resultTime`` is read and not kept."""
ISO = TimeRule("")


def _decode(message: Message, context: CodecContext) -> Outcome:
    document = parse(message.payload, context.limits)
    if not isinstance(document, dict):
        raise RefusedError("wrong_type", "one Observation as a JSON object is created at a time")
    if TOLD in document:
        return Outcome(ignored=1)
    unknown = [name for name in document if name not in KEPT]
    if unknown:
        raise RefusedError(
            "unmapped",
            f"{len(unknown)} members are not kept; leave all out but phenomenonTime, result, "
            "resultTime and Datastream",
        )
    key = _datastream(document, message)
    time = _time(document, message)
    if time is None and message.retained:
        return Outcome(ignored=1)
    result = document.get("result")
    value = float(result) if isinstance(result, bool) else number_of(result, "result")
    found = Observation(
        key=key,
        path="",
        phenomenon_time=message.received_at if time is None else time,
        value=value,
        is_timed=time is not None,
    )
    return Outcome(items=(found,))


def _datastream(document: Mapping[str, object], message: Message) -> str:
    """Route key: the id of the datastream in the message, in the topic, or the same in both."""
    found = DATASTREAM.search(message.topic)
    in_topic = entity_id(found[1]) if found else ""
    inline = document.get("Datastream")
    if inline is None:
        if not in_topic:
            raise RefusedError("missing_field", "neither message nor topic names a datastream")
        return checked_key(in_topic)
    told = inline.get("@iot.id") if isinstance(inline, dict) and len(inline) == 1 else None
    if not isinstance(told, str | int) or isinstance(told, bool):
        raise RefusedError("wrong_type", 'name the datastream as {"@iot.id": ID}, nothing else')
    if in_topic and str(told) != in_topic:
        raise RefusedError("topic_mismatch", "topic and message name different datastreams")
    return checked_key(str(told))


def _time(document: Mapping[str, object], message: Message) -> datetime | None:
    """Time of the observation, that of an interval is its end; None if the arrival counts.

    Raises
    ------
    RefusedError
        If it cannot be read.
    """
    if document.get("resultTime") is not None:
        _instant(document["resultTime"], message)
    told = document.get("phenomenonTime")
    if told is None:
        return None
    first, separator, last = told.partition("/") if isinstance(told, str) else (told, "", "")
    begin = _instant(first, message)
    end = _instant(last, message) if separator else begin
    if end < begin:
        raise RefusedError("interval_mismatch", "the interval ends before it begins")
    return end


def _instant(raw: object, message: Message) -> datetime:
    return read_time(raw, ISO, received_at=message.received_at).time


codec = Decoder("sensorthings_made", "1", _decode)
