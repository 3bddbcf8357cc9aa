"""A whole database out into column-wise blocks and back.

Small tables are read in one snapshot. Tables of readings follow day by day, each day in a
transaction of its own: a snapshot of hours would keep every version of the newest values alive and
slow the ingest down (ADR 0017).

Tables are found in the catalogue, so that a new migration is in the next backup without a change
here. The queries ``archive_*.sql`` take names of tables and columns from there, quoted by psycopg.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from psycopg import sql
from psycopg.rows import class_row

from twin.errors import StoreError
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.failures import translated
from twin.store.postgres.queries import query

BLOCK_ROWS = 50_000
BLOCK_BYTES = 8 << 20
HEAVY_TYPES = frozenset({"bytea", "json", "jsonb", "_text", "_float8", "_int4"})
"""Types whose values may be long: rows with them are fetched and gathered by their bytes."""
HEAVY_FETCH_ROWS = 200
ONE_DAY = timedelta(days=1)
PARTITIONED = ("reading", "waveform", "rollup_10s", "rollup_1m")
"""Tables that need room for a day before rows of it can be restored."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ArchivedTable:
    """One table: columns in their order with PostgreSQL type names, key and time column."""

    name: str
    columns: Sequence[str]
    types: Sequence[str]
    key: Sequence[str]
    time_column: str | None


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What identifies the state of a database: ledger of migrations, back-end, sequences."""

    ledger: Mapping[str, str]
    backend: str
    registry_revision: int
    sequences: Mapping[str, int]


class Snapshot:
    """One consistent state of the small tables, open as long as the block lasts; keep it short."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def facts(self) -> ArchiveFacts:
        """Ledger, back-end and sequences of this state."""
        return _facts(self._connection)

    def tables(self) -> Sequence[ArchivedTable]:
        """All tables of ours, those that others refer to first."""
        return _tables(self._connection)

    def newest_number(self) -> int:
        """Of the datastreams of this state; readings of later ones do not belong to it."""
        row = self._connection.execute(query("select_newest_number")).fetchone()
        return cast("tuple[int]", row)[0]

    def end(self, table: ArchivedTable) -> datetime:
        """Newest time of a table of readings in this state: now, or later if a clock is ahead."""
        row = self._connection.execute(_statement("archive_end", table)).fetchone()
        return cast("tuple[datetime]", row)[0]

    def blocks(self, table: ArchivedTable) -> Iterator[list[Row]]:
        """Rows of a small table in the order of the key, in bounded blocks."""
        yield from _read(self._connection, table, _statement("archive_rows", table))


