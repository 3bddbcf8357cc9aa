"""Digitraffic of Fintraffic: traffic counters, road weather, road situations.

References
----------
.. [1] Fintraffic, "Road traffic", MQTT over WebSocket, https://www.digitraffic.fi/en/road-traffic/
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sensors.codecs.decoder import Decoder, RefusedError, shown
from sensors.codecs.pointers import checked_key
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import read_time
from sensors.codecs.values import Yield, mapped_value, number_of
from twin.model.messages import (
    CodecContext,
    Event,
    Limits,
    Message,
    Observation,
    Outcome,
    TimeRule,
    ValueRule,
)
from twin.model.tables import rows

SECONDS = TimeRule("", "s")
ISO = TimeRule("")
KINDS = {"tms-v2": "tms", "weather-v2": "weather"}
MOST_DECOMPRESSED = 4 * 1024 * 1024
GZIP = 31
MOST_RESTRICTIONS = 100
NO_UNIT = ("", "***", "-")
PERIOD = re.compile(r"(?:^|_)(\d{1,4})MIN(?:_|$)", re.ASCII)
SHARE = re.compile(r"_VVAPAAS\d?$", re.ASCII)
COUNT_UNIT = "kpl/h"
FIXED_PERIOD_S = 3600
WINDOW_TOLERANCE_S = 1
S_PER_H = 3600
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Sensor:
    """One row of the sensor list: its name and unit there; the unit is empty where none is told."""

    name: str
    unit: str

    @property
    def period_s(self) -> int | None:
        """Length of the interval of its values [s], as far as the name tells it."""
        found = PERIOD.search(self.name)
        return int(found[1]) * 60 if found else None


def flow_state(share_percent: float) -> str:
    """Fluency of traffic from the share of the free-flow speed [%], 0 or more.

    The bands are those of the service [1]_; a share on the border counts to the faster one.

    Examples
    --------
    >>> flow_state(9.9), flow_state(25.0), flow_state(104.0)
    ('stationary', 'slow', 'fluent')
    """
    reached = [row["key"] for row in rows("free_flow_bands") if share_percent >= float(row["from"])]
    return reached[-1] if reached else "stationary"


def _decode(message: Message, context: CodecContext) -> Outcome:
    levels = message.topic.split("/")
    head = next((place for place, level in enumerate(levels) if level in HANDLERS), None)
    if head is None:
        raise RefusedError(
            "unknown_topic",
            "topic begins with none of tms-v2, weather-v2, maintenance-v2, traffic-message-v3",
        )
    return HANDLERS[levels[head]](levels[head:], message, context)


def _document(payload: bytes, limits: Limits) -> Mapping[str, object]:
    document = parse(payload, limits)
    if not isinstance(document, dict):
        raise RefusedError("wrong_type", "the message must be a JSON object")
    return document


def _seconds(raw: object, message: Message) -> datetime:
    return read_time(raw, SECONDS, received_at=message.received_at).time


def _measured(levels: list[str], message: Message, context: CodecContext) -> Outcome:
    """A value of a station, or the status of the source."""
    kind, document = KINDS[levels[0]], _document(message.payload, context.limits)
    if levels[1:] == ["status"]:
        return _status(kind, document, message)
    if len(levels) != 3:  # noqa: PLR2004 - source, station, sensor
        raise RefusedError("unknown_topic", f"expected {levels[0]}/station/sensor")
    key = checked_key("/".join([kind, *levels[1:]]))
    sensor = _sensor(kind, levels[2], context)
    rule = next((rule for rule in context.rule.value if rule.path in ("", "/value")), None)
    into = Yield()
    raw = document.get("value")
    time = _label(document, sensor, message)
    value = _value(raw, sensor, rule)
    if value is None:
        into.missing += 1
        return into.outcome()
    into.items.append(
        Observation(
            key=key,
            path="",
            phenomenon_time=time,
            value=value,
            quantity=rule.quantity if rule else "",
            unit="" if rule else sensor.unit,
        )
    )
    if SHARE.search(sensor.name) and sensor.unit == "%":
        details = {"share_percent": value, "state": flow_state(value)}
        into.items.append(Event("fluency", key, time, details))
    return into.outcome()


def _value(raw: object, sensor: Sensor, rule: ValueRule | None) -> float | None:
    if rule is not None:
        return mapped_value(raw, rule)
    if raw is None:
        return None
    value = number_of(raw, "value")
    if not sensor.unit:
        raise RefusedError(
            "unit_missing",
            f"the sensor list tells no unit of {shown(sensor.name)}; map its topic with a value",
        )
    return value


def _label(document: Mapping[str, object], sensor: Sensor, message: Message) -> datetime:
    """End of the interval of a value; `time` of an hourly value is when it was computed.

    A moving window ends at its `time`, and its flow is an hourly rate already. The value of a full
    hour is a count and the same number per hour, so nothing is scaled.
    """
    has_window = "start" in document or "end" in document
    if not has_window and sensor.unit == COUNT_UNIT and sensor.period_s == FIXED_PERIOD_S:
        raise RefusedError("missing_field", "a count of an hour without `start` and `end`")
    if not has_window:
        return _seconds(document.get("time"), message)
    start, end = (_seconds(document.get(name), message) for name in ("start", "end"))
    length_s = (end - start).total_seconds()
    wanted_s = sensor.period_s or length_s
    if length_s <= 0 or abs(length_s - wanted_s) > WINDOW_TOLERANCE_S:
        raise RefusedError(
            "interval_mismatch",
            f"`start` to `end` are {length_s:g} s, the name of the sensor says {wanted_s:g} s",
        )
    return end


def _sensor(kind: str, number: str, context: CodecContext) -> Sensor:
    table = context.tables.get(kind)
    listed = table.get("sensors") if isinstance(table, dict) else table
    if not isinstance(listed, list):
        raise RefusedError(
            "metadata_missing",
            f"the sensor list is not loaded; declare a [[codec.table]] named {kind!r}",
        )
    for row in listed:
        if isinstance(row, dict) and str(row.get("id")) == number:
            name, unit = row.get("name"), row.get("unit")
            known = unit if isinstance(unit, str) and unit not in NO_UNIT else ""
            return Sensor(name[:LONGEST_NAME] if isinstance(name, str) else "", known)
    raise RefusedError(
        "metadata_missing",
        f"sensor {shown(number)} is not in the list {kind!r}; load the list anew and replay this",
    )


def _status(kind: str, document: Mapping[str, object], message: Message) -> Outcome:
    at = _seconds(document.get("updated", document.get("time")), message)
    return Outcome((Event("source_status", kind, at),))


def _maintenance(levels: list[str], message: Message, context: CodecContext) -> Outcome:
    """Where a maintenance vehicle is: class `vehicle`, no value of a datastream."""
    document = _document(message.payload, context.limits)
    if levels[1:] == ["status"]:
        return _status("maintenance", document, message)
    at = _seconds(document.get("time"), message)
    position = _position(document.get("x"), document.get("y"))
    details: dict[str, object] = {"privacy_class": "vehicle"}
    if position is not None:
        details["position"] = position
    tasks = document.get("tasks")
    if isinstance(tasks, list):
        details["tasks"] = [one[:LONGEST_NAME] for one in tasks[:20] if isinstance(one, str)]
    return Outcome((Event("maintenance_position", checked_key("/".join(levels)), at, details),))


def _position(x: object, y: object) -> tuple[float, float] | None:
    if not (is_number(x) and is_number(y)):
        return None
    return (float(x), float(y))  # pyrefly: ignore[bad-argument-type] - is_number saw to it


def _situation(levels: list[str], message: Message, context: CodecContext) -> Outcome:
    """A road situation in the `simple` form; the others are DATEX II."""
    if levels[-1] == "status":
        document = _document(message.payload, context.limits)
        return _status("traffic-message", document, message)
    if levels[1:2] != ["simple"]:
        raise RefusedError(
            "unsupported_version", "of traffic-message-v3, topics below `simple` are read"
        )
    document = _document(_decompressed(message.payload), context.limits)
    properties = document.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("situationId"), str):
        raise RefusedError("missing_field", "`properties.situationId` is absent")
    at = read_time(properties.get("releaseTime"), ISO, received_at=message.received_at).time
    details: dict[str, object] = {
        name: properties[source]
        for name, source in (("situation_type", "situationType"), ("version", "version"))
        if isinstance(properties.get(source), str | int)
    }
    geometry = document.get("geometry")
    point = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if isinstance(point, list) and len(point) >= 2 and _position(point[0], point[1]):  # noqa: PLR2004 - lon, lat
        details["position"] = _position(point[0], point[1])
    details["restrictions"] = _restrictions(properties.get("announcements"))
    return Outcome((Event("situation", checked_key(properties["situationId"]), at, details),))


def _restrictions(announcements: object) -> list[Mapping[str, object]]:
    """What an announcement limits: type, quantity, unit."""
    found: list[Mapping[str, object]] = []
    for announcement in announcements if isinstance(announcements, list) else []:
        listed = announcement.get("restrictions") if isinstance(announcement, dict) else None
        for one in listed if isinstance(listed, list) else []:
            limit = one.get("restriction") if isinstance(one, dict) else None
            if isinstance(limit, dict) and len(found) < MOST_RESTRICTIONS:
                names = {"type": one.get("type")}
                names |= {name: limit.get(name) for name in ("quantity", "unit")}
                found.append({k: v for k, v in names.items() if isinstance(v, str | int | float)})
    return found


def _decompressed(payload: bytes) -> bytes:
    """Bytes of gzip in base64, of which at most `MOST_DECOMPRESSED` are ever made."""
    try:
        packed = base64.b64decode(payload.strip(), validate=True)
        unpacker = zlib.decompressobj(GZIP)
        content = unpacker.decompress(packed, MOST_DECOMPRESSED + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise RefusedError("not_json", "payload is not gzip in base64") from None
    if len(content) > MOST_DECOMPRESSED:
        raise RefusedError("decompress_limit", f"more than {MOST_DECOMPRESSED} bytes unpacked")
    if not unpacker.eof:
        raise RefusedError("length_mismatch", "the gzip stream ends early")
    return content


HANDLERS = {
    "tms-v2": _measured,
    "weather-v2": _measured,
    "maintenance-v2": _maintenance,
    "traffic-message-v3": _situation,
}

codec = Decoder("digitraffic", "1", _decode)
