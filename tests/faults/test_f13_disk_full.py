"""F13: the disk of the spool, of the database or of the log is full."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from faults.disks import MIB, corrupt_files, fill, grow, small_disk, spool_bytes, status
from faults.oracle import judge, wait_for_stored
from faults.rig import Rig, ingest_rig, plan
from faults.tap import tap
from services import open_folder
from waiting import wait_for

RATE_HZ = 1000.0
BEFORE = 2000
SPOOL_DISK_BYTES = MIB // 2

pytestmark = [pytest.mark.db, pytest.mark.broker]


@contextmanager
def spool_disk(size_bytes: int) -> Iterator[Path]:
    with open_folder() as folder, small_disk(folder / "spool", size_bytes=size_bytes) as disk:
        yield disk


def test_a_full_disk_of_the_spool_stops_acknowledging_and_nothing_is_lost() -> None:
    with spool_disk(SPOOL_DISK_BYTES) as disk:
        extra = f'[spool]\nfolder = "{disk}"\nmin_free_bytes = 0'
        fills_up_and_recovers(extra, most_bytes=SPOOL_DISK_BYTES)


def test_a_spool_at_its_bound_stops_acknowledging_and_nothing_is_lost() -> None:
    extra = f"[spool]\nmax_bytes = {SPOOL_DISK_BYTES}\nmin_free_bytes = 0"
    fills_up_and_recovers(extra, most_bytes=SPOOL_DISK_BYTES)


def fills_up_and_recovers(extra: str, *, most_bytes: int) -> None:
    """The database goes, the spool fills, the broker keeps the rest; then all of it comes."""
    with ingest_rig(extra=[extra]) as rig, tap(rig) as relay:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=BEFORE + 10_000, rate_hz=RATE_HZ))
        generator.start()
        wait_for(lambda: generator.acknowledged >= BEFORE, "messages before the fault")
        rig.crash_database()
        rig.wait_for_log("ingest_paused", timeout_s=60)
        # more comes than fits: the broker confirms it to the publisher, nobody to the broker
        full_at = len(relay.acked)
        wait_for(lambda: generator.acknowledged >= full_at + 2000, "messages beyond", timeout_s=60)
        assert len(relay.acked) < generator.acknowledged - 1000
        assert spool_bytes(rig) <= most_bytes
        wait_for(lambda: "spool_full" in status(rig).alarms, "the alarm", timeout_s=15)
        rig.start_database()
        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=60)
        wait_for(lambda: spool_bytes(rig) == 0, "an empty spool")
        wait_for(lambda: not status(rig).alarms, "the end of the alarm")
        assert process.poll() is None, "it recovers alone"
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        print(f"F13 spool: {full_at} acknowledged when it was full, {verdict.balance}")
        verdict.require_whole()
        assert not corrupt_files(rig)


def test_a_full_disk_of_the_database_loses_nothing_and_is_left_alone() -> None:
    with ingest_rig() as rig, small_disk(rig.folder / "tables", size_bytes=24 * MIB) as disk:
        move_readings(rig, disk)
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=BEFORE + 8000, rate_hz=RATE_HZ))
        generator.start()
        wait_for(lambda: rig.count() >= BEFORE, "readings before the fault")
        ballast = fill(disk)
        wait_for(lambda: spool_bytes(rig) > 0, "messages in the spool", timeout_s=60)
        now = generator.acknowledged
        wait_for(lambda: generator.acknowledged > now + 3000, "messages meanwhile", timeout_s=60)
        ballast.unlink()
        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=60)
        assert process.poll() is None, "it recovers alone"
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        print(f"F13 database: {verdict.balance}")
        verdict.require_whole()
        assert verdict.balance.quarantined == 0, "a full disk is no fault of a row"
        assert not corrupt_files(rig)


def move_readings(rig: Rig, disk: Path) -> None:
    """Move all partitions of the readings to a tablespace on this disk."""
    owner = (rig.folder / "postgres").stat()
    os.chown(disk, owner.st_uid, owner.st_gid)
    disk.chmod(0o700)
    superuser = rig.owner_dsn.replace("twin_owner", "twin")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'".encode())
        connection.execute(b"GRANT CREATE ON TABLESPACE small TO PUBLIC")
        partitions = connection.execute(
            b"SELECT relid::regclass::text FROM pg_partition_tree('reading') WHERE isleaf"
        ).fetchall()
        for (name,) in partitions:
            connection.execute(f"ALTER TABLE {name} SET TABLESPACE small".encode())
            indexes = connection.execute(
                b"SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass",
                (name,),
            ).fetchall()
            for (index,) in indexes:
                connection.execute(f"ALTER INDEX {index} SET TABLESPACE small".encode())


def test_a_full_disk_of_the_log_stops_nothing() -> None:
    count = 5000
    with ingest_rig() as rig, small_disk(rig.folder / "logs", size_bytes=1 * MIB) as disk:
        rig.log = disk / "ingest.log"
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        fill(disk)
        grow(rig.log)
        length = rig.log.stat().st_size
        generator = rig.generator(plan(count=count, rate_hz=RATE_HZ))
        generator.start()
        wait_for(lambda: rig.count() > 0, "readings")
        rig.crash_database()  # something to say in the log
        wait_for(lambda: spool_bytes(rig) > 0, "messages in the spool")
        rig.start_database()
        generator.wait(30)
        wait_for_stored(rig, [generator], timeout_s=60)
        assert process.poll() is None
        assert rig.log.stat().st_size == length
        rig.stop_ingesters()
        judge(rig, [generator]).require_whole()
