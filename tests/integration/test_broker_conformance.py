"""One suite for both clients: what a broker may do, on every transport and with both versions.

Against Mosquitto as it is shipped, against the embedded broker, and against a peer that is the
test itself and sends exact bytes.
"""

import logging
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from broker_ways import (
    CHOICES,
    PATIENCE_S,
    TRANSPORTS,
    VERSIONS,
    Choice,
    Shipped,
    Version,
    Way,
    blast,
    publish_all,
    shipped_mosquitto,
)
from numpy.random import default_rng
from scripted_broker import (
    PINGREQ,
    PINGRESP,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    Peer,
    ScriptedBroker,
    length,
    packet,
    publish,
    scripted_broker,
)
from services import embedded_broker, open_folder
from waiting import wait_for

from sensors.broker import Delivery, Publisher, Subscriber, bulk, frames, link, subscriber, watchdog
from twin.errors import SettingsError
from twin.settings import BrokerSettings, IngestSettings

pytestmark = pytest.mark.broker
LARGEST = 8 << 20
MANY = 100_000


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    with shipped_mosquitto() as found:
        yield found


@pytest.fixture(
    params=[Way(c, v, t) for c in CHOICES for v in VERSIONS for t in TRANSPORTS],
    ids=lambda way: f"{way.choice}-{way.version}-{way.transport}",
)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture(
    params=[Way(c, v) for c in CHOICES for v in VERSIONS],
    ids=lambda way: f"{way.choice}-{way.version}",
)
def plain(request: pytest.FixtureRequest) -> Way:
    return request.param


@contextmanager
def reading(
    broker: BrokerSettings,
    way: Way,
    *,
    name: str,
    filters: tuple[str, ...] = ("twin/v1/#",),
    ingest: IngestSettings | None = None,
    session_file: Path | None = None,
) -> Iterator[Subscriber]:
    """A subscriber that is connected."""
    chosen = replace(ingest or IngestSettings(), client=way.choice)
    found = Subscriber(broker, chosen, client_id=name, filters=filters, session_file=session_file)
    found.start()
    try:
        wait_for(lambda: found.figures().is_connected, "the connection")
        assert found.figures().is_bulk == (way.choice == "bulk")
        yield found
    finally:
        found.close()


def take(source: Subscriber, count: int) -> list[Delivery]:
    """Exactly so many deliveries."""
    taken: list[Delivery] = []
    until = time.monotonic() + PATIENCE_S
    while len(taken) < count:
        assert time.monotonic() < until, f"{len(taken)} of {count} messages"
        taken.extend(source.poll(max_messages=20_000, max_bytes=1 << 26, timeout_s=0.5))
    assert len(taken) == count
    return taken


def rest(source: Subscriber) -> list[Delivery]:
    """What still comes within a moment."""
    return source.poll(max_messages=1000, max_bytes=1 << 24, timeout_s=0.2)


def contents(deliveries: list[Delivery]) -> Counter[tuple[bytes, bytes]]:
    return Counter((one.topic, one.payload) for one in deliveries)


# Against Mosquitto


def test_mixed_messages_arrive_once_and_stay_acknowledged(shipped: Shipped, way: Way) -> None:
    name = f"mixed-{way.choice}-{way.version}-{way.transport}".replace(".", "-")
    root = f"twin/v1/{name}"
    generator = default_rng(len(name))
    sizes = [1, 2, 125, 126, 127, 128, 1000, 16_383, 16_384, 20_000, *([30] * 90)]
    mixed = [
        (f"{root}/{row % 7}", generator.bytes(size), row % 3, False)
        for row, size in enumerate(sizes)
    ]
    kept = (f"{root}/kept", b"kept", 1, True)
    publish_all(shipped, [kept])
    broker = shipped.settings(way)
    with reading(broker, way, name=name, filters=(f"{root}/#",)) as source:
        (first,) = take(source, 1)
        assert (first.topic, first.payload) == (kept[0].encode(), b"kept")
        assert first.is_retained
        publish_all(shipped, mixed)
        taken = take(source, len(mixed))
        assert contents(taken) == Counter((topic.encode(), text) for topic, text, *_ in mixed)
        assert Counter(one.qos for one in taken) == {0: 34, 1: 66}
        assert not any(one.is_retained for one in taken)
        assert source.ack([first, *taken]) == 0
    with reading(broker, way, name=name, filters=(f"{root}/#",)) as source:
        # 3.1.1 repeats what is retained with every subscription
        assert [one for one in rest(source) if not one.is_retained] == []
        assert source.figures().sessions_lost == 0
    publish_all(shipped, [(kept[0], b"", 1, True)])


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_eight_mebibytes_are_one_message(shipped: Shipped, plain: Way, transport: str) -> None:
    way = replace(plain, transport=transport)
    name = f"large-{way.choice}-{way.version}-{transport}".replace(".", "-")
    payload = default_rng(1).bytes(LARGEST)
    with reading(shipped.settings(way), way, name=name, filters=(f"twin/v1/{name}",)) as source:
        publish_all(shipped, [(f"twin/v1/{name}", payload, 1, False)])
        (found,) = take(source, 1)
        assert found.payload == payload
        assert source.ack([found]) == 0


