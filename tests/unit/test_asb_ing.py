"""Inventory lists with the names of ASB-ING, sound and defective."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import ModelError
from twin.exchange.asb_export import write_tables
from twin.exchange.asb_ing import Inventory, read_inventory, report_lines
from twin.exchange.asb_mapping import InventoryMapping, read_mapping
from twin.model.bridge import Crossing, PartStructure, Recalculation, Restriction
from twin.model.inspection import Condition, Damage, GroupCondition, Inspection
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord, WorkItem

HEAD = """
[inventory]
delimiter = ";"
decimal = ","
thousands = "."
dates = "%d.%m.%Y"
crs = 25833
source = "list"
[inventory.assets]
"0999001" = "B01"
"""
PARTS = (
    "Bauwerksnummer;Teilbauwerksnummer;Traglastindex;Gesamtlaenge;Brueckenflaeche;Ostwert;Nordwert"
)
STATES = "Bauwerksnummer;Teilbauwerksnummer;Pruefart;Pruefungsabschluss;Status;Zustandsnote;MaxS"


def _read(files: Mapping[str, str | bytes], *, mapping: str = "", known: tuple[str, ...] = ()):
    content = {
        name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()
    }
    return read_inventory(content, read_mapping(HEAD + mapping), known_numbers=known)


def _parts(*rows: str, mapping: str = "", known: tuple[str, ...] = ()) -> Inventory:
    return _read({"teilbauwerke.csv": "\n".join([PARTS, *rows])}, mapping=mapping, known=known)


def _said(found: Inventory, code: str) -> Sequence[str]:
    return [item.detail for item in found.items if item.code == code]


def test_a_list_becomes_records_with_source_and_asset() -> None:
    found = _parts("0999001;2;IV;84,50;1.039,35;400003,00;5650014,00")
    (record,) = found.records
    assert record == InventoryRecord(
        "B01",
        "part_structure",
        "2",
        PartStructure(
            "0999001",
            "2",
            load_index="4",
            length_m=84.5,
            deck_area_m2=1039.35,
            east_m=400003.0,
            north_m=5650014.0,
            crs="EPSG:25833",
        ),
        Provenance("sourced", references=("list",)),
        part="2",
    )
    assert found.items == ()
    assert report_lines(found) == (
        "teilbauwerke.csv: 1 rows, 1 part_structure records (utf-8-sig)",
    )


def test_numbers_stay_texts_and_a_suffix_is_the_part() -> None:
    rows = [f"0999002{suffix};;5;10,0;5;;" for suffix in ("-0", "-1", "-A1")]
    found = _parts(*rows)
    assert [(one.asset_id, one.part) for one in found.records] == [
        ("0999002", "0"),
        ("0999002", "1"),
        ("0999002", "A1"),
    ]
    assert len(_said(found, "not_on_map")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "mac_roman"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encoding_and_line_ends_are_recognised(encoding: str, line_end: str) -> None:
    text = line_end.join(["Bauwerksnummer;Name", "0999001;Große Brücke", "0999003;Süd", ""])
    found = _read({"bauwerke.csv": text.encode(encoding)})
    assert [getattr(one.content, "name", "") for one in found.records] == ["Große Brücke", "Süd"]


def test_invalid_json_is_one_error_with_line_and_column() -> None:
    with pytest.raises(ModelError, match="line 2, column 3"):
        _read({"bauwerke.json": "[\n  x]", "teilbauwerke.csv": PARTS})
    rows = '{"records": [{"Bauwerksnummer": "0999001", "Name": "A"}]}'
    assert len(_read({"bauwerke.json": rows}).records) == 1
    with pytest.raises(ModelError, match="list of objects"):
        _read({"bauwerke.json": '{"Bauwerksnummer": 1}'})
    with pytest.raises(ModelError, match="no spreadsheet"):
        _read({"bauwerke.xlsx": b"PK"})


def test_tenths_of_grades_are_converted_only_after_confirmation() -> None:
    table = f"{STATES}\n0999001;1;H;17.04.2024;5;24;2\n0999001;2;H;17.04.2024;5;30;2"
    found = _read({"zustand.csv": table})
    assert found.records == ()
    assert any("scale = 0.1" in text for text in _said(found, "needs_confirmation"))
    confirmed = (
        '[inventory.file.zustand.columns]\nZustandsnote = { field = "Zustandsnote", scale = 0.1 }'
    )
    read = _read({"zustand.csv": table}, mapping=confirmed)
    contents = [one.content for one in read.records]
    assert [
        one.condition.grade for one in contents if isinstance(one, Inspection) and one.condition
    ] == [2.4, 3.0]


def test_a_decimal_point_where_the_list_has_commas_is_never_guessed() -> None:
    found = _parts("0999001;1;3;84.5;1000,5;;")
    assert [text for text in _said(found, "value_unreadable") if "84.5" in text]
    assert dict(found.records[0].notes) == {
        "length_m": "'84.5' is no number as this file writes them"
    }


def test_an_inspection_after_the_day_of_the_list_is_refused() -> None:
    table = f"{STATES}\n0999001;1;H;04.05.2031;5;2,3;1\n0999001;2;H;04.05.2025;5;2,3;1"
    head = HEAD.replace('source = "list"', 'source = "list"\nas_of = 2026-10-01')
    found = read_inventory({"zustand.csv": table.encode()}, read_mapping(head))
    assert [one.part for one in found.records] == ["2"]
    (refused,) = _said(found, "row_refused")
    assert (
        "the inspection of 2031-05-04 is said to be done, but the source is of 2026-10" in refused
    )


def test_an_impossible_grade_refuses_its_row_and_keeps_the_asset() -> None:
    table = f"{STATES}\n0999001;1;3;;4;4,7;5\n0999001;2;H;17.04.2024;5;3,0;3"
    found = _read({"zustand.csv": table, "teilbauwerke.csv": f"{PARTS}\n0999001;1;3;5,0;5,0;;"})
    assert [one.part for one in found.records] == ["2", "1"]
    (refused,) = _said(found, "row_refused")
    assert "condition.grade 4.7 is outside 1 to 4" in refused
    assert "condition.max_s 5 is outside 0 to 4" in refused
    assert _said(found, "incomplete") == [
        "0999001-1: inspection in work (status 4) without an end date"
    ]


def test_words_that_contradict_a_grade_are_listed_and_the_grade_stays() -> None:
    head = f"{STATES};ZustandInWorten"
    table = f"{head}\n0999001;1;H;17.04.2024;5;3,0;2;gut\n0999001;2;H;17.04.2024;5;1,8;2;gut"
    found = _read({"zustand.csv": table})
    assert len(found.records) == 2
    assert _said(found, "contradiction") == [
        "0999001-1: the words 'gut' contradict the grade 3; the grade was kept"
    ]


def test_broken_umlauts_are_repaired_only_to_a_known_word() -> None:
    head = f"{STATES};ZustandInWorten"
    broken = ["ungen?gend", "ungenÃ¼gend", "ungen\ufffdgend", "?gend"]
    rows = [f"0999001;{part};H;17.04.2024;5;3,6;2;{text}" for part, text in enumerate(broken)]
    found = _read({"zustand.csv": "\n".join([head, *rows])})
    bands = [
        one.content.condition.band
        for one in found.records
        if isinstance(one.content, Inspection) and one.content.condition
    ]
    assert bands == ["inadequate", "inadequate", "inadequate", ""]
    assert len(_said(found, "repaired_text")) == 3
    assert len(_said(found, "unknown_key")) == 1


def test_a_load_index_may_be_roman_arabic_or_blank() -> None:
    rows = [f"0999001;{part};{text};5,0;5,0;;" for part, text in enumerate(["IV", "4", "", "VI"])]
    found = _parts(*rows)
    contents = [one.content for one in found.records]
    indices = [one.load_index for one in contents if isinstance(one, PartStructure)]
    assert indices == ["4", "4", "", ""]
    (said,) = _said(found, "unknown_key")
    assert "'VI'" in said


def test_a_suspicious_unit_keeps_the_row_out() -> None:
    table = "Bauwerksnummer;Teilbauwerksnummer;ID-Nummer-Schaden;Rissbreite\n0999001;2;17;0,35"
    found = _read({"schaeden.csv": table})
    assert found.records == ()
    assert "crack_width_mm 350 is outside 0 to 50 mm" in _said(found, "unit_suspect")[0]
    declared = (
        '[inventory.file.schaeden.columns]\nRissbreite = { field = "Rissbreite", unit = "mm" }'
    )
    (record,) = _read({"schaeden.csv": table}, mapping=declared).records
    assert record.content == Damage("17", crack_width_mm=0.35)
    wide = "Bauwerksnummer;Teilbauwerksnummer;Breite\n0999001;2;1230,0"
    assert _said(_read({"teilbauwerke.csv": wide}), "unit_suspect")


def test_rows_of_one_number_that_differ_are_all_left_out() -> None:
    row = "0999001;1;3;84,5;5,0;;"
    found = _parts(row, row, "0999001;2;3;10,0;5,0;;", "0999001;2;3;11,0;5,0;;")
    assert [one.part for one in found.records] == ["1"]
    said = _said(found, "duplicate")
    assert len(said) == 2
    assert "rows 4, 5" in said[0]


@pytest.mark.parametrize("text", ["99,99", "0", "Missing", "n. b.", "-"])
def test_what_stands_for_nothing_is_missing(text: str) -> None:
    found = _parts(f"0999001;1;3;{text};5,0;;")
    (record,) = found.records
    assert isinstance(record.content, PartStructure)
    assert record.content.length_m is None
    assert _said(found, "value_missing") == ["0999001-1: Gesamtlaenge missing"]
    assert len(_said(found, "sentinel")) == (text[0] in "90")


def test_positions_are_taken_only_as_they_can_be_meant() -> None:
    prefixed = "0999001;1;3;5,0;5,0;33400500,00;5650900,00"
    found = _parts(prefixed, "0999001;2;3;5,0;5,0;0;0", "0999001;3;3;5,0;5,0;-90;5650900")
    assert [getattr(one.content, "east_m", 1.0) for one in found.records] == [None, None, None]
    assert "zone prefix (33)" in _said(found, "needs_confirmation")[0]
    confirmed = read_mapping(HEAD.replace("crs =", "zone_prefix = 33\ncrs ="))
    again = read_inventory({"teilbauwerke.csv": f"{PARTS}\n{prefixed}".encode()}, confirmed)
    assert getattr(again.records[0].content, "east_m", None) == 400500.0


def test_a_lost_leading_zero_is_proposed_and_not_made() -> None:
    found = _parts("999004;1;3;5,0;5,0;;", known=("0999004",))
    assert found.records[0].asset_id == "999004"
    assert "0999004" in _said(found, "number_changed")[0]


def test_a_row_without_what_it_must_have_is_refused() -> None:
    table = "Bauwerksnummer;Teilbauwerksnummer;Art;GueltigVon\n;1;3;\n0999001;1;;01.05.2024"
    found = _read({"verkehrseinschraenkungen.csv": table})
    assert found.records == ()
    assert [item.row for item in found.items] == [2, 3]
    assert "Verkehrseinschraenkung_Art" in _said(found, "row_refused")[1]


def test_a_grade_of_an_unknown_kind_of_inspection_is_kept_and_listed() -> None:
    found = _read({"zustand.csv": "Bauwerksnummer;Pruefjahr;Zustandsnote\n0999001;2023;3,0"})
    assert [one.key for one in found.records] == ["2023"]
    assert "Pruefart missing" in _said(found, "value_missing")[0]


def test_a_row_may_name_its_own_source_and_date() -> None:
    rows = '[inventory.rows]\nsource = "Quelle"\nprovenance = "Herkunft"\nas_of = "Stand"'
    head = "Bauwerksnummer;Name;Quelle;Herkunft;Stand"
    table = f"{head}\n0999001;A;1|9;sourced;2023-05-01\n0999003;B;;guessed;\n0999004;C;;;2023"
    found = _read({"bauwerke.csv": table}, mapping=rows)
    (record,) = found.records
    assert record.provenance == Provenance("sourced", references=("1", "9"))
    assert record.as_of == date(2023, 5, 1)
    assert found.files[0].unused_columns == ()
    assert len(_said(found, "row_refused")) == 2


def test_extents_of_restrictions_carry_their_units() -> None:
    head = "Bauwerksnummer;Teilbauwerksnummer;Art;UmfangDerEinschraenkung;GueltigVon;GueltigBis"
    rows = ["0999001;2;5;16 t;01.05.2024;", "0999001;2;2;30 km/h;01.05.2024;31.12.2026"]
    table = "\n".join([head, *rows, "0999001;1;5;16 km/h;01.05.2024;"])
    found = _read({"verkehrseinschraenkungen.csv": table})
    start = date(2024, 5, 1)
    assert [one.content for one in found.records] == [
        Restriction("5", 16.0, "t", valid_from=start),
        Restriction("2", 30.0, "km/h", valid_from=start, valid_until=date(2026, 12, 31)),
    ]
    assert "needs a value in t, got 16 km/h" in _said(found, "row_refused")[0]


def test_columns_nobody_knows_are_named_in_the_report() -> None:
    found = _read({"bauwerke.csv": "Bauwerksnummer;Name;Farbe\n0999001;A;rot"})
    assert found.files[0].unused_columns == ("Farbe",)
    assert "not used: Farbe" in report_lines(found)[0]


def test_every_mistake_of_a_mapping_is_named_at_once() -> None:
    wrong = HEAD + (
        "colour = 1\n[inventory.file.a]\nentity = 'Schadn'\n"
        "[inventory.file.schaeden.columns]\n"
        "Breite = { field = 'Rissbreit', unit = 'mm' }\nRiss = { field = 'Rissbreite', unit = 's' }"
    )
    with pytest.raises(ModelError) as caught:
        read_mapping(wrong.replace("[inventory.assets]", "colour = 1\n[inventory.assets]", 1))
    said = str(caught.value)
    for word in ("colour", "did you mean 'Schaden'", "Rissbreit", "s cannot become mm"):
        assert word in said
    with pytest.raises(ModelError, match="TOML"):
        read_mapping("[")
    with pytest.raises(ModelError, match="no column Farbe"):
        _read(
            {"bauwerke.csv": "Bauwerksnummer\n1"},
            mapping="[inventory.file.bauwerke.columns]\nFarbe = { field = 'Name' }",
        )
    with pytest.raises(ModelError, match="nothing says what it holds"):
        _read({"liste.csv": "Bauwerksnummer\n1"})


LISTED = Provenance("sourced", references=("list",))
EVERYTHING: tuple[InventoryRecord, ...] = (
    InventoryRecord(
        "B01",
        "part_structure",
        "2",
        PartStructure(
            "0999001",
            "2",
            under_traffic=False,
            length_m=84.5,
            spans_m=(40.25, 44.25),
            static_system="1.3.1.2",
            stress_corrosion="2.2.1",
            crossings=(Crossing("water", "Elbe; unten", "pegel"),),
        ),
        LISTED,
        "2",
    ),
    InventoryRecord(
        "B01",
        "inspection",
        "2024-04-17 3",
        Inspection(
            "3",
            end=date(2024, 4, 17),
            condition=Condition(2.4, "satisfactory", max_s=0, groups=(GroupCondition("8", 2.0),)),
        ),
        LISTED,
        "2",
    ),
    InventoryRecord(
        "B01", "damage", "17", Damage("17", "Riß, längs", s=0, crack_width_mm=0.35), LISTED, "2"
    ),
    InventoryRecord(
        "B01", "recalculation", "2020", Recalculation("B", 2, year=2020, monitoring=True), LISTED
    ),
)


def test_export_and_import_again_is_lossless() -> None:
    tables = write_tables(EVERYTHING, numbers={"B01": "0999001"})
    found = _read(tables)
    assert [item.code for item in found.items] == ["value_missing"]
    assert sorted(found.records, key=lambda one: one.kind) == sorted(
        EVERYTHING, key=lambda one: one.kind
    )


@given(st.binary(max_size=400))
def test_any_bytes_are_a_list_or_one_error(content: bytes) -> None:
    for name in ("teilbauwerke.csv", "zustand.json"):
        try:
            found = read_inventory({name: content}, InventoryMapping())
        except ModelError:
            continue
        assert len(found.records) <= found.files[0].rows


@given(st.lists(st.text(alphabet='0123456789.,-IVHn b?;x"', max_size=8), min_size=6, max_size=6))
def test_any_cells_give_a_record_or_a_work_item(cells: list[str]) -> None:
    row = ";".join(["0999001", *(cell.replace(";", "").replace('"', "") for cell in cells)])
    found = _parts(row)
    assert found.records or any(isinstance(item, WorkItem) for item in found.items)
    assert replace(found, records=()).records == ()


def test_the_example_of_the_documentation_is_a_mapping() -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "import-bridges.toml"
    mapping = read_mapping(example.read_text("utf-8"))
    assert mapping.files_for("schaeden.csv")[0].columns["Rissbreite"].form.unit == "mm"
    assert mapping.as_of == date(2026, 10, 1)
