"""Reading back from PostgreSQL: bins, past states, rows in any number, replay."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import kwargs_row

from twin.model import history
from twin.model.history import Binned, Buckets, Grid, Instants, Level
from twin.model.observations import Latest, Readings, Series, Waveform
from twin.model.quantities import Aggregation, quantity
from twin.model.times import from_us, to_us
from twin.model.upkeep import UpkeepRule
from twin.ports import Clock
from twin.store import accounts, pages
from twin.store.postgres.arrays import WITH_NUMBER, select_arrays
from twin.store.postgres.binary import EPOCH_SHIFT_US, HEADER, TRAILER, decode_rows
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.queries import query
from twin.store.refusals import too_many_rows
from twin.store.upkeep import UpkeepStream

MOST_RUNS = 32
MOST_SAMPLES = 5_000_000
MOST_WAITING = 5000
"""So many commits that wait for upkeep are looked through; with more, raw rows are read."""
_ROW = ("t", "v", "ds", "q")
_PENDING_US = {"minute": 60_000_000, "1": 60_000_000, "2": 60_000_000, "3": 3_600_000_000}
_BUCKET = {
    "begin_us": ">i8",
    "last_us": ">i8",
    "total": ">f8",
    "low": ">f8",
    "high": ">f8",
    "last": ">f8",
    "cosine": ">f8",
    "sine": ">f8",
    "good": ">i4",
    "bad": ">i4",
}
_BLOCK = {**_BUCKET, "last": "<f4"}
_ROLLUPS = {"10s": "copy_rollup_10s", "1m": "copy_rollup_1m", "1h": "copy_rollup_1h"}


class PostgresHistory:
    """`twin.ports.History` on PostgreSQL; the queries are the same for every back-end."""

    def __init__(self, connections: Connections, *, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def binned(
        self, number: int, *, start_us: int, end_us: int, points: int, as_of_us: int | None = None
    ) -> Binned:
        """One datastream in equal bins; see `twin.ports.History`."""
        with self._connections.use() as connection:
            reader = _BinReader(connection, number, points=points, as_of_us=as_of_us)
            grid = history.grid_of(start_us, end_us, points=points, levels=reader.levels)
            now_us = to_us(self._clock())
            buckets, level = reader.read(grid, now_us=now_us)
            for kept in () if len(buckets) or grid.levels else reader.levels:
                # Where raw rows are gone, a coarser answer than asked for is better than none.
                fitting = max(1, min(points, (end_us - start_us) // kept.width_us))
                coarse = history.grid_of(start_us, end_us, points=fitting, levels=[kept])
                found, level_found = reader.read(coarse, now_us=now_us)
                if len(found):
                    buckets, grid, level = found, coarse, level_found
                    break
        return history.binned(buckets, grid, aggregation=reader.aggregation, level=level)

    def few(self, number: int, *, start_us: int, end_us: int, most: int) -> Series | None:
        """Readings in [start, end), or None if there are more than ``most``."""
        span = {"number": number, "start": _time(start_us), "end": _time(end_us)}
        with self._connections.use() as connection:
            columns = select_arrays(connection, "select_few", {**span, "limit": most + 1})
        count = len(columns["t"])
        if count > most:
            return None
        return Series(columns["t"], columns["v"], columns["q"], history.RAW, count)

    def page(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, limit: int, newest_first: bool
    ) -> Readings:
        """At most ``limit`` readings of each datastream in [start, end)."""
        name = "select_last_readings" if newest_first else "select_first_readings"
        span = {"start": _time(start_us), "end": _time(end_us), "limit": limit}
        values = {"numbers": list(numbers), **span}
        with self._connections.use() as connection:
            found = _readings(select_arrays(connection, name, values, kinds=WITH_NUMBER))
        return pages.ordered(found, newest_first=newest_first)

    def count(self, numbers: Sequence[int], *, start_us: int, end_us: int) -> int:
        """How many readings some datastreams have in [start, end)."""
        values = {"numbers": list(numbers), "start": _time(start_us), "end": _time(end_us)}
        with self._connections.use() as connection:
            row = connection.execute(query("count_readings"), values).fetchone()
        return cast("int", row[0]) if row is not None else 0

    def rows(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, as_of_us: int | None = None
    ) -> Iterator[Readings]:
        """Readings in pages; no connection is held between two pages."""
        for number in numbers:
            with self._connections.use() as connection:
                row = connection.execute(query("select_stream"), {"number": number}).fetchone()
            if row is not None and row[0] == "waveform":
                yield from self._sample_pages(number, start_us, end_us)
            else:
                yield from self._reading_pages(number, start_us, end_us, as_of_us)

    def _reading_pages(
        self, number: int, start_us: int, end_us: int, as_of_us: int | None
    ) -> Iterator[Readings]:
        values = {"number": number, "end": _time(end_us), "limit": pages.PAGE_ROWS}
        if as_of_us is not None:
            values["as_of"] = _time(as_of_us)
        after_us = start_us - 1
        while True:
            with self._connections.use() as connection:
                if as_of_us is None:
                    first = {**values, "start": _time(after_us + 1)}
                    page = select_arrays(connection, "select_few", first)
                else:
                    first = {**values, "after": _time(after_us)}
                    page = _rows(connection, "copy_rows_as_of", first, _ROW)
            if len(page["t"]):
                numbers = np.full(len(page["t"]), number, np.int32)
                yield Readings(numbers, page["t"], page["v"], page["q"])
                after_us = int(page["t"][-1])
            if len(page["t"]) < pages.PAGE_ROWS:
                return

    def _sample_pages(self, number: int, start_us: int, end_us: int) -> Iterator[Readings]:
        values = {"number": number, "end": _time(end_us), "limit": pages.PAGE_BLOCKS}
        after_us = start_us - pages.LONGEST_BLOCK_US
        while True:
            with self._connections.use() as connection:
                cursor = connection.cursor(binary=True, row_factory=kwargs_row(_block))
                page = {**values, "after": _time(after_us)}
                blocks = cursor.execute(query("select_waveform_page"), page).fetchall()
            for block in blocks:
                found = pages.within(pages.samples_of(block), start_us, end_us - 1)
                if len(found):
                    yield found
            if len(blocks) < pages.PAGE_BLOCKS:
                return
            after_us = blocks[-1].t0_us

    def state_at(self, time_us: int, *, hold_us: Mapping[int, int]) -> Latest:
        """Newest value of each datastream at an instant, by number."""
        numbers = np.array(sorted(hold_us), np.int32)
        limits = np.array([hold_us[number] for number in numbers.tolist()], np.int64)
        with self._connections.use() as connection:
            found = self._looked_up(
                connection, numbers, limits, start_us=time_us, step_us=1, steps=1
            )
            earliest_us = time_us - int(limits.max(initial=0))
            blocks = self._blocks(connection, numbers, earliest_us, time_us)
            known = {int(n): (int(t), v, int(q)) for n, t, v, q in zip(
                found.number, found.time_us, found.value, found.quality, strict=True)}  # fmt: skip
            for number in dict.fromkeys(blocks.number.tolist()):
                block = self._newest_block(connection, number, earliest_us, time_us)
                if block is not None and time_us - block.end_us <= hold_us[number]:
                    known[number] = block.end_us, block.rms, block.quality
        return pages.latest_of(known)

    def last_waveform(self, number: int, *, start_us: int, end_us: int) -> Waveform | None:
        """The last waveform that starts in [start, end), or None."""
        with self._connections.use() as connection:
            return self._waveform(connection, number, start_us, end_us)

    def replay(
        self, *, hold_us: Mapping[int, int], start_us: int, step_us: int, steps: int, by_row: bool
    ) -> Iterator[Instants]:
        """Last values at equally spaced instants, some instants at a time."""
        numbers = np.array(sorted(hold_us), np.int32)
        limits = np.array([hold_us[number] for number in numbers.tolist()], np.int64)
        carrier = history.Carrier(numbers, start_us=start_us, step_us=step_us, hold_us=limits)
        before_us = start_us - int(limits.max(initial=0))
        for first, count in pages.slices(steps, step_us=step_us, streams=len(numbers)):
            last_us = start_us + (first + count - 1) * step_us
            with self._connections.use() as connection:
                if by_row:
                    span = {"start": _time(before_us), "end": _time(last_us + 1)}
                    values = {"numbers": numbers.tolist(), **span}
                    found = _readings(_rows(connection, "copy_many", values, _ROW))
                else:
                    found = self._looked_up(
                        connection, numbers, limits,
                        start_us=start_us + first * step_us, step_us=step_us, steps=count,
                    )  # fmt: skip
                blocks = self._blocks(connection, numbers, before_us, last_us)
            yield carrier.take(pages.together(found, blocks), count)
            before_us = last_us + 1

    def _looked_up(
        self, connection: Connection, numbers: NDArray[np.int32], limits: NDArray[np.int64],
        *, start_us: int, step_us: int, steps: int,
    ) -> Readings:  # fmt: skip
        last_us = start_us + (steps - 1) * step_us
        values = {
            "numbers": numbers.tolist(),
            "holds": (limits / 1e6).tolist(),
            "steps": steps,
            "first": _time(start_us),
            "width": timedelta(microseconds=step_us),
            "earliest": _time(start_us - int(limits.max(initial=0))),
            "latest": _time(last_us),
        }
        return _readings(_rows(connection, "copy_state_at", values, _ROW))

    def _blocks(
        self, connection: Connection, numbers: NDArray[np.int32], first_us: int, last_us: int
    ) -> Readings:
        """When waveforms ended in a span; a block is at most an hour long."""
        span = {
            "start": _time(first_us - pages.LONGEST_BLOCK_US),
            "end": _time(last_us + 1),
        }
        values = {"numbers": numbers.tolist(), **span}
        found = _readings(_rows(connection, "copy_block_times", values, _ROW))
        return pages.within(found, first_us, last_us)

    def _newest_block(
        self, connection: Connection, number: int, first_us: int, last_us: int
    ) -> Waveform | None:
        """The last block that had ended at an instant."""
        end_us = last_us + 1
        while True:
            block = self._waveform(connection, number, first_us - pages.LONGEST_BLOCK_US, end_us)
            if block is None or block.end_us <= last_us:
                return block
            end_us = block.t0_us

    def _waveform(
        self, connection: Connection, number: int, start_us: int, end_us: int
    ) -> Waveform | None:
        values = {"number": number, "start": _time(start_us), "end": _time(end_us)}
        cursor = connection.cursor(binary=True, row_factory=kwargs_row(_block))
        return cursor.execute(query("select_last_waveform"), values).fetchone()


class _BinReader:
    """Reads the buckets of one datastream: from the coarsest level that is up to date."""

    def __init__(
        self, connection: Connection, number: int, *, points: int, as_of_us: int | None
    ) -> None:
        self._connection = connection
        self._number = number
        self._most_rows = history.ROWS_PER_POINT * points
        self._as_of_us = as_of_us
        row = connection.execute(query("select_stream"), {"number": number}).fetchone()
        kind, cadence_s, key = cast("tuple[str, float | None, str]", row or ("reading", None, ""))
        self._is_waveform = kind == "waveform"
        self.aggregation: Aggregation = quantity(key).aggregation if key else "mean"
        self.levels = history.levels_of(cadence_s, is_waveform=self._is_waveform)
        self._made_as = (
            UpkeepStream(number, key, kind, cadence_s, "").made_as(UpkeepRule()) if key else ""
        )

    def read(self, grid: Grid, *, now_us: int) -> tuple[Buckets, str]:
        """Buckets of a grid, and the name of the coarsest level that gave any."""
        self._grid = grid
        self._used: list[str] = []
        levels = grid.levels
        self._stale: list[tuple[str, int, int]] = []
        if levels and self._as_of_us is None and self._look_at_rollups(grid):
            self._stale.append(("minute", now_us - history.FRESH_US, grid.end_us))
        else:
            levels = ()
        parts = self._level(levels, grid.start_us, grid.end_us)
        return history.joined(parts), self._used[0] if self._used else history.RAW

    def _look_at_rollups(self, grid: Grid) -> bool:
        """Note what the rollups lack; False if there are none, or by another rule."""
        hour_us = _PENDING_US["3"]
        values = {
            "number": self._number,
            "start": _time(grid.start_us - hour_us),
            "end": _time(grid.end_us),
            "most": MOST_WAITING,
        }
        rows = self._connection.execute(query("select_stale"), values).fetchall()
        is_made = False
        for kind, place, made_as in cast("list[tuple[str, int, str]]", rows):
            if kind == "made":
                is_made = made_as == self._made_as
                continue
            if kind == "many":
                self._doubt_all(grid)
                continue
            begin = history.ORIGIN_US + place * 60_000_000 if kind == "minute" else place
            self._stale.append((kind, begin, begin + _PENDING_US[kind]))
        return is_made

    def _doubt_all(self, grid: Grid) -> None:
        """Take raw rows wherever there are any; what is older has only its rollups left."""
        values = {
            "number": self._number,
            "start": _time(grid.start_us - pages.LONGEST_BLOCK_US),
            "end": _time(grid.end_us),
        }
        row = self._connection.execute(query("select_first_raw"), values).fetchone()
        if row is not None and row[0] is not None:
            self._stale.append(("minute", to_us(cast("datetime", row[0])), grid.end_us))

    def _level(self, levels: Sequence[Level], start_us: int, end_us: int) -> Iterator[Buckets]:
        """Buckets of [start, end): of the last level, but of a finer one where that is stale."""
        if not levels:
            yield from self._raw(start_us, end_us)
            return
        *finer, level = levels
        found = self._buckets(_ROLLUPS[level.name], start_us, end_us)
        # Before its first bucket a level may have been deleted while a finer one is still there.
        first_us = int(found.begin_us.min(initial=end_us))
        spans = [(start_us, first_us)] if first_us > start_us else []
        spans += [
            (begin, end)
            for kind, begin, end in self._stale
            if kind != "3" or level.width_us >= _PENDING_US["3"]
        ]
        runs = history.stale_runs(
            spans, start_us=start_us, end_us=end_us, width_us=level.width_us, most=MOST_RUNS
        )
        is_fresh = np.ones(len(found), dtype=np.bool_)
        for begin, end in runs:
            is_fresh &= (found.begin_us < begin) | (found.begin_us >= end)
        if is_fresh.any():
            self._used.append(level.name)
            yield history.taken(found, is_fresh)
        for begin, end in runs:
            yield from self._level(finer, begin, end)

    def _raw(self, start_us: int, end_us: int) -> Iterator[Buckets]:
        if self._is_waveform:
            yield from self._samples(start_us, end_us)
            return
        span = {"number": self._number, "start": _time(start_us), "end": _time(end_us)}
        if self._as_of_us is not None:
            yield from self._as_of(start_us, end_us)
            return
        limited = {**span, "limit": self._most_rows + 1}
        columns = select_arrays(self._connection, "select_few", limited)
        if len(columns["t"]) <= self._most_rows:
            yield history.of_readings(columns["t"], columns["v"], columns["q"])
            return
        more = {
            "first": _time(self._grid.start_us),
            "width": timedelta(microseconds=self._grid.width_us),
            "mask": history.ROLLUP_MASK,
            "is_circular": self.aggregation == "circular",
        }
        yield self._buckets("copy_bins", start_us, end_us, **more)

    def _as_of(self, start_us: int, end_us: int) -> Iterator[Buckets]:
        """Readings page by page, each one reduced before the next is read."""
        values = {
            "number": self._number, "end": _time(end_us), "as_of": _time(self._as_of_us or 0),
            "limit": pages.PAGE_ROWS,
        }  # fmt: skip
        found, count, after_us = pages.PAGE_ROWS, 0, start_us - 1
        while found == pages.PAGE_ROWS:
            page = _rows(
                self._connection, "copy_rows_as_of", {**values, "after": _time(after_us)}, _ROW
            )
            found = len(page["t"])
            count += found
            if count > MOST_SAMPLES:
                raise too_many_rows(self._number, found=count, limit=MOST_SAMPLES)
            if found:
                after_us = int(page["t"][-1])
                yield self._reduced(history.of_readings(page["t"], page["v"], page["q"]))

    def _reduced(self, found: Buckets) -> Buckets:
        """Buckets in order of time, those in one bin of the grid merged."""
        if not len(found):
            return found
        place = (found.begin_us - self._grid.start_us) // self._grid.width_us
        first = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
        is_good = found.good > 0
        last = np.maximum.reduceat(np.where(is_good, np.arange(len(found)), -1), first)
        return Buckets(
            begin_us=found.begin_us[first],
            last_us=found.last_us[last],
            total=np.add.reduceat(found.total, first),
            low=np.minimum.reduceat(np.where(is_good, found.low, np.inf), first),
            high=np.maximum.reduceat(np.where(is_good, found.high, -np.inf), first),
            last=found.last[last],
            cosine=np.add.reduceat(found.cosine, first),
            sine=np.add.reduceat(found.sine, first),
            good=np.add.reduceat(found.good, first),
            bad=np.add.reduceat(found.bad, first),
        )

    def _samples(self, start_us: int, end_us: int) -> Iterator[Buckets]:
        if self._grid.width_us % _PENDING_US["minute"] == 0:
            yield self._buckets("copy_blocks", start_us, end_us, mask=history.ROLLUP_MASK)
            return
        span = {
            "number": self._number,
            "start": _time(start_us - pages.LONGEST_BLOCK_US),
            "end": _time(end_us),
        }
        row = self._connection.execute(query("count_samples"), span).fetchone()
        found = cast("int", row[0]) if row is not None else 0
        if found > MOST_SAMPLES:
            raise too_many_rows(self._number, found=found, limit=MOST_SAMPLES)
        cursor = self._connection.cursor(binary=True, row_factory=kwargs_row(_block))
        for block in cursor.execute(query("select_waveforms"), span):
            yield self._reduced(history.of_waveform(block))

    def _buckets(self, name: str, start_us: int, end_us: int, **more: object) -> Buckets:
        values = {"number": self._number, "start": _time(start_us), "end": _time(end_us), **more}
        kind = _BLOCK if name == "copy_blocks" else _BUCKET
        return _decoded(_copied(self._connection, name, values), kind)


def _decoded(stream: bytes, kinds: Mapping[str, str]) -> Buckets:
    names = [("fields", ">i2")]
    for name, kind in kinds.items():
        names += [(f"{name}_size", ">i4"), (name, kind)]
    row = np.dtype(names)
    body = len(stream) - len(HEADER) - len(TRAILER)
    rows = np.frombuffer(stream, row, count=body // row.itemsize, offset=len(HEADER))
    columns: dict[str, NDArray[Any]] = {}
    for name, kind in kinds.items():
        wide = np.float64 if "f" in kind else np.int64
        columns[name] = rows[name].astype(wide)
        if name.endswith("_us"):
            columns[name] += EPOCH_SHIFT_US
    return Buckets(**columns)


def _rows(
    connection: Connection, name: str, values: Mapping[str, object], names: Sequence[str]
) -> Mapping[str, NDArray[Any]]:
    return decode_rows(_copied(connection, name, values), names)


def _copied(connection: Connection, name: str, values: Mapping[str, object]) -> bytes:
    with connection.cursor() as cursor, cursor.copy(query(name), values) as copy:
        return b"".join(bytes(block) for block in copy)


def _readings(columns: Mapping[str, NDArray[Any]]) -> Readings:
    return Readings(columns["ds"], columns["t"], columns["v"], columns["q"])


def _block(
    *, number: int, t0: Any, rate_hz: float, samples: bytes, quality: int  # noqa: ANN401 - a time
) -> Waveform:  # fmt: skip
    return Waveform(
        number=number,
        t0_us=to_us(t0),
        rate_hz=rate_hz,
        samples=np.frombuffer(samples, "<f4").astype(np.float32),
        quality=quality,
    )


def _time(time_us: int) -> Any:  # noqa: ANN401 - a time
    return from_us(min(max(time_us, accounts.EARLIEST_US), accounts.LATEST_US))
