"""From messages to a batch: whatever one message holds, the others are stored."""

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sensors.broker.delivery import Delivery
from sensors.broker.plan import client_id
from sensors.codecs.decoder import RefusedError
from sensors.codecs.own import codec as own
from sensors.codecs.senml import codec as senml
from sensors.codecs.strict_json import parse
from sensors.codecs.wave import codec as wave
from sensors.pipeline.preparation import Pipeline
from sensors.pipeline.prepared import Prepared
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy, Treatment
from twin.model.datastreams import Datastream, StreamKind, TimeSource
from twin.model.messages import (
    CodecContext,
    CodecRule,
    Limits,
    Message,
    Observation,
    Outcome,
    WaveformBlock,
)
from twin.model.times import to_us

NOW = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
YEAR_9999_NS = 253_402_300_799 * 10**9
RULES = (
    CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "demo"),
    CodecRule("twin/v1/{tenant}/{asset}/{stream}/wave", "wave", "demo"),
    CodecRule("odd/{device}", "odd", "demo"),
    CodecRule("senml/{site}", "senml", "demo"),
)


class OddCodec:
    """A foreign codec that promises more than it keeps: its last items are malformed."""

    name = "odd"
    version = "1"

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        del context
        good = Observation("B1/level", "", message.received_at, 1.0)
        naive = Observation("B1/level", "", datetime(2026, 6, 15), 2.0)  # noqa: DTZ001 - the point
        empty = WaveformBlock("B1/acc", 1_781_510_400_000_000, 100.0, np.empty(0, "f4"), "m/s2")
        return Outcome(items=(good, naive, empty))


def stream(
    number: int,
    key: str,
    quantity: str,
    *,
    kind: StreamKind = "reading",
    time: TimeSource = "device",
) -> Datastream:
    return Datastream(
        uid=key, name=key, asset_id="B1", component_id=None, quantity=quantity, sensor_id="s",
        source="demo", route_key=key, provenance="measured", kind=kind, time_source=time,
        number=number,
    )  # fmt: skip


STREAMS = (
    stream(1, "B1/level", "water_level"),
    stream(2, "B1/acc", "acceleration", kind="waveform"),
    stream(3, "B1/clockless", "water_level", time="server"),
    stream(4, "B1/acc#rms", "acceleration"),
    stream(5, "urn:dev:1:deck", "air_temperature"),
)


POLICY = TimePolicy(timedelta(minutes=5), timedelta(days=730))


def pipeline(policy: TimePolicy = POLICY) -> Pipeline:
    codecs = {"own": own, "wave": wave, "odd": OddCodec(), "senml": senml}
    return Pipeline.of(Router(RULES), codecs, StreamTable(STREAMS), policy)


def delivered(message: Message) -> Delivery:
    return Delivery(
        connection=1,
        packet=1,
        qos=1,
        topic=message.topic.encode(),
        payload=message.payload,
        received_us=to_us(message.received_at),
        is_retained=message.retained,
    )


def prepare(*messages: Message, policy: TimePolicy = POLICY) -> Prepared:
    return pipeline(policy).prepare([delivered(one) for one in messages], most_readings=1000)


def burst(t0_ns: int) -> Message:
    samples = np.zeros(20, "<i2").tobytes()
    header = {
        "stream": "B1/acc", "t0": t0_ns, "fs": 10, "n": 20, "dtype": "i2", "scale": 1.0,
        "offset": 0.0, "unit": "m/s2", "seq": 1, "crc": f"{zlib.crc32(samples):08x}",
    }  # fmt: skip
    text = json.dumps(header).encode()
    payload = b"TWV1" + len(text).to_bytes(4, "little") + text + samples
    return Message("twin/v1/demo/B1/acc/wave", payload, NOW)


def reading(stream_name: str, *, retained: bool = False) -> Message:
    payload = json.dumps({"t": NOW.isoformat(), "v": 3.1, "seq": 1}).encode()
    return Message(f"twin/v1/demo/B1/{stream_name}/obs", payload, NOW, retained)


def test_a_burst_in_the_year_9999_is_rejected_and_its_neighbour_is_stored() -> None:
    found = prepare(burst(YEAR_9999_NS), reading("level"))
    assert [item.reason for item in found.rejections] == ["clock_future"]
    assert len(found.readings) == 1


def test_a_malformed_item_of_a_foreign_codec_costs_that_item_only() -> None:
    found = prepare(Message("odd/1", b"", NOW), reading("level"))
    assert [item.reason for item in found.rejections] == ["codec_error", "codec_error"]
    assert sorted(found.readings.value.tolist()) == [1.0, 3.1]


def test_retained_values_are_ignored_and_counted() -> None:
    found = prepare(reading("clockless", retained=True), reading("level", retained=True))
    assert found.tallies["demo"].ignored == 2
    assert len(found.readings) + len(found.arrivals) == 0


