"""Rows into the big tables, and what became of each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import psycopg
from numpy.typing import NDArray

from twin.model.messages import Rejection
from twin.model.observations import Readings, Waveform, joined, no_readings
from twin.model.quality import Quality
from twin.model.times import from_us
from twin.store import intake
from twin.store.columns import last_of_each_key, newest, pick
from twin.store.postgres.binary import encode_readings, register_array_loaders
from twin.store.postgres.connections import Connection
from twin.store.postgres.failures import classify
from twin.store.postgres.queries import query
from twin.store.sources import Sources

# A COPY costs two more round trips and less per row.
COPY_FROM_ROWS = 1_000


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
    readings, waveforms
        What was stored.
    corrections
        The last of the values that replaced an earlier one, every key once.
    corrected
        How many values replaced an earlier one.
    """

    stored: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    rejections: tuple[Rejection, ...] = ()
    conflicts: int = 0
    readings: Readings = field(default_factory=no_readings)
    waveforms: tuple[Waveform, ...] = ()
    corrections: Readings = field(default_factory=no_readings)
    corrected: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            rejections=self.rejections + other.rejections,
            conflicts=self.conflicts + other.conflicts,
            readings=_both(self.readings, other.readings),
            waveforms=self.waveforms + other.waveforms,
            corrections=_both(self.corrections, other.corrections),
            corrected=self.corrected + other.corrected,
        )

    @property
    def rows(self) -> Readings:
        """Readings that were stored or corrected."""
        return _both(self.readings, self.corrections)

    @property
    def newest(self) -> Readings:
        """The newest stored value of each datastream; of a waveform its root mean square."""
        if not self.waveforms:
            return newest(self.readings)
        return newest(joined(self.readings, _summaries(self.waveforms)))


Rows = TypeVar("Rows", Readings, tuple[Waveform, ...])


def insert_new(connection: Connection, readings: Readings) -> None:
    """Insert readings whose keys are new; psycopg's UniqueViolation if one is not.

    That is half the work of looking at every key first, and redelivery is the exception. May be
    called inside a pipeline if there are fewer than `COPY_FROM_ROWS`.
    """
    if len(readings) < COPY_FROM_ROWS:
        connection.execute(query("insert_readings"), columns_of(readings), prepare=True)
        return
    with connection.cursor() as cursor, cursor.copy(query("copy_readings")) as copy:
        copy.write(encode_readings(readings))


def all_new(readings: Readings, *, sources: Sources) -> Written:
    """What `insert_new` has stored."""
    return Written(stored=sources.count(readings.number), readings=readings)


def insert_readings(
    connection: Connection,
    accepted: intake.Intake,
    *,
    sources: Sources,
    correcting: frozenset[str],
    is_careful: bool,
) -> Written:
    """Insert readings some of which may be there already, and correct what is to be corrected.

    Parameters
    ----------
    connection
        In a transaction.
    accepted
        The readings, unique by (number, time), and the later values of the same keys.
    sources
        The registered datastreams.
    correcting
        Sources whose later value replaces the earlier one.
    is_careful
        Find the rows that the database refuses by halving, instead of failing on the first.
    """

    def insert(rows: Readings) -> Written:
        return _insert_readings(connection, rows, sources=sources, correcting=correcting)

    def correct(rows: Readings) -> Written:
        return _correct_readings(connection, rows, sources=sources)

    def refuse(rows: Readings, error: psycopg.Error) -> Written:
        rejection = intake.refused_reading(rows, sources=sources, detail=_why(error))
        return Written(rejections=(rejection,))

    run = _carefully(connection, refuse=refuse, part=_slice) if is_careful else _at_once
    return run(accepted.readings, insert) + run(accepted.corrections, correct)


