"""Uplinks of The Things Stack and ChirpStack: what their golden cases alone do not show."""

import json
from dataclasses import replace
from typing import Any

import pytest
from contract import golden
from contract.stream_samples import events, observations, reasons

from twin.model.messages import CodecRule, Event, Outcome


def changed(name: str, change: Any) -> Outcome:
    """Outcome of a golden case whose document a function has changed."""
    case = golden.read(name)
    document = json.loads(case.message.payload)
    change(document)
    message = replace(case.message, payload=json.dumps(document).encode())
    return case.codec.decode(message, case.context)


def uplink_of(outcome: Outcome) -> Event:
    (found,) = events(outcome)
    return found


def test_f_ttn_2_an_omitted_frame_counter_is_zero_and_raw_bytes_alone_are_undecoded() -> None:
    outcome = changed("ttn_uplink", lambda one: one["uplink_message"].pop("f_cnt"))
    assert uplink_of(outcome).details["frame"] == 0
    assert {one.sequence for one in observations(outcome)} == {0}
    bare = changed("ttn_uplink", lambda one: one["uplink_message"].pop("decoded_payload"))
    assert (reasons(bare), observations(bare)) == (["undecoded"], [])


def test_f_ttn_4_frequency_and_airtime_are_texts_and_odd_ones_are_left_out() -> None:
    details = uplink_of(changed("ttn_uplink", lambda _: None)).details
    assert (details["frequency_hz"], details["airtime_s"]) == (868_300_000, 0.056576)

    def odd(document: Any) -> None:
        document["uplink_message"]["settings"]["frequency"] = 868300000
        document["uplink_message"]["consumed_airtime"] = "56ms"

    outcome = changed("ttn_uplink", odd)
    assert not {"frequency_hz", "airtime_s"} & set(uplink_of(outcome).details)
    assert observations(outcome)


@pytest.mark.parametrize("copies", [0, 1, 5])
def test_f_ttn_5_one_uplink_is_one_set_of_values_however_many_gateways(copies: int) -> None:
    def heard(document: Any) -> None:
        uplink = document["uplink_message"]
        uplink["rx_metadata"] = uplink["rx_metadata"][:1] * copies

    outcome = changed("ttn_uplink", heard)
    assert observations(outcome) == observations(changed("ttn_uplink", lambda _: None))
    assert uplink_of(outcome).details["gateways"] == copies


@pytest.mark.parametrize("kind", ["join_accept", "downlink_ack", "location_solved", "service_data"])
def test_f_ttn_8_other_kinds_of_messages_are_events_without_values(kind: str) -> None:
    def other(document: Any) -> None:
        document[kind] = document.pop("uplink_message")

    outcome = changed("ttn_uplink", other)
    assert [one.kind for one in events(outcome)] == [kind]
    assert len(outcome.items) == 1


def test_f_chs_1_the_key_is_upper_case_an_omitted_counter_zero_and_no_object_undecoded() -> None:
    outcome = changed("chirpstack_up", lambda one: one.pop("fCnt", None))
    assert {one.key for one in observations(outcome)} == {"02FE000000000A01"}
    assert uplink_of(outcome).details["frame"] == 0
    bare = changed("chirpstack_up", lambda one: one.pop("object"))
    assert reasons(bare) == ["undecoded"]


def test_f_chs_3_three_gateways_are_one_set_of_values_with_the_best_reception() -> None:
    def single(document: Any) -> None:
        document["rxInfo"] = document["rxInfo"][:1]

    many = changed("chirpstack_three_gateways", lambda _: None)
    assert observations(many) == observations(changed("chirpstack_three_gateways", single))
    received = json.loads(golden.read("chirpstack_three_gateways").message.payload)["rxInfo"]
    best = max(received, key=lambda one: one["snr"])
    details = uplink_of(many).details
    assert (details["gateways"], details["snr"], details["rssi"]) == (3, best["snr"], best["rssi"])


def test_f_chs_4_positions_of_gateways_are_dropped_and_their_time_may_be_absent() -> None:
    """F-PRV-2: no position but that of the `location` event of the device."""

    def private(document: Any) -> None:
        for gateway in document["rxInfo"]:
            gateway.pop("gwTime", None)
            gateway["location"] = {"latitude": 51.77, "longitude": 13.77}
            gateway["metadata"] = {"owner": "somebody"}

    outcome = changed("chirpstack_three_gateways", private)
    assert observations(outcome)
    for text in ("51.77", "13.77", "somebody"):
        assert text not in repr(outcome)
    case = golden.read("chirpstack_up")
    document = json.loads(case.message.payload)
    document["location"] = {"latitude": 51.5, "longitude": 13.5}
    topic = case.message.topic.replace("event/up", "event/location")
    message = replace(case.message, topic=topic, payload=json.dumps(document).encode())
    (event,) = events(case.codec.decode(message, case.context))
    assert event.details == {"position": (13.5, 51.5)}


def test_f_sen_5_positions_booleans_texts_and_data_are_no_values() -> None:
    pack = [
        {"bn": "dev1", "bt": 1781510400, "u": "lat", "v": 51.0},
        {"u": "lon", "v": 13.0},
        {"n": "door", "vb": True},
        {"n": "label", "vs": "open"},
        {"n": "raw", "vd": "AQI"},
        {"n": "level", "u": "m", "v": 1.5, "ut": 60},
    ]
    case = golden.read("senml_pack")
    message = replace(case.message, payload=json.dumps(pack).encode())
    outcome = case.codec.decode(message, replace(case.context, rule=CodecRule("t", "senml", "s")))
    assert [(one.key, one.value) for one in observations(outcome)] == [("dev1level", 1.5)]
    (place,) = events(outcome)
    assert place.details["position"] == (13.0, 51.0)
    assert (outcome.ignored, outcome.unassigned, reasons(outcome)) == (5, 0, [])
