"""States, batch size, accounts, alarms and the way to the database: each part alone."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbox import AtOnce

from sensors.ingest.accounting import Ledger
from sensors.ingest.alarms import Alarms
from sensors.ingest.contact import Contact, InstanceTakenError, Registry
from sensors.ingest.errand import Errand
from sensors.ingest.states import COMMIT_TARGET_S, BatchSize, Due, State, state_of
from twin.city import Twin
from twin.errors import RegistryError, StoreError, StoreUnavailableError
from twin.model.observations import RecordResult, Tally
from twin.model.times import utc_now
from twin.store.memory import MemoryStore

REGISTRY = Registry("1", ())


class Later(Executor):
    """Does what is submitted when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


def test_the_state_follows_from_what_is_available() -> None:
    found = {
        (ready, empty): state_of(is_store_ready=ready, is_spool_empty=empty, is_paused=False)
        for ready in (False, True)
        for empty in (False, True)
    }
    assert found == {
        (False, False): State.SPOOLING,
        (False, True): State.SPOOLING,
        (True, False): State.DRAINING,
        (True, True): State.LIVE,
    }
    assert state_of(is_store_ready=True, is_spool_empty=True, is_paused=True) is State.PAUSED


@pytest.mark.parametrize("per_reading_s", [1e-6, 1e-4, 1e-3])
def test_the_batch_size_meets_the_target_where_time_grows_with_the_batch(
    per_reading_s: float,
) -> None:
    size = BatchSize(20_000)
    for _ in range(40):
        size.note(size.readings, seconds=0.01 + per_reading_s * size.readings)
    expected = min(20_000, max(100, round(COMMIT_TARGET_S / per_reading_s)))
    assert 0.4 * expected <= size.readings <= min(2 * expected, 20_000)


def test_a_database_that_answers_late_whatever_it_gets_keeps_large_batches() -> None:
    size = BatchSize(20_000)
    for _ in range(50):  # quick ones before, a few readings each
        size.note(5, seconds=0.005)
    taken = [5]
    size.note(5, seconds=2.0)
    for _ in range(60):  # 500 readings a second come meanwhile
        taken.append(min(1000, size.readings))
        size.note(taken[-1], seconds=2.0 + 1e-6 * taken[-1])
    assert sum(taken) / len(taken) > 900
    assert size.readings >= 500


def test_it_grows_again_when_the_database_is_quick_again() -> None:
    size = BatchSize(20_000)
    for _ in range(10):
        size.note(size.readings, seconds=size.readings * 1e-3)
    assert size.readings < 500
    for _ in range(30):
        size.note(size.readings, seconds=size.readings * 1e-6)
    assert size.readings == 20_000


@given(st.lists(st.tuples(st.integers(0, 50_000), st.floats(0, 60)), max_size=60))
def test_the_batch_size_keeps_its_bounds(commits: list[tuple[int, float]]) -> None:
    size = BatchSize(20_000)
    for readings, seconds in commits:
        size.note(readings, seconds=seconds)
        assert 100 <= size.readings <= 20_000
    small = BatchSize(10)
    for readings, seconds in commits:
        small.note(readings, seconds=seconds)
        assert small.readings == 10


def test_something_is_due_again_after_its_time() -> None:
    now_s = [0.0]
    due = Due(clock=lambda: now_s[0])
    seen = []
    for second in range(6):
        now_s[0] = float(second)
        seen.append(due.is_now("a", every_s=2.0))
    assert seen == [True, False, True, False, True, False]
    due.put_off("b", seconds=3.0)
    assert not due.is_now("b", every_s=1.0)


def test_messages_that_go_through_the_spool_add_up() -> None:
    ledger = Ledger(inherited=2)
    ledger.hand_over({"a": 5, "b": 1})
    ledger.spool({"a": 5})
    assert ledger.differences({"b": 1}) == {}
    ledger.unspool(["a"] * 2)  # those of the earlier run come first
    ledger.commit({"a": 2})
    ledger.unspool(["a"] * 5)
    ledger.commit({"a": 5, "b": 1})
    assert ledger.differences({}) == {}
    assert ledger.handed == {"a": 7, "b": 1}


def test_a_message_that_vanishes_in_the_spool_shows_and_a_declared_loss_does_not() -> None:
    ledger = Ledger()
    ledger.hand_over({"a": 3})
    ledger.spool({"a": 3})
    ledger.unspool(["a"] * 2)
    ledger.commit({"a": 1})
    assert ledger.differences({}) == {"a": 1}
    ledger.commit({"a": 1})
    ledger.lose({"a": 1})
    ledger.settle()
    assert ledger.differences({}) == {}


def test_a_loss_that_nobody_can_attribute_starts_the_count_of_the_spool_anew() -> None:
    ledger = Ledger(inherited=4)
    ledger.hand_over({"a": 10})
    ledger.spool({"a": 10})
    ledger.unspool(["a"] * 5)
    ledger.commit({"a": 5})
    ledger.lose({"unrouted": 7})
    ledger.settle()
    ledger.hand_over({"a": 1})
    ledger.commit({"a": 1})
    assert ledger.differences({}) == {}


