"""What the figures of a broker mean."""

from hypothesis import given
from hypothesis import strategies as st

from sensors.broker.observer import (
    DROPPED,
    OBSERVABLE_WITHIN_S,
    STORED_BYTES,
    STORED_MESSAGES,
    TOPICS,
    TRY_AGAIN_S,
    UPTIME,
    BrokerHealth,
    BrokerObserver,
    BrokerRecord,
)
from twin.settings import BrokerSettings


def test_only_what_was_dropped_since_we_look_counts() -> None:
    record = BrokerRecord(0.0)
    for figure in (b"100", b"100", b"130"):
        record.note(DROPPED, figure, 1.0)
    assert record.health(1.0).dropped == 30


def test_a_restart_is_counted_once_and_its_drops_are_new() -> None:
    record = BrokerRecord(0.0)
    for topic, figure in ((UPTIME, b"500 seconds"), (DROPPED, b"100"), (DROPPED, b"4")):
        record.note(topic, figure, 1.0)
    record.note(UPTIME, b"9 seconds", 2.0)
    record.note(UPTIME, b"19 seconds", 12.0)
    found = record.health(12.0)
    assert (found.restarts, found.dropped, found.uptime_s) == (1, 4, 19)
    record.note(UPTIME, b"3 seconds", 13.0)
    record.note(DROPPED, b"2", 13.0)
    assert (record.health(13.0).restarts, record.health(13.0).dropped) == (2, 6)


def test_a_broker_without_figures_is_not_observable_after_half_a_minute() -> None:
    record = BrokerRecord(0.0)
    assert record.health(OBSERVABLE_WITHIN_S).visibility == "unknown"
    assert record.health(OBSERVABLE_WITHIN_S + 1).visibility == "not observable"
    record.note(UPTIME, b"9 seconds", 40.0)
    assert record.health(41.0).visibility == "observable"
    assert record.health(41.0 + OBSERVABLE_WITHIN_S).visibility == "not observable"


def test_the_tighter_limit_says_how_full_the_queue_is() -> None:
    record = BrokerRecord(0.0)
    record.note(STORED_MESSAGES, b"100", 1.0)
    record.note(STORED_BYTES, b"900", 1.0)
    found = record.health(1.0)
    assert found.queue_share(most_messages=1000, most_bytes=1000) == 0.9
    assert BrokerHealth().queue_share() == 0.0


def test_a_broker_without_figures_is_asked_again_after_an_hour() -> None:
    now_s = 0.0
    broker = BrokerSettings(host="h", use_tls=False)
    observer = BrokerObserver(broker, "x", clock_s=lambda: now_s)
    assert min(observer.room()) > 0
    observer.subscribed(1, refused=[0])
    observer.closed()
    assert min(observer.room()) == 0
    now_s = TRY_AGAIN_S - 1
    assert min(observer.room()) == 0
    now_s = TRY_AGAIN_S + 1
    assert min(observer.room()) > 0
    observer.close()


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.binary(max_size=30)), max_size=20))
def test_any_figures_are_survived(figures: list[tuple[bytes, bytes]]) -> None:
    record = BrokerRecord(0.0)
    for topic, payload in figures:
        record.note(topic, payload, 1.0)
    assert record.health(1.0).dropped >= 0
