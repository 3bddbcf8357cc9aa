"""Worker and web server keep and move what they must of bridges, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from store_samples import city, readings, stream
from store_servers import Database, running_server

from twin.city import Twin
from twin.errors import ModelError, RegistryError, StoreError
from twin.inventory import import_bridges, load_inventory
from twin.model.findings import Finding, Phrase
from twin.model.monitoring import ANALYSIS_SOURCE, AnalysisOutcome, StateRecord
from twin.model.records import Attachment
from twin.model.times import to_us, utc_now
from twin.settings import Settings, load_settings
from twin.store import open_store

pytestmark = pytest.mark.db
NOW = utc_now()
LIST = "Bauwerksnummer;Teilbauwerksnummer;Pruefart;Pruefungsabschluss;Zustandsnote\n"
MAPPING = '[inventory]\nsource = "book"\n[inventory.assets]\n"0999001" = "bridge"\n'


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        found = server.migrated_database()
        with closing(open_store(found.dsn())) as store:
            sample = city()
            derived = stream("derived", source=ANALYSIS_SOURCE)
            store.load(replace(sample, datastreams=(*sample.datastreams, derived)), at=NOW)
        yield found


def _settings(folder: Path, dsn: str) -> Settings:
    folder.mkdir()
    (folder / "city.toml").write_text(
        f"""
[city]
name = "Testcity"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
[database]
dsn = {json.dumps(dsn)}
"""
    )
    return load_settings(folder, {})


def _outcome(number: int) -> AnalysisOutcome:
    words = Phrase("a"), Phrase("b")
    return AnalysisOutcome(
        readings=readings([(number, to_us(NOW), 1.0)]),
        states=(StateRecord("s", "bridge", 1, 1, b"x"),),
        findings=(Finding("bridge", "rule", "1", "warning", "k", *words, at=NOW),),
    )


def test_the_worker_keeps_outcomes_and_the_web_server_moves_findings(database: Database) -> None:
    with closing(open_store(database.dsn("twin_work"))) as store:
        number = next(item.number or 0 for item in store.datastreams() if item.uid == "derived")
        kept = store.bridges.keep(_outcome(number), at=NOW)
        assert (kept.readings, kept.states, len(kept.findings)) == (1, 1, 1)
        again = AnalysisOutcome(readings=readings([(number, to_us(NOW), 2.0)]))
        assert store.bridges.keep(again, at=NOW).corrected == 1
        late = AnalysisOutcome(readings=readings([(number, 0, 2.0)]))
        assert store.bridges.keep(late, at=NOW).quarantined == 1
    with closing(open_store(database.dsn("twin_serve"))) as store:
        (stored,) = store.bridges.findings()
        moved = store.bridges.move_finding(stored.id, "seen", person="desk", reason="", at=NOW)
        assert moved.steps[-1].person == "desk"
        with pytest.raises(StoreError):
            store.bridges.keep(_outcome(number), at=NOW)
        source = city().assets[0].geometry_provenance
        attachment = Attachment("bridge", "a.pdf", "application/pdf", source)
        with pytest.raises(StoreError):
            store.bridges.book.attach(attachment, b"%PDF", at=NOW)


def test_lists_are_imported_from_the_command_line(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    rows = "0999001;1;H;17.04.2024;2,4\n0999001;2;H;17.04.2024;4,7\n"
    (tmp_path / "zustand.csv").write_text(LIST + rows)
    (tmp_path / "attachments" / "0999001").mkdir(parents=True)
    (tmp_path / "attachments" / "0999001" / "report.pdf").write_bytes(b"%PDF-1.7")
    arguments = [str(tmp_path), "--map", str(tmp_path / "mapping.toml")]
    settings = _settings(tmp_path / "city", database.dsn("twin_work"))
    assert import_bridges(settings, [*arguments, "--dry-run"]) == 1
    with closing(open_store(database.dsn())) as store:
        assert store.bridges.book.records() == ()
        assert import_bridges(settings, arguments) == 1
        (stored,) = store.bridges.book.records("bridge", "inspection")
        assert stored.record.part == "1"
        (item,) = store.bridges.book.work_list(limit=9)
        assert "4.7 is outside 1 to 4" in item.item.detail
        (attached,) = store.bridges.book.attachments("bridge")
        assert store.bridges.book.attached(attached.sha256) == b"%PDF-1.7"
        (tmp_path / "zustand.csv").write_text(LIST + rows.replace("4,7", "3,7"))
        assert import_bridges(settings, arguments) == 0
        assert store.bridges.book.work_list(limit=9) == ()
    assert "1 records were new, 1 there already" in capsys.readouterr().out


def test_spreadsheets_far_places_and_matches_go_through_the_command_line(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = _settings(tmp_path / "city", database.dsn("twin_work"))
    mapping, listed = tmp_path / "mapping.toml", tmp_path / "teilbauwerke.csv"
    mapping.write_text(MAPPING.replace("[inventory]\n", "[inventory]\ncrs = 25833\n"))
    head = "Bauwerksnummer;Teilbauwerksnummer;Gesamtlaenge;Ostwert;Nordwert\n"
    listed.write_text(f"{head}0999001;7;84,50;300000;5300000\n")
    assert import_bridges(settings, [str(listed), "--map", str(mapping)]) == 0
    assert "outside_city" in capsys.readouterr().out
    assert import_bridges(settings, ["--match"]) == 0
    assert "wait for a confirmation" in capsys.readouterr().out
    told = ["--person", "engineer", "--reason", "seen"]
    with pytest.raises(RegistryError, match="nowhere"):
        import_bridges(settings, ["--confirm", "bridge-7=nowhere", *told])
    with pytest.raises(ModelError, match="--match"):
        import_bridges(settings, [])
    sheet = Path(__file__).parents[1] / "contract" / "inventories" / "asb" / "synthetic_list.xlsx"
    entry = '[inventory.file.names]\npath = "synthetic_list.xlsx"\nentity = "Bauwerk"\n'
    mapping.write_text(f'{MAPPING}{entry}header_row = 2\nid = ["Bauwerksnummer"]\n')
    import_bridges(settings, [str(sheet), "--map", str(mapping), "--dry-run"])
    assert "2 structure records (spreadsheet)" in capsys.readouterr().out


def test_the_demo_inventory_lies_in_the_database_as_it_was_read(database: Database) -> None:
    folder = Path(str(files("twin"))) / "cities" / "dresden"
    with closing(open_store(database.dsn("twin_work"))) as store:
        twin = Twin(store, clock=utc_now)
        assert not load_inventory(twin, folder)[0].startswith("0 ")
        assert load_inventory(twin, folder)[0].startswith("0 ")
        assert {one.record.asset_id for one in store.bridges.book.records(kind="structure")} == {
            f"B{number:02}" for number in range(1, 12)
        }
