"""The write path: one batch, one transaction, all of it or nothing."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import cast

import psycopg

from twin.errors import StoreUnavailableError
from twin.model.messages import Rejection
from twin.model.observations import Batch, RecordResult
from twin.model.times import to_us
from twin.ports import Clock
from twin.store import accounts, intake
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.failures import classify, store_error
from twin.store.postgres.insert import Written, insert_readings, insert_waveforms
from twin.store.postgres.native import Rooms
from twin.store.postgres.queries import query

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5


class Writer:
    """Records batches on a connection of its own, one at a time."""

    def __init__(self, connections: Connections, *, clock: Clock, retention_days: int) -> None:
        self._connections = connections
        self._clock = clock
        self._retention_days = retention_days
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._rooms = Rooms(is_needed=True)
        self._sources: Mapping[int, str] = {}
        self._registry_revision: object = None
        self._is_committing = False

    def record(self, batch: Batch) -> RecordResult:
        """Record a batch; see `twin.ports.ObservationStore`."""
        with self._lock:
            is_careful = False
            for _ in range(MOST_ATTEMPTS):
                was_open = self._connection is not None
                try:
                    return self._record(batch, is_careful=is_careful)
                except psycopg.Error as error:
                    failure = classify(error)
                    if failure == "poison" and not is_careful:
                        is_careful = True
                        self._rooms.forget()
                    elif failure != "repeat":
                        self._drop_connection()
                        may_be_stale = failure == "unavailable" and was_open
                        if not may_be_stale or self._is_committing:
                            raise store_error(error) from error
                    facts = {"failure": failure, "sqlstate": error.sqlstate}
                    logger.warning("batch_repeated", extra=facts)
            raise StoreUnavailableError(
                f"the database refused this batch {MOST_ATTEMPTS} times because others write the "
                "same rows; repeat it later"
            )

    def close(self) -> None:
        """Close the connection."""
        self._drop_connection()

    def _record(self, batch: Batch, *, is_careful: bool) -> RecordResult:
        self._is_committing = False
        connection = self._open()
        now = self._clock()
        limits = intake.horizon(now, retention_days=self._retention_days)
        full_days = self._make_room(connection, batch, limits=limits, today_us=to_us(now))
        with connection.transaction():
            if not self._pass_fence(connection, batch):
                return RecordResult(0, 0, 0, 0, 0, repeated=True)
            accepted = intake.inspect(
                batch, sources=self._sources, limits=limits, full_days=full_days
            )
            written = insert_readings(
                connection, accepted.readings, sources=self._sources, is_careful=is_careful
            ) + insert_waveforms(
                connection, accepted.waveforms, sources=self._sources, is_careful=is_careful
            )
            result = _account(connection, batch, accepted=accepted, written=written, now=now)
            self._is_committing = True
        return result

    def _open(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = self._connection = self._connections.open()
        connection.execute(query("prepare_writer"))
        answer = connection.execute(query("select_meta")).fetchone()
        self._rooms = Rooms(is_needed=answer is not None and answer[1] == "native")
        self._registry_revision = None
        return connection

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

    def _pass_fence(self, connection: Connection, batch: Batch) -> bool:
        """False if this batch was committed before; waits for a transaction that still runs."""
        values = {"incarnation": batch.incarnation, "sequence": batch.sequence}
        answer = connection.execute(query("fence_batch"), values).fetchone()
        if answer is None:
            return False
        if answer[0] != self._registry_revision:
            rows = connection.execute(query("select_sources")).fetchall()
            self._sources = dict(cast("list[tuple[int, str]]", rows))
            self._registry_revision = answer[0]
        return True


def _account(
    connection: Connection,
    batch: Batch,
    *,
    accepted: intake.Intake,
    written: Written,
    now: datetime,
) -> RecordResult:
    """Quarantine, revision, latest, balance and the notice, in this order of locks."""
    rejections = (*accepted.rejections, *written.rejections)
    duplicates = accepted.duplicates + written.duplicates
    _keep(connection, rejections, now=now)
    revision = _publish(connection, written) if written.stored else 0
    changes = accounts.balance_changes(
        batch.tallies, stored=written.stored, duplicates=duplicates, rejections=rejections
    )
    _count(connection, batch, changes)
    if revision:
        connection.execute(query("notify_change"), {"topic": f"latest {revision}"})
    return RecordResult(
        stored=written.stored.total(),
        duplicate=duplicates.total(),
        conflict=accepted.conflicts + written.conflicts,
        quarantined=len(rejections),
        revision=revision,
    )


def _keep(connection: Connection, rejections: tuple[Rejection, ...], *, now: datetime) -> None:
    rows = [asdict(row) for row in accounts.quarantine_rows(rejections, at=now)]
    if rows:
        connection.cursor().executemany(query("upsert_quarantine"), rows)


def _publish(connection: Connection, written: Written) -> int:
    answer = connection.execute(query("next_revision")).fetchone()
    revision = cast("int", answer[1]) if answer is not None else 0
    newest = written.newest
    values = {
        "t": newest.time_us.astype("datetime64[us]"),
        "v": newest.value,
        "ds": newest.number,
        "q": newest.quality,
        "revision": revision,
    }
    connection.execute(query("upsert_latest"), values)
    return revision


def _count(
    connection: Connection, batch: Batch, changes: Mapping[str, accounts.BalanceChange]
) -> None:
    rows = [
        {"source": source, "incarnation": batch.incarnation, **asdict(change)}
        for source, change in changes.items()
    ]
    if rows:
        connection.cursor().executemany(query("upsert_balance"), rows)