def test_a_pause_stops_the_flow_and_loses_nothing(shipped: Shipped, way: Way) -> None:
    name = f"pause-{way.choice}-{way.version}-{way.transport}".replace(".", "-")
    sent = [(f"twin/v1/{name}", b"%d" % row, 1, False) for row in range(300)]
    broker = shipped.settings(way)
    with reading(broker, way, name=name, filters=(f"twin/v1/{name}",)) as source:
        source.pause()
        publish_all(shipped, sent)
        assert rest(source) == []
        assert source.figures().is_paused
        source.resume()
        taken = take(source, 300)
        assert [one.payload for one in taken] == [text for _, text, *_ in sent]
        assert source.ack(taken) == 0
        assert source.figures().connections == 1


def test_what_lies_in_buffers_comes_out_when_there_is_room(shipped: Shipped, way: Way) -> None:
    name = f"room-{way.choice}-{way.version}-{way.transport}".replace(".", "-")
    sent = [(f"twin/v1/{name}", b"%03d" % row * 40, 1, False) for row in range(200)]
    bounds = IngestSettings(queue_messages=7, queue_bytes=1_000_000)
    broker = shipped.settings(way)
    with reading(broker, way, name=name, filters=(f"twin/v1/{name}",), ingest=bounds) as source:
        publish_all(shipped, sent)
        wait_for(lambda: source.figures().queue_messages >= 7, "a full queue")
        taken: list[Delivery] = []
        while len(taken) < 200:  # nothing new comes from the network meanwhile
            assert source.figures().queue_messages <= 7
            found = source.poll(max_messages=3, max_bytes=1 << 20, timeout_s=5.0)
            assert found, len(taken)
            taken.extend(found)
        assert [one.payload for one in taken] == [text for _, text, *_ in sent]
        assert source.ack(taken) == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_our_publisher_speaks_every_transport(shipped: Shipped, transport: str) -> None:
    way = Way("bulk", "5")
    topic = f"twin/v1/publisher/{transport}"
    with reading(shipped.settings(way), way, name=f"r-{transport}", filters=(topic,)) as source:
        publisher = Publisher(shipped.settings(replace(way, transport=transport)), f"p-{transport}")
        payload = default_rng(4).bytes(20_000)
        for row in range(100):
            assert publisher.publish(topic, payload + b"%d" % row)
        assert publisher.close(PATIENCE_S) == 0
        wanted = Counter((topic.encode(), payload + b"%d" % row) for row in range(100))
        assert contents(take(source, 100)) == wanted


def test_a_long_pause_closes_and_resuming_connects_again(
    shipped: Shipped, plain: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "LONGEST_PAUSE_S", 0.2)
    name = f"longer-{plain.choice}-{plain.version}".replace(".", "-")
    with reading(shipped.settings(plain), plain, name=name, filters=(f"twin/v1/{name}",)) as source:
        source.pause()
        wait_for(lambda: not source.figures().is_connected, "the end of the connection")
        publish_all(shipped, [(f"twin/v1/{name}", b"x", 1, False)] * 50)
        source.resume()
        assert source.ack(take(source, 50)) == 0
        assert source.figures().sessions_lost == 0


