"""The inventory of the demo city says what its sources say, and the same as its attributes."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest

from twin.city import Twin
from twin.exchange.folder import read_city
from twin.inventory import load_inventory
from twin.model.bridge import PartStructure, Restriction, TrafficFigure
from twin.model.inspection import Inspection, due_inspections, grade_bands
from twin.model.records import StoredRecord
from twin.model.times import utc_now
from twin.settings import load_settings
from twin.store import MemoryStore

FOLDER = Path(str(files("twin"))) / "cities" / "dresden"


@pytest.fixture(scope="module")
def twin() -> Twin:
    found = Twin(MemoryStore(), clock=utc_now)
    found.load(read_city(FOLDER, load_settings(FOLDER).city))
    load_inventory(found, FOLDER)
    return found


def _attribute(asset: str, name: str) -> str:
    with (FOLDER / "attributes.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if (row["asset"], row["attribute"]) == (asset, name):
                return row["value"]
    return ""


def _all(twin: Twin, kind: str) -> Sequence[StoredRecord]:
    return twin.bridges.book.records(kind=kind)


def test_loading_it_again_adds_nothing(twin: Twin) -> None:
    assert load_inventory(twin, FOLDER)[0].startswith("0 records were new")


def test_every_bridge_of_the_map_has_a_structure_and_every_record_a_source(twin: Twin) -> None:
    bridges = {asset.id for asset in twin.assets("bridge")}
    assert {stored.record.asset_id for stored in _all(twin, "structure")} == bridges
    assert {stored.record.asset_id for stored in _all(twin, "part_structure")} == bridges
    known = {reference.id for reference in twin.references()}
    for stored in twin.bridges.book.records():
        assert stored.record.asset_id in bridges
        assert set(stored.record.provenance.references) <= known


def test_lengths_and_years_are_those_of_the_attributes(twin: Twin) -> None:
    for stored in _all(twin, "part_structure"):
        content, asset = stored.record.content, stored.record.asset_id
        assert isinstance(content, PartStructure)
        assert content.length_m == float(_attribute(asset, "total_length_m"))
        assert str(content.year_built) == _attribute(asset, "construction_year")
        main_span = _attribute(asset, "main_span_m")
        assert content.main_span_m == (float(main_span) if main_span else None)


def test_counts_are_those_of_the_attributes(twin: Twin) -> None:
    for stored in _all(twin, "traffic_figure"):
        content = stored.record.content
        assert isinstance(content, TrafficFigure)
        told = _attribute(stored.record.asset_id, f"adt_{content.year}_veh_d")
        assert content.vehicles_per_day == float(told)


def test_grades_are_those_published_and_words_stay_words(twin: Twin) -> None:
    for stored in _all(twin, "inspection"):
        content, asset = stored.record.content, stored.record.asset_id
        assert isinstance(content, Inspection)
        assert content.condition is not None
        assert str(content.year) == _attribute(asset, "condition_year")
        if stored.record.part:
            assert content.condition.grade is not None or content.condition.band
            continue
        words, grade = _attribute(asset, "condition_text"), _attribute(asset, "condition_grade")
        if words:
            assert grade_bands()[content.condition.band].german == words
            assert content.condition.grade is None
        else:
            assert content.condition.grade == float(grade)


def test_restrictions_are_those_in_force(twin: Twin) -> None:
    said = {
        (stored.record.asset_id, content.kind, content.value, content.unit)
        for stored in _all(twin, "restriction")
        if isinstance(content := stored.record.content, Restriction)
    }
    assert {("B09", "5", 15.0, "t"), ("B10", "2", 30.0, "km/h"), ("B06", "3", None, "")} <= said


def test_a_grade_without_its_kind_of_inspection_gives_no_due_date(twin: Twin) -> None:
    inspections = [
        content
        for stored in twin.bridges.book.records("B09", "inspection")
        if isinstance(content := stored.record.content, Inspection)
    ]
    assert {due.due for due in due_inspections(inspections)} == {None}
