"""Due dates of DIN 1076, impossible records, and the order of what happened."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import ModelError
from twin.model.asb import fields_of, key_tables, known_key
from twin.model.bridge import (
    COMPENSATIONS,
    ComponentFacts,
    MonitoringTask,
    PartStructure,
    Recalculation,
    Restriction,
    TrafficFigure,
    in_force,
)
from twin.model.inspection import (
    Condition,
    Damage,
    Inspection,
    InspectionCycle,
    band_of,
    due_inspections,
    grade_bands,
    months_later,
)
from twin.model.provenance import Provenance
from twin.model.records import CONTENTS, Content, InventoryRecord, problems_of, require_sound
from twin.model.tables import rows

MAIN = Inspection("3", end=date(2024, 2, 29), status="5")
DAYS = st.dates(date(1950, 1, 1), date(2090, 12, 31))


def _due(
    *inspections: Inspection, cycles: tuple[InspectionCycle, ...] = (), stage: str = ""
) -> dict:
    return {one.kind: one for one in due_inspections(inspections, cycles, stage=stage)}


def test_a_leap_day_is_due_on_the_28th_of_february() -> None:
    due = _due(MAIN)
    assert (due["3"].due, due["4"].due) == (date(2030, 2, 28), date(2027, 2, 28))
    assert months_later(date(2024, 2, 29), 48) == date(2028, 2, 29)


def test_after_the_simple_inspection_the_next_main_one_follows() -> None:
    simple = Inspection("4", end=date(2027, 3, 1), status="5")
    due = _due(MAIN, simple)
    assert "4" not in due
    assert (due["3"].due, due["8"].due) == (date(2030, 2, 28), date(2028, 3, 1))


def test_a_cycle_of_the_owner_wins() -> None:
    due = _due(MAIN, cycles=(InspectionCycle("4", 12), InspectionCycle("3", 36)))
    assert (due["3"].due, due["4"].due) == (date(2027, 2, 28), date(2025, 2, 28))
    assert due["4"].is_deviating
    assert due["4"].source == "cycle of the owner"
    assert not due["8"].is_deviating


@pytest.mark.parametrize("status", ["1", "2", "3", "4", "6"])
def test_what_did_not_take_place_counts_for_nothing(status: str) -> None:
    later = Inspection("3", end=date(2026, 1, 1), status=status)
    assert _due(MAIN, later)["3"].counted_from == MAIN


def test_a_year_gives_a_year_and_no_day() -> None:
    due = _due(Inspection("3", year=2019))
    assert (due["3"].due, due["3"].year) == (None, 2025)
    assert due["3"].is_overdue(date(2026, 1, 1)) is True
    assert due["3"].is_overdue(date(2025, 6, 1)) is None
    assert due["9"].year is None


def test_without_a_main_inspection_nothing_is_due_on_a_day() -> None:
    due = _due(Inspection("", year=2023))
    assert {one.due for one in due.values()} == {None}
    assert due["3"].is_overdue(date(2026, 1, 1)) is None
    assert _due(MAIN, stage="4") == {}


def test_an_interval_that_nobody_checked_says_so() -> None:
    assert not _due(MAIN)["9"].is_verified


@given(day=DAYS, months=st.integers(1, 240))
def test_a_due_date_is_the_same_day_or_the_last_of_its_month(day: date, months: int) -> None:
    due = months_later(day, months)
    assert (due.year - day.year) * 12 + due.month - day.month == months
    assert due.day == day.day or (due.day < day.day and months_later(due, 1).day >= due.day)


def test_grades_have_their_bands_and_are_never_computed() -> None:
    assert [band_of(grade / 10) for grade in (9, 41)] == [None, None]
    names = [band.key for grade in range(10, 41) if (band := band_of(grade / 10))]
    assert len(names) == 31
    assert list(dict.fromkeys(names)) == list(grade_bands())


IMPOSSIBLE: tuple[tuple[Content, str], ...] = (
    (PartStructure("1", "1", length_m=50.0, spans_m=(30.0, 30.0)), "more than the length"),
    (PartStructure("1", "1", length_m=0.0), "length_m 0 is outside"),
    (PartStructure("1", "1", length_m=float("nan")), "length_m is not finite"),
    (PartStructure("1", "1", length_m=50.0, main_span_m=60.0), "longer than the bridge"),
    (PartStructure("1", "1", width_m=12.0, total_width_m=10.0), "exceeds total_width_m"),
    (PartStructure("1", "1", static_system="9"), "no key of the table"),
    (PartStructure("", "1"), "number is missing"),
    (ComponentFacts("a", from_m=5.0, to_m=5.0), "does not lie behind"),
    (ComponentFacts("a", height_min_m=2.0, height_max_m=1.0), "less than height_min_m"),
    (Damage("1", d=5), "d 5 is outside 0 to 4"),
    (Damage(""), "number is missing"),
    (Restriction("5", 15.0, "m"), "needs a value in t, got 15 m"),
    (Restriction("2"), "needs a value in km/h, got nothing"),
    (
        Restriction("3", valid_from=date(2025, 1, 1), valid_until=date(2024, 1, 1)),
        "before valid_from",
    ),
    (Inspection("3", begin=date(2025, 1, 1), end=date(2024, 1, 1)), "before begin"),
    (Inspection("3", year=2020, end=date(2024, 1, 1)), "does not fit"),
    (Inspection("3", condition=Condition(4.1)), "condition.grade 4.1 is outside 1 to 4"),
    (Inspection("3", year=1824), "year 1824 is none of an inspection"),
    (Inspection("77"), "no key of the table inspection_kind"),
    (Recalculation(stage=5), "stage 5 is outside 1 to 4"),
    (InspectionCycle("3", 0), "months 0 is outside"),
    (TrafficFigure(2020, -1.0), "vehicles_per_day -1 is outside"),
    (MonitoringTask(" "), "question is missing"),
)


@pytest.mark.parametrize(("content", "reason"), IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_what_is_impossible_is_named(content: Content, reason: str) -> None:
    assert any(reason in problem for problem in problems_of(content))


def test_all_problems_of_all_records_are_told_at_once() -> None:
    damage = InventoryRecord("B1", "damage", "1", Damage("1", s=9, v=9), Provenance("estimated"))
    with pytest.raises(ModelError, match=r"s 9 .*; .*v 9 .*; .*belongs to no asset"):
        require_sound([damage, replace(damage, asset_id="", content=Damage("2"))])


def test_a_restriction_holds_on_its_days_and_measures_are_those_ordered() -> None:
    closed = Restriction("3", valid_from=date(2024, 9, 11), valid_until=date(2025, 1, 1))
    days = [date(2024, 9, 10), date(2024, 9, 11), date(2025, 1, 1), date(2025, 1, 2)]
    assert [in_force(closed, day) for day in days] == [False, True, True, False]
    ordered = Recalculation(monitoring=True, overtaking_ban=False)
    assert ordered.measures == ("monitoring",)
    assert len(COMPENSATIONS) == 7


def test_every_field_of_the_table_exists_and_names_a_table_of_keys_that_exists() -> None:
    for kind, content in CONTENTS.items():
        names = {name.partition(".")[0] for name in fields_of(kind)}
        assert names == set(content.__dataclass_fields__), kind
    for row in rows("asb_fields"):
        assert not row["keys"] or row["keys"] in key_tables()
        assert row["verified"] in ("yes", "no")
        assert row["source"]
    assert known_key("stress_corrosion", "2.2.1")
    assert len(key_tables()["component_group"]) == 14