def test_both_clients_see_the_same_hundred_thousand_messages(shipped: Shipped) -> None:
    streams = default_rng(3).integers(500, size=MANY).tolist()
    sent = [
        (b"twin/v1/many/%d" % stream, b"%d %s" % (row, b"x" * (row % 90)))
        for row, stream in enumerate(streams)
    ]
    way = Way("bulk", "5")
    broker = shipped.settings(way)
    only = ("twin/v1/many/#",)
    with (
        reading(broker, way, name="many-bulk", filters=only) as fast,
        reading(broker, replace(way, choice="stock"), name="many-stock", filters=only) as slow,
    ):
        blast(shipped, sent)
        wanted = Counter(sent)
        for source in (fast, slow):
            seen: Counter[tuple[bytes, bytes]] = Counter()
            until = time.monotonic() + PATIENCE_S
            while seen.total() < MANY:
                assert time.monotonic() < until
                found = source.poll(max_messages=20_000, max_bytes=1 << 26, timeout_s=0.5)
                assert source.ack(found) == 0
                seen.update(contents(found))
            assert seen == wanted


@pytest.mark.parametrize("version", VERSIONS)
def test_two_subscribers_share_a_stream_and_none_is_lost(
    shipped: Shipped, version: Version
) -> None:
    way = Way("bulk", version)
    broker = shipped.settings(way)
    topic = f"twin/v1/shared{version[0]}"
    group = IngestSettings(shared_group=f"g{version[0]}")
    filters = (f"{topic}/#",)
    with (
        reading(broker, way, name=f"s{version[0]}-1", filters=filters, ingest=group) as first,
        reading(broker, way, name=f"s{version[0]}-2", filters=filters, ingest=group) as second,
    ):
        sent = [(f"{topic}/a", b"%d" % row, 1, False) for row in range(400)]
        publish_all(shipped, sent)
        seen: dict[str, list[Delivery]] = {"first": [], "second": []}

        def complete() -> bool:
            for key, source in (("first", first), ("second", second)):
                found = rest(source)
                source.ack(found)
                seen[key].extend(found)
            return sum(map(len, seen.values())) >= len(sent)

        wait_for(complete, "all messages")
        both = seen["first"] + seen["second"]
        assert Counter(int(one.payload) for one in both) == Counter(range(400))
        assert min(map(len, seen.values())) > 0


def test_a_session_that_begins_to_share_gets_nothing_twice(shipped: Shipped) -> None:
    way = Way("bulk", "5")
    broker = shipped.settings(way)
    filters = ("twin/v1/begins/#",)
    with reading(broker, way, name="begins", filters=filters):
        pass
    group = IngestSettings(shared_group="begins")
    with reading(broker, way, name="begins", filters=filters, ingest=group) as source:
        publish_all(shipped, [("twin/v1/begins/a", b"%d" % row, 1, False) for row in range(50)])
        assert [int(one.payload) for one in take(source, 50)] == list(range(50))
        assert rest(source) == []


@pytest.mark.parametrize(
    ("before", "group"),
    [(("twin/v1/old/#",), ""), (("twin/v1/old/+",), "old")],
    ids=["another filter", "no group any more"],
)
def test_what_an_earlier_run_subscribed_to_comes_no_second_time(
    shipped: Shipped, plain: Way, tmp_path: Path, before: tuple[str, ...], group: str
) -> None:
    broker, file = shipped.settings(plain), tmp_path / "status" / "session.json"
    name = f"old-{plain.choice}-{plain.version[0]}-{group}"
    earlier = IngestSettings(shared_group=group)
    with reading(
        broker, plain, name=name, filters=before, ingest=earlier, session_file=file
    ) as source:
        assert source.figures().sessions_lost == 0
    for _ in range(2):
        with reading(
            broker, plain, name=name, filters=("twin/v1/old/+",), session_file=file
        ) as source:
            wait_for(lambda: b'["twin/v1/old/+"]' in file.read_bytes(), "the end of the old one")
            publish_all(shipped, [("twin/v1/old/a", b"%d" % row, 1, False) for row in range(20)])
            taken = take(source, 20)
            assert [int(one.payload) for one in taken] == list(range(20))
            assert rest(source) == []
            assert source.ack(taken) == 0
            assert source.figures().sessions_lost == 0


