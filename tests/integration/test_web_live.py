"""The live socket with real WebSockets: protocol, limits, origins, back-pressure."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from serving_town import Served, served
from town import Town
from waiting import wait_for
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from dashboards.live import codec
from dashboards.live.codec import Kind
from twin.model.quality import QualityClass


@pytest.fixture
def web() -> Iterator[Served]:
    with served() as running:
        yield running


def opened(web: Served, *, origin: str | None = "same", path: str = "/live/v1") -> ClientConnection:
    wanted = web.address if origin == "same" else origin
    named = None if wanted is None else Origin(wanted)
    return connect(f"ws://127.0.0.1:{web.port}{path}", origin=named, proxy=None)


def next_frame(client: ClientConnection) -> codec.Frame:
    data = client.recv(timeout=10)
    assert isinstance(data, bytes)
    return codec.decode(data)


def hello(client: ClientConnection) -> dict[str, dict[str, Any]]:
    message: dict[str, Any] = codec.message(next_frame(client))
    assert message["op"] == "hello"
    return {channel["name"]: channel for channel in message["channels"]}


def subscribe(client: ClientConnection, *names: str, max_hz: float = 20.0) -> None:
    client.send(json.dumps({"op": "subscribe", "channels": list(names), "max_hz": max_hz}))


def values_of(frame: codec.Frame) -> list[int]:
    return codec.changes(frame)[1].tolist()


def test_hello_describes_every_channel_with_its_table(web: Served) -> None:
    with opened(web) as client:
        channels = hello(client)
    speed = channels["roads.speed"]
    assert (speed["table"], speed["kind"], speed["interval_s"]) == ("roads", "magnitude", 15.0)
    assert speed["version"] == web.hub.snapshot.features.tables["roads"].version
    assert channels["bridges.grade"]["interval_s"] is None


def test_a_subscriber_gets_a_full_frame_first_and_then_what_changes(web: Served) -> None:
    web.town.record({"L1.ab-v": 50.0})
    wait_for(lambda: int(web.hub.frames["roads.speed"].values[0]) == 181, "the first value")
    with opened(web) as client:
        number = hello(client)["roads.speed"]["no"]
        subscribe(client, "roads.speed")
        first = next_frame(client)
        assert (first.kind, first.channel) == (Kind.FULL, number)
        assert values_of(first) == [181, 255, 255, 255]
        web.town.record({"L2.ba-v": 20.0}, age_s=1.0)
        second = next_frame(client)
        assert second.seq == first.seq + 1
        assert values_of(second)[-1] == 73


def test_a_value_turns_stale_without_any_message(web: Served) -> None:
    web.town.record({"L1.ab-v": 50.0})
    with opened(web) as client:
        hello(client)
        subscribe(client, "roads.speed.q")
        wait_for(
            lambda: values_of(next_frame(client))[0] == QualityClass.SIMULATED, "a fresh value"
        )
        web.town.clock.move(60.0)
        assert values_of(next_frame(client))[0] == QualityClass.STALE


def test_a_keyframe_request_is_answered_with_a_full_frame(web: Served) -> None:
    with opened(web) as client:
        number = hello(client)["roads.speed"]["no"]
        subscribe(client, "roads.speed")
        first = next_frame(client)
        client.send(codec.encode_keyframe_request(channel=number, seq=0, rev=first.table_rev))
        assert next_frame(client) == first


def test_an_unknown_channel_is_an_error_and_not_the_end(web: Served) -> None:
    with opened(web) as client:
        hello(client)
        subscribe(client, "roads.colour", "bridges.grade")
        message = codec.message(next_frame(client))
        assert (message["op"], message["channel"]) == ("error", "roads.colour")
        assert next_frame(client).kind == Kind.FULL


def test_unsubscribing_ends_the_frames_of_a_channel(web: Served) -> None:
    with opened(web) as client:
        channels = hello(client)
        subscribe(client, "roads.speed", "roads.flow")
        next_frame(client), next_frame(client)
        client.send(json.dumps({"op": "unsubscribe", "channels": ["roads.speed"]}))
        subscribe(client, "roads.flow")
        assert next_frame(client).channel == channels["roads.flow"]["no"]
        web.town.record({"L1.ab-v": 50.0, "L1.ab-q": 500.0})
        assert next_frame(client).channel == channels["roads.flow"]["no"]


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        '{"op":"subscribe"}',
        '{"op":"subscribe","channels":[1]}',
        '{"op":"dance","channels":[]}',
        json.dumps({"op": "subscribe", "channels": ["x"] * 65}),
        "x" * (16 * 1024 + 1),
        b"",
        b"\x00" * 24,
        codec.encode_control({"op": "hello"}, t_ms=0.0),
    ],
    ids=["text", "list", "no channels", "numbers", "unknown op", "many channels", "long",
         "empty", "version 0", "control"],
)  # fmt: skip
def test_breaking_the_protocol_closes_with_4400(web: Served, message: str | bytes) -> None:
    with opened(web) as client:
        hello(client)
        client.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


def _flood(client: ClientConnection) -> None:
    for _ in range(50):
        subscribe(client)
    client.recv(timeout=10)


def test_more_than_ten_messages_a_second_close_with_4400(web: Served) -> None:
    with opened(web) as client:
        hello(client)
        with pytest.raises(ConnectionClosed) as closed:
            _flood(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


@pytest.mark.duty("S17")
@pytest.mark.parametrize("path", ["/live/v1", "/_dash-ws-callback"])
@pytest.mark.parametrize("origin", [None, "http://evil.example", "https://127.0.0.1", "null"])
def test_a_foreign_origin_is_refused_before_the_handshake(
    web: Served, path: str, origin: str | None
) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(web, origin=origin, path=path):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.duty("S21")
def test_a_foreign_host_is_refused_before_the_handshake(web: Served) -> None:
    raw = socket.create_connection(("127.0.0.1", web.port), timeout=10)
    foreign = Origin("http://evil.example")
    with pytest.raises(InvalidStatus) as refused:
        connect("ws://evil.example/live/v1", sock=raw, origin=foreign, proxy=None)
    assert refused.value.response.status_code == 400


def test_an_unknown_socket_is_refused(web: Served) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(web, path="/live/v9"):
        pass
    assert refused.value.response.status_code in (403, 404)


def test_the_number_of_clients_is_limited() -> None:
    with served(max_clients=1) as web, opened(web) as first:
        hello(first)
        with pytest.raises(InvalidStatus) as refused, opened(web):
            pass
        assert refused.value.response.status_code == 503


def test_a_client_that_leaves_is_forgotten(web: Served) -> None:
    with opened(web) as client:
        hello(client)
        assert web.hub.clients == 1
    wait_for(lambda: web.hub.clients == 0, "the end of the client")


def test_all_clients_share_the_same_encoding(web: Served) -> None:
    clients = [opened(web).__enter__() for _ in range(5)]
    try:
        for client in clients:
            hello(client)
            subscribe(client, "roads.speed")
        first = {client.recv(timeout=10) for client in clients}
        assert len(first) == 1
        assert set(web.hub.frames["roads.speed"].encoded) == {"full"}
    finally:
        for client in clients:
            client.close()


def test_a_stalled_client_resumes_with_the_newest_frame_and_no_other_waits(web: Served) -> None:
    """Frames missed meanwhile are never kept: the next one a slow client gets is the newest."""
    with opened(web) as slow, opened(web) as quick:
        hello(slow), hello(quick)
        subscribe(slow, "roads.speed", max_hz=0.5)
        subscribe(quick, "roads.speed")
        first = next_frame(slow)
        next_frame(quick)
        for number in range(1, 6):
            web.town.record({"L1.ab-v": 10.0 * number}, age_s=-float(number))
            wanted = round(254 * number / 7)
            found = next_frame(quick)
            assert values_of(found)[0] == wanted
        second = next_frame(slow)
        assert second.kind == Kind.FULL
        assert second.seq > first.seq + 1
        assert values_of(second)[0] == 181


def test_ticks_tell_the_ages_by_the_clock_of_the_server(web: Served) -> None:
    web.town.record({"L1.ab-v": 50.0}, age_s=7.0)
    wait_for(lambda: web.hub.ages().get("roads.speed") == 7.0, "the age")
    with opened(web) as client:
        hello(client)
        message: dict[str, Any] = codec.message(next_frame(client))
    assert message["op"] == "tick"
    assert message["age"]["roads.speed"] == 7.0
    assert message["server_time"] == web.town.clock().isoformat()


def test_a_large_town_is_sent_as_one_byte_per_feature() -> None:
    city = Town()
    with served(city) as web, opened(web) as client:
        hello(client)
        subscribe(client, "sensors.q")
        frame = next_frame(client)
    assert len(frame.payload) == frame.n == len(web.hub.snapshot.features.sensors)
    assert np.frombuffer(frame.payload, np.uint8).max() == QualityClass.NEVER_REPORTED
