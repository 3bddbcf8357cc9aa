"""Decisions, comments and release grants: every store keeps them alike."""

import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from twin.city import Twin
from twin.errors import DecisionError, RegistryError, ReleaseError, StoreError
from twin.model.bridge import Restriction, in_force
from twin.model.decisions import Order
from twin.model.interventions import Intervention
from twin.model.provenance import Provenance
from twin.model.scenarios import Result, Run, Scenario
from twin.model.times import utc_now
from twin.ports import Store

SCENARIO = Scenario("close it", base="dresden", interventions=())


class MovedClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = utc_now().replace(hour=12, microsecond=0)

    def __call__(self):
        return self.now


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def twin(store: Store, clock: MovedClock) -> Twin:
    return Twin(store, clock=clock)


def order(twin: Twin, **changes: Any) -> Order:
    limit = Restriction("5", 16.0, "t", signs=("262-16",), valid_from=date(2026, 1, 1))
    asset = twin.assets()[0].id
    return replace(Order(asset, "Bridge", limit, ((13.7, 51.0),), "fatigue"), **changes)


def publish(twin: Twin, number: int, key: str, *, version: int = 1):
    return twin.decisions.publish(
        number, expected_version=version, key=key, reason="released", caller="test"
    )


def test_comments_stand_in_the_order_in_which_they_were_written(twin: Twin) -> None:
    run = twin.submit(SCENARIO, engine="e", version="1")
    first = twin.decisions.comment(run.id, " Anna ", "first\nline")
    second = twin.decisions.comment(run.id, "Ben", "second")
    assert twin.decisions.comments(run.id) == (first, second)
    assert (first.author, first.text, first.at) == ("Anna", "first\nline", twin.now())


def test_a_comment_needs_a_run_an_author_and_a_text(twin: Twin) -> None:
    run = twin.submit(SCENARIO, engine="e", version="1")
    with pytest.raises(RegistryError, match="99"):
        twin.decisions.comment(99, "Anna", "text")
    with pytest.raises(RegistryError):
        twin.decisions.comments(99)
    with pytest.raises(DecisionError) as refused:
        twin.decisions.comment(run.id, " ", "x" * 4001)
    assert len(refused.value.problems) == 2
    with pytest.raises((DecisionError, StoreError)):
        twin.decisions.comment(run.id, "Anna", "a\x00b")
    assert twin.decisions.comments(run.id) == ()


def test_a_decision_goes_its_way_step_by_step(twin: Twin, clock: MovedClock) -> None:
    _, key = twin.decisions.grant("Road authority")
    begun = twin.decisions.decide(order(twin), person="Anna")
    clock.now += timedelta(days=1)
    out = publish(twin, begun.id, key)
    heavier = replace(out.order, restriction=replace(out.order.restriction, value=12.0))
    changed = twin.decisions.update(
        out.id, heavier, expected_version=2, key=key, reason="inspection", caller="test"
    )
    ended = twin.decisions.withdraw(
        out.id, expected_version=3, key=key, reason="strengthened", caller="test"
    )
    assert [step.state for step in ended.events] == ["decided", "published", "updated", "withdrawn"]
    assert [step.person for step in ended.events] == ["Anna", *["Road authority"] * 3]
    assert ended.events[:3] == changed.events
    assert twin.decisions.decision(begun.id) == ended
    assert twin.decisions.decisions() == (ended,)
    with pytest.raises(DecisionError, match="nothing more"):
        publish(twin, begun.id, key, version=4)


def test_a_decision_changed_meanwhile_is_not_changed(twin: Twin) -> None:
    _, key = twin.decisions.grant("Road authority")
    begun = twin.decisions.decide(order(twin), person="Anna")
    publish(twin, begun.id, key)
    with pytest.raises(DecisionError, match="version 2 by now, not 1"):
        publish(twin, begun.id, key)