def test_a_session_that_was_lost_while_nobody_ran_is_noticed(
    shipped: Shipped, plain: Way, tmp_path: Path
) -> None:
    broker, file = shipped.settings(plain), tmp_path / "session.json"
    name = f"away-{plain.choice}-{plain.version[0]}"
    none = IngestSettings(session_expiry_s=0)
    with reading(broker, plain, name=name, session_file=file) as source:
        assert source.figures().sessions_lost == 0
    with reading(broker, plain, name=name, ingest=none):
        pass  # a clean start: the broker forgets the session
    with reading(broker, plain, name=name, session_file=file) as source:
        assert source.figures().sessions_lost == 1
    with reading(broker, plain, name=name, session_file=file) as source:
        assert source.figures().sessions_lost == 0


def test_a_group_with_a_name_that_mqtt_forbids_is_explained() -> None:
    wrong = IngestSettings(shared_group="a/b")
    with pytest.raises(SettingsError, match="shared_group"):
        Subscriber(BrokerSettings(host="h"), wrong, client_id="t", filters=["#"])


# Against the embedded broker


@pytest.mark.parametrize("choice", CHOICES)
def test_the_embedded_broker_speaks_with_both_clients(choice: Choice) -> None:
    with open_folder() as folder, embedded_broker(folder) as address:
        ports: dict[Version, int] = {"5": address.port_v5, "3.1.1": address.port_v311}
        for version, port in ports.items():
            broker = BrokerSettings(
                host=address.host,
                port=port,
                protocol=version,
                username=address.username,
                password_file=str(address.password_file),
                use_tls=False,
            )
            name = f"e-{version[0]}"
            with reading(broker, Way(choice, version), name=name) as source:
                publisher = Publisher(broker, f"p{name}")
                for row in range(500):
                    assert publisher.publish("twin/v1/a", b"%d" % row)
                assert publisher.close(30.0) == 0
                taken: list[Delivery] = []
                while len(taken) < 500:  # a hundred in flight
                    found = take_some(source)
                    assert source.ack(found) == 0
                    taken.extend(found)
                assert [int(one.payload) for one in taken] == list(range(500))


def take_some(source: Subscriber) -> list[Delivery]:
    return wait_for(lambda: rest(source) or None, "messages")


# Against a peer that sends exact bytes


@contextmanager
def scene(
    way: Way, *, ingest: IngestSettings | None = None, will: tuple[str, bytes] | None = None
) -> Iterator[tuple[ScriptedBroker, Subscriber]]:
    """A subscriber on its way to a broker that the test plays."""
    with scripted_broker() as broker:
        settings = BrokerSettings(
            host="127.0.0.1", port=broker.port, use_tls=False, protocol=way.version
        )
        chosen = replace(ingest or IngestSettings(), client=way.choice)
        source = Subscriber(settings, chosen, client_id="twin-t-1", filters=["#"], will=will)
        source.start()
        try:
            yield broker, source
        finally:
            broker.close()
            source.close()


def test_a_frame_may_be_cut_at_every_byte(plain: Way) -> None:
    with scene(plain) as (broker, source):
        peer = broker.accept()
        peer.greet()
        whole = peer.publish(b"a/b", b"x" * 130, number=2)
        for at in range(1, len(whole)):
            before = peer.publish(b"before", b"", number=1)
            peer.send(before + whole[:at])
            # it has come: what was cut lies with the client now
            assert [one.topic for one in take(source, 1)] == [b"before"]
            peer.send(whole[at:])
            assert [one.payload for one in take(source, 1)] == [b"x" * 130]


def test_messages_in_the_segment_of_the_answer_to_connect_are_kept(plain: Way) -> None:
    with scene(plain) as (broker, source):
        peer = broker.accept()
        is_five = plain.version == "5"
        three = [
            publish(b"t", b"%d" % row, number=row, flags=8 * (row > 0), is_five=is_five)
            for row in (7, 8, 0)
        ]
        peer.greet(then=b"".join(three))
        taken = take(source, 3)
        assert [(one.payload, one.packet, one.qos, one.is_repeat) for one in taken] == [
            (b"7", 7, 1, True),
            (b"8", 8, 1, True),
            (b"0", 0, 0, False),
        ]
        assert source.ack(taken) == 0
        assert peer.acknowledged(2) == [7, 8]