class Archive:
    """Backup and restore of the database behind a connection string of its owner."""

    def __init__(self, dsn: str) -> None:
        self._connections = Connections(dsn, application="twin-archive")

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One consistent state; writers are not hindered."""
        with translated(), self._connections.open() as connection, connection.transaction():
            connection.execute(query("begin_snapshot"))
            yield Snapshot(connection)

    def days(
        self, table: ArchivedTable, *, end: datetime, newest_number: int
    ) -> Iterator[list[Row]]:
        """Rows of a table of readings, day by day, in the order of the key, in bounded blocks.

        Each day is a transaction of its own. Rows after ``end`` are left out, and so are
        datastreams with a number above ``newest_number``: they came after the snapshot.
        """
        statement = _statement("archive_day", table)
        with translated(), self._connections.open() as connection:
            rooms = connection.execute(query("select_rooms"), {"series": table.name}).fetchall()
            spans = [cast("tuple[datetime, datetime]", (first, end)) for _, first, end in rooms]
            for day in sorted({day for span in spans for day in _days(*span) if day <= end}):
                values = {
                    "start": day, "end": day + ONE_DAY, "until": end, "newest": newest_number,
                }  # fmt: skip
                with connection.transaction():
                    yield from _read(connection, table, statement, values)

    @contextmanager
    def restoring(self) -> Iterator["Restoration"]:
        """One transaction that restores everything or nothing.

        Raises
        ------
        StoreError
            If the database holds data already.
        """
        with translated(), self._connections.open() as connection, connection.transaction():
            for table in _tables(connection):
                found = connection.execute(_statement("archive_found", table)).fetchone()
                if found == (True,):
                    raise StoreError(
                        f"table {table.name} holds rows already; restore into an empty database, "
                        "so that nothing good is overwritten"
                    )
            yield Restoration(connection)

    def close(self) -> None:
        """Release the connections."""
        self._connections.close()


class Restoration:
    """An empty, migrated database that takes a backup; use it inside `Archive.restoring`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known_days: set[tuple[str, datetime]] = set()
        self._is_native = self.facts().backend == "native"

    def facts(self) -> ArchiveFacts:
        """Ledger and back-end of this database."""
        return _facts(self._connection)

    def tables(self) -> Sequence[ArchivedTable]:
        """Tables of this database, those that others refer to first."""
        return _tables(self._connection)

    def write(self, table: ArchivedTable, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """Write rows whose columns have these names; how many."""
        block = list(rows)
        if table.time_column is not None and table.name in PARTITIONED:
            self._make_room(table, {row[columns.index(table.time_column)] for row in block})
        statement = _statement("archive_load", table, columns=map(sql.Identifier, columns))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in block:
                copy.write_row(row)
        return len(block)

    def finish(self, facts: ArchiveFacts) -> None:
        """Set sequences and registry revision as they were; a new identity makes readers reload."""
        for name, value in facts.sequences.items():
            self._connection.execute(query("set_sequence"), {"name": name, "value": value})
        self._connection.execute(query("finish_restore"), {"revision": facts.registry_revision})

    def _make_room(self, table: ArchivedTable, times: set[datetime]) -> None:
        if not self._is_native:
            return
        days = {time.replace(hour=0, minute=0, second=0, microsecond=0) for time in times}
        for day in sorted(days):
            if (table.name, day) not in self._known_days:
                values = {"series": table.name, "day": day.date()}
                self._connection.execute(query("forget_rooms_made"))  # a restore has no cap
                self._connection.execute(query("make_room"), values)
                self._known_days.add((table.name, day))


def _days(first: datetime, end: datetime) -> Iterator[datetime]:
    day = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield day
        day += ONE_DAY


def _read(
    connection: Connection,
    table: ArchivedTable,
    statement: sql.Composed,
    values: Mapping[str, object] | None = None,
) -> Iterator[list[Row]]:
    """Rows in blocks that are bounded by their number and their bytes."""
    is_heavy = not HEAVY_TYPES.isdisjoint(table.types)
    with connection.cursor(name="archive") as cursor:
        cursor.execute(statement, values)
        if not is_heavy:
            while block := cursor.fetchmany(BLOCK_ROWS):
                yield cast("list[Row]", block)
            return
        gathered: list[Row] = []
        size = 0
        while fetched := cursor.fetchmany(HEAVY_FETCH_ROWS):
            for row in cast("list[Row]", fetched):
                gathered.append(row)
                size += _row_bytes(row)
                if size >= BLOCK_BYTES or len(gathered) >= BLOCK_ROWS:
                    yield gathered
                    gathered, size = [], 0
        if gathered:
            yield gathered


def _row_bytes(row: Row) -> int:
    return sum(len(value) for value in row if isinstance(value, bytes | str | list))


def _facts(connection: Connection) -> ArchiveFacts:
    row = connection.execute(query("select_archive_meta")).fetchone()
    backend, revision = cast("tuple[str, int]", row)
    ledger = connection.execute(query("select_archive_ledger")).fetchall()
    sequences = connection.execute(query("select_sequences")).fetchall()
    return ArchiveFacts(
        ledger=dict(cast("list[tuple[str, str]]", ledger)),
        backend=backend,
        registry_revision=revision,
        sequences=dict(cast("list[tuple[str, int]]", sequences)),
    )


def _tables(connection: Connection) -> Sequence[ArchivedTable]:
    cursor = connection.cursor(row_factory=class_row(ArchivedTable))
    found = {table.name: table for table in cursor.execute(query("select_archive_tables"))}
    links = connection.execute(query("select_archive_links")).fetchall()
    return _referred_first(found, cast("list[tuple[str, str]]", links))


def _referred_first(
    tables: Mapping[str, ArchivedTable], links: Sequence[tuple[str, str]]
) -> Sequence[ArchivedTable]:
    ordered: dict[str, ArchivedTable] = {}

    def place(name: str) -> None:
        for referring, referred in links:
            if referring == name and referred not in (name, *ordered) and referred in tables:
                place(referred)
        ordered[name] = tables[name]

    for name in sorted(tables):
        if name not in ordered:
            place(name)
    return tuple(ordered.values())


PLAIN_TYPES = frozenset(
    {
        "int2", "int4", "int8", "float4", "float8", "bool", "text", "bytea", "timestamptz", "date",
        "_text", "_float8", "_int4",
    }
)  # fmt: skip


def _statement(
    name: str, table: ArchivedTable, *, columns: Iterable[sql.Composable] | None = None
) -> sql.Composed:
    """A query with its identifiers in place, quoted."""
    template = query(name).decode("ascii")
    return sql.SQL(template).format(  # pyrefly: ignore[bad-argument-type] - a file of ours
        table=sql.Identifier(table.name),
        time=sql.Identifier(table.time_column or ""),
        columns=_listed(columns or map(_selected, table.columns, table.types)),
        order=_listed(map(sql.Identifier, table.key or table.columns)),
    )


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _selected(column: str, kind: str) -> sql.Composed:
    """A column as it is, or as text if the bundle has no type for it (box, json, uuid)."""
    name = sql.Identifier(column)
    if kind in PLAIN_TYPES:
        return sql.Composed([name])
    return sql.SQL("{name}::text AS {name}").format(name=name)
