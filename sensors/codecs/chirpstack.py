"""ChirpStack v4, JSON integration: uplinks, status, and the other events of a device."""

from collections.abc import Mapping
from dataclasses import replace

from sensors.codecs import lorawan
from sensors.codecs.decoder import Decoder, RefusedError, numbered
from sensors.codecs.times import Instant
from sensors.codecs.values import Origin, Yield, read_leaves
from twin.model.messages import CodecContext, Event, Message, Observation, Outcome

OTHER_KINDS = frozenset({"join", "ack", "txack", "log", "integration"})
STATUS_QUANTITIES = {"/batteryLevel": "battery_level", "/margin": "link_margin"}


def _decode(message: Message, context: CodecContext) -> Outcome:
    document = _document(message, context)
    if "applicationID" in document or "devEUI" in document:
        raise RefusedError("unsupported_version", "ChirpStack v3 message; version 4 is read")
    key = lorawan.device_key(lorawan.section(document, "deviceInfo").get("devEui"))
    if key is None:
        raise RefusedError("missing_field", "`deviceInfo.devEui` is absent")
    lorawan.check_topic(message, marker="device", named=(key,))
    kind = message.topic.rpartition("/")[2]
    if kind == "up":
        return _uplink(document, message, context, key=key)
    time = _time(document, message)
    if kind == "status":
        return _status(document, context, key=key, time=time)
    if kind == "location":
        place = lorawan.position(document.get("location"))
        details = {} if place is None else {"position": place}
        return Outcome((Event(kind=kind, key=key, at=time.time, details=details),))
    if kind in OTHER_KINDS:
        return Outcome((Event(kind=kind, key=key, at=time.time),))
    raise RefusedError(
        "unknown_topic",
        "topic does not end with event/up, status, location, join, ack, txack, log or integration",
    )


def _document(message: Message, context: CodecContext) -> Mapping[str, object]:
    try:
        return lorawan.read_document(message, context)
    except RefusedError as refused:
        if refused.reason not in ("not_json", "not_utf8"):
            raise
        raise RefusedError(
            "not_json",
            "payload is not JSON; set `json=true` in the MQTT integration of ChirpStack "
            "instead of its protobuf marshaler",
        ) from None


def _time(document: Mapping[str, object], message: Message) -> Instant:
    time = document.get("time")
    if not time:
        raise RefusedError("time_missing", "`time` is absent")
    return lorawan.read_iso(time, message)


def _uplink(
    document: Mapping[str, object], message: Message, context: CodecContext, *, key: str
) -> Outcome:
    values = lorawan.section(document, "object")
    frame = lorawan.frame_counter(document, "fCnt")
    with numbered(key, frame):
        time = lorawan.mapped_time(values, message, context) or _time(document, message)
        return lorawan.uplink_outcome(
            lorawan.Uplink(key, frame, values, time),
            lorawan.best_reception(document.get("rxInfo")),
            context,
            remedy="no `object`; set a codec in the device profile",
        )


def _status(
    document: Mapping[str, object], context: CodecContext, *, key: str, time: Instant
) -> Outcome:
    into = Yield()
    is_unknown = any(
        document.get(name) is True for name in ("batteryLevelUnavailable", "externalPowerSource")
    )
    # a margin of 0 is left out by the server; a battery of 0 could not have sent this
    values = {"batteryLevel": document.get("batteryLevel"), "margin": document.get("margin", 0)}
    if is_unknown or values["batteryLevel"] is None:
        into.missing += 1
        del values["batteryLevel"]
    read_leaves(values, origin=Origin(key, time), limits=context.limits, into=into)
    into.items = [
        replace(item, quantity=STATUS_QUANTITIES.get(item.path, ""))
        if isinstance(item, Observation)
        else item
        for item in into.items
    ]
    return into.outcome()


codec = Decoder("chirpstack", "1", _decode)