def test_acknowledgements_follow_the_order_of_delivery(plain: Way) -> None:
    with scene(plain) as (broker, source):
        peer = broker.accept()
        peer.greet()
        numbers = [(row * 7919) % 65_535 + 1 for row in range(500)]
        peer.send(b"".join(peer.publish(b"t", b"", number=number) for number in numbers))
        taken = take(source, 500)
        assert len({one.received_us for one in taken}) == 500
        assert source.ack(taken) == 0
        assert peer.acknowledged(500) == numbers


def test_a_broker_that_grants_twenty_at_a_time_is_served_at_once(plain: Way) -> None:
    with scene(plain) as (broker, source):
        peer = broker.accept()
        greeting = peer.greet()
        if plain.version == "5":
            assert b"\x21" + struct.pack(">H", 20_000) in greeting
        for start in range(1, 200, 20):
            block = range(start, start + 20)
            peer.send(b"".join(peer.publish(b"t", b"", number=number) for number in block))
            assert source.ack(take(source, 20)) == 0
            assert peer.acknowledged(20) == list(block)


def test_a_publisher_keeps_within_the_window_of_the_broker() -> None:
    with scripted_broker() as broker:
        settings = BrokerSettings(host="127.0.0.1", port=broker.port, use_tls=False)
        publisher = Publisher(settings, "p")
        for _ in range(50):
            assert publisher.publish("t", b"x")
        peer = broker.accept()
        peer.connect()
        peer.accept(properties=b"\x21" + struct.pack(">H", 20))
        for _ in range(20):
            peer.read()
        peer.connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            peer.read()
        broker.close()
        publisher.close(0.0)


def test_a_subscription_that_is_refused_is_named_and_tried_again(
    plain: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "RESUBSCRIBE_S", 0.2)
    refusal = b"\x87" if plain.version == "5" else b"\x80"
    with scene(plain) as (broker, source):
        peer = broker.accept()
        peer.connect()
        peer.accept()
        peer.confirm_subscription(refusal)
        peer.confirm_subscription()
        peer.confirm_subscription(refusal)
        wait_for(lambda: source.figures().refused == ("#",), "the refusal")
        assert not source.figures().is_connected
        peer.confirm_subscription()
        wait_for(lambda: source.figures().is_connected, "the subscription")
        assert source.figures().refused == ()
        assert source.figures().connections == 1


def test_messages_of_every_quality_are_acknowledged_as_it_demands(plain: Way) -> None:
    with scene(plain) as (broker, source):
        peer = broker.accept()
        peer.greet()
        peer.send(
            peer.publish(b"t", b"one", number=1)
            + peer.publish(b"t", b"two", number=2, flags=0x04)
            + peer.publish(b"t", b"none")
        )
        assert struct.unpack(">H", peer.expect(PUBREC)[:2]) == (2,)
        peer.send(packet(0x62, b"\x00\x02"))
        taken = take(source, 3)
        assert {one.payload: one.qos for one in taken} == {b"one": 1, b"two": 2, b"none": 0}
        assert source.ack(taken) == 0
        assert peer.acknowledged(1) == [1]
        assert struct.unpack(">H", peer.expect(PUBCOMP)[:2]) == (2,)


def test_an_acknowledgement_after_a_reconnect_reaches_nobody(plain: Way) -> None:
    with scene(plain) as (broker, source):
        first = broker.accept()
        first.greet()
        first.send(first.publish(b"t", b"old", number=5))
        held = take(source, 1)
        first.connection.close()
        second = broker.accept()
        second.greet()
        second.send(second.publish(b"t", b"new", number=5))
        fresh = take(source, 1)
        assert source.ack(held) == 1
        second.send(second.publish(b"t", b"later", number=6))
        assert source.ack(take(source, 1)) == 0
        assert second.acknowledged(1) == [6]
        assert source.ack(fresh) == 0
        assert second.acknowledged(1) == [5]


def test_a_connection_cut_in_the_middle_of_a_frame_delivers_it_once(plain: Way) -> None:
    with scene(plain) as (broker, source):
        first = broker.accept()
        first.greet()
        whole = first.publish(b"t", b"payload", number=1)
        first.send(first.publish(b"t", b"first") + whole[:-3])
        assert [one.payload for one in take(source, 1)] == [b"first"]
        first.connection.close()
        second = broker.accept()
        second.greet(then=whole)
        assert [one.payload for one in take(source, 1)] == [b"payload"]
        assert source.figures().connections == 2


