"""The link without a network: which time of arrival a message gets."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sensors.broker import Subscriber
from twin.model.times import to_us
from twin.settings import BrokerSettings, IngestSettings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Watch:
    """A clock in the test's hand, and the link that reads it."""

    def __init__(self) -> None:
        self.time = NOON
        broker = BrokerSettings(host="h", use_tls=False)
        source = Subscriber(
            broker, IngestSettings(), client_id="t", filters=["#"], clock=lambda: self.time
        )
        self.close = source.close
        self.link = source._link

    def stamp(self) -> int:
        """Time of arrival of one more message."""
        self.link._stamped_us = self.link._next_us()
        return self.link._stamped_us


@pytest.fixture
def watch() -> Iterator[Watch]:
    found = Watch()
    yield found
    found.close()


def test_a_clock_that_jitters_backwards_gives_growing_times_of_arrival(watch: Watch) -> None:
    first = watch.stamp()
    watch.time -= timedelta(seconds=4)
    assert [watch.stamp(), watch.stamp()] == [first + 1, first + 2]


def test_a_clock_that_was_set_back_is_followed_with_one_warning(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.stamp()
    watch.time -= timedelta(hours=1)
    with caplog.at_level(logging.WARNING):
        assert watch.stamp() == to_us(NOON) - 3_600_000_000
        assert watch.stamp() == to_us(NOON) - 3_600_000_000 + 1
    stepped = [one for one in caplog.records if one.message == "clock_stepped"]
    assert [vars(one)["back_s"] for one in stepped] == [3600.0]
