"""What The Things Stack and ChirpStack have in common: keys, decoded values, radio figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensors.codecs.decoder import RefusedError, shown
from sensors.codecs.pointers import checked_key, find, numeric_leaves
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import Instant, read_time
from sensors.codecs.values import Origin, Yield, read_leaves, read_values
from twin.model.messages import CodecContext, Event, Message, Outcome, TimeRule

ISO = TimeRule("")
MOST_GATEWAYS = 1000


@dataclass(frozen=True, slots=True)
class Uplink:
    """The parts of an uplink that become values."""

    key: str
    frame: int
    values: Mapping[str, object]
    time: Instant


def section(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Object of this name; empty if it is absent or something else."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def read_document(message: Message, context: CodecContext) -> Mapping[str, object]:
    """The message as a JSON object; refused otherwise. Both servers may name a key twice."""
    document = parse(message.payload, context.limits, allows_duplicate_keys=True)
    if not isinstance(document, dict):
        raise RefusedError("wrong_type", "the message must be a JSON object")
    return document


def read_iso(raw: object, message: Message) -> Instant:
    """Time as both servers write it."""
    return read_time(raw, ISO, received_at=message.received_at)


def device_key(eui: object) -> str | None:
    """Device EUI in upper case, or None if there is none."""
    return checked_key(eui.upper()) if isinstance(eui, str) and eui else None


def check_topic(message: Message, *, marker: str, named: Sequence[object]) -> None:
    """Refuse a message whose topic names another device than its body.

    Parameters
    ----------
    marker
        Topic level before the device, such as ``devices``.
    named
        Names of the device in the body; the topic may use any of them.
    """
    levels = message.topic.split("/")
    if marker not in levels[:-1]:
        return
    in_topic = levels[levels.index(marker) + 1]
    names = [name for name in named if isinstance(name, str) and name]
    if names and in_topic.upper() not in [name.upper() for name in names]:
        raise RefusedError(
            "topic_mismatch",
            f"topic names device {shown(in_topic)}, the message {shown(names[0])}; "
            "the broker's rules let one device write another's topic",
        )


def frame_counter(document: Mapping[str, object], name: str) -> int:
    """Frame counter; both servers leave 0 out."""
    value = document.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RefusedError("wrong_type", f"`{name}` must be an integer from 0 on")
    return value


def uplink_outcome(
    uplink: Uplink, details: Mapping[str, object], context: CodecContext, *, remedy: str
) -> Outcome:
    """The uplink as an event, and its values.

    Parameters
    ----------
    details
        What is known of the transmission.
    remedy
        What is absent where there are no values, and what to do.
    """
    into = Yield()
    details = {"frame": uplink.frame, **details}
    into.items.append(Event(kind="uplink", key=uplink.key, at=uplink.time.time, details=details))
    if uplink.values:
        _read_uplink(uplink, context, into)
    else:
        into.reject(RefusedError("undecoded", remedy))
    return into.outcome()


def _read_uplink(uplink: Uplink, context: CodecContext, into: Yield) -> None:
    """Add the values of a decoded uplink: mapped ones, or all numbers without a mapping."""
    origin = Origin(uplink.key, uplink.time, uplink.frame)
    rules = context.rule.value
    if not rules:
        read_leaves(uplink.values, origin=origin, limits=context.limits, into=into)
        return
    read_values(uplink.values, rules, document=uplink.values, origin=origin, into=into)
    mapped = {rule.path for rule in rules} | {context.rule.time.path if context.rule.time else ""}
    into.unassigned += sum(path not in mapped for path, _ in numeric_leaves(uplink.values))


def mapped_time(
    values: Mapping[str, object], message: Message, context: CodecContext
) -> Instant | None:
    """Time from the decoded values if the mapping names a path and it is there."""
    rule = context.rule.time
    if rule is None:
        return None
    raw = find(values, rule.path, document=values)
    if not isinstance(raw, str | int | float):
        return None
    return read_time(raw, rule, received_at=message.received_at)


def best_reception(gateways: object) -> dict[str, float]:
    """Number of gateways, and RSSI and SNR of the one that heard best; nothing else of them."""
    heard = [one for one in gateways if isinstance(one, dict)] if isinstance(gateways, list) else []
    figures: dict[str, float] = {"gateways": len(heard)}
    rated = [one for one in heard[:MOST_GATEWAYS] if is_number(one.get("snr"))]
    if rated:
        best = max(rated, key=lambda one: one["snr"])
        figures["snr"] = best["snr"]
        if is_number(best.get("rssi")):
            figures["rssi"] = best["rssi"]
    return figures


def position(place: object) -> tuple[float, float] | None:
    """Longitude and latitude [degree] of a location object, if it holds both."""
    if not isinstance(place, dict):
        return None
    longitude, latitude = place.get("longitude"), place.get("latitude")
    if not (is_number(longitude) and is_number(latitude)):
        return None
    return (float(longitude), float(latitude))  # pyrefly: ignore[bad-argument-type] - is_number
