"""Inventory files by the rules of formats.md, section 8; every test names its rule."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import ModelError
from twin.exchange import spreadsheet
from twin.exchange.asb_export import write_tables
from twin.exchange.asb_ing import Inventory, read_inventory
from twin.exchange.asb_mapping import read_mapping
from twin.exchange.nbi import degrees, read_nbi, split_row
from twin.exchange.nbi_records import read_nbi_inventory
from twin.exchange.places import extent_of, to_degrees, without_far_places
from twin.exchange.spreadsheet import read_sheet
from twin.model.bridge import PartStructure, Structure
from twin.model.inspection import Inspection
from twin.model.records import InventoryRecord

SAMPLES = Path(__file__).resolve().parents[1] / "contract" / "inventories"
ASB, NBI = SAMPLES / "asb", SAMPLES / "nbi"
EXPECTED = json.loads((ASB / "expected.json").read_text("utf-8"))
EXPECTED_NBI = json.loads((NBI / "expected.json").read_text("utf-8"))
MAPPING = (ASB / "synthetic_mapping.toml").read_text("utf-8")
TABLES = {file.name: file.read_bytes() for file in sorted(ASB.glob("*.csv"))}
NBI_TEXT = (NBI / "synthetic_delimited.txt").read_bytes()
NBI_MAPPING = '[inventory]\nformat = "nbi"\nsource = "nbi list"\n'
LIST = """
[inventory]
decimal = ","
dates = "%d.%m.%Y"
source = "list"
[inventory.file.parts]
path = "synthetic_list.xlsx"
entity = "Teilbauwerk"
header_row = 2
id = ["Bauwerksnummer"]
[inventory.file.parts.columns]
"Gesamtlänge [m]" = { field = "Bruecke_Gesamtlaenge" }
[inventory.file.names]
path = "synthetic_list.xlsx"
entity = "Bauwerk"
header_row = 2
id = ["Bauwerksnummer"]
[inventory.file.inspections]
path = "synthetic_list.xlsx"
entity = "PruefungUeberwachung"
header_row = 2
id = ["Bauwerksnummer"]
[inventory.file.inspections.columns]
"Prüfung am" = { field = "end" }
"""


def sample(changes: Mapping[str, Mapping[str, str]] | None = None) -> Inventory:
    """The sample tables, with texts exchanged by file."""
    files = dict(TABLES)
    for name, texts in (changes or {}).items():
        text = files[name].decode("latin-1")
        for old, new in texts.items():
            assert old in text, old
            text = text.replace(old, new)
        files[name] = text.encode("latin-1")
    return read_inventory(files, read_mapping(MAPPING))


def part(found: Inventory, number: str, name: str) -> InventoryRecord:
    return next(
        one
        for one in found.records
        if one.kind == "part_structure" and (one.asset_id, one.part) == (number, name)
    )


def nbi() -> Inventory:
    return read_nbi_inventory({"list.txt": NBI_TEXT}, read_mapping(NBI_MAPPING))


def test_f_inv_1_a_saved_mapping_reads_tables_and_single_sheets() -> None:
    assert len(sample().records) > len(TABLES)
    name = "synthetic_list.xlsx"
    found = read_inventory({name: (ASB / name).read_bytes()}, read_mapping(LIST))
    assert {one.kind for one in found.records} == {"part_structure", "structure", "inspection"}
    (length,) = [one.content.length_m for one in found.records if isinstance(one.content, PartStructure) and one.asset_id == "999001"]  # fmt: skip # noqa: E501
    assert length == pytest.approx(84.5)
    assert len({one.asset_id for one in found.records}) == EXPECTED[name]["rows"]


def test_f_inv_2_every_row_is_a_record_or_a_listed_rejection() -> None:
    found = sample()
    rows = sum(one.rows for one in found.files)
    refused = [one for one in found.items if one.code == "row_refused"]
    assert rows == len(found.records) + len(refused)
    assert [one.asset_id for one in refused] == ["0999002"]


def test_f_inv_2_the_work_list_reaches_zero_when_the_named_fixes_are_applied() -> None:
    linked = '\n[inventory.assets]\n"0999001" = "B01"\n"0999002" = "B02"\n'
    dirty = [one for one in sample().items if one.code != "not_on_map"]
    assert len(dirty) == len(EXPECTED["work_list"])
    fixes = {
        "synthetic_teilbauwerke.csv": {
            "Bogenbr\u00fccke;;9,00;;1911;33400500,00": (
                "Bogenbr\u00fccke;30,00;9,00;270,00;1911;400500,00"
            )
        },
        "synthetic_zustand.csv": {"02.05.2023;;4;4,7;;0;0;5": "02.05.2023;03.05.2023;5;2,7;;0;0;2"},
        "synthetic_massnahmeempfehlungen.csv": {";9;": ";kurzfristig;"},
    }
    left = len(dirty)
    done: dict[str, Mapping[str, str]] = {}
    for name, texts in fixes.items():
        done[name] = texts
        now = [one for one in sample(done).items if one.code != "not_on_map"]
        assert len(now) < left, [one.detail for one in now]
        left = len(now)
    assert left == 0
    files = dict(TABLES)
    for name, texts in fixes.items():
        text = files[name].decode("latin-1")
        for old, new in texts.items():
            text = text.replace(old, new)
        files[name] = text.encode("latin-1")
    assert read_inventory(files, read_mapping(MAPPING + linked)).items == ()


def test_f_inv_3_a_number_without_its_zeros_is_proposed_and_not_matched() -> None:
    name = "synthetic_list.xlsx"
    found = read_inventory(
        {name: (ASB / name).read_bytes()}, read_mapping(LIST), known_numbers=["0999001"]
    )
    (item,) = [one for one in found.items if one.code == "number_changed"]
    assert "0999001" in item.detail
    assert item.row == 3
    assert {one.asset_id for one in found.records} == {"999001", "0999002"}


@pytest.mark.parametrize("text", ["0,00;0,00", "90,00;90,00", "-90,00;0,00"])
def test_f_inv_4_a_position_that_stands_for_nothing_is_unknown(text: str) -> None:
    fix = {"synthetic_teilbauwerke.csv": {"400000,00;5650000,00": text}}
    record = part(sample(fix), "0999001", "1")
    assert isinstance(record.content, PartStructure)
    assert (record.content.east_m, record.content.north_m) == (None, None)


def test_f_inv_4_a_position_outside_of_the_city_is_listed_and_never_drawn() -> None:
    found = sample()
    near = [one for one in found.records if one.part in ("1", "2")]
    place = to_degrees(part(found, "0999001", "1").content)  # pyrefly: ignore[bad-argument-type]
    assert place is not None
    kept, items = without_far_places(near, extent_of([place]), source="x")
    assert (kept, items) == (near, [])
    kept, items = without_far_places(near, extent_of([(2.0, 48.0)]), source="x")
    assert {one.code for one in items} == {"outside_city"}
    assert len(items) == 2
    for one in kept:
        if isinstance(one.content, PartStructure):
            assert one.content.east_m is None


def test_f_inv_4_a_zone_prefix_counts_only_after_confirmation() -> None:
    (item,) = [one for one in sample().items if one.code == "needs_confirmation"]
    assert "zone_prefix = 33" in item.detail
    mapping = MAPPING.replace("crs = 25833", "crs = 25833\nzone_prefix = 33")
    found = read_inventory(TABLES, read_mapping(mapping))
    content = part(found, "0999002", "1").content
    assert isinstance(content, PartStructure)
    assert content.east_m == 400500.0


def test_f_inv_5_costs_and_placeholders_are_declared_patterns_or_listed() -> None:
    (cost,) = [
        one.content.cost_eur  # pyrefly: ignore[missing-attribute]
        for one in sample().records
        if one.kind == "recommendation" and one.asset_id == "0999001"
    ]
    assert cost == 120_000.0
    odd = {"synthetic_massnahmeempfehlungen.csv": {"120.000,00 EUR": "$1,234,00"}}
    listed = [one for one in sample(odd).items if one.code in ("value_unreadable", "unit_suspect")]
    assert len(listed) == 1


def test_f_inv_7_export_and_import_again_is_lossless() -> None:
    found = sample()
    tables = {name: text.encode() for name, text in write_tables(found.records).items()}
    again = read_inventory(tables, read_mapping('[inventory]\ndelimiter = ";"\ncrs = 25833\n'))
    assert {(one.asset_id, one.kind, one.part, one.key): one.content for one in again.records} == {
        (one.asset_id, one.kind, one.part, one.key): one.content for one in found.records
    }


def test_f_asb_1_parts_hang_under_one_structure() -> None:
    found = sample()
    parts = [f"{one.asset_id}-{one.part}" for one in found.records if one.kind == "part_structure"]
    assert parts == EXPECTED["ids"]
    assert sum(one.kind == "structure" for one in found.records) == EXPECTED["assets"]


def test_f_asb_2_keys_come_as_code_or_as_text() -> None:
    code = sample({"synthetic_zustand.csv": {"2024;H;15.04.2024": "2024;3;15.04.2024"}})
    kinds = [
        [one.content.kind for one in found.records if isinstance(one.content, Inspection)]
        for found in (sample(), code)
    ]
    assert kinds[0] == kinds[1] == ["3", "3"]


def test_f_asb_3_the_grade_is_imported_and_never_computed() -> None:
    without = sample({"synthetic_zustand.csv": {"abgeschlossen;3,0;2,8": "abgeschlossen;;2,8"}})
    grades = [
        one.content.condition.grade
        for found in (sample(), without)
        for one in found.records
        if isinstance(one.content, Inspection) and one.content.condition and one.part == "2"
    ]
    assert grades == [EXPECTED["0999001-2"]["Zustandsnote"], None]


def test_f_asb_4_units_are_declared() -> None:
    (crack,) = [
        one.content.crack_width_mm  # pyrefly: ignore[missing-attribute]
        for one in sample().records
        if one.kind == "damage" and one.key == "17"
    ]
    assert crack / 1000.0 == pytest.approx(EXPECTED["0999001-2"]["crack_width_m"])


def test_f_asb_5_an_impossible_condition_is_refused_and_its_asset_stays() -> None:
    found = sample()
    (item,) = [one for one in found.items if one.code == "row_refused"]
    assert "4.7" in item.detail
    assert "5" in item.detail
    assert part(found, "0999002", "1").content
    assert not [one for one in found.records if one.kind == "inspection" and one.asset_id == "0999002"]  # fmt: skip # noqa: E501


def test_f_nbi_1_an_apostrophe_closes_a_text_only_before_a_comma_or_the_end() -> None:
    assert split_row("1,'80' N OF DEPOT ST'") == ["1", "80' N OF DEPOT ST"]
    assert split_row("'RIVER, WEST ARM',2") == ["RIVER, WEST ARM", "2"]
    found = read_nbi(NBI_TEXT)
    (second,) = [one for one in found.bridges if one.number == "SYN0002"]
    assert second.routes[0].location == EXPECTED_NBI["SYN0002"]["location_text"]
    assert second.routes[0].features == EXPECTED_NBI["SYN0002"]["features"]


def test_f_nbi_1_a_wrong_number_of_cells_costs_that_row_alone() -> None:
    found = read_nbi(NBI_TEXT)
    assert [{"line": one.line, "reason": one.reason} for one in found.rejected] == (
        EXPECTED_NBI["rejected_rows"]
    )
    assert (found.rows, len(found.bridges)) == (EXPECTED_NBI["rows"], EXPECTED_NBI["structures"])
    lines = NBI_TEXT.split(b"\n")
    broken = b"\n".join([*lines[:2], b"99,'half", *lines[2:]])
    assert len(read_nbi(broken).bridges) == EXPECTED_NBI["structures"]


def test_f_nbi_2_angles_are_degrees_minutes_and_seconds_west() -> None:
    by_number = {one.number: one for one in read_nbi(NBI_TEXT).bridges}
    for number in ("SYN0001", "SYN0002"):
        one, expected = by_number[number], EXPECTED_NBI[number]
        assert one.latitude == pytest.approx(expected["lat"], abs=1e-6)
        assert one.longitude == pytest.approx(expected["lon"], abs=1e-6)
    assert by_number["SYN0003"].position_problem == "coordinates are zero"
    for text in ("40602250", "40306000", "00000000", "4030225A", "91000000"):
        assert degrees(text, whole_digits=2) is None


def test_f_nbi_3_several_records_of_a_structure_are_one_asset_with_its_routes() -> None:
    found = nbi()
    structures = [one for one in found.records if one.kind == "structure"]
    assert len(structures) == EXPECTED_NBI["structures"]
    (second,) = [one.content for one in structures if one.asset_id == "SYN0002"]
    assert isinstance(second, Structure)
    assert second.roads == ("HWY 1", "DEPOT ST")


def test_f_nbi_4_what_stands_for_nothing_is_nothing() -> None:
    by_number = {one.number: one for one in read_nbi(NBI_TEXT).bridges}
    assert by_number["SYN0001"].routes[0].clearance_m is None
    assert by_number["SYN0001"].under_clearance_m is None
    assert by_number["SYN0002"].under_clearance_m == EXPECTED_NBI["SYN0002"]["under_clearance_m"]
    assert by_number["SYN0001"].min_condition == EXPECTED_NBI["SYN0001"]["min_condition"]
    assert by_number["SYN0003"].ratings == {"culvert": EXPECTED_NBI["SYN0003"]["culvert_condition"]}
    for number, one in by_number.items():
        assert one.inspected == EXPECTED_NBI[number]["inspected"]


def test_ratings_of_another_country_become_words_and_no_grade() -> None:
    conditions = [
        one.content.condition for one in nbi().records if isinstance(one.content, Inspection)
    ]
    assert all(one is None or one.grade is None for one in conditions)
    assert conditions[0] is not None
    assert conditions[0].driver == "deck 5, superstructure 4, substructure 6 (NBI, 0 to 9)"


def test_an_nbi_list_has_a_work_list_that_reaches_zero() -> None:
    assert sorted(one.code for one in nbi().items if one.code != "not_on_map") == [
        "row_refused",
        "sentinel",
    ]
    fixed = NBI_TEXT.replace(b"00000000,000000000", b"40302250,075153000").split(b"\n")
    del fixed[5]
    links = '[inventory.assets]\nSYN0001 = "B1"\nSYN0002 = "B2"\nSYN0003 = "B3"\n'
    found = read_nbi_inventory({"list.txt": b"\n".join(fixed)}, read_mapping(NBI_MAPPING + links))
    assert found.items == ()
    assert {one.asset_id for one in found.records} == {"B1", "B2", "B3"}


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_are_an_nbi_list_or_one_error(content: bytes) -> None:
    head = NBI_TEXT.split(b"\n")[0]
    found = read_nbi(head + b"\n" + content)
    assert found.rows == len(found.rejected) + sum(len(one.routes) for one in found.bridges)
    with pytest.raises(ModelError):
        read_nbi(b"x" + content)


@settings(max_examples=200)
@given(st.text(max_size=80).filter(lambda text: "\n" not in text))
def test_any_row_is_split_without_end(text: str) -> None:
    assert len(split_row(text)) <= text.count(",") + 1


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.integers(min_value=0, max_value=5000))
def test_any_bytes_are_a_sheet_or_one_error(noise: bytes, place: int) -> None:
    content = (ASB / "synthetic_list.xlsx").read_bytes()
    broken = content[:place] + noise + content[place + len(noise) :]
    for given_bytes in (noise, broken):
        try:
            read_sheet("a.xlsx", given_bytes)
        except ModelError as error:
            assert "a.xlsx" in str(error)  # noqa: PT017 - either outcome is right


def test_a_spreadsheet_that_unpacks_without_end_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(spreadsheet, "MOST_UNPACKED", 1 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/sheet.xml", b"\0" * (2 << 20))
    with pytest.raises(ModelError, match="unpacks to"):
        read_sheet("bomb.xlsx", packed.getvalue())


def test_a_sheet_that_is_not_there_is_named_with_those_that_are() -> None:
    content = (ASB / "synthetic_list.xlsx").read_bytes()
    with pytest.raises(ModelError, match="there are: Bauwerke"):
        read_sheet("list.xlsx", content, sheet="Brücken")
    with pytest.raises(ModelError, match="no header"):
        read_sheet("list.xlsx", content, header_row=99)
