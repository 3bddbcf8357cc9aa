"""Which states of analyses every store keeps for ever, and which it lets go (ADR 0060)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bridge_samples import trained_model
from store_samples import city

from twin.model.findings import Finding, Phrase
from twin.model.monitoring import AnalysisOutcome, StateRecord
from twin.model.times import to_us
from twin.ports import Store

LONG_AGO = datetime(2024, 5, 1, tzinfo=UTC)
LIMIT = datetime(2025, 1, 1, tzinfo=UTC)


def _keep(store: Store, name: str, at: datetime, *, asset_id: str = "bridge") -> None:
    state = StateRecord(name, asset_id, 1, to_us(at), b"x")
    store.bridges.keep(AnalysisOutcome(states=(state,)), at=at)


def _learn(store: Store, count: int) -> None:
    """One version each three days, with its states."""
    for version in range(1, count + 1):
        at = LONG_AGO + timedelta(days=3 * (version - 1))
        model = replace(trained_model("bridge", at=at), version=version)
        store.bridges.keep(AnalysisOutcome(models=(model,)), at=at)
        _keep(store, f"compensation.{version}", at)
        _keep(store, f"compensation.{version}.recent", at)


def _versions(store: Store, count: int, suffix: str = "") -> list[int]:
    names = ((one, f"compensation.{one}{suffix}") for one in range(1, count + 1))
    return [one for one, name in names if store.bridges.state("bridge", name) is not None]


@pytest.fixture(autouse=True)
def _city(store: Store) -> None:
    store.load(city(), at=LONG_AGO)


def test_of_superseded_versions_one_a_month_stays_and_the_newest_two(store: Store) -> None:
    _learn(store, 25)  # 1 May to 12 July: versions 11 and 21 end their months
    assert store.bridges.expire_states(before=LIMIT) == 2 * 21
    assert _versions(store, 25) == _versions(store, 25, ".recent") == [11, 21, 24, 25]
    assert store.bridges.expire_states(before=LIMIT) == 0
    assert len(store.bridges.models("bridge")) == 25


def test_what_is_young_stays(store: Store) -> None:
    _learn(store, 5)
    assert store.bridges.expire_states(before=LONG_AGO) == 0
    _keep(store, "compensation.2", LIMIT + timedelta(days=1))
    assert store.bridges.expire_states(before=LIMIT) == 2 * 3 - 1
    assert _versions(store, 5) == [2, 4, 5]


def test_the_version_that_a_finding_rests_on_stays(store: Store) -> None:
    _learn(store, 6)
    at = LONG_AGO + timedelta(days=7)  # version 3 was trained on day 6, version 4 on day 9
    words = Phrase("a"), Phrase("b")
    finding = Finding("bridge", "frequency_shift", "1", "warning", "k", *words, at=at)
    (number,) = store.bridges.keep(AnalysisOutcome(findings=(finding,)), at=at).findings
    moved = LONG_AGO + timedelta(days=1)  # while version 1 was in force
    store.bridges.move_finding(number, "seen", person="desk", reason="", at=moved)
    assert store.bridges.expire_states(before=LIMIT) == 2 * 2
    assert _versions(store, 6) == [1, 3, 5, 6]


def test_copies_beside_a_version_and_states_without_one_stay(store: Store) -> None:
    _learn(store, 4)
    for name in (
        "structure",
        "compensation@1",
        "compensation.x",
        "compensation.10",
        "compensation",
    ):
        _keep(store, name, LONG_AGO)
    _keep(store, "compensation.1", LONG_AGO, asset_id="gauge-house")
    assert store.bridges.expire_states(before=LIMIT) == 2 * 2
    for name in (
        "structure",
        "compensation@1",
        "compensation.x",
        "compensation.10",
        "compensation",
    ):
        assert store.bridges.state("bridge", name) is not None
    assert store.bridges.state("gauge-house", "compensation.1") is not None


def test_a_group_of_channels_goes_once_its_channels_are_in_a_later_one(store: Store) -> None:
    _keep(store, "modes.a+b+c", LONG_AGO)
    _keep(store, "modes.a+b", LONG_AGO + timedelta(days=2))
    _keep(store, "modes.d", LONG_AGO)
    _keep(store, "modes.a", LIMIT + timedelta(days=9))
    assert store.bridges.expire_states(before=LIMIT) == 2
    left = [name for name in ("a+b+c", "a+b", "d", "a") if _state(store, f"modes.{name}")]
    assert left == ["d", "a"]


def _state(store: Store, name: str) -> bool:
    return store.bridges.state("bridge", name) is not None
