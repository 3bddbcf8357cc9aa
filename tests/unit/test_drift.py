"""Bounded inbox of unknown streams; streams whose schema has changed."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from sensors.pipeline.strangers import Strangers, beyond_the_inbox
from sensors.rules.drift import DriftWatch
from twin.model.messages import Rejection
from twin.store import accounts

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def bad(count: int, *, topic: str = "a", reason: str = "wrong_type") -> list[Rejection]:
    return [Rejection(reason, "no", topic=topic, received_at=NOW)] * count


def drifting(*batches: tuple[int, Sequence[Rejection]]) -> list[str]:
    """Topics with drift after batches of (messages of topic a, rejections)."""
    watch = DriftWatch()
    for messages, rejections in batches:
        watch.note({"a": messages}, rejections)
    return list(watch.problems())


@pytest.mark.parametrize("reason", ["wrong_type", "unit_conflict", "missing_field"])
def test_five_refusals_in_a_row_after_good_messages_are_a_drift(reason: str) -> None:
    assert drifting((3, ()), (2, bad(2, reason=reason)), (2, bad(2, reason=reason))) == []
    assert drifting((3, ()), (2, bad(2, reason=reason)), (3, bad(3, reason=reason))) == ["a"]


def test_a_stream_that_never_worked_has_not_drifted() -> None:
    assert drifting((50, bad(50))) == []


def test_a_good_message_between_them_starts_the_count_anew() -> None:
    assert drifting((1, ()), (4, bad(4)), (1, ()), (4, bad(4))) == []
    assert drifting((1, ()), (4, bad(4)), (9, bad(4)), (4, bad(4))) == []


def test_other_reasons_are_no_drift() -> None:
    assert drifting((1, ()), (9, bad(9, reason="late"))) == []


def test_a_corrected_mapping_ends_the_drift() -> None:
    watch = DriftWatch()
    for messages, rejections in ((1, ()), (9, bad(9))):
        watch.note({"a": messages, "b": 1}, rejections)
    assert "2026-11-22" in watch.problems()["a"]
    watch.note({"b": 1}, ())
    assert list(watch.problems()) == ["a"]
    watch.note({"a": 1}, ())
    assert watch.problems() == {}


def test_the_first_thousand_strangers_are_kept_and_the_others_counted_in_one_row() -> None:
    strangers = Strangers()
    admitted = [strangers.admit("demo", f"k{row}") for row in range(10_000)]
    assert sum(admitted) == 1000
    assert all(strangers.admit("demo", f"k{row}") for row in range(1000))
    assert strangers.admit("other", "k5000")
    assert list(strangers.problems()) == ["demo"]
    assert "9000 further" in strangers.problems()["demo"]
    strangers.forget()
    assert strangers.problems() == {}
    assert strangers.admit("demo", "k5000")


def test_what_is_only_counted_folds_into_one_row_per_source() -> None:
    turned_away = [
        beyond_the_inbox(
            Rejection("unknown_stream", f"no {row}", source="demo", topic=f"t{row}", payload=b"1")
        )
        for row in range(50)
    ]
    (row,) = accounts.quarantine_rows(turned_away, at=NOW)
    assert (row.seen, row.source, row.topic, row.payload) == (50, "demo", b"", b"")