def test_a_batch_whose_readings_do_not_add_up_is_noticed() -> None:
    ledger = Ledger()
    tallies = {"a": Tally(received=5)}
    ledger.check(tallies, RecordResult(3, 1, 0, 1, revision=1))
    ledger.check(tallies, RecordResult(0, 0, 0, 0, revision=0, repeated=True))
    assert ledger.readings_off == 0
    ledger.check(tallies, RecordResult(3, 1, 0, 0, revision=1))
    assert ledger.readings_off == 1


def test_the_database_is_asked_aside_and_later_and_later() -> None:
    now_s, aside = [0.0], Later()
    answers: list[StoreError | None] = [*[StoreUnavailableError("gone")] * 3, None]
    asked: list[float] = []

    def ask() -> Registry:
        asked.append(now_s[0])
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return REGISTRY

    def guarded() -> Registry:
        return ask()

    contact = Contact(guarded, AtOnce(), clock=lambda: now_s[0])
    for tick in range(2000):
        now_s[0] = tick / 100
        if contact.renew() is not None:
            break
    assert contact.is_ready
    assert len(asked) == 4
    waits = [after - before for before, after in pairwise(asked)]
    assert 0.04 <= waits[0] <= waits[1] + 0.1 <= waits[2] + 0.3
    slow = Contact(lambda: REGISTRY, aside)
    assert slow.renew() is None
    assert slow.renew() is None
    assert len(aside.waiting) == 1  # one question at a time
    aside.work()
    assert slow.renew() is REGISTRY


def test_a_refusal_waits_half_a_minute() -> None:
    now_s = [0.0]

    def ask() -> Registry:
        raise RegistryError("an asset is ambiguous")

    contact = Contact(ask, AtOnce(), clock=lambda: now_s[0])
    contact.renew()
    assert (contact.is_refused, contact.reason) == (True, "an asset is ambiguous")
    contact._ask = lambda: REGISTRY
    for now_s[0], expected in ((29.0, None), (31.0, REGISTRY)):
        assert contact.renew() is expected


def test_a_name_that_stays_taken_is_an_end() -> None:
    now_s = [0.0]

    def ask() -> Registry:
        raise InstanceTakenError("another one")

    contact = Contact(ask, AtOnce(), clock=lambda: now_s[0])
    for second in range(5):
        now_s[0] = float(second)
        assert contact.renew() is None
        assert contact.is_taken
    now_s[0] = 9.0
    with pytest.raises(InstanceTakenError):
        contact.renew()


def test_alarms_are_told_when_the_database_listens_again() -> None:
    now_s = [0.0]
    twin = Twin(MemoryStore(), clock=utc_now)
    open_alarm = twin.open_alarm

    def away(kind: str, subject: str, detail: str) -> None:
        raise StoreUnavailableError(f"gone {kind} {subject} {detail}")

    alarms = Alarms(twin, AtOnce(), clock=lambda: now_s[0])
    alarms.set("spool_high", "i", "80 %")
    twin.open_alarm = away  # pyrefly: ignore[bad-assignment]
    alarms.tell()
    assert twin.alarms() == ()
    twin.open_alarm = open_alarm  # pyrefly: ignore[bad-assignment]
    alarms.tell()
    assert [alarm.detail for alarm in twin.alarms()] == ["80 %"]
    alarms.set("spool_high", "i", "")
    alarms.tell()
    assert twin.alarms() == ()


def test_an_event_is_shown_for_its_time_and_a_state_as_long_as_it_holds() -> None:
    now_s = [0.0]
    alarms = Alarms(Twin(MemoryStore(), clock=utc_now), AtOnce(), clock=lambda: now_s[0])
    alarms.set("session_lost", "i", "once", hold_s=10.0)
    alarms.set("session_lost", "i", "")
    alarms.keep_only("clock_offset", {"a": "slow", "b": "slow"})
    alarms.keep_only("clock_offset", {"b": "slow"})
    assert set(alarms.open) == {("session_lost", "i"), ("clock_offset", "b")}
    now_s[0] = 11.0
    assert set(alarms.open) == {("clock_offset", "b")}


def test_alarms_of_an_earlier_run_are_closed_unless_they_hold_again() -> None:
    twin = Twin(MemoryStore(), clock=utc_now)
    for kind, subject in (("spool_full", "i"), ("store_refused", "i"), ("spool_full", "other")):
        twin.open_alarm(kind, subject, "from before")
    twin.open_alarm("clock_offset", "a", "from before")
    alarms = Alarms(twin, AtOnce())
    kinds = frozenset({"spool_full", "store_refused"})
    alarms.close_left("i", kinds, always=frozenset({"clock_offset"}))
    alarms.set("store_refused", "i", "still")
    alarms.tell()
    found = {(alarm.kind, alarm.subject) for alarm in twin.alarms()}
    assert found == {("store_refused", "i"), ("spool_full", "other")}


def test_an_errand_that_takes_long_is_not_followed_by_another() -> None:
    aside, done = Later(), list[int]()
    errand = Errand(aside)
    for number in range(3):
        errand.run(done.append, number)
    assert errand.is_running
    aside.work()
    assert done == [0]
    errand.run(done.append, 3)
    aside.work()
    assert (done, errand.is_running) == ([0, 3], False)