def test_messages_that_come_with_the_end_are_still_delivered(plain: Way) -> None:
    with scene(plain) as (broker, source):
        peer = broker.accept()
        peer.greet()
        peer.send(b"".join(peer.publish(b"t", b"%d" % row) for row in range(100)))
        peer.connection.close()
        assert [int(one.payload) for one in take(source, 100)] == list(range(100))


@pytest.mark.parametrize("choice", CHOICES)
def test_pings_are_sent_and_answered_under_constant_messages_and_in_silence(
    choice: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "KEEPALIVE_S", 1)
    with scene(Way(choice, "5")) as (broker, source):
        peer = broker.accept()
        peer.greet()
        peer.connection.settimeout(0.01)
        pings = 0
        until = time.monotonic() + PATIENCE_S
        while pings < 2:
            assert time.monotonic() < until
            burst = b"".join(peer.publish(b"t", b"x") for _ in range(10))
            peer.send(burst)
            pings += answer(peer, around=burst)
            rest_now(source)
        peer.connection.settimeout(PATIENCE_S)
        peer.expect(PINGREQ)
        peer.send(PINGRESP)
        assert source.figures().connections == 1
        assert source.figures().is_connected


def answer(peer: Peer, *, around: bytes) -> int:
    """Answer a ping if one came, in the midst of messages; how many came."""
    try:
        first, body = peer.read()
    except TimeoutError:
        return 0
    if first != PINGREQ:
        assert first == PUBLISH
        peer.send(packet(first, body))  # the watchdog's probe
        return 0
    peer.send(around[: len(around) // 10] + PINGRESP)
    return 1


def rest_now(source: Subscriber) -> list[Delivery]:
    return source.poll(max_messages=1000, max_bytes=1 << 24, timeout_s=0.0)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_broker_that_answers_no_ping_is_left(
    choice: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "KEEPALIVE_S", 1)
    with scene(Way(choice, "5")) as (broker, source):
        peer = broker.accept()
        peer.greet()
        peer.wait_for_end()
        broker.accept().greet()
        wait_for(lambda: source.figures().connections == 2, "the second connection")


def refusal(way: Way, content: Callable[[Peer], bytes]) -> Subscriber:
    """A subscriber that was sent these bytes and has come back."""
    with scene(way) as (broker, source):
        peer = broker.accept()
        peer.greet()
        peer.send(content(peer))
        peer.wait_for_end()
        again = broker.accept()
        again.greet()
        again.send(again.publish(b"t", b"good"))
        assert [one.payload for one in take(source, 1)] == [b"good"]
        return source


def test_five_length_bytes_end_the_connection_and_are_counted(plain: Way) -> None:
    source = refusal(plain, lambda _: b"\x30\xff\xff\xff\xff\x01")
    assert source.figures().frames_refused == 1


@pytest.mark.parametrize(
    ("version", "content"),
    [
        pytest.param("5", b"\x30" + length(9 << 20), id="longer than announced"),
        pytest.param("3.1.1", b"\x34" + length(9 << 20), id="longer than can be cut"),
        *(
            pytest.param(version, content, id=f"{version} {what}")
            for version in VERSIONS
            for content, what in (
                (packet(0x32, b"\x00\x00\x00\x01\x00"), "empty topic"),
                (packet(0x32, b"\x00\x09t"), "topic beyond the packet"),
            )
        ),
    ],
)
def test_what_the_splitter_refuses_ends_the_connection(version: Version, content: bytes) -> None:
    source = refusal(Way("bulk", version), lambda _: content)
    assert source.figures().frames_refused == 1


def test_a_message_that_is_too_long_for_us_is_cut_once_and_the_connection_stays() -> None:
    extra = ("max_packet_size 20000000",)
    way = Way("bulk", "3.1.1")
    with shipped_mosquitto(extra_lines=extra) as roomy:
        with reading(roomy.settings(way), way, name="cut") as source:
            big, small = (("twin/v1/a", one, 1, False) for one in (bytes(10 << 20), b"small"))
            publish_all(roomy, [small, big, small])
            taken = take(source, 3)
            assert [len(one.payload) for one in taken] == [5, frames.CUT_PAYLOAD_BYTES, 5]
            assert source.ack(taken) == 0
            assert source.figures().connections == 1
            assert source.figures().frames_refused == 0
        with reading(roomy.settings(way), way, name="cut") as source:
            assert rest(source) == []


def test_a_message_before_the_answer_to_connect_is_refused() -> None:
    with scene(Way("bulk", "5")) as (broker, source):
        peer = broker.accept()
        peer.connect()
        peer.send(peer.publish(b"t", b"early"))
        peer.wait_for_end()
        wait_for(lambda: source.figures().frames_refused == 1, "the refusal")
        assert rest_now(source) == []


def test_an_id_that_is_contested_backs_off(plain: Way, caplog: pytest.LogCaptureFixture) -> None:
    with scene(plain) as (broker, source):
        for _ in range(3):
            peer = broker.accept()
            peer.greet()
            wait_for(lambda: source.figures().is_connected, "the connection")
            peer.connection.close()
        wait_for(lambda: source.figures().is_contested, "the pause")
        assert any(vars(one).get("retry_in_s") == 60.0 for one in caplog.records)


def test_notices_are_published_again_after_the_will_may_have_replaced_them(plain: Way) -> None:
    with scene(plain, will=("twin/status/ingest/1", b"offline")) as (broker, source):
        source.announce("twin/status/ingest/1", b"old")
        source.announce("twin/status/ingest/1", b"online")
        source.announce("twin/once", b"once", is_retained=False)
        first = broker.accept()
        greeting = first.greet()
        assert b"twin/status/ingest/1" in greeting
        assert b"offline" in greeting
        found = [announced(first) for _ in range(2)]
        assert found == [(b"twin/status/ingest/1", b"online", True), (b"twin/once", b"once", False)]
        first.connection.close()
        second = broker.accept()
        second.greet()
        assert announced(second) == found[0]


def announced(peer: Peer) -> tuple[bytes, bytes, bool]:
    """Topic, payload and retain of the next notice."""
    while True:
        first, body = peer.read()
        if b"twin/probe" in body:
            continue
        assert first & 0xF6 == 0x32, hex(first)
        size = struct.unpack(">H", body[:2])[0]
        start = 2 + size + 2 + peer.is_five
        return body[2 : 2 + size], body[start:], bool(first & 1)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_lost_probe_brings_a_new_connection_and_probes_stay_hidden(
    choice: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "SILENT_AFTER_S", 0.3)
    monkeypatch.setattr(watchdog, "PROBE_WITHIN_S", 0.3)
    with scene(Way(choice, "5")) as (broker, source):
        first = broker.accept()
        first.greet()
        for _ in range(2):
            kind, body = first.read()
            assert (kind, b"twin/probe/twin-t-1" in body) == (PUBLISH, True)
            first.send(packet(kind, body))
        wait_for(lambda: source.figures().silent == ("#",), "the silent subscription")
        first.wait_for_end()
        second = broker.accept()
        second.greet()
        second.send(second.publish(b"t", b"x"))
        assert [one.topic for one in take(source, 1)] == [b"t"]
        assert source.figures().silent == ()


# Choice of the client


def test_a_paho_without_the_hooks_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bulk, "HOOKS", ("_create_socket", "_no_such_hook"))
    with scripted_broker() as broker:
        settings = BrokerSettings(host="127.0.0.1", port=broker.port, use_tls=False)
        source = Subscriber(settings, IngestSettings(), client_id="t", filters=["#"])
        logged = [one for one in caplog.records if one.message == "bulk_client_unavailable"]
        assert [vars(one)["missing"] for one in logged] == ["_no_such_hook"]
        source.start()
        for _ in range(2):
            peer = broker.accept()
            peer.greet()
            peer.send(peer.publish(b"t", b"x", number=1))
            assert source.ack(take(source, 1)) == 0
            assert peer.acknowledged(1) == [1]
            peer.connection.close()
        assert not source.figures().is_bulk
        broker.close()
        source.close()
        demanding = IngestSettings(client="bulk")
        with pytest.raises(SettingsError, match="_no_such_hook"):
            Subscriber(settings, demanding, client_id="t", filters=["#"])
    assert len([one for one in caplog.records if one.message == "bulk_client_unavailable"]) == 1


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
