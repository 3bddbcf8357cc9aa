"""The write path: one batch, one transaction, all of it or nothing."""

import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime
from functools import partial
from typing import Literal, cast

import numpy as np
import psycopg
from psycopg.pq import TransactionStatus

from twin.errors import StoreUnavailableError
from twin.model.observations import Batch, Readings, RecordResult
from twin.model.times import to_us
from twin.ports import Clock
from twin.store import accounts, intake
from twin.store.arrivals import resolve
from twin.store.postgres.arrive import PostgresArrivals
from twin.store.postgres.at_once import fits, is_quiet, record_at_once
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.failures import classify, store_error
from twin.store.postgres.insert import (
    COPY_FROM_ROWS,
    Written,
    all_new,
    columns_of,
    insert_new,
    insert_readings,
    insert_waveforms,
)
from twin.store.postgres.native import Rooms
from twin.store.postgres.queries import query
from twin.store.sources import Sources

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
MOST_REGISTRY_CHANGES = 20
UNIQUE_VIOLATION = "23505"
# Redelivery comes in storms: after one repeat, that many batches look at every key first.
GUARDED_BATCHES = 50
# A few rows are found by their key with a plan that is made once; many are worth a plan of theirs.
FEW_ROWS = 200

_COUNTS = tuple(item.name for item in fields(accounts.BalanceChange))

Manner = Literal["swift", "guarded", "careful"]
"""How a batch is written: as if all rows were new; looking at every key; finding poison."""

Companion = Callable[[Connection], None]
"""What else is written in the transaction of a batch; it may be called again after a failure."""


class _RegistryChangedError(Exception):
    """The registered datastreams are not those that the batch was inspected with."""


