"""What every store does with the inventory of bridges."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest

from twin.errors import ModelError, StoreError
from twin.model.bridge import Crossing, PartStructure, Restriction
from twin.model.inspection import Condition, Damage, GroupCondition, Inspection
from twin.model.provenance import Provenance
from twin.model.records import Attachment, InventoryRecord, WorkItem
from twin.model.times import utc_now
from twin.ports import Store

NOW = utc_now()
HOUR = timedelta(hours=1)
LIST = Provenance("sourced", by="list of 2024", references=("book",), at=NOW)
SPANS = PartStructure(
    "0999001",
    "2",
    load_index="4",
    year_built=1974,
    under_traffic=True,
    length_m=84.5,
    spans_m=(40.0, 44.5),
    crossings=(Crossing("water", "Elbe", "pegel"),),
)
PART = InventoryRecord(
    asset_id="bridge",
    kind="part_structure",
    key="2",
    part="2",
    content=SPANS,
    provenance=LIST,
    licence="CC0-1.0",
    as_of=date(2024, 4, 17),
    notes={"width_m": "99.99 stands for nothing"},
)
DAMAGE = replace(PART, kind="damage", key="17", content=Damage("17", "Riß", s=3, v=0, d=3))
H_2021 = replace(
    PART,
    kind="inspection",
    key="2021 3",
    as_of=date(2021, 5, 3),
    content=Inspection(
        "3",
        end=date(2021, 5, 3),
        status="5",
        condition=Condition(2.4, max_s=2, groups=(GroupCondition("1", 2.4),)),
    ),
)
PHOTO = Attachment("bridge", "crack.jpg", "image/jpeg", LIST, part="2", kind="damage", key="17")


def test_records_come_back_as_they_were_given(store: Store) -> None:
    book = store.bridges.book
    assert book.add([PART, DAMAGE, H_2021], at=NOW) == 3
    found = book.records("bridge")
    assert [stored.record for stored in found] == [DAMAGE, H_2021, PART]
    assert {stored.recorded_at for stored in found} == {NOW}
    assert [stored.record for stored in book.records("bridge", "damage")] == [DAMAGE]
    assert book.records("gauge-house") == ()
    assert book.records("a\0") == ()


def test_the_same_record_again_adds_nothing(store: Store) -> None:
    book = store.bridges.book
    assert book.add([PART, PART], at=NOW) == 1
    assert book.add([PART], at=NOW + HOUR) == 0
    assert len(book.versions("bridge", "part_structure", "2", part="2")) == 1


def test_a_correction_stands_beside_what_it_corrects(store: Store) -> None:
    book = store.bridges.book
    corrected = replace(PART, content=replace(SPANS, year_built=1975))
    book.add([PART], at=NOW)
    book.add([corrected], at=NOW + HOUR)
    assert [stored.record for stored in book.records("bridge")] == [corrected]
    earlier = book.records("bridge", known_at=NOW)
    assert [stored.record for stored in earlier] == [PART]
    versions = book.versions("bridge", "part_structure", "2", part="2")
    assert [stored.record for stored in versions] == [PART, corrected]
    assert book.add([PART], at=NOW + 2 * HOUR) == 1


def test_an_older_list_that_comes_later_does_not_win(store: Store) -> None:
    book = store.bridges.book
    old = replace(PART, as_of=date(2016, 1, 1), content=replace(SPANS, load_index="3"))
    undated = replace(old, as_of=None)
    book.add([PART], at=NOW)
    book.add([old, undated], at=NOW + HOUR)
    assert [stored.record for stored in book.records("bridge")] == [PART]
    then = book.records("bridge", as_of=date(2020, 1, 1))
    assert [stored.record for stored in then] == [old]


def test_one_impossible_record_keeps_all_of_them_out(store: Store) -> None:
    book = store.bridges.book
    bad_spans = replace(PART, content=replace(SPANS, spans_m=(400.0, -3.0)))
    no_value = replace(PART, kind="restriction", content=Restriction("5"))
    with pytest.raises(ModelError, match=r"spans_m -3 .* more than the length .* needs a value"):
        book.add([DAMAGE, bad_spans, no_value], at=NOW)
    with pytest.raises(ModelError, match="content is a"):
        book.add([replace(PART, kind="damage")], at=NOW)
    with pytest.raises(StoreError):
        book.add([replace(PART, key="a\0")], at=NOW)
    assert book.records() == ()


def test_a_file_lies_under_its_hash_and_is_kept_once(store: Store) -> None:
    book = store.bridges.book
    content = bytes(range(256)) * 9000
    stored = book.attach(PHOTO, content, at=NOW)
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert (stored.attachment, stored.size_bytes) == (PHOTO, len(content))
    assert book.attach(PHOTO, content, at=NOW + HOUR) == stored
    second = book.attach(replace(PHOTO, name="again.jpg"), content, at=NOW + HOUR)
    assert second.sha256 == stored.sha256
    assert book.attachments("bridge") == (stored, second)
    assert book.attachments("gauge-house") == ()
    assert book.attached(stored.sha256) == content
    assert book.attached("ab" * 32) is None
    assert book.attached("a\0") is None


def test_the_work_list_of_a_source_is_what_was_found_last(store: Store) -> None:
    book = store.bridges.book
    grade = WorkItem("list.csv", "row_refused", "Zustandsnote 4.7", "bridge", "1", "grade", 3)
    length = WorkItem("list.csv", "value_missing", "Gesamtlänge fehlt", "bridge")
    other = WorkItem("other.csv", "duplicate", "0999001 twice")
    book.note_work("list.csv", [grade, length], at=NOW)
    book.note_work("other.csv", [other], at=NOW + HOUR)
    book.note_work("list.csv", [length], at=NOW + 2 * HOUR)
    assert [stored.item for stored in book.work_list(limit=9)] == [other, length]
    assert [stored.item for stored in book.work_list(asset_id="bridge", limit=9)] == [length]
    everything = book.work_list(only_open=False, limit=9)
    assert [stored.item for stored in everything] == [other, length, grade]
    assert everything[-1].cleared_at == NOW + 2 * HOUR
    assert book.work_list(limit=1) == everything[:1]
