"""HSL high-frequency positioning, version 2: where buses and trams are, as events of vehicles.

References
----------
.. [1] HSL, "High-frequency positioning", https://digitransit.fi/en/developers/apis/5-realtime-api/
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.pointers import checked_key
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import read_time
from twin.model.datastreams import PrivacyClass
from twin.model.messages import CodecContext, Event, Message, Outcome, TimeRule

ROOT = ["", "hfp"]
VERSION = "v2"
KIND = "vehicle_position"
PRIVACY_CLASS: PrivacyClass = "vehicle"
ISO = TimeRule("")
KM_H_PER_M_S = 3.6
MOST_SEEN = 16
LONGEST_TEXT = 120
LEVELS = ("journey", "temporal", "event", "mode", "operator", "vehicle")
OPTIONAL_LEVELS = ("route", "direction", "headsign", "start", "next_stop")
FIGURES = {"hdg": "heading_deg", "dl": "delay_s", "odo": "odometer_m", "acc": "acceleration_m_s2"}
TEXTS = {"desi": "line", "oday": "operating_day", "drst": "doors", "occu": "occupancy_percent"}


@dataclass(frozen=True, slots=True)
class Place:
    """What the topic tells: its levels by name, and the identity of the vehicle."""

    names: Mapping[str, str]
    vehicle: str


def vehicle_of(message: Message, context: CodecContext) -> str:
    """Operator and number of the vehicle, whose state a message needs; empty if there is none."""
    del context
    try:
        return _place(message.topic).vehicle
    except RefusedError:
        return ""


def _place(topic: str) -> Place:
    levels = topic.split("/")
    if levels[:2] != ROOT:
        raise RefusedError("unknown_topic", "topic does not begin with /hfp")
    if levels[2:3] != [VERSION]:
        raise RefusedError("unsupported_version", f"of /hfp, version {VERSION} is read")
    told = dict(zip((*LEVELS, *OPTIONAL_LEVELS), levels[3:], strict=False))
    operator, number = told.get("operator", ""), told.get("vehicle", "")
    if not operator or not number:
        raise RefusedError("unknown_topic", "topic has no levels of operator and vehicle")
    return Place(told, checked_key(f"{_bare(operator)}/{_bare(number)}"))


def _bare(number: str) -> str:
    """Number without the zeros before it, which the payload does not have.

    Examples
    --------
    >>> _bare("00012"), _bare("000")
    ('12', '0')
    """
    return number.lstrip("0") or "0"


def _decode(message: Message, context: CodecContext) -> Outcome:
    place = _place(message.topic)
    kind, told = _event(parse(message.payload, context.limits))
    number = told.get("veh")
    if number is not None and _bare(str(number)[:LONGEST_TEXT]) != place.vehicle.partition("/")[2]:
        raise RefusedError("topic_mismatch", "topic and message name different vehicles")
    raw_time = told.get("tst")
    if raw_time is None:
        raise RefusedError("time_missing", "`tst` is absent")
    at = read_time(raw_time, ISO, received_at=message.received_at).time
    identity = f"{kind} {at.isoformat()}"
    seen = context.state.get("seen")
    known = [one for one in seen if isinstance(one, str)] if isinstance(seen, list) else []
    if identity in known:
        return Outcome()
    event = Event(KIND, place.vehicle, at, _details(kind, told, place))
    return Outcome((event,), state={"seen": [*known, identity][-MOST_SEEN:]})


def _event(document: object) -> tuple[str, Mapping[str, object]]:
    """The only member of the message: name of the event and what it tells."""
    if not isinstance(document, dict) or len(document) != 1:
        raise RefusedError("wrong_type", "the message must be an object with one event")
    ((kind, told),) = document.items()
    if not isinstance(told, dict):
        raise RefusedError("wrong_type", "the event must be an object")
    return checked_key(kind), told


def _details(kind: str, told: Mapping[str, object], place: Place) -> Mapping[str, object]:
    details: dict[str, object] = {"event": kind, "privacy_class": PRIVACY_CLASS}
    position = _position(told)
    if position is not None:
        details["position"] = position
    details["position_quality"] = _quality(position, told.get("loc"))
    speed = told.get("spd")
    if is_number(speed):
        details["speed_km_h"] = KM_H_PER_M_S * float(speed)  # pyrefly: ignore[bad-argument-type] - is_number
    for source, name in (FIGURES | TEXTS).items():
        value = told.get(source)
        if is_number(value):
            details[name] = value
        elif source in TEXTS and isinstance(value, str):
            details[name] = value[:LONGEST_TEXT]
    for name in ("temporal", "mode", *OPTIONAL_LEVELS):
        text = place.names.get(name, "")
        if text:
            details[name] = text[:LONGEST_TEXT]
    return details


def _position(told: Mapping[str, object]) -> tuple[float, float] | None:
    """Longitude and latitude [degree], if both are there and possible."""
    longitude, latitude = told.get("long"), told.get("lat")
    if not (is_number(longitude) and is_number(latitude)):
        return None
    point = float(longitude), float(latitude)  # pyrefly: ignore[bad-argument-type] - is_number
    return point if abs(point[0]) <= 180 and abs(point[1]) <= 90 else None  # noqa: PLR2004 - degrees


def _quality(position: tuple[float, float] | None, source: object) -> str:
    """How well the position is known: by satellite, by something else, not at all."""
    if position is None:
        return "none"
    return "good" if source == "GPS" else "degraded"


codec = Decoder("hfp", "1", _decode, state_key=vehicle_of, privacy_class=PRIVACY_CLASS)
