"""The pure parts around the ingest loop: queue, back-off, endpoint plan, gaps, figures."""

import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from sensors.broker.delivery import Delivery, DeliveryQueue
from sensors.broker.plan import BackOff, Ending, Endpoint, EndpointPlan, client_id
from sensors.ingest.meter import Meter
from twin.model.observations import RecordResult
from twin.settings import BrokerSettings

BROKER = BrokerSettings(host="h", port=1, fallback_port=2)


def delivery(packet: int, size: int = 10) -> Delivery:
    return Delivery(1, packet, 1, b"t" * 5, b"x" * (size - 5), 0)


def put(queue: DeliveryQueue, *deliveries: Delivery) -> None:
    queue.put_all(deliveries, sum(one.size_bytes for one in deliveries))


def test_client_ids_hold_only_what_every_broker_survives() -> None:
    assert client_id("Frankfurt/Main #1+$", "a") == "twin-Frankfurt-Main--1---a"
    assert len(client_id("x" * 200, "1")) == 64


def test_the_queue_is_full_by_messages_or_by_bytes() -> None:
    by_count = DeliveryQueue(most_messages=2, most_bytes=1000)
    by_size = DeliveryQueue(most_messages=100, most_bytes=15)
    for queue in (by_count, by_size):
        put(queue, delivery(1))
        assert not queue.is_full
        put(queue, delivery(2))
        assert queue.is_full
        assert len(queue.take(max_messages=1, max_bytes=100, timeout_s=0)) == 1
        assert not queue.is_full


def test_the_queue_gives_what_fits_and_one_message_at_least_in_order() -> None:
    queue = DeliveryQueue(most_messages=100, most_bytes=10_000)
    for packet in range(5):
        put(queue, delivery(packet, 100))
    taken = [queue.take(max_messages=9, max_bytes=size, timeout_s=0) for size in (10, 250, 9999)]
    assert [[one.packet for one in part] for part in taken] == [[0], [1, 2], [3, 4]]
    assert queue.size_bytes == 0
    assert queue.take(max_messages=9, max_bytes=9, timeout_s=0) == []


def test_a_block_is_split_where_a_bound_lies_and_keeps_its_order() -> None:
    queue = DeliveryQueue(most_messages=6, most_bytes=10_000)
    put(queue, *(delivery(packet, 100) for packet in range(4)))
    put(queue, *(delivery(packet, 100) for packet in range(4, 8)))
    assert queue.is_full
    bounds = [(1, 9999), (9, 10), (3, 150), (9, 350), (9, 9999)]
    taken = [queue.take(max_messages=n, max_bytes=size, timeout_s=0) for n, size in bounds]
    found = [[one.packet for one in part] for part in taken]
    assert found == [[0], [1], [2], [3, 4, 5], [6, 7]]
    assert (len(queue), queue.size_bytes, queue.room) == (0, 0, (6, 10_000))


def test_a_delivery_is_the_same_message_for_a_codec() -> None:
    found = Delivery(1, 2, 1, b"a/\xff", b"1", 1795305600000001, is_retained=True).message
    assert (found.topic, found.payload, found.retained) == ("a/\ufffd", b"1", True)
    assert found.received_at == datetime(2026, 11, 22, 0, 0, 0, 1, tzinfo=UTC)


def test_a_waiting_reader_is_woken_by_the_first_message() -> None:
    queue = DeliveryQueue(most_messages=10, most_bytes=1000)
    threading.Timer(0.02, lambda: put(queue, delivery(1))).start()
    assert len(queue.take(max_messages=9, max_bytes=99, timeout_s=20)) == 1


def test_back_off_doubles_between_half_and_all_of_its_bound() -> None:
    for jitter, share in ((0.0, 0.5), (1.0, 1.0)):
        back_off = BackOff(first_s=0.5, longest_s=4.0, jitter=lambda jitter=jitter: jitter)
        delays = [back_off.next() for _ in range(6)]
        assert delays == [share * bound for bound in (0.5, 1.0, 2.0, 4.0, 4.0, 4.0)]
        back_off.reset()
        assert back_off.next() == share * 0.5


def test_a_broker_that_refuses_mqtt_5_is_tried_with_3_1_1_on_both_ports_at_once() -> None:
    plan = EndpointPlan(BROKER)
    assert plan.endpoint == Endpoint("h", 1, "5")
    assert plan.after(Ending.REFUSED_VERSION) == 0.0
    assert plan.endpoint == Endpoint("h", 1, "3.1.1")
    assert plan.after(Ending.NO_ANSWER) == 0.0
    assert plan.endpoint == Endpoint("h", 2, "3.1.1")
    assert plan.after(Ending.NO_ANSWER) > 0.0
    assert plan.endpoint == Endpoint("h", 1, "5")


def test_what_answered_once_is_kept_when_the_broker_goes_away() -> None:
    plan = EndpointPlan(BROKER)
    plan.after(Ending.NO_ANSWER)
    plan.connected()
    for ending in (Ending.LOST, Ending.NO_ANSWER, Ending.UNREACHABLE, Ending.NO_ANSWER):
        assert plan.after(ending) > 0.0
        assert plan.endpoint == Endpoint("h", 1, "3.1.1")


def test_an_unreachable_broker_says_nothing_about_its_version() -> None:
    plan = EndpointPlan(BROKER)
    for _ in range(5):
        assert plan.after(Ending.UNREACHABLE) > 0.0
    assert plan.endpoint.version == "5"


def test_the_third_take_over_in_a_row_backs_off_for_a_minute() -> None:
    plan = EndpointPlan(BROKER)
    delays = [plan.after(Ending.TAKEN_OVER) for _ in range(3)]
    assert delays[2] == 60.0
    assert max(delays[:2]) < 2.0


def test_an_id_counts_as_contested_only_if_it_is_lost_three_times_in_a_minute() -> None:
    now_s = [0.0]
    plan = EndpointPlan(BROKER, clock_s=lambda: now_s[0])
    for _ in range(5):
        now_s[0] += 31.0
        assert plan.after(Ending.CUT_SHORT) < 60.0
    assert not plan.is_contested
    now_s[0] += 1.0
    assert plan.after(Ending.TAKEN_OVER) == 60.0
    assert plan.is_contested
    now_s[0] += 121.0
    assert not plan.is_contested


def test_a_broker_that_sends_nonsense_is_asked_less_and_less_often() -> None:
    plan = EndpointPlan(BROKER)
    delays = []
    for _ in range(8):
        plan.connected()
        delays.append(plan.after(Ending.REFUSED_FRAME))
    assert delays[-1] >= 15.0
    assert plan.after(Ending.LOST) <= 0.5


def test_the_meter_forgets_rates_and_lags_after_a_minute_but_no_total() -> None:
    meter = Meter(0.0)
    result = RecordResult(stored=3, duplicate=1, conflict=0, quarantined=2, revision=1)
    meter.note_messages(60, now_s=1.0)
    meter.note_commit(result)
    meter.note_lags(np.array([0.5, 4.0, 1.0]), now_s=1.0)
    early = meter.figures(now_s=30.0)
    late = meter.figures(now_s=120.0)
    assert early["messages_per_s"] == 2.0
    assert (early["lag_newest_s"], early["lag_p95_s"]) == (0.5, pytest.approx(3.7))
    assert (late["messages"], late["messages_per_s"], late["readings_stored"]) == (60, 0.0, 3)
    assert "lag_p95_s" not in late