def test_of_two_changes_at_once_one_is_refused(twin: Twin) -> None:
    begun = twin.decisions.decide(order(twin), person="Anna", is_draft=True)
    outcomes: list[str] = []

    def confirm() -> None:
        try:
            twin.decisions.confirm(begun.id, expected_version=1, person="Ben", reason="yes")
            outcomes.append("done")
        except DecisionError:
            outcomes.append("refused")

    threads = [threading.Thread(target=confirm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["done", "refused", "refused", "refused"]
    assert twin.decisions.decision(begun.id).version == 2


def test_a_decided_restriction_is_among_those_of_the_bridge(
    twin: Twin, store: Store, clock: MovedClock
) -> None:
    def known():
        return store.bridges.book.records(kind="restriction")

    draft = twin.decisions.decide(order(twin), person="Anna", is_draft=True)
    assert known() == ()
    twin.decisions.confirm(draft.id, expected_version=1, person="Anna", reason="decided")
    (stored,) = known()
    assert stored.record.content == draft.order.restriction
    assert stored.record.provenance.by == f"decision {draft.id}"
    clock.now += timedelta(days=10)
    twin.decisions.withdraw(
        draft.id, expected_version=2, person="Anna", reason="not needed", caller="test"
    )
    (stored,) = known()
    assert isinstance(stored.record.content, Restriction)
    assert not in_force(stored.record.content, clock.now.date())
    assert in_force(stored.record.content, clock.now.date() - timedelta(days=1))
    versions = store.bridges.book.versions(
        draft.order.asset_id, "restriction", f"decision {draft.id}", part=""
    )
    assert len(versions) == 2


def test_what_is_withdrawn_before_it_begins_never_was_in_force(
    twin: Twin, store: Store, clock: MovedClock
) -> None:
    day = clock.now.date() + timedelta(days=5)
    late = replace(order(twin).restriction, valid_from=day)
    begun = twin.decisions.decide(order(twin, restriction=late), person="Anna")
    twin.decisions.withdraw(
        begun.id, expected_version=1, person="Anna", reason="not needed", caller="test"
    )
    (stored,) = store.bridges.book.records(kind="restriction")
    assert isinstance(stored.record.content, Restriction)
    assert not any(in_force(stored.record.content, day + timedelta(days=n)) for n in range(-9, 9))


def test_everything_wrong_with_an_order_is_said_at_once(twin: Twin) -> None:
    wrong = Restriction("5", signs=(), weekdays="Su,Mo", daily_from="25:00")
    with pytest.raises(DecisionError) as refused:
        twin.decisions.decide(order(twin, restriction=wrong, points=(), reason=""), person="")
    assert len(refused.value.problems) == 7
    with pytest.raises(RegistryError, match="unknown"):
        twin.decisions.decide(order(twin, asset_id="nowhere"), person="Anna")
    with pytest.raises(RegistryError, match="run 77"):
        twin.decisions.decide(order(twin, run_id=77), person="Anna")
    assert twin.decisions.decisions() == ()


def answered(twin: Twin, *, mass_t: float = 16.0, is_done: bool = True) -> Run:
    """A run that has examined a limit of the gross mass at the first asset."""
    limit = Intervention("limit_weight", (twin.assets()[0].id,), {"mass_t": mass_t})
    scenario = Scenario("limit it", base="dresden", interventions=(limit,))
    run = twin.submit(scenario, engine="e", version="1")
    if is_done and twin.claim_run(["e"], only=run.id) is not None:
        result = Result(run.id, {}, units={}, assumptions=(), provenance=Provenance("derived"))
        twin.finish_run(run.id, result)
    return twin.run(run.id)


def test_a_decision_names_the_run_and_its_inputs(twin: Twin) -> None:
    run = answered(twin)
    resting = order(twin, run_id=run.id, input_hash=run.input_hash)
    begun = twin.decisions.decide(resting, person="Anna")
    other = twin.decisions.decide(order(twin), person="Anna")
    assert twin.decisions.decisions(run_id=run.id) == (begun,)
    assert twin.decisions.decisions() == (other, begun)
    with pytest.raises(DecisionError, match="input_hash"):
        twin.decisions.decide(order(twin, run_id=run.id, input_hash="0"), person="Anna")


def test_an_order_rests_only_on_a_run_that_has_examined_it(twin: Twin) -> None:
    open_run = answered(twin, mass_t=12.0, is_done=False)
    run = answered(twin)
    resting = order(twin, run_id=run.id, input_hash=run.input_hash)
    heavier = replace(resting, restriction=replace(resting.restriction, value=12.0))
    elsewhere = replace(resting, asset_id=twin.assets()[1].id)
    for wrong in (heavier, elsewhere):
        with pytest.raises(DecisionError, match=r"has not examined .* but .* 16 t"):
            twin.decisions.decide(wrong, person="Anna")
    waiting = replace(heavier, run_id=open_run.id, input_hash=open_run.input_hash)
    with pytest.raises(DecisionError, match="queued"):
        twin.decisions.decide(waiting, person="Anna")
    assert twin.decisions.decisions() == ()


def test_an_order_for_the_past_is_refused(twin: Twin, clock: MovedClock) -> None:
    first = clock.now.date() - timedelta(days=9)
    past = replace(order(twin).restriction, valid_from=first, valid_until=first + timedelta(days=2))
    with pytest.raises(DecisionError, match="has passed"):
        twin.decisions.decide(order(twin, restriction=past), person="Anna")


def test_without_a_key_in_force_nothing_is_released(twin: Twin) -> None:
    grant, key = twin.decisions.grant("Road authority")
    begun = twin.decisions.decide(order(twin), person="Anna")
    for wrong in ("", "guess", key[:-1]):
        with pytest.raises(ReleaseError):
            publish(twin, begun.id, wrong)
    twin.decisions.revoke(grant.id)
    with pytest.raises(ReleaseError):
        publish(twin, begun.id, key)
    assert twin.decisions.decision(begun.id).state == "decided"
    (kept,) = twin.decisions.grants()
    assert kept.revoked_at == twin.now()
    assert twin.decisions.revoke(grant.id) == kept
    assert key not in repr((kept, twin.decisions.release_events(since=twin.now())))
    kinds = [event.kind for event in twin.decisions.release_events(since=twin.now())]
    assert kinds == ["refused", "revoked", "refused", "refused", "refused", "granted"]
    with pytest.raises(RegistryError):
        twin.decisions.revoke(99)


def test_many_wrong_keys_lock_their_caller_out_for_a_while(twin: Twin, clock: MovedClock) -> None:
    _, key = twin.decisions.grant("Road authority")
    begun = twin.decisions.decide(order(twin), person="Anna")
    for _ in range(10):
        with pytest.raises(ReleaseError) as refused:
            publish(twin, begun.id, "guess")
        assert not refused.value.is_locked_out
    with pytest.raises(ReleaseError, match="10 wrong") as refused:
        publish(twin, begun.id, key)
    assert refused.value.is_locked_out
    assert twin.decisions.require_key(key, caller="another", purpose="look").person
    clock.now += timedelta(minutes=15)
    assert publish(twin, begun.id, key).state == "published"