class Writer:
    """Records batches on a connection of its own, one at a time."""

    def __init__(self, connections: Connections, *, clock: Clock, retention_days: int) -> None:
        self._connections = connections
        self._clock = clock
        self._retention_days = retention_days
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._rooms = Rooms(is_needed=True)
        self._sources = Sources({})
        self._registry_revision: object = None
        self._guarded_batches = 0
        self._is_committing = False

    def record(self, batch: Batch, *, also: Companion | None = None) -> RecordResult:
        """Record a batch, and ``also`` with it; see `twin.ports.ObservationStore`."""
        with self._lock:
            manner: Manner = "guarded" if self._guarded_batches else "swift"
            attempts = 0
            while attempts < MOST_ATTEMPTS:
                was_open = self._connection is not None
                try:
                    return self._record_with_registry(batch, manner, also)
                except psycopg.Error as error:
                    if manner == "swift" and error.sqlstate == UNIQUE_VIOLATION:
                        manner = "guarded"
                        self._guarded_batches = GUARDED_BATCHES
                        continue
                    failure = classify(error)
                    if failure == "poison" and manner != "careful":
                        manner = "careful"
                        self._rooms.forget()
                    elif failure != "repeat":
                        self._drop_connection()
                        may_be_stale = failure == "unavailable" and was_open
                        if not may_be_stale or self._is_committing:
                            raise store_error(error) from error
                    attempts += 1
                    facts = {"failure": failure, "sqlstate": error.sqlstate}
                    logger.warning("batch_repeated", extra=facts)
            raise StoreUnavailableError(
                f"the database refused this batch {MOST_ATTEMPTS} times because others write the "
                "same rows; repeat it later"
            )

    def close(self) -> None:
        """Close the connection."""
        self._drop_connection()

    def _record_with_registry(
        self, batch: Batch, manner: Manner, also: Companion | None
    ) -> RecordResult:
        for _ in range(MOST_REGISTRY_CHANGES):
            try:
                return self._record(batch, manner, also)
            except _RegistryChangedError:
                continue
        raise StoreUnavailableError("the registry changes all the time; repeat the batch later")

    def _record(self, batch: Batch, manner: Manner, also: Companion | None) -> RecordResult:
        self._is_committing = False
        connection = self._open()
        now = self._clock()
        limits = intake.horizon(now, retention_days=self._retention_days)
        full_days = self._make_room(connection, batch, limits=limits, today_us=to_us(now))
        inspect = partial(
            intake.inspect, batch, sources=self._sources, limits=limits, full_days=full_days
        )
        with _transaction(connection):
            accepted = None if len(batch.arrivals) else inspect()
            is_alone = also is None
            if manner == "swift" and is_alone and accepted is not None and fits(batch, accepted):
                answer = self._record_at_once(connection, batch, accepted)
                if answer is not None:
                    return answer
            is_early = manner == "swift" and accepted is not None and _is_small(accepted)
            with connection.pipeline():
                connection.execute(query("begin_batch"), prepare=False)
                fence = _fence(connection, batch)
                if is_early and accepted is not None:
                    insert_new(connection, accepted.readings)
            if not self._has_passed(connection, fence):
                return RecordResult(0, 0, 0, 0, 0, repeated=True)
            if accepted is None:
                book = PostgresArrivals(connection)
                accepted = inspect(resolve=lambda arrivals: resolve(arrivals, book))
            if is_early:
                written = all_new(accepted.readings, sources=self._sources)
            else:
                written = self._write_readings(connection, batch, accepted, manner=manner)
            written += insert_waveforms(
                connection,
                accepted.waveforms,
                sources=self._sources,
                is_careful=manner == "careful",
            )
            if also is not None:
                also(connection)
            result = self._publish(connection, batch, accepted=accepted, written=written, now=now)
        if manner != "swift":
            is_repeated = bool(result.duplicate or result.conflict)
            left = max(self._guarded_batches - 1, 0)
            self._guarded_batches = GUARDED_BATCHES if is_repeated else left
        return result

    def _record_at_once(
        self, connection: Connection, batch: Batch, accepted: intake.Intake
    ) -> RecordResult | None:
        """Record in one round trip; None if nothing was written and the longer way must be gone."""
        if not is_quiet(connection):
            return None
        self._is_committing = True
        result = record_at_once(
            connection,
            batch,
            accepted,
            sources=self._sources,
            registry_revision=self._registry_revision,
        )
        self._is_committing = False
        return result

    def _write_readings(
        self, connection: Connection, batch: Batch, accepted: intake.Intake, *, manner: Manner
    ) -> Written:
        if manner == "swift" and not len(accepted.corrections):
            if len(accepted.readings):
                insert_new(connection, accepted.readings)
            return all_new(accepted.readings, sources=self._sources)
        return insert_readings(
            connection,
            accepted,
            sources=self._sources,
            correcting=batch.correcting,
            is_careful=manner == "careful",
        )

    def _publish(
        self,
        connection: Connection,
        batch: Batch,
        *,
        accepted: intake.Intake,
        written: Written,
        now: datetime,
    ) -> RecordResult:
        """Quarantine, revision, latest, dirty, balance, notice and COMMIT, in one round trip.

        The order is that of the locks: from the revision on, one transaction at a time.
        """
        rejections = (*accepted.rejections, *written.rejections)
        duplicates = accepted.duplicates + written.duplicates
        changes = accounts.balance_changes(
            batch.tallies,
            stored=written.stored,
            duplicates=duplicates,
            rejections=rejections,
            declared_lost=batch.declared_lost,
        )
        kept = accounts.quarantine_rows(rejections, at=now)
        newest = written.newest
        dirty = accounts.dirty_minutes(written.rows, written.waveforms)
        revision: psycopg.Cursor[tuple[object, ...]] | None = None
        with connection.pipeline():
            if kept:
                rows = [asdict(row) for row in kept]
                connection.cursor().executemany(query("upsert_quarantine"), rows)
            if written.stored:
                revision = _update(connection, written, newest=newest, dirty=dirty)
            if changes:
                _count(connection, batch, changes)
            if written.stored:
                connection.execute(query("notify_latest"), prepare=True)
            self._is_committing = True
            # In plain words every time: whoever watches the wire can tell where a commit begins.
            connection.execute(query("commit_batch"), prepare=False)
        return RecordResult(
            stored=written.stored.total(),
            duplicate=duplicates.total(),
            conflict=accepted.conflicts + written.conflicts,
            quarantined=len(rejections),
            revision=0 if revision is None else _revision(revision),
            corrected=written.corrected,
        )

    def _open(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = self._connection = self._connections.open()
        timeout = {"timeout": f"{self._connections.statement_s * 1000:.0f}ms"}
        connection.execute(query("prepare_writer"), timeout)
        answer = connection.execute(query("select_meta")).fetchone()
        if answer is not None:
            self._rooms = Rooms(is_needed=answer[1] == "native")
            self._load_sources(connection, answer[3])
        return connection

    def _load_sources(self, connection: Connection, registry_revision: object) -> None:
        rows = connection.execute(query("select_sources")).fetchall()
        self._sources = Sources(dict(cast("list[tuple[int, str]]", rows)))
        self._registry_revision = registry_revision

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _make_room(
        self, connection: Connection, batch: Batch, *, limits: intake.Horizon, today_us: int
    ) -> set[int]:
        days, waveform_days = intake.days_of(batch, limits)
        today = today_us // intake.DAY_US
        full = self._rooms.make(connection, "reading", days=days, today=today)
        return full | self._rooms.make(connection, "waveform", days=waveform_days, today=today)

    def _has_passed(
        self, connection: Connection, fence: psycopg.Cursor[tuple[object, ...]]
    ) -> bool:
        """False if this batch was committed before."""
        answer = fence.fetchone()
        if answer is None:
            return False
        if answer[0] != self._registry_revision:
            self._load_sources(connection, answer[0])
            raise _RegistryChangedError
        return True


@contextmanager
def _transaction(connection: Connection) -> Generator[None]:
    """Roll back whatever the block has begun and not committed."""
    try:
        yield
    finally:
        if connection.info.transaction_status != TransactionStatus.IDLE and not connection.closed:
            with suppress(psycopg.OperationalError):
                connection.execute(query("abort_batch"), prepare=False)
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.close()


def _is_small(accepted: intake.Intake) -> bool:
    return 0 < len(accepted.readings) < COPY_FROM_ROWS and not len(accepted.corrections)


def _fence(connection: Connection, batch: Batch) -> psycopg.Cursor[tuple[object, ...]]:
    """Waits for a transaction of the same batch that still runs."""
    values = {"incarnation": batch.incarnation, "sequence": batch.sequence}
    return connection.execute(query("fence_batch"), values, prepare=True)


def _update(
    connection: Connection, written: Written, *, newest: Readings, dirty: accounts.Dirty
) -> psycopg.Cursor[tuple[object, ...]]:
    """Take the next revision and write what carries it."""
    revision = connection.execute(query("next_revision"), prepare=True)
    if len(newest):
        is_small = len(newest) < FEW_ROWS
        connection.execute(query("update_latest"), columns_of(newest), prepare=is_small)
    if len(written.corrections):
        connection.execute(query("correct_latest"), columns_of(written.corrections))
    values = {"ds": dirty.number, "grain": dirty.grain}
    connection.execute(query("insert_dirty"), values, prepare=True)
    return revision


def _revision(cursor: psycopg.Cursor[tuple[object, ...]]) -> int:
    answer = cursor.fetchone()
    return cast("int", answer[1]) if answer is not None else 0


def _count(
    connection: Connection, batch: Batch, changes: Mapping[str, accounts.BalanceChange]
) -> None:
    columns = {
        name: np.array([getattr(change, name) for change in changes.values()], np.int64)
        for name in _COUNTS
    }
    values = {"incarnation": batch.incarnation, "source": list(changes), **columns}
    connection.execute(query("upsert_balance"), values, prepare=True)
