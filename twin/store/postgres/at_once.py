"""A batch of new readings and nothing else as one statement, a transaction of its own."""

import select
from dataclasses import fields
from operator import attrgetter
from typing import cast

import numpy as np

from twin.model.observations import Batch, RecordResult
from twin.store import accounts, intake
from twin.store.postgres.connections import Connection
from twin.store.postgres.insert import COPY_FROM_ROWS, columns_of
from twin.store.postgres.queries import query
from twin.store.sources import Sources

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
    is_newest = np.ones(len(readings), np.bool_)
    is_newest[:-1] = readings.number[1:] != readings.number[:-1]
    dirty = accounts.dirty_minutes(readings)
    values = {
        "incarnation": batch.incarnation,
        "sequence": batch.sequence,
        "registry": registry_revision,
        **columns_of(readings),
        "newest": np.flatnonzero(is_newest).astype(np.int32) + np.int32(1),
        "dirty_ds": dirty.number,
        "dirty_grain": dirty.grain,
        "source": list(changes),
        "counts": np.array([_counts(change) for change in changes.values()], np.int64).ravel(),
    }
    # Not prepared, which costs nothing here: the text goes out every time and contains the word, so
    # that whoever watches the wire can tell where a commit begins.
    answer = connection.execute(query("record_batch"), values, prepare=False).fetchone()
    revision = cast("int | None", answer[0]) if answer is not None else None
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
