"""The jobs ``backup`` and ``restore``: one portable folder out of the database, and back.

The embedded database is started for the time of the job where nothing runs on its data folder.
"""

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path

from twin.embedded.cluster import Cluster
from twin.errors import AlreadyRunningError, StoreError, TwinError
from twin.exchange import bundle
from twin.model.times import utc_now
from twin.runtime import database_dsn
from twin.settings import Settings
from twin.store import migrate, open_store
from twin.store.postgres.archive import Archive, ArchivedTable, ArchiveFacts, Restoration
from twin.supervisor import cluster_options

logger = logging.getLogger(__name__)


def backup_command(settings: Settings, arguments: Sequence[str]) -> int:
    """Write a backup of the whole database into a new folder; exit code 0."""
    parser = argparse.ArgumentParser(prog="twin backup", description=backup_command.__doc__)
    parser.add_argument("folder", type=Path, help="folder in which the backup gets a folder")
    parser.add_argument(
        "--keep", type=_count, metavar="N", help="delete older backups of this city beyond N"
    )
    options = parser.parse_args(arguments)
    city = settings.city.name
    target = options.folder / bundle.bundle_name(city, utc_now())
    try:
        manifest = back_up(settings, target)
        gone = bundle.prune(options.folder, city, keep=options.keep) if options.keep else ()
    except TwinError as error:
        _tell(settings, failure=str(error))
        raise
    _tell(settings, failure=None)
    rows = sum(file.rows for file in manifest.files.values())
    _say(f"{target}: {len(manifest.files)} files, {rows} rows; readings, registry and accounts")
    for path in gone:
        _say(f"{path}: deleted, because {options.keep} newer ones are kept")
    return 0


def restore_command(settings: Settings, arguments: Sequence[str]) -> int:
    """Restore a backup into an empty database; exit code 0."""
    parser = argparse.ArgumentParser(prog="twin restore", description=restore_command.__doc__)
    parser.add_argument("folder", type=Path, help="a backup that `twin backup` wrote")
    manifest = restore(settings, parser.parse_args(arguments).folder)
    rows = sum(file.rows for file in manifest.files.values())
    _say(f"restored the backup of {manifest.created_at} of {manifest.city}: {rows} rows")
    return 0


def back_up(settings: Settings, target: Path) -> bundle.Manifest:
    """Write a bundle while ingest goes on; see ADR 0017 for what belongs to one state.

    Raises
    ------
    StoreError
        If the target exists or cannot be written.
    """
    with (
        _owner_dsn(settings) as dsn,
        closing(Archive(dsn)) as archive,
        closing(open_store(dsn)) as store,
        bundle.new_bundle(target) as folder,
    ):
        files = {}
        with archive.snapshot() as snapshot:
            facts, tables = snapshot.facts(), snapshot.tables()
            newest = snapshot.newest_number()
            ends = {table.name: snapshot.end(table) for table in tables if table.time_column}
            for table in tables:
                if table.name not in ends:
                    files[_file_name(table.name)] = _write(folder, table, snapshot.blocks(table))
        for table in tables:
            if table.name in ends:
                blocks = archive.days(table, end=ends[table.name], newest_number=newest)
                files[_file_name(table.name)] = _write(folder, table, blocks)
        drawn = bundle.write_assets(folder, store.assets(), crs=settings.city.crs)
        if drawn is not None:
            files[bundle.GEOPACKAGE] = drawn
        manifest = bundle.Manifest(
            city=settings.city.name,
            created_at=f"{utc_now():%Y-%m-%dT%H:%M:%SZ}",
            version=version("stadtzwilling"),
            backend=facts.backend,
            registry_revision=facts.registry_revision,
            ledger=facts.ledger,
            sequences=facts.sequences,
            files=files,
        )
        bundle.write_manifest(folder, manifest)
    return manifest


def restore(settings: Settings, source: Path) -> bundle.Manifest:
    """Restore a bundle into an empty database, all of it or nothing.

    The back-end may be another one than that of the backup.

    Raises
    ------
    StoreError
        If the bundle is damaged or newer than this programme, or the database is not empty.
    """
    manifest = bundle.read_manifest(source)
    with _owner_dsn(settings) as dsn, closing(Archive(dsn)) as archive:
        migrate(dsn, partition_days=settings.store.partition_days)
        with archive.restoring() as restoration:
            _check_age(manifest, restoration.facts())
            for table in restoration.tables():
                _restore_table(restoration, table, manifest, source)
            restoration.finish(
                ArchiveFacts(
                    ledger=manifest.ledger,
                    backend=manifest.backend,
                    registry_revision=manifest.registry_revision,
                    sequences=manifest.sequences,
                )
            )
    return manifest


def _write(
    folder: Path, table: ArchivedTable, blocks: Iterable[list[bundle.Row]]
) -> bundle.BundledFile:
    return bundle.write_table(
        folder, table.name, columns=table.columns, types=table.types, blocks=blocks
    )


def _tell(settings: Settings, *, failure: str | None) -> None:
    """Open or close the alarm about backups, if the database can be reached."""
    subject = settings.city.name
    try:
        with _owner_dsn(settings) as dsn, closing(open_store(dsn)) as store:
            if failure is None:
                store.alarms.close("backup_failed", subject, at=utc_now())
            else:
                store.alarms.open("backup_failed", subject, detail=failure, at=utc_now())
    except TwinError as error:
        logger.warning("alarm_not_written", extra={"reason": str(error)})


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("at least one backup is kept")
    return number


@contextmanager
def _owner_dsn(settings: Settings) -> Iterator[str]:
    """Connection string of the owner; starts the embedded database if nothing runs on it."""
    if settings.database.dsn:
        yield settings.database.dsn
        return
    cluster = Cluster(cluster_options(settings))
    try:
        address = cluster.start()
    except AlreadyRunningError:
        yield database_dsn(settings, "owner")
        return
    try:
        yield address.dsn("twin_owner")
    finally:
        cluster.stop()


def _restore_table(
    restoration: Restoration, table: ArchivedTable, manifest: bundle.Manifest, source: Path
) -> None:
    name = _file_name(table.name)
    entry = manifest.files.get(name)
    if entry is None:
        return  # a table that came after the backup
    written = sum(
        restoration.write(table, entry.columns, rows) for rows in bundle.read_table(source, name)
    )
    if written != entry.rows:
        raise StoreError(
            f"{name} holds {written} rows, the manifest says {entry.rows}; take another backup"
        )


def _check_age(manifest: bundle.Manifest, facts: ArchiveFacts) -> None:
    """The database must know every migration of the backup; back-ends differ in name only."""
    known = {name.partition("_")[0] for name in facts.ledger}
    newer = sorted(name for name in manifest.ledger if name.partition("_")[0] not in known)
    if newer:
        raise StoreError(
            f"the backup was made by a newer programme ({manifest.version}, {newer[0]}); "
            "install that version or a newer one"
        )


def _file_name(table: str) -> str:
    return f"tables/{table}.parquet"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
