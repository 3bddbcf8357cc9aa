"""Gaps on their way to the store: noted with the batch, written aside, again if need be."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from faults.rig import small_city

from sensors.broker import Delivery
from sensors.codecs.own import codec as own
from sensors.ingest.gapnotes import GapNotes
from sensors.ingest.meter import Meter
from sensors.pipeline.preparation import Pipeline
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.model.messages import CodecRule
from twin.model.times import to_us, utc_now
from twin.store import MemoryStore

NOW = utc_now().replace(microsecond=0)
RULE = CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "demo")


@pytest.mark.parametrize("is_alone", [True, False])
def test_numbers_and_silence_become_gaps_unless_others_share_the_messages(
    *, is_alone: bool
) -> None:
    twin = Twin(MemoryStore(clock=lambda: NOW), clock=lambda: NOW)
    city = small_city(2)
    twin.load(
        replace(city, datastreams=tuple(replace(one, cadence_s=10.0) for one in city.datastreams))
    )
    streams = twin.datastreams()
    policy = TimePolicy(timedelta(minutes=5), timedelta(days=9))
    pipeline = Pipeline.of(Router((RULE,)), {"own": own}, StreamTable(streams), policy)
    begin_ms = to_us(NOW) // 1000 - 300_000
    items = [(0, 1), (10, 2), (200, 3), (210, 9)]
    deliveries = [
        Delivery(
            0, 0, 1, b"twin/v1/t/B1/s000/obs",
            json.dumps({"t": begin_ms + 1000 * second, "v": 1, "seq": number}).encode(),
            to_us(NOW), is_retained=False, is_repeat=False,
        )
        for second, number in items
    ]  # fmt: skip
    with ThreadPoolExecutor(1) as aside:
        notes = GapNotes(twin, aside, Meter(0.0), is_alone=is_alone)
        notes.update(streams)
        notes.start()
        notes.note([pipeline.prepare(deliveries, most_readings=100)])
        notes.note_loss("session_lost", ["demo"])
        notes.look()
        notes.write()
    found = {(gap.cause, gap.missing) for gap in twin.gaps(only_open=False)}
    own_gaps = {("cadence", 18), ("sequence", 5)} if is_alone else set()
    assert found == own_gaps | {("session_lost", None)}


def test_what_a_late_device_sends_out_of_order_lies_where_it_was_measured_and_is_filled() -> None:
    twin = Twin(MemoryStore(clock=lambda: NOW), clock=lambda: NOW)
    twin.load(small_city(1))
    policy = TimePolicy(timedelta(minutes=5), timedelta(days=9))
    streams = twin.datastreams()
    pipeline = Pipeline.of(Router((RULE,)), {"own": own}, StreamTable(streams), policy)
    late = NOW - timedelta(minutes=10)

    def message(number: int) -> Delivery:
        content = {"t": (late + timedelta(seconds=number)).isoformat(), "v": 1, "seq": number}
        return Delivery(
            0, 0, 1, b"twin/v1/t/B1/s000/obs", json.dumps(content).encode(), to_us(NOW),
            is_retained=False, is_repeat=False,
        )  # fmt: skip

    def gaps() -> list[tuple[float, float, int | None, str]]:
        return [
            (
                (gap.start - late).total_seconds(),
                ((gap.end or NOW) - late).total_seconds(),
                gap.missing,
                gap.state,
            )
            for gap in twin.gaps(only_open=False)
        ]

    meter = Meter(0.0)
    with ThreadPoolExecutor(1) as aside:
        notes = GapNotes(twin, aside, meter)
        notes.update(streams)

        def take(*numbers: int) -> None:
            messages = [message(number) for number in numbers]
            notes.note([pipeline.prepare(messages, most_readings=100)])
            notes.write()
            aside.submit(int).result()

        take(1, 2, 5)
        assert gaps() == [(2.0, 5.0, 2, "open")]
        take(4)
        assert gaps() == [(2.0, 5.0, 1, "open")]
        take(6, 3)
        assert gaps() == [(2.0, 5.0, 0, "filled")]
    figures = meter.figures(now_s=1.0)
    assert (figures["sequence_gaps"], figures["sequence_missing"]) == (1, 0)
