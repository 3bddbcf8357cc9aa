"""The Things Stack v3: uplinks and the other messages of an application."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from sensors.codecs import lorawan
from sensors.codecs.decoder import Decoder, RefusedError, numbered
from sensors.codecs.pointers import checked_key
from sensors.codecs.times import Instant
from twin.model.messages import CodecContext, Event, Message, Outcome

CLOCK_TRUSTED_WITHIN = timedelta(seconds=60)
SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s", re.ASCII)
HERTZ = re.compile(r"\d{1,12}", re.ASCII)
OTHER_KINDS = (
    "join_accept",
    "downlink_queued",
    "downlink_sent",
    "downlink_ack",
    "downlink_nack",
    "downlink_failed",
    "downlink_queue_invalidated",
    "location_solved",
    "service_data",
    "uplink_normalized",
)


def _decode(message: Message, context: CodecContext) -> Outcome:
    document = lorawan.read_document(message, context)
    key = _key(document, message)
    if document.get("simulated") is True:
        raise RefusedError("simulated", "an uplink simulated at the network server; not measured")
    if isinstance(document.get("uplink_message"), dict):
        return _uplink(document, message, context, key=key)
    for kind in OTHER_KINDS:
        if kind in document:
            return Outcome((Event(kind=kind, key=key, at=_received(document, message)),))
    raise RefusedError(
        "unsupported_version", "neither `uplink_message` nor another known kind of message"
    )


def _received(document: Mapping[str, object], message: Message) -> datetime:
    """Time at the server; some kinds of messages carry none."""
    time = document.get("received_at")
    if time is None:
        return message.received_at
    return lorawan.read_iso(time, message).time


def _key(document: Mapping[str, object], message: Message) -> str:
    ids = lorawan.section(document, "end_device_ids")
    device, eui = ids.get("device_id"), ids.get("dev_eui")
    lorawan.check_topic(message, marker="devices", named=(device, eui))
    key = lorawan.device_key(eui)
    if key is not None:
        return key
    application = lorawan.section(ids, "application_ids").get("application_id")
    if not (isinstance(device, str) and isinstance(application, str)):
        raise RefusedError("missing_field", "`end_device_ids` names neither dev_eui nor device_id")
    return checked_key(f"{application}/{device}")


def _uplink(
    document: Mapping[str, object], message: Message, context: CodecContext, *, key: str
) -> Outcome:
    uplink = lorawan.section(document, "uplink_message")
    values = lorawan.section(uplink, "decoded_payload")
    frame = lorawan.frame_counter(uplink, "f_cnt")
    with numbered(key, frame):
        time = _time(document, uplink, message, context)
        return lorawan.uplink_outcome(
            lorawan.Uplink(key, frame, values, time),
            _details(uplink),
            context,
            remedy="no decoded_payload; set a payload formatter in the application",
        )


def _time(
    document: Mapping[str, object],
    uplink: Mapping[str, object],
    message: Message,
    context: CodecContext,
) -> Instant:
    mapped = lorawan.mapped_time(lorawan.section(uplink, "decoded_payload"), message, context)
    if mapped is not None:
        return mapped
    received = uplink.get("received_at") or document.get("received_at")
    if not received:
        raise RefusedError("time_missing", "no received_at in the message")
    server = lorawan.read_iso(received, message)
    gateway = lorawan.section(uplink, "settings").get("time")
    if isinstance(gateway, str):
        heard = lorawan.read_iso(gateway, message)
        if abs(heard.time - server.time) <= CLOCK_TRUSTED_WITHIN:
            return heard
    return server


def _details(uplink: Mapping[str, object]) -> Mapping[str, object]:
    details: dict[str, object] = {**lorawan.best_reception(uplink.get("rx_metadata"))}
    hertz = lorawan.section(uplink, "settings").get("frequency")
    if isinstance(hertz, str) and HERTZ.fullmatch(hertz):
        details["frequency_hz"] = int(hertz)
    airtime = uplink.get("consumed_airtime")
    if isinstance(airtime, str) and (found := SECONDS.fullmatch(airtime)):
        details["airtime_s"] = float(found[1])
    locations = lorawan.section(uplink, "locations")
    for name in ("frm-payload", "user"):
        place = lorawan.position(locations.get(name))
        if place is not None:
            details["position"] = place
            break
    return details


codec = Decoder("ttn", "1", _decode)
