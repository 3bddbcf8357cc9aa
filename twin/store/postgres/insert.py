"""Rows into the big tables, and what became of each."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from twin.model.messages import Rejection
from twin.model.observations import Readings, Waveform, no_readings
from twin.model.times import from_us, to_us
from twin.store import intake
from twin.store.postgres.binary import encode_readings
from twin.store.postgres.connections import Connection
from twin.store.postgres.failures import classify
from twin.store.postgres.queries import query


@dataclass(frozen=True, slots=True)
class Written:
    """What became of rows.

    Parameters
    ----------
    stored, duplicates
        Per source.
    rejections
        Conflicts and rows that the database refused.
    conflicts
        How many of them are conflicts.
    newest
        The newest accepted value of each datastream, every number once.
    """

    stored: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    rejections: tuple[Rejection, ...] = ()
    conflicts: int = 0
    newest: Readings = field(default_factory=no_readings)

    def __add__(self, other: "Written") -> "Written":
        return Written(
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            rejections=self.rejections + other.rejections,
            conflicts=self.conflicts + other.conflicts,
            newest=_newest(_joined(other.newest, self.newest)),
        )


Rows = TypeVar("Rows", Readings, tuple[Waveform, ...])


def insert_readings(
    connection: Connection, readings: Readings, *, sources: Mapping[int, str], is_careful: bool
) -> Written:
    """Insert readings that are unique by (number, time).

    Parameters
    ----------
    connection
        In a transaction.
    readings
        Ordered by number and time.
    sources
        Source per number.
    is_careful
        Find the rows that the database refuses by halving, instead of failing on the first.
    """
    if not len(readings):
        return Written()
    if not is_careful:
        return _insert_readings(connection, readings, sources)

    def refuse(rows: Readings, error: psycopg.Error) -> Written:
        number = int(rows.number[0])
        rejection = Rejection(
            reason="db_rejected",
            detail=_why(error),
            source=sources[number],
            datastream_number=number,
            time_us=int(rows.time_us[0]),
            value=float(rows.value[0]),
        )
        return Written(rejections=(rejection,))

    return _halves(
        connection,
        readings,
        insert=lambda rows: _insert_readings(connection, rows, sources),
        refuse=refuse,
        part=_slice,
    )


def insert_waveforms(
    connection: Connection,
    waveforms: tuple[Waveform, ...],
    *,
    sources: Mapping[int, str],
    is_careful: bool,
) -> Written:
    """Insert waveform blocks that are unique by (number, start); as `insert_readings`."""

    def insert(blocks: tuple[Waveform, ...]) -> Written:
        written = Written()
        for block in blocks:
            written += _insert_waveform(connection, block, sources[block.number])
        return written

    def refuse(blocks: tuple[Waveform, ...], error: psycopg.Error) -> Written:
        block = blocks[0]
        rejection = intake.refused_waveform(block, source=sources[block.number], detail=_why(error))
        return Written(rejections=(rejection,))

    if not waveforms:
        return Written()
    if not is_careful:
        return insert(waveforms)
    return _halves(
        connection,
        waveforms,
        insert=insert,
        refuse=refuse,
        part=lambda blocks, first, last: blocks[first:last],
    )


def _halves(
    connection: Connection,
    rows: Rows,
    *,
    insert: Callable[[Rows], Written],
    refuse: Callable[[Rows, psycopg.Error], Written],
    part: Callable[[Rows, int, int], Rows],
) -> Written:
    """Insert what can be inserted, by halving what fails.

    The whole has failed before: each bad row costs at most ceil(log2 n) + 1 failed attempts.
    """
    middle = (len(rows) + 1) // 2
    written = Written()
    for half in (part(rows, 0, middle), part(rows, middle, len(rows))):
        if not len(half):
            continue
        try:
            with connection.transaction():
                written += insert(half)
        except psycopg.Error as error:
            if classify(error) != "poison":
                raise
            if len(half) == 1:
                written += refuse(half, error)
            else:
                written += _halves(connection, half, insert=insert, refuse=refuse, part=part)
    return written


def _insert_readings(
    connection: Connection, readings: Readings, sources: Mapping[int, str]
) -> Written:
    with connection.cursor() as cursor:
        cursor.execute(query("clear_stage"))
        with cursor.copy(query("copy_stage")) as copy:
            copy.write(encode_readings(readings))
        cursor.execute(query("insert_readings"))
        new = cast("list[tuple[int, int]]", cursor.fetchall())
    stored: Counter[str] = Counter()
    for number, count in new:
        stored[sources[number]] += count
    if stored.total() == len(readings):
        return Written(stored=stored, newest=_newest(readings))
    rejections, is_refused = _conflicts(connection, readings, sources)
    duplicates = intake.count_by_source(readings.number[~is_refused], sources)
    duplicates.subtract(stored)
    return Written(
        stored=stored,
        duplicates=+duplicates,
        rejections=rejections,
        conflicts=len(rejections),
        newest=_newest(_pick(readings, ~is_refused)),
    )


def _conflicts(
    connection: Connection, readings: Readings, sources: Mapping[int, str]
) -> tuple[tuple[Rejection, ...], NDArray[np.bool_]]:
    """Staged rows whose key holds another value; and which rows of the readings they are."""
    span = {
        "first": from_us(int(readings.time_us.min())),
        "last": from_us(int(readings.time_us.max())),
    }
    cursor = connection.cursor(row_factory=kwargs_row(_conflict))
    rows = cursor.execute(query("select_conflicts"), span).fetchall()
    rejections = tuple(
        intake.contradiction(
            source=sources[number],
            number=number,
            time_us=time_us,
            value=value,
            stored=stored,
        )
        for number, time_us, value, stored in rows
    )
    keys = {(number, time_us) for number, time_us, _, _ in rows}
    is_refused = np.zeros(len(readings), np.bool_)
    if keys:
        pairs = zip(readings.number.tolist(), readings.time_us.tolist(), strict=True)
        is_refused[:] = [pair in keys for pair in pairs]
    return rejections, is_refused


def _conflict(*, ds: int, t: datetime, v: float, stored: float) -> tuple[int, int, float, float]:
    return ds, to_us(t), v, stored


def _insert_waveform(connection: Connection, block: Waveform, source: str) -> Written:
    samples = intake.waveform_bytes(block)
    values = {
        "t0": from_us(block.t0_us),
        "rate": float(block.rate_hz),
        "v_sum": float(np.sum(block.samples, dtype=np.float64)),
        "v_min": float(block.samples.min()),
        "v_max": float(block.samples.max()),
        "ds": block.number,
        "n": len(block.samples),
        "q": block.quality,
        "v": samples,
    }
    if connection.execute(query("insert_waveform"), values).rowcount:
        newest = Readings(
            number=np.array([block.number], np.int32),
            time_us=np.array([block.end_us], np.int64),
            value=np.array([block.rms], np.float64),
            quality=np.array([block.quality], np.int16),
        )
        return Written(stored=Counter({source: 1}), newest=newest)
    if connection.execute(query("compare_waveform"), values).fetchone() == (True,):
        return Written(duplicates=Counter({source: 1}))
    rejection = intake.contradicting_waveform(block, source=source)
    return Written(rejections=(rejection,), conflicts=1)


def _newest(readings: Readings) -> Readings:
    """The row with the latest time of each number, ordered by number."""
    ordered = _pick(readings, np.lexsort((readings.time_us, readings.number)))
    is_last = np.ones(len(ordered), np.bool_)
    is_last[:-1] = ordered.number[1:] != ordered.number[:-1]
    return _pick(ordered, is_last)


def _pick(readings: Readings, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Readings:
    return Readings(
        number=readings.number[rows],
        time_us=readings.time_us[rows],
        value=readings.value[rows],
        quality=readings.quality[rows],
    )


def _slice(readings: Readings, first: int, last: int) -> Readings:
    return _pick(readings, slice(first, last))


def _joined(one: Readings, other: Readings) -> Readings:
    return Readings(
        number=np.concatenate((one.number, other.number)),
        time_us=np.concatenate((one.time_us, other.time_us)),
        value=np.concatenate((one.value, other.value)),
        quality=np.concatenate((one.quality, other.quality)),
    )


def _why(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error)
    return f"the database refuses it (SQLSTATE {error.sqlstate}): {said}"
