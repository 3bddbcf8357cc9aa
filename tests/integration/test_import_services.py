"""The import job on a real database, with the rights of the ingester."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_samples import city
from store_servers import Database, running_server

from sensors.history.importfile import ReadingsMapping
from sensors.history.importing import ReadingsImport, import_readings
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.model.times import utc_now
from twin.settings import load_settings
from twin.store import open_store

pytestmark = pytest.mark.db
POLICY = TimePolicy(future_tolerance=timedelta(minutes=5), retention=timedelta(days=730))
DAYS = 420


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        found = server.migrated_database()
        store = open_store(found.dsn())
        store.load(city(), at=utc_now())
        store.close()
        yield found


def test_more_days_than_the_database_makes_in_an_hour_wait_for_their_room(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.history.importing.ROOM_WAIT_S", 0.0)
    begin = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    times = [begin - timedelta(days=day) for day in range(DAYS + 20, 20, -1)]
    rows = [f"stream-000,{time.isoformat()},{number}" for number, time in enumerate(times)]
    file = tmp_path / "old.csv"
    file.write_text("\n".join(["datastream,time,value", *rows]) + "\n")
    said: list[str] = []

    def hour_passes(text: str) -> None:
        said.append(text)
        database.run("UPDATE partition_made SET made_at = made_at - interval '2 hours'")

    twin = Twin(open_store(database.dsn("twin_ingest")), clock=utc_now)
    try:
        job = ReadingsImport(twin, mapping=ReadingsMapping(), policy=POLICY)
        report = job.run(file, say=hour_passes, stop=threading.Event())
        assert (report.stored, report.examples) == (DAYS, [])
        again = job.run(file, say=hour_passes, stop=threading.Event())
        assert (again.stored, again.already) == (0, DAYS)
        assert twin.quarantine_counts() == {}
    finally:
        twin.close()
    assert any("waiting for room" in text for text in said)
    assert database.run("SELECT count(*), min(v), max(v) FROM reading") == [(DAYS, 0.0, DAYS - 1)]


def test_the_job_reads_settings_mapping_and_file(
    database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sensors.history.importing.stop_on_signal", threading.Event)
    (tmp_path / "city.toml").write_text(
        f"""
[city]
name = "Testcity"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
[database]
dsn = {json.dumps(database.dsn("twin_ingest"))}
""",
        encoding="utf-8",
    )
    (tmp_path / "map.toml").write_text(
        '[readings]\none_datastream = "stream-001"\ntime = "Zeit"\nvalue = "Wert"\n'
        'time_format = "%d.%m.%Y %H:%M"\none_unit = "m/m"\n',
        encoding="utf-8",
    )
    day = datetime.now(UTC) - timedelta(days=30)
    file = tmp_path / "old.csv"
    file.write_text(f"Zeit;Wert\n{day:%d.%m.%Y} 12:00;0,0025\n{day:%d.%m.%Y} 13:00;x\n")
    arguments = [
        str(file), "--map", str(tmp_path / "map.toml"), "--delimiter", ";", "--decimal", ",",
        "--zone", "Europe/Berlin", "--rejects", str(tmp_path / "rejects.csv"),
    ]  # fmt: skip
    settings = load_settings(tmp_path, {})
    assert import_readings(settings, [*arguments, "--dry-run"]) == 1
    assert "1 would be stored" in capsys.readouterr().out
    assert import_readings(settings, arguments) == 1
    assert "1 stored" in capsys.readouterr().out
    assert "3,wrong_type,value 'x' is no number" in (tmp_path / "rejects.csv").read_text()
    assert database.run(
        "SELECT v, q FROM reading JOIN datastream ON ds = number WHERE uid = 'stream-001'"
    ) == [(2500.0, 128 + 256)]
