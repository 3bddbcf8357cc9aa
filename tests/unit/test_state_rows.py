"""States that are rows of plain values come back as they were, or are refused with the reason."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from twin.errors import ModelError
from twin.model.fatigue import details_of
from twin.model.fatigue import record_of as fatigue_record
from twin.model.reality import Check, checks_of
from twin.model.reality import record_of as reality_record
from twin.model.state_rows import record_of_rows, rows_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHECK = Check("free_expansion", "B1.travel", 0.1, 0.09, "mm/K", -10.0, 30.0, 40)


def test_checks_come_back_as_they_were() -> None:
    assert checks_of(reality_record([CHECK], asset_id="B1", at=AT)) == (CHECK,)


def test_no_detail_is_an_answer() -> None:
    assert details_of(fatigue_record([], asset_id="B1", at=AT)) == ()


@pytest.mark.parametrize("content", [b"?", b"\xff", b"5", b"[5]", b"[{}]", b"[" * 100_000])
def test_what_is_damaged_is_refused_and_named(content: bytes) -> None:
    record = replace(reality_record([CHECK], asset_id="B1", at=AT), content=content)
    with pytest.raises(ModelError, match="'reality' of B1 is damaged"):
        checks_of(record)


def test_another_format_is_refused() -> None:
    record = record_of_rows("own", [{"n": 1}], asset_id="B1", at=AT, format_version=2)
    with pytest.raises(ModelError, match="'own' of B1 has format 2, known is 1"):
        rows_of(record, dict, format_version=1)