def insert_waveforms(
    connection: Connection, waveforms: tuple[Waveform, ...], *, sources: Sources, is_careful: bool
) -> Written:
    """Insert waveform blocks that are unique by (number, start); as `insert_readings`."""

    def insert(blocks: tuple[Waveform, ...]) -> Written:
        return _insert_waveforms(connection, blocks, sources=sources)

    def refuse(blocks: tuple[Waveform, ...], error: psycopg.Error) -> Written:
        source = sources.of(blocks[0].number)
        rejection = intake.refused_waveform(blocks[0], source=source, detail=_why(error))
        return Written(rejections=(rejection,))

    run = _carefully(connection, refuse=refuse, part=_cut) if is_careful else _at_once
    return run(waveforms, insert)


def columns_of(readings: Readings) -> Mapping[str, NDArray[np.generic]]:
    """Readings as parameters of a query."""
    return {
        "t": readings.time_us.view("datetime64[us]"),
        "v": readings.value,
        "ds": readings.number,
        "q": readings.quality,
    }


def _at_once(rows: Rows, insert: Callable[[Rows], Written]) -> Written:
    return insert(rows) if len(rows) else Written()


def _carefully(
    connection: Connection,
    *,
    refuse: Callable[[Rows, psycopg.Error], Written],
    part: Callable[[Rows, int, int], Rows],
) -> Callable[[Rows, Callable[[Rows], Written]], Written]:
    """A way to insert what can be inserted, by halving what fails.

    The whole has failed before: each bad row costs at most ceil(log2 n) + 1 failed attempts.
    """

    def run(rows: Rows, insert: Callable[[Rows], Written]) -> Written:
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
                written += refuse(half, error) if len(half) == 1 else run(half, insert)
        return written

    return run


def _insert_readings(
    connection: Connection, readings: Readings, *, sources: Sources, correcting: frozenset[str]
) -> Written:
    new = _rows_that_were_new(connection, readings)
    stored = sources.count(readings.number[new])
    if new.all():
        return Written(stored=stored, readings=readings)
    known = pick(readings, ~new)
    stored_value = _contradicted(connection, known)
    differs = ~np.isnan(stored_value)
    corrects = differs & sources.belong(known.number, correcting)
    conflicts = np.flatnonzero(differs & ~corrects).tolist()
    written = Written(
        stored=stored,
        duplicates=sources.count(known.number[~differs]),
        rejections=tuple(
            intake.contradiction(
                source=sources.of(int(known.number[row])),
                number=int(known.number[row]),
                time_us=int(known.time_us[row]),
                value=float(known.value[row]),
                stored=float(stored_value[row]),
            )
            for row in conflicts
        ),
        conflicts=len(conflicts),
        readings=pick(readings, new),
    )
    if not corrects.any():
        return written
    return written + _correct_readings(connection, pick(known, corrects), sources=sources)


def _rows_that_were_new(connection: Connection, readings: Readings) -> NDArray[np.bool_]:
    cursor = connection.cursor(binary=True)
    register_array_loaders(cursor)
    cursor.execute(query("insert_new_readings"), columns_of(readings), prepare=True)
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return np.zeros(len(readings), np.bool_)
    number, time_us = cast("tuple[NDArray[np.int32], NDArray[np.int64]]", row)
    if len(number) == len(readings):
        return np.ones(len(readings), np.bool_)
    return _are_among(readings, number, time_us)


