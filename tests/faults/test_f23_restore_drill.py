"""F23: the database is destroyed; the backup brings back every row, on either back-end."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from services import open_folder
from store_samples import city
from store_servers import Server, running_server

from twin.backup import back_up, backup_command, restore
from twin.cli import demo_city
from twin.embedded.cluster import Cluster
from twin.errors import StoreError
from twin.exchange import bundle
from twin.exchange.bundle import BundledFile, Manifest, read_manifest, write_table
from twin.model.messages import Rejection
from twin.model.observations import Batch, Readings, Tally, Waveform
from twin.model.times import to_us, utc_now
from twin.settings import DatabaseSettings, Settings, load_settings
from twin.store import migrate, open_store
from twin.supervisor import cluster_options

pytestmark = pytest.mark.db

ROWS = 60_000
NOW = utc_now()


@contextmanager
def servers() -> Iterator[tuple[Server, Server]]:
    with running_server("postgres") as native, running_server("timescale") as timescale:
        yield native, timescale


def settings_for(dsn: str) -> Settings:
    plain = load_settings(demo_city(), {"TWIN_DATA_DIR": "."})
    return replace(plain, database=DatabaseSettings(dsn=dsn))


def fill(dsn: str) -> None:
    """Readings of three weeks, a waveform, a rejection, an alarm, a conflict."""
    start_us = to_us(NOW - timedelta(days=21))
    index = np.arange(ROWS)
    readings = Readings(
        number=np.where(index % 2, 1, 2).astype(np.int32),
        time_us=start_us + index * 30_000_000,
        value=np.sin(index / 100) * 1e-3 + 20.1,
        quality=(index % 7).astype(np.int16),
    )
    odd = Rejection("not_json", "not JSON", source="demo", topic="a\0b", payload=b"\xff\0{")
    waves = (Waveform(3, start_us, 100.0, np.sin(np.arange(500) / 9).astype(np.float32)),)
    with closing(open_store(dsn)) as store:
        store.load(city(), at=NOW)
        tally = {"demo": Tally(received=ROWS + 2)}
        batch = Batch(uuid4(), 1, readings, rejections=(odd,), tallies=tally, waveforms=waves)
        store.record(batch)
        store.alarms.open("source_silent", "demo", detail="since 5 min", at=NOW)


def contents(manifest: Manifest) -> dict[str, tuple[int, str]]:
    """Rows and hash per table."""
    return {
        name: (file.rows, file.sha256)
        for name, file in manifest.files.items()
        if name.startswith("tables/")
    }


@pytest.mark.timescale
def test_a_destroyed_database_comes_back_row_by_row_on_either_back_end() -> None:
    with open_folder() as folder, servers() as (native, timescale):
        source = native.migrated_database()
        fill(source.dsn())
        taken = back_up(settings_for(source.dsn()), folder / "first")
        assert taken.files["tables/reading.parquet"].rows >= ROWS - 2
        assert taken.files["tables/waveform.parquet"].rows == 1
        for number, server in enumerate((native, timescale)):
            target = server.empty_database()
            restored = restore(settings_for(target.dsn()), folder / "first")
            assert restored == taken
            again = back_up(settings_for(target.dsn()), folder / f"again{number}")
            assert contents(again) == contents(taken)
            assert again.sequences == taken.sequences
            goes_on(target.dsn())


def goes_on(dsn: str) -> None:
    """A restored database takes new readings under new numbers, and knows the old ones."""
    with closing(open_store(dsn)) as store:
        latest = store.latest()
        newest = int(latest.time_us.max())
        one = Readings(
            number=np.array([1, 1], np.int32),
            time_us=np.array([newest + 1, newest + 2]),
            value=np.array([1.0, 2.0]),
            quality=np.zeros(2, np.int16),
        )
        result = store.record(Batch(uuid4(), 1, one, tallies={"demo": Tally(received=2)}))
        assert (result.stored, result.revision) == (2, latest.revision + 1)


def test_a_full_database_is_not_overwritten() -> None:
    with open_folder() as folder, running_server("postgres") as server:
        source = server.migrated_database()
        fill(source.dsn())
        settings = settings_for(source.dsn())
        back_up(settings, folder / "backup")
        with pytest.raises(StoreError, match="restore into an empty database"):
            restore(settings, folder / "backup")
        with pytest.raises(StoreError, match="exists already"):
            back_up(settings, folder / "backup")


def test_a_damaged_or_newer_backup_is_refused_before_anything_is_written() -> None:
    with open_folder() as folder, running_server("postgres") as server:
        source = server.migrated_database()
        fill(source.dsn())
        back_up(settings_for(source.dsn()), folder / "backup")
        target = server.empty_database()
        newer(folder / "backup")
        with pytest.raises(StoreError, match=r"newer programme .* 9999_future\.sql"):
            restore(settings_for(target.dsn()), folder / "backup")
        table = folder / "backup" / "tables" / "reading.parquet"
        table.write_bytes(table.read_bytes()[:-1] + b"x")
        with pytest.raises(StoreError, match="was changed since the backup"):
            read_manifest(folder / "backup")
        table.unlink()
        with pytest.raises(StoreError, match=r"reading\.parquet is missing"):
            restore(settings_for(target.dsn()), folder / "backup")
        with pytest.raises(StoreError, match=r"no readable manifest\.json"):
            restore(settings_for(target.dsn()), folder)


def newer(bundle: Path) -> None:
    manifest = bundle / "manifest.json"
    text = manifest.read_text().replace('"ledger": {', '"ledger": {"9999_future.sql": "00",')
    manifest.write_text(text)


def test_ingest_goes_on_during_a_backup_and_no_snapshot_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_folder() as folder, running_server("postgres") as server:
        source = server.migrated_database()
        fill(source.dsn())
        late_us = to_us(NOW - timedelta(days=21)) + 1
        waiting = []

        def write_while_others_write(*place: Any, **content: Any) -> BundledFile:
            if place[1] in ("reading", "rollup_10s", "waveform"):
                waiting.append(source.run(OPEN_SNAPSHOTS))
            if place[1] == "reading":
                meanwhile(source.dsn(), late_us)
            return write_table(*place, **content)

        monkeypatch.setattr("twin.exchange.bundle.write_table", write_while_others_write)
        taken = back_up(settings_for(source.dsn()), folder / "backup")
        assert waiting == [[(0,)]] * 3
        target = server.empty_database()
        restore(settings_for(target.dsn()), folder / "backup")
        # The late reading was there in time; the one of now and the new datastream were not.
        present = source.run("SELECT count(*) FROM reading")
        assert [(taken.files["tables/reading.parquet"].rows + 2,)] == present
        assert target.run("SELECT count(*) FROM reading WHERE ds = 1 AND v = 1") == [(1,)]
        stray = "SELECT count(*) FROM reading AS r LEFT JOIN datastream AS d ON d.number = r.ds"
        assert target.run(f"{stray} WHERE d.number IS NULL") == [(0,)]
        goes_on(target.dsn())


OPEN_SNAPSHOTS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'twin-archive' AND xact_start IS NOT NULL"
)


def meanwhile(dsn: str, late_us: int) -> None:
    """A late reading, one of now and one of a new datastream."""
    with closing(open_store(dsn)) as store:
        known = len(city().datastreams)
        store.load(city(streams=known + 1), at=utc_now())
        now_us = to_us(utc_now())
        rows = Readings(
            number=np.array([1, 1, known + 1], np.int32),
            time_us=np.array([late_us, now_us, late_us]),
            value=np.ones(3),
            quality=np.zeros(3, np.int16),
        )
        result = store.record(Batch(uuid4(), 1, rows, tallies={"demo": Tally(received=3)}))
        assert result.stored == 3


def test_blocks_of_a_backup_are_bounded_in_bytes() -> None:
    with open_folder() as folder, running_server("postgres") as server:
        source = server.migrated_database()
        fill(source.dsn())
        start_us = to_us(NOW - timedelta(days=3))
        noise = np.random.default_rng(7).random(32_768, np.float32)
        waves = tuple(
            Waveform(3, start_us + row * 60_000_000, 1000.0, noise + row) for row in range(160)
        )
        with closing(open_store(source.dsn())) as store:
            for first in range(0, 160, 40):
                some = waves[first : first + 40]
                tallies = {"demo": Tally(received=len(some))}
                store.record(Batch(uuid4(), 1, waveforms=some, tallies=tallies))
        back_up(settings_for(source.dsn()), folder / "backup")
        table = folder / "backup" / "tables" / "waveform.parquet"
        with pq.ParquetFile(table) as file:
            groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        assert sum(groups) == 161
        assert max(groups) <= 65  # 8 MiB
        blocks = bundle.read_table(folder / "backup", "tables/waveform.parquet")
        assert max(map(len, blocks)) <= 200


def test_a_failed_backup_opens_an_alarm_and_a_good_one_closes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_folder() as folder, running_server("postgres") as server:
        source = server.migrated_database()
        fill(source.dsn())
        settings = settings_for(source.dsn())
        (folder / "file").touch()
        alarms = "SELECT kind, closed_at IS NULL FROM alarm WHERE kind = 'backup_failed'"
        with pytest.raises(StoreError, match="cannot be written"):
            backup_command(settings, [str(folder / "file")])
        assert source.run(alarms) == [("backup_failed", True)]
        old = []
        for year in (2023, 2024, 2025):
            old.append(folder / f"old-{year}")
            back_up(settings, old[-1])
            manifest = old[-1] / "manifest.json"
            text = re.sub(r'"created_at": "\d+', f'"created_at": "{year}', manifest.read_text())
            manifest.write_text(text)
        assert backup_command(settings, [str(folder), "--keep", "2"]) == 0
        assert source.run(alarms) == [("backup_failed", False)]
        assert [path.exists() for path in old] == [False, False, True]
        assert "old-2024: deleted, because 2 newer ones are kept" in capsys.readouterr().out


def test_the_embedded_database_is_started_for_a_backup_and_a_restore() -> None:
    with open_folder() as folder:
        environment = {**os.environ, "TWIN_DATA_DIR": str(folder / "data")}
        environment.pop("TWIN_DATABASE_DSN", None)
        run = partial(
            subprocess.run, check=True, capture_output=True, text=True, env=environment, timeout=120
        )
        settings = load_settings(demo_city(), {"TWIN_DATA_DIR": str(folder / "data")})
        with Cluster(cluster_options(settings)) as address:
            migrate(address.dsn("twin_owner"))
            fill(address.dsn("twin_owner"))
        twin = [sys.executable, "-m", "twin.cli", "--city", str(demo_city())]
        said = run([*twin, "backup", str(folder)]).stdout
        assert re.search(r"dresden-demo-\d{8}T\d{6}Z: \d+ files, \d+ rows", said)
        (taken,) = folder.glob("dresden-demo-*")
        environment["TWIN_DATA_DIR"] = str(folder / "new")
        assert "restored the backup of 20" in run([*twin, "restore", str(taken)]).stdout
