"""What the ingester knows about topics and the broker, and what becomes an alarm."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from faults.rig import small_city, write_city
from inbox import NOW, AtOnce, Deliveries

from sensors.broker.observer import BrokerHealth
from sensors.ingest.alarms import Alarms
from sensors.ingest.buffering import Buffer
from sensors.ingest.inbox import SourceOfTopic, silences
from sensors.ingest.job import session_file
from sensors.ingest.loop import Ingester
from sensors.ingest.observing import Observer
from sensors.pipeline.lanes import UNROUTED, Lanes
from sensors.policies import installed_codecs, time_policy
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.model.messages import CodecRule
from twin.model.times import to_us, utc_now
from twin.settings import BrokerSettings
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


def test_silence_is_judged_by_the_shortest_interval_that_a_filter_can_feed() -> None:
    rules = [
        CodecRule("city/v1/{a}/obs", "own", "fast"),
        CodecRule("city/v1/{a}/slow", "own", "slow"),
        CodecRule("lora/{a}", "own", "slow"),
        CodecRule("door/{a}", "own", "events"),
    ]
    template = next(iter(small_city(1).datastreams))
    streams = [
        replace(template, uid=f"{number}", source=source, cadence_s=cadence_s)
        for number, (source, cadence_s) in enumerate(
            [("fast", 60.0), ("slow", 900.0), ("slow", 3600.0), ("events", None)]
        )
    ]
    assert silences(rules, streams) == {"city/v1/#": 300.0, "lora/+": 4500.0}


def test_every_broker_has_a_file_for_its_session(
    tmp_path: Path,
) -> None:
    broker = BrokerSettings(host="127.0.0.1", port=1883, use_tls=False)
    settings = write_city(tmp_path, dsn="none", broker=broker)
    found = session_file(settings)
    assert found == settings.data_dir / "status" / "session-twin-Testcity-1.json"
    assert session_file(replace(settings, origins={})) == found


def started(folder: Path, twin: Twin, inbox: Deliveries, told: list[int]) -> Ingester:
    """An ingester that knows the registry; ``told`` is how many datastreams it was told of."""
    broker = BrokerSettings(host="127.0.0.1", port=1883, use_tls=False)
    settings = write_city(folder, dsn="none", broker=broker)
    found = Ingester(
        twin,
        inbox,
        settings=settings,
        codecs=installed_codecs(settings),
        policy=time_policy(settings),
        buffer=Buffer(None),
        aside=AtOnce(),
        follower=lambda known: told.append(len(known)),
    )
    found.open(threading.Event())
    return found


def test_the_intervals_are_known_as_soon_as_the_registry_is(tmp_path: Path) -> None:
    twin = Twin(MemoryStore(), clock=utc_now)
    twin.load(small_city(3))
    told: list[int] = []
    started(tmp_path, twin, Deliveries(), told)
    assert told == [len(twin.datastreams())]


def test_a_session_lost_between_two_runs_leaves_a_gap_of_its_sources(tmp_path: Path) -> None:
    twin = Twin(MemoryStore(), clock=utc_now)
    twin.load(small_city(3))
    inbox = Deliveries()
    first = started(tmp_path / "first", twin, inbox, [])
    inbox.put({"t": to_us(NOW) // 1000, "v": 1.0})
    first.step(threading.Event(), timeout_s=0.0)
    assert len(twin.latest()) == 1
    second = started(tmp_path / "second", twin, Deliveries(extra={"sessions_lost": 1}), [])
    second._reporter.observe()
    (gap,) = twin.gaps(only_open=False)
    assert (gap.source, gap.cause, gap.is_estimated) == ("demo", "session_lost", True)
    assert gap.end is not None
    assert gap.start < gap.end
