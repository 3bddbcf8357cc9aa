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


def silent_ones(dog: Watchdog, *, until_s: int, every_s: int = 0, topic: bytes = b"") -> set[str]:
    """All that were named silent while a source sends at its pace and all probes come back."""
    found: set[str] = set()
    dog.connected(0.0)
    for now_s in range(until_s):
        if every_s and now_s % every_s == 5:
            dog.heard([topic], now_s)
        if dog.advise(now_s) is Advice.PROBE:
            dog.probed(now_s)
            dog.answered(now_s + 0.1)
        found.update(dog.silent)
    return found


def test_a_source_that_sends_every_quarter_of_an_hour_is_not_silent() -> None:
    dog = Watchdog(["slow/#"], silent_after_s={"slow/#": 4500.0})
    assert silent_ones(dog, until_s=7200, every_s=900, topic=b"slow/1") == set()
    assert silent_ones(dog, until_s=4400) == set()
    assert silent_ones(dog, until_s=4700) == {"slow/#"}


def test_no_source_is_given_less_time_than_the_default() -> None:
    dog = Watchdog(["a/#"], silent_after_s={"a/#": 5.0})
    assert silent_ones(dog, until_s=int(SILENT_AFTER_S)) == set()
    assert silent_ones(dog, until_s=int(SILENT_AFTER_S) + 2) == {"a/#"}


def test_without_an_expected_interval_silence_is_probed_and_no_news() -> None:
    dog = Watchdog(["a/#"], silent_after_s={})
    assert silent_ones(dog, until_s=7200) == set()
    assert dog.advise(7200.0 + SILENT_AFTER_S) is Advice.PROBE
    dog.expect({"a/#": 600.0})
    dog.answered(7200.0)
    assert silent_ones(dog, until_s=800) == {"a/#"}
    dog.expect({})
    assert dog.silent == ()


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
