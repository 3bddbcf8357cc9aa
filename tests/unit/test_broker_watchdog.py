"""The watchdog over silent subscriptions, with a clock in the test's hand."""

from sensors.broker.watchdog import (
    MOST_PROBES,
    PROBE_WITHIN_FLOW_S,
    PROBE_WITHIN_S,
    SILENT_AFTER_S,
    Advice,
    Watchdog,
    matches,
)

LATE = PROBE_WITHIN_S + 0.1


def proven() -> Watchdog:
    """A watchdog whose first probe came back at 0 s."""
    dog = Watchdog(["a/#", "b/+"])
    dog.connected(0.0)
    assert dog.advise(0.0) is Advice.PROBE
    dog.probed(0.0)
    dog.answered(0.0)
    return dog


def test_a_silent_subscription_is_named_once_its_probe_comes_back() -> None:
    dog = proven()
    dog.heard([b"a/x"], 100.0)
    assert dog.advise(SILENT_AFTER_S) is Advice.WAIT
    assert dog.advise(SILENT_AFTER_S + 1) is Advice.PROBE
    dog.probed(SILENT_AFTER_S + 1)
    assert dog.advise(SILENT_AFTER_S + 2) is Advice.WAIT
    dog.answered(SILENT_AFTER_S + 2)
    assert dog.silent == ("b/+",)
    assert dog.advise(SILENT_AFTER_S + 3) is Advice.WAIT
    dog.heard([b"b/y"], SILENT_AFTER_S + 4)
    assert dog.silent == ()


def test_a_lost_probe_calls_for_a_new_connection() -> None:
    dog = proven()
    now_s = SILENT_AFTER_S + 1
    assert dog.advise(now_s) is Advice.PROBE
    dog.probed(now_s)
    assert dog.advise(now_s + LATE) is Advice.RECONNECT
    dog.connected(now_s + LATE)
    assert dog.advise(now_s + LATE) is Advice.PROBE


def test_a_probe_that_never_came_back_says_nothing_about_the_broker() -> None:
    dog = Watchdog(["a/#"])
    dog.connected(0.0)
    dog.probed(0.0)
    assert dog.advise(LATE) is Advice.WAIT
    assert dog.is_possible is False
    assert dog.advise(10 * SILENT_AFTER_S) is Advice.WAIT
    dog.connected(10 * SILENT_AFTER_S)
    assert dog.advise(10 * SILENT_AFTER_S) is Advice.PROBE


def test_where_messages_flow_a_lost_probe_is_repeated_first() -> None:
    dog = proven()
    now_s = SILENT_AFTER_S + 1
    for attempt in range(MOST_PROBES):
        assert dog.advise(now_s) is Advice.PROBE, attempt
        dog.probed(now_s)
        dog.heard([b"a/x"], now_s + 1)
        assert dog.advise(now_s + LATE) is Advice.WAIT
        now_s += PROBE_WITHIN_FLOW_S + 0.1
    assert dog.advise(now_s) is Advice.RECONNECT


def test_silence_means_nothing_while_nobody_reads() -> None:
    dog = proven()
    dog.advise(SILENT_AFTER_S + 1)
    dog.probed(SILENT_AFTER_S + 1)
    dog.paused(SILENT_AFTER_S + 60)
    assert dog.advise(SILENT_AFTER_S + 61) is Advice.PROBE
    dog.probed(SILENT_AFTER_S + 61)
    dog.answered(SILENT_AFTER_S + 61)
    assert dog.silent == ()
    assert dog.advise(SILENT_AFTER_S + 62) is Advice.WAIT


def test_a_slow_source_is_given_more_time_and_none_less_than_the_default() -> None:
    dog = Watchdog(["a/#", "b/+"], silent_after_s={"a/#": 600.0, "b/+": 5.0})
    dog.connected(0.0)
    dog.probed(0.0)
    dog.answered(0.0)
    dog.heard([b"b/y"], 60.0)
    assert dog.advise(SILENT_AFTER_S + 59) is Advice.WAIT
    dog.heard([b"b/y"], 550.0)
    assert dog.advise(599.0) is Advice.WAIT
    assert dog.advise(601.0) is Advice.PROBE


def test_long_topics_are_matched_and_not_kept() -> None:
    dog = proven()
    long = b"a/" + b"x" * 60_000
    dog.heard([long, b"a/x"], 100.0)
    assert list(dog._known) == [b"a/x"]
    dog.heard([long], 200.0)
    assert dog._heard_s == [200.0, 0.0]


def test_filters_match_as_mqtt_says() -> None:
    table = [
        ("a/b", b"a/b", True),
        ("a/b", b"a/b/c", False),
        ("a/+", b"a/", True),
        ("a/+", b"a", False),
        ("+/+", b"/x", True),
        ("a/#", b"a/b/c", True),
        ("#", b"a\xff", True),
        ("+/x", b"$SYS/x", False),
        ("$SYS/#", b"$SYS/x", True),
    ]
    assert [matches(one, topic) for one, topic, _ in table] == [found for *_, found in table]
