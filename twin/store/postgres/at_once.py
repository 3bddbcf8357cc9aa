"""A batch of new readings and nothing else as one statement, a transaction of its own."""

import select
import struct
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import fields
from operator import attrgetter

import numpy as np
import psycopg
from psycopg import pq

from twin.model.observations import Batch, Readings, RecordResult
from twin.store import accounts, intake
from twin.store.postgres.binary import array_type, encode_column, encode_texts, encode_values
from twin.store.postgres.connections import Connection
from twin.store.postgres.insert import COPY_FROM_ROWS, columns_of
from twin.store.postgres.queries import query
from twin.store.sources import Sources

FEW = 16
# Times, values, numbers, masks; places of the newest; numbers and minutes of what became dirty.
_COLUMNS = ("M8[us]", "f8", "i4", "i2", "i4", "i4", "i4")
_UUID, _BIGINT = 2950, 20
_TYPES = [_UUID, _BIGINT, _BIGINT, *map(array_type, (*_COLUMNS, "text", "i8"))]
_FORMATS = [pq.Format.BINARY] * len(_TYPES)

_bigint = struct.Struct(">q").pack
_counts = attrgetter(*(item.name for item in fields(accounts.BalanceChange)))


def fits(batch: Batch, accepted: intake.Intake) -> bool:
    """Whether a batch holds readings alone, too few for COPY, none to quarantine or correct."""
    return (
        0 < len(accepted.readings) < COPY_FROM_ROWS
        and not len(batch.arrivals)
        and not len(accepted.corrections)
        and not accepted.rejections
        and not accepted.waveforms
    )


def is_quiet(connection: Connection) -> bool:
    """Whether nothing waits to be read: the server has not ended this connection, as far as known.

    A statement that commits cannot be repeated unasked when the connection turns out to be lost.
    """
    looker = select.poll()
    looker.register(connection.fileno(), select.POLLIN)
    return not looker.poll(0)


def record_at_once(
    connection: Connection,
    batch: Batch,
    accepted: intake.Intake,
    *,
    sources: Sources,
    registry_revision: object,
) -> RecordResult | None:
    """Record what `fits`, as if all keys were new; psycopg's UniqueViolation if one is not.

    Parameters
    ----------
    connection
        Outside a transaction block: the statement commits. Inside one it would not.
    batch, accepted
        The batch, and what of it may be stored.
    sources, registry_revision
        The registered datastreams that it was inspected with.

    Returns
    -------
    RecordResult or None
        None if other datastreams are registered by now: then nothing was written.
    """
    readings = accepted.readings
    stored = sources.count(readings.number)
    changes = accounts.balance_changes(
        batch.tallies,
        stored=stored,
        duplicates=accepted.duplicates,
        rejections=(),
        declared_lost=batch.declared_lost,
    )
    values = (
        batch.incarnation.bytes,
        _bigint(batch.sequence),
        _bigint(registry_revision) if isinstance(registry_revision, int) else None,
        *(few_columns if len(readings) <= FEW else many_columns)(readings),
        encode_texts(list(changes)),
        encode_values("i8", [count for one in changes.values() for count in _counts(one)]),
    )
    revision = _answer(connection, query("record_batch"), values)
    if revision is None:
        return None
    if not revision:
        return RecordResult(0, 0, 0, 0, 0, repeated=True)
    return RecordResult(
        stored=len(readings),
        duplicate=accepted.duplicates.total(),
        conflict=0,
        quarantined=0,
        revision=revision,
    )


def many_columns(readings: Readings) -> list[bytes]:
    """Parameters of readings that are ordered by number and time."""
    is_newest = np.ones(len(readings), np.bool_)
    is_newest[:-1] = readings.number[1:] != readings.number[:-1]
    dirty = accounts.dirty_minutes(readings)
    columns = columns_of(readings)
    found = [columns[name] for name in ("t", "v", "ds", "q")]
    found += [np.flatnonzero(is_newest).astype(np.int32) + np.int32(1), dirty.number, dirty.grain]
    return [encode_column(column) for column in found]


def few_columns(readings: Readings) -> list[bytes]:
    """The same, value by value: a few cost more in columns than in numbers."""
    number, time_us = readings.number.tolist(), readings.time_us.tolist()
    newest = [place for place, one in enumerate(number, 1) if number[place : place + 1] != [one]]
    dirty = dict.fromkeys(
        (one, (at_us - accounts.YEAR_2000_US) // accounts.MINUTE_US)
        for one, at_us in zip(number, time_us, strict=True)
    )
    numbers, grains = zip(*dirty, strict=True) if dirty else ((), ())
    found = (time_us, readings.value.tolist(), number, readings.quality.tolist(), newest)
    return list(map(encode_values, _COLUMNS, (*found, numbers, grains)))


def _answer(connection: Connection, statement: bytes, values: Sequence[bytes | None]) -> int | None:
    """The one number that a statement gives, by one call of libpq.

    A cursor does the same with waiting, adapters and book-keeping of its own; they cost a tenth of
    a millisecond, a fifth of such a commit. Not prepared, which costs nothing here: the text goes
    out every time and contains the word, so that whoever watches the wire can tell where a commit
    begins.
    """
    with connection.owed or nullcontext():
        result = connection.pgconn.exec_params(
            statement, values, _TYPES, _FORMATS, pq.Format.BINARY
        )
    if result.status != pq.ExecStatus.TUPLES_OK:
        if connection.pgconn.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError(connection.pgconn.get_error_message())
        raise psycopg.errors.error_from_result(result)
    number = result.get_value(0, 0)
    return None if number is None else int.from_bytes(number, "big", signed=True)