def _are_among(
    readings: Readings, number: NDArray[np.int32], time_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which rows have one of these keys; the rows are unique, every key is one of theirs."""
    numbers = np.concatenate((readings.number, number))
    times = np.concatenate((readings.time_us, time_us))
    order = np.lexsort((times, numbers))
    numbers, times = numbers[order], times[order]
    is_pair = (numbers[1:] == numbers[:-1]) & (times[1:] == times[:-1])
    found = np.zeros(len(readings), np.bool_)
    found[order[:-1][is_pair]] = True
    return found


def _contradicted(connection: Connection, readings: Readings) -> NDArray[np.float64]:
    """The value that is stored for each row, NaN where it is the same."""
    values = {
        **columns_of(readings),
        "first": from_us(int(readings.time_us.min())),
        "last": from_us(int(readings.time_us.max())),
    }
    rows = cast(
        "list[tuple[int, float]]",
        connection.execute(query("select_conflicts"), values).fetchall(),
    )
    stored = np.full(len(readings), np.nan)
    for place, value in rows:
        stored[place - 1] = value
    return stored


def _correct_readings(connection: Connection, readings: Readings, *, sources: Sources) -> Written:
    """Let these values replace those of their keys, in this order; repeats are duplicates."""
    marked = Readings(
        number=readings.number,
        time_us=readings.time_us,
        value=readings.value,
        quality=readings.quality | np.int16(Quality.CORRECTED),
    )
    row = connection.execute(query("correct_readings"), columns_of(marked)).fetchone()
    is_replaced = np.array(row[0] if row is not None else (), np.bool_)
    replaced = pick(marked, is_replaced)
    return Written(
        stored=sources.count(replaced.number),
        duplicates=sources.count(readings.number[~is_replaced]),
        corrections=last_of_each_key(replaced),
        corrected=len(replaced),
    )


def _insert_waveforms(
    connection: Connection, blocks: tuple[Waveform, ...], *, sources: Sources
) -> Written:
    values = _waveform_columns(blocks)
    new = set(connection.execute(query("insert_waveforms"), values).fetchall())
    stored = tuple(block for block in blocks if _key(block) in new)
    written = Written(
        stored=Counter(sources.of(block.number) for block in stored), waveforms=stored
    )
    if len(stored) == len(blocks):
        return written
    known = tuple(block for block in blocks if _key(block) not in new)
    rows = connection.execute(query("compare_waveforms"), _waveform_columns(known)).fetchall()
    same = {(ds, t0) for ds, t0, is_same in rows if is_same}
    repeated = Counter(sources.of(block.number) for block in known if _key(block) in same)
    rejections = tuple(
        intake.contradicting_waveform(block, source=sources.of(block.number))
        for block in known
        if _key(block) not in same
    )
    return written + Written(duplicates=repeated, rejections=rejections, conflicts=len(rejections))


def _key(block: Waveform) -> tuple[object, ...]:
    return block.number, from_us(block.t0_us)


def _waveform_columns(blocks: Sequence[Waveform]) -> Mapping[str, object]:
    return {
        "t0": np.array([block.t0_us for block in blocks], np.int64).view("datetime64[us]"),
        "rate": np.array([block.rate_hz for block in blocks], np.float64),
        "v_sum": np.array([np.sum(block.samples, dtype=np.float64) for block in blocks]),
        "v_min": np.array([block.samples.min() for block in blocks], np.float32),
        "v_max": np.array([block.samples.max() for block in blocks], np.float32),
        "ds": np.array([block.number for block in blocks], np.int32),
        "n": np.array([len(block.samples) for block in blocks], np.int32),
        "q": np.array([block.quality for block in blocks], np.int16),
        "v": [intake.waveform_bytes(block) for block in blocks],
    }


def _summaries(blocks: Sequence[Waveform]) -> Readings:
    return Readings(
        number=np.array([block.number for block in blocks], np.int32),
        time_us=np.array([block.end_us for block in blocks], np.int64),
        value=np.array([block.rms for block in blocks], np.float64),
        quality=np.array([block.quality for block in blocks], np.int16),
    )


def _both(one: Readings, other: Readings) -> Readings:
    if not len(other):
        return one
    return joined(one, other) if len(one) else other


def _slice(readings: Readings, first: int, last: int) -> Readings:
    return pick(readings, slice(first, last))


def _cut(blocks: tuple[Waveform, ...], first: int, last: int) -> tuple[Waveform, ...]:
    return blocks[first:last]


def _why(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error)
    return f"the database refuses it (SQLSTATE {error.sqlstate}): {said}"
