"""Who serves a connection, with a clock that goes on while somebody waits."""

import threading
from typing import TYPE_CHECKING

import pytest

from sensors.broker.duty import FORGET_S, LONGEST_REST_S, REST_S, Duty

if TYPE_CHECKING:
    from collections.abc import Callable


class Waits(threading.Event):
    """A stop whose waits take no time: they move the clock and let something happen."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.pauses_s: list[float] = []
        self.happens: Callable[[], object] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses_s.append(timeout or 0.0)
        self.now_s += timeout or 0.0
        self.happens()
        return self.is_set()


@pytest.fixture
def stop() -> Waits:
    return Waits()


def duty(stop: Waits, rung: list[str]) -> Duty:
    return Duty(lambda: rung.append("bell"), clock=lambda: stop.now_s)


def test_without_a_guest_the_own_thread_never_rests(stop: Waits) -> None:
    found = duty(stop, [])
    with found.own(stop):
        assert found.is_own
    assert not found.is_own
    assert not stop.pauses_s


def test_a_guest_finds_the_connection_free_and_nobody_is_woken(stop: Waits) -> None:
    rung: list[str] = []
    found = duty(stop, rung)
    with found.lent():
        assert not found.is_own
    assert not rung


def test_the_own_thread_stays_away_while_a_guest_keeps_coming_back(stop: Waits) -> None:
    found = duty(stop, [])
    visits: list[float] = []

    def visit() -> None:
        if len(visits) < 10:
            with found.lent():
                visits.append(stop.now_s)

    visit()
    stop.happens = visit
    with found.own(stop):
        assert len(visits) == 10
        assert stop.now_s - visits[-1] >= REST_S
    assert max(stop.pauses_s) == LONGEST_REST_S


def test_the_own_thread_leaves_a_connection_that_is_lent(stop: Waits) -> None:
    found = duty(stop, [])
    lent = found.lent()
    lent.__enter__()

    def give_back_late() -> None:
        if len(stop.pauses_s) == 5:
            lent.__exit__(None, None, None)

    stop.happens = give_back_late
    with found.own(stop):
        assert len(stop.pauses_s) > 5


def test_the_messages_of_a_flood_gather_while_the_guest_is_busy(stop: Waits) -> None:
    found = duty(stop, [])
    with found.lent():
        pass
    for _ in range(20):
        with found.own(stop):
            pass
    assert stop.pauses_s == [REST_S] * 20


def test_a_guest_that_stays_away_is_forgotten(stop: Waits) -> None:
    found = duty(stop, [])
    with found.lent():
        pass
    stop.now_s += FORGET_S
    with found.own(stop):
        assert not stop.pauses_s


def test_a_guest_rings_when_the_own_thread_waits_for_the_network(stop: Waits) -> None:
    rang = threading.Event()
    found = Duty(rang.set, clock=lambda: stop.now_s)
    is_served = threading.Event()

    def serve() -> None:
        with found.lent():
            is_served.set()

    guest = threading.Thread(target=serve)
    with found.own(stop):
        guest.start()
        assert rang.wait(10)
        assert not is_served.is_set()
    assert is_served.wait(10)
    guest.join(10)


def test_at_the_end_the_own_thread_waits_for_nobody(stop: Waits) -> None:
    found = duty(stop, [])
    with found.lent():
        pass
    stop.set()
    with found.own(stop):
        assert stop.pauses_s == [REST_S]
