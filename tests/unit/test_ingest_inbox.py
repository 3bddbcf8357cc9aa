"""What the ingester knows about topics and the broker, and what becomes an alarm."""

from datetime import timedelta

from inbox import AtOnce, Deliveries

from sensors.broker.observer import BrokerHealth
from sensors.ingest.alarms import Alarms
from sensors.ingest.inbox import SourceOfTopic
from sensors.ingest.observing import Observer
from sensors.pipeline.lanes import UNROUTED, Lanes
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.model.messages import CodecRule
from twin.model.times import utc_now
from twin.store.memory import MemoryStore

LONG = b"a/" + b"x" * 60_000


def test_long_topics_find_their_rule_and_are_not_kept() -> None:
    router = Router([CodecRule("a/{b}", "own", "s")])
    sources = SourceOfTopic(router)
    lanes = Lanes(
        Router([]), {}, StreamTable([]), TimePolicy(timedelta(minutes=5), timedelta(days=30))
    )
    assert (sources[LONG], sources[b"a/b"]) == ("s", "s")
    assert (lanes.find(LONG).source, lanes.find(b"a/b").source) == (UNROUTED, UNROUTED)
    assert (list(sources), list(lanes.known), list(router._known)) == ([b"a/b"], [b"a/b"], ["a/b"])


def test_a_queue_of_which_nothing_is_heard_any_more_is_no_alarm() -> None:
    alarms = Alarms(Twin(MemoryStore(), clock=utc_now), AtOnce())
    observer = Observer(alarms, name="me")
    full = BrokerHealth(visibility="observable", stored_messages=1_900_000)
    observer.look_at_health(full)
    assert ("broker_queue_high", "me") in alarms.open
    observer.look_at_health(BrokerHealth(visibility="not observable", stored_messages=1_900_000))
    assert alarms.open == {}


def test_a_refused_subscription_is_an_alarm_until_it_is_allowed() -> None:
    alarms = Alarms(Twin(MemoryStore(), clock=utc_now), AtOnce())
    observer = Observer(alarms, name="me")
    inbox = Deliveries(extra={"refused": ("a/#", "b/#")})
    observer.look_at_broker(inbox.figures(), now=utc_now())
    assert alarms.open == {("subscription_refused", "me"): "not allowed: a/#, b/#"}
    inbox.extra = {}
    observer.look_at_broker(inbox.figures(), now=utc_now())
    assert alarms.open == {}
