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
from sensors.codecs.strict_json import parse
from sensors.codecs.wave import codec as wave
from sensors.preparation import Pipeline
from sensors.prepared import Prepared
from sensors.quality import TimePolicy, Treatment
from sensors.routing import Router, StreamTable
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
)


POLICY = TimePolicy(timedelta(minutes=5), timedelta(days=730))


def pipeline(policy: TimePolicy = POLICY) -> Pipeline:
    codecs = {"own": own, "wave": wave, "odd": OddCodec()}
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
