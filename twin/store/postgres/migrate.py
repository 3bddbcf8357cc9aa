"""Brings the schema of a database to the version of this programme."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import psycopg
from psycopg.rows import class_row

from twin.errors import MigrationError
from twin.model.times import EPOCH, utc_now
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.failures import classify, store_error
from twin.store.postgres.native import Rooms
from twin.store.postgres.queries import query

logger = logging.getLogger(__name__)

OLDEST_SERVER = 15
JOB_ROLES = ("twin_keep", "twin_ingest", "twin_work", "twin_serve")
OWNER = "twin_owner"

Backend = Literal["native", "timescale"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file; ``backend`` is empty if it holds for both."""

    number: int
    name: str
    backend: str
    content: bytes

    @property
    def sha256(self) -> bytes:
        """Hash of the file."""
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, slots=True)
class _Applied:
    number: int
    name: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Migrator:
    is_superuser: bool
    may_create_roles: bool
    has_ledger: bool
    has_meta: bool
    may_create_tables: bool
    version_number: int
    database: str
    name: str


def migrations() -> tuple[Migration, ...]:
    """All migrations of this programme, by number."""
    found = []
    for file in (files("twin") / "sql" / "migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        stem, _, backend = file.name.removesuffix(".sql").partition(".")
        number = int(stem.partition("_")[0])
        found.append(Migration(number, file.name, backend, file.read_bytes()))
    return tuple(sorted(found, key=lambda item: (item.number, item.name)))


def migrate(
    dsn: str,
    *,
    partition_days: Literal[1, 7] = 1,
    known: Sequence[Migration] | None = None,
) -> list[str]:
    """Bring a database to the schema of this programme; names of the files applied now.

    Safe to call from several processes at once: the others wait and then find nothing to do.

    Parameters
    ----------
    dsn
        A superuser, who gives everything to ``twin_owner``, or the owner of the database.
    partition_days
        Width of native partitions of a new database.
    known
        Migrations to apply; those of this programme by default.

    Raises
    ------
    StoreUnavailableError
        If the database cannot be reached.
    MigrationError
        If an applied file has changed, the database is newer than this programme, the server is
        too old, or the user may not create tables; says what to do.
    """
    known = migrations() if known is None else known
    connections = Connections(dsn, application="twin-migrate")
    try:
        connection = connections.open()
    except psycopg.Error as error:
        raise store_error(error) from error
    try:
        with connection:
            return _migrate(connection, known, partition_days=partition_days)
    except psycopg.Error as error:
        if classify(error) == "unavailable":
            raise store_error(error) from error
        raise MigrationError(f"the schema cannot be changed: {store_error(error)}") from error


def _migrate(
    connection: Connection, known: Sequence[Migration], *, partition_days: int
) -> list[str]:
    connection.execute(query("lock_migration"))
    migrator = _who(connection)
    _check_migrator(migrator)
    if migrator.may_create_roles:
        connection.execute(query("create_roles"))
    backend = _backend(connection, migrator)
    if migrator.is_superuser:
        connection.execute(query("grant_schema"))
        connection.execute(query("become_owner"))
    connection.execute(query("create_ledger"))
    applied = _ledger(connection)
    wanted = [item for item in known if item.backend in ("", backend)]
    _check_ledger(applied, wanted, database=migrator.database)
    fresh = wanted[len(applied) :]
    for item in fresh:
        _apply(connection, item, backend=backend, partition_days=partition_days)
    _grant(connection, backend)
    if backend == "native":
        _make_rooms(connection)
    return [item.name for item in fresh]


def _who(connection: Connection) -> _Migrator:
    cursor = connection.cursor(row_factory=class_row(_Migrator))
    row = cursor.execute(query("select_migrator")).fetchone()
    if row is None:
        raise MigrationError("the database does not know its own user; log in again")
    return row


def _check_migrator(migrator: _Migrator) -> None:
    major = migrator.version_number // 10_000
    if major < OLDEST_SERVER:
        raise MigrationError(
            f"the server is PostgreSQL {major}; PostgreSQL {OLDEST_SERVER} or newer is needed"
        )
    if not migrator.may_create_tables:
        raise MigrationError(
            f"user {migrator.name!r} may not create tables in database {migrator.database!r}; "
            f"let its owner run: ALTER DATABASE {migrator.database} OWNER TO {migrator.name}"
        )


def _backend(connection: Connection, migrator: _Migrator) -> Backend:
    """The back-end this database was made with; for a new one, TimescaleDB if it is offered."""
    if migrator.has_meta:
        row = connection.execute(query("select_meta")).fetchone()
        if row is not None:
            return "timescale" if row[1] == "timescale" else "native"
    if connection.execute(query("select_timescale_offer")).fetchone() != (True,):
        return "native"
    try:
        connection.execute(query("create_timescale"))
    except psycopg.errors.InsufficientPrivilege:
        logger.warning("timescale_not_created", extra={"user": migrator.name})
        return "native"
    return "timescale"


def _ledger(connection: Connection) -> list[_Applied]:
    cursor = connection.cursor(row_factory=class_row(_Applied))
    return cursor.execute(query("select_ledger")).fetchall()


def _check_ledger(
    applied: Sequence[_Applied], wanted: Sequence[Migration], *, database: str
) -> None:
    if len(applied) > len(wanted):
        newest = applied[-1].name
        raise MigrationError(
            f"database {database!r} is newer than this programme: it holds {newest}, this "
            f"programme ends with {wanted[-1].name if wanted else 'nothing'}; "
            "install the newer programme"
        )
    for done, item in zip(applied, wanted, strict=False):
        if (done.name, done.sha256) != (item.name, item.sha256):
            raise MigrationError(
                f"migration {done.name} in database {database!r} is not the one of this programme "
                f"({item.name}): applied {done.sha256.hex()[:12]}, here "
                f"{item.sha256.hex()[:12]}; restore the file and put changes into a new one"
            )


def _apply(
    connection: Connection, item: Migration, *, backend: Backend, partition_days: int
) -> None:
    try:
        with connection.transaction():
            connection.execute(query("set_lock_timeout"))
            connection.execute(item.content)
            if item.number == 1:
                values = {"backend": backend, "partition_days": partition_days}
                connection.execute(query("insert_meta"), values)
            values = {"number": item.number, "name": item.name, "sha256": item.sha256}
            connection.execute(query("insert_migration"), values)
    except psycopg.Error as error:
        if classify(error) == "unavailable":
            raise
        raise MigrationError(
            f"migration {item.name} failed and was rolled back: {store_error(error)}"
        ) from error
    logger.info("migration_applied", extra={"migration": item.name})


def _grant(connection: Connection, backend: Backend) -> None:
    rows = connection.execute(query("select_roles"), {"names": list(JOB_ROLES)}).fetchall()
    names = [name for (name,) in rows]
    with connection.transaction():
        for name in names:
            connection.execute(query(f"grant_{name}"))
        if backend == "native" and len(names) == len(JOB_ROLES):
            connection.execute(query("grant_rooms"))


def _make_rooms(connection: Connection) -> None:
    rooms = Rooms(is_needed=True)
    today = (utc_now() - EPOCH).days
    rooms.make(connection, "reading", days=(), today=today)
    rooms.make(connection, "waveform", days=(), today=today)
