"""The fault proxy itself, between two plain sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.proxy import FaultProxy, fault_proxy
from services import open_folder
from waiting import wait_for


class Echo:
    """Sends back what it gets, and notes it."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.heard = b""
        self.ends: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while received := connection.recv(65_536):
                    self.heard += received
                    connection.sendall(received)
            except OSError as error:
                self.ends.append(type(error).__name__)
            else:
                self.ends.append("end")


@pytest.fixture(params=["tcp", "unix"])
def echo(request: pytest.FixtureRequest) -> Iterator[tuple[Echo, tuple[str, int] | Path]]:
    with (
        open_folder() as folder,
        socket.socket(socket.AF_INET if request.param == "tcp" else socket.AF_UNIX) as listener,
    ):
        path = folder / "socket"
        listener.bind(("127.0.0.1", 0) if request.param == "tcp" else str(path))
        listener.listen()
        yield Echo(listener), listener.getsockname() if request.param == "tcp" else path


@pytest.fixture
def between(
    echo: tuple[Echo, tuple[str, int] | Path],
) -> Iterator[tuple[Echo, FaultProxy, socket.socket]]:
    with fault_proxy(echo[1]) as proxy, connected(proxy) as client:
        assert said(client, b"hello") == b"hello"
        yield echo[0], proxy, client


def connected(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def heard_from(proxy: FaultProxy) -> bytes:
    with connected(proxy) as client:
        return client.recv(10)


def said(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    answer = b""
    while len(answer) < len(words):
        received = client.recv(65_536)
        if not received:
            return answer
        answer += received
    return answer


def is_silent(client: socket.socket) -> bool:
    client.settimeout(0.2)
    try:
        return bool(client.recv(10)) and False
    except TimeoutError:
        return True
    finally:
        client.settimeout(5)


Between = tuple[Echo, FaultProxy, socket.socket]


def test_what_is_blocked_comes_after_healing(between: Between) -> None:
    echo, proxy, client = between
    proxy.block("up")
    client.sendall(b"kept")
    assert is_silent(client)
    assert echo.heard == b"hello"
    proxy.heal()
    assert client.recv(10) == b"kept"


def test_a_black_hole_forgets_connections_and_lets_new_ones_in(between: Between) -> None:
    echo, proxy, client = between
    proxy.black_hole(lets_new_in=True)
    client.sendall(b"gone")
    assert is_silent(client)
    proxy.heal()
    with connected(proxy) as second:
        assert said(second, b"new") == b"new"
    assert is_silent(client)
    assert echo.heard == b"hellonew"


def test_a_black_hole_keeps_new_connections_waiting_until_it_heals(between: Between) -> None:
    _, proxy, _ = between
    proxy.black_hole()
    with connected(proxy) as second:
        second.sendall(b"late")
        assert is_silent(second)
        proxy.heal()
        assert second.recv(10) == b"late"


def test_a_reset_reaches_the_client_as_reset(between: Between) -> None:
    echo, proxy, client = between
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(10)
    wait_for(lambda: echo.ends, "the end at the server")
    proxy.refuse()
    with pytest.raises(ConnectionResetError):  # already while connecting, or right afterwards
        heard_from(proxy)


def test_delay_and_rate_hold_bytes_back(between: Between) -> None:
    _, proxy, client = between
    proxy.delay("down", 0.3)
    begun = time.monotonic()
    assert said(client, b"slow") == b"slow"
    assert time.monotonic() - begun >= 0.3
    proxy.heal()
    proxy.limit("up", 10_000)
    begun = time.monotonic()
    assert len(said(client, b"x" * 4000)) == 4000
    assert time.monotonic() - begun >= 0.35


def test_a_half_closed_direction_leaves_the_other_one(between: Between) -> None:
    echo, proxy, client = between
    proxy.half_close("down")
    assert client.recv(10) == b""
    client.sendall(b"still")
    wait_for(lambda: echo.heard.endswith(b"still"), "the other direction")


def test_a_connection_is_cut_after_so_many_bytes(between: Between) -> None:
    echo, proxy, client = between
    proxy.cut_after("up", 3)
    client.sendall(b"abcdef")
    wait_for(lambda: echo.ends, "the end at the server")
    assert echo.heard in (b"hello", b"helloabc")  # a reset may overtake the bytes


def test_replies_are_held_after_the_marker_even_if_it_comes_in_pieces(between: Between) -> None:
    echo, proxy, client = between
    proxy.hold_replies_after(b"COMMIT")
    assert said(client, b"BEGIN") == b"BEGIN"
    client.sendall(b"COM")
    assert client.recv(10) == b"COM"
    client.sendall(b"MIT")
    assert is_silent(client)
    assert proxy.held.is_set()
    assert echo.heard.endswith(b"COMMIT")
    proxy.heal()
    assert client.recv(10) == b"MIT"


def test_replies_are_held_for_a_time_each_time(between: Between) -> None:
    _, proxy, client = between
    proxy.hold_replies_after(b"COMMIT", for_s=0.2)
    for _ in range(2):
        begun = time.monotonic()
        assert said(client, b"COMMIT") == b"COMMIT"
        assert time.monotonic() - begun >= 0.2