def test_a_source_may_accept_retained_values_that_carry_their_time() -> None:
    policy = replace(POLICY, treatments={"demo": Treatment(accepts_retained=True)})
    messages = reading("clockless", retained=True), reading("level", retained=True)
    found = prepare(*messages, policy=policy)
    assert found.tallies["demo"].ignored == 1
    assert found.readings.number.tolist() == [1]


def test_a_message_with_many_wrong_items_is_kept_once() -> None:
    items = [{"t": 1000 * number, "v": 1.0, "seq": number} for number in range(1, 501)]
    payload = json.dumps(items).encode()
    found = prepare(Message("twin/v1/demo/B1/level/obs", payload, NOW))
    assert len(found.rejections) == 500
    assert found.tallies["demo"].received == 500
    assert sum(len(item.payload) for item in found.rejections) == len(payload)


def test_a_burst_yields_the_features_that_are_registered() -> None:
    found = prepare(burst(to_us(NOW) * 1000 - 5 * 10**9))
    assert [one.number for one in found.waveforms] == [2]
    assert found.readings.number.tolist() == [4]
    assert found.readings.time_us.tolist() == [found.waveforms[0].end_us]
    assert found.tallies["demo"].received == 2


def at(topic: str, payload: bytes) -> Message:
    return Message(topic, payload, NOW)


def pack(*records: object) -> Message:
    return at("senml/yard", json.dumps(records).encode())


def test_packs_are_converted_to_the_unit_of_their_datastream() -> None:
    base = {"bn": "urn:dev:1:", "bt": to_us(NOW) // 10**6}
    found = prepare(
        pack(base | {"n": "deck", "u": "K", "v": 300.15}),
        pack(base | {"n": "deck", "u": "Cel", "t": -60, "v": 21.5}),
    )
    assert found.readings.value.tolist() == pytest.approx([27.0, 21.5])
    assert found.readings.number.tolist() == [5, 5]


def test_a_pack_with_a_stranger_or_a_wrong_unit_keeps_its_good_records() -> None:
    base = {"bn": "urn:dev:1:", "bt": to_us(NOW) // 10**6}
    found = prepare(
        pack(base | {"n": "deck", "u": "Cel", "v": 1.0}, {"n": "door", "v": 1.0}),
        pack(
            base | {"n": "deck", "u": "kg", "v": 2.0}, {"n": "deck", "t": -1, "u": "K", "v": 280.0}
        ),
    )
    assert sorted(one.reason for one in found.rejections) == ["unit_conflict", "unknown_stream"]
    assert found.readings.value.tolist() == pytest.approx([1.0, 6.85])
    assert found.tallies["demo"].received == 4
    assert found.by_source == {"demo": 2}


def test_readings_keep_the_order_of_their_messages_however_they_are_decoded() -> None:
    time_ms = to_us(NOW) // 1000
    payloads = [
        b'{"t":%d,"v":1}' % time_ms,
        b'{"v":2,"t":%d}' % time_ms,  # not the plain form
        b'{"t":%d,"v":3}' % time_ms,
        b'[{"t":%d,"v":4},{"t":%d,"v":5}]' % (time_ms, time_ms),
    ]
    topic = "twin/v1/demo/B1/level/obs"
    found = prepare(*(at(topic, payload) for payload in payloads))
    assert found.readings.value.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_repetition_of_a_reading_without_clock_has_the_same_key() -> None:
    message = at("twin/v1/demo/B1/clockless/obs", b'{"t":1000,"v":3.5,"seq":8}')
    later = replace(message, received_at=NOW + timedelta(hours=2))
    found = prepare(message, later)
    assert found.arrivals.time_us.tolist() == [to_us(NOW), to_us(later.received_at)]
    assert found.arrivals.key[0] == found.arrivals.key[1]
    assert found.counted().sequence.tolist() == [8, 8]


def test_a_flood_of_unknown_topics_is_kept_for_the_first_and_counted_for_the_others() -> None:
    flood = [at(f"twin/v1/demo/X{number}/a/obs", b'{"t":1,"v":1}') for number in range(1500)]
    deliveries = [delivered(one) for one in flood]
    found = pipeline().prepare(deliveries, most_readings=5000)
    assert found.tallies["demo"].received == 1500
    kept = [one for one in found.rejections if one.topic]
    assert len(kept) == 1000
    assert len({(one.source, one.detail) for one in found.rejections if not one.topic}) == 1


@pytest.mark.parametrize("start", [b"", b'[["', b'{"a":"'])
def test_a_string_without_an_end_is_refused_in_linear_time(start: bytes) -> None:
    """With quadratic time this would take minutes and end the test run."""
    limits = Limits()
    payload = start + b'\\"' * ((limits.payload_bytes - len(start)) // 2)
    with pytest.raises(RefusedError):
        parse(payload, limits)


def test_a_long_city_name_never_swallows_the_instance() -> None:
    first, second = client_id("x" * 200, "1"), client_id("x" * 200, "2")
    assert first != second
    assert len(first) == 64
