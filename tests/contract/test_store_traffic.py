"""What every store does with bases of the traffic model and the files of runs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from twin.errors import RegistryError, StoreError
from twin.model.bases import BaseFacts
from twin.model.provenance import Provenance
from twin.model.scenarios import Intervention, Result, Run, Scenario
from twin.model.times import utc_now
from twin.model.traffic_state import TrafficState
from twin.ports import Store

NOW = utc_now()
LATER = NOW + timedelta(seconds=90)
SCENARIO = Scenario("close", "today", (Intervention("close_link", ("L1",)),))
RESULT = Result(0, {"delay": 1.0}, {"delay": "s"}, (), Provenance("simulated", by="e 1"))
FACTS = BaseFacts(
    name="today",
    content_hash="ab12",
    engine="e",
    engine_version="1",
    figures={"relative_gap": 1e-7, "links": 420.0},
    units={"links": "1"},
    assumptions=("demand of a workday",),
    provenance=Provenance("estimated", by="twin estimate", at=NOW),
)
LARGE = bytes(range(256)) * 10_000


def _submit(store: Store, *, base: str = "ab12", options: str = "gap 1e-6") -> Run:
    return store.runs.submit(
        SCENARIO, engine="e", version="1", seed=0, at=NOW, base=base, options=options
    )


def _claim(store: Store, *, at_s: float = 0.0, only: int | None = None) -> Run | None:
    at = NOW + timedelta(seconds=at_s)
    return store.runs.claim(engines=["e"], expired_before=at, at=at, only=only)


def test_a_base_comes_back_with_its_files_byte_by_byte(store: Store) -> None:
    parts = {"base": LARGE, "empty": b""}
    base = store.traffic.keep_base(FACTS, parts, at=NOW)
    assert (base.version, base.made_at, base.facts) == (1, NOW, FACTS)
    assert store.traffic.bases() == (base,)
    assert store.traffic.base("ab12") == base
    assert store.traffic.base_part(base.id, "base") == LARGE
    assert store.traffic.base_part(base.id, "empty") == b""
    assert store.traffic.base_part(base.id, "other") is None
    assert store.traffic.base_part(base.id + 1, "base") is None


def test_a_later_base_of_the_same_name_has_the_next_version(store: Store) -> None:
    first = store.traffic.keep_base(FACTS, {"base": b"1"}, at=NOW)
    assert store.traffic.keep_base(FACTS, {"base": b"1"}, at=LATER) == first
    other = replace(FACTS, content_hash="cd34")
    second = store.traffic.keep_base(other, {"base": b"2"}, at=LATER)
    assert (second.version, second.facts.content_hash) == (2, "cd34")
    evening = store.traffic.keep_base(replace(FACTS, name="evening"), {"base": b"3"}, at=LATER)
    assert store.traffic.bases() == (evening, second)
    back = store.traffic.keep_base(FACTS, {"base": b"1"}, at=LATER)
    assert back.version == 3


def test_a_base_that_is_not_stored_is_named_with_what_to_do(store: Store) -> None:
    for unknown in ("ffff", "a\0b"):
        with pytest.raises(RegistryError, match="twin estimate"):
            store.traffic.base(unknown)
    with pytest.raises(StoreError):
        store.traffic.keep_base(replace(FACTS, name="a\0b"), {}, at=NOW)


def test_base_and_options_are_part_of_the_question(store: Store) -> None:
    run = _submit(store)
    assert (run.base, run.options, run.attempt) == ("ab12", "gap 1e-6", 0)
    assert _submit(store) == run
    assert _submit(store, base="cd34").id != run.id
    assert _submit(store, options="gap 1e-4").id != run.id
    assert store.runs.run(run.id) == run


def test_files_of_a_run_are_stored_with_its_result(store: Store) -> None:
    run = _submit(store)
    _claim(store)
    assert store.runs.finish(run.id, RESULT, at=LATER, parts={"links": LARGE, "report": b"{}"})
    assert store.traffic.run_part(run.id, "links") == LARGE
    assert store.traffic.run_parts(run.id) == {"links": len(LARGE), "report": 2}
    assert store.traffic.run_part(run.id, "other") is None
    assert store.runs.run(run.id).ended_at == LATER


def test_a_worker_that_lost_its_run_changes_nothing_any_more(store: Store) -> None:
    run = _submit(store)
    first = _claim(store)
    second = _claim(store, at_s=1)
    assert first is not None
    assert second is not None
    assert (first.attempt, second.attempt) == (1, 2)
    lost = {"attempt": first.attempt, "at": LATER}
    assert not store.runs.report_progress(run.id, progress=0.5, message="late", **lost)
    store.runs.fail(run.id, message="late", **lost)
    assert not store.runs.finish(run.id, RESULT, parts={"links": b"late"}, **lost)
    assert store.runs.run(run.id).status == "running"
    assert store.runs.report_progress(run.id, progress=0.5, message="", at=LATER, attempt=2)
    assert store.runs.finish(run.id, RESULT, at=LATER, attempt=2)
    assert store.traffic.run_parts(run.id) == {}


def test_a_run_that_cost_three_workers_fails(store: Store) -> None:
    run = _submit(store)
    for attempt in (1, 2, 3):
        claimed = _claim(store, at_s=attempt)
        assert claimed is not None
        assert claimed.attempt == attempt
    assert _claim(store, at_s=4) is None
    assert store.runs.run(run.id).status == "failed"
    assert "3 workers" in store.runs.run(run.id).message


def test_a_run_that_is_given_back_waits_again_and_costs_no_attempt(store: Store) -> None:
    run = _submit(store)
    claimed = _claim(store)
    assert claimed is not None
    store.runs.release(run.id, attempt=claimed.attempt)
    assert store.runs.run(run.id).status == "queued"
    store.runs.release(run.id, attempt=claimed.attempt)
    again = _claim(store)
    assert again is not None
    assert again.attempt == 1
    with pytest.raises(RegistryError):
        store.runs.release(4711, attempt=1)


def test_one_run_can_be_claimed_out_of_turn(store: Store) -> None:
    first, second = _submit(store), _submit(store, base="cd34")
    claimed = _claim(store, only=second.id)
    assert claimed is not None
    assert claimed.id == second.id
    assert _claim(store, only=second.id) is None
    assert store.runs.run(first.id).status == "queued"


def test_runs_are_listed_page_by_page_the_newest_first(store: Store) -> None:
    ids = [_submit(store, base=str(number)).id for number in range(5)]
    newest = store.traffic.runs(limit=2)
    assert [run.id for run in newest] == [ids[4], ids[3]]
    assert [run.id for run in store.traffic.runs(limit=9, below=ids[3])] == ids[2::-1]
    assert store.traffic.runs(limit=0) == ()


def test_the_same_flows_of_another_engine_version_or_with_lost_files_are_kept_anew(
    store: Store,
) -> None:
    first = store.traffic.keep_base(FACTS, {"base": b"1"}, at=NOW)
    newer = replace(FACTS, engine_version="2")
    assert store.traffic.keep_base(newer, {"base": b"1"}, at=LATER).version == 2
    third = store.traffic.keep_base(newer, {"base": b"1", "targets": b"2"}, at=LATER)
    assert (third.version, store.traffic.base("ab12")) == (3, third)
    assert store.traffic.base_part(first.id, "targets") is None


def test_waiting_runs_are_counted_up_to_a_bound(store: Store) -> None:
    runs = [_submit(store, options=f"gap {number}") for number in range(3)]
    assert (store.traffic.waiting(most=10), store.traffic.waiting(most=2)) == (3, 2)
    store.runs.cancel(runs[0].id, at=LATER)
    assert store.traffic.waiting(most=10) == 2


def test_old_failures_and_bases_that_nobody_asked_are_deleted(store: Store) -> None:
    long_ago = NOW - timedelta(days=60)
    limit = NOW - timedelta(days=30)
    hashes = ["ab12", "cd34", "ef56"]
    for content in hashes:
        store.traffic.keep_base(replace(FACTS, content_hash=content), {"base": b"1"}, at=long_ago)
    old, new, kept = (_submit(store, options=text) for text in ("old", "new", "kept"))
    store.runs.fail(old.id, message="no", at=long_ago)
    store.runs.cancel(new.id, at=NOW)
    assert store.traffic.expire(before=limit, kept_bases=1) == (1, 1)
    assert [run.id for run in store.traffic.runs(limit=9)] == [kept.id, new.id]
    assert store.traffic.base("ab12").version == 1
    assert store.traffic.base("ef56").version == 3
    with pytest.raises(RegistryError):
        store.traffic.base("cd34")
    assert store.traffic.expire(before=limit, kept_bases=1) == (0, 0)
    assert _submit(store, options="later").id > kept.id


def test_answers_are_deleted_when_they_are_old_and_only_if_a_limit_is_given(store: Store) -> None:
    store.traffic.keep_base(FACTS, {"base": b"1"}, at=NOW)
    run = _submit(store, options="answered")
    assert _claim(store) is not None
    found = Result(run.id, {"x": 1.0}, {}, (), Provenance("simulated", by="test"))
    long_ago = NOW - timedelta(days=400)
    assert store.runs.finish(run.id, found, at=long_ago, parts={"report": b"{}"})
    limit = NOW - timedelta(days=365)
    assert store.traffic.expire(before=limit, kept_bases=1) == (0, 0)
    assert store.traffic.run_part(run.id, "report") == b"{}"
    assert store.traffic.expire(before=limit, kept_bases=1, answers_before=limit) == (1, 0)
    assert store.traffic.run_part(run.id, "report") is None
    assert store.runs.result(run.id) is None
    assert _submit(store, options="answered").status == "queued"


def test_bridges_of_a_question_stay_while_a_run_was_asked_of_them(store: Store) -> None:
    long_ago, limit = NOW - timedelta(days=60), NOW - timedelta(days=30)
    asked, other = "ab" * 32, "cd" * 32
    for sha256 in (asked, other):
        store.traffic.keep_snapshot(sha256, sha256.encode(), at=long_ago)
    store.traffic.keep_snapshot(asked, b"another content", at=NOW)
    _submit(store, options=f'{{"bridges": "{asked}"}}')
    assert store.traffic.snapshot(other) == other.encode()
    store.traffic.expire(before=limit, kept_bases=1)
    assert store.traffic.snapshot(asked) == asked.encode()
    assert store.traffic.snapshot(other) is None


def test_the_newest_state_of_the_traffic_replaces_the_one_before(store: Store) -> None:
    first = TrafficState("live", "today", NOW, '{"is_valid": true}')
    second = TrafficState("live", "today", LATER, '{"is_valid": false, "reasons": ["old"]}')
    other = TrafficState("forecast", "B1", NOW, "{}")
    for state in (first, second, other):
        store.traffic.keep_state(state)
    assert store.traffic.states() == (other, second)
    assert store.traffic.states("live") == (second,)
